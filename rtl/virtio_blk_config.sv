// SPDX-License-Identifier: Apache-2.0
// Features and configuration space of the block device (5.2.3, 5.2.4); part of the block device type.
//
// Fields of features not offered read 0. `writeback` is 1 from the start if FLUSH was negotiated, and the driver's to write once
// it has accepted CONFIG_WCE. `writethrough_o`: what is written has to be durable before its request completes (5.2.6.2).

module virtio_blk_config #(
    parameter bit          ReadOnly              = 1'b0,
    parameter logic [31:0] SegMax                = 32'd126,
    parameter logic [31:0] SizeMax               = 32'd0,
    parameter logic [31:0] BlkSize               = 32'd512,
    parameter logic [63:0] Topology              = 64'd0,
    parameter bit          ConfigWce             = 1'b0,
    parameter logic [15:0] MultiQueue            = 16'd0,
    parameter logic [31:0] MaxDiscardSectors     = 32'd0,
    parameter logic [31:0] MaxDiscardSeg         = 32'd1,
    parameter logic [31:0] DiscardAlignment      = 32'd1,
    parameter logic [31:0] MaxWriteZeroesSectors = 32'd0,
    parameter logic [31:0] MaxWriteZeroesSeg     = 32'd1,
    parameter bit          WriteZeroesMayUnmap   = 1'b1
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        device_reset_i,
    input  logic [63:0] capacity_i,          // sectors; may change at any time
    output logic [63:0] capacity_o,
    output logic        writethrough_o,
    output logic [63:0] device_features_o,
    input  logic [63:0] driver_features_i,
    input  logic [11:0] config_rd_offset_i,
    output logic [31:0] config_rd_data_o,
    input  logic        config_wr_en_i,
    input  logic [11:0] config_wr_offset_i,
    input  logic [31:0] config_wr_data_i,
    input  logic [ 3:0] config_wr_strb_i,
    output logic        config_changed_o
);

  import virtio_pkg::*;

  localparam bit Discard = MaxDiscardSectors != 32'd0;
  localparam bit WriteZeroes = MaxWriteZeroesSectors != 32'd0;
  localparam logic [63:0] DeviceFeatures =
      (64'd1 << BLK_F_FLUSH) | ({63'd0, ReadOnly} << BLK_F_RO) | ({63'd0, SegMax != 32'd0} << BLK_F_SEG_MAX) |
      ({63'd0, SizeMax != 32'd0} << BLK_F_SIZE_MAX) | ({63'd0, BlkSize != 32'd0} << BLK_F_BLK_SIZE) |
      ({63'd0, Topology != 64'd0} << BLK_F_TOPOLOGY) | ({63'd0, ConfigWce} << BLK_F_CONFIG_WCE) |
      ({63'd0, MultiQueue != 16'd0} << BLK_F_MQ) | ({63'd0, Discard} << BLK_F_DISCARD) |
      ({63'd0, WriteZeroes} << BLK_F_WRITE_ZEROES);

  logic [63:0] capacity_q;
  logic written_q, writeback_q;  // the driver has written writeback, and what
  logic writeback, write;

  assign device_features_o = DeviceFeatures;

  // Cache mode (5.2.5.2, 5.2.6.2).
  assign writeback = written_q ? writeback_q : driver_features_i[BLK_F_FLUSH];
  assign writethrough_o = !writeback;
  assign write             = config_wr_en_i && config_wr_strb_i[0] && {config_wr_offset_i[11:2], 2'b00} == BLK_CONFIG_WRITEBACK &&
                             ConfigWce && driver_features_i[BLK_F_CONFIG_WCE];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || device_reset_i) begin
      written_q   <= 1'b0;
      writeback_q <= 1'b0;
    end else if (write) begin
      written_q   <= 1'b1;
      writeback_q <= config_wr_data_i[7:0] != 8'd0;
    end
  end

  assign capacity_o       = capacity_q;
  assign config_changed_o = rst_ni && capacity_q != capacity_i;
  always_ff @(posedge clk_i) capacity_q <= capacity_i;

  always_comb begin
    config_rd_data_o = 32'd0;
    case ({
      config_rd_offset_i[11:2], 2'b00
    })
      BLK_CONFIG_CAPACITY:                 config_rd_data_o = capacity_q[31:0];
      BLK_CONFIG_CAPACITY + 12'd4:         config_rd_data_o = capacity_q[63:32];
      BLK_CONFIG_SIZE_MAX:                 config_rd_data_o = SizeMax;
      BLK_CONFIG_SEG_MAX:                  config_rd_data_o = SegMax;
      BLK_CONFIG_BLK_SIZE:                 config_rd_data_o = BlkSize;
      BLK_CONFIG_PHYSICAL_BLOCK_EXP:       config_rd_data_o = Topology[31:0];
      BLK_CONFIG_OPT_IO_SIZE:              config_rd_data_o = Topology[63:32];
      BLK_CONFIG_WRITEBACK:                config_rd_data_o = {MultiQueue, 15'd0, ConfigWce && writeback};
      BLK_CONFIG_MAX_DISCARD_SECTORS:      config_rd_data_o = MaxDiscardSectors;
      BLK_CONFIG_MAX_DISCARD_SEG:          if (Discard) config_rd_data_o = MaxDiscardSeg;
      BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT: if (Discard) config_rd_data_o = DiscardAlignment;
      BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS: config_rd_data_o = MaxWriteZeroesSectors;
      BLK_CONFIG_MAX_WRITE_ZEROES_SEG:     if (WriteZeroes) config_rd_data_o = MaxWriteZeroesSeg;
      BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP:   config_rd_data_o = {31'd0, WriteZeroes && WriteZeroesMayUnmap};
      default:                             ;
    endcase
  end

  wire unused_ok = ^{config_rd_offset_i[1:0], config_wr_offset_i[1:0], config_wr_data_i[31:8], config_wr_strb_i[3:1],
                     driver_features_i};

endmodule
