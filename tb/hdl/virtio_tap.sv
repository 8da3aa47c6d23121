// SPDX-License-Identifier: Apache-2.0
//
// Passive tap on the pins of a VirtIO-MMIO device, for simulation only.
//
// Every handshake on the two buses and the entropy port, every edge of the interrupt line and every start of a reset
// becomes one record in a circular log that Python drains when it likes (tb/cocotbext/virtio/sim/tap.py): no Python runs
// per cycle. Handshakes are taken while rst_ni is 1. Several records a cycle are kept in the order of the code below.
//
// Record, from bit 0: kind[8], cycle[48], id[8], body[BodyWidth]. The body, from its bit 0, by kind:
//   1 reset          -
//   2 register AW    addr[32]
//   3 register W     data[32] strb[8]
//   4 register B     resp[8]
//   5 register AR    addr[32]
//   6 register R     data[32] resp[8]
//   7 AW, 10 AR      addr[64] len[8] size[8] burst[8]
//   8 W              last[8] data[AxiDataWidth] strb[AxiDataWidth/8]   bytes without strobe are logged as 0
//   9 B              resp[8]
//   11 R             resp[8] data[AxiDataWidth], last in bit 7 of resp
//   12 irq           level[8]
//   13 entropy       data[32]
//   14 unknown       name of a signal that was X, 12 characters; id 0 = s_axil_, 1 = m_axi_, 2 = other
//
// Eight records share a word of log_q, because Python reads one wide word faster than eight narrow ones (0.8 us against
// 2.8 us a record, Verilator). log_wr_q counts records written, log_rd_q is set by Python to the records it has read.
// A record that would overwrite an unread one ends the simulation.
//
// A valid or ready that is X out of reset, or a payload that is X under valid (write data: strobed bytes only), is
// reported by $error and as a record, the first sixteen times. Memories must therefore drive whole R beats.
module virtio_tap #(
    parameter int AxiDataWidth = 64,   // 32 to 512
    parameter int AxiAddrWidth = 64,   // up to 64
    parameter int AxiIdWidth   = 4,    // up to 8
    parameter int LogDepth     = 8192  // records, a power of two
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

    output logic log_half_o  // toggles when the log should be drained: half of it is new, or an X was seen
);
  localparam int StrbWidth = AxiDataWidth / 8;
  localparam int BodyWidth = (8 + AxiDataWidth + StrbWidth > 96) ? 8 + AxiDataWidth + StrbWidth : 96;
  localparam int RecordWidth = 64 + BodyWidth;
  localparam int RowRecords = 8;
  localparam int MaxUnknowns = 16;
  localparam int Rows = LogDepth / RowRecords;

  localparam logic [7:0] Reset = 8'd1;
  localparam logic [7:0] RegAw = 8'd2;
  localparam logic [7:0] RegW = 8'd3;
  localparam logic [7:0] RegB = 8'd4;
  localparam logic [7:0] RegAr = 8'd5;
  localparam logic [7:0] RegR = 8'd6;
  localparam logic [7:0] Aw = 8'd7;
  localparam logic [7:0] W = 8'd8;
  localparam logic [7:0] B = 8'd9;
  localparam logic [7:0] Ar = 8'd10;
  localparam logic [7:0] R = 8'd11;
  localparam logic [7:0] Irq = 8'd12;
  localparam logic [7:0] Entropy = 8'd13;
  localparam logic [7:0] Unknown = 8'd14;

  // verilog_format: off
  logic [RowRecords*RecordWidth-1:0] log_q [Rows] /* verilator public_flat_rd */;
  logic [31:0] log_wr_q /* verilator public_flat_rd */;
  logic [31:0] log_rd_q /* verilator public_flat_rw */;
  logic [31:0] axi_data_width_q /* verilator public_flat_rd */;
  logic [47:0] cycle_q /* verilator public_flat_rd */;
  // verilog_format: on
  logic [RowRecords*RecordWidth-1:0] row_q;
  logic [AxiDataWidth-1:0] wdata;
  logic [31:0] wdata_s;
  logic rst_n_q;
  logic irq_q;
  int unknowns_q;

  initial begin
    log_half_o = 1'b0;
    log_wr_q = 0;
    log_rd_q = 0;
    axi_data_width_q = AxiDataWidth;
    cycle_q = 0;
    rst_n_q = 1'b1;
    irq_q = 1'b0;
    unknowns_q = 0;
    if (LogDepth < 64 || (LogDepth & (LogDepth - 1)) != 0)
      $fatal(1, "virtio_tap: LogDepth must be a power of two >= 64");
    if (AxiIdWidth > 8) $fatal(1, "virtio_tap: AxiIdWidth above 8");
    if (AxiAddrWidth > 64) $fatal(1, "virtio_tap: AxiAddrWidth above 64");
  end

  // Appends a record. Blocking on purpose: Python and the next call see it at once.
  /* verilator lint_off BLKSEQ */
  task automatic push(input logic [7:0] kind, input logic [7:0] id, input logic [BodyWidth-1:0] body);
    if (log_wr_q - log_rd_q >= LogDepth)
      $fatal(1, "virtio_tap: log overflow at cycle %0d: %0d records not drained", cycle_q, LogDepth);
    row_q[(log_wr_q%RowRecords)*RecordWidth+:RecordWidth] = {body, id, cycle_q, kind};
    log_q[(log_wr_q/RowRecords)%Rows] = row_q;
    log_wr_q = log_wr_q + 1;
    if (log_wr_q % (LogDepth / 2) == 0) log_half_o = ~log_half_o;
  endtask

  // Reports an X. `parity` is X exactly when a bit of the signal is.
  task automatic known(input logic parity, input logic [7:0] group, input logic [95:0] name);
    if (parity === 1'bx && unknowns_q < MaxUnknowns) begin
      unknowns_q = unknowns_q + 1;
      case (group)
        8'd0: $error("virtio_tap: X on s_axil_%0s at cycle %0d", name, cycle_q);
        8'd1: $error("virtio_tap: X on m_axi_%0s at cycle %0d", name, cycle_q);
        default: $error("virtio_tap: X on %0s at cycle %0d", name, cycle_q);
      endcase
      push(Unknown, group, BodyWidth'(name));
      log_half_o = ~log_half_o;
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
    if (s_axil_wvalid) known(^wdata_s, 0, "wdata");
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
      known(^wdata, 1, "wdata");
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
  endtask

  // Write data with the bytes forced to 0 that carry no strobe
  always_comb begin
    for (int i = 0; i < StrbWidth; i++) wdata[i*8+:8] = (m_axi_wstrb[i] === 1'b0) ? 8'd0 : m_axi_wdata[i*8+:8];
    for (int i = 0; i < 4; i++) wdata_s[i*8+:8] = (s_axil_wstrb[i] === 1'b0) ? 8'd0 : s_axil_wdata[i*8+:8];
  end

  always @(posedge clk_i) begin
    cycle_q = cycle_q + 1;
    if (rst_ni === 1'b0 && rst_n_q) push(Reset, 0, 0);
    rst_n_q = rst_ni !== 1'b0;
    if (rst_ni === 1'b1) begin
      check_known();
      // Responses before requests: a response answers a request of an earlier cycle.
      if (s_axil_bvalid && s_axil_bready) push(RegB, 0, BodyWidth'(s_axil_bresp));
      if (s_axil_rvalid && s_axil_rready) push(RegR, 0, BodyWidth'({6'd0, s_axil_rresp, s_axil_rdata}));
      if (s_axil_awvalid && s_axil_awready) push(RegAw, 0, BodyWidth'(s_axil_awaddr));
      if (s_axil_wvalid && s_axil_wready) push(RegW, 0, BodyWidth'({s_axil_wstrb, wdata_s}));
      if (s_axil_arvalid && s_axil_arready) push(RegAr, 0, BodyWidth'(s_axil_araddr));
      if (m_axi_bvalid && m_axi_bready) push(B, 8'(m_axi_bid), BodyWidth'(m_axi_bresp));
      if (m_axi_rvalid && m_axi_rready)
        push(R, 8'(m_axi_rid), BodyWidth'({m_axi_rdata, m_axi_rlast, 5'd0, m_axi_rresp}));
      if (m_axi_awvalid && m_axi_awready)
        push(Aw, 8'(m_axi_awid), BodyWidth'({6'd0, m_axi_awburst, 5'd0, m_axi_awsize, m_axi_awlen, 64'(m_axi_awaddr)}));
      if (m_axi_wvalid && m_axi_wready) push(W, 0, BodyWidth'({m_axi_wstrb, wdata, 7'd0, m_axi_wlast}));
      if (m_axi_arvalid && m_axi_arready)
        push(Ar, 8'(m_axi_arid), BodyWidth'({6'd0, m_axi_arburst, 5'd0, m_axi_arsize, m_axi_arlen, 64'(m_axi_araddr)}));
      if (entropy_valid_i && entropy_ready_i) push(Entropy, 0, BodyWidth'(entropy_data_i));
    end
    // A rise counts out of reset only: before, the line may hold anything.
    if ((irq_i === 1'b0 && irq_q) || (irq_i === 1'b1 && !irq_q && rst_ni === 1'b1)) begin
      push(Irq, 0, BodyWidth'(irq_i));
      irq_q = irq_i;
    end
  end
  /* verilator lint_on BLKSEQ */
endmodule
