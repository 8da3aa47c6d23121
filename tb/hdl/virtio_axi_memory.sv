// SPDX-License-Identifier: Apache-2.0
// Simulation only: an AXI4 memory that serves bursts without Python.
//
// Its bytes, address map, error windows and the order of answers are virtio_memory.cpp's; Python maps the same bytes
// (tb/cocotbext/virtio/sim/fast_memory.py). INCR, WRAP and FIXED, narrow and unaligned; several bursts outstanding; answers
// of one id come in the order of their addresses, those of different ids may overtake each other when `reorder` is set, or when
// one of them hits a window that never answers. An unmapped address answers DECERR. Read lanes that were not asked for
// carry 0xEE. Write data is taken once its address was.
//
// A write has taken effect when its data was taken, answered or not; a read takes its bytes when its beat is presented.
//
// The knobs may be changed at any time. Stalls are probabilities in 1/256 for a cycle: without ready on AW, W and AR, and
// without a new beat on B and R. Latencies are drawn between least and most, in cycles beyond the shortest answer, which
// is the cycle after the request. A bandwidth is in beats per 256 cycles, 0 for no limit. A change of `seed` starts the
// random numbers anew.
//
// `malform` breaks AXI once, in the next burst that allows it, and is 0 again then: 1 RLAST with the first of several beats, 2 no RLAST, 3 RLAST
// one beat too late, 4 another RID, 5 another BID, 6 the answer to a write before its data.

