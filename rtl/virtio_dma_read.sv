// SPDX-License-Identifier: Apache-2.0
// AXI4 read master shared by several clients, one burst a request, the first client first.
//
// A client asks for a burst (`req_*`: start address, AxLEN, AxSIZE; not across 4 KiB) and gets exactly AxLEN + 1 beats back on
// `rsp_*`, which it must take at once: it asks only when it has room. Lanes are those of the bus. `rsp_err_o` marks a beat that
// came with an error response or in a burst of the wrong length; a burst that ends early is padded with such beats. Beats are counted: when
// one that should be the last is not marked so, nobody knows what the beats after it belong to, and all are errors until a flush. All
// reads use ID 0, so responses come in the order asked. `flush_i` stops new bursts and drops what still comes; `idle_o`
// says that nothing is outstanding.

module virtio_dma_read #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int AxiIdWidth = 4,
    parameter int Clients = 2,
    parameter int Outstanding = 8  // power of two
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          flush_i,
    output logic                          idle_o,
    // Clients
    input  logic [     Clients-1:0]       req_valid_i,
    output logic [     Clients-1:0]       req_ready_o,
    input  logic [     Clients-1:0][63:0] req_addr_i,
    input  logic [     Clients-1:0][ 7:0] req_len_i,
    input  logic [     Clients-1:0][ 2:0] req_size_i,
    output logic [     Clients-1:0]       rsp_valid_o,
    output logic [AxiDataWidth-1:0]       rsp_data_o,
    output logic                          rsp_last_o,
    output logic                          rsp_err_o,
    // AXI4
    output logic [  AxiIdWidth-1:0]       m_axi_arid,
    output logic [AxiAddrWidth-1:0]       m_axi_araddr,
    output logic [             7:0]       m_axi_arlen,
    output logic [             2:0]       m_axi_arsize,
    output logic                          m_axi_arvalid,
    input  logic                          m_axi_arready,
    input  logic [  AxiIdWidth-1:0]       m_axi_rid,
    input  logic [AxiDataWidth-1:0]       m_axi_rdata,
    input  logic [             1:0]       m_axi_rresp,
    input  logic                          m_axi_rlast,
    input  logic                          m_axi_rvalid,
    output logic                          m_axi_rready
);

  localparam int RequestWidth = 64 + 8 + 3;

  logic room, accept, ar_free;
  logic [Clients-1:0] grant;
  logic [63:0] first_addr;
  logic [7:0] first_len;
  logic [2:0] first_size;

  logic ar_valid_q;
  logic [AxiAddrWidth-1:0] ar_addr_q;
  logic [7:0] ar_len_q;
  logic [2:0] ar_size_q;

  logic flight_room, flight_valid;
  logic [Clients-1:0] flight_client;
  logic [7:0] flight_len;
  logic [$clog2(Outstanding):0] unused_flight_count;

  // The oldest burst: whose it is, beats behind the next one, and whether there are none
  logic burst_valid_q, burst_final_q;
  logic [Clients-1:0] burst_client_q;
  logic [7:0] burst_left_q;
  logic pad_q, pad_d;
  logic lost_q;  // an RLAST was missing
  logic beat, beat_final, burst_done, burst_next;

  // Address channel.
  // What the first client that asks says. One multiplexer after the other: the first client, whose turn it is at once, is the last of them.
  function automatic logic [RequestWidth-1:0] first_request(
      input logic [Clients-1:0] valid, input logic [Clients*64-1:0] addr, input logic [Clients*8-1:0] len,
      input logic [Clients*3-1:0] size);
    first_request = '0;
    for (int i = Clients - 1; i >= 0; i--) begin
      if (valid[i]) first_request = {addr[64*i+:64], len[8*i+:8], size[3*i+:3]};
    end
  endfunction

  // The lowest client first: rings before buffers, for a ring is never asked about much at a time, and others wait for what it says.
  for (genvar i = 0; i < Clients; i++) begin : g_grant
    localparam logic [Clients-1:0] Before = (Clients'(1) << i) - Clients'(1);
    assign grant[i] = req_valid_i[i] && (req_valid_i & Before) == '0;
  end
  assign {first_addr, first_len, first_size} = first_request(req_valid_i, req_addr_i, req_len_i, req_size_i);

  assign ar_free = !ar_valid_q || m_axi_arready;
  assign room = ar_free && flight_room && !flush_i;
  assign accept = req_valid_i != '0 && room;
  assign req_ready_o = grant & {Clients{room}};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ar_valid_q <= 1'b0;
      ar_addr_q  <= '0;
      ar_len_q   <= '0;
      ar_size_q  <= '0;
    end else if (ar_free) begin
      ar_valid_q <= accept;
      if (accept) begin
        ar_addr_q <= AxiAddrWidth'(first_addr);
        ar_len_q  <= first_len;
        ar_size_q <= first_size;
      end
    end
  end

  assign m_axi_arid    = '0;
  assign m_axi_araddr  = ar_addr_q;
  assign m_axi_arlen   = ar_len_q;
  assign m_axi_arsize  = ar_size_q;
  assign m_axi_arvalid = ar_valid_q;

  // Bursts under way, oldest first. The oldest one is in registers, for beats come no sooner than two cycles after it
  // was taken; so there may be one more of them.
  virtio_fifo #(
      .Width(Clients + 8),
      .Depth(Outstanding)
  ) u_flight (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (accept),
      .in_ready_o (flight_room),
      .in_data_i  ({grant, first_len}),
      .out_valid_o(flight_valid),
      .out_ready_i(burst_next),
      .out_data_o ({flight_client, flight_len}),
      .count_o    (unused_flight_count)
  );

  assign m_axi_rready = !pad_q;
  assign beat         = pad_q || (m_axi_rvalid && burst_valid_q);
  assign beat_final   = burst_final_q;
  assign pad_d        = beat && !beat_final && (pad_q || m_axi_rlast);
  assign burst_done   = beat && beat_final;
  assign burst_next   = !burst_valid_q || burst_done;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      burst_valid_q  <= 1'b0;
      burst_client_q <= '0;
      burst_left_q   <= '0;
      burst_final_q  <= 1'b0;
      pad_q          <= 1'b0;
      lost_q         <= 1'b0;
    end else begin
      pad_q <= pad_d;
      if (burst_next) begin
        burst_valid_q  <= flight_valid;
        burst_client_q <= flight_client;
        burst_left_q   <= flight_len;
        burst_final_q  <= flight_len == 8'd0;
      end else if (beat) begin
        burst_left_q  <= burst_left_q - 8'd1;
        burst_final_q <= burst_left_q == 8'd1;
      end
      if (burst_done && !pad_q && !m_axi_rlast) lost_q <= 1'b1;
      else if (flush_i && idle_o) lost_q <= 1'b0;
    end
  end

  for (genvar i = 0; i < Clients; i++) begin : g_rsp
    assign rsp_valid_o[i] = beat && burst_client_q[i] && !flush_i;
  end
  assign rsp_data_o = m_axi_rdata;
  assign rsp_last_o = beat_final;
  assign rsp_err_o  = pad_q || lost_q || m_axi_rresp[1] || m_axi_rid != '0 || m_axi_rlast != rsp_last_o;
  assign idle_o     = !ar_valid_q && !flight_valid && !burst_valid_q && !pad_q;

  wire unused_ok = ^unused_flight_count;

endmodule
