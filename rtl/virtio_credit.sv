// SPDX-License-Identifier: Apache-2.0
// Credits of one queue: asks for chains until `target_i` of them are on their way or in hand; part of device types.
//
// A credit given counts until its chain arrives (`arrive_i`), and is forgotten while the queue is not live, as the core does; a chain
// that has arrived counts until `free_i`.

module virtio_credit #(
    parameter int CountWidth = 4
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  device_reset_i,
    input  logic                  live_i,
    input  logic [CountWidth-1:0] target_i,
    input  logic                  arrive_i,
    input  logic                  free_i,
    output logic                  credit_o
);

  logic [CountWidth-1:0] given_q, held_q;

  assign credit_o = live_i && {1'b0, given_q} + {1'b0, held_q} < {1'b0, target_i};

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      given_q <= '0;
      held_q  <= '0;
    end else begin
      if (!live_i) given_q <= '0;
      else if (credit_o && !arrive_i) given_q <= given_q + 1'b1;
      else if (!credit_o && arrive_i && given_q != '0) given_q <= given_q - 1'b1;
      held_q <= held_q + CountWidth'(arrive_i) - CountWidth'(free_i);
    end
  end

endmodule
