# SPDX-License-Identifier: Apache-2.0
"""What the device has seen and done, byte by byte: the only memory that the scoreboard's model is given."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator

from virtio_model import MemoryFault, Storage

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


def page_slices(address: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """(page number, first, end, offset into the range) for the pages that a range of bytes touches."""
    done = 0
    while done < length:
        page, first = divmod(address + done, PAGE)
        end = min(PAGE, first + length - done)
        yield page, first, end, done
        done += end - first


class _ReadPage:
    def __init__(self) -> None:
        self.data = bytearray(PAGE)
        self.stamps = array("q", [_NEVER]) * PAGE
        self.failed = bytearray(PAGE)


class ObservedMemory:
    """The latest bytes that the device read, each with the cycle in which it asked for it."""

    def __init__(self) -> None:
        self._pages: dict[int, _ReadPage] = {}

    def record(self, event: DmaRead) -> None:
        """Take note of a read burst, answered with an error or not."""
        for page, first, end, offset in page_slices(event.address, len(event.data)):
            entry = self._pages.get(page)
            if entry is None:
                entry = self._pages[page] = _ReadPage()
            count = end - first
            entry.data[first:end] = event.data[offset : offset + count]
            entry.stamps[first:end] = array("q", [event.start]) * count
            entry.failed[first:end] = bytes(count) if event.ok else b"\1" * count

    def stamp(self, address: int) -> int:
        """The cycle in which the device last asked for the byte at `address`; -1 if never."""
        page, offset = divmod(address, PAGE)
        return self._pages[page].stamps[offset] if page in self._pages else _NEVER

    def read(self, address: int, length: int, since: int) -> bytes:
        """Bytes that the device asked for in cycle `since` or later.

        Raises `NotObserved` if it has not asked for all of them, `MemoryFault` if it got an error for one.
        """
        parts = []
        for page, first, end, offset in page_slices(address, length):
            entry = self._pages.get(page)
            if entry is None or min(entry.stamps[first:end]) < since:
                at = address + offset
                if entry is not None:
                    at += next(i for i, stamp in enumerate(entry.stamps[first:end]) if stamp < since)
                raise NotObserved(f"{length} bytes at {address:#x}, unread from {at:#x} on", at)
            if any(entry.failed[first:end]):
                raise MemoryFault(address, length)
            parts.append(entry.data[first:end])
        return b"".join(parts)


class WrittenBytes:
    """Bytes written, sparse; two of them can be compared."""

    def __init__(self) -> None:
        self.data: dict[int, bytearray] = {}
        self.mask: dict[int, bytearray] = {}

    def write(self, address: int, data: bytes) -> None:
        """Write `data` over what was there."""
        for page, first, end, offset in page_slices(address, len(data)):
            if page not in self.data:
                self.data[page], self.mask[page] = bytearray(PAGE), bytearray(PAGE)
            self.data[page][first:end] = data[offset : offset + end - first]
            self.mask[page][first:end] = b"\1" * (end - first)

    def holds(self, address: int) -> bool:
        """Whether the byte at `address` was written."""
        page, offset = divmod(address, PAGE)
        return page in self.mask and bool(self.mask[page][offset])

    def get(self, address: int, length: int) -> bytes | None:
        """`length` bytes; None unless all of them were written."""
        parts = []
        for page, first, end, _ in page_slices(address, length):
            if page not in self.mask or not all(self.mask[page][first:end]):
                return None
            parts.append(self.data[page][first:end])
        return b"".join(parts)

    def missing_or_wrong(self, seen: WrittenBytes, values: bool = True) -> tuple[int, int, int | None] | None:
        """First (address, byte, byte in `seen` or None) at which `seen` does not hold a byte of this.

        Without `values` only that a byte was written counts.
        """
        for page in sorted(self.mask):
            mask, data = self.mask[page], self.data[page]
            if page in seen.mask and mask == seen.mask[page] and data == seen.data[page]:
                continue
            for i in range(PAGE):
                address = page * PAGE + i
                byte = seen.data[page][i] if seen.holds(address) else None
                if mask[i] and (byte is None or (values and byte != data[i])):
                    return address, data[i], byte
        return None

    def first_beyond(self, allowed: WrittenBytes) -> tuple[int, int] | None:
        """First (address, byte) of this that `allowed` does not hold any byte for."""
        for page in sorted(self.mask):
            if page in allowed.mask and self.mask[page] == allowed.mask[page]:
                continue
            for i in range(PAGE):
                address = page * PAGE + i
                if self.mask[page][i] and not allowed.holds(address):
                    return address, self.data[page][i]
        return None


class ChainView:
    """`MemoryView` for the model to serve one chain: reads what the device read since it could know of the chain.

    Writes are collected in `expected`; those that the device was answered an error for fault here too.
    """

    def __init__(self, memory: ObservedMemory, since: int, failed_writes: list[DmaWrite]) -> None:
        self.expected = WrittenBytes()
        self._memory = memory
        self._since = since
        self._failed = [(at, at + len(data)) for event in failed_writes for at, data in event.pieces]

    def read(self, address: int, length: int) -> bytes:
        """Raises `NotObserved`, `MemoryFault`."""
        return self._memory.read(address, length, self._since)

    def write(self, address: int, data: bytes) -> None:
        """Raises `MemoryFault`."""
        if any(address < end and first < address + len(data) for first, end in self._failed):
            raise MemoryFault(address, len(data))
        self.expected.write(address, data)


class ObservedEntropy:
    """The words that the device took from its entropy source, as a `source` for `Rng`."""

    def __init__(self) -> None:
        self.words: deque[int] = deque()
        self.complete = True
        """False while a request has failed half way: fewer words may have been taken than it needed."""

    def __call__(self, length: int) -> bytes:
        """Raises `NotObserved` if the device has not taken so many bytes."""
        count = length // 4
        if len(self.words) < count:
            if self.complete:
                raise NotObserved(f"{length} bytes of entropy, {4 * len(self.words)} taken")
            self.words.extend([0] * (count - len(self.words)))
        return b"".join(self.words.popleft().to_bytes(4, "little") for _ in range(count))


class UncertainStorage:
    """Storage whose sectors may hold one of several contents after a request was cut off.

    Wraps the model's storage. While `tentative`, writes are only remembered as possible contents. A later read asks
    `peek(n)` what the device delivered as its n-th sector, and settles on that if every byte of it is possible.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._possible: dict[int, list[bytes]] = {}
        self.tentative = False
        self._peek: PeekFunction | None = None
        self._reads = 0

    @property
    def capacity(self) -> int:
        """Number of sectors."""
        return self._storage.capacity

    def flush(self) -> None:
        """As the wrapped storage."""
        self._storage.flush()

    def begin(self, peek: PeekFunction) -> None:
        """A request starts; `peek(n)` gives its n-th 512 bytes written, or None."""
        self._peek = peek
        self._reads = 0

    def read(self, sector: int) -> bytes:
        """As the wrapped storage."""
        known = self._storage.read(sector)
        index, self._reads = self._reads, self._reads + 1
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
        self._possible.pop(sector, None)
