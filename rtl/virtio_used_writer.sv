// SPDX-License-Identifier: Apache-2.0
// Makes completed chains used (2.7.8, 2.7.10), those of one queue that are there together as a batch: writes their used elements, then idx,
// then reads how far the driver wants to be left alone, then interrupts; each step waits for the answers to the one before.
//
// An idle writer does not wait for a chain's data to be answered: it writes the element as it will most likely be (`early_i`), and once more
// if it turns out otherwise. Only idx tells the driver.
//
// Of chains that become used together (`more`) the elements are written as they come, idx only with the last one.
//
// An element that straddles two bus words is written in two bursts. A failed write, or a completion marked as a fault, is
// reported on `fatal_o` and ends all work until `clear_i`. A wish that cannot be read means that the interrupt is wanted. What
// completes on a queue in reset is only counted.

module virtio_used_writer #(
    parameter int AxiDataWidth = 64,
    parameter int NumQueues = 2,
    parameter logic [15:0] IndexInit = 16'd0,
    parameter int Batch = 8,  // elements before idx is written, at most
    parameter bit UsedTogether = 1'b0,  // completions with `more` come, of one queue at a time
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic event_idx_i,  // EVENT_IDX
    input logic [NumQueues-1:0] enabled_i,  // pulse: start from IndexInit
    input logic [NumQueues-1:0] dropping_i,  // in queue reset
    input logic early_valid_i,  // the next completion, while there is none
    input virtio_pkg::completion_t early_i,
    input logic cpl_valid_i,
    output logic cpl_ready_o,
    input virtio_pkg::completion_t cpl_i,
    output logic [QueueWidth-1:0] queue_o,
    input virtio_pkg::queue_cfg_t cfg_i,  // of queue_o
    output logic active_o,
    output logic [NumQueues-1:0][15:0] used_idx_o,  // counts an idx from when its write is issued
    output logic [NumQueues-1:0][15:0] done_idx_o,  // and from when nothing is left to do about it
    // DMA write client
    output logic wr_req_valid_o,
    input logic wr_req_ready_i,
    output logic [63:0] wr_req_addr_o,
    output logic [AxiDataWidth-1:0] wr_data_o,
    output logic [Bytes-1:0] wr_strb_o,
    input logic wr_pop_i,
    input logic wr_done_i,
    input logic wr_done_err_i,
    // DMA read client
    output logic rd_req_valid_o,
    input logic rd_req_ready_i,
    output logic [63:0] rd_req_addr_o,
    input logic rd_rsp_valid_i,
    input logic [AxiDataWidth-1:0] rd_rsp_data_i,
    input logic rd_rsp_err_i,
    output logic used_event_o,  // pulse
    output logic fatal_o  // pulse
);

  import virtio_pkg::*;

  localparam int LaneWidth = $clog2(Bytes);
  localparam int CountWidth = $clog2(Batch) + 1;
  localparam int WritesWidth = $clog2(2 * Batch + 3);  // two for each element, and for one written early in vain

  typedef enum logic [4:0] {
    Idle,
    Place,       // where the element goes
    Element,
    ElementPop,
    Rest,        // second half of a straddling element
    RestPop,
    Confirm,     // wait for the completion of an element written early
    Next,        // another one for the batch?
    Settle,      // wait for the answers to all elements
    Idx,
    IdxWait,
    Wish,
    WishWait,
    Judge,       // with EVENT_IDX: whether the driver wants the interrupt
    Drop,
    Fatal,
    Halted
  } state_e;

  state_e state_q, state_d;
  completion_t cpl_q;
  logic [QueueWidth-1:0] queue_q;
  logic [NumQueues-1:0][15:0] used_idx_q;
  (* ram_style = "distributed" *) logic [15:0] slot_q[NumQueues];  // valid unless fresh
  logic [NumQueues-1:0] fresh_q;
  logic [CountWidth-1:0] count_q;  // elements of the batch
  logic [15:0] held_q, held;  // elements before it that wait for idx, and if they are of this queue
  logic [ QueueWidth-1:0] held_queue_q;
  logic [WritesWidth-1:0] unanswered_q;
  logic failed_q, early_q;
  logic again_q;  // in Place: for an element that was written early, and is counted
  logic written_q;  // its slot is behind it: the comparison that says so takes the cycle before
  logic asks_q, writes_q;  // for the bus: registers, for all others give way to these
  logic published_q;

  logic [15:0] slot, slot_now_q, next_slot, next_idx_q, past_event;
  logic [16:0] slot_after_q;
  logic [15:0] next_slot_q;
  logic [63:0] write_addr_q, wish_addr_q;
  logic [LaneWidth-1:0] lane, lane_q;  // where an element starts
  logic [19:0] write_offset;
  logic dropped, goes_on, straddles, popped, written, confirmed, begin_early, joins, take;
  logic [AxiDataWidth-1:0] element_data;
  logic [17:0] wish_offset_q;
  logic [15:0] wish, wish_q;
  logic judged;
  logic wish_err_q, wished, wanted;

  assign slot      = !fresh_q[queue_q] ? slot_q[queue_q] : (IndexInit == 16'd0) ? 16'd0 : IndexInit % cfg_i.size;
  assign next_slot = (slot_after_q == {1'b0, cfg_i.size}) ? 16'd0 : slot_after_q[15:0];
  assign held      = (UsedTogether && held_queue_q == queue_q) ? held_q : 16'd0;
  // With 32 bits every element straddles; wider, one that starts in the last four bytes of a word.
  assign straddles = lane_q == LaneWidth'(Bytes - 4);

  // id and len alternate over the 32-bit lanes, so that either half of the element lies where it belongs: elements start 4 bytes after a
  // multiple of 8 from the start of the area.
  for (genvar i = 0; i < Bytes / 4; i++) begin : g_lane
    if (Bytes == 4) begin : g_narrow
      assign element_data[31:0] = (state_q == Rest || state_q == RestPop) ? cpl_q.written_len : {16'd0, cpl_q.head};
    end else begin : g_wide
      assign element_data[32*i+:32] = (cfg_i.device_addr[2] != 1'(i)) ? {16'd0, cpl_q.head} : cpl_q.written_len;
    end
  end

  always_comb begin
    wr_data_o = element_data;
    wr_strb_o = Bytes'(8'hff) << lane_q;
    case (state_q)
      Rest, RestPop: wr_strb_o = Bytes'(4'hf);
      Idx, IdxWait: begin
        wr_data_o = {(Bytes / 2) {next_idx_q}};
        wr_strb_o = Bytes'(2'b11) << write_addr_q[LaneWidth-1:0];
      end
      default:       ;
    endcase
  end

  // Where the next write goes, worked out before it is asked for: idx is at 2, the elements at 4 and every 8 bytes on, their second halves
  // 4 bytes later.
  always_comb begin
    case (state_q)
      Place:      write_offset = {1'b0, slot, 3'b100};
      ElementPop: write_offset = {slot_after_q, 3'b000};
      default:    write_offset = 20'd2;
    endcase
  end
  assign lane = cfg_i.device_addr[LaneWidth-1:0] + LaneWidth'({slot, 3'b100});

  always_ff @(posedge clk_i) begin
    if (state_q == Place || state_q == ElementPop || state_q == Confirm || state_q == Next || state_q == Settle) begin
      write_addr_q <= cfg_i.device_addr + {44'd0, write_offset};
    end
    if (state_q == Place) begin
      slot_now_q <= slot;
      lane_q     <= lane;
    end
    slot_after_q <= {1'b0, slot_now_q} + 17'd1;
    next_slot_q  <= next_slot;
    next_idx_q   <= used_idx_q[queue_q] + held + 16'(count_q);
  end

  assign wr_req_valid_o = writes_q;
  assign wr_req_addr_o = {write_addr_q[63:LaneWidth], {LaneWidth{1'b0}}};

  // The driver's wish: used_event, or the flag in avail flags. Of a batch any element that reaches used_event counts.
  assign rd_req_valid_o = asks_q;
  assign rd_req_addr_o = wish_addr_q;
  assign past_event = next_idx_q - wish_q - 16'd1;
  assign wanted = wish_err_q || past_event < held + 16'(count_q);
  assign wished = rd_rsp_err_i || !wish[0];
  assign wish = 16'(rd_rsp_data_i >> {wish_addr_q[LaneWidth-1:0], 3'b000});
  assign judged = state_q == Judge || (state_q == WishWait && rd_rsp_valid_i && !event_idx_i);

  always_ff @(posedge clk_i) begin
    wish_offset_q <= event_idx_i ? {{1'b0, cfg_i.size} + 17'd2, 1'b0} : 18'd0;
    wish_addr_q   <= cfg_i.driver_addr + {46'd0, wish_offset_q};
    wish_q        <= wish;
    wish_err_q    <= rd_rsp_err_i;
  end

  assign goes_on = UsedTogether && cpl_q.more;
  // The next completion joins while it is there already and belongs to the same queue.
  assign joins          = cpl_valid_i && !cpl_i.fault && cpl_i.queue_index[QueueWidth-1:0] == queue_q &&
                          !dropping_i[queue_q] && count_q < CountWidth'(Batch);
  assign popped = (state_q == ElementPop && wr_pop_i && !straddles) || (state_q == RestPop && wr_pop_i);
  assign confirmed = state_q == Confirm && cpl_valid_i && !cpl_i.fault && !dropping_i[queue_q] && !cpl_i.failed;
  assign written = (popped && !early_q) || confirmed;
  assign begin_early = state_q == Idle && early_valid_i && !cpl_valid_i && !dropping_i[early_i.queue_index[QueueWidth-1:0]];

  assign dropped = state_q == Drop && unanswered_q == '0;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (cpl_valid_i && cpl_i.fault) state_d = Fatal;
        else if (cpl_valid_i && dropping_i[cpl_i.queue_index[QueueWidth-1:0]]) state_d = Drop;
        else if (cpl_valid_i || begin_early) state_d = Place;
      end
      Place: state_d = Element;
      Element: if (wr_req_ready_i) state_d = ElementPop;
      ElementPop: begin
        if (wr_pop_i && straddles) state_d = Rest;
        else if (wr_pop_i && early_q) state_d = Confirm;
        else if (wr_pop_i) state_d = Next;
      end
      Rest: if (wr_req_ready_i) state_d = RestPop;
      RestPop: begin
        if (wr_pop_i && early_q) state_d = Confirm;
        else if (wr_pop_i) state_d = Next;
      end
      Confirm: begin
        if (confirmed && unanswered_q == '0 && !failed_q && !goes_on) state_d = Idx;
        else if (confirmed) state_d = Next;
        else if (cpl_valid_i && cpl_i.fault) state_d = Fatal;
        else if (cpl_valid_i && dropping_i[queue_q]) state_d = Drop;
        else if (cpl_valid_i) state_d = Place;
      end
      Next: begin
        state_d = Settle;
        if (unanswered_q == '0 && !failed_q) state_d = Idx;
        if (unanswered_q == '0 && !failed_q && goes_on) state_d = Idle;
        if (joins) state_d = Place;
      end
      Settle: begin
        if (unanswered_q == '0) state_d = Idx;
        if (unanswered_q == '0 && goes_on) state_d = Idle;
        if (unanswered_q == '0 && failed_q) state_d = Fatal;
      end
      Idx: if (wr_req_ready_i) state_d = IdxWait;
      IdxWait: begin
        if (wr_done_i) state_d = Wish;
        if (wr_done_i && wr_done_err_i) state_d = Fatal;
      end
      Wish: if (rd_req_ready_i) state_d = WishWait;
      WishWait: begin
        if (rd_rsp_valid_i) state_d = Idle;
        if (rd_rsp_valid_i && event_idx_i) state_d = Judge;
      end
      Judge: state_d = Idle;
      Drop: begin
        // An element written ahead of its completion has to be answered first: once the queue says that it is reset, nothing more comes.
        if (unanswered_q == '0) state_d = Idle;
        if (unanswered_q == '0 && failed_q) state_d = Fatal;
      end
      Fatal: state_d = Halted;
      default: ;
    endcase
  end

  assign cpl_ready_o = state_q == Idle || state_q == Confirm || (state_q == Next && joins);
  assign take = cpl_valid_i && cpl_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q      <= Idle;
      cpl_q        <= '0;
      queue_q      <= '0;
      count_q      <= '0;
      unanswered_q <= '0;
      failed_q     <= 1'b0;
      early_q      <= 1'b0;
      again_q      <= 1'b0;
      asks_q       <= 1'b0;
      writes_q     <= 1'b0;
      published_q  <= 1'b0;
    end else begin
      state_q     <= state_d;
      again_q     <= state_q == Confirm;
      asks_q      <= (state_q == IdxWait && wr_done_i && !wr_done_err_i) || (state_q == Wish && !rd_req_ready_i);
      writes_q    <= state_d == Element || state_d == Rest || state_d == Idx;
      published_q <= state_q == IdxWait || state_q == Wish || state_q == WishWait || state_q == Judge;
      if (take) begin
        cpl_q   <= cpl_i;
        queue_q <= cpl_i.queue_index[QueueWidth-1:0];
        early_q <= 1'b0;
      end else if (begin_early) begin
        cpl_q   <= early_i;
        queue_q <= early_i.queue_index[QueueWidth-1:0];
        early_q <= 1'b1;
      end
      if (state_q == Idle) count_q <= '0;
      else if (state_q == Place && !again_q) count_q <= count_q + 1'b1;
      if (wr_req_valid_o && wr_req_ready_i && !wr_done_i) unanswered_q <= unanswered_q + 1'b1;
      else if (!(wr_req_valid_o && wr_req_ready_i) && wr_done_i) unanswered_q <= unanswered_q - 1'b1;
      if (wr_done_i && wr_done_err_i) failed_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      held_q       <= '0;
      held_queue_q <= '0;
    end else if (goes_on && state_d == Idle && (state_q == Next || state_q == Settle)) begin
      held_q       <= held + 16'(count_q);
      held_queue_q <= queue_q;
    end else if (judged || dropped) begin
      if (held_queue_q == queue_q) held_q <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      used_idx_q <= {NumQueues{IndexInit}};
      fresh_q    <= '1;
      written_q  <= 1'b0;
    end else begin
      written_q <= written;
      if (written_q) fresh_q[queue_q] <= 1'b0;
      // The count moves only after the last use of what it was before: with the wish, or after an element dropped.
      if (judged) used_idx_q[queue_q] <= next_idx_q;
      if (dropped) used_idx_q[queue_q] <= used_idx_q[queue_q] + held + 16'd1;
      for (int i = 0; i < NumQueues; i++) begin
        if (enabled_i[i]) begin
          used_idx_q[i] <= IndexInit;
          fresh_q[i]    <= 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (written_q) slot_q[queue_q] <= next_slot_q;
  end

  // Seen from outside, an idx counts as published when its write is on its way: the driver may act on it then, though not
  // in the same cycle. A cycle late at both ends: in the last one the count has moved, and `next_idx_q` is still it.
  for (genvar i = 0; i < NumQueues; i++) begin : g_used_idx
    assign used_idx_o[i] = (published_q && queue_q == QueueWidth'(i)) ? next_idx_q : used_idx_q[i];
  end

  assign done_idx_o = used_idx_q;

  assign used_event_o = judged && !dropping_i[queue_q] && (event_idx_i ? wanted : wished);
  assign queue_o = queue_q;
  assign active_o = state_q != Idle && state_q != Halted;
  assign fatal_o = state_q == Fatal;

endmodule
