// SPDX-License-Identifier: Apache-2.0
// A small VirtIO-MMIO console (VIRTIO 1.4, modern, split rings, VERSION_1 only) in Verilog-2001: two queues of at most
// 8 entries, AXI4-Lite registers, AXI4 memory with one transfer in flight, a byte stream out and one in. It stands for
// a stranger's device on the bench. It stores no bytes: a transmit chain is used when its last byte has left, and a
// byte is taken in only when there is a receive buffer to put it into.
module tiny_console #(
    // Plants one defect; 0 is the sound device. bugs.py says what each looks like.
    // 1 second_buffer_skipped  2 used_len_counts_reads  3 last_byte_unwritten  4 taken_without_buffer
    // 5 lost_when_stalled      6 beyond_the_end         7 kept_over_reset      8 words_reversed
    // 9 status_kept            10 queue_size_ignored    11 index_kept          12 suppression_ignored
    parameter BUG = 0
) (
    input wire clk,
    input wire rst,

    // Registers: AXI4-Lite slave
    // verilator lint_off UNUSEDSIGNAL
    input  wire [11:0] s_awaddr,
    input  wire [ 2:0] s_awprot,
    // verilator lint_on UNUSEDSIGNAL
    input  wire        s_awvalid,
    output wire        s_awready,
    input  wire [31:0] s_wdata,
    input  wire [ 3:0] s_wstrb,
    input  wire        s_wvalid,
    output wire        s_wready,
    output wire [ 1:0] s_bresp,
    output wire        s_bvalid,
    input  wire        s_bready,
    // verilator lint_off UNUSEDSIGNAL
    input  wire [11:0] s_araddr,
    input  wire [ 2:0] s_arprot,
    // verilator lint_on UNUSEDSIGNAL
    input  wire        s_arvalid,
    output wire        s_arready,
    output reg  [31:0] s_rdata,
    output wire [ 1:0] s_rresp,
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

    // Bytes that the driver sends, and bytes for it
    output reg  [7:0] tx_tdata,
    output reg        tx_tvalid,
    input  wire       tx_tready,
    input  wire [7:0] rx_tdata,
    input  wire       rx_tvalid,
    output wire       rx_tready,

    output wire irq
);

  localparam [31:0] QUEUE_MAX = 32'd8;
  localparam [4:0] CALM = 5'd16;  // cycles without a byte after which a receive chain is given back
  localparam RX = 1'b0, TX = 1'b1;  // queues

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
  reg [31:0] device_sel, driver_sel, queue_sel;
  reg [31:0] driver_low, driver_high;
  reg unknown2, unknown3, unknown_more;  // bits set in the words 2, 3 and above, none of which exist
  reg [ 1:0] queue_ready;
  reg [31:0] queue_size  [0:1];
  reg [31:0] desc_low[0:1], desc_high[0:1];
  reg [31:0] avail_low[0:1], avail_high[0:1];
  reg [31:0] used_low[0:1], used_high[0:1];
  reg [1:0] kick;  // the available index is to be looked at
  reg halt_all;  // waits for the DMA: Status = 0; what is read stays as it was until then
  reg [1:0] halt_queue;  // waits for the DMA: QueueReady = 0

  wire engine_idle;
  reg q;  // the queue that the engine works for, while it is not idle
  wire event_used, event_fatal, kick_taken;
  wire [1:0] at_q = {q == TX, q == RX};

  wire clear_all = halt_all & engine_idle;
  wire [1:0] clear_queue = halt_queue & ({2{engine_idle}} | ~at_q);
  wire [1:0] drop = {2{clear_all}} | clear_queue;  // nothing of this queue is left

  wire features_good = driver_high[0] & ~|driver_high[31:1] & ~|driver_low & ~unknown2 & ~unknown3 & ~unknown_more;
  wire exists = queue_sel < 32'd2;
  wire sel = queue_sel[0];
  wire queue_good = |queue_size[sel] & (queue_size[sel] <= QUEUE_MAX) & (desc_low[sel][3:0] == 0)
      & ~avail_low[sel][0] & (used_low[sel][1:0] == 0)
      & (desc_high[sel] == 0) & (avail_high[sel] == 0) & (used_high[sel] == 0);

  // One word written
  wire wr;
  wire [11:0] wr_addr;
  wire [31:0] wr_data = s_wdata;
  wire set_up = wr & exists & ~queue_ready[sel];  // writes that configure a queue

  // Bits a Status write makes: FEATURES_OK only with good features, DRIVER_OK only with FEATURES_OK.
  wire [7:0] asked = wr_data[7:0] & DRIVER_BITS;
  wire accept = |(status & FEATURES_OK) | (|(asked & FEATURES_OK) & features_good);
  wire [7:0] granted = accept ? asked : asked & ~(FEATURES_OK | DRIVER_OK);

  integer i;

  always @(posedge clk) begin
    if (kick_taken) kick[q] <= 1'b0;
    if (event_used) irq_status[0] <= 1'b1;
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
          queue_ready[sel] <= 1'b1;
          kick[sel] <= 1'b1;
        end else if (exists & queue_ready[sel] & ~wr_data[0]) halt_queue[sel] <= 1'b1;
        12'h050: if (wr_data < 32'd2) kick[wr_data[0]] <= 1'b1;
        12'h064: irq_status <= (irq_status & ~wr_data[1:0]) | {event_fatal, event_used};
        12'h070:
        if (wr_data == 0) halt_all <= 1'b1;
        else begin
          status <= status | granted;
          if (|(granted & DRIVER_OK)) kick <= 2'b11;
        end
        default: ;
      endcase
    end
    if (set_up) begin
      case (wr_addr)
        12'h038: queue_size[sel] <= wr_data;
        12'h080: desc_low[sel] <= wr_data;
        12'h084: desc_high[sel] <= wr_data;
        12'h090: avail_low[sel] <= wr_data;
        12'h094: avail_high[sel] <= wr_data;
        12'h0a0: used_low[sel] <= wr_data;
        12'h0a4: used_high[sel] <= wr_data;
        default: ;
      endcase
    end

    for (i = 0; i < 2; i = i + 1) begin
      if (rst | drop[i]) begin
        queue_ready[i] <= 1'b0;
        halt_queue[i]  <= 1'b0;
      end
      if (rst | clear_all) begin
        queue_size[i] <= 0;
        desc_low[i]   <= 0;
        desc_high[i]  <= 0;
        avail_low[i]  <= 0;
        avail_high[i] <= 0;
        used_low[i]   <= 0;
        used_high[i]  <= 0;
      end
    end
    if (rst | clear_all) begin
      halt_all <= 1'b0;
      if (rst | (BUG != 9)) status <= 8'h00;
      needs_reset <= 1'b0;
      irq_status <= 2'b00;
      device_sel <= 0;
      driver_sel <= 0;
      queue_sel <= 0;
      driver_low <= 0;
      driver_high <= 0;
      unknown2 <= 1'b0;
      unknown3 <= 1'b0;
      unknown_more <= 1'b0;
      kick <= 2'b00;
    end
  end

  assign irq = |irq_status;

  function [31:0] read_word;
    input [11:0] address;
    begin
      case (address)
        12'h000: read_word = 32'h74726976;
        12'h004: read_word = 32'd2;
        12'h008: read_word = 32'd3;  // console
        12'h00c: read_word = 32'h594e4954;
        12'h010: read_word = (device_sel == 1) ? 32'd1 : 32'd0;  // VERSION_1
        12'h034: read_word = exists ? QUEUE_MAX : 32'd0;
        12'h044: read_word = {31'd0, exists & queue_ready[sel]};
        12'h060: read_word = {30'd0, irq_status};
        12'h070: read_word = {24'd0, status | {1'b0, needs_reset, 6'd0}};
        12'h0b0, 12'h0b4, 12'h0b8, 12'h0bc: read_word = 32'hffffffff;  // no shared memory
        default: read_word = 32'd0;
      endcase
    end
  endfunction

  // Write side: address, data, response
  localparam [1:0] W_ADDR = 2'd0, W_DATA = 2'd1, W_RESP = 2'd2;
  reg [1:0] w_state;
  reg [9:0] w_addr;  // words

  assign s_awready = w_state == W_ADDR;
  assign s_wready = w_state == W_DATA;
  assign s_bvalid = w_state == W_RESP;
  assign s_bresp = 2'b00;
  assign wr = s_wvalid & s_wready & (&s_wstrb);  // control registers are whole words
  assign wr_addr = {w_addr, 2'b00};

  always @(posedge clk) begin
    if (rst) begin
      w_state <= W_ADDR;
      w_addr  <= 0;
    end else begin
      case (w_state)
        W_ADDR:
        if (s_awvalid) begin
          w_addr  <= s_awaddr[11:2];
          w_state <= W_DATA;
        end
        W_DATA:  if (s_wvalid) w_state <= W_RESP;
        default: if (s_bready) w_state <= W_ADDR;
      endcase
    end
  end

  // Read side: the word is held until it is accepted.
  reg r_full;
  assign s_arready = ~r_full;
  assign s_rvalid  = r_full;
  assign s_rresp   = 2'b00;

  always @(posedge clk) begin
    if (rst) begin
      r_full  <= 1'b0;
      s_rdata <= 0;
    end else if (~r_full) begin
      r_full <= s_arvalid;
      if (s_arvalid) s_rdata <= read_word({s_araddr[11:2], 2'b00});
    end else if (s_rready) r_full <= 1'b0;
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Queues and DMA: the engine does one step for one queue at a time, so that neither waits for the other. E_ states
  // decide, B_ states carry one transfer out and go on with `back`. A chain is read and judged as a whole into a table
  // before any of its bytes moves.
  // ---------------------------------------------------------------------------------------------------------------

  localparam [4:0] E_IDLE = 0, E_INDEX = 1, E_COMPARE = 2, E_HEAD = 3, E_FETCH = 4, E_DESC = 5, E_NEXT = 6,
      E_OPEN = 7, E_SENT = 8, E_STORED = 9, E_ELEMENT = 10, E_LENGTH = 11, E_PUBLISH = 12, E_FLAGS = 13, E_IRQ = 14,
      E_SERVED = 15, E_FATAL = 16, B_AR = 17, B_R = 18, B_W = 19, B_B = 20;

  reg [4:0] state, back;
  reg [31:0] addr;  // bytes
  reg [31:0] wdata;
  reg [ 3:0] wstrb;
  reg aw_done, w_done;
  reg [127:0] got;  // words read, the last one on top
  reg bad;  // error response in this transfer

  reg [15:0] taken[0:1];  // chains taken: what the available index is compared with
  reg [2:0] slot[0:1];  // of both rings, since chains are used in order
  reg [2:0] head[0:1];
  reg [2:0] tail;  // descriptor number
  reg [3:0] links, reads;  // descriptors of this chain so far, and those that are device-readable
  reg writing;  // a device-writable descriptor was seen: no readable one may follow
  reg [31:0] table_addr[0:15];  // of the open chains: 8 descriptors of each queue
  reg [31:0] table_len[0:15];

  wire rx_flush, rx_done, tx_wanted, tx_done;
  reg rx_open, tx_open;  // a chain is in the table
  reg [31:0] tx_addr, rx_written, tx_read;
  wire [31:0] rx_word;
  wire [29:0] rx_word_addr;
  wire [3:0] rx_strb;

  wire [1:0] live = {2{|(status & DRIVER_OK) & ~needs_reset & ~halt_all}} & queue_ready & ~halt_queue;
  wire halt = halt_all | halt_queue[q];
  wire [31:0] size = queue_size[q];
  wire [2:0] last_slot = ((BUG == 10) ? QUEUE_MAX[2:0] : size[2:0]) - 3'd1;
  wire [15:0] got_half = addr[1] ? got[127:112] : got[111:96];
  wire [15:0] waiting = got_half - taken[q];
  // Of a descriptor in `got`
  wire [31:0] d_addr = got[31:0];
  wire [31:0] d_high = got[63:32];
  wire [31:0] d_len = got[95:64];
  wire d_more = got[96];
  wire d_write = got[97];
  wire d_indirect = got[98];
  wire [15:0] d_next = got[127:112];
  wire [32:0] d_end = {1'b0, d_addr} + {1'b0, d_len};
  wire d_unreachable = |d_len & (|d_high | (d_end[32] & |d_end[31:0]));
  wire failed = (m_rvalid & m_rresp[1]) | bad;

  assign engine_idle = state == E_IDLE;
  assign kick_taken = state == E_INDEX;
  assign event_used = (state == E_IRQ) & (~got_half[0] | (BUG == 12));
  assign event_fatal = state == E_FATAL;

  assign m_awid = 1'b0;
  assign m_awaddr = {addr[31:2], 2'b00};
  assign m_awlen = 8'd0;
  assign m_awsize = 3'd2;
  assign m_awburst = 2'b01;
  assign m_awprot = 3'd0;
  assign m_awvalid = (state == B_W) & ~aw_done;
  assign m_wdata = wdata;
  assign m_wstrb = wstrb;
  assign m_wlast = 1'b1;
  assign m_wvalid = (state == B_W) & ~w_done;
  assign m_bready = state == B_B;
  assign m_arid = 1'b0;
  assign m_araddr = {addr[31:2], 2'b00};
  assign m_arlen = (back == E_DESC) ? 8'd3 : 8'd0;
  assign m_arsize = 3'd2;
  assign m_arburst = 2'b01;
  assign m_arprot = 3'd0;
  assign m_arvalid = state == B_AR;
  assign m_rready = state == B_R;

  always @(posedge clk) begin
    if (rst) begin
      state <= E_IDLE;
      back <= E_IDLE;
      q <= RX;
      addr <= 0;
      wdata <= 0;
      wstrb <= 0;
      aw_done <= 1'b0;
      w_done <= 1'b0;
      got <= 0;
      bad <= 1'b0;
      tail <= 0;
      links <= 0;
      reads <= 0;
      writing <= 1'b0;
      head[RX] <= 0;
      head[TX] <= 0;
    end else begin
      case (state)
        E_IDLE: begin
          if (live[RX] & rx_flush) begin
            q <= RX;
            addr <= {rx_word_addr, 2'b00};
            wdata <= rx_word;
            wstrb <= rx_strb;
            back <= E_STORED;
            state <= B_W;
          end else if (live[RX] & rx_done) begin
            q <= RX;
            state <= E_ELEMENT;
          end else if (live[TX] & tx_wanted) begin
            q <= TX;
            addr <= tx_addr;
            back <= E_SENT;
            state <= B_AR;
          end else if (live[TX] & tx_done) begin
            q <= TX;
            state <= E_ELEMENT;
          end else if (live[RX] & kick[RX] & ~rx_open) begin
            q <= RX;
            state <= E_INDEX;
          end else if (live[TX] & kick[TX] & ~tx_open) begin
            q <= TX;
            state <= E_INDEX;
          end
        end

        // A chain is taken
        E_INDEX: begin
          addr  <= avail_low[q] + 32'd2;
          back  <= E_COMPARE;
          state <= B_AR;
        end
        E_COMPARE: begin
          addr <= avail_low[q] + 32'd4 + {28'd0, slot[q], 1'b0};
          back <= E_HEAD;
          links <= 0;
          reads <= 0;
          writing <= 1'b0;
          if (waiting == 0) state <= E_IDLE;
          else if ({16'd0, waiting} > size) state <= E_FATAL;
          else state <= B_AR;
        end
        E_HEAD: begin
          head[q] <= got_half[2:0];
          tail <= got_half[2:0];
          state <= ({16'd0, got_half} < size) ? E_FETCH : E_FATAL;
        end
        E_FETCH: begin
          addr  <= desc_low[q] + {25'd0, tail, 4'd0};
          back  <= E_DESC;
          state <= ({28'd0, links} == size) ? E_FATAL : B_AR;
        end
        E_DESC: begin
          table_addr[{q, links[2:0]}] <= d_addr;
          table_len[{q, links[2:0]}] <= d_len;
          links <= links + 4'd1;
          if (~d_write) reads <= reads + 4'd1;
          writing <= d_write;
          state   <= (d_indirect | (writing & ~d_write) | d_unreachable) ? E_FATAL : E_NEXT;
        end
        E_NEXT: begin
          tail <= d_next[2:0];
          if (~d_more) state <= E_OPEN;
          else state <= ({16'd0, d_next} < size) ? E_FETCH : E_FATAL;
        end

        // What happens in these is with the bytes, below.
        E_OPEN, E_SENT, E_STORED: state <= E_IDLE;

        // A chain is given back: element, index, flags, interrupt
        E_ELEMENT: begin
          addr  <= used_low[q] + 32'd4 + {26'd0, slot[q], 3'd0};
          wdata <= {29'd0, head[q]};
          wstrb <= 4'hf;
          back  <= E_LENGTH;
          state <= B_W;
        end
        E_LENGTH: begin
          addr  <= addr + 32'd4;
          wdata <= (q == RX) ? rx_written : (BUG == 2) ? tx_read : 32'd0;
          back  <= E_PUBLISH;
          state <= B_W;
        end
        E_PUBLISH: begin
          addr  <= used_low[q] + 32'd2;
          wdata <= {taken[q] + 16'd1, 16'd0};
          wstrb <= 4'hc;
          back  <= E_FLAGS;
          state <= B_W;
        end
        E_FLAGS: begin
          addr  <= avail_low[q];
          back  <= E_IRQ;
          state <= B_AR;
        end
        E_IRQ: state <= E_SERVED;
        E_SERVED: state <= live[q] ? E_INDEX : E_IDLE;
        E_FATAL: state <= E_IDLE;

        // One transfer. An error is fatal unless it met data.
        B_AR: begin
          bad <= 1'b0;
          if (m_arready) state <= B_R;
        end
        B_R:
        if (m_rvalid) begin
          got <= {m_rdata, got[127:32]};
          bad <= failed;
          if (m_rlast) state <= halt ? E_IDLE : (failed & (back != E_SENT)) ? E_FATAL : back;
        end
        B_W: begin
          aw_done <= aw_done | m_awready;
          w_done  <= w_done | m_wready;
          if ((aw_done | m_awready) & (w_done | m_wready)) begin
            aw_done <= 1'b0;
            w_done  <= 1'b0;
            state   <= B_B;
          end
        end
        default:  // B_B
        if (m_bvalid) begin
          bad   <= m_bresp[1];
          state <= halt ? E_IDLE : (m_bresp[1] & (back != E_STORED)) ? E_FATAL : back;
        end
      endcase
    end

    for (i = 0; i < 2; i = i + 1) begin
      if (rst | (drop[i] & (BUG != 11))) begin
        taken[i] <= 0;
        slot[i]  <= 0;
      end else if ((state == E_SERVED) & at_q[i]) begin
        taken[i] <= taken[i] + 16'd1;
        slot[i]  <= (slot[i] == last_slot) ? 3'd0 : slot[i] + 3'd1;
      end
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Bytes out: a word from memory at a time, a byte of it at the port
  // ---------------------------------------------------------------------------------------------------------------

  reg [3:0] tx_pos, tx_end;  // next descriptor in the table
  reg [31:0] tx_left;  // bytes of the present one that are still to be read
  reg [31:0] tx_word;
  reg [2:0] tx_count;  // bytes in tx_word, from bit 0 on
  wire [2:0] tx_room = 3'd4 - {1'b0, tx_addr[1:0]};
  wire [2:0] tx_step = (tx_left < {29'd0, tx_room}) ? tx_left[2:0] : tx_room;
  wire [31:0] tx_fetched = got[127:96] >> {tx_addr[1:0], 3'b000};
  wire tx_move = live[TX] & (tx_count != 0) & (~tx_tvalid | tx_tready | (BUG == 5));
  wire [4:0] tx_top = {tx_count[1:0] - 2'd1, 3'b000};  // bit offset of the last byte in tx_word

  assign tx_wanted = tx_open & (tx_left != 0) & (tx_count == 0);
  assign tx_done   = tx_open & (tx_left == 0) & (tx_pos == tx_end) & (tx_count == 0) & ~tx_tvalid;

  always @(posedge clk) begin
    if (tx_tready) tx_tvalid <= 1'b0;
    if (tx_move) begin
      tx_tvalid <= 1'b1;
      tx_tdata  <= (BUG == 8) ? tx_word[tx_top+:8] : tx_word[7:0];
      if (BUG != 8) tx_word <= tx_word >> 8;
      tx_count <= tx_count - 3'd1;
    end

    if (tx_open & (tx_left == 0) & (tx_pos != tx_end)) begin
      tx_pos  <= tx_pos + 4'd1;
      tx_addr <= table_addr[{TX, tx_pos[2:0]}];
      if (~((BUG == 1) & (tx_pos == 4'd1))) tx_left <= table_len[{TX, tx_pos[2:0]}];
    end

    if (q == TX) begin
      case (state)
        E_OPEN: begin
          tx_open <= 1'b1;
          tx_pos  <= 0;
          tx_end  <= reads;
          tx_left <= 0;
          tx_read <= 0;
        end
        E_SENT:
        if (bad) begin  // the rest of the chain cannot be sent
          tx_left <= 0;
          tx_pos  <= tx_end;
        end else begin
          tx_word  <= tx_fetched;
          tx_count <= tx_step;
          tx_addr  <= tx_addr + {29'd0, tx_step};
          tx_left  <= tx_left - {29'd0, tx_step};
          tx_read  <= tx_read + {29'd0, tx_step};
        end
        E_SERVED: tx_open <= 1'b0;
        default:  ;
      endcase
    end

    // A byte that is offered stays so, whatever the driver does.
    if (rst | drop[TX]) begin
      tx_open  <= 1'b0;
      tx_count <= 0;
      tx_left  <= 0;
      tx_pos   <= 0;
      tx_end   <= 0;
    end
    if (rst) begin
      tx_tvalid <= 1'b0;
      tx_tdata  <= 0;
      tx_word   <= 0;
      tx_addr   <= 0;
      tx_read   <= 0;
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Bytes in: gathered to a word of memory, which is written when it is complete, or the buffer, or the line is calm
  // ---------------------------------------------------------------------------------------------------------------

  reg [3:0] rx_pos, rx_end;  // next descriptor in the table
  reg [31:0] rx_addr, rx_left;  // of the present one: next byte, bytes of room
  reg [31:0] gathered;
  reg [29:0] gathered_addr;
  reg [3:0] gathered_strb;
  reg [2:0] gathered_count;
  reg flush;  // the gathered bytes are to be written; none is taken before
  reg some;  // this chain has got a byte
  reg calm;  // no more bytes for this chain
  reg [4:0] since;  // cycles since the last one
  reg stash_full;  // only for BUG 7: a byte in front of all that
  reg [7:0] stash;

  wire rx_ready = live[RX] & rx_open & (rx_left != 0) & ~flush & ~calm;
  wire rx_valid = (BUG == 7) ? stash_full : rx_tvalid;
  wire [7:0] rx_byte = (BUG == 7) ? stash : rx_tdata;
  wire rx_take = rx_valid & rx_ready;
  wire cut_short = (BUG == 3) & (rx_left == 0);
  wire one_more = (BUG == 6) & (rx_pos + 4'd1 == rx_end);

  assign rx_tready = (BUG == 7) ? live[RX] & ~stash_full : rx_ready | ((BUG == 4) & live[RX] & ~rx_open);
  assign rx_flush = flush;
  assign rx_done = rx_open & ~flush & (calm | ((rx_left == 0) & (rx_pos == rx_end)));
  assign rx_word = gathered;
  assign rx_word_addr = gathered_addr;
  assign rx_strb = cut_short ? gathered_strb & (gathered_strb >> 1) : gathered_strb;

  always @(posedge clk) begin
    if (rx_take) begin
      gathered[{rx_addr[1:0], 3'b000}+:8] <= rx_byte;
      gathered_strb[rx_addr[1:0]] <= 1'b1;
      gathered_addr <= rx_addr[31:2];
      gathered_count <= gathered_count + 3'd1;
      rx_addr <= rx_addr + 32'd1;
      rx_left <= rx_left - 32'd1;
      flush <= (rx_addr[1:0] == 2'd3) | (rx_left == 32'd1);
      some <= 1'b1;
      since <= 0;
    end else if (rx_ready & some) begin
      since <= since + 5'd1;
      if (since == CALM - 5'd1) begin
        calm  <= 1'b1;
        flush <= |gathered_strb;
      end
    end

    if (rx_open & (rx_left == 0) & ~flush & (rx_pos != rx_end)) begin
      rx_pos  <= rx_pos + 4'd1;
      rx_addr <= table_addr[{RX, rx_pos[2:0]}];
      rx_left <= table_len[{RX, rx_pos[2:0]}] + {31'd0, one_more};
    end

    if (q == RX) begin
      case (state)
        E_OPEN: begin
          rx_open <= 1'b1;
          rx_pos <= reads;
          rx_end <= links;
          rx_left <= 0;
          rx_written <= 0;
          some <= 1'b0;
          calm <= 1'b0;
          since <= 0;
        end
        E_STORED: begin
          flush <= 1'b0;
          gathered_strb <= 0;
          gathered_count <= 0;
          rx_written <= bad ? 32'd0 : rx_written + {29'd0, gathered_count};
          if (bad) calm <= 1'b1;  // nothing of this chain counts
        end
        E_SERVED: rx_open <= 1'b0;
        default:  ;
      endcase
    end

    if (rst | drop[RX]) begin
      rx_open <= 1'b0;
      rx_left <= 0;
      rx_pos <= 0;
      rx_end <= 0;
      gathered_strb <= 0;
      gathered_count <= 0;
      flush <= 1'b0;
      some <= 1'b0;
      calm <= 1'b0;
      since <= 0;
    end

    if (rx_take) stash_full <= 1'b0;
    if (rx_tvalid & rx_tready & ~stash_full) begin
      stash <= rx_tdata;
      stash_full <= 1'b1;
    end
    if (rst) begin
      rx_addr <= 0;
      rx_written <= 0;
      gathered <= 0;
      gathered_addr <= 0;
      stash <= 0;
      stash_full <= 1'b0;
    end
  end

endmodule
