# SPDX-License-Identifier: Apache-2.0
"""Chains and used elements between being taken by the device and being published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from virtio_model import DescriptorChain, RingError, Segment
from virtio_model.spec import DESC_BYTES, USED_ELEMENT_BYTES

from .events import DmaRead, DmaWrite
from .observed import WrittenBytes

#: Bytes that either part of a chain can have (2.7.5.2).
MAX_TOTAL = 0xFFFF_FFFF


@dataclass(eq=False)
class Chain:
    """A chain that the device has taken from the ring. `head` is -1 until the buffer id of a packed one is known.

    `since` is the cycle from which on reads count for it; `early` if its ring entry was asked for before the avail idx
    that covers it had come. `segments` grows as descriptors are read; `parsed` is set once all have been, or `fault` if
    the chain is malformed. The walk is at descriptor `next_index` of the table of `entries` at `table`; `tables` are
    the indirect ones that it has come to (first address, end). In a packed ring the chain takes up `slots` from
    `position` on, no longer its own once it is `overtaken` by chains used before it; in a split one `position` is its
    slot in the available ring, and `number` chains were taken before it. `last_response` is the cycle of the last
    response to a burst into it; `failed_writes` are those answered with an error.

    `walked` holds the descriptors that were followed, by address. Of a queue that was lost sight of, chains are
    `doubtful`: they tell where the device may go, and are not judged any more.
    """

    queue: int
    head: int
    since: int
    early: bool = False
    segments: list[Segment] = field(default_factory=list)
    parsed: DescriptorChain | None = None
    fault: RingError | None = None
    waiting_at: int = 0
    next_index: int = 0
    table: int = 0
    entries: int = 0
    slots: int = 1
    position: int = 0
    number: int = 0
    overtaken: bool = False
    tables: list[tuple[int, int]] = field(default_factory=list)
    totals: list[int] = field(default_factory=lambda: [0, 0])
    walked: dict[int, bytes] = field(default_factory=dict)
    doubtful: bool = False
    written: WrittenBytes = field(default_factory=WrittenBytes)
    last_response: int = -1
    failed_writes: list[DmaWrite] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all descriptors were read, for better or worse."""
        return self.parsed is not None or self.fault is not None

    def enter_table(self, address: int, entries: int) -> None:
        """A descriptor that points to an indirect table was read: the walk goes on there."""
        self.table, self.entries, self.next_index = address, entries, 0
        self.tables.append((address, address + DESC_BYTES * entries))

    def doubts(self, event: DmaRead, own: Callable[[int, bytes], bool]) -> bool:
        """Whether a read shows another content of a descriptor that was followed, but for what is the device's `own` of
        it.
        """
        end = event.address + len(event.data)
        for address, data in self.walked.items():
            if address < end and event.address < address + DESC_BYTES and own(address, data):
                continue
            first, last = max(address, event.address), min(address + DESC_BYTES, end)
            if (
                first < last
                and event.data[first - event.address : last - event.address] != data[first - address :][: last - first]
            ):
                return True
        return False

    def table_end(self, address: int) -> int | None:
        """The end of the indirect table that `address` lies in, if any."""
        return next((end for first, end in self.tables if first <= address < end), None)

    def add(self, segment: Segment) -> None:
        """One more descriptor was read."""
        self.segments.append(segment)
        self.totals[segment.device_writable] += segment.length

    def odd(self, size: int, address_width: int) -> bool:
        """Whether there is something about the segments that the model has to judge before the chain has ended."""
        last = self.segments[-1]
        misplaced = len(self.segments) > 1 and self.segments[-2].device_writable and not last.device_writable
        too_long = len(self.segments) >= size or max(self.totals) > MAX_TOTAL
        return misplaced or too_long or last.address + last.length > 1 << address_width

    def find(self, address: int, device_writable: bool = True) -> Segment | None:
        """The segment that `address` lies in; if there are several, one that is device-writable or is not, as asked."""
        found = None
        for segment in self.segments:
            first, length, writable = segment
            if first <= address < first + length:
                if writable is device_writable:
                    return segment
                found = segment
        return found

    def overlaps(self, other: Chain) -> bool:
        """Whether both have a device-writable part in common."""
        mine, others = ([one for one in chain.segments if one.device_writable] for chain in (self, other))
        return any(
            one.address < two.address + two.length and two.address < one.address + one.length
            for one in mine
            for two in others
        )

    def wrote(self, address: int, data: bytes, event: DmaWrite) -> None:
        """The device wrote `data` into the chain, as part of burst `event`."""
        if event.ok:
            self.written.write(address, data)
        elif not self.failed_writes or self.failed_writes[-1] is not event:
            self.failed_writes.append(event)
        self.last_response = max(self.last_response, event.cycle)


@dataclass
class Element:
    """A used ring slot since it was last published: bytes written, first and last cycles of the bursts."""

    data: bytearray = field(default_factory=lambda: bytearray(USED_ELEMENT_BYTES))
    mask: int = 0
    start: int = 0
    cycle: int = 0

    @property
    def complete(self) -> bool:
        return self.mask == (1 << USED_ELEMENT_BYTES) - 1
