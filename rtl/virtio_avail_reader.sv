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
  localparam int CountWidth = $clog2(Batch) + 1;

  typedef enum logic [3:0] {
    Idle,
    Prepare,    // another queue than last time: work out addresses
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
  logic [15:0] start_slot, start_slot_q, batch_q;
  logic [CountWidth-1:0] asked_q, got_q, count_q, count;  // of this visit's entries
  logic asking_q, asking_d;  // entries are still to be asked for
  logic asks_q, asks_d;  // so is anything
  logic [15:0] ask_slot_q, got_slot_q;
  logic bad_q;
  logic more_q;  // buffers are left behind
  logic told_q;  // avail_event has been published in this visit
  logic [63:0] entries_q, ask_addr_q, event_addr_q;

  logic [15:0] distance_q, in_flight_q, value, value_q, last_slot_q;
  logic [15:0] size_q;  // of the queue, a cycle late: the state after Idle does not look at it
  logic [LaneWidth-1:0] lane_q;  // of the next value to come
  logic
      ask_wraps_q,  // the next entry to be asked for is the ring's last
      came_wraps,
      entry_asked,
      entry_came,
      came_q,
      came_err_q;  // an entry is looked at in the cycle after it came
  logic head_push, head_room, head_bad, head_faulty, roomy_q;
  logic [$clog2(HeadFifoDepth):0] head_count;
  logic all_got, idx_bad, more;

  // Of a queue of 32768 idx may be that far ahead: the distances are 16 bits, the comparison is "more than".
  assign idx_bad = distance_q > size_q || in_flight_q > size_q;
  assign more = told_q ? distance_q != 16'd0 : distance_q > batch_q;
  assign count = CountWidth'((distance_q > batch_q) ? batch_q : distance_q);
  assign all_got = got_q == count_q;
  assign start_slot = !fresh_q[queue_q] ? slot_q[queue_q] : (IndexInit == 16'd0) ? 16'd0 : IndexInit % cfg_i.size;

  // The 16-bit value asked for lies in the lanes of its address.
  assign value = 16'(rd_rsp_data_i >> {lane_q, 3'b000});
  assign entry_came = state_q == Entries && rd_rsp_valid_i;
  assign head_bad = came_err_q || value_q >= size_q;
  assign head_push = (came_q && !bad_q && !head_bad) || head_faulty;
  assign head_faulty = state_q == Fault;

  // A visit needs room for its whole batch and a fault mark.
  assign visit_ready_o = state_q == Idle && roomy_q;
  assign rd_req_valid_o = asks_q;
  assign rd_req_addr_o = ask_addr_q;
  assign entry_asked = state_q == Entries && rd_req_ready_i;
  always_comb begin
    asking_d = asking_q;
    if (state_q == CheckIdx) asking_d = 1'b1;
    else if (entry_asked) asking_d = asked_q + 1'b1 != count_q;
  end
  // Worked out without the next state, of which it is a part. All that was asked for comes before Entries is left.
  always_comb begin
    case (state_q)
      Idle:     asks_d = visit_valid_i && visit_ready_o && visit_queue_i == queue_q;
      Prepare:  asks_d = 1'b1;
      AskIdx:   asks_d = !rd_req_ready_i;
      CheckIdx: asks_d = state_d == Entries;
      Entries:  asks_d = asking_d;
      default:  asks_d = 1'b0;
    endcase
  end
  assign came_wraps = got_slot_q == last_slot_q;

  assign wr_req_valid_o = state_q == Event;
  assign wr_req_addr_o = {event_addr_q[63:LaneWidth], {LaneWidth{1'b0}}};
  assign wr_data_o = {(Bytes / 2) {last_avail_q[queue_q]}};
  assign wr_strb_o = Bytes'(2'b11) << event_addr_q[LaneWidth-1:0];

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (visit_valid_i && visit_ready_o) state_d = Prepare;
        if (visit_valid_i && visit_ready_o && visit_queue_i == queue_q) state_d = AskIdx;
      end
      Prepare: state_d = AskIdx;
      AskIdx: begin
        if (rd_req_ready_i) state_d = WaitIdx;
      end
      WaitIdx: begin
        if (rd_rsp_valid_i) state_d = CheckIdx;
        if (rd_rsp_valid_i && rd_rsp_err_i) state_d = Fault;
      end
      CheckIdx: begin
        state_d = Entries;
        if (distance_q == 16'd0) state_d = Idle;
        if (distance_q == 16'd0 && event_idx_i) state_d = Event;
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
        if (wr_done_i) state_d = Prepare;
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
      batch_q    <= '0;
      asked_q    <= '0;
      got_q      <= '0;
      count_q    <= '0;
      asking_q   <= 1'b0;
      asks_q     <= 1'b0;
      ask_slot_q <= '0;
      got_slot_q <= '0;
      bad_q      <= 1'b0;
      more_q     <= 1'b0;
      told_q     <= 1'b0;
      came_q     <= 1'b0;
      came_err_q <= 1'b0;
      roomy_q    <= 1'b1;
    end else begin
      state_q  <= state_d;
      asking_q <= asking_d;
      asks_q   <= asks_d;
      if (state_q == Idle) begin
        if (visit_valid_i && visit_ready_o) queue_q <= visit_queue_i;
        batch_q <= (visit_limit_i < 8'(Batch)) ? {8'd0, visit_limit_i} : 16'(Batch);
      end
      if (state_q == CheckIdx) begin
        count_q    <= count;
        asked_q    <= '0;
        got_q      <= '0;
        ask_slot_q <= start_slot_q;
        got_slot_q <= start_slot_q;
        bad_q      <= 1'b0;
        more_q     <= more;
      end
      if (state_q == Idle) told_q <= 1'b0;
      if (state_q == EventWait && wr_done_i) told_q <= 1'b1;
      if (entry_asked) begin
        asked_q    <= asked_q + 1'b1;
        ask_slot_q <= ask_wraps_q ? 16'd0 : ask_slot_q + 16'd1;
      end
      came_q     <= entry_came;
      came_err_q <= rd_rsp_err_i;
      if (entry_came) got_slot_q <= came_wraps ? 16'd0 : got_slot_q + 16'd1;
      if (came_q) begin
        got_q <= got_q + 1'b1;
        bad_q <= bad_q || head_bad;
      end
      roomy_q <= head_count < ($clog2(HeadFifoDepth) + 1)'(HeadFifoDepth - Batch);
    end
  end

  // What is worked out for the states that follow.
  always_ff @(posedge clk_i) begin
    value_q      <= value;
    event_addr_q <= cfg_i.device_addr + {45'd0, cfg_i.size, 3'b100};
    size_q       <= cfg_i.size;
    last_slot_q  <= cfg_i.size - 16'd1;
    if (state_q == Idle || state_q == Prepare) begin
      entries_q  <= cfg_i.driver_addr + 64'd4;
      ask_addr_q <= cfg_i.driver_addr + 64'd2;
    end
    if (state_q == WaitIdx) begin
      distance_q   <= value - last_avail_q[queue_q];
      in_flight_q  <= value - used_idx_i;
      start_slot_q <= start_slot;
    end
    if (state_q == AskIdx) lane_q <= ask_addr_q[LaneWidth-1:0];
    else if (state_q == CheckIdx) lane_q <= entries_q[LaneWidth-1:0] + LaneWidth'({start_slot_q, 1'b0});
    else if (entry_came) lane_q <= came_wraps ? entries_q[LaneWidth-1:0] : lane_q + LaneWidth'(2);
    if (state_q == CheckIdx) ask_addr_q <= entries_q + {47'd0, start_slot_q, 1'b0};
    else if (entry_asked) ask_addr_q <= ask_wraps_q ? entries_q : ask_addr_q + 64'd2;
    if (state_q == CheckIdx) ask_wraps_q <= start_slot_q == last_slot_q;
    else if (entry_asked) ask_wraps_q <= ask_wraps_q ? last_slot_q == 16'd0 : ask_slot_q + 16'd1 == last_slot_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      last_avail_q <= {NumQueues{IndexInit}};
      fresh_q      <= '1;
    end else begin
      if (state_q == Entries && all_got) begin
        last_avail_q[queue_q] <= last_avail_q[queue_q] + 16'(count_q);
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
      .in_data_i  ({head_faulty, queue_q, value_q}),
      .out_valid_o(head_valid_o),
      .out_ready_i(head_ready_i),
      .out_data_o ({head_fault_o, head_queue_o, head_o}),
      .count_o    (head_count)
  );

  assign queue_o      = queue_q;
  assign active_o     = state_q != Idle && state_q != Halted;
  assign last_avail_o = last_avail_q;
  assign taken_o      = came_q;

endmodule
