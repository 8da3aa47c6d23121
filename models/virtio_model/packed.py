# SPDX-License-Identifier: Apache-2.0
"""The device side of a packed virtqueue (2.8)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from virtio_model import spec
from virtio_model.chain import DescriptorChain
from virtio_model.errors import BrokenList, ChainLoopError, RingAccessError
from virtio_model.memory import MemoryView
from virtio_model.queue import ChainParts, RingLayout, Virtqueue

_DESCRIPTOR = struct.Struct("<QIHH")
_USED_DESCRIPTOR = struct.Struct("<IHH")
_EVENT = struct.Struct("<HH")
#: The id of a list whose last descriptor has not been read.
_UNKNOWN = -1


class PackedDescriptor(NamedTuple):
    """An entry of the descriptor ring, or of an indirect table (2.8.13)."""

    addr: int
    len: int
    id: int = 0
    flags: int = 0

    def pack(self) -> bytes:
        """The 16 bytes in memory. Raises `struct.error` if a field does not fit."""
        return _DESCRIPTOR.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> PackedDescriptor:
        """The descriptor that 16 bytes hold. Raises `struct.error` on another length."""
        return cls(*_DESCRIPTOR.unpack(data))


class EventSuppression(NamedTuple):
    """An event suppression structure (2.8.14): a position in the ring with its wrap counter, and `flags`."""

    offset: int
    wrap: bool
    flags: int

    def pack(self) -> bytes:
        """The 4 bytes in memory."""
        return _EVENT.pack(self.offset | self.wrap << 15, self.flags)

    @classmethod
    def unpack(cls, data: bytes) -> EventSuppression:
        """What 4 bytes hold; reserved bits of flags are left out. Raises `struct.error` on another length."""
        place, flags = _EVENT.unpack(data)
        return cls(place & 0x7FFF, bool(place >> 15), flags & 3)

    def due(self, size: int, old: int, new: int, with_events: bool) -> bool:
        """Whether to notify after going from position `old` to `new` of a ring of `size` (2.8.10).

        Positions count modulo twice the size. What is reserved does not suppress.
        """
        if self.flags == spec.RingEventFlag.DESC and with_events and self.offset < size:
            event = self.offset if self.wrap else self.offset + size
            return (event - old) % (2 * size) < (new - old) % (2 * size)
        return self.flags != spec.RingEventFlag.DISABLE


class PackedLayout(RingLayout):
    """Where the parts of a packed queue of `size` entries lie (2.8.10, 2.8.13); addresses and lengths in bytes."""

    ALIGN = (spec.DESC_ALIGN, spec.EVENT_ALIGN, spec.EVENT_ALIGN)

    @property
    def driver_bytes(self) -> int:
        """Length of the driver event suppression structure."""
        return spec.EVENT_BYTES

    @property
    def device_bytes(self) -> int:
        """Length of the device event suppression structure."""
        return spec.EVENT_BYTES

    def flags_address(self, index: int) -> int:
        """Address of the flags of descriptor `index`."""
        return self.descriptor_address(index) + spec.DESC_BYTES - 2

    def used_address(self, index: int) -> int:
        """Address of what a used descriptor at position `index` says: len, id and flags, to the descriptor's end."""
        return self.descriptor_address(index) + 8


def wrap_at(position: int, size: int) -> bool:
    """The wrap counter at a position that counts modulo twice the size: 1 in the first round."""
    return position % (2 * size) < size


def is_available(flags: int, wrap: bool) -> bool:
    """Whether a descriptor with these flags is available, the driver's wrap counter being `wrap` there (2.8.1)."""
    return bool(flags & spec.DescFlag.AVAIL) is wrap and bool(flags & spec.DescFlag.USED) is not wrap


def used_flags(wrap: bool, written_len: int) -> int:
    """The flags of a used descriptor, the device's wrap counter being `wrap` there (2.8.1, 2.8.4)."""
    marks = spec.DescFlag.AVAIL | spec.DescFlag.USED if wrap else 0
    return marks | (spec.DescFlag.WRITE if written_len else 0)


