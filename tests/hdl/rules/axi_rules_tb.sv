// SPDX-License-Identifier: Apache-2.0
// Breaks each rule of virtio_axi_rules in turn, on either side and each channel, and demands that exactly this rule is
// reported, once. Prints "ok RULE case" or "FAIL ..." for each case, and "done". Verilator has the checker bound to this
// module, Icarus, which knows no bind, as an instance.

module axi_rules_tb;
  import virtio_axi_rules_pkg::*;

  localparam int Depth = 4;
  localparam logic [1:0] Fixed = 2'd0;
  localparam logic [1:0] Incr = 2'd1;
  localparam logic [1:0] Wrap = 2'd2;

  logic clk_i, rst_ni;
  logic [3:0] awid, bid, arid, rid;
  logic [31:0] awaddr, araddr;
  logic [7:0] awlen, arlen, wstrb;
  logic [2:0] awsize, arsize, awprot, arprot;
  logic [1:0] awburst, arburst, bresp, rresp;
  logic awlock, arlock, wlast, rlast;
  logic [3:0] awcache, arcache;
  logic [63:0] wdata, rdata;
  logic awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
  logic [31:0] count_o;
  logic [Recent-1:0][ViolationBits-1:0] recent_o;

  // The same, through the AXI4-Lite checker
  logic [31:0] lite_count_o;
  logic [Recent-1:0][ViolationBits-1:0] lite_recent;
  virtio_axil_rules #(
      .AxiDataWidth(64),
      .AxiAddrWidth(32),
      .Outstanding (Depth),
      .Lines       (0)
  ) u_lite (
      .count_o (lite_count_o),
      .recent_o(lite_recent),
      .*
  );

