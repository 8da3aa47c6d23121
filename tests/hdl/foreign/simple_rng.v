// SPDX-License-Identifier: Apache-2.0
// tiny_rng behind the plainest register port there is: an address with read or write, held until ready. It shows that
// the bench drives such a port; word accesses only, as those of tiny_rng.
module simple_rng (
    input  wire        clk,
    input  wire        reset_n,
    input  wire [11:0] reg_addr,
    input  wire        reg_read,
    input  wire        reg_write,
    input  wire [31:0] reg_wdata,
    input  wire [ 3:0] reg_wstrb,
    output wire [31:0] reg_rdata,
    output wire        reg_ready,
    output wire [31:0] mem_awaddr,
    output wire [ 7:0] mem_awlen,
    output wire        mem_awvalid,
    input  wire        mem_awready,
    output wire [31:0] mem_wdata,
    output wire [ 3:0] mem_wstrb,
    output wire        mem_wlast,
    output wire        mem_wvalid,
    input  wire        mem_wready,
    input  wire [ 1:0] mem_bresp,
    input  wire        mem_bvalid,
    output wire        mem_bready,
    output wire [31:0] mem_araddr,
    output wire [ 7:0] mem_arlen,
    output wire        mem_arvalid,
    input  wire        mem_arready,
    input  wire [ 1:0] mem_rresp,
    input  wire [31:0] mem_rdata,
    input  wire        mem_rlast,
    input  wire        mem_rvalid,
    output wire        mem_rready,
    output wire        irq_n
);

  wire awready, wready, bvalid, arready, rvalid, irq;
  reg aw_done, w_done, ar_done;

  assign reg_ready = (reg_write & bvalid) | (reg_read & rvalid);
  assign irq_n = ~irq;

  always @(posedge clk) begin
    if (~reset_n | reg_ready) begin
      aw_done <= 1'b0;
      w_done  <= 1'b0;
      ar_done <= 1'b0;
    end else begin
      if (reg_write & awready) aw_done <= 1'b1;
      if (reg_write & wready) w_done <= 1'b1;
      if (reg_read & arready) ar_done <= 1'b1;
    end
  end

  tiny_rng u_rng (
      .clk(clk),
      .reset(~reset_n),
      .s_awid(4'd0),
      .s_awaddr(reg_addr),
      .s_awlen(8'd0),
      .s_awsize(3'd2),
      .s_awburst(2'd1),
      .s_awvalid(reg_write & ~aw_done),
      .s_awready(awready),
      .s_wdata(reg_wdata),
      .s_wstrb(reg_wstrb),
      .s_wlast(1'b1),
      .s_wvalid(reg_write & ~w_done),
      .s_wready(wready),
      .s_bid(),
      .s_bresp(),
      .s_bvalid(bvalid),
      .s_bready(1'b1),
      .s_arid(4'd0),
      .s_araddr(reg_addr),
      .s_arlen(8'd0),
      .s_arsize(3'd2),
      .s_arburst(2'd1),
      .s_arvalid(reg_read & ~ar_done),
      .s_arready(arready),
      .s_rid(),
      .s_rdata(reg_rdata),
      .s_rresp(),
      .s_rlast(),
      .s_rvalid(rvalid),
      .s_rready(1'b1),
      .m_awid(),
      .m_awaddr(mem_awaddr),
      .m_awlen(mem_awlen),
      .m_awsize(),
      .m_awburst(),
      .m_awprot(),
      .m_awvalid(mem_awvalid),
      .m_awready(mem_awready),
      .m_wdata(mem_wdata),
      .m_wstrb(mem_wstrb),
      .m_wlast(mem_wlast),
      .m_wvalid(mem_wvalid),
      .m_wready(mem_wready),
      .m_bid(1'b0),
      .m_bresp(mem_bresp),
      .m_bvalid(mem_bvalid),
      .m_bready(mem_bready),
      .m_arid(),
      .m_araddr(mem_araddr),
      .m_arlen(mem_arlen),
      .m_arsize(),
      .m_arburst(),
      .m_arprot(),
      .m_arvalid(mem_arvalid),
      .m_arready(mem_arready),
      .m_rid(1'b0),
      .m_rresp(mem_rresp),
      .m_rdata(mem_rdata),
      .m_rlast(mem_rlast),
      .m_rvalid(mem_rvalid),
      .m_rready(mem_rready),
      .interrupt(irq)
  );

endmodule
