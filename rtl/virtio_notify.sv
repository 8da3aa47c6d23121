// SPDX-License-Identifier: Apache-2.0
// Which queue is to be looked at next.
//
// A queue is pending after a notification, once when it goes live (DRIVER_OK or, later, QueueReady), and again when the avail
// reader leaves buffers behind (`rearm_i`). `enable_i` masks queues that must not be visited now; a pending mark waits for them.

module virtio_notify #(
    parameter  int NumQueues  = 2,
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  clear_i,
    input  logic [ NumQueues-1:0] live_i,         // ready queues while DRIVER_OK is set
    input  logic [ NumQueues-1:0] notify_i,       // pulse: QueueNotify written
    input  logic [ NumQueues-1:0] rearm_i,        // pulse
    input  logic [ NumQueues-1:0] enable_i,
    output logic                  visit_valid_o,
    input  logic                  visit_ready_i,
    output logic [QueueWidth-1:0] visit_queue_o
);

  logic [NumQueues-1:0] pending_q, live_q, grant;

  virtio_arb #(
      .Requests(NumQueues)
  ) u_arb (
      .clk_i,
      .rst_ni,
      .request_i(pending_q & live_i & enable_i),
      .advance_i(visit_valid_o && visit_ready_i),
      .valid_o  (visit_valid_o),
      .grant_o  (grant),
      .index_o  (visit_queue_o)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      pending_q <= '0;
      live_q    <= '0;
    end else begin
      live_q <= live_i;
      // A notification that arrives while its queue is being granted marks it again.
      pending_q <= live_i & ((pending_q & ~(grant & {NumQueues{visit_valid_o && visit_ready_i}}))
                             | notify_i | rearm_i | (live_i & ~live_q));
    end
  end

endmodule
