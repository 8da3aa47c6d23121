// SPDX-License-Identifier: Apache-2.0
// A device type of one's own, the example of docs/device-type.md: answers the CRC-32 (IEEE 802.3) of a request's readable part.
//
// Queue 0, requests: any bytes readable; writable are up to 4 bytes for the CRC, le32, and a last one for the status: 0 OK, 1 part of
// the request could not be read, 2 the CRC could not be written. Configuration space: `seed` le32 at 0, the driver's to write, where the CRC
// starts from (all ones after a reset); `enabled` u8 at 4. While `enable_i` is 0 requests wait in their queue.

module virtio_checksum #(
    parameter int DataWidth = 64,
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 enable_i,
    // Device-type boundary, see virtio_mmio_core
    input  logic                 device_reset_i,
    input  logic [         11:0] config_rd_offset_i,
    output logic [         31:0] config_rd_data_o,
    input  logic                 config_wr_en_i,
    input  logic [         11:0] config_wr_offset_i,
    input  logic [         31:0] config_wr_data_i,
    input  logic [          3:0] config_wr_strb_i,
    output logic                 config_changed_o,
    input  logic                 queue_live_i,
    input  logic                 queue_drop_i,
    output logic                 queue_credit_o,
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

  typedef enum logic [1:0] {
    Idle,
    Sum,     // the request comes
    Answer,  // the CRC
    Status   // the last byte
  } state_e;

  state_e state_q, state_d;
  logic [31:0] seed_q, crc_q;
  logic [2:0] room_q;  // for the CRC: 0 to 4 bytes
  logic enabled_q, error_q, has_status_q, chain_take, req_take;

  // The CRC goes on over the bytes of a beat.
  function automatic logic [31:0] crc_next(input logic [31:0] crc, input logic [DataWidth-1:0] data,
                                           input logic [Bytes-1:0] keep);
    crc_next = crc;
    for (int i = 0; i < DataWidth; i++) begin
      if (keep[i/8]) crc_next = {1'b0, crc_next[31:1]} ^ (crc_next[0] != data[i] ? 32'hedb88320 : 32'd0);
    end
  endfunction

  // Configuration space. The field takes its new value in the cycle in which the change is told.
  assign config_rd_data_o = config_rd_offset_i == 12'd0 ? seed_q : config_rd_offset_i == 12'd4 ? {31'd0, enabled_q} : 32'd0;
  assign config_changed_o = rst_ni && enabled_q != enable_i;
  always_ff @(posedge clk_i) enabled_q <= enable_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      seed_q <= '1;
    end else if (config_wr_en_i && config_wr_offset_i == 12'd0) begin
      for (int i = 0; i < 4; i++) if (config_wr_strb_i[i]) seed_q[8*i+:8] <= config_wr_data_i[8*i+:8];
    end
  end

  // A credit for one chain at a time, and only while there is something to serve it with.
  virtio_credit #(
      .CountWidth(2)
  ) u_credit (
      .clk_i,
      .rst_ni,
      .device_reset_i,
      .live_i  (queue_live_i),
      .target_i({1'b0, enabled_q}),
      .arrive_i(chain_take),
      .free_i  (rsp_valid_o && rsp_ready_i && rsp_last_o),
      .credit_o(queue_credit_o)
  );

  assign chain_ready_o  = state_q == Idle && !device_reset_i;
  assign chain_take     = chain_ready_o && chain_valid_i;
  assign req_ready_o    = state_q == Sum && !queue_drop_i;
  assign req_skip_o     = state_q == Sum && queue_drop_i;  // nobody waits for the answer any more
  assign req_take       = req_valid_i && req_ready_o;
  assign rsp_valid_o    = state_q == Answer || state_q == Status;
  assign rsp_data_o     = DataWidth'(rsp_tail_o ? {31'd0, error_q} : crc_q ^ 32'hffff_ffff);
  assign rsp_keep_o     = rsp_tail_o ? Bytes'(1) : ~({Bytes{1'b1}} << (error_q ? 3'd0 : room_q));
  assign rsp_last_o     = state_q == Status || !has_status_q;
  assign rsp_tail_o     = state_q == Status;
  assign rsp_tail_err_o = 8'd2;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (chain_valid_i) state_d = Sum;
        if (chain_valid_i && chain_readable_len_i == 32'd0) state_d = Answer;
      end
      Sum:     if ((req_take && req_last_i) || queue_drop_i) state_d = Answer;
      Answer: begin
        if (rsp_ready_i) state_d = Status;
        if (rsp_ready_i && !has_status_q) state_d = Idle;
      end
      default: if (rsp_ready_i) state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q      <= Idle;
      crc_q        <= '0;
      room_q       <= '0;
      error_q      <= 1'b0;
      has_status_q <= 1'b0;
    end else begin
      state_q <= state_d;
      if (chain_take) begin
        crc_q <= seed_q;
        error_q <= 1'b0;
        has_status_q <= chain_writable_len_i != 32'd0;
        room_q       <= chain_writable_len_i > 32'd4 ? 3'd4 : chain_writable_len_i == 32'd0 ? 3'd0 : chain_writable_len_i[2:0] - 3'd1;
      end
      if (req_take) begin
        crc_q   <= crc_next(crc_q, req_data_i, req_keep_i);
        error_q <= error_q || req_err_i;
      end
    end
  end

endmodule
