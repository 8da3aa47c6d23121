// SPDX-License-Identifier: Apache-2.0
// Device type console (5.3): one port, a byte stream in each direction, its size and the emergency write. VIRTIO_CONSOLE_F_MULTIPORT is not
// offered: an FPGA that wants several streams has room for several devices, each of them without a control queue.
//
// tx_*  bytes of the transmit queue, in order. A chain is used when all its bytes are in a store of `TxBytes`; from then on they are sent,
//       whatever resets come. Chains are taken while the store is half empty, so a stalled port holds up the receive queue only where
//       a chain is longer than that; a reset of the device or of the queue always gets through.
//       Bytes written to emerg_wr come out here too, marked by `tx_emerg_o` and before those that wait in the store; at any time, also without a
//       driver. Sixteen of them are held, more are lost.
// rx_*  bytes for the receive queue, taken while that is live and there is room in a store of `RxBytes`. A chain gets what is there
//       when it is taken. A reset of the device or the queue drops what is in the store.
// cols, rows  a change is a configuration change.
//
//   req -> virtio_byte_queues -> tx store -> tx
//   rsp <-                    <- rx store <- rx

module virtio_console #(
    parameter int DataWidth = 64,
    parameter int RxBytes = 256,  // power of two
    parameter int TxBytes = 2048,  // power of two
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // Port
    input  logic [         15:0] cols_i,
    input  logic [         15:0] rows_i,
    output logic                 tx_valid_o,
    input  logic                 tx_ready_i,
    output logic [          7:0] tx_data_o,
    output logic                 tx_emerg_o,
    input  logic                 rx_valid_i,
    output logic                 rx_ready_o,
    input  logic [          7:0] rx_data_i,
    // Device-type boundary, see virtio_mmio_core
    output logic [         63:0] device_features_o,
    input  logic                 device_reset_i,
    input  logic [         11:0] config_rd_offset_i,
    output logic [         31:0] config_rd_data_o,
    input  logic                 config_wr_en_i,
    input  logic [         11:0] config_wr_offset_i,
    input  logic [         31:0] config_wr_data_i,
    input  logic [          3:0] config_wr_strb_i,
    output logic                 config_changed_o,
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

  localparam int EmergBytes = 16;
  localparam int RxWidth = $clog2(RxBytes) + 1;
  localparam int TxWidth = $clog2(TxBytes) + 1;
  localparam int EmergWidth = $clog2(EmergBytes) + 1;

  assign device_features_o = (64'd1 << CONSOLE_F_SIZE) | (64'd1 << CONSOLE_F_EMERG_WRITE);

  // Configuration space
  logic [15:0] cols_q, rows_q;
  assign config_rd_data_o = {config_rd_offset_i[11:2], 2'b00} == CONSOLE_CONFIG_COLS ? {rows_q, cols_q} : 32'd0;
  assign config_changed_o = rst_ni && (cols_q != cols_i || rows_q != rows_i);
  always_ff @(posedge clk_i) begin
    cols_q <= cols_i;
    rows_q <= rows_i;
  end

  logic emerg_write, emerg_valid, emerg_ready, emerg_room;
  logic [7:0] emerg_data;
  logic [EmergWidth-1:0] emerg_count;
  assign emerg_write = config_wr_en_i && {config_wr_offset_i[11:2], 2'b00} == CONSOLE_CONFIG_EMERG_WR && config_wr_strb_i[0];

  virtio_fifo #(
      .Width(8),
      .Depth(EmergBytes)
  ) u_emerg (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (emerg_write),
      .in_ready_o (emerg_room),
      .in_data_i  (config_wr_data_i[7:0]),
      .out_valid_o(emerg_valid),
      .out_ready_i(emerg_ready),
      .out_data_o (emerg_data),
      .count_o    (emerg_count)
  );

  // Transmit
  logic out_valid, out_ready, out_end, sent_valid, sent_ready;
  logic [7:0] out_data, sent_data;
  logic [TxWidth-1:0] tx_count;
  logic tx_want;

  assign tx_want = tx_count <= TxWidth'(TxBytes / 2);

  virtio_fifo #(
      .Width(8),
      .Depth(TxBytes)
  ) u_tx (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (out_valid),
      .in_ready_o (out_ready),
      .in_data_i  (out_data),
      .out_valid_o(sent_valid),
      .out_ready_i(sent_ready),
      .out_data_o (sent_data),
      .count_o    (tx_count)
  );

  // A byte that is shown stays, also when one comes that would go before it.
  logic tx_valid_q, tx_emerg_q, tx_free;
  logic [7:0] tx_data_q;
  assign tx_free     = !tx_valid_q || tx_ready_i;
  assign emerg_ready = tx_free;
  assign sent_ready  = tx_free && !emerg_valid;
  assign tx_valid_o  = tx_valid_q;
  assign tx_data_o   = tx_data_q;
  assign tx_emerg_o  = tx_emerg_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tx_valid_q <= 1'b0;
      tx_emerg_q <= 1'b0;
      tx_data_q  <= '0;
    end else if (tx_free) begin
      tx_valid_q <= emerg_valid || sent_valid;
      tx_emerg_q <= emerg_valid;
      if (emerg_valid) tx_data_q <= emerg_data;
      else if (sent_valid) tx_data_q <= sent_data;
    end
  end

  // Receive
  logic in_valid, in_ready, rx_room, rx_clear, rx_push, rx_want;
  logic [7:0] in_data;
  logic [31:0] in_room, in_len, rx_there;
  logic [RxWidth-1:0] rx_count;

  assign rx_ready_o = rx_room && queue_live_i[0];
  assign rx_push    = rx_valid_i && rx_ready_o;
  assign rx_clear   = device_reset_i || queue_drop_i[0];
  assign rx_want    = rx_count != '0;
  assign rx_there   = 32'(rx_count);
  assign in_len     = in_room < rx_there ? in_room : rx_there;

  virtio_fifo #(
      .Width(8),
      .Depth(RxBytes)
  ) u_rx (
      .clk_i,
      .rst_ni,
      .clear_i    (rx_clear),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (rx_push),
      .in_ready_o (rx_room),
      .in_data_i  (rx_data_i),
      .out_valid_o(in_valid),
      .out_ready_i(in_ready),
      .out_data_o (in_data),
      .count_o    (rx_count)
  );

  virtio_byte_queues #(
      .DataWidth(DataWidth)
  ) u_queues (
      .clk_i,
      .rst_ni,
      .in_want_i  (rx_want),
      .in_room_o  (in_room),
      .in_len_i   (in_len),
      .in_valid_i (in_valid),
      .in_ready_o (in_ready),
      .in_data_i  (in_data),
      .out_want_i (tx_want),
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

  // Only the low byte of emerg_wr counts. An emergency byte without room is lost.
  wire unused_ok = ^{config_wr_data_i[31:8], config_wr_strb_i[3:1], config_rd_offset_i[1:0], config_wr_offset_i[1:0],
                     emerg_room, emerg_count, out_end};

endmodule
