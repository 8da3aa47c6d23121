# SPDX-License-Identifier: Apache-2.0
"""Where a device may read and write at a given moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from virtio_model import Virtqueue

from .events import DmaRead, DmaWrite
from .inflight import Chain
from .tracker import QueueTracker
from .violation import Report, Violation

#: What belongs to the driver alone, and its names.
_DRIVERS_AREAS = {
    "desc": "descriptor table",
    "avail": "available ring",
    "driver": "driver event suppression structure",
    "table": "indirect table",
}

#: Bytes round an allowed one that a device may fetch along with it, unless it promises exact reads.
FETCH_BYTES = 64


class Place(NamedTuple):
    """What lies at an address, up to `end`: an area of a queue by its tracker's name, an indirect table ("table")
    or a segment of a chain.
    """

    end: int
    tracker: QueueTracker[Any]
    area: str | None = None
    chain: Chain | None = None
    device_writable: bool = False


class DmaRules:
    """Judges the addresses of DMA bursts of a device with `queues`, of which those with a tracker are ready.

    `strict` demands exact reads, none of device-writable buffers, and no payload access before all descriptors of the
    chain are known and found well-formed.
    """

    def __init__(self, report: Report, strict: bool, queues: Sequence[Virtqueue]) -> None:
        self._report = report
        self._strict = strict
        self._queues = queues
        self._retired: deque[tuple[Chain, int]] = deque(maxlen=32)

    def retire(self, chain: Chain, cycle: int) -> None:
        """`chain` was given back to the driver by a write of `cycle`; what was asked for before may still come."""
        self._retired.append((chain, cycle))

    def shared(self, chain: Chain, in_flight: Collection[Chain]) -> bool:
        """Whether another chain, `in_flight` or given back since `chain` was taken, may be written where `chain` may:
        a driver must not have that, and nobody can tell whose a write was.
        """
        others = [*in_flight, *(other for other, cycle in self._retired if cycle >= chain.since)]
        return any(other is not chain and other.overlaps(chain) for other in others)

    def clear(self) -> None:
        """A reset: buffers given back before are forgotten."""
        self._retired.clear()

    def check_read(self, event: DmaRead, trackers: Collection[QueueTracker[Any]]) -> None:
        """Report what a read burst touches without permission."""
        position, end = event.address, event.address + len(event.data)
        while position < end:
            place = self._find(position, trackers, writing=False)
            if place is None:
                if self._strict or not self._near(position, trackers):
                    self._outside("DMA-READ-OUTSIDE", position, event, trackers)
                    return
                position = (position // FETCH_BYTES + 1) * FETCH_BYTES
                continue
            if place.chain is not None and place.device_writable and self._strict:
                text = f"read of {position:#x}"
                self._violate("VQ-READ-WRITABLE", text, place.tracker.index, place.chain.head, event.cycle)
                return
            position = place.end

    def split_write(
        self, event: DmaWrite, trackers: Collection[QueueTracker[Any]]
    ) -> Iterator[tuple[Place, int, bytes]]:
        """(place, address, data) of the permitted parts of a write burst; the others are reported."""
        for address, data in event.pieces:
            position, end = address, address + len(data)
            while position < end:
                place = self._find(position, trackers, writing=True)
                if place is None:
                    self._outside("DMA-WRITE-OUTSIDE", position, event, trackers)
                    break
                if place.chain is not None and not place.device_writable:
                    text = f"write to {position:#x}"
                    self._violate("VQ-WRITE-READABLE", text, place.tracker.index, place.chain.head, event.cycle)
                elif place.area in _DRIVERS_AREAS:
                    text = f"write to {position:#x} in the {_DRIVERS_AREAS[place.area]}"
                    self._violate("VQ-WRITE-RING", text, place.tracker.index, None, event.cycle)
                else:
                    yield place, position, data[position - address : place.end - address]
                position = place.end

    def _find(self, address: int, trackers: Collection[QueueTracker[Any]], writing: bool) -> Place | None:
        """What lies at `address`: rings first, for a write those that are the device's, or a buffer on top of them as
        long as nothing was written there; of several chains the oldest, for a write one not written there yet.
        """
        ring: Place | None = None
        for tracker in trackers:
            for name, first, end in tracker.areas:
                if first <= address < end and (ring is None or (writing and name in tracker.DEVICES)):
                    ring = Place(end, tracker, name)
        if ring is not None:
            buffer = self._find_buffer(address, trackers, writing) if writing else None
            fresh = buffer is not None and buffer.chain is not None and not buffer.chain.written.holds(address)
            return buffer if buffer is not None and buffer.device_writable and fresh else ring
        for tracker in trackers:
            for chain in tracker.in_flight if not (writing and tracker.lost) else ():
                if (table_end := chain.table_end(address)) is not None:
                    return Place(table_end, tracker, "table")
        return self._find_buffer(address, trackers, writing)

    def _find_buffer(self, address: int, trackers: Collection[QueueTracker[Any]], writing: bool) -> Place | None:
        found: Place | None = None
        for tracker in trackers:
            for chain in tracker.in_flight:
                if self._strict and chain.parsed is None and not chain.doubtful:
                    continue
                segment = chain.find(address, writing)
                if segment is None:
                    continue
                first, length, device_writable = segment
                place = Place(first + length, tracker, None, chain, device_writable)
                if device_writable is not writing:
                    found = found or place
                elif not writing or not chain.written.holds(address):
                    return place
                elif found is None or not found.device_writable:
                    found = place
        return found

    def _near(self, address: int, trackers: Collection[QueueTracker[Any]]) -> bool:
        first = address // FETCH_BYTES * FETCH_BYTES
        last = first + FETCH_BYTES
        areas = (area for tracker in trackers for area in tracker.areas)
        if any(start < last and first < end for _, start, end in areas):
            return True
        chains = [chain for tracker in trackers for chain in tracker.in_flight]
        if any(start < last and first < end for chain in chains for start, end in chain.tables):
            return True
        segments = (segment for chain in chains for segment in chain.segments)
        return any(segment.address < last and first < segment.address + segment.length for segment in segments)

    def _outside(
        self,
        rule: str,
        address: int,
        event: DmaRead | DmaWrite,
        trackers: Collection[QueueTracker[Any]],
    ) -> None:
        verb = "read of" if isinstance(event, DmaRead) else "write to"
        ready = {tracker.index for tracker in trackers}
        for queue in (queue for queue in self._queues if queue.index not in ready):
            layout = queue.layout
            for start, length in (
                (layout.desc_addr, layout.desc_bytes),
                (layout.driver_addr, layout.driver_bytes),
                (layout.device_addr, layout.device_bytes),
            ):
                if queue.size and start <= address < start + length:
                    text = f"{verb} {address:#x} in a ring of queue {queue.index}"
                    self._violate("DMA-QUEUE-NOT-READY", text, queue.index, None, event.cycle)
                    return
        text = f"{verb} {address:#x}"
        chains = [chain for tracker in trackers for chain in tracker.in_flight]
        for chain in chains:
            if not chain.complete and not chain.doubtful and chain.find(address):
                text += f" before the descriptor at {chain.waiting_at:#x} was read"
                self._violate("VQ-UNREAD", text, chain.queue, chain.head, event.cycle)
                return
        for chain, cycle in reversed(self._retired):
            segment = chain.find(address)
            if segment is not None:
                if isinstance(event, DmaRead) and event.start < cycle:
                    return
                text += f", in a buffer that was given back in cycle {cycle}"
                self._violate(rule, text, chain.queue, chain.head, event.cycle)
                return
        for chain in chains:
            for segment in chain.segments:
                before, after = segment.address - address, address - (segment.address + segment.length)
                if 0 < before <= FETCH_BYTES or 0 <= after < FETCH_BYTES:
                    side = f"{before} bytes before" if before > 0 else f"{after + 1} bytes past the end of"
                    text += f", {side} a buffer of {segment.length} bytes"
                    self._violate(rule, text, chain.queue, chain.head, event.cycle)
                    return
        if unread := [chain for chain in chains if not chain.complete and not chain.doubtful]:
            text += f"; the descriptor at {unread[0].waiting_at:#x} was not read since it is available"
        self._violate(rule, text, None, None, event.cycle)

    def _violate(self, rule: str, message: str, queue: int | None, head: int | None, cycle: int) -> None:
        self._report(Violation(rule, message, queue, head, cycle=cycle))
