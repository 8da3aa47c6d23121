// SPDX-License-Identifier: Apache-2.0
// Finds what a driver has made available in packed rings (2.8): for a queue to be visited it looks at the flags of the next descriptors, as
// one burst up to the end of their 128 bytes, and hands on the position of each descriptor that begins a list once it knows
// where the list ends. The descriptors themselves are read again after that, for only what is read after the flags is
// sure to be what the driver meant (2.8.21.1). Where there may be more the queue is marked again, so that queues take turns.
//
// With EVENT_IDX a visit that has found nothing more ends with telling the driver from which descriptor on to notify (2.8.10), and with one
// more look, for the driver may have gone on in the meantime. Otherwise the driver's notifications stay enabled.
//
// A list of which only the beginning is available, one longer than the queue has descriptors free, or a failed access becomes a
// fault mark behind the good heads; nothing is read after it until `clear_i`.

module virtio_packed_reader #(
    parameter int AxiDataWidth = 64,
    parameter int NumQueues = 2,
    parameter int Batch = 8,
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic event_idx_i,  // EVENT_IDX
    input logic visit_valid_i,
    output logic visit_ready_o,
    input logic [QueueWidth-1:0] visit_queue_i,
    input logic [7:0] visit_limit_i,  // lists that may be taken, at least 1
    output logic [NumQueues-1:0] rearm_o,
    input logic [NumQueues-1:0] enabled_i,  // pulse: start from the first descriptor
    output logic [QueueWidth-1:0] queue_o,  // being visited
    output logic active_o,
    output logic [NumQueues-1:0] in_flight_o,  // has lists that were taken and not yet made used
    input virtio_pkg::queue_cfg_t cfg_i,  // of queue_o
    output logic taken_o,  // pulse: one more list of queue_o
    input logic freed_valid_i,  // pulse: descriptors were made used
    input logic [QueueWidth-1:0] freed_queue_i,
    input logic [15:0] freed_slots_i,
    // DMA read client
    output logic rd_req_valid_o,
    input logic rd_req_ready_i,
    output logic [63:0] rd_req_addr_o,
    output logic [7:0] rd_req_len_o,
    output logic [2:0] rd_req_size_o,
    input logic rd_rsp_valid_i,
    input logic [AxiDataWidth-1:0] rd_rsp_data_i,
    input logic rd_rsp_last_i,
    input logic rd_rsp_err_i,
    // DMA write client
    output logic wr_req_valid_o,
    input logic wr_req_ready_i,
    output logic [63:0] wr_req_addr_o,
    output logic [AxiDataWidth-1:0] wr_data_o,
    output logic [Bytes-1:0] wr_strb_o,
    input logic wr_done_i,
    input logic wr_done_err_i,
    // Heads: positions in the ring
    output logic head_valid_o,
    input logic head_ready_i,
    output logic head_fault_o,
    output logic [QueueWidth-1:0] head_queue_o,
    output logic [15:0] head_o,
    output logic [15:0] head_slots_o  // descriptors of the list
);

  import virtio_pkg::*;

  localparam int HeadFifoDepth = 2 * Batch;
  localparam int LaneWidth = $clog2(Bytes);
  localparam int DescBeats = (AxiDataWidth < 128) ? 128 / AxiDataWidth : 1;
  localparam int DescSize = (AxiDataWidth < 128) ? LaneWidth : 4;

  typedef enum logic [2:0] {
    Idle,
    Ask,
    Look,
    Decide,
    Event,      // publish from where on to notify
    EventWait,
    Fault,
    Halted
  } state_e;

  state_e state_q, state_d;
  logic [QueueWidth-1:0] queue_q;
  logic [15:0] in_flight_q[NumQueues];
  // Where each queue's next list begins, and what AVAIL says there.
  logic [15:0] next_q[NumQueues];
  logic [NumQueues-1:0] next_wrap_q;
  // The same within this visit, and where the list that has been begun does.
  logic [15:0] slot_q, head_q, slots_q;
  logic wrap_q, in_list_q;
  logic [7:0] batch_q, found_q;
  logic stop_q, empty_q, bad_q, err_q, told_q;
  logic [2:0] beat_q;

  logic [3:0] to_end, count;
  logic [15:0] ring_left, left;
  logic [15:0] flags;
  logic desc_seen, available, begins, refused, step, list_ends, ring_ends;
  logic head_push, head_room, head_faulty;
  logic [15:0] head, slots;
  logic [$clog2(HeadFifoDepth):0] head_count;

  assign rd_req_addr_o  = cfg_i.desc_addr + {44'd0, slot_q, 4'd0};
  assign to_end         = 4'd8 - {1'b0, rd_req_addr_o[6:4]};
  assign ring_left      = cfg_i.size - slot_q;
  assign count          = (ring_left < {12'd0, to_end}) ? ring_left[3:0] : to_end;
  assign rd_req_len_o   = 8'(count) * 8'(DescBeats) - 8'd1;
  assign rd_req_size_o  = 3'(DescSize);
  assign rd_req_valid_o = state_q == Ask && left != 16'd0;

  // Flags are the last two bytes of a descriptor.
  if (AxiDataWidth > 128) begin : g_side_by_side
    logic [LaneWidth-5:0] lane;
    assign lane  = cfg_i.desc_addr[LaneWidth-1:4] + slot_q[LaneWidth-5:0];
    assign flags = 16'(rd_rsp_data_i >> {lane, 7'd112});
  end else begin : g_whole_beats
    assign flags = rd_rsp_data_i[AxiDataWidth-1-:16];
  end

  // Of the descriptors in flight the driver can have made none available once more.
  assign left           = cfg_i.size - in_flight_q[queue_q];
  assign desc_seen      = state_q == Look && rd_rsp_valid_i && beat_q == 3'(DescBeats - 1) && !stop_q && !bad_q;
  assign available      = flags[DESC_AVAIL_BIT] == wrap_q && flags[DESC_USED_BIT] != wrap_q && left != 16'd0;
  assign begins         = !in_list_q;
  assign refused        = begins && found_q == batch_q;
  assign step           = desc_seen && !err_q && !rd_rsp_err_i && available && !refused;
  assign list_ends      = step && !flags[DESC_NEXT_BIT];
  assign ring_ends      = slot_q + 16'd1 == cfg_i.size;

  // A visit needs room for its whole batch and a fault mark.
  assign visit_ready_o  = state_q == Idle && head_count < ($clog2(HeadFifoDepth) + 1)'(HeadFifoDepth - Batch);
  assign head_faulty    = state_q == Fault;
  assign head_push      = list_ends || head_faulty;
  assign head           = begins ? slot_q : head_q;
  assign slots          = begins ? 16'd1 : slots_q + 16'd1;

  assign wr_req_valid_o = state_q == Event;
  assign wr_req_addr_o  = {cfg_i.device_addr[63:LaneWidth], {LaneWidth{1'b0}}};
  assign wr_data_o      = {(Bytes / 4) {RING_EVENT_FLAGS_DESC, wrap_q, slot_q[14:0]}};
  assign wr_strb_o      = Bytes'(4'hf) << cfg_i.device_addr[LaneWidth-1:0];

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: if (visit_valid_i && visit_ready_o) state_d = Ask;
      Ask: begin
        if (rd_req_ready_i) state_d = Look;
        if (left == 16'd0) state_d = Decide;
      end
      Look: if (rd_rsp_valid_i && rd_rsp_last_i) state_d = Decide;
      Decide: begin
        state_d = Idle;
        if (empty_q && event_idx_i && !told_q) state_d = Event;
        if (in_list_q) state_d = Ask;
        if (bad_q) state_d = Fault;
      end
      Event: if (wr_req_ready_i) state_d = EventWait;
      EventWait: begin
        if (wr_done_i) state_d = Ask;
        if (wr_done_i && wr_done_err_i) state_d = Fault;
      end
      Fault: if (head_room) state_d = Halted;
      default: ;
    endcase
  end

  for (genvar i = 0; i < NumQueues; i++) begin : g_queue
    assign rearm_o[i] = state_q == Decide && queue_q == QueueWidth'(i) && !empty_q && !in_list_q && !bad_q;
    assign in_flight_o[i] = in_flight_q[i] != 16'd0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q   <= Idle;
      queue_q   <= '0;
      slot_q    <= '0;
      head_q    <= '0;
      slots_q   <= '0;
      wrap_q    <= 1'b0;
      in_list_q <= 1'b0;
      batch_q   <= '0;
      found_q   <= '0;
      stop_q    <= 1'b0;
      empty_q   <= 1'b0;
      bad_q     <= 1'b0;
      err_q     <= 1'b0;
      told_q    <= 1'b0;
      beat_q    <= '0;
    end else begin
      state_q <= state_d;
      case (state_q)
        Idle: begin
          queue_q   <= visit_queue_i;
          slot_q    <= next_q[visit_queue_i];
          wrap_q    <= next_wrap_q[visit_queue_i];
          batch_q   <= (visit_limit_i < 8'(Batch)) ? visit_limit_i : 8'(Batch);
          found_q   <= '0;
          in_list_q <= 1'b0;
          told_q    <= 1'b0;
        end
        Ask: begin
          beat_q  <= '0;
          err_q   <= 1'b0;
          stop_q  <= 1'b0;
          empty_q <= left == 16'd0;
          bad_q   <= left == 16'd0 && in_list_q;
        end
        Look: begin
          if (rd_rsp_valid_i) begin
            beat_q <= (beat_q == 3'(DescBeats - 1)) ? 3'd0 : beat_q + 3'd1;
            err_q  <= err_q || rd_rsp_err_i;
          end
          if (desc_seen) begin
            bad_q   <= err_q || rd_rsp_err_i || (in_list_q && !available);
            stop_q  <= refused || !available;
            empty_q <= !refused && !available;
          end
          if (step) begin
            slot_q    <= ring_ends ? 16'd0 : slot_q + 16'd1;
            wrap_q    <= wrap_q ^ ring_ends;
            in_list_q <= !list_ends;
            slots_q   <= slots;
            if (begins) head_q <= slot_q;
          end
          if (list_ends) begin
            found_q <= found_q + 8'd1;
            told_q  <= 1'b0;
          end
        end
        EventWait: told_q <= 1'b1;
        default:   ;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < NumQueues; i++) begin
      if (!rst_ni || clear_i || enabled_i[i]) begin
        next_q[i]      <= '0;
        next_wrap_q[i] <= 1'b1;
        in_flight_q[i] <= '0;
      end else begin
        if (state_q == Decide && queue_q == QueueWidth'(i)) begin
          next_q[i]      <= slot_q;
          next_wrap_q[i] <= wrap_q;
        end
        in_flight_q[i] <= in_flight_q[i] + ((step && queue_q == QueueWidth'(i)) ? 16'd1 : 16'd0)
                                         - ((freed_valid_i && freed_queue_i == QueueWidth'(i)) ? freed_slots_i : 16'd0);
      end
    end
  end

  virtio_fifo #(
      .Width(1 + QueueWidth + 32),
      .Depth(HeadFifoDepth)
  ) u_heads (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (head_push),
      .in_ready_o (head_room),
      .in_data_i  ({head_faulty, queue_q, head, slots}),
      .out_valid_o(head_valid_o),
      .out_ready_i(head_ready_i),
      .out_data_o ({head_fault_o, head_queue_o, head_o, head_slots_o}),
      .count_o    (head_count)
  );

  assign queue_o  = queue_q;
  assign active_o = state_q != Idle && state_q != Halted;
  assign taken_o  = list_ends;

endmodule
