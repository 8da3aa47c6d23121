// SPDX-License-Identifier: Apache-2.0
// InterruptStatus, InterruptACK and the level-sensitive line (4.2.2, MMIO-DEV-027, MMIO-DEV-037).
//
// An event in the cycle of its own acknowledge wins: the bit stays set.

module virtio_irq (
    input  logic       clk_i,
    input  logic       rst_ni,
    input  logic       clear_i,         // device reset
    input  logic       used_event_i,    // pulse: used buffer notification
    input  logic       config_event_i,  // pulse: configuration change notification
    input  logic       ack_en_i,
    input  logic [1:0] ack_i,
    output logic [1:0] status_o,
    output logic       irq_o
);

  logic [1:0] status_q, status_d;

  always_comb begin
    status_d = status_q;
    if (ack_en_i) status_d = status_d & ~ack_i;
    status_d = status_d | {config_event_i, used_event_i};
    if (clear_i) status_d = 2'b00;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) status_q <= 2'b00;
    else status_q <= status_d;
  end

  assign status_o = status_q;
  assign irq_o    = status_q != 2'b00;

endmodule
