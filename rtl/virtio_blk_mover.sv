// SPDX-License-Identifier: Apache-2.0
// Moves whole sectors between a packed byte stream and the storage port; part of the block device type.
//
// `start_i` (while `ready_o`) begins: STORE_READ or STORE_WRITE of `count_i` sectors from `sector_i` on, or STORE_FLUSH. `done_o` then rises
// and stays until the next start; `failed_o` says that not all went well. A sector passes the store only as a whole: a read one after
// its good response, a write one (and its command) after its last byte came without `wr_err_i`. After a failure is known no further
// command is given. A device reset forgets the move but finishes the commands begun; `ready_o` is low until then.
//
//   wr stream -> sector store -> store_wdata        store_rdata -> sector store -> rd stream

module virtio_blk_mover #(
    parameter int DataWidth = 64
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 device_reset_i,
    input  logic                 start_i,
    output logic                 ready_o,
    input  logic [          1:0] op_i,
    input  logic [         63:0] sector_i,
    input  logic [         22:0] count_i,
    output logic                 done_o,
    output logic                 failed_o,
    input  logic                 wr_valid_i,
    output logic                 wr_ready_o,
    input  logic [DataWidth-1:0] wr_data_i,
    input  logic                 wr_err_i,
    output logic                 rd_valid_o,
    input  logic                 rd_ready_i,
    output logic [DataWidth-1:0] rd_data_o,
    // Storage port
    output logic                 store_cmd_valid_o,
    input  logic                 store_cmd_ready_i,
    output logic [          1:0] store_cmd_op_o,
    output logic [         63:0] store_cmd_sector_o,
    output logic                 store_wdata_valid_o,
    input  logic                 store_wdata_ready_i,
    output logic [DataWidth-1:0] store_wdata_o,
    input  logic                 store_rdata_valid_i,
    output logic                 store_rdata_ready_o,
    input  logic [DataWidth-1:0] store_rdata_i,
    input  logic                 store_rsp_valid_i,
    output logic                 store_rsp_ready_o,
    input  logic                 store_rsp_error_i
);

  import virtio_pkg::*;

  localparam int SectorBeats = 512 * 8 / DataWidth;
  localparam int BeatWidth = $clog2(SectorBeats) + 1;
  localparam int Held = 2;  // sectors that the store holds

  typedef enum logic [1:0] {
    Idle,
    Move,
    Drain
  } state_e;

  state_e state_q, state_d;
  logic [ 1:0] op_q;
  logic [63:0] sector_q;  // next to be commanded
  logic [22:0] to_command_q;
  logic failed_q, sector_bad_q;
  logic [BeatWidth-1:0] beat_q;  // beats of the sector entering the store
  logic [  BeatWidth:0] owed_q;  // beats of commands taken that the storage has not yet got
  logic [          1:0] outstanding_q;  // commands begun and not yet answered

  logic                 cmd_valid_q;
  logic [          1:0] cmd_op_q;
  logic [         63:0] cmd_sector_q;

  logic active, reading, writing, cmd_free, give_cmd, rsp_taken, owe;
  logic in_room, in_taken, sector_end, wr_good, commit, rollback, clear, out_valid, out_taken;
  logic [BeatWidth:0] stored;

  assign reading = op_q == STORE_READ;
  assign writing = op_q == STORE_WRITE;

  // In the very cycle of a device reset nothing more is begun.
  assign active = state_q == Move && !device_reset_i;

  // Commands. A read needs room for its sector; a write is commanded as its sector becomes complete.
  assign cmd_free = !cmd_valid_q || store_cmd_ready_i;
  assign wr_good = writing && in_taken && sector_end && !sector_bad_q && !wr_err_i;
  assign give_cmd           = active && cmd_free && to_command_q != '0 && !failed_q && (writing ? wr_good :
                              reading ? {1'b0, outstanding_q} + 3'((stored + (BeatWidth + 1)'(SectorBeats - 1)) >> (BeatWidth - 1))
                                        < 3'(Held) : 1'b1);
  assign store_cmd_valid_o = cmd_valid_q;
  assign store_cmd_op_o = cmd_op_q;
  assign store_cmd_sector_o = cmd_sector_q;
  assign store_rsp_ready_o = !reading || store_rsp_error_i || beat_q == BeatWidth'(SectorBeats);
  assign rsp_taken = store_rsp_valid_i && store_rsp_ready_o;
  assign owe = cmd_valid_q && store_cmd_ready_i && cmd_op_q == STORE_WRITE;

  // Sector store.
  assign wr_ready_o          = active && writing && !failed_q && to_command_q != '0 && in_room &&
                               (cmd_free || !sector_end) && outstanding_q != 2'(Held);
  assign store_rdata_ready_o = reading && in_room && beat_q != BeatWidth'(SectorBeats);
  assign in_taken = reading ? store_rdata_valid_i && store_rdata_ready_o : wr_valid_i && wr_ready_o;
  assign sector_end = beat_q == BeatWidth'(SectorBeats - 1);
  assign commit = reading ? rsp_taken && !store_rsp_error_i && !failed_q && state_q == Move : wr_good;
  assign rollback            = reading ? rsp_taken && !commit
                                       : device_reset_i || failed_q || (in_taken && sector_end && (sector_bad_q || wr_err_i));
  assign clear = device_reset_i && reading;

  virtio_fifo #(
      .Width(DataWidth),
      .Depth(Held * SectorBeats)
  ) u_store (
      .clk_i,
      .rst_ni,
      .clear_i    (clear),
      .commit_i   (commit),
      .rollback_i (rollback),
      .in_valid_i (in_taken),
      .in_ready_o (in_room),
      .in_data_i  (reading ? store_rdata_i : wr_data_i),
      .out_valid_o(out_valid),
      .out_ready_i(out_taken),
      .out_data_o (rd_data_o),
      .count_o    (stored)
  );

  assign rd_valid_o          = out_valid && reading && state_q == Move;
  assign store_wdata_valid_o = out_valid && writing && owed_q != '0;
  assign store_wdata_o       = rd_data_o;
  assign out_taken           = reading ? rd_ready_i && rd_valid_o : store_wdata_ready_i && store_wdata_valid_o;

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: if (start_i) state_d = Move;
      Move: ;
      default: if (outstanding_q == 2'd0) state_d = Idle;
    endcase
    if (device_reset_i && state_q != Idle) state_d = Drain;
    if (device_reset_i && outstanding_q == 2'd0) state_d = Idle;
  end

  assign done_o   = state_q == Move && (to_command_q == '0 || failed_q) && outstanding_q == 2'd0 && !out_valid;
  assign failed_o = failed_q;
  assign ready_o  = state_q == Idle || done_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q       <= Idle;
      op_q          <= STORE_READ;
      sector_q      <= '0;
      to_command_q  <= '0;
      failed_q      <= 1'b0;
      sector_bad_q  <= 1'b0;
      beat_q        <= '0;
      owed_q        <= '0;
      outstanding_q <= '0;
      cmd_valid_q   <= 1'b0;
      cmd_op_q      <= STORE_READ;
      cmd_sector_q  <= '0;
    end else begin
      state_q <= state_d;
      if (start_i && ready_o) begin
        op_q         <= op_i;
        sector_q     <= sector_i;
        to_command_q <= (op_i == STORE_FLUSH) ? 23'd1 : count_i;
        failed_q     <= 1'b0;
        sector_bad_q <= 1'b0;
        beat_q       <= '0;
      end else begin
        if (give_cmd) begin
          sector_q     <= sector_q + 64'd1;
          to_command_q <= to_command_q - 23'd1;
        end
        if (rsp_taken && store_rsp_error_i) failed_q <= 1'b1;
        if (writing && in_taken && sector_end && !wr_good) failed_q <= 1'b1;
        if (in_taken) begin
          beat_q       <= (writing && sector_end) ? '0 : beat_q + 1'b1;
          sector_bad_q <= writing && !sector_end && (sector_bad_q || wr_err_i);
        end
        if (reading && rsp_taken) beat_q <= '0;
      end
      if (cmd_free) begin
        cmd_valid_q  <= give_cmd;
        cmd_op_q     <= op_q;
        cmd_sector_q <= sector_q;
      end
      owed_q <= owed_q + (owe ? (BeatWidth + 1)'(SectorBeats) : '0)
                - ((store_wdata_valid_o && store_wdata_ready_i) ? (BeatWidth + 1)'(1) : '0);
      outstanding_q <= outstanding_q + {1'b0, give_cmd} - {1'b0, rsp_taken};
    end
  end

endmodule
