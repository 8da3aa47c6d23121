// SPDX-License-Identifier: Apache-2.0
// AXI4 write master shared by several clients, one burst a request, the first client first.
//
// A client asks for a burst (`req_*`: word-aligned start address, AxLEN, a tag of its own; not across 4 KiB) and holds all its
// beats ready on `w_*` when it does; `w_pop_o` takes them one by one. `done_*` reports each write response with the tag, in the
// order asked; one that comes before its last beat was taken is an error. `flush_i` stops new bursts; a burst already begun is finished with its strobes off, as AXI bursts cannot be cut.
// `idle_o` says that nothing is outstanding.

module virtio_dma_write #(
    parameter int AxiDataWidth = 64,
    parameter int AxiAddrWidth = 64,
    parameter int AxiIdWidth = 4,
    parameter int Clients = 2,
    parameter int TagWidth = 3,
    parameter int Outstanding = 8,  // power of two
    localparam int StrbWidth = AxiDataWidth / 8
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  logic                                      flush_i,
    output logic                                      idle_o,
    // Clients
    input  logic [     Clients-1:0]                   req_valid_i,
    output logic [     Clients-1:0]                   req_ready_o,
    input  logic [     Clients-1:0][            63:0] req_addr_i,
    input  logic [     Clients-1:0][             7:0] req_len_i,
    input  logic [     Clients-1:0][    TagWidth-1:0] req_tag_i,
    input  logic [     Clients-1:0][AxiDataWidth-1:0] w_data_i,
    input  logic [     Clients-1:0][   StrbWidth-1:0] w_strb_i,
    output logic [     Clients-1:0]                   w_pop_o,
    output logic [     Clients-1:0]                   done_valid_o,
    output logic [    TagWidth-1:0]                   done_tag_o,
    output logic                                      done_err_o,
    // AXI4
    output logic [  AxiIdWidth-1:0]                   m_axi_awid,
    output logic [AxiAddrWidth-1:0]                   m_axi_awaddr,
    output logic [             7:0]                   m_axi_awlen,
    output logic                                      m_axi_awvalid,
    input  logic                                      m_axi_awready,
    output logic [AxiDataWidth-1:0]                   m_axi_wdata,
    output logic [   StrbWidth-1:0]                   m_axi_wstrb,
    output logic                                      m_axi_wlast,
    output logic                                      m_axi_wvalid,
    input  logic                                      m_axi_wready,
    input  logic [  AxiIdWidth-1:0]                   m_axi_bid,
    input  logic [             1:0]                   m_axi_bresp,
    input  logic                                      m_axi_bvalid,
    output logic                                      m_axi_bready
);

  localparam int ClientWidth = (Clients > 1) ? $clog2(Clients) : 1;

  localparam int RequestWidth = ClientWidth + 64 + 8 + TagWidth;

  // Flat views: Icarus 11 takes no variable index on a packed array of vectors.
  wire [Clients*AxiDataWidth-1:0] w_data = w_data_i;
  wire [Clients*StrbWidth-1:0] w_strb = w_strb_i;

  logic room, accept;
  logic [Clients-1:0] grant;
  logic [ClientWidth-1:0] req_client;
  logic [63:0] first_addr;
  logic [7:0] first_len;
  logic [TagWidth-1:0] first_tag;

  logic aw_valid_q, aw_free;
  logic [AxiAddrWidth-1:0] aw_addr_q;
  logic [7:0] aw_len_q;

  logic w_active_q, w_load, w_free, w_ends;  // beats of the burst `w_client_q` are still to be loaded
  logic                   w_final_q;  // only one
  logic                   w_void_q;  // its client has been flushed
  logic [ClientWidth-1:0] w_client_q;
  logic [            7:0] w_left_q;
  logic w_valid_q, w_last_q;
  logic [AxiDataWidth-1:0] w_data_q;
  logic [StrbWidth-1:0] w_strb_q;

  logic flight_room, flight_valid;
  logic [Clients-1:0] flight_client;
  logic [TagWidth-1:0] flight_tag;
  logic oldest_valid_q;
  logic [Clients-1:0] oldest_client_q;
  logic [TagWidth-1:0] oldest_tag_q;
  logic [$clog2(Outstanding):0] unused_flight_count;
  logic signed [$clog2(Outstanding)+1:0] whole_q;  // bursts written to the last beat and not answered
  logic answered;

  // What the first client that asks says. One multiplexer after the other: the first client, whose turn it is at once,
  // is the last of them.
  function automatic logic [RequestWidth-1:0] first_request(
      input logic [Clients-1:0] valid, input logic [Clients*64-1:0] addr, input logic [Clients*8-1:0] len,
      input logic [Clients*TagWidth-1:0] tag);
    first_request = '0;
    for (int i = Clients - 1; i >= 0; i--) begin
      if (valid[i]) first_request = {ClientWidth'(i), addr[64*i+:64], len[8*i+:8], tag[TagWidth*i+:TagWidth]};
    end
  endfunction

  // The lowest client first: rings before buffers, for a ring is never asked about much at a time, and others wait for what it says.
  for (genvar i = 0; i < Clients; i++) begin : g_grant
    localparam logic [Clients-1:0] Before = (Clients'(1) << i) - Clients'(1);
    assign grant[i] = req_valid_i[i] && (req_valid_i & Before) == '0;
  end
  assign {req_client, first_addr, first_len, first_tag} = first_request(req_valid_i, req_addr_i, req_len_i, req_tag_i);

  assign aw_free                                        = !aw_valid_q || m_axi_awready;
  assign w_free                                         = !w_valid_q || m_axi_wready;
  assign w_load                                         = w_active_q && w_free;
  assign w_ends                                         = w_load && w_final_q;
  assign room                                           = aw_free && (!w_active_q || w_ends) && flight_room && !flush_i;
  assign accept                                         = req_valid_i != '0 && room;
  assign req_ready_o                                    = grant & {Clients{room}};

  for (genvar i = 0; i < Clients; i++) begin : g_client
    assign w_pop_o[i]      = w_load && w_client_q == i && !w_void_q && !flush_i;
    assign done_valid_o[i] = answered && oldest_client_q[i] && !flush_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_valid_q <= 1'b0;
      aw_addr_q  <= '0;
      aw_len_q   <= '0;
    end else if (aw_free) begin
      aw_valid_q <= accept;
      if (accept) begin
        aw_addr_q <= AxiAddrWidth'(first_addr);
        aw_len_q  <= first_len;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      w_active_q <= 1'b0;
      w_void_q   <= 1'b0;
      w_client_q <= '0;
      w_left_q   <= '0;
      w_final_q  <= 1'b0;
      w_valid_q  <= 1'b0;
      w_last_q   <= 1'b0;
      w_data_q   <= '0;
      w_strb_q   <= '0;
    end else begin
      if (w_free) begin
        w_valid_q <= w_load;
        if (w_load) begin
          w_last_q  <= w_final_q;
          w_final_q <= w_left_q == 8'd1;
          w_data_q  <= w_data[AxiDataWidth*w_client_q+:AxiDataWidth];
          w_strb_q  <= (flush_i || w_void_q) ? '0 : w_strb[StrbWidth*w_client_q+:StrbWidth];
          w_left_q  <= w_left_q - 8'd1;
        end
      end
      if (accept) begin
        w_active_q <= 1'b1;
        w_client_q <= req_client;
        w_left_q   <= first_len;
        w_final_q  <= first_len == 8'd0;
        w_void_q   <= 1'b0;
      end else begin
        if (w_ends) w_active_q <= 1'b0;
        if (flush_i) w_void_q <= 1'b1;
      end
    end
  end

  // Bursts under way, oldest first. The oldest one is in registers, for it is answered no sooner than two cycles after it
  // was taken; so there may be one more of them.
  virtio_fifo #(
      .Width(Clients + TagWidth),
      .Depth(Outstanding)
  ) u_flight (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (accept),
      .in_ready_o (flight_room),
      .in_data_i  ({grant, first_tag}),
      .out_valid_o(flight_valid),
      .out_ready_i(!oldest_valid_q || answered),
      .out_data_o ({flight_client, flight_tag}),
      .count_o    (unused_flight_count)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      oldest_valid_q  <= 1'b0;
      oldest_client_q <= '0;
      oldest_tag_q    <= '0;
    end else if (!oldest_valid_q || answered) begin
      oldest_valid_q  <= flight_valid;
      oldest_client_q <= flight_client;
      oldest_tag_q    <= flight_tag;
    end
  end

  assign answered = m_axi_bvalid && oldest_valid_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) whole_q <= '0;
    else if (w_valid_q && m_axi_wready && w_last_q && !answered) whole_q <= whole_q + 1;
    else if (!(w_valid_q && m_axi_wready && w_last_q) && answered) whole_q <= whole_q - 1;
  end

  assign m_axi_awid    = '0;
  assign m_axi_awaddr  = aw_addr_q;
  assign m_axi_awlen   = aw_len_q;
  assign m_axi_awvalid = aw_valid_q;
  assign m_axi_wdata   = w_data_q;
  assign m_axi_wstrb   = w_strb_q;
  assign m_axi_wlast   = w_last_q;
  assign m_axi_wvalid  = w_valid_q;
  assign m_axi_bready  = 1'b1;

  assign done_tag_o    = oldest_tag_q;
  assign done_err_o    = m_axi_bresp[1] || m_axi_bid != '0 || whole_q <= 0;
  assign idle_o        = !aw_valid_q && !w_active_q && !w_valid_q && !flight_valid && !oldest_valid_q;

  wire unused_ok = ^unused_flight_count;

endmodule
