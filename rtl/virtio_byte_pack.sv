// SPDX-License-Identifier: Apache-2.0
// Joins pieces of bus words into a packed byte stream.
//
// In: `in_bytes_i` (0 to all) bytes starting at byte lane `in_offset_i`; `in_last_i` ends a packet. Out: full words, lane 0 first,
// only the last one of a packet may be shorter (`out_keep_o`, contiguous from lane 0; none for an empty packet). `out_err_o` is set
// on the words that hold bytes of a piece with `in_err_i`. Takes a piece and gives a word in every cycle.
//
//   in -> rotate -> ring of words -> out      filled bytewise, a RAM for each byte lane, and emptied wordwise
//
// Ready to take does not hang on ready to give in the same cycle: there is room for that in the ring.

module virtio_byte_pack #(
    parameter int DataWidth = 64,
    localparam int Bytes = DataWidth / 8,
    localparam int OffsetWidth = $clog2(Bytes)
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   clear_i,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [  DataWidth-1:0] in_data_i,
    input  logic [OffsetWidth-1:0] in_offset_i,
    input  logic [  OffsetWidth:0] in_bytes_i,
    input  logic                   in_last_i,
    input  logic                   in_err_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [  DataWidth-1:0] out_data_o,
    output logic [      Bytes-1:0] out_keep_o,
    output logic                   out_last_o,
    output logic                   out_err_o
);

  localparam int Words = 4;
  localparam int WordWidth = $clog2(Words);
  localparam int FillWidth = OffsetWidth + WordWidth + 1;

  logic [FillWidth-1:0] fill_q, fill_d;  // bytes held
  logic [WordWidth-1:0] rd_word_q, wr_word;
  logic [Words-1:0] err_q;
  logic last_q, push, pop, full_word;
  logic [OffsetWidth-1:0] wr_lane;  // where the next byte goes
  logic [  OffsetWidth:0] wr_end;  // and the one after the piece
  logic [Bytes-1:0] from_lane, up_to_end, wr_en;
  logic [DataWidth-1:0] rotated;

  assign full_word          = fill_q >= FillWidth'(Bytes);
  assign in_ready_o         = fill_q <= FillWidth'((Words - 1) * Bytes) && !last_q;
  assign out_valid_o        = full_word || last_q;
  assign out_last_o         = last_q && fill_q <= FillWidth'(Bytes);
  assign out_err_o          = err_q[rd_word_q];
  assign out_keep_o         = full_word ? '1 : ~({Bytes{1'b1}} << fill_q[OffsetWidth-1:0]);
  assign push               = in_valid_i && in_ready_o;
  assign pop                = out_valid_o && out_ready_i;

  // The piece goes to its lanes: those from the next free one on are in the word being filled, those before it in the one after.
  assign {wr_word, wr_lane} = {rd_word_q, {OffsetWidth{1'b0}}} + fill_q[FillWidth-2:0];
  assign wr_end             = {1'b0, wr_lane} + in_bytes_i;
  assign from_lane          = {Bytes{1'b1}} << wr_lane;
  assign up_to_end          = ~({Bytes{1'b1}} << wr_end[OffsetWidth-1:0]);
  assign wr_en              = wr_end[OffsetWidth] ? from_lane | up_to_end : from_lane & up_to_end;

  virtio_byte_rotate #(
      .DataWidth(DataWidth)
  ) u_rotate (
      .data_i  (in_data_i),
      .rotate_i(in_offset_i - wr_lane),
      .data_o  (rotated)
  );

  for (genvar i = 0; i < Bytes; i++) begin : g_lane
    logic [7:0] mem[Words];
    logic [WordWidth-1:0] word;
    assign word = from_lane[i] ? wr_word : wr_word + 1'b1;
    always_ff @(posedge clk_i) begin
      if (push && wr_en[i]) mem[word] <= rotated[8*i+:8];
    end
    assign out_data_o[8*i+:8] = mem[rd_word_q];
  end

  always_comb begin
    fill_d = fill_q;
    if (push) fill_d = fill_d + FillWidth'(in_bytes_i);
    if (pop) fill_d = full_word ? fill_d - FillWidth'(Bytes) : '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      fill_q    <= '0;
      rd_word_q <= '0;
      last_q    <= 1'b0;
      err_q     <= '0;
    end else begin
      fill_q <= fill_d;
      if (pop) begin
        rd_word_q        <= out_last_o ? '0 : rd_word_q + 1'b1;
        err_q[rd_word_q] <= 1'b0;
      end
      if (push) begin
        last_q <= in_last_i;
        if (in_err_i && in_bytes_i != '0) err_q[wr_word] <= 1'b1;
        if (in_err_i && wr_end > (OffsetWidth + 1)'(Bytes)) err_q[wr_word+1'b1] <= 1'b1;
      end else if (pop && out_last_o) begin
        last_q <= 1'b0;
      end
    end
  end

endmodule
