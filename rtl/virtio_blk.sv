// SPDX-License-Identifier: Apache-2.0
// Device type block (5.2): requests in, sectors to and from a storage port, status byte out.
//
// Storage port, for DDR, an SD controller, a file: one command for each sector of 512 bytes (`store_cmd_op_o` of STORE_READ, STORE_WRITE,
// STORE_FLUSH), answered in order on `store_rsp_*` by one beat each. A write's 512 bytes follow its command on `store_wdata_*`, all of
// them known to be good; a read's come on `store_rdata_*` before its response (a failed read may come short). Streams are packed, lane 0 first. After a device reset
// the commands begun before are still answered.
//
//   req -> header, virtio_byte_pack -> virtio_blk_mover -> storage
//   rsp <- data, id, status byte    <-

module virtio_blk #(
    parameter  int           DataWidth = 64,
    parameter  bit           ReadOnly  = 1'b0,                    // offers RO, refuses writes
    parameter  logic [ 31:0] SegMax    = 32'd126,                 // 0: SEG_MAX not offered
    parameter  logic [ 31:0] SizeMax   = 32'd0,                   // 0: SIZE_MAX not offered
    parameter  logic [ 31:0] BlkSize   = 32'd512,                 // 0: BLK_SIZE not offered
    parameter  logic [159:0] SerialId  = "virtio-mmio-rtl-0001",  // GET_ID, first character leftmost
    localparam int           Bytes     = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // Storage
    input  logic [         63:0] capacity_i,            // sectors; may change at any time
    output logic                 store_cmd_valid_o,
    input  logic                 store_cmd_ready_i,
    output logic [          1:0] store_cmd_op_o,
    output logic [         63:0] store_cmd_sector_o,
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
  localparam bit HeaderSharesBeat = Bytes > HeaderBytes;  // data may begin in the header's beat
  localparam int IdBytes = 20;

  typedef enum logic [2:0] {
    Idle,
    Header,
    Decide,
    Move,
    Id,
    Status
  } state_e;

  state_e state_q, state_d;
  logic [31:0] readable_len_q, writable_len_q;
  logic [127:0] header_q;
  logic [  1:0] header_beat_q;
  logic header_err_q, header_done, req_done_q, writing_q, answerable, has_status_q;
  logic [7:0] status_q, status_d;
  logic [159:0] id_q, id_bytes;
  logic [ 6:0] id_left_q;
  logic [63:0] capacity_q;

  logic [31:0] req_type, in_len, out_len, data_len;
  logic [63:0] sector;
  logic fits, decide, start, is_read, is_write, is_flush, moving, taking;
  logic [1:0] op;

  logic mover_ready, mover_done, mover_failed, rd_valid;
  logic [DataWidth-1:0] rd_data;

  logic first_data_q, pack_in_ready, pack_valid, pack_ready, pack_last, pack_err;
  logic [OffsetWidth:0] req_bytes;
  logic [DataWidth-1:0] pack_data;
  logic [Bytes-1:0] pack_keep;

  // Features and configuration space.
  assign device_features_o = (64'd1 << BLK_F_FLUSH) | ({63'd0, ReadOnly} << BLK_F_RO) |
                             ({63'd0, SegMax != 32'd0} << BLK_F_SEG_MAX) |
                             ({63'd0, SizeMax != 32'd0} << BLK_F_SIZE_MAX) |
                             ({63'd0, BlkSize != 32'd0} << BLK_F_BLK_SIZE);

  always_comb begin
    case ({
      config_rd_offset_i[11:2], 2'b00
    })
      12'd0:   config_rd_data_o = capacity_q[31:0];
      12'd4:   config_rd_data_o = capacity_q[63:32];
      12'd8:   config_rd_data_o = SizeMax;
      12'd12:  config_rd_data_o = SegMax;
      12'd20:  config_rd_data_o = BlkSize;
      default: config_rd_data_o = 32'd0;
    endcase
  end

  assign config_changed_o = rst_ni && capacity_q != capacity_i;
  always_ff @(posedge clk_i) capacity_q <= capacity_i;

  // What is asked.
  assign req_type    = header_q[31:0];
  assign sector      = header_q[127:64];
  assign in_len      = writable_len_q - 32'd1;
  assign out_len     = readable_len_q - 32'(HeaderBytes);
  assign data_len    = (req_type == BLK_T_OUT) ? out_len : in_len;
  assign fits        = data_len[8:0] == 9'd0 && sector <= capacity_q && {41'd0, data_len[31:9]} <= capacity_q - sector;
  assign answerable  = chain_readable_len_i >= 32'(HeaderBytes) && chain_writable_len_i != 32'd0;
  assign header_done = state_q == Header && req_valid_i && header_beat_q == 2'(HeaderBeats - 1);

  // What becomes of it: a move of sectors, the id, or a status at once.
  assign decide      = state_q == Decide && mover_ready;
  assign is_read     = req_type == BLK_T_IN && fits;
  assign is_write    = req_type == BLK_T_OUT && fits && !ReadOnly;
  assign is_flush    = req_type == BLK_T_FLUSH && driver_features_i[BLK_F_FLUSH];
  assign start       = decide && !header_err_q && !device_reset_i && (is_read || is_write || is_flush);
  assign op          = is_write ? STORE_WRITE : is_flush ? STORE_FLUSH : STORE_READ;

  always_comb begin
    state_d  = state_q;
    status_d = status_q;
    case (state_q)
      Idle: begin
        status_d = BLK_S_IOERR;
        if (chain_valid_i && answerable) state_d = Header;
        else if (chain_valid_i) state_d = Status;
      end
      Header:  if (header_done) state_d = Decide;
      Decide: begin
        if (decide) state_d = Status;
        if (start) state_d = Move;
        if (decide && !header_err_q) begin
          case (req_type)
            BLK_T_IN, BLK_T_OUT: ;
            BLK_T_FLUSH: if (!is_flush) status_d = BLK_S_UNSUPP;
            BLK_T_GET_ID: begin
              status_d = BLK_S_OK;
              if (in_len != 32'd0) state_d = Id;
            end
            default: status_d = BLK_S_UNSUPP;
          endcase
        end
      end
      Move: begin
        if (mover_done) state_d = Status;
        if (mover_done && !mover_failed) status_d = BLK_S_OK;
      end
      Id:      if (rsp_ready_i && id_left_q <= 7'(Bytes)) state_d = Status;
      default: if (rsp_ready_i) state_d = Idle;
    endcase
  end

  assign moving = state_q == Move;

  // What the request does not use of the readable part is dropped when that is known.
  assign chain_ready_o = state_q == Idle && !device_reset_i;
  assign taking = state_q == Move && writing_q && !req_done_q;
  assign req_ready_o = (state_q == Header && !HeaderSharesBeat) || (taking && pack_in_ready);
  assign req_skip_o    = (chain_ready_o && chain_valid_i && !answerable && chain_readable_len_i != 32'd0) ||
                         (decide && !(start && is_write) && !req_done_q) ||
                         (taking && mover_done);

  // GET_ID: the first character comes first, that is in lane 0.
  for (genvar i = 0; i < IdBytes; i++) begin : g_id
    assign id_bytes[8*i+:8] = SerialId[8*(IdBytes-1-i)+:8];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q        <= Idle;
      readable_len_q <= '0;
      writable_len_q <= '0;
      header_q       <= '0;
      header_beat_q  <= '0;
      header_err_q   <= 1'b0;
      req_done_q     <= 1'b0;
      writing_q      <= 1'b0;
      has_status_q   <= 1'b0;
      first_data_q   <= 1'b0;
      status_q       <= BLK_S_IOERR;
      id_q           <= '0;
      id_left_q      <= '0;
    end else begin
      state_q  <= state_d;
      status_q <= status_d;
      if (state_q == Idle) begin
        readable_len_q <= chain_readable_len_i;
        writable_len_q <= chain_writable_len_i;
        has_status_q   <= chain_writable_len_i != 32'd0;
        header_beat_q  <= '0;
        header_err_q   <= 1'b0;
        req_done_q     <= 1'b0;
        first_data_q   <= HeaderSharesBeat;
      end else if (req_valid_i && req_ready_o) begin
        req_done_q <= req_last_i || req_done_q;
        if (state_q == Move) first_data_q <= 1'b0;
      end
      if (state_q == Header && req_valid_i) begin
        header_beat_q <= header_beat_q + 2'd1;
        header_err_q  <= header_err_q || req_err_i;
        if (Bytes < HeaderBytes) header_q <= 128'({req_data_i, header_q} >> DataWidth);
        else header_q <= 128'(req_data_i);
      end
      if (state_q == Decide) begin
        writing_q <= start && is_write;
        id_q      <= id_bytes;
        id_left_q <= (in_len > 32'(IdBytes)) ? 7'(IdBytes) : in_len[6:0];
      end
      if (state_q == Id && rsp_ready_i) begin
        id_q      <= 160'({{DataWidth{1'b0}}, id_q} >> DataWidth);
        id_left_q <= id_left_q - 7'(Bytes);
      end
    end
  end

  // Data of a write, freed of the header.
  function automatic logic [OffsetWidth:0] count_ones(input logic [Bytes-1:0] keep);
    count_ones = '0;
    for (int i = 0; i < Bytes; i++) count_ones = count_ones + {{OffsetWidth{1'b0}}, keep[i]};
  endfunction
  assign req_bytes = count_ones(req_keep_i);

  virtio_byte_pack #(
      .DataWidth(DataWidth)
  ) u_pack (
      .clk_i,
      .rst_ni,
      .clear_i    (!moving),
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

  virtio_blk_mover #(
      .DataWidth(DataWidth)
  ) u_mover (
      .clk_i,
      .rst_ni,
      .device_reset_i,
      .start_i   (start),
      .ready_o   (mover_ready),
      .op_i      (op),
      .sector_i  (sector),
      .count_i   (data_len[31:9]),
      .done_o    (mover_done),
      .failed_o  (mover_failed),
      .wr_valid_i(pack_valid),
      .wr_ready_o(pack_ready),
      .wr_data_i (pack_data),
      .wr_err_i  (pack_err),
      .rd_valid_o(rd_valid),
      .rd_ready_i(moving && rsp_ready_i),
      .rd_data_o (rd_data),
      .store_cmd_valid_o,
      .store_cmd_ready_i,
      .store_cmd_op_o,
      .store_cmd_sector_o,
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

  // The answer: data or id, then the status byte, or an empty beat where there is no room for one.
  always_comb begin
    rsp_valid_o = 1'b0;
    rsp_data_o  = rd_data;
    rsp_keep_o  = '1;
    rsp_last_o  = 1'b0;
    rsp_tail_o  = 1'b0;
    case (state_q)
      Move: rsp_valid_o = rd_valid;
      Id: begin
        rsp_valid_o = 1'b1;
        rsp_data_o  = DataWidth'(id_q);
        if (id_left_q < 7'(Bytes)) rsp_keep_o = ~({Bytes{1'b1}} << id_left_q);
      end
      Status: begin
        rsp_valid_o = 1'b1;
        rsp_data_o  = DataWidth'(status_q);
        rsp_keep_o  = has_status_q ? Bytes'(1) : '0;
        rsp_last_o  = 1'b1;
        rsp_tail_o  = has_status_q;
      end
      default: ;
    endcase
  end
  assign rsp_tail_err_o = BLK_S_IOERR;

  wire unused_ok = ^{config_rd_offset_i[1:0], pack_keep, pack_last, header_q[63:32]};

endmodule
