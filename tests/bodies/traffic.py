# SPDX-License-Identifier: Apache-2.0
"""Random requests: what is asked for, what must come of it, and how it lies in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cocotbext.virtio.buffers import Framing, Layout, chunks, merged, natural, pieces, random_framing
from cocotbext.virtio.drivers.blk import segment
from virtio_model.spec import BLK_HEADER_BYTES, SECTOR, BlkStatus, BlkType

#: Descriptors for each direction of a chain, at most; and in a rare long one.
_FEW, _MANY = 12, 48
_CHUNKS = (1, 7, 16, 64, 512, 4096)
#: Sectors of a segment that any device of this project takes, if it takes segments.
_LONGEST_ERASED = 32
_COUNTS = (1, 1, 1, 1, 1, 2, 2, 3, 4, 8)
_UNKNOWN_TYPES = (3, 5, 7, 10, 14, 99, 0xFFFF_FFFF)


@dataclass(frozen=True)
class Wanted:
    """A request. `span` are the sectors that it is at, which no other request may write meanwhile.

    Of the header only the first `header` bytes are sent.
    """

    kind: str
    type_: int = 0
    sector: int = 0
    data: bytes = b""
    room: int = 0
    status: BlkStatus = BlkStatus.OK
    span: range = range(0)
    header: int = BLK_HEADER_BYTES

    @property
    def header_bytes(self) -> bytes:
        """The header, as far as it is sent."""
        return (self.type_.to_bytes(4, "little") + bytes(4) + self.sector.to_bytes(8, "little"))[: self.header]


@dataclass
class Disk:
    """What is known of a disk by what was written to it and read from it."""

    capacity: int = 0
    read_only: bool = False
    flushes: bool = True
    erasers: Mapping[int, bool] = field(default_factory=dict)
    """DISCARD and WRITE_ZEROES: whether they were negotiated."""
    bad_sector: int | None = None
    known: dict[int, bytes] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)

    def resized(self, sectors: int) -> None:
        """The capacity has changed; what was beyond it is lost."""
        self.capacity = sectors
        self.known = {sector: content for sector, content in self.known.items() if sector < sectors}

    def forget(self) -> None:
        """What was under way may have happened or not."""
        for sector in self.busy:
            self.known.pop(sector, None)
        self.busy.clear()

    def check(self, wanted: Wanted, data: bytes) -> None:
        """A read or write of whole sectors is done. Raises AssertionError if what was read is not what was known."""
        self.busy.difference_update(wanted.span)
        if wanted.status != BlkStatus.OK:
            for sector in wanted.span if wanted.type_ != BlkType.IN else ():
                self.known.pop(sector, None)
            return
        if wanted.type_ == BlkType.DISCARD:
            for sector in wanted.span:
                self.known.pop(sector, None)
            return
        content = {BlkType.OUT: wanted.data, BlkType.IN: data}.get(
            BlkType(wanted.type_), bytes(len(wanted.span) * SECTOR)
        )
        for i, sector in enumerate(wanted.span):
            seen = content[i * SECTOR : (i + 1) * SECTOR]
            if self.known.get(sector, seen) != seen and wanted.type_ == BlkType.IN:
                raise AssertionError(f"sector {sector} differs from what was written")
            self.known[sector] = seen


def entropy(rng: random.Random) -> Wanted:
    """Some random bytes, seldom many."""
    kind = rng.random()
    most = 16 if kind < 0.15 else 700 if kind < 0.97 else 9000
    return Wanted("entropy", room=rng.randint(1, most))


def block(rng: random.Random, disk: Disk, hot: int) -> Wanted:
    """Mostly reads and writes of sectors that nobody else is at, many of them near sector `hot`; else something odd."""
    kind = rng.random()
    if kind < 0.78:
        span = _span(rng, disk, hot)
        if not disk.busy.intersection(span):
            if kind < 0.06 and len(span) <= _LONGEST_ERASED:
                return _erase(rng, disk, span)
            return _transfer(rng, disk, span, write=kind < 0.38)
    odd: Callable[[random.Random, Disk], Wanted] = rng.choice(_ODD)
    return odd(rng, disk)


def shape(rng: random.Random, wanted: Wanted, directions: int, size: int) -> tuple[str, Layout]:
    """How a request that uses that many directions lies in memory, and its framing's name.

    It takes no more than `size` descriptors, which are at least `directions`.
    """
    most = min(size // directions, _MANY if rng.random() < 0.02 else _FEW)
    longest = max(len(wanted.data) + wanted.header, wanted.room + 1)
    framings: list[tuple[str, Framing]] = [
        ("merged", merged),
        ("random", random_framing(rng, most)),
        ("equal pieces", pieces(most)),
    ]
    parts = (wanted.room,) if directions == 1 else (wanted.header, wanted.data, wanted.room, 1)
    if sum(map(bool, parts)) <= size:
        framings.append(("natural", natural))
    if fitting := [chunk for chunk in _CHUNKS if chunk * most >= longest]:
        framings.append(("chunks", chunks(rng.choice(fitting))))
    if directions * (most + 1) <= size:
        framings.append(("with empty ones", _with_an_empty_one(random_framing(rng, most), rng)))
    name, framing = rng.choice(framings)
    return name, Layout(framing, rng.choice((1, 4, 16, 64, 4096)), None, rng)


def _with_an_empty_one(framing: Framing, rng: random.Random) -> Framing:
    """One more descriptor in each direction that has any, of no bytes."""

    def cut(parts: Sequence[int]) -> Sequence[int]:
        lengths = list(framing(parts))
        if lengths:
            lengths.insert(rng.randint(0, len(lengths)), 0)
        return lengths

    return cut


def _span(rng: random.Random, disk: Disk, hot: int) -> range:
    count = rng.choice(_COUNTS) if rng.random() < 0.99 else rng.randint(9, 32)
    if rng.random() < 0.6:
        first = hot + rng.randrange(32)
    else:
        first = rng.randrange(disk.capacity)
    first = max(0, min(first, disk.capacity - count))
    return range(first, min(first + count, disk.capacity))


def _transfer(rng: random.Random, disk: Disk, span: range, write: bool) -> Wanted:
    length = len(span) * SECTOR
    failing = disk.bad_sector in span or (write and disk.read_only)
    status = BlkStatus.IOERR if failing else BlkStatus.OK
    if write:
        return Wanted("OUT", BlkType.OUT, span.start, rng.randbytes(length), 0, status, span)
    return Wanted("IN", BlkType.IN, span.start, b"", length, status, span)


def _erase(rng: random.Random, disk: Disk, span: range) -> Wanted:
    type_ = rng.choice((BlkType.DISCARD, BlkType.WRITE_ZEROES))
    half = len(span) // 2
    data = segment(span.start, half) + segment(span.start + half, len(span) - half)
    if not disk.erasers.get(type_, False):
        return Wanted(type_.name, type_, 0, data, status=BlkStatus.UNSUPP)
    failing = disk.bad_sector in span or disk.read_only
    return Wanted(type_.name, type_, 0, data, 0, BlkStatus.IOERR if failing else BlkStatus.OK, span)


def _flush(rng: random.Random, disk: Disk) -> Wanted:
    return Wanted("FLUSH", BlkType.FLUSH, status=BlkStatus.OK if disk.flushes else BlkStatus.UNSUPP)


def _get_id(rng: random.Random, disk: Disk) -> Wanted:
    return Wanted("GET_ID", BlkType.GET_ID, room=rng.choice((20, 20, rng.randint(0, 40))))


def _unknown_type(rng: random.Random, disk: Disk) -> Wanted:
    data = rng.randbytes(rng.choice((0, 0, 30, 600)))
    type_ = rng.choice(_UNKNOWN_TYPES)
    return Wanted("unknown type", type_, rng.getrandbits(64), data, rng.choice((0, 30)), BlkStatus.UNSUPP)


def _in_beyond(rng: random.Random, disk: Disk) -> Wanted:
    sector, count = _beyond(rng, disk)
    return Wanted("IN beyond the capacity", BlkType.IN, sector, b"", count * SECTOR, BlkStatus.IOERR)


def _out_beyond(rng: random.Random, disk: Disk) -> Wanted:
    sector, count = _beyond(rng, disk)
    return Wanted("OUT beyond the capacity", BlkType.OUT, sector, rng.randbytes(count * SECTOR), 0, BlkStatus.IOERR)


def _beyond(rng: random.Random, disk: Disk) -> tuple[int, int]:
    """A range that ends beyond the capacity: just so, or far from it."""
    count = rng.choice(_COUNTS)
    return rng.choice(
        (disk.capacity - count + 1, disk.capacity, (1 << 64) - count, rng.getrandbits(64) | 1 << 40)
    ), count


def _in_part(rng: random.Random, disk: Disk) -> Wanted:
    length = rng.randrange(2048) | 1
    return Wanted("IN of parts of sectors", BlkType.IN, 1, b"", length, BlkStatus.IOERR)


def _out_part(rng: random.Random, disk: Disk) -> Wanted:
    data = rng.randbytes(rng.randrange(2048) | 1)
    return Wanted("OUT of parts of sectors", BlkType.OUT, 1, data, 0, BlkStatus.IOERR)


def _nothing(rng: random.Random, disk: Disk) -> Wanted:
    type_ = rng.choice((BlkType.IN, BlkType.OUT))
    status = BlkStatus.IOERR if type_ == BlkType.OUT and disk.read_only else BlkStatus.OK
    return Wanted(f"{type_.name} of nothing", type_, rng.randint(0, disk.capacity), status=status)


def _short_header(rng: random.Random, disk: Disk) -> Wanted:
    header = rng.randint(1, BLK_HEADER_BYTES - 1)
    return Wanted("short header", BlkType.IN, 0, b"", rng.choice((0, SECTOR)), BlkStatus.IOERR, header=header)


_ODD = (
    *(_flush, _flush, _get_id, _get_id, _unknown_type),
    *(_in_beyond, _out_beyond, _in_part, _out_part, _nothing, _short_header),
)
