// SPDX-License-Identifier: Apache-2.0
// Device status, feature negotiation and device reset (2.1, 2.2, 2.4).
//
// Status bits accumulate; only a write of 0 clears them, and starts a device reset. `device_reset_o` is then held until
// `quiet_i` says that nothing of the old life is left on the memory bus; until then Status reads DEVICE_NEEDS_RESET, which no
// driver can write back, and other register writes are to be ignored.

module virtio_status (
    input logic clk_i,
    input logic rst_ni,
    input logic status_en_i,
    input logic features_en_i,
    input logic [31:0] features_sel_i,
    input logic [31:0] wr_data_i,
    input logic [63:0] device_features_i,
    input logic fatal_i,  // pulse: only a reset helps
    input logic quiet_i,
    output logic [7:0] status_o,
    output logic [63:0] driver_features_o,
    output logic live_o,  // DRIVER_OK, and nothing that forbids work on queues
    output logic device_reset_o,
    output logic flush_o,  // that, or DEVICE_NEEDS_RESET: a register, for the whole data path hangs on it
    output logic config_event_o  // pulse: DEVICE_NEEDS_RESET was set while DRIVER_OK
);

  import virtio_pkg::*;

  logic [7:0] status_q, status_d;
  logic [63:0] driver_features_q, driver_features_d;
  logic beyond_q, beyond_d;  // a feature word beyond the second was written non-zero
  logic resetting_q, resetting_d;
  logic flush_q, needs_reset;
  logic acceptable, features_ok;

  assign acceptable = driver_features_q[FEATURE_VERSION_1] && !beyond_q &&
                      (driver_features_q & ~device_features_i) == 64'd0;
  assign features_ok = (status_q & STATUS_FEATURES_OK) != 8'd0 ||
                       ((wr_data_i[7:0] & STATUS_FEATURES_OK) != 8'd0 && acceptable);

  always_comb begin
    status_d          = status_q;
    driver_features_d = driver_features_q;
    beyond_d          = beyond_q;
    resetting_d       = resetting_q && !quiet_i;
    if (fatal_i && !resetting_q) status_d = status_d | STATUS_DEVICE_NEEDS_RESET;
    if (features_en_i && !resetting_q && (status_q & STATUS_FEATURES_OK) == 8'd0) begin
      case (features_sel_i)
        32'd0:   driver_features_d[31:0] = wr_data_i;
        32'd1:   driver_features_d[63:32] = wr_data_i;
        default: beyond_d = beyond_q || wr_data_i != 32'd0;
      endcase
    end
    if (status_en_i && wr_data_i == 32'd0) begin
      status_d          = 8'd0;
      driver_features_d = 64'd0;
      beyond_d          = 1'b0;
      resetting_d       = 1'b1;
    end else if (status_en_i && !resetting_q) begin
      status_d = status_d | (wr_data_i[7:0] & (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FAILED));
      if (features_ok) begin
        status_d = status_d | (wr_data_i[7:0] & (STATUS_FEATURES_OK | STATUS_DRIVER_OK));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      status_q          <= 8'd0;
      driver_features_q <= 64'd0;
      beyond_q          <= 1'b0;
      resetting_q       <= 1'b0;
      flush_q           <= 1'b0;
    end else begin
      status_q          <= status_d;
      driver_features_q <= driver_features_d;
      beyond_q          <= beyond_d;
      resetting_q       <= resetting_d;
      flush_q           <= resetting_d || (status_d & STATUS_DEVICE_NEEDS_RESET) != 8'd0;
    end
  end

  assign status_o = resetting_q ? STATUS_DEVICE_NEEDS_RESET : status_q;
  assign driver_features_o = driver_features_q;
  assign device_reset_o = resetting_q;
  assign flush_o = flush_q;
  assign needs_reset = (status_q & STATUS_DEVICE_NEEDS_RESET) != 8'd0;
  assign live_o = (status_q & (STATUS_DRIVER_OK | STATUS_DEVICE_NEEDS_RESET | STATUS_FAILED)) == STATUS_DRIVER_OK;
  assign config_event_o = fatal_i && !needs_reset && (status_q & STATUS_DRIVER_OK) != 8'd0;

endmodule
