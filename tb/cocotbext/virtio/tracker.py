# SPDX-License-Identifier: Apache-2.0
"""The progress of one queue as the device's reads and writes show it: what split and packed queues have in common."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Generic, TypeVar

from virtio_model import MemoryFault, ReadableAfterWritable, RingError, RingLayout, Segment, Virtqueue
from virtio_model.spec import DESC_BYTES, DescFlag, Feature

from .events import DmaRead, DmaWrite
from .inflight import Chain
from .observed import ChainView, NotObserved, ObservedMemory
from .violation import Report, Violation

QueueT = TypeVar("QueueT", bound=Virtqueue)


class QueueTracker(ABC, Generic[QueueT]):
    """Follows a ready queue from its set-up in the model's `queue`, of which it keeps a copy of its own.

    What is wrong with the rings that the device writes goes to `report`. `strict` adds what this project's device
    promises beyond the standard. Only reads from cycle `since` on count.
    """

    #: Names of the descriptor, driver and device areas, and what of them the device may write.
    NAMES: ClassVar[tuple[str, str, str]]
    DEVICES: ClassVar[frozenset[str]]

    def __init__(
        self, queue: QueueT, memory: ObservedMemory, report: Report, strict: bool = True, since: int = 0
    ) -> None:
        self.queue = copy.copy(queue)
        layout: RingLayout = queue.layout
        addresses = (layout.desc_addr, layout.driver_addr, layout.device_addr)
        lengths = (layout.desc_bytes, layout.driver_bytes, layout.device_bytes)
        self.areas = tuple(
            (name, first, first + length) for name, first, length in zip(self.NAMES, addresses, lengths, strict=True)
        )
        """(name, first address, end) of the three areas."""
        self.stopping = False
        self.dropped = False
        """Whether the queue is being reset, so that what it holds comes to nothing."""
        self.lost = False
        """Whether only containment is judged, for what the device goes by is not known."""
        self.in_flight: list[Chain] = []
        self.fault: RingError | None = None
        self.suspect: RingError | None = None
        """What is wrong with the ring unless something used is still on its way."""
        self.looked_start = -1
        """Cycle in which the device last asked for what tells whether there are more chains."""
        self.event_written = -1
        """Cycle of the answer to the last write that asked the driver to notify from some chain on."""
        self.used = 0
        self._memory = memory
        self._report = report
        self._strict = strict
        self._since = since
        self._unclear: RingError | None = None
        self._asked: QueueT | None = None
        self._incomplete: list[Chain] = []
        self._superseded: deque[bytes] = deque(maxlen=2 * queue.size)
        self._log = logging.getLogger("virtio.scoreboard")

    @property
    def index(self) -> int:
        """The queue's number."""
        return self.queue.index

    @property
    def out_of_turn(self) -> int | None:
        """A slot of the ring that was written and whose turn has not come."""
        return None

    @property
    @abstractmethod
    def begun(self) -> list[Chain]:
        """Chains that the device has begun to work on."""

    @property
    @abstractmethod
    def available(self) -> int:
        """Chains that the device has seen to be available and not begun."""

    @property
    def full(self) -> bool:
        """Whether what is in flight leaves no room for a further chain, so that there is nothing to be looked at."""
        return False

    def touched_by(self, event: DmaRead) -> bool:
        """Whether a burst holds bytes of the queue's areas, or of indirect tables that are being read."""
        start, end = event.address, event.address + len(event.data)
        if any(start < last and first < end for _, first, last in self.areas):
            return True
        walking = self.in_flight if self.lost else self._incomplete
        return any(start < last and first < end for chain in walking for first, last in chain.tables)

    def on_read(self, event: DmaRead) -> list[Chain]:
        """The device read something in an area of the queue, already recorded in the memory; returns chains taken."""
        if not self.lost and self._doubted(event):
            self.lose(f"a descriptor read again in cycle {event.cycle} has changed")
        if self.lost:
            for _, data in self._descriptors(event):
                self._widen_by(data)
            return []
        known = len(self.in_flight)
        self._look(event)
        for chain in list(self._incomplete):
            if chain.waiting_at - len(event.data) < event.address < chain.waiting_at + DESC_BYTES:
                self._walk(chain)
        if self._unclear is not None:
            self.lose(str(self._unclear))
        return self.in_flight[known:]

    def _malformed(self, chain: Chain, error: RingError) -> None:
        """A chain cannot be served, or not as it is: a device of other people may take the parts of one that are in the
        wrong order for what they are, fail the request or ask for a reset (HOST-029).
        """
        chain.fault = error
        if isinstance(error, ReadableAfterWritable) and not self._strict:
            self._unclear = error
        else:
            self.fault = error

    def lose(self, why: str) -> None:
        """Nobody can tell any more which chains the device works on: from now on it is only watched where it goes.

        A device may read a descriptor more than once, for chains that lie close to each other. When that shows another
        content than the one followed here, either may be the one that it goes by.
        """
        self._log.info("queue %d: lost sight of: %s", self.index, why)
        self.lost = True
        self.fault = self.suspect = self._unclear = None
        self._incomplete.clear()
        self.in_flight.append(Chain(self.index, -1, 0))
        for chain in self.in_flight:
            chain.doubtful = True
        _, table, end = self.areas[0]
        tables = [(table, end), *(place for chain in self.in_flight for place in chain.tables)]
        for data in self._superseded:
            self._widen_by(data)
        for first, last in tables:  # it may have read ahead
            known = min(last - first, DESC_BYTES * self.queue.size)
            for _, data in list(self._descriptors(DmaRead(0, 0, first, bytes(known)))):
                self._widen_by(data)

    def about_to_read(self, event: DmaRead) -> None:
        """A burst comes, not yet recorded: of descriptors that it shows to have changed, the old ones are kept."""
        start, end = event.address, event.address + len(event.data)
        for address, data in self._descriptors(event):
            first, last = max(address, start), min(address + DESC_BYTES, end)
            if data[first - address : last - address] != event.data[first - start : last - start]:
                self._superseded.append(data)
                self._changed(address, data, event)

    def _doubted(self, event: DmaRead) -> bool:
        """Whether a descriptor is read again, and otherwise, of a chain that the device is not done with."""
        return any(
            chain.doubts(event, lambda at, old: self._own(at, old, event))
            for chain in self.in_flight
            if not self._done(chain)
        )

    def _done(self, chain: Chain) -> bool:
        """Whether the device has begun to give a chain back, so that the driver may have used its places again."""
        return False

    def _own(self, address: int, old: bytes, event: DmaRead) -> bool:
        """Whether a burst shows what the device itself has written over the `old` descriptor at `address`, or what the
        driver has since.
        """
        return False

    def _changed(self, address: int, data: bytes, event: DmaRead) -> None:
        """The descriptor at `address`, known as `data`, is about to be read as another one."""

    def _descriptors(self, event: DmaRead) -> Iterator[tuple[int, bytes]]:
        """The descriptors known, in the table or in an indirect one, that a burst holds a part of."""
        start, end = event.address, event.address + len(event.data)
        tables = [(first, last) for _, first, last in self.areas[:1]]
        tables += [table for chain in self.in_flight for table in chain.tables]
        for table, table_end in tables:
            first = table + max(start - table, 0) // DESC_BYTES * DESC_BYTES
            for address in range(first, min(end, table_end - DESC_BYTES + 1), DESC_BYTES):
                with suppress(NotObserved, MemoryFault):
                    yield address, self._memory.read(address, DESC_BYTES, self._since)

    def _widen_by(self, data: bytes) -> None:
        """The device may go where a descriptor says."""
        anything = self.in_flight[-1]
        buffer, length, flags = self.describe(data)
        if flags & DescFlag.INDIRECT:
            anything.tables.append((buffer, buffer + length))
        anything.segments.append(Segment(buffer, length, bool(flags & DescFlag.WRITE)))

    @staticmethod
    @abstractmethod
    def describe(data: bytes) -> tuple[int, int, int]:
        """(address, length, flags) of a descriptor."""

    def reads_too_early(self, event: DmaRead) -> bool:
        """Whether a burst, not yet taken note of, reads what nothing has said to be there."""
        return False

    @property
    def tangled(self) -> bool:
        """Whether something that the device writes lies on another area."""
        return any(
            first < other_end and other < end and name in self.DEVICES
            for name, first, end in self.areas
            for other_name, other, other_end in self.areas
            if other_name != name
        )

    @abstractmethod
    def reads_wish(self, event: DmaRead) -> bool:
        """Whether the burst holds what says if an interrupt is wanted."""

    def interrupt_wanted(self, event: DmaRead) -> bool | None:
        """What that said of the used buffers since it was asked for last; None if it could not be read."""
        self._asked = copy.copy(self.queue)
        wanted = self.queue.interrupt_wanted(self.view(event.start))
        return wanted if event.ok else None

    def interrupt_wanted_again(self, event: DmaRead) -> bool | None:
        """What a further read of that says of the same used buffers; None if nothing was asked before."""
        if self._asked is None or not event.ok:
            return None
        return copy.copy(self._asked).interrupt_wanted(self.view(event.start))

    def view(self, since: int) -> ChainView:
        """The observed memory from cycle `since` on."""
        return ChainView(self._memory, since)

    @abstractmethod
    def ring_write(self, address: int, data: bytes, event: DmaWrite) -> object | None:
        """The device wrote these bytes to a part of an area that is its own.

        Returns what makes chains used, to be given to `published` after the whole burst, if there is such a thing.
        """

    @abstractmethod
    def published(self, what: object, event: DmaWrite) -> Iterator[tuple[Chain, int | None]]:
        """The chains that `what` gives back, each with its used len; None if nothing was said of it that counts.

        Whoever takes one drops it before asking for the next.
        """

    def drop(self, chain: Chain) -> None:
        """A chain is not in flight any more."""
        self.in_flight.remove(chain)
        if chain in self._incomplete:
            self._incomplete.remove(chain)

    @abstractmethod
    def recheck(self) -> None:
        """Something was used: what was suspect may not be now."""

    @abstractmethod
    def _look(self, event: DmaRead) -> None:
        """Take note of chains that a read shows to be available."""

    @abstractmethod
    def _walk(self, chain: Chain) -> None:
        """Follow the descriptors that were read; the model judges once the end, or something odd, is reached."""

    def _named(self, used_id: int, seen_len: int, event: DmaWrite) -> Iterator[tuple[Chain, int | None]]:
        """The chain that a used element names: the oldest in flight with this id."""
        chain = next((chain for chain in self.in_flight if chain.head == used_id), None)
        if chain is None:
            heads = [chain.head for chain in self.in_flight]
            self._violate("VQ-USED-ID", "", None, f"one of {heads}", used_id, event)
            return
        ordered = self._strict or self.queue.has(Feature.IN_ORDER)
        if ordered and chain is not self.in_flight[0]:
            self._violate("VQ-USED-ORDER", "", chain, self.in_flight[0].head, used_id, event)
        yield chain, seen_len

    def _skipped(self, used_id: int | None, most: int) -> list[Chain]:
        """With IN_ORDER: the chains before the one that an element names, which it stands for too (2.7.9, 2.8.8)."""
        heads = [chain.head for chain in self.in_flight[:most]]
        if not self.queue.has(Feature.IN_ORDER) or used_id not in heads:
            return []
        return self.in_flight[: heads.index(used_id)]

    def _violate(
        self, rule: str, message: str, chain: Chain | None, expected: object, seen: object, event: DmaWrite
    ) -> None:
        head = None if chain is None else chain.head
        self._report(Violation(rule, message, self.index, head, expected, seen, event.cycle))


def covers(event: DmaRead, address: int, length: int) -> bool:
    """Whether a burst holds all of these bytes."""
    return event.address <= address and address + length <= event.address + len(event.data)


def whole_length(chain: Chain) -> int:
    """The device-writable bytes of a chain, as far as they are known."""
    return chain.parsed.writable_len if chain.parsed else 0
