// SPDX-License-Identifier: Apache-2.0
// Checks one AXI channel, for tests of the bench's own HDL: valid holds, and its payload stays as it is, until ready (AXI4
// A3.2.1), with nothing valid in reset (A3.1.2). Counts cycles out of reset, for tests that ask for rates.

module channel_check #(
    parameter int Width = 1
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             valid_i,
    input logic             ready_i,
    input logic [Width-1:0] payload_i
);

  int ready_cycles, transfers;  // cycles with ready; those with valid too
  logic held_q, reset_q;
  logic [Width-1:0] payload_q;

  initial begin
    ready_cycles = 0;
    transfers = 0;
    held_q = 1'b0;
    reset_q = 1'b0;
  end

  always @(posedge clk_i) begin
    if (rst_ni !== 1'b1) begin
      if (reset_q && valid_i !== 1'b0) $error("channel_check: %m: valid in reset");
      held_q <= 1'b0;
    end else begin
      if (held_q && valid_i !== 1'b1) $error("channel_check: %m: valid fell before ready");
      if (held_q && payload_i !== payload_q) $error("channel_check: %m: payload changed before ready");
      held_q <= valid_i && !ready_i;
      payload_q <= payload_i;
      if (ready_i) ready_cycles <= ready_cycles + 1;
      if (ready_i && valid_i) transfers <= transfers + 1;
    end
    reset_q <= rst_ni === 1'b0;
  end

endmodule
