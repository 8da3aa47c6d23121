// SPDX-License-Identifier: Apache-2.0
// Simulation only: the other end of the ports of a console or an input device, a stream of up to 64-bit items each way.
//
// To give the device items: put up to `Items` of them into `give_data` (first lowest), their number into `give_count`, then the next number
// into `give_number`. `give_done` is that number when the last one has been taken. Between items come up to `gap_i` idle cycles,
// pseudo-randomly many, in both directions. With `stall_i` nothing is taken from the device.

module virtio_port_end (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        stall_i,
    input  logic [31:0] gap_i,
    input  logic        out_valid_i,
    output logic        out_ready_o,
    output logic        in_valid_o,
    input  logic        in_ready_i,
    output logic [63:0] in_data_o
);

  localparam int Items = 64;

  logic [64*Items-1:0] give_data;
  logic [31:0] give_count, give_number, give_done;
  initial begin
    give_data   = '0;
    give_count  = 32'd0;
    give_number = 32'd0;
    give_done   = 32'd0;
  end

  logic [31:0] random_q, out_wait_q, in_wait_q, at_q;

  // xorshift32
  function automatic logic [31:0] next(input logic [31:0] x);
    logic [31:0] y;
    y    = x ^ (x << 13);
    y    = y ^ (y >> 17);
    next = y ^ (y << 5);
  endfunction

  assign out_ready_o = !stall_i && out_wait_q == 32'd0;
  assign in_valid_o  = give_number != give_done && in_wait_q == 32'd0;
  assign in_data_o   = give_data[64*at_q+:64];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      random_q   <= 32'h12345678;
      out_wait_q <= 32'd0;
      in_wait_q  <= 32'd0;
      at_q       <= 32'd0;
      give_done  <= give_number;
    end else begin
      random_q <= next(random_q);
      if (out_wait_q != 32'd0) out_wait_q <= out_wait_q - 32'd1;
      else if (out_valid_i && out_ready_o && gap_i != 32'd0) out_wait_q <= random_q % (gap_i + 32'd1);
      if (in_wait_q != 32'd0) begin
        in_wait_q <= in_wait_q - 32'd1;
      end else if (in_valid_o && in_ready_i) begin
        if (gap_i != 32'd0) in_wait_q <= (random_q >> 8) % (gap_i + 32'd1);
        at_q <= at_q + 32'd1;
        if (at_q + 32'd1 >= give_count) begin
          at_q      <= 32'd0;
          give_done <= give_number;
        end
      end
    end
  end

endmodule
