# SPDX-License-Identifier: Apache-2.0
"""The progress of one split queue as the device's reads and writes show it."""

from __future__ import annotations

import copy
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
from .observed import ChainView, NotObserved, ObservedMemory


@dataclass(frozen=True)
class _Window:
    """`limit` chains had been made available by an idx that the device asked for in `start` and got in `cycle`."""

    limit: int
    start: int
    cycle: int


class QueueTracker:
    """Follows a ready queue from its set-up in the model's `queue`, of which it keeps a copy of its own.

    Positions count chains since the queue became ready.
    """

    def __init__(self, queue: SplitQueue, memory: ObservedMemory) -> None:
        self.queue = copy.copy(queue)
        self.layout = layout = queue.layout
        self.areas = (
            ("desc", layout.desc_addr, layout.desc_addr + layout.desc_bytes),
            ("avail", layout.driver_addr, layout.driver_addr + layout.driver_bytes),
            ("used", layout.device_addr, layout.device_addr + layout.device_bytes),
        )
        """(name, first address, end) of the three areas."""
        self.stopping = False
        self.dropped = False
        """Whether the queue is being reset, so that what it holds comes to nothing."""
        self.in_flight: list[Chain] = []
        self.elements: dict[int, Element] = {}
        self.fault: RingError | None = None
        self.suspect: AvailIndexError | None = None
        """An avail idx too far ahead, unless a used idx is still on its way."""
        self.idx_read_start = -1
        self.event_written = -1
        """Cycle of the answer to the last write of avail_event."""
        self.used = 0
        self._memory = memory
        self._windows: deque[_Window] = deque()
        self._taken = 0
        self._incomplete: list[Chain] = []
        self._suspect_read: DmaRead | None = None

    @property
    def index(self) -> int:
        """The queue's number."""
        return self.queue.index

    @property
    def available(self) -> int:
        """Chains known to be available whose ring entry the device has not read."""
        return self._windows[-1].limit - self._taken if self._windows else 0

    def touched_by(self, event: DmaRead) -> bool:
        """Whether a burst holds bytes of the queue's areas, or of indirect tables that are being read."""
        start, end = event.address, event.address + len(event.data)
        (_, desc, desc_end), (_, avail, avail_end), (_, used, used_end) = self.areas
        return (
            (start < desc_end and desc < end)
            or (start < avail_end and avail < end)
            or (start < used_end and used < end)
            or any(start < last and first < end for chain in self._incomplete for first, last in chain.tables)
        )

    def on_read(self, event: DmaRead) -> list[Chain]:
        """The device read something in an area of the queue, already recorded in the memory; returns chains taken."""
        known = len(self.in_flight)
        if _covers(event, self.layout.avail_idx_address, 2):
            self.idx_read_start = max(self.idx_read_start, event.start)
            self._read_idx(event)
        self._take_heads()
        for chain in list(self._incomplete):
            if chain.waiting_at - len(event.data) < event.address < chain.waiting_at + DESC_BYTES:
                self._walk(chain)
        return self.in_flight[known:]

    def slot_not_available(self, event: DmaRead) -> int | None:
        """The first available ring slot in a burst, not yet taken note of, that no idx known covers."""
        ring = self.layout.avail_entry_address(0)
        first = max(event.address - ring, 0) // 2
        end = min(event.address + len(event.data) - ring + 1, 2 * self.layout.size) // 2
        if first >= end or _covers(event, self.layout.avail_idx_address, 2) or self.fault is not None:
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
        return _covers(event, self.layout.used_event_address if with_events else self.layout.avail_flags_address, 2)

    def interrupt_wanted(self, event: DmaRead) -> bool | None:
        """What that said of the used buffers since it was asked for last; None if it could not be read."""
        wanted = self.queue.interrupt_wanted(self.view(event.start))
        return wanted if event.ok else None

    def view(self, since: int) -> ChainView:
        """The observed memory from cycle `since` on."""
        return ChainView(self._memory, since)

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

    def next_element(self) -> tuple[int, Element]:
        """(slot, element) to be published next; it is taken out."""
        slot = self.queue.used_slot
        return slot, self.elements.pop(slot, None) or Element()

    def step_used(self) -> None:
        """One more used element is published."""
        self.queue.used_idx = (self.queue.used_idx + 1) & 0xFFFF
        self.queue.used_slot = (self.queue.used_slot + 1) % self.layout.size
        self.used += 1

    def find_head(self, head: int) -> Chain | None:
        """The oldest chain in flight that starts at `head`."""
        return next((chain for chain in self.in_flight if chain.head == head), None)

    def drop(self, chain: Chain) -> None:
        """A chain is not in flight any more."""
        self.in_flight.remove(chain)
        if chain in self._incomplete:
            self._incomplete.remove(chain)

    def recheck(self) -> None:
        """A used idx was published: an avail idx that was too far ahead may not be now."""
        event, self.suspect, self._suspect_read = self._suspect_read, None, None
        if event is not None:
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
            try:
                head = self.queue.take_head(self.view(window.start))
            except NotObserved:
                return
            except RingAccessError as error:
                self.fault = error
                return
            self._taken += 1
            early = window.start < stamp <= window.cycle
            chain = Chain(self.index, head, window.start, early, next_index=head)
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
            descriptor = Descriptor.unpack(data)
            if descriptor.flags & DescFlag.INDIRECT:
                if not queue.has(Feature.INDIRECT_DESC) or queue.table_fault(descriptor, not chain.tables):
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
            chain.fault = error
            self.fault = error
        self._incomplete.remove(chain)


def _covers(event: DmaRead, address: int, length: int) -> bool:
    return event.address <= address and address + length <= event.address + len(event.data)
