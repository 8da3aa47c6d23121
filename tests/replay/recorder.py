# SPDX-License-Identifier: Apache-2.0
"""Makes a replay trace of what was seen on the pins.

What the driver does to memory cannot be seen; what the device reads can. Bytes that it finds changed are noted where
the driver may have changed them at the earliest: before the last register access, what a descriptor points to with the
descriptor; but not before what was there was read or written last, nor before the chain was used that it belonged to.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cocotbext.virtio.driver_rules import Access, IrqLevel, from_events
from cocotbext.virtio.events import (
    DmaRead,
    DmaWrite,
    Event,
    FrameReceived,
    FrameSent,
    IrqChange,
    PortIn,
    PortOut,
    RegisterRead,
    RegisterWrite,
)
from virtio_model import MemoryStorage
from virtio_model.spec import DESC_BYTES, SECTOR, DeviceType, Reg

from .lines import Frame, Given, Item, Memory, Trace, Used, descriptor
from .rings import Offers, Rings

#: A recording ends at the first quiet moment after so many bytes of memory, disk and frames, other than 0.
LIMIT_BYTES = 80_000
#: Quiet is a device that has not used its memory for so many cycles when the driver accesses a register.
QUIET_CYCLES = 400
#: Where one byte has changed, its block of so many is noted.
BLOCK = 16


class NotedStorage(MemoryStorage):
    """A disk that notes which sectors were used, and those not empty that were read before any write."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.noting = False
        self.first: dict[int, bytes] = {}
        self.bytes = 0  # of those, other than 0
        self.used: set[int] = set()

    def read(self, sector: int) -> bytes:
        data = super().read(sector)
        if self.noting and sector not in self.used:
            self.used.add(sector)
            if any(data):
                self.first[sector] = data
                self.bytes += SECTOR - data.count(0)
        return data

    def write(self, sector: int, data: bytes) -> None:
        super().write(sector, data)
        if self.noting:
            self.used.add(sector)

    def write_zeroes(self, sector: int, count: int, unmap: bool) -> None:
        super().write_zeroes(sector, count, unmap)
        if self.noting:
            self.used |= set(range(sector, sector + count))

    def digest(self, disk: bytes | None = None) -> str:
        """SHA-256 of the numbers and bytes of the sectors used, on `disk` if it is another one."""
        content = hashlib.sha256()
        for sector in sorted(self.used):
            there = super().read(sector) if disk is None else disk[sector * SECTOR : (sector + 1) * SECTOR]
            content.update(sector.to_bytes(8, "little") + there)
        return content.hexdigest()


@dataclass
class _Interval:
    """What happened from a step on: what the driver changed for it, and what came in after it."""

    begin: int
    step: Item | None = None
    changed: dict[int, int] = field(default_factory=dict)
    slots: dict[int, bytes] = field(default_factory=dict)
    more: list[Item] = field(default_factory=list)

    def polls(self, offset: int) -> bool:
        """Whether there was nothing but a read of this register."""
        alone = not (self.more or self.changed or self.slots)
        return alone and isinstance(self.step, Access) and not self.step.write and self.step.offset == offset

    def items(self) -> Iterator[Item]:
        """In the order of the replay."""
        if isinstance(self.step, Used):
            yield self.step
        for address, data in runs(self.changed):
            yield Memory("", address, data)
        for slot, data in sorted(self.slots.items()):
            yield descriptor(slot, data)
        if isinstance(self.step, Access):
            yield self.step
        yield from self.more


def runs(values: Mapping[int, int]) -> Iterator[tuple[int, bytes]]:
    """Bytes by their addresses, adjoining ones together."""
    run = bytearray()
    start = 0
    for address, value in sorted(values.items()):
        if run and address != start + len(run):
            yield start, bytes(run)
            run.clear()
        start = start if run else address
        run.append(value)
    if run:
        yield start, bytes(run)


