// SPDX-License-Identifier: Apache-2.0
// Constants of VIRTIO 1.4 for the RTL. virtio_model.spec states the same ones; a unit test compares them.

// The lists are complete; not every constant has a use in the RTL.
/* verilator lint_off UNUSEDPARAM */
package virtio_pkg;

  localparam logic [31:0] MAGIC_VALUE = 32'h74726976;

  // Register offsets, modern MMIO transport (4.2.2).
  localparam logic [11:0] REG_MAGIC_VALUE = 12'h000;
  localparam logic [11:0] REG_VERSION = 12'h004;
  localparam logic [11:0] REG_DEVICE_ID = 12'h008;
  localparam logic [11:0] REG_VENDOR_ID = 12'h00c;
  localparam logic [11:0] REG_DEVICE_FEATURES = 12'h010;
  localparam logic [11:0] REG_DEVICE_FEATURES_SEL = 12'h014;
  localparam logic [11:0] REG_DRIVER_FEATURES = 12'h020;
  localparam logic [11:0] REG_DRIVER_FEATURES_SEL = 12'h024;
  localparam logic [11:0] REG_QUEUE_SEL = 12'h030;
  localparam logic [11:0] REG_QUEUE_SIZE_MAX = 12'h034;
  localparam logic [11:0] REG_QUEUE_SIZE = 12'h038;
  localparam logic [11:0] REG_QUEUE_READY = 12'h044;
  localparam logic [11:0] REG_QUEUE_NOTIFY = 12'h050;
  localparam logic [11:0] REG_INTERRUPT_STATUS = 12'h060;
  localparam logic [11:0] REG_INTERRUPT_ACK = 12'h064;
  localparam logic [11:0] REG_STATUS = 12'h070;
  localparam logic [11:0] REG_QUEUE_DESC_LOW = 12'h080;
  localparam logic [11:0] REG_QUEUE_DESC_HIGH = 12'h084;
  localparam logic [11:0] REG_QUEUE_DRIVER_LOW = 12'h090;
  localparam logic [11:0] REG_QUEUE_DRIVER_HIGH = 12'h094;
  localparam logic [11:0] REG_QUEUE_DEVICE_LOW = 12'h0a0;
  localparam logic [11:0] REG_QUEUE_DEVICE_HIGH = 12'h0a4;
  localparam logic [11:0] REG_SHM_SEL = 12'h0ac;
  localparam logic [11:0] REG_SHM_LEN_LOW = 12'h0b0;
  localparam logic [11:0] REG_SHM_LEN_HIGH = 12'h0b4;
  localparam logic [11:0] REG_SHM_BASE_LOW = 12'h0b8;
  localparam logic [11:0] REG_SHM_BASE_HIGH = 12'h0bc;
  localparam logic [11:0] REG_QUEUE_RESET = 12'h0c0;
  localparam logic [11:0] REG_CONFIG_GENERATION = 12'h0fc;
  localparam logic [11:0] REG_CONFIG = 12'h100;

  // Device status bits (2.1).
  localparam logic [7:0] STATUS_ACKNOWLEDGE = 8'h01;
  localparam logic [7:0] STATUS_DRIVER = 8'h02;
  localparam logic [7:0] STATUS_DRIVER_OK = 8'h04;
  localparam logic [7:0] STATUS_FEATURES_OK = 8'h08;
  localparam logic [7:0] STATUS_SUSPEND = 8'h10;
  localparam logic [7:0] STATUS_DEVICE_NEEDS_RESET = 8'h40;
  localparam logic [7:0] STATUS_FAILED = 8'h80;

  // Feature bit numbers (6, 5.2.3).
  localparam int FEATURE_INDIRECT_DESC = 28;
  localparam int FEATURE_EVENT_IDX = 29;
  localparam int FEATURE_VERSION_1 = 32;
  localparam int FEATURE_ACCESS_PLATFORM = 33;
  localparam int FEATURE_RING_PACKED = 34;
  localparam int FEATURE_IN_ORDER = 35;
  localparam int FEATURE_ORDER_PLATFORM = 36;
  localparam int FEATURE_NOTIFICATION_DATA = 38;
  localparam int FEATURE_RING_RESET = 40;
  localparam int BLK_F_SIZE_MAX = 1;
  localparam int BLK_F_SEG_MAX = 2;
  localparam int BLK_F_RO = 5;
  localparam int BLK_F_BLK_SIZE = 6;
  localparam int BLK_F_FLUSH = 9;
  localparam int BLK_F_TOPOLOGY = 10;
  localparam int BLK_F_CONFIG_WCE = 11;
  localparam int BLK_F_MQ = 12;
  localparam int BLK_F_DISCARD = 13;
  localparam int BLK_F_WRITE_ZEROES = 14;

  localparam int DEVICE_TYPE_NET = 1;
  localparam int DEVICE_TYPE_BLK = 2;
  localparam int DEVICE_TYPE_CONSOLE = 3;
  localparam int DEVICE_TYPE_RNG = 4;
  localparam int DEVICE_TYPE_INPUT = 18;

  // Console device: features (5.3.3) and configuration space (5.3.4).
  localparam int CONSOLE_F_SIZE = 0;
  localparam int CONSOLE_F_EMERG_WRITE = 2;
  localparam logic [11:0] CONSOLE_CONFIG_COLS = 12'd0;
  localparam logic [11:0] CONSOLE_CONFIG_EMERG_WR = 12'd8;

  // Input device: configuration space (5.8.4), what can be selected there, and the event that ends a sequence.
  localparam logic [11:0] INPUT_CONFIG_SELECT = 12'd0;
  localparam logic [11:0] INPUT_CONFIG_U = 12'd8;
  localparam logic [7:0] INPUT_SELECT_ID_NAME = 8'd1;
  localparam logic [7:0] INPUT_SELECT_ID_SERIAL = 8'd2;
  localparam logic [7:0] INPUT_SELECT_ID_DEVIDS = 8'd3;
  localparam logic [7:0] INPUT_SELECT_EV_BITS = 8'd17;
  localparam int INPUT_U_BYTES = 128;
  localparam int INPUT_EVENT_BYTES = 8;

  // What the core knows beyond VERSION_1: bits 28, 29, 33 to 36, 38 and 40.
  localparam logic [63:0] TRANSPORT_FEATURES = 64'h0000_015e_3000_0000;

  // Descriptor flags (2.7.5, 2.8.1), as bit positions of the 16-bit flags field; AVAIL and USED in packed rings only.
  localparam int DESC_NEXT_BIT = 0;
  localparam int DESC_WRITE_BIT = 1;
  localparam int DESC_INDIRECT_BIT = 2;
  localparam int DESC_AVAIL_BIT = 7;
  localparam int DESC_USED_BIT = 15;

  // Flags of the event suppression structures of a packed ring (2.8.10).
  localparam logic [15:0] RING_EVENT_FLAGS_DISABLE = 16'd1;
  localparam logic [15:0] RING_EVENT_FLAGS_DESC = 16'd2;

  // Block request types and status bytes (5.2.6).
  localparam logic [31:0] BLK_T_IN = 32'd0;
  localparam logic [31:0] BLK_T_OUT = 32'd1;
  localparam logic [31:0] BLK_T_FLUSH = 32'd4;
  localparam logic [31:0] BLK_T_GET_ID = 32'd8;
  localparam logic [31:0] BLK_T_DISCARD = 32'd11;
  localparam logic [31:0] BLK_T_WRITE_ZEROES = 32'd13;
  localparam logic [7:0] BLK_S_OK = 8'd0;
  localparam logic [7:0] BLK_S_IOERR = 8'd1;
  localparam logic [7:0] BLK_S_UNSUPP = 8'd2;

  localparam int BLK_ID_BYTES = 20;

  // Offsets in the block device's configuration space (5.2.4).
  localparam logic [11:0] BLK_CONFIG_CAPACITY = 12'd0;
  localparam logic [11:0] BLK_CONFIG_SIZE_MAX = 12'd8;
  localparam logic [11:0] BLK_CONFIG_SEG_MAX = 12'd12;
  localparam logic [11:0] BLK_CONFIG_BLK_SIZE = 12'd20;
  localparam logic [11:0] BLK_CONFIG_PHYSICAL_BLOCK_EXP = 12'd24;
  localparam logic [11:0] BLK_CONFIG_OPT_IO_SIZE = 12'd28;
  localparam logic [11:0] BLK_CONFIG_WRITEBACK = 12'd32;
  localparam logic [11:0] BLK_CONFIG_MAX_DISCARD_SECTORS = 12'd36;
  localparam logic [11:0] BLK_CONFIG_MAX_DISCARD_SEG = 12'd40;
  localparam logic [11:0] BLK_CONFIG_DISCARD_SECTOR_ALIGNMENT = 12'd44;
  localparam logic [11:0] BLK_CONFIG_MAX_WRITE_ZEROES_SECTORS = 12'd48;
  localparam logic [11:0] BLK_CONFIG_MAX_WRITE_ZEROES_SEG = 12'd52;
  localparam logic [11:0] BLK_CONFIG_WRITE_ZEROES_MAY_UNMAP = 12'd56;

  // Storage port operations of the block device.
  localparam logic [2:0] STORE_READ = 3'd0;
  localparam logic [2:0] STORE_WRITE = 3'd1;
  localparam logic [2:0] STORE_FLUSH = 3'd2;
  localparam logic [2:0] STORE_DISCARD = 3'd3;
  localparam logic [2:0] STORE_ZERO = 3'd4;

  // Network device: features (5.1.3), header (5.1.9), control commands as {class, command} (5.1.9.5) and their ack.
  localparam int NET_F_MTU = 3;
  localparam int NET_F_MAC = 5;
  localparam int NET_F_MRG_RXBUF = 15;
  localparam int NET_F_STATUS = 16;
  localparam int NET_F_CTRL_VQ = 17;
  localparam int NET_F_CTRL_RX = 18;
  localparam int NET_F_CTRL_VLAN = 19;
  localparam int NET_F_CTRL_RX_EXTRA = 20;
  localparam int NET_F_MQ = 22;
  localparam int NET_F_CTRL_MAC_ADDR = 23;
  localparam int NET_HDR_BYTES = 12;
  localparam int NET_HDR_F_NEEDS_CSUM_BIT = 0;
  localparam logic [15:0] NET_CTRL_RX_PROMISC = 16'h0000;
  localparam logic [15:0] NET_CTRL_RX_ALLMULTI = 16'h0001;
  localparam logic [15:0] NET_CTRL_RX_ALLUNI = 16'h0002;
  localparam logic [15:0] NET_CTRL_RX_NOMULTI = 16'h0003;
  localparam logic [15:0] NET_CTRL_RX_NOUNI = 16'h0004;
  localparam logic [15:0] NET_CTRL_RX_NOBCAST = 16'h0005;
  localparam logic [15:0] NET_CTRL_MAC_TABLE_SET = 16'h0100;
  localparam logic [15:0] NET_CTRL_MAC_ADDR_SET = 16'h0101;
  localparam logic [15:0] NET_CTRL_VLAN_ADD = 16'h0200;
  localparam logic [15:0] NET_CTRL_VLAN_DEL = 16'h0201;
  localparam logic [15:0] NET_CTRL_MQ_VQ_PAIRS_SET = 16'h0400;
  localparam logic [7:0] NET_OK = 8'd0;
  localparam logic [7:0] NET_ERR = 8'd1;

  // Receive modes, as the control queue sets them; bit numbers are the commands of class RX.
  typedef struct packed {
    logic nobcast;
    logic nouni;
    logic nomulti;
    logic alluni;
    logic allmulti;
    logic promisc;
  } net_rx_mode_t;

  // Whether `length` bytes (not 0) from `addr` on pass the end of an address space of `width` bits, 32 to 64.
  function automatic logic out_of_reach(input logic [63:0] addr, input logic [31:0] length, input int width);
    logic [31:0] beyond;  // upper address bits that must be 0
    logic [32:0] sum;
    beyond = 32'(33'h1_ffff_ffff << (width - 32));
    sum = {1'b0, addr[31:0]} + {1'b0, length};
    // The last byte is the one before the sum.
    out_of_reach = (addr[63:32] & beyond) != 32'd0 ||
                   ((addr[63:32] | beyond) == 32'hffff_ffff && sum[32] && sum[31:0] != 32'd0);
  endfunction

  // What the queue table holds of one queue while it is ready.
  typedef struct packed {
    logic [15:0] size;
    logic [63:0] desc_addr;
    logic [63:0] driver_addr;
    logic [63:0] device_addr;
  } queue_cfg_t;

  // One descriptor's buffer, well-formed and not empty.
  typedef struct packed {
    logic [63:0] addr;
    logic [31:0] len;
    logic        last;  // last one of its part (readable or writable) of the chain
  } segment_t;

  // A head whose descriptors have been asked for: `count` of them from the head on. With `fault` set the ring is malformed.
  typedef struct packed {
    logic        fault;
    logic [15:0] queue_index;
    logic [15:0] head;
    logic [15:0] slots;        // of a list in a packed ring: how many descriptors it was found to have
    logic [2:0]  count;
    logic [15:0] size;         // of the queue
    logic [63:0] desc_addr;
  } desc_head_t;

  // A chain whose descriptors have all been fetched. With `fault` set the chain, or the ring, is malformed
  // and only the fault mark is meant.
  typedef struct packed {
    logic        fault;
    logic [15:0] queue_index;
    logic [15:0] head;
    logic [31:0] readable_len;
    logic [31:0] writable_len;
  } chain_t;

  // A chain that has been served: what its used element will say. With `more` set it becomes used together with the next one of its queue.
  typedef struct packed {
    logic        fault;
    logic        failed;       // a write of its data has failed, so written_len is 0, whatever it was to be
    logic        more;
    logic [15:0] queue_index;
    logic [15:0] head;
    logic [31:0] written_len;
  } completion_t;

  // What is told of a block request when a step of it is through.
  typedef struct packed {
    logic       sector;      // a sector of data was read
    logic       last;        // this ends the request
    logic [7:0] status;      // of the request, if nothing failed on the way
    logic       has_status;  // there is room for a status byte
    logic [4:0] id_bytes;    // bytes of the id string to be given
  } blk_answer_t;

  // A command on the block device's storage port.
  typedef struct packed {
    logic [2:0]  op;
    logic [63:0] sector;
    logic [31:0] count;   // sectors
    logic        unmap;
    logic        linked;  // void if a command of the same request has failed
  } blk_command_t;

endpackage
/* verilator lint_on UNUSEDPARAM */
