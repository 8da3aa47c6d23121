// SPDX-License-Identifier: Apache-2.0
// Everything between the rings in memory and the streams of chains and segments: which queue is looked at, the ring front end, and the
// stores in which chains wait.
//
//   notify, credits -> visit -> front end -> segment stores, chain FIFOs -> device type, chain reader, chain writer
//                      completions -> front end -> memory, interrupt
//
// A front end hands over the segments of a chain one by one; they are shown behind the stores once the chain as a whole is found
// well-formed. What is malformed becomes a chain with `fault`, for the chain writer only.

module virtio_ring #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int NumQueues = 2,
    parameter logic [NumQueues-1:0] CreditQueues = '0,
    parameter bit UsedTogether = 1'b0,  // completions with `more` come
    parameter int ChainsAhead = 4,  // power of two
    parameter int MaxChain = 256,  // power of two
    parameter logic [15:0] IndexInit = 16'd0,
    parameter logic [63:0] TransportFeatures = '0,  // offered
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic [63:0] features_i,  // negotiated
    // Queues
    input logic [NumQueues-1:0] live_i,
    input logic [NumQueues-1:0] notify_i,
    input logic [NumQueues-1:0] enabled_i,
    input logic [NumQueues-1:0] dropping_i,  // in queue reset: what completes is not made used any more
    input logic [NumQueues-1:0] want_i,  // the device type takes chains of these queues now
    input logic [NumQueues-1:0] credit_i,  // pulse, of the queues in CreditQueues: one more chain may be taken
    output logic [NumQueues-1:0] busy_o,
    output logic [QueueWidth-1:0] read_queue_o,
    input virtio_pkg::queue_cfg_t read_cfg_i,
    output logic [QueueWidth-1:0] desc_queue_o,
    input virtio_pkg::queue_cfg_t desc_cfg_i,
    output logic [QueueWidth-1:0] used_queue_o,
    input virtio_pkg::queue_cfg_t used_cfg_i,
    output logic used_event_o,
    output logic fatal_o,
    // DMA
    output logic [3:0] rd_req_valid_o,
    input logic [3:0] rd_req_ready_i,
    output logic [3:0][63:0] rd_req_addr_o,
    output logic [3:0][7:0] rd_req_len_o,
    output logic [3:0][2:0] rd_req_size_o,
    input logic [3:0] rd_rsp_valid_i,
    input logic [AxiDataWidth-1:0] rd_rsp_data_i,
    input logic rd_rsp_last_i,
    input logic rd_rsp_err_i,
    output logic [1:0] wr_req_valid_o,  // of single beats
    input logic [1:0] wr_req_ready_i,
    output logic [1:0][63:0] wr_req_addr_o,
    output logic [1:0][AxiDataWidth-1:0] wr_data_o,
    output logic [1:0][Bytes-1:0] wr_strb_o,
    input logic [1:0] wr_pop_i,
    input logic [1:0] wr_done_i,
    input logic wr_done_err_i,
    // Streams
    output logic readable_valid_o,
    input logic readable_ready_i,
    output virtio_pkg::segment_t readable_o,
    output logic writable_valid_o,
    input logic writable_ready_i,
    output virtio_pkg::segment_t writable_o,
    output logic device_chain_valid_o,  // to the device type: well-formed ones
    input logic device_chain_ready_i,
    output virtio_pkg::chain_t device_chain_o,
    output logic writer_chain_valid_o,  // to the chain writer: all
    input logic writer_chain_ready_i,
    output virtio_pkg::chain_t writer_chain_o,
    input logic early_valid_i,
    input virtio_pkg::completion_t early_i,
    input logic cpl_valid_i,
    output logic cpl_ready_o,
    input virtio_pkg::completion_t cpl_i
);

  import virtio_pkg::*;

  localparam int CompletionsHeld = 8;

  logic visit_valid, visit_ready, taken;
  logic [QueueWidth-1:0] visit_queue;
  logic [7:0] visit_limit;
  logic [NumQueues-1:0] rearm, allowed;
  logic [NumQueues*8-1:0] limits;

  logic seg_readable_valid, seg_readable_ready, seg_writable_valid, seg_writable_ready, seg_commit, seg_rollback;
  segment_t seg;
  logic chain_valid, chain_ready, device_chain_room, writer_chain_room;
  chain_t chain;
  logic [$clog2(MaxChain):0] readable_count, writable_count;
  logic cpl_valid, cpl_ready;
  completion_t cpl;
  logic [$clog2(CompletionsHeld):0] completion_count;
  logic [$clog2(ChainsAhead):0] device_chain_count, writer_chain_count;

  virtio_notify #(
      .NumQueues(NumQueues)
  ) u_notify (
      .clk_i,
      .rst_ni,
      .clear_i,
      .live_i,
      .notify_i,
      .rearm_i      (rearm),
      .enable_i     (allowed),
      .visit_valid_o(visit_valid),
      .visit_ready_i(visit_ready),
      .visit_queue_o(visit_queue)
  );
  assign visit_limit = limits[8*visit_queue+:8];

  // Of a queue with credits at most that many chains are taken; a visit is over before the next one looks at them.
  for (genvar i = 0; i < NumQueues; i++) begin : g_credit
    if (CreditQueues[i]) begin : g_counted
      logic [7:0] credit_q;
      logic spent;
      assign spent = taken && read_queue_o == QueueWidth'(i);
      always_ff @(posedge clk_i) begin
        if (!rst_ni || clear_i || !live_i[i]) credit_q <= '0;
        else if (credit_i[i] && !spent && credit_q != '1) credit_q <= credit_q + 8'd1;
        else if (!credit_i[i] && spent && credit_q != '0) credit_q <= credit_q - 8'd1;
      end
      assign allowed[i] = credit_q != '0;
      assign limits[8*i+:8] = credit_q;
    end else begin : g_level
      assign allowed[i] = want_i[i];
      assign limits[8*i+:8] = '1;
    end
  end

  virtio_ring_front #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .NumQueues   (NumQueues),
      .IndexInit   (IndexInit),
      .Indirect    (TransportFeatures[virtio_pkg::FEATURE_INDIRECT_DESC]),
      .UsedTogether(UsedTogether),
      .Packed      (TransportFeatures[virtio_pkg::FEATURE_RING_PACKED])
  ) u_front (
      .clk_i,
      .rst_ni,
      .clear_i,
      .features_i,
      .visit_valid_i       (visit_valid),
      .visit_ready_o       (visit_ready),
      .visit_queue_i       (visit_queue),
      .visit_limit_i       (visit_limit),
      .taken_o             (taken),
      .rearm_o             (rearm),
      .enabled_i,
      .dropping_i,
      .busy_o,
      .read_queue_o,
      .read_cfg_i,
      .desc_queue_o,
      .desc_cfg_i,
      .used_queue_o,
      .used_cfg_i,
      .used_event_o,
      .fatal_o,
      .rd_req_valid_o,
      .rd_req_ready_i,
      .rd_req_addr_o,
      .rd_req_len_o,
      .rd_req_size_o,
      .rd_rsp_valid_i,
      .rd_rsp_data_i,
      .rd_rsp_last_i,
      .rd_rsp_err_i,
      .wr_req_valid_o,
      .wr_req_ready_i,
      .wr_req_addr_o,
      .wr_data_o,
      .wr_strb_o,
      .wr_pop_i,
      .wr_done_i,
      .wr_done_err_i,
      .seg_readable_valid_o(seg_readable_valid),
      .seg_readable_ready_i(seg_readable_ready),
      .seg_writable_valid_o(seg_writable_valid),
      .seg_writable_ready_i(seg_writable_ready),
      .seg_o               (seg),
      .seg_commit_o        (seg_commit),
      .seg_rollback_o      (seg_rollback),
      .chain_valid_o       (chain_valid),
      .chain_ready_i       (chain_ready),
      .chain_o             (chain),
      .early_valid_i       (early_valid_i && !cpl_valid),
      .early_i,
      .cpl_valid_i         (cpl_valid),
      .cpl_ready_o         (cpl_ready),
      .cpl_i               (cpl)
  );

  // Completions wait here while the front end is busy with those before, and are made used together then.
  virtio_fifo #(
      .Width($bits(completion_t)),
      .Depth(CompletionsHeld)
  ) u_completions (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (cpl_valid_i),
      .in_ready_o (cpl_ready_o),
      .in_data_i  (cpl_i),
      .out_valid_o(cpl_valid),
      .out_ready_i(cpl_ready),
      .out_data_o (cpl),
      .count_o    (completion_count)
  );

  virtio_fifo #(
      .Width($bits(segment_t)),
      .Depth(MaxChain)
  ) u_readable (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (seg_commit),
      .rollback_i (seg_rollback),
      .in_valid_i (seg_readable_valid),
      .in_ready_o (seg_readable_ready),
      .in_data_i  (seg),
      .out_valid_o(readable_valid_o),
      .out_ready_i(readable_ready_i),
      .out_data_o (readable_o),
      .count_o    (readable_count)
  );

  virtio_fifo #(
      .Width($bits(segment_t)),
      .Depth(MaxChain)
  ) u_writable (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (seg_commit),
      .rollback_i (seg_rollback),
      .in_valid_i (seg_writable_valid),
      .in_ready_o (seg_writable_ready),
      .in_data_i  (seg),
      .out_valid_o(writable_valid_o),
      .out_ready_i(writable_ready_i),
      .out_data_o (writable_o),
      .count_o    (writable_count)
  );

  assign chain_ready = device_chain_room && writer_chain_room;

  virtio_fifo #(
      .Width($bits(chain_t)),
      .Depth(ChainsAhead)
  ) u_device_chains (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (chain_valid && chain_ready && !chain.fault),
      .in_ready_o (device_chain_room),
      .in_data_i  (chain),
      .out_valid_o(device_chain_valid_o),
      .out_ready_i(device_chain_ready_i),
      .out_data_o (device_chain_o),
      .count_o    (device_chain_count)
  );

  virtio_fifo #(
      .Width($bits(chain_t)),
      .Depth(ChainsAhead)
  ) u_writer_chains (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (chain_valid && chain_ready),
      .in_ready_o (writer_chain_room),
      .in_data_i  (chain),
      .out_valid_o(writer_chain_valid_o),
      .out_ready_i(writer_chain_ready_i),
      .out_data_o (writer_chain_o),
      .count_o    (writer_chain_count)
  );

  // What is not used depends on CreditQueues.
  wire unused_ok = ^{credit_i, want_i, taken};

endmodule
