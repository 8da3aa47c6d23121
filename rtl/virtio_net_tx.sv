// SPDX-License-Identifier: Apache-2.0
// Transmit side of the network device type (5.1.9.2): frees requests of their header, keeps the frame until it is whole, sends it.
//
// `start_i` begins a chain with a readable part of legal length; its beats follow on `req_*`, and `judged_o` pulses when the last one
// was taken. A frame goes to the MAC only when all of it came without an error, its header asks for nothing that is not offered, and
// the link is up; otherwise it is forgotten. Whoever starts a chain has kept room for the longest frame: a chain's room is taken until
// `judged_o`, that of a frame kept from then on until `sent_o`.
//
//   req -> virtio_byte_pack (header off) -> virtio_net_store -> mac_tx

module virtio_net_tx #(
    parameter int DataWidth = 64,
    parameter int StoreWords = 1024,
    parameter int Frames = 4,
    parameter int QueueWidth = 1,
    localparam int Bytes = DataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic device_reset_i,
    input logic link_up_i,
    input logic start_i,
    input logic [QueueWidth-1:0] queue_i,
    input logic [15:0] frame_len_i,
    output logic idle_o,
    output logic sent_o,
    output logic [QueueWidth-1:0] sent_queue_o,
    output logic judged_o,  // pulse: all beats are taken, and the frame, of first_bytes_o, is kept or not
    output logic kept_o,
    output logic [303:0] first_bytes_o,
    output logic [QueueWidth-1:0] judged_queue_o,
    input logic req_valid_i,
    output logic req_ready_o,
    input logic [DataWidth-1:0] req_data_i,
    input logic [Bytes-1:0] req_keep_i,
    input logic req_last_i,
    input logic req_err_i,
    // MAC
    output logic mac_tx_valid_o,
    input logic mac_tx_ready_i,
    output logic [DataWidth-1:0] mac_tx_data_o,
    output logic [Bytes-1:0] mac_tx_keep_o,
    output logic mac_tx_last_o
);

  import virtio_pkg::*;

  localparam int OffsetWidth = $clog2(Bytes);
  localparam int FirstBytes = 38;

  typedef enum logic [1:0] {
    Idle,
    Take,
    Drain,
    Judge
  } state_e;

  state_e state_q, state_d;
  logic [3:0] skip_q;  // bytes of the header still to come
  logic [15:0] frame_len_q;
  logic [QueueWidth-1:0] queue_q;
  logic bad_q, first_q;
  logic [8*FirstBytes-1:0] first_bytes_q;
  logic [6:0] first_at_q;

  logic
      take,
      pack_ready,
      pack_valid,
      pack_last,
      pack_err,
      store_room,
      frame_room,
      beat_bad,
      commit,
      taking,
      pack_clear,
      store_in,
      rollback;
  logic [OffsetWidth:0] beat_bytes, skip_now;
  logic [DataWidth-1:0] pack_data;
  logic [Bytes-1:0] pack_keep;

  logic frame_valid, sending_last, send;
  logic [15:0] frame_len, left_q;
  logic [QueueWidth-1:0] frame_queue;
  logic sending_q;
  logic [15:0] left;

  function automatic logic [OffsetWidth:0] count_ones(input logic [Bytes-1:0] keep);
    count_ones = '0;
    for (int i = 0; i < Bytes; i++) count_ones = count_ones + {{OffsetWidth{1'b0}}, keep[i]};
  endfunction

  // In
  assign beat_bytes = count_ones(req_keep_i);
  assign skip_now = (32'(skip_q) < 32'(beat_bytes)) ? (OffsetWidth + 1)'(skip_q) : beat_bytes;
  assign req_ready_o = taking && pack_ready;
  assign take = req_valid_i && req_ready_o;
  // Of the header: no checksum to be completed, no segmentation; flags not known are ignored (NET-DEV-024).
  assign beat_bad = req_err_i || (first_q && (req_data_i[NET_HDR_F_NEEDS_CSUM_BIT] || req_data_i[15:8] != 8'd0));
  assign idle_o = state_q == Idle;
  assign taking = state_q == Take;
  assign pack_clear = state_q == Idle || device_reset_i;
  assign store_in = pack_valid && state_q != Idle;
  assign rollback = (state_q == Judge && !commit) || device_reset_i;
  assign commit = state_q == Judge && !bad_q && link_up_i && frame_room && !device_reset_i;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle:    if (start_i) state_d = Take;
      Take:    if (take && req_last_i) state_d = Drain;
      Drain:   if (pack_valid && pack_last) state_d = Judge;
      default: state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q     <= Idle;
      skip_q      <= '0;
      frame_len_q <= '0;
      queue_q     <= '0;
      bad_q       <= 1'b0;
      first_q     <= 1'b0;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) begin
        skip_q      <= 4'(NET_HDR_BYTES);
        frame_len_q <= frame_len_i;
        queue_q     <= queue_i;
        bad_q       <= 1'b0;
        first_q     <= 1'b1;
      end else if (take) begin
        skip_q  <= skip_q - 4'(skip_now);
        bad_q   <= bad_q || beat_bad;
        first_q <= 1'b0;
      end
    end
  end

  // The frame's first bytes
  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      first_at_q    <= '0;
      first_bytes_q <= '0;
    end else if (pack_valid && first_at_q < 7'(FirstBytes)) begin
      for (int i = 0; i < FirstBytes; i++) begin
        if (i / Bytes * Bytes == int'(first_at_q) && pack_keep[i%Bytes])
          first_bytes_q[8*i+:8] <= pack_data[8*(i%Bytes)+:8];
      end
      first_at_q <= first_at_q + 7'(Bytes);
    end
  end
  assign first_bytes_o  = first_bytes_q;
  assign judged_o       = state_q == Judge;
  assign kept_o         = commit;
  assign judged_queue_o = queue_q;

  virtio_byte_pack #(
      .DataWidth(DataWidth)
  ) u_pack (
      .clk_i,
      .rst_ni,
      .clear_i    (pack_clear),
      .in_valid_i (taking && req_valid_i),
      .in_ready_o (pack_ready),
      .in_data_i  (req_data_i),
      .in_offset_i(skip_now[OffsetWidth-1:0]),
      .in_bytes_i (beat_bytes - skip_now),
      .in_last_i  (req_last_i),
      .in_err_i   (1'b0),
      .out_valid_o(pack_valid),
      .out_ready_i(1'b1),
      .out_data_o (pack_data),
      .out_keep_o (pack_keep),
      .out_last_o (pack_last),
      .out_err_o  (pack_err)
  );

  // Frames outlive a device reset: their chains may have been used.
  virtio_net_store #(
      .DataWidth(DataWidth),
      .Words    (StoreWords),
      .Frames   (Frames),
      .InfoWidth(QueueWidth + 16)
  ) u_store (
      .clk_i,
      .rst_ni,
      .clear_i      (1'b0),
      .in_valid_i   (store_in),
      .in_data_i    (pack_data),
      .in_room_o    (store_room),
      .commit_i     (commit),
      .rollback_i   (rollback),
      .info_i       ({queue_q, frame_len_q}),
      .frame_room_o (frame_room),
      .frame_valid_o(frame_valid),
      .frame_info_o ({frame_queue, frame_len}),
      .frame_pop_i  (sending_last),
      .out_valid_o  (mac_tx_valid_o),
      .out_ready_i  (mac_tx_ready_i),
      .out_data_o   (mac_tx_data_o)
  );

  // Out: the store gives words of committed frames only.
  assign left = sending_q ? left_q : frame_len;
  assign mac_tx_last_o = left <= 16'(Bytes);
  assign mac_tx_keep_o = mac_tx_last_o && left != 16'(Bytes) ? ~({Bytes{1'b1}} << left[OffsetWidth-1:0]) : '1;
  assign send = mac_tx_valid_o && mac_tx_ready_i;
  assign sending_last = send && mac_tx_last_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sending_q <= 1'b0;
      left_q    <= '0;
    end else if (send) begin
      sending_q <= !mac_tx_last_o;
      left_q    <= left - 16'(Bytes);
    end
  end

  assign sent_o       = sending_last;
  assign sent_queue_o = frame_queue;

`ifndef SYNTHESIS
  // At time 0, before any reset, registers and rst_ni itself may have any value.
  always_ff @(posedge clk_i) begin
    if ($time > 64'd0 && rst_ni && pack_valid && state_q != Idle && !store_room)
      $fatal(1, "virtio_net_tx: store overrun");
  end
`endif

  wire unused_ok = ^{pack_err, frame_valid};

endmodule
