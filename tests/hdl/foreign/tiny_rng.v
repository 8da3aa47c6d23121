// SPDX-License-Identifier: Apache-2.0
// A small VirtIO-MMIO entropy device (VIRTIO 1.4, modern, split ring, VERSION_1 only) in Verilog-2001: one queue of
// at most 8 entries, AXI4 on both sides, one DMA transfer in flight. It stands for a stranger's device on the bench.
module tiny_rng #(
    // Plants one defect; 0 is the sound device. bugs.py says what each looks like.
    //  1 status_kept             2 irq_before_element     3 idx_before_element     4 whole_words
    //  5 next_ignored            6 queue_size_ignored     7 index_kept             8 suppression_ignored
    //  9 page_crossed           10 used_len_counts_reads 11 features_kept         12 unoffered_accepted
    // 13 dma_after_reset        14 irq_not_lowered       15 hangs                 16 magic_wrong
    // 17 status_not_accumulated 18 used_id_of_tail
    parameter BUG = 0
) (
    input wire clk,
    input wire reset,

    // Registers: AXI4 slave
    input  wire [ 3:0] s_awid,
    input  wire [11:0] s_awaddr,
    input  wire [ 7:0] s_awlen,
    input  wire [ 2:0] s_awsize,
    input  wire [ 1:0] s_awburst,
    input  wire        s_awvalid,
    output wire        s_awready,
    input  wire [31:0] s_wdata,
    input  wire [ 3:0] s_wstrb,
    input  wire        s_wlast,
    input  wire        s_wvalid,
    output wire        s_wready,
    output reg  [ 3:0] s_bid,
    output wire [ 1:0] s_bresp,
    output wire        s_bvalid,
    input  wire        s_bready,
    input  wire [ 3:0] s_arid,
    input  wire [11:0] s_araddr,
    input  wire [ 7:0] s_arlen,
    input  wire [ 2:0] s_arsize,
    input  wire [ 1:0] s_arburst,
    input  wire        s_arvalid,
    output wire        s_arready,
    output reg  [ 3:0] s_rid,
    output reg  [31:0] s_rdata,
    output wire [ 1:0] s_rresp,
    output wire        s_rlast,
    output wire        s_rvalid,
    input  wire        s_rready,

    // Memory: AXI4 master
    output wire        m_awid,
    output wire [31:0] m_awaddr,
    output wire [ 7:0] m_awlen,
    output wire [ 2:0] m_awsize,
    output wire [ 1:0] m_awburst,
    output wire [ 2:0] m_awprot,
    output wire        m_awvalid,
    input  wire        m_awready,
    output wire [31:0] m_wdata,
    output wire [ 3:0] m_wstrb,
    output wire        m_wlast,
    output wire        m_wvalid,
    input  wire        m_wready,
    // verilator lint_off UNUSEDSIGNAL
    // One transfer in flight: ids carry nothing, and of a response only the error bit counts.
    input  wire        m_bid,
    input  wire [ 1:0] m_bresp,
    // verilator lint_on UNUSEDSIGNAL
    input  wire        m_bvalid,
    output wire        m_bready,
    output wire        m_arid,
    output wire [31:0] m_araddr,
    output wire [ 7:0] m_arlen,
    output wire [ 2:0] m_arsize,
    output wire [ 1:0] m_arburst,
    output wire [ 2:0] m_arprot,
    output wire        m_arvalid,
    input  wire        m_arready,
    // verilator lint_off UNUSEDSIGNAL
    input  wire        m_rid,
    input  wire [ 1:0] m_rresp,
    // verilator lint_on UNUSEDSIGNAL
    input  wire [31:0] m_rdata,
    input  wire        m_rlast,
    input  wire        m_rvalid,
    output wire        m_rready,

    // verilator lint_off SYMRSVDWORD
    output wire interrupt
    // verilator lint_on SYMRSVDWORD
);

  localparam [31:0] MAGIC = (BUG == 16) ? 32'h76697274 : 32'h74726976;
  localparam [31:0] QUEUE_MAX = 32'd8;

  // ---------------------------------------------------------------------------------------------------------------
  // Registers
  // ---------------------------------------------------------------------------------------------------------------

  // Status bits
  localparam [7:0] DRIVER_OK = 8'h04;
  localparam [7:0] FEATURES_OK = 8'h08;
  localparam [7:0] DRIVER_BITS = 8'h8f;  // what a driver can set: no SUSPEND, no DEVICE_NEEDS_RESET

  reg [7:0] status;  // bit 6 lives in needs_reset
  reg needs_reset;
  reg [1:0] irq_status;
  reg irq_stuck;
  reg [31:0] device_sel, driver_sel, queue_sel;
  reg [31:0] driver_low, driver_high;
  reg unknown2, unknown3, unknown_more;  // bits set in the words 2, 3 and above, none of which exist
  reg [31:0] queue_size;
  reg queue_ready;
  reg [31:0] desc_low, desc_high, avail_low, avail_high, used_low, used_high;
  reg  kick;  // the available index is to be looked at
  reg  halt_all;  // waits for the DMA: Status = 0; both read as they were until then
  reg  halt_queue;  // waits for the DMA: QueueReady = 0

  wire engine_idle;
  wire event_used, event_fatal, kick_taken;

  wire halting = halt_all | halt_queue;
  wire quiet = engine_idle | (BUG == 13);
  wire clear_all = halt_all & quiet;
  wire clear_queue = halt_queue & quiet;

  wire features_good =
      (driver_high[0] & ~|driver_high[31:1] & ~|driver_low & ~unknown2 & ~unknown3 & ~unknown_more)
      | (BUG == 12);
  wire queue_good = |queue_size & (queue_size <= QUEUE_MAX) & ~|desc_low[3:0] & ~avail_low[0] & ~|used_low[1:0]
      & ~|desc_high & ~|avail_high & ~|used_high;

  // One word written
  wire wr;
  wire [11:0] wr_addr;
  wire [31:0] wr_data = s_wdata;
  wire queue0 = queue_sel == 0;
  wire set_up = wr & queue0 & ~queue_ready;  // writes that configure the queue

  // Bits a Status write makes, FEATURES_OK only with good features, DRIVER_OK only with FEATURES_OK.
  wire [7:0] asked = wr_data[7:0] & DRIVER_BITS;
  wire accept = |(status & FEATURES_OK) | (|(asked & FEATURES_OK) & features_good);
  wire [7:0] granted = accept ? asked : asked & ~(FEATURES_OK | DRIVER_OK);

  always @(posedge clk) begin
    if (kick_taken) kick <= 1'b0;
    if (event_used) irq_status[0] <= 1'b1;
    if (event_used | event_fatal) irq_stuck <= 1'b1;
    if (event_fatal) begin
      needs_reset   <= 1'b1;
      irq_status[1] <= 1'b1;
    end

    if (wr) begin
      case (wr_addr)
        12'h014: device_sel <= wr_data;
        12'h020:
        if (~|(status & FEATURES_OK)) begin
          case (driver_sel)
            0: driver_low <= wr_data;
            1: driver_high <= wr_data;
            2: unknown2 <= |wr_data;
            3: unknown3 <= |wr_data;
            default: unknown_more <= unknown_more | (|wr_data);
          endcase
        end
        12'h024: driver_sel <= wr_data;
        12'h030: queue_sel <= wr_data;
        12'h044:
        if (set_up & wr_data[0] & queue_good) begin
          queue_ready <= 1'b1;
          kick <= 1'b1;
        end else if (queue0 & queue_ready & ~wr_data[0]) halt_queue <= 1'b1;
        12'h050: if (wr_data == 0) kick <= 1'b1;
        12'h064: irq_status <= (irq_status & ~wr_data[1:0]) | {event_fatal, event_used};
        12'h070:
        if (wr_data == 0) halt_all <= 1'b1;
        else begin
          status <= (BUG == 17) ? granted & ~status : status | granted;
          if (|(granted & DRIVER_OK)) kick <= 1'b1;
        end
        default: ;
      endcase
    end
    if (set_up) begin
      case (wr_addr)
        12'h038: queue_size <= wr_data;
        12'h080: desc_low <= wr_data;
        12'h084: desc_high <= wr_data;
        12'h090: avail_low <= wr_data;
        12'h094: avail_high <= wr_data;
        12'h0a0: used_low <= wr_data;
        12'h0a4: used_high <= wr_data;
        default: ;
      endcase
    end

    if (reset | clear_queue | clear_all) begin
      queue_ready <= 1'b0;
      halt_queue  <= 1'b0;
    end
    if (reset | clear_all) begin
      halt_all <= 1'b0;
      if (reset | (BUG != 1)) status <= 8'h00;
      needs_reset <= 1'b0;
      irq_status  <= 2'b00;
      irq_stuck   <= 1'b0;
      device_sel  <= 0;
      driver_sel  <= 0;
      queue_sel   <= 0;
      if (reset | (BUG != 11)) begin
        driver_low  <= 0;
        driver_high <= 0;
      end
      unknown2 <= 1'b0;
      unknown3 <= 1'b0;
      unknown_more <= 1'b0;
      queue_size <= 0;
      desc_low <= 0;
      desc_high <= 0;
      avail_low <= 0;
      avail_high <= 0;
      used_low <= 0;
      used_high <= 0;
      kick <= 1'b0;
    end
  end

  assign interrupt = |irq_status | ((BUG == 14) & irq_stuck);

  function [31:0] read_word;
    input [11:0] address;
    begin
      case (address)
        12'h000: read_word = MAGIC;
        12'h004: read_word = 32'd2;
        12'h008: read_word = 32'd4;  // entropy
        12'h00c: read_word = 32'h594e4954;
        12'h010: read_word = (device_sel == 1) ? 32'd1 : 32'd0;  // VERSION_1
        12'h034: read_word = queue0 ? QUEUE_MAX : 32'd0;
        12'h044: read_word = {31'd0, queue0 & queue_ready};
        12'h060: read_word = {30'd0, irq_status};
        12'h070: read_word = {24'd0, status | {1'b0, needs_reset, 6'd0}};
        12'h0b0, 12'h0b4, 12'h0b8, 12'h0bc: read_word = 32'hffffffff;  // no shared memory
        default: read_word = 32'd0;
      endcase
    end
  endfunction

  // Address of the beat after the one at `address`.
  function [11:0] next_beat;
    input [11:0] address;
    input [7:0] len;
    input [2:0] size;
    input [1:0] burst;
    reg [11:0] step, mask;
    begin
      step = 12'd1 << size;
      mask = (({4'd0, len} + 12'd1) << size) - 12'd1;
      case (burst)
        2'b00:   next_beat = address;
        2'b10:   next_beat = (address & ~mask) | ((address + step) & mask);
        default: next_beat = (address & ~(step - 12'd1)) + step;
      endcase
    end
  endfunction

  // Write side: address, beats, response
  localparam [1:0] W_ADDR = 2'd0, W_DATA = 2'd1, W_RESP = 2'd2;
  reg [ 1:0] w_state;
  reg [11:0] w_addr;
  reg [ 7:0] w_len;
  reg [ 2:0] w_size;
  reg [ 1:0] w_burst;

  assign s_awready = w_state == W_ADDR;
  assign s_wready = w_state == W_DATA;
  assign s_bvalid = w_state == W_RESP;
  assign s_bresp = 2'b00;
  assign wr = s_wvalid & s_wready & (&s_wstrb);  // control registers are whole words
  assign wr_addr = {w_addr[11:2], 2'b00};

  always @(posedge clk) begin
    if (reset) begin
      w_state <= W_ADDR;
      w_addr  <= 0;
      w_len   <= 0;
      w_size  <= 0;
      w_burst <= 0;
      s_bid   <= 0;
    end else begin
      case (w_state)
        W_ADDR:
        if (s_awvalid) begin
          s_bid   <= s_awid;
          w_addr  <= s_awaddr;
          w_len   <= s_awlen;
          w_size  <= s_awsize;
          w_burst <= s_awburst;
          w_state <= W_DATA;
        end
        W_DATA:
        if (s_wvalid & s_wready) begin
          w_addr <= next_beat(w_addr, w_len, w_size, w_burst);
          if (s_wlast) w_state <= W_RESP;
        end
        default: if (s_bvalid & s_bready) w_state <= W_ADDR;
      endcase
    end
  end

  // Read side: the word is taken when the beat starts and held until it is accepted.
  localparam [1:0] R_ADDR = 2'd0, R_WORD = 2'd1, R_BEAT = 2'd2;
  reg [ 1:0] r_state;
  reg [11:0] r_addr;
  reg [ 7:0] r_len;
  reg [ 7:0] r_left;
  reg [ 2:0] r_size;
  reg [ 1:0] r_burst;

  assign s_arready = r_state == R_ADDR;
  assign s_rvalid = r_state == R_BEAT;
  assign s_rlast = r_left == 0;
  assign s_rresp = 2'b00;

  always @(posedge clk) begin
    if (reset) begin
      r_state <= R_ADDR;
      r_addr  <= 0;
      r_len   <= 0;
      r_left  <= 0;
      r_size  <= 0;
      r_burst <= 0;
      s_rid   <= 0;
      s_rdata <= 0;
    end else begin
      case (r_state)
        R_ADDR:
        if (s_arvalid) begin
          s_rid   <= s_arid;
          r_addr  <= s_araddr;
          r_len   <= s_arlen;
          r_left  <= s_arlen;
          r_size  <= s_arsize;
          r_burst <= s_arburst;
          r_state <= R_WORD;
        end
        R_WORD: begin
          s_rdata <= read_word({r_addr[11:2], 2'b00});
          r_state <= R_BEAT;
        end
        default:
        if (s_rready) begin
          r_addr  <= next_beat(r_addr, r_len, r_size, r_burst);
          r_left  <= r_left - 8'd1;
          r_state <= s_rlast ? R_ADDR : R_WORD;
        end
      endcase
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Queue and DMA: E_ states decide, B_ states carry one transfer out and go on with `back`
  // ---------------------------------------------------------------------------------------------------------------

  localparam [4:0] E_IDLE = 0, E_INDEX = 1, E_COMPARE = 2, E_HEAD = 3, E_FETCH = 4, E_DESC = 5, E_FILL = 6,
      E_NEXT = 7, E_ELEMENT = 8, E_PUBLISH = 9, E_FLAGS = 10, E_IRQ = 11, E_SERVED = 12, E_FATAL = 13,
      B_AR = 14, B_R = 15, B_AW = 16, B_W = 17, B_B = 18;
  // Order of what ends a request: element, index, flags, interrupt
  localparam [4:0] LAST_STEPS = (BUG == 2) ? E_FLAGS : (BUG == 3) ? E_PUBLISH : E_ELEMENT;
  localparam [4:0] AFTER_ELEMENT = (BUG == 3) ? E_FLAGS : E_PUBLISH;
  localparam [4:0] AFTER_PUBLISH = (BUG == 2) ? E_SERVED : (BUG == 3) ? E_ELEMENT : E_FLAGS;
  localparam [4:0] AFTER_IRQ = (BUG == 2) ? E_ELEMENT : E_SERVED;
  // What a write carries
  localparam [1:0] RANDOM = 2'd0, ELEMENT = 2'd1, INDEX = 2'd2;

  reg [4:0] state, back;
  reg [31:0] addr;  // bytes
  reg [31:0] len;  // bytes still to write
  reg [3:0] beats;  // of this burst, less one
  reg [1:0] source;
  reg second;  // word of the used element
  reg [127:0] got;  // words read, the last one on top
  reg [31:0] noise;
  reg bad;  // error response in this read

  reg [15:0] taken;  // chains taken: what the available index is compared with
  reg [2:0] avail_slot, used_slot;
  reg [2:0] head, tail;  // descriptor numbers
  reg [3:0] links;  // descriptors of this chain so far
  reg writing;  // a device-writable descriptor was seen: no readable one may follow
  reg [31:0] written;
  reg [2:0] served;  // only for BUG 15

  wire live = |(status & DRIVER_OK) & queue_ready & ~needs_reset & ~halting & ~((BUG == 15) & (served == 5));
  wire halt = halting & (BUG != 13);
  wire [2:0] last_slot = ((BUG == 6) ? QUEUE_MAX[2:0] : queue_size[2:0]) - 3'd1;
  wire [2:0] last_place = queue_size[2:0] - 3'd1;
  wire [15:0] got_half = addr[1] ? got[127:112] : got[111:96];
  wire [15:0] waiting = got_half - taken;
  // Of a descriptor in `got`
  wire [31:0] d_addr = got[31:0];
  wire [31:0] d_high = got[63:32];
  wire [31:0] d_len = got[95:64];
  wire d_more = got[96];
  wire d_write = got[97];
  wire d_indirect = got[98];
  wire [32:0] d_end = {1'b0, d_addr} + {1'b0, d_len};
  wire d_wraps = d_end[32] & |d_end[31:0];
  wire [15:0] d_next = (BUG == 5) ? {13'd0, (tail == last_place) ? 3'd0 : tail + 3'd1} : got[127:112];

  // Beats of the next burst: what is left, no more than 16, not over a 4 KiB boundary
  wire [32:0] words = ({1'b0, len} + {31'd0, addr[1:0]} + 33'd3) >> 2;
  wire [9:0] page_less_1 = ~addr[11:2];
  wire [3:0] capped_less_1 = (words > 33'd16) ? 4'd15 : words[3:0] - 4'd1;
  wire [3:0] burst_less_1 = ((BUG != 9) & ({6'd0, capped_less_1} > page_less_1)) ? page_less_1[3:0] : capped_less_1;
  // Bytes of the present beat
  wire [2:0] room = 3'd4 - {1'b0, addr[1:0]};
  wire [2:0] step = (len < {29'd0, room}) ? len[2:0] : room;

  assign engine_idle = state == E_IDLE;
  assign kick_taken = state == E_INDEX;
  assign event_used = (state == E_IRQ) & (~got_half[0] | (BUG == 8));
  assign event_fatal = state == E_FATAL;

  assign m_awid = 1'b0;
  assign m_awaddr = {addr[31:2], 2'b00};
  assign m_awlen = {4'd0, burst_less_1};
  assign m_awsize = 3'd2;
  assign m_awburst = 2'b01;
  assign m_awprot = 3'd0;
  assign m_awvalid = state == B_AW;
  assign m_wdata = (source == RANDOM) ? noise
      : (source == INDEX) ? {taken, taken}
      : second ? written : {29'd0, (BUG == 18) ? tail : head};
  assign m_wstrb = ((BUG == 4) & (source == RANDOM)) ? 4'hf
      : (step == 4) ? 4'hf : ((4'd1 << step) - 4'd1) << addr[1:0];
  assign m_wlast = beats == 0;
  assign m_wvalid = state == B_W;
  assign m_bready = state == B_B;
  assign m_arid = 1'b0;
  assign m_araddr = {addr[31:2], 2'b00};
  assign m_arlen = (back == E_DESC) ? 8'd3 : 8'd0;
  assign m_arsize = 3'd2;
  assign m_arburst = 2'b01;
  assign m_arprot = 3'd0;
  assign m_arvalid = state == B_AR;
  assign m_rready = state == B_R;

  function [31:0] xorshift;
    input [31:0] x;
    reg [31:0] a, b;
    begin
      a = x ^ (x << 13);
      b = a ^ (a >> 17);
      xorshift = b ^ (b << 5);
    end
  endfunction

  always @(posedge clk) begin
    if (reset) begin
      state <= E_IDLE;
      back <= E_IDLE;
      addr <= 0;
      len <= 0;
      beats <= 0;
      source <= RANDOM;
      second <= 1'b0;
      got <= 0;
      noise <= 32'h2545f491;
      bad <= 1'b0;
      taken <= 0;
      avail_slot <= 0;
      used_slot <= 0;
      head <= 0;
      tail <= 0;
      links <= 0;
      writing <= 1'b0;
      written <= 0;
      served <= 0;
    end else begin
      if ((state != B_W) | m_wready) noise <= xorshift(noise);

      case (state)
        E_IDLE: if (live & kick) state <= E_INDEX;
        E_INDEX: begin
          addr  <= avail_low + 32'd2;
          back  <= E_COMPARE;
          state <= B_AR;
        end
        E_COMPARE: begin
          addr <= avail_low + 32'd4 + {28'd0, avail_slot, 1'b0};
          back <= E_HEAD;
          links <= 0;
          writing <= 1'b0;
          written <= 0;
          if (waiting == 0) state <= E_IDLE;
          else if ({16'd0, waiting} > queue_size) state <= E_FATAL;
          else state <= B_AR;
        end
        E_HEAD: begin
          head  <= got_half[2:0];
          tail  <= got_half[2:0];
          state <= ({16'd0, got_half} < queue_size) ? E_FETCH : E_FATAL;
        end
        E_FETCH: begin
          addr  <= desc_low + {25'd0, tail, 4'd0};
          links <= links + 4'd1;
          back  <= E_DESC;
          state <= ({28'd0, links} == queue_size) ? E_FATAL : B_AR;
        end
        E_DESC: begin
          writing <= d_write;
          if (d_indirect | (writing & ~d_write)) state <= E_FATAL;
          else if (d_write & |d_len) state <= (|d_high | d_wraps) ? E_FATAL : E_FILL;
          else state <= E_NEXT;
          if (~d_write & (BUG == 10)) written <= written + d_len;
        end
        E_FILL: begin
          addr <= d_addr;
          len <= d_len;
          written <= written + d_len;
          source <= RANDOM;
          back <= E_NEXT;
          state <= B_AW;
        end
        E_NEXT:
        if (~d_more) state <= LAST_STEPS;
        else begin
          tail  <= d_next[2:0];
          state <= ({16'd0, d_next} < queue_size) ? E_FETCH : E_FATAL;
        end
        E_ELEMENT: begin
          addr <= used_low + 32'd4 + {26'd0, used_slot, 3'd0};
          len <= 32'd8;
          source <= ELEMENT;
          second <= 1'b0;
          back <= AFTER_ELEMENT;
          state <= B_AW;
          if (BUG != 3) taken <= taken + 16'd1;
        end
        E_PUBLISH: begin
          addr <= used_low + 32'd2;
          len <= 32'd2;
          source <= INDEX;
          back <= AFTER_PUBLISH;
          state <= B_AW;
          if (BUG == 3) taken <= taken + 16'd1;
        end
        E_FLAGS: begin
          addr  <= avail_low;
          back  <= E_IRQ;
          state <= B_AR;
        end
        E_IRQ: state <= AFTER_IRQ;
        E_SERVED: begin
          avail_slot <= (avail_slot == last_slot) ? 3'd0 : avail_slot + 3'd1;
          used_slot <= (used_slot == last_slot) ? 3'd0 : used_slot + 3'd1;
          if (served != 5) served <= served + 3'd1;
          state <= live ? E_INDEX : E_IDLE;
        end
        E_FATAL: state <= E_IDLE;

        B_AR:
        if (m_arready) begin
          bad   <= 1'b0;
          state <= B_R;
        end
        B_R:
        if (m_rvalid) begin
          got <= {m_rdata, got[127:32]};
          bad <= bad | m_rresp[1];
          if (m_rlast) state <= halt ? E_IDLE : (bad | m_rresp[1]) ? E_FATAL : back;
        end
        B_AW:
        if (m_awready) begin
          beats <= burst_less_1;
          state <= B_W;
        end
        B_W:
        if (m_wready) begin
          addr   <= addr + {29'd0, step};
          len    <= len - {29'd0, step};
          beats  <= beats - 4'd1;
          second <= 1'b1;
          if (m_wlast) state <= B_B;
        end
        default:
        if (m_bvalid) begin  // B_B
          state <= halt ? E_IDLE : m_bresp[1] ? E_FATAL : |len ? B_AW : back;
        end
      endcase

      if ((clear_queue | clear_all) & (BUG != 7)) begin
        taken <= 0;
        avail_slot <= 0;
        used_slot <= 0;
      end
    end
  end

endmodule
