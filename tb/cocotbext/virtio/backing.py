# SPDX-License-Identifier: Apache-2.0
"""Bytes behind the guest memory, and how the device's DMA sees them: mapped regions and error windows."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from virtio_model import MemoryFault

from .memory import Region


class Response(Enum):
    """Answer to a DMA access, in AXI's words; NEVER leaves its burst without one."""

    OKAY = 0
    SLVERR = 2
    DECERR = 3
    NEVER = 4


class RegionMemory:
    """Zeroed bytes in several regions, of which only pages in use cost anything. Raises MemoryFault outside of them.

    If `shared`, each region is a file in memory whose descriptor is in `files`, for others to map. With `given`, the
    descriptors of such files, one a region, these are the bytes.
    """

    def __init__(self, regions: Sequence[Region], shared: bool = False, given: Sequence[int] = ()) -> None:
        self.regions = tuple(regions)
        self.files: list[tuple[Region, int]] = []
        if shared:
            made = given or [_memory_file(region) for region in regions]
            self.files = list(zip(regions, made, strict=True))
            self._ranges = [(r.base, r.end, mmap.mmap(file, r.size)) for r, file in self.files]
        else:
            self._ranges = [(r.base, r.end, mmap.mmap(-1, r.size)) for r in regions]

    def close_files(self) -> None:
        """Close the descriptors of `files`; mappings stay."""
        for _, file in self.files:
            os.close(file)
        self.files.clear()

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes. Raises MemoryFault."""
        end = address + length
        for base, limit, pages in self._ranges:
            if base <= address and end <= limit:
                return pages[address - base : end - base]
        raise MemoryFault(address, length)

    def write(self, address: int, data: bytes) -> None:
        """Write all of `data`. Raises MemoryFault."""
        end = address + len(data)
        for base, limit, pages in self._ranges:
            if base <= address and end <= limit:
                pages[address - base : end - base] = data
                return
        raise MemoryFault(address, len(data))

    def mapped(self, address: int, length: int) -> bool:
        """Whether all of the range lies in one region."""
        return any(base <= address and address + length <= limit for base, limit, _ in self._ranges)


def _memory_file(region: Region) -> int:
    file = os.memfd_create(f"virtio-{region.name}")
    os.ftruncate(file, region.size)
    return file


@dataclass(frozen=True)
class ErrorWindow:
    """Device accesses that touch the `length` bytes at `address` are answered with `response`.

    With NEVER the whole burst is left without an answer, as long as the window is there.
    """

    address: int
    length: int
    read: bool
    write: bool
    response: Response

    def hit(self, address: int, length: int, write: bool) -> bool:
        """Whether an access touches the range."""
        touched = address < self.address + self.length and self.address < address + length
        return touched and (self.write if write else self.read)


@dataclass(frozen=True)
class Unmapped:
    """A device access to where no memory is; `cycle` is that of the data beat, where it is known."""

    address: int
    length: int
    write: bool
    cycle: int | None = None


class DeviceView:
    """The memory as the device's DMA sees it; a `virtio_model.MemoryView`.

    The driver's own accesses never meet the error windows. Accesses outside of the regions get DECERR and are kept in
    `unmapped`, which is a failure of the test unless `allow_unmapped` is set.
    """

    def __init__(self, memory: RegionMemory) -> None:
        self.memory = memory
        self.windows: list[ErrorWindow] = []
        self.unmapped: list[Unmapped] = []
        self.allow_unmapped = False

    def add(
        self,
        address: int,
        length: int,
        *,
        read: bool = True,
        write: bool = True,
        response: Response = Response.SLVERR,
    ) -> ErrorWindow:
        """Answer device accesses that touch the range with an error, or never; only reads, or only writes, if told."""
        window = ErrorWindow(address, length, read, write, response)
        self.windows.append(window)
        return window

    def clear(self) -> None:
        """Remove all error windows."""
        self.windows.clear()

    def response(self, address: int, length: int, write: bool) -> Response:
        """How a device access is answered, if it is."""
        if length and not self.memory.mapped(address, length):
            self.unmapped.append(Unmapped(address, length, write))
            return Response.DECERR
        for window in self.windows:
            if window.response is not Response.NEVER and window.hit(address, length, write):
                return window.response
        return Response.OKAY

    def answers(self, address: int, length: int, write: bool) -> bool:
        """Whether a device access is answered at all, for now."""
        never = (window for window in self.windows if window.response is Response.NEVER)
        return not any(window.hit(address, length, write) for window in never)

    def read(self, address: int, length: int) -> bytes:
        """A device read. Raises MemoryFault."""
        if not length:
            return b""
        if self._fails(address, length, False):
            raise MemoryFault(address, length)
        return self.memory.read(address, length)

    def write(self, address: int, data: bytes) -> None:
        """A device write. Raises MemoryFault, with nothing written."""
        if not data:
            return
        if self._fails(address, len(data), True):
            raise MemoryFault(address, len(data))
        self.memory.write(address, data)

    def _fails(self, address: int, length: int, write: bool) -> bool:
        return self.response(address, length, write) is not Response.OKAY or not self.answers(address, length, write)

    def check(self) -> None:
        """Raise AssertionError for the first unmapped access, unless they are allowed."""
        if self.unmapped and not self.allow_unmapped:
            first = self.unmapped[0]
            raise AssertionError(
                f"DMA-UNMAPPED {'write' if first.write else 'read'} address={first.address:#x} length={first.length} "
                f"{'' if first.cycle is None else f'cycle={first.cycle} '}"
                f"expected an address in {[region.name for region in self.memory.regions]} "
                f"({len(self.unmapped)} such accesses)"
            )
