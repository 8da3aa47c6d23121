# SPDX-License-Identifier: Apache-2.0
"""A mapped register window: one load or one store of the register's own width for each access.

A `memoryview` cast to unsigned items copies one item by a memcpy of constant size, which compilers make one load or
store of that width. Other ways in Python do not give that: slices of an mmap go through memcpy of variable size, which
may be done by bytes or twice over; a ctypes setter may read the old value first, for the sake of bit fields.
`tests/unit/test_board_window.py` counts the accesses at the instruction.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable

from virtio_model.spec import WINDOW_SIZE

from .errors import BoardError

_SIZES = (1, 2, 4)


def typed_views(pages: mmap.mmap) -> dict[int, memoryview]:
    """The same bytes as items of 1, 2 and 4 bytes. Raises `BoardError` on a big-endian machine."""
    if sys.byteorder != "little":
        raise BoardError("a little-endian machine expected, seen a big-endian one")
    view = memoryview(pages)
    return {1: view.cast("B"), 2: view.cast("H"), 4: view.cast("I")}


class RegisterWindow:
    """`RegisterBus` on mapped pages. `barrier` is called before each access."""

    def __init__(self, pages: mmap.mmap, barrier: Callable[[], None]) -> None:
        self._views = typed_views(pages)
        self._barrier = barrier

    def load(self, offset: int, size: int = 4) -> int:
        """Read 1, 2 or 4 bytes by one load. Raises ValueError for an access that is not aligned or outside."""
        view, item = self._item(offset, size)
        self._barrier()
        return int(view[item])

    def store(self, offset: int, value: int, size: int = 4) -> None:
        """Write 1, 2 or 4 bytes by one store. Raises ValueError as `load` does, or for a value that is too large."""
        view, item = self._item(offset, size)
        self._barrier()
        view[item] = value

    async def read(self, offset: int, size: int = 4) -> int:
        return self.load(offset, size)

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        self.store(offset, int(value), size)

    def _item(self, offset: int, size: int) -> tuple[memoryview, int]:
        if size not in _SIZES or offset % size or not 0 <= offset <= WINDOW_SIZE - size:
            raise ValueError(f"access of {size} bytes at {offset:#x}: expected 1, 2 or 4, aligned, within the window")
        return self._views[size], offset // size
