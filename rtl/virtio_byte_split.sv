// SPDX-License-Identifier: Apache-2.0
// Cuts a packed byte stream into pieces placed on any byte lanes.
//
// In: words with `in_bytes_i` bytes from lane 0; only the word before a `restart_i` may be shorter than full. Out: `fill_o` says how
// many bytes are held; `out_take_i` takes `out_bytes_i` of them, shown on `out_data_o` from lane `out_offset_i` on (other
// lanes carry bytes of no meaning). `restart_i` begins a new packet with an empty store.

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
    output logic [OffsetWidth+1:0] fill_o,
    input  logic                   out_take_i,
    input  logic [  OffsetWidth:0] out_bytes_i,
    input  logic [OffsetWidth-1:0] out_offset_i,
    output logic [  DataWidth-1:0] out_data_o
);

  logic [DataWidth-1:0] word_q[2];
  logic [OffsetWidth+1:0] fill_q, fill_d;
  logic [OffsetWidth:0] rd_pos_q, first;  // modulo 2 * Bytes
  logic wr_word_q;
  logic push;
  logic [Bytes-1:0] wrapped;
  logic [DataWidth-1:0] chosen;

  // What is taken makes room in the same cycle, without which pieces that straddle words would take two each.
  assign in_ready_o = (out_take_i ? fill_q - {1'b0, out_bytes_i} : fill_q) <= (OffsetWidth + 2)'(Bytes);
  assign push       = in_valid_i && in_ready_o;
  assign fill_o     = fill_q;

  // The byte at `first` goes to lane 0, those after it to the next lanes: of the bytes in the same place in both words, those from it on are
  // taken from its word, those before it from the other one.
  assign first      = rd_pos_q - {1'b0, out_offset_i};
  assign wrapped    = ~({Bytes{1'b1}} << first[OffsetWidth-1:0]);
  for (genvar i = 0; i < Bytes; i++) begin : g_lane
    assign chosen[8*i+:8] = (first[OffsetWidth] ^ wrapped[i]) ? word_q[1][8*i+:8] : word_q[0][8*i+:8];
  end

  virtio_byte_rotate #(
      .DataWidth(DataWidth)
  ) u_rotate (
      .data_i  (chosen),
      .rotate_i(first[OffsetWidth-1:0]),
      .data_o  (out_data_o)
  );

  always_comb begin
    fill_d = fill_q;
    if (push) fill_d = fill_d + {1'b0, in_bytes_i};
    if (out_take_i) fill_d = fill_d - {1'b0, out_bytes_i};
  end

  always_ff @(posedge clk_i) begin
    if (push) word_q[wr_word_q] <= in_data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || restart_i) begin
      fill_q    <= '0;
      rd_pos_q  <= '0;
      wr_word_q <= 1'b0;
    end else begin
      fill_q <= fill_d;
      if (push) wr_word_q <= !wr_word_q;
      if (out_take_i) rd_pos_q <= rd_pos_q + out_bytes_i;
    end
  end

endmodule
