// SPDX-License-Identifier: Apache-2.0
// Simulation only: the other end of a MAC port. Frames sent by the device come back (`loop_i`) or are thrown away; frames of the test's own are
// injected.
//
// To inject: put a frame of up to `InjectBytes` bytes into `inject_data` (first byte lowest), its length into `inject_len`, 1 into
// `inject_bad` if it is to arrive as a bad one, the number of copies into `inject_count`, then the next number into `inject_number`.
// `inject_done` is that number when the last copy has been taken. Between beats come up to `gap_i` idle cycles, pseudo-randomly many, in
// both directions. The loop holds `LoopBeats`; while it is full the device waits.

module virtio_mac #(
    parameter int DataWidth = 64,
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 loop_i,
    input  logic                 stall_i,     // nothing is taken from the device
    input  logic [         31:0] gap_i,
    input  logic                 tx_valid_i,
    output logic                 tx_ready_o,
    input  logic [DataWidth-1:0] tx_data_i,
    input  logic [    Bytes-1:0] tx_keep_i,
    input  logic                 tx_last_i,
    output logic                 rx_valid_o,
    input  logic                 rx_ready_i,
    output logic [DataWidth-1:0] rx_data_o,
    output logic [    Bytes-1:0] rx_keep_o,
    output logic                 rx_last_o,
    output logic                 rx_user_o
);

  localparam int InjectBytes = 2048;
  localparam int LoopBeats = 1024;
  localparam int LoopBits = $clog2(LoopBeats) + 1;

  logic [8*InjectBytes-1:0] inject_data;
  logic [31:0] inject_len, inject_count, inject_number, inject_done;
  logic inject_bad;
  initial begin
    inject_data   = {InjectBytes{8'd0}};
    inject_len    = 32'd0;
    inject_count  = 32'd0;
    inject_number = 32'd0;
    inject_done   = 32'd0;
    inject_bad    = 1'b0;
  end

  logic [31:0] random_q, tx_wait_q, rx_wait_q, at_q, copies_q;
  logic
      tx_take,
      rx_take,
      loop_valid,
      loop_room,
      loop_last,
      in_loop_q,
      inject,
      source_valid,
      middle_q,
      loop,
      loop_q,
      tx_middle_q;
  logic [DataWidth-1:0] loop_data;
  logic [Bytes-1:0] loop_keep;
  logic [31:0] left;
  logic [DataWidth+Bytes:0] loop_mem[LoopBeats];
  logic [LoopBits-1:0] loop_head_q, loop_tail_q;

  // xorshift32
  function automatic logic [31:0] next(input logic [31:0] x);
    logic [31:0] y;
    y    = x ^ (x << 13);
    y    = y ^ (y >> 17);
    next = y ^ (y << 5);
  endfunction

  // A frame that has begun goes where it began to go.
  assign loop = tx_middle_q ? loop_q : loop_i;
  assign tx_ready_o = !stall_i && tx_wait_q == 32'd0 && (!loop || loop_room);
  assign tx_take = tx_valid_i && tx_ready_o;

  // The loop; of memory alone, so that nothing else is needed where the device is not ours.
  assign loop_room = loop_head_q - loop_tail_q != LoopBits'(LoopBeats);
  assign loop_valid = loop_head_q != loop_tail_q;
  assign {loop_data, loop_keep, loop_last} = loop_mem[loop_tail_q[LoopBits-2:0]];

  always_ff @(posedge clk_i) begin
    if (tx_take && loop) loop_mem[loop_head_q[LoopBits-2:0]] <= {tx_data_i, tx_keep_i, tx_last_i};
    if (!rst_ni) begin
      loop_head_q <= '0;
      loop_tail_q <= '0;
    end else begin
      if (tx_take && loop) loop_head_q <= loop_head_q + 1'b1;
      if (rx_take && !inject) loop_tail_q <= loop_tail_q + 1'b1;
    end
  end

  // A frame goes to its end before one of the other source begins.
  assign inject = middle_q ? !in_loop_q : inject_number != inject_done;
  assign left = inject_len - at_q;
  assign source_valid = inject || loop_valid;
  assign rx_valid_o = source_valid && rx_wait_q == 32'd0;
  assign rx_last_o = inject ? left <= 32'(Bytes) : loop_last;
  assign rx_data_o = inject ? inject_data[8*at_q+:DataWidth] : loop_data;
  assign rx_keep_o = !inject ? loop_keep : left < 32'(Bytes) ? ~({Bytes{1'b1}} << left) : '1;
  assign rx_user_o = inject && inject_bad && rx_last_o;
  assign rx_take = rx_valid_o && rx_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      random_q    <= 32'h12345678;
      tx_wait_q   <= 32'd0;
      rx_wait_q   <= 32'd0;
      at_q        <= 32'd0;
      copies_q    <= 32'd0;
      middle_q    <= 1'b0;
      tx_middle_q <= 1'b0;
      loop_q      <= 1'b0;
      in_loop_q   <= 1'b0;
      inject_done <= inject_number;
    end else begin
      random_q <= next(random_q);
      if (tx_take) begin
        tx_middle_q <= !tx_last_i;
        loop_q      <= loop;
      end
      if (tx_wait_q != 32'd0) tx_wait_q <= tx_wait_q - 32'd1;
      else if (tx_take && gap_i != 32'd0) tx_wait_q <= random_q % (gap_i + 32'd1);
      if (rx_wait_q != 32'd0) rx_wait_q <= rx_wait_q - 32'd1;
      else if (rx_take && gap_i != 32'd0) rx_wait_q <= (random_q >> 8) % (gap_i + 32'd1);
      // A beat that has been shown is not withdrawn for one of the other source.
      if (rx_valid_o) begin
        middle_q  <= !(rx_take && rx_last_o);
        in_loop_q <= !inject;
      end
      if (rx_take && inject) begin
        at_q <= rx_last_o ? 32'd0 : at_q + 32'(Bytes);
        if (rx_last_o && copies_q + 32'd1 >= inject_count) begin
          copies_q    <= 32'd0;
          inject_done <= inject_number;
        end else if (rx_last_o) begin
          copies_q <= copies_q + 32'd1;
        end
      end
    end
  end

endmodule
