// SPDX-License-Identifier: Apache-2.0
// The register block of the modern MMIO transport (4.2.2).
//
// Control registers take writes with all four strobes only; write-only and unlisted offsets read 0; nothing is ever answered
// with an error. The write response of a device reset, queue stop or queue reset waits (`wr_wait_o`) until it is complete, for at most
// `AccessTimeout` cycles: drivers that do not poll then find it done, and the bus is never held for longer.

module virtio_mmio_regs #(
    parameter int NumQueues = 2,
    parameter int AxiAddrWidth = 64,
    parameter logic [NumQueues*16-1:0] QueueSizeMax = {NumQueues{16'd256}},
    parameter logic [31:0] DeviceId = 32'd0,
    parameter logic [31:0] VendorId = 32'd0,
    parameter logic [31:0] Version = 32'd2,
    parameter int AccessTimeout = 1024,
    parameter logic [63:0] CoreFeatures = '0,  // offered ones that do not belong to the device type
    localparam int QueueWidth = (NumQueues > 1) ? $clog2(NumQueues) : 1
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    // From the bus
    input  logic                                    wr_en_i,
    input  logic                   [          11:0] wr_addr_i,
    input  logic                   [          31:0] wr_data_i,
    input  logic                   [           3:0] wr_strb_i,
    output logic                                    wr_wait_o,
    input  logic                   [          11:0] rd_addr_i,
    output logic                   [          31:0] rd_data_o,
    // Device type: features and configuration space
    input  logic                   [          63:0] device_features_i,
    output logic                   [          63:0] driver_features_o,
    output logic                                    device_reset_o,
    output logic                   [          11:0] config_rd_offset_o,
    input  logic                   [          31:0] config_rd_data_i,
    output logic                                    config_wr_en_o,
    output logic                   [          11:0] config_wr_offset_o,
    output logic                   [          31:0] config_wr_data_o,
    output logic                   [           3:0] config_wr_strb_o,
    input  logic                                    config_changed_i,    // pulse, in the cycle of the change
    // Ring front end
    input  logic                                    fatal_i,
    input  logic                                    quiet_i,
    output logic                                    live_o,
    output logic                                    flush_o,             // the data path is to stop and forget
    output logic                   [ NumQueues-1:0] queue_ready_o,
    output logic                   [ NumQueues-1:0] queue_enabled_o,
    input  logic                   [ NumQueues-1:0] queue_busy_i,
    output logic                   [ NumQueues-1:0] queue_resetting_o,
    output logic                   [ NumQueues-1:0] notify_o,
    input  logic                   [QueueWidth-1:0] read_queue_i,
    output virtio_pkg::queue_cfg_t                  read_cfg_o,
    input  logic                   [QueueWidth-1:0] desc_queue_i,
    output virtio_pkg::queue_cfg_t                  desc_cfg_o,
    input  logic                   [QueueWidth-1:0] used_queue_i,
    output virtio_pkg::queue_cfg_t                  used_cfg_o,
    input  logic                                    used_event_i,
    output logic                                    irq_o
);

  import virtio_pkg::*;

  // DeviceID 0 marks an empty slot: nothing but the identification answers (4.2.2, MMIO-DEV-004).
  localparam bit Placeholder = DeviceId == 32'd0;
  localparam int WaitWidth = $clog2(AccessTimeout + 1);

  logic [31:0] device_features_sel_q, driver_features_sel_q, queue_sel_q, generation_q;
  logic [WaitWidth-1:0] wait_left_q;
  logic unfinished_q;  // the device reset, or the stop or reset of a queue, that is waited for
  logic control_en, live_write, status_en, features_en, ack_en, waits;
  logic [ 7:0] status;
  logic [ 1:0] interrupt_status;
  logic [15:0] queue_size_max;
  logic queue_ready, queue_stopping, queue_resetting, needs_reset_event, driver_ok;
  logic [31:0] notified_queue;
  logic [63:0] features;

  assign features    = driver_features_o & CoreFeatures;
  assign control_en  = wr_en_i && wr_strb_i == 4'hf && wr_addr_i < REG_CONFIG && !Placeholder;
  assign live_write  = control_en && !device_reset_o;
  assign status_en   = control_en && wr_addr_i == REG_STATUS;
  assign features_en = control_en && wr_addr_i == REG_DRIVER_FEATURES;
  assign ack_en      = live_write && wr_addr_i == REG_INTERRUPT_ACK;
  assign driver_ok   = (status & STATUS_DRIVER_OK) != 8'd0;

  virtio_status u_status (
      .clk_i,
      .rst_ni,
      .status_en_i   (status_en),
      .features_en_i (features_en),
      .features_sel_i(driver_features_sel_q),
      .wr_data_i,
      .device_features_i,
      .fatal_i,
      .quiet_i,
      .status_o      (status),
      .driver_features_o,
      .live_o,
      .device_reset_o,
      .flush_o,
      .config_event_o(needs_reset_event)
  );

  virtio_irq u_irq (
      .clk_i,
      .rst_ni,
      .clear_i       (device_reset_o),
      .used_event_i,
      .config_event_i(needs_reset_event || (config_changed_i && driver_ok)),
      .ack_en_i      (ack_en),
      .ack_i         (wr_data_i[1:0]),
      .status_o      (interrupt_status),
      .irq_o
  );

  virtio_queue_table #(
      .NumQueues   (NumQueues),
      .AxiAddrWidth(AxiAddrWidth),
      .QueueSizeMax(QueueSizeMax)
  ) u_queue_table (
      .clk_i,
      .rst_ni,
      .clear_i        (device_reset_o),
      .sel_i          (queue_sel_q),
      .wr_en_i        (live_write),
      .wr_addr_i,
      .wr_data_i,
      .packed_i       (features[FEATURE_RING_PACKED]),
      .ring_reset_i   (features[FEATURE_RING_RESET]),
      .size_max_o     (queue_size_max),
      .ready_o        (queue_ready),
      .stopping_o     (queue_stopping),
      .resetting_o    (queue_resetting),
      .resetting_all_o(queue_resetting_o),
      .ready_all_o    (queue_ready_o),
      .enabled_o      (queue_enabled_o),
      .busy_i         (queue_busy_i),
      .read_queue_i,
      .read_cfg_o,
      .desc_queue_i,
      .desc_cfg_o,
      .used_queue_i,
      .used_cfg_o
  );

  // With NOTIFICATION_DATA the upper half says where in the ring; rings are read from memory, so it is not needed (4.2.3.3).
  assign notified_queue = features[FEATURE_NOTIFICATION_DATA] ? {16'd0, wr_data_i[15:0]} : wr_data_i;
  for (genvar i = 0; i < NumQueues; i++) begin : g_notify
    assign notify_o[i] = live_write && wr_addr_i == REG_QUEUE_NOTIFY && notified_queue == i;
  end

  // Writes: what is kept here.
  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_o) begin
      device_features_sel_q <= '0;
      driver_features_sel_q <= '0;
      queue_sel_q           <= '0;
    end else if (live_write) begin
      case (wr_addr_i)
        REG_DEVICE_FEATURES_SEL: device_features_sel_q <= wr_data_i;
        REG_DRIVER_FEATURES_SEL: driver_features_sel_q <= wr_data_i;
        REG_QUEUE_SEL:           queue_sel_q <= wr_data_i;
        default:                 ;
      endcase
    end
  end

  // Only a device reset and the stop or reset of a queue make their writer wait.
  assign waits = (status_en && wr_data_i == 32'd0) || (live_write && wr_addr_i == REG_QUEUE_READY && !wr_data_i[0]) ||
                 (live_write && wr_addr_i == REG_QUEUE_RESET && wr_data_i[0]);

  // The generation outlives a device reset: a driver may compare across it.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) generation_q <= '0;
    else if (config_changed_i) generation_q <= generation_q + 32'd1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) wait_left_q <= '0;
    else if (wr_en_i) wait_left_q <= waits ? WaitWidth'(AccessTimeout) : '0;
    else if (wait_left_q != '0) wait_left_q <= wait_left_q - 1'b1;
  end
  // What there is to wait for is known a cycle late, so all wait for one.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) unfinished_q <= 1'b0;
    else unfinished_q <= wr_en_i || device_reset_o || queue_stopping || queue_resetting;
  end
  assign wr_wait_o          = wait_left_q != '0 && unfinished_q;

  assign config_rd_offset_o = rd_addr_i - REG_CONFIG;
  assign config_wr_en_o     = wr_en_i && wr_addr_i >= REG_CONFIG && !Placeholder;
  assign config_wr_offset_o = wr_addr_i - REG_CONFIG;
  assign config_wr_data_o   = wr_data_i;
  assign config_wr_strb_o   = wr_strb_i;

  always_comb begin
    rd_data_o = 32'd0;
    if (rd_addr_i >= REG_CONFIG) begin
      rd_data_o = config_rd_data_i;
    end else begin
      case (rd_addr_i)
        REG_MAGIC_VALUE: rd_data_o = MAGIC_VALUE;
        REG_VERSION: rd_data_o = Version;
        REG_DEVICE_ID: rd_data_o = DeviceId;
        REG_VENDOR_ID: rd_data_o = VendorId;
        REG_DEVICE_FEATURES: begin
          if (device_features_sel_q == 32'd0) rd_data_o = device_features_i[31:0];
          if (device_features_sel_q == 32'd1) rd_data_o = device_features_i[63:32];
        end
        REG_QUEUE_SIZE_MAX: rd_data_o = {16'd0, queue_size_max};
        REG_QUEUE_READY: rd_data_o = {31'd0, queue_ready};
        REG_INTERRUPT_STATUS: rd_data_o = {30'd0, interrupt_status};
        REG_STATUS: rd_data_o = {24'd0, status};
        // No shared memory region exists: all ones (4.2.2, MMIO-DEV-022, MMIO-DEV-023).
        REG_SHM_LEN_LOW, REG_SHM_LEN_HIGH, REG_SHM_BASE_LOW, REG_SHM_BASE_HIGH: rd_data_o = 32'hffff_ffff;
        REG_QUEUE_RESET: rd_data_o = {31'd0, queue_resetting};
        REG_CONFIG_GENERATION: rd_data_o = generation_q;
        default: ;
      endcase
    end
    if (Placeholder && rd_addr_i > REG_DEVICE_ID) rd_data_o = 32'd0;
  end

endmodule
