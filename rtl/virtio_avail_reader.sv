// SPDX-License-Identifier: Apache-2.0
// Reads available rings: for a queue to be visited it fetches idx, then up to `Batch` ring entries, all asked for at once, and hands
// on the heads in order (2.7.6, 2.7.13), no more than the visit's limit. More buffers than that: the queue is marked again, so that
// queues take turns.
//
// With EVENT_IDX the visit ends with telling the driver from which index on to notify (avail_event, 2.7.10.2), and with one more look at idx, for
// the driver may have gone on in the meantime.
//
// A bad idx, a bad head or a failed access becomes a fault mark behind the good heads; nothing is read after it until `clear_i`.
// Each queue keeps a free-running index and a slot counter of its own, so that any size works.

module virtio_avail_reader #(
    parameter int AxiDataWidth = 64,
    parameter int NumQueues = 2,
    parameter logic [15:0] IndexInit = 16'd0,
    parameter int Batch = 8,
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input  logic                                            clk_i,
    input  logic                                            rst_ni,
    input  logic                                            clear_i,
    input  logic                                            event_idx_i,     // EVENT_IDX
    input  logic                                            visit_valid_i,
    output logic                                            visit_ready_o,
    input  logic                   [  QueueWidth-1:0]       visit_queue_i,
    input  logic                   [             7:0]       visit_limit_i,   // chains that may be taken, at least 1
    output logic                   [   NumQueues-1:0]       rearm_o,
    input  logic                   [   NumQueues-1:0]       enabled_i,       // pulse: start from IndexInit
    output logic                   [  QueueWidth-1:0]       queue_o,         // being visited
    output logic                                            active_o,
    input  virtio_pkg::queue_cfg_t                          cfg_i,           // of queue_o
    input  logic                   [            15:0]       used_idx_i,      // of queue_o
    output logic                   [   NumQueues-1:0][15:0] last_avail_o,
    output logic                                            taken_o,         // pulse: one more chain of queue_o
    // DMA read client
    output logic                                            rd_req_valid_o,
    input  logic                                            rd_req_ready_i,
    output logic                   [            63:0]       rd_req_addr_o,
    input  logic                                            rd_rsp_valid_i,
    input  logic                   [AxiDataWidth-1:0]       rd_rsp_data_i,
    input  logic                                            rd_rsp_err_i,
    // DMA write client
    output logic                                            wr_req_valid_o,
    input  logic                                            wr_req_ready_i,
    output logic                   [            63:0]       wr_req_addr_o,
    output logic                   [AxiDataWidth-1:0]       wr_data_o,
    output logic                   [       Bytes-1:0]       wr_strb_o,
    input  logic                                            wr_done_i,
    input  logic                                            wr_done_err_i,
    // Heads
    output logic                                            head_valid_o,
    input  logic                                            head_ready_i,
    output logic                                            head_fault_o,
    output logic                   [  QueueWidth-1:0]       head_queue_o,
    output logic                   [            15:0]       head_o
);

  localparam int HeadFifoDepth = 2 * Batch;
  localparam int LaneWidth = $clog2(Bytes);

  typedef enum logic [3:0] {
    Idle,
    AskIdx,
    WaitIdx,
    CheckIdx,
    Entries,
    Event,      // publish avail_event
    EventWait,
    Fault,
    Halted
  } state_e;

  state_e state_q, state_d;
  logic [QueueWidth-1:0] queue_q;
  logic [NumQueues-1:0][15:0] last_avail_q;
  (* ram_style = "distributed" *) logic [15:0] slot_q[NumQueues];
  logic [NumQueues-1:0] fresh_q;  // not visited since it was enabled: slot_q is not valid yet
  logic [15:0] idx_q, start_slot, batch_q;
  logic [15:0] asked_q, got_q, count_q, count;  // of this visit's entries
  logic [15:0] ask_slot_q, got_slot_q;
  logic bad_q;
  logic more_q;  // buffers are left behind
  logic told_q;  // avail_event has been published in this visit
  logic [63:0] event_addr;

  logic [15:0] distance, in_flight, value;
  logic [17:0] ask_offset;
  logic [LaneWidth-1:0] value_lane;
  logic head_push, head_room, head_bad, head_faulty;
  logic [$clog2(HeadFifoDepth):0] head_count;
  logic all_got, idx_bad, more;

  function automatic logic [15:0] next_slot(input logic [15:0] slot, input logic [15:0] size);
    next_slot = (slot + 16'd1 == size) ? 16'd0 : slot + 16'd1;
  endfunction

  // Of a queue of 32768 idx may be that far ahead: the distances are 16 bits, the comparison is "more than".
  assign distance = idx_q - last_avail_q[queue_q];
  assign in_flight = idx_q - used_idx_i;
  assign idx_bad = distance > cfg_i.size || in_flight > cfg_i.size;
  assign more = told_q ? distance != 16'd0 : distance > batch_q;
  assign count = (distance > batch_q) ? batch_q : distance;
  assign all_got = got_q == count_q;
  assign start_slot = !fresh_q[queue_q] ? slot_q[queue_q] : (IndexInit == 16'd0) ? 16'd0 : IndexInit % cfg_i.size;

  // The 16-bit value asked for lies in the lanes of its address.
  assign value_lane = cfg_i.driver_addr[LaneWidth-1:0] +
                      LaneWidth'((state_q == WaitIdx) ? 17'd2 : {got_slot_q + 16'd2, 1'b0});
  assign value = 16'(rd_rsp_data_i >> {value_lane, 3'b000});
  assign head_bad = rd_rsp_err_i || value >= cfg_i.size;
  assign head_push = (state_q == Entries && rd_rsp_valid_i && !bad_q && !head_bad) || head_faulty;
  assign head_faulty = state_q == Fault;

  // A visit needs room for its whole batch and a fault mark.
  assign visit_ready_o = state_q == Idle && head_count < ($clog2(HeadFifoDepth) + 1)'(HeadFifoDepth - Batch);
  assign rd_req_valid_o = state_q == AskIdx || (state_q == Entries && asked_q != count_q);
  assign ask_offset = (state_q == AskIdx) ? 18'd2 : {{1'b0, ask_slot_q} + 17'd2, 1'b0};
  assign rd_req_addr_o = cfg_i.driver_addr + {46'd0, ask_offset};

  assign event_addr = cfg_i.device_addr + {45'd0, cfg_i.size, 3'b100};
  assign wr_req_valid_o = state_q == Event;
  assign wr_req_addr_o = {event_addr[63:LaneWidth], {LaneWidth{1'b0}}};
  assign wr_data_o = {(Bytes / 2) {last_avail_q[queue_q]}};
  assign wr_strb_o = Bytes'(2'b11) << event_addr[LaneWidth-1:0];

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (visit_valid_i && visit_ready_o) state_d = AskIdx;
      end
      AskIdx: begin
        if (rd_req_ready_i) state_d = WaitIdx;
      end
      WaitIdx: begin
        if (rd_rsp_valid_i) state_d = CheckIdx;
        if (rd_rsp_valid_i && rd_rsp_err_i) state_d = Fault;
      end
      CheckIdx: begin
        state_d = Entries;
        if (distance == 16'd0) state_d = Idle;
        if (distance == 16'd0 && event_idx_i) state_d = Event;
        if (told_q) state_d = Idle;
        if (idx_bad) state_d = Fault;
      end
      Entries: begin
        if (all_got && bad_q) state_d = Fault;
        else if (all_got && event_idx_i && !more_q) state_d = Event;
        else if (all_got) state_d = Idle;
      end
      Event:   if (wr_req_ready_i) state_d = EventWait;
      EventWait: begin
        if (wr_done_i) state_d = AskIdx;
        if (wr_done_i && wr_done_err_i) state_d = Fault;
      end
      Fault:   if (head_room) state_d = Halted;
      default: ;
    endcase
  end

  for (genvar i = 0; i < NumQueues; i++) begin : g_rearm
    assign rearm_o[i] = state_q == CheckIdx && queue_q == QueueWidth'(i) && more && !idx_bad;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q    <= Idle;
      queue_q    <= '0;
      idx_q      <= '0;
      batch_q    <= '0;
      asked_q    <= '0;
      got_q      <= '0;
      count_q    <= '0;
      ask_slot_q <= '0;
      got_slot_q <= '0;
      bad_q      <= 1'b0;
      more_q     <= 1'b0;
      told_q     <= 1'b0;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) begin
        queue_q <= visit_queue_i;
        batch_q <= (visit_limit_i < 8'(Batch)) ? {8'd0, visit_limit_i} : 16'(Batch);
      end
      if (state_q == WaitIdx) idx_q <= value;
      if (state_q == CheckIdx) begin
        count_q    <= count;
        asked_q    <= '0;
        got_q      <= '0;
        ask_slot_q <= start_slot;
        got_slot_q <= start_slot;
        bad_q      <= 1'b0;
        more_q     <= more;
      end
      if (state_q == Idle) told_q <= 1'b0;
      if (state_q == EventWait && wr_done_i) told_q <= 1'b1;
      if (state_q == Entries && rd_req_valid_o && rd_req_ready_i) begin
        asked_q    <= asked_q + 16'd1;
        ask_slot_q <= next_slot(ask_slot_q, cfg_i.size);
      end
      if (state_q == Entries && rd_rsp_valid_i) begin
        got_q      <= got_q + 16'd1;
        got_slot_q <= next_slot(got_slot_q, cfg_i.size);
        bad_q      <= bad_q || head_bad;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      last_avail_q <= {NumQueues{IndexInit}};
      fresh_q      <= '1;
    end else begin
      if (state_q == Entries && all_got) begin
        last_avail_q[queue_q] <= last_avail_q[queue_q] + count_q;
        fresh_q[queue_q]      <= 1'b0;
      end
      for (int i = 0; i < NumQueues; i++) begin
        if (enabled_i[i]) begin
          last_avail_q[i] <= IndexInit;
          fresh_q[i]      <= 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Entries && all_got) slot_q[queue_q] <= got_slot_q;
  end

  virtio_fifo #(
      .Width(1 + QueueWidth + 16),
      .Depth(HeadFifoDepth)
  ) u_heads (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (head_push),
      .in_ready_o (head_room),
      .in_data_i  ({head_faulty, queue_q, value}),
      .out_valid_o(head_valid_o),
      .out_ready_i(head_ready_i),
      .out_data_o ({head_fault_o, head_queue_o, head_o}),
      .count_o    (head_count)
  );

  assign queue_o      = queue_q;
  assign active_o     = state_q != Idle && state_q != Halted;
  assign last_avail_o = last_avail_q;
  assign taken_o      = state_q == Entries && rd_rsp_valid_i;

endmodule
