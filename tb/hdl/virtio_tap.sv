// SPDX-License-Identifier: Apache-2.0
//
// Passive tap on the pins of a VirtIO-MMIO device, for simulation only.
//
// Every handshake on the two buses, the entropy port, the MAC port and the port of a console or
// input device, every edge of the interrupt line and every start of a reset is
// handed to virtio_tap.cpp, which logs what becomes of them (bursts whole) for Python to take when it likes: no Python runs
// per cycle. Handshakes are taken while rst_ni is 1; several of a cycle are handed over in the order of the code below.
//
// A valid or ready that is X out of reset, or a payload that is X under valid (write data: strobed bytes only), is
// reported by $error and in the log, the first sixteen times. Memories must therefore drive whole R beats.
module virtio_tap #(
    parameter int AxiDataWidth = 64,  // 32 to 512
    parameter int AxiAddrWidth = 64,  // up to 64
    parameter int AxiIdWidth   = 4    // up to 32
) (
    input logic clk_i,
    input logic rst_ni,

    input logic [11:0] s_axil_awaddr,
    input logic [ 2:0] s_axil_awprot,
    input logic        s_axil_awvalid,
    input logic        s_axil_awready,
    input logic [31:0] s_axil_wdata,
    input logic [ 3:0] s_axil_wstrb,
    input logic        s_axil_wvalid,
    input logic        s_axil_wready,
    input logic [ 1:0] s_axil_bresp,
    input logic        s_axil_bvalid,
    input logic        s_axil_bready,
    input logic [11:0] s_axil_araddr,
    input logic [ 2:0] s_axil_arprot,
    input logic        s_axil_arvalid,
    input logic        s_axil_arready,
    input logic [31:0] s_axil_rdata,
    input logic [ 1:0] s_axil_rresp,
    input logic        s_axil_rvalid,
    input logic        s_axil_rready,

    input logic [    AxiIdWidth-1:0] m_axi_awid,
    input logic [  AxiAddrWidth-1:0] m_axi_awaddr,
    input logic [               7:0] m_axi_awlen,
    input logic [               2:0] m_axi_awsize,
    input logic [               1:0] m_axi_awburst,
    input logic                      m_axi_awlock,
    input logic [               3:0] m_axi_awcache,
    input logic [               2:0] m_axi_awprot,
    input logic                      m_axi_awvalid,
    input logic                      m_axi_awready,
    input logic [  AxiDataWidth-1:0] m_axi_wdata,
    input logic [AxiDataWidth/8-1:0] m_axi_wstrb,
    input logic                      m_axi_wlast,
    input logic                      m_axi_wvalid,
    input logic                      m_axi_wready,
    input logic [    AxiIdWidth-1:0] m_axi_bid,
    input logic [               1:0] m_axi_bresp,
    input logic                      m_axi_bvalid,
    input logic                      m_axi_bready,
    input logic [    AxiIdWidth-1:0] m_axi_arid,
    input logic [  AxiAddrWidth-1:0] m_axi_araddr,
    input logic [               7:0] m_axi_arlen,
    input logic [               2:0] m_axi_arsize,
    input logic [               1:0] m_axi_arburst,
    input logic                      m_axi_arlock,
    input logic [               3:0] m_axi_arcache,
    input logic [               2:0] m_axi_arprot,
    input logic                      m_axi_arvalid,
    input logic                      m_axi_arready,
    input logic [    AxiIdWidth-1:0] m_axi_rid,
    input logic [  AxiDataWidth-1:0] m_axi_rdata,
    input logic [               1:0] m_axi_rresp,
    input logic                      m_axi_rlast,
    input logic                      m_axi_rvalid,
    input logic                      m_axi_rready,

    input logic        irq_i,
    input logic        entropy_valid_i,
    input logic        entropy_ready_i,
    input logic [31:0] entropy_data_i,
    input logic        store_flushed_i,  // the storage answers a flush

    input logic                      mac_tx_valid_i,
    input logic                      mac_tx_ready_i,
    input logic [  AxiDataWidth-1:0] mac_tx_data_i,
    input logic [AxiDataWidth/8-1:0] mac_tx_keep_i,
    input logic                      mac_tx_last_i,
    input logic                      mac_rx_valid_i,
    input logic                      mac_rx_ready_i,
    input logic [  AxiDataWidth-1:0] mac_rx_data_i,
    input logic [AxiDataWidth/8-1:0] mac_rx_keep_i,
    input logic                      mac_rx_last_i,
    input logic                      mac_rx_user_i,

    input logic        port_out_valid_i,
    input logic        port_out_ready_i,
    input logic [63:0] port_out_data_i,
    input logic        port_in_valid_i,
    input logic        port_in_ready_i,
    input logic [63:0] port_in_data_i
);
  import virtio_c_pkg::*;

  localparam int StrbWidth = AxiDataWidth / 8;
  localparam int MaxUnknowns = 16;

  // Kinds of notes, as in virtio_tap.cpp
  localparam int Reset = 1;
  localparam int RegAw = 2;
  localparam int RegW = 3;
  localparam int RegB = 4;
  localparam int RegAr = 5;
  localparam int RegR = 6;
  localparam int Irq = 7;
  localparam int Entropy = 8;
  localparam int FrameSent = 20;
  localparam int FrameReceived = 21;
  localparam int Flush = 13;
  localparam int PortOut = 22;
  localparam int PortIn = 23;

  int handle;  // of the log in C++
  logic [63:0] cycle_q;
  logic rst_n_q;
  logic irq_q;
  int unknowns_q;

  initial begin
    virtio_tap_open(StrbWidth, handle);
    cycle_q = 0;
    rst_n_q = 1'b1;
    irq_q = 1'b0;
    unknowns_q = 0;
    if (AxiIdWidth > 32) $fatal(1, "virtio_tap: AxiIdWidth above 32");
    if (AxiAddrWidth > 64) $fatal(1, "virtio_tap: AxiAddrWidth above 64");
  end

  // Blocking on purpose: the order of the calls is that of the log.
  /* verilator lint_off BLKSEQ */
  task automatic note(input int kind, input logic [63:0] body);
    virtio_tap_note(handle, kind, cycle_q, body);
  endtask

  // Data without the bytes that carry no strobe
  function automatic logic [AxiDataWidth-1:0] strobed(input logic [AxiDataWidth-1:0] data,
                                                      input logic [StrbWidth-1:0] strb);
    for (int i = 0; i < StrbWidth; i++) strobed[i*8+:8] = strb[i] ? data[i*8+:8] : 8'd0;
  endfunction

  // Reports an X. `parity` is X exactly when a bit of the signal is.
  task automatic known(input logic parity, input logic [7:0] group, input logic [95:0] name);
    if (parity === 1'bx && unknowns_q < MaxUnknowns) begin
      unknowns_q = unknowns_q + 1;
      case (group)
        8'd0: $error("virtio_tap: X on s_axil_%0s at cycle %0d", name, cycle_q);
        8'd1: $error("virtio_tap: X on m_axi_%0s at cycle %0d", name, cycle_q);
        default: $error("virtio_tap: X on %0s at cycle %0d", name, cycle_q);
      endcase
      virtio_tap_unknown(handle, cycle_q, int'(group), name);
    end
  endtask

  task automatic check_known;
    known(s_axil_awvalid, 0, "awvalid");
    known(s_axil_awready, 0, "awready");
    known(s_axil_wvalid, 0, "wvalid");
    known(s_axil_wready, 0, "wready");
    known(s_axil_bvalid, 0, "bvalid");
    known(s_axil_bready, 0, "bready");
    known(s_axil_arvalid, 0, "arvalid");
    known(s_axil_arready, 0, "arready");
    known(s_axil_rvalid, 0, "rvalid");
    known(s_axil_rready, 0, "rready");
    if (s_axil_awvalid) known(^{s_axil_awaddr, s_axil_awprot}, 0, "awaddr");
    if (s_axil_wvalid) known(^s_axil_wstrb, 0, "wstrb");
    if (s_axil_wvalid) known(^strobed(AxiDataWidth'(s_axil_wdata), StrbWidth'(s_axil_wstrb)), 0, "wdata");
    if (s_axil_bvalid) known(^s_axil_bresp, 0, "bresp");
    if (s_axil_arvalid) known(^{s_axil_araddr, s_axil_arprot}, 0, "araddr");
    if (s_axil_rvalid) known(^{s_axil_rdata, s_axil_rresp}, 0, "rdata");
    known(m_axi_awvalid, 1, "awvalid");
    known(m_axi_awready, 1, "awready");
    known(m_axi_wvalid, 1, "wvalid");
    known(m_axi_wready, 1, "wready");
    known(m_axi_bvalid, 1, "bvalid");
    known(m_axi_bready, 1, "bready");
    known(m_axi_arvalid, 1, "arvalid");
    known(m_axi_arready, 1, "arready");
    known(m_axi_rvalid, 1, "rvalid");
    known(m_axi_rready, 1, "rready");
    if (m_axi_awvalid) begin
      known(^m_axi_awaddr, 1, "awaddr");
      known(^{m_axi_awid, m_axi_awlen, m_axi_awsize, m_axi_awburst}, 1, "awlen");
      known(^{m_axi_awlock, m_axi_awcache, m_axi_awprot}, 1, "awcache");
    end
    if (m_axi_wvalid) begin
      known(m_axi_wlast, 1, "wlast");
      known(^m_axi_wstrb, 1, "wstrb");
      known(^strobed(m_axi_wdata, m_axi_wstrb), 1, "wdata");
    end
    if (m_axi_bvalid) known(^{m_axi_bid, m_axi_bresp}, 1, "bresp");
    if (m_axi_arvalid) begin
      known(^m_axi_araddr, 1, "araddr");
      known(^{m_axi_arid, m_axi_arlen, m_axi_arsize, m_axi_arburst}, 1, "arlen");
      known(^{m_axi_arlock, m_axi_arcache, m_axi_arprot}, 1, "arcache");
    end
    if (m_axi_rvalid) begin
      known(^{m_axi_rid, m_axi_rresp, m_axi_rlast}, 1, "rresp");
      known(^m_axi_rdata, 1, "rdata");
    end
    known(irq_i, 2, "irq");
    known(entropy_valid_i, 2, "ent_valid");
    known(entropy_ready_i, 2, "ent_ready");
    if (entropy_valid_i) known(^entropy_data_i, 2, "ent_data");
    known(mac_tx_valid_i, 2, "mac_tx_valid");
    known(mac_rx_ready_i, 2, "mac_rx_ready");
    known(port_out_valid_i, 2, "out_valid");
    known(port_in_ready_i, 2, "in_ready");
    if (port_out_valid_i) known(^port_out_data_i, 2, "out_data");
    if (mac_tx_valid_i) begin
      known(^mac_tx_keep_i, 2, "mac_tx_keep");
      known(mac_tx_last_i, 2, "mac_tx_last");
      known(^strobed(mac_tx_data_i, mac_tx_keep_i), 2, "mac_tx_data");
    end
  endtask

  always @(posedge clk_i) begin
    cycle_q = cycle_q + 1;
    if (rst_ni === 1'b0 && rst_n_q) note(Reset, 0);
    rst_n_q = rst_ni !== 1'b0;
    if (rst_ni === 1'b1) begin
      check_known();
      // Responses before requests: a response answers a request of an earlier cycle.
      if (s_axil_bvalid && s_axil_bready) note(RegB, 64'(s_axil_bresp));
      if (s_axil_rvalid && s_axil_rready) note(RegR, 64'({s_axil_rresp, s_axil_rdata}));
      if (s_axil_awvalid && s_axil_awready) note(RegAw, 64'(s_axil_awaddr));
      if (s_axil_wvalid && s_axil_wready) note(RegW, 64'({s_axil_wstrb, s_axil_wdata}));
      if (s_axil_arvalid && s_axil_arready) note(RegAr, 64'(s_axil_araddr));
      if (m_axi_bvalid && m_axi_bready) virtio_tap_write_answer(handle, cycle_q, int'(m_axi_bid), int'(m_axi_bresp));
      if (m_axi_rvalid && m_axi_rready)
        virtio_tap_read_data(handle, cycle_q, int'(m_axi_rid), int'(m_axi_rresp), int'(m_axi_rlast), 512'(m_axi_rdata));
      if (m_axi_awvalid && m_axi_awready)
        virtio_tap_address(handle, 1, cycle_q, int'(m_axi_awid), 64'(m_axi_awaddr), int'(m_axi_awlen),
                           int'(m_axi_awsize), int'(m_axi_awburst));
      if (m_axi_wvalid && m_axi_wready)
        virtio_tap_write_data(handle, cycle_q, int'(m_axi_wlast), 512'(m_axi_wdata), 64'(m_axi_wstrb));
      if (m_axi_arvalid && m_axi_arready)
        virtio_tap_address(handle, 0, cycle_q, int'(m_axi_arid), 64'(m_axi_araddr), int'(m_axi_arlen),
                           int'(m_axi_arsize), int'(m_axi_arburst));
      if (mac_tx_valid_i && mac_tx_ready_i)
        virtio_tap_frame(handle, FrameSent, cycle_q, int'(mac_tx_last_i), 0, 512'(mac_tx_data_i), 64'(mac_tx_keep_i));
      if (mac_rx_valid_i && mac_rx_ready_i)
        virtio_tap_frame(handle, FrameReceived, cycle_q, int'(mac_rx_last_i), int'(mac_rx_user_i), 512'(mac_rx_data_i),
                         64'(mac_rx_keep_i));
      if (entropy_valid_i && entropy_ready_i) note(Entropy, 64'(entropy_data_i));
      if (store_flushed_i) note(Flush, 0);
      if (port_out_valid_i && port_out_ready_i) note(PortOut, port_out_data_i);
      if (port_in_valid_i && port_in_ready_i) note(PortIn, port_in_data_i);
    end
    // A rise counts out of reset only: before, the line may hold anything.
    if ((irq_i === 1'b0 && irq_q) || (irq_i === 1'b1 && !irq_q && rst_ni === 1'b1)) begin
      note(Irq, 64'(irq_i));
      irq_q = irq_i;
    end
  end
  /* verilator lint_on BLKSEQ */
endmodule
