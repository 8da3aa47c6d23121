# SPDX-License-Identifier: Apache-2.0
"""The progress of one split queue as the device's reads and writes show it."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from virtio_model import (
    AvailIndexError,
    Descriptor,
    MemoryFault,
    RingAccessError,
    RingError,
    Segment,
    SplitQueue,
)
from virtio_model.spec import DESC_BYTES, USED_ELEMENT_BYTES, DescFlag, Feature

from .events import DmaRead, DmaWrite
from .inflight import Chain, Element
from .observed import NotObserved, ObservedMemory
from .tracker import QueueTracker, covers, whole_length
from .violation import Report

_ELEMENT = struct.Struct("<II")


@dataclass(frozen=True)
class _Window:
    """`limit` chains had been made available by an idx that the device asked for in `start` and got in `cycle`."""

    limit: int
    start: int
    cycle: int


class SplitTracker(QueueTracker[SplitQueue]):
    """Positions count chains since the queue became ready."""

    NAMES = ("desc", "avail", "used")
    DEVICES = frozenset({"used"})

    def __init__(
        self, queue: SplitQueue, memory: ObservedMemory, report: Report, strict: bool = True, since: int = 0
    ) -> None:
        super().__init__(queue, memory, report, strict, since)
        self.layout = queue.layout
        self.elements: dict[int, Element] = {}
        self.suspect: AvailIndexError | None = None
        self._windows: deque[_Window] = deque()
        self._taken = 0
        self._suspect_read: DmaRead | None = None

    @property
    def begun(self) -> list[Chain]:
        """Those whose ring entry was read."""
        return self.in_flight

    @property
    def available(self) -> int:
        """Chains that an idx has shown and whose ring entry the device has not read."""
        return self._windows[-1].limit - self._taken if self._windows else 0

    def reads_too_early(self, event: DmaRead) -> bool:
        """Whether there is an available ring entry in it that no idx known covers."""
        return self.slot_not_available(event) is not None

    def slot_not_available(self, event: DmaRead) -> int | None:
        """The first available ring slot in a burst, not yet taken note of, that no idx known covers."""
        ring = self.layout.avail_entry_address(0)
        first = max(event.address - ring, 0) // 2
        end = min(event.address + len(event.data) - ring + 1, 2 * self.layout.size) // 2
        if first >= end or covers(event, self.layout.avail_idx_address, 2) or self.fault is not None:
            return None
        available = self.available
        if self.suspect is not None:  # a used idx may be on its way that makes it right
            available = (self.suspect.avail_idx - self.queue.last_avail) & 0xFFFF
        for slot in range(first, end):
            if (slot - self.queue.avail_slot) % self.layout.size >= available:
                return slot
        return None

    def reads_wish(self, event: DmaRead) -> bool:
        """Whether the burst holds what says if an interrupt is wanted: avail flags, with EVENT_IDX used_event."""
        with_events = self.queue.has(Feature.EVENT_IDX)
        return covers(event, self.layout.used_event_address if with_events else self.layout.avail_flags_address, 2)

    def ring_write(self, address: int, data: bytes, event: DmaWrite) -> int | None:
        """Bytes written into the used ring; returns the new used idx if they hold it."""
        layout = self.layout
        flags, idx = layout.used_flags_address, layout.used_idx_address
        most = 0 if self.queue.has(Feature.EVENT_IDX) else 1
        if address <= flags and (value := int.from_bytes(data[flags - address :][:2], "little")) > most:
            self._violate("VQ-USED-FLAGS", "", None, f"at most {most}", value, event)
        for slot, _ in self.write_elements(address, data, event):
            expected = f"one of {len(self.in_flight)} from slot {self.queue.used_slot}"
            self._violate("VQ-USED-SLOT", "", None, expected, slot, event)
            break
        event_at = layout.avail_event_address
        if address < event_at + 2 and event_at < address + len(data):
            if not self.queue.has(Feature.EVENT_IDX):
                self._violate("VQ-EVENT", "avail_event written without EVENT_IDX", None, None, None, event)
            self.event_written = event.cycle
        if address <= idx and idx + 2 <= address + len(data):
            return int.from_bytes(data[idx - address :][:2], "little")
        if address < idx + 2 and idx < address + len(data):
            self._violate("VQ-USED-IDX", "used idx written byte by byte", None, 2, 1, event)
        return None

    def published(self, what: object, event: DmaWrite) -> Iterator[tuple[Chain, int | None]]:
        """The used idx was written: `what`."""
        assert isinstance(what, int)
        before = self.queue.used_idx
        step = (what - before) & 0xFFFF
        if step > len(self.in_flight) or (step == 0 and self._strict):
            expected = f"{before:#06x} plus 1..{len(self.in_flight)}"
            self._violate("VQ-USED-IDX", "", None, expected, f"{what:#06x}", event)
            return
        left = step
        while left:
            slot, element = self.next_element()
            used_id, seen_len = _ELEMENT.unpack(element.data)
            skipped = self._skipped(used_id, left) if element.complete else []
            for chain in skipped:
                yield chain, whole_length(chain)
            for _ in range(len(skipped) + 1):
                self.step_used()
            left -= len(skipped) + 1
            if not element.complete or element.cycle >= event.start:
                text = f"idx {what:#06x} was written before the element in slot {slot}"
                seen = element.cycle if element.complete else "element not written"
                self._violate("VQ-ORDER-ELEMENT", text, None, f"before {event.start}", seen, event)
            if element.complete:
                yield from self._named(used_id, seen_len, event)
            elif self.in_flight:
                yield self.in_flight[0], None

    def write_elements(self, address: int, data: bytes, event: DmaWrite) -> Iterator[tuple[int, int]]:
        """Bytes written to element slots; yields (slot, distance) of those not next in turn for a chain in flight."""
        first = address - self.layout.used_element_address(0)
        offset = max(first, 0)
        end = min(first + len(data), USED_ELEMENT_BYTES * self.layout.size)
        while offset < end:
            slot, byte = divmod(offset, USED_ELEMENT_BYTES)
            distance = (slot - self.queue.used_slot) % self.layout.size
            if distance >= len(self.in_flight):
                yield slot, distance
            element = self.elements.get(slot)
            if element is None:
                element = self.elements[slot] = Element()
            count = min(USED_ELEMENT_BYTES - byte, end - offset)
            element.data[byte : byte + count] = data[offset - first : offset - first + count]
            element.mask |= ((1 << count) - 1) << byte
            element.start = element.start or event.start
            element.cycle = event.cycle
            offset += count

    @staticmethod
    def describe(data: bytes) -> tuple[int, int, int]:
        address, length, flags, _ = Descriptor.unpack(data)
        return address, length, flags

    def next_element(self) -> tuple[int, Element]:
        """(slot, element) to be published next; it is taken out."""
        slot = self.queue.used_slot
        return slot, self.elements.pop(slot, None) or Element()

    def step_used(self) -> None:
        """One more used element is published."""
        self.queue.used_idx = (self.queue.used_idx + 1) & 0xFFFF
        self.queue.used_slot = (self.queue.used_slot + 1) % self.layout.size
        self.used += 1

    def _doubted(self, event: DmaRead) -> bool:
        return super()._doubted(event) or any(self._other_head(chain, event) for chain in self.in_flight)

    def _other_head(self, chain: Chain, event: DmaRead) -> bool:
        """Whether a burst shows another head in the ring slot of a chain that the device is not done with. It may have
        read the slot along with the idx, and go by what it reads of it later.
        """
        entry = self.layout.avail_entry_address(chain.position)
        if not covers(event, entry, 2) or self._done(chain):
            return False
        # As soon as more chains were used than were taken before this one, the slot may hold one of the next round.
        if self.used + sum(element.complete for element in self.elements.values()) > chain.number:
            return False
        return int.from_bytes(event.data[entry - event.address :][:2], "little") != chain.head

    def _done(self, chain: Chain) -> bool:
        written = {_ELEMENT.unpack(element.data)[0] for element in self.elements.values() if element.complete}
        stands_for = self.in_flight[self.in_flight.index(chain) :] if self.queue.has(Feature.IN_ORDER) else [chain]
        return any(other.head in written for other in stands_for)

    def recheck(self) -> None:
        """A used idx was published: an avail idx that was too far ahead may not be now."""
        event, self.suspect, self._suspect_read = self._suspect_read, None, None
        if event is not None:
            self._read_idx(event)
            self._take_heads()

    def _look(self, event: DmaRead) -> None:
        if covers(event, self.layout.avail_idx_address, 2):
            self.looked_start = max(self.looked_start, event.start)
            self._read_idx(event)
        self._take_heads()

    def _read_idx(self, event: DmaRead) -> None:
        if self.fault is not None:
            return
        self.suspect = self._suspect_read = None
        try:
            waiting = self.queue.count_available(self.view(event.start))
        except AvailIndexError as error:
            if (error.avail_idx - error.last_avail) & 0xFFFF > error.size:
                self.fault = error
            else:
                self.suspect, self._suspect_read = error, event
            return
        except NotObserved:
            return
        except RingError as error:
            self.fault = error
            return
        if not self._windows or self._taken + waiting > self._windows[-1].limit:
            self._windows.append(_Window(self._taken + waiting, event.start, event.cycle))

    def _take_heads(self) -> None:
        while self.fault is None and self.available > 0:
            while self._windows[0].limit <= self._taken:
                self._windows.popleft()
            window = self._windows[0]
            stamp = self._memory.stamp(self.layout.avail_entry_address(self.queue.avail_slot))
            slot = self.queue.avail_slot
            try:
                head = self.queue.take_head(self.view(window.start))
            except NotObserved:
                return
            except RingAccessError as error:
                self.fault = error
                return
            early = window.start < stamp <= window.cycle
            chain = Chain(self.index, head, window.start, early, next_index=head, position=slot, number=self._taken)
            self._taken += 1
            chain.table, chain.entries = self.layout.desc_addr, self.layout.size
            self.in_flight.append(chain)
            self._incomplete.append(chain)
            self._walk(chain)

    def _walk(self, chain: Chain) -> None:
        """Follow the descriptors that were read; the model judges once the end, or something odd, is reached."""
        queue, layout = self.queue, self.layout
        while chain.next_index < chain.entries:
            chain.waiting_at = chain.table + DESC_BYTES * chain.next_index
            if self._memory.stamp(chain.waiting_at) < chain.since:
                return
            try:
                data = self._memory.read(chain.waiting_at, DESC_BYTES, chain.since)
            except NotObserved:
                return
            except MemoryFault:
                break
            chain.walked[chain.waiting_at] = data
            descriptor = Descriptor.unpack(data)
            if descriptor.flags & DescFlag.INDIRECT:
                if not queue.has(Feature.INDIRECT_DESC) or queue.fault_of_table(descriptor, not chain.tables):
                    break
                chain.enter_table(descriptor.addr, descriptor.len // DESC_BYTES)
                continue
            chain.next_index = descriptor.next
            chain.add(Segment(descriptor.addr, descriptor.len, bool(descriptor.flags & DescFlag.WRITE)))
            if not descriptor.flags & DescFlag.NEXT or chain.odd(layout.size, queue.address_width):
                break
        try:
            chain.parsed = queue.parse_chain(chain.head, self.view(chain.since))
        except NotObserved as missing:
            chain.waiting_at = missing.address
            return
        except RingError as error:
            self._malformed(chain, error)
        self._incomplete.remove(chain)
