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

  localparam logic [1:0] Idle = 2'd0, Setup = 2'd1, Access = 2'd2, Answer = 2'd3;
  localparam logic [1:0] Okay = 2'b00, SlvErr = 2'b10;

  logic [1:0] state_q;
  logic write_q, error_q;
  logic [11:0] addr_q;
  logic [31:0] data_q;
  logic [3:0] strb_q;
  logic [2:0] prot_q;
  logic writes, reads;

  assign writes = state_q == Idle && s_axil_awvalid && s_axil_wvalid;
  assign reads = state_q == Idle && s_axil_arvalid && !writes;

  assign s_axil_awready = writes;
  assign s_axil_wready = writes;
  assign s_axil_arready = reads;
  assign s_axil_bvalid = state_q == Answer && write_q;
  assign s_axil_bresp = error_q ? SlvErr : Okay;
  assign s_axil_rvalid = state_q == Answer && !write_q;
  assign s_axil_rresp = error_q ? SlvErr : Okay;
  assign s_axil_rdata = data_q;

  assign psel_o = state_q == Setup || state_q == Access;
  assign penable_o = state_q == Access;
  assign pwrite_o = write_q;
  assign paddr_o = addr_q;
  assign pwdata_o = data_q;
  assign pstrb_o = write_q ? strb_q : 4'd0;
  assign pprot_o = prot_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
      write_q <= 1'b0;
      error_q <= 1'b0;
      addr_q  <= '0;
      data_q  <= '0;
      strb_q  <= '0;
      prot_q  <= '0;
    end else begin
      case (state_q)
        Idle: begin
          if (writes || reads) begin
            state_q <= Setup;
            write_q <= writes;
            addr_q  <= writes ? s_axil_awaddr : s_axil_araddr;
            prot_q  <= writes ? s_axil_awprot : s_axil_arprot;
            data_q  <= s_axil_wdata;
            strb_q  <= s_axil_wstrb;
          end
        end
        Setup: state_q <= Access;
        Access: begin
          if (pready_i) begin
            state_q <= Answer;
            error_q <= pslverr_i;
            if (!write_q) data_q <= prdata_i;
          end
        end
        default: if (write_q ? s_axil_bready : s_axil_rready) state_q <= Idle;
      endcase
    end
  end

endmodule
