// SPDX-License-Identifier: Apache-2.0
// Simulation only: a file behind the storage port of the block device (see rtl/virtio_blk.sv).
//
// +disk=PATH names the file; without it, or where it cannot be opened, every command fails. It is opened for writing too if its
// permissions allow. Each command waits up to `latency_i` cycles, pseudo-randomly; those that touch sector `error_sector_i` fail,
// reads and writes after moving their data; with FLUSH_ERROR there flushes fail. Data beats pause now and then while `latency_i` is
// not 0. Discarded sectors read as zeroes. The next command waits in a slot, so that without latency sectors follow each other
// without a gap. A file has nothing to deallocate: `unmapped` counts the sectors that were to be, for whoever wants to know.

module virtio_blk_store #(
    parameter int DataWidth = 64
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic [         31:0] latency_i,
    input  logic [         63:0] error_sector_i,
    input  logic                 cmd_valid_i,
    output logic                 cmd_ready_o,
    input  logic [          2:0] cmd_op_i,
    input  logic [         63:0] cmd_sector_i,
    input  logic [         31:0] cmd_count_i,
    input  logic                 cmd_unmap_i,
    input  logic                 cmd_linked_i,
    input  logic                 wdata_valid_i,
    output logic                 wdata_ready_o,
    input  logic [DataWidth-1:0] wdata_i,
    output logic                 rdata_valid_o,
    input  logic                 rdata_ready_i,
    output logic [DataWidth-1:0] rdata_o,
    output logic                 rsp_valid_o,
    input  logic                 rsp_ready_i,
    output logic                 rsp_error_o,
    output logic                 flushed_o        // a flush is being answered
);

  import virtio_pkg::*;

  localparam int Bytes = DataWidth / 8;
  localparam int SectorBeats = 512 / Bytes;
  localparam logic [63:0] FLUSH_ERROR = 64'hffff_ffff_ffff_fffe;

  typedef enum logic [2:0] {
    Idle,
    Delay,
    ReadData,
    WriteData,
    Respond
  } state_e;

  state_e state_q;
  logic slot_valid_q, slot_linked_q, slot_unmap_q;  // the next command
  logic [2:0] slot_op_q, op_q;
  logic [63:0] slot_sector_q, sector_q;
  logic [31:0] slot_count_q, count_q;
  logic linked_q, unmap_q;
  logic failed_q;  // the command before this one has failed
  logic [31:0] unmapped;
  logic [31:0] wait_q, random_q;
  logic gap_q;
  logic [31:0] beat_q;
  logic rsp_valid_q, rsp_error_q, flush_q;  // of a command that is over
  logic bad, last_beat, rdata_taken, done;

  int file, count;
  string path;
  logic [7:0] sector_bytes[512];
  logic [DataWidth-1:0] rdata_q;

  initial begin
    file = 0;
    if ($value$plusargs("disk=%s", path)) begin
      file = $fopen(path, "r+b");
      if (file == 0) file = $fopen(path, "rb");
      if (file == 0) $display("virtio_blk_store: cannot open +disk=%s", path);
    end
  end

  // File positions are 32 bits signed in $fseek: sectors up to 2^22, that is 2 GiB.
  assign bad = file == 0 || (linked_q && failed_q) || (op_q == STORE_FLUSH && error_sector_i == FLUSH_ERROR) ||
               (op_q != STORE_FLUSH && (sector_q[63:22] != '0 || (error_sector_i >= sector_q && error_sector_i - sector_q < {32'd0, count_q})));

  assign last_beat = beat_q == SectorBeats - 1;
  assign cmd_ready_o = !slot_valid_q;
  assign rdata_valid_o = state_q == ReadData && !gap_q && !rsp_valid_q;
  assign rdata_o = rdata_q;
  assign wdata_ready_o = state_q == WriteData && !gap_q && !(last_beat && rsp_valid_q);
  assign rdata_taken = rdata_valid_o && rdata_ready_i;
  // A read's response comes with its last beat.
  assign rsp_valid_o = rsp_valid_q || (rdata_taken && last_beat);
  assign rsp_error_o = rsp_valid_q ? rsp_error_q : bad;
  assign done          = (rdata_taken && last_beat) || (wdata_valid_i && wdata_ready_o && last_beat) ||
                         (state_q == Respond && !rsp_valid_q);

  assign flushed_o = rsp_valid_q && rsp_ready_i && flush_q && !rsp_error_q;

  // Blocking assignments: the bytes go to the file in the same cycle.
  task automatic clear_bytes;
    for (int i = 0; i < 512; i++) sector_bytes[i] = 8'h00;
  endtask

  task automatic take_word;
    for (int i = 0; i < Bytes; i++) sector_bytes[Bytes*beat_q+i] = wdata_i[8*i+:8];
  endtask

  task automatic read_sector;
    begin
      clear_bytes();
      if (file != 0 && slot_sector_q[63:22] == '0) begin
        count = $fseek(file, int'(slot_sector_q[22:0]) * 512, 0);
        count = $fread(sector_bytes, file);
      end
      for (int i = 0; i < Bytes; i++) rdata_q[8*i+:8] <= sector_bytes[i];
    end
  endtask

  task automatic write_sectors;
    begin
      if (!bad) begin
        count = $fseek(file, int'(sector_q[22:0]) * 512, 0);
        for (int s = 0; s < int'(count_q); s++) for (int i = 0; i < 512; i++) $fwrite(file, "%c", sector_bytes[i]);
        $fflush(file);
      end
    end
  endtask

  // Begins the command in the slot, if there is one.
  task automatic begin_next;
    begin
      state_q      <= Idle;
      slot_valid_q <= 1'b0;
      op_q         <= slot_op_q;
      sector_q     <= slot_sector_q;
      count_q      <= slot_count_q;
      linked_q     <= slot_linked_q;
      unmap_q      <= slot_unmap_q;
      beat_q       <= 0;
      wait_q       <= (latency_i == 0) ? 0 : random_q % latency_i;
      if (slot_valid_q && latency_i == 0) state_q <= after_delay(slot_op_q);
      else if (slot_valid_q) state_q <= Delay;
      if (slot_valid_q && slot_op_q == STORE_READ) read_sector();
    end
  endtask

  function automatic state_e after_delay(input logic [2:0] op);
    after_delay = Respond;
    if (op == STORE_READ) after_delay = ReadData;
    if (op == STORE_WRITE) after_delay = WriteData;
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q       <= Idle;
      slot_valid_q  <= 1'b0;
      slot_linked_q <= 1'b0;
      slot_unmap_q  <= 1'b0;
      slot_op_q     <= STORE_READ;
      slot_sector_q <= '0;
      slot_count_q  <= '0;
      op_q          <= STORE_READ;
      sector_q      <= '0;
      count_q       <= '0;
      linked_q      <= 1'b0;
      unmap_q       <= 1'b0;
      failed_q      <= 1'b0;
      unmapped      <= '0;
      wait_q        <= '0;
      random_q      <= 32'h2545f491;
      gap_q         <= 1'b0;
      beat_q        <= 0;
      rdata_q       <= '0;
      rsp_valid_q   <= 1'b0;
      rsp_error_q   <= 1'b0;
      flush_q       <= 1'b0;
    end else begin
      random_q <= {random_q[30:0], random_q[31] ^ random_q[21] ^ random_q[1] ^ random_q[0]};
      gap_q    <= latency_i != 0 && random_q[3:0] == 4'd0;
      if (rsp_ready_i) rsp_valid_q <= 1'b0;
      case (state_q)
        Idle: begin_next();
        Delay: begin
          wait_q <= wait_q - 1;
          if (wait_q == 0) state_q <= after_delay(op_q);
        end
        ReadData:
        if (rdata_taken) begin
          beat_q <= beat_q + 1;
          for (int i = 0; i < Bytes; i++) if (!last_beat) rdata_q[8*i+:8] <= sector_bytes[Bytes*(beat_q+1)+i];
        end
        WriteData:
        if (wdata_valid_i && wdata_ready_o) begin
          take_word();
          beat_q <= beat_q + 1;
          if (last_beat) write_sectors();
        end
        default:
        if (done && op_q != STORE_FLUSH) begin
          clear_bytes();
          write_sectors();
        end
      endcase
      if (done) begin
        failed_q    <= bad;
        rsp_error_q <= bad;
        flush_q     <= op_q == STORE_FLUSH;
        if (unmap_q && !bad) unmapped <= unmapped + count_q;
        rsp_valid_q <= !(rsp_valid_o && rsp_ready_i);
        begin_next();
      end
      // The slot fills after its command has begun.
      if (cmd_valid_i && cmd_ready_o) begin
        slot_valid_q  <= 1'b1;
        slot_op_q     <= cmd_op_i;
        slot_sector_q <= cmd_sector_i;
        slot_count_q  <= cmd_count_i;
        slot_linked_q <= cmd_linked_i;
        slot_unmap_q  <= cmd_unmap_i;
      end
    end
  end

endmodule
