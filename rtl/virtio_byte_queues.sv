// SPDX-License-Identifier: Apache-2.0
// Two queues as two byte streams: what device types have in common that put what comes in from outside into the chains of queue 0, and give out
// what the chains of queue 1 hold.
//
// in_*   bytes for queue 0. With `in_want_i` a chain is asked for; when one is there, `in_len_i` bytes (for `in_room_o` bytes of room; at most
//        that many) are taken and the chain is used with that length. `in_len_i` is looked at in the cycle in which a chain is taken.
// out_*  bytes of queue 1, one a cycle. With `out_want_i` a chain is asked for; it is used with length 0 when its last byte has been given. `out_end_o`
//        pulses when a chain has ended. Of a chain that cannot be read what comes before the first beat with an error is given.
//
// Chains are served one after another in the order of the core, so a chain of queue 1 that waits for `out_ready_i` holds up queue 0: give
// `out_want_i` when there is room for it. Readable bytes of queue 0 and writable ones of queue 1 are ignored.
// A queue being reset takes and gives no byte. Device-type boundary: see virtio_mmio_core.

module virtio_byte_queues #(
    parameter int DataWidth = 64,
    localparam int Bytes = DataWidth / 8,
    localparam int ByteWidth = $clog2(Bytes)
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 in_want_i,
    output logic [         31:0] in_room_o,
    input  logic [         31:0] in_len_i,
    input  logic                 in_valid_i,
    output logic                 in_ready_o,
    input  logic [          7:0] in_data_i,
    input  logic                 out_want_i,
    output logic                 out_valid_o,
    input  logic                 out_ready_i,
    output logic [          7:0] out_data_o,
    output logic                 out_end_o,
    // Device-type boundary
    input  logic                 device_reset_i,
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

  typedef enum logic [1:0] {
    Idle,
    Take,   // bytes for queue 0
    Give,   // bytes of queue 1
    Answer
  } state_e;

  state_e state_q, state_d;
  logic chain_take, chain_out, end_chain, queue_q;
  logic [1:0] want, arrive, free;

  // Bytes into the chain
  logic [31:0] left_q;  // still to be taken
  logic [ByteWidth-1:0] byte_q;
  logic [DataWidth-1:0] data_q, data_d;
  logic [Bytes-1:0] keep_q, keep_d;
  logic in_take, beat_full, rsp_free, in_dropped;
  logic rsp_valid_q, rsp_last_q;
  logic [DataWidth-1:0] rsp_data_q;
  logic [Bytes-1:0] rsp_keep_q;

  // Bytes out of the chain
  logic [DataWidth-1:0] beat_q;
  logic [Bytes-1:0] beat_keep_q;
  logic beat_last_q, req_take, give_up;

  assign chain_out = chain_queue_i[0];
  assign chain_ready_o = state_q == Idle && !device_reset_i;
  assign chain_take = chain_ready_o && chain_valid_i;

  assign want = {out_want_i, in_want_i};
  assign arrive = {chain_take && chain_out, chain_take && !chain_out};
  assign free = {end_chain && queue_q, end_chain && !queue_q};

  for (genvar i = 0; i < 2; i++) begin : g_credit
    virtio_credit #(
        .CountWidth(2)
    ) u_credit (
        .clk_i,
        .rst_ni,
        .device_reset_i,
        .live_i  (queue_live_i[i]),
        .target_i({1'b0, want[i]}),
        .arrive_i(arrive[i]),
        .free_i  (free[i]),
        .credit_o(queue_credit_o[i])
    );
  end

  // Queue 0: a beat is given while the next one is collected.
  assign in_room_o  = chain_writable_len_i;
  assign in_dropped = state_q == Take && queue_drop_i[0];
  assign rsp_free   = !rsp_valid_q || rsp_ready_i;
  assign beat_full  = byte_q == '1 || left_q == 32'd1;
  assign in_ready_o = state_q == Take && (!beat_full || rsp_free) && !queue_drop_i[0];
  assign in_take    = in_valid_i && in_ready_o;

  always_comb begin
    data_d = data_q;
    data_d[8*byte_q+:8] = in_data_i;
    keep_d = keep_q;
    keep_d[byte_q] = 1'b1;
  end

  assign rsp_valid_o = rsp_valid_q;
  assign rsp_data_o = rsp_data_q;
  assign rsp_keep_o = rsp_keep_q;
  assign rsp_last_o = rsp_last_q;
  assign end_chain = rsp_valid_q && rsp_ready_i && rsp_last_q;

  // Queue 1: a beat is taken when the bytes of the one before are gone. `give_up` where the rest of the chain is of no use.
  assign give_up = state_q == Give && (queue_drop_i[1] || (beat_keep_q == '0 && !beat_last_q && req_valid_i && req_err_i));
  assign req_ready_o = state_q == Give && beat_keep_q == '0 && !beat_last_q && !give_up;
  assign req_take = req_valid_i && req_ready_o;
  assign req_skip_o = (give_up && !beat_last_q) ||
                      (chain_take && chain_readable_len_i != 32'd0 && (!chain_out || queue_drop_i[1]));
  assign out_valid_o = state_q == Give && beat_keep_q != '0 && !queue_drop_i[1];
  assign out_data_o = beat_q[7:0];
  assign out_end_o = queue_q && end_chain;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (chain_valid_i) begin
          state_d = Answer;
          if (chain_out && chain_readable_len_i != 32'd0 && !queue_drop_i[1]) state_d = Give;
          if (!chain_out && in_len_i != 32'd0 && !queue_drop_i[0]) state_d = Take;
        end
      end
      Take:    if ((in_dropped && rsp_free) || (in_take && left_q == 32'd1)) state_d = Answer;
      Give:    if (give_up || (beat_last_q && beat_keep_q == '0)) state_d = Answer;
      default: if (end_chain) state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q     <= Idle;
      queue_q     <= 1'b0;
      left_q      <= '0;
      byte_q      <= '0;
      data_q      <= '0;
      keep_q      <= '0;
      rsp_valid_q <= 1'b0;
      rsp_last_q  <= 1'b0;
      rsp_data_q  <= '0;
      rsp_keep_q  <= '0;
      beat_q      <= '0;
      beat_keep_q <= '0;
      beat_last_q <= 1'b0;
    end else begin
      state_q <= state_d;
      if (rsp_ready_i) rsp_valid_q <= 1'b0;
      if (chain_take) begin
        queue_q     <= chain_out;
        left_q      <= in_len_i;
        byte_q      <= '0;
        keep_q      <= '0;
        beat_keep_q <= '0;
        beat_last_q <= 1'b0;
      end
      if (in_take) begin
        data_q <= data_d;
        keep_q <= beat_full ? '0 : keep_d;
        byte_q <= byte_q + 1'b1;
        left_q <= left_q - 32'd1;
        if (beat_full) begin
          rsp_valid_q <= 1'b1;
          rsp_data_q  <= data_d;
          rsp_keep_q  <= keep_d;
          rsp_last_q  <= left_q == 32'd1;
        end
      end
      if (req_take) begin
        beat_q      <= req_data_i;
        beat_keep_q <= req_keep_i;
        beat_last_q <= req_last_i;
      end else if (out_valid_o && out_ready_i) begin
        beat_q      <= beat_q >> 8;
        beat_keep_q <= beat_keep_q >> 1;
      end
      // An answer without a byte
      if (state_d == Answer && state_q != Answer && !in_take) begin
        rsp_valid_q <= 1'b1;
        rsp_keep_q  <= '0;
        rsp_last_q  <= 1'b1;
      end
    end
  end

  wire unused_ok = ^chain_queue_i;

endmodule
