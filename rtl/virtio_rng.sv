// SPDX-License-Identifier: Apache-2.0
// Device type entropy (5.4): fills the device-writable part of every chain with words from the entropy port.
//
// A request of n bytes takes ceil(n / 4) words, little-endian; what is left of the last one is thrown away. One request gets at most
// `MaxBytes`, so that a hostile length cannot hold the device. A chain whose queue is being reset does not wait for entropy.

module virtio_rng #(
    parameter int DataWidth = 64,
    parameter int NumQueues = 1,
    parameter int MaxBytes = 65536,
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = DataWidth / 8
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // Entropy source
    input  logic                 entropy_valid_i,
    output logic                 entropy_ready_o,
    input  logic [         31:0] entropy_data_i,
    // Device-type boundary, see virtio_mmio_core
    input  logic                 device_reset_i,
    input  logic [NumQueues-1:0] queue_drop_i,
    input  logic                 chain_valid_i,
    output logic                 chain_ready_o,
    input  logic [         15:0] chain_queue_i,
    input  logic [         31:0] chain_readable_len_i,
    input  logic [         31:0] chain_writable_len_i,
    output logic                 req_skip_o,
    output logic                 rsp_valid_o,
    input  logic                 rsp_ready_i,
    output logic [DataWidth-1:0] rsp_data_o,
    output logic [    Bytes-1:0] rsp_keep_o,
    output logic                 rsp_last_o
);

  localparam int Words = Bytes / 4;
  localparam int WordWidth = (Words > 1) ? $clog2(Words) : 1;

  typedef enum logic [1:0] {
    Idle,
    Fill,
    Drain
  } state_e;

  state_e state_q, state_d;
  logic [31:0] left_q;  // bytes still to be collected, those in the word being filled included
  logic [WordWidth-1:0] word_q;
  logic [DataWidth-1:0] data_q, data_d;
  logic [QueueWidth-1:0] queue_q;
  logic rsp_valid_q, rsp_last_q;
  logic [DataWidth-1:0] rsp_data_q;
  logic [Bytes-1:0] rsp_keep_q;
  logic word_taken, beat_full, beat_done, last, rsp_free, give_up;

  // A beat is given while the next one is collected.
  assign rsp_free = !rsp_valid_q || rsp_ready_i;
  assign beat_full = word_q == WordWidth'(Words - 1) || left_q <= ({{(32 - WordWidth) {1'b0}}, word_q} + 32'd1) * 4;
  assign last = left_q <= 32'(Bytes);
  assign give_up = state_q == Fill && queue_drop_i[queue_q] && rsp_free;
  assign entropy_ready_o = state_q == Fill && (!beat_full || rsp_free) && !queue_drop_i[queue_q];
  assign word_taken = entropy_valid_i && entropy_ready_o;
  assign beat_done = word_taken && beat_full;

  assign chain_ready_o = state_q == Idle && !device_reset_i;
  assign req_skip_o = chain_ready_o && chain_valid_i && chain_readable_len_i != 32'd0;
  assign rsp_valid_o = rsp_valid_q;
  assign rsp_data_o = rsp_data_q;
  assign rsp_keep_o = rsp_keep_q;
  assign rsp_last_o = rsp_last_q;

  always_comb begin
    data_d = data_q;
    data_d[32*word_q+:32] = entropy_data_i;
  end

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (chain_valid_i) state_d = Fill;
        if (chain_valid_i && chain_writable_len_i == 32'd0) state_d = Drain;
      end
      Fill:    if (give_up || (beat_done && last)) state_d = Drain;
      default: if (rsp_ready_i) state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q     <= Idle;
      left_q      <= '0;
      word_q      <= '0;
      data_q      <= '0;
      queue_q     <= '0;
      rsp_valid_q <= 1'b0;
      rsp_last_q  <= 1'b0;
      rsp_data_q  <= '0;
      rsp_keep_q  <= '0;
    end else begin
      state_q <= state_d;
      if (rsp_ready_i) rsp_valid_q <= 1'b0;
      if (state_q == Idle && chain_valid_i) begin
        left_q      <= (chain_writable_len_i > 32'(MaxBytes)) ? 32'(MaxBytes) : chain_writable_len_i;
        word_q      <= '0;
        queue_q     <= chain_queue_i[QueueWidth-1:0];
        rsp_valid_q <= chain_writable_len_i == 32'd0;
        rsp_keep_q  <= '0;
        rsp_last_q  <= 1'b1;
      end
      if (word_taken) begin
        data_q <= data_d;
        word_q <= word_q + 1'b1;
      end
      if (beat_done || give_up) begin
        left_q      <= left_q - 32'(Bytes);
        word_q      <= '0;
        rsp_valid_q <= 1'b1;
        rsp_data_q  <= data_d;
        rsp_keep_q  <= '1;
        if (last) rsp_keep_q <= ~({Bytes{1'b1}} << left_q);
        if (give_up) rsp_keep_q <= '0;
        rsp_last_q <= last || give_up;
      end
    end
  end

  wire unused_ok = ^chain_queue_i;

endmodule