module virtio_axi_memory #(
    parameter int AxiDataWidth = 64,  // 32 to 512
    parameter int AxiAddrWidth = 64,  // up to 64
    parameter int AxiIdWidth   = 4,   // up to 32
    parameter int Outstanding  = 16   // bursts taken before the first is answered, each of reads and writes
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic [    AxiIdWidth-1:0] m_axi_awid,
    input  logic [  AxiAddrWidth-1:0] m_axi_awaddr,
    input  logic [               7:0] m_axi_awlen,
    input  logic [               2:0] m_axi_awsize,
    input  logic [               1:0] m_axi_awburst,
    input  logic                      m_axi_awvalid,
    output logic                      m_axi_awready,
    input  logic [  AxiDataWidth-1:0] m_axi_wdata,
    input  logic [AxiDataWidth/8-1:0] m_axi_wstrb,
    input  logic                      m_axi_wvalid,
    output logic                      m_axi_wready,
    output logic [    AxiIdWidth-1:0] m_axi_bid,
    output logic [               1:0] m_axi_bresp,
    output logic                      m_axi_bvalid,
    input  logic                      m_axi_bready,
    input  logic [    AxiIdWidth-1:0] m_axi_arid,
    input  logic [  AxiAddrWidth-1:0] m_axi_araddr,
    input  logic [               7:0] m_axi_arlen,
    input  logic [               2:0] m_axi_arsize,
    input  logic [               1:0] m_axi_arburst,
    input  logic                      m_axi_arvalid,
    output logic                      m_axi_arready,
    output logic [    AxiIdWidth-1:0] m_axi_rid,
    output logic [  AxiDataWidth-1:0] m_axi_rdata,
    output logic [               1:0] m_axi_rresp,
    output logic                      m_axi_rlast,
    output logic                      m_axi_rvalid,
    input  logic                      m_axi_rready
);

  import virtio_c_pkg::*;

  localparam int Lanes = AxiDataWidth / 8;
  localparam logic [2:0] FullSize = 3'($clog2(Lanes));
  localparam int FullBandwidth = 256;
  localparam logic [1:0] Fixed = 2'd0;
  localparam logic [1:0] Wrap = 2'd2;
  localparam logic [1:0] Okay = 2'd0;

  // Knobs
  logic [31:0] stall_aw, stall_w, stall_b, stall_ar, stall_r;
  logic [31:0] read_latency_min, read_latency_max, write_latency_min, write_latency_max;
  logic [31:0] read_bandwidth, write_bandwidth;
  logic [31:0] reorder;
  logic [31:0] malform;
  logic [31:0] seed;

  localparam int EarlyLast = 1, NoLast = 2, LateLast = 3, OtherRid = 4, OtherBid = 5, EarlyAnswer = 6;

  int handle;  // of the memory in C++
  logic [63:0] cycle_q;
  logic [31:0] random_q, seed_q;

  // Reads: bursts waiting in C++, and the one being answered
  logic [31:0] reads_q;
  logic r_busy_q;
  int r_id_q, r_len_q, r_size_q, r_burst_q, r_beat_q;
  longint r_address_q;
  int r_malformed_q;  // how this burst is to be broken
  logic [31:0] r_credit_q;

  // Writes: addresses whose data is due, in order; answers wait in C++
  logic [AxiIdWidth-1:0] w_id_q[Outstanding];
  logic [AxiAddrWidth-1:0] w_address_q[Outstanding];
  logic [7:0] w_len_q[Outstanding];
  logic [2:0] w_size_q[Outstanding];
  logic [1:0] w_burst_q[Outstanding];
  int w_head_q, w_count_q, w_beat_q;
  logic [1:0] w_response_q;
  logic [31:0] w_credit_q;
  logic [31:0] answers_q;
  logic early_q;  // an answer is due before the data
  logic [AxiIdWidth-1:0] early_id_q;
  logic [Outstanding-1:0] w_skip_q;  // answered already

  // Of the clock edge at hand
  int found, id, len, size, burst, response;
  longint address, word;
  bit [511:0] data;

  initial begin
    stall_aw = 0;
    stall_w = 0;
    stall_b = 0;
    stall_ar = 0;
    stall_r = 0;
    read_latency_min = 0;
    read_latency_max = 0;
    write_latency_min = 0;
    write_latency_max = 0;
    read_bandwidth = 0;
    write_bandwidth = 0;
    reorder = 0;
    malform = 0;
    early_q = 1'b0;
    w_skip_q = '0;
    r_malformed_q = 0;
    seed = 1;
    seed_q = 0;
    random_q = 1;
    cycle_q = 0;
    virtio_memory_open(handle);
    if (AxiDataWidth < 32 || AxiDataWidth > 512 || (AxiDataWidth & (AxiDataWidth - 1)) != 0)
      $fatal(1, "virtio_axi_memory: AxiDataWidth must be a power of two from 32 to 512");
    if (AxiAddrWidth > 64) $fatal(1, "virtio_axi_memory: AxiAddrWidth above 64");
    if (AxiIdWidth > 32) $fatal(1, "virtio_axi_memory: AxiIdWidth above 32");
  end

  // Beats wider than the bus, a fault of the master that the tap reports, count as as wide as the bus.
  function automatic logic [2:0] beat_size(input logic [2:0] log_size);
    beat_size = log_size > FullSize ? FullSize : log_size;
  endfunction

  // Address of a beat: the first may be unaligned, the others are not (AXI4 A3.4.1).
  function automatic longint beat_address(input longint first, input int beats_less_1, input int log_size,
                                          input int kind, input int beat);
    longint bytes, aligned, span, low;
    bytes   = 64'd1 << log_size;
    aligned = first & ~(bytes - 1);
    span    = bytes * (longint'(beats_less_1) + 1);
    low     = first & ~(span - 1);
    if (beat == 0 || kind == int'(Fixed)) beat_address = first;
    else if (kind == int'(Wrap)) beat_address = low + ((aligned - low + longint'(beat) * bytes) & (span - 1));
    else beat_address = aligned + longint'(beat) * bytes;
  endfunction

  // Blocking on purpose: within an edge one step builds on the other. Pins change by nonblocking assignments only.
  /* verilator lint_off BLKSEQ */
  // One more random number, by xorshift32
  task automatic draw;
    random_q = random_q ^ (random_q << 13);
    random_q = random_q ^ (random_q >> 17);
    random_q = random_q ^ (random_q << 5);
  endtask

  task automatic happens(input logic [31:0] probability, output logic yes);
    yes = 1'b0;
    if (probability != 0) begin
      draw();
      yes = 32'(random_q[15:8]) < probability;
    end
  endtask

  task automatic due_after(input logic [31:0] least, input logic [31:0] most, output longint due);
    due = longint'(cycle_q) + longint'(least);
    if (most > least) begin
      draw();
      due = due + (longint'(random_q) % (longint'(most) - longint'(least) + 64'd1));
    end
  endtask

  // Bandwidth: each cycle earns `rate`, each beat costs FullBandwidth.
  task automatic earn(input logic [31:0] rate, inout logic [31:0] credit);
    credit = credit + rate;
    if (rate == 0 || rate >= FullBandwidth) credit = FullBandwidth;
    else if (credit > 2 * FullBandwidth) credit = 2 * FullBandwidth;
  endtask

  task automatic take_read_address;
    longint due;
    due_after(read_latency_min, read_latency_max, due);
    virtio_memory_push(handle, 0, int'(m_axi_arid), longint'(m_axi_araddr), int'(m_axi_arlen), int'(beat_size(
                       m_axi_arsize)), int'(m_axi_arburst), 0, due);
    reads_q = reads_q + 1;
  endtask

  task automatic present_read_beat;
    logic stalled;
    if (!r_busy_q && reads_q != 0) begin
      virtio_memory_pop(handle, 0, cycle_q, reorder, found, r_id_q, r_address_q, r_len_q, r_size_q, r_burst_q,
                        response);
      r_busy_q = found != 0;
      r_beat_q = 0;
      r_malformed_q = 0;
      if (r_busy_q && malform != 0 && malform <= OtherRid && (malform != EarlyLast || r_len_q != 0)) begin
        r_malformed_q = int'(malform);
        malform = 0;
      end
    end
    happens(stall_r, stalled);
    m_axi_rvalid <= 1'b0;
    if (r_busy_q && !stalled && r_credit_q >= FullBandwidth) begin
      r_credit_q = r_credit_q - FullBandwidth;
      address = beat_address(r_address_q, r_len_q, r_size_q, r_burst_q, r_beat_q);
      // As many bytes as lead up to the next multiple of the size
      size = (1 << r_size_q) - int'(address & longint'((1 << r_size_q) - 1));
      virtio_memory_read(handle, cycle_q, address, size, Lanes, data, response);
      m_axi_rvalid <= 1'b1;
      m_axi_rid    <= AxiIdWidth'(r_id_q) ^ AxiIdWidth'(r_malformed_q == OtherRid);
      m_axi_rdata  <= data[AxiDataWidth-1:0];
      m_axi_rresp  <= 2'(response);
      case (r_malformed_q)
        EarlyLast: r_busy_q = 1'b0;
        LateLast:  r_busy_q = r_beat_q <= r_len_q;
        default:   r_busy_q = r_beat_q != r_len_q;
      endcase
      m_axi_rlast <= !r_busy_q && r_malformed_q != NoLast;
      r_beat_q = r_beat_q + 1;
      if (!r_busy_q) reads_q = reads_q - 1;
    end
  endtask

  task automatic take_write_address;
    int slot;
    slot = (w_head_q + w_count_q) % Outstanding;
    w_id_q[slot] = m_axi_awid;
    w_address_q[slot] = m_axi_awaddr;
    w_len_q[slot] = m_axi_awlen;
    w_size_q[slot] = beat_size(m_axi_awsize);
    w_burst_q[slot] = m_axi_awburst;
    w_count_q = w_count_q + 1;
    w_skip_q[slot] = malform == EarlyAnswer;
    if (malform == EarlyAnswer) begin
      malform = 0;
      early_q = 1'b1;
      early_id_q = m_axi_awid;
    end
  endtask

  task automatic take_write_beat;
    longint due;
    address = beat_address(
        longint'(w_address_q[w_head_q]),
        int'(w_len_q[w_head_q]),
        int'(w_size_q[w_head_q]),
        int'(w_burst_q[w_head_q]),
        w_beat_q
    );
    word = address & ~(64'(Lanes) - 64'd1);
    virtio_memory_write(handle, cycle_q, word, Lanes, 512'(m_axi_wdata), longint'(m_axi_wstrb), response);
    if (w_response_q == Okay) w_response_q = 2'(response);
    w_credit_q = w_credit_q - FullBandwidth;
    w_beat_q   = w_beat_q + 1;
    if (w_beat_q > int'(w_len_q[w_head_q])) begin
      if (!w_skip_q[w_head_q]) begin
        due_after(write_latency_min, write_latency_max, due);
        virtio_memory_push(handle, 1, int'(w_id_q[w_head_q]), longint'(w_address_q[w_head_q]), int'(w_len_q[w_head_q]),
                           int'(w_size_q[w_head_q]), int'(w_burst_q[w_head_q]), int'(w_response_q), due);
        answers_q = answers_q + 1;
      end
      w_head_q = (w_head_q + 1) % Outstanding;
      w_count_q = w_count_q - 1;
      w_beat_q = 0;
      w_response_q = Okay;
    end
  endtask

  task automatic present_write_answer;
    logic stalled;
    happens(stall_b, stalled);
    m_axi_bvalid <= 1'b0;
    if (early_q) begin
      m_axi_bvalid <= 1'b1;
      m_axi_bid    <= early_id_q;
      m_axi_bresp  <= Okay;
      early_q = 1'b0;
    end else if (answers_q != 0 && !stalled) begin
      virtio_memory_pop(handle, 1, cycle_q, reorder, found, id, address, len, size, burst, response);
      if (found != 0) begin
        m_axi_bvalid <= 1'b1;
        m_axi_bid    <= AxiIdWidth'(id) ^ AxiIdWidth'(malform == OtherBid);
        if (malform == OtherBid) malform = 0;
        m_axi_bresp <= 2'(response);
        answers_q = answers_q - 1;
      end
    end
  endtask

  task automatic offer_ready;
    logic stalled;
    happens(stall_ar, stalled);
    m_axi_arready <= reads_q < Outstanding && !stalled;
    happens(stall_aw, stalled);
    m_axi_awready <= 32'(w_count_q) + answers_q < Outstanding && !stalled;
    happens(stall_w, stalled);
    earn(write_bandwidth, w_credit_q);
    // Data has to wait while an early answer is due or on the bus, so that it is early.
    m_axi_wready <= w_count_q != 0 && !early_q && !(w_skip_q[w_head_q] && w_beat_q == 0 && m_axi_bvalid) && w_credit_q >= FullBandwidth && !stalled;
  endtask

  always @(posedge clk_i) begin
    cycle_q = cycle_q + 1;
    if (seed != seed_q) begin
      seed_q   = seed;
      random_q = (seed ^ 32'h9e37_79b9) == 0 ? 32'd1 : seed ^ 32'h9e37_79b9;
    end
    if (rst_ni !== 1'b1) begin
      virtio_memory_clear(handle);
      reads_q = 0;
      r_busy_q = 1'b0;
      r_credit_q = FullBandwidth;
      w_head_q = 0;
      w_count_q = 0;
      w_beat_q = 0;
      w_response_q = Okay;
      early_q = 1'b0;
      w_skip_q = '0;
      r_malformed_q = 0;
      w_credit_q = FullBandwidth;
      answers_q = 0;
      m_axi_arready <= 1'b0;
      m_axi_awready <= 1'b0;
      m_axi_wready  <= 1'b0;
      m_axi_bvalid  <= 1'b0;
      m_axi_bid     <= '0;
      m_axi_bresp   <= Okay;
      m_axi_rvalid  <= 1'b0;
      m_axi_rid     <= '0;
      m_axi_rdata   <= '0;
      m_axi_rresp   <= Okay;
      m_axi_rlast   <= 1'b0;
    end else begin
      if (m_axi_arvalid && m_axi_arready) take_read_address();
      if (m_axi_wvalid && m_axi_wready) take_write_beat();
      if (m_axi_awvalid && m_axi_awready) take_write_address();
      earn(read_bandwidth, r_credit_q);
      if (!m_axi_rvalid || m_axi_rready) present_read_beat();
      if (!m_axi_bvalid || m_axi_bready) present_write_answer();
      offer_ready();
    end
  end
  /* verilator lint_on BLKSEQ */

endmodule
