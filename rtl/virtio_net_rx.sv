// SPDX-License-Identifier: Apache-2.0
// Receive side of the network device type towards the MAC: takes frames, keeps those that are wanted, each after room for its header.
//
// Frames on mac_rx_* are full beats but for the last (tkeep contiguous from lane 0). A frame is kept when it came whole (`mac_rx_user` = 0
// on its last beat), has 14 bytes to `MaxFrame` (4 more with a VLAN tag), found room in the store, and virtio_net_filter wants it. Others
// leave no trace. Ready is low for some cycles between frames. What is kept comes out packed, 12 bytes of zeros before
// it; `out_len_o` counts them.
//
//   mac_rx -> virtio_byte_pack (after 12 zeros) -> virtio_net_store -> out
//             first bytes -> [virtio_net_filter] -> commit or rollback

module virtio_net_rx #(
    parameter int DataWidth = 64,
    parameter int StoreWords = 1024,
    parameter int Frames = 32,
    parameter int MaxFrame = 1514,
    parameter int QueueWidth = 1,
    localparam int Bytes = DataWidth / 8,
    localparam int FirstBytes = 38
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    device_reset_i,
    // MAC
    input  logic                    mac_rx_valid_i,
    output logic                    mac_rx_ready_o,
    input  logic [   DataWidth-1:0] mac_rx_data_i,
    input  logic [       Bytes-1:0] mac_rx_keep_i,
    input  logic                    mac_rx_last_i,
    input  logic                    mac_rx_user_i,
    // Filter: asked once for each frame, with its first bytes, zeros after its end
    output logic                    filter_ask_o,
    output logic [8*FirstBytes-1:0] first_bytes_o,
    output logic [            15:0] frame_len_o,
    input  logic                    filter_done_i,
    input  logic                    filter_keep_i,
    input  logic [  QueueWidth-1:0] filter_queue_i,   // where the frame is to go
    // Frames kept
    output logic                    kept_o,           // pulse: one more frame, for filter_queue_i
    output logic                    frame_valid_o,
    output logic [            15:0] frame_out_len_o,
    output logic [  QueueWidth-1:0] frame_queue_o,
    input  logic                    frame_pop_i,
    output logic                    out_valid_o,
    input  logic                    out_ready_i,
    output logic [   DataWidth-1:0] out_data_o
);

  import virtio_pkg::*;

  localparam int OffsetWidth = $clog2(Bytes);
  localparam logic [15:0] VlanTag = 16'h0081;  // 0x8100 as it lies in a word

  typedef enum logic [2:0] {
    Header,  // zeros for the header go ahead
    Take,
    Pack,    // the last words leave the packer
    Ask,
    Keep,
    Forget
  } state_e;

  state_e state_q, state_d;
  logic [3:0] header_left_q;
  logic [15:0] len_q;
  logic bad_q;
  logic [8*FirstBytes-1:0] first_q;

  logic
      header,
      forget,
      ended,
      under_way,
      take,
      last,
      piece_valid,
      pack_ready,
      pack_valid,
      pack_last,
      pack_err,
      store_room,
      frame_room,
      has_tag,
      too_long,
      too_short;
  logic [OffsetWidth:0] beat_bytes, header_now, piece_bytes;
  logic [DataWidth-1:0] pack_data;
  logic [Bytes-1:0] pack_keep;

  function automatic logic [OffsetWidth:0] count_ones(input logic [Bytes-1:0] keep);
    count_ones = '0;
    for (int i = 0; i < Bytes; i++) count_ones = count_ones + {{OffsetWidth{1'b0}}, keep[i]};
  endfunction

  assign beat_bytes = count_ones(mac_rx_keep_i);
  assign header_now = (32'(header_left_q) < 32'(Bytes)) ? (OffsetWidth + 1)'(header_left_q) : (OffsetWidth + 1)'(Bytes);
  assign mac_rx_ready_o = state_q == Take && pack_ready;
  assign take = mac_rx_valid_i && mac_rx_ready_o;
  assign last = take && mac_rx_last_i;
  assign header = state_q == Header;
  assign forget = state_q == Forget;
  assign ended = kept_o || forget;
  assign under_way = (state_q == Take && (take || len_q != '0)) || state_q == Pack;
  assign piece_valid = header || (state_q == Take && mac_rx_valid_i);
  assign piece_bytes = header ? header_now : beat_bytes;

  assign has_tag = first_q[8*12+:16] == VlanTag && len_q >= 16'd18;
  assign too_long = len_q > (has_tag ? 16'(MaxFrame + 4) : 16'(MaxFrame));
  assign too_short = len_q < 16'd14;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Header:  if (pack_ready && 32'(header_left_q) <= 32'(Bytes)) state_d = Take;
      Take:    if (last) state_d = Pack;
      Pack:    if (pack_valid && pack_last) state_d = Ask;
      Ask: begin
        if (bad_q || too_long || too_short || !frame_room) state_d = Forget;
        else if (filter_done_i && filter_keep_i) state_d = Keep;
        else if (filter_done_i) state_d = Forget;
      end
      default: state_d = Header;
    endcase
    if (device_reset_i && !under_way) state_d = Forget;
  end

  assign filter_ask_o = state_q == Ask;
  assign kept_o = state_q == Keep;
  assign first_bytes_o = first_q;
  assign frame_len_o = len_q;

  // A frame that is under way as the device is reset goes on to its end, and is forgotten.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q       <= Header;
      header_left_q <= 4'(NET_HDR_BYTES);
      len_q         <= '0;
      bad_q         <= 1'b0;
    end else begin
      state_q <= state_d;
      if (state_q == Header && pack_ready) header_left_q <= header_left_q - 4'(header_now);
      if (state_q == Keep || state_q == Forget) begin
        header_left_q <= 4'(NET_HDR_BYTES);
        len_q         <= '0;
        bad_q         <= 1'b0;
      end else begin
        if (take && !(&len_q[15:12])) len_q <= len_q + 16'(beat_bytes);  // a longer one is too long anyway
        if ((last && mac_rx_user_i) || (pack_valid && !store_room) || (device_reset_i && under_way)) bad_q <= 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < FirstBytes; i++) begin
      if (ended) first_q[8*i+:8] <= 8'd0;
      else if (take && i / Bytes * Bytes == int'(len_q) && mac_rx_keep_i[i%Bytes])
        first_q[8*i+:8] <= mac_rx_data_i[8*(i%Bytes)+:8];
    end
  end

  virtio_byte_pack #(
      .DataWidth(DataWidth)
  ) u_pack (
      .clk_i,
      .rst_ni,
      .clear_i    (ended),
      .in_valid_i (piece_valid),
      .in_ready_o (pack_ready),
      .in_data_i  (header ? '0 : mac_rx_data_i),
      .in_offset_i({OffsetWidth{1'b0}}),
      .in_bytes_i (piece_bytes),
      .in_last_i  (!header && mac_rx_last_i),
      .in_err_i   (1'b0),
      .out_valid_o(pack_valid),
      .out_ready_i(1'b1),
      .out_data_o (pack_data),
      .out_keep_o (pack_keep),
      .out_last_o (pack_last),
      .out_err_o  (pack_err)
  );

  virtio_net_store #(
      .DataWidth(DataWidth),
      .Words    (StoreWords),
      .Frames   (Frames),
      .InfoWidth(QueueWidth + 16)
  ) u_store (
      .clk_i,
      .rst_ni,
      .clear_i     (device_reset_i),
      .in_valid_i  (pack_valid && !bad_q),
      .in_data_i   (pack_data),
      .in_room_o   (store_room),
      .commit_i    (kept_o),
      .rollback_i  (forget),
      .info_i      ({filter_queue_i, len_q + 16'(NET_HDR_BYTES)}),
      .frame_room_o(frame_room),
      .frame_valid_o,
      .frame_info_o({frame_queue_o, frame_out_len_o}),
      .frame_pop_i,
      .out_valid_o,
      .out_ready_i,
      .out_data_o
  );

  wire unused_ok = ^{pack_keep, pack_err};

endmodule
