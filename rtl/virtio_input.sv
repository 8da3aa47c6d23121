// SPDX-License-Identifier: Apache-2.0
// Device type input (5.8): events to the driver, status events from it, and the window through which the driver asks what there is.
//
// event_*   events, {value[31:0], code[15:0], type[15:0]}; taken in every cycle. A sequence of them, up to its SYN_REPORT (type 0, code 0), is
//           delivered whole or not at all: it waits in a store of `EventDepth` events for buffers, one for each event, and is dropped where
//           it does not fit, or began while the event queue was not live. A reset of the device or the queue drops what is there.
// status_*  events that the driver sends. A chain is used when its events are in a store of `StatusDepth`; chains are taken while that is half
//           empty, so a stalled port holds up events only where a chain is longer than that. Bytes beyond whole events are ignored.
// select, subsel, size, word  what the driver asks about, how many bytes are known of it, and which word of these is read.
//
// A buffer with less than 8 bytes of room comes back with length 0, and the event goes into the next.

module virtio_input #(
    parameter int DataWidth = 64,
    parameter int EventDepth = 64,  // power of two
    parameter int StatusDepth = 16,  // power of two
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 event_valid_i,
    output logic                 event_ready_o,
    input  logic [         63:0] event_data_i,
    output logic                 status_valid_o,
    input  logic                 status_ready_i,
    output logic [         63:0] status_data_o,
    output logic [          7:0] select_o,
    output logic [          7:0] subsel_o,
    input  logic [          7:0] size_i,
    output logic [          4:0] word_o,
    input  logic [         31:0] word_data_i,
    // Device-type boundary, see virtio_mmio_core
    input  logic                 device_reset_i,
    input  logic [         11:0] config_rd_offset_i,
    output logic [         31:0] config_rd_data_o,
    input  logic                 config_wr_en_i,
    input  logic [         11:0] config_wr_offset_i,
    input  logic [         31:0] config_wr_data_i,
    input  logic [          3:0] config_wr_strb_i,
    input  logic [          1:0] queue_live_i,
    input  logic [          1:0] queue_drop_i,
    output logic [          1:0] queue_credit_o,
    input  logic                 chain_valid_i,
    output logic                 chain_ready_o,
    input  logic [         15:0] chain_queue_i,
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
    output logic                 rsp_last_o
);

  import virtio_pkg::*;

  localparam int EventWidth = $clog2(EventDepth) + 1;
  localparam int StatusWidth = $clog2(StatusDepth) + 1;

  // Configuration window
  logic [7:0] select_q, subsel_q;
  logic [11:0] rd_offset, u_offset;
  logic select_write;

  assign select_o = select_q;
  assign subsel_o = subsel_q;
  assign rd_offset = {config_rd_offset_i[11:2], 2'b00};
  assign u_offset = rd_offset - INPUT_CONFIG_U;
  assign word_o = u_offset[6:2];
  assign select_write = config_wr_en_i && {config_wr_offset_i[11:2], 2'b00} == INPUT_CONFIG_SELECT;

  always_comb begin
    config_rd_data_o = 32'd0;
    if (rd_offset == INPUT_CONFIG_SELECT) config_rd_data_o = {8'd0, size_i, subsel_q, select_q};
    else if (rd_offset >= INPUT_CONFIG_U && u_offset < 12'(INPUT_U_BYTES)) config_rd_data_o = word_data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      select_q <= 8'd0;
      subsel_q <= 8'd0;
    end else if (select_write) begin
      if (config_wr_strb_i[0]) select_q <= config_wr_data_i[7:0];
      if (config_wr_strb_i[1]) subsel_q <= config_wr_data_i[15:8];
    end
  end

  // Events: a sequence is committed with its end. `drop_q` from where it cannot be kept any more up to its end.
  logic clear, in_middle_q, drop_q, drop, sync, room, event_there, event_done, event_push, event_commit, event_rollback;
  logic [63:0] event_data;
  logic [EventWidth-1:0] event_count;
  logic [2:0] byte_q;
  logic in_ready, event_want;
  logic [31:0] in_room, in_len;
  logic [7:0] event_byte;

  assign event_ready_o = 1'b1;
  assign clear = device_reset_i || queue_drop_i[0];
  assign sync = event_data_i[31:0] == 32'd0;
  assign drop = drop_q || !room || clear || (!in_middle_q && !queue_live_i[0]);
  assign event_done = in_ready && byte_q == 3'd7;
  assign event_push = event_valid_i && !drop;
  assign event_commit = event_push && sync;
  assign event_rollback = event_valid_i && drop;
  assign event_want = event_count != '0;
  assign event_byte = event_data[8*byte_q+:8];
  assign in_len = event_want && in_room >= 32'(INPUT_EVENT_BYTES) ? 32'(INPUT_EVENT_BYTES) : 32'd0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_middle_q <= 1'b0;
      drop_q      <= 1'b0;
    end else begin
      if (event_valid_i) begin
        in_middle_q <= !sync;
        drop_q      <= drop && !sync;
      end else if (clear) begin
        drop_q <= in_middle_q;
      end
    end
  end

  virtio_fifo #(
      .Width(64),
      .Depth(EventDepth)
  ) u_events (
      .clk_i,
      .rst_ni,
      .clear_i    (clear),
      .commit_i   (event_commit),
      .rollback_i (event_rollback),
      .in_valid_i (event_push),
      .in_ready_o (room),
      .in_data_i  (event_data_i),
      .out_valid_o(event_there),
      .out_ready_i(event_done),
      .out_data_o (event_data),
      .count_o    (event_count)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) byte_q <= 3'd0;
    else if (in_ready && event_there) byte_q <= byte_q + 3'd1;
  end

  // Status events: eight bytes make one.
  logic out_valid, out_ready, out_end, status_room, status_push, status_want;
  logic [ 7:0] out_data;
  logic [55:0] part_q;
  logic [63:0] status_event, status_data;
  logic [2:0] parts_q;
  logic [StatusWidth-1:0] status_count;

  assign status_want = status_count <= StatusWidth'(StatusDepth / 2);
  assign status_push = out_valid && parts_q == 3'd7;
  assign status_data_o = status_valid_o ? status_data : '0;
  assign status_event = {out_data, part_q};
  assign out_ready = parts_q != 3'd7 || status_room;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i || out_end) begin
      parts_q <= 3'd0;
      part_q  <= '0;
    end else if (out_valid && out_ready) begin
      parts_q <= parts_q + 3'd1;
      part_q  <= {out_data, part_q[55:8]};
    end
  end

  virtio_fifo #(
      .Width(64),
      .Depth(StatusDepth)
  ) u_status (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (status_push),
      .in_ready_o (status_room),
      .in_data_i  (status_event),
      .out_valid_o(status_valid_o),
      .out_ready_i(status_ready_i),
      .out_data_o (status_data),
      .count_o    (status_count)
  );

  virtio_byte_queues #(
      .DataWidth(DataWidth)
  ) u_queues (
      .clk_i,
      .rst_ni,
      .in_want_i  (event_want),
      .in_room_o  (in_room),
      .in_len_i   (in_len),
      .in_valid_i (event_there),
      .in_ready_o (in_ready),
      .in_data_i  (event_byte),
      .out_want_i (status_want),
      .out_valid_o(out_valid),
      .out_ready_i(out_ready),
      .out_data_o (out_data),
      .out_end_o  (out_end),
      .device_reset_i,
      .queue_live_i,
      .queue_drop_i,
      .queue_credit_o,
      .chain_valid_i,
      .chain_ready_o,
      .chain_queue_i,
      .chain_readable_len_i,
      .chain_writable_len_i,
      .req_valid_i,
      .req_ready_o,
      .req_data_i,
      .req_keep_i,
      .req_last_i,
      .req_err_i,
      .req_skip_o,
      .rsp_valid_o,
      .rsp_ready_i,
      .rsp_data_o,
      .rsp_keep_o,
      .rsp_last_o
  );

  wire unused_ok = ^{config_wr_data_i[31:16], config_wr_strb_i[3:2], config_rd_offset_i[1:0], config_wr_offset_i[1:0],
                     u_offset[1:0]};

endmodule