class Recorder:
    """Takes events and keeps what a trace needs, up to a quiet moment once there are `limit` bytes."""

    def __init__(self, device: int, storage: MemoryStorage | None = None, limit: int = LIMIT_BYTES) -> None:
        self._device = device
        self._storage = storage if isinstance(storage, NotedStorage) and storage.capacity else None
        if self._storage is not None:
            self._storage.noting = True
        self._limit = limit
        self._rings = Rings()
        self._offers = Offers(self._rings)
        # Bytes as the replay has them in memory, None where it may have others; zero at first. When each was read last.
        self._known: dict[int, int | None] = {}
        self._when: dict[int, int] = {}
        self._intervals = [_Interval(0)]
        self._last_dma = 0
        self._counts: Counter[str] = Counter()
        self._digests = {name: hashlib.sha256() for name in ("written", "frames", "given_out")}
        self._ended: Trace | None = None

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if self._ended:
            return
        if isinstance(event, RegisterRead | RegisterWrite):
            self._access(event)
        elif isinstance(event, DmaRead):
            self._last_dma = event.cycle
            self._device_read(event)
        elif isinstance(event, DmaWrite):
            self._last_dma = event.cycle
            for address, data in event.pieces:
                self._device_write(address, data, event.cycle)
        elif isinstance(event, IrqChange) and self._intervals[-1].step is not None:
            self._intervals[-1].more.append(IrqLevel("", event.level))
        elif isinstance(event, FrameReceived):
            self._counts["changed"] += len(event.data)
            self._intervals[-1].more.append(Frame("", event.data))
        elif isinstance(event, PortIn):
            self._intervals[-1].more.append(Given("", event.value))
        elif isinstance(event, FrameSent):
            self._count("frames", 1, event.data)
        elif isinstance(event, PortOut):
            self._count("given_out", 1, event.value.to_bytes(8, "little"))

    def figures(self, disk: bytes | None = None) -> dict[str, str]:
        """What has come of it so far; `disk` is the disk, by default that of the storage."""
        named = {"chains": str(self._rings.used.total()), "read": str(self._counts["read"])}
        named["written"] = str(self._counts["written"])
        digested = {DeviceType.NET: ("written", "frames"), DeviceType.CONSOLE: ("written", "given_out")}
        if self._device != DeviceType.RNG:  # whose words are others each time
            for name in digested.get(DeviceType(self._device), ("written",)):
                named |= {name: str(self._counts[name]), f"{name}_sha256": self._digests[name].hexdigest()}
        if self._storage is not None:
            named |= {"sectors": str(len(self._storage.used)), "sectors_sha256": self._storage.digest(disk)}
        return named

    def trace(self, title: str, config: str) -> Trace:
        """The trace as it is now, or as it was when it had become long enough."""
        if self._ended is None:
            self._end()
        assert self._ended is not None
        return replace(self._ended, title=title, config=config)

    def _end(self) -> None:
        items = [item for interval in self._intervals for item in interval.items()]
        self._ended = Trace("", "", items, self.figures())
        if self._storage is not None:
            self._ended.capacity, self._ended.sectors = self._storage.capacity, dict(self._storage.first)

    def _count(self, name: str, number: int, data: bytes = b"") -> None:
        self._counts[name] += number
        if data:
            self._digests[name].update(data)

    def _access(self, event: RegisterRead | RegisterWrite) -> None:
        stored = self._storage.bytes if self._storage is not None else 0
        if self._counts["changed"] + stored >= self._limit and event.start >= self._last_dma + QUIET_CYCLES:
            self._end()
            return
        step = next(step for step in from_events([event]) if isinstance(step, Access))
        last = self._intervals[-1]
        if step.write:
            self._rings.register_write(step.offset, step.value)
            if step.offset == Reg.QUEUE_READY and step.value:
                self._offers = Offers(self._rings)
        elif last.polls(step.offset):  # the last time counts
            self._intervals.pop()
        self._intervals.append(_Interval(event.start, step))

    def _device_write(self, address: int, data: bytes, cycle: int) -> None:
        if not self._offers.inside(address):
            self._count("written", len(data), data)
        written = range(address, address + len(data))
        self._known.update(dict.fromkeys(written))
        self._when.update(dict.fromkeys(written, len(self._intervals) - 1))
        for queue, count in self._rings.device_write(address, data).items():
            self._intervals.append(_Interval(cycle, Used("", queue, self._rings.used[queue])))
            for place in self._offers.used(queue, count):
                self._when.update(dict.fromkeys(place, len(self._intervals) - 2))

    def _device_read(self, event: DmaRead) -> None:
        if not self._offers.inside(event.address):
            self._count("read", len(event.data))
        since = len(self._intervals) - 1
        while since and (self._intervals[since].begin > event.start or isinstance(self._intervals[since].step, Used)):
            since -= 1
        at, end = event.address, event.address + len(event.data)
        while at < end:
            slot = self._offers.slot(at)
            stop = min(end, at - at % BLOCK + BLOCK if slot is None else slot + DESC_BYTES)
            self._note(at, event.data[at - event.address : stop - event.address], slot, since)
            at = stop

    def _note(self, address: int, data: bytes, slot: int | None, since: int) -> None:
        """The device has read bytes of a block, or of the descriptor in a slot; the driver last acted at `since`."""
        read = dict(enumerate(data, address))
        new = [at for at, value in read.items() if self._known.get(at, 0) != value]
        chain = self._offers.chain(address)
        earliest = since if chain is None else min(chain.since, since)
        if new:
            earliest = max(earliest, *(self._when.get(at, -1) + 1 for at in new))
            earliest = min(earliest, len(self._intervals) - 1)
            interval = self._intervals[earliest]
            self._known.update(read)
            self._counts["changed"] += len(data) - data.count(0)
            if slot is None:
                interval.changed.update(read)
            else:
                interval.slots[slot] = bytes(self._known.get(at) or 0 for at in range(slot, slot + DESC_BYTES))
        self._when.update(dict.fromkeys(read, len(self._intervals) - 1))
        if slot is not None and len(data) == DESC_BYTES:
            self._offers.seen(descriptor(slot, data), earliest)
