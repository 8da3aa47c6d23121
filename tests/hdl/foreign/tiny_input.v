// SPDX-License-Identifier: Apache-2.0
// A small VirtIO-MMIO input device (VIRTIO 1.4, modern, split rings, VERSION_1 only) in Verilog-2001: two queues of at
// most 16 entries, registers on APB with a wait state, memory by AXI4-Lite of 64 bits, events as a stream in and
// status events as one out. It stands for a stranger's device on the bench. Each queue is a module of its own with
// its set-up and its engine; the two take turns at the memory. The event queue takes its next buffer before there is
// an event for it. Events are stored, 16 of them, in sequences that are kept or dropped as a whole.
module tiny_input #(
    // Plants one defect; 0 is the sound device. bugs.py says what each looks like.
    //  1 status_kept          2 irq_before_element  3 idx_before_element     4 next_ignored
    //  5 queue_size_ignored   6 index_kept          7 suppression_ignored    8 used_len_counts_reads
    //  9 features_kept       10 sequence_in_part   11 event_written_twice   12 select_ignored
    // 13 subsel_ignored      14 size_without_information                    15 status_event_lost
    // 16 stale_entries       17 event_kept         18 buffer_kept
    parameter BUG = 0
) (
    input wire pclk,
    input wire presetn,  // asynchronous

    // Registers: APB4
    input  wire        psel,
    input  wire        penable,
    input  wire        pwrite,
    // the two low bits
    // verilator lint_off UNUSEDSIGNAL
    input  wire [11:0] paddr,    // whole words, whatever the two low bits are
    // verilator lint_on UNUSEDSIGNAL
    input  wire [31:0] pwdata,
    input  wire [ 3:0] pstrb,
    output reg  [31:0] prdata,
    output reg         pready,

    // Memory: AXI4-Lite
    output wire [39:0] mem_awaddr,
    output wire        mem_awvalid,
    input  wire        mem_awready,
    output wire [63:0] mem_wdata,
    output wire [ 7:0] mem_wstrb,
    output wire        mem_wvalid,
    input  wire        mem_wready,
    // bit 0: OKAY and EXOKAY are alike
    // verilator lint_off UNUSEDSIGNAL
    input  wire [ 1:0] mem_bresp,    // bit 1 tells errors
    // verilator lint_on UNUSEDSIGNAL
    input  wire        mem_bvalid,
    output wire        mem_bready,
    output wire [39:0] mem_araddr,
    output wire        mem_arvalid,
    input  wire        mem_arready,
    input  wire [63:0] mem_rdata,
    // bit 0, as of mem_bresp
    // verilator lint_off UNUSEDSIGNAL
    input  wire [ 1:0] mem_rresp,
    // verilator lint_on UNUSEDSIGNAL
    input  wire        mem_rvalid,
    output wire        mem_rready,

    // Events for the driver, and status events from it: type, code, value from bit 0 on
    input  wire [63:0] event_data,
    input  wire        event_valid,
    output wire        event_ready,
    output wire [63:0] led_data,
    output wire        led_valid,
    input  wire        led_ready,

    output wire irq
);

  // ---------------------------------------------------------------------------------------------------------------
  // Registers. A reset waits until both queues are quiet.
  // ---------------------------------------------------------------------------------------------------------------

  localparam [4:0] QUEUE_MAX = 5'd16;
  localparam [7:0] DRIVER_OK = 8'h04, FEATURES_OK = 8'h08, DRIVER_BITS = 8'h8f;

  reg [7:0] status;  // DEVICE_NEEDS_RESET lives in broken
  reg broken, resetting;
  reg used_irq, config_irq;
  reg [31:0] device_sel, driver_sel, queue_sel;
  reg accepted;  // VERSION_1
  reg [4:0] strange;  // other bits were accepted: in the words 0 to 3, in any above
  reg [7:0] select, subsel;  // of the configuration space

  wire [1:0] ready, quiet, served, fatal;
  wire [1:0] chosen = {queue_sel == 1, queue_sel == 0};
  wire wipe = resetting & (&quiet);  // nothing of the old life is left
  wire run = |(status & DRIVER_OK) & ~broken & ~resetting;
  wire stop = broken | resetting;

  wire access = psel & penable & pready;
  wire [9:0] word = paddr[11:2];
  wire wr = access & pwrite & (&pstrb);  // control registers are whole words
  wire [7:0] asked = pwdata[7:0] & DRIVER_BITS;
  wire agreed = |(status & FEATURES_OK) | (|(asked & FEATURES_OK) & accepted & ~|strange);
  wire [7:0] granted = agreed ? asked : asked & ~(FEATURES_OK | DRIVER_OK);
  wire [1:0] look = {2{wr & (word == 10'h01c) & |(granted & DRIVER_OK)}}
      | ({2{wr & (word == 10'h014)}} & {pwdata == 1, pwdata == 0});

  assign irq = used_irq | config_irq;

  always @(posedge pclk or negedge presetn) begin
    if (~presetn) begin
      {status, broken, resetting, used_irq, config_irq} <= 0;
      {device_sel, driver_sel, queue_sel} <= 0;
      {accepted, strange, select, subsel} <= 0;
    end else begin
      if (wr) begin
        case (word)
          10'h005: device_sel <= pwdata;
          10'h008:
          if (~|(status & FEATURES_OK)) begin
            case (driver_sel)
              0: strange[0] <= |pwdata;
              1: {strange[1], accepted} <= {|pwdata[31:1], pwdata[0]};
              2: strange[2] <= |pwdata;
              3: strange[3] <= |pwdata;
              default: if (|pwdata) strange[4] <= 1'b1;
            endcase
          end
          10'h009: driver_sel <= pwdata;
          10'h00c: queue_sel <= pwdata;
          10'h019: begin
            if (pwdata[0]) used_irq <= 1'b0;
            if (pwdata[1]) config_irq <= 1'b0;
          end
          10'h01c:
          if (pwdata == 0) resetting <= 1'b1;
          else status <= status | granted;
          default: ;
        endcase
      end
      if (access & pwrite & (word == 10'h040)) begin
        if (pstrb[0]) select <= pwdata[7:0];
        if (pstrb[1]) subsel <= pwdata[15:8];
      end
      if (|served) used_irq <= 1'b1;
      if (|fatal) {broken, config_irq} <= 2'b11;

      if (wipe) begin
        {broken, resetting, used_irq, config_irq} <= 0;
        {device_sel, driver_sel, queue_sel} <= 0;
        {select, subsel} <= 0;
        if (BUG != 1) status <= 0;
        if (BUG != 9) {accepted, strange} <= 0;
      end
    end
  end

  // What the device says of itself: size and up to 16 bytes, the first one lowest
  localparam [7:0] ID_NAME = 8'h01, ID_SERIAL = 8'h02, ID_DEVIDS = 8'h03, EV_BITS = 8'h11, EV_KEY = 8'h01;
  reg [  7:0] size;
  reg [127:0] info;
  always @* begin
    size = 8'd0;
    info = 128'd0;
    case ((BUG == 12) ? ID_NAME : select)
      ID_NAME: {size, info} = {8'd10, 48'd0, "tupnI yniT"};
      ID_SERIAL: {size, info} = {8'd3, 104'd0, "7-T"};
      ID_DEVIDS: {size, info} = {8'd8, 64'd0, 16'h0102, 16'h0003, 16'h5449, 16'h0006};
      EV_BITS:
      if ((subsel == EV_KEY) | (BUG == 13)) {size, info} = {8'd5, 88'd0, 40'h8000fffffe};
      default: if (BUG == 14) size = 8'd10;
    endcase
    if (select != EV_BITS && subsel != 0 && BUG != 13) {size, info} = 0;
  end

  // An access takes one cycle more: what is read is put into a register.
  always @(posedge pclk or negedge presetn) begin
    if (~presetn) begin
      pready <= 1'b0;
      prdata <= 0;
    end else begin
      pready <= psel & penable & ~pready;
      case (word)
        10'h000: prdata <= 32'h74726976;
        10'h001: prdata <= 32'd2;
        10'h002: prdata <= 32'd18;  // input device
        10'h003: prdata <= 32'h504e4954;
        10'h004: prdata <= {31'd0, device_sel == 1};  // VERSION_1
        10'h00d: prdata <= (|chosen) ? {27'd0, QUEUE_MAX} : 32'd0;
        10'h011: prdata <= {31'd0, |(chosen & ready)};
        10'h018: prdata <= {30'd0, config_irq, used_irq};
        10'h01c: prdata <= {24'd0, status | {1'b0, broken, 6'd0}};
        10'h02c, 10'h02d, 10'h02e, 10'h02f: prdata <= 32'hffffffff;  // no shared memory
        10'h040: prdata <= {8'd0, size, subsel, select};
        10'h042: prdata <= info[31:0];
        10'h043: prdata <= info[63:32];
        10'h044: prdata <= info[95:64];
        10'h045: prdata <= info[127:96];
        default: prdata <= 32'd0;
      endcase
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Events that came in. A sequence counts when its end, SYN_REPORT, is stored; where it finds no room, or nobody
  // to take it, all of it is dropped.
  // ---------------------------------------------------------------------------------------------------------------

  reg [63:0] store[0:15];
  reg [4:0] first, whole, last;  // next to be delivered, end of whole sequences, end
  reg begun, drop;  // within a sequence; of which no more is kept
  wire [4:0] held = last - first;
  wire event_end = event_data[31:0] == 0;
  wire unwanted = drop | (~begun & ~(run & ready[0]));
  wire keep = event_valid & ~unwanted & ~held[4];
  wire delivered;

  assign event_ready = 1'b1;

  always @(posedge pclk or negedge presetn) begin
    if (~presetn) {first, whole, last, begun, drop} <= 0;
    else begin
      if (event_valid) begin
        begun <= ~event_end;
        drop  <= ~event_end & ~keep & (unwanted | (BUG != 10));
      end
      if (keep) begin
        last <= last + 5'd1;
        if (event_end) whole <= last + 5'd1;
      end else if (event_valid & ~unwanted & (BUG != 10)) last <= whole;
      else if (event_valid & event_end & ~unwanted) whole <= last;
      if (delivered) first <= first + 5'd1;
      if (wipe) begin
        drop <= event_valid ? ~event_end : begun;
        last <= whole;
        if (BUG != 17) {first, whole, last} <= 0;
      end
    end
  end
  always @(posedge pclk) if (keep) store[last[3:0]] <= event_data;

  // ---------------------------------------------------------------------------------------------------------------
  // Queues, and the memory for which they take turns
  // ---------------------------------------------------------------------------------------------------------------

  wire [1:0] want, writes;
  wire [36:0] at0, at1;
  wire [63:0] data0, data1;
  wire [7:0] strb0, strb1;

  localparam [2:0] FREE = 3'd0, READ = 3'd1, READ_DATA = 3'd2, WRITE = 3'd3, RESPONSE = 3'd4;
  reg [2:0] state;
  reg turn;  // whose transfer this is
  reg aw_done, w_done;
  wire next_turn = (&want) ? ~turn : want[1];
  wire over = (mem_rvalid & mem_rready) | (mem_bvalid & mem_bready);
  wire failed = (state == RESPONSE) ? mem_bresp[1] : mem_rresp[1];
  wire [1:0] done = {over & turn, over & ~turn};

  assign mem_awaddr = {turn ? at1 : at0, 3'd0};
  assign mem_araddr = mem_awaddr;
  assign mem_wdata = turn ? data1 : data0;
  assign mem_wstrb = turn ? strb1 : strb0;
  assign mem_arvalid = state == READ;
  assign mem_rready = state == READ_DATA;
  assign mem_awvalid = (state == WRITE) & ~aw_done;
  assign mem_wvalid = (state == WRITE) & ~w_done;
  assign mem_bready = state == RESPONSE;

  always @(posedge pclk or negedge presetn) begin
    if (~presetn) begin
      state <= FREE;
      {turn, aw_done, w_done} <= 0;
    end else begin
      case (state)
        FREE:
        if (|want) begin
          turn  <= next_turn;
          state <= writes[next_turn] ? WRITE : READ;
        end
        READ: if (mem_arready) state <= READ_DATA;
        READ_DATA: if (mem_rvalid) state <= FREE;
        WRITE: begin
          aw_done <= aw_done | mem_awready;
          w_done  <= w_done | mem_wready;
          if ((aw_done | mem_awready) & (w_done | mem_wready)) begin
            {aw_done, w_done} <= 0;
            state <= RESPONSE;
          end
        end
        default: if (mem_bvalid) state <= FREE;
      endcase
    end
  end

  // each queue has ports that only the other one needs
  // verilator lint_off PINCONNECTEMPTY
  tiny_input_queue #(
      .BUG(BUG),
      .EVENTS(1),
      .QUEUE_MAX(QUEUE_MAX)
  ) events (
      .clk(pclk),
      .rst_n(presetn),
      .set(wr & chosen[0]),
      .reg_word(word),
      .reg_data(pwdata),
      .ready(ready[0]),
      .run(run),
      .stop(stop),
      .wipe(wipe),
      .look(look[0]),
      .quiet(quiet[0]),
      .served(served[0]),
      .fatal(fatal[0]),
      .want(want[0]),
      .writes(writes[0]),
      .at_word(at0),
      .data(data0),
      .strb(strb0),
      .done(done[0]),
      .failed(failed),
      .got(mem_rdata),
      .item_valid(first != whole),
      .item(store[first[3:0]]),
      .item_taken(delivered),
      .out_valid(),
      .out_data(),
      .out_ready(1'b1)
  );

  tiny_input_queue #(
      .BUG(BUG),
      .EVENTS(0),
      .QUEUE_MAX(QUEUE_MAX)
  ) statuses (
      .clk(pclk),
      .rst_n(presetn),
      .set(wr & chosen[1]),
      .reg_word(word),
      .reg_data(pwdata),
      .ready(ready[1]),
      .run(run),
      .stop(stop),
      .wipe(wipe),
      .look(look[1]),
      .quiet(quiet[1]),
      .served(served[1]),
      .fatal(fatal[1]),
      .want(want[1]),
      .writes(writes[1]),
      .at_word(at1),
      .data(data1),
      .strb(strb1),
      .done(done[1]),
      .failed(failed),
      .got(mem_rdata),
      .item_valid(1'b0),
      .item(64'd0),
      .item_taken(),
      .out_valid(led_valid),
      .out_data(led_data),
      .out_ready(led_ready)
  );
  // verilator lint_on PINCONNECTEMPTY

endmodule

// A split queue: its set-up registers, and the engine that takes chains. With EVENTS a chain is taken ahead and gets
// an item of 8 bytes when there is one; otherwise the items in it are given out.
module tiny_input_queue #(
    parameter BUG = 0,
    parameter EVENTS = 0,
    parameter [4:0] QUEUE_MAX = 5'd16
) (
    input wire clk,
    input wire rst_n,

    // Set-up, and what the whole device does
    input  wire        set,       // a register of this queue is written
    input  wire [ 9:0] reg_word,
    input  wire [31:0] reg_data,
    output reg         ready,
    input  wire        run,
    input  wire        stop,
    input  wire        wipe,
    input  wire        look,      // there may be chains
    output wire        quiet,
    output wire        served,    // the driver is to be told
    output wire        fatal,

    // Memory, words of 8 bytes
    output wire        want,
    output wire        writes,
    output wire [36:0] at_word,
    output wire [63:0] data,
    output wire [ 7:0] strb,
    input  wire        done,
    input  wire        failed,
    input  wire [63:0] got,

    // Items
    input  wire        item_valid,
    input  wire [63:0] item,
    output wire        item_taken,
    output reg         out_valid,
    output reg  [63:0] out_data,
    input  wire        out_ready
);

  localparam [4:0] REST = 0, LOOK = 1, COUNT = 2, HEAD = 3, DESC = 4, DESC_REST = 5, LINK = 6, OPEN = 7, PUT = 8,
      MOVE = 9, UNPACK = 10, GIVE = 11, ELEMENT = 12, LENGTH = 13, INDEX = 14, FLAGS = 15, TELL = 16, NEXT = 17,
      FATAL = 18, BUS = 19;
  localparam [4:0] AFTER_CHAIN = (BUG == 2) ? FLAGS : (BUG == 3) ? INDEX : ELEMENT;
  localparam [4:0] AFTER_ELEMENT = (BUG == 3) ? FLAGS : INDEX;
  localparam [4:0] AFTER_INDEX = (BUG == 2) ? NEXT : (BUG == 3) ? ELEMENT : FLAGS;
  localparam [4:0] AFTER_TELL = (BUG == 2) ? ELEMENT : NEXT;

  reg stopping;  // QueueReady = 0 was written
  reg waiting;  // the available index is to be looked at
  reg [31:0] size;
  reg [63:0] desc, avail, used;

  reg [4:0] state, back;
  reg [39:0] at;
  reg wr;
  reg [63:0] to_write;
  reg [7:0] lanes;
  reg [63:0] word, ring_word;  // read last; with ring entries
  reg [39:0] ring_at;
  reg publishing;

  reg [15:0] taken, known;  // chains taken, and made available as far as was seen
  reg [3:0] slot, head, tail;
  reg [4:0] links;
  reg writing;
  reg [63:0] buffer;
  reg [31:0] written, read;
  // With EVENTS: where the 8 bytes of an item go, which of them are known, which are still to be written
  reg [39:0] place[0:7];
  reg [3:0] places;
  reg [7:0] todo;
  reg again;  // only for BUG 11
  // Otherwise: device-readable descriptors of the chain, the present one, the bytes of an item gathered so far
  reg [39:0] table_addr[0:15];
  reg [31:0] table_len[0:15];
  reg [4:0] tables, pos;
  reg [39:0] source;
  reg [31:0] left;
  reg [63:0] gathered;
  reg [3:0] count;

  wire good = |size & (size <= {27'd0, QUEUE_MAX}) & ~|desc[3:0] & ~avail[0] & ~|used[1:0]
      & ~|desc[63:40] & ~|avail[63:40] & ~|used[63:40];
  wire live = run & ready & ~stopping;
  wire halt = stop | stopping;
  wire kept = (BUG == 18) & (EVENTS != 0) & (state == OPEN);
  wire forget = wipe | (stopping & quiet);

  wire [3:0] last_slot = (BUG == 5) ? QUEUE_MAX[3:0] - 4'd1 : size[3:0] - 4'd1;
  wire [15:0] half = word[{at[2:1], 4'd0}+:16];
  wire [15:0] ahead = half - taken;
  wire [39:0] entry_at = avail[39:0] + 40'd4 + {35'd0, slot, 1'b0};
  wire [39:0] index_at = used[39:0] + 40'd2;
  wire [39:0] element_at = used[39:0] + 40'd4 + {33'd0, slot, 3'd0};
  wire [15:0] taken_then = taken + 16'd1;
  // The entry behind the present one was read along with it, after an index that covers it.
  wire entry_known = (ring_at[2:1] != 2'd3) & (slot != last_slot) & ((known != taken_then) | (BUG == 16));
  // Of a descriptor
  wire [31:0] d_len = word[31:0];
  wire d_more = word[32];
  wire d_write = word[33];
  wire d_indirect = word[34];
  wire [15:0] d_next = (BUG == 4) ? {12'd0, tail + 4'd1} : word[63:48];
  wire [64:0] d_end = {1'b0, buffer} + {33'd0, d_len};
  wire d_wrong = d_indirect | (writing & ~d_write) | (|d_len & (d_end > 65'h100_0000_0000));
  wire [3:0] d_places = (d_len > {28'd0, 4'd8 - places}) ? 4'd8 - places : d_len[3:0];
  // Bytes that come from a word
  wire [3:0] room = 4'd8 - {1'b0, source[2:0]};
  wire [3:0] lack = 4'd8 - count;
  wire [3:0] most = (room < lack) ? room : lack;
  wire [3:0] step = (left < {28'd0, most}) ? left[3:0] : most;
  wire [63:0] fetched = (word >> {source[2:0], 3'd0}) & ~({64{1'b1}} << {step, 3'd0});
  wire lost = (BUG == 15) & (left == 0) & (pos == tables) & (read > 32'd8);

  // Bytes of the item that go into the word of the first one that is left
  reg [36:0] put_word;
  reg [ 7:0] put_lanes, put_done;
  reg [63:0] put_data;
  integer i;
  always @* begin
    put_word  = 0;
    put_lanes = 0;
    put_done  = 0;
    put_data  = 0;
    for (i = 7; i >= 0; i = i - 1) if (todo[i]) put_word = place[i][39:3];
    for (i = 0; i < 8; i = i + 1)
    if (todo[i] & (place[i][39:3] == put_word)) begin
      put_done[i] = 1'b1;
      put_lanes[place[i][2:0]] = 1'b1;
      put_data[{place[i][2:0], 3'd0}+:8] = item[8*i+:8];
    end
  end

  assign quiet = (state == REST) | kept;
  assign served = (state == TELL) & (~half[0] | (BUG == 7));
  assign fatal = state == FATAL;
  assign want = state == BUS;
  assign writes = wr;
  assign at_word = at[39:3];
  assign data = to_write;
  assign strb = lanes;
  assign item_taken = want & done & ~failed & publishing & |written & (EVENTS != 0) & ((BUG != 11) | again);

  always @(posedge clk or negedge rst_n) begin
    if (~rst_n) begin
      {ready, stopping, waiting} <= 0;
      {size, desc, avail, used} <= 0;
    end else begin
      if (state == LOOK) waiting <= 1'b0;
      if (look) waiting <= 1'b1;
      if (set & ~ready) begin
        case (reg_word)
          10'h00e: size <= reg_data;
          10'h011: if (reg_data[0] & good) {ready, waiting} <= 2'b11;
          10'h020: desc[31:0] <= reg_data;
          10'h021: desc[63:32] <= reg_data;
          10'h024: avail[31:0] <= reg_data;
          10'h025: avail[63:32] <= reg_data;
          10'h028: used[31:0] <= reg_data;
          10'h029: used[63:32] <= reg_data;
          default: ;
        endcase
      end
      if (set & ready & (reg_word == 10'h011) & ~reg_data[0]) stopping <= 1'b1;
      if (forget) {ready, stopping, waiting} <= 0;
      if (wipe) {size, desc, avail, used} <= 0;
    end
  end

  always @(posedge clk or negedge rst_n) begin
    if (~rst_n) begin
      state <= REST;
      back  <= REST;
      {at, wr, to_write, lanes, word, ring_word, ring_at, publishing} <= 0;
      {taken, known, slot, head, tail, links, writing, buffer, written, read} <= 0;
      {places, todo, again, tables, pos, source, left, gathered, count} <= 0;
      {out_valid, out_data} <= 0;
    end else begin
      // An item that is offered stays so, whatever the driver does.
      if (out_ready) out_valid <= 1'b0;

      case (state)
        REST: if (live & waiting) state <= LOOK;

        // A chain is taken
        LOOK: begin
          {at, wr} <= {avail[39:0] + 40'd2, 1'b0};
          back  <= COUNT;
          state <= BUS;
        end
        COUNT: begin
          known <= half;
          at <= entry_at;
          back <= HEAD;
          if (ahead == 0) state <= REST;
          else if ({16'd0, ahead} > size) state <= FATAL;
          else state <= (entry_at[39:3] == at[39:3]) ? HEAD : BUS;
        end
        HEAD: begin
          {ring_word, ring_at} <= {word, at};
          head <= half[3:0];
          tail <= half[3:0];
          {links, writing, places, tables, written, read} <= 0;
          state <= ({16'd0, half} < size) ? DESC : FATAL;
        end
        DESC: begin
          {at, wr} <= {desc[39:0] + {32'd0, tail, 4'd0}, 1'b0};
          back  <= DESC_REST;
          state <= ({27'd0, links} == size) ? FATAL : BUS;
        end
        DESC_REST: begin
          buffer <= word;
          at <= {at[39:4], 4'd8};
          back <= LINK;
          state <= BUS;
        end
        LINK: begin
          links <= links + 5'd1;
          writing <= d_write;
          tail <= d_next[3:0];
          if (~d_write) begin
            table_addr[tables[3:0]] <= buffer[39:0];
            table_len[tables[3:0]] <= d_len;
            tables <= tables + 5'd1;
          end else places <= places + d_places;
          if (d_wrong | (d_more & ({16'd0, d_next} >= size))) state <= FATAL;
          else state <= d_more ? DESC : OPEN;
        end

        // It is held until there is something to be done with it. A buffer without room for an event comes back.
        OPEN: begin
          todo <= 8'hff;
          {pos, left, count} <= 0;
          if (EVENTS == 0) state <= MOVE;
          else if (~places[3]) state <= AFTER_CHAIN;
          else if (item_valid & live) state <= PUT;
        end
        PUT: begin
          todo <= todo & ~put_done;
          {at, wr, to_write, lanes} <= {put_word, 3'd0, 1'b1, put_data, put_lanes};
          back <= PUT;
          written <= 32'd8;
          state <= |todo ? BUS : AFTER_CHAIN;
        end
        MOVE: begin
          {at, wr} <= {source, 1'b0};
          back <= UNPACK;
          if (left != 0) state <= BUS;
          else if (pos == tables) begin
            if (BUG == 8) written <= read;
            state <= AFTER_CHAIN;
          end else begin
            source <= table_addr[pos[3:0]];
            left <= table_len[pos[3:0]];
            pos <= pos + 5'd1;
          end
        end
        UNPACK: begin
          gathered <= ((count == 0) ? 64'd0 : gathered) | (fetched << {count, 3'd0});
          count <= count + step;
          source <= source + {36'd0, step};
          left <= left - {28'd0, step};
          read <= read + {28'd0, step};
          state <= (count + step == 4'd8) ? GIVE : MOVE;
        end
        GIVE:
        if (~out_valid | out_ready) begin
          {out_valid, out_data} <= {~lost, gathered};
          count <= 0;
          state <= MOVE;
        end

        // It is given back
        ELEMENT: begin
          {at, wr} <= {element_at, 1'b1};
          to_write <= element_at[2] ? {28'd0, head, 32'd0} : {written, 28'd0, head};
          lanes <= element_at[2] ? 8'hf0 : 8'hff;
          back <= element_at[2] ? LENGTH : AFTER_ELEMENT;
          state <= BUS;
        end
        LENGTH: begin
          at <= at + 40'd4;
          to_write <= {32'd0, written};
          lanes <= 8'h0f;
          back <= AFTER_ELEMENT;
          state <= BUS;
        end
        INDEX: begin
          {at, wr} <= {index_at, 1'b1};
          to_write <= {4{taken_then}};
          lanes <= 8'h03 << {index_at[2:1], 1'b0};
          publishing <= 1'b1;
          back <= AFTER_INDEX;
          state <= BUS;
        end
        FLAGS: begin
          {at, wr} <= {avail[39:0], 1'b0};
          back  <= TELL;
          state <= BUS;
        end
        TELL: state <= AFTER_TELL;
        NEXT: begin
          taken <= taken_then;
          slot <= (slot == last_slot) ? 4'd0 : slot + 4'd1;
          word <= ring_word;
          at <= ring_at + 40'd2;
          state <= entry_known ? HEAD : LOOK;
        end
        FATAL: state <= REST;

        default:  // BUS
        if (done) begin
          word <= got;
          publishing <= 1'b0;
          if (publishing) again <= ~again;
          state <= failed ? FATAL : back;
        end
      endcase

      // Nothing is begun any more; what is under way at the memory comes to its end.
      if (halt & (state != BUS) & ~kept) {state, publishing} <= {REST, 1'b0};
      if (halt & (state == BUS) & done) state <= REST;
      if (forget & (BUG != 6)) {taken, slot} <= 0;
      if (forget) again <= 1'b0;
    end
  end

  integer n;
  always @(posedge clk)
    if ((state == LINK) & d_write)
      for (n = 0; n < 8; n = n + 1)
      if ((n >= {28'd0, places}) & (n < {28'd0, places} + {28'd0, d_places}))
        place[n] <= buffer[39:0] + {36'd0, n[3:0]} - {36'd0, places};

endmodule
