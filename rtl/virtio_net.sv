// SPDX-License-Identifier: Apache-2.0
// Device type network (5.1): frames between virtqueues and an Ethernet MAC, and the control queue.
//
// Two engines share the stream of chains: transmit chains and commands take their bytes from `req_*` while a received frame is put into the
// chains before them on `rsp_*`; a small queue keeps the order of the answers. All queues work with credits: a transmit queue gets one for each
// frame that there is room for, so that nothing read ever waits for the MAC; a receive queue one for each frame that is there.
//
// MAC (AXI4-Stream, see virtio_net_rx): `mac_rx_*` may be backpressured for some cycles a frame, `mac_tx_*` gives a beat in every cycle once a
// frame has begun. `mac_i` (first byte lowest) is the address after a reset, `mac_o` the present one. While the link is down nothing is sent or
// received: chains to be sent are used, their frames dropped. Frames received are dropped while no receive queue is live, or without room.
//
// A frame that does not fit its receive chain, or with MRG_RXBUF not into `MergeMax` of them or those that come within `MergeWait` cycles, is
// dropped and the chains are used with length 0; so is a chain that comes when there is nothing (left) to be put into it.
//
//   req -> virtio_net_tx -> mac_tx            chain -> order of answers
//       -> virtio_net_ctrl -> virtio_net_filter           |
//   rsp <- header, frames <- virtio_net_rx <- mac_rx      v  <- done, ack

