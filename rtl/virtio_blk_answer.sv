// SPDX-License-Identifier: Apache-2.0
// Puts the answers of the block device together: for each `answer_i` a sector of read data, then, if it is a request's last, the id
// bytes and the status byte, or an empty beat where there is no room for one; part of the block device type.

module virtio_blk_answer #(
    parameter  int           DataWidth = 64,
    parameter  logic [159:0] SerialId  = '0,
    localparam int           Bytes     = DataWidth / 8
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    input  logic                                    device_reset_i,
    input  logic                                    answer_valid_i,
    output logic                                    answer_ready_o,
    input  virtio_pkg::blk_answer_t                 answer_i,
    input  logic                                    rd_valid_i,
    output logic                                    rd_ready_o,      // takes a word
    input  logic                    [DataWidth-1:0] rd_data_i,
    output logic                                    rsp_valid_o,
    input  logic                                    rsp_ready_i,
    output logic                    [DataWidth-1:0] rsp_data_o,
    output logic                    [    Bytes-1:0] rsp_keep_o,
    output logic                                    rsp_last_o,
    output logic                                    rsp_tail_o,
    output logic                    [          7:0] rsp_tail_err_o
);

  import virtio_pkg::*;

  localparam int SectorWords = 512 / Bytes;
  localparam int WordWidth = $clog2(SectorWords);

  logic held_q;  // an answer is being given
  blk_answer_t answer_q;
  logic [WordWidth-1:0] word_q;
  logic data_left_q;  // of the sector of this answer
  logic [4:0] id_gone_q, id_left_q;
  logic [159:0] id_bytes;
  logic take, giving_id, taken, sector_end, done;

  // The first character comes first, that is in lane 0.
  for (genvar i = 0; i < BLK_ID_BYTES; i++) begin : g_id
    assign id_bytes[8*i+:8] = SerialId[8*(BLK_ID_BYTES-1-i)+:8];
  end

  assign answer_ready_o = !held_q;
  assign take           = answer_valid_i && answer_ready_o;
  assign giving_id      = !data_left_q && id_left_q != 5'd0;
  assign sector_end     = word_q == WordWidth'(SectorWords - 1);
  assign rsp_valid_o    = held_q && (!data_left_q || rd_valid_i);
  assign taken          = rsp_valid_o && rsp_ready_i;
  assign rd_ready_o     = taken && data_left_q;
  assign done           = taken && (data_left_q ? sector_end && !answer_q.last : !giving_id);

  always_comb begin
    rsp_data_o = DataWidth'(answer_q.status);
    rsp_keep_o = answer_q.has_status ? Bytes'(1) : '0;
    rsp_last_o = 1'b1;
    rsp_tail_o = answer_q.has_status;
    if (data_left_q || giving_id) begin
      rsp_data_o = data_left_q ? rd_data_i : DataWidth'(id_bytes >> {id_gone_q, 3'd0});
      rsp_keep_o = '1;
      rsp_last_o = 1'b0;
      rsp_tail_o = 1'b0;
    end
    if (giving_id && 7'(id_left_q) < 7'(Bytes)) rsp_keep_o = ~({Bytes{1'b1}} << id_left_q);
  end
  assign rsp_tail_err_o = BLK_S_IOERR;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      held_q      <= 1'b0;
      answer_q    <= '0;
      word_q      <= '0;
      data_left_q <= 1'b0;
      id_gone_q   <= '0;
      id_left_q   <= '0;
    end else begin
      held_q <= take || (held_q && !done);
      if (take) begin
        answer_q    <= answer_i;
        data_left_q <= answer_i.sector;
        id_gone_q   <= '0;
        id_left_q   <= answer_i.id_bytes;
      end
      if (taken && data_left_q) begin
        word_q      <= sector_end ? '0 : word_q + 1'b1;
        data_left_q <= !sector_end;
      end
      if (taken && giving_id) begin
        id_gone_q <= id_gone_q + 5'(Bytes);
        id_left_q <= (7'(id_left_q) <= 7'(Bytes)) ? 5'd0 : id_left_q - 5'(Bytes);
      end
    end
  end

  wire unused_ok = ^{answer_q.sector, answer_q.id_bytes};

endmodule
