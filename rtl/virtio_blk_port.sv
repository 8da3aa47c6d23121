// SPDX-License-Identifier: Apache-2.0
// Carries out the steps of requests on the storage port, several at a time and in order; part of the block device type.
//
// A step is one command, or none (`none`: only the answer counts, when it is its turn). Each that ends a request, and each sector read
// well before anything of its request failed, becomes an answer; a read sector's words are in the read store by then.
// A write's words come on wr_* before it: `wr_commit_i`, with the step, gives the sector to the storage,
// `wr_drop_i` forgets it. A device reset forgets everything but finishes the commands begun; `step_ready_o` is low until then.
//
//   steps -> store_cmd, tracks        store_rsp + tracks -> answers
//   wr stream -> write store -> store_wdata        store_rdata -> read store -> rd stream

module virtio_blk_port #(
    parameter int DataWidth = 64,
    parameter int Held      = 4    // sectors in each of the two stores, power of two
) (
    input  logic                                     clk_i,
    input  logic                                     rst_ni,
    input  logic                                     device_reset_i,
    input  logic                                     step_valid_i,
    output logic                                     step_ready_o,
    input  logic                                     step_none_i,
    input  virtio_pkg::blk_command_t                 step_command_i,
    input  virtio_pkg::blk_answer_t                  step_answer_i,
    input  logic                                     wr_valid_i,
    output logic                                     wr_ready_o,
    input  logic                     [DataWidth-1:0] wr_data_i,
    input  logic                                     wr_commit_i,
    input  logic                                     wr_drop_i,
    output logic                                     answer_valid_o,
    input  logic                                     answer_ready_i,
    output virtio_pkg::blk_answer_t                  answer_o,
    output logic                                     rd_valid_o,
    input  logic                                     rd_ready_i,
    output logic                     [DataWidth-1:0] rd_data_o,
    // Storage port
    output logic                                     store_cmd_valid_o,
    input  logic                                     store_cmd_ready_i,
    output logic                     [          2:0] store_cmd_op_o,
    output logic                     [         63:0] store_cmd_sector_o,
    output logic                     [         31:0] store_cmd_count_o,
    output logic                                     store_cmd_unmap_o,
    output logic                                     store_cmd_linked_o,
    output logic                                     store_wdata_valid_o,
    input  logic                                     store_wdata_ready_i,
    output logic                     [DataWidth-1:0] store_wdata_o,
    input  logic                                     store_rdata_valid_i,
    output logic                                     store_rdata_ready_o,
    input  logic                     [DataWidth-1:0] store_rdata_i,
    input  logic                                     store_rsp_valid_i,
    output logic                                     store_rsp_ready_o,
    input  logic                                     store_rsp_error_i
);

  import virtio_pkg::*;

  localparam int SectorWords = 512 * 8 / DataWidth;
  localparam int WordWidth = $clog2(SectorWords) + 1;
  localparam int RoomWidth = $clog2(Held) + 1;
  localparam int CountWidth = $clog2(Held * SectorWords) + 1;
  localparam int Tracks = 8;  // commands begun and not yet answered

  typedef struct packed {
    logic        none;
    blk_answer_t answer;
  } track_t;

  logic         cmd_valid_q;
  blk_command_t cmd_q;
  logic cmd_free, step_taken, cmd_taken, dropping_q, dropping;

  track_t track_in, track;
  logic track_in_ready, track_valid, retire, failed_q, failed;
  blk_answer_t answer;
  logic answer_push, answer_room;

  logic [WordWidth-1:0] rd_word_q;  // words of the sector entering the read store
  logic [RoomWidth-1:0] rd_room_q;  // sectors that may still be commanded
  logic [WordWidth-1:0] rd_gone_q;
  logic rd_taken, rd_in_room, rd_all, rd_given_back;

  logic [CountWidth-1:0] owed_q;  // words of commands taken that the storage has not yet got
  logic wdata_taken;

  logic [$clog2(Tracks):0] unused_tracks, unused_answers;
  logic [CountWidth-1:0] unused_read_count, unused_write_count;
  logic wr_there;

  assign dropping           = dropping_q || device_reset_i;

  // Commands.
  assign cmd_free           = !cmd_valid_q || store_cmd_ready_i;
  assign step_ready_o       = cmd_free && track_in_ready && !dropping && (!step_answer_i.sector || rd_room_q != '0);
  assign step_taken         = step_valid_i && step_ready_o;
  assign cmd_taken          = cmd_valid_q && store_cmd_ready_i;
  assign track_in           = {step_none_i, step_answer_i};

  assign store_cmd_valid_o  = cmd_valid_q;
  assign store_cmd_op_o     = cmd_q.op;
  assign store_cmd_sector_o = cmd_q.sector;
  assign store_cmd_count_o  = cmd_q.count;
  assign store_cmd_unmap_o  = cmd_q.unmap;
  assign store_cmd_linked_o = cmd_q.linked;

  virtio_fifo #(
      .Width($bits(track_t)),
      .Depth(Tracks)
  ) u_tracks (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (step_taken),
      .in_ready_o (track_in_ready),
      .in_data_i  (track_in),
      .out_valid_o(track_valid),
      .out_ready_i(retire),
      .out_data_o (track),
      .count_o    (unused_tracks)
  );

  // Responses. The last word of a read may come together with them.
  assign rd_all = rd_word_q == WordWidth'(SectorWords) || (rd_word_q == WordWidth'(SectorWords - 1) && store_rdata_valid_i);
  assign store_rsp_ready_o = track_valid && !track.none && (answer_room || dropping) &&
                             (!track.answer.sector || store_rsp_error_i || rd_all);
  assign retire = track_valid && (track.none ? answer_room || dropping : store_rsp_valid_i && store_rsp_ready_o);
  assign failed = failed_q || (!track.none && store_rsp_error_i);

  assign answer = {
    track.answer.sector && !failed,
    track.answer.last,
    failed ? BLK_S_IOERR : track.answer.status,
    track.answer.has_status,
    track.answer.id_bytes
  };
  assign answer_push = retire && !dropping && (answer.sector || answer.last);

  virtio_fifo #(
      .Width($bits(blk_answer_t)),
      .Depth(Tracks)
  ) u_answers (
      .clk_i,
      .rst_ni,
      .clear_i    (dropping),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (answer_push),
      .in_ready_o (answer_room),
      .in_data_i  (answer),
      .out_valid_o(answer_valid_o),
      .out_ready_i(answer_ready_i),
      .out_data_o (answer_o),
      .count_o    (unused_answers)
  );

  // Reads: room for a sector is set aside with its command, and is free again when the sector has gone or failed.
  assign store_rdata_ready_o = track_valid && track.answer.sector && rd_word_q != WordWidth'(SectorWords);
  assign rd_taken = store_rdata_valid_i && store_rdata_ready_o;
  assign rd_given_back = rd_ready_i && rd_gone_q == WordWidth'(SectorWords - 1);

  virtio_fifo #(
      .Width(DataWidth),
      .Depth(Held * SectorWords)
  ) u_read_store (
      .clk_i,
      .rst_ni,
      .clear_i    (dropping),
      .commit_i   (retire && answer.sector),
      .rollback_i (retire && track.answer.sector && !answer.sector),
      .in_valid_i (rd_taken),
      .in_ready_o (rd_in_room),
      .in_data_i  (store_rdata_i),
      .out_valid_o(rd_valid_o),
      .out_ready_i(rd_ready_i),
      .out_data_o (rd_data_o),
      .count_o    (unused_read_count)
  );

  // Writes.
  virtio_fifo #(
      .Width(DataWidth),
      .Depth(Held * SectorWords)
  ) u_write_store (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (wr_commit_i),
      .rollback_i (wr_drop_i || device_reset_i),
      .in_valid_i (wr_valid_i),
      .in_ready_o (wr_ready_o),
      .in_data_i  (wr_data_i),
      .out_valid_o(wr_there),
      .out_ready_i(wdata_taken),
      .out_data_o (store_wdata_o),
      .count_o    (unused_write_count)
  );
  assign store_wdata_valid_o = owed_q != '0 && wr_there;
  assign wdata_taken         = store_wdata_valid_o && store_wdata_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cmd_valid_q <= 1'b0;
      cmd_q       <= '0;
      dropping_q  <= 1'b0;
      failed_q    <= 1'b0;
      rd_word_q   <= '0;
      rd_room_q   <= RoomWidth'(Held);
      rd_gone_q   <= '0;
      owed_q      <= '0;
    end else begin
      dropping_q <= dropping && (device_reset_i || track_valid);
      if (cmd_free) cmd_valid_q <= step_taken && !step_none_i;
      if (step_taken && !step_none_i) cmd_q <= step_command_i;
      if (dropping) failed_q <= 1'b0;
      else if (retire) failed_q <= failed && !track.answer.last;
      if (retire) rd_word_q <= '0;
      else if (rd_taken) rd_word_q <= rd_word_q + 1'b1;
      if (dropping) begin
        rd_room_q <= RoomWidth'(Held);
        rd_gone_q <= '0;
      end else begin
        rd_room_q <= rd_room_q - ((step_taken && step_answer_i.sector) ? RoomWidth'(1) : '0)
                     + (rd_given_back ? RoomWidth'(1) : '0)
                     + ((retire && track.answer.sector && !answer.sector) ? RoomWidth'(1) : '0);
        if (rd_ready_i) rd_gone_q <= rd_given_back ? '0 : rd_gone_q + 1'b1;
      end
      owed_q <= owed_q + ((cmd_taken && cmd_q.op == STORE_WRITE) ? CountWidth'(SectorWords) : '0)
                - (wdata_taken ? CountWidth'(1) : '0);
    end
  end

  wire unused_ok = ^{rd_in_room, unused_tracks, unused_answers, unused_read_count, unused_write_count};

endmodule
