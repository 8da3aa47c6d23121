// SPDX-License-Identifier: Apache-2.0
// Walks the descriptor chain of each head (2.7.5): fetches every descriptor once, as one 16-byte unit, checks it, and stores its buffer.
//
// Segments go to two stores, readable and writable, which show them only once the whole chain is known to be well-formed
// (`seg_commit_o`; else `seg_rollback_o`). The chain itself goes to the device type and to the chain writer. A malformed chain or a fault
// mark from the avail reader becomes a chain with `fault` set, for the writer only; nothing is walked after it until `clear_i`.

module virtio_desc_walker #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int NumQueues = 2,
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  logic                                      clear_i,
    input  logic                                      head_valid_i,
    output logic                                      head_ready_o,
    input  logic                                      head_fault_i,
    input  logic                   [  QueueWidth-1:0] head_queue_i,
    input  logic                   [            15:0] head_i,
    output logic                   [  QueueWidth-1:0] queue_o,
    input  virtio_pkg::queue_cfg_t                    cfg_i,             // of queue_o
    // DMA read client
    output logic                                      rd_req_valid_o,
    input  logic                                      rd_req_ready_i,
    output logic                   [            63:0] rd_req_addr_o,
    output logic                   [             7:0] rd_req_len_o,
    output logic                   [             2:0] rd_req_size_o,
    input  logic                                      rd_rsp_valid_i,
    input  logic                   [AxiDataWidth-1:0] rd_rsp_data_i,
    input  logic                                      rd_rsp_last_i,
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
    output virtio_pkg::chain_t                        chain_o
);

  import virtio_pkg::*;

  localparam int LaneWidth = $clog2(AxiDataWidth / 8);
  localparam int DescBeats = (AxiDataWidth < 128) ? 128 / AxiDataWidth : 1;
  localparam int DescSize = (AxiDataWidth < 128) ? LaneWidth : 4;

  typedef enum logic [2:0] {
    Idle,
    Ask,
    Wait,
    Check,
    Store,   // give the segment held back, now that it is known whether it was the last of its part
    Finish,
    Halted
  } state_e;

  state_e state_q, state_d;
  logic [QueueWidth-1:0] queue_q;
  logic [15:0] head_q, index_q, count_q;
  logic [127:0] desc_q;
  logic err_q, fault_q;

  // The segment held back.
  logic held_q, held_writable_q;
  logic [63:0] held_addr_q;
  logic [31:0] held_len_q;
  logic writable_seen_q;
  logic [31:0] readable_len_q, writable_len_q;

  logic [63:0] desc_addr;
  logic [31:0] desc_len;
  logic [15:0] desc_next;
  logic desc_has_next, desc_writable, desc_indirect, empty, malformed, stored_q;
  logic [64:0] last_byte;
  logic [32:0] total;
  logic part_ends, store_ready;

  assign desc_addr = desc_q[63:0];
  assign desc_len = desc_q[95:64];
  assign desc_has_next = desc_q[96+DESC_NEXT_BIT];
  assign desc_writable = desc_q[96+DESC_WRITE_BIT];
  assign desc_indirect = desc_q[96+DESC_INDIRECT_BIT];
  assign desc_next = desc_q[127:112];
  assign empty = desc_len == 32'd0;

  // A buffer that passes the end of the address space can be reached by no bus; a part of more than 2^32 - 1 bytes by no length.
  assign last_byte = {1'b0, desc_addr} + {33'd0, desc_len} - 65'd1;
  assign total = {1'b0, desc_writable ? writable_len_q : readable_len_q} + {1'b0, desc_len};
  assign malformed     = err_q || desc_indirect || (writable_seen_q && !desc_writable) ||
                         (desc_has_next && (desc_next >= cfg_i.size || count_q == cfg_i.size)) ||
                         (!empty && (last_byte >> AxiAddrWidth) != 65'd0) || total[32];

  assign queue_o = queue_q;
  assign head_ready_o = state_q == Idle;
  assign rd_req_valid_o = state_q == Ask;
  assign rd_req_addr_o = cfg_i.desc_addr + {44'd0, index_q, 4'd0};
  assign rd_req_len_o = 8'(DescBeats - 1);
  assign rd_req_size_o = 3'(DescSize);

  // Held segment: the last of its part if the chain ends or the next one belongs to the writable part.
  assign part_ends = (!desc_has_next && (empty || stored_q)) || (!empty && desc_writable && !held_writable_q);
  assign readable_valid_o = state_q == Store && held_q && !held_writable_q;
  assign writable_valid_o = state_q == Store && held_q && held_writable_q;
  assign store_ready = !held_q || (held_writable_q ? writable_ready_i : readable_ready_i);
  assign seg_o = {held_addr_q, held_len_q, part_ends};
  assign seg_commit_o = state_q == Finish && chain_ready_i && !fault_q;
  assign seg_rollback_o = state_q == Finish && fault_q;
  assign chain_valid_o = state_q == Finish;
  assign chain_o = {fault_q, {(16 - QueueWidth) {1'b0}}, queue_q, head_q, readable_len_q, writable_len_q};

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (head_valid_i && head_fault_i) state_d = Finish;
        else if (head_valid_i) state_d = Ask;
      end
      Ask: if (rd_req_ready_i) state_d = Wait;
      Wait: if (rd_rsp_valid_i && rd_rsp_last_i) state_d = Check;
      Check: begin
        // An empty buffer in mid-chain leaves the segment held back where it is.
        state_d = Store;
        if (empty && desc_has_next) state_d = Ask;
        if (malformed) state_d = Finish;
      end
      Store: begin
        // First what is held, then what is new; a chain's last segment passes through twice.
        if (store_ready) begin
          if (desc_has_next) state_d = Ask;
          else if (empty || stored_q) state_d = Finish;
        end
      end
      Finish: begin
        if (chain_ready_i) state_d = Idle;
        if (chain_ready_i && fault_q) state_d = Halted;
      end
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q         <= Idle;
      queue_q         <= '0;
      head_q          <= '0;
      index_q         <= '0;
      count_q         <= '0;
      desc_q          <= '0;
      err_q           <= 1'b0;
      fault_q         <= 1'b0;
      held_q          <= 1'b0;
      held_writable_q <= 1'b0;
      held_addr_q     <= '0;
      held_len_q      <= '0;
      writable_seen_q <= 1'b0;
      readable_len_q  <= '0;
      writable_len_q  <= '0;
      stored_q        <= 1'b0;
    end else begin
      state_q <= state_d;
      case (state_q)
        Idle: begin
          queue_q         <= head_queue_i;
          head_q          <= head_i;
          index_q         <= head_i;
          count_q         <= 16'd0;
          fault_q         <= head_valid_i && head_fault_i;
          err_q           <= 1'b0;
          held_q          <= 1'b0;
          writable_seen_q <= 1'b0;
          readable_len_q  <= '0;
          writable_len_q  <= '0;
        end
        Ask:     if (rd_req_ready_i) count_q <= count_q + 16'd1;
        Wait: begin
          if (rd_rsp_valid_i) begin
            err_q <= err_q || rd_rsp_err_i;
            if (AxiDataWidth < 128) desc_q <= 128'({rd_rsp_data_i, desc_q} >> AxiDataWidth);
            else desc_q <= 128'(rd_rsp_data_i >> {rd_req_addr_o[LaneWidth-1:0], 3'b000});
          end
        end
        Check: begin
          fault_q         <= malformed;
          stored_q        <= 1'b0;
          index_q         <= desc_next;
          writable_seen_q <= writable_seen_q || desc_writable;
        end
        Store: begin
          if (store_ready) begin
            held_q   <= 1'b0;
            stored_q <= 1'b1;
            if (!empty && !stored_q) begin
              held_q          <= 1'b1;
              held_writable_q <= desc_writable;
              held_addr_q     <= desc_addr;
              held_len_q      <= desc_len;
              if (desc_writable) writable_len_q <= total[31:0];
              else readable_len_q <= total[31:0];
            end
          end
        end
        default: ;
      endcase
    end
  end

endmodule
