// SPDX-License-Identifier: Apache-2.0
// Judges both sides of an AXI4-Lite port, as virtio_axi_rules does one of AXI4: to it each access is a burst of one beat as
// wide as the bus (AMBA AXI B1.1). What AXI4-Lite has no signal for cannot be broken.

module virtio_axil_rules #(
    parameter int AxiDataWidth = 32,  // 32 or 64
    parameter int AxiAddrWidth = 12,  // 12 to 64
    parameter int JudgeManager = 1,
    parameter int JudgeSubordinate = 1,
    parameter int Outstanding = 256,  // as in virtio_axi_rules
    parameter int Lines = 16,
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,

    input logic [AxiAddrWidth-1:0] awaddr,
    input logic [             2:0] awprot,
    input logic                    awvalid,
    input logic                    awready,
    input logic [AxiDataWidth-1:0] wdata,
    input logic [       Bytes-1:0] wstrb,
    input logic                    wvalid,
    input logic                    wready,
    input logic [             1:0] bresp,
    input logic                    bvalid,
    input logic                    bready,
    input logic [AxiAddrWidth-1:0] araddr,
    input logic [             2:0] arprot,
    input logic                    arvalid,
    input logic                    arready,
    input logic [AxiDataWidth-1:0] rdata,
    input logic [             1:0] rresp,
    input logic                    rvalid,
    input logic                    rready,

    output logic [31:0] count_o,
    output logic [virtio_axi_rules_pkg::Recent-1:0][virtio_axi_rules_pkg::ViolationBits-1:0] recent_o
);

  localparam logic [2:0] FullSize = 3'($clog2(Bytes));
  localparam logic [1:0] Incr = 2'd1;

  virtio_axi_rules #(
      .AxiDataWidth    (AxiDataWidth),
      .AxiAddrWidth    (AxiAddrWidth),
      .AxiIdWidth      (1),
      .JudgeManager    (JudgeManager),
      .JudgeSubordinate(JudgeSubordinate),
      .Outstanding     (Outstanding),
      .Lines           (Lines)
  ) u_rules (
      .clk_i,
      .rst_ni,
      .awid   (1'b0),
      .awaddr,
      .awlen  (8'd0),
      .awsize (FullSize),
      .awburst(Incr),
      .awlock (1'b0),
      .awcache(4'd0),
      .awprot,
      .awvalid,
      .awready,
      .wdata,
      .wstrb,
      .wlast  (1'b1),
      .wvalid,
      .wready,
      .bid    (1'b0),
      .bresp,
      .bvalid,
      .bready,
      .arid   (1'b0),
      .araddr,
      .arlen  (8'd0),
      .arsize (FullSize),
      .arburst(Incr),
      .arlock (1'b0),
      .arcache(4'd0),
      .arprot,
      .arvalid,
      .arready,
      .rid    (1'b0),
      .rdata,
      .rresp,
      .rlast  (1'b1),
      .rvalid,
      .rready,
      .count_o,
      .recent_o
  );

endmodule
