// SPDX-License-Identifier: Apache-2.0
// Fetches the device-readable part of each chain and gives it to the device type as a packed byte stream.
//
// Segments come in chain order, the last one of a chain's readable part marked. Each becomes read bursts that touch exactly its
// bytes: full-width bursts from an unaligned start, and naturally aligned narrow ones for a ragged tail. A burst ends where `MaxBurst`
// words from a multiple of their size on end, hence never crosses 4 KiB, and is asked for only when the buffer has room for the
// longest. `req_skip_i` (a pulse, before the last word of the chain was taken) drops the rest of the chain's readable part, fetched or not.
//
// A burst is planned in one cycle and asked for from the next one on.
//
//   segments -> bursts -> [dma_read] -> buffer -> virtio_byte_pack -> req stream

module virtio_chain_reader #(
    parameter int AxiDataWidth = 64,
    parameter int MaxBurst = 16,     // beats, power of two
    parameter int BufferBeats = 64,  // power of two, at least MaxBurst
    localparam int Bytes = AxiDataWidth / 8
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    input  logic                                    clear_i,
    input  logic                                    seg_valid_i,
    output logic                                    seg_ready_o,
    input  virtio_pkg::segment_t                    seg_i,
    // DMA read client
    output logic                                    rd_req_valid_o,
    input  logic                                    rd_req_ready_i,
    output logic                 [            63:0] rd_req_addr_o,
    output logic                 [             7:0] rd_req_len_o,
    output logic                 [             2:0] rd_req_size_o,
    input  logic                                    rd_rsp_valid_i,
    input  logic                 [AxiDataWidth-1:0] rd_rsp_data_i,
    input  logic                                    rd_rsp_last_i,
    input  logic                                    rd_rsp_err_i,
    // To the device type
    output logic                                    req_valid_o,
    input  logic                                    req_ready_i,
    output logic                 [AxiDataWidth-1:0] req_data_o,
    output logic                 [       Bytes-1:0] req_keep_o,
    output logic                                    req_last_o,
    output logic                                    req_err_o,
    input  logic                                    req_skip_i,
    output logic                                    skip_busy_o      // the chain skipped last is not yet gone
);

  localparam int OffsetWidth = $clog2(Bytes);
  localparam int RoomWidth = $clog2(BufferBeats) + 1;
  localparam int BeatWidth = $clog2(MaxBurst);
  localparam int BurstsAhead = 16;
  localparam int AheadWidth = $clog2(BufferBeats + BurstsAhead) + 1;
  localparam int LengthWidth = OffsetWidth + BeatWidth + 1;

  // Segment being turned into bursts.
  logic busy_q;
  logic [63:0] addr_q;
  logic [31:0] left_q;
  logic seg_last_q;
  logic cut_q;  // drop segments up to the chain's last one

  logic [OffsetWidth-1:0] offset;
  logic [OffsetWidth:0] to_word_end;
  logic narrow;
  logic beyond;  // the burst is as long as it may be
  logic ends;  // with this burst
  logic [LengthWidth-1:0] left_words, span;
  logic [BeatWidth:0] beats, words, to_burst_end;
  logic [LengthWidth-1:0] burst_bytes;
  logic [2:0] burst_size;
  logic planned_q, ends_q;
  logic [BeatWidth:0] beats_q;
  logic [LengthWidth-1:0] burst_bytes_q;
  logic [2:0] burst_size_q;
  logic [OffsetWidth:0] first_bytes_q;  // in the burst's first beat
  logic issue, issue_last, mark, take_seg;

  logic [RoomWidth-1:0] reserved_q;
  logic markable_q;  // it was so in the cycle before, in which the chain was cut short already
  logic roomy_q;  // as it was when the burst was planned: no other has been asked for since
  logic [AheadWidth-1:0] ahead_q;  // chains whose last burst was issued but whose last word was not yet given

  logic ask_room;
  logic [1:0] ask_count;
  logic info_room, info_valid, info_pop, info_last;
  logic [OffsetWidth-1:0] info_offset;
  logic [OffsetWidth:0] info_bytes;
  logic [$clog2(BurstsAhead):0] info_count;
  logic first_q;
  logic mark_q;  // a mark, which found nothing before it, goes into the buffer now

  logic buf_valid, buf_ready, buf_in_valid, buf_in_ready;
  logic [AxiDataWidth-1:0] buf_data;
  logic [OffsetWidth-1:0] buf_offset, buf_in_offset;
  logic [OffsetWidth:0] buf_bytes, buf_in_bytes;
  logic buf_last, buf_err, buf_in_last, buf_in_err;
  logic [RoomWidth-1:0] buf_count;

  logic pack_valid, pack_last, chain_given;
  logic skip_q;

  // Bursts.
  always_comb begin
    offset = addr_q[OffsetWidth-1:0];
    to_word_end = (OffsetWidth + 1)'(Bytes) - {1'b0, offset};
    // Whole words: those that the segment has, or those up to the burst's end. Where the segment ends, counted from where
    // the longest burst would have begun (`span`), says which, and what is left behind its last whole word.
    left_words = {1'b0, left_q[LengthWidth-2:0]} + LengthWidth'(offset);
    span = {1'b0, left_q[LengthWidth-2:0]} + {1'b0, addr_q[LengthWidth-2:0]};
    words = (BeatWidth + 1)'(left_words >> OffsetWidth);
    to_burst_end = (BeatWidth + 1)'(MaxBurst) - {1'b0, addr_q[OffsetWidth+:BeatWidth]};
    narrow = left_q[31:LengthWidth-1] == '0 && words == '0;
    beyond = left_q[31:LengthWidth-1] != '0 || (span[LengthWidth-1] && span[LengthWidth-2:OffsetWidth] != '0);
    beats = beyond ? to_burst_end : words;
    burst_bytes = beyond ? LengthWidth'(MaxBurst * Bytes) - {1'b0, addr_q[LengthWidth-2:0]}
                         : {1'b0, left_q[LengthWidth-2:0]} - LengthWidth'(span[OffsetWidth-1:0]);
    burst_size = 3'(OffsetWidth);
    ends = (!beyond && span[OffsetWidth-1:0] == '0) ||
           (left_q == 32'(MaxBurst * Bytes) && addr_q[LengthWidth-2:0] == '0);
    if (narrow) begin
      beats       = (BeatWidth + 1)'(1);
      burst_bytes = LengthWidth'(1);
      burst_size  = 3'd0;
      for (int k = 1; k < OffsetWidth; k++) begin
        if ((addr_q & ((64'd1 << k) - 64'd1)) == 64'd0 && left_q >= (32'd1 << k)) begin
          burst_bytes = LengthWidth'(1) << k;
          burst_size  = 3'(k);
        end
      end
      ends = left_q[OffsetWidth-1:0] == burst_bytes[OffsetWidth-1:0];
    end
  end

  assign issue       = planned_q && !cut_q && info_room && !mark_q && roomy_q && ask_room;
  assign issue_last  = issue && seg_last_q && ends_q;
  // The end of a chain cut short is passed on as a mark that carries no byte, once nothing is outstanding and there is room.
  assign mark        = cut_q && markable_q && (busy_q ? seg_last_q : seg_valid_i && seg_i.last);
  assign seg_ready_o = cut_q ? !busy_q && (!seg_i.last || mark) : !busy_q;
  assign take_seg    = seg_valid_i && seg_ready_o && !cut_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      busy_q     <= 1'b0;
      planned_q  <= 1'b0;
      addr_q     <= '0;
      left_q     <= '0;
      seg_last_q <= 1'b0;
      cut_q      <= 1'b0;
      reserved_q <= '0;
      ahead_q    <= '0;
    end else begin
      if (take_seg) begin
        busy_q     <= 1'b1;
        planned_q  <= 1'b0;
        addr_q     <= seg_i.addr;
        left_q     <= seg_i.len;
        seg_last_q <= seg_i.last;
      end else if (issue) begin
        addr_q    <= addr_q + 64'(burst_bytes_q);
        left_q    <= left_q - 32'(burst_bytes_q);
        busy_q    <= !ends_q;
        planned_q <= 1'b0;
      end else if (cut_q && (mark || !seg_last_q)) begin
        busy_q    <= 1'b0;
        planned_q <= 1'b0;
      end else begin
        planned_q <= busy_q;
      end
      if (mark) cut_q <= 1'b0;
      else if (req_skip_i && ahead_q == '0 && !issue_last) cut_q <= 1'b1;
      reserved_q <= reserved_q + (issue ? RoomWidth'(beats_q) : '0) + (mark ? RoomWidth'(1) : '0)
                    - ((buf_valid && buf_ready) ? RoomWidth'(1) : '0);
      ahead_q <= ahead_q + AheadWidth'(issue_last || mark) - AheadWidth'(chain_given);
    end
  end

  always_ff @(posedge clk_i) begin
    beats_q       <= beats;
    burst_bytes_q <= burst_bytes;
    burst_size_q  <= burst_size;
    first_bytes_q <= narrow ? burst_bytes[OffsetWidth:0] : to_word_end;
    ends_q        <= ends;
    markable_q    <= cut_q && !info_valid && reserved_q != RoomWidth'(BufferBeats);
    roomy_q       <= reserved_q <= RoomWidth'(BufferBeats - MaxBurst);
  end

  // Bursts on the way to the bus: nothing here hangs on whose turn it is there.
  virtio_fifo #(
      .Width(64 + 8 + 3),
      .Depth(2)
  ) u_asks (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (issue),
      .in_ready_o (ask_room),
      .in_data_i  ({addr_q, 8'(beats_q) - 8'd1, burst_size_q}),
      .out_valid_o(rd_req_valid_o),
      .out_ready_i(rd_req_ready_i),
      .out_data_o ({rd_req_addr_o, rd_req_len_o, rd_req_size_o}),
      .count_o    (ask_count)
  );

  // What is known of each burst asked for, until its beats have come.
  virtio_fifo #(
      .Width(2 * OffsetWidth + 2),
      .Depth(BurstsAhead)
  ) u_info (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (issue || mark),
      .in_ready_o (info_room),
      .in_data_i  ({mark || (seg_last_q && ends_q), offset, first_bytes_q}),
      .out_valid_o(info_valid),
      .out_ready_i(info_pop),
      .out_data_o ({info_last, info_offset, info_bytes}),
      .count_o    (info_count)
  );

  assign info_pop      = mark_q || (rd_rsp_valid_i && rd_rsp_last_i);
  assign buf_in_valid  = rd_rsp_valid_i || mark_q;
  assign buf_in_offset = first_q ? info_offset : '0;
  assign buf_in_bytes  = mark_q ? '0 : first_q ? info_bytes : (OffsetWidth + 1)'(Bytes);
  assign buf_in_last   = info_last && (mark_q || rd_rsp_last_i);
  assign buf_in_err    = !mark_q && rd_rsp_err_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      first_q <= 1'b1;
      mark_q  <= 1'b0;
    end else begin
      if (rd_rsp_valid_i) first_q <= rd_rsp_last_i;
      mark_q <= mark;
    end
  end

  virtio_fifo #(
      .Width(AxiDataWidth + 2 * OffsetWidth + 3),
      .Depth(BufferBeats)
  ) u_buffer (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (buf_in_valid),
      .in_ready_o (buf_in_ready),
      .in_data_i  ({rd_rsp_data_i, buf_in_offset, buf_in_bytes, buf_in_last, buf_in_err}),
      .out_valid_o(buf_valid),
      .out_ready_i(buf_ready),
      .out_data_o ({buf_data, buf_offset, buf_bytes, buf_last, buf_err}),
      .count_o    (buf_count)
  );

  virtio_byte_pack #(
      .DataWidth(AxiDataWidth)
  ) u_pack (
      .clk_i,
      .rst_ni,
      .clear_i,
      .in_valid_i (buf_valid),
      .in_ready_o (buf_ready),
      .in_data_i  (buf_data),
      .in_offset_i(buf_offset),
      .in_bytes_i (buf_bytes),
      .in_last_i  (buf_last),
      .in_err_i   (buf_err),
      .out_valid_o(pack_valid),
      .out_ready_i(skip_q || req_ready_i),
      .out_data_o (req_data_o),
      .out_keep_o (req_keep_o),
      .out_last_o (pack_last),
      .out_err_o  (req_err_o)
  );

  assign req_valid_o = pack_valid && !skip_q;
  assign req_last_o  = pack_last;
  assign skip_busy_o = skip_q;
  assign chain_given = pack_valid && pack_last && (skip_q || req_ready_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) skip_q <= 1'b0;
    else if (chain_given) skip_q <= 1'b0;
    else if (req_skip_i) skip_q <= 1'b1;
  end

  wire unused_ok = ^{info_count, ask_count};

`ifndef SYNTHESIS
  // At time 0, before any reset, registers and rst_ni itself may have any value.
  // Room was reserved before the burst was asked for, and what is known of it stays until its last beat.
  always_ff @(posedge clk_i) begin
    if ($time > 64'd0 && rst_ni && !clear_i && info_pop && !info_valid)
      $fatal(1, "virtio_chain_reader: beats of no burst");
    if ($time > 64'd0 && rst_ni && !clear_i && buf_in_valid && !buf_in_ready) begin
      $fatal(1, "virtio_chain_reader: buffer overrun (%0d words held)", buf_count);
    end
  end
`endif

endmodule
