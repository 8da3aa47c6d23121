// SPDX-License-Identifier: Apache-2.0
// Holds the beats of descriptor reads and gives out descriptors one by one.
//
// A block is what one read of consecutive descriptors brings: `open_i` (while not `busy_o`) says how many beats it has, how many bytes
// each carries (2^size, less than the bus for tables that are not aligned) and in which lane the first one starts. `desc_valid_o` shows the
// next descriptor until `next_i`. `close_i` drops what is left, whether it has come yet or not. Beats of later blocks may
// come in before: what was asked for must find room.

module virtio_desc_block #(
    parameter int AxiDataWidth = 64,
    parameter int Depth = 16,  // beats, power of two
    parameter bit AnySize = 1'b0,  // beats of less than a descriptor or the bus, in any lane
    localparam int LaneWidth = $clog2(AxiDataWidth / 8)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    clear_i,
    input  logic                    in_valid_i,
    input  logic [AxiDataWidth-1:0] in_data_i,
    input  logic                    in_err_i,
    input  logic                    open_i,
    input  logic [             4:0] open_beats_i,
    input  logic [             2:0] open_size_i,
    input  logic [   LaneWidth-1:0] open_lane_i,
    output logic                    busy_o,
    output logic                    done_o,        // pulse: nothing of the block is left
    output logic                    desc_valid_o,
    output logic [           127:0] desc_o,
    output logic                    desc_err_o,    // some of its bytes could not be read
    input  logic                    next_i,
    input  logic                    close_i
);

  localparam int DescBytes = 16;
  localparam int DescSize = (AxiDataWidth < 128) ? LaneWidth : 4;

  logic beat_valid, beat_err, in_room, pop;
  logic [AxiDataWidth-1:0] beat;
  logic [ $clog2(Depth):0] beat_count;

  logic busy_q, closing_q;
  logic [4:0] left_q;  // beats not yet taken
  logic [2:0] size, size_q;
  logic [LaneWidth-1:0] lane, lane_q;
  logic [4:0] bytes_q;  // of the descriptor being put together
  logic [127:0] desc_q, lanes;
  logic err_q;

  virtio_fifo #(
      .Width(AxiDataWidth + 1),
      .Depth(Depth)
  ) u_beats (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i,
      .in_ready_o (in_room),
      .in_data_i  ({in_err_i, in_data_i}),
      .out_valid_o(beat_valid),
      .out_ready_i(pop),
      .out_data_o ({beat_err, beat}),
      .count_o    (beat_count)
  );

  // Aligned descriptors are whole beats, or make them up; on a bus of more than 128 bits they lie side by side.
  assign size = AnySize ? size_q : 3'(DescSize);
  assign lane = (AnySize || AxiDataWidth > 128) ? lane_q : '0;
  assign lanes = 128'(beat >> {lane, 3'b000});
  assign pop = busy_q && left_q != '0 && beat_valid && (closing_q || bytes_q != 5'(DescBytes));
  assign desc_valid_o = busy_q && !closing_q && bytes_q == 5'(DescBytes);
  assign desc_o = desc_q;
  assign desc_err_o = err_q;
  assign done_o = busy_q && closing_q && left_q == '0;
  assign busy_o = busy_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      busy_q    <= 1'b0;
      closing_q <= 1'b0;
      left_q    <= '0;
      size_q    <= '0;
      lane_q    <= '0;
      bytes_q   <= '0;
      desc_q    <= '0;
      err_q     <= 1'b0;
    end else if (!busy_q) begin
      if (open_i) begin
        busy_q  <= 1'b1;
        left_q  <= open_beats_i;
        size_q  <= open_size_i;
        lane_q  <= open_lane_i;
        bytes_q <= '0;
        err_q   <= 1'b0;
      end
    end else begin
      if (pop) begin
        left_q  <= left_q - 5'd1;
        lane_q  <= lane_q + LaneWidth'(5'd1 << size);
        bytes_q <= bytes_q + (5'd1 << size);
        err_q   <= err_q || beat_err;
        case (size)
          3'd0:    desc_q <= {lanes[7:0], desc_q[127:8]};
          3'd1:    desc_q <= {lanes[15:0], desc_q[127:16]};
          3'd2:    desc_q <= {lanes[31:0], desc_q[127:32]};
          3'd3:    desc_q <= {lanes[63:0], desc_q[127:64]};
          default: desc_q <= lanes;
        endcase
      end
      if (desc_valid_o && next_i) begin
        bytes_q <= '0;
        err_q   <= 1'b0;
      end
      if (close_i) closing_q <= 1'b1;
      if (done_o) begin
        busy_q    <= 1'b0;
        closing_q <= 1'b0;
      end
    end
  end

`ifndef SYNTHESIS
  // At time 0, before any reset, registers and rst_ni itself may have any value.
  always_ff @(posedge clk_i) begin
    if ($time > 64'd0 && rst_ni && !clear_i && in_valid_i && !in_room) begin
      $fatal(1, "virtio_desc_block: beat without room (%0d of %0d held)", beat_count, Depth);
    end
  end
`endif

endmodule