module virtio_net #(
    parameter int DataWidth = 64,
    parameter int QueuePairs = 1,  // more than 1: offers MQ
    parameter bit MrgRxbuf = 1'b1,
    parameter bit CtrlVq = 1'b1,  // with CTRL_RX, CTRL_RX_EXTRA, CTRL_MAC_ADDR
    parameter bit CtrlVlan = 1'b1,
    parameter int Mtu = 1500,  // 68 to 9216
    parameter int RxStoreBytes = 16384,  // power of two
    parameter int TxFrames = (QueuePairs > 1) ? 4 : 8,  // of each queue that there is room for
    parameter int MergeMax = 16,  // chains of a received frame
    parameter int MergeWait = 4096,  // cycles
    parameter int TableSize = 16,  // addresses
    parameter int ChainsAhead = 64,  // of the core
    localparam int NumQueues = 2 * QueuePairs + 32'(CtrlVq),
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // MAC
    input  logic [         47:0] mac_i,
    output logic [         47:0] mac_o,
    output logic                 promisc_o,
    output logic                 allmulti_o,
    input  logic                 link_up_i,
    output logic                 mac_tx_valid_o,
    input  logic                 mac_tx_ready_i,
    output logic [DataWidth-1:0] mac_tx_data_o,
    output logic [    Bytes-1:0] mac_tx_keep_o,
    output logic                 mac_tx_last_o,
    input  logic                 mac_rx_valid_i,
    output logic                 mac_rx_ready_o,
    input  logic [DataWidth-1:0] mac_rx_data_i,
    input  logic [    Bytes-1:0] mac_rx_keep_i,
    input  logic                 mac_rx_last_i,
    input  logic                 mac_rx_user_i,         // on the last beat: the frame is bad
    // Device-type boundary, see virtio_mmio_core
    output logic [         63:0] device_features_o,
    input  logic [         63:0] driver_features_i,
    input  logic                 device_reset_i,
    input  logic [         11:0] config_rd_offset_i,
    output logic [         31:0] config_rd_data_o,
    output logic                 config_changed_o,
    output logic [NumQueues-1:0] queue_credit_o,
    input  logic [NumQueues-1:0] queue_live_i,
    input  logic [NumQueues-1:0] queue_drop_i,
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
    output logic                 rsp_last_o,
    output logic                 rsp_more_o             // the frame goes on in the next chain
);

  import virtio_pkg::*;

  localparam bit OfferMq = QueuePairs > 1;
  localparam int OffsetWidth = $clog2(Bytes);
  localparam int PairWidth = (QueuePairs > 1) ? $clog2(QueuePairs) : 1;
  localparam int EntryWidth = $clog2(TableSize);
  localparam int MaxFrame = Mtu + 14;  // without VLAN tag
  localparam int MaxFrameWords = (MaxFrame + 4 + Bytes - 1) / Bytes;
  localparam int TxWords = 1 << $clog2(QueuePairs * TxFrames * MaxFrameWords);
  localparam int TxStored = 1 << $clog2(QueuePairs * TxFrames);
  localparam int RxFrames = 64;
  localparam int RxAhead = 8;  // chains fetched for frames to come
  localparam int CountWidth = 8;
  localparam int FirstBits = 8 * 38;
  // num_buffers in the header
  localparam int NumBuffersWord = 10 / Bytes;
  localparam int NumBuffersLane = 10 % Bytes;

  virtio_param_check #(
      .Ok     (Mtu >= 68 && Mtu <= 9216 && RxStoreBytes >= 2 * (MaxFrame + 16)),
      .Message("virtio_net: Mtu must be 68 to 9216, and RxStoreBytes hold two frames")
  ) u_check_mtu ();
  virtio_param_check #(
      .Ok     (QueuePairs >= 1 && QueuePairs * TxFrames + RxAhead + MergeMax + 1 <= ChainsAhead && (QueuePairs == 1 || CtrlVq)),
      .Message("virtio_net: QueuePairs * TxFrames + MergeMax + 9 must not exceed ChainsAhead; several pairs need CtrlVq")
  ) u_check_pairs ();

  // How a chain is answered
  localparam logic [1:0] None = 2'd0;  // at once, with nothing
  localparam logic [1:0] Transmit = 2'd1;
  localparam logic [1:0] Command = 2'd2;
  localparam logic [1:0] Receive = 2'd3;

  typedef enum logic [1:0] {
    Idle,
    Gather,  // chains for the frame
    Send,    // the answers to the chains gathered
    Flush    // the frame is dropped
  } plan_e;

  assign device_features_o = (64'd1 << NET_F_MAC) | (64'd1 << NET_F_STATUS) | (64'd1 << NET_F_MTU) | (64'(MrgRxbuf) << NET_F_MRG_RXBUF) |
      (64'(CtrlVq) << NET_F_CTRL_VQ) | (64'(CtrlVq) << NET_F_CTRL_RX) | (64'(CtrlVq) << NET_F_CTRL_RX_EXTRA) |
      (64'(CtrlVq) << NET_F_CTRL_MAC_ADDR) | (64'(CtrlVq && CtrlVlan) << NET_F_CTRL_VLAN) | (64'(OfferMq) << NET_F_MQ);

  logic has_mq, has_ctrl;
  assign has_mq   = QueuePairs > 1 && driver_features_i[NET_F_MQ];
  assign has_ctrl = CtrlVq && driver_features_i[NET_F_CTRL_VQ];

  // Configuration space (5.1.4)
  logic link_q;
  logic [15:0] config_status, config_pairs;
  assign config_status = {15'd0, link_q};
  assign config_pairs  = QueuePairs > 1 ? 16'(QueuePairs) : 16'd0;
  always_comb begin
    config_rd_data_o = '0;
    case (config_rd_offset_i)
      12'd0:   config_rd_data_o = mac_o[31:0];
      12'd4:   config_rd_data_o = {config_status, mac_o[47:32]};
      12'd8:   config_rd_data_o = {16'(Mtu), config_pairs};
      default: ;
    endcase
  end
  assign config_changed_o = rst_ni && link_q != link_up_i;
  always_ff @(posedge clk_i) link_q <= link_up_i;

  // Chains: what they are, and the order of their answers
  logic is_ctrl, is_rx, is_tx, tx_legal, accept, req_idle, tx_start, ctrl_start, skip_now;
  logic order_room, order_valid, order_pop, rooms_room, rooms_valid, rooms_pop;
  logic [1:0] kind, order_kind;
  logic [31:0] order_len, rooms_len;
  logic [PairWidth-1:0] pair, rooms_pair;
  logic [$clog2(ChainsAhead):0] order_count, rooms_count;

  logic tx_idle, tx_sent, tx_judged, tx_kept, tx_req_ready;
  logic [FirstBits-1:0] tx_first_bytes;
  logic [PairWidth-1:0] tx_sent_pair, tx_judged_pair;
  logic [CountWidth-1:0] tx_done_q;
  logic ctrl_idle, ctrl_done, ctrl_taken, ctrl_req_ready, ctrl_skip;
  logic [7:0] ctrl_ack;
  net_rx_mode_t mode;
  logic [15:0] pairs;
  logic table_wr, table_swap, table_all_unicast, table_all_multicast, vlan_wr, vlan_add, vlan_ready;
  logic [EntryWidth-1:0] table_entry;
  logic [EntryWidth:0] table_count;
  logic [47:0] table_mac;
  logic [11:0] vlan_id;
  logic filter_ask, filter_done, filter_keep;
  logic [FirstBits-1:0] rx_first_bytes;
  logic [15:0] rx_len;
  logic [PairWidth-1:0] filter_pair, target_pair;
  logic [QueuePairs-1:0] enabled, rx_live, rx_drop;
  logic rx_kept, frame_valid, frame_pop, word_valid, word_ready;
  logic [15:0] frame_len;
  logic [PairWidth-1:0] frame_pair;
  logic [DataWidth-1:0] word;

  assign is_ctrl = has_ctrl && chain_queue_i == (has_mq ? 16'(2 * QueuePairs) : 16'd2);
  assign is_tx = !is_ctrl && chain_queue_i[0];
  assign is_rx = !is_ctrl && !chain_queue_i[0];
  assign pair = PairWidth'(chain_queue_i >> 1);
  assign tx_legal = chain_readable_len_i >= 32'(NET_HDR_BYTES + 14) && chain_readable_len_i <= 32'(NET_HDR_BYTES + MaxFrame + 4);

  // A chain has to wait for the one before to have taken its readable bytes. It would be answered after that one anyway.
  assign req_idle = tx_idle && ctrl_idle;
  assign chain_ready_o = order_room && rooms_room && req_idle && !device_reset_i;
  assign accept = chain_valid_i && chain_ready_o;
  assign tx_start = accept && is_tx && tx_legal;
  assign ctrl_start = accept && is_ctrl && chain_writable_len_i != 32'd0;
  assign skip_now = accept && !tx_start && !ctrl_start && chain_readable_len_i != 32'd0;
  assign req_skip_o = skip_now || ctrl_skip;
  assign req_ready_o = tx_req_ready || ctrl_req_ready;
  always_comb begin
    kind = None;
    if (is_rx) kind = Receive;
    if (tx_start) kind = Transmit;
    if (ctrl_start) kind = Command;
  end

  virtio_fifo #(
      .Width(34),
      .Depth(ChainsAhead)
  ) u_order (
      .clk_i,
      .rst_ni,
      .clear_i    (device_reset_i),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (accept),
      .in_ready_o (order_room),
      .in_data_i  ({kind, chain_writable_len_i}),
      .out_valid_o(order_valid),
      .out_ready_i(order_pop),
      .out_data_o ({order_kind, order_len}),
      .count_o    (order_count)
  );

  virtio_fifo #(
      .Width(PairWidth + 32),
      .Depth(ChainsAhead)
  ) u_rooms (
      .clk_i,
      .rst_ni,
      .clear_i    (device_reset_i),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (accept && is_rx),
      .in_ready_o (rooms_room),
      .in_data_i  ({pair, chain_writable_len_i}),
      .out_valid_o(rooms_valid),
      .out_ready_i(rooms_pop),
      .out_data_o ({rooms_pair, rooms_len}),
      .count_o    (rooms_count)
  );

  // Transmit
  virtio_net_tx #(
      .DataWidth (DataWidth),
      .StoreWords(TxWords),
      .Frames    (TxStored),
      .QueueWidth(PairWidth)
  ) u_tx (
      .clk_i,
      .rst_ni,
      .device_reset_i,
      .link_up_i,
      .start_i       (tx_start),
      .queue_i       (pair),
      .frame_len_i   (chain_readable_len_i[15:0] - 16'(NET_HDR_BYTES)),
      .idle_o        (tx_idle),
      .sent_o        (tx_sent),
      .sent_queue_o  (tx_sent_pair),
      .judged_o      (tx_judged),
      .kept_o        (tx_kept),
      .first_bytes_o (tx_first_bytes),
      .judged_queue_o(tx_judged_pair),
      .req_valid_i,
      .req_ready_o   (tx_req_ready),
      .req_data_i,
      .req_keep_i,
      .req_last_i,
      .req_err_i,
      .mac_tx_valid_o,
      .mac_tx_ready_i,
      .mac_tx_data_o,
      .mac_tx_keep_o,
      .mac_tx_last_o
  );

  // Control queue
  if (CtrlVq) begin : g_ctrl
    virtio_net_ctrl #(
        .DataWidth (DataWidth),
        .TableSize (TableSize),
        .QueuePairs(QueuePairs)
    ) u_ctrl (
        .clk_i,
        .rst_ni,
        .device_reset_i,
        .driver_features_i,
        .mac_i,
        .start_i              (ctrl_start),
        .readable_len_i       (chain_readable_len_i),
        .idle_o               (ctrl_idle),
        .done_o               (ctrl_done),
        .ack_o                (ctrl_ack),
        .taken_i              (ctrl_taken),
        .req_valid_i,
        .req_ready_o          (ctrl_req_ready),
        .req_data_i,
        .req_keep_i,
        .req_last_i,
        .req_err_i,
        .req_skip_o           (ctrl_skip),
        .mode_o               (mode),
        .mac_o,
        .pairs_o              (pairs),
        .table_wr_o           (table_wr),
        .table_entry_o        (table_entry),
        .table_mac_o          (table_mac),
        .table_swap_o         (table_swap),
        .table_count_o        (table_count),
        .table_all_unicast_o  (table_all_unicast),
        .table_all_multicast_o(table_all_multicast),
        .vlan_wr_o            (vlan_wr),
        .vlan_id_o            (vlan_id),
        .vlan_add_o           (vlan_add),
        .vlan_ready_i         (vlan_ready)
    );
  end else begin : g_no_ctrl
    assign ctrl_idle = 1'b1;
    assign ctrl_done = 1'b0;
    assign ctrl_ack = NET_ERR;
    assign ctrl_req_ready = 1'b0;
    assign ctrl_skip = 1'b0;
    assign mode = '0;
    assign mac_o = mac_i;
    assign pairs = 16'd1;
    assign table_wr = 1'b0;
    assign table_entry = '0;
    assign table_mac = '0;
    assign table_swap = 1'b0;
    assign table_count = '0;
    assign table_all_unicast = 1'b0;
    assign table_all_multicast = 1'b0;
    assign vlan_wr = 1'b0;
    assign vlan_id = '0;
    assign vlan_add = 1'b0;
  end
  assign promisc_o  = mode.promisc;
  assign allmulti_o = mode.allmulti;

  // Receive, up to the store
  function automatic logic [PairWidth-1:0] first_enabled(input logic [QueuePairs-1:0] on);
    first_enabled = '0;
    for (int i = QueuePairs - 1; i >= 0; i--) if (on[i]) first_enabled = PairWidth'(i);
  endfunction
  for (genvar i = 0; i < QueuePairs; i++) begin : g_enabled
    assign rx_live[i] = queue_live_i[2*i];
    assign rx_drop[i] = queue_drop_i[2*i];
    assign enabled[i] = rx_live[i] && !rx_drop[i] && (i == 0 || (has_mq && pairs > 16'(i)));
  end
  assign target_pair = enabled[filter_pair] ? filter_pair : first_enabled(enabled);

  virtio_net_filter #(
      .TableSize (TableSize),
      .Vlan      (CtrlVq && CtrlVlan),
      .QueuePairs(QueuePairs)
  ) u_filter (
      .clk_i,
      .rst_ni,
      .device_reset_i,
      .driver_features_i,
      .mac_i                (mac_o),
      .mode_i               (mode),
      .enabled_i            (enabled),
      .table_wr_i           (table_wr),
      .table_entry_i        (table_entry),
      .table_mac_i          (table_mac),
      .table_swap_i         (table_swap),
      .table_count_i        (table_count),
      .table_all_unicast_i  (table_all_unicast),
      .table_all_multicast_i(table_all_multicast),
      .vlan_wr_i            (vlan_wr),
      .vlan_id_i            (vlan_id),
      .vlan_add_i           (vlan_add),
      .vlan_ready_o         (vlan_ready),
      .sent_i               (tx_kept),
      .sent_first_bytes_i   (tx_first_bytes),
      .sent_pair_i          (tx_judged_pair),
      .ask_i                (filter_ask),
      .first_bytes_i        (rx_first_bytes),
      .len_i                (rx_len),
      .done_o               (filter_done),
      .keep_o               (filter_keep),
      .pair_o               (filter_pair)
  );

  virtio_net_rx #(
      .DataWidth (DataWidth),
      .StoreWords(RxStoreBytes / Bytes),
      .Frames    (RxFrames),
      .MaxFrame  (MaxFrame),
      .QueueWidth(PairWidth)
  ) u_rx (
      .clk_i,
      .rst_ni,
      .device_reset_i,
      .mac_rx_valid_i,
      .mac_rx_ready_o,
      .mac_rx_data_i,
      .mac_rx_keep_i,
      .mac_rx_last_i,
      .mac_rx_user_i,
      .filter_ask_o   (filter_ask),
      .first_bytes_o  (rx_first_bytes),
      .frame_len_o    (rx_len),
      .filter_done_i  (filter_done),
      .filter_keep_i  (filter_keep && link_up_i && enabled != '0),
      .filter_queue_i (target_pair),
      .kept_o         (rx_kept),
      .frame_valid_o  (frame_valid),
      .frame_out_len_o(frame_len),
      .frame_queue_o  (frame_pair),
      .frame_pop_i    (frame_pop),
      .out_valid_o    (word_valid),
      .out_ready_i    (word_ready),
      .out_data_o     (word)
  );

  // Plan: which chains the frame at hand goes into
  plan_e plan_q, plan_d;
  logic ok_q, ok_d, flush_q, flush_d;
  logic [CountWidth-1:0] chains_q, answered_q;  // chains of the plan, and how many of them have been answered
  logic [31:0] room_q, room_sum;
  logic [15:0] left_q, words_q;
  logic [$clog2(MergeWait):0] wait_q;
  logic rooms_drop, frame_live, give_back, gather, enough, hopeless, answered, plan_done, word_taken, frame_counted;

  assign rooms_drop = rx_drop[rooms_pair];
  assign frame_live = rx_live[frame_pair] && !rx_drop[frame_pair];
  assign give_back = rooms_valid && (!frame_valid || rooms_pair != frame_pair || rooms_drop);
  assign gather = plan_q == Gather && rooms_valid && !give_back;
  assign rooms_pop = gather || (plan_q == Idle && give_back);
  assign room_sum = (rooms_len > 32'hffff) ? 32'h1ffff : room_q + rooms_len;  // beyond any frame
  assign enough = room_sum >= {16'd0, frame_len};
  assign hopeless = !(MrgRxbuf && driver_features_i[NET_F_MRG_RXBUF]) || chains_q == CountWidth'(MergeMax - 1) ||
                    (chains_q == '0 && rooms_len < 32'(NET_HDR_BYTES));
  assign plan_done = plan_q == Send && answered && answered_q == chains_q - 1'b1;

  always_comb begin
    plan_d  = plan_q;
    ok_d    = ok_q;
    flush_d = flush_q;
    case (plan_q)
      Idle: begin
        ok_d    = 1'b0;
        flush_d = 1'b0;
        if (give_back) plan_d = Send;
        else if (rooms_valid) plan_d = Gather;
        else if (frame_valid && !frame_live) plan_d = Flush;
      end
      Gather: begin
        if (gather && enough) begin
          plan_d = Send;
          ok_d   = 1'b1;
        end else if ((gather && hopeless) || (!gather && (give_back || !frame_live || wait_q == '0))) begin
          plan_d  = Send;
          flush_d = 1'b1;
          if (!gather && chains_q == '0) plan_d = Flush;  // its queue went before it had a chain
        end
      end
      Send: begin
        if (plan_done) plan_d = Idle;
        if (plan_done && flush_q) plan_d = Flush;
      end
      default: if (words_q == 16'd0) plan_d = Idle;
    endcase
  end

  // In Flush the words of the frame are thrown away, in Send they are given out; there is a cycle of neither in between.
  assign frame_pop = (plan_q == Flush && words_q == 16'd0) || (plan_done && ok_q);
  assign frame_counted = plan_q == Flush || (plan_q == Send && (ok_q || flush_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      plan_q     <= Idle;
      ok_q       <= 1'b0;
      flush_q    <= 1'b0;
      chains_q   <= '0;
      answered_q <= '0;
      room_q     <= '0;
      words_q    <= '0;
      wait_q     <= '0;
    end else begin
      plan_q  <= plan_d;
      ok_q    <= ok_d;
      flush_q <= flush_d;
      if (plan_q == Idle) begin
        chains_q   <= give_back ? CountWidth'(1) : '0;
        answered_q <= '0;
        room_q     <= '0;
        words_q    <= (frame_len + 16'(Bytes - 1)) >> OffsetWidth;
      end
      if (gather) begin
        chains_q <= chains_q + 1'b1;
        room_q   <= room_sum;
      end
      if (plan_q != Gather || gather) wait_q <= ($clog2(MergeWait) + 1)'(MergeWait);
      else wait_q <= wait_q - 1'b1;
      if (answered) answered_q <= answered_q + 1'b1;
      if (word_taken) words_q <= words_q - 16'd1;
    end
  end

  // Credits
  logic [CountWidth-1:0] frames_q;  // received, not yet put into chains
  for (genvar i = 0; i < NumQueues; i++) begin : g_credit
    logic [CountWidth-1:0] target;
    logic arrive, free;
    assign arrive = accept && chain_queue_i == 16'(i);
    if (i % 2 == 1) begin : g_tx
      // Frames kept stay over a device reset, chains do not.
      logic [CountWidth-1:0] stored_q;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) stored_q <= '0;
        else
          stored_q <= stored_q + CountWidth'(tx_kept && tx_judged_pair == PairWidth'(i / 2)) -
              CountWidth'(tx_sent && tx_sent_pair == PairWidth'(i / 2));
      end
      assign target = (i == 1 || has_mq) ? CountWidth'(TxFrames) - stored_q : '0;
      assign free   = (tx_judged && tx_judged_pair == PairWidth'(i / 2)) || (arrive && !tx_start);
    end else begin : g_rx
      logic [CountWidth-1:0] count_q, wanted;
      logic mine, ctrl_here;
      assign ctrl_here = has_ctrl && i == (has_mq ? 2 * QueuePairs : 2);
      assign mine = frame_valid && frame_pair == PairWidth'(i / 2) && i < 2 * QueuePairs;
      always_ff @(posedge clk_i) begin
        if (!rst_ni || device_reset_i) count_q <= '0;
        else
          count_q <= count_q + CountWidth'(rx_kept && target_pair == PairWidth'(i / 2)) -
              CountWidth'(frame_pop && frame_pair == PairWidth'(i / 2));
      end
      // Chains ahead only while all frames go to one queue: chains are answered in the order in which they come.
      always_comb begin
        wanted = '0;
        if (mine) wanted = (count_q == frames_q ? count_q : CountWidth'(1)) - CountWidth'(frame_counted);
        if (wanted > CountWidth'(RxAhead)) wanted = CountWidth'(RxAhead);
      end
      assign target = ctrl_here ? CountWidth'(1) : wanted;
      assign free   = ctrl_here ? (order_pop && order_kind == Command) || (arrive && kind == None)
                                : rooms_pop && rooms_pair == PairWidth'(i / 2);
    end
    virtio_credit #(
        .CountWidth(CountWidth)
    ) u_credit (
        .clk_i,
        .rst_ni,
        .device_reset_i,
        .live_i  (queue_live_i[i]),
        .target_i(target),
        .arrive_i(arrive),
        .free_i  (free),
        .credit_o(queue_credit_o[i])
    );
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) frames_q <= '0;
    else frames_q <= frames_q + CountWidth'(rx_kept) - CountWidth'(frame_pop);
  end

  // Answers
  logic sending_q;  // data of the chain at hand
  logic [31:0] chain_left_q;
  logic restart, split_ready, feed, beat, is_receive;
  logic [OffsetWidth+2:0] fill;
  logic [  OffsetWidth:0] piece;
  logic [DataWidth-1:0] patched, split_data;
  logic [15:0] fed_q;

  assign is_receive = order_valid && order_kind == Receive;
  assign piece = (chain_left_q < 32'(Bytes) && chain_left_q <= {16'd0, left_q}) ? (OffsetWidth + 1)'(chain_left_q) :
                 (left_q < 16'(Bytes)) ? (OffsetWidth + 1)'(left_q) : (OffsetWidth + 1)'(Bytes);

  always_comb begin
    rsp_valid_o = 1'b0;
    rsp_data_o  = split_data;
    rsp_keep_o  = '0;
    rsp_last_o  = 1'b1;
    if (sending_q) begin
      rsp_valid_o = fill >= {2'b0, piece};
      rsp_keep_o  = ~({Bytes{1'b1}} << piece);
      rsp_last_o  = 32'(piece) == chain_left_q || 16'(piece) == left_q;
    end else if (order_valid) begin
      case (order_kind)
        None: rsp_valid_o = 1'b1;
        Transmit: rsp_valid_o = tx_done_q != '0;
        Command: begin
          rsp_valid_o = ctrl_done;
          rsp_data_o  = DataWidth'(ctrl_ack);
          rsp_keep_o  = Bytes'(1);
        end
        default: rsp_valid_o = plan_q == Send && !ok_q;
      endcase
    end
  end
  assign rsp_more_o = sending_q && 16'(piece) != left_q;
  assign beat = rsp_valid_o && rsp_ready_i;
  assign order_pop = beat && rsp_last_o;
  assign answered = order_pop && order_kind == Receive;
  assign ctrl_taken = order_pop && order_kind == Command;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      sending_q    <= 1'b0;
      chain_left_q <= '0;
      left_q       <= '0;
      tx_done_q    <= '0;
      fed_q        <= '0;
    end else begin
      tx_done_q <= tx_done_q + CountWidth'(tx_judged) - CountWidth'(order_pop && order_kind == Transmit);
      if (!sending_q) begin
        sending_q    <= is_receive && plan_q == Send && ok_q;
        chain_left_q <= order_len;
      end else if (beat) begin
        sending_q    <= !rsp_last_o;
        chain_left_q <= chain_left_q - 32'(piece);
      end
      if (plan_q == Gather) left_q <= frame_len;
      else if (sending_q && beat) left_q <= left_q - 16'(piece);
      fed_q <= (plan_q != Send) ? '0 : fed_q + 16'(feed);
    end
  end

  // Header and frame, cut to chains
  always_comb begin
    patched = word;
    if (fed_q == 16'(NumBuffersWord)) patched[8*NumBuffersLane+:16] = 16'(chains_q);
  end
  assign restart = plan_q != Send;
  assign feed = plan_q == Send && ok_q && words_q != 16'd0 && word_valid && split_ready;
  assign word_ready = (plan_q == Send && ok_q && words_q != 16'd0 && split_ready) || (plan_q == Flush && words_q != 16'd0);
  assign word_taken = word_valid && word_ready;

  virtio_byte_split #(
      .DataWidth(DataWidth)
  ) u_split (
      .clk_i,
      .rst_ni,
      .restart_i   (restart),
      .in_valid_i  (feed),
      .in_ready_o  (split_ready),
      .in_data_i   (patched),
      .in_bytes_i  ((OffsetWidth + 1)'(Bytes)),
      .fill_o      (fill),
      .out_take_i  (sending_q && beat),
      .out_bytes_i (piece),
      .out_left_i  (fill - (OffsetWidth + 3)'(piece)),
      .aim_i       (1'b0),
      .aim_offset_i({OffsetWidth{1'b0}}),
      .out_data_o  (split_data)
  );

  wire unused_ok = ^{order_count, rooms_count, ctrl_taken, vlan_ready, queue_drop_i};

endmodule
