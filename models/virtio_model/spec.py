# SPDX-License-Identifier: Apache-2.0
"""Constants of VIRTIO 1.4 (CS01) as far as this project uses them: the one Python copy.

`rtl/virtio_pkg.sv` states the same values; `tests/unit/test_spec.py` compares the two, and both with the
requirement catalogue in `models/virtio_model/data/`.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

MAGIC = 0x74726976
VERSION = 2
CONFIG_OFFSET = 0x100
WINDOW_SIZE = 0x1000
QUEUE_SIZE_LIMIT = 32768
SECTOR = 512


class Reg(IntEnum):
    """Register offsets of the modern MMIO transport (4.2.2)."""

    MAGIC_VALUE = 0x000
    VERSION = 0x004
    DEVICE_ID = 0x008
    VENDOR_ID = 0x00C
    DEVICE_FEATURES = 0x010
    DEVICE_FEATURES_SEL = 0x014
    DRIVER_FEATURES = 0x020
    DRIVER_FEATURES_SEL = 0x024
    QUEUE_SEL = 0x030
    QUEUE_SIZE_MAX = 0x034
    QUEUE_SIZE = 0x038
    QUEUE_READY = 0x044
    QUEUE_NOTIFY = 0x050
    INTERRUPT_STATUS = 0x060
    INTERRUPT_ACK = 0x064
    STATUS = 0x070
    QUEUE_DESC_LOW = 0x080
    QUEUE_DESC_HIGH = 0x084
    QUEUE_DRIVER_LOW = 0x090
    QUEUE_DRIVER_HIGH = 0x094
    QUEUE_DEVICE_LOW = 0x0A0
    QUEUE_DEVICE_HIGH = 0x0A4
    SHM_SEL = 0x0AC
    SHM_LEN_LOW = 0x0B0
    SHM_LEN_HIGH = 0x0B4
    SHM_BASE_LOW = 0x0B8
    SHM_BASE_HIGH = 0x0BC
    QUEUE_RESET = 0x0C0
    CONFIG_GENERATION = 0x0FC
    CONFIG = 0x100


class Status(IntFlag):
    """Device status bits (2.1)."""

    ACKNOWLEDGE = 0x01
    DRIVER = 0x02
    DRIVER_OK = 0x04
    FEATURES_OK = 0x08
    SUSPEND = 0x10
    DEVICE_NEEDS_RESET = 0x40
    FAILED = 0x80


class Interrupt(IntFlag):
    """InterruptStatus and InterruptACK bits (4.2.2)."""

    USED_BUFFER = 0x1
    CONFIG_CHANGE = 0x2


class Feature(IntEnum):
    """Feature *bit numbers* that do not belong to a device type (6)."""

    INDIRECT_DESC = 28
    EVENT_IDX = 29
    VERSION_1 = 32
    ACCESS_PLATFORM = 33
    RING_PACKED = 34
    IN_ORDER = 35
    ORDER_PLATFORM = 36
    NOTIFICATION_DATA = 38
    RING_RESET = 40


class DeviceType(IntEnum):
    """Device types this project knows (5)."""

    NET = 1
    BLK = 2
    CONSOLE = 3
    RNG = 4
    INPUT = 18


class DescFlag(IntEnum):
    """Descriptor flags (2.7.5, 2.8.1); sums of them are plain integers. AVAIL and USED are those of packed rings."""

    NEXT = 1
    WRITE = 2
    INDIRECT = 4
    AVAIL = 1 << 7
    USED = 1 << 15


class RingEventFlag(IntEnum):
    """Flags of the event suppression structures of a packed ring (2.8.10)."""

    ENABLE = 0
    DISABLE = 1
    DESC = 2


AVAIL_F_NO_INTERRUPT = 1
USED_F_NO_NOTIFY = 1

DESC_BYTES = 16
USED_ELEMENT_BYTES = 8

DESC_ALIGN = 16
DRIVER_ALIGN = 2
DEVICE_ALIGN = 4

EVENT_BYTES = 4
EVENT_ALIGN = 4


class BlkFeature(IntEnum):
    """Feature bit numbers of the block device (5.2.3)."""

    SIZE_MAX = 1
    SEG_MAX = 2
    GEOMETRY = 4
    RO = 5
    BLK_SIZE = 6
    FLUSH = 9
    TOPOLOGY = 10
    CONFIG_WCE = 11
    MQ = 12
    DISCARD = 13
    WRITE_ZEROES = 14


class BlkConfig(IntEnum):
    """Offsets in the block device's configuration space (5.2.4)."""

    CAPACITY = 0
    SIZE_MAX = 8
    SEG_MAX = 12
    BLK_SIZE = 20
    PHYSICAL_BLOCK_EXP = 24
    ALIGNMENT_OFFSET = 25
    MIN_IO_SIZE = 26
    OPT_IO_SIZE = 28
    WRITEBACK = 32
    NUM_QUEUES = 34
    MAX_DISCARD_SECTORS = 36
    MAX_DISCARD_SEG = 40
    DISCARD_SECTOR_ALIGNMENT = 44
    MAX_WRITE_ZEROES_SECTORS = 48
    MAX_WRITE_ZEROES_SEG = 52
    WRITE_ZEROES_MAY_UNMAP = 56


