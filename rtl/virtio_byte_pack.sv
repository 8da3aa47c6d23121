// SPDX-License-Identifier: Apache-2.0
// Joins pieces of bus words into a packed byte stream.
//
// In: `in_bytes_i` (0 to all) bytes starting at byte lane `in_offset_i`; `in_last_i` ends a packet. Out: full words, lane 0 first,
// only the last one of a packet may be shorter (`out_keep_o`, contiguous from lane 0; none for an empty packet). `out_err_o` is set
// on the words that hold bytes of a piece with `in_err_i`. Takes a piece and gives a word in every cycle.
//
//   in -> rotate -> [ word 0 | word 1 ] -> out      two words used as a ring, filled bytewise, emptied wordwise

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

  logic [2*DataWidth-1:0] words_q;
  logic [1:0] err_q;
  logic [OffsetWidth+1:0] fill_q, fill_d;  // bytes held, 0 to 2 * Bytes
  logic rd_word_q, last_q;
  logic push, pop, full_word;
  logic [  OffsetWidth:0] wr_pos;  // where the next byte goes, modulo 2 * Bytes
  logic [OffsetWidth-1:0] rotate;
  logic [OffsetWidth+1:0] wr_end;  // where the one after goes
  logic [2*Bytes-1:0] wr_en, from_pos, up_to_end;
  logic [DataWidth-1:0] rotated;

  assign full_word   = fill_q >= (OffsetWidth + 2)'(Bytes);
  // A word given makes room in the same cycle, without which pieces that straddle words would take two each.
  assign in_ready_o  = (fill_q <= (OffsetWidth + 2)'(Bytes) || out_ready_i) && !last_q;
  assign out_valid_o = full_word || last_q;
  assign out_last_o  = last_q && fill_q <= (OffsetWidth + 2)'(Bytes);
  assign out_data_o  = rd_word_q ? words_q[2*DataWidth-1:DataWidth] : words_q[DataWidth-1:0];
  assign out_err_o   = err_q[rd_word_q];
  assign out_keep_o  = full_word ? '1 : ~({Bytes{1'b1}} << fill_q[OffsetWidth-1:0]);
  assign push        = in_valid_i && in_ready_o;
  assign pop         = out_valid_o && out_ready_i;

  assign wr_pos      = {rd_word_q, {OffsetWidth{1'b0}}} + fill_q[OffsetWidth:0];
  assign rotate      = in_offset_i - wr_pos[OffsetWidth-1:0];
  // Byte enables: `in_bytes_i` ones from wr_pos on, round the end of the ring.
  assign wr_end      = {1'b0, wr_pos} + {1'b0, in_bytes_i};
  assign from_pos    = {2 * Bytes{1'b1}} << wr_pos;
  assign up_to_end   = ~({2 * Bytes{1'b1}} << wr_end[OffsetWidth:0]);
  assign wr_en       = wr_end[OffsetWidth+1] ? from_pos | up_to_end : from_pos & up_to_end;

  virtio_byte_rotate #(
      .DataWidth(DataWidth)
  ) u_rotate (
      .data_i  (in_data_i),
      .rotate_i(rotate),
      .data_o  (rotated)
  );

  always_comb begin
    fill_d = fill_q;
    if (push) fill_d = fill_d + {1'b0, in_bytes_i};
    if (pop) fill_d = full_word ? fill_d - (OffsetWidth + 2)'(Bytes) : '0;
  end

  always_ff @(posedge clk_i) begin
    if (push) begin
      for (int i = 0; i < 2 * Bytes; i++) begin
        if (wr_en[i]) words_q[8*i+:8] <= rotated[8*(i%Bytes)+:8];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      fill_q    <= '0;
      rd_word_q <= 1'b0;
      last_q    <= 1'b0;
      err_q     <= 2'b00;
    end else begin
      fill_q <= fill_d;
      if (pop) begin
        rd_word_q        <= !out_last_o && !rd_word_q;
        err_q[rd_word_q] <= 1'b0;
      end
      if (push) begin
        last_q <= in_last_i;
        if (in_err_i && wr_en[Bytes-1:0] != '0) err_q[0] <= 1'b1;
        if (in_err_i && wr_en[2*Bytes-1:Bytes] != '0) err_q[1] <= 1'b1;
      end else if (pop && out_last_o) begin
        last_q <= 1'b0;
      end
    end
  end

endmodule
