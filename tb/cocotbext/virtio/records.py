# SPDX-License-Identifier: Apache-2.0
"""Records of `tb/hdl/virtio_tap.sv`: taken out of the log's rows, and put together to bursts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

ROW_RECORDS = 8


class Kind(IntEnum):
    """Kinds of record, as in virtio_tap.sv."""

    RESET = 1
    REG_AW = 2
    REG_W = 3
    REG_B = 4
    REG_AR = 5
    REG_R = 6
    AW = 7
    W = 8
    B = 9
    AR = 10
    R = 11
    IRQ = 12
    ENTROPY = 13
    UNKNOWN = 14


class Record(NamedTuple):
    """One handshake or edge. `body` is laid out by `kind` as virtio_tap.sv says."""

    kind: int
    cycle: int
    id: int
    body: int

    @classmethod
    def from_bits(cls, bits: str) -> Record:
        """From a string of 0 and 1, highest bit first. Raises `ValueError` on any other character."""
        word = int(bits, 2)
        return cls(word & 0xFF, word >> 8 & 0xFFFF_FFFF_FFFF, word >> 56 & 0xFF, word >> 64)


class UnknownValueError(Exception):
    """A signal was X or Z where it must not be."""

    def __init__(self, signal: str, cycle: int | None = None) -> None:
        self.signal = signal
        self.cycle = cycle
        super().__init__(f"X on {signal}" + (f" at cycle {cycle}" if cycle is not None else ""))


def split_row(bits: str, first: int, count: int) -> list[Record]:
    """Records `first` to `first + count - 1` of a row of the log, given as bits. Raises `UnknownValueError`."""
    width = len(bits) // ROW_RECORDS
    records = []
    for slot in range(first, first + count):
        piece = bits[len(bits) - (slot + 1) * width : len(bits) - slot * width]
        try:
            records.append(Record.from_bits(piece))
        except ValueError:
            header = piece[-64:]
            if set(header) <= {"0", "1"}:
                kind, cycle = int(header[-8:], 2), int(header[:-8][-48:], 2)
                raise UnknownValueError(f"the payload of a {Kind(kind).name} record", cycle) from None
            raise UnknownValueError("a record that was never written") from None
    return records


@dataclass
class Burst:
    """An AXI burst under way; `beat(i)` gives the bytes its beat i may touch."""

    start: int
    id: int
    address: int
    beats: int
    size: int
    done: int = 0
    chunks: list[tuple[int, bytes, bool]] = field(default_factory=list)

    @classmethod
    def from_record(cls, record: Record) -> Burst:
        body = record.body
        return cls(record.cycle, record.id, body & (1 << 64) - 1, (body >> 64 & 0xFF) + 1, body >> 72 & 0xFF)

    def beat(self, index: int) -> tuple[int, int]:
        """(address, length) of beat `index`: the first one may start unaligned, all end aligned (AXI4 A3.4.1)."""
        width = 1 << self.size
        aligned = (self.address & -width) + index * width
        address = self.address if index == 0 else aligned
        return address, aligned + width - address


def merge(chunks: Iterable[tuple[int, bytes, bool]]) -> tuple[tuple[int, bytes], ...]:
    """Runs of adjoining chunks, joined."""
    runs: list[tuple[int, list[bytes], int]] = []
    for address, data, _ in chunks:
        if runs and runs[-1][2] == address:
            first, parts, end = runs[-1]
            parts.append(data)
            runs[-1] = (first, parts, end + len(data))
        else:
            runs.append((address, [data], address + len(data)))
    return tuple((address, b"".join(parts)) for address, parts, _ in runs)
