// SPDX-License-Identifier: Apache-2.0
// Rotates the bytes of a word: lane i gets the byte of lane i + `rotate_i`, modulo their number. Combinational, one multiplexer a bit and stage.

module virtio_byte_rotate #(
    parameter  int DataWidth   = 64,
    localparam int OffsetWidth = $clog2(DataWidth / 8)
) (
    input  logic [  DataWidth-1:0] data_i,
    input  logic [OffsetWidth-1:0] rotate_i,
    output logic [  DataWidth-1:0] data_o
);

  wire [(OffsetWidth+1)*DataWidth-1:0] stages;

  assign stages[DataWidth-1:0] = data_i;
  for (genvar i = 0; i < OffsetWidth; i++) begin : g_stage
    localparam int Shift = 8 << i;
    wire [DataWidth-1:0] word = stages[i*DataWidth+:DataWidth];
    assign stages[(i+1)*DataWidth+:DataWidth] = rotate_i[i] ? {word[Shift-1:0], word[DataWidth-1:Shift]} : word;
  end
  assign data_o = stages[OffsetWidth*DataWidth+:DataWidth];

endmodule
