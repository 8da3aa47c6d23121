// SPDX-License-Identifier: Apache-2.0
// Cuts a packed byte stream into pieces placed on any byte lanes.
//
// In: words with `in_bytes_i` bytes from lane 0; only the word before a `restart_i` may be shorter than full. Out: `fill_o` says how
// many bytes are held, up to four words; `out_take_i` takes `out_bytes_i` of them, which leaves `out_left_i`. They are shown
// on `out_data_o` from a lane on that `aim_i` set in an earlier cycle, or, after a piece, from lane 0 (other lanes carry bytes
// of no meaning). `restart_i` begins a new packet with an empty store.
//
//   in -> ring of words -> rotate -> out      filled wordwise and emptied bytewise, a RAM for each byte lane
//
// Ready to take does not hang on what is taken in the same cycle: there is room for that in the ring.

module virtio_byte_split #(
    parameter int DataWidth = 64,
    localparam int Bytes = DataWidth / 8,
    localparam int OffsetWidth = $clog2(Bytes)
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   restart_i,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [  DataWidth-1:0] in_data_i,
    input  logic [  OffsetWidth:0] in_bytes_i,
    output logic [OffsetWidth+2:0] fill_o,
    input  logic                   out_take_i,
    input  logic [  OffsetWidth:0] out_bytes_i,
    input  logic [OffsetWidth+2:0] out_left_i,
    input  logic                   aim_i,
    input  logic [OffsetWidth-1:0] aim_offset_i,
    output logic [  DataWidth-1:0] out_data_o
);

  localparam int Words = 4;
  localparam int WordWidth = $clog2(Words);
  localparam int FillWidth = OffsetWidth + WordWidth + 1;

  logic [FillWidth-1:0] fill_q, fill_d;
  logic [FillWidth-2:0] rd_pos_q, rd_next;
  logic [FillWidth-2:0] first_q;  // the byte that goes to lane 0
  logic [WordWidth-1:0] wr_word_q, first_word;
  logic [OffsetWidth-1:0] first_lane;
  logic push;
  logic [Bytes-1:0] before_first;
  logic [DataWidth-1:0] chosen;

  assign in_ready_o = fill_q <= FillWidth'((Words - 1) * Bytes);
  assign push = in_valid_i && in_ready_o;
  assign fill_o = fill_q;

  // The byte that goes to lane 0 comes from the lane and word `first`; those in the lanes before that come from the next word.
  assign {first_word, first_lane} = first_q;
  assign rd_next = rd_pos_q + (FillWidth - 1)'(out_bytes_i);
  assign before_first = ~({Bytes{1'b1}} << first_lane);
  for (genvar i = 0; i < Bytes; i++) begin : g_lane
    logic [7:0] mem[Words];
    logic [WordWidth-1:0] word;
`ifndef SYNTHESIS
    // Lanes that carry no byte show what was stored before: at first what an FPGA's RAM starts with, not X on the bus.
    initial for (int w = 0; w < Words; w++) mem[w] = 8'd0;
`endif
    always_ff @(posedge clk_i) begin
      if (push) mem[wr_word_q] <= in_data_i[8*i+:8];
    end
    assign word = before_first[i] ? first_word + 1'b1 : first_word;
    assign chosen[8*i+:8] = mem[word];
  end

  virtio_byte_rotate #(
      .DataWidth(DataWidth)
  ) u_rotate (
      .data_i  (chosen),
      .rotate_i(first_lane),
      .data_o  (out_data_o)
  );

  always_comb begin
    fill_d = out_take_i ? out_left_i : fill_q;
    if (push) fill_d = fill_d + FillWidth'(in_bytes_i);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || restart_i) begin
      fill_q    <= '0;
      rd_pos_q  <= '0;
      wr_word_q <= '0;
    end else begin
      fill_q <= fill_d;
      if (push) wr_word_q <= wr_word_q + 1'b1;
      if (out_take_i) rd_pos_q <= rd_next;
    end
  end

  always_ff @(posedge clk_i) begin
    if (restart_i) first_q <= '0;
    else if (aim_i) first_q <= rd_pos_q - (FillWidth - 1)'(aim_offset_i);
    else if (out_take_i) first_q <= rd_next;
  end

endmodule
