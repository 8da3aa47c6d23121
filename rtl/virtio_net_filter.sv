// SPDX-License-Identifier: Apache-2.0
// Which received frames the driver wants, and on which queue pair (5.1.9.5.1 to 5.1.9.5.3, 5.1.9.5.6); part of the network device type.
//
// `ask_i` stays high, with the frame's first bytes, until `done_o`; `keep_o` and `pair_o` hold then and in the next cycle. In order: promiscuous
// mode takes everything; NOBCAST, NOMULTI, NOUNI; broadcast; own address, ALLUNI, ALLMULTI or the address table; then the VLAN
// table for tagged frames. Without MAC negotiated every unicast address is the own one; without CTRL_RX every multicast frame is wanted.
// The address table has two banks, so that a TABLE_SET takes effect at once, with `table_swap_i`, or not at all.
// A flow is what the bytes of MAC and IPv4 addresses and ports fold to, the same in both directions; the pair that sent it last receives it.

module virtio_net_filter #(
    parameter  int TableSize  = 16,                                         // addresses, power of two
    parameter  bit Vlan       = 1'b1,
    parameter  int QueuePairs = 1,
    localparam int EntryWidth = $clog2(TableSize),
    localparam int PairWidth  = (QueuePairs > 1) ? $clog2(QueuePairs) : 1,
    localparam int FirstBytes = 38
) (
    input  logic                                        clk_i,
    input  logic                                        rst_ni,
    input  logic                                        device_reset_i,
    input  logic                     [            63:0] driver_features_i,
    input  logic                     [            47:0] mac_i,                  // first byte lowest
    input  virtio_pkg::net_rx_mode_t                    mode_i,
    input  logic                     [  QueuePairs-1:0] enabled_i,              // receive queues that frames may go to
    // Control: a table is written into the bank not in use, then swapped in with its number of entries
    input  logic                                        table_wr_i,
    input  logic                     [  EntryWidth-1:0] table_entry_i,
    input  logic                     [            47:0] table_mac_i,
    input  logic                                        table_swap_i,
    input  logic                     [    EntryWidth:0] table_count_i,
    input  logic                                        table_all_unicast_i,    // the table was too small for these
    input  logic                                        table_all_multicast_i,
    input  logic                                        vlan_wr_i,              // while vlan_ready_o
    input  logic                     [            11:0] vlan_id_i,
    input  logic                                        vlan_add_i,
    output logic                                        vlan_ready_o,
    // Frames sent, of which the flows are learned
    input  logic                                        sent_i,
    input  logic                     [8*FirstBytes-1:0] sent_first_bytes_i,
    input  logic                     [   PairWidth-1:0] sent_pair_i,
    // Frames received
    input  logic                                        ask_i,
    input  logic                     [8*FirstBytes-1:0] first_bytes_i,
    input  logic                     [            15:0] len_i,
    output logic                                        done_o,
    output logic                                        keep_o,
    output logic                     [   PairWidth-1:0] pair_o
);

  import virtio_pkg::*;

  localparam int Flows = 64;
  localparam logic [15:0] VlanTag = 16'h0081;

  typedef enum logic [1:0] {
    Idle,
    Scan,
    Look,  // up in the VLAN table
    Done
  } state_e;

  state_e state_q, state_d;

  // Address table: bank, entry
  logic [47:0] table_mem[2*TableSize];
  logic [47:0] entry_q;
  logic bank_q, all_unicast_q, all_multicast_q, hit_q;
  logic [EntryWidth:0] count_q, scan_q;

  logic [47:0] dst;
  logic promisc, broadcast, multicast, own, wanted, refused, has_tag, vlan_checked, hit, scan_end, vlan_hit, vlan_idle;

  assign dst = first_bytes_i[47:0];
  assign broadcast = &dst;
  assign multicast = dst[0] && !broadcast;
  assign own = !dst[0] && (!driver_features_i[NET_F_MAC] || dst == mac_i);
  assign promisc = mode_i.promisc;
  assign refused = (broadcast && mode_i.nobcast) || (multicast && mode_i.nomulti) || (!dst[0] && mode_i.nouni);
  assign wanted = broadcast || own || (multicast && (mode_i.allmulti || all_multicast_q || !driver_features_i[NET_F_CTRL_RX])) ||
                  (!dst[0] && (mode_i.alluni || all_unicast_q));
  assign has_tag = first_bytes_i[8*12+:16] == VlanTag && len_i >= 16'd18;
  assign vlan_checked = Vlan && driver_features_i[NET_F_CTRL_VLAN] && has_tag;

  // An entry is compared in the cycle after it is read.
  assign hit = entry_q == dst && scan_q != '0 && scan_q <= count_q;
  assign scan_end = hit || scan_q >= count_q;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (ask_i && vlan_idle) begin
          state_d = Scan;
          if (wanted) state_d = Look;
          if (promisc || refused) state_d = Done;
        end
      end
      Scan:    if (scan_end) state_d = Look;
      Look:    state_d = Done;
      default: state_d = Idle;
    endcase
  end

  assign done_o = state_q == Done;

  always_ff @(posedge clk_i) begin
    if (table_wr_i) table_mem[{!bank_q, table_entry_i}] <= table_mac_i;
    entry_q <= table_mem[{bank_q, scan_q[EntryWidth-1:0]}];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q         <= Idle;
      bank_q          <= 1'b0;
      count_q         <= '0;
      all_unicast_q   <= 1'b0;
      all_multicast_q <= 1'b0;
      scan_q          <= '0;
      hit_q           <= 1'b0;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) begin
        scan_q <= '0;
        hit_q  <= wanted;
      end else if (state_q == Scan) begin
        scan_q <= scan_q + 1'b1;
        if (hit) hit_q <= 1'b1;
      end
      if (table_swap_i) begin
        bank_q          <= !bank_q;
        count_q         <= table_count_i;
        all_unicast_q   <= table_all_unicast_i;
        all_multicast_q <= table_all_multicast_i;
      end
    end
  end

  assign keep_o = promisc || (!refused && hit_q && (!vlan_checked || vlan_hit));

  // VLAN table, one bit an id; a reset takes a cycle for each word of it.
  if (Vlan) begin : g_vlan
    logic [15:0] mem[256];
    logic [15:0] word_q, changed;
    logic [8:0] clear_q;
    logic [7:0] id_word;
    logic [1:0] change_q;  // 1: the word has been read, 2: it has been written
    logic take;

    assign take = vlan_wr_i && vlan_ready_o;
    assign id_word = (change_q != 2'd0 || take) ? vlan_id_i[11:4] : {first_bytes_i[8*14+:4], first_bytes_i[8*15+4+:4]};
    assign vlan_idle = clear_q[8] && change_q == 2'd0;
    assign vlan_ready_o = vlan_idle && !ask_i;
    assign vlan_hit = word_q[first_bytes_i[8*15+:4]];

    assign changed = (word_q & ~(16'd1 << vlan_id_i[3:0])) | (16'(vlan_add_i) << vlan_id_i[3:0]);

    always_ff @(posedge clk_i) begin
      if (!clear_q[8]) mem[clear_q[7:0]] <= 16'd0;
      else if (change_q == 2'd1) mem[vlan_id_i[11:4]] <= changed;
      word_q <= mem[id_word];
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni || device_reset_i) begin
        clear_q  <= '0;
        change_q <= 2'd0;
      end else begin
        if (!clear_q[8]) clear_q <= clear_q + 9'd1;
        change_q <= 2'd0;
        if (take) change_q <= 2'd1;
        if (change_q == 2'd1) change_q <= 2'd2;
      end
    end
  end else begin : g_no_vlan
    assign vlan_idle = 1'b1;
    assign vlan_ready_o = 1'b1;
    assign vlan_hit = 1'b1;
  end

  // Flow table
  if (QueuePairs > 1) begin : g_flows
    logic [PairWidth-1:0] mem[Flows];
    logic [PairWidth-1:0] pair_q;
    logic [Flows-1:0] known_q;
    logic known_hit_q;

    // An exclusive or over what a flow has in both directions: two addresses, or ports, give the same in either order.
    function automatic logic [5:0] fold(input logic [95:0] macs, input logic [63:0] ips, input logic [31:0] ports);
      logic [15:0] x;
      x = macs[15:0] ^ macs[31:16] ^ macs[47:32] ^ macs[63:48] ^ macs[79:64] ^ macs[95:80] ^
          ips[15:0] ^ ips[31:16] ^ ips[47:32] ^ ips[63:48] ^ ports[15:0] ^ ports[31:16];
      fold = x[5:0] ^ x[11:6] ^ {2'd0, x[15:12]};
    endfunction
    logic [5:0] sent_flow, flow;
    assign sent_flow = fold(sent_first_bytes_i[0+:96], sent_first_bytes_i[8*26+:64], sent_first_bytes_i[8*34+:32]);
    assign flow      = fold(first_bytes_i[0+:96], first_bytes_i[8*26+:64], first_bytes_i[8*34+:32]);

    always_ff @(posedge clk_i) begin
      if (sent_i) mem[sent_flow] <= sent_pair_i;
      pair_q <= mem[flow];
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni || device_reset_i) begin
        known_q     <= '0;
        known_hit_q <= 1'b0;
      end else begin
        if (sent_i) known_q[sent_flow] <= 1'b1;
        known_hit_q <= known_q[flow];
      end
    end
    assign pair_o = (known_hit_q && enabled_i[pair_q]) ? pair_q : '0;
  end else begin : g_no_flows
    assign pair_o = '0;
  end

  wire unused_ok = ^{driver_features_i, sent_i, sent_first_bytes_i, sent_pair_i, first_bytes_i, enabled_i, vlan_wr_i, vlan_id_i, vlan_add_i};

endmodule
