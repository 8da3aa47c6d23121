// SPDX-License-Identifier: Apache-2.0
// What an input device says about itself (5.8.4), for a keyboard with 105 keys and three LEDs: name, serial number, ids, and the event codes
// it knows. Bits and codes are those of Linux's input-event-codes.h. Everything else has size 0.

module virtio_input_keyboard (
    input  logic [ 7:0] select_i,
    input  logic [ 7:0] subsel_i,
    output logic [ 7:0] size_o,
    input  logic [ 4:0] word_i,    // of the 128 bytes of u
    output logic [31:0] data_o
);

  import virtio_pkg::*;

  localparam logic [7:0] EvKey = 8'd1;
  localparam logic [7:0] EvLed = 8'd17;
  localparam logic [7:0] EvRep = 8'd20;

  localparam int NameBytes = 15;
  localparam logic [8*NameBytes-1:0] Name = "VirtIO Keyboard";
  localparam int SerialBytes = 4;
  localparam logic [8*SerialBytes-1:0] Serial = "0001";
  // Version 1, product 1, vendor 0x4f54, bus type 6 (virtual)
  localparam logic [63:0] Ids = 64'h0001_0001_4f54_0006;
  // KEY_ESC to KEY_KPDOT, KEY_102ND to KEY_F12, KEY_KPENTER to KEY_RIGHTALT, KEY_HOME to KEY_DELETE, KEY_PAUSE, KEY_LEFTMETA to KEY_COMPOSE
  localparam logic [127:0] Keys = ((({128{1'b1}} >> 44) << 1) & ~(128'd3 << 84))  // 1 to 83
  | 128'd7 << 86  // 86 to 88
  | 128'h1f << 96  // 96 to 100
  | 128'h3ff << 102  // 102 to 111
  | 128'd1 << 119 | 128'd7 << 125;  // 119, 125 to 127
  localparam logic [7:0] Leds = 8'h07;  // LED_NUML, LED_CAPSL, LED_SCROLLL
  localparam logic [7:0] Repeat = 8'h03;  // REP_DELAY, REP_PERIOD

  localparam int Bits = 8 * INPUT_U_BYTES;

  // A string begins in its highest byte, u in its lowest.
  function automatic logic [Bits-1:0] name_bytes();
    name_bytes = '0;
    for (int i = 0; i < NameBytes; i++) name_bytes[8*i+:8] = Name[8*(NameBytes-1-i)+:8];
  endfunction
  function automatic logic [Bits-1:0] serial_bytes();
    serial_bytes = '0;
    for (int i = 0; i < SerialBytes; i++) serial_bytes[8*i+:8] = Serial[8*(SerialBytes-1-i)+:8];
  endfunction
  localparam logic [Bits-1:0] NameU = name_bytes();
  localparam logic [Bits-1:0] SerialU = serial_bytes();

  logic plain, is_name, is_serial, is_ids, is_codes, is_keys, is_leds, is_repeat;
  logic [Bits-1:0] u;

  assign plain = subsel_i == 8'd0;
  assign is_name = plain && select_i == INPUT_SELECT_ID_NAME;
  assign is_serial = plain && select_i == INPUT_SELECT_ID_SERIAL;
  assign is_ids = plain && select_i == INPUT_SELECT_ID_DEVIDS;
  assign is_codes = select_i == INPUT_SELECT_EV_BITS;
  assign is_keys = is_codes && subsel_i == EvKey;
  assign is_leds = is_codes && subsel_i == EvLed;
  assign is_repeat = is_codes && subsel_i == EvRep;

  assign size_o = ({8{is_name}} & 8'(NameBytes)) | ({8{is_serial}} & 8'(SerialBytes)) | ({8{is_ids}} & 8'd8) |
                  ({8{is_keys}} & 8'd16) | {7'd0, is_leds || is_repeat};
  assign u = ({Bits{is_name}} & NameU) | ({Bits{is_serial}} & SerialU) | ({Bits{is_ids}} & Bits'(Ids)) |
             ({Bits{is_keys}} & Bits'(Keys)) | ({Bits{is_leds}} & Bits'(Leds)) | ({Bits{is_repeat}} & Bits'(Repeat));
  assign data_o = u[32*word_i+:32];

endmodule
