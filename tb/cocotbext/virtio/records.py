# SPDX-License-Identifier: Apache-2.0
"""Records that `tb/hdl/virtio_tap.cpp` logs, taken out of its buffer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_HEADER = struct.Struct("<BBHIQQQIBBxx")
_PIECE = struct.Struct("<QQ")
_WORD = struct.Struct("<II")


class Kind(IntEnum):
    """Kinds of record, as in virtio_tap.cpp."""

    RESET = 1
    REG_AW = 2
    REG_W = 3
    REG_B = 4
    REG_AR = 5
    REG_R = 6
    IRQ = 7
    ENTROPY = 8
    READ = 9
    WRITE = 10
    VIOLATION = 11
    UNKNOWN = 12
    SENT = 20
    RECEIVED = 21
    FLUSH = 13
    PORT_OUT = 22
    PORT_IN = 23


class Record(NamedTuple):
    """A handshake, an edge, or one or more DMA bursts. `value` and `payload` are laid out by `kind`.

    `start` and `cycle` are the clock edges of its first and last handshake. Of bursts there are the AXI `response` and
    `id`, `burst` (FIXED 0, INCR 1, WRAP 2) and `size`, the bytes of a beat.
    """

    kind: int
    cycle: int
    value: int = 0
    start: int = 0
    response: int = 0
    bursts: int = 1
    payload: bytes = b""
    id: int = 0
    burst: int = 0
    size: int = 0


class UnknownValueError(Exception):
    """A signal was X or Z where it must not be."""

    def __init__(self, signal: str, cycle: int | None = None) -> None:
        self.signal = signal
        self.cycle = cycle
        super().__init__(f"X on {signal}" + (f" at cycle {cycle}" if cycle is not None else ""))


def records(log: bytes) -> Iterator[Record]:
    """The records in a piece of the log."""
    position = 0
    while position < len(log):
        kind, response, bursts, length, start, cycle, value, *shape = _HEADER.unpack_from(log, position)
        position += _HEADER.size
        yield Record(kind, cycle, value, start, response, bursts, log[position : position + length], *shape)
        position += (length + 7) & ~7


def pieces(payload: bytes) -> tuple[tuple[int, bytes], ...]:
    """(address, bytes) of the runs of bytes that a WRITE record holds."""
    found = []
    position = 0
    while position < len(payload):
        address, length = _PIECE.unpack_from(payload, position)
        position += _PIECE.size
        found.append((address, payload[position : position + length]))
        position += (length + 7) & ~7
    return tuple(found)


def words(payload: bytes) -> Iterator[tuple[int, int]]:
    """(word, cycles since the record's start) of the entropy that an ENTROPY record holds."""
    return _WORD.iter_unpack(payload)
