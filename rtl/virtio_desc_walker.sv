// SPDX-License-Identifier: Apache-2.0
// Walks the descriptor chain of each head (2.7.5, 2.8): looks at every descriptor once, checks it, and stores its buffer. In a packed ring
// the next descriptor is the next one in memory, and an indirect table is as long as it is.
//
// The first descriptors of a chain come with its head, read ahead; those elsewhere, and those of an indirect table (2.7.5.3), are asked for
// when the walk comes to them, as a burst up to the end of their 64 bytes. Segments go to two stores, readable and writable, which show
// them only once the whole chain is known to be well-formed (`seg_commit_o`; else `seg_rollback_o`). A malformed chain or a fault mark
// becomes a chain with `fault` set; nothing is walked after it until `clear_i`.

module virtio_desc_walker #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int BlocksAhead = 4,  // power of two
    parameter bit Indirect = 1'b1,  // INDIRECT_DESC is offered
    localparam int LaneWidth = $clog2(AxiDataWidth / 8)
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  logic                                      clear_i,
    input  logic                                      indirect_i,         // INDIRECT_DESC
    input  logic                                      packed_i,           // RING_PACKED
    // Heads with the blocks read ahead
    input  logic                                      info_valid_i,
    output logic                                      info_ready_o,
    input  virtio_pkg::desc_head_t                    info_i,
    input  logic                                      ahead_rsp_valid_i,
    output logic                                      ahead_done_o,       // pulse
    // DMA read client for what was not
    output logic                                      rd_req_valid_o,
    input  logic                                      rd_req_ready_i,
    output logic                   [            63:0] rd_req_addr_o,
    output logic                   [             7:0] rd_req_len_o,
    output logic                   [             2:0] rd_req_size_o,
    input  logic                                      rd_rsp_valid_i,
    input  logic                   [AxiDataWidth-1:0] rd_rsp_data_i,
    input  logic                                      rd_rsp_err_i,
    // Segment stores
    output logic                                      readable_valid_o,
    input  logic                                      readable_ready_i,
    output logic                                      writable_valid_o,
    input  logic                                      writable_ready_i,
    output virtio_pkg::segment_t                      seg_o,
    output logic                                      seg_commit_o,
    output logic                                      seg_rollback_o,
    // Chains: to the device type and to the chain writer
    output logic                                      chain_valid_o,
    input  logic                                      chain_ready_i,
    output virtio_pkg::chain_t                        chain_o,
    output logic                   [            15:0] chain_slots_o,      // its descriptors in the ring
    // Of which queues descriptors are still being read, needed or not
    output logic                                      ahead_busy_o,
    output logic                   [            15:0] ahead_queue_o,
    output logic                                      asked_busy_o,
    output logic                   [            15:0] asked_queue_o
);

  import virtio_pkg::*;

  localparam int DescBeats = (AxiDataWidth < 128) ? 128 / AxiDataWidth : 1;
  localparam int DescSize = (AxiDataWidth < 128) ? LaneWidth : 4;
  localparam int BlockBeats = 4 * DescBeats;
  localparam logic [12:0] Page = 13'd4096;

  typedef enum logic [2:0] {
    Idle,
    Load,
    Check,
    Store,   // give the segment held back, now that it is known whether it was the last of its part
    Ask,     // for descriptors that were not read ahead
    AskRest, // of one that lies across a page boundary
    Fault,
    Halted
  } state_e;

  state_e state_q, state_d;
  desc_head_t head_q;
  logic [15:0] count_q;  // descriptors with buffers so far, this one included
  logic [15:0] ahead_queue_q, asked_queue_q;
  logic [ 15:0] id_q;  // of a list in a packed ring: that of its last descriptor
  logic [127:0] desc;
  logic [111:0] desc_q;  // the last two bytes, with what is next, are not kept

  // Where the walk is: in the descriptor table, or in an indirect one; in the block read ahead, or in one asked for.
  logic in_table_q, asked_q;
  logic asks_q;  // for descriptors, when those asked for before are done with
  logic [63:0] base_q;
  logic [27:0] entries_q;
  logic [15:0] index_q;
  logic [2:0] block_left_q;  // descriptors of the block from index_q on

  // The segment held back.
  logic held_q, held_writable_q;
  logic [63:0] held_addr_q;
  logic [31:0] held_len_q;
  logic writable_seen_q;
  logic [31:0] readable_len_q, writable_len_q;

  logic [63:0] desc_addr;
  logic [31:0] desc_len;
  logic [15:0] desc_next, desc_flags, index_next;
  logic
      desc_has_next,
      desc_writable,
      desc_indirect,
      holds_first,
      hold,
      empty,
      bad_table,
      bad_next,
      bad_buffer,
      other_list,
      wrong,
      malformed,
      far,
      too_long,
      stays,
      stored_q;
  // As found when it was loaded
  logic empty_q, wrong_q, far_q, stays_q, has_next_q, writable_q, indirect_q;
  logic [15:0] next_q;
  logic table_more;
  logic [31:0] total;
  logic [32:0] readable_total, writable_total;
  logic readable_over_q, writable_over_q;
  logic part_ends, chain_ends, give, store_ready;

  logic [63:0] ask_addr_q;
  logic [27:0] ask_left;
  logic [2:0] ask_few_q, ask_to_end;  // few: descriptors up to the end of the table, if less than 4
  logic [2:0] ask_count, ask_size;
  logic [12:0] page_left;
  logic [4:0] ask_beats, first_beats;
  logic unaligned, split;

  logic
      open_ahead, open_asked, close, ahead_busy, ahead_valid, ahead_err, asked_busy, asked_valid, asked_err, asked_done;
  logic [127:0] ahead_desc, asked_desc;
  logic load;

  virtio_desc_block #(
      .AxiDataWidth(AxiDataWidth),
      .Depth       (BlocksAhead * BlockBeats)
  ) u_ahead (
      .clk_i,
      .rst_ni,
      .clear_i,
      .in_valid_i  (ahead_rsp_valid_i),
      .in_data_i   (rd_rsp_data_i),
      .in_err_i    (rd_rsp_err_i),
      .open_i      (open_ahead),
      .open_beats_i(5'(info_i.count) * 5'(DescBeats)),
      .open_size_i (3'(DescSize)),
      .open_lane_i (LaneWidth'({info_i.desc_addr[5:4] + info_i.head[1:0], 4'd0})),
      .busy_o      (ahead_busy),
      .done_o      (ahead_done_o),
      .desc_valid_o(ahead_valid),
      .desc_o      (ahead_desc),
      .desc_err_o  (ahead_err),
      .next_i      (load),
      .close_i     (close)
  );

  virtio_desc_block #(
      .AxiDataWidth(AxiDataWidth),
      .Depth       (16),
      .AnySize     (Indirect)
  ) u_asked (
      .clk_i,
      .rst_ni,
      .clear_i,
      .in_valid_i  (rd_rsp_valid_i),
      .in_data_i   (rd_rsp_data_i),
      .in_err_i    (rd_rsp_err_i),
      .open_i      (open_asked),
      .open_beats_i(ask_beats),
      .open_size_i (ask_size),
      .open_lane_i (ask_addr_q[LaneWidth-1:0]),
      .busy_o      (asked_busy),
      .done_o      (asked_done),
      .desc_valid_o(asked_valid),
      .desc_o      (asked_desc),
      .desc_err_o  (asked_err),
      .next_i      (load),
      .close_i     (close)
  );

  // What to ask for, where the next descriptor is not at hand: descriptors in a row up to the end of their 64 bytes; of a table that is not aligned, one by one in the largest
  // beats that its alignment allows.
  assign ask_left = indirect_q ? desc_q[95:68] : entries_q - {12'd0, next_q};
  always_ff @(posedge clk_i) begin
    if (state_q == Check) begin
      ask_addr_q <= indirect_q ? desc_q[63:0] : base_q + {44'd0, next_q, 4'd0};
      ask_few_q  <= (ask_left[27:2] != '0) ? 3'd4 : {1'b0, ask_left[1:0]};
    end
  end
  assign unaligned = Indirect && ask_addr_q[3:0] != 4'd0;
  assign ask_to_end = 3'd4 - {1'b0, ask_addr_q[5:4]};
  assign page_left = Page - {1'b0, ask_addr_q[11:0]};
  assign split = unaligned && page_left < 13'd16;
  always_comb begin
    ask_size = 3'(DescSize);
    if (ask_addr_q[3] && DescSize > 3) ask_size = 3'd3;
    if (ask_addr_q[2] && DescSize > 2) ask_size = 3'd2;
    if (ask_addr_q[1]) ask_size = 3'd1;
    if (ask_addr_q[0]) ask_size = 3'd0;
    ask_count = (ask_few_q < ask_to_end) ? ask_few_q : ask_to_end;
    if (unaligned) ask_count = 3'd1;
    ask_beats   = unaligned ? 5'(5'd16 >> ask_size) : 5'(ask_count) * 5'(DescBeats);
    first_beats = split ? 5'(page_left >> ask_size) : ask_beats;
  end
  assign rd_req_valid_o = asks_q;
  assign rd_req_addr_o = (state_q == AskRest) ? ask_addr_q + {51'd0, page_left} : ask_addr_q;
  assign rd_req_len_o = ((state_q == AskRest) ? 8'(ask_beats) - 8'(first_beats) : 8'(first_beats)) - 8'd1;
  assign rd_req_size_o = ask_size;

  // What kind of descriptor is being loaded, and what is wrong with it.
  assign desc = asked_q ? asked_desc : ahead_desc;
  assign desc_addr = desc[63:0];
  assign desc_len = desc[95:64];
  // Split: flags, next. Packed: id, flags; in a table only WRITE counts.
  assign desc_flags = packed_i ? desc[127:112] : desc[111:96];
  assign table_more = {12'd0, index_q} + 28'd1 != entries_q;
  assign index_next = table_more ? index_q + 16'd1 : 16'd0;
  assign desc_has_next = (packed_i && in_table_q) ? table_more : desc_flags[DESC_NEXT_BIT];
  assign desc_writable = desc_flags[DESC_WRITE_BIT];
  assign desc_indirect = desc_flags[DESC_INDIRECT_BIT] && !(packed_i && in_table_q);
  assign desc_next = packed_i ? index_next : desc[127:112];
  assign empty = desc_len == 32'd0;

  // A buffer or table that passes the end of the address space can be reached by no bus; a part of more than 2^32 - 1 bytes by no
  // length.
  assign total = (writable_q ? writable_len_q : readable_len_q) + desc_q[95:64];  // with the one loaded
  // Whether that is too much is found as it is loaded, for both parts, before it is known which of them it belongs to.
  assign readable_total = {1'b0, readable_len_q} + {1'b0, desc_len};
  assign writable_total = {1'b0, writable_len_q} + {1'b0, desc_len};
  assign bad_table = !indirect_i || in_table_q || desc_has_next || empty || desc_len[3:0] != 4'd0 ||
                     (packed_i && count_q != 16'd1);
  assign bad_next = {12'd0, desc_next} >= entries_q || count_q == head_q.size;
  assign bad_buffer = (writable_seen_q && !desc_writable) || count_q > head_q.size;
  // A list that does not end where it did when it was found available was changed by its driver in the meantime.
  assign other_list = packed_i && !in_table_q && desc_has_next == (count_q == head_q.slots);
  assign wrong = (asked_q ? asked_err : ahead_err) || other_list || (desc_has_next && bad_next) ||
                 (desc_indirect ? bad_table : bad_buffer);
  assign far = !empty && out_of_reach(desc_addr, desc_len, AxiAddrWidth);
  assign too_long = !indirect_q && (writable_q ? writable_over_q : readable_over_q);
  assign malformed = wrong_q || far_q || too_long;  // of the one loaded

  // Whether the next descriptor is the next one of the block.
  assign stays = !desc_indirect && desc_has_next && desc_next == index_q + 16'd1 && block_left_q > 3'd1;

  assign open_ahead = state_q == Idle && info_valid_i && !info_i.fault && !ahead_busy;
  assign open_asked = state_q == Ask && rd_req_valid_o && rd_req_ready_i;
  assign info_ready_o = open_ahead || (state_q == Idle && info_valid_i && info_i.fault);
  assign load = state_q == Load && (asked_q ? asked_valid : ahead_valid);
  assign close = state_q == Check && (!stays_q || malformed);

  // Where none is held the new segment is at once.
  assign holds_first = state_q == Check && !held_q && !empty_q && !indirect_q;
  assign hold = holds_first || (state_q == Store && store_ready && (!chain_ends || chain_ready_i) && !empty_q && !stored_q);

  // Held segment: the last of its part if the chain ends or the next one belongs to the writable part. A chain is handed over with its
  // last segment.
  assign part_ends = (!has_next_q && (empty_q || stored_q)) || (!empty_q && writable_q && !held_writable_q);
  assign chain_ends = state_q == Store && !has_next_q && (empty_q || stored_q);
  assign give = state_q == Store && held_q && (!chain_ends || chain_ready_i);
  assign readable_valid_o = give && !held_writable_q;
  assign writable_valid_o = give && held_writable_q;
  assign store_ready = !held_q || (held_writable_q ? writable_ready_i : readable_ready_i);
  assign seg_o = {held_addr_q, held_len_q, part_ends};
  assign seg_commit_o = chain_ends && store_ready && chain_ready_i;
  assign seg_rollback_o = state_q == Fault;
  assign chain_valid_o = (chain_ends && store_ready) || state_q == Fault;
  assign chain_o = {
    state_q == Fault, head_q.queue_index, packed_i ? id_q : head_q.head, readable_len_q, writable_len_q
  };
  assign chain_slots_o = in_table_q ? 16'd1 : count_q;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (open_ahead) state_d = Load;
        if (info_valid_i && info_i.fault) state_d = Fault;
      end
      Load: if (load) state_d = Check;
      Check: begin
        // An empty buffer in mid-chain leaves the segment held back where it is; so does the way into a table. The first one is held now.
        state_d = Store;
        if (indirect_q) state_d = Ask;
        else if ((empty_q || holds_first) && stays_q) state_d = Load;
        else if ((empty_q || holds_first) && has_next_q) state_d = Ask;
        if (malformed) state_d = Fault;
      end
      Store: begin
        // First what is held, then what is new; a chain's last segment passes through twice.
        if (store_ready) begin
          if (stays_q) state_d = Load;
          else if (has_next_q) state_d = Ask;
          else if (chain_ends && chain_ready_i) state_d = Idle;
        end
      end
      Ask: begin
        if (open_asked) state_d = Load;
        if (open_asked && split) state_d = AskRest;
      end
      AskRest: if (rd_req_ready_i) state_d = Load;
      Fault: if (chain_ready_i) state_d = Halted;
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q         <= Idle;
      asks_q          <= 1'b0;
      head_q          <= '0;
      count_q         <= '0;
      id_q            <= '0;
      ahead_queue_q   <= '0;
      asked_queue_q   <= '0;
      has_next_q      <= 1'b0;
      empty_q         <= 1'b0;
      wrong_q         <= 1'b0;
      far_q           <= 1'b0;
      readable_over_q <= 1'b0;
      writable_over_q <= 1'b0;
      writable_q      <= 1'b0;
      indirect_q      <= 1'b0;
      next_q          <= '0;
      desc_q          <= '0;
      in_table_q      <= 1'b0;
      asked_q         <= 1'b0;
      base_q          <= '0;
      entries_q       <= '0;
      index_q         <= '0;
      block_left_q    <= '0;
      held_q          <= 1'b0;
      held_writable_q <= 1'b0;
      held_addr_q     <= '0;
      held_len_q      <= '0;
      writable_seen_q <= 1'b0;
      readable_len_q  <= '0;
      writable_len_q  <= '0;
      stored_q        <= 1'b0;
      stays_q         <= 1'b0;
    end else begin
      state_q <= state_d;
      asks_q  <= (state_d == Ask && !asked_busy) || state_d == AskRest;
      if (open_ahead) ahead_queue_q <= info_i.queue_index;
      if (open_asked) asked_queue_q <= head_q.queue_index;
      case (state_q)
        Idle: begin
          head_q          <= info_i;
          base_q          <= info_i.desc_addr;
          entries_q       <= {12'd0, info_i.size};
          index_q         <= info_i.head;
          block_left_q    <= info_i.count;
          count_q         <= 16'd1;
          in_table_q      <= 1'b0;
          asked_q         <= 1'b0;
          held_q          <= 1'b0;
          writable_seen_q <= 1'b0;
          readable_len_q  <= '0;
          writable_len_q  <= '0;
        end
        Load: begin
          desc_q          <= desc[111:0];
          writable_q      <= desc_writable;
          indirect_q      <= desc_indirect;
          next_q          <= desc_next;
          has_next_q      <= desc_has_next;
          empty_q         <= empty;
          wrong_q         <= wrong;
          far_q           <= far;
          readable_over_q <= readable_total[32];
          writable_over_q <= writable_total[32];
          stays_q         <= stays;
        end
        Check: begin
          stored_q     <= holds_first;
          block_left_q <= block_left_q - 3'd1;
          index_q      <= indirect_q ? 16'd0 : next_q;
          if (!in_table_q) id_q <= desc_q[111:96];
          if (indirect_q) begin
            // It has no buffer, so it does not count.
            in_table_q <= 1'b1;
            base_q     <= desc_q[63:0];
            entries_q  <= desc_q[95:68];
          end else begin
            writable_seen_q <= writable_seen_q || writable_q;
            if (has_next_q) count_q <= count_q + 16'd1;
          end
        end
        Store: begin
          if (store_ready && (!chain_ends || chain_ready_i)) begin
            held_q   <= 1'b0;
            stored_q <= 1'b1;
          end
        end
        Ask: begin
          asked_q <= 1'b1;
          if (open_asked) block_left_q <= ask_count;
        end
        default: ;
      endcase
      if (hold) begin
        held_q          <= 1'b1;
        held_writable_q <= writable_q;
        held_addr_q     <= desc_q[63:0];
        held_len_q      <= desc_q[95:64];
        if (writable_q) writable_len_q <= total;
        else readable_len_q <= total;
      end
    end
  end

  assign ahead_busy_o  = ahead_busy;
  assign ahead_queue_o = ahead_queue_q;
  assign asked_busy_o  = asked_busy;
  assign asked_queue_o = asked_queue_q;

  // The table's place in memory is in base_q.
  wire unused_ok = ^{
    readable_total[31:0], writable_total[31:0], asked_done, head_q.fault, head_q.count, head_q.desc_addr
  };

endmodule
