# SPDX-License-Identifier: Apache-2.0
"""The C++ of the tap, driven handshake by handshake, for the tests of what it logs."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from cocotbext.virtio.decoder import RecordDecoder
from cocotbext.virtio.events import (
    BusReset,
    Event,
)
from cocotbext.virtio.records import Kind, Record, records
from cocotbext.virtio.violation import Violation

SOURCE = Path(__file__).resolve().parents[2] / "tb/hdl/virtio_tap.cpp"
BYTES = 8
SLVERR = 2
FIXED, INCR, WRAP, RESERVED = range(4)
LEAST_JOINED = 64

_int, _long, _u64 = ctypes.c_int, ctypes.c_longlong, ctypes.c_uint64
_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "open": (None, (_int, ctypes.POINTER(_int))),
    "note": (None, (_int, _int, _long, _long)),
    "address": (None, (_int, _int, _long, _int, _long, _int, _int, _int)),
    "write_data": (None, (_int, _long, _int, ctypes.c_char_p, _long)),
    "write_answer": (None, (_int, _long, _int, _int)),
    "read_data": (None, (_int, _long, _int, _int, _int, ctypes.c_char_p)),
    "frame": (None, (_int, _int, _long, _int, _int, ctypes.c_char_p, _long)),
    "unknown": (None, (_int, _long, ctypes.c_char_p)),
    "violation": (
        None,
        (_int, _long, _int, ctypes.c_char_p, ctypes.c_char_p, _int, _long, _int, _long, _long),
    ),
    "take": (ctypes.c_void_p, (_int, ctypes.POINTER(_u64))),
    "open_bursts": (_int, (_int,)),
}


class Bus:
    """The handshakes of a device, told to a tap of its own as virtio_tap.sv does."""

    def __init__(self, library: ctypes.CDLL, lanes: int) -> None:
        self._call = {name: getattr(library, f"virtio_tap_{name}") for name in _SIGNATURES}
        for name, (result, arguments) in _SIGNATURES.items():
            self._call[name].restype, self._call[name].argtypes = result, arguments
        number = _int()
        self._call["open"](lanes, ctypes.byref(number))
        self.number = number.value

    def __call__(self, name: str, *arguments: object) -> int:
        return int(self._call[name](self.number, *arguments) or 0)

    def take(self) -> list[Record]:
        length = _u64()
        start = self("take", ctypes.byref(length))
        return list(records(ctypes.string_at(start, length.value))) if length.value else []


Step = Callable[[Bus], object]
MakeBus = Callable[..., Bus]


def note(kind: Kind, cycle: int, value: int = 0) -> Step:
    return lambda bus: bus("note", kind, cycle, value)


RESET = note(Kind.RESET, 1)


def aw(cycle: int, address: int, beats: int = 1, size: int = 3, burst: int = INCR, id: int = 0) -> Step:
    return lambda bus: bus("address", 1, cycle, id, address, beats - 1, size, burst)


def ar(cycle: int, address: int, beats: int = 1, size: int = 3, burst: int = INCR, id: int = 0) -> Step:
    return lambda bus: bus("address", 0, cycle, id, address, beats - 1, size, burst)


def w(cycle: int, lanes: bytes, strobe: int = 0xFF, last: bool = True) -> Step:
    signed = strobe - (1 << 64) if strobe >> 63 else strobe
    return lambda bus: bus("write_data", cycle, last, lanes.ljust(64, b"\xaa"), signed)


def beat(
    cycle: int, lanes: bytes, keep: int = 0xFF, last: bool = False, bad: bool = False, kind: Kind = Kind.SENT
) -> Step:
    return lambda bus: bus("frame", kind, cycle, last, bad, lanes.ljust(64, b"\xaa"), keep)


def b(cycle: int, resp: int = 0, id: int = 0) -> Step:
    return lambda bus: bus("write_answer", cycle, id, resp)


def r(cycle: int, lanes: bytes, last: bool = True, resp: int = 0, id: int = 0) -> Step:
    return lambda bus: bus("read_data", cycle, id, resp, last, lanes.ljust(64, b"\xaa"))


def log_of(bus: Bus, *steps: Step) -> list[Record]:
    for step in steps:
        step(bus)
    return bus.take()


def decode(bus: Bus, *steps: Step) -> tuple[list[Event], list[str]]:
    """(events after the reset, rules broken)."""
    found: list[Violation] = []
    events = RecordDecoder(found.append).decode(log_of(bus, RESET, *steps))
    assert events[0] == BusReset(1)
    return events[1:], [violation.rule for violation in found]


def lanes(first: int = 0) -> bytes:
    return bytes(range(first, first + BYTES))


def read(start: int, cycle: int, address: int, data: bytes, id: int = 0) -> list[Step]:
    """A whole read of aligned words."""
    words = [data[i : i + BYTES] for i in range(0, len(data), BYTES)]
    beats = [r(cycle, word, i == len(words) - 1, id=id) for i, word in enumerate(words)]
    return [ar(start, address, len(words), id=id), *beats]


def write(start: int, cycle: int, address: int, data: bytes, resp: int = 0, id: int = 0) -> list[Step]:
    """A whole write of aligned words."""
    words = [data[i : i + BYTES] for i in range(0, len(data), BYTES)]
    beats = [w(start, word, last=i == len(words) - 1) for i, word in enumerate(words)]
    return [aw(start, address, len(words), id=id), *beats, b(cycle, resp, id)]


def build(folder: Path) -> ctypes.CDLL:
    """Compile the tap."""
    target = folder / "tap.so"
    flags = ("-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run([os.environ.get("CXX", "c++"), *flags, "-o", str(target), str(SOURCE)], check=True)
    return ctypes.CDLL(str(target))
