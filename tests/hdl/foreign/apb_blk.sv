// SPDX-License-Identifier: Apache-2.0
// A small VirtIO-MMIO block device (VIRTIO 1.4, modern, split ring, VERSION_1 only): one queue of at most 16 entries,
// 64 sectors in its own RAM, registers on APB4, DMA by AXI4-Lite of 64 bits. It stands for a stranger's device on the
// bench. A chain is collected into a table, then moved byte by byte through words of 8 bytes.
module apb_blk #(
    // Plants one defect; 0 is the sound device. bugs.py says what each looks like.
    //  1 status_kept             2 irq_before_element     3 idx_before_element     4 status_as_word
    //  5 next_ignored            6 queue_size_ignored     7 index_kept             8 suppression_ignored
    //  9 features_kept          10 unoffered_accepted    11 dma_after_reset       12 irq_not_lowered
    // 13 hangs                  14 magic_wrong           15 status_not_accumulated
    // 16 used_len_counts_reads  17 unsupported_ok        18 capacity_in_bytes     19 range_unchecked
    // 20 framing_assumed
    parameter int BUG = 0
) (
    input logic pclk,
    input logic presetn,

    // Registers: APB4
    input  logic        psel,
    input  logic        penable,
    input  logic        pwrite,
    // verilator lint_off UNUSEDSIGNAL
    input  logic [11:0] paddr,    // reads give the whole word whatever the two low bits are
    // verilator lint_on UNUSEDSIGNAL
    input  logic [31:0] pwdata,
    input  logic [ 3:0] pstrb,
    output logic [31:0] prdata,
    output logic        pready,
    output logic        pslverr,

    // Memory: AXI4-Lite
    output logic [63:0] mem_awaddr,
    output logic [ 2:0] mem_awprot,
    output logic        mem_awvalid,
    input  logic        mem_awready,
    output logic [63:0] mem_wdata,
    output logic [ 7:0] mem_wstrb,
    output logic        mem_wvalid,
    input  logic        mem_wready,
    // verilator lint_off UNUSEDSIGNAL
    input  logic [ 1:0] mem_bresp,   // bit 1 tells errors
    // verilator lint_on UNUSEDSIGNAL
    input  logic        mem_bvalid,
    output logic        mem_bready,
    output logic [63:0] mem_araddr,
    output logic [ 2:0] mem_arprot,
    output logic        mem_arvalid,
    input  logic        mem_arready,
    input  logic [63:0] mem_rdata,
    // verilator lint_off UNUSEDSIGNAL
    input  logic [ 1:0] mem_rresp,
    // verilator lint_on UNUSEDSIGNAL
    input  logic        mem_rvalid,
    output logic        mem_rready,

    output logic irq
);

  localparam int Sectors = 64;
  localparam int QueueMax = 16;
  localparam logic [31:0] Capacity = (BUG == 18) ? 32'(Sectors * 512) : 32'(Sectors);
  localparam logic [31:0] Magic = (BUG == 14) ? 32'h74726977 : 32'h74726976;
  localparam logic [159:0] Identity = {64'd0, "klb-bpa-ynit"};  // first character lowest

  // -----------------------------------------------------------------------------------------------------------------
  // Registers. What stops the queue shows in Status or QueueReady once the DMA is quiet.
  // -----------------------------------------------------------------------------------------------------------------

  logic acknowledge_q, driver_q, driver_ok_q, features_ok_q, failed_q, needs_reset_q;
  logic used_irq_q, config_irq_q, sticky_irq_q;
  logic [31:0] device_sel_q, driver_sel_q, queue_sel_q;
  logic [127:0] accepted_q;
  logic beyond_q;  // features above bit 127 were accepted
  logic [31:0] queue_size_q;
  logic queue_ready_q;
  logic [63:0] desc_q, avail_q, used_q;
  logic kick_q;
  logic stop_all_q, stop_queue_q;  // wait for the DMA: Status = 0, QueueReady = 0

  logic idle, kick_taken, raise, fatal;

  wire [9:0] word = paddr[11:2];
  wire access = psel && penable;
  wire write = access && pwrite && (&pstrb);
  wire stopping = stop_all_q || stop_queue_q;
  wire stopped = stopping && (idle || BUG == 11);
  wire set_up = write && queue_sel_q == 0 && !queue_ready_q;

  wire [7:0] status = {failed_q, needs_reset_q, 2'b00, features_ok_q, driver_ok_q, driver_q, acknowledge_q};
  wire features_good = (accepted_q == 128'h1_0000_0000 && !beyond_q) || BUG == 10;
  wire features_ok = features_ok_q || (pwdata[3] && features_good);
  wire queue_good = queue_size_q != 0 && queue_size_q <= QueueMax && desc_q[3:0] == 0 && !avail_q[0]
      && used_q[1:0] == 0;
  wire keep = BUG != 15;  // bits of Status that are set stay

  assign pready = 1'b1;
  assign pslverr = 1'b0;
  assign irq = used_irq_q || config_irq_q || (BUG == 12 && sticky_irq_q);

  always_ff @(posedge pclk) begin
    if (kick_taken) kick_q <= 1'b0;

    if (write)
      case (word)
        10'h005: device_sel_q <= pwdata;
        10'h008:
        if (!features_ok_q)
          case (driver_sel_q)
            32'd0: accepted_q[31:0] <= pwdata;
            32'd1: accepted_q[63:32] <= pwdata;
            32'd2: accepted_q[95:64] <= pwdata;
            32'd3: accepted_q[127:96] <= pwdata;
            default: if (pwdata != 0) beyond_q <= 1'b1;
          endcase
        10'h009: driver_sel_q <= pwdata;
        10'h00c: queue_sel_q <= pwdata;
        10'h011:
        if (set_up && pwdata[0] && queue_good) begin
          queue_ready_q <= 1'b1;
          kick_q <= 1'b1;
        end else if (queue_sel_q == 0 && queue_ready_q && !pwdata[0]) stop_queue_q <= 1'b1;
        10'h014: if (pwdata == 0) kick_q <= 1'b1;
        10'h019: begin
          if (pwdata[0]) used_irq_q <= 1'b0;
          if (pwdata[1]) config_irq_q <= 1'b0;
        end
        10'h01c: begin
          acknowledge_q <= (acknowledge_q && keep) || (pwdata[0] && (keep || !acknowledge_q));
          driver_q <= (driver_q && keep) || (pwdata[1] && (keep || !driver_q));
          features_ok_q <= (features_ok_q && keep) || (pwdata[3] && features_ok && (keep || !features_ok_q));
          driver_ok_q <= driver_ok_q || (pwdata[2] && features_ok);
          failed_q <= failed_q || pwdata[7];
          if (pwdata[2]) kick_q <= 1'b1;
          if (pwdata == 0) stop_all_q <= 1'b1;
        end
        default: ;
      endcase
    if (set_up)
      case (word)
        10'h00e: queue_size_q <= pwdata;
        10'h020: desc_q[31:0] <= pwdata;
        10'h021: desc_q[63:32] <= pwdata;
        10'h024: avail_q[31:0] <= pwdata;
        10'h025: avail_q[63:32] <= pwdata;
        10'h028: used_q[31:0] <= pwdata;
        10'h029: used_q[63:32] <= pwdata;
        default: ;
      endcase

    // An event in the cycle of its acknowledgement stays.
    if (raise) used_irq_q <= 1'b1;
    if (fatal) {needs_reset_q, config_irq_q} <= 2'b11;
    if (raise || fatal) sticky_irq_q <= 1'b1;

    if (!presetn || stopped) {queue_ready_q, stop_queue_q} <= '0;
    if (!presetn || (stop_all_q && stopped)) begin
      stop_all_q <= 1'b0;
      if (!presetn || BUG != 1) {acknowledge_q, driver_q, features_ok_q} <= '0;
      {driver_ok_q, failed_q, needs_reset_q} <= '0;
      {used_irq_q, config_irq_q, sticky_irq_q} <= '0;
      {device_sel_q, driver_sel_q, queue_sel_q} <= '0;
      if (!presetn || BUG != 9) {accepted_q, beyond_q} <= '0;
      queue_size_q <= '0;
      {desc_q, avail_q, used_q} <= '0;
      kick_q <= 1'b0;
    end
  end

  always_comb begin
    case (word)
      10'h000: prdata = Magic;
      10'h001: prdata = 32'd2;
      10'h002: prdata = 32'd2;  // block device
      10'h003: prdata = 32'h41504221;
      10'h004: prdata = device_sel_q == 1 ? 32'd1 : 32'd0;  // VERSION_1
      10'h00d: prdata = queue_sel_q == 0 ? 32'(QueueMax) : 32'd0;
      10'h011: prdata = 32'(queue_ready_q && queue_sel_q == 0);
      10'h018: prdata = {30'd0, config_irq_q, used_irq_q};
      10'h01c: prdata = {24'd0, status};
      10'h02c, 10'h02d, 10'h02e, 10'h02f: prdata = '1;  // no shared memory
      10'h040: prdata = Capacity;
      default: prdata = '0;
    endcase
  end

  // -----------------------------------------------------------------------------------------------------------------
  // Queue, requests and DMA
  // -----------------------------------------------------------------------------------------------------------------

  typedef enum logic [4:0] {
    Idle,
    Index,
    Compare,
    Head,
    DescAddress,
    DescRest,
    DescTake,
    Walked,
    Decide,
    Chunk,
    Unpack,
    Gather,
    Result,
    Finish,
    Element,
    ElementLen,
    Publish,
    Flags,
    Raise,
    Served,
    Fatal,
    BusReadAddress,
    BusReadData,
    BusWrite,
    BusResponse
  } state_t;
  typedef enum logic [1:0] {
    ToHeader,
    ToDisk,
    FromDisk,
    FromIdentity
  } move_t;

  state_t state_q, back_q;  // the Bus states go on with `back_q`
  logic [63:0] bus_addr_q, bus_data_q, word_q;
  logic [7:0] bus_strb_q;
  logic aw_done_q, w_done_q;

  logic [15:0] taken_q;
  logic [3:0] avail_slot_q, used_slot_q, head_q, tail_q;
  logic [2:0] served_q;  // only for BUG 13

  // The chain: readable descriptors in front of the writable ones
  logic [63:0] table_addr[QueueMax];
  logic [31:0] table_len[QueueMax];
  logic [4:0] links_q, readable_q;
  logic writing_q;
  logic [31:0] read_total_q, write_total_q;
  logic [63:0] desc_addr_q, status_addr_q;

  // The move under way: `left_q` bytes, `chunk_q` of them in the present word
  move_t move_q;
  logic [3:0] at_q;  // place in the table
  logic [31:0] offset_q, left_q;
  logic [3:0] chunk_q, byte_q;
  logic [14:0] disk_q;
  logic [4:0] identity_q;
  logic [127:0] header_q;
  logic [31:0] written_q;
  logic [7:0] result_q;

  logic [7:0] disk[Sectors*512];
  initial for (int i = 0; i < Sectors * 512; i++) disk[i] = 8'd0;

  wire live = driver_ok_q && queue_ready_q && !needs_reset_q && !stopping && !(BUG == 13 && served_q == 5);
  wire halt = stopping && BUG != 11;
  wire [3:0] last_slot = (BUG == 6) ? 4'(QueueMax - 1) : queue_size_q[3:0] - 4'd1;
  wire [15:0] half = word_q[16*bus_addr_q[2:1]+:16];
  wire [15:0] waiting = half - taken_q;
  // Second half of a descriptor
  wire [31:0] desc_len = word_q[31:0];
  wire desc_more = word_q[32];
  wire desc_write = word_q[33];
  wire desc_indirect = word_q[34];
  wire desc_wraps = desc_len != 0 && desc_addr_q + {32'd0, desc_len} - 64'd1 < desc_addr_q;
  wire [3:0] after_tail = (tail_q == queue_size_q[3:0] - 4'd1) ? 4'd0 : tail_q + 4'd1;
  wire [15:0] desc_next = (BUG == 5) ? {12'd0, after_tail} : word_q[63:48];
  // Next word of the move
  wire [63:0] chunk_addr = table_addr[at_q] + {32'd0, offset_q};
  wire [31:0] chunk_room = 32'd8 - {29'd0, chunk_addr[2:0]};
  wire [31:0] chunk_rest = table_len[at_q] - offset_q;
  wire [31:0] chunk_most = (left_q < chunk_rest) ? left_q : chunk_rest;
  wire [31:0] chunk_len = (chunk_most < chunk_room) ? chunk_most : chunk_room;
  wire [2:0] lane = bus_addr_q[2:0] + byte_q[2:0];
  wire [7:0] in_byte = word_q[8*lane+:8];
  wire [7:0] out_byte = (move_q == FromDisk) ? disk[disk_q] : Identity[8*identity_q+:8];
  // The request
  wire [31:0] request = header_q[31:0];
  wire [63:0] sector = header_q[127:64];
  wire [31:0] data_in = write_total_q - 32'd1;
  wire [31:0] data_out = read_total_q - 32'd16;
  wire in_fits = fits(sector, data_in);
  wire out_fits = fits(sector, data_out);
  wire [63:0] element_addr = used_q + 64'd4 + {57'd0, used_slot_q, 3'd0};

  // Whether `len` bytes from sector `first` on are whole sectors of the disk.
  function automatic logic fits(logic [63:0] first, logic [31:0] len);
    return len[8:0] == 0 && ((first <= 64'(Sectors) && {41'd0, len[31:9]} <= 64'(Sectors) - first) || BUG == 19);
  endfunction

  assign idle = state_q == Idle;
  assign kick_taken = state_q == Index;
  assign raise = state_q == Raise && (!half[0] || BUG == 8);
  assign fatal = state_q == Fatal;

  assign mem_awaddr = {bus_addr_q[63:3], 3'd0};
  assign mem_awprot = 3'd0;
  assign mem_awvalid = state_q == BusWrite && !aw_done_q;
  assign mem_wdata = bus_data_q;
  assign mem_wstrb = bus_strb_q;
  assign mem_wvalid = state_q == BusWrite && !w_done_q;
  assign mem_bready = state_q == BusResponse;
  assign mem_araddr = {bus_addr_q[63:3], 3'd0};
  assign mem_arprot = 3'd0;
  assign mem_arvalid = state_q == BusReadAddress;
  assign mem_rready = state_q == BusReadData;

  always_ff @(posedge pclk)
    if (!presetn) begin
      state_q <= Idle;
      back_q  <= Idle;
      {bus_addr_q, bus_data_q, word_q, bus_strb_q} <= '0;
      {aw_done_q, w_done_q} <= '0;
      {taken_q, avail_slot_q, used_slot_q, head_q, tail_q, served_q} <= '0;
      {links_q, readable_q, writing_q, read_total_q, write_total_q, desc_addr_q, status_addr_q} <= '0;
      move_q <= ToHeader;
      {at_q, offset_q, left_q, chunk_q, byte_q, disk_q, identity_q} <= '0;
      {header_q, written_q, result_q} <= '0;
    end else begin
      case (state_q)
        Idle: if (live && kick_q) state_q <= Index;
        Index: begin
          bus_addr_q <= avail_q + 64'd2;
          back_q <= Compare;
          state_q <= BusReadAddress;
        end
        Compare: begin
          bus_addr_q <= avail_q + 64'd4 + {59'd0, avail_slot_q, 1'b0};
          back_q <= Head;
          {links_q, readable_q, writing_q, read_total_q, write_total_q} <= '0;
          if (waiting == 0) state_q <= Idle;
          else if ({16'd0, waiting} > queue_size_q) state_q <= Fatal;
          else state_q <= BusReadAddress;
        end
        Head: begin
          head_q <= half[3:0];
          tail_q <= half[3:0];
          if ({16'd0, half} < queue_size_q) state_q <= DescAddress;
          else state_q <= Fatal;
        end

        // Collect the chain.
        DescAddress: begin
          bus_addr_q <= desc_q + {56'd0, tail_q, 4'd0};
          back_q <= DescRest;
          if ({27'd0, links_q} == queue_size_q) state_q <= Fatal;
          else state_q <= BusReadAddress;
        end
        DescRest: begin
          desc_addr_q <= word_q;
          bus_addr_q[3] <= 1'b1;
          back_q <= DescTake;
          state_q <= BusReadAddress;
        end
        DescTake: begin
          table_addr[links_q[3:0]] <= desc_addr_q;
          table_len[links_q[3:0]] <= desc_len;
          links_q <= links_q + 5'd1;
          writing_q <= desc_write;
          tail_q <= desc_next[3:0];
          if (desc_write) begin
            write_total_q <= write_total_q + desc_len;
            if (desc_len != 0) status_addr_q <= desc_addr_q + {32'd0, desc_len} - 64'd1;
          end else begin
            readable_q   <= readable_q + 5'd1;
            read_total_q <= read_total_q + desc_len;
          end
          if (desc_indirect || desc_wraps || (writing_q && !desc_write)) state_q <= Fatal;
          else if (!desc_more) state_q <= Walked;
          else if ({16'd0, desc_next} < queue_size_q) state_q <= DescAddress;
          else state_q <= Fatal;
        end
        Walked: begin
          move_q <= ToHeader;
          left_q <= 32'd16;
          at_q <= '0;
          offset_q <= '0;
          identity_q <= '0;
          written_q <= '0;
          if (read_total_q < 16 || write_total_q == 0) state_q <= Fatal;
          else state_q <= Chunk;
        end

        // The header is here: start moving the data, from or to the place in the chain where they are.
        Decide: begin
          disk_q   <= {sector[5:0], 9'd0};
          result_q <= 8'd0;
          if (request == 0 || request == 8) begin
            at_q <= readable_q[3:0];
            offset_q <= '0;
          end else if (BUG == 20) begin
            at_q <= 4'd1;
            offset_q <= '0;
          end
          case (request)
            32'd0: begin  // IN
              move_q <= FromDisk;
              if (in_fits) begin
                left_q <= data_in;
                written_q <= data_in;
              end else result_q <= 8'd1;
            end
            32'd1: begin  // OUT
              move_q <= ToDisk;
              if (out_fits) left_q <= data_out;
              else result_q <= 8'd1;
            end
            32'd8: begin  // GET_ID
              move_q <= FromIdentity;
              if (data_in < 20) begin
                left_q <= data_in;
                written_q <= data_in;
              end else begin
                left_q <= 32'd20;
                written_q <= 32'd20;
              end
            end
            default: begin
              move_q <= ToDisk;  // of nothing
              if (BUG != 17) result_q <= 8'd2;
            end
          endcase
          state_q <= Chunk;
        end
        Chunk: begin
          byte_q <= '0;
          bus_strb_q <= '0;
          bus_addr_q <= chunk_addr;
          if (left_q == 0) begin
            if (move_q == ToHeader) state_q <= Decide;
            else state_q <= Result;
          end else if (chunk_rest == 0) begin
            at_q <= at_q + 4'd1;
            offset_q <= '0;
          end else begin
            chunk_q <= chunk_len[3:0];
            offset_q <= offset_q + chunk_len;
            left_q <= left_q - chunk_len;
            if (move_q == FromDisk || move_q == FromIdentity) state_q <= Gather;
            else begin
              back_q  <= Unpack;
              state_q <= BusReadAddress;
            end
          end
        end
        Unpack: begin
          if (move_q == ToHeader) header_q <= {in_byte, header_q[127:8]};
          else begin
            disk[disk_q] <= in_byte;
            disk_q <= disk_q + 15'd1;
          end
          byte_q <= byte_q + 4'd1;
          if (byte_q + 4'd1 == chunk_q) state_q <= Chunk;
        end
        Gather: begin
          bus_data_q[8*lane+:8] <= out_byte;
          bus_strb_q[lane] <= 1'b1;
          if (move_q == FromDisk) disk_q <= disk_q + 15'd1;
          else identity_q <= identity_q + 5'd1;
          byte_q <= byte_q + 4'd1;
          if (byte_q + 4'd1 == chunk_q) begin
            back_q  <= Chunk;
            state_q <= BusWrite;
          end
        end
        Result: begin
          bus_addr_q <= status_addr_q;
          bus_data_q <= (BUG == 4) ? {56'd0, result_q} << {status_addr_q[2:0], 3'd0} : {8{result_q}};
          bus_strb_q <= ((BUG == 4) ? 8'h0f : 8'h01) << status_addr_q[2:0];
          written_q <= written_q + 32'd1 + ((BUG == 16) ? read_total_q : 32'd0);
          back_q <= Finish;
          state_q <= BusWrite;
        end

        // Used element, used index, flags, interrupt
        Finish: begin
          if (BUG == 2) state_q <= Flags;
          else if (BUG == 3) state_q <= Publish;
          else state_q <= Element;
          taken_q <= taken_q + 16'd1;
        end
        Element: begin
          bus_addr_q <= element_addr;
          if (element_addr[2]) begin
            bus_data_q <= {28'd0, head_q, 32'd0};
            bus_strb_q <= 8'hf0;
            back_q <= ElementLen;
          end else begin
            bus_data_q <= {written_q, 28'd0, head_q};
            bus_strb_q <= 8'hff;
            if (BUG == 3) back_q <= Flags;
            else back_q <= Publish;
          end
          state_q <= BusWrite;
        end
        ElementLen: begin
          bus_addr_q <= element_addr + 64'd4;
          bus_data_q <= {32'd0, written_q};
          bus_strb_q <= 8'h0f;
          if (BUG == 3) back_q <= Flags;
          else back_q <= Publish;
          state_q <= BusWrite;
        end
        Publish: begin
          bus_addr_q <= used_q + 64'd2;
          bus_data_q <= {4{taken_q}};
          bus_strb_q <= used_q[2] ? 8'hc0 : 8'h0c;
          if (BUG == 2) back_q <= Served;
          else if (BUG == 3) back_q <= Element;
          else back_q <= Flags;
          state_q <= BusWrite;
        end
        Flags: begin
          bus_addr_q <= avail_q;
          back_q <= Raise;
          state_q <= BusReadAddress;
        end
        Raise:
        if (BUG == 2) state_q <= Element;
        else state_q <= Served;
        Served: begin
          avail_slot_q <= (avail_slot_q == last_slot) ? 4'd0 : avail_slot_q + 4'd1;
          used_slot_q  <= (used_slot_q == last_slot) ? 4'd0 : used_slot_q + 4'd1;
          if (served_q != 5) served_q <= served_q + 3'd1;
          if (live) state_q <= Index;
          else state_q <= Idle;
        end
        Fatal:   state_q <= Idle;

        BusReadAddress: if (mem_arready) state_q <= BusReadData;
        BusReadData:
        if (mem_rvalid) begin
          word_q <= mem_rdata;
          if (halt) state_q <= Idle;
          else if (mem_rresp[1]) state_q <= Fatal;
          else state_q <= back_q;
        end
        BusWrite: begin
          aw_done_q <= aw_done_q || mem_awready;
          w_done_q  <= w_done_q || mem_wready;
          if ((aw_done_q || mem_awready) && (w_done_q || mem_wready)) begin
            {aw_done_q, w_done_q} <= '0;
            state_q <= BusResponse;
          end
        end
        BusResponse:
        if (mem_bvalid) begin
          if (halt) state_q <= Idle;
          else if (mem_bresp[1]) state_q <= Fatal;
          else state_q <= back_q;
        end
        default: state_q <= Idle;
      endcase

      if (stopped && BUG != 7) {taken_q, avail_slot_q, used_slot_q} <= '0;
    end

endmodule
