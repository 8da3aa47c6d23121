// SPDX-License-Identifier: Apache-2.0
// The top of the example device type: the core with virtio_checksum. The name and the ports are those that tb/hdl/virtio_dut.sv has for a
// device of one's own; `level_i` and `port_*` are what the bench offers to such a device besides the buses, see there.

module virtio_mmio_own #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int AxiIdWidth = 4,
    parameter logic [15:0] QueueSizeMax = 16'd256,
    parameter logic [63:0] TransportFeatures = '0,  // see virtio_mmio_core
    parameter logic [31:0] DeviceId = 32'd0,
    parameter logic [31:0] VendorId = 32'h4f544256,  // "VBTO"
    parameter logic [31:0] Version = 32'd2,
    parameter logic [15:0] IndexInit = 16'd0,
    localparam int Bytes = AxiDataWidth / 8
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    output logic                    irq_o,
    // Registers: AXI4-Lite slave
    input  logic [            11:0] s_axil_awaddr,
    input  logic [             2:0] s_axil_awprot,
    input  logic                    s_axil_awvalid,
    output logic                    s_axil_awready,
    input  logic [            31:0] s_axil_wdata,
    input  logic [             3:0] s_axil_wstrb,
    input  logic                    s_axil_wvalid,
    output logic                    s_axil_wready,
    output logic [             1:0] s_axil_bresp,
    output logic                    s_axil_bvalid,
    input  logic                    s_axil_bready,
    input  logic [            11:0] s_axil_araddr,
    input  logic [             2:0] s_axil_arprot,
    input  logic                    s_axil_arvalid,
    output logic                    s_axil_arready,
    output logic [            31:0] s_axil_rdata,
    output logic [             1:0] s_axil_rresp,
    output logic                    s_axil_rvalid,
    input  logic                    s_axil_rready,
    // DMA: AXI4 master
    output logic [  AxiIdWidth-1:0] m_axi_awid,
    output logic [AxiAddrWidth-1:0] m_axi_awaddr,
    output logic [             7:0] m_axi_awlen,
    output logic [             2:0] m_axi_awsize,
    output logic [             1:0] m_axi_awburst,
    output logic                    m_axi_awlock,
    output logic [             3:0] m_axi_awcache,
    output logic [             2:0] m_axi_awprot,
    output logic                    m_axi_awvalid,
    input  logic                    m_axi_awready,
    output logic [AxiDataWidth-1:0] m_axi_wdata,
    output logic [       Bytes-1:0] m_axi_wstrb,
    output logic                    m_axi_wlast,
    output logic                    m_axi_wvalid,
    input  logic                    m_axi_wready,
    input  logic [  AxiIdWidth-1:0] m_axi_bid,
    input  logic [             1:0] m_axi_bresp,
    input  logic                    m_axi_bvalid,
    output logic                    m_axi_bready,
    output logic [  AxiIdWidth-1:0] m_axi_arid,
    output logic [AxiAddrWidth-1:0] m_axi_araddr,
    output logic [             7:0] m_axi_arlen,
    output logic [             2:0] m_axi_arsize,
    output logic [             1:0] m_axi_arburst,
    output logic                    m_axi_arlock,
    output logic [             3:0] m_axi_arcache,
    output logic [             2:0] m_axi_arprot,
    output logic                    m_axi_arvalid,
    input  logic                    m_axi_arready,
    input  logic [  AxiIdWidth-1:0] m_axi_rid,
    input  logic [AxiDataWidth-1:0] m_axi_rdata,
    input  logic [             1:0] m_axi_rresp,
    input  logic                    m_axi_rlast,
    input  logic                    m_axi_rvalid,
    output logic                    m_axi_rready,
    // The bench
    input  logic [            31:0] level_i,
    output logic                    port_out_valid_o,
    input  logic                    port_out_ready_i,
    output logic [            63:0] port_out_data_o,
    input  logic                    port_in_valid_i,
    output logic                    port_in_ready_o,
    input  logic [            63:0] port_in_data_i
);

  logic [63:0] driver_features;
  logic device_reset, config_wr_en, config_changed;
  logic queue_live, queue_drop, queue_credit;
  logic [11:0] config_rd_offset, config_wr_offset;
  logic [31:0] config_rd_data, config_wr_data;
  logic [3:0] config_wr_strb;
  logic chain_valid, chain_ready;
  logic [15:0] chain_queue;
  logic [31:0] chain_readable_len, chain_writable_len;
  logic req_valid, req_ready, req_last, req_err, req_skip;
  logic [AxiDataWidth-1:0] req_data;
  logic [Bytes-1:0] req_keep;
  logic rsp_valid, rsp_ready, rsp_last, rsp_tail;
  logic [AxiDataWidth-1:0] rsp_data;
  logic [Bytes-1:0] rsp_keep;
  logic [7:0] rsp_tail_err;

  virtio_checksum #(
      .DataWidth(AxiDataWidth)
  ) u_checksum (
      .clk_i,
      .rst_ni,
      .enable_i            (level_i[0]),
      .device_reset_i      (device_reset),
      .config_rd_offset_i  (config_rd_offset),
      .config_rd_data_o    (config_rd_data),
      .config_wr_en_i      (config_wr_en),
      .config_wr_offset_i  (config_wr_offset),
      .config_wr_data_i    (config_wr_data),
      .config_wr_strb_i    (config_wr_strb),
      .config_changed_o    (config_changed),
      .queue_live_i        (queue_live),
      .queue_drop_i        (queue_drop),
      .queue_credit_o      (queue_credit),
      .chain_valid_i       (chain_valid),
      .chain_ready_o       (chain_ready),
      .chain_readable_len_i(chain_readable_len),
      .chain_writable_len_i(chain_writable_len),
      .req_valid_i         (req_valid),
      .req_ready_o         (req_ready),
      .req_data_i          (req_data),
      .req_keep_i          (req_keep),
      .req_last_i          (req_last),
      .req_err_i           (req_err),
      .req_skip_o          (req_skip),
      .rsp_valid_o         (rsp_valid),
      .rsp_ready_i         (rsp_ready),
      .rsp_data_o          (rsp_data),
      .rsp_keep_o          (rsp_keep),
      .rsp_last_o          (rsp_last),
      .rsp_tail_o          (rsp_tail),
      .rsp_tail_err_o      (rsp_tail_err)
  );

  virtio_mmio_core #(
      .AxiDataWidth     (AxiDataWidth),
      .AxiAddrWidth     (AxiAddrWidth),
      .AxiIdWidth       (AxiIdWidth),
      .NumQueues        (1),
      .QueueSizeMax     (QueueSizeMax),
      .CreditQueues     (1'b1),
      .TransportFeatures(TransportFeatures),
      .DeviceId         (DeviceId),
      .VendorId         (VendorId),
      .Version          (Version),
      .IndexInit        (IndexInit)
  ) u_core (
      .clk_i,
      .rst_ni,
      .irq_o,
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
      .device_features_i   (64'd0),
      .driver_features_o   (driver_features),
      .device_reset_o      (device_reset),
      .config_rd_offset_o  (config_rd_offset),
      .config_rd_data_i    (config_rd_data),
      .config_wr_en_o      (config_wr_en),
      .config_wr_offset_o  (config_wr_offset),
      .config_wr_data_o    (config_wr_data),
      .config_wr_strb_o    (config_wr_strb),
      .config_changed_i    (config_changed),
      .queue_want_i        (1'b0),
      .queue_credit_i      (queue_credit),
      .queue_live_o        (queue_live),
      .queue_drop_o        (queue_drop),
      .chain_valid_o       (chain_valid),
      .chain_ready_i       (chain_ready),
      .chain_queue_o       (chain_queue),
      .chain_readable_len_o(chain_readable_len),
      .chain_writable_len_o(chain_writable_len),
      .req_valid_o         (req_valid),
      .req_ready_i         (req_ready),
      .req_data_o          (req_data),
      .req_keep_o          (req_keep),
      .req_last_o          (req_last),
      .req_err_o           (req_err),
      .req_skip_i          (req_skip),
      .rsp_valid_i         (rsp_valid),
      .rsp_ready_o         (rsp_ready),
      .rsp_data_i          (rsp_data),
      .rsp_keep_i          (rsp_keep),
      .rsp_last_i          (rsp_last),
      .rsp_tail_i          (rsp_tail),
      .rsp_tail_err_i      (rsp_tail_err),
      .rsp_more_i          (1'b0)
  );

  // Nothing goes through the ports of the bench.
  assign port_out_valid_o = 1'b0;
  assign port_out_data_o  = '0;
  assign port_in_ready_o  = 1'b0;

  wire unused_ok = ^{driver_features, chain_queue, level_i[31:1], port_out_ready_i, port_in_valid_i, port_in_data_i};

endmodule
