# SPDX-License-Identifier: Apache-2.0
"""What the device has seen and done, byte by byte: the only memory that the scoreboard's model is given."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Sequence

from virtio_model import MemoryFault, Storage
from virtio_model.spec import SECTOR

from .events import DmaRead, DmaWrite

PAGE = 4096
_NEVER = -1

PeekFunction = Callable[[int], bytes | None]


class NotObserved(Exception):
    """The device acted on something that it was never seen to read; `what` says on what."""

    def __init__(self, what: str, address: int = 0) -> None:
        self.what = what
        self.address = address
        super().__init__(what)


class NotFlushed(Exception):
    """What had to be durable was not flushed to the storage."""


def page_slices(address: int, length: int) -> Sequence[tuple[int, int, int, int]]:
    """(page number, first, end, offset into the range) for the pages that a range of bytes touches."""
    page, first = divmod(address, PAGE)
    if 0 < length <= PAGE - first:
        return ((page, first, first + length, 0),)
    slices = []
    done = 0
    while done < length:
        end = min(PAGE, first + length - done)
        slices.append((page, first, end, done))
        done += end - first
        page, first = page + 1, 0
    return slices


class _ReadPage:
    """The bytes of a page, in runs that were asked for together.

    Run i reaches from `starts[i]` to `starts[i + 1]`; `marks[i]` has the cycle in which it was asked for, and whether
    the answer was OKAY. The last start is the end of the page.
    """

    def __init__(self) -> None:
        self.data = bytearray(PAGE)
        self.starts = [0, PAGE]
        self.marks = [(_NEVER, True)]

    def record(self, first: int, end: int, data: bytes, mark: tuple[int, bool]) -> None:
        """A run was read; of older runs remains what it does not cover."""
        self.data[first:end] = data
        at = bisect_left(self.starts, first)
        after = bisect_left(self.starts, end, at)
        if self.starts[after] == end:
            self.starts[at:after] = (first,)
            self.marks[at:after] = (mark,)
        else:
            self.starts[at:after] = (first, end)
            self.marks[at:after] = (mark, self.marks[after - 1])

    def run(self, offset: int) -> int:
        """The number of the run that a byte belongs to."""
        return bisect_right(self.starts, offset) - 1


class ObservedMemory:
    """The latest bytes that the device read, each with the cycle in which it asked for it."""

    def __init__(self) -> None:
        self._pages: dict[int, _ReadPage] = {}

    def record(self, event: DmaRead) -> None:
        """Take note of a read burst, answered with an error or not."""
        mark = event.start, event.ok
        for page, first, end, offset in page_slices(event.address, len(event.data)):
            entry = self._pages.get(page)
            if entry is None:
                entry = self._pages[page] = _ReadPage()
            entry.record(first, end, event.data[offset : offset + end - first], mark)

    def stamp(self, address: int) -> int:
        """The cycle in which the device last asked for the byte at `address`; -1 if never."""
        page, offset = divmod(address, PAGE)
        entry = self._pages.get(page)
        return _NEVER if entry is None else entry.marks[entry.run(offset)][0]

    def read(self, address: int, length: int, since: int) -> bytes:
        """Bytes that the device asked for in cycle `since` or later.

        Raises `NotObserved` if it has not asked for all of them, `MemoryFault` if it got an error for one.
        """
        parts = []
        for page, first, end, offset in page_slices(address, length):
            entry = self._pages.get(page)
            if entry is None:
                raise _unread(address, length, address + offset)
            all_ok = True
            run = entry.run(first)
            while entry.starts[run] < end:
                stamp, ok = entry.marks[run]
                if stamp < since:
                    raise _unread(address, length, page * PAGE + max(first, entry.starts[run]))
                all_ok &= ok
                run += 1
            if not all_ok:
                raise MemoryFault(address, length)
            parts.append(entry.data[first:end])
        return b"".join(parts)


def _unread(address: int, length: int, at: int) -> NotObserved:
    return NotObserved(f"{length} bytes at {address:#x}, unread from {at:#x} on", at)


class WrittenBytes:
    """Bytes written, sparse; two of them can be compared."""

    def __init__(self) -> None:
        # Runs in the order of their addresses; no two of them overlap or adjoin.
        self._starts: list[int] = []
        self._runs: list[bytearray] = []

    def write(self, address: int, data: bytes) -> None:
        """Write `data` over what was there."""
        if not data:
            return
        starts, runs = self._starts, self._runs
        end = address + len(data)
        first = bisect_right(starts, address)
        if first and starts[first - 1] + len(runs[first - 1]) >= address:
            first -= 1
        beyond = bisect_right(starts, end)
        if first == beyond:
            starts.insert(first, address)
            runs.insert(first, bytearray(data))
        elif beyond == first + 1 and starts[first] <= address:
            offset = address - starts[first]
            runs[first][offset : offset + len(data)] = data
        else:  # joins several runs, or begins before one
            before = runs[first][: max(address - starts[first], 0)]
            after = runs[beyond - 1][end - starts[beyond - 1] :]
            starts[first:beyond] = [address - len(before)]
            runs[first:beyond] = [before + data + after]

    def holds(self, address: int) -> bool:
        """Whether the byte at `address` was written."""
        return self._byte(address) is not None

    def get(self, address: int, length: int) -> bytes | None:
        """`length` bytes; None unless all of them were written."""
        run = bisect_right(self._starts, address) - 1
        if run < 0:
            return None
        offset = address - self._starts[run]
        data = self._runs[run][offset : offset + length]
        return bytes(data) if len(data) == length else None

    @property
    def count(self) -> int:
        """How many bytes were written."""
        return sum(map(len, self._runs))

    def missing_or_wrong(self, seen: WrittenBytes, values: bool = True) -> tuple[int, int, int | None] | None:
        """First (address, byte, byte in `seen` or None) at which `seen` does not hold a byte of this.

        Without `values` only that a byte was written counts.
        """
        for start, run in zip(self._starts, self._runs, strict=True):
            data = seen.get(start, len(run))
            if data is not None and (data == run or not values):
                continue
            for address, expected in enumerate(run, start):
                byte = seen._byte(address)
                if byte is None or (values and byte != expected):
                    return address, expected, byte
        return None

    def first_beyond(self, allowed: WrittenBytes) -> tuple[int, int] | None:
        """First (address, byte) of this that `allowed` does not hold any byte for."""
        for start, run in zip(self._starts, self._runs, strict=True):
            if allowed.get(start, len(run)) is not None:
                continue
            for address, byte in enumerate(run, start):
                if not allowed.holds(address):
                    return address, byte
        return None

    def _byte(self, address: int) -> int | None:
        run = bisect_right(self._starts, address) - 1
        if run < 0:
            return None
        offset = address - self._starts[run]
        return self._runs[run][offset] if offset < len(self._runs[run]) else None


class ChainView:
    """`MemoryView` for the model to serve one chain: reads what the device read since it could know of the chain.

    Writes are collected in `expected`; those that the device was answered an error for fault here too.
    """

    def __init__(self, memory: ObservedMemory, since: int, failed_writes: Sequence[DmaWrite] = ()) -> None:
        self.expected = WrittenBytes()
        self._memory = memory
        self._since = since
        self._failed = [(at, at + len(data)) for event in failed_writes for at, data in event.pieces]

    def read(self, address: int, length: int) -> bytes:
        """Raises `NotObserved`, `MemoryFault`."""
        return self._memory.read(address, length, self._since)

    def write(self, address: int, data: bytes) -> None:
        """Raises `MemoryFault`."""
        if self._failed and any(address < end and first < address + len(data) for first, end in self._failed):
            raise MemoryFault(address, len(data))
        self.expected.write(address, data)


class PartView(ChainView):
    """The view of a chain that was cut off: what the device has not read counts as unreadable."""

    def read(self, address: int, length: int) -> bytes:
        """Raises `MemoryFault`."""
        try:
            return super().read(address, length)
        except NotObserved:
            raise MemoryFault(address, length) from None


class ObservedEntropy:
    """The words that the device took from its entropy source, as a `source` for `Rng`."""

    def __init__(self) -> None:
        self.words: deque[int] = deque()
        self.complete = True
        """False while a request has failed half way: fewer words may have been taken than it needed."""
        self.lost = 0
        """At most how many words went to requests that were dropped with their queue."""
        self.seen = b""
        """How what the device wrote for the next request begins, to tell such words."""

    def clear(self) -> None:
        """A reset: words taken before serve nobody."""
        self.words.clear()
        self.lost = 0

    def __call__(self, length: int) -> bytes:
        """Raises `NotObserved` if the device has not taken so many bytes."""
        count = length // 4
        self._drop_lost()
        if len(self.words) < count:
            if self.complete:
                raise NotObserved(f"{length} bytes of entropy, {4 * len(self.words)} taken")
            self.words.extend([0] * (count - len(self.words)))
        return struct.pack(f"<{count}I", *[self.words.popleft() for _ in range(count)])

    def _drop_lost(self) -> None:
        """Step over words that a dropped request may have had, up to those that were written."""
        if not self.lost or not self.seen:
            return
        taken = struct.pack(f"<{len(self.words)}I", *self.words)
        for skipped in range(min(self.lost, len(self.words)) + 1):
            if taken.startswith(self.seen, 4 * skipped):
                for _ in range(skipped):
                    self.words.popleft()
                self.lost -= skipped
                return


class UncertainStorage:
    """Storage whose sectors may hold one of several contents after a request was cut off.

    Wraps the model's storage. While `tentative`, writes are only remembered as possible contents. A later read asks
    `peek(n)` what the device delivered as its n-th sector, and settles on that if every byte of it is possible.
    With `flushes`, the cycles in which the device's storage answered one, each flush takes one since its request came.
    """

    def __init__(self, storage: Storage, flushes: deque[int] | None = None) -> None:
        self._storage = storage
        self._flushes = flushes
        self._since = 0
        self._possible: dict[int, list[bytes]] = {}
        self._settled: set[int] | None = None  # sectors that are known again after all had been forgotten
        self.tentative = False
        self._peek: PeekFunction | None = None
        self._reads = 0

    @property
    def capacity(self) -> int:
        """Number of sectors."""
        return self._storage.capacity

    def flush(self) -> None:
        """As the wrapped storage. Raises `NotFlushed`."""
        self._storage.flush()  # one that fails is not among those observed
        if self._flushes is not None and not self.tentative:
            while self._flushes and self._flushes[0] < self._since:
                self._flushes.popleft()
            if not self._flushes:
                raise NotFlushed
            self._flushes.popleft()

    def discard(self, sector: int, count: int) -> None:
        """As the wrapped storage."""
        self._erase(sector, count, lambda: self._storage.discard(sector, count))

    def write_zeroes(self, sector: int, count: int, unmap: bool) -> None:
        """As the wrapped storage."""
        self._erase(sector, count, lambda: self._storage.write_zeroes(sector, count, unmap))

    def _erase(self, sector: int, count: int, erase: Callable[[], None]) -> None:
        sectors = range(sector, sector + count)
        if self.tentative:
            for each in sectors:
                self._storage.read(each)  # raises what the command would
            for each in sectors:
                self._possible.setdefault(each, []).append(bytes(SECTOR))
            return
        erase()
        for each in sectors:
            self._settle(each)

    def _settle(self, sector: int) -> None:
        self._possible.pop(sector, None)
        if self._settled is not None:
            self._settled.add(sector)

    def begin(self, peek: PeekFunction, since: int = 0) -> None:
        """A request known to the device `since` a cycle; `peek(n)` gives its n-th 512 bytes written, or None."""
        self._since = since
        self._peek = peek
        self._reads = 0

    def forget(self) -> None:
        """Any sector may hold anything from now on."""
        self._settled = set()

    def read(self, sector: int) -> bytes:
        """As the wrapped storage."""
        known = self._storage.read(sector)
        index, self._reads = self._reads, self._reads + 1
        if self._settled is not None and sector not in self._settled and not self.tentative:
            seen = self._peek(index) if self._peek else None
            if seen is not None:
                self.write(sector, seen)
            return seen or known
        if self.tentative or sector not in self._possible:
            return known
        seen = self._peek(index) if self._peek else None
        columns = zip(known, *self._possible[sector], strict=True)
        if seen is None or not all(byte in column for byte, column in zip(seen, columns, strict=True)):
            return known
        self.write(sector, seen)
        return seen

    def write(self, sector: int, data: bytes) -> None:
        """As the wrapped storage."""
        if self.tentative:
            self._storage.read(sector)
            self._possible.setdefault(sector, []).append(data)
            return
        self._storage.write(sector, data)
        self._settle(sector)
