# SPDX-License-Identifier: Apache-2.0
"""Mapped DMA memory, accessed by its bus addresses in aligned items.

Fields of a ring are read and written whole: an idx of 2 bytes written by bytes could be seen half new by the device.
Uncached mappings of some processors take no unaligned accesses either, which rules memcpy out.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Callable, Iterator

from virtio_model import MemoryFault

from .window import typed_views

_CODES = {1: "B", 2: "H", 4: "I"}


class MappedMemory:
    """`Backing` on mapped pages that the device finds at `bus_address`. `barrier` is called before each access."""

    def __init__(self, pages: mmap.mmap, bus_address: int, barrier: Callable[[], None]) -> None:
        self._views = typed_views(pages)
        self._barrier = barrier
        self.bus_address = bus_address
        self.size = len(pages)

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes. Raises MemoryFault outside."""
        self._barrier()
        items = self._items(address, length)
        return b"".join(
            array(_CODES[size], self._views[size][first:last].tolist()).tobytes() for size, first, last in items
        )

    def write(self, address: int, data: bytes) -> None:
        """Write all of `data`. Raises MemoryFault outside."""
        self._barrier()
        position = 0
        for size, first, last in self._items(address, len(data)):
            view, end = self._views[size], position + size * (last - first)
            for item, value in enumerate(array(_CODES[size], bytes(data[position:end])), first):
                view[item] = value
            position = end

    def _items(self, address: int, length: int) -> Iterator[tuple[int, int, int]]:
        """(size, first, last + 1) of runs of aligned items that make up a range, numbered by their size."""
        at = address - self.bus_address
        end = at + length
        if at < 0 or end > self.size:
            raise MemoryFault(address, length)
        while at < end:
            size = next(size for size in (4, 2, 1) if not at % size and at + size <= end)
            count = (end - at) // size if size == 4 else 1
            yield size, at // size, at // size + count
            at += size * count
