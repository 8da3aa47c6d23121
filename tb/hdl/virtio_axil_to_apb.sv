// SPDX-License-Identifier: Apache-2.0
// Simulation only: AXI4-Lite to APB4, for devices whose registers are on APB. One access at a time, writes before reads.

module virtio_axil_to_apb (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [11:0] s_axil_awaddr,
    input  logic [ 2:0] s_axil_awprot,
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
    input  logic [ 2:0] s_axil_arprot,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic        psel_o,
    output logic        penable_o,
    output logic        pwrite_o,
    output logic [11:0] paddr_o,
    output logic [31:0] pwdata_o,
    output logic [ 3:0] pstrb_o,
    output logic [ 2:0] pprot_o,
    input  logic [31:0] prdata_i,
    input  logic        pready_i,
    input  logic        pslverr_i
);

  logic read, write, enable_q;

  // An access of APB is one of the simple port, with a cycle of set-up before penable.
  virtio_axil_to_simple u_simple (
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
      .addr_o (paddr_o),
      .read_o (read),
      .write_o(write),
      .wdata_o(pwdata_o),
      .wstrb_o(pstrb_o),
      .prot_o (pprot_o),
      .rdata_i(prdata_i),
      .ready_i(enable_q && pready_i),
      .error_i(pslverr_i)
  );

  assign psel_o = read || write;
  assign penable_o = enable_q;
  assign pwrite_o = write;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) enable_q <= 1'b0;
    else enable_q <= psel_o && !(enable_q && pready_i);
  end

endmodule