`ifdef __ICARUS__
  virtio_axi_rules #(
      .AxiAddrWidth(32),
      .Outstanding (Depth),
      .Lines       (0)
  ) u_rules (
      .*
  );
`endif

  name_t expected;
  string name;
  logic [31:0] base, lite_base;
  violation_t found;

  always #5 clk_i = !clk_i;

  task automatic idle;
    {awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready} = '0;
    {awid, bid, arid, rid, awlen, arlen, awprot, arprot, bresp, rresp, awlock, arlock, awcache, arcache} = '0;
    {awaddr, araddr, awsize, arsize, awburst, arburst} = {32'h1000, 32'h1000, 3'd3, 3'd3, Incr, Incr};
    {wdata, rdata, wstrb, wlast, rlast} = {64'd0, 64'd0, 8'hff, 1'b1, 1'b1};
  endtask

  task automatic start(input name_t rule, input string what);
    expected = rule;
    name = what;
    idle();
    rst_ni = 1'b0;
    repeat (3) @(negedge clk_i);
    rst_ni = 1'b1;
    repeat (2) @(negedge clk_i);
    base = count_o;
    lite_base = lite_count_o;
  endtask

  task automatic judge;
    repeat (3) @(negedge clk_i);
    found = recent_o[base%Recent];
    if (expected == "") begin
      if (count_o == base) $display("ok clean %0s", name);
      else $display("FAIL %0s: expected nothing, seen %0s %0s", name, found.rule, found.signal);
    end else if (count_o == base + 1 && found.rule == expected) $display("ok %0s %0s", expected, name);
    else
      $display("FAIL %0s: expected %0s, seen %0d: %0s %0s", name, expected, count_o - base, found.rule, found.signal);
  endtask

  // What the AXI4-Lite checker said of the same signals
  task automatic judge_lite;
    found = lite_recent[lite_base%Recent];
    if (lite_count_o == lite_base + 1 && found.rule == expected) $display("ok %0s lite %0s", expected, name);
    else $display("FAIL lite %0s: expected %0s, seen %0d: %0s", name, expected, lite_count_o - lite_base, found.rule);
  endtask

  task automatic aw(input logic [31:0] addr, input logic [7:0] len, input logic [2:0] size, input logic [1:0] burst,
                    input logic [3:0] id);
    {awaddr, awlen, awsize, awburst, awid, awvalid, awready} = {addr, len, size, burst, id, 2'b11};
    @(negedge clk_i);
    {awvalid, awready} = 2'b00;
  endtask

  task automatic ar(input logic [31:0] addr, input logic [7:0] len, input logic [2:0] size, input logic [1:0] burst,
                    input logic [3:0] id);
    {araddr, arlen, arsize, arburst, arid, arvalid, arready} = {addr, len, size, burst, id, 2'b11};
    @(negedge clk_i);
    {arvalid, arready} = 2'b00;
  endtask

  task automatic w(input logic [7:0] strobe, input logic last);
    {wstrb, wlast, wvalid, wready} = {strobe, last, 2'b11};
    @(negedge clk_i);
    {wvalid, wready} = 2'b00;
  endtask

  task automatic b(input logic [3:0] id, input logic [1:0] resp);
    {bid, bresp, bvalid, bready} = {id, resp, 2'b11};
    @(negedge clk_i);
    {bvalid, bready} = 2'b00;
  endtask

  task automatic r(input logic [3:0] id, input logic [1:0] resp, input logic last);
    {rid, rresp, rlast, rvalid, rready} = {id, resp, last, 2'b11};
    @(negedge clk_i);
    {rvalid, rready} = 2'b00;
  endtask

  // Something to be answered, so that a response may come
  task automatic ask;
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    w(8'hff, 1'b1);
    ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
  endtask

  `define HELD_AND_RESET(VALID, READY, NAME) \
    start("AXI-HELD", {NAME, " falls"}); ask(); VALID = 1'b1; @(negedge clk_i); VALID = 1'b0; judge(); judge_lite(); \
    start("AXI-RESET", {NAME, " at the end of reset"}); rst_ni = 1'b0; repeat (2) @(negedge clk_i); \
    rst_ni = 1'b1; VALID = 1'b1; @(negedge clk_i); VALID = 1'b0; judge(); judge_lite(); \
    start("", {NAME, " right after reset"}); rst_ni = 1'b0; repeat (2) @(negedge clk_i); \
    rst_ni = 1'b1; @(negedge clk_i); if (NAME == "bvalid" || NAME == "rvalid") ask(); VALID = 1'b1; judge();

  `define CHANGES(VALID, SIGNAL, NAME) \
    start("AXI-STABLE", {NAME, " changes"}); ask(); idle(); VALID = 1'b1; @(negedge clk_i); SIGNAL = ~SIGNAL; judge();

  `define UNKNOWN(VALID, SIGNAL,
                  NAME) \
    start("AXI-X", {NAME, " is X"}); ask(); idle(); VALID = 1'b1; SIGNAL = 'x; @(negedge clk_i); rst_ni = 1'b0; idle(); judge();

  task automatic handshakes;
    `HELD_AND_RESET(awvalid, awready, "awvalid")
    `HELD_AND_RESET(wvalid, wready, "wvalid")
    `HELD_AND_RESET(bvalid, bready, "bvalid")
    `HELD_AND_RESET(arvalid, arready, "arvalid")
    `HELD_AND_RESET(rvalid, rready, "rvalid")
  endtask

  task automatic changes;
    `CHANGES(awvalid, awid, "awid")
    `CHANGES(awvalid, awaddr, "awaddr")
    judge_lite();
    `CHANGES(awvalid, awlen, "awlen")
    `CHANGES(awvalid, awsize, "awsize")
    `CHANGES(awvalid, awburst, "awburst")
    `CHANGES(awvalid, awlock, "awlock")
    `CHANGES(awvalid, awcache, "awcache")
    `CHANGES(awvalid, awprot, "awprot")
    judge_lite();
    `CHANGES(wvalid, wdata, "wdata")
    judge_lite();
    `CHANGES(wvalid, wstrb, "wstrb")
    judge_lite();
    `CHANGES(wvalid, wlast, "wlast")
    `CHANGES(bvalid, bid, "bid")
    `CHANGES(bvalid, bresp, "bresp")
    judge_lite();
    `CHANGES(arvalid, arid, "arid")
    `CHANGES(arvalid, araddr, "araddr")
    judge_lite();
    `CHANGES(arvalid, arlen, "arlen")
    `CHANGES(arvalid, arsize, "arsize")
    `CHANGES(arvalid, arburst, "arburst")
    `CHANGES(arvalid, arlock, "arlock")
    `CHANGES(arvalid, arcache, "arcache")
    `CHANGES(arvalid, arprot, "arprot")
    judge_lite();
    `CHANGES(rvalid, rid, "rid")
    `CHANGES(rvalid, rdata, "rdata")
    judge_lite();
    `CHANGES(rvalid, rresp, "rresp")
    judge_lite();
    `CHANGES(rvalid, rlast, "rlast")
    start("", "data without strobe changes");
    {wvalid, wstrb} = {1'b1, 8'h0f};
    @(negedge clk_i);
    wdata = 64'h1 << 32;
    judge();
    start("", "data not asked for changes");
    ar(32'h1004, 8'd0, 3'd2, Incr, 4'd0);
    rvalid = 1'b1;
    @(negedge clk_i);
    rdata = 64'h1;
    judge();
  endtask

`ifdef __ICARUS__
  task automatic unknowns;
    `UNKNOWN(awvalid, awid, "awid")
    `UNKNOWN(awvalid, awaddr, "awaddr")
    `UNKNOWN(awvalid, awlen, "awlen")
    `UNKNOWN(awvalid, awsize, "awsize")
    `UNKNOWN(awvalid, awburst, "awburst")
    `UNKNOWN(awvalid, awlock, "awlock")
    `UNKNOWN(awvalid, awcache, "awcache")
    `UNKNOWN(awvalid, awprot, "awprot")
    `UNKNOWN(wvalid, wdata, "wdata")
    `UNKNOWN(wvalid, wstrb, "wstrb")
    `UNKNOWN(wvalid, wlast, "wlast")
    `UNKNOWN(bvalid, bid, "bid")
    `UNKNOWN(bvalid, bresp, "bresp")
    `UNKNOWN(arvalid, arid, "arid")
    `UNKNOWN(arvalid, araddr, "araddr")
    `UNKNOWN(arvalid, arlen, "arlen")
    `UNKNOWN(arvalid, arsize, "arsize")
    `UNKNOWN(arvalid, arburst, "arburst")
    `UNKNOWN(arvalid, arlock, "arlock")
    `UNKNOWN(arvalid, arcache, "arcache")
    `UNKNOWN(arvalid, arprot, "arprot")
    `UNKNOWN(rvalid, rid, "rid")
    `UNKNOWN(rvalid, rdata, "rdata")
    `UNKNOWN(rvalid, rresp, "rresp")
    `UNKNOWN(rvalid, rlast, "rlast")
    `UNKNOWN(awready, awvalid, "awvalid")
    `UNKNOWN(wready, wvalid, "wvalid")
    `UNKNOWN(bready, bvalid, "bvalid")
    `UNKNOWN(arready, arvalid, "arvalid")
    `UNKNOWN(rready, rvalid, "rvalid")
    `UNKNOWN(rst_ni, awready, "awready")
    judge_lite();
    `UNKNOWN(rst_ni, wready, "wready")
    judge_lite();
    `UNKNOWN(rst_ni, bready, "bready")
    judge_lite();
    `UNKNOWN(rst_ni, arready, "arready")
    judge_lite();
    `UNKNOWN(rst_ni, rready, "rready")
    judge_lite();
    start("AXI-RESET", "awvalid is X right after reset");
    rst_ni  = 1'b0;
    awvalid = 1'bx;
    repeat (3) @(negedge clk_i);
    rst_ni = 1'b1;
    @(negedge clk_i);
    awvalid = 1'b0;
    judge();
    start("", "data without strobe is X");
    wdata = 'x;
    w(8'h00, 1'b1);
    judge();
    start("", "data not asked for is X");
    ar(32'h1004, 8'd0, 3'd2, Incr, 4'd0);
    rdata = {32'd0, 32'hx};
    r(4'd0, 2'd0, 1'b1);
    judge();
  endtask
`endif

  `define BURST(RULE, NAME, ADDR, LEN, SIZE, BURST) \
    start(RULE, {"write: ", NAME}); aw(ADDR, LEN, SIZE, BURST, 4'd0); judge(); \
    start(RULE, {"read: ", NAME}); ar(ADDR, LEN, SIZE, BURST, 4'd0); judge();

  task automatic bursts;
    `BURST("AXI-SIZE", "wider than the bus", 32'h1000, 8'd0, 3'd4, Incr)
    `BURST("AXI-BURST", "reserved kind", 32'h1000, 8'd0, 3'd3, 2'd3)
    `BURST("AXI-BURST", "FIXED of 17", 32'h1000, 8'd16, 3'd3, Fixed)
    `BURST("AXI-BURST", "WRAP of 1", 32'h1000, 8'd0, 3'd3, Wrap)
    `BURST("AXI-BURST", "WRAP of 3", 32'h1000, 8'd2, 3'd3, Wrap)
    `BURST("AXI-BURST", "WRAP of 32", 32'h1000, 8'd31, 3'd3, Wrap)
    `BURST("AXI-BURST", "WRAP unaligned", 32'h1004, 8'd3, 3'd3, Wrap)
    `BURST("AXI-4K", "one beat too long", 32'h1ff8, 8'd1, 3'd3, Incr)
    `BURST("AXI-4K", "unaligned", 32'h1ff9, 8'd1, 3'd3, Incr)
    `BURST("AXI-4K", "narrow", 32'h1fff, 8'd1, 3'd0, Incr)
    `BURST("", "up to the end of a page", 32'h1801, 8'd255, 3'd3, Incr)
    `BURST("", "WRAP at the end of a page", 32'h1ff8, 8'd15, 3'd3, Wrap)
    `BURST("", "FIXED of 16", 32'h1fff, 8'd15, 3'd3, Fixed)
    start("AXI-LOCK", "write");
    awlock = 1'b1;
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    judge();
    start("AXI-LOCK", "read");
    arlock = 1'b1;
    ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    judge();
    start("AXI-CACHE", "write");
    awcache = 4'h4;
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    judge();
    start("AXI-CACHE", "read");
    arcache = 4'h9;
    ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    judge();
  endtask

  task automatic write_data;
    start("AXI-WLAST", "early");
    aw(32'h1000, 8'd1, 3'd3, Incr, 4'd0);
    w(8'hff, 1'b1);
    judge();
    start("AXI-WLAST", "missing");
    aw(32'h1000, 8'd1, 3'd3, Incr, 4'd0);
    w(8'hff, 1'b0);
    w(8'hff, 1'b0);
    judge();
    start("AXI-WLAST", "early, data before its address");
    w(8'hff, 1'b1);
    aw(32'h1000, 8'd1, 3'd3, Incr, 4'd0);
    judge();
    start("AXI-STRB", "before an unaligned address");
    aw(32'h1003, 8'd0, 3'd3, Incr, 4'd0);
    w(8'hfc, 1'b1);
    judge();
    judge_lite();
    start("AXI-STRB", "beyond a narrow beat");
    aw(32'h1004, 8'd0, 3'd1, Incr, 4'd0);
    w(8'h70, 1'b1);
    judge();
    start("AXI-STRB", "of another narrow beat");
    aw(32'h1004, 8'd1, 3'd1, Incr, 4'd0);
    w(8'h30, 1'b0);
    w(8'h30, 1'b1);
    judge();
    start("AXI-STRB", "beside a FIXED beat");
    aw(32'h1004, 8'd1, 3'd1, Fixed, 4'd0);
    w(8'h30, 1'b0);
    w(8'hc0, 1'b1);
    judge();
    start("AXI-STRB", "WRAP that does not wrap");
    aw(32'h1006, 8'd1, 3'd1, Wrap, 4'd0);
    w(8'hc0, 1'b0);
    w(8'h03, 1'b1);
    judge();
    start("", "WRAP that wraps");
    aw(32'h1006, 8'd1, 3'd1, Wrap, 4'd0);
    w(8'hc0, 1'b0);
    w(8'h30, 1'b1);
    b(4'd0, 2'd0);
    judge();
  endtask

  task automatic responses;
    start("AXI-ID", "no write");
    b(4'd0, 2'd0);
    judge();
    judge_lite();
    start("AXI-ID", "no read");
    r(4'd0, 2'd0, 1'b1);
    judge();
    judge_lite();
    start("AXI-ID", "write of another id");
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd1);
    w(8'hff, 1'b1);
    b(4'd2, 2'd0);
    judge();
    start("AXI-ID", "read of another id");
    ar(32'h1000, 8'd0, 3'd3, Incr, 4'd1);
    r(4'd2, 2'd0, 1'b1);
    judge();
    start("AXI-ID", "answered twice");
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd1);
    w(8'hff, 1'b1);
    b(4'd1, 2'd0);
    b(4'd1, 2'd0);
    judge();
    start("AXI-ID", "data before the address is taken");
    {arvalid, rvalid} = 2'b11;
    @(negedge clk_i);
    {arready, rready} = 2'b11;
    @(negedge clk_i);
    {arvalid, rvalid} = 2'b00;
    judge();
    start("AXI-ID", "answered after a reset");
    ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    rst_ni = 1'b0;
    repeat (2) @(negedge clk_i);
    rst_ni = 1'b1;
    repeat (2) @(negedge clk_i);
    r(4'd0, 2'd0, 1'b1);
    judge();
    start("AXI-EARLY", "before any data");
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd3);
    b(4'd3, 2'd0);
    w(8'hff, 1'b1);
    judge();
    start("AXI-EARLY", "with the last data");
    aw(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    {bvalid, bready} = 2'b11;
    w(8'hff, 1'b1);
    {bvalid, bready} = 2'b00;
    judge();
    judge_lite();
    start("AXI-RLAST", "early");
    ar(32'h1000, 8'd1, 3'd3, Incr, 4'd0);
    r(4'd0, 2'd0, 1'b1);
    judge();
    start("AXI-RLAST", "missing");
    ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    r(4'd0, 2'd0, 1'b0);
    judge();
    start("AXI-RESP", "write");
    ask();
    b(4'd0, 2'd1);
    judge();
    judge_lite();
    start("AXI-RESP", "read");
    ask();
    r(4'd0, 2'd1, 1'b1);
    judge();
    judge_lite();
    start("", "reads of two ids, interleaved");
    ar(32'h1000, 8'd1, 3'd3, Incr, 4'd1);
    ar(32'h2000, 8'd1, 3'd3, Incr, 4'd2);
    r(4'd2, 2'd0, 1'b0);
    r(4'd1, 2'd0, 1'b0);
    r(4'd2, 2'd2, 1'b1);
    r(4'd1, 2'd3, 1'b1);
    judge();
    start("", "writes answered in another order");
    w(8'h0f, 1'b0);
    aw(32'h1000, 8'd1, 3'd3, Incr, 4'd1);
    aw(32'h2000, 8'd0, 3'd3, Incr, 4'd2);
    w(8'hff, 1'b1);
    w(8'hff, 1'b1);
    b(4'd2, 2'd0);
    b(4'd1, 2'd2);
    judge();
  endtask

  task automatic too_many;
    start("AXI-OUTSTANDING", "reads");
    repeat (Depth + 1) ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    judge();
    start("AXI-OUTSTANDING", "writes");
    repeat (Depth + 1) aw(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    judge();
    start("AXI-OUTSTANDING", "writes without response");
    repeat (Depth + 1) begin
      aw(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
      w(8'hff, 1'b1);
    end
    judge();
    start("AXI-OUTSTANDING", "data before its address");
    repeat (Depth + 1) w(8'hff, 1'b1);
    judge();
    start("", "as many as can be followed");
    repeat (Depth) ar(32'h1000, 8'd0, 3'd3, Incr, 4'd0);
    repeat (Depth) r(4'd0, 2'd0, 1'b1);
    judge();
  endtask

  initial begin
    clk_i  = 1'b0;
    rst_ni = 1'b0;
    handshakes();
    changes();
`ifdef __ICARUS__
    unknowns();
`endif
    bursts();
    write_data();
    responses();
    too_many();
    $display("done");
    $finish;
  end

endmodule

`ifndef __ICARUS__
bind axi_rules_tb virtio_axi_rules #(
    .AxiAddrWidth(32),
    .Outstanding (4),
    .Lines       (0)
) u_rules (.*);
`endif
