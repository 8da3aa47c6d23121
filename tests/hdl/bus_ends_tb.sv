// SPDX-License-Identifier: Apache-2.0
// Simulation top for tests of the bench itself: the ends of the device's buses with Python in the place of the device, a
// count on each channel, and the tap, whose checkers of the AXI rules end the run here. Python drives the signals that nothing drives here.

module bus_ends_tb #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int AxiIdWidth = 8,
    parameter int NativeBuses = 1,  // as in virtio_tb
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni
);

  // Registers: AXI4-Lite
  logic [11:0] s_axil_awaddr;
  logic [2:0] s_axil_awprot;
  logic s_axil_awvalid;
  logic s_axil_awready;
  logic [31:0] s_axil_wdata;
  logic [3:0] s_axil_wstrb;
  logic s_axil_wvalid;
  logic s_axil_wready;
  logic [1:0] s_axil_bresp;
  logic s_axil_bvalid;
  logic s_axil_bready;
  logic [11:0] s_axil_araddr;
  logic [2:0] s_axil_arprot;
  logic s_axil_arvalid;
  logic s_axil_arready;
  logic [31:0] s_axil_rdata;
  logic [1:0] s_axil_rresp;
  logic s_axil_rvalid;
  logic s_axil_rready;
  // DMA: AXI4
  logic [AxiIdWidth-1:0] m_axi_awid;
  logic [AxiAddrWidth-1:0] m_axi_awaddr;
  logic [7:0] m_axi_awlen;
  logic [2:0] m_axi_awsize;
  logic [1:0] m_axi_awburst;
  logic m_axi_awlock;
  logic [3:0] m_axi_awcache;
  logic [2:0] m_axi_awprot;
  logic m_axi_awvalid;
  logic m_axi_awready;
  logic [AxiDataWidth-1:0] m_axi_wdata;
  logic [Bytes-1:0] m_axi_wstrb;
  logic m_axi_wlast;
  logic m_axi_wvalid;
  logic m_axi_wready;
  logic [AxiIdWidth-1:0] m_axi_bid;
  logic [1:0] m_axi_bresp;
  logic m_axi_bvalid;
  logic m_axi_bready;
  logic [AxiIdWidth-1:0] m_axi_arid;
  logic [AxiAddrWidth-1:0] m_axi_araddr;
  logic [7:0] m_axi_arlen;
  logic [2:0] m_axi_arsize;
  logic [1:0] m_axi_arburst;
  logic m_axi_arlock;
  logic [3:0] m_axi_arcache;
  logic [2:0] m_axi_arprot;
  logic m_axi_arvalid;
  logic m_axi_arready;
  logic [AxiIdWidth-1:0] m_axi_rid;
  logic [AxiDataWidth-1:0] m_axi_rdata;
  logic [1:0] m_axi_rresp;
  logic m_axi_rlast;
  logic m_axi_rvalid;
  logic m_axi_rready;

  if (NativeBuses != 0) begin : g_native
    virtio_axil_master u_registers (
        .clk_i,
        .rst_ni,
        .s_axil_awaddr,
        .s_axil_awprot,
        .s_axil_awvalid,
        .s_axil_awready,
        .s_axil_wdata,
        .s_axil_wstrb,
        .s_axil_wvalid,
        .s_axil_wready,
        .s_axil_bresp,
        .s_axil_bvalid,
        .s_axil_bready,
        .s_axil_araddr,
        .s_axil_arprot,
        .s_axil_arvalid,
        .s_axil_arready,
        .s_axil_rdata,
        .s_axil_rresp,
        .s_axil_rvalid,
        .s_axil_rready
    );

    virtio_axi_memory #(
        .AxiDataWidth(AxiDataWidth),
        .AxiAddrWidth(AxiAddrWidth),
        .AxiIdWidth  (AxiIdWidth)
    ) u_memory (
        .clk_i,
        .rst_ni,
        .m_axi_awid,
        .m_axi_awaddr,
        .m_axi_awlen,
        .m_axi_awsize,
        .m_axi_awburst,
        .m_axi_awvalid,
        .m_axi_awready,
        .m_axi_wdata,
        .m_axi_wstrb,
        .m_axi_wvalid,
        .m_axi_wready,
        .m_axi_bid,
        .m_axi_bresp,
        .m_axi_bvalid,
        .m_axi_bready,
        .m_axi_arid,
        .m_axi_araddr,
        .m_axi_arlen,
        .m_axi_arsize,
        .m_axi_arburst,
        .m_axi_arvalid,
        .m_axi_arready,
        .m_axi_rid,
        .m_axi_rdata,
        .m_axi_rresp,
        .m_axi_rlast,
        .m_axi_rvalid,
        .m_axi_rready
    );
  end

  channel_count u_mem_aw (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_awvalid),
      .ready_i(m_axi_awready)
  );
  channel_count u_mem_w (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_wvalid),
      .ready_i(m_axi_wready)
  );
  channel_count u_mem_b (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_bvalid),
      .ready_i(m_axi_bready)
  );
  channel_count u_mem_ar (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_arvalid),
      .ready_i(m_axi_arready)
  );
  channel_count u_mem_r (
      .clk_i,
      .rst_ni,
      .valid_i(m_axi_rvalid),
      .ready_i(m_axi_rready)
  );

  virtio_tap #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .AxiIdWidth  (AxiIdWidth),
      .RuleLines   (16)
  ) u_tap (
      .clk_i,
      .rst_ni,
      .s_axil_awaddr,
      .s_axil_awprot,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arprot,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .m_axi_awid,
      .m_axi_awaddr,
      .m_axi_awlen,
      .m_axi_awsize,
      .m_axi_awburst,
      .m_axi_awlock,
      .m_axi_awcache,
      .m_axi_awprot,
      .m_axi_awvalid,
      .m_axi_awready,
      .m_axi_wdata,
      .m_axi_wstrb,
      .m_axi_wlast,
      .m_axi_wvalid,
      .m_axi_wready,
      .m_axi_bid,
      .m_axi_bresp,
      .m_axi_bvalid,
      .m_axi_bready,
      .m_axi_arid,
      .m_axi_araddr,
      .m_axi_arlen,
      .m_axi_arsize,
      .m_axi_arburst,
      .m_axi_arlock,
      .m_axi_arcache,
      .m_axi_arprot,
      .m_axi_arvalid,
      .m_axi_arready,
      .m_axi_rid,
      .m_axi_rdata,
      .m_axi_rresp,
      .m_axi_rlast,
      .m_axi_rvalid,
      .m_axi_rready,
      .irq_i           (1'b0),
      .mac_tx_valid_i  (1'b0),
      .mac_tx_ready_i  (1'b0),
      .mac_tx_data_i   ('0),
      .mac_tx_keep_i   ('0),
      .mac_tx_last_i   (1'b0),
      .mac_rx_valid_i  (1'b0),
      .mac_rx_ready_i  (1'b0),
      .mac_rx_data_i   ('0),
      .mac_rx_keep_i   ('0),
      .mac_rx_last_i   (1'b0),
      .mac_rx_user_i   (1'b0),
      .port_out_valid_i(1'b0),
      .port_out_ready_i(1'b0),
      .port_out_data_i (64'd0),
      .port_in_valid_i (1'b0),
      .port_in_ready_i (1'b0),
      .port_in_data_i  (64'd0),
      .entropy_valid_i (1'b0),
      .entropy_ready_i (1'b0),
      .entropy_data_i  (32'd0),
      .store_flushed_i (1'b0)
  );

endmodule
