// SPDX-License-Identifier: Apache-2.0
// Split-ring front end (2.7): turns available rings into chains and segments, and completions into used elements and interrupts.
//
//   visit -> avail_reader -> heads -> desc_ahead -> desc_walker -> segments, chains
//   completions -> used_writer -> used ring, interrupt
//
// Read clients: 0 used_writer (the driver's wish), 1 desc_walker, 2 avail_reader, 3 desc_ahead. Write clients: 0 used_writer,
// 1 avail_reader (avail_event).

module virtio_split_ring #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int NumQueues = 2,
    parameter logic [15:0] IndexInit = 16'd0,
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
  localparam int BlocksAhead = 4;

  logic event_idx, indirect;

  logic avail_active, used_active;
  logic [NumQueues-1:0][15:0] last_avail, used_idx;

  logic head_valid, head_ready, head_fault;
  logic [QueueWidth-1:0] head_queue;
  logic [15:0] head;
  logic info_valid, info_ready, block_done;
  desc_head_t info;

  assign event_idx = features_i[FEATURE_EVENT_IDX];
  assign indirect  = features_i[FEATURE_INDIRECT_DESC];

  virtio_avail_reader #(
      .AxiDataWidth(AxiDataWidth),
      .NumQueues   (NumQueues),
      .IndexInit   (IndexInit)
  ) u_avail_reader (
      .clk_i,
      .rst_ni,
      .clear_i,
      .event_idx_i   (event_idx),
      .visit_valid_i,
      .visit_ready_o,
      .visit_queue_i,
      .visit_limit_i,
      .rearm_o,
      .enabled_i,
      .queue_o       (read_queue_o),
      .active_o      (avail_active),
      .cfg_i         (read_cfg_i),
      .used_idx_i    (used_idx[read_queue_o]),
      .last_avail_o  (last_avail),
      .taken_o,
      .rd_req_valid_o(rd_req_valid_o[2]),
      .rd_req_ready_i(rd_req_ready_i[2]),
      .rd_req_addr_o (rd_req_addr_o[2]),
      .rd_rsp_valid_i(rd_rsp_valid_i[2]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .wr_req_valid_o(wr_req_valid_o[1]),
      .wr_req_ready_i(wr_req_ready_i[1]),
      .wr_req_addr_o (wr_req_addr_o[1]),
      .wr_data_o     (wr_data_o[1]),
      .wr_strb_o     (wr_strb_o[1]),
      .wr_done_i     (wr_done_i[1]),
      .wr_done_err_i,
      .head_valid_o  (head_valid),
      .head_ready_i  (head_ready),
      .head_fault_o  (head_fault),
      .head_queue_o  (head_queue),
      .head_o        (head)
  );
  assign rd_req_len_o[2]  = 8'd0;
  assign rd_req_size_o[2] = HalfwordSize;

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
      .BlocksAhead (BlocksAhead)
  ) u_desc_walker (
      .clk_i,
      .rst_ni,
      .clear_i,
      .indirect_i       (indirect),
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
      .chain_valid_o,
      .chain_ready_i,
      .chain_o
  );

  virtio_used_writer #(
      .AxiDataWidth(AxiDataWidth),
      .NumQueues   (NumQueues),
      .IndexInit   (IndexInit)
  ) u_used_writer (
      .clk_i,
      .rst_ni,
      .clear_i,
      .event_idx_i   (event_idx),
      .enabled_i,
      .dropping_i,
      .early_valid_i,
      .early_i,
      .cpl_valid_i,
      .cpl_ready_o,
      .cpl_i,
      .queue_o       (used_queue_o),
      .cfg_i         (used_cfg_i),
      .active_o      (used_active),
      .used_idx_o    (used_idx),
      .wr_req_valid_o(wr_req_valid_o[0]),
      .wr_req_ready_i(wr_req_ready_i[0]),
      .wr_req_addr_o (wr_req_addr_o[0]),
      .wr_data_o     (wr_data_o[0]),
      .wr_strb_o     (wr_strb_o[0]),
      .wr_pop_i      (wr_pop_i[0]),
      .wr_done_i     (wr_done_i[0]),
      .wr_done_err_i,
      .rd_req_valid_o(rd_req_valid_o[0]),
      .rd_req_ready_i(rd_req_ready_i[0]),
      .rd_req_addr_o (rd_req_addr_o[0]),
      .rd_rsp_valid_i(rd_rsp_valid_i[0]),
      .rd_rsp_data_i,
      .rd_rsp_err_i,
      .used_event_o,
      .fatal_o
  );
  assign rd_req_len_o[0]  = 8'd0;
  assign rd_req_size_o[0] = HalfwordSize;

  // A queue is busy while it is being visited or has chains that were taken and not yet made used.
  for (genvar i = 0; i < NumQueues; i++) begin : g_busy
    assign busy_o[i] = last_avail[i] != used_idx[i] ||
                       (avail_active && read_queue_o == QueueWidth'(i)) ||
                       (used_active && used_queue_o == QueueWidth'(i));
  end

  wire unused_ok = ^{features_i, rd_rsp_last_i, wr_pop_i[1]};

endmodule
