# SPDX-License-Identifier: Apache-2.0
"""The driver's side of a split virtqueue (2.7)."""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from virtio_model import spec
from virtio_model.spec import Feature
from virtio_model.split import Descriptor, SplitLayout

from .errors import QueueFull, UsedIdxError
from .interfaces import GuestMemory
from .virtqueue import ChainElement, Outstanding, UsedBuffer, Virtqueue, writable_length, write_flag

_USED_ELEMENT = struct.Struct("<II")


class SplitVirtqueue(Virtqueue):
    """Descriptor Table, Available Ring and Used Ring.

    `start_index` presets both ring indices, for tests that cross 65536; the device must start from the same value.
    Slots are counted apart from the indices, so sizes that are not powers of two work too. With IN_ORDER descriptors
    are taken in the table's order.
    """

    def __init__(
        self,
        memory: GuestMemory,
        index: int,
        size: int,
        start_index: int = 0,
        rng: random.Random | None = None,
        features: int = 0,
    ) -> None:
        super().__init__(memory, index, size, rng, features)
        self.avail_idx = start_index & 0xFFFF
        self.published_idx = self.avail_idx
        self.last_used_idx = self.avail_idx
        self._notified_idx = self.avail_idx  # when it was last found out whether to notify
        self._avail_slot = self._used_slot = self.avail_idx % size
        self._free = deque(range(size))
        self._write16(self.layout.avail_idx_address, self.avail_idx)
        self._write16(self.layout.used_idx_address, self.avail_idx)
        self._write_events()

    def _place_areas(self, rng: random.Random | None) -> None:
        unplaced = SplitLayout(self.size)
        self._layout = SplitLayout(
            self.size,
            self._area(unplaced.desc_bytes, spec.DESC_ALIGN, rng),
            self._area(unplaced.driver_bytes, spec.DRIVER_ALIGN, rng),
            self._area(unplaced.device_bytes, spec.DEVICE_ALIGN, rng),
        )

    @property
    def layout(self) -> SplitLayout:
        """Where the table and the two rings lie."""
        return self._layout

    @property
    def free_descriptors(self) -> int:
        """How many descriptors can be added now."""
        return len(self._free)

    @property
    def notification_data(self) -> int:
        """The next avail idx (2.9)."""
        return self.published_idx

    @property
    def used_idx(self) -> int:
        """used.idx as it is in memory."""
        return self._read16(self.layout.used_idx_address)

    @property
    def unpublished(self) -> int:
        """Chains added and not published."""
        return (self.avail_idx - self.published_idx) & 0xFFFF

    @property
    def progress(self) -> str:
        """The indices."""
        return f"avail.idx={self.published_idx:#06x} used.idx={self.used_idx:#06x} last_used={self.last_used_idx:#06x}"

    def used_in_memory(self) -> int:
        """How far used.idx is ahead of what was taken."""
        return (self.used_idx - self.last_used_idx) & 0xFFFF

    def add(
        self,
        chain: Sequence[ChainElement],
        token: Any = None,
        table_order: Sequence[int] | random.Random | None = None,
        check: bool = True,
        direct: int | None = None,
    ) -> int:
        """Write a chain into the Descriptor Table and its head into the Available Ring; returns the head (2.7.13.1).

        `table_order` gives the table positions, or a generator that picks them; without it free positions are taken
        in the order they became free. With `direct` the elements behind that many go into an indirect table, at any
        address if `table_order` is a generator (2.7.5.3). `check=False` allows device-readable after device-writable
        elements. Raises QueueFull, or ValueError for a chain that no driver may make.
        """
        self._check_chain(chain, direct, check)
        if self.has(Feature.IN_ORDER):
            table_order = None
        described = list(chain) if direct is None else list(chain[:direct])
        positions = self._positions(len(described) + (direct is not None), table_order)
        table = None
        if direct is not None:
            rng = table_order if isinstance(table_order, random.Random) else None
            table = self._write_table(chain[direct:], rng)
        for i, position in enumerate(positions):
            flags, following = (spec.DescFlag.NEXT, positions[i + 1]) if i + 1 < len(positions) else (0, 0)
            if i < len(described):
                address, length, device_writable = described[i]
                self.write_descriptor(position, address, length, flags | write_flag(device_writable), following)
            else:
                assert table is not None
                length = spec.DESC_BYTES * (len(chain) - len(described))
                self.write_descriptor(position, table, length, spec.DescFlag.INDIRECT, 0)
        writable = writable_length(chain)
        self._outstanding[positions[0]] = Outstanding(positions, writable, token, table)
        self.put_head(positions[0])
        self._log.debug("add head=%d descriptors=%d writable=%d", positions[0], len(chain), writable)
        return positions[0]

    def write_descriptor(self, position: int, address: int, length: int, flags: int, next_: int) -> None:
        """Write one table entry as it is; no bookkeeping."""
        packed = Descriptor(address, length, flags, next_).pack()
        self.memory.write(self.layout.descriptor_address(position), packed)

    def put_head(self, head: int) -> None:
        """Put any head into the next Available Ring entry; no bookkeeping beyond the ring's own."""
        self._write16(self.layout.avail_entry_address(self._avail_slot), head)
        self._avail_slot = (self._avail_slot + 1) % self.size
        self.avail_idx = (self.avail_idx + 1) & 0xFFFF

    def publish(self) -> int:
        """Make everything added visible by one write of avail.idx; returns how many chains that were (2.7.13.3)."""
        count = (self.avail_idx - self.published_idx) & 0xFFFF
        if count:
            self._write16(self.layout.avail_idx_address, self.avail_idx)
            self.published_idx = self.avail_idx
        return count

    def wants_notification(self) -> bool:
        """Whether the device asks to be notified of what was published since this was asked last (2.7.10.1).

        By used.flags or, with EVENT_IDX, by avail_event.
        """
        before, self._notified_idx = self._notified_idx, self.published_idx
        if self.has(Feature.EVENT_IDX):
            return spec.need_event(self._read16(self.layout.avail_event_address), self.published_idx, before)
        return not self._read16(self.layout.used_flags_address) & spec.USED_F_NO_NOTIFY

    def suppress_interrupts(self, suppress: bool) -> None:
        """Ask for no interrupts, or for them again (2.7.7.1): by avail.flags or, with EVENT_IDX, by a used_event far
        off.

        After asking for them again, look at the Used Ring.
        """
        self._suppressed = suppress
        if not self.has(Feature.EVENT_IDX):
            self._write16(self.layout.avail_flags_address, spec.AVAIL_F_NO_INTERRUPT if suppress else 0)
        self._write_events()

    def interrupt_after(self, count: int) -> None:
        """With EVENT_IDX: ask for an interrupt when `count` more buffers have been used, 1 or more (2.7.7)."""
        self._write16(self.layout.used_event_address, (self.last_used_idx + count - 1) & 0xFFFF)

    def used_buffers(self) -> Iterator[UsedBuffer]:
        """The chains that the device has used since the last call, in its order (2.7.14).

        Raises UsedIdxError, UsedIdError or UsedLengthError at the first used element that cannot be, after those
        before it were given out.
        """
        while True:
            used_idx = self.used_idx
            count = (used_idx - self.last_used_idx) & 0xFFFF
            if count > len(self._outstanding):
                raise UsedIdxError(self.index, self.last_used_idx, used_idx, len(self._outstanding))
            while self.last_used_idx != used_idx:
                yield from self._pop_element((used_idx - self.last_used_idx) & 0xFFFF)
            self._write_events()
            if not self.has(Feature.EVENT_IDX) or self.used_idx == used_idx:
                return

    def _pop_element(self, most: int) -> Iterator[UsedBuffer]:
        slot = self._used_slot
        element = self.memory.read(self.layout.used_element_address(slot), spec.USED_ELEMENT_BYTES)
        used_id, written_len = _USED_ELEMENT.unpack(element)
        yield from self._named(slot, used_id, written_len, most)

    def _given_back(self, record: Outstanding) -> None:
        self._free.extend(record.places)
        self._used_slot = (self._used_slot + 1) % self.size
        self.last_used_idx = (self.last_used_idx + 1) & 0xFFFF

    def _write_table(self, elements: Sequence[ChainElement], rng: random.Random | None) -> int:
        """An indirect table of these elements, linked in order."""
        entries = []
        for i, (address, length, device_writable) in enumerate(elements):
            last = i + 1 == len(elements)
            flags, following = (0, 0) if last else (spec.DescFlag.NEXT, i + 1)
            entries.append(Descriptor(address, length, flags | write_flag(device_writable), following).pack())
        return self._place_table(entries, rng)

    def _write_events(self) -> None:
        """With EVENT_IDX: when to interrupt next, with the next used buffer or not for a long time."""
        if self.has(Feature.EVENT_IDX):
            self.interrupt_after(0x8000 if self._suppressed else 1)

    def _positions(self, count: int, table_order: Sequence[int] | random.Random | None) -> list[int]:
        """Take `count` free table positions."""
        if count > len(self._free):
            raise QueueFull(self.index, count, len(self._free))
        if table_order is None:
            return [self._free.popleft() for _ in range(count)]
        if isinstance(table_order, random.Random):
            positions = table_order.sample(self._free, count)
        else:
            positions = list(table_order)
            if len(set(positions)) != count or not set(positions) <= set(self._free):
                raise ValueError(f"queue {self.index}: table positions {positions} are not {count} free ones")
        taken = set(positions)
        self._free = deque([position for position in self._free if position not in taken])
        return positions
