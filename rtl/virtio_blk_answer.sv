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

  logic [WordWidth-1:0] word_q;
  logic data_done_q;  // the sector of this answer has gone
  logic [4:0] id_gone_q;
  logic [159:0] id_bytes;
  logic [4:0] id_left;
  logic giving_data, giving_id, taken, sector_end;

  // The first character comes first, that is in lane 0.
  for (genvar i = 0; i < BLK_ID_BYTES; i++) begin : g_id
    assign id_bytes[8*i+:8] = SerialId[8*(BLK_ID_BYTES-1-i)+:8];
  end

  assign id_left        = answer_i.id_bytes - id_gone_q;
  assign giving_data    = answer_i.sector && !data_done_q;
  assign giving_id      = !giving_data && id_left != 5'd0;
  assign sector_end     = word_q == WordWidth'(SectorWords - 1);
  assign rsp_valid_o    = answer_valid_i && (!giving_data || rd_valid_i);
  assign taken          = rsp_valid_o && rsp_ready_i;
  assign rd_ready_o     = taken && giving_data;
  assign answer_ready_o = taken && !giving_id && (!giving_data || (sector_end && !answer_i.last));

  always_comb begin
    rsp_data_o = DataWidth'(answer_i.status);
    rsp_keep_o = answer_i.has_status ? Bytes'(1) : '0;
    rsp_last_o = 1'b1;
    rsp_tail_o = answer_i.has_status;
    if (giving_data || giving_id) begin
      rsp_data_o = giving_data ? rd_data_i : DataWidth'(id_bytes >> {id_gone_q, 3'd0});
      rsp_keep_o = '1;
      rsp_last_o = 1'b0;
      rsp_tail_o = 1'b0;
    end
    if (giving_id && 7'(id_left) < 7'(Bytes)) rsp_keep_o = ~({Bytes{1'b1}} << id_left);
  end
  assign rsp_tail_err_o = BLK_S_IOERR;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      word_q      <= '0;
      data_done_q <= 1'b0;
      id_gone_q   <= '0;
    end else if (taken) begin
      if (giving_data) word_q <= sector_end ? '0 : word_q + 1'b1;
      data_done_q <= answer_ready_o ? 1'b0 : data_done_q || (giving_data && sector_end);
      if (giving_id) id_gone_q <= (7'(id_left) <= 7'(Bytes)) ? answer_i.id_bytes : id_gone_q + 5'(Bytes);
      if (answer_ready_o) id_gone_q <= '0;
    end
  end

endmodule
