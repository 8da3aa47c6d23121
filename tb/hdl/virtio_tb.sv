// SPDX-License-Identifier: Apache-2.0
// Simulation top: the device, memory and register master on its buses, and the tap on its pins.
//
// With NativeBuses the buses are served here, by virtio_axi_memory and virtio_axil_master, and Python is woken by what it waits
// for. Without, they are served by Python (cocotbext-axi), which drives the signals that nothing drives here.
// The knobs are written by tests at run time.

module virtio_tb #(
    parameter int Device = 2,  // device type: 1 network, 2 block, 4 entropy
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int NumQueues = 2,
    parameter int QueueSizeMax0 = 256,  // of queue 0
    parameter int QueueSizeMax1 = 256,  // of the others
    parameter int DeviceId = Device,
    parameter int Version = 2,
    parameter int VendorId = 32'h4f544256,
    parameter int IndexInit = 0,
    parameter logic [63:0] TransportFeatures = '0,
    parameter int ReadOnly = 0,
    parameter int SegMax = 126,
    parameter int SizeMax = 0,
    parameter int BlkSize = 512,
    parameter int QueuePairs = 1,
    parameter int MrgRxbuf = 1,
    parameter int CtrlVq = 1,
    parameter int Mtu = 1500,
    parameter int RxStoreBytes = 16384,
    parameter logic [63:0] Topology = '0,
    parameter int ConfigWce = 0,
    parameter int MultiQueue = 0,
    parameter int MaxDiscardSectors = 0,
    parameter int MaxDiscardSeg = 1,
    parameter int DiscardAlignment = 1,
    parameter int MaxWriteZeroesSectors = 0,
    parameter int MaxWriteZeroesSeg = 1,
    parameter int WriteZeroesMayUnmap = 1,
    parameter int NativeBuses = 1,  // buses served by HDL; 0: by Python, through the signals below
    localparam int AxiIdWidth = 4,
    localparam int Bytes = AxiDataWidth / 8
) (
    input  logic clk_i,
    input  logic rst_ni,
    output logic irq_o
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

  // Knobs
  logic [63:0] store_capacity;  // sectors
  logic [31:0] store_latency;  // cycles at most
  logic [63:0] store_error_sector;  // all ones: none
  logic [31:0] entropy_gap;  // cycles at most
  logic link_up;
  logic mac_loop;  // frames sent come back
  logic mac_stall;  // no frame is taken from the device
  logic [31:0] mac_gap;  // cycles at most
  logic port_stall;  // nothing is taken from the device's port
  logic [31:0] port_gap;  // cycles at most
  logic [15:0] cols, rows;  // of a console
  initial begin
    store_capacity     = 64'd0;
    store_latency      = 32'd0;
    store_error_sector = '1;
    entropy_gap        = 32'd0;
    link_up            = 1'b1;
    mac_loop           = 1'b0;
    mac_stall          = 1'b0;
    mac_gap            = 32'd0;
    port_stall         = 1'b0;
    port_gap           = 32'd0;
    cols               = 16'd80;
    rows               = 16'd25;
  end

  logic entropy_valid, entropy_ready, store_flushed;
  logic [31:0] entropy_data;
  logic mac_tx_valid, mac_tx_ready, mac_tx_last, mac_rx_valid, mac_rx_ready, mac_rx_last, mac_rx_user;
  logic [AxiDataWidth-1:0] mac_tx_data, mac_rx_data;
  logic [Bytes-1:0] mac_tx_keep, mac_rx_keep;
  logic port_out_valid, port_out_ready, port_in_valid, port_in_ready;
  logic [63:0] port_out_data, port_in_data;

  virtio_dut #(
      .Device               (Device),
      .AxiDataWidth         (AxiDataWidth),
      .AxiAddrWidth         (AxiAddrWidth),
      .AxiIdWidth           (AxiIdWidth),
      .NumQueues            (NumQueues),
      .QueueSizeMax0        (QueueSizeMax0),
      .QueueSizeMax1        (QueueSizeMax1),
      .DeviceId             (DeviceId),
      .Version              (Version),
      .VendorId             (VendorId),
      .TransportFeatures    (TransportFeatures),
      .IndexInit            (IndexInit),
      .ReadOnly             (ReadOnly),
      .SegMax               (SegMax),
      .SizeMax              (SizeMax),
      .BlkSize              (BlkSize),
      .QueuePairs           (QueuePairs),
      .MrgRxbuf             (MrgRxbuf),
      .CtrlVq               (CtrlVq),
      .Mtu                  (Mtu),
      .RxStoreBytes         (RxStoreBytes),
      .Topology             (Topology),
      .ConfigWce            (ConfigWce),
      .MultiQueue           (MultiQueue),
      .MaxDiscardSectors    (MaxDiscardSectors),
      .MaxDiscardSeg        (MaxDiscardSeg),
      .DiscardAlignment     (DiscardAlignment),
      .MaxWriteZeroesSectors(MaxWriteZeroesSectors),
      .MaxWriteZeroesSeg    (MaxWriteZeroesSeg),
      .WriteZeroesMayUnmap  (WriteZeroesMayUnmap)
  ) u_dut (
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
      .store_capacity_i    (store_capacity),
      .store_latency_i     (store_latency),
      .store_error_sector_i(store_error_sector),
      .link_up_i           (link_up),
      .mac_loop_i          (mac_loop),
      .mac_stall_i         (mac_stall),
      .mac_gap_i           (mac_gap),
      .port_stall_i        (port_stall),
      .port_gap_i          (port_gap),
      .cols_i              (cols),
      .rows_i              (rows),
      .mac_tx_valid_o      (mac_tx_valid),
      .mac_tx_ready_o      (mac_tx_ready),
      .mac_tx_data_o       (mac_tx_data),
      .mac_tx_keep_o       (mac_tx_keep),
      .mac_tx_last_o       (mac_tx_last),
      .mac_rx_valid_o      (mac_rx_valid),
      .mac_rx_ready_o      (mac_rx_ready),
      .mac_rx_data_o       (mac_rx_data),
      .mac_rx_keep_o       (mac_rx_keep),
      .mac_rx_last_o       (mac_rx_last),
      .mac_rx_user_o       (mac_rx_user),
      .port_out_valid_o    (port_out_valid),
      .port_out_ready_o    (port_out_ready),
      .port_out_data_o     (port_out_data),
      .port_in_valid_o     (port_in_valid),
      .port_in_ready_o     (port_in_ready),
      .port_in_data_o      (port_in_data),
      .entropy_gap_i       (entropy_gap),
      .entropy_valid_o     (entropy_valid),
      .entropy_ready_o     (entropy_ready),
      .entropy_data_o      (entropy_data),
      .store_flushed_o     (store_flushed)
  );

  // What Python drives is nothing until Python begins.
  if (NativeBuses == 0) begin : g_python
    initial begin
      {s_axil_awvalid, s_axil_wvalid, s_axil_bready, s_axil_arvalid, s_axil_rready} = '0;
      {m_axi_awready, m_axi_wready, m_axi_bvalid, m_axi_arready, m_axi_rvalid} = '0;
    end
  end

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

  virtio_tap #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .AxiIdWidth  (AxiIdWidth)
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
      .irq_i           (irq_o),
      .mac_tx_valid_i  (mac_tx_valid),
      .mac_tx_ready_i  (mac_tx_ready),
      .mac_tx_data_i   (mac_tx_data),
      .mac_tx_keep_i   (mac_tx_keep),
      .mac_tx_last_i   (mac_tx_last),
      .mac_rx_valid_i  (mac_rx_valid),
      .mac_rx_ready_i  (mac_rx_ready),
      .mac_rx_data_i   (mac_rx_data),
      .mac_rx_keep_i   (mac_rx_keep),
      .mac_rx_last_i   (mac_rx_last),
      .mac_rx_user_i   (mac_rx_user),
      .port_out_valid_i(port_out_valid),
      .port_out_ready_i(port_out_ready),
      .port_out_data_i (port_out_data),
      .port_in_valid_i (port_in_valid),
      .port_in_ready_i (port_in_ready),
      .port_in_data_i  (port_in_data),
      .entropy_valid_i (entropy_valid),
      .entropy_ready_i (entropy_ready),
      .entropy_data_i  (entropy_data),
      .store_flushed_i (store_flushed)
  );

endmodule
