// SPDX-License-Identifier: Apache-2.0
// Simulation only: a pseudo-random word source for the entropy port, seeded by +entropy_seed=N.
//
// A word is held until taken; up to `gap_i` idle cycles, pseudo-randomly many, come before the next.

module virtio_entropy_source (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [31:0] gap_i,
    output logic        valid_o,
    input  logic        ready_i,
    output logic [31:0] data_o
);

  logic [31:0] seed, state_q, wait_q;

  // xorshift32
  function automatic logic [31:0] next(input logic [31:0] x);
    logic [31:0] y;
    y    = x ^ (x << 13);
    y    = y ^ (y >> 17);
    next = y ^ (y << 5);
  endfunction

  initial begin
    if (!$value$plusargs("entropy_seed=%d", seed)) seed = 32'd1;
    if (seed == 32'd0) seed = 32'd1;
  end

  assign valid_o = wait_q == 32'd0;
  assign data_o  = state_q;

  // The sequence goes on over a reset, so that no word comes twice.
  initial state_q = 32'd0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wait_q <= 32'd0;
      if (state_q == 32'd0) state_q <= next(seed ^ 32'h9e3779b9);
    end else if (!valid_o) begin
      wait_q <= wait_q - 32'd1;
    end else if (ready_i) begin
      state_q <= next(state_q);
      if (gap_i != 32'd0) wait_q <= state_q % (gap_i + 32'd1);
    end
  end

endmodule
