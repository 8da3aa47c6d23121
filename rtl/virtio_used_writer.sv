// SPDX-License-Identifier: Apache-2.0
// Makes completed chains used (2.7.8, 2.7.10): writes the used element, then idx, then reads the suppression flag, then interrupts; each step
// waits for the answer to the one before.
//
// An element that straddles two bus words is written in two bursts. A failed write, or a completion marked as a fault, is
// reported on `fatal_o` and ends all work until `clear_i`. A flag that cannot be read means that the interrupt is wanted.

module virtio_used_writer #(
    parameter int AxiDataWidth = 64,
    parameter int NumQueues = 2,
    parameter logic [15:0] IndexInit = 16'd0,
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic [NumQueues-1:0] enabled_i,  // pulse: start from IndexInit
    input logic [NumQueues-1:0] dropping_i,  // in queue reset: nothing is made used any more, only counted
    input logic cpl_valid_i,
    output logic cpl_ready_o,
    input virtio_pkg::completion_t cpl_i,
    output logic [QueueWidth-1:0] queue_o,
    input virtio_pkg::queue_cfg_t cfg_i,  // of queue_o
    output logic active_o,
    output logic [NumQueues-1:0][15:0] used_idx_o,  // counts an idx from when its write is issued
    // DMA write client
    output logic wr_req_valid_o,
    input logic wr_req_ready_i,
    output logic [63:0] wr_req_addr_o,
    output logic [AxiDataWidth-1:0] wr_data_o,
    output logic [Bytes-1:0] wr_strb_o,
    input logic wr_done_i,
    input logic wr_done_err_i,
    // DMA read client
    output logic rd_req_valid_o,
    input logic rd_req_ready_i,
    output logic [63:0] rd_req_addr_o,
    input logic rd_rsp_valid_i,
    input logic [AxiDataWidth-1:0] rd_rsp_data_i,
    input logic rd_rsp_err_i,
    output logic used_event_o,  // pulse
    output logic fatal_o  // pulse
);

  import virtio_pkg::*;

  localparam int LaneWidth = $clog2(Bytes);

  typedef enum logic [3:0] {
    Idle,
    Element,
    ElementWait,
    ElementRest,      // second half of a straddling element
    ElementRestWait,
    Idx,
    IdxWait,
    Flags,
    FlagsWait,
    Drop,
    Fatal,
    Halted
  } state_e;

  state_e state_q, state_d;
  completion_t cpl_q;
  logic [QueueWidth-1:0] queue_q;
  logic [NumQueues-1:0][15:0] used_idx_q;
  logic [15:0] slot_q[NumQueues];
  logic [NumQueues-1:0] fresh_q;

  logic [15:0] slot, next_idx;
  logic [63:0] element_addr, write_addr;
  logic straddles;
  logic [AxiDataWidth-1:0] element_data;
  logic [Bytes-1:0] element_strb;
  logic no_interrupt;

  assign slot         = !fresh_q[queue_q] ? slot_q[queue_q] : (IndexInit == 16'd0) ? 16'd0 : IndexInit % cfg_i.size;
  assign next_idx     = used_idx_q[queue_q] + 16'd1;
  assign element_addr = cfg_i.device_addr + 64'd4 + {45'd0, slot, 3'd0};
  // With 32 bits every element straddles; wider, one that starts in the last four bytes of a word.
  assign straddles    = element_addr[LaneWidth-1:0] == LaneWidth'(Bytes - 4);

  // id and len alternate over the 32-bit lanes, so that either half of the element lies where it belongs.
  for (genvar i = 0; i < Bytes / 4; i++) begin : g_lane
    if (Bytes == 4) begin : g_narrow
      assign element_data[31:0] = (state_q == ElementRest || state_q == ElementRestWait) ? cpl_q.written_len
                                                                                         : {16'd0, cpl_q.head};
    end else begin : g_wide
      assign element_data[32*i+:32] = (element_addr[2] == 1'(i)) ? {16'd0, cpl_q.head} : cpl_q.written_len;
    end
  end

  always_comb begin
    write_addr   = element_addr;
    element_strb = Bytes'(8'hff) << element_addr[LaneWidth-1:0];
    wr_data_o    = element_data;
    wr_strb_o    = element_strb;
    case (state_q)
      ElementRest, ElementRestWait: begin
        write_addr = element_addr + 64'd4;
        wr_strb_o  = Bytes'(4'hf);
      end
      Idx, IdxWait: begin
        write_addr = cfg_i.device_addr + 64'd2;
        wr_data_o  = {(Bytes / 2) {next_idx}};
        wr_strb_o  = Bytes'(2'b11) << write_addr[LaneWidth-1:0];
      end
      default: ;
    endcase
  end

  assign wr_req_valid_o = state_q == Element || state_q == ElementRest || state_q == Idx;
  assign wr_req_addr_o  = {write_addr[63:LaneWidth], {LaneWidth{1'b0}}};
  assign rd_req_valid_o = state_q == Flags;
  assign rd_req_addr_o  = cfg_i.driver_addr;
  assign no_interrupt   = 1'(rd_rsp_data_i >> {cfg_i.driver_addr[LaneWidth-1:0], 3'b000});

  always_comb begin
    state_d = state_q;
    case (state_q)
      Idle: begin
        if (cpl_valid_i && cpl_i.fault) state_d = Fatal;
        else if (cpl_valid_i && dropping_i[cpl_i.queue_index[QueueWidth-1:0]]) state_d = Drop;
        else if (cpl_valid_i) state_d = Element;
      end
      Element: if (wr_req_ready_i) state_d = ElementWait;
      ElementWait: begin
        if (wr_done_i) begin
          state_d = Idx;
          if (straddles) state_d = ElementRest;
          if (wr_done_err_i) state_d = Fatal;
        end
      end
      ElementRest: if (wr_req_ready_i) state_d = ElementRestWait;
      ElementRestWait: begin
        if (wr_done_i) state_d = Idx;
        if (wr_done_i && wr_done_err_i) state_d = Fatal;
      end
      Idx: if (wr_req_ready_i) state_d = IdxWait;
      IdxWait: begin
        if (wr_done_i) state_d = Flags;
        if (wr_done_i && wr_done_err_i) state_d = Fatal;
      end
      Flags: if (rd_req_ready_i) state_d = FlagsWait;
      FlagsWait: if (rd_rsp_valid_i) state_d = Idle;
      Drop: state_d = Idle;
      Fatal: state_d = Halted;
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      state_q <= Idle;
      cpl_q   <= '0;
      queue_q <= '0;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) begin
        cpl_q   <= cpl_i;
        queue_q <= cpl_i.queue_index[QueueWidth-1:0];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      used_idx_q <= {NumQueues{IndexInit}};
      fresh_q    <= '1;
      for (int i = 0; i < NumQueues; i++) slot_q[i] <= '0;
    end else begin
      // The count moves only after the last use of next_idx by the write just issued: see IdxWait.
      if ((state_q == IdxWait && wr_done_i) || state_q == Drop) begin
        used_idx_q[queue_q] <= next_idx;
        slot_q[queue_q]     <= (slot + 16'd1 == cfg_i.size) ? 16'd0 : slot + 16'd1;
        fresh_q[queue_q]    <= 1'b0;
      end
      for (int i = 0; i < NumQueues; i++) begin
        if (enabled_i[i]) begin
          used_idx_q[i] <= IndexInit;
          fresh_q[i]    <= 1'b1;
        end
      end
    end
  end

  // Seen from outside, an idx counts as published from the moment its write is on its way: the driver may act on it then.
  for (genvar i = 0; i < NumQueues; i++) begin : g_used_idx
    assign used_idx_o[i] = used_idx_q[i] + ((state_q == IdxWait && queue_q == QueueWidth'(i)) ? 16'd1 : 16'd0);
  end

  assign cpl_ready_o = state_q == Idle;
  assign used_event_o = state_q == FlagsWait && rd_rsp_valid_i && !dropping_i[queue_q] && (rd_rsp_err_i || !no_interrupt);
  assign queue_o = queue_q;
  assign active_o = state_q != Idle && state_q != Halted;
  assign fatal_o = state_q == Fatal;

endmodule
