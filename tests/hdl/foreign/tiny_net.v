// SPDX-License-Identifier: Apache-2.0
// A small VirtIO-MMIO network device (VIRTIO 1.4, modern, split rings, VERSION_1 and MAC) in Verilog-2001: a receive and
// a transmit queue of at most 16 entries, registers on AXI4-Lite, DMA by AXI4 with one transfer in flight, frames as
// AXI-Streams. It stands for a stranger's device on the bench. A chain is first walked into a table, then moved.
module tiny_net #(
    // Plants one defect; 0 is the sound device. bugs.py says what each looks like.
    //  1 header_sent             2 used_len_without_header 3 num_buffers_zero      5 bad_delivered
    //  6 tail_lost               7 buffer_overrun          8 frame_kept            9 checksum_ignored
    // 10 status_kept            11 queue_size_ignored      12 index_kept            13 suppression_ignored
    parameter BUG = 0
) (
    input wire clk,
    input wire rst_n,

    // Registers: AXI4-Lite slave
    // verilator lint_off UNUSEDSIGNAL
    input  wire [11:0] s_awaddr,   // whole words
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
    input  wire [ 1:0] m_bresp,    // only the error bit counts
    // verilator lint_on UNUSEDSIGNAL
    input  wire        m_bvalid,
    output wire        m_bready,
    output wire [31:0] m_araddr,
    output wire [ 7:0] m_arlen,
    output wire [ 2:0] m_arsize,
    output wire [ 1:0] m_arburst,
    output wire [ 2:0] m_arprot,
    output wire        m_arvalid,
    input  wire        m_arready,
    // verilator lint_off UNUSEDSIGNAL
    input  wire [ 1:0] m_rresp,
    // verilator lint_on UNUSEDSIGNAL
    input  wire [31:0] m_rdata,
    input  wire        m_rlast,
    input  wire        m_rvalid,
    output wire        m_rready,

    // Frames without FCS, to and from the MAC
    output wire [31:0] tx_tdata,
    output wire [ 3:0] tx_tkeep,
    output wire        tx_tlast,
    output wire        tx_tvalid,
    input  wire        tx_tready,
    input  wire [31:0] rx_tdata,
    input  wire [ 3:0] rx_tkeep,
    input  wire        rx_tlast,
    input  wire        rx_tuser,   // with the last beat: the frame is bad
    input  wire        rx_tvalid,
    output wire        rx_tready,

    output wire irq
);

  localparam [47:0] MAC = 48'h0100105e0002;  // 02:00:5e:10:00:01, first byte lowest
  localparam [31:0] QUEUE_MAX = 32'd16;
  localparam [31:0] HEADER = 32'd12;
  localparam [31:0] SHORTEST = 32'd14, LONGEST = 32'd1514, TAG = 32'd4;  // of frames; a VLAN tag comes on top

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
  reg unknown;  // features were set in the words 2 and above, none of which exist
  // By queue: 0 receives, 1 transmits.
  reg [31:0] queue_size[0:1];
  reg [31:0] desc_low[0:1];
  reg [31:0] desc_high[0:1];
  reg [31:0] avail_low[0:1];
  reg [31:0] avail_high[0:1];
  reg [31:0] used_low[0:1];
  reg [31:0] used_high[0:1];
  reg [1:0] queue_ready;
  reg [1:0] look;  // the available index is to be looked at
  reg [1:0] halt_queue;  // waits for the DMA of this queue: QueueReady = 0
  reg halt_all;  // waits for the DMA: Status = 0; both read as they were until then

  // From the engine and the receiver
  wire engine_idle, engine_queue;
  wire event_used, event_fatal, event_served, index_read, frame_in;

  wire clear_all = halt_all & engine_idle;
  wire [1:0] clear_queue = halt_queue & {engine_idle | ~engine_queue, engine_idle | engine_queue};
  wire running = |(status & DRIVER_OK) & ~needs_reset & ~halt_all;
  wire [1:0] live = queue_ready & ~halt_queue & {2{running}};

  // One word written
  wire wr;
  reg [11:2] wr_word;
  wire [11:0] wr_addr = {wr_word, 2'b00};
  wire [31:0] wr_data = s_wdata;
  wire sel = queue_sel[0];
  wire exists = ~|queue_sel[31:1];
  wire set_up = wr & exists & ~queue_ready[sel];  // writes that configure a queue

  wire features_good = (driver_high == 32'd1) & ~|(driver_low & ~32'h20) & ~unknown;
  // A ring has to be aligned and to end below 4 GiB.
  wire [31:0] size = queue_size[sel];
  wire [32:0] desc_end = {1'b0, desc_low[sel]} + {24'd0, size[4:0], 4'd0};
  wire [32:0] avail_end = {1'b0, avail_low[sel]} + {27'd0, size[4:0], 1'b0} + 33'd4;
  wire [32:0] used_end = {1'b0, used_low[sel]} + {25'd0, size[4:0], 3'd0} + 33'd4;
  wire queue_good = |size & (size <= QUEUE_MAX) & ~|(size & (size - 32'd1))
      & ~|desc_low[sel][3:0] & ~avail_low[sel][0] & ~|used_low[sel][1:0]
      & ~|desc_high[sel] & ~|avail_high[sel] & ~|used_high[sel]
      & (desc_end <= 33'h100000000) & (avail_end <= 33'h100000000) & (used_end <= 33'h100000000);

  // Bits a Status write makes, FEATURES_OK only with good features, DRIVER_OK only with FEATURES_OK.
  wire [7:0] asked = wr_data[7:0] & DRIVER_BITS;
  wire accept = |(status & FEATURES_OK) | (|(asked & FEATURES_OK) & features_good);
  wire [7:0] granted = accept ? asked : asked & ~(FEATURES_OK | DRIVER_OK);

  integer q;

  always @(posedge clk) begin
    if (index_read) look[engine_queue] <= 1'b0;
    if (event_served) look[engine_queue] <= 1'b1;  // more may be there
    if (frame_in) look[0] <= 1'b1;
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
            32'd0:   driver_low <= wr_data;
            32'd1:   driver_high <= wr_data;
            default: unknown <= unknown | (|wr_data);
          endcase
        end
        12'h024: driver_sel <= wr_data;
        12'h030: queue_sel <= wr_data;
        12'h044:
        if (set_up & wr_data[0] & queue_good) begin
          queue_ready[sel] <= 1'b1;
          look[sel] <= 1'b1;
        end else if (exists & queue_ready[sel] & ~wr_data[0]) halt_queue[sel] <= 1'b1;
        12'h050: if (~|wr_data[31:1]) look[wr_data[0]] <= 1'b1;
        12'h064: irq_status <= (irq_status & ~wr_data[1:0]) | {event_fatal, event_used};
        12'h070:
        if (wr_data == 0) halt_all <= 1'b1;
        else begin
          status <= status | granted;
          if (|(granted & DRIVER_OK)) look <= 2'b11;
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

    for (q = 0; q < 2; q = q + 1) begin
      if (~rst_n | clear_all | clear_queue[q]) begin
        queue_ready[q] <= 1'b0;
        halt_queue[q]  <= 1'b0;
      end
      if (~rst_n | clear_all) begin
        queue_size[q] <= 0;
        desc_low[q]   <= 0;
        desc_high[q]  <= 0;
        avail_low[q]  <= 0;
        avail_high[q] <= 0;
        used_low[q]   <= 0;
        used_high[q]  <= 0;
      end
    end
    if (~rst_n | clear_all) begin
      halt_all <= 1'b0;
      if (~rst_n | (BUG != 10)) status <= 8'h00;
      needs_reset <= 1'b0;
      irq_status <= 2'b00;
      device_sel <= 0;
      driver_sel <= 0;
      queue_sel <= 0;
      driver_low <= 0;
      driver_high <= 0;
      unknown <= 1'b0;
      look <= 2'b00;
    end
  end

  assign irq = |irq_status;

  function [31:0] read_word;
    input [11:0] address;
    begin
      case (address)
        12'h000: read_word = 32'h74726976;
        12'h004: read_word = 32'd2;
        12'h008: read_word = 32'd1;  // network
        12'h00c: read_word = 32'h54454e54;
        12'h010: read_word = (device_sel == 0) ? 32'h20 : (device_sel == 1) ? 32'd1 : 32'd0;  // MAC, VERSION_1
        12'h034: read_word = exists ? QUEUE_MAX : 32'd0;
        12'h044: read_word = {31'd0, exists & queue_ready[sel]};
        12'h060: read_word = {30'd0, irq_status};
        12'h070: read_word = {24'd0, status | {1'b0, needs_reset, 6'd0}};
        12'h0b0, 12'h0b4, 12'h0b8, 12'h0bc: read_word = 32'hffffffff;  // no shared memory
        12'h100: read_word = MAC[31:0];
        12'h104: read_word = {16'd0, MAC[47:32]};
        default: read_word = 32'd0;
      endcase
    end
  endfunction

  // Write side: address, data, response
  localparam [1:0] W_ADDR = 2'd0, W_DATA = 2'd1, W_RESP = 2'd2;
  reg [1:0] w_state;

  assign s_awready = w_state == W_ADDR;
  assign s_wready = w_state == W_DATA;
  assign s_bvalid = w_state == W_RESP;
  assign s_bresp = 2'b00;
  assign wr = s_wvalid & s_wready & (&s_wstrb);  // control registers are whole words

  // Read side: the word is taken as the address comes and held until it is accepted.
  reg r_full;

  assign s_arready = ~r_full;
  assign s_rvalid  = r_full;
  assign s_rresp   = 2'b00;

  always @(posedge clk) begin
    if (~rst_n) begin
      w_state <= W_ADDR;
      wr_word <= 0;
      r_full  <= 1'b0;
      s_rdata <= 0;
    end else begin
      case (w_state)
        W_ADDR:
        if (s_awvalid) begin
          wr_word <= s_awaddr[11:2];
          w_state <= W_DATA;
        end
        W_DATA:  if (s_wvalid) w_state <= W_RESP;
        default: if (s_bready) w_state <= W_ADDR;
      endcase
      if (r_full) r_full <= ~s_rready;
      else if (s_arvalid) begin
        s_rdata <= read_word({s_araddr[11:2], 2'b00});
        r_full  <= 1'b1;
      end
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Frames from the MAC: a ring of bytes, and one of their lengths. What has no room is dropped whole.
  // ---------------------------------------------------------------------------------------------------------------

  reg [ 7:0] rx_mem [0:4095];
  reg [10:0] rx_lens[  0:63];
  reg [11:0] rx_head, rx_tail;  // where the next frame goes, where the first one lies
  reg [12:0] rx_held;  // bytes of frames in the ring
  reg [5:0] rx_put, rx_get;  // lengths
  reg [6:0] rx_count;
  // The frame coming in
  reg [10:0] in_len;  // bytes so far
  reg in_drop;  // it is too long, has no room, or began before a reset
  reg in_own, in_group, in_tagged;

  wire rx_pop;  // the first frame is done with
  wire [10:0] rx_len = rx_lens[rx_get];

  wire [2:0] in_count = ~rx_tlast ? 3'd4 : rx_tkeep[3] ? 3'd4 : rx_tkeep[2] ? 3'd3 : rx_tkeep[1] ? 3'd2
      : {2'd0, rx_tkeep[0]};
  wire [10:0] in_total = in_len + {8'd0, in_count};
  wire in_room = ({1'b0, rx_held} + {3'd0, in_total} <= 14'd4096) & ~rx_count[6];
  wire in_over = in_drop | ~in_room | ({21'd0, in_total} > LONGEST + TAG);
  wire in_first = in_len == 0;
  // Without the feature MAC a driver has an address of its own, which is not known here.
  wire in_mine = in_own & ((in_len != 11'd4) | (rx_tdata[15:0] == MAC[47:32]));
  wire in_wanted = in_mine | in_group | ~driver_low[5];
  wire [31:0] in_longest = (in_tagged & ({21'd0, in_total} >= SHORTEST + TAG)) ? LONGEST + TAG : LONGEST;
  assign frame_in = rx_tvalid & rx_tlast & live[0] & ~in_over & in_wanted & ({21'd0, in_total} >= SHORTEST)
      & ({21'd0, in_total} <= in_longest) & (~rx_tuser | (BUG == 5));
  assign rx_tready = 1'b1;

  // A place in the ring
  function [11:0] in_ring;
    input [11:0] start;
    input [10:0] offset;
    input [11:0] more;
    in_ring = start + {1'b0, offset} + more;
  endfunction

  integer b;

  always @(posedge clk) begin
    if (rx_tvalid) begin
      if (~in_over) begin
        for (b = 0; b < 4; b = b + 1) begin
          if (b < in_count) rx_mem[in_ring(rx_head, in_len, b[11:0])] <= rx_tdata[8*b+:8];
        end
        in_len <= in_total;
      end
      in_drop <= in_over;
      if (in_first) begin
        in_own   <= rx_tdata == MAC[31:0];
        in_group <= rx_tdata[0];
      end
      if (in_len == 11'd4) in_own <= in_mine;
      if (in_len == 11'd12) in_tagged <= rx_tdata[15:0] == 16'h0081;
      if (rx_tlast) begin
        in_len <= 0;
        in_drop <= 1'b0;
        in_tagged <= 1'b0;
      end
    end

    if (frame_in) begin
      rx_lens[rx_put] <= in_total;
      rx_put <= rx_put + 6'd1;
      rx_head <= rx_head + {1'b0, in_total};
    end
    if (rx_pop) begin
      rx_get  <= rx_get + 6'd1;
      rx_tail <= rx_tail + {1'b0, rx_len};
    end
    rx_held  <= rx_held + (frame_in ? {2'd0, in_total} : 13'd0) - (rx_pop ? {2'd0, rx_len} : 13'd0);
    rx_count <= rx_count + {6'd0, frame_in} - {6'd0, rx_pop};

    if (~rst_n | (clear_all & (BUG != 8))) begin
      rx_head  <= 0;
      rx_tail  <= 0;
      rx_held  <= 0;
      rx_put   <= 0;
      rx_get   <= 0;
      rx_count <= 0;
    end
    if (clear_all) in_drop <= rx_tvalid ? ~rx_tlast : ~in_first | in_drop;
    if (~rst_n) begin
      in_len <= 0;
      in_drop <= 1'b0;
      in_own <= 1'b0;
      in_group <= 1'b0;
      in_tagged <= 1'b0;
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Frames to the MAC: a frame that has been begun is sent to its end, whatever becomes of the queue.
  // ---------------------------------------------------------------------------------------------------------------

  reg [7:0] tx_mem[0:2047];  // header and frame
  reg [10:0] tx_at, tx_left;  // bytes
  reg tx_busy;

  wire tx_go;  // a frame is in tx_mem
  wire [10:0] tx_total;  // with its header
  wire [10:0] tx_skip = (BUG == 1) ? 11'd0 : HEADER[10:0];
  wire [10:0] tx_frame = tx_total - tx_skip;

  assign tx_tvalid = tx_busy;
  assign tx_tlast  = tx_left <= 11'd4;
  assign tx_tkeep  = {tx_left > 11'd3, tx_left > 11'd2, tx_left > 11'd1, 1'b1};
  genvar g;
  generate
    for (g = 0; g < 4; g = g + 1) begin : g_tx
      wire [10:0] from = tx_at + g;
      assign tx_tdata[8*g+:8] = tx_tkeep[g] ? tx_mem[from] : 8'd0;
    end
  endgenerate

  always @(posedge clk) begin
    if (~rst_n) begin
      tx_busy <= 1'b0;
      tx_at   <= 0;
      tx_left <= 0;
    end else if (tx_go) begin
      tx_busy <= 1'b1;
      tx_at   <= tx_skip;
      tx_left <= (BUG == 6) ? {tx_frame[10:2], 2'b00} : tx_frame;
    end else if (tx_busy & tx_tready) begin
      tx_at   <= tx_at + 11'd4;
      tx_left <= tx_left - 11'd4;
      if (tx_tlast) tx_busy <= 1'b0;
    end
  end

  // ---------------------------------------------------------------------------------------------------------------
  // Queues and DMA: E_ states decide, B_ states carry one transfer out and go on with `back`
  // ---------------------------------------------------------------------------------------------------------------

  localparam [4:0] E_IDLE = 0, E_INDEX = 1, E_COMPARE = 2, E_HEAD = 3, E_FETCH = 4, E_DESC = 5, E_NEXT = 6,
      E_WALKED = 7, E_MOVE = 8, E_MOVED = 9, E_DROP = 10, E_ELEMENT = 11, E_PUBLISH = 12, E_FLAGS = 13, E_IRQ = 14,
      E_SERVED = 15, E_FATAL = 16, B_AR = 17, B_R = 18, B_AW = 19, B_W = 20, B_B = 21;
  // What a write carries
  localparam [1:0] FRAME = 2'd0, ELEMENT = 2'd1, INDEX = 2'd2;

  reg [4:0] state, back;
  reg cur;  // queue being served
  reg [31:0] addr;  // bytes
  reg [31:0] len;  // bytes still to move
  reg [3:0] beats;  // of this burst, less one
  reg [1:0] source;
  reg second;  // word of the used element
  reg [127:0] got;  // words read, the last one on top
  reg bad;  // error in this read

  reg [15:0] taken[0:1];  // chains taken, by queue; they become used in the same order
  reg [3:0] head, tail;  // descriptor numbers
  reg [4:0] links;  // descriptors of this chain so far
  reg writing;  // a device-writable descriptor was seen: no readable one may follow
  reg [31:0] written;

  // The part of the chain that counts: what the receive queue can write, or the transmit queue can read
  reg [31:0] part_addr[0:15];
  reg [31:0] part_len[0:15];
  reg [4:0] parts, at;
  reg [31:0] total;  // bytes of it, no more than fit
  reg [31:0] left;  // bytes to move that no transfer has been begun for
  reg [10:0] place;  // in header and frame
  reg needs_csum;  // of the header
  reg [7:0] gso_type;

  wire halt = halt_all | halt_queue[cur];
  wire rx_can = live[0] & look[0] & |rx_count;
  wire tx_can = live[1] & look[1] & ~tx_busy;
  wire [31:0] queue_len = queue_size[cur];
  wire [15:0] slot = taken[cur] & (((BUG == 11) ? QUEUE_MAX[15:0] : queue_len[15:0]) - 16'd1);
  wire [15:0] got_half = addr[1] ? got[127:112] : got[111:96];
  wire [15:0] waiting = got_half - taken[cur];
  // Of a descriptor in `got`
  wire [31:0] d_addr = got[31:0];
  wire [31:0] d_high = got[63:32];
  wire [31:0] d_len = got[95:64];
  wire d_more = got[96];
  wire d_write = got[97];
  wire d_indirect = got[98];
  wire [15:0] d_next = got[127:112];
  wire [32:0] d_end = {1'b0, d_addr} + {1'b0, d_len};
  wire d_wraps = d_end[32] & |d_end[31:0];
  wire d_counts = |d_len & (d_write ^ cur);
  wire [32:0] d_total = {1'b0, total} + {1'b0, d_len};

  wire [31:0] needed = {21'd0, rx_len} + HEADER;  // for the frame received
  wire last_part = at == parts - 5'd1;
  wire [31:0] part_room = part_len[at[3:0]];
  wire [31:0] part = ((part_room > left) | ((BUG == 7) & ~cur & last_part)) ? left : part_room;
  wire plain = ~|gso_type & (~needs_csum | (BUG == 9));

  // Beats of the next burst: what is left, no more than 16, not over a 4 KiB boundary
  wire [32:0] words = ({1'b0, len} + {31'd0, addr[1:0]} + 33'd3) >> 2;
  wire [9:0] page_less_1 = ~addr[11:2];
  wire [3:0] capped_less_1 = (words > 33'd16) ? 4'd15 : words[3:0] - 4'd1;
  wire [3:0] burst_less_1 = ({6'd0, capped_less_1} > page_less_1) ? page_less_1[3:0] : capped_less_1;
  // Bytes of the present beat
  wire [2:0] room = 3'd4 - {1'b0, addr[1:0]};
  wire [2:0] step = (len < {29'd0, room}) ? len[2:0] : room;
  wire [3:0] lanes = (step == 4) ? 4'hf : ((4'd1 << step) - 4'd1) << addr[1:0];
  wire moving = back == E_MOVE;
  wire half = ~moving & (back != E_DESC);  // reads of the available ring are of one field each
  wire bad_beat = m_rresp[1] | (m_rlast ^ (beats == 0));

  assign engine_idle = state == E_IDLE;
  assign engine_queue = cur;
  assign index_read = state == E_INDEX;
  assign event_used = (state == E_IRQ) & (~got_half[0] | (BUG == 13));
  assign event_served = state == E_SERVED;
  assign event_fatal = state == E_FATAL;
  assign rx_pop = ((state == E_MOVED) | (state == E_DROP)) & ~cur;
  assign tx_go = (state == E_MOVED) & cur & plain;
  assign tx_total = total[10:0];

  // Which byte of header and frame a lane has
  function [10:0] of_lane;
    input [10:0] lane;
    of_lane = place - {9'd0, addr[1:0]} + lane;
  endfunction

  assign m_awaddr  = {addr[31:2], 2'b00};
  assign m_awlen   = {4'd0, burst_less_1};
  assign m_awsize  = 3'd2;
  assign m_awburst = 2'b01;
  assign m_awprot  = 3'd0;
  assign m_awvalid = state == B_AW;
  assign m_wstrb   = lanes;
  assign m_wlast   = beats == 0;
  assign m_wvalid  = state == B_W;
  assign m_bready  = state == B_B;
  assign m_araddr  = {addr[31:2], addr[1] & half, 1'b0};
  assign m_arlen   = (back == E_DESC) ? 8'd3 : moving ? {4'd0, burst_less_1} : 8'd0;
  assign m_arsize  = half ? 3'd1 : 3'd2;
  assign m_arburst = 2'b01;
  assign m_arprot  = 3'd0;
  assign m_arvalid = state == B_AR;
  assign m_rready  = state == B_R;

  // A word of header and frame at the lanes where it is written
  wire [31:0] frame_word;
  generate
    for (g = 0; g < 4; g = g + 1) begin : g_rx
      wire [10:0] where = place - {9'd0, addr[1:0]} + g;
      wire [11:0] from = rx_tail + {1'b0, where} - HEADER[11:0];
      wire [ 7:0] header_byte = ((where == 11'd10) & (BUG != 3)) ? 8'd1 : 8'd0;  // num_buffers
      assign frame_word[8*g+:8] = ~lanes[g] ? 8'd0 : (where < HEADER[10:0]) ? header_byte : rx_mem[from];
    end
  endgenerate
  wire [15:0] next_index = taken[cur];
  assign m_wdata = (source == FRAME) ? frame_word
      : (source == INDEX) ? {next_index, next_index}
      : second ? written : {28'd0, head};

  integer k;

  always @(posedge clk) begin
    if (~rst_n) begin
      state <= E_IDLE;
      back <= E_IDLE;
      cur <= 1'b0;
      addr <= 0;
      len <= 0;
      beats <= 0;
      source <= FRAME;
      second <= 1'b0;
      got <= 0;
      bad <= 1'b0;
      head <= 0;
      tail <= 0;
      links <= 0;
      writing <= 1'b0;
      written <= 0;
      parts <= 0;
      at <= 0;
      total <= 0;
      left <= 0;
      place <= 0;
      needs_csum <= 1'b0;
      gso_type <= 0;
    end else begin
      case (state)
        // Both queues in turn, if both have something to do
        E_IDLE:
        if (rx_can | tx_can) begin
          cur   <= (rx_can & tx_can) ? ~cur : tx_can;
          state <= E_INDEX;
        end
        E_INDEX: begin
          addr  <= avail_low[cur] + 32'd2;
          back  <= E_COMPARE;
          state <= B_AR;
        end
        E_COMPARE: begin
          addr <= avail_low[cur] + 32'd4 + {15'd0, slot, 1'b0};
          back <= E_HEAD;
          links <= 0;
          writing <= 1'b0;
          written <= 0;
          parts <= 0;
          total <= 0;
          if (waiting == 0) state <= E_IDLE;
          else if ({16'd0, waiting} > queue_len) state <= E_FATAL;
          else state <= B_AR;
        end
        E_HEAD: begin
          head  <= got_half[3:0];
          tail  <= got_half[3:0];
          state <= ({16'd0, got_half} < queue_len) ? E_FETCH : E_FATAL;
        end
        E_FETCH: begin
          addr  <= desc_low[cur] + {24'd0, tail, 4'd0};
          links <= links + 5'd1;
          back  <= E_DESC;
          state <= ({27'd0, links} == queue_len) ? E_FATAL : B_AR;
        end
        E_DESC: begin
          writing <= d_write;
          if (d_counts) begin
            part_addr[parts[3:0]] <= d_addr;
            part_len[parts[3:0]] <= d_len;
            parts <= parts + 5'd1;
            total <= d_total[32] ? 32'hffffffff : d_total[31:0];
          end
          state <= (d_indirect | (writing & ~d_write) | (d_counts & (|d_high | d_wraps))) ? E_FATAL : E_NEXT;
        end
        E_NEXT:
        if (~d_more) state <= E_WALKED;
        else begin
          tail  <= d_next[3:0];
          state <= ({16'd0, d_next} < queue_len) ? E_FETCH : E_FATAL;
        end

        // The whole chain is known: does it fit?
        E_WALKED: begin
          at <= 0;
          place <= 0;
          source <= FRAME;
          left <= cur ? total : needed;
          if (cur) state <= ((total < HEADER + SHORTEST) | (total > HEADER + LONGEST + TAG)) ? E_DROP : E_MOVE;
          else state <= ((total < needed) & ((BUG != 7) | (parts == 0))) ? E_DROP : E_MOVE;
        end
        E_MOVE:
        if (halt) state <= E_IDLE;
        else if (left == 0) state <= E_MOVED;
        else begin
          addr  <= part_addr[at[3:0]];
          len   <= part;
          left  <= left - part;
          at    <= at + 5'd1;
          back  <= E_MOVE;
          state <= cur ? B_AR : B_AW;
        end
        E_MOVED: begin
          written <= cur ? 32'd0 : (BUG == 2) ? needed - HEADER : needed;
          state   <= E_ELEMENT;
        end
        E_DROP: begin
          written <= 0;
          state   <= E_ELEMENT;
        end

        E_ELEMENT: begin
          addr <= used_low[cur] + 32'd4 + {13'd0, slot, 3'd0};
          len <= 32'd8;
          source <= ELEMENT;
          second <= 1'b0;
          back <= E_PUBLISH;
          state <= B_AW;
          taken[cur] <= taken[cur] + 16'd1;
        end
        E_PUBLISH: begin
          addr <= used_low[cur] + 32'd2;
          len <= 32'd2;
          source <= INDEX;
          back <= E_FLAGS;
          state <= B_AW;
        end
        E_FLAGS: begin
          addr  <= avail_low[cur];
          back  <= E_IRQ;
          state <= B_AR;
        end
        E_IRQ: state <= E_SERVED;
        E_SERVED: state <= E_IDLE;
        E_FATAL: state <= E_IDLE;

        B_AR:
        if (m_arready) begin
          bad   <= 1'b0;
          beats <= m_arlen[3:0];
          state <= B_R;
        end
        B_R:
        if (m_rvalid) begin
          got <= {m_rdata, got[127:32]};
          bad <= bad | bad_beat;
          if (beats != 0) beats <= beats - 4'd1;
          if (moving) begin
            for (k = 0; k < 4; k = k + 1) begin
              if (lanes[k]) begin
                tx_mem[of_lane(k[10:0])] <= m_rdata[8*k+:8];
                if (of_lane(k[10:0]) == 11'd0) needs_csum <= m_rdata[8*k];
                if (of_lane(k[10:0]) == 11'd1) gso_type <= m_rdata[8*k+:8];
              end
            end
            place <= place + {8'd0, step};
            addr  <= addr + {29'd0, step};
            len   <= len - {29'd0, step};
          end
          if (m_rlast) begin
            // What was used is also told of a queue that is being stopped.
            if (halt_all | (halt & (back != E_IRQ))) state <= E_IDLE;
            else if (bad | bad_beat) state <= moving ? E_DROP : E_FATAL;
            else state <= (moving & (len != {29'd0, step})) ? B_AR : back;
          end
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
          place  <= place + {8'd0, step};
          beats  <= beats - 4'd1;
          second <= 1'b1;
          if (m_wlast) state <= B_B;
        end
        default:
        if (m_bvalid) begin  // B_B
          if (halt_all | (halt & (back != E_FLAGS))) state <= E_IDLE;
          else if (m_bresp[1]) state <= moving ? E_DROP : E_FATAL;
          else state <= |len ? B_AW : back;
        end
      endcase
    end

    for (k = 0; k < 2; k = k + 1) if (~rst_n | ((clear_all | clear_queue[k]) & (BUG != 12))) taken[k] <= 0;
  end

endmodule
