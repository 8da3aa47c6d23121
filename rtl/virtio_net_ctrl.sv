// SPDX-License-Identifier: Apache-2.0
// Control queue of the network device type (5.1.9.5): reads a command byte by byte and carries it out.
//
// `start_i` (while `idle_o`) begins a command of `readable_len_i` bytes; its beats follow on `req_*`. `done_o` rises when it
// has been carried out or refused, `ack_o` saying which, and stays until `taken_i`. A command is refused when its feature was not
// negotiated, its length is not exactly what it must be (for a table: what its counts say), a value is out of range, or a byte could
// not be read; then nothing has changed. No command may be longer than `MaxLen`.

module virtio_net_ctrl #(
    parameter int DataWidth = 64,
    parameter int TableSize = 16,
    parameter int QueuePairs = 1,
    parameter int MaxLen = 8192,
    localparam int Bytes = DataWidth / 8,
    localparam int EntryWidth = $clog2(TableSize)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic device_reset_i,
    input logic [63:0] driver_features_i,
    input logic [47:0] mac_i,  // the address after a reset, first byte lowest
    input logic start_i,
    input logic [31:0] readable_len_i,
    output logic idle_o,  // no beats are awaited
    output logic done_o,
    output logic [7:0] ack_o,
    input logic taken_i,
    input logic req_valid_i,
    output logic req_ready_o,
    input logic [DataWidth-1:0] req_data_i,
    input logic [Bytes-1:0] req_keep_i,
    input logic req_last_i,
    input logic req_err_i,
    output logic req_skip_o,
    // What commands set
    output virtio_pkg::net_rx_mode_t mode_o,
    output logic [47:0] mac_o,
    output logic [15:0] pairs_o,
    // To virtio_net_filter
    output logic table_wr_o,
    output logic [EntryWidth-1:0] table_entry_o,
    output logic [47:0] table_mac_o,
    output logic table_swap_o,
    output logic [EntryWidth:0] table_count_o,
    output logic table_all_unicast_o,
    output logic table_all_multicast_o,
    output logic vlan_wr_o,
    output logic [11:0] vlan_id_o,
    output logic vlan_add_o,
    input logic vlan_ready_i
);

  import virtio_pkg::*;

  localparam int CountWidth = $clog2(MaxLen) + 1;

  typedef enum logic [2:0] {
    Idle,
    Command,  // class and command
    Data,
    Count,    // of a table
    Address,
    Execute,
    Refuse,
    Done
  } state_e;

  state_e state_q, state_d;
  logic [DataWidth-1:0] beat_q;
  logic [Bytes-1:0] keep_q;
  logic last_q;  // the beat held, or the one before, is the last
  logic held_q, err_q, refused_q, empty_q;
  logic [CountWidth-1:0] left_q;  // bytes of the command not yet looked at
  logic [2:0] at_q;  // byte of the field
  logic [47:0] field_q;  // the last bytes, the newest highest
  logic [15:0] command_q;
  logic [CountWidth-1:0] addresses_q;  // of this part of a table still to come
  logic multicast_q;  // part of a table
  logic [EntryWidth:0] entries_q;
  logic all_unicast_q, all_multicast_q;
  net_rx_mode_t mode_q;
  logic [47:0] mac_q;
  logic [15:0] pairs_q;

  logic byte_valid, need, field_end, len_ok, known, is_mode, is_table, executed, value_ok, count_ok, odd_len;
  logic has_rx, has_rx_extra, has_mac_addr, has_vlan, has_mq, mode_ok, id_ok, pairs_ok;
  logic [15:0] command, value16;
  logic [47:0] field;
  logic [31:0] count;
  logic [CountWidth-1:0] data_len;

  // One byte a cycle
  assign need         = state_q == Command || state_q == Data || state_q == Count || state_q == Address;
  assign byte_valid   = need && held_q && left_q != '0;
  assign req_ready_o  = need && !held_q;
  assign field        = {beat_q[7:0], field_q[47:8]};

  assign has_rx       = driver_features_i[NET_F_CTRL_RX];
  assign has_rx_extra = driver_features_i[NET_F_CTRL_RX_EXTRA];
  assign has_mac_addr = driver_features_i[NET_F_CTRL_MAC_ADDR];
  assign has_vlan     = driver_features_i[NET_F_CTRL_VLAN];
  assign has_mq       = driver_features_i[NET_F_MQ];

  // Commands, and whether they are known, from their second byte on
  assign command      = {field_q[47:40], beat_q[7:0]};  // class, command
  assign data_len     = left_q - 1'b1;
  assign is_table     = command == NET_CTRL_MAC_TABLE_SET;
  always_comb begin
    known  = 1'b0;
    len_ok = 1'b0;
    case (command)
      NET_CTRL_RX_PROMISC, NET_CTRL_RX_ALLMULTI: begin
        known  = has_rx;
        len_ok = data_len == CountWidth'(1);
      end
      NET_CTRL_RX_ALLUNI, NET_CTRL_RX_NOMULTI, NET_CTRL_RX_NOUNI, NET_CTRL_RX_NOBCAST: begin
        known  = has_rx_extra;
        len_ok = data_len == CountWidth'(1);
      end
      NET_CTRL_MAC_TABLE_SET: begin
        known  = has_rx;
        len_ok = data_len >= CountWidth'(8);
      end
      NET_CTRL_MAC_ADDR_SET: begin
        known  = has_mac_addr;
        len_ok = data_len == CountWidth'(6);
      end
      NET_CTRL_VLAN_ADD, NET_CTRL_VLAN_DEL: begin
        known  = has_vlan;
        len_ok = data_len == CountWidth'(2);
      end
      NET_CTRL_MQ_VQ_PAIRS_SET: begin
        known  = has_mq;
        len_ok = data_len == CountWidth'(2);
      end
      default: ;
    endcase
  end

  // A table's count must leave room for the other count, or end the command.
  assign count = field[47:16];
  assign count_ok = count[31:CountWidth] == '0 &&
                    (multicast_q ? 32'(count[CountWidth-1:0]) * 6 == 32'(left_q) - 32'd1
                                 : 32'(count[CountWidth-1:0]) * 6 + 32'd4 <= 32'(left_q) - 32'd1);
  assign field_end = at_q == (state_q == Count ? 3'd3 : 3'd5);

  assign is_mode = command_q[15:8] == NET_CTRL_RX_PROMISC[15:8];
  assign value16 = field_q[47:32];
  assign mode_ok = field_q[47:41] == '0;
  assign id_ok = value16[15:12] == '0;
  assign pairs_ok = value16 != '0 && value16 <= 16'(QueuePairs);
  always_comb begin
    value_ok = 1'b1;
    if (is_mode) value_ok = mode_ok;
    if (command_q == NET_CTRL_VLAN_ADD || command_q == NET_CTRL_VLAN_DEL) value_ok = id_ok;
    if (command_q == NET_CTRL_MQ_VQ_PAIRS_SET) value_ok = pairs_ok;
  end
  assign odd_len   = readable_len_i < 32'd2 || readable_len_i > 32'(MaxLen);
  assign vlan_wr_o = state_q == Execute && !err_q && value_ok && command_q[15:8] == NET_CTRL_VLAN_ADD[15:8];
  assign executed  = state_q == Execute && !err_q && value_ok && (!vlan_wr_o || vlan_ready_i);

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (start_i) state_d = Command;
        if (start_i && odd_len) state_d = Refuse;
      end
      Command: begin
        if (byte_valid && at_q == 3'd1) begin
          state_d = Data;
          if (is_table) state_d = Count;
          if (!known || !len_ok) state_d = Refuse;
        end
      end
      Data: if (byte_valid && left_q == CountWidth'(1)) state_d = Execute;
      Count: begin
        if (byte_valid && field_end) begin
          state_d = Address;
          if (count == 32'd0 && multicast_q) state_d = Execute;
          else if (count == 32'd0) state_d = Count;
          if (!count_ok) state_d = Refuse;
        end
      end
      Address: begin
        if (byte_valid && field_end && addresses_q == CountWidth'(1)) begin
          state_d = Count;
          if (multicast_q) state_d = Execute;
        end
      end
      Execute: if (err_q || !value_ok || executed) state_d = Done;
      Refuse: state_d = Done;
      default: if (taken_i) state_d = Idle;
    endcase
  end

  assign idle_o = state_q == Idle || state_q == Done;
  assign done_o = state_q == Done;
  assign ack_o = refused_q ? NET_ERR : NET_OK;
  assign req_skip_o = state_q == Refuse && !last_q && !empty_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q         <= Idle;
      beat_q          <= '0;
      keep_q          <= '0;
      last_q          <= 1'b0;
      empty_q         <= 1'b0;
      held_q          <= 1'b0;
      err_q           <= 1'b0;
      refused_q       <= 1'b0;
      left_q          <= '0;
      at_q            <= '0;
      field_q         <= '0;
      command_q       <= '0;
      addresses_q     <= '0;
      multicast_q     <= 1'b0;
      entries_q       <= '0;
      all_unicast_q   <= 1'b0;
      all_multicast_q <= 1'b0;
      mode_q          <= '0;
      mac_q           <= mac_i;
      pairs_q         <= 16'd1;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) begin
        last_q          <= 1'b0;
        empty_q         <= readable_len_i == 32'd0;
        held_q          <= 1'b0;
        err_q           <= 1'b0;
        refused_q       <= 1'b0;
        left_q          <= readable_len_i[CountWidth-1:0];
        at_q            <= '0;
        multicast_q     <= 1'b0;
        entries_q       <= '0;
        all_unicast_q   <= 1'b0;
        all_multicast_q <= 1'b0;
      end
      if (req_valid_i && req_ready_o) begin
        beat_q <= req_data_i;
        keep_q <= req_keep_i;
        last_q <= req_last_i;
        held_q <= 1'b1;
        err_q  <= err_q || req_err_i;
      end else if (byte_valid) begin
        beat_q  <= beat_q >> 8;
        keep_q  <= keep_q >> 1;
        held_q  <= keep_q[Bytes-1:1] != '0;
        left_q  <= left_q - 1'b1;
        field_q <= field;
        at_q    <= (state_d != state_q || (field_end && state_q != Data)) ? '0 : at_q + 3'd1;
      end
      if (state_q == Command) command_q <= command;
      if (state_q == Count && byte_valid && field_end) begin
        addresses_q <= count[CountWidth-1:0];
        if (count == 32'd0) multicast_q <= 1'b1;
      end
      if (state_q == Address && byte_valid && field_end) begin
        addresses_q <= addresses_q - 1'b1;
        if (addresses_q == CountWidth'(1)) multicast_q <= 1'b1;
        if (entries_q != (EntryWidth + 1)'(TableSize)) entries_q <= entries_q + 1'b1;
        else if (multicast_q) all_multicast_q <= 1'b1;
        else all_unicast_q <= 1'b1;
      end
      if (state_q == Refuse || (state_q == Execute && (err_q || !value_ok))) refused_q <= 1'b1;
      if (executed) begin
        case (command_q)
          NET_CTRL_RX_PROMISC: mode_q.promisc <= field_q[40];
          NET_CTRL_RX_ALLMULTI: mode_q.allmulti <= field_q[40];
          NET_CTRL_RX_ALLUNI: mode_q.alluni <= field_q[40];
          NET_CTRL_RX_NOMULTI: mode_q.nomulti <= field_q[40];
          NET_CTRL_RX_NOUNI: mode_q.nouni <= field_q[40];
          NET_CTRL_RX_NOBCAST: mode_q.nobcast <= field_q[40];
          NET_CTRL_MAC_ADDR_SET: mac_q <= field_q;
          NET_CTRL_MQ_VQ_PAIRS_SET: pairs_q <= value16;
          default: ;
        endcase
      end
    end
  end

  assign mode_o = mode_q;
  assign mac_o = mac_q;
  assign pairs_o = pairs_q;
  assign table_wr_o = state_q == Address && byte_valid && field_end && entries_q != (EntryWidth + 1)'(TableSize);
  assign table_entry_o = entries_q[EntryWidth-1:0];
  assign table_mac_o = field;
  assign table_swap_o = executed && command_q == NET_CTRL_MAC_TABLE_SET;
  assign table_count_o = entries_q;
  assign table_all_unicast_o = all_unicast_q;
  assign table_all_multicast_o = all_multicast_q;
  assign vlan_id_o = value16[11:0];
  assign vlan_add_o = command_q == NET_CTRL_VLAN_ADD;

endmodule
