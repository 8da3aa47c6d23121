// SPDX-License-Identifier: Apache-2.0
// Simulation only: a file behind the storage port of the block device (see rtl/virtio_blk.sv).
//
// +disk=PATH names the file; without it, or where it cannot be opened, every command fails. It is opened for writing too if its
// permissions allow. Each command waits up to `latency_i` cycles, pseudo-randomly; reads and writes of sector `error_sector_i` fail,
// reads after moving their data. Data beats pause now and then while `latency_i` is not 0.

module virtio_blk_store #(
    parameter int DataWidth = 64
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic [         31:0] latency_i,
    input  logic [         63:0] error_sector_i,
    input  logic                 cmd_valid_i,
    output logic                 cmd_ready_o,
    input  logic [          1:0] cmd_op_i,
    input  logic [         63:0] cmd_sector_i,
    input  logic                 wdata_valid_i,
    output logic                 wdata_ready_o,
    input  logic [DataWidth-1:0] wdata_i,
    output logic                 rdata_valid_o,
    input  logic                 rdata_ready_i,
    output logic [DataWidth-1:0] rdata_o,
    output logic                 rsp_valid_o,
    input  logic                 rsp_ready_i,
    output logic                 rsp_error_o
);

  import virtio_pkg::*;

  localparam int Bytes = DataWidth / 8;
  localparam int SectorBeats = 512 / Bytes;

  typedef enum logic [2:0] {
    Idle,
    Delay,
    ReadData,
    WriteData,
    Commit,
    Respond
  } state_e;

  state_e state_q;
  logic [1:0] op_q;
  logic [63:0] sector_q;
  logic [31:0] wait_q, random_q;
  logic error_q, gap_q;
  int beat_q;

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

  assign cmd_ready_o   = state_q == Idle;
  assign rdata_valid_o = state_q == ReadData && !gap_q;
  assign rdata_o       = rdata_q;
  assign wdata_ready_o = state_q == WriteData && !gap_q;
  assign rsp_valid_o   = state_q == Respond;
  assign rsp_error_o   = error_q;

  // File positions are 32 bits signed in $fseek: sectors up to 2^22, that is 2 GiB.
  task automatic read_sector;
    begin
      error_q <= file == 0 || sector_q[63:22] != '0 || sector_q == error_sector_i;
      for (int i = 0; i < 512; i++) sector_bytes[i] = 8'h00;
      if (file != 0 && sector_q[63:22] == '0) begin
        count = $fseek(file, int'(sector_q[22:0]) * 512, 0);
        count = $fread(sector_bytes, file);
      end
      for (int i = 0; i < Bytes; i++) rdata_q[8*i+:8] <= sector_bytes[i];
    end
  endtask

  task automatic write_sector;
    begin
      error_q <= file == 0 || sector_q[63:22] != '0 || sector_q == error_sector_i;
      if (file != 0 && sector_q[63:22] == '0 && sector_q != error_sector_i) begin
        count = $fseek(file, int'(sector_q[22:0]) * 512, 0);
        for (int i = 0; i < 512; i++) $fwrite(file, "%c", sector_bytes[i]);
        $fflush(file);
      end
    end
  endtask

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q  <= Idle;
      op_q     <= STORE_READ;
      sector_q <= '0;
      wait_q   <= '0;
      random_q <= 32'h2545f491;
      error_q  <= 1'b0;
      gap_q    <= 1'b0;
      beat_q   <= 0;
      rdata_q  <= '0;
    end else begin
      random_q <= {random_q[30:0], random_q[31] ^ random_q[21] ^ random_q[1] ^ random_q[0]};
      gap_q    <= latency_i != 0 && random_q[3:0] == 4'd0;
      case (state_q)
        Idle: begin
          op_q     <= cmd_op_i;
          sector_q <= cmd_sector_i;
          beat_q   <= 0;
          error_q  <= 1'b0;
          wait_q   <= (latency_i == 0) ? 0 : random_q % latency_i;
          if (cmd_valid_i) state_q <= Delay;
        end
        Delay: begin
          wait_q <= wait_q - 1;
          if (wait_q == 0) begin
            state_q <= Respond;
            if (op_q == STORE_WRITE) state_q <= WriteData;
            if (op_q == STORE_READ) begin
              read_sector();
              state_q <= ReadData;
            end
          end
        end
        ReadData: begin
          if (rdata_valid_o && rdata_ready_i) begin
            beat_q <= beat_q + 1;
            if (beat_q == SectorBeats - 1) state_q <= Respond;
            else for (int i = 0; i < Bytes; i++) rdata_q[8*i+:8] <= sector_bytes[Bytes*(beat_q+1)+i];
          end
        end
        WriteData: begin
          if (wdata_ready_o && wdata_valid_i) begin
            for (int i = 0; i < Bytes; i++) sector_bytes[Bytes*beat_q+i] <= wdata_i[8*i+:8];
            beat_q <= beat_q + 1;
            if (beat_q == SectorBeats - 1) begin
              state_q <= Commit;
            end
          end
        end
        Commit: begin
          write_sector();
          state_q <= Respond;
        end
        default: if (rsp_ready_i) state_q <= Idle;
      endcase
    end
  end

endmodule
