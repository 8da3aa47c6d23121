// SPDX-License-Identifier: Apache-2.0
// First-word fall-through FIFO on a simple dual-port memory.
//
// Handshake: a word moves where valid and ready are both high. `count_o` is the number of committed words, that on
// the output included. `clear_i` empties it in one cycle and wins over a push. Writes become visible to the reader only after
// `commit_i`; `rollback_i` drops what was pushed since the last commit. Tie commit_i high for an ordinary FIFO.
//
// A shallow one reads its memory without a clock, for distributed RAM; one deeper than `ShallowDepth` reads into the output register of a
// block RAM, which is slow, and from there into one of its own, so that a word comes out two cycles later.
//
// Ready and valid come from registers, worked out with what changes them.

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
  logic [CountWidth-1:0] head_next, read_ptr, read_next;
  logic push, pop, read, commits;
  logic room_q, unread_q;  // there is room for a word; there are words to be read

  assign in_ready_o = room_q;
  assign count_o    = commit_q - tail_q;
  assign push       = in_valid_i && in_ready_o;
  assign pop        = out_valid_o && out_ready_i;
  assign commits    = commit_i && !rollback_i;
  assign head_next  = head_q + 1'b1;
  assign read_next  = read_ptr + 1'b1;

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
      else if (push) head_q <= head_next;
      if (commits) commit_q <= push ? head_next : head_q;
      if (pop) tail_q <= tail_q + 1'b1;
    end
  end

  // Words written but not yet committed count against the space, not as content. The comparisons are ready before it is known who moves.
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      room_q   <= 1'b1;
      unread_q <= 1'b0;
    end else begin
      if (rollback_i) room_q <= pop || (commit_q ^ tail_q) != CountWidth'(Depth);
      else if (push != pop) room_q <= pop || (head_next ^ tail_q) != CountWidth'(Depth);
      if (commits && push) unread_q <= 1'b1;
      else if (commits) unread_q <= read ? head_q != read_next : head_q != read_ptr;
      else unread_q <= read ? commit_q != read_next : commit_q != read_ptr;
    end
  end

  if (Depth <= ShallowDepth) begin : g_shallow
    assign read_ptr    = tail_q;
    assign read        = pop;
    assign out_valid_o = unread_q;
    assign out_data_o  = mem[tail_q[AddrWidth-1:0]];
  end else begin : g_deep
    // The next word is read as the one before leaves. What is read was written in an earlier cycle: it is committed.
    logic fetched_q, valid_q, advance;
    logic [CountWidth-1:0] read_q;
    logic [Width-1:0] fetched_data_q, data_q;

    assign read_ptr = read_q;
    assign advance  = !valid_q || pop;
    assign read     = unread_q && (!fetched_q || advance);

    always_ff @(posedge clk_i) begin
      if (read) fetched_data_q <= mem[read_q[AddrWidth-1:0]];
    end

    always_ff @(posedge clk_i) begin
      if (advance) data_q <= fetched_data_q;
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        read_q    <= '0;
        fetched_q <= 1'b0;
        valid_q   <= 1'b0;
      end else begin
        if (read) read_q <= read_next;
        if (advance) valid_q <= fetched_q;
        fetched_q <= read || (fetched_q && !advance);
      end
    end

    assign out_valid_o = valid_q;
    assign out_data_o  = data_q;
  end

endmodule
