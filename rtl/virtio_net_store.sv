// SPDX-License-Identifier: Apache-2.0
// Holds whole frames in a block RAM; part of the network device type.
//
// Words come in one a cycle while `room_o` is not 0. `commit_i` (a pulse, in the cycle of the last word or later) makes what came since the
// last commit a frame, described by `info_i`; `rollback_i` forgets it. Frames come out in order: `frame_valid_o` with `frame_info_o` until
// `frame_pop_i`, their words on `out_*` meanwhile. Words go out at one a cycle, from three cycles after the commit on.

module virtio_net_store #(
    parameter int DataWidth = 64,
    parameter int Words = 1024,  // power of two
    parameter int Frames = 32,  // power of two
    parameter int InfoWidth = 16,
    localparam int AddrWidth = $clog2(Words)
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 clear_i,
    input  logic                 in_valid_i,
    input  logic [DataWidth-1:0] in_data_i,
    output logic                 in_room_o,      // a word fits
    input  logic                 commit_i,
    input  logic                 rollback_i,
    input  logic [InfoWidth-1:0] info_i,
    output logic                 frame_room_o,   // a frame more may be committed
    output logic                 frame_valid_o,
    output logic [InfoWidth-1:0] frame_info_o,
    input  logic                 frame_pop_i,
    output logic                 out_valid_o,
    input  logic                 out_ready_i,
    output logic [DataWidth-1:0] out_data_o
);

  localparam int Ahead = 4;  // words read ahead, to hide the RAM's latency

  logic [DataWidth-1:0] mem[Words];
  logic [DataWidth-1:0] read_q;
  logic [AddrWidth:0] head_q, commit_q, tail_q;  // free-running: one bit more than the address
  logic read, read_valid_q, push, ahead_room;
  logic [ $clog2(Ahead):0] ahead_count;
  logic [$clog2(Frames):0] frame_count;

  virtio_param_check #(
      .Ok     (Words >= 2 && (1 << AddrWidth) == Words),
      .Message("virtio_net_store: Words must be a power of two, at least 2")
  ) u_check_words ();

  assign in_room_o = (head_q - tail_q) != (AddrWidth + 1)'(Words);
  assign push = in_valid_i && in_room_o;
  assign read = commit_q != tail_q && ahead_count + {{$clog2(
      Ahead
  ) {1'b0}}, read_valid_q} < ($clog2(
      Ahead
  ) + 1)'(Ahead);

  always_ff @(posedge clk_i) begin
    if (push) mem[head_q[AddrWidth-1:0]] <= in_data_i;
    if (read) read_q <= mem[tail_q[AddrWidth-1:0]];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      head_q       <= '0;
      commit_q     <= '0;
      tail_q       <= '0;
      read_valid_q <= 1'b0;
    end else begin
      if (rollback_i) head_q <= commit_q;
      else if (push) head_q <= head_q + 1'b1;
      if (commit_i) commit_q <= push ? head_q + 1'b1 : head_q;
      if (read) tail_q <= tail_q + 1'b1;
      read_valid_q <= read;
    end
  end

  virtio_fifo #(
      .Width(DataWidth),
      .Depth(Ahead)
  ) u_ahead (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i  (1'b1),
      .rollback_i(1'b0),
      .in_valid_i(read_valid_q),
      .in_ready_o(ahead_room),
      .in_data_i (read_q),
      .out_valid_o,
      .out_ready_i,
      .out_data_o,
      .count_o   (ahead_count)
  );

  virtio_fifo #(
      .Width(InfoWidth),
      .Depth(Frames)
  ) u_frames (
      .clk_i,
      .rst_ni,
      .clear_i,
      .commit_i   (1'b1),
      .rollback_i (1'b0),
      .in_valid_i (commit_i),
      .in_ready_o (frame_room_o),
      .in_data_i  (info_i),
      .out_valid_o(frame_valid_o),
      .out_ready_i(frame_pop_i),
      .out_data_o (frame_info_o),
      .count_o    (frame_count)
  );

  wire unused_ok = ^{ahead_room, frame_count};

endmodule
