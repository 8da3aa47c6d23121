# SPDX-License-Identifier: Apache-2.0
"""Where a replay has what the driver had elsewhere in memory: the pages in use, close together."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cocotbext.virtio.driver_rules import Access, TraceError
from cocotbext.virtio.memory import Region
from virtio_model.spec import Reg

from .lines import Descriptor, Item, Memory
from .rings import Rings

PAGE = 4096
LIMIT_BYTES = 64 << 20
#: Where the region may begin, or end: below 4 GiB, across that, far above it.
_BASES, _SEAM = (0x8000_0000, 0x0000_0123_4500_0000), 1 << 32
_PAIRS = {
    Reg.QUEUE_DESC_LOW: Reg.QUEUE_DESC_HIGH,
    Reg.QUEUE_DRIVER_LOW: Reg.QUEUE_DRIVER_HIGH,
    Reg.QUEUE_DEVICE_LOW: Reg.QUEUE_DEVICE_HIGH,
}


class Layout:
    """One region for all pages that the items of a trace name. Those that adjoined do so there, in an order by seed."""

    def __init__(self, items: Sequence[Item], seed: object) -> None:
        pages = sorted({page for used in _ranges(items) for page in range(used.start // PAGE, -(-used.stop // PAGE))})
        if PAGE * len(pages) > LIMIT_BYTES:
            raise TraceError(f"{items[0].where}: at most {LIMIT_BYTES} bytes of memory expected, seen more")
        rng = random.Random(f"layout {seed}")
        size = PAGE * max(len(pages), 1)
        base = rng.choice((*_BASES, _SEAM - size // PAGE // 2 * PAGE))
        self.region = Region("replay", base, size)
        runs: list[list[int]] = []
        for page in pages:
            if runs and runs[-1][-1] + 1 == page:
                runs[-1].append(page)
            else:
                runs.append([page])
        rng.shuffle(runs)
        self._runs: list[tuple[int, int, int]] = []
        for run in runs:
            self._runs.append((PAGE * run[0], PAGE * len(run), base))
            base += PAGE * len(run)
        self._runs.sort()

    def place(self, address: int) -> int:
        """Where an address has gone; itself if nothing is there."""
        at = bisect_right(self._runs, (address, 1 << 64, 0)) - 1
        if at >= 0:
            start, size, base = self._runs[at]
            if address < start + size:
                return base + address - start
        return address

    def placed(self, items: Sequence[Item]) -> Iterator[Item]:
        """The items with other addresses."""
        registers = dict(_queue_addresses(items))
        for at, item in enumerate(items):
            if isinstance(item, Memory):
                yield replace(item, address=self.place(item.address))
            elif isinstance(item, Descriptor):
                yield replace(item, address=self.place(item.address), buffer=self.place(item.buffer))
            elif at in registers:
                assert isinstance(item, Access)
                address, high = registers[at]
                yield replace(item, value=self.place(address) >> (32 if high else 0) & 0xFFFF_FFFF)
            else:
                yield item


def _ranges(items: Sequence[Item]) -> Iterator[range]:
    """All bytes that the items name."""
    rings = Rings()
    for item in items:
        if isinstance(item, Memory):
            yield range(item.address, item.address + len(item.data))
        elif isinstance(item, Descriptor):
            yield range(item.address, item.address + len(item.data))
            if item.length <= LIMIT_BYTES:
                yield range(item.buffer, item.buffer + item.length)
        elif isinstance(item, Access) and item.write:
            rings.register_write(item.offset, item.value)
            if item.offset == Reg.QUEUE_READY:
                for ring in rings.ready.values():
                    yield from ring.parts()


def _queue_addresses(items: Sequence[Item]) -> Iterator[tuple[int, tuple[int, bool]]]:
    """For each write of half an address of a queue that gets ready: its number, the whole address, and which half."""
    halves: dict[int, tuple[int, int]] = {}
    for at, item in enumerate(items):
        if not isinstance(item, Access) or not item.write:
            continue
        halves[item.offset] = at, item.value
        if item.offset != Reg.QUEUE_READY or not item.value:
            continue
        for low, high in _PAIRS.items():
            if low not in halves or high not in halves:
                raise TraceError(f"{item.where}: both halves of a queue's address expected before QueueReady")
            (first, lower), (second, upper) = halves[low], halves[high]
            yield first, (lower | upper << 32, False)
            yield second, (lower | upper << 32, True)
