// SPDX-License-Identifier: Apache-2.0
// Device type block (5.2): requests in, commands to and from a storage port, status byte out.
//
// Storage port, for DDR, an SD controller, a file: commands, carried out and answered in order, one beat of `store_rsp_*` each.
// `store_cmd_op_o` is STORE_READ or STORE_WRITE of one sector of 512 bytes, STORE_DISCARD or STORE_ZERO of `store_cmd_count_o` sectors
// (the latter may deallocate them with `store_cmd_unmap_o`), or STORE_FLUSH. The storage may take commands ahead.
// A command with `store_cmd_linked_o` belongs to the same request as the one before: if that failed, this one is to fail too, and to
// do nothing. A write's 512 bytes follow its command on `store_wdata_*`, all of them known to be good, even if it is to fail; a
// read's come on `store_rdata_*` before its response or, the last ones, with it (a failed read may come short), and nothing of
// the next read before that response is taken. Streams are packed, lane 0 first. After a device reset the commands begun
// before are still answered.
//
// The next request is taken, and its commands begun, while the answers of those before are still going.
//
//   req -> header, realigned on buses wider than it -> steps, write data -> virtio_blk_port -> storage
//   rsp <- virtio_blk_answer <- answers, read data       <-

module virtio_blk #(
    parameter int DataWidth = 64,
    parameter bit ReadOnly = 1'b0,  // offers RO, refuses writes
    parameter logic [31:0] SegMax = 32'd126,  // 0: SEG_MAX not offered
    parameter logic [31:0] SizeMax = 32'd0,  // 0: SIZE_MAX not offered
    parameter logic [31:0] BlkSize = 32'd512,  // 0: BLK_SIZE not offered
    parameter  logic [ 63:0] Topology  = 64'd0,                   // {opt_io_size, min_io_size, alignment_offset, physical_block_exp}; 0: not offered
    parameter bit ConfigWce = 1'b0,  // offers CONFIG_WCE
    parameter logic [15:0] MultiQueue = 16'd0,  // num_queues; 0: MQ not offered
    parameter logic [31:0] MaxDiscardSectors = 32'd0,  // 0: DISCARD not offered
    parameter logic [31:0] MaxDiscardSeg = 32'd1,
    parameter logic [31:0] DiscardAlignment = 32'd1,  // advice to the driver
    parameter logic [31:0] MaxWriteZeroesSectors = 32'd0,  // 0: WRITE_ZEROES not offered
    parameter logic [31:0] MaxWriteZeroesSeg = 32'd1,
    parameter bit WriteZeroesMayUnmap = 1'b1,
    parameter logic [159:0] SerialId = "virtio-mmio-rtl-0001",  // GET_ID, first character leftmost
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // Storage
    input  logic [         63:0] capacity_i,            // sectors; may change at any time
    output logic                 store_cmd_valid_o,
    input  logic                 store_cmd_ready_i,
    output logic [          2:0] store_cmd_op_o,
    output logic [         63:0] store_cmd_sector_o,
    output logic [         31:0] store_cmd_count_o,
    output logic                 store_cmd_unmap_o,
    output logic                 store_cmd_linked_o,
    output logic                 store_wdata_valid_o,
    input  logic                 store_wdata_ready_i,
    output logic [DataWidth-1:0] store_wdata_o,
    input  logic                 store_rdata_valid_i,
    output logic                 store_rdata_ready_o,
    input  logic [DataWidth-1:0] store_rdata_i,
    input  logic                 store_rsp_valid_i,
    output logic                 store_rsp_ready_o,
    input  logic                 store_rsp_error_i,
    // Device-type boundary, see virtio_mmio_core
    output logic [         63:0] device_features_o,
    input  logic [         63:0] driver_features_i,
    input  logic                 device_reset_i,
    input  logic [         11:0] config_rd_offset_i,
    output logic [         31:0] config_rd_data_o,
    input  logic                 config_wr_en_i,
    input  logic [         11:0] config_wr_offset_i,
    input  logic [         31:0] config_wr_data_i,
    input  logic [          3:0] config_wr_strb_i,
    output logic                 config_changed_o,
    input  logic                 chain_valid_i,
    output logic                 chain_ready_o,
    input  logic [         31:0] chain_readable_len_i,
    input  logic [         31:0] chain_writable_len_i,
    input  logic                 req_valid_i,
    output logic                 req_ready_o,
    input  logic [DataWidth-1:0] req_data_i,
    input  logic [    Bytes-1:0] req_keep_i,
    input  logic                 req_last_i,
    input  logic                 req_err_i,
    output logic                 req_skip_o,
    output logic                 rsp_valid_o,
    input  logic                 rsp_ready_i,
    output logic [DataWidth-1:0] rsp_data_o,
    output logic [    Bytes-1:0] rsp_keep_o,
    output logic                 rsp_last_o,
    output logic                 rsp_tail_o,
    output logic [          7:0] rsp_tail_err_o
);

  import virtio_pkg::*;

  localparam int OffsetWidth = $clog2(Bytes);
  localparam int HeaderBytes = 16;
  localparam int HeaderBeats = (Bytes < HeaderBytes) ? HeaderBytes / Bytes : 1;
  localparam bit Discard = MaxDiscardSectors != 32'd0;
  localparam bit WriteZeroes = MaxWriteZeroesSectors != 32'd0;
  localparam bit Segmented = Discard || WriteZeroes;
  localparam bit HeaderSharesBeat = Bytes > HeaderBytes;  // data may begin in the header's beat
  localparam int SectorWords = 512 / Bytes;
  localparam int WordWidth = $clog2(SectorWords);

  typedef enum logic [3:0] {
    Idle,
    Refuse,
    Header,
    Examine,   // what the request is, and how far its sectors may go
    Compare,   // its length with that
    Judge,     // whether it may be done
    Decide,
    Read,
    Write,
    Segments,
    Flush
  } state_e;

  state_e state_q, state_d;
  logic [31:0] readable_len_q, writable_len_q;
  logic [127:0] header_q;
  logic [  1:0] header_beat_q;
  logic header_err_q, header_done, req_done_q, skip_q, answerable, chain_taken, has_status_q;
  logic [63:0] sector_q;  // next to be commanded
  logic [27:0] left_q;  // sectors or segments
  logic linked_q, discard_q;
  logic [63:0] capacity;
  logic writethrough;

  // A request as a whole
  logic [31:0] type_seen, in_len, out_len, data_len_q, max_seg, max_sectors;
  logic [63:0] sector;
  logic [ 5:0] kind_q;
  logic [64:0] sectors_q;
  logic is_in, is_out, fits_q, segments_fit_q, empty_q, is_flush, is_discard, is_zero, req_used;
  logic is_id, is_known, transfer_ok, go;
  logic go_read_q, go_write_q, go_segments_q, go_flush_q, ends_at_once_q;
  logic [7:0] status_q;  // if it ends at once
  logic [4:0] id_bytes_q;

  // Steps
  logic step_none, step_unmap, step_is_sector, step_last;
  logic [ 2:0] step_op;
  logic [63:0] step_sector;
  logic [31:0] step_count;
  logic [ 7:0] step_status;
  logic [ 4:0] step_id_bytes;
  logic step_due, step_begins, step_ready, last_left_q;
  // The step being handed over
  logic step_valid_q, step_none_q, step_good_q, step_bad_q;  // the latter two: a sector written
  blk_command_t step_command_q;
  blk_answer_t  step_answer_q;

  // Data of a write, or segments
  logic taking, pack_clear, pack_in_ready, pack_valid, pack_ready, pack_last, pack_err;
  logic [OffsetWidth:0] req_bytes;
  logic [DataWidth-1:0] pack_data;
  logic [Bytes-1:0] pack_keep;
  logic [WordWidth-1:0] word_q;
  logic sector_bad_q, sector_done_q, sector_end, wr_valid, wr_ready, wr_room;
  logic parsing, seg_in_ready, seg_valid, seg_ready, seg_err, seg_flags_bad, seg_in_range, seg_bad;
  logic [127:0] seg_data;
  logic [ 63:0] seg_sector;
  logic [31:0] seg_count, seg_flags;

  blk_answer_t answer;
  logic answer_valid, answer_ready, rd_valid, rd_ready;
  logic [DataWidth-1:0] rd_data;

  logic answer_beat_valid, answer_beat_ready, answer_beat_last, answer_beat_tail;
  logic [DataWidth-1:0] answer_beat_data;
  logic [Bytes-1:0] answer_beat_keep;
  logic [1:0] slice_count;

  // A device reset comes a cycle late here: what is taken or given in that cycle is lost in the core.
  logic reset_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) reset_q <= 1'b0;
    else reset_q <= device_reset_i;
  end

  virtio_blk_config #(
      .ReadOnly             (ReadOnly),
      .SegMax               (SegMax),
      .SizeMax              (SizeMax),
      .BlkSize              (BlkSize),
      .Topology             (Topology),
      .ConfigWce            (ConfigWce),
      .MultiQueue           (MultiQueue),
      .MaxDiscardSectors    (MaxDiscardSectors),
      .MaxDiscardSeg        (MaxDiscardSeg),
      .DiscardAlignment     (DiscardAlignment),
      .MaxWriteZeroesSectors(MaxWriteZeroesSectors),
      .MaxWriteZeroesSeg    (MaxWriteZeroesSeg),
      .WriteZeroesMayUnmap  (WriteZeroesMayUnmap)
  ) u_config (
      .clk_i,
      .rst_ni,
      .device_reset_i,
      .capacity_i,
      .capacity_o    (capacity),
      .writethrough_o(writethrough),
      .device_features_o,
      .driver_features_i,
      .config_rd_offset_i,
      .config_rd_data_o,
      .config_wr_en_i,
      .config_wr_offset_i,
      .config_wr_data_i,
      .config_wr_strb_i,
      .config_changed_o
  );

  function automatic logic in_range(input logic [63:0] first, input logic [63:0] count, input logic [63:0] end_);
    in_range = first <= end_ && count <= end_ - first;
  endfunction

  // What is asked.
  assign answerable = readable_len_q >= 32'(HeaderBytes) && has_status_q;  // of the chain taken
  assign header_done = state_q == Header && req_valid_i && header_beat_q == 2'(HeaderBeats - 1);
  assign type_seen = header_q[31:0];
  assign sector = header_q[127:64];
  assign in_len = writable_len_q - 32'd1;
  assign out_len = readable_len_q - 32'(HeaderBytes);
  // Sectors from the first one to the end; negative: it is beyond.
  always_ff @(posedge clk_i) begin
    fits_q <= data_len_q[8:0] == 9'd0 && !sectors_q[64] && {41'd0, data_len_q[31:9]} <= sectors_q[63:0];
    segments_fit_q <= data_len_q[3:0] == 4'd0 && {4'd0, data_len_q[31:4]} <= max_seg;
    empty_q <= data_len_q == 32'd0;
  end
  assign {is_in, is_out, is_flush, is_discard, is_zero, is_id} = kind_q;
  assign max_seg = is_discard ? MaxDiscardSeg : MaxWriteZeroesSeg;

  // What becomes of it: steps, or a status at once.
  assign transfer_ok  = (is_in && fits_q) || (is_out && fits_q && !ReadOnly) ||
                        ((is_discard || is_zero) && segments_fit_q && !ReadOnly);
  assign go = !header_err_q && transfer_ok && !empty_q;
  assign is_known = is_in || is_out || is_discard || is_zero || is_id;

  always_ff @(posedge clk_i) begin
    if (state_q == Judge) begin
      go_read_q      <= go && is_in;
      go_write_q     <= go && is_out;
      go_segments_q  <= go && (is_discard || is_zero);
      go_flush_q     <= !header_err_q && is_flush;
      ends_at_once_q <= !go && (header_err_q || !is_flush);
      id_bytes_q     <= (header_err_q || !is_id) ? 5'd0 : (in_len > 32'(BLK_ID_BYTES)) ? 5'(BLK_ID_BYTES) : in_len[4:0];
      status_q       <= BLK_S_IOERR;
      if (!header_err_q && !is_known) status_q <= BLK_S_UNSUPP;
      else if (!header_err_q && (transfer_ok || is_id)) status_q <= BLK_S_OK;
    end
  end

  // A segment of DISCARD or WRITE_ZEROES.
  assign seg_sector = seg_data[63:0];
  assign seg_count = seg_data[95:64];
  assign seg_flags = seg_data[127:96];
  assign seg_flags_bad = seg_flags[31:1] != '0 || (discard_q && seg_flags[0]);
  assign max_sectors = discard_q ? MaxDiscardSectors : MaxWriteZeroesSectors;
  assign seg_in_range = in_range(seg_sector, {32'd0, seg_count}, capacity);
  assign seg_bad = Segmented && (seg_err || seg_flags_bad || seg_count > max_sectors || !seg_in_range);

  // Steps, and where they lead.
  assign sector_end = word_q == WordWidth'(SectorWords - 1);

  always_comb begin
    step_op        = STORE_FLUSH;
    step_unmap     = 1'b0;
    step_is_sector = 1'b0;
    step_status    = BLK_S_OK;
    step_id_bytes  = 5'd0;
    step_none      = 1'b1;
    step_sector    = sector_q;
    step_count     = 32'd1;
    step_last      = 1'b1;
    case (state_q)
      Decide: begin
        step_status   = status_q;
        step_id_bytes = id_bytes_q;
      end
      Read: begin
        step_none      = 1'b0;
        step_op        = STORE_READ;
        step_is_sector = 1'b1;
        step_last      = last_left_q;
      end
      Write: begin
        step_none = sector_bad_q;
        step_op   = STORE_WRITE;
        if (!sector_bad_q) step_last = last_left_q && !writethrough;
        else step_status = BLK_S_IOERR;
      end
      Segments: begin
        step_none   = seg_bad || seg_count == 32'd0;
        step_op     = discard_q ? STORE_DISCARD : STORE_ZERO;
        step_sector = seg_sector;
        step_count  = seg_count;
        step_unmap  = seg_flags[0];
        step_last   = seg_bad || (last_left_q && (discard_q || !writethrough));
        if (seg_bad) step_status = (seg_flags_bad && !seg_err) ? BLK_S_UNSUPP : BLK_S_IOERR;
      end
      Flush: begin
        step_none = 1'b0;
        step_op   = STORE_FLUSH;
      end
      default: step_status = BLK_S_IOERR;
    endcase
  end

  // One step at a time is handed over; meanwhile no data is moved, so that a sector written is kept or dropped before the next one begins.
  assign step_due = (state_q == Decide && ends_at_once_q) || state_q == Refuse || state_q == Read || state_q == Flush ||
                    sector_done_q || (parsing && seg_valid);
  assign step_begins = step_due && !step_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || reset_q) step_valid_q <= 1'b0;
    else step_valid_q <= step_begins || (step_valid_q && !step_ready);
  end

  always_ff @(posedge clk_i) begin
    if (step_begins) begin
      step_none_q    <= step_none;
      step_command_q <= {step_op, step_sector, step_count, step_unmap, linked_q};
      step_answer_q  <= {step_is_sector, step_last, step_status, has_status_q, step_id_bytes};
      step_good_q    <= state_q == Write && !sector_bad_q;
      step_bad_q     <= state_q == Write && sector_bad_q;
    end
  end

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (chain_taken) state_d = Header;
      end
      Header: begin
        if (header_done) state_d = Examine;
        if (!answerable) state_d = Refuse;
      end
      Examine: state_d = Compare;
      Compare: state_d = Judge;
      Judge:   state_d = Decide;
      Decide: begin
        if (go_read_q) state_d = Read;
        if (go_write_q) state_d = Write;
        if (go_segments_q) state_d = Segments;
        if (go_flush_q) state_d = Flush;
        if (step_begins) state_d = Idle;
      end
      default: if (step_begins && step_last) state_d = Idle;
    endcase
    if ((state_q == Write || state_q == Segments) && step_begins && last_left_q && !step_last) state_d = Flush;
  end

  // What the request does not use of the readable part is dropped in the cycle after that is known, in which nothing of it is taken.
  assign req_used = readable_len_q == 32'd0 || req_done_q;
  assign chain_ready_o = state_q == Idle && !skip_q && !device_reset_i;
  assign chain_taken = chain_valid_i && chain_ready_o;
  assign taking = (state_q == Write || state_q == Segments) && !req_done_q;
  assign req_ready_o = (state_q == Header && !HeaderSharesBeat) || (taking && pack_in_ready);
  assign req_skip_o = skip_q && !req_used;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || reset_q) begin
      state_q        <= Idle;
      readable_len_q <= '0;
      writable_len_q <= '0;
      header_q       <= '0;
      header_beat_q  <= '0;
      header_err_q   <= 1'b0;
      req_done_q     <= 1'b0;
      skip_q         <= 1'b0;
      has_status_q   <= 1'b0;
      sector_q       <= '0;
      left_q         <= '0;
      last_left_q    <= 1'b0;
      linked_q       <= 1'b0;
      discard_q      <= 1'b0;
      word_q         <= '0;
      sector_bad_q   <= 1'b0;
      sector_done_q  <= 1'b0;
      kind_q         <= '0;
      data_len_q     <= '0;
      sectors_q      <= '0;
    end else begin
      state_q <= state_d;
      skip_q  <= (state_q == Decide) ? go_read_q || go_flush_q || step_begins :
                                       state_q != Read && step_begins && step_last;
      if (chain_ready_o) begin
        readable_len_q <= chain_readable_len_i;
        writable_len_q <= chain_writable_len_i;
        has_status_q   <= chain_writable_len_i != 32'd0;
        header_beat_q  <= '0;
        header_err_q   <= 1'b0;
        req_done_q     <= 1'b0;
        linked_q       <= 1'b0;
        word_q         <= '0;
        sector_bad_q   <= 1'b0;
      end else begin
        if (req_valid_i && req_ready_o) req_done_q <= req_last_i || req_done_q;
        if (req_skip_o) req_done_q <= 1'b1;
      end
      if (state_q == Header && req_valid_i) begin
        header_beat_q <= header_beat_q + 2'd1;
        header_err_q  <= header_err_q || req_err_i;
        if (Bytes < HeaderBytes) header_q <= 128'({req_data_i, header_q} >> DataWidth);
        else header_q <= 128'(req_data_i);
      end
      if (state_q == Examine) begin
        kind_q <= {
          type_seen == BLK_T_IN,
          type_seen == BLK_T_OUT,
          type_seen == BLK_T_FLUSH && driver_features_i[BLK_F_FLUSH],
          Discard && type_seen == BLK_T_DISCARD && driver_features_i[BLK_F_DISCARD],
          WriteZeroes && type_seen == BLK_T_WRITE_ZEROES && driver_features_i[BLK_F_WRITE_ZEROES],
          type_seen == BLK_T_GET_ID
        };
        data_len_q <= (type_seen == BLK_T_IN) ? in_len : out_len;
        sectors_q <= {1'b0, capacity} - {1'b0, sector};
      end
      if (state_q == Decide) begin
        sector_q  <= sector;
        left_q    <= go_segments_q ? data_len_q[31:4] : {5'd0, data_len_q[31:9]};
        last_left_q <= go_segments_q ? data_len_q[31:4] == 28'd1 : data_len_q[31:9] == 23'd1;
        discard_q <= is_discard;
      end else if (step_begins) begin
        sector_q <= sector_q + 64'd1;
        left_q <= left_q - 28'd1;
        last_left_q <= left_q == 28'd2;
        linked_q <= linked_q || !step_none;
      end
      if (step_begins) begin
        sector_done_q <= 1'b0;
        sector_bad_q  <= 1'b0;
      end else if (wr_valid && wr_ready) begin
        sector_done_q <= sector_end;
        word_q        <= sector_end ? '0 : word_q + 1'b1;
        sector_bad_q  <= sector_bad_q || pack_err;
      end
    end
  end

  // Data of a write, freed of the header.
  function automatic logic [OffsetWidth:0] count_ones(input logic [Bytes-1:0] keep);
    count_ones = '0;
    for (int i = 0; i < Bytes; i++) count_ones = count_ones + {{OffsetWidth{1'b0}}, keep[i]};
  endfunction
  assign req_bytes  = count_ones(req_keep_i);
  assign pack_clear = state_q != Write && state_q != Segments;
  assign wr_ready   = wr_room && !sector_done_q && !step_valid_q;
  assign pack_ready = (state_q == Write) ? wr_ready : seg_in_ready;
  assign wr_valid   = state_q == Write && pack_valid;
  assign parsing    = Segmented && state_q == Segments;
  assign seg_ready  = parsing && !step_valid_q;

  if (HeaderSharesBeat) begin : g_realign
    logic first_data_q;  // the header's beat
    always_ff @(posedge clk_i) begin
      if (!rst_ni || reset_q || state_q == Idle) first_data_q <= 1'b1;
      else if (req_valid_i && taking && pack_in_ready) first_data_q <= 1'b0;
    end

    virtio_byte_pack #(
        .DataWidth(DataWidth)
    ) u_pack (
        .clk_i,
        .rst_ni,
        .clear_i    (pack_clear),
        .in_valid_i (taking && req_valid_i),
        .in_ready_o (pack_in_ready),
        .in_data_i  (req_data_i),
        .in_offset_i(first_data_q ? OffsetWidth'(HeaderBytes) : '0),
        .in_bytes_i (first_data_q ? req_bytes - (OffsetWidth + 1)'(HeaderBytes) : req_bytes),
        .in_last_i  (req_last_i),
        .in_err_i   (req_err_i),
        .out_valid_o(pack_valid),
        .out_ready_i(pack_ready),
        .out_data_o (pack_data),
        .out_keep_o (pack_keep),
        .out_last_o (pack_last),
        .out_err_o  (pack_err)
    );
  end else begin : g_aligned
    // The header ends with a beat.
    assign pack_valid    = taking && req_valid_i;
    assign pack_in_ready = pack_ready;
    assign pack_data     = req_data_i;
    assign pack_keep     = req_keep_i;
    assign pack_last     = req_last_i;
    assign pack_err      = req_err_i;
    wire unused_realign = ^{req_bytes, pack_clear};
  end

  virtio_blk_segments #(
      .DataWidth(DataWidth)
  ) u_segments (
      .clk_i,
      .rst_ni,
      .clear_i    (!parsing),
      .in_valid_i (parsing && pack_valid),
      .in_ready_o (seg_in_ready),
      .in_data_i  (pack_data),
      .in_err_i   (pack_err),
      .seg_valid_o(seg_valid),
      .seg_ready_i(seg_ready),
      .seg_data_o (seg_data),
      .seg_err_o  (seg_err)
  );

  virtio_blk_port #(
      .DataWidth(DataWidth)
  ) u_port (
      .clk_i,
      .rst_ni,
      .device_reset_i(reset_q),
      .step_valid_i  (step_valid_q),
      .step_ready_o  (step_ready),
      .step_none_i   (step_none_q),
      .step_command_i(step_command_q),
      .step_answer_i (step_answer_q),
      .wr_valid_i    (wr_valid && !sector_done_q && !step_valid_q),
      .wr_ready_o    (wr_room),
      .wr_data_i     (pack_data),
      .wr_commit_i   (step_valid_q && step_ready && step_good_q),
      .wr_drop_i     (step_valid_q && step_ready && step_bad_q),
      .answer_valid_o(answer_valid),
      .answer_ready_i(answer_ready),
      .answer_o      (answer),
      .rd_valid_o    (rd_valid),
      .rd_ready_i    (rd_ready),
      .rd_data_o     (rd_data),
      .store_cmd_valid_o,
      .store_cmd_ready_i,
      .store_cmd_op_o,
      .store_cmd_sector_o,
      .store_cmd_count_o,
      .store_cmd_unmap_o,
      .store_cmd_linked_o,
      .store_wdata_valid_o,
      .store_wdata_ready_i,
      .store_wdata_o,
      .store_rdata_valid_i,
      .store_rdata_ready_o,
      .store_rdata_i,
      .store_rsp_valid_i,
      .store_rsp_ready_o,
      .store_rsp_error_i
  );

  virtio_blk_answer #(
      .DataWidth(DataWidth),
      .SerialId (SerialId)
  ) u_answer (
      .clk_i,
      .rst_ni,
      .device_reset_i(reset_q),
      .answer_valid_i(answer_valid),
      .answer_ready_o(answer_ready),
      .answer_i      (answer),
      .rd_valid_i    (rd_valid),
      .rd_ready_o    (rd_ready),
      .rd_data_i     (rd_data),
      .rsp_valid_o   (answer_beat_valid),
      .rsp_ready_i   (answer_beat_ready),
      .rsp_data_o    (answer_beat_data),
      .rsp_keep_o    (answer_beat_keep),
      .rsp_last_o    (answer_beat_last),
      .rsp_tail_o    (answer_beat_tail),
      .rsp_tail_err_o
  );

  // Neither side of the response stream hangs on the other in the same cycle.
  virtio_fifo #(
      .Width(DataWidth + Bytes + 2),
      .Depth(2)
  ) u_slice (
      .clk_i,
      .rst_ni,
      .clear_i    (reset_q),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (answer_beat_valid),
      .in_ready_o (answer_beat_ready),
      .in_data_i  ({answer_beat_data, answer_beat_keep, answer_beat_last, answer_beat_tail}),
      .out_valid_o(rsp_valid_o),
      .out_ready_i(rsp_ready_i),
      .out_data_o ({rsp_data_o, rsp_keep_o, rsp_last_o, rsp_tail_o}),
      .count_o    (slice_count)
  );

  wire unused_ok = ^{slice_count, pack_keep, pack_last, header_q[63:32]};

endmodule
