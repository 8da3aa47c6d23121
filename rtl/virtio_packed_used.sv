// SPDX-License-Identifier: Apache-2.0
// Makes completed chains used in packed rings (2.8.6): writes a used descriptor for each, over the first one of its list, then, when all of a
// batch are answered, reads how far the driver wants to be left alone (2.8.10), then interrupts. A chain comes here only when its data
// is answered.
//
// Of chains that become used together (`more`) the first one's used descriptor goes last: until then the driver sees none of them.
//
// len, id and flags of a used descriptor go in one beat; on a 32-bit bus len goes first, and id and flags once it is answered. A
// failed write, or a completion marked as a fault, is reported on `fatal_o` and ends all work until `clear_i`. A wish that cannot be
// read means that the interrupt is wanted. What completes on a queue in reset is only counted.

module virtio_packed_used #(
    parameter int AxiDataWidth = 64,
    parameter int NumQueues = 2,
    parameter int Batch = 8,  // used descriptors before the driver's wish is read, at most
    parameter bit UsedTogether = 1'b0,  // completions with `more` come, of one queue at a time
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic event_idx_i,  // EVENT_IDX
    input logic [NumQueues-1:0] enabled_i,  // pulse: start from the first descriptor
    input logic [NumQueues-1:0] dropping_i,  // in queue reset
    input logic cpl_valid_i,
    output logic cpl_ready_o,
    input virtio_pkg::completion_t cpl_i,
    input logic [15:0] cpl_slots_i,  // descriptors of its list in the ring
    output logic [QueueWidth-1:0] queue_o,
    input virtio_pkg::queue_cfg_t cfg_i,  // of queue_o
    output logic active_o,
    output logic freed_valid_o,  // pulse: so many descriptors of queue_o were made used
    output logic [15:0] freed_slots_o,
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
  localparam bit Narrow = Bytes < 8;

  typedef enum logic [3:0] {
    Idle,
    Len,       // on a narrow bus
    LenWait,
    Flags,
    FlagsPop,
    Keep,      // the first of several that become used together
    Next,      // another one for the batch?
    Settle,    // wait for the answers to all
    Wish,
    WishWait,
    Drop,
    Fatal,
    Halted
  } state_e;

  state_e state_q, state_d;
  completion_t cpl_q;
  logic [QueueWidth-1:0] queue_q;
  logic [15:0] slots_q;
  logic [15:0] used_q[NumQueues];  // where the next used descriptor goes
  logic [NumQueues-1:0] wrap_q;
  logic [7:0] count_q, unanswered_q;
  logic [15:0] moved_q;  // descriptors of the batch
  logic failed_q;

  // Chains that become used together: the first one, and how many descriptors wait for its used descriptor.
  logic group_q, first_now_q;  // there is a first one; it is being written
  logic [QueueWidth-1:0] group_queue_q;
  completion_t first_q;
  logic [15:0] first_slot_q, first_slots_q, held_q;
  logic first_wrap_q;
  logic in_group, opens, goes_on, closes;

  logic [15:0] slot, flags, write_slot;
  logic [16:0] next_slot;
  logic wrap, write_wrap, passes_end, joins, take, written, steps, issued;
  logic [63:0] slot_addr, write_addr;
  logic [31:0] wish;
  logic [15:0] moved;
  logic [16:0] position, event_position, behind, ring;
  logic wanted;

  assign slot       = used_q[queue_q];
  assign wrap       = wrap_q[queue_q];
  assign next_slot  = {1'b0, slot} + {1'b0, slots_q};
  assign passes_end = next_slot >= {1'b0, cfg_i.size};
  assign write_slot = first_now_q ? first_slot_q : slot;
  assign write_wrap = first_now_q ? first_wrap_q : wrap;
  assign slot_addr  = cfg_i.desc_addr + {44'd0, write_slot, 4'd0};

  assign in_group   = UsedTogether && group_q && group_queue_q == queue_q;
  assign opens      = UsedTogether && cpl_i.more && !(group_q && group_queue_q == cpl_i.queue_index[QueueWidth-1:0]);
  assign goes_on    = in_group && cpl_q.more && !first_now_q;
  assign closes     = in_group && !cpl_q.more && !first_now_q;

  // WRITE tells whether anything was written.
  always_comb begin
    flags = '0;
    flags[DESC_AVAIL_BIT] = write_wrap;
    flags[DESC_USED_BIT] = write_wrap;
    flags[DESC_WRITE_BIT] = cpl_q.written_len != 32'd0;
  end

  if (Narrow) begin : g_narrow
    logic len_first;
    assign len_first  = state_q == Len || state_q == LenWait;
    assign write_addr = len_first ? slot_addr + 64'd8 : slot_addr + 64'd12;
    assign wr_data_o  = len_first ? cpl_q.written_len : {flags, cpl_q.head};
    assign wr_strb_o  = '1;
  end else begin : g_wide
    assign write_addr = slot_addr + 64'd8;
    assign wr_data_o  = {(Bytes / 8) {flags, cpl_q.head, cpl_q.written_len}};
    assign wr_strb_o  = Bytes'(8'hff) << write_addr[LaneWidth-1:0];
  end
  assign wr_req_valid_o = state_q == Len || state_q == Flags;
  assign wr_req_addr_o  = {write_addr[63:LaneWidth], {LaneWidth{1'b0}}};

  // The driver's event suppression structure. Positions count over two rounds of the ring; of a batch any descriptor that reaches the one
  // named counts. Reserved values do not suppress.
  assign rd_req_valid_o = state_q == Wish;
  assign rd_req_addr_o  = cfg_i.driver_addr;
  if (Bytes > 4) begin : g_wish_lane
    assign wish = 32'(rd_rsp_data_i >> {cfg_i.driver_addr[LaneWidth-1:2], 5'd0});
  end else begin : g_wish
    assign wish = rd_rsp_data_i[31:0];
  end
  assign moved = moved_q + (in_group ? held_q : 16'd0);
  assign ring = {1'b0, cfg_i.size};
  assign position = {1'b0, slot} + (wrap ? 17'd0 : ring);
  assign event_position = {2'b0, wish[14:0]} + (wish[15] ? 17'd0 : ring);
  assign behind = (position >= event_position) ? position - event_position
                                               : position - event_position + {cfg_i.size, 1'b0};
  always_comb begin
    wanted = wish[17:16] != RING_EVENT_FLAGS_DISABLE[1:0];
    if (wish[17:16] == RING_EVENT_FLAGS_DESC[1:0] && event_idx_i && {1'b0, wish[14:0]} < cfg_i.size) begin
      wanted = behind != 17'd0 && behind <= {1'b0, moved};
    end
  end

  // The next completion joins while it is there already and belongs to the same queue.
  assign joins = cpl_valid_i && !cpl_i.fault && cpl_i.queue_index[QueueWidth-1:0] == queue_q &&
                 !dropping_i[queue_q] && count_q < 8'(Batch);
  assign cpl_ready_o = state_q == Idle || (state_q == Next && joins && !closes && !first_now_q);
  assign take = cpl_valid_i && cpl_ready_o;
  assign written = state_q == FlagsPop && wr_pop_i;
  assign steps = (written && !first_now_q) || state_q == Keep;
  assign issued = wr_req_valid_o && wr_req_ready_i;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (cpl_valid_i) state_d = Flags;
        if (cpl_valid_i && opens) state_d = Keep;
        if (cpl_valid_i && dropping_i[cpl_i.queue_index[QueueWidth-1:0]]) state_d = Drop;
        if (cpl_valid_i && cpl_i.fault) state_d = Fatal;
      end
      Len: if (wr_req_ready_i) state_d = LenWait;
      LenWait: begin
        if (unanswered_q == '0) state_d = Flags;
        if (unanswered_q == '0 && failed_q) state_d = Fatal;
      end
      Flags: if (wr_req_ready_i) state_d = FlagsPop;
      FlagsPop: if (wr_pop_i) state_d = Next;
      Next: begin
        state_d = Settle;
        if (take) state_d = Flags;
        if (take && opens) state_d = Keep;
      end
      Settle: begin
        if (unanswered_q == '0) state_d = Wish;
        if (unanswered_q == '0 && goes_on) state_d = Idle;
        if (unanswered_q == '0 && closes) state_d = Flags;
        if (unanswered_q == '0 && failed_q) state_d = Fatal;
      end
      Wish: if (rd_req_ready_i) state_d = WishWait;
      WishWait: if (rd_rsp_valid_i) state_d = Idle;
      Keep: state_d = Next;
      Drop: state_d = Idle;
      Fatal: state_d = Halted;
      default: ;
    endcase
    if (Narrow && state_d == Flags && state_q != LenWait && state_q != Flags) state_d = Len;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q      <= Idle;
      cpl_q        <= '0;
      queue_q      <= '0;
      slots_q      <= '0;
      count_q      <= '0;
      moved_q      <= '0;
      unanswered_q <= '0;
      failed_q     <= 1'b0;
    end else begin
      state_q <= state_d;
      if (take) begin
        cpl_q   <= cpl_i;
        slots_q <= cpl_slots_i;
        queue_q <= cpl_i.queue_index[QueueWidth-1:0];
      end else if (state_q == Settle && unanswered_q == '0 && closes) begin
        cpl_q   <= first_q;
        slots_q <= first_slots_q;
      end
      if (state_q == Idle) begin
        count_q <= '0;
        moved_q <= '0;
      end else if (steps) begin
        count_q <= count_q + 8'd1;
        moved_q <= moved_q + slots_q;
      end
      if (issued && !wr_done_i) unanswered_q <= unanswered_q + 8'd1;
      else if (!issued && wr_done_i) unanswered_q <= unanswered_q - 8'd1;
      if (wr_done_i && wr_done_err_i) failed_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < NumQueues; i++) begin
      if (!rst_ni || clear_i || enabled_i[i]) begin
        used_q[i] <= '0;
        wrap_q[i] <= 1'b1;
      end else if (steps && queue_q == QueueWidth'(i)) begin
        used_q[i] <= passes_end ? next_slot[15:0] - cfg_i.size : next_slot[15:0];
        wrap_q[i] <= wrap ^ passes_end;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      group_q       <= 1'b0;
      group_queue_q <= '0;
      first_now_q   <= 1'b0;
      first_q       <= '0;
      first_slot_q  <= '0;
      first_slots_q <= '0;
      first_wrap_q  <= 1'b0;
      held_q        <= '0;
    end else begin
      if (UsedTogether && state_q == Keep) begin
        group_q       <= 1'b1;
        group_queue_q <= queue_q;
        first_q       <= cpl_q;
        first_slot_q  <= slot;
        first_slots_q <= slots_q;
        first_wrap_q  <= wrap;
        held_q        <= '0;
      end
      if (state_q == Settle && state_d == Idle) held_q <= held_q + moved_q;
      if (state_q == Settle && unanswered_q == '0 && closes) first_now_q <= 1'b1;
      if ((state_q == WishWait && rd_rsp_valid_i && in_group) || (state_q == Drop && in_group)) begin
        group_q     <= 1'b0;
        first_now_q <= 1'b0;
      end
    end
  end

  assign freed_valid_o = written || state_q == Drop;
  assign freed_slots_o = slots_q + ((state_q == Drop && in_group) ? first_slots_q : 16'd0);
  assign used_event_o = state_q == WishWait && rd_rsp_valid_i && !dropping_i[queue_q] && (rd_rsp_err_i || wanted);
  assign queue_o = queue_q;
  assign active_o = state_q != Idle && state_q != Halted;
  assign fatal_o = state_q == Fatal;

endmodule
