// SPDX-License-Identifier: Apache-2.0
// Everything of a VirtIO-MMIO device but the device type: registers, interrupt, virtqueues, AXI4 DMA.
//
// The boundary to the device type (all valid/ready streams: a beat moves where both are high; chains in the order given):
//   chain_*   one a chain: queue, and the lengths in bytes of its device-readable and device-writable parts. The device type serves chains
//             one after another; it may take the next before the last one is answered, but answers in order.
//   req_*     the readable part as packed bytes, lane 0 first, only the last beat shorter (req_keep); no beat for an empty part.
//             req_err marks bytes that could not be read. All beats are to be taken, or the rest dropped by a pulse on req_skip: not for an
//             empty part, and at the latest in the cycle of the last beat; either no later than the cycle of rsp_last, for the chain is
//             given back then.
//   rsp_*     the answer; see virtio_chain_writer. Exactly one rsp_last a chain; a beat with rsp_tail is its last. With rsp_more in that
//             beat the chain becomes used together with the next one of its queue, which is to follow; of one queue at a time, and
//             only with `UsedTogether`.
//   queue_want  level: that queue's ring may be visited now. Chains taken before it fell still come.
//   queue_credit  for the queues in CreditQueues instead: a pulse allows one more chain to be taken (up to 255 of them). For queues whose
//             chains wait for something to happen: with a credit given only when there is something to put into a chain, none of
//             them holds up the chains of other queues. Credits are forgotten while queue_live is low.
//   queue_live  level: that queue is ready and the device runs. When it falls, chains already taken still come and are served.
//   queue_drop  level: that queue is being reset. Chains of it that the device type has or still gets are to be answered soon, with
//             whatever (rsp_last with nothing will do): it reaches no driver.
//   device_reset  level, during a device reset and while DEVICE_NEEDS_RESET is set: forget everything; no beat is taken or given.
//   config_*  configuration space, byte offsets of aligned words, read combinationally; strobes on writes, which come in every state of
//             the device.
//   config_changed  pulse, in the cycle in which a configuration field takes its new value.
//   device_features_i  the bits of the device type; the core adds VERSION_1 and TransportFeatures.