class BlkType(IntEnum):
    """Block request types (5.2.6)."""

    IN = 0
    OUT = 1
    FLUSH = 4
    GET_ID = 8
    GET_LIFETIME = 10
    DISCARD = 11
    WRITE_ZEROES = 13
    SECURE_ERASE = 14


class BlkStatus(IntEnum):
    """Block request status byte (5.2.6)."""

    OK = 0
    IOERR = 1
    UNSUPP = 2


BLK_HEADER_BYTES = 16
BLK_SEGMENT_BYTES = 16
BLK_SEGMENT_F_UNMAP = 1
BLK_ID_BYTES = 20


class NetFeature(IntEnum):
    """Feature bit numbers of the network device (5.1.3) as far as this project offers or refuses them by name."""

    CSUM = 0
    MTU = 3
    MAC = 5
    MRG_RXBUF = 15
    STATUS = 16
    CTRL_VQ = 17
    CTRL_RX = 18
    CTRL_VLAN = 19
    CTRL_RX_EXTRA = 20
    MQ = 22
    CTRL_MAC_ADDR = 23


class NetConfig(IntEnum):
    """Offsets in the network device's configuration space (5.1.4)."""

    MAC = 0
    STATUS = 6
    MAX_VIRTQUEUE_PAIRS = 8
    MTU = 10


class NetCommand(IntEnum):
    """Control commands, class * 256 + command (5.1.9.5)."""

    RX_PROMISC = 0x0000
    RX_ALLMULTI = 0x0001
    RX_ALLUNI = 0x0002
    RX_NOMULTI = 0x0003
    RX_NOUNI = 0x0004
    RX_NOBCAST = 0x0005
    MAC_TABLE_SET = 0x0100
    MAC_ADDR_SET = 0x0101
    VLAN_ADD = 0x0200
    VLAN_DEL = 0x0201
    MQ_VQ_PAIRS_SET = 0x0400


class NetAck(IntEnum):
    """Answers to control commands (5.1.9.5)."""

    OK = 0
    ERR = 1


NET_HDR_BYTES = 12
NET_HDR_F_NEEDS_CSUM = 1
NET_S_LINK_UP = 1
ETH_HEADER_BYTES = 14
VLAN_TAG_BYTES = 4


class ConsoleFeature(IntEnum):
    """Feature bit numbers of the console device (5.3.3)."""

    SIZE = 0
    MULTIPORT = 1
    EMERG_WRITE = 2


class ConsoleConfig(IntEnum):
    """Offsets in the console device's configuration space (5.3.4)."""

    COLS = 0
    ROWS = 2
    MAX_NR_PORTS = 4
    EMERG_WR = 8


class InputConfig(IntEnum):
    """Offsets in the input device's configuration space (5.8.4)."""

    SELECT = 0
    SUBSEL = 1
    SIZE = 2
    U = 8


class InputSelect(IntEnum):
    """What `select` asks for (5.8.4)."""

    UNSET = 0
    ID_NAME = 1
    ID_SERIAL = 2
    ID_DEVIDS = 3
    PROP_BITS = 16
    EV_BITS = 17
    ABS_INFO = 18


class EventType(IntEnum):
    """Types of input events, those of evdev (5.8.6)."""

    SYN = 0
    KEY = 1
    REL = 2
    ABS = 3
    LED = 17
    REP = 20


INPUT_U_BYTES = 128
INPUT_EVENT_BYTES = 8


def features(*bits: int) -> int:
    """The 64-bit feature word with the given bit numbers set."""
    word = 0
    for bit in bits:
        word |= 1 << bit
    return word


def need_event(event: int, new_idx: int, old_idx: int) -> bool:
    """Whether moving a 16-bit index from `old_idx` to `new_idx` passes `event` (2.7.10)."""
    return (new_idx - event - 1) & 0xFFFF < (new_idx - old_idx) & 0xFFFF
