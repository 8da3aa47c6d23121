# SPDX-License-Identifier: Apache-2.0
"""The driver's side of a packed virtqueue (2.8)."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from virtio_model import spec
from virtio_model.packed import EventSuppression, PackedDescriptor, PackedLayout, wrap_at
from virtio_model.spec import DescFlag, Feature, RingEventFlag

from .errors import QueueFull
from .interfaces import GuestMemory
from .virtqueue import ChainElement, Outstanding, UsedBuffer, Virtqueue, writable_length, write_flag


class PackedVirtqueue(Virtqueue):
    """Descriptor Ring and the two event suppression structures.

    Positions count modulo twice the size; the wrap counter is 1 in the first round. `add` writes the descriptors with
    flags that say "not available", `publish` then their flags, those of the very first descriptor last (2.8.21).
    """

    def __init__(
        self, memory: GuestMemory, index: int, size: int, rng: random.Random | None = None, features: int = 0
    ) -> None:
        super().__init__(memory, index, size, rng, features)
        self.next_avail = 0
        self.next_used = 0
        self._published = 0
        self._notified = 0  # when it was last found out whether to notify
        self._lists: list[list[tuple[int, int]]] = []  # added and not published: (position, flags) of each descriptor
        self.undefined_flags = 0
        """Bits set in the flags of each descriptor added, for tests."""
        self._free_slots = size
        self._free_ids = deque(range(size))
        self._write_events()

    def _place_areas(self, rng: random.Random | None) -> None:
        unplaced = PackedLayout(self.size)
        self._layout = PackedLayout(
            self.size,
            self._area(unplaced.desc_bytes, spec.DESC_ALIGN, rng),
            self._area(unplaced.driver_bytes, spec.EVENT_ALIGN, rng),
            self._area(unplaced.device_bytes, spec.EVENT_ALIGN, rng),
        )

    @property
    def layout(self) -> PackedLayout:
        """Where the ring and the two structures lie."""
        return self._layout

    @property
    def free_descriptors(self) -> int:
        """How many descriptors can be added now."""
        return self._free_slots

    @property
    def notification_data(self) -> int:
        """The next position to be made available, with its wrap counter in bit 15 (2.9)."""
        return self._published % self.size | wrap_at(self._published, self.size) << 15

    @property
    def unpublished(self) -> int:
        """Lists added and not published."""
        return len(self._lists)

    @property
    def progress(self) -> str:
        """The positions."""
        return (
            f"ring of {self.size}: next available {self._published % self.size} wrap "
            f"{wrap_at(self._published, self.size):d}, next used {self.next_used % self.size} wrap "
            f"{wrap_at(self.next_used, self.size):d}"
        )

    def used_in_memory(self) -> int:
        """How many used descriptors there are, each standing for a chain; with IN_ORDER for those before it, too."""
        position, outstanding, count = self.next_used, self.outstanding, 0
        while outstanding and (used := self._used_at(position)) is not None and used.id in outstanding:
            taken = outstanding.index(used.id) + 1 if self.has(Feature.IN_ORDER) else 1
            chains = outstanding[:taken] if self.has(Feature.IN_ORDER) else [used.id]
            position += sum(len(self._outstanding[chain].places) for chain in chains)
            outstanding = [chain for chain in outstanding if chain not in chains]
            count += taken
        return count

    def add(
        self,
        chain: Sequence[ChainElement],
        token: Any = None,
        table_order: Sequence[int] | random.Random | None = None,
        check: bool = True,
        direct: int | None = None,
    ) -> int:
        """Write a list into the next descriptors of the ring; returns its buffer id (2.8.21).

        A generator in `table_order` picks the id; there is no choice of places. With `direct`, whatever it is, all
        elements go into an indirect table, for a list has none (2.8.7).
        """
        self._check_chain(chain, direct, check)
        slots = 1 if direct is not None else len(chain)
        if slots > self._free_slots:
            raise QueueFull(self.index, slots, self._free_slots)
        rng = table_order if isinstance(table_order, random.Random) else None
        buffer_id = rng.choice(self._free_ids) if rng else self._free_ids[0]
        self._free_ids.remove(buffer_id)
        table = None
        if direct is not None:
            table = self._place_table([_entry(element, rng) for element in chain], rng)
            described = [(table, spec.DESC_BYTES * len(chain), int(DescFlag.INDIRECT))]
        else:
            described = [(address, length, write_flag(writable)) for address, length, writable in chain]
        self.put_list([PackedDescriptor(address, length, buffer_id, flags) for address, length, flags in described])
        positions = [position for position, _ in self._lists[-1]]
        self._outstanding[buffer_id] = Outstanding(positions, writable_length(chain), token, table)
        self._log.debug("add id=%d slots=%d", buffer_id, slots)
        return buffer_id

    def put_list(self, descriptors: Sequence[PackedDescriptor], link: bool = True) -> None:
        """Write descriptors to the next places, NEXT added to all but the last if `link`; their flags follow with
        `publish`. No bookkeeping beyond the ring's own.
        """
        flags = []
        for i, descriptor in enumerate(descriptors):
            following = DescFlag.NEXT if link and i + 1 < len(descriptors) else 0
            position = self.next_avail
            wrap = wrap_at(position, self.size)
            # Not available yet: both marks are those of a used descriptor of the round before.
            unavailable = 0 if wrap else DescFlag.AVAIL | DescFlag.USED
            packed = descriptor._replace(flags=unavailable).pack()
            self.memory.write(self.layout.descriptor_address(position % self.size), packed)
            marks = DescFlag.AVAIL if wrap else DescFlag.USED
            flags.append((position, descriptor.flags | following | marks | self.undefined_flags))
            self.next_avail = (position + 1) % (2 * self.size)
        self._lists.append(flags)
        self._free_slots -= len(descriptors)

    def places(self, buffer_id: int) -> list[int]:
        """The positions that an outstanding list takes up."""
        return list(self._outstanding[buffer_id].places)

    def publish(self) -> int:
        """Make everything added visible: flags from the last descriptor to the first; returns how many lists."""
        lists, self._lists = self._lists, []
        for position, flags in reversed([place for flags_of_list in lists for place in flags_of_list]):
            self._write16(self.layout.flags_address(position % self.size), flags)
        self._published = self.next_avail
        return len(lists)

    def wants_notification(self) -> bool:
        """By the device's event suppression structure (2.8.10)."""
        before, self._notified = self._notified, self._published
        event = EventSuppression.unpack(self.memory.read(self.layout.device_addr, spec.EVENT_BYTES))
        return event.due(self.size, before, self._published, self.has(Feature.EVENT_IDX))

    def suppress_interrupts(self, suppress: bool) -> None:
        """By the driver's event suppression structure (2.8.10)."""
        self._suppressed = suppress
        self._write_events()

    def interrupt_after(self, count: int) -> None:
        """With EVENT_IDX: name the first place of the `count`-th list from the oldest that is outstanding on."""
        oldest = list(self._outstanding.values())
        place = oldest[count - 1].places[0] if count <= len(oldest) else self.next_avail
        self._write_event(place, RingEventFlag.DESC)

    def used_buffers(self) -> Iterator[UsedBuffer]:
        """The lists that the device has used since the last call, in its order (2.8.22)."""
        while True:
            while (used := self._used_at(self.next_used)) is not None:
                # Without WRITE, len is reserved (2.8.4).
                written_len = used.len if used.flags & DescFlag.WRITE else 0
                yield from self._named(self.next_used % self.size, used.id, written_len, len(self._outstanding))
            self._write_events()
            if not self.has(Feature.EVENT_IDX) or self._used_at(self.next_used) is None:
                return

    def _used_at(self, position: int) -> PackedDescriptor | None:
        """The used descriptor at a position, if it is one: both marks are the wrap counter."""
        if not self._outstanding:
            return None
        flags = self._read16(self.layout.flags_address(position % self.size))
        wrap = wrap_at(position, self.size)
        if bool(flags & DescFlag.AVAIL) is not wrap or bool(flags & DescFlag.USED) is not wrap:
            return None
        data = self.memory.read(self.layout.descriptor_address(position % self.size), spec.DESC_BYTES)
        return PackedDescriptor.unpack(data)

    def _given_back(self, record: Outstanding) -> None:
        self._free_slots += len(record.places)
        self.next_used = (self.next_used + len(record.places)) % (2 * self.size)

    def _take_out(self, used_id: int, written_len: int) -> UsedBuffer:
        used = super()._take_out(used_id, written_len)
        self._free_ids.append(used_id)
        return used

    def _write_events(self) -> None:
        """When to interrupt next: with the next used list, or not at all."""
        if self._suppressed:
            self._write_event(self.next_used, RingEventFlag.DISABLE)
        elif self.has(Feature.EVENT_IDX):
            self._write_event(self.next_used, RingEventFlag.DESC)
        else:
            self._write_event(self.next_used, RingEventFlag.ENABLE)

    def _write_event(self, position: int, flags: RingEventFlag) -> None:
        event = EventSuppression(position % self.size, wrap_at(position, self.size), flags)
        self.memory.write(self.layout.driver_addr, event.pack())


def _entry(element: ChainElement, rng: random.Random | None) -> bytes:
    """An entry of an indirect table; its id and all flags but WRITE mean nothing, and are anything with `rng`."""
    address, length, device_writable = element
    noise = rng.getrandbits(16) & ~DescFlag.WRITE if rng else 0
    return PackedDescriptor(
        address, length, rng.getrandbits(16) if rng else 0, noise | write_flag(device_writable)
    ).pack()
