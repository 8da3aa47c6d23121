# SPDX-License-Identifier: Apache-2.0
"""Files that are mapped: how they are named, and what is wrong with them in one line."""

from __future__ import annotations

import mmap
import os
import stat
from dataclasses import dataclass

from .errors import BoardError

#: Bytes of memory to use of a file that does not tell its size, as those of devices do not.
DEFAULT_MEMORY_BYTES = 1 << 20
#: Bytes of memory to use at most, unless told.
MOST_MEMORY_BYTES = 1 << 26


@dataclass(frozen=True)
class Place:
    """`length` bytes from `offset` on in the file at `path`, named by the knob `what` (REGS, MEM).

    `bus_address` is where the device's DMA finds them. A `length` of 0 means all there is.
    """

    what: str
    path: str
    offset: int = 0
    bus_address: int = 0
    length: int = 0

    @classmethod
    def registers(cls, text: str, length: int) -> Place:
        """From REGS=file[@offset]. Raises `BoardError`."""
        path, numbers = _split("REGS", text, "file[@offset]", 1)
        return cls("REGS", path, numbers[0] if numbers else 0, length=length)

    @classmethod
    def memory(cls, text: str) -> Place:
        """From MEM=file[@offset,bus_address[,length]]; without a bus address it is the offset. Raises `BoardError`."""
        path, numbers = _split("MEM", text, "file[@offset,bus_address[,length]]", 3)
        offset = numbers[0] if numbers else 0
        return cls("MEM", path, offset, *(numbers[1:] or [offset]))

    def __str__(self) -> str:
        return f"{self.what}={self.path}@{self.offset:#x}"

    def map(self) -> mmap.mmap:
        """The bytes, shared and uncached where the file's driver honours O_SYNC. Raises `BoardError`."""
        if self.offset % mmap.PAGESIZE:
            raise BoardError(f"{self}: offset expected to be a multiple of the page size {mmap.PAGESIZE:#x}")
        try:
            file = os.open(self.path, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
        except OSError as error:
            raise BoardError(f"{self}: cannot be opened: {error.strerror}") from None
        try:
            return mmap.mmap(file, self._bytes(os.fstat(file)), offset=self.offset)
        except (OSError, ValueError) as error:
            raise BoardError(f"{self}: cannot be mapped: {error}") from None
        finally:
            os.close(file)

    def _bytes(self, status: os.stat_result) -> int:
        """How many to map. Raises `BoardError` where the file tells its size and is too small."""
        if not stat.S_ISREG(status.st_mode):
            return self.length or DEFAULT_MEMORY_BYTES
        room = status.st_size - self.offset
        wanted = self.length or max(min(room, MOST_MEMORY_BYTES) // mmap.PAGESIZE, 1) * mmap.PAGESIZE
        if room < wanted:
            raise BoardError(f"{self}: too small: {wanted} bytes expected from there on, seen {max(room, 0)}")
        return wanted


def _split(what: str, text: str, form: str, most: int) -> tuple[str, list[int]]:
    path, at, rest = text.partition("@")
    if not path:
        raise BoardError(f"{what} expected as {what}={form}, seen {what}={text}")
    try:
        numbers = [int(number, 0) for number in rest.split(",")] if at else []
    except ValueError:
        numbers = [-1]
    if len(numbers) > most or any(number < 0 for number in numbers):
        raise BoardError(f"{what}={text}: expected as {what}={form}, with numbers as 4096 or 0x1000")
    return path, numbers
