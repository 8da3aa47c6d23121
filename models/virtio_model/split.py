# SPDX-License-Identifier: Apache-2.0
"""The device side of a split virtqueue (2.7)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from virtio_model import spec
from virtio_model.chain import DescriptorChain, Segment
from virtio_model.errors import (
    AddressOverflow,
    AvailIndexError,
    BadIndirectTable,
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
from virtio_model.memory import MemoryView
from virtio_model.queue import ChainParts, RingLayout, Virtqueue

__all__ = [
    "AddressOverflow",
    "AvailIndexError",
    "BadIndirectTable",
    "ChainError",
    "ChainLoopError",
    "Descriptor",
    "DescriptorChain",
    "HeadOutOfRange",
    "IndirectNotNegotiated",
    "LengthOverflow",
    "NextOutOfRange",
    "ReadableAfterWritable",
    "RingAccessError",
    "RingError",
    "Segment",
    "SplitLayout",
    "SplitQueue",
    "StatusAccessError",
]

_DESCRIPTOR = struct.Struct("<QIHH")
_USED_ELEMENT = struct.Struct("<II")


class Descriptor(NamedTuple):
    """An entry of the descriptor table (2.7.5)."""

    addr: int
    len: int
    flags: int = 0
    next: int = 0

    def pack(self) -> bytes:
        """The 16 bytes in memory. Raises `struct.error` if a field does not fit."""
        return _DESCRIPTOR.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> Descriptor:
        """The descriptor that 16 bytes hold. Raises `struct.error` on another length."""
        return cls(*_DESCRIPTOR.unpack(data))


class SplitLayout(RingLayout):
    """Where the parts of a split queue of `size` entries lie (2.7.5, 2.7.6, 2.7.8); addresses and lengths in bytes."""

    ALIGN = (spec.DESC_ALIGN, spec.DRIVER_ALIGN, spec.DEVICE_ALIGN)

    @property
    def driver_bytes(self) -> int:
        """Length of the available ring, used_event included."""
        return 6 + 2 * self.size

    @property
    def device_bytes(self) -> int:
        """Length of the used ring, avail_event included."""
        return 6 + spec.USED_ELEMENT_BYTES * self.size

    @property
    def avail_flags_address(self) -> int:
        return self.driver_addr

    @property
    def avail_idx_address(self) -> int:
        return self.driver_addr + 2

    def avail_entry_address(self, slot: int) -> int:
        """Address of the available ring entry at position `slot`, below `size`."""
        return self.driver_addr + 4 + 2 * slot

    @property
    def used_event_address(self) -> int:
        return self.avail_entry_address(self.size)

    @property
    def used_flags_address(self) -> int:
        return self.device_addr

    @property
    def used_idx_address(self) -> int:
        return self.device_addr + 2

    def used_element_address(self, slot: int) -> int:
        """Address of the used element at position `slot`, below `size`."""
        return self.device_addr + 4 + spec.USED_ELEMENT_BYTES * slot

    @property
    def avail_event_address(self) -> int:
        return self.used_element_address(self.size)


class SplitQueue(Virtqueue):
    """Set-up and progress of one split queue, as the device keeps them.

    `last_avail` and `used_idx` run free modulo 2^16; `avail_slot` and `used_slot` are the ring positions, counted
    modulo `size` on their own so that a size that is not a power of two works across the wrap. They start at
    `index_init` whenever the queue becomes ready.
    """

    def _start(self) -> None:
        self.last_avail = self.used_idx = self.index_init
        self.decided_idx = self.index_init
        """used idx when it was last decided whether to interrupt."""
        self.avail_slot = self.used_slot = self.index_init % max(self.size, 1)

    @property
    def layout(self) -> SplitLayout:
        """Where the rings lie by the present set-up."""
        return SplitLayout(self.size, self.desc_addr, self.driver_addr, self.device_addr)

    def count_available(self, memory: MemoryView) -> int:
        """Read the available idx and return how many chains wait. Raises `AvailIndexError`, `RingAccessError`."""
        avail_idx = self._read_u16(memory, self.layout.avail_idx_address)
        waiting = (avail_idx - self.last_avail) & 0xFFFF
        unused = (avail_idx - self.used_idx) & 0xFFFF
        if waiting > self.size or unused > self.size:
            raise AvailIndexError(self.index, avail_idx, self.last_avail, self.used_idx, self.size)
        return waiting

    def take_head(self, memory: MemoryView) -> int:
        """Read the next available ring entry and step over it. Raises `RingAccessError`."""
        head = self._read_u16(memory, self.layout.avail_entry_address(self.avail_slot))
        self.last_avail = (self.last_avail + 1) & 0xFFFF
        self.avail_slot = (self.avail_slot + 1) % self.size
        return head

    def parse_chain(self, head: int, memory: MemoryView) -> DescriptorChain:
        """Read the chain that starts at `head`, each descriptor once. Raises a `RingError`."""
        if head >= self.size:
            raise HeadOutOfRange(self.index, head, self.size)
        table, entries, direct = self.desc_addr, self.size, True
        parts = ChainParts(self, head)
        index = head
        while True:
            descriptor = Descriptor.unpack(self._read(memory, table + spec.DESC_BYTES * index, spec.DESC_BYTES))
            if descriptor.flags & spec.DescFlag.INDIRECT:
                self.check_table(head, len(parts.segments), self.fault_of_table(descriptor, direct))
                table, entries, direct, index = descriptor.addr, descriptor.len // spec.DESC_BYTES, False, 0
                continue
            parts.append(descriptor.addr, descriptor.len, bool(descriptor.flags & spec.DescFlag.WRITE))
            if not descriptor.flags & spec.DescFlag.NEXT:
                return DescriptorChain(self.index, head, tuple(parts.segments))
            index = descriptor.next
            if index >= entries:
                raise NextOutOfRange(self.index, head, index, entries)
            if len(parts.segments) == self.size:
                raise ChainLoopError(self.index, head, self.size)

    def pop(self, memory: MemoryView) -> DescriptorChain | None:
        """Take the next available chain; None if there is none. A malformed one is consumed; raises `RingError`."""
        if self.count_available(memory) == 0:
            return None
        return self.parse_chain(self.take_head(memory), memory)

    def push(self, memory: MemoryView, head: int, written_len: int, slots: int = 1) -> None:
        """Write a used element, then publish it in the used idx (2.7.8.2). Raises `RingAccessError`."""
        element = _USED_ELEMENT.pack(head, written_len)
        self._write(memory, self.layout.used_element_address(self.used_slot), element)
        used_idx = (self.used_idx + 1) & 0xFFFF
        self._write(memory, self.layout.used_idx_address, used_idx.to_bytes(2, "little"))
        self.used_idx = used_idx
        self.used_slot = (self.used_slot + 1) % self.size

    def interrupt_wanted(self, memory: MemoryView) -> bool:
        """Whether the driver wants a used buffer notification for what was used since this was asked last (2.7.10).

        By the flags or, with EVENT_IDX, by used_event; yes if they cannot be read.
        """
        before, self.decided_idx = self.decided_idx, self.used_idx
        try:
            if self.has(spec.Feature.EVENT_IDX):
                event = self._read_u16(memory, self.layout.used_event_address)
                return spec.need_event(event, self.used_idx, before)
            flags = self._read_u16(memory, self.layout.avail_flags_address)
        except RingAccessError:
            return True
        return not flags & spec.AVAIL_F_NO_INTERRUPT

    def want_notification(self, memory: MemoryView) -> bool:
        """Before going idle: with EVENT_IDX ask the driver to notify for the next chain, and look once more (2.7.10).

        Returns whether there is one already. Raises `RingAccessError`, `AvailIndexError`.
        """
        if not self.has(spec.Feature.EVENT_IDX):
            return False
        self._write(memory, self.layout.avail_event_address, self.last_avail.to_bytes(2, "little"))
        return self.count_available(memory) > 0

    def fault_of_table(self, descriptor: Descriptor, direct: bool) -> str:
        """Why a descriptor with INDIRECT, `direct` if it is in the descriptor table, points to no table; or ""."""
        why = "NEXT is set too" if direct else "it lies in such a table itself"
        alone = direct and not descriptor.flags & spec.DescFlag.NEXT
        return self.table_fault(descriptor.addr, descriptor.len, alone, why)