module virtio_mmio_core #(
    parameter int AxiDataWidth = 64,  // 32 to 512
    parameter int AxiAddrWidth = 64,  // 32 to 64
    parameter int AxiIdWidth = 4,
    parameter int NumQueues = 2,
    parameter logic [NumQueues*16-1:0] QueueSizeMax = {NumQueues{16'd256}},
    parameter logic [NumQueues-1:0] CreditQueues = '0,
    parameter bit UsedTogether = 1'b0,  // rsp_more is used
    parameter int ChainsAhead = 4,  // chains fetched and not yet being answered, power of two
    parameter logic [63:0] TransportFeatures = '0,  // offered ones of virtio_pkg::TRANSPORT_FEATURES
    parameter logic [3:0] AxiCache = 4'b0011,  // normal memory, non-cacheable, bufferable
    parameter logic [3:0] AxiCacheOrderPlatform = 4'b0010,  // with ORDER_PLATFORM: write responses come from the destination
    parameter logic [3:0] AxiCacheAccessPlatform = 4'b1111,  // with ACCESS_PLATFORM: seen by the platform as the CPU's accesses are
    parameter logic [2:0] AxiProt = 3'b000,
    parameter logic [31:0] DeviceId = 32'd0,
    parameter logic [31:0] VendorId = 32'd0,
    parameter logic [31:0] Version = 32'd2,  // 2 by the standard; another value only to test drivers
    parameter logic [15:0] IndexInit = 16'd0,  // 0 by the standard; another value only to test the wrap
    parameter int AccessTimeout = 1024,  // longest wait of a register write, cycles
    parameter int MaxBurst = 16,  // beats of a DMA burst, power of two
    parameter int Outstanding = 16,  // bursts under way on each of the read and write channels, power of two
    parameter int ReadBufferBeats = 256,  // power of two, at least MaxBurst
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
    // Device type
    input  logic [            63:0] device_features_i,
    output logic [            63:0] driver_features_o,
    output logic                    device_reset_o,
    output logic [            11:0] config_rd_offset_o,
    input  logic [            31:0] config_rd_data_i,
    output logic                    config_wr_en_o,
    output logic [            11:0] config_wr_offset_o,
    output logic [            31:0] config_wr_data_o,
    output logic [             3:0] config_wr_strb_o,
    input  logic                    config_changed_i,
    input  logic [   NumQueues-1:0] queue_want_i,
    input  logic [   NumQueues-1:0] queue_credit_i,
    output logic [   NumQueues-1:0] queue_live_o,
    output logic [   NumQueues-1:0] queue_drop_o,
    output logic                    chain_valid_o,
    input  logic                    chain_ready_i,
    output logic [            15:0] chain_queue_o,
    output logic [            31:0] chain_readable_len_o,
    output logic [            31:0] chain_writable_len_o,
    output logic                    req_valid_o,
    input  logic                    req_ready_i,
    output logic [AxiDataWidth-1:0] req_data_o,
    output logic [       Bytes-1:0] req_keep_o,
    output logic                    req_last_o,
    output logic                    req_err_o,
    input  logic                    req_skip_i,
    input  logic                    rsp_valid_i,
    output logic                    rsp_ready_o,
    input  logic [AxiDataWidth-1:0] rsp_data_i,
    input  logic [       Bytes-1:0] rsp_keep_i,
    input  logic                    rsp_last_i,
    input  logic                    rsp_tail_i,
    input  logic [             7:0] rsp_tail_err_i,
    input  logic                    rsp_more_i
);

  import virtio_pkg::*;

  localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1;
  localparam int TagWidth = 3;
  localparam logic [63:0] CoreFeatures = (64'd1 << FEATURE_VERSION_1) | TransportFeatures;

  // Depth of the segment stores: the longest chain that a driver may make.
  function automatic int longest_chain();
    longest_chain = 2;
    for (int i = 0; i < NumQueues; i++) begin
      if (int'(QueueSizeMax[16*i+:16]) > longest_chain) longest_chain = int'(QueueSizeMax[16*i+:16]);
    end
  endfunction
  localparam int MaxChain = 1 << $clog2(longest_chain());

  function automatic logic queue_sizes_valid();
    queue_sizes_valid = 1'b1;
    for (int i = 0; i < NumQueues; i++) begin
      if (QueueSizeMax[16*i+:16] == 16'd0 || QueueSizeMax[16*i+:16] > 16'd32768) queue_sizes_valid = 1'b0;
    end
  endfunction

  virtio_param_check #(
      .Ok     (AxiDataWidth >= 32 && AxiDataWidth <= 512 && (1 << $clog2(AxiDataWidth)) == AxiDataWidth),
      .Message("virtio_mmio_core: AxiDataWidth must be 32, 64, 128, 256 or 512")
  ) u_check_data_width ();
  virtio_param_check #(
      .Ok     (AxiAddrWidth >= 32 && AxiAddrWidth <= 64),
      .Message("virtio_mmio_core: AxiAddrWidth must be 32 to 64")
  ) u_check_addr_width ();
  virtio_param_check #(
      .Ok     (NumQueues >= 1 && NumQueues <= 1024),
      .Message("virtio_mmio_core: NumQueues must be 1 to 1024")
  ) u_check_num_queues ();
  virtio_param_check #(
      .Ok     (queue_sizes_valid()),
      .Message("virtio_mmio_core: each field of QueueSizeMax must be 1 to 32768")
  ) u_check_queue_size ();
  virtio_param_check #(
      .Ok     (MaxBurst >= 2 && MaxBurst <= 256 && (1 << $clog2(MaxBurst)) == MaxBurst && MaxBurst * Bytes <= 4096),
      .Message("virtio_mmio_core: MaxBurst must be a power of two, 2 to 256 beats, at most 4096 bytes")
  ) u_check_burst ();
  virtio_param_check #(
      .Ok     (ReadBufferBeats >= MaxBurst && (1 << $clog2(ReadBufferBeats)) == ReadBufferBeats),
      .Message("virtio_mmio_core: ReadBufferBeats must be a power of two, at least MaxBurst")
  ) u_check_buffer ();
  virtio_param_check #(
      .Ok     (Outstanding >= 2 && (1 << $clog2(Outstanding)) == Outstanding),
      .Message("virtio_mmio_core: Outstanding must be a power of two, at least 2")
  ) u_check_outstanding ();
  virtio_param_check #(
      .Ok     (AccessTimeout >= 1),
      .Message("virtio_mmio_core: AccessTimeout must be at least 1")
  ) u_check_timeout ();

  virtio_param_check #(
      .Ok     ((TransportFeatures & ~TRANSPORT_FEATURES) == 64'd0),
      .Message("virtio_mmio_core: TransportFeatures has bits that the core does not know")
  ) u_check_features ();

  logic wr_en, wr_wait;
  logic [11:0] wr_addr, rd_addr;
  logic [31:0] wr_data, rd_data;
  logic [3:0] wr_strb;

  logic flush_q, unquiet_q;
  logic live, device_reset, flush, quiet, rd_idle, wr_idle, fatal, used_event;
  logic [NumQueues-1:0] queue_ready, queue_enabled, queue_resetting, queue_busy, notify;
  logic [QueueWidth-1:0] read_queue, desc_queue, used_queue;
  queue_cfg_t read_cfg, desc_cfg, used_cfg;

  // DMA read clients: 0 to 3 ring front end, 4 chain reader. DMA write clients: 0 and 1 ring front end, 2 retire, 3 chain writer.
  localparam int ReadClients = 5;
  localparam int WriteClients = 4;
  logic [ReadClients-1:0] rd_req_valid, rd_req_ready, rd_rsp_valid;
  logic [ReadClients-1:0][63:0] rd_req_addr;
  logic [ReadClients-1:0][7:0] rd_req_len;
  logic [ReadClients-1:0][2:0] rd_req_size;
  logic [AxiDataWidth-1:0] rd_rsp_data;
  logic rd_rsp_last, rd_rsp_err;
  logic [WriteClients-1:0] wr_req_valid, wr_req_ready, wr_pop, wr_done;
  logic [WriteClients-1:0][63:0] wr_req_addr;
  logic [WriteClients-1:0][7:0] wr_req_len;
  logic [WriteClients-1:0][TagWidth-1:0] wr_req_tag;
  logic [WriteClients-1:0][AxiDataWidth-1:0] wr_client_data;
  logic [WriteClients-1:0][Bytes-1:0] wr_client_strb;
  logic [TagWidth-1:0] wr_done_tag;
  logic wr_done_err;
  logic [3:0] cache_d, cache_q;
  logic [63:0] features;

  logic readable_valid, readable_ready, writable_valid, writable_ready;
  segment_t readable, writable;
  logic device_chain_valid, device_chain_ready, skip_busy;
  logic writer_chain_valid, writer_chain_ready;
  chain_t device_chain, writer_chain;
  logic burst_issued, retire_valid, retire_ready, retire_tail, early_valid, cpl_valid, cpl_ready;
  logic [TagWidth-1:0] burst_tag;
  logic [63:0] retire_tail_addr;
  logic [15:0] retire_tail_bytes;
  completion_t retire, early, cpl;

  // A device reset and DEVICE_NEEDS_RESET both stop the data path; the DMA engines finish what is on the bus.
  assign quiet          = rd_idle && wr_idle;
  assign device_reset_o = flush;

  // What the registers show of it is a cycle late, so all queues are busy in the first one.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      flush_q   <= 1'b0;
      unquiet_q <= 1'b0;
    end else begin
      flush_q   <= flush;
      unquiet_q <= !quiet;
    end
  end

  virtio_axil_slave u_axil_slave (
      .clk_i,
      .rst_ni,
      .s_axil_awaddr,
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
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .wr_en_o  (wr_en),
      .wr_addr_o(wr_addr),
      .wr_data_o(wr_data),
      .wr_strb_o(wr_strb),
      .wr_wait_i(wr_wait),
      .rd_addr_o(rd_addr),
      .rd_data_i(rd_data)
  );

  virtio_mmio_regs #(
      .NumQueues    (NumQueues),
      .AxiAddrWidth (AxiAddrWidth),
      .QueueSizeMax (QueueSizeMax),
      .DeviceId     (DeviceId),
      .VendorId     (VendorId),
      .Version      (Version),
      .AccessTimeout(AccessTimeout),
      .CoreFeatures (CoreFeatures)
  ) u_regs (
      .clk_i,
      .rst_ni,
      .wr_en_i          (wr_en),
      .wr_addr_i        (wr_addr),
      .wr_data_i        (wr_data),
      .wr_strb_i        (wr_strb),
      .wr_wait_o        (wr_wait),
      .rd_addr_i        (rd_addr),
      .rd_data_o        (rd_data),
      .device_features_i(device_features_i | CoreFeatures),
      .driver_features_o,
      .device_reset_o   (device_reset),
      .config_rd_offset_o,
      .config_rd_data_i,
      .config_wr_en_o,
      .config_wr_offset_o,
      .config_wr_data_o,
      .config_wr_strb_o,
      .config_changed_i,
      .fatal_i          (fatal),
      .quiet_i          (quiet),
      .live_o           (live),
      .flush_o          (flush),
      .queue_ready_o    (queue_ready),
      .queue_enabled_o  (queue_enabled),
      .queue_resetting_o(queue_resetting),
      .queue_busy_i     (queue_busy | {NumQueues{flush && (!flush_q || unquiet_q)}}),
      .notify_o         (notify),
      .read_queue_i     (read_queue),
      .read_cfg_o       (read_cfg),
      .desc_queue_i     (desc_queue),
      .desc_cfg_o       (desc_cfg),
      .used_queue_i     (used_queue),
      .used_cfg_o       (used_cfg),
      .used_event_i     (used_event),
      .irq_o
  );

  // What is not offered is 0 for good, so that its logic goes.
  assign features = driver_features_o & CoreFeatures;
  assign queue_live_o = queue_ready & {NumQueues{live}};
  assign queue_drop_o = queue_resetting;

  virtio_ring #(
      .AxiDataWidth     (AxiDataWidth),
      .AxiAddrWidth     (AxiAddrWidth),
      .NumQueues        (NumQueues),
      .CreditQueues     (CreditQueues),
      .UsedTogether     (UsedTogether),
      .ChainsAhead      (ChainsAhead),
      .MaxChain         (MaxChain),
      .IndexInit        (IndexInit),
      .TransportFeatures(TransportFeatures)
  ) u_ring (
      .clk_i,
      .rst_ni,
      .clear_i             (flush),
      .features_i          (features),
      .live_i              (queue_live_o),
      .notify_i            (notify),
      .enabled_i           (queue_enabled),
      .dropping_i          (queue_resetting),
      .want_i              (queue_want_i),
      .credit_i            (queue_credit_i),
      .busy_o              (queue_busy),
      .read_queue_o        (read_queue),
      .read_cfg_i          (read_cfg),
      .desc_queue_o        (desc_queue),
      .desc_cfg_i          (desc_cfg),
      .used_queue_o        (used_queue),
      .used_cfg_i          (used_cfg),
      .used_event_o        (used_event),
      .fatal_o             (fatal),
      .rd_req_valid_o      (rd_req_valid[3:0]),
      .rd_req_ready_i      (rd_req_ready[3:0]),
      .rd_req_addr_o       (rd_req_addr[3:0]),
      .rd_req_len_o        (rd_req_len[3:0]),
      .rd_req_size_o       (rd_req_size[3:0]),
      .rd_rsp_valid_i      (rd_rsp_valid[3:0]),
      .rd_rsp_data_i       (rd_rsp_data),
      .rd_rsp_last_i       (rd_rsp_last),
      .rd_rsp_err_i        (rd_rsp_err),
      .wr_req_valid_o      (wr_req_valid[1:0]),
      .wr_req_ready_i      (wr_req_ready[1:0]),
      .wr_req_addr_o       (wr_req_addr[1:0]),
      .wr_data_o           (wr_client_data[1:0]),
      .wr_strb_o           (wr_client_strb[1:0]),
      .wr_pop_i            (wr_pop[1:0]),
      .wr_done_i           (wr_done[1:0]),
      .wr_done_err_i       (wr_done_err),
      .readable_valid_o    (readable_valid),
      .readable_ready_i    (readable_ready),
      .readable_o          (readable),
      .writable_valid_o    (writable_valid),
      .writable_ready_i    (writable_ready),
      .writable_o          (writable),
      .device_chain_valid_o(device_chain_valid),
      .device_chain_ready_i(device_chain_ready),
      .device_chain_o      (device_chain),
      .writer_chain_valid_o(writer_chain_valid),
      .writer_chain_ready_i(writer_chain_ready),
      .writer_chain_o      (writer_chain),
      .early_valid_i       (early_valid && !wr_req_valid[3]),  // not before its data
      .early_i             (early),
      .cpl_valid_i         (cpl_valid),
      .cpl_ready_o         (cpl_ready),
      .cpl_i               (cpl)
  );
  assign wr_req_len[1:0]      = '0;
  assign wr_req_tag[1:0]      = '0;
  // The next chain is shown only when nothing of one skipped is left on the request stream; nor is the one skipped given back
  // before, for its buffers are still being read.
  assign chain_valid_o        = device_chain_valid && !skip_busy;
  assign device_chain_ready   = chain_ready_i && !skip_busy;
  assign chain_queue_o        = device_chain.queue_index;
  assign chain_readable_len_o = device_chain.readable_len;
  assign chain_writable_len_o = device_chain.writable_len;

  virtio_chain_reader #(
      .AxiDataWidth(AxiDataWidth),
      .MaxBurst    (MaxBurst),
      .BufferBeats (ReadBufferBeats)
  ) u_chain_reader (
      .clk_i,
      .rst_ni,
      .clear_i       (flush),
      .seg_valid_i   (readable_valid),
      .seg_ready_o   (readable_ready),
      .seg_i         (readable),
      .rd_req_valid_o(rd_req_valid[4]),
      .rd_req_ready_i(rd_req_ready[4]),
      .rd_req_addr_o (rd_req_addr[4]),
      .rd_req_len_o  (rd_req_len[4]),
      .rd_req_size_o (rd_req_size[4]),
      .rd_rsp_valid_i(rd_rsp_valid[4]),
      .rd_rsp_data_i (rd_rsp_data),
      .rd_rsp_last_i (rd_rsp_last),
      .rd_rsp_err_i  (rd_rsp_err),
      .req_valid_o,
      .req_ready_i,
      .req_data_o,
      .req_keep_o,
      .req_last_o,
      .req_err_o,
      .req_skip_i,
      .skip_busy_o   (skip_busy)
  );

  virtio_chain_writer #(
      .AxiDataWidth(AxiDataWidth),
      .MaxBurst    (MaxBurst),
      .TagWidth    (TagWidth)
  ) u_chain_writer (
      .clk_i,
      .rst_ni,
      .clear_i            (flush),
      .chain_valid_i      (writer_chain_valid),
      .chain_ready_o      (writer_chain_ready),
      .chain_i            (writer_chain),
      .seg_valid_i        (writable_valid),
      .seg_ready_o        (writable_ready),
      .seg_i              (writable),
      .rsp_valid_i,
      .rsp_ready_o,
      .rsp_data_i,
      .rsp_keep_i,
      .rsp_last_i,
      .rsp_tail_i,
      .rsp_tail_err_i,
      .rsp_more_i         (UsedTogether && rsp_more_i),
      .wr_req_valid_o     (wr_req_valid[3]),
      .wr_req_ready_i     (wr_req_ready[3]),
      .wr_req_addr_o      (wr_req_addr[3]),
      .wr_req_len_o       (wr_req_len[3]),
      .wr_req_tag_o       (wr_req_tag[3]),
      .wr_data_o          (wr_client_data[3]),
      .wr_strb_o          (wr_client_strb[3]),
      .wr_pop_i           (wr_pop[3]),
      .burst_issued_o     (burst_issued),
      .burst_tag_o        (burst_tag),
      .retire_valid_o     (retire_valid),
      .retire_ready_i     (retire_ready && !skip_busy),
      .retire_o           (retire),
      .retire_tail_o      (retire_tail),
      .retire_tail_addr_o (retire_tail_addr),
      .retire_tail_bytes_o(retire_tail_bytes)
  );

  virtio_chain_retire #(
      .AxiDataWidth(AxiDataWidth),
      .TagWidth    (TagWidth)
  ) u_chain_retire (
      .clk_i,
      .rst_ni,
      .clear_i            (flush),
      .burst_issued_i     (burst_issued),
      .burst_tag_i        (burst_tag),
      .burst_done_i       (wr_done[3]),
      .burst_done_tag_i   (wr_done_tag),
      .burst_done_err_i   (wr_done_err),
      .retire_valid_i     (retire_valid && !skip_busy),
      .retire_ready_o     (retire_ready),
      .retire_i           (retire),
      .retire_tail_i      (retire_tail),
      .retire_tail_addr_i (retire_tail_addr),
      .retire_tail_bytes_i(retire_tail_bytes),
      .wr_req_valid_o     (wr_req_valid[2]),
      .wr_req_ready_i     (wr_req_ready[2]),
      .wr_req_addr_o      (wr_req_addr[2]),
      .wr_data_o          (wr_client_data[2]),
      .wr_strb_o          (wr_client_strb[2]),
      .wr_done_i          (wr_done[2]),
      .wr_done_err_i      (wr_done_err),
      .early_valid_o      (early_valid),
      .early_o            (early),
      .cpl_valid_o        (cpl_valid),
      .cpl_ready_i        (cpl_ready),
      .cpl_o              (cpl)
  );
  assign wr_req_len[2] = 8'd0;
  assign wr_req_tag[2] = '0;

  virtio_dma_read #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .AxiIdWidth  (AxiIdWidth),
      .Clients     (ReadClients),
      .Outstanding (Outstanding)
  ) u_dma_read (
      .clk_i,
      .rst_ni,
      .flush_i    (flush),
      .idle_o     (rd_idle),
      .req_valid_i(rd_req_valid),
      .req_ready_o(rd_req_ready),
      .req_addr_i (rd_req_addr),
      .req_len_i  (rd_req_len),
      .req_size_i (rd_req_size),
      .rsp_valid_o(rd_rsp_valid),
      .rsp_data_o (rd_rsp_data),
      .rsp_last_o (rd_rsp_last),
      .rsp_err_o  (rd_rsp_err),
      .m_axi_arid,
      .m_axi_araddr,
      .m_axi_arlen,
      .m_axi_arsize,
      .m_axi_arvalid,
      .m_axi_arready,
      .m_axi_rid,
      .m_axi_rdata,
      .m_axi_rresp,
      .m_axi_rlast,
      .m_axi_rvalid,
      .m_axi_rready
  );

  virtio_dma_write #(
      .AxiDataWidth(AxiDataWidth),
      .AxiAddrWidth(AxiAddrWidth),
      .AxiIdWidth  (AxiIdWidth),
      .Clients     (WriteClients),
      .TagWidth    (TagWidth),
      .Outstanding (Outstanding)
  ) u_dma_write (
      .clk_i,
      .rst_ni,
      .flush_i     (flush),
      .idle_o      (wr_idle),
      .req_valid_i (wr_req_valid),
      .req_ready_o (wr_req_ready),
      .req_addr_i  (wr_req_addr),
      .req_len_i   (wr_req_len),
      .req_tag_i   (wr_req_tag),
      .w_data_i    (wr_client_data),
      .w_strb_i    (wr_client_strb),
      .w_pop_o     (wr_pop),
      .done_valid_o(wr_done),
      .done_tag_o  (wr_done_tag),
      .done_err_o  (wr_done_err),
      .m_axi_awid,
      .m_axi_awaddr,
      .m_axi_awlen,
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
      .m_axi_bready
  );

  // Full-width INCR writes; what kind of memory it is, the platform says.
  assign m_axi_awsize  = 3'($clog2(Bytes));
  assign m_axi_awburst = 2'b01;
  assign m_axi_awlock  = 1'b0;
  assign m_axi_awcache = cache_q;
  assign m_axi_awprot  = AxiProt;
  assign m_axi_arburst = 2'b01;
  assign m_axi_arlock  = 1'b0;
  assign m_axi_arcache = cache_q;
  assign m_axi_arprot  = AxiProt;

  always_comb begin
    cache_d = AxiCache;
    if (features[FEATURE_ORDER_PLATFORM]) cache_d = AxiCacheOrderPlatform;
    if (features[FEATURE_ACCESS_PLATFORM]) cache_d = AxiCacheAccessPlatform;
  end

  // A device reset forgets the features at once, but an address that waits for its ready must not change.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) cache_q <= AxiCache;
    else if ((!m_axi_arvalid || m_axi_arready) && (!m_axi_awvalid || m_axi_awready)) cache_q <= cache_d;
  end

  // Not every signal carries meaning: protection bits of register accesses are not checked, only payload beats are popped, `flush` says it all.
  wire unused_ok = ^{s_axil_awprot, s_axil_arprot, wr_pop[2], device_chain.fault, device_chain.head, device_reset};

endmodule
