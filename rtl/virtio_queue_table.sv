// SPDX-License-Identifier: Apache-2.0
// What the driver has said about each queue: size, three addresses, ready.
//
// Writes go to the queue chosen by `sel_i` and are ignored while that queue is ready or still busy, or does not exist. A queue
// becomes ready only with a usable set-up: 1 <= size <= maximum, aligned areas that do not pass the end of the address space.
// A queue reset (2.6.1) stops the queue and, once it is no longer busy, clears what the driver has said about it.
// Three read ports serve the ring front end.

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

  logic [31:0] size_q[NumQueues];
  logic [63:0] desc_addr_q[NumQueues];
  logic [63:0] driver_addr_q[NumQueues];
  logic [63:0] device_addr_q[NumQueues];
  logic [NumQueues-1:0] ready_q, enabled_q, resetting_q;

  logic exists, writable, usable;
  logic [QueueWidth-1:0] sel;
  logic [31:0] size;
  logic [63:0] desc_addr, driver_addr, device_addr;
  logic split_usable, packed_usable, areas_usable;

  // Whether `length` bytes from `addr` stay within the bus's address space.
  function automatic logic reachable(input logic [63:0] addr, input logic [63:0] length);
    logic [64:0] last;
    last = {1'b0, addr} + {1'b0, length} - 65'd1;
    reachable = (last >> AxiAddrWidth) == 65'd0;
  endfunction

  assign exists = sel_i < NumQueues;
  assign sel = sel_i[QueueWidth-1:0];
  assign size = size_q[sel];
  assign desc_addr = desc_addr_q[sel];
  assign driver_addr = driver_addr_q[sel];
  assign device_addr = device_addr_q[sel];
  assign size_max_o = exists ? QueueSizeMax[16*sel+:16] : 16'd0;
  assign stopping_o = exists && !ready_q[sel] && busy_i[sel];
  assign ready_o = exists && (ready_q[sel] || busy_i[sel]);
  assign resetting_o = exists && resetting_q[sel];
  assign resetting_all_o = resetting_q;
  assign writable = wr_en_i && exists && !ready_q[sel] && !busy_i[sel] && !resetting_q[sel];
  assign ready_all_o = ready_q;
  assign enabled_o = enabled_q;

  // Area lengths by 2.7: 16 N, 6 + 2 N, 6 + 8 N; by 2.8: 16 N, 4, 4. The product of N and 16 fits, N being at most 32768 here.
  assign areas_usable = size != 32'd0 && size <= {16'd0, size_max_o} && desc_addr[3:0] == 4'd0 && reachable(
      desc_addr, {44'd0, size[15:0], 4'd0}
  );
  assign split_usable = driver_addr[0] == 1'b0 && device_addr[1:0] == 2'd0 && reachable(
      driver_addr, {47'd0, size[15:0], 1'd0} + 64'd6
  ) && reachable(
      device_addr, {45'd0, size[15:0], 3'd0} + 64'd6
  );
  assign packed_usable = driver_addr[1:0] == 2'd0 && device_addr[1:0] == 2'd0 && reachable(
      driver_addr, 64'd4
  ) && reachable(
      device_addr, 64'd4
  );
  assign usable = areas_usable && (packed_i ? packed_usable : split_usable);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      ready_q     <= '0;
      enabled_q   <= '0;
      resetting_q <= '0;
      for (int i = 0; i < NumQueues; i++) begin
        size_q[i]        <= '0;
        desc_addr_q[i]   <= '0;
        driver_addr_q[i] <= '0;
        device_addr_q[i] <= '0;
      end
    end else begin
      enabled_q <= '0;
      if (wr_en_i && exists && wr_addr_i == REG_QUEUE_READY && !wr_data_i[0]) ready_q[sel] <= 1'b0;
      if (writable) begin
        case (wr_addr_i)
          REG_QUEUE_SIZE:        size_q[sel] <= wr_data_i;
          REG_QUEUE_DESC_LOW:    desc_addr_q[sel] <= {desc_addr[63:32], wr_data_i};
          REG_QUEUE_DESC_HIGH:   desc_addr_q[sel] <= {wr_data_i, desc_addr[31:0]};
          REG_QUEUE_DRIVER_LOW:  driver_addr_q[sel] <= {driver_addr[63:32], wr_data_i};
          REG_QUEUE_DRIVER_HIGH: driver_addr_q[sel] <= {wr_data_i, driver_addr[31:0]};
          REG_QUEUE_DEVICE_LOW:  device_addr_q[sel] <= {device_addr[63:32], wr_data_i};
          REG_QUEUE_DEVICE_HIGH: device_addr_q[sel] <= {wr_data_i, device_addr[31:0]};
          REG_QUEUE_READY: begin
            if (wr_data_i[0] && usable) begin
              ready_q[sel]   <= 1'b1;
              enabled_q[sel] <= 1'b1;
            end
          end
          default:               ;
        endcase
      end
      if (wr_en_i && exists && ring_reset_i && wr_addr_i == REG_QUEUE_RESET && wr_data_i[0]) begin
        ready_q[sel]     <= 1'b0;
        resetting_q[sel] <= 1'b1;
      end
      for (int i = 0; i < NumQueues; i++) begin
        if (resetting_q[i] && !busy_i[i]) begin
          resetting_q[i]   <= 1'b0;
          size_q[i]        <= '0;
          desc_addr_q[i]   <= '0;
          driver_addr_q[i] <= '0;
          device_addr_q[i] <= '0;
        end
      end
    end
  end

  assign read_cfg_o = {
    size_q[read_queue_i][15:0], desc_addr_q[read_queue_i], driver_addr_q[read_queue_i], device_addr_q[read_queue_i]
  };
  assign desc_cfg_o = {
    size_q[desc_queue_i][15:0], desc_addr_q[desc_queue_i], driver_addr_q[desc_queue_i], device_addr_q[desc_queue_i]
  };
  assign used_cfg_o = {
    size_q[used_queue_i][15:0], desc_addr_q[used_queue_i], driver_addr_q[used_queue_i], device_addr_q[used_queue_i]
  };

endmodule
