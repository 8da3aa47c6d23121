# SPDX-License-Identifier: Apache-2.0
"""An executable reading of the device side of VIRTIO 1.4, with no simulator in it."""

from virtio_model.blk import Blk, Topology
from virtio_model.chain import DescriptorChain, Segment
from virtio_model.console import EMERGENCY, Console
from virtio_model.device import MmioDevice
from virtio_model.errors import (
    AddressOverflow,
    AvailIndexError,
    BadIndirectTable,
    BrokenList,
    ChainError,
    ChainLoopError,
    HeadOutOfRange,
    IndirectNotNegotiated,
    LengthOverflow,
    NextOutOfRange,
    ReadableAfterWritable,
    RingAccessError,
    RingError,
    StatusAccessError,
)
from virtio_model.function import DeviceFunction
from virtio_model.input import KEYBOARD, EventPort, Input, InputEvent
from virtio_model.memory import Memory, MemoryFault, MemoryView
from virtio_model.net import Net, Wire
from virtio_model.packed import EventSuppression, PackedDescriptor, PackedLayout, PackedQueue
from virtio_model.port import Port
from virtio_model.queue import RingLayout, Virtqueue
from virtio_model.registers import MmioRegisters
from virtio_model.rng import Rng
from virtio_model.split import Descriptor, SplitLayout, SplitQueue
from virtio_model.status import DeviceStatus
from virtio_model.storage import MemoryStorage, Storage, StorageError

__all__ = [
    "EMERGENCY",
    "KEYBOARD",
    "Console",
    "EventPort",
    "Input",
    "InputEvent",
    "Port",
    "AddressOverflow",
    "AvailIndexError",
    "BadIndirectTable",
    "Blk",
    "BrokenList",
    "ChainError",
    "ChainLoopError",
    "Descriptor",
    "DescriptorChain",
    "DeviceFunction",
    "DeviceStatus",
    "EventSuppression",
    "HeadOutOfRange",
    "IndirectNotNegotiated",
    "LengthOverflow",
    "Memory",
    "MemoryFault",
    "MemoryStorage",
    "MemoryView",
    "MmioDevice",
    "MmioRegisters",
    "Net",
    "NextOutOfRange",
    "PackedDescriptor",
    "PackedLayout",
    "PackedQueue",
    "ReadableAfterWritable",
    "RingAccessError",
    "RingError",
    "RingLayout",
    "Rng",
    "Segment",
    "SplitLayout",
    "SplitQueue",
    "StatusAccessError",
    "Storage",
    "StorageError",
    "Wire",
    "Topology",
    "Virtqueue",
]
