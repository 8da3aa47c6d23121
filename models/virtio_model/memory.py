# SPDX-License-Identifier: Apache-2.0
"""Memory that driver and device share, as the device sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(eq=False)
class MemoryFault(Exception):
    """An access was answered with an error: `length` bytes at `address`."""

    address: int
    length: int

    def __str__(self) -> str:
        return f"MemoryFault address={self.address:#x} length={self.length}"


class MemoryView(Protocol):
    """All that the model needs of a memory; a lockstep scoreboard passes one made of observed accesses."""

    def read(self, address: int, length: int) -> bytes:
        """Return `length` bytes. Raises `MemoryFault`."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Write all of `data`. Raises `MemoryFault`."""
        ...


class Memory:
    """`size` zeroed bytes from address `base` on; every other address faults, and so does a fault window."""

    def __init__(self, base: int = 0, size: int = 1 << 20) -> None:
        self.base = base
        self.size = size
        self._data = bytearray(size)
        self._fault_windows: list[tuple[int, int, bool, bool]] = []

    def add_fault_window(self, address: int, length: int, *, read: bool = True, write: bool = True) -> None:
        """Make every access that touches the `length` bytes at `address` fault; only reads, or only writes, if told."""
        self._fault_windows.append((address, address + length, read, write))

    def clear_fault_windows(self) -> None:
        """Make all windows accessible again; their contents were kept."""
        self._fault_windows.clear()

    def read(self, address: int, length: int) -> bytes:
        """Return `length` bytes; nothing is accessed if `length` is 0. Raises `MemoryFault`."""
        start = self._check(address, length, writing=False)
        return bytes(self._data[start : start + length])

    def write(self, address: int, data: bytes) -> None:
        """Write all of `data`, or nothing of it. Raises `MemoryFault`."""
        start = self._check(address, len(data), writing=True)
        self._data[start : start + len(data)] = data

    def _check(self, address: int, length: int, *, writing: bool) -> int:
        if length == 0:
            return 0
        end = address + length
        if address < self.base or end > self.base + self.size:
            raise MemoryFault(address, length)
        for first, last, read, write in self._fault_windows:
            if address < last and first < end and (write if writing else read):
                raise MemoryFault(address, length)
        return address - self.base
