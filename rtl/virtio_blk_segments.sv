// SPDX-License-Identifier: Apache-2.0
// Cuts a packed byte stream into the 16-byte segments of DISCARD and WRITE_ZEROES (5.2.6); part of the block device type.
//
// `seg_err_o` marks a segment with bytes of a word that had `in_err_i`. A word that is not used up is the next packet's trouble:
// `clear_i` between packets.

module virtio_blk_segments #(
    parameter int DataWidth = 64
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 clear_i,
    input  logic                 in_valid_i,
    output logic                 in_ready_o,
    input  logic [DataWidth-1:0] in_data_i,
    input  logic                 in_err_i,
    output logic                 seg_valid_o,
    input  logic                 seg_ready_i,
    output logic [        127:0] seg_data_o,
    output logic                 seg_err_o
);

  localparam int SegmentWidth = 128;

  if (DataWidth < SegmentWidth) begin : g_narrow
    localparam int Words = SegmentWidth / DataWidth;
    logic [SegmentWidth-1:0] data_q;
    logic [2:0] words_q;  // of this segment
    logic err_q;

    assign seg_valid_o = words_q == 3'(Words);
    assign seg_data_o  = data_q;
    assign seg_err_o   = err_q;
    assign in_ready_o  = !seg_valid_o;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        data_q  <= '0;
        words_q <= '0;
        err_q   <= 1'b0;
      end else if (in_valid_i && in_ready_o) begin
        data_q  <= {in_data_i, data_q[SegmentWidth-1:DataWidth]};
        words_q <= words_q + 3'd1;
        err_q   <= in_err_i || err_q;
      end else if (seg_valid_o && seg_ready_i) begin
        words_q <= '0;
        err_q   <= 1'b0;
      end
    end
  end else begin : g_wide
    localparam int Segments = DataWidth / SegmentWidth;
    logic [2:0] segment_q;  // of this word

    assign seg_valid_o = in_valid_i;
    assign seg_data_o  = SegmentWidth'(in_data_i >> {segment_q, 7'd0});
    assign seg_err_o   = in_err_i;
    assign in_ready_o  = seg_ready_i && segment_q == 3'(Segments - 1);

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) segment_q <= '0;
      else if (seg_valid_o && seg_ready_i) segment_q <= in_ready_o ? '0 : segment_q + 3'd1;
    end
  end

endmodule
