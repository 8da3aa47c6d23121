// SPDX-License-Identifier: Apache-2.0
// Waits until every write of a chain has been answered, writes its tail byte, and reports the completion.
//
// Counts bursts per tag, so that the answers of later chains may already come in; tags count chains. A failed data write makes
// `written_len` 0 (the bytes are not known to be there) and chooses the other tail byte; a failed tail write is a fault, for the driver
// could not be told otherwise.

module virtio_chain_retire #(
    parameter int AxiDataWidth = 64,
    parameter int TagWidth = 3,
    localparam int Bytes = AxiDataWidth / 8
) (
    input  logic                                       clk_i,
    input  logic                                       rst_ni,
    input  logic                                       clear_i,
    input  logic                                       burst_issued_i,
    input  logic                    [    TagWidth-1:0] burst_tag_i,
    input  logic                                       burst_done_i,
    input  logic                    [    TagWidth-1:0] burst_done_tag_i,
    input  logic                                       burst_done_err_i,
    input  logic                                       retire_valid_i,
    output logic                                       retire_ready_o,
    input  virtio_pkg::completion_t                    retire_i,
    input  logic                                       retire_tail_i,
    input  logic                    [            63:0] retire_tail_addr_i,
    input  logic                    [            15:0] retire_tail_bytes_i,
    // DMA write client
    output logic                                       wr_req_valid_o,
    input  logic                                       wr_req_ready_i,
    output logic                    [            63:0] wr_req_addr_o,
    output logic                    [AxiDataWidth-1:0] wr_data_o,
    output logic                    [       Bytes-1:0] wr_strb_o,
    input  logic                                       wr_done_i,
    input  logic                                       wr_done_err_i,
    // What the next completion will most likely say, as soon as all its writes are on their way
    output logic                                       early_valid_o,
    output virtio_pkg::completion_t                    early_o,
    output logic                                       cpl_valid_o,
    input  logic                                       cpl_ready_i,
    output virtio_pkg::completion_t                    cpl_o
);

  import virtio_pkg::*;

  localparam int OffsetWidth = $clog2(Bytes);
  localparam int Tags = 1 << TagWidth;
  localparam int Held = 4;  // chains waiting here; with the one being written still fewer than there are tags

  typedef enum logic [1:0] {
    Collect,
    TailWrite,
    TailWait,
    Report
  } state_e;

  state_e state_q, state_d;
  logic [7:0] outstanding_q[Tags];
  logic [Tags-1:0] failed_q, issued, done;
  logic [Tags-1:0] settled_q;  // nothing outstanding
  logic fault_q, tail_written_q;
  logic [TagWidth-1:0] tag_q;  // of the oldest chain
  logic [31:0] data_len, whole_len_q;  // written, without and with the tail byte

  completion_t chain;
  logic tail, valid, pop, settled, failed;
  logic [63:0] tail_addr;
  logic [15:0] tail_bytes;
  logic [$clog2(Held):0] held_count;

  virtio_fifo #(
      .Width($bits(completion_t) + 1 + 64 + 16),
      .Depth(Held)
  ) u_chains (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (retire_valid_i),
      .in_ready_o (retire_ready_o),
      .in_data_i  ({retire_i, retire_tail_i, retire_tail_addr_i, retire_tail_bytes_i}),
      .out_valid_o(valid),
      .out_ready_i(pop),
      .out_data_o ({chain, tail, tail_addr, tail_bytes}),
      .count_o    (held_count)
  );

  // A tag means nothing, and may be unknown, while nothing is issued or done.
  assign issued   = burst_issued_i ? Tags'(1) << burst_tag_i : '0;
  assign done     = burst_done_i ? Tags'(1) << burst_done_tag_i : '0;
  assign settled  = settled_q[tag_q];
  assign pop      = cpl_valid_o && cpl_ready_i;
  assign failed   = failed_q[tag_q];
  assign data_len = failed ? 32'd0 : chain.written_len;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Collect: begin
        if (valid && settled && tail) state_d = TailWrite;
      end
      TailWrite: if (wr_req_ready_i) state_d = TailWait;
      TailWait:  if (wr_done_i) state_d = Report;
      default:   if (cpl_ready_i) state_d = Collect;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q        <= Collect;
      failed_q       <= '0;
      fault_q        <= 1'b0;
      tail_written_q <= 1'b0;
      tag_q          <= '0;
      settled_q      <= '1;
      for (int i = 0; i < Tags; i++) outstanding_q[i] <= '0;
    end else begin
      state_q <= state_d;
      for (int i = 0; i < Tags; i++) begin
        if (issued[i] != done[i]) outstanding_q[i] <= outstanding_q[i] + (issued[i] ? 8'd1 : 8'hff);
        settled_q[i] <= !issued[i] && (outstanding_q[i] == 8'd0 || (outstanding_q[i] == 8'd1 && done[i]));
        if (done[i] && burst_done_err_i) failed_q[i] <= 1'b1;
      end
      if (state_q == TailWait && wr_done_i) begin
        tail_written_q <= !wr_done_err_i;
        fault_q        <= wr_done_err_i;
      end
      if (pop) begin
        failed_q[tag_q] <= 1'b0;
        tail_written_q  <= 1'b0;
        fault_q         <= 1'b0;
        tag_q           <= tag_q + 1'b1;
      end
    end
  end

  // Ready long before the tail is answered.
  always_ff @(posedge clk_i) begin
    whole_len_q <= data_len + 32'd1;
  end

  assign wr_req_valid_o = state_q == TailWrite;
  assign wr_req_addr_o = {tail_addr[63:OffsetWidth], {OffsetWidth{1'b0}}};
  assign wr_data_o = {Bytes{failed ? tail_bytes[15:8] : tail_bytes[7:0]}};
  assign wr_strb_o = Bytes'(1) << tail_addr[OffsetWidth-1:0];

  assign early_valid_o = state_q == Collect && valid && !tail && !chain.fault;
  assign early_o = chain;

  assign cpl_valid_o = state_q == Report || (state_q == Collect && valid && settled && !tail);
  assign cpl_o = {
    chain.fault || fault_q, failed, chain.more, chain.queue_index, chain.head, tail_written_q ? whole_len_q : data_len
  };

endmodule
