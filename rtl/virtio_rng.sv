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
    Give
  } state_e;

  state_e state_q, state_d;
  logic [31:0] left_q;  // bytes still to be given, those in the word being filled included
  logic [WordWidth-1:0] word_q;
  logic [DataWidth-1:0] data_q;
  logic [QueueWidth-1:0] queue_q;
  logic word_taken, beat_full, last, given_up_q;

  assign entropy_ready_o = state_q == Fill;
  assign word_taken = entropy_valid_i && entropy_ready_o;
  assign beat_full = word_q == WordWidth'(Words - 1) || left_q <= ({{(32 - WordWidth) {1'b0}}, word_q} + 32'd1) * 4;
  assign last = left_q <= 32'(Bytes) || given_up_q;

  assign chain_ready_o = state_q == Idle && !device_reset_i;
  assign req_skip_o = chain_ready_o && chain_valid_i && chain_readable_len_i != 32'd0;
  assign rsp_valid_o = state_q == Give;
  assign rsp_data_o = data_q;
  assign rsp_keep_o = given_up_q ? '0 : last ? ~({Bytes{1'b1}} << left_q) : '1;
  assign rsp_last_o = last;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (chain_valid_i) state_d = Fill;
        if (chain_valid_i && chain_writable_len_i == 32'd0) state_d = Give;
      end
      Fill: begin
        if (word_taken && beat_full) state_d = Give;
        if (queue_drop_i[queue_q]) state_d = Give;
      end
      default: begin
        if (rsp_ready_i) state_d = Fill;
        if (rsp_ready_i && last) state_d = Idle;
      end
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      state_q <= Idle;
      left_q <= '0;
      word_q <= '0;
      data_q <= '0;
      queue_q <= '0;
      given_up_q <= 1'b0;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) begin
        left_q <= (chain_writable_len_i > 32'(MaxBytes)) ? 32'(MaxBytes) : chain_writable_len_i;
        word_q <= '0;
        queue_q <= chain_queue_i[QueueWidth-1:0];
        given_up_q <= 1'b0;
      end
      if (state_q == Fill) given_up_q <= queue_drop_i[queue_q];
      if (word_taken) begin
        data_q[32*word_q+:32] <= entropy_data_i;
        word_q                <= word_q + 1'b1;
      end
      if (state_q == Give && rsp_ready_i) begin
        left_q <= left_q - 32'(Bytes);
        word_q <= '0;
      end
    end
  end

  wire unused_ok = ^chain_queue_i;

endmodule
