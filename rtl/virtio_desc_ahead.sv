// SPDX-License-Identifier: Apache-2.0
// Reads the descriptors that heads point to ahead of the walker: for each head, as one burst, those up to the end of its 64 bytes,
// for chains often lie in order in the table. Several such blocks are under way at a time.
//
// `info_*` says, in the order of the heads, what was asked for; its block is then the next one of the block store.
//
//   heads, with what is known of their queue -> address and count -> ask

module virtio_desc_ahead #(
    parameter int AxiDataWidth = 64,
    parameter int NumQueues = 2,
    parameter int Blocks = 4,  // power of two
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    input  logic                                    clear_i,
    input  logic                                    head_valid_i,
    output logic                                    head_ready_o,
    input  logic                                    head_fault_i,
    input  logic                   [QueueWidth-1:0] head_queue_i,
    input  logic                   [          15:0] head_i,
    input  logic                   [          15:0] head_slots_i,
    output logic                   [QueueWidth-1:0] queue_o,
    input  virtio_pkg::queue_cfg_t                  cfg_i,           // of queue_o
    // DMA read client
    output logic                                    rd_req_valid_o,
    input  logic                                    rd_req_ready_i,
    output logic                   [          63:0] rd_req_addr_o,
    output logic                   [           7:0] rd_req_len_o,
    output logic                   [           2:0] rd_req_size_o,
    // What was asked for, and what of it is done with
    output logic                                    info_valid_o,
    input  logic                                    info_ready_i,
    output virtio_pkg::desc_head_t                  info_o,
    input  logic                                    block_done_i     // pulse
);

  import virtio_pkg::*;

  localparam int DescBeats = (AxiDataWidth < 128) ? 128 / AxiDataWidth : 1;
  localparam int DescSize = (AxiDataWidth < 128) ? $clog2(AxiDataWidth / 8) : 4;
  localparam int BlockWidth = $clog2(Blocks) + 1;

  logic [BlockWidth-1:0] blocks_q;
  logic take, gone, ask, info_room;
  logic held_q, fault_q;
  logic roomy_q;  // for one more block, hence for what is said of it: that is gone before the block is
  logic asks_q;  // one is held, is no fault mark, and has that room: a register, for others give way to this one
  logic [QueueWidth-1:0] lookup_q, queue_q;
  logic [15:0] head_q, slots_q, size_q;
  logic [63:0] addr, addr_q, table_q;
  logic [15:0] left;
  logic [2:0] to_end, few_q, count;  // few: those up to the end of the table, if less than 4
  desc_head_t info;
  logic [$clog2(Blocks):0] info_count;

  // A head's queue is looked up in the cycle before: one of another queue than the last waits for that.
  assign queue_o = lookup_q;
  assign head_ready_o = !held_q && lookup_q == head_queue_i;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) lookup_q <= '0;
    else if (head_valid_i) lookup_q <= head_queue_i;
  end
  assign take = head_valid_i && head_ready_o;

  assign addr = cfg_i.desc_addr + {44'd0, head_i, 4'd0};
  assign left = cfg_i.size - head_i;
  assign to_end = 3'd4 - {1'b0, addr_q[5:4]};
  assign count = (few_q < to_end) ? few_q : to_end;

  assign rd_req_addr_o = addr_q;
  assign rd_req_len_o = 8'(count) * 8'(DescBeats) - 8'd1;
  assign rd_req_size_o = 3'(DescSize);
  assign rd_req_valid_o = asks_q;
  assign ask = rd_req_valid_o && rd_req_ready_i;
  assign gone = fault_q ? held_q && info_room : ask;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q <= 1'b0;
      asks_q <= 1'b0;
    end else begin
      held_q <= take || (held_q && !gone);
      asks_q <= !ask && (roomy_q || block_done_i) && (take ? !head_fault_i : held_q && !fault_q);
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      fault_q <= head_fault_i;
      queue_q <= head_queue_i;
      head_q  <= head_i;
      slots_q <= head_slots_i;
      size_q  <= cfg_i.size;
      table_q <= cfg_i.desc_addr;
      addr_q  <= addr;
      few_q   <= (left[15:2] != '0) ? 3'd4 : {1'b0, left[1:0]};
    end
  end

  assign info = {fault_q, {(16 - QueueWidth) {1'b0}}, queue_q, head_q, slots_q, count, size_q, table_q};

  virtio_fifo #(
      .Width($bits(desc_head_t)),
      .Depth(Blocks)
  ) u_info (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (gone),
      .in_ready_o (info_room),
      .in_data_i  (info),
      .out_valid_o(info_valid_o),
      .out_ready_i(info_ready_i),
      .out_data_o (info_o),
      .count_o    (info_count)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      blocks_q <= '0;
      roomy_q  <= 1'b1;
    end else if (ask && !block_done_i) begin
      blocks_q <= blocks_q + 1'b1;
      roomy_q  <= blocks_q != BlockWidth'(Blocks - 1);
    end else if (!ask && block_done_i) begin
      blocks_q <= blocks_q - 1'b1;
      roomy_q  <= 1'b1;
    end
  end

  wire unused_ok = ^info_count;

endmodule
