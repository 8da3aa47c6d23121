// SPDX-License-Identifier: Apache-2.0
// Simulation only: an AXI4-Lite master that makes one access at a time, for tests in Python that would otherwise wake on
// every clock edge of it (tb/cocotbext/virtio/sim/fast_registers.py).
//
// An access begins when the lowest 8 bits of `command`, its number, change: then, from bit 8 on, write[1], gap[16] (cycles to
// wait first), address[12], data[32], strobe[4], both[1] (read the same address in the same cycle). When `done` has changed, `answer` holds data[32] and verdict[4]: an AXI response, or 4 after a bus
// reset, 5 if nothing came within `timeout` cycles. Late responses are taken and dropped; the next access waits for them.
//
// The stall knobs are probabilities in 1/256 for a cycle in which valid (AW, W, AR) does not rise, or ready (B, R) is low. They may
// be changed at any time; a change of `seed` starts the random numbers anew. A channel is held back for `hold_*` cycles of an access.

module virtio_axil_master (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic [11:0] s_axil_awaddr,
    output logic [ 2:0] s_axil_awprot,
    output logic        s_axil_awvalid,
    input  logic        s_axil_awready,
    output logic [31:0] s_axil_wdata,
    output logic [ 3:0] s_axil_wstrb,
    output logic        s_axil_wvalid,
    input  logic        s_axil_wready,
    input  logic [ 1:0] s_axil_bresp,
    input  logic        s_axil_bvalid,
    output logic        s_axil_bready,
    output logic [11:0] s_axil_araddr,
    output logic [ 2:0] s_axil_arprot,
    output logic        s_axil_arvalid,
    input  logic        s_axil_arready,
    input  logic [31:0] s_axil_rdata,
    input  logic [ 1:0] s_axil_rresp,
    input  logic        s_axil_rvalid,
    output logic        s_axil_rready
);

  localparam logic [3:0] WasReset = 4'd4;
  localparam logic [3:0] TimedOut = 4'd5;
  localparam logic [2:0] Unprivileged = 3'b010;  // data access, nonsecure

  typedef enum logic [1:0] {
    Idle,
    Wait,
    Request
  } state_e;

  // Knobs, command and answer
  logic [31:0] stall_aw, stall_w, stall_b, stall_ar, stall_r;
  logic [31:0] hold_aw, hold_w, hold_b, hold_ar, hold_r;
  logic [31:0] seed;
  logic [31:0] timeout;
  logic [73:0] command;
  logic [35:0] answer;
  logic done;

  state_e state_q;
  logic [7:0] begun_q, answered_q;  // numbers of the command begun last, and of the one answered last
  logic aw_left_q, w_left_q, b_left_q, ar_left_q, r_left_q;
  logic [15:0] gap_q;
  logic [31:0] elapsed_q, held_q;
  logic [31:0] data_q;
  logic [31:0] random_q, seed_q;

  initial begin
    stall_aw = 0;
    stall_w = 0;
    stall_b = 0;
    stall_ar = 0;
    stall_r = 0;
    hold_aw = 0;
    hold_w = 0;
    hold_b = 0;
    hold_ar = 0;
    hold_r = 0;
    seed = 1;
    timeout = '1;
    seed_q = 0;
    random_q = 1;
    command = '0;
    answer = '0;
    begun_q = '0;
    answered_q = '0;
    elapsed_q = 0;
    held_q = 0;
    b_left_q = 1'b0;
    r_left_q = 1'b0;
    done = 1'b0;
    state_q = Idle;
  end

  assign s_axil_awprot = Unprivileged;
  assign s_axil_arprot = Unprivileged;

  // Blocking on purpose: within an edge one step builds on the other. Pins change by nonblocking assignments only.
  /* verilator lint_off BLKSEQ */
  task automatic happens(input logic [31:0] probability, output logic yes);
    yes = 1'b0;
    if (probability != 0) begin
      random_q = random_q ^ (random_q << 13);
      random_q = random_q ^ (random_q >> 17);
      random_q = random_q ^ (random_q << 5);
      yes = 32'(random_q[15:8]) < probability;
    end
  endtask

  // Answers the command at hand, if it has not been answered yet.
  task automatic conclude(input logic [3:0] verdict, input logic [31:0] data);
    if (answered_q != command[7:0]) begin
      answer = {verdict, data};
      answered_q = command[7:0];
      elapsed_q = 0;
      done <= ~done;
    end
  endtask

  // The access on the bus has ended.
  task automatic finish(input logic [1:0] resp);
    if (begun_q == command[7:0]) conclude(4'(resp), data_q);
    state_q   = Idle;
    // A device that answers what it was not asked yet is not asked any more; what is asked already stays until taken.
    aw_left_q = 1'b0;
    w_left_q  = 1'b0;
    ar_left_q = 1'b0;
  endtask

  task automatic begin_access;
    begun_q = command[7:0];
    gap_q = command[24:9];
    aw_left_q = command[8];
    w_left_q = command[8];
    b_left_q = command[8];
    ar_left_q = !command[8] || command[73];
    r_left_q = !command[8] || command[73];
    data_q = '0;
    held_q = 0;
    s_axil_awaddr <= command[36:25];
    s_axil_araddr <= command[36:25];
    s_axil_wdata  <= command[68:37];
    s_axil_wstrb  <= command[72:69];
    state_q = Wait;
  endtask

  // Raises a valid that is still due, and takes it back after its handshake. What goes with it is another then, for a slave that looks late.
  task automatic request;
    logic stalled;
    if (s_axil_awvalid && s_axil_awready) begin
      s_axil_awvalid <= 1'b0;
      s_axil_awaddr  <= ~s_axil_awaddr;
    end else if (aw_left_q) begin
      happens(stall_aw, stalled);
      stalled = stalled || held_q < hold_aw;
      s_axil_awvalid <= !stalled;
      aw_left_q = stalled;
    end
    if (s_axil_wvalid && s_axil_wready) begin
      s_axil_wvalid <= 1'b0;
      s_axil_wdata  <= ~s_axil_wdata;
      s_axil_wstrb  <= ~s_axil_wstrb;
    end else if (w_left_q) begin
      happens(stall_w, stalled);
      stalled = stalled || held_q < hold_w;
      s_axil_wvalid <= !stalled;
      w_left_q = stalled;
    end
    if (s_axil_arvalid && s_axil_arready) begin
      s_axil_arvalid <= 1'b0;
      s_axil_araddr  <= ~s_axil_araddr;
    end else if (ar_left_q) begin
      happens(stall_ar, stalled);
      stalled = stalled || held_q < hold_ar;
      s_axil_arvalid <= !stalled;
      ar_left_q = stalled;
    end
  endtask

  always @(posedge clk_i) begin
    logic stalled, asking;
    if (seed != seed_q) begin
      seed_q   = seed;
      random_q = (seed ^ 32'h85eb_ca6b) == 0 ? 32'd1 : seed ^ 32'h85eb_ca6b;
    end
    if (rst_ni !== 1'b1) begin
      conclude(WasReset, '0);
      begun_q   = command[7:0];
      state_q   = Idle;
      elapsed_q = 0;
      s_axil_awvalid <= 1'b0;
      s_axil_wvalid  <= 1'b0;
      s_axil_arvalid <= 1'b0;
      s_axil_bready  <= 1'b0;
      s_axil_rready  <= 1'b0;
      s_axil_awaddr  <= '0;
      s_axil_araddr  <= '0;
      s_axil_wdata   <= '0;
      s_axil_wstrb   <= '0;
    end else begin
      if (s_axil_bvalid && s_axil_bready) begin
        b_left_q = 1'b0;
        if (!r_left_q || s_axil_bresp != 2'd0) finish(s_axil_bresp);
      end
      if (s_axil_rvalid && s_axil_rready) begin
        r_left_q = 1'b0;
        data_q   = s_axil_rdata;
        if (!b_left_q || s_axil_rresp != 2'd0) finish(s_axil_rresp);
      end
      asking = s_axil_awvalid || s_axil_wvalid || s_axil_arvalid;
      if (state_q == Idle && !asking && begun_q != command[7:0]) begin
        if (answered_q != command[7:0]) begin_access();
        else begun_q = command[7:0];
      end
      if (state_q == Wait) begin
        if (gap_q == 0) state_q = Request;
        else gap_q = gap_q - 1;
      end
      if (state_q == Request || asking) begin
        request();
        held_q = held_q + 1;
      end
      elapsed_q = (answered_q == command[7:0]) ? 0 : elapsed_q + 1;
      if (elapsed_q > timeout) conclude(TimedOut, '0);
      happens(stall_b, stalled);
      s_axil_bready <= state_q != Idle && b_left_q && !stalled && held_q >= hold_b;
      happens(stall_r, stalled);
      s_axil_rready <= state_q != Idle && r_left_q && !stalled && held_q >= hold_r;
    end
  end
  /* verilator lint_on BLKSEQ */

endmodule
