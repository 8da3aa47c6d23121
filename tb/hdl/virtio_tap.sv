// SPDX-License-Identifier: Apache-2.0
//
// Passive tap on the pins of a VirtIO-MMIO device, for simulation only.
//
// Every handshake on the two buses, the entropy port, the MAC port and the port of a console or
// input device, every edge of the interrupt line and every start of a reset is
// handed to virtio_tap.cpp, which logs what becomes of them (bursts whole) for Python to take when it likes: no Python runs
// per cycle. Handshakes are taken while rst_ni is 1; several of a cycle are handed over in the order of the code below.
//
// The buses are judged by virtio_axi_rules and virtio_axil_rules, whose violations go to the log with the edge that follows,
// of AXI-X the first sixteen. Of the other ports a valid or ready that is X out of reset, or a payload that is X under valid,
// is reported by $error and in the log, the first sixteen times.
module virtio_tap #(
    parameter int AxiDataWidth = 64,  // 32 to 512
    parameter int AxiAddrWidth = 64,  // up to 64
    parameter int AxiIdWidth   = 4,   // up to 32
    parameter int RuleLines    = 0    // broken AXI rules that each bus prints by $error
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
  import virtio_axi_rules_pkg::*;
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
  logic [31:0] reg_count, mem_count, reg_logged_q, mem_logged_q;  // violations of the buses
  logic [Recent-1:0][ViolationBits-1:0] reg_recent, mem_recent;
  violation_t broken;

  initial begin
    reg_logged_q = 0;
    mem_logged_q = 0;
    virtio_tap_open(StrbWidth, handle);
    cycle_q = 0;
    rst_n_q = 1'b1;
    irq_q = 1'b0;
    unknowns_q = 0;
    if (AxiIdWidth > 32) $fatal(1, "virtio_tap: AxiIdWidth above 32");
    if (AxiAddrWidth > 64) $fatal(1, "virtio_tap: AxiAddrWidth above 64");
  end

  virtio_axil_rules #(
      .Lines(RuleLines)
  ) u_reg_rules (
      .clk_i,
      .rst_ni,
      .awaddr(s_axil_awaddr),
      .awprot(s_axil_awprot),
      .awvalid(s_axil_awvalid),
      .awready(s_axil_awready),
      .wdata(s_axil_wdata),
      .wstrb(s_axil_wstrb),
      .wvalid(s_axil_wvalid),
      .wready(s_axil_wready),
      .bresp(s_axil_bresp),
      .bvalid(s_axil_bvalid),
      .bready(s_axil_bready),
      .araddr(s_axil_araddr),
      .arprot(s_axil_arprot),
      .arvalid(s_axil_arvalid),
      .arready(s_axil_arready),
      .rdata(s_axil_rdata),
      .rresp(s_axil_rresp),
      .rvalid(s_axil_rvalid),
      .rready(s_axil_rready),
      .count_o(reg_count),
      .recent_o(reg_recent)
  );

  virtio_axi_rules #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .AxiIdWidth(AxiIdWidth),
      .Lines(RuleLines)
  ) u_mem_rules (
      .clk_i,
      .rst_ni,
      .awid(m_axi_awid),
      .awaddr(m_axi_awaddr),
      .awlen(m_axi_awlen),
      .awsize(m_axi_awsize),
      .awburst(m_axi_awburst),
      .awlock(m_axi_awlock),
      .awcache(m_axi_awcache),
      .awprot(m_axi_awprot),
      .awvalid(m_axi_awvalid),
      .awready(m_axi_awready),
      .wdata(m_axi_wdata),
      .wstrb(m_axi_wstrb),
      .wlast(m_axi_wlast),
      .wvalid(m_axi_wvalid),
      .wready(m_axi_wready),
      .bid(m_axi_bid),
      .bresp(m_axi_bresp),
      .bvalid(m_axi_bvalid),
      .bready(m_axi_bready),
      .arid(m_axi_arid),
      .araddr(m_axi_araddr),
      .arlen(m_axi_arlen),
      .arsize(m_axi_arsize),
      .arburst(m_axi_arburst),
      .arlock(m_axi_arlock),
      .arcache(m_axi_arcache),
      .arprot(m_axi_arprot),
      .arvalid(m_axi_arvalid),
      .arready(m_axi_arready),
      .rid(m_axi_rid),
      .rdata(m_axi_rdata),
      .rresp(m_axi_rresp),
      .rlast(m_axi_rlast),
      .rvalid(m_axi_rvalid),
      .rready(m_axi_rready),
      .count_o(mem_count),
      .recent_o(mem_recent)
  );

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
  task automatic known(input logic parity, input logic [95:0] name);
    if (parity === 1'bx && unknowns_q < MaxUnknowns) begin
      unknowns_q = unknowns_q + 1;
      $error("virtio_tap: X on %0s at cycle %0d", name, cycle_q);
      virtio_tap_unknown(handle, cycle_q, name);
    end
  endtask

  task automatic check_known;
    known(irq_i, "irq");
    known(entropy_valid_i, "ent_valid");
    known(entropy_ready_i, "ent_ready");
    if (entropy_valid_i) known(^entropy_data_i, "ent_data");
    known(mac_tx_valid_i, "mac_tx_valid");
    known(mac_rx_ready_i, "mac_rx_ready");
    known(port_out_valid_i, "out_valid");
    known(port_in_ready_i, "in_ready");
    if (port_out_valid_i) known(^port_out_data_i, "out_data");
    if (mac_tx_valid_i) begin
      known(^mac_tx_keep_i, "mac_tx_keep");
      known(mac_tx_last_i, "mac_tx_last");
      known(^strobed(mac_tx_data_i, mac_tx_keep_i), "mac_tx_data");
    end
  endtask

  // Logs what virtio_axi_rules has found since `logged`; port 0 is that of the registers.
  task automatic log_broken(input int port, input logic [31:0] count, input logic [31:0] logged,
                            input logic [Recent-1:0][ViolationBits-1:0] recent);
    logic [31:0] next;
    next = count - logged > Recent ? count - Recent : logged;
    while (next != count) begin
      broken = recent[next%Recent];
      next   = next + 1;
      if (broken.rule != "AXI-X" || unknowns_q < MaxUnknowns) begin
        if (broken.rule == "AXI-X") unknowns_q = unknowns_q + 1;
        virtio_tap_violation(handle, broken.cycle, port, broken.rule, broken.signal, int'(broken.has_at), broken.at,
                             int'(broken.compared), broken.expected, broken.seen);
      end
    end
  endtask

  always @(posedge clk_i) begin
    cycle_q = cycle_q + 1;
    if (reg_count != reg_logged_q) log_broken(0, reg_count, reg_logged_q, reg_recent);
    if (mem_count != mem_logged_q) log_broken(1, mem_count, mem_logged_q, mem_recent);
    reg_logged_q = reg_count;
    mem_logged_q = mem_count;
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
