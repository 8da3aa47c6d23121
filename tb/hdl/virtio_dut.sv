// SPDX-License-Identifier: Apache-2.0
// Simulation only: one device with its storage, entropy source, MAC or the end of its port behind it, so that what is left are the two buses and the
// interrupt. The words that the device takes from its entropy source, flushes of its storage, its MAC port and what passes its
// port come out for the tap to see.

module virtio_dut #(
    parameter int Device = 2,  // device type: 1 network, 2 block, 3 console, 4 entropy, 18 input,
    // 65535 one's own, see docs/device-type.md
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
    parameter int AxiIdWidth = 4,
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
    // Knobs of storage and entropy source
    input  logic [            63:0] store_capacity_i,      // sectors
    input  logic [            31:0] store_latency_i,       // cycles at most
    input  logic [            63:0] store_error_sector_i,  // all ones: none; see virtio_blk_store
    input  logic [            31:0] entropy_gap_i,         // cycles at most
    input  logic                    link_up_i,
    input  logic                    mac_loop_i,            // frames sent come back
    input  logic                    mac_stall_i,           // no frame is taken from the device
    input  logic [            31:0] mac_gap_i,             // cycles at most
    input  logic                    port_stall_i,          // nothing is taken from the device's port
    input  logic [            31:0] port_gap_i,            // cycles at most
    input  logic [            15:0] cols_i,
    input  logic [            15:0] rows_i,
    // Entropy port
    output logic                    entropy_valid_o,
    output logic                    entropy_ready_o,
    output logic [            31:0] entropy_data_o,
    // The storage has answered a flush
    output logic                    store_flushed_o,
    // MAC port
    output logic                    mac_tx_valid_o,
    output logic                    mac_tx_ready_o,
    output logic [AxiDataWidth-1:0] mac_tx_data_o,
    output logic [       Bytes-1:0] mac_tx_keep_o,
    output logic                    mac_tx_last_o,
    output logic                    mac_rx_valid_o,
    output logic                    mac_rx_ready_o,
    output logic [AxiDataWidth-1:0] mac_rx_data_o,
    output logic [       Bytes-1:0] mac_rx_keep_o,
    output logic                    mac_rx_last_o,
    output logic                    mac_rx_user_o,
    // Port of a console (bytes, those of the emergency write with bit 8 set) or input device (events)
    output logic                    port_out_valid_o,
    output logic                    port_out_ready_o,
    output logic [            63:0] port_out_data_o,
    output logic                    port_in_valid_o,
    output logic                    port_in_ready_o,
    output logic [            63:0] port_in_data_o
);

  localparam logic [NumQueues*16-1:0] QueueSizeMax = {{NumQueues{16'(QueueSizeMax1)}} << 16} | (NumQueues * 16)'(QueueSizeMax0);

  // A device type of the user's own is in a module virtio_mmio_own that he brings.
  localparam int DeviceTypeOwn = 65535;
  localparam bit HasPort = Device == virtio_pkg::DEVICE_TYPE_CONSOLE || Device == virtio_pkg::DEVICE_TYPE_INPUT ||
                           Device == DeviceTypeOwn;

  if (Device == virtio_pkg::DEVICE_TYPE_NET) begin : g_net
    localparam int Queues = 2 * QueuePairs + CtrlVq;
    localparam logic [Queues*16-1:0] NetSizeMax = {{Queues{16'(QueueSizeMax1)}} << 16} | (Queues * 16)'(QueueSizeMax0);

    logic [47:0] mac;
    logic promisc, allmulti;

    assign store_flushed_o = 1'b0;
    assign entropy_valid_o = 1'b0;
    assign entropy_ready_o = 1'b0;
    assign entropy_data_o  = 32'd0;

    virtio_mmio_net #(
        .AxiDataWidth     (AxiDataWidth),
        .AxiAddrWidth     (AxiAddrWidth),
        .AxiIdWidth       (AxiIdWidth),
        .QueuePairs       (QueuePairs),
        .MrgRxbuf         (MrgRxbuf != 0),
        .CtrlVq           (CtrlVq != 0),
        .Mtu              (Mtu),
        .RxStoreBytes     (RxStoreBytes),
        .QueueSizeMax     (NetSizeMax),
        .DeviceId         (DeviceId),
        .VendorId         (VendorId),
        .Version          (Version),
        .TransportFeatures(TransportFeatures),
        .IndexInit        (16'(IndexInit))
    ) u_device (
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
        .mac_i         (48'h563412005452),  // 52:54:00:12:34:56
        .mac_o         (mac),
        .promisc_o     (promisc),
        .allmulti_o    (allmulti),
        .link_up_i,
        .mac_tx_valid_o,
        .mac_tx_ready_i(mac_tx_ready_o),
        .mac_tx_data_o,
        .mac_tx_keep_o,
        .mac_tx_last_o,
        .mac_rx_valid_i(mac_rx_valid_o),
        .mac_rx_ready_o,
        .mac_rx_data_i (mac_rx_data_o),
        .mac_rx_keep_i (mac_rx_keep_o),
        .mac_rx_last_i (mac_rx_last_o),
        .mac_rx_user_i (mac_rx_user_o)
    );

    virtio_mac #(
        .DataWidth(AxiDataWidth)
    ) u_mac (
        .clk_i,
        .rst_ni,
        .loop_i    (mac_loop_i),
        .stall_i   (mac_stall_i),
        .gap_i     (mac_gap_i),
        .tx_valid_i(mac_tx_valid_o),
        .tx_ready_o(mac_tx_ready_o),
        .tx_data_i (mac_tx_data_o),
        .tx_keep_i (mac_tx_keep_o),
        .tx_last_i (mac_tx_last_o),
        .rx_valid_o(mac_rx_valid_o),
        .rx_ready_i(mac_rx_ready_o),
        .rx_data_o (mac_rx_data_o),
        .rx_keep_o (mac_rx_keep_o),
        .rx_last_o (mac_rx_last_o),
        .rx_user_o (mac_rx_user_o)
    );
  end else if (Device == virtio_pkg::DEVICE_TYPE_RNG) begin : g_rng
    assign mac_tx_valid_o = 1'b0;
    assign mac_tx_ready_o = 1'b0;
    assign mac_tx_data_o  = '0;
    assign mac_tx_keep_o  = '0;
    assign mac_tx_last_o  = 1'b0;
    assign mac_rx_valid_o = 1'b0;
    assign mac_rx_ready_o = 1'b0;
    assign mac_rx_data_o  = '0;
    assign mac_rx_keep_o  = '0;
    assign mac_rx_last_o  = 1'b0;
    assign mac_rx_user_o  = 1'b0;

    virtio_mmio_rng #(
        .AxiDataWidth     (AxiDataWidth),
        .AxiAddrWidth     (AxiAddrWidth),
        .AxiIdWidth       (AxiIdWidth),
        .NumQueues        (NumQueues),
        .QueueSizeMax     (QueueSizeMax),
        .DeviceId         (DeviceId),
        .VendorId         (VendorId),
        .Version          (Version),
        .TransportFeatures(TransportFeatures),
        .IndexInit        (16'(IndexInit))
    ) u_device (
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
        .entropy_valid_i(entropy_valid_o),
        .entropy_ready_o(entropy_ready_o),
        .entropy_data_i (entropy_data_o)
    );

    assign store_flushed_o = 1'b0;

    virtio_entropy_source u_entropy (
        .clk_i,
        .rst_ni,
        .gap_i  (entropy_gap_i),
        .valid_o(entropy_valid_o),
        .ready_i(entropy_ready_o),
        .data_o (entropy_data_o)
    );
  end else if (HasPort) begin : g_port
    localparam logic [31:0] PortSizeMax = {16'(QueueSizeMax1), 16'(QueueSizeMax0)};

    assign store_flushed_o = 1'b0;
    assign entropy_valid_o = 1'b0;
    assign entropy_ready_o = 1'b0;
    assign entropy_data_o  = 32'd0;
    assign mac_tx_valid_o  = 1'b0;
    assign mac_tx_ready_o  = 1'b0;
    assign mac_tx_data_o   = '0;
    assign mac_tx_keep_o   = '0;
    assign mac_tx_last_o   = 1'b0;
    assign mac_rx_valid_o  = 1'b0;
    assign mac_rx_ready_o  = 1'b0;
    assign mac_rx_data_o   = '0;
    assign mac_rx_keep_o   = '0;
    assign mac_rx_last_o   = 1'b0;
    assign mac_rx_user_o   = 1'b0;

    virtio_port_end u_end (
        .clk_i,
        .rst_ni,
        .stall_i    (port_stall_i),
        .gap_i      (port_gap_i),
        .out_valid_i(port_out_valid_o),
        .out_ready_o(port_out_ready_o),
        .in_valid_o (port_in_valid_o),
        .in_ready_i (port_in_ready_o),
        .in_data_o  (port_in_data_o)
    );

    if (Device == virtio_pkg::DEVICE_TYPE_CONSOLE) begin : g_console
      assign port_out_data_o[63:9] = '0;

      virtio_mmio_console #(
          .AxiDataWidth     (AxiDataWidth),
          .AxiAddrWidth     (AxiAddrWidth),
          .AxiIdWidth       (AxiIdWidth),
          .QueueSizeMax     (PortSizeMax),
          .DeviceId         (DeviceId),
          .VendorId         (VendorId),
          .Version          (Version),
          .TransportFeatures(TransportFeatures),
          .IndexInit        (16'(IndexInit))
      ) u_device (
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
          .cols_i,
          .rows_i,
          .tx_valid_o(port_out_valid_o),
          .tx_ready_i(port_out_ready_o),
          .tx_data_o (port_out_data_o[7:0]),
          .tx_emerg_o(port_out_data_o[8]),
          .rx_valid_i(port_in_valid_o),
          .rx_ready_o(port_in_ready_o),
          .rx_data_i (port_in_data_o[7:0])
      );
    end else if (Device == virtio_pkg::DEVICE_TYPE_INPUT) begin : g_input
      virtio_mmio_input #(
          .AxiDataWidth     (AxiDataWidth),
          .AxiAddrWidth     (AxiAddrWidth),
          .AxiIdWidth       (AxiIdWidth),
          .QueueSizeMax     (PortSizeMax),
          .DeviceId         (DeviceId),
          .VendorId         (VendorId),
          .Version          (Version),
          .TransportFeatures(TransportFeatures),
          .IndexInit        (16'(IndexInit))
      ) u_device (
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
          .event_valid_i (port_in_valid_o),
          .event_ready_o (port_in_ready_o),
          .event_data_i  (port_in_data_o),
          .status_valid_o(port_out_valid_o),
          .status_ready_i(port_out_ready_o),
          .status_data_o (port_out_data_o)
      );
    end else begin : g_own
      virtio_mmio_own #(
          .AxiDataWidth     (AxiDataWidth),
          .AxiAddrWidth     (AxiAddrWidth),
          .AxiIdWidth       (AxiIdWidth),
          .QueueSizeMax     (16'(QueueSizeMax0)),
          .DeviceId         (DeviceId),
          .VendorId         (VendorId),
          .Version          (Version),
          .TransportFeatures(TransportFeatures),
          .IndexInit        (16'(IndexInit))
      ) u_device (
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
          .level_i         ({rows_i, cols_i}),
          .port_out_valid_o(port_out_valid_o),
          .port_out_ready_i(port_out_ready_o),
          .port_out_data_o (port_out_data_o),
          .port_in_valid_i (port_in_valid_o),
          .port_in_ready_o (port_in_ready_o),
          .port_in_data_i  (port_in_data_o)
      );
    end
  end else begin : g_blk
    logic cmd_valid, cmd_ready, wdata_valid, wdata_ready, rdata_valid, rdata_ready, rsp_valid, rsp_ready, rsp_error;
    logic cmd_linked, cmd_unmap;
    logic [ 2:0] cmd_op;
    logic [63:0] cmd_sector;
    logic [31:0] cmd_count;
    logic [AxiDataWidth-1:0] wdata, rdata;

    assign entropy_valid_o = 1'b0;
    assign entropy_ready_o = 1'b0;
    assign entropy_data_o  = 32'd0;
    assign mac_tx_valid_o  = 1'b0;
    assign mac_tx_ready_o  = 1'b0;
    assign mac_tx_data_o   = '0;
    assign mac_tx_keep_o   = '0;
    assign mac_tx_last_o   = 1'b0;
    assign mac_rx_valid_o  = 1'b0;
    assign mac_rx_ready_o  = 1'b0;
    assign mac_rx_data_o   = '0;
    assign mac_rx_keep_o   = '0;
    assign mac_rx_last_o   = 1'b0;
    assign mac_rx_user_o   = 1'b0;

    virtio_mmio_blk #(
        .AxiDataWidth         (AxiDataWidth),
        .AxiAddrWidth         (AxiAddrWidth),
        .AxiIdWidth           (AxiIdWidth),
        .NumQueues            (NumQueues),
        .QueueSizeMax         (QueueSizeMax),
        .DeviceId             (DeviceId),
        .VendorId             (VendorId),
        .Version              (Version),
        .TransportFeatures    (TransportFeatures),
        .IndexInit            (16'(IndexInit)),
        .ReadOnly             (ReadOnly != 0),
        .SegMax               (SegMax),
        .SizeMax              (SizeMax),
        .Topology             (Topology),
        .ConfigWce            (ConfigWce != 0),
        .MultiQueue           (MultiQueue != 0),
        .MaxDiscardSectors    (MaxDiscardSectors),
        .MaxDiscardSeg        (MaxDiscardSeg),
        .DiscardAlignment     (DiscardAlignment),
        .MaxWriteZeroesSectors(MaxWriteZeroesSectors),
        .MaxWriteZeroesSeg    (MaxWriteZeroesSeg),
        .WriteZeroesMayUnmap  (WriteZeroesMayUnmap != 0),
        .BlkSize              (BlkSize)
    ) u_device (
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
        .capacity_i         (store_capacity_i),
        .store_cmd_valid_o  (cmd_valid),
        .store_cmd_ready_i  (cmd_ready),
        .store_cmd_op_o     (cmd_op),
        .store_cmd_sector_o (cmd_sector),
        .store_cmd_count_o  (cmd_count),
        .store_cmd_unmap_o  (cmd_unmap),
        .store_cmd_linked_o (cmd_linked),
        .store_wdata_valid_o(wdata_valid),
        .store_wdata_ready_i(wdata_ready),
        .store_wdata_o      (wdata),
        .store_rdata_valid_i(rdata_valid),
        .store_rdata_ready_o(rdata_ready),
        .store_rdata_i      (rdata),
        .store_rsp_valid_i  (rsp_valid),
        .store_rsp_ready_o  (rsp_ready),
        .store_rsp_error_i  (rsp_error)
    );

    virtio_blk_store #(
        .DataWidth(AxiDataWidth)
    ) u_store (
        .clk_i,
        .rst_ni,
        .latency_i     (store_latency_i),
        .error_sector_i(store_error_sector_i),
        .cmd_valid_i   (cmd_valid),
        .cmd_ready_o   (cmd_ready),
        .cmd_op_i      (cmd_op),
        .cmd_sector_i  (cmd_sector),
        .cmd_count_i   (cmd_count),
        .cmd_unmap_i   (cmd_unmap),
        .cmd_linked_i  (cmd_linked),
        .wdata_valid_i (wdata_valid),
        .wdata_ready_o (wdata_ready),
        .wdata_i       (wdata),
        .rdata_valid_o (rdata_valid),
        .rdata_ready_i (rdata_ready),
        .rdata_o       (rdata),
        .rsp_valid_o   (rsp_valid),
        .rsp_ready_i   (rsp_ready),
        .rsp_error_o   (rsp_error),
        .flushed_o     (store_flushed_o)
    );
  end

  if (!HasPort) begin : g_no_port
    assign port_out_valid_o = 1'b0;
    assign port_out_ready_o = 1'b0;
    assign port_out_data_o  = '0;
    assign port_in_valid_o  = 1'b0;
    assign port_in_ready_o  = 1'b0;
    assign port_in_data_o   = '0;
  end

endmodule
