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
//
// How long the next piece may be is worked out with the one before: all follow each other without a gap.

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
    output logic                    [    TagWidth-1:0] burst_tag_o,         // counts chains
    // To virtio_chain_retire
    output logic                                       retire_valid_o,
    input  logic                                       retire_ready_i,
    output virtio_pkg::completion_t                    retire_o,            // written_len without the tail byte
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
  logic [63:OffsetWidth] word_q;  // the word that the next piece goes to
  logic [OffsetWidth-1:0] offset_q;  // and where in it
  logic [OffsetWidth:0] room_q;  // bytes up to the end of the word or of the segment
  logic fills_q;  // that is the end of the segment
  logic [31:0] after_q;  // bytes of the segment after those; means nothing with `fills_q`
  logic [63:0] seg_end_q, last_addr_q;  // address after the segment's last byte, and, a cycle later, that of it
  logic [OffsetWidth:0] first_room;
  logic [31:0] first_after;
  logic fits, whole_word, take_seg, end_seg;

  logic ended_q, tail_q, more_q;
  logic [15:0] tail_bytes_q;
  logic [31:0] data_len_q;
  logic [OffsetWidth:0] moved_q;  // of it in the cycle before

  logic split_in_valid, split_in_ready;
  logic [OffsetWidth:0] rsp_bytes, piece;
  logic [OffsetWidth+2:0] fill, left;
  logic [AxiDataWidth-1:0] split_data;
  logic accept_rsp, move, starved, between_chains;

  logic burst_open_q, burst_close, burst_push, burst_issued_q;
  logic [63:0] burst_addr_q, word_addr;
  logic [BurstWidth-2:0] burst_len_q, len_now;  // beats but one: of the burst, with the piece
  logic beat_room, cmd_room;
  logic [63:0] cmd_addr;
  logic [ 7:0] cmd_len;

  // How many bytes are kept, which are those from lane 0 on, without adders: a bit of the count is set between each odd
  // multiple of its weight and the even one after it.
  function automatic logic [OffsetWidth:0] bytes_kept(input logic [Bytes-1:0] keep);
    bytes_kept = '0;
    for (int i = 0; i <= OffsetWidth; i++) begin
      for (int k = 1; (k << i) <= Bytes; k += 2) begin
        if (keep[(k<<i)-1] && !1'(keep >> (((k + 1) << i) - 1))) bytes_kept[i] = 1'b1;
      end
    end
  endfunction
  assign rsp_bytes      = bytes_kept(rsp_keep_i);

  // Input side.
  assign between_chains = state_q == Chain;
  assign accept_rsp     = rsp_valid_i && rsp_ready_o;
  assign rsp_ready_o    = state_q == Data && !ended_q && split_in_ready;
  assign split_in_valid = accept_rsp && !rsp_tail_i && rsp_keep_i[0];

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
      .out_left_i  (left),
      .aim_i       (take_seg),
      .aim_offset_i(seg_i.addr[OffsetWidth-1:0]),
      .out_data_o  (split_data)
  );

  // Output side: one piece a cycle, within one word and one segment. Only the very last one may be shorter than there is room.
  assign word_addr = {word_q, {OffsetWidth{1'b0}}};
  assign first_room = (OffsetWidth + 1)'(Bytes) - {1'b0, seg_i.addr[OffsetWidth-1:0]};
  assign first_after = seg_i.len - {{(31 - OffsetWidth) {1'b0}}, first_room};
  assign fits = seg_i.len <= {{(31 - OffsetWidth) {1'b0}}, first_room};
  assign whole_word = after_q[31:OffsetWidth] != '0;
  assign starved = fill < {2'b0, room_q};
  assign piece = starved ? fill[OffsetWidth:0] : room_q;
  assign left = starved ? '0 : fill - {2'b0, room_q};  // behind the piece
  assign move = state_q == Data && seg_held_q && fill != '0 && (!starved || ended_q) && beat_room && cmd_room;
  assign end_seg = move && fills_q && !starved;

  assign len_now = burst_open_q ? burst_len_q + 1'b1 : '0;
  assign burst_close = move && (fills_q || word_q[OffsetWidth+:BurstWidth-1] == '1 ||
                                (ended_q && fill <= {2'b0, room_q}));
  assign burst_push = burst_close || (state_q == Close && burst_open_q && cmd_room);
  assign cmd_addr = burst_open_q ? burst_addr_q : word_addr;
  assign cmd_len = 8'((state_q == Close) ? burst_len_q : len_now);

  // While data is moved a segment is taken as the one before is full; on the way to the tail, or to the end, all are up to the last.
  assign chain_ready_o = state_q == Chain;
  assign seg_ready_o   = !exhausted_q && ((state_q == Data && !seg_held_q) ||
                                          ((state_q == Tail || state_q == Drop) && !(seg_held_q && seg_last_q)));
  assign take_seg = seg_valid_i && seg_ready_o;

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
      state_q      <= Chain;
      chain_q      <= '0;
      tag_q        <= '0;
      seg_held_q   <= 1'b0;
      seg_last_q   <= 1'b0;
      exhausted_q  <= 1'b0;
      word_q       <= '0;
      offset_q     <= '0;
      room_q       <= '0;
      fills_q      <= 1'b0;
      after_q      <= '0;
      seg_end_q    <= '0;
      last_addr_q  <= '0;
      ended_q      <= 1'b0;
      tail_q       <= 1'b0;
      more_q       <= 1'b0;
      tail_bytes_q <= '0;
      data_len_q   <= '0;
      moved_q      <= '0;
      burst_open_q <= 1'b0;
      burst_addr_q <= '0;
      burst_len_q  <= '0;
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
      end else begin
        data_len_q <= data_len_q + {{(31 - OffsetWidth) {1'b0}}, moved_q};
      end
      if (accept_rsp) begin
        ended_q <= rsp_last_i || rsp_tail_i;
        tail_q  <= rsp_tail_i;
        more_q  <= rsp_more_i;
        if (rsp_tail_i) tail_bytes_q <= {rsp_tail_err_i, rsp_data_i[7:0]};
      end
      moved_q     <= move ? piece : '0;
      last_addr_q <= seg_end_q - 64'd1;
      if (take_seg) begin
        seg_held_q <= 1'b1;
        word_q     <= seg_i.addr[63:OffsetWidth];
        offset_q   <= seg_i.addr[OffsetWidth-1:0];
        room_q     <= fits ? seg_i.len[OffsetWidth:0] : first_room;
        fills_q    <= fits;
        after_q    <= first_after;
        seg_end_q  <= seg_i.addr + {32'd0, seg_i.len};
        seg_last_q <= seg_i.last;
      end else if (move) begin
        word_q                  <= word_q + 1'b1;
        offset_q                <= '0;
        room_q                  <= whole_word ? (OffsetWidth + 1)'(Bytes) : {1'b0, after_q[OffsetWidth-1:0]};
        fills_q                 <= after_q <= 32'(Bytes);
        after_q[31:OffsetWidth] <= after_q[31:OffsetWidth] - 1'b1;
        seg_held_q              <= !end_seg;
        exhausted_q             <= end_seg && seg_last_q;
      end
      if (move) begin
        burst_open_q <= !burst_close;
        burst_len_q  <= len_now;
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
      .commit_i(1'b1),
      .rollback_i(1'b0),
      .in_valid_i(move),
      .in_ready_o(beat_room),
      .in_data_i({split_data, (~({Bytes{1'b1}} << fill) & ~({Bytes{1'b1}} << room_q)) << offset_q}),  // `piece` of them
      .out_valid_o(beat_valid),
      .out_ready_i(wr_pop_i),
      .out_data_o({wr_data_o, wr_strb_o}),
      .count_o(beat_count)
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

  // A cycle late, which is in time: the chain is not retired before.
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) burst_issued_q <= 1'b0;
    else burst_issued_q <= burst_push;
  end

  assign burst_issued_o      = burst_issued_q;
  assign burst_tag_o         = tag_q;

  assign retire_valid_o      = state_q == Retire;
  assign retire_o            = {chain_q.fault, 1'b0, more_q, chain_q.queue_index, chain_q.head, data_len_q};
  assign retire_tail_o       = tail_q && !exhausted_q;
  assign retire_tail_addr_o  = last_addr_q;
  assign retire_tail_bytes_o = tail_bytes_q;

`ifndef SYNTHESIS
  // At time 0, before any reset, registers and rst_ni itself may have any value.
  always_ff @(posedge clk_i) begin
    if ($time > 64'd0 && rst_ni && !clear_i && wr_pop_i && !beat_valid) begin
      $fatal(1, "virtio_chain_writer: burst without its beats (%0d beats, %0d bursts held)", beat_count, cmd_count);
    end
  end
`endif

endmodule
