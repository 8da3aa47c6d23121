// SPDX-License-Identifier: Apache-2.0
// First-word fall-through FIFO on a simple dual-port memory.
//
// Handshake: a word moves where valid and ready are both high. `count_o` is the number of committed words, that on
// the output included. `clear_i` empties it in one cycle and wins over a push. Writes become visible to the reader only after
// `commit_i`; `rollback_i` drops what was pushed since the last commit. Tie commit_i high for an ordinary FIFO.
//
// A shallow one reads its memory without a clock, for distributed RAM; one deeper than `ShallowDepth` reads into the output register of a
// block RAM, so that a word comes out one cycle later.

module virtio_fifo #(
    parameter int Width = 8,
    parameter int Depth = 16,  // power of two, at least 2
    parameter int ShallowDepth = 32,
    localparam int CountWidth = $clog2(Depth) + 1
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  clear_i,
    input  logic                  commit_i,
    input  logic                  rollback_i,
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic [     Width-1:0] in_data_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [     Width-1:0] out_data_o,
    output logic [CountWidth-1:0] count_o
);

  localparam int AddrWidth = $clog2(Depth);

  virtio_param_check #(
      .Ok     (Depth >= 2 && (1 << AddrWidth) == Depth),
      .Message("virtio_fifo: Depth must be a power of two, at least 2")
  ) u_check_depth ();

  // No word is read in the cycle in which it is written, so a block RAM needs no bypass around it.
  (* no_rw_check *) logic [Width-1:0] mem[Depth];
  logic [CountWidth-1:0] head_q, tail_q, commit_q;  // free-running: one bit more than the address
  logic push, pop;

  // Words written but not yet committed count against the space, not as content.
  assign in_ready_o = (head_q ^ tail_q) != CountWidth'(Depth);
  assign count_o    = commit_q - tail_q;
  assign push       = in_valid_i && in_ready_o;
  assign pop        = out_valid_o && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (push) mem[head_q[AddrWidth-1:0]] <= in_data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      head_q   <= '0;
      tail_q   <= '0;
      commit_q <= '0;
    end else begin
      if (rollback_i) head_q <= commit_q;
      else if (push) head_q <= head_q + 1'b1;
      if (commit_i && !rollback_i) commit_q <= push ? head_q + 1'b1 : head_q;
      if (pop) tail_q <= tail_q + 1'b1;
    end
  end

  if (Depth <= ShallowDepth) begin : g_shallow
    assign out_valid_o = commit_q != tail_q;
    assign out_data_o  = mem[tail_q[AddrWidth-1:0]];
  end else begin : g_deep
    // The next word is read as the one before leaves. What is read was written in an earlier cycle: it is committed.
    logic valid_q, read;
    logic [CountWidth-1:0] next;
    logic [Width-1:0] data_q;

    assign next = tail_q + {{(CountWidth - 1) {1'b0}}, valid_q};
    assign read = (!valid_q || pop) && commit_q != next;

    always_ff @(posedge clk_i) begin
      if (read) data_q <= mem[next[AddrWidth-1:0]];
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) valid_q <= 1'b0;
      else if (!valid_q || pop) valid_q <= read;
    end

    assign out_valid_o = valid_q;
    assign out_data_o  = data_q;
  end

endmodule
