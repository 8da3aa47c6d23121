// SPDX-License-Identifier: Apache-2.0
// What the driver has said about each queue: size, three addresses, ready.
//
// Writes go to the queue chosen by `sel_i` and are ignored while that queue is ready or still busy, or does not exist. A queue
// becomes ready only with a usable set-up: 1 <= size <= maximum, aligned areas that do not pass the end of the address space.
// A queue reset (2.6.1) stops the queue and, once it is no longer busy, clears what the driver has said about it.
// Three read ports serve the ring front end.
//
// Sizes and addresses are in distributed RAM, a word each, so that they cost the same for 2 queues and for 16. What a reset leaves in it
// counts for nothing (`fresh_q`): the words of a queue to which nothing was written yet are cleared for as long as it is the
// one chosen. `wr_data_i` is to hold for a cycle after `wr_en_i`.

module virtio_queue_table #(
    parameter int NumQueues = 2,
    parameter int AxiAddrWidth = 64,
    parameter logic [NumQueues*16-1:0] QueueSizeMax = {NumQueues{16'd256}},
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,  // device reset
    input logic [31:0] sel_i,
    input logic wr_en_i,
    input logic [11:0] wr_addr_i,
    input logic [31:0] wr_data_i,
    input logic packed_i,  // RING_PACKED
    input logic ring_reset_i,  // RING_RESET
    output logic [15:0] size_max_o,  // of the selected queue
    output logic ready_o,  // of the selected queue, as the driver reads it
    output logic stopping_o,  // the selected queue was stopped and is still busy
    output logic resetting_o,  // the selected queue is being reset
    output logic [NumQueues-1:0] resetting_all_o,
    output logic [NumQueues-1:0] ready_all_o,
    output logic [NumQueues-1:0] enabled_o,  // pulse: the queue has just become ready
    input logic [NumQueues-1:0] busy_i,
    input logic [QueueWidth-1:0] read_queue_i,
    output virtio_pkg::queue_cfg_t read_cfg_o,
    input logic [QueueWidth-1:0] desc_queue_i,
    output virtio_pkg::queue_cfg_t desc_cfg_o,
    input logic [QueueWidth-1:0] used_queue_i,
    output virtio_pkg::queue_cfg_t used_cfg_o
);

  import virtio_pkg::*;

  // The words that a driver writes, in the order of queue_cfg_t from its lowest bit on.
  localparam int Words = 7;
  localparam logic [Words*12-1:0] Registers = {
    REG_QUEUE_SIZE,
    REG_QUEUE_DESC_HIGH,
    REG_QUEUE_DESC_LOW,
    REG_QUEUE_DRIVER_HIGH,
    REG_QUEUE_DRIVER_LOW,
    REG_QUEUE_DEVICE_HIGH,
    REG_QUEUE_DEVICE_LOW
  };

  logic [NumQueues-1:0] ready_q, enabled_q, resetting_q;
  logic [NumQueues-1:0] busy_q;  // that of the cycle before does to ignore writes: they come some cycles after what makes busy or idle
  logic [NumQueues-1:0] fresh_q;  // nothing has been said about it since reset
  logic written_q;  // what was written in the cycle before goes into its memory
  logic [Words-1:0] write_q;  // the words that are written, or cleared

  // Worked out ahead, in two cycles from the memories: `sel_i` and the words change only with a write, and writes are at
  // least four cycles apart.
  logic exists_q, open_q;
  logic size_ok_q, aligned_q, desc_far_q, driver_far_q, device_far_q;
  logic [63:0] desc_addr_q, driver_addr_q, device_addr_q;
  logic [31:0] desc_length_q, driver_length_q, device_length_q;

  logic writable, aligned, usable;
  logic [QueueWidth-1:0] sel, sel_q;
  logic [31:0] size, word;
  logic [63:0] desc_addr, driver_addr, device_addr;
  wire [Words*32-1:0] sel_words, read_words, desc_words, used_words;

  assign sel = sel_i[QueueWidth-1:0];
  assign {size, desc_addr, driver_addr, device_addr} = sel_words;
  assign size_max_o = exists_q ? QueueSizeMax[16*sel_q+:16] : 16'd0;
  assign stopping_o = exists_q && !ready_q[sel_q] && busy_i[sel_q];
  assign ready_o = exists_q && (ready_q[sel_q] || busy_i[sel_q]);
  assign resetting_o = exists_q && resetting_q[sel_q];
  assign resetting_all_o = resetting_q;
  assign writable = wr_en_i && open_q;
  assign ready_all_o = ready_q;
  assign enabled_o = enabled_q;

  // Area lengths by 2.7: 16 N, 6 + 2 N, 6 + 8 N; by 2.8: 16 N, 4, 4. The product of N and 16 fits, N being at most 32768 here.
  always_ff @(posedge clk_i) begin
    sel_q           <= sel;
    exists_q        <= sel_i < NumQueues;
    open_q          <= exists_q && !ready_q[sel_q] && !busy_q[sel_q] && !resetting_q[sel_q];
    desc_addr_q     <= desc_addr;
    driver_addr_q   <= driver_addr;
    device_addr_q   <= device_addr;
    desc_length_q   <= {12'd0, size[15:0], 4'd0};
    driver_length_q <= packed_i ? 32'd4 : {15'd0, size[15:0], 1'd0} + 32'd6;
    device_length_q <= packed_i ? 32'd4 : {13'd0, size[15:0], 3'd0} + 32'd6;
    size_ok_q       <= size != 32'd0 && size <= {16'd0, size_max_o};
    aligned_q       <= aligned;
    desc_far_q      <= out_of_reach(desc_addr_q, desc_length_q, AxiAddrWidth);
    driver_far_q    <= out_of_reach(driver_addr_q, driver_length_q, AxiAddrWidth);
    device_far_q    <= out_of_reach(device_addr_q, device_length_q, AxiAddrWidth);
  end
  assign aligned = desc_addr[3:0] == 4'd0 && driver_addr[0] == 1'b0 && !(packed_i && driver_addr[1]) &&
                   device_addr[1:0] == 2'd0;
  assign usable = size_ok_q && aligned_q && !desc_far_q && !driver_far_q && !device_far_q;

  assign word = written_q ? wr_data_i : 32'd0;
  for (genvar i = 0; i < Words; i++) begin : g_word
    (* ram_style = "distributed" *) logic [31:0] mem[NumQueues];
    always_ff @(posedge clk_i) begin
      write_q[i] <= writable ? wr_addr_i == Registers[12*i+:12] : fresh_q[sel];
      if (write_q[i]) mem[sel_q] <= word;
    end
    assign sel_words[32*i+:32]  = mem[sel_q];
    assign read_words[32*i+:32] = mem[read_queue_i];
    assign desc_words[32*i+:32] = mem[desc_queue_i];
    assign used_words[32*i+:32] = mem[used_queue_i];
  end
  assign read_cfg_o = read_words[$bits(queue_cfg_t)-1:0];
  assign desc_cfg_o = desc_words[$bits(queue_cfg_t)-1:0];
  assign used_cfg_o = used_words[$bits(queue_cfg_t)-1:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      ready_q     <= '0;
      enabled_q   <= '0;
      resetting_q <= '0;
      fresh_q     <= '1;
      busy_q      <= '0;
      written_q   <= 1'b0;
    end else begin
      enabled_q <= '0;
      written_q <= writable;
      busy_q    <= busy_i;
      if (wr_en_i && exists_q && wr_addr_i == REG_QUEUE_READY && !wr_data_i[0]) ready_q[sel_q] <= 1'b0;
      if (writable) begin
        fresh_q[sel_q] <= 1'b0;
        if (wr_addr_i == REG_QUEUE_READY && wr_data_i[0] && usable && !fresh_q[sel_q]) begin
          ready_q[sel_q]   <= 1'b1;
          enabled_q[sel_q] <= 1'b1;
        end
      end
      if (wr_en_i && exists_q && ring_reset_i && wr_addr_i == REG_QUEUE_RESET && wr_data_i[0]) begin
        ready_q[sel_q]     <= 1'b0;
        resetting_q[sel_q] <= 1'b1;
      end
      for (int i = 0; i < NumQueues; i++) begin
        if (resetting_q[i] && !busy_i[i]) begin
          resetting_q[i] <= 1'b0;
          fresh_q[i]     <= 1'b1;
        end
      end
    end
  end

  // Size was checked against its maximum of 16 bits.
  wire unused_ok = ^{read_words, desc_words, used_words};

endmodule
