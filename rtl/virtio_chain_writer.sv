// SPDX-License-Identifier: Apache-2.0
// Writes what the device type answers into the device-writable part of each chain.
//
// The answer (`rsp_*`) is a packed byte stream that fills the writable part from its start. A beat with `rsp_tail_i` carries one byte that
// goes to the very last writable byte instead (a status byte): lane 0 if all went well, `rsp_tail_err_i` if a write before it
// failed. `rsp_last_i` ends the chain's answer; every chain gets one, if only an empty beat (`rsp_keep_i` = 0). Bytes beyond the writable
// part are dropped. Bursts end where `MaxBurst` words from a multiple of their size on end, hence never cross 4 KiB, and ask for the bus
// only when all their beats are buffered. What remains to be done once the writes are answered goes to virtio_chain_retire.
//
//   rsp stream -> virtio_byte_split -> beats, bursts -> [dma_write]

module virtio_chain_writer #(
    parameter int AxiDataWidth = 64,
    parameter int MaxBurst = 16,  // beats, power of two
    parameter int TagWidth = 3,
    localparam int Bytes = AxiDataWidth / 8
) (
    input  logic                                       clk_i,
    input  logic                                       rst_ni,
    input  logic                                       clear_i,
    input  logic                                       chain_valid_i,
    output logic                                       chain_ready_o,
    input  virtio_pkg::chain_t                         chain_i,
    input  logic                                       seg_valid_i,
    output logic                                       seg_ready_o,
    input  virtio_pkg::segment_t                       seg_i,
    // From the device type
    input  logic                                       rsp_valid_i,
    output logic                                       rsp_ready_o,
    input  logic                    [AxiDataWidth-1:0] rsp_data_i,
    input  logic                    [       Bytes-1:0] rsp_keep_i,
    input  logic                                       rsp_last_i,
    input  logic                                       rsp_tail_i,
    input  logic                    [             7:0] rsp_tail_err_i,
    input  logic                                       rsp_more_i,
    // DMA write client
    output logic                                       wr_req_valid_o,
    input  logic                                       wr_req_ready_i,
    output logic                    [            63:0] wr_req_addr_o,
    output logic                    [             7:0] wr_req_len_o,
    output logic                    [    TagWidth-1:0] wr_req_tag_o,
    output logic                    [AxiDataWidth-1:0] wr_data_o,
    output logic                    [       Bytes-1:0] wr_strb_o,
    input  logic                                       wr_pop_i,
    output logic                                       burst_issued_o,      // pulse: one more burst for burst_tag_o
    output logic                    [    TagWidth-1:0] burst_tag_o,
    // To virtio_chain_retire
    output logic                                       retire_valid_o,
    input  logic                                       retire_ready_i,
    output virtio_pkg::completion_t                    retire_o,            // written_len without the tail byte
    output logic                    [    TagWidth-1:0] retire_tag_o,
    output logic                                       retire_tail_o,
    output logic                    [            63:0] retire_tail_addr_o,
    output logic                    [            15:0] retire_tail_bytes_o  // {on error, on success}
);

  import virtio_pkg::*;

  localparam int OffsetWidth = $clog2(Bytes);
  localparam int BurstWidth = $clog2(MaxBurst) + 1;

  typedef enum logic [2:0] {
    Chain,  // wait for the next chain
    Data,   // move its answer
    Close,  // end the burst left open
    Tail,   // go to the last writable byte
    Drop,   // give up segments not used
    Retire
  } state_e;

  state_e state_q, state_d;
  chain_t chain_q;
  logic [TagWidth-1:0] tag_q;

  // Segment being filled.
  logic seg_held_q, seg_last_q, exhausted_q;  // exhausted: the last segment is gone
  logic [63:0] seg_addr_q;
  logic [31:0] seg_left_q;
  logic [31:0] advance;
  logic take_seg, end_seg, to_tail;

  logic ended_q, tail_q, more_q;
  logic [15:0] tail_bytes_q;
  logic [31:0] data_len_q;

  logic split_in_valid, split_in_ready;
  logic [OffsetWidth:0] rsp_bytes, piece;
  logic [OffsetWidth+2:0] fill;
  logic [AxiDataWidth-1:0] split_data;
  logic [OffsetWidth-1:0] offset;
  logic [OffsetWidth:0] room;  // bytes up to the end of the word or of the segment
  logic accept_rsp, move, starved, between_chains;

  logic burst_open_q, burst_close, burst_push;
  logic [63:0] burst_addr_q, word_addr;
  logic [BurstWidth-1:0] burst_beats_q, beats_now;
  logic beat_room, cmd_room;
  logic [63:0] cmd_addr;
  logic [ 7:0] cmd_len;

  function automatic logic [OffsetWidth:0] count_ones(input logic [Bytes-1:0] keep);
    count_ones = '0;
    for (int i = 0; i < Bytes; i++) count_ones = count_ones + {{OffsetWidth{1'b0}}, keep[i]};
  endfunction
  assign rsp_bytes      = count_ones(rsp_keep_i);

  // Input side.
  assign between_chains = state_q == Chain;
  assign accept_rsp     = state_q == Data && !ended_q && rsp_valid_i && split_in_ready;
  assign rsp_ready_o    = state_q == Data && !ended_q && split_in_ready;
  assign split_in_valid = accept_rsp && !rsp_tail_i && rsp_bytes != '0;

  virtio_byte_split #(
      .DataWidth(AxiDataWidth)
  ) u_split (
      .clk_i,
      .rst_ni,
      .restart_i   (clear_i || between_chains || exhausted_q),
      .in_valid_i  (split_in_valid),
      .in_ready_o  (split_in_ready),
      .in_data_i   (rsp_data_i),
      .in_bytes_i  (rsp_bytes),
      .fill_o      (fill),
      .out_take_i  (move),
      .out_bytes_i (piece),
      .out_offset_i(offset),
      .out_data_o  (split_data)
  );

  // Output side: one piece a cycle, within one word and one segment.
  assign offset    = seg_addr_q[OffsetWidth-1:0];
  assign word_addr = {seg_addr_q[63:OffsetWidth], {OffsetWidth{1'b0}}};
  always_comb begin
    room = (OffsetWidth + 1)'(Bytes) - {1'b0, offset};
    if (seg_left_q < {{(31 - OffsetWidth) {1'b0}}, room}) room = seg_left_q[OffsetWidth:0];
    starved = fill < {2'b0, room};
    piece   = starved ? fill[OffsetWidth:0] : room;
  end
  assign move = state_q == Data && seg_held_q && fill != '0 && (!starved || ended_q) && beat_room && cmd_room;
  assign end_seg = move && seg_left_q == {{(31 - OffsetWidth) {1'b0}}, piece};

  assign beats_now = (burst_open_q ? burst_beats_q : '0) + BurstWidth'(1);
  assign burst_close = move && (end_seg || seg_addr_q[OffsetWidth+:BurstWidth-1] == '1 ||
                                (ended_q && fill == {2'b0, piece}));
  assign burst_push = burst_close || (state_q == Close && burst_open_q && cmd_room);
  assign cmd_addr = burst_open_q ? burst_addr_q : word_addr;
  assign cmd_len = (state_q == Close) ? 8'(burst_beats_q) - 8'd1 : 8'(beats_now) - 8'd1;

  // While data is moved a segment is taken as the one before is full; on the way to the tail, or to the end, all are up to the last.
  assign chain_ready_o = state_q == Chain;
  assign seg_ready_o   = !exhausted_q && ((state_q == Data && !seg_held_q) ||
                                          ((state_q == Tail || state_q == Drop) && !(seg_held_q && seg_last_q)));
  assign take_seg = seg_valid_i && seg_ready_o;
  // Beside moving on with the data, the address goes to the last writable byte on the way out.
  assign to_tail = state_q == Drop && seg_held_q && seg_last_q;
  assign advance = to_tail ? seg_left_q - 32'd1 : {{(31 - OffsetWidth) {1'b0}}, piece};

  always_comb begin
    state_d = state_q;
    case (state_q)
      Chain: begin
        if (chain_valid_i && chain_i.fault) state_d = Retire;
        else if (chain_valid_i) state_d = Data;
      end
      Data: begin
        if (ended_q && (fill == '0 || exhausted_q)) state_d = Close;
      end
      Close: begin
        if (!burst_open_q || cmd_room) begin
          state_d = Drop;
          if (tail_q && !exhausted_q) state_d = Tail;
        end
      end
      Tail: begin
        if (seg_held_q && seg_last_q) state_d = Drop;
      end
      Drop: begin
        if (exhausted_q || (seg_held_q && seg_last_q)) state_d = Retire;
      end
      default: if (retire_ready_i) state_d = Chain;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q       <= Chain;
      chain_q       <= '0;
      tag_q         <= '0;
      seg_held_q    <= 1'b0;
      seg_last_q    <= 1'b0;
      exhausted_q   <= 1'b0;
      seg_addr_q    <= '0;
      seg_left_q    <= '0;
      ended_q       <= 1'b0;
      tail_q        <= 1'b0;
      more_q        <= 1'b0;
      tail_bytes_q  <= '0;
      data_len_q    <= '0;
      burst_open_q  <= 1'b0;
      burst_addr_q  <= '0;
      burst_beats_q <= '0;
    end else begin
      state_q <= state_d;
      if (state_q == Chain) begin
        chain_q     <= chain_i;
        seg_held_q  <= 1'b0;
        exhausted_q <= chain_i.writable_len == 32'd0;
        ended_q     <= 1'b0;
        tail_q      <= 1'b0;
        more_q      <= 1'b0;
        data_len_q  <= '0;
      end
      if (accept_rsp) begin
        ended_q <= rsp_last_i || rsp_tail_i;
        tail_q  <= rsp_tail_i;
        more_q  <= rsp_more_i;
        if (rsp_tail_i) tail_bytes_q <= {rsp_tail_err_i, rsp_data_i[7:0]};
      end
      if (take_seg) begin
        seg_held_q <= 1'b1;
        seg_addr_q <= seg_i.addr;
        seg_left_q <= seg_i.len;
        seg_last_q <= seg_i.last;
      end else if (move) begin
        seg_left_q  <= seg_left_q - {{(31 - OffsetWidth) {1'b0}}, piece};
        seg_held_q  <= !end_seg;
        exhausted_q <= end_seg && seg_last_q;
        data_len_q  <= data_len_q + {{(31 - OffsetWidth) {1'b0}}, piece};
      end
      if (!take_seg && (move || to_tail)) seg_addr_q <= seg_addr_q + {32'd0, advance};
      if (move) begin
        burst_open_q  <= !burst_close;
        burst_beats_q <= beats_now;
        if (!burst_open_q) burst_addr_q <= word_addr;
      end else if (burst_push) begin
        burst_open_q <= 1'b0;
      end
      if (state_q == Retire && retire_ready_i) tag_q <= tag_q + 1'b1;
    end
  end

  // Beats wait here until their burst is complete.
  logic [BurstWidth:0] beat_count;
  logic [2:0] cmd_count;
  logic beat_valid;

  virtio_fifo #(
      .Width(AxiDataWidth + Bytes),
      .Depth(2 * MaxBurst)
  ) u_beats (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (move),
      .in_ready_o (beat_room),
      .in_data_i  ({split_data, ~({Bytes{1'b1}} << piece) << offset}),
      .out_valid_o(beat_valid),
      .out_ready_i(wr_pop_i),
      .out_data_o ({wr_data_o, wr_strb_o}),
      .count_o    (beat_count)
  );

  virtio_fifo #(
      .Width(64 + 8 + TagWidth),
      .Depth(4)
  ) u_bursts (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (burst_push),
      .in_ready_o (cmd_room),
      .in_data_i  ({cmd_addr, cmd_len, tag_q}),
      .out_valid_o(wr_req_valid_o),
      .out_ready_i(wr_req_ready_i),
      .out_data_o ({wr_req_addr_o, wr_req_len_o, wr_req_tag_o}),
      .count_o    (cmd_count)
  );

  assign burst_issued_o      = burst_push;
  assign burst_tag_o         = tag_q;

  assign retire_valid_o      = state_q == Retire;
  assign retire_o            = {chain_q.fault, more_q, chain_q.queue_index, chain_q.head, data_len_q};
  assign retire_tag_o        = tag_q;
  assign retire_tail_o       = tail_q && !exhausted_q;
  assign retire_tail_addr_o  = seg_addr_q;
  assign retire_tail_bytes_o = tail_bytes_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && !clear_i && wr_pop_i && !beat_valid) begin
      $fatal(1, "virtio_chain_writer: burst without its beats (%0d beats, %0d bursts held)", beat_count, cmd_count);
    end
  end
`endif

endmodule
