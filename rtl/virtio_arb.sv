// SPDX-License-Identifier: Apache-2.0
// Round-robin arbiter: grants one of the requests, starting after the one granted last.
//
// `grant_o` and `index_o` are combinational and mean something while `valid_o` is high; `advance_i` says that the grant was
// used in this cycle.

module virtio_arb #(
    parameter  int Requests   = 2,
    localparam int IndexWidth = (Requests > 1) ? $clog2(Requests) : 1
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic [  Requests-1:0] request_i,
    input  logic                  advance_i,
    output logic                  valid_o,
    output logic [  Requests-1:0] grant_o,
    output logic [IndexWidth-1:0] index_o
);

  logic [Requests-1:0] mask_q;  // requests after the last grant
  logic [Requests-1:0] masked, chosen, after;

  assign masked  = request_i & mask_q;
  assign chosen  = (masked != '0) ? masked : request_i;
  assign valid_o = request_i != '0;

  // The lowest one; no carry chain, for much hangs on it.
  for (genvar i = 0; i < Requests; i++) begin : g_grant
    localparam logic [Requests-1:0] Lower = (Requests'(1) << i) - Requests'(1);
    assign grant_o[i] = chosen[i] && (chosen & Lower) == '0;
    assign after[i]   = (grant_o & Lower) != '0;
  end

  function automatic logic [IndexWidth-1:0] index_of(input logic [Requests-1:0] one_hot);
    index_of = '0;
    for (int i = 0; i < Requests; i++) if (one_hot[i]) index_of = index_of | IndexWidth'(i);
  endfunction
  assign index_o = index_of(grant_o);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) mask_q <= '0;
    else if (advance_i) mask_q <= after;
  end

endmodule
