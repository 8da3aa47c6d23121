// SPDX-License-Identifier: Apache-2.0
// AXI4-Lite slave in front of the register block.
//
// Writes: AW and W are taken in any order; `wr_en_o` pulses for one cycle with address, data and strobes, in the cycle after
// both are held. The response is given once `wr_wait_i` is low, which the register block may hold for a bounded time.
// Reads: `rd_addr_o` is presented in the cycle after AR was taken; `rd_data_i` is sampled in that cycle. Every access is
// answered OKAY. Reads never wait for writes. Addresses are given on as those of aligned words.

module virtio_axil_slave (
    input  logic        clk_i,
    input  logic        rst_ni,
    // AXI4-Lite
    input  logic [11:0] s_axil_awaddr,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [31:0] s_axil_wdata,
    input  logic [ 3:0] s_axil_wstrb,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    output logic [ 1:0] s_axil_bresp,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    input  logic [11:0] s_axil_araddr,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    // Register block
    output logic        wr_en_o,
    output logic [11:0] wr_addr_o,
    output logic [31:0] wr_data_o,
    output logic [ 3:0] wr_strb_o,
    input  logic        wr_wait_i,
    output logic [11:0] rd_addr_o,
    input  logic [31:0] rd_data_i
);

  typedef enum logic [1:0] {
    WrCollect,
    WrApply,
    WrWait,
    WrRespond
  } wr_state_e;

  typedef enum logic [1:0] {
    RdIdle,
    RdApply,
    RdRespond
  } rd_state_e;

  wr_state_e wr_state_q, wr_state_d;
  rd_state_e rd_state_q, rd_state_d;
  logic aw_held_q, aw_held_d, w_held_q, w_held_d;
  logic [11:0] wr_addr_q, rd_addr_q;
  logic [31:0] wr_data_q, rd_data_q;
  logic [3:0] wr_strb_q;
  logic       out_of_reset_q;

  // The ready outputs are low in the first cycle out of reset too, when a master may not expect them.
  assign s_axil_awready = out_of_reset_q && wr_state_q == WrCollect && !aw_held_q;
  assign s_axil_wready  = out_of_reset_q && wr_state_q == WrCollect && !w_held_q;
  assign s_axil_bvalid  = wr_state_q == WrRespond;
  assign s_axil_bresp   = 2'b00;
  assign s_axil_arready = out_of_reset_q && rd_state_q == RdIdle;
  assign s_axil_rvalid  = rd_state_q == RdRespond;
  assign s_axil_rdata   = rd_data_q;
  assign s_axil_rresp   = 2'b00;

  assign wr_en_o        = wr_state_q == WrApply;
  assign wr_addr_o      = {wr_addr_q[11:2], 2'b00};
  assign wr_data_o      = wr_data_q;
  assign wr_strb_o      = wr_strb_q;
  assign rd_addr_o      = {rd_addr_q[11:2], 2'b00};

  always_comb begin
    wr_state_d = wr_state_q;
    aw_held_d  = aw_held_q || (s_axil_awvalid && s_axil_awready);
    w_held_d   = w_held_q || (s_axil_wvalid && s_axil_wready);
    case (wr_state_q)
      WrCollect: if (aw_held_d && w_held_d) wr_state_d = WrApply;
      WrApply: begin
        aw_held_d  = 1'b0;
        w_held_d   = 1'b0;
        wr_state_d = WrWait;
      end
      WrWait: if (!wr_wait_i) wr_state_d = WrRespond;
      default: if (s_axil_bready) wr_state_d = WrCollect;
    endcase
  end

  always_comb begin
    rd_state_d = rd_state_q;
    case (rd_state_q)
      RdIdle:  if (s_axil_arvalid && s_axil_arready) rd_state_d = RdApply;
      RdApply: rd_state_d = RdRespond;
      default: if (s_axil_rready) rd_state_d = RdIdle;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_state_q     <= WrCollect;
      rd_state_q     <= RdIdle;
      aw_held_q      <= 1'b0;
      w_held_q       <= 1'b0;
      wr_addr_q      <= '0;
      wr_data_q      <= '0;
      wr_strb_q      <= '0;
      rd_addr_q      <= '0;
      rd_data_q      <= '0;
      out_of_reset_q <= 1'b0;
    end else begin
      wr_state_q     <= wr_state_d;
      rd_state_q     <= rd_state_d;
      aw_held_q      <= aw_held_d;
      w_held_q       <= w_held_d;
      out_of_reset_q <= 1'b1;
      if (s_axil_awvalid && s_axil_awready) wr_addr_q <= s_axil_awaddr;
      if (s_axil_wvalid && s_axil_wready) begin
        wr_data_q <= s_axil_wdata;
        wr_strb_q <= s_axil_wstrb;
      end
      if (s_axil_arvalid && s_axil_arready) rd_addr_q <= s_axil_araddr;
      if (rd_state_q == RdApply) rd_data_q <= rd_data_i;
    end
  end

endmodule