class PackedQueue(Virtqueue):
    """Set-up and progress of one packed queue, as the device keeps them.

    `next_avail` and `next_used` are ring positions modulo twice the size: in the first round the wrap counter is 1, in
    the second 0. There is no start index.
    """

    def _start(self) -> None:
        self.next_avail = self.next_used = self.decided = 0

    @property
    def layout(self) -> PackedLayout:
        """Where ring and event suppression structures lie by the present set-up."""
        return PackedLayout(self.size, self.desc_addr, self.driver_addr, self.device_addr)

    @property
    def free_slots(self) -> int:
        """Descriptors that the driver can have made available beyond those in flight."""
        return self.size - (self.next_avail - self.next_used) % (2 * self.size)

    def available(self, memory: MemoryView, ahead: int = 0) -> int | None:
        """The flags of the descriptor `ahead` of the next list's first, if it is available; else None.

        Raises `RingAccessError`.
        """
        position = self.next_avail + ahead
        if ahead >= self.free_slots:
            return None
        flags = self._read_u16(memory, self.layout.flags_address(position % self.size))
        return flags if is_available(flags, wrap_at(position, self.size)) else None

    def list_slots(self, memory: MemoryView) -> int:
        """How many descriptors the next list has; 0 if there is none. Raises `BrokenList`, `RingAccessError`."""
        flags = self.available(memory)
        if flags is None:
            return 0
        slots = 1
        while flags & spec.DescFlag.NEXT:
            flags = self.available(memory, slots)
            if flags is None:
                raise BrokenList(self.index, self.next_avail % self.size, slots)
            slots += 1
        return slots

    def parse_list(self, position: int, slots: int, memory: MemoryView) -> DescriptorChain:
        """Read the list of `slots` descriptors at `position`, each once. Raises a `RingError`."""
        chain_id = _UNKNOWN
        parts = ChainParts(self, chain_id)
        for number in range(slots):
            descriptor = self._descriptor(memory, position + number)
            chain_id = descriptor.id
            if descriptor.flags & spec.DescFlag.INDIRECT:
                self.check_table(chain_id, number, self.fault_of_table(descriptor, slots))
                for entry in self._table(memory, chain_id, descriptor):
                    parts.append(entry.addr, entry.len, bool(entry.flags & spec.DescFlag.WRITE))
            else:
                parts.append(descriptor.addr, descriptor.len, bool(descriptor.flags & spec.DescFlag.WRITE))
        return DescriptorChain(self.index, chain_id, tuple(parts.segments), slots)

    def step(self, slots: int) -> None:
        """A list of `slots` descriptors was taken."""
        self.next_avail = (self.next_avail + slots) % (2 * self.size)

    def pop(self, memory: MemoryView) -> DescriptorChain | None:
        """Take the next available list; None if there is none. Raises `RingError`."""
        slots = self.list_slots(memory)
        if not slots:
            return None
        chain = self.parse_list(self.next_avail, slots, memory)
        self.step(slots)
        return chain

    def push(self, memory: MemoryView, head: int, written_len: int, slots: int = 1) -> None:
        """Write a used descriptor over the first of the list with id `head` (2.8.4). Raises `RingAccessError`."""
        flags = used_flags(wrap_at(self.next_used, self.size), written_len)
        used = _USED_DESCRIPTOR.pack(written_len, head, flags)
        self._write(memory, self.layout.used_address(self.next_used % self.size), used)
        self.use(slots)

    def use(self, slots: int) -> None:
        """`slots` descriptors more are used."""
        self.next_used = (self.next_used + slots) % (2 * self.size)

    def interrupt_wanted(self, memory: MemoryView) -> bool:
        """Whether the driver wants a used buffer notification for what was used since this was asked last (2.8.10).

        By its event suppression structure; yes if that cannot be read.
        """
        before, self.decided = self.decided, self.next_used
        with_events = self.has(spec.Feature.EVENT_IDX)
        try:
            if with_events:
                event = EventSuppression.unpack(self._read(memory, self.driver_addr, spec.EVENT_BYTES))
            else:
                event = EventSuppression(0, True, self._read_u16(memory, self.driver_addr + 2) & 3)
        except RingAccessError:
            return True
        return event.due(self.size, before, self.next_used, with_events)

    def want_notification(self, memory: MemoryView) -> bool:
        """Before going idle: with EVENT_IDX ask the driver to notify for the next list, and look once more (2.8.10).

        Returns whether there is one already. Raises `RingError`.
        """
        if not self.has(spec.Feature.EVENT_IDX):
            return False
        place, wrap = self.next_avail % self.size, wrap_at(self.next_avail, self.size)
        event = EventSuppression(place, wrap, spec.RingEventFlag.DESC)
        self._write(memory, self.device_addr, event.pack())
        return self.available(memory) is not None

    def fault_of_table(self, descriptor: PackedDescriptor, slots: int) -> str:
        """Why a descriptor with INDIRECT, in a list of `slots`, points to no table; or "" (2.8.7)."""
        why = "NEXT is set too" if descriptor.flags & spec.DescFlag.NEXT else "it is one of a list"
        alone = slots == 1 and not descriptor.flags & spec.DescFlag.NEXT
        return self.table_fault(descriptor.addr, descriptor.len, alone, why)

    def _table(self, memory: MemoryView, chain_id: int, descriptor: PackedDescriptor) -> Iterator[PackedDescriptor]:
        """The entries of an indirect table, in order; all of their flags but WRITE are ignored (2.8.7)."""
        entries = descriptor.len // spec.DESC_BYTES
        if entries > self.size:
            raise ChainLoopError(self.index, chain_id, self.size)
        for i in range(entries):
            yield PackedDescriptor.unpack(self._read(memory, descriptor.addr + spec.DESC_BYTES * i, spec.DESC_BYTES))

    def _descriptor(self, memory: MemoryView, position: int) -> PackedDescriptor:
        address = self.layout.descriptor_address(position % self.size)
        return PackedDescriptor.unpack(self._read(memory, address, spec.DESC_BYTES))
