// SPDX-License-Identifier: Apache-2.0
// Ring front end, split (2.7) and packed (2.8): turns what drivers make available into chains and segments, and completions into what
// drivers see as used, and interrupts. Which of both it is, the negotiated features say; what is not offered is not there.
//
//   visit -> avail_reader, packed_reader -> heads -> desc_ahead -> desc_walker -> segments, chains
//   completions -> used_writer, packed_used -> rings, interrupt
//
// Read clients: 0 used (the driver's wish), 1 desc_walker, 2 what is available, 3 desc_ahead. Write clients: 0 used, 1 from where on
// the driver shall notify.

module virtio_ring_front #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int NumQueues = 2,
    parameter logic [15:0] IndexInit = 16'd0,
    parameter bit Indirect = 1'b1,  // INDIRECT_DESC is offered
    parameter bit UsedTogether = 1'b0,  // completions with `more` come
    parameter bit Packed = 1'b0,  // RING_PACKED is offered
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic [63:0] features_i,  // negotiated
    // Queues
    input logic visit_valid_i,
    output logic visit_ready_o,
    input logic [QueueWidth-1:0] visit_queue_i,
    input logic [7:0] visit_limit_i,
    output logic taken_o,  // pulse: one more chain of read_queue_o
    output logic [NumQueues-1:0] rearm_o,
    input logic [NumQueues-1:0] enabled_i,
    input logic [NumQueues-1:0] dropping_i,
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
    output logic [1:0] wr_req_valid_o,
    input logic [1:0] wr_req_ready_i,
    output logic [1:0][63:0] wr_req_addr_o,
    output logic [1:0][AxiDataWidth-1:0] wr_data_o,
    output logic [1:0][Bytes-1:0] wr_strb_o,
    input logic [1:0] wr_pop_i,
    input logic [1:0] wr_done_i,
    input logic wr_done_err_i,
    // Segments and chains
    output logic seg_readable_valid_o,
    input logic seg_readable_ready_i,
    output logic seg_writable_valid_o,
    input logic seg_writable_ready_i,
    output virtio_pkg::segment_t seg_o,
    output logic seg_commit_o,
    output logic seg_rollback_o,
    output logic chain_valid_o,
    input logic chain_ready_i,
    output virtio_pkg::chain_t chain_o,
    // Completions
    input logic early_valid_i,  // what the next one will most likely be, while there is none
    input virtio_pkg::completion_t early_i,
    input logic cpl_valid_i,
    output logic cpl_ready_o,
    input virtio_pkg::completion_t cpl_i
);

  import virtio_pkg::*;

  localparam logic [2:0] HalfwordSize = 3'd1;
  localparam logic [2:0] WordSize = 3'd2;
  localparam int BlocksAhead = 4;
  localparam int ChainsInFlight = 32;  // more than find room behind the walker

  logic event_idx, indirect, packed_rings;

  logic avail_active, used_active;
  logic [NumQueues-1:0][15:0] last_avail, used_idx, done_idx;

  logic head_valid, head_ready, head_fault;
  logic [QueueWidth-1:0] head_queue;
  logic [15:0] head;
  logic info_valid, info_ready, block_done;
  desc_head_t info;
  logic walked, walked_ready, ahead_busy, asked_busy;
  logic [15:0] ahead_queue, asked_queue;
  logic [15:0] head_slots;
  logic [15:0] walked_slots;

  // Both kinds of rings: `_s` split, `_p` packed.
  logic visit_ready_s, visit_ready_p, active_s, active_p, taken_s, taken_p, used_active_s, used_active_p;
  logic [QueueWidth-1:0] queue_s, queue_p, used_queue_s, used_queue_p;
  logic [NumQueues-1:0] rearm_s, rearm_p, in_flight_s, in_flight_p;
  logic rd_valid_s, rd_valid_p, wr_valid_s, wr_valid_p, wish_valid_s, wish_valid_p, used_valid_s, used_valid_p;
  logic [63:0] rd_addr_s, rd_addr_p, wr_addr_s, wr_addr_p, wish_addr_s, wish_addr_p, used_addr_s, used_addr_p;
  logic [7:0] rd_len_p;
  logic [2:0] rd_size_p;
  logic [AxiDataWidth-1:0] wr_data_s, wr_data_p, used_data_s, used_data_p;
  logic [Bytes-1:0] wr_strb_s, wr_strb_p, used_strb_s, used_strb_p;
  logic head_valid_s, head_valid_p, head_fault_s, head_fault_p;
  logic [QueueWidth-1:0] head_queue_s, head_queue_p;
  logic [15:0] head_s, head_p;
  logic cpl_ready_s, cpl_ready_p, used_event_s, used_event_p, fatal_s, fatal_p, slots_room;

  assign event_idx = features_i[FEATURE_EVENT_IDX];
  assign indirect = features_i[FEATURE_INDIRECT_DESC];
  assign packed_rings = Packed && features_i[FEATURE_RING_PACKED];

  virtio_avail_reader #(
      .AxiDataWidth(AxiDataWidth),
      .NumQueues   (NumQueues),
      .IndexInit   (IndexInit)
  ) u_avail_reader (
      .clk_i,
      .rst_ni,
      .clear_i,
      .event_idx_i   (event_idx),
      .visit_valid_i (visit_valid_i && !packed_rings),
      .visit_ready_o (visit_ready_s),
      .visit_queue_i,
      .visit_limit_i,
      .rearm_o       (rearm_s),
      .enabled_i,
      .queue_o       (queue_s),
      .active_o      (active_s),
      .cfg_i         (read_cfg_i),
      .used_idx_i    (used_idx[queue_s]),
      .last_avail_o  (last_avail),
      .taken_o       (taken_s),
      .rd_req_valid_o(rd_valid_s),
      .rd_req_ready_i(rd_req_ready_i[2]),
      .rd_req_addr_o (rd_addr_s),
      .rd_rsp_valid_i(rd_rsp_valid_i[2]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .wr_req_valid_o(wr_valid_s),
      .wr_req_ready_i(wr_req_ready_i[1]),
      .wr_req_addr_o (wr_addr_s),
      .wr_data_o     (wr_data_s),
      .wr_strb_o     (wr_strb_s),
      .wr_done_i     (wr_done_i[1]),
      .wr_done_err_i,
      .head_valid_o  (head_valid_s),
      .head_ready_i  (head_ready),
      .head_fault_o  (head_fault_s),
      .head_queue_o  (head_queue_s),
      .head_o        (head_s)
  );

  virtio_used_writer #(
      .AxiDataWidth(AxiDataWidth),
      .NumQueues   (NumQueues),
      .UsedTogether(UsedTogether),
      .IndexInit   (IndexInit)
  ) u_used_writer (
      .clk_i,
      .rst_ni,
      .clear_i,
      .event_idx_i   (event_idx),
      .enabled_i,
      .dropping_i,
      .early_valid_i (early_valid_i && !packed_rings),
      .early_i,
      .cpl_valid_i   (cpl_valid_i && !packed_rings),
      .cpl_ready_o   (cpl_ready_s),
      .cpl_i,
      .queue_o       (used_queue_s),
      .cfg_i         (used_cfg_i),
      .active_o      (used_active_s),
      .used_idx_o    (used_idx),
      .done_idx_o    (done_idx),
      .wr_req_valid_o(used_valid_s),
      .wr_req_ready_i(wr_req_ready_i[0]),
      .wr_req_addr_o (used_addr_s),
      .wr_data_o     (used_data_s),
      .wr_strb_o     (used_strb_s),
      .wr_pop_i      (wr_pop_i[0]),
      .wr_done_i     (wr_done_i[0]),
      .wr_done_err_i,
      .rd_req_valid_o(wish_valid_s),
      .rd_req_ready_i(rd_req_ready_i[0]),
      .rd_req_addr_o (wish_addr_s),
      .rd_rsp_valid_i(rd_rsp_valid_i[0]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .used_event_o  (used_event_s),
      .fatal_o       (fatal_s)
  );

  for (genvar i = 0; i < NumQueues; i++) begin : g_in_flight
    assign in_flight_s[i] = last_avail[i] != done_idx[i];
  end

  if (Packed) begin : g_packed
    logic freed;
    logic [15:0] freed_slots, cpl_slots;
    logic cpl_slots_valid;
    logic [$clog2(ChainsInFlight):0] slots_count;

    virtio_packed_reader #(
        .AxiDataWidth(AxiDataWidth),
        .NumQueues   (NumQueues)
    ) u_packed_reader (
        .clk_i,
        .rst_ni,
        .clear_i,
        .event_idx_i   (event_idx),
        .visit_valid_i (visit_valid_i && packed_rings),
        .visit_ready_o (visit_ready_p),
        .visit_queue_i,
        .visit_limit_i,
        .rearm_o       (rearm_p),
        .enabled_i,
        .queue_o       (queue_p),
        .active_o      (active_p),
        .in_flight_o   (in_flight_p),
        .cfg_i         (read_cfg_i),
        .taken_o       (taken_p),
        .freed_valid_i (freed),
        .freed_queue_i (used_queue_p),
        .freed_slots_i (freed_slots),
        .rd_req_valid_o(rd_valid_p),
        .rd_req_ready_i(rd_req_ready_i[2]),
        .rd_req_addr_o (rd_addr_p),
        .rd_req_len_o  (rd_len_p),
        .rd_req_size_o (rd_size_p),
        .rd_rsp_valid_i(rd_rsp_valid_i[2]),
        .rd_rsp_data_i,
        .rd_rsp_last_i,
        .rd_rsp_err_i,
        .wr_req_valid_o(wr_valid_p),
        .wr_req_ready_i(wr_req_ready_i[1]),
        .wr_req_addr_o (wr_addr_p),
        .wr_data_o     (wr_data_p),
        .wr_strb_o     (wr_strb_p),
        .wr_done_i     (wr_done_i[1]),
        .wr_done_err_i,
        .head_valid_o  (head_valid_p),
        .head_ready_i  (head_ready),
        .head_fault_o  (head_fault_p),
        .head_queue_o  (head_queue_p),
        .head_o        (head_p),
        .head_slots_o  (head_slots)
    );

    // How many descriptors the lists on their way have; they come back in the same order.
    virtio_fifo #(
        .Width(16),
        .Depth(ChainsInFlight)
    ) u_slots (
        .clk_i,
        .rst_ni,
        .clear_i,
        .commit_i   (1'b1),
        .rollback_i (1'b0),
        .in_valid_i (packed_rings && walked && walked_ready),
        .in_ready_o (slots_room),
        .in_data_i  (walked_slots),
        .out_valid_o(cpl_slots_valid),
        .out_ready_i(packed_rings && cpl_valid_i && cpl_ready_p),
        .out_data_o (cpl_slots),
        .count_o    (slots_count)
    );

    virtio_packed_used #(
        .AxiDataWidth(AxiDataWidth),
        .NumQueues   (NumQueues),
        .UsedTogether(UsedTogether)
    ) u_packed_used (
        .clk_i,
        .rst_ni,
        .clear_i,
        .event_idx_i   (event_idx),
        .enabled_i,
        .dropping_i,
        .cpl_valid_i   (cpl_valid_i && packed_rings),
        .cpl_ready_o   (cpl_ready_p),
        .cpl_i,
        .cpl_slots_i   (cpl_slots),
        .queue_o       (used_queue_p),
        .cfg_i         (used_cfg_i),
        .active_o      (used_active_p),
        .freed_valid_o (freed),
        .freed_slots_o (freed_slots),
        .wr_req_valid_o(used_valid_p),
        .wr_req_ready_i(wr_req_ready_i[0]),
        .wr_req_addr_o (used_addr_p),
        .wr_data_o     (used_data_p),
        .wr_strb_o     (used_strb_p),
        .wr_pop_i      (wr_pop_i[0]),
        .wr_done_i     (wr_done_i[0]),
        .wr_done_err_i,
        .rd_req_valid_o(wish_valid_p),
        .rd_req_ready_i(rd_req_ready_i[0]),
        .rd_req_addr_o (wish_addr_p),
        .rd_rsp_valid_i(rd_rsp_valid_i[0]),
        .rd_rsp_data_i,
        .rd_rsp_err_i,
        .used_event_o  (used_event_p),
        .fatal_o       (fatal_p)
    );

    // A completion never comes before its list was counted.
    wire unused_packed = ^{cpl_slots_valid, slots_count};
  end else begin : g_no_packed
    assign {visit_ready_p, rearm_p, queue_p, active_p, in_flight_p, taken_p} = '0;
    assign {rd_valid_p, rd_addr_p, rd_len_p, rd_size_p} = '0;
    assign {wr_valid_p, wr_addr_p, wr_data_p, wr_strb_p} = '0;
    assign {head_valid_p, head_fault_p, head_queue_p, head_p, head_slots} = '0;
    assign {cpl_ready_p, used_queue_p, used_active_p, used_event_p, fatal_p} = '0;
    assign {used_valid_p, used_addr_p, used_data_p, used_strb_p} = '0;
    assign {wish_valid_p, wish_addr_p} = '0;
    assign slots_room = 1'b1;
    wire unused_packed = ^{walked_slots, rd_rsp_last_i};
  end

  assign visit_ready_o = packed_rings ? visit_ready_p : visit_ready_s;
  assign rearm_o = packed_rings ? rearm_p : rearm_s;
  assign read_queue_o = packed_rings ? queue_p : queue_s;
  assign avail_active = packed_rings ? active_p : active_s;
  assign taken_o = packed_rings ? taken_p : taken_s;
  assign rd_req_valid_o[2] = packed_rings ? rd_valid_p : rd_valid_s;
  assign rd_req_addr_o[2] = packed_rings ? rd_addr_p : rd_addr_s;
  assign rd_req_len_o[2] = packed_rings ? rd_len_p : 8'd0;
  assign rd_req_size_o[2] = packed_rings ? rd_size_p : HalfwordSize;
  assign wr_req_valid_o[1] = packed_rings ? wr_valid_p : wr_valid_s;
  assign wr_req_addr_o[1] = packed_rings ? wr_addr_p : wr_addr_s;
  assign wr_data_o[1] = packed_rings ? wr_data_p : wr_data_s;
  assign wr_strb_o[1] = packed_rings ? wr_strb_p : wr_strb_s;
  assign head_valid = packed_rings ? head_valid_p : head_valid_s;
  assign head_fault = packed_rings ? head_fault_p : head_fault_s;
  assign head_queue = packed_rings ? head_queue_p : head_queue_s;
  assign head = packed_rings ? head_p : head_s;

  assign cpl_ready_o = packed_rings ? cpl_ready_p : cpl_ready_s;
  assign used_queue_o = packed_rings ? used_queue_p : used_queue_s;
  assign used_active = packed_rings ? used_active_p : used_active_s;
  assign used_event_o = packed_rings ? used_event_p : used_event_s;
  assign fatal_o = packed_rings ? fatal_p : fatal_s;
  assign wr_req_valid_o[0] = packed_rings ? used_valid_p : used_valid_s;
  assign wr_req_addr_o[0] = packed_rings ? used_addr_p : used_addr_s;
  assign wr_data_o[0] = packed_rings ? used_data_p : used_data_s;
  assign wr_strb_o[0] = packed_rings ? used_strb_p : used_strb_s;
  assign rd_req_valid_o[0] = packed_rings ? wish_valid_p : wish_valid_s;
  assign rd_req_addr_o[0] = packed_rings ? wish_addr_p : wish_addr_s;
  assign rd_req_len_o[0] = 8'd0;
  assign rd_req_size_o[0] = packed_rings ? WordSize : HalfwordSize;

  virtio_desc_ahead #(
      .AxiDataWidth(AxiDataWidth),
      .NumQueues   (NumQueues),
      .Blocks      (BlocksAhead)
  ) u_desc_ahead (
      .clk_i,
      .rst_ni,
      .clear_i,
      .head_valid_i  (head_valid),
      .head_ready_o  (head_ready),
      .head_fault_i  (head_fault),
      .head_queue_i  (head_queue),
      .head_i        (head),
      .head_slots_i  (head_slots),
      .queue_o       (desc_queue_o),
      .cfg_i         (desc_cfg_i),
      .rd_req_valid_o(rd_req_valid_o[3]),
      .rd_req_ready_i(rd_req_ready_i[3]),
      .rd_req_addr_o (rd_req_addr_o[3]),
      .rd_req_len_o  (rd_req_len_o[3]),
      .rd_req_size_o (rd_req_size_o[3]),
      .info_valid_o  (info_valid),
      .info_ready_i  (info_ready),
      .info_o        (info),
      .block_done_i  (block_done)
  );

  virtio_desc_walker #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .BlocksAhead (BlocksAhead),
      .Indirect    (Indirect)
  ) u_desc_walker (
      .clk_i,
      .rst_ni,
      .clear_i,
      .indirect_i       (indirect),
      .packed_i         (packed_rings),
      .info_valid_i     (info_valid),
      .info_ready_o     (info_ready),
      .info_i           (info),
      .ahead_rsp_valid_i(rd_rsp_valid_i[3]),
      .ahead_done_o     (block_done),
      .rd_req_valid_o   (rd_req_valid_o[1]),
      .rd_req_ready_i   (rd_req_ready_i[1]),
      .rd_req_addr_o    (rd_req_addr_o[1]),
      .rd_req_len_o     (rd_req_len_o[1]),
      .rd_req_size_o    (rd_req_size_o[1]),
      .rd_rsp_valid_i   (rd_rsp_valid_i[1]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .readable_valid_o (seg_readable_valid_o),
      .readable_ready_i (seg_readable_ready_i),
      .writable_valid_o (seg_writable_valid_o),
      .writable_ready_i (seg_writable_ready_i),
      .seg_o,
      .seg_commit_o,
      .seg_rollback_o,
      .chain_valid_o    (walked),
      .chain_ready_i    (walked_ready),
      .chain_o,
      .chain_slots_o    (walked_slots),
      .ahead_busy_o     (ahead_busy),
      .ahead_queue_o    (ahead_queue),
      .asked_busy_o     (asked_busy),
      .asked_queue_o    (asked_queue)
  );
  assign walked_ready  = chain_ready_i && slots_room;
  assign chain_valid_o = walked && slots_room;

  // A queue is busy while it is being visited, has chains that were taken and not yet made used, or descriptors of it are still being read
  // that nobody needs. What is in flight is known a cycle late: a visit, and the writer, keep the queue busy for one more.
  logic [NumQueues-1:0] in_flight_q, visited_q, writing_q, visited, writing;
  for (genvar i = 0; i < NumQueues; i++) begin : g_busy
    assign visited[i] = avail_active && read_queue_o == QueueWidth'(i);
    assign writing[i] = used_active && used_queue_o == QueueWidth'(i);
    assign busy_o[i] = in_flight_q[i] || visited[i] || visited_q[i] || writing[i] || writing_q[i] ||
                       (ahead_busy && ahead_queue == 16'(i)) || (asked_busy && asked_queue == 16'(i));
    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        in_flight_q[i] <= 1'b0;
        visited_q[i]   <= 1'b0;
        writing_q[i]   <= 1'b0;
      end else begin
        in_flight_q[i] <= packed_rings ? in_flight_p[i] : in_flight_s[i];
        visited_q[i]   <= visited[i];
        writing_q[i]   <= writing[i];
      end
    end
  end

  wire unused_ok = ^{features_i, wr_pop_i[1]};

endmodule
