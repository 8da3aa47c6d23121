// SPDX-License-Identifier: Apache-2.0
// Counts cycles out of reset on one AXI channel, for tests that ask for rates.

module channel_count (
    input logic clk_i,
    input logic rst_ni,
    input logic valid_i,
    input logic ready_i
);

  int ready_cycles, transfers;  // cycles with ready; those with valid too

  initial begin
    ready_cycles = 0;
    transfers = 0;
  end

  always @(posedge clk_i) begin
    if (rst_ni === 1'b1 && ready_i) begin
      ready_cycles <= ready_cycles + 1;
      if (valid_i) transfers <= transfers + 1;
    end
  end

endmodule
