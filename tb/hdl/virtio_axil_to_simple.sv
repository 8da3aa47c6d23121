// SPDX-License-Identifier: Apache-2.0
// Simulation only: AXI4-Lite to a simple port: addr with read or write high until ready, for devices whose registers
// are on such a one. One access at a time, writes before reads.

module virtio_axil_to_simple (
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
    output logic [11:0] addr_o,
    output logic        read_o,
    output logic        write_o,
    output logic [31:0] wdata_o,
    output logic [ 3:0] wstrb_o,
    output logic [ 2:0] prot_o,
    input  logic [31:0] rdata_i,
    input  logic        ready_i,
    input  logic        error_i
);

  localparam logic [1:0] Idle = 2'd0, Access = 2'd1, Answer = 2'd2;
  localparam logic [1:0] Okay = 2'b00, SlvErr = 2'b10;

  logic [1:0] state_q;
  logic write_q, error_q;
  logic [11:0] addr_q;
  logic [31:0] data_q;
  logic [ 3:0] strb_q;
  logic [ 2:0] prot_q;
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

  assign read_o = state_q == Access && !write_q;
  assign write_o = state_q == Access && write_q;
  assign addr_o = addr_q;
  assign wdata_o = data_q;
  assign wstrb_o = write_q ? strb_q : 4'd0;
  assign prot_o = prot_q;

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
            state_q <= Access;
            write_q <= writes;
            addr_q  <= writes ? s_axil_awaddr : s_axil_araddr;
            data_q  <= s_axil_wdata;
            strb_q  <= s_axil_wstrb;
            prot_q  <= writes ? s_axil_awprot : s_axil_arprot;
          end
        end
        Access: begin
          if (ready_i) begin
            state_q <= Answer;
            error_q <= error_i;
            if (!write_q) data_q <= rdata_i;
          end
        end
        default: if (write_q ? s_axil_bready : s_axil_rready) state_q <= Idle;
      endcase
    end
  end

endmodule
