// SPDX-License-Identifier: Apache-2.0
// Judges both sides of an AXI4 port by the rules in docs/axi-rules.md. Passive, for simulation only, on Verilator and Icarus;
// to be instantiated beside a port, or bound to a module with one.
//
// Signals are sampled at each rising edge of clk_i. A valid and its payload are judged when it rises, write data when it is
// taken. A broken rule is printed by $error (by Verilator's own default the end of the run: +verilator+error+limit+n), counted
// in count_o and, the n-th from 0, put into recent_o[n % Recent], as a virtio_axi_rules_pkg::violation_t.

module virtio_axi_rules #(
    parameter int AxiDataWidth = 64,  // 8 to 1024
    parameter int AxiAddrWidth = 64,  // 12 to 64
    parameter int AxiIdWidth = 4,  // 1 to 32
    parameter int JudgeManager = 1,
    parameter int JudgeSubordinate = 1,
    parameter int Outstanding = 256,  // bursts of a direction, and beats ahead of their address, that can be followed
    parameter int Lines = 16,  // violations that are printed
    localparam int Bytes = AxiDataWidth / 8
) (
    input logic clk_i,
    input logic rst_ni,

    input logic [  AxiIdWidth-1:0] awid,
    input logic [AxiAddrWidth-1:0] awaddr,
    input logic [             7:0] awlen,
    input logic [             2:0] awsize,
    input logic [             1:0] awburst,
    input logic                    awlock,
    input logic [             3:0] awcache,
    input logic [             2:0] awprot,
    input logic                    awvalid,
    input logic                    awready,
    input logic [AxiDataWidth-1:0] wdata,
    input logic [       Bytes-1:0] wstrb,
    input logic                    wlast,
    input logic                    wvalid,
    input logic                    wready,
    input logic [  AxiIdWidth-1:0] bid,
    input logic [             1:0] bresp,
    input logic                    bvalid,
    input logic                    bready,
    input logic [  AxiIdWidth-1:0] arid,
    input logic [AxiAddrWidth-1:0] araddr,
    input logic [             7:0] arlen,
    input logic [             2:0] arsize,
    input logic [             1:0] arburst,
    input logic                    arlock,
    input logic [             3:0] arcache,
    input logic [             2:0] arprot,
    input logic                    arvalid,
    input logic                    arready,
    input logic [  AxiIdWidth-1:0] rid,
    input logic [AxiDataWidth-1:0] rdata,
    input logic [             1:0] rresp,
    input logic                    rlast,
    input logic                    rvalid,
    input logic                    rready,

    output logic [31:0] count_o,
    output logic [virtio_axi_rules_pkg::Recent-1:0][virtio_axi_rules_pkg::ViolationBits-1:0] recent_o
);
  import virtio_axi_rules_pkg::*;

  localparam logic Manager = 1'b1;
  localparam logic Subordinate = 1'b0;
  localparam logic [1:0] Fixed = 2'd0;
  localparam logic [1:0] Incr = 2'd1;
  localparam logic [1:0] Wrap = 2'd2;
  localparam logic [1:0] Exokay = 2'd1;
  localparam logic [2:0] FullSize = 3'($clog2(Bytes));
  localparam int Page = 4096;
  localparam int MostAtOnce = 32;  // violations that one edge can show

  // A burst as it is followed: one that breaks AXI-SIZE or AXI-BURST as INCR of beats no wider than the bus
  typedef struct packed {
    logic [AxiIdWidth-1:0] id;
    logic [AxiAddrWidth-1:0] addr;
    logic [7:0] len;
    logic [2:0] size;
    logic [1:0] burst;
    logic [8:0] done;  // beats
    logic answered;  // before its end
  } burst_t;
  localparam int BurstBits = $bits(burst_t);

  logic [63:0] cycle_q;
  logic [31:0] count_q;
  logic reset_q;
  logic aw_held_q, w_held_q, b_held_q, ar_held_q, r_held_q;  // valid without ready at the edge before

  // What was on a channel when it was held
  logic [AxiIdWidth-1:0] awid_q, bid_q, arid_q, rid_q;
  logic [AxiAddrWidth-1:0] awaddr_q, araddr_q;
  logic [7:0] awlen_q, arlen_q;
  logic [2:0] awsize_q, arsize_q, awprot_q, arprot_q;
  logic [1:0] awburst_q, arburst_q, bresp_q, rresp_q;
  logic awlock_q, arlock_q, wlast_q, rlast_q;
  logic [3:0] awcache_q, arcache_q;
  logic [AxiDataWidth-1:0] wdata_q, rdata_q;
  logic [Bytes-1:0] wstrb_q;

  // Reads; writes whose data is due; the ids of writes whose response is; strobes and last of data ahead of its address
  logic [BurstBits-1:0] reads_q[Outstanding];
  logic [BurstBits-1:0] writes_q[Outstanding];
  logic [AxiIdWidth-1:0] answers_q[Outstanding];
  logic [Bytes:0] early_q[Outstanding];
  int num_reads_q, num_writes_q, num_answers_q, num_early_q;

  burst_t entry;
  violation_t violation;
  logic [ViolationBits-1:0] noted_q[MostAtOnce];
  int num_noted_q;
  logic [Bytes-1:0] lanes;
  int place;

  initial begin
    cycle_q  = 0;
    count_q  = 0;
    count_o  = 0;
    recent_o = '0;
    reset_q  = 1'b0;
    if (AxiDataWidth < 8 || AxiDataWidth > 1024) $fatal(1, "virtio_axi_rules: AxiDataWidth is not within 8 to 1024");
    if (AxiAddrWidth < 12 || AxiAddrWidth > 64) $fatal(1, "virtio_axi_rules: AxiAddrWidth is not within 12 to 64");
    if (AxiIdWidth < 1 || AxiIdWidth > 32) $fatal(1, "virtio_axi_rules: AxiIdWidth is not within 1 to 32");
    if (Outstanding < 1) $fatal(1, "virtio_axi_rules: Outstanding is below 1");
    forget();
  end

  // Blocking on purpose: within an edge one step builds on the other. count_o follows when all is done.
  /* verilator lint_off BLKSEQ */
  task automatic forget;
    num_reads_q = 0;
    num_writes_q = 0;
    num_answers_q = 0;
    num_early_q = 0;
    aw_held_q = 1'b0;
    w_held_q = 1'b0;
    b_held_q = 1'b0;
    ar_held_q = 1'b0;
    r_held_q = 1'b0;
  endtask

  // Notes a broken rule; tell() does the rest once for all of an edge, for Verilator puts tasks in the place of each call.
  task automatic note(input logic side, input name_t rule, input name_t signal, input logic has_at,
                      input logic [63:0] at, input logic compared, input logic [63:0] expected,
                      input logic [63:0] seen);
    if ((side == Manager ? JudgeManager != 0 : JudgeSubordinate != 0) && num_noted_q < MostAtOnce) begin
      noted_q[num_noted_q] = {cycle_q, rule, signal, has_at, at, compared, expected, seen};
      num_noted_q = num_noted_q + 1;
    end
  endtask

  task automatic report(input logic side, input name_t rule, input name_t signal);
    note(side, rule, signal, 1'b0, 64'd0, 1'b0, 64'd0, 64'd0);
  endtask

  task automatic differ(input logic side, input name_t rule, input name_t signal, input logic [63:0] expected,
                        input logic [63:0] seen);
    note(side, rule, signal, 1'b0, 64'd0, 1'b1, expected, seen);
  endtask

  task automatic differ_at(input logic side, input name_t rule, input name_t signal, input logic [63:0] at,
                           input logic [63:0] expected, input logic [63:0] seen);
    note(side, rule, signal, 1'b1, at, 1'b1, expected, seen);
  endtask

  task automatic tell;
    for (int i = 0; i < num_noted_q; i++) begin
      violation = noted_q[i];
      if (int'(count_q) < Lines) begin
        if (violation.compared)
          $error(
              "%m: %0s %0s at cycle %0d, address 0x%0h: expected 0x%0h, seen 0x%0h",
              violation.rule,
              violation.signal,
              cycle_q,
              violation.at,
              violation.expected,
              violation.seen
          );
        else $error("%m: %0s %0s at cycle %0d", violation.rule, violation.signal, cycle_q);
      end
      recent_o[count_q%Recent] = violation;
      count_q = count_q + 1;
    end
    num_noted_q = 0;
  endtask

  // AXI-RESET: a valid, or X, at the first edge after a reset. In it a bench may not drive anything yet.
  task automatic low(input logic side, input name_t signal, input logic valid);
    if (valid !== 1'b0) report(side, "AXI-RESET", signal);
  endtask

  task automatic check_reset;
    low(Manager, "awvalid", awvalid);
    low(Manager, "wvalid", wvalid);
    low(Subordinate, "bvalid", bvalid);
    low(Manager, "arvalid", arvalid);
    low(Subordinate, "rvalid", rvalid);
  endtask

  // AXI-X of a valid or ready, AXI-HELD
  task automatic shake(input logic side, input name_t signal, input logic level, input logic held);
    if (level === 1'bx) report(side, "AXI-X", signal);
    if (held && level === 1'b0) report(side, "AXI-HELD", signal);
  endtask

  task automatic check_handshakes;
    shake(Manager, "awvalid", awvalid, aw_held_q);
    shake(Subordinate, "awready", awready, 1'b0);
    shake(Manager, "wvalid", wvalid, w_held_q);
    shake(Subordinate, "wready", wready, 1'b0);
    shake(Subordinate, "bvalid", bvalid, b_held_q);
    shake(Manager, "bready", bready, 1'b0);
    shake(Manager, "arvalid", arvalid, ar_held_q);
    shake(Subordinate, "arready", arready, 1'b0);
    shake(Subordinate, "rvalid", rvalid, r_held_q);
    shake(Manager, "rready", rready, 1'b0);
  endtask

  // AXI-X of a payload, AXI-STABLE. `parity` is X exactly when a bit of the signal is.
  task automatic payload(input logic side, input name_t signal, input logic parity, input logic changed,
                         input logic [63:0] old, input logic [63:0] now);
    if (parity === 1'bx) report(side, "AXI-X", signal);
    else if (changed) differ(side, "AXI-STABLE", signal, old, now);
  endtask

  task automatic check_aw(input logic held);
    payload(Manager, "awid", ^awid, held && awid !== awid_q, 64'(awid_q), 64'(awid));
    payload(Manager, "awaddr", ^awaddr, held && awaddr !== awaddr_q, 64'(awaddr_q), 64'(awaddr));
    payload(Manager, "awlen", ^awlen, held && awlen !== awlen_q, 64'(awlen_q), 64'(awlen));
    payload(Manager, "awsize", ^awsize, held && awsize !== awsize_q, 64'(awsize_q), 64'(awsize));
    payload(Manager, "awburst", ^awburst, held && awburst !== awburst_q, 64'(awburst_q), 64'(awburst));
    payload(Manager, "awlock", awlock, held && awlock !== awlock_q, 64'(awlock_q), 64'(awlock));
    payload(Manager, "awcache", ^awcache, held && awcache !== awcache_q, 64'(awcache_q), 64'(awcache));
    payload(Manager, "awprot", ^awprot, held && awprot !== awprot_q, 64'(awprot_q), 64'(awprot));
  endtask

  task automatic check_ar(input logic held);
    payload(Manager, "arid", ^arid, held && arid !== arid_q, 64'(arid_q), 64'(arid));
    payload(Manager, "araddr", ^araddr, held && araddr !== araddr_q, 64'(araddr_q), 64'(araddr));
    payload(Manager, "arlen", ^arlen, held && arlen !== arlen_q, 64'(arlen_q), 64'(arlen));
    payload(Manager, "arsize", ^arsize, held && arsize !== arsize_q, 64'(arsize_q), 64'(arsize));
    payload(Manager, "arburst", ^arburst, held && arburst !== arburst_q, 64'(arburst_q), 64'(arburst));
    payload(Manager, "arlock", arlock, held && arlock !== arlock_q, 64'(arlock_q), 64'(arlock));
    payload(Manager, "arcache", ^arcache, held && arcache !== arcache_q, 64'(arcache_q), 64'(arcache));
    payload(Manager, "arprot", ^arprot, held && arprot !== arprot_q, 64'(arprot_q), 64'(arprot));
  endtask

  // Data of byte lanes that carry something
  function automatic logic [AxiDataWidth-1:0] masked(input logic [AxiDataWidth-1:0] data,
                                                     input logic [Bytes-1:0] enabled);
    for (int i = 0; i < Bytes; i++) masked[i*8+:8] = enabled[i] ? data[i*8+:8] : 8'd0;
  endfunction

  task automatic check_w(input logic held);
    payload(Manager, "wstrb", ^wstrb, held && wstrb !== wstrb_q, 64'(wstrb_q), 64'(wstrb));
    payload(Manager, "wlast", wlast, held && wlast !== wlast_q, 64'(wlast_q), 64'(wlast));
    payload(Manager, "wdata", ^masked(wdata, wstrb), held && masked(wdata ^ wdata_q, wstrb) != '0, 64'(wdata_q),
            64'(wdata));
  endtask

  task automatic check_b(input logic held);
    payload(Subordinate, "bid", ^bid, held && bid !== bid_q, 64'(bid_q), 64'(bid));
    payload(Subordinate, "bresp", ^bresp, held && bresp !== bresp_q, 64'(bresp_q), 64'(bresp));
  endtask

  // Of the data only what the read asks for counts.
  task automatic check_r(input logic held);
    payload(Subordinate, "rid", ^rid, held && rid !== rid_q, 64'(rid_q), 64'(rid));
    payload(Subordinate, "rresp", ^rresp, held && rresp !== rresp_q, 64'(rresp_q), 64'(rresp));
    payload(Subordinate, "rlast", rlast, held && rlast !== rlast_q, 64'(rlast_q), 64'(rlast));
    find_read();
    lanes = '1;
    if (place < num_reads_q) lanes = lanes_of(reads_q[place]);
    payload(Subordinate, "rdata", ^masked(rdata, lanes), held && masked(rdata ^ rdata_q, lanes) != '0, 64'(rdata_q),
            64'(rdata));
  endtask

  // Byte lanes of the next beat of a burst (AXI4 A3.4.1): unaligned addresses shorten the first beat only, or each if FIXED.
  function automatic logic [Bytes-1:0] lanes_of(input burst_t of);
    logic [15:0] bytes, first, at, span;
    logic [Bytes:0] run;
    bytes = 16'd1 << of.size;
    first = 16'(of.addr) & ~(bytes - 16'd1);
    span  = (16'(of.len) + 16'd1) << of.size;
    at    = 16'(of.addr);
    if (of.done != 0 && of.burst != Fixed) at = first + (16'(of.done) << of.size);
    if (of.done != 0 && of.burst == Wrap) at = (first & ~(span - 16'd1)) | (at & (span - 16'd1));
    run = ((Bytes + 1)'(1) << (bytes - (at & (bytes - 16'd1)))) - (Bytes + 1)'(1);
    lanes_of = Bytes'(run << (at & 16'(Bytes - 1)));
  endfunction

  function automatic logic kind_is_bad(input logic [AxiAddrWidth-1:0] addr, input logic [7:0] len,
                                       input logic [2:0] size, input logic [1:0] burst);
    case (burst)
      Fixed: kind_is_bad = len > 8'd15;
      Incr: kind_is_bad = 1'b0;
      Wrap:
      kind_is_bad = (len != 8'd1 && len != 8'd3 && len != 8'd7 && len != 8'd15) ||
                      (16'(addr) & ((16'd1 << size) - 16'd1)) != 16'd0;
      default: kind_is_bad = 1'b1;
    endcase
  endfunction

  function automatic logic [BurstBits-1:0] followed(input logic [AxiIdWidth-1:0] id,
                                                    input logic [AxiAddrWidth-1:0] addr, input logic [7:0] len,
                                                    input logic [2:0] size, input logic [1:0] burst);
    logic [2:0] legal_size;
    logic [1:0] legal_burst;
    legal_size = size > FullSize ? FullSize : size;
    legal_burst = kind_is_bad(addr, len, size, burst) ? Incr : burst;
    followed = {id, addr, len, legal_size, legal_burst, 9'd0, 1'b0};
  endfunction

  // The rules of an address, when its valid rises
  task automatic check_burst(input logic write, input logic [AxiAddrWidth-1:0] addr, input logic [7:0] len,
                             input logic [2:0] size, input logic [1:0] burst, input logic lock,
                             input logic [3:0] cache);
    logic [31:0] past_end;  // from the start of the page on
    past_end = (32'(addr[11:0]) & ~((32'd1 << size) - 32'd1)) + ((32'(len) + 32'd1) << size);
    if (size > FullSize)
      differ_at(Manager, "AXI-SIZE", write ? "awsize" : "arsize", 64'(addr), 64'(FullSize), 64'(size));
    if (kind_is_bad(addr, len, size, burst)) begin
      if (burst > Wrap)
        differ_at(Manager, "AXI-BURST", write ? "awburst" : "arburst", 64'(addr), 64'(Incr), 64'(burst));
      else if (burst == Wrap && (16'(addr) & ((16'd1 << size) - 16'd1)) != 16'd0)
        differ_at(Manager, "AXI-BURST", write ? "awaddr" : "araddr", 64'(addr), 64'(addr) >> size << size, 64'(addr));
      else differ_at(Manager, "AXI-BURST", write ? "awlen" : "arlen", 64'(addr), 64'd15, 64'(len));
    end else if (burst == Incr && past_end > Page)
      differ_at(Manager, "AXI-4K", write ? "awlen" : "arlen", 64'(addr), 64'(Page - 1), 64'(past_end - 32'd1));
    if (lock) differ_at(Manager, "AXI-LOCK", write ? "awlock" : "arlock", 64'(addr), 64'd0, 64'd1);
    if (cache[3:2] != 2'd0 && !cache[1])
      differ_at(Manager, "AXI-CACHE", write ? "awcache" : "arcache", 64'(addr), 64'(cache & 4'h1), 64'(cache));
  endtask

  // Sets `place` to that of the oldest read of this id, or past the last.
  task automatic find_read;
    place = 0;
    entry = reads_q[0];
    while (place < num_reads_q && entry.id !== rid) begin
      place = place + 1;
      if (place < num_reads_q) entry = reads_q[place];
    end
  endtask

  task automatic take_r;
    logic final_beat;
    find_read();
    if (!r_held_q) begin
      if (place == num_reads_q) differ(Subordinate, "AXI-ID", "rid", 64'd0, 64'(rid));
      if (rresp == Exokay) differ(Subordinate, "AXI-RESP", "rresp", 64'd0, 64'(rresp));
    end
    if (rready && place < num_reads_q) begin
      entry.done = entry.done + 9'd1;
      reads_q[place] = entry;
      final_beat = entry.done == 9'(entry.len) + 9'd1;
      if (rlast !== final_beat)
        differ_at(Subordinate, "AXI-RLAST", "rlast", 64'(entry.addr), 64'(entry.len) + 64'd1, 64'(entry.done));
      if (rlast || final_beat) begin
        num_reads_q = num_reads_q - 1;
        for (int i = place; i < num_reads_q; i++) reads_q[i] = reads_q[i+1];
      end
    end
  endtask

  task automatic take_b;
    place = 0;
    while (place < num_answers_q && answers_q[place] !== bid) place = place + 1;
    if (!b_held_q) begin
      if (place == num_answers_q) check_early();
      if (bresp == Exokay) differ(Subordinate, "AXI-RESP", "bresp", 64'd0, 64'(bresp));
    end
    if (bready && place < num_answers_q) begin
      num_answers_q = num_answers_q - 1;
      for (int i = place; i < num_answers_q; i++) answers_q[i] = answers_q[i+1];
    end
  endtask

  // A response to no complete write: too early, or to none at all
  task automatic check_early;
    int open;
    open  = 0;
    entry = writes_q[0];
    while (open < num_writes_q && (entry.id !== bid || entry.answered)) begin
      open = open + 1;
      if (open < num_writes_q) entry = writes_q[open];
    end
    if (open == num_writes_q) begin
      differ(Subordinate, "AXI-ID", "bid", 64'd0, 64'(bid));
    end else begin
      entry.answered = 1'b1;
      writes_q[open] = entry;
      differ_at(Subordinate, "AXI-EARLY", "bvalid", 64'(entry.addr), 64'(entry.len) + 64'd1, 64'(entry.done));
    end
  endtask

  // A beat of the oldest write; one that ends by WLAST or by its length is complete.
  task automatic write_beat(input logic [Bytes-1:0] strobe, input logic last);
    logic final_beat;
    entry = writes_q[0];
    lanes = lanes_of(entry);
    if ((strobe & ~lanes) != '0) differ_at(Manager, "AXI-STRB", "wstrb", 64'(entry.addr), 64'(lanes), 64'(strobe));
    entry.done  = entry.done + 9'd1;
    writes_q[0] = entry;
    final_beat  = entry.done == 9'(entry.len) + 9'd1;
    if (last !== final_beat)
      differ_at(Manager, "AXI-WLAST", "wlast", 64'(entry.addr), 64'(entry.len) + 64'd1, 64'(entry.done));
    if (last || final_beat) begin
      num_writes_q = num_writes_q - 1;
      for (int i = 0; i < num_writes_q; i++) writes_q[i] = writes_q[i+1];
      if (entry.answered) begin
      end else if (num_answers_q == Outstanding) begin
        differ(Manager, "AXI-OUTSTANDING", "awvalid", 64'(Outstanding), 64'(Outstanding) + 64'd1);
      end else begin
        answers_q[num_answers_q] = entry.id;
        num_answers_q = num_answers_q + 1;
      end
    end
  endtask

  task automatic take_aw;
    if (num_writes_q == Outstanding) begin
      differ(Manager, "AXI-OUTSTANDING", "awvalid", 64'(Outstanding), 64'(Outstanding) + 64'd1);
    end else begin
      writes_q[num_writes_q] = followed(awid, awaddr, awlen, awsize, awburst);
      num_writes_q = num_writes_q + 1;
      while (num_early_q != 0 && num_writes_q != 0) begin
        num_early_q = num_early_q - 1;
        write_beat(early_q[0][Bytes:1], early_q[0][0]);
        for (int i = 0; i < num_early_q; i++) early_q[i] = early_q[i+1];
      end
    end
  endtask

  task automatic take_w;
    if (num_writes_q != 0) begin
      write_beat(wstrb, wlast);
    end else if (num_early_q == Outstanding) begin
      differ(Manager, "AXI-OUTSTANDING", "wvalid", 64'(Outstanding), 64'(Outstanding) + 64'd1);
    end else begin
      early_q[num_early_q] = {wstrb, wlast};
      num_early_q = num_early_q + 1;
    end
  endtask

  task automatic take_ar;
    if (num_reads_q == Outstanding) begin
      differ(Manager, "AXI-OUTSTANDING", "arvalid", 64'(Outstanding), 64'(Outstanding) + 64'd1);
    end else begin
      reads_q[num_reads_q] = followed(arid, araddr, arlen, arsize, arburst);
      num_reads_q = num_reads_q + 1;
    end
  endtask

  // Keeps the payload of what is held now. What is known is held: an X on valid or ready was reported.
  task automatic keep;
    aw_held_q = awvalid === 1'b1 && awready === 1'b0;
    w_held_q  = wvalid === 1'b1 && wready === 1'b0;
    b_held_q  = bvalid === 1'b1 && bready === 1'b0;
    ar_held_q = arvalid === 1'b1 && arready === 1'b0;
    r_held_q  = rvalid === 1'b1 && rready === 1'b0;
    if (aw_held_q) begin
      {awid_q, awaddr_q, awlen_q, awsize_q} = {awid, awaddr, awlen, awsize};
      {awburst_q, awlock_q, awcache_q, awprot_q} = {awburst, awlock, awcache, awprot};
    end
    if (w_held_q) {wdata_q, wstrb_q, wlast_q} = {wdata, wstrb, wlast};
    if (b_held_q) {bid_q, bresp_q} = {bid, bresp};
    if (ar_held_q) begin
      {arid_q, araddr_q, arlen_q, arsize_q} = {arid, araddr, arlen, arsize};
      {arburst_q, arlock_q, arcache_q, arprot_q} = {arburst, arlock, arcache, arprot};
    end
    if (r_held_q) {rid_q, rdata_q, rresp_q, rlast_q} = {rid, rdata, rresp, rlast};
  endtask

  // On two-state simulators the conditions below are those of a channel that was held; that saves most of the time.
  task automatic check_channels;
    if (aw_held_q || w_held_q || b_held_q || ar_held_q || r_held_q ||
        ^{awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready} === 1'bx)
      check_handshakes();
    if (awvalid === 1'b1 && (aw_held_q || ^{awid, awaddr, awlen, awsize, awburst, awlock, awcache, awprot} === 1'bx))
      check_aw(aw_held_q);
    if (wvalid === 1'b1 && (w_held_q || ^{wdata, wstrb, wlast} === 1'bx)) check_w(w_held_q);
    if (bvalid === 1'b1 && (b_held_q || ^{bid, bresp} === 1'bx)) check_b(b_held_q);
    if (arvalid === 1'b1 && (ar_held_q || ^{arid, araddr, arlen, arsize, arburst, arlock, arcache, arprot} === 1'bx))
      check_ar(ar_held_q);
    if (rvalid === 1'b1 && (r_held_q || ^{rid, rdata, rresp, rlast} === 1'bx)) check_r(r_held_q);
  endtask

  always @(posedge clk_i) begin
    cycle_q = cycle_q + 1;
    if (reset_q && rst_ni === 1'b1) check_reset();
    if (reset_q || rst_ni !== 1'b1) begin
      forget();
    end else begin
      check_channels();
      // Responses before requests: a response answers a request of an earlier cycle.
      if (bvalid && ^bid !== 1'bx) take_b();
      if (rvalid && ^rid !== 1'bx) take_r();
      if (awvalid && !aw_held_q && ^{awaddr, awlen, awsize, awburst} !== 1'bx)
        check_burst(1'b1, awaddr, awlen, awsize, awburst, awlock, awcache);
      if (arvalid && !ar_held_q && ^{araddr, arlen, arsize, arburst} !== 1'bx)
        check_burst(1'b0, araddr, arlen, arsize, arburst, arlock, arcache);
      if (awvalid && awready) take_aw();
      if (wvalid && wready) take_w();
      if (arvalid && arready) take_ar();
      keep();
    end
    reset_q = rst_ni !== 1'b1;
    if (num_noted_q != 0) tell();
    count_o <= count_q;
  end
  /* verilator lint_on BLKSEQ */

endmodule
