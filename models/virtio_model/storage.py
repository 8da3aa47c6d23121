# SPDX-License-Identifier: Apache-2.0
"""What a block device stores its sectors in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from virtio_model.spec import SECTOR


@dataclass(eq=False)
class StorageError(Exception):
    """The storage could not carry out a command for `sector`; None for a flush."""

    sector: int | None = None

    def __str__(self) -> str:
        return f"StorageError sector={self.sector}"


class Storage(Protocol):
    """Sectors of 512 bytes, numbered from 0."""

    @property
    def capacity(self) -> int:
        """Number of sectors; may change during operation."""
        ...

    def read(self, sector: int) -> bytes:
        """Return the 512 bytes of a sector below the capacity. Raises `StorageError`."""
        ...

    def write(self, sector: int, data: bytes) -> None:
        """Replace the 512 bytes of a sector below the capacity. Raises `StorageError`."""
        ...

    def discard(self, sector: int, count: int) -> None:
        """The contents of `count` sectors below the capacity are no longer wanted. Raises `StorageError`."""
        ...

    def write_zeroes(self, sector: int, count: int, unmap: bool) -> None:
        """Let `count` sectors below the capacity read as zeroes, `unmap` if by deallocation. Raises `StorageError`."""
        ...

    def flush(self) -> None:
        """Make all completed writes durable. Raises `StorageError`."""
        ...


class MemoryStorage:
    """Zeroed sectors in memory; `bad_sectors` fail, and flushes do while `flush_fails` is set.

    Discarded sectors read as zeroes. A command for several sectors of which one is bad does nothing. `unmapped` counts
    the sectors that were to be zeroed by deallocation.
    """

    def __init__(self, capacity: int, *, bad_sectors: Iterable[int] = ()) -> None:
        self._data = bytearray(capacity * SECTOR)
        self.bad_sectors = set(bad_sectors)
        self.flush_fails = False
        self.flushes = 0
        self.unmapped = 0

    @property
    def capacity(self) -> int:
        return len(self._data) // SECTOR

    def resize(self, capacity: int) -> None:
        """Change the number of sectors: cut off at the end, or add zeroed ones."""
        del self._data[capacity * SECTOR :]
        self._data.extend(bytes(capacity * SECTOR - len(self._data)))

    def read(self, sector: int) -> bytes:
        start = self._start(sector)
        return bytes(self._data[start : start + SECTOR])

    def write(self, sector: int, data: bytes) -> None:
        start = self._start(sector)
        if len(data) != SECTOR:
            raise ValueError(f"a sector has {SECTOR} bytes, not {len(data)}")
        self._data[start : start + SECTOR] = data

    def discard(self, sector: int, count: int) -> None:
        self.write_zeroes(sector, count, False)

    def write_zeroes(self, sector: int, count: int, unmap: bool) -> None:
        if bad := [bad for bad in self.bad_sectors if sector <= bad < sector + count]:
            raise StorageError(min(bad))
        if not 0 <= sector <= sector + count <= self.capacity:
            raise StorageError(sector)
        self._data[sector * SECTOR : (sector + count) * SECTOR] = bytes(count * SECTOR)
        self.unmapped += count if unmap else 0

    def flush(self) -> None:
        self.flushes += 1
        if self.flush_fails:
            raise StorageError

    def _start(self, sector: int) -> int:
        if not 0 <= sector < self.capacity or sector in self.bad_sectors:
            raise StorageError(sector)
        return sector * SECTOR
