# SPDX-License-Identifier: Apache-2.0
"""The C++ of the tap, from handshakes to events."""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cocotbext.virtio.decoder import RecordDecoder
from cocotbext.virtio.events import (
    BusReset,
    DmaRead,
    DmaWrite,
    EntropyWord,
    Event,
    FrameReceived,
    FrameSent,
    IrqChange,
    RegisterRead,
    RegisterWrite,
)
from cocotbext.virtio.records import Kind, Record, UnknownValueError, pieces, records
from cocotbext.virtio.violation import ScoreboardError, Violation

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


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("tap") / "tap.so"
    flags = ("-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run([os.environ.get("CXX", "c++"), *flags, "-o", str(target), str(SOURCE)], check=True)
    return ctypes.CDLL(str(target))


@pytest.fixture
def bus(library: ctypes.CDLL) -> MakeBus:
    return lambda lanes=BYTES: Bus(library, lanes)


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


def test_register_accesses(bus: MakeBus) -> None:
    events, broken = decode(
        bus(),
        note(Kind.REG_W, 5, 0x12345678 | 0xF << 32),
        note(Kind.REG_AW, 7, 0x70),
        note(Kind.REG_B, 9),
        note(Kind.REG_AR, 11, 0x60),
        note(Kind.REG_R, 13, 0x3 | SLVERR << 32),
    )
    assert events == [RegisterWrite(7, 9, 0x70, 0x12345678, 0xF), RegisterRead(11, 13, 0x60, 3, ok=False)]
    assert broken == []


def test_register_write_precedes_what_follows_from_it(bus: MakeBus) -> None:
    """The device may act on a write long before its response is taken."""
    events, _ = decode(
        bus(),
        note(Kind.IRQ, 4, 1),
        note(Kind.REG_AW, 5, 0x50),
        note(Kind.REG_W, 5, 0xF << 32),
        ar(6, 0x1000),
        r(9, lanes()),
        note(Kind.REG_B, 12),
    )
    assert events == [IrqChange(4, True), RegisterWrite(5, 12, 0x50, 0), DmaRead(6, 9, 0x1000, lanes())]


def test_events_wait_for_an_open_register_write(bus: MakeBus) -> None:
    decoder, tapped = RecordDecoder(), bus()
    opened = (RESET, note(Kind.REG_AW, 5, 0x50), note(Kind.REG_W, 5, 0xF << 32), note(Kind.IRQ, 6, 1))
    assert decoder.decode(log_of(tapped, *opened)) == [BusReset(1)]
    assert decoder.open_accesses == 1
    answered = log_of(tapped, note(Kind.REG_B, 7))
    assert decoder.decode(answered) == [RegisterWrite(5, 7, 0x50, 0), IrqChange(6, True)]
    assert decoder.open_accesses == 0


@pytest.mark.parametrize("write_burst", [False, True])
@pytest.mark.parametrize(
    ("address", "beats", "size", "kind", "extents"),
    [
        (0x1000, 2, 3, INCR, [(0x1000, 8), (0x1008, 8)]),
        (0x1003, 2, 3, INCR, [(0x1003, 5), (0x1008, 8)]),
        (0x1005, 3, 0, INCR, [(0x1005, 1), (0x1006, 1), (0x1007, 1)]),
        (0x1005, 3, 1, INCR, [(0x1005, 1), (0x1006, 2), (0x1008, 2)]),
        (0x1006, 1, 2, INCR, [(0x1006, 2)]),
        (0x1010, 4, 3, WRAP, [(0x1010, 8), (0x1018, 8), (0x1000, 8), (0x1008, 8)]),
        (0x1006, 2, 1, WRAP, [(0x1006, 2), (0x1004, 2)]),
        (0x101C, 16, 0, WRAP, [(0x1010 + (12 + i) % 16, 1) for i in range(16)]),
        (0x1FF8, 3, 3, FIXED, [(0x1FF8, 8)] * 3),
        (0x1003, 2, 3, FIXED, [(0x1003, 5)] * 2),
        (0x1FFD, 16, 1, FIXED, [(0x1FFD, 1)] * 16),
        ((1 << 64) - 16, 2, 3, INCR, [((1 << 64) - 16, 8), ((1 << 64) - 8, 8)]),
    ],
)
def test_beat_extents(
    bus: MakeBus, write_burst: bool, address: int, beats: int, size: int, kind: int, extents: list[tuple[int, int]]
) -> None:
    """Each beat at its address: seen as bytes that tell beat and lane."""
    signed = address - (1 << 64) if address >> 63 else address
    memory: list[tuple[int, int]] = []  # (address, byte) in the order of the beats
    steps: list[Step] = [(aw if write_burst else ar)(5, signed, beats, size, kind)]
    for i, (first, length) in enumerate(extents):
        data, last = bytes(16 * i + lane & 0xFF for lane in range(BYTES)), i == beats - 1
        memory += [(at, data[at % BYTES]) for at in range(first, first + length)]
        strobe = (1 << length) - 1 << first % BYTES
        steps.append(w(6 + i, data, strobe, last) if write_burst else r(6 + i, data, last))
    events, broken = decode(bus(), *steps, *([b(99)] if write_burst else []))
    assert broken == []
    seen: list[tuple[int, int]] = []
    for event in events:
        assert isinstance(event, DmaWrite if write_burst else DmaRead)
        runs = event.pieces if isinstance(event, DmaWrite) else ((event.address, event.data),)
        seen += [(at + i, byte) for at, data in runs for i, byte in enumerate(data)]
    assert seen == memory


def test_unaligned_read_takes_exactly_the_bytes_asked_for(bus: MakeBus) -> None:
    events, broken = decode(bus(), ar(5, 0x1003, beats=2), r(8, lanes(0), last=False), r(9, lanes(8)))
    assert events == [DmaRead(5, 9, 0x1003, bytes(range(3, 16)))]
    assert broken == []


def test_narrow_read_follows_the_byte_lanes(bus: MakeBus) -> None:
    beats = [r(8 + i, lanes(16 * i), last=i == 2) for i in range(3)]
    events, _ = decode(bus(), ar(5, 0x1006, beats=3, size=1), *beats)
    assert events == [DmaRead(5, 10, 0x1006, bytes([6, 7, 16, 17, 34, 35]))]


def test_reads_of_several_ids_interleave(bus: MakeBus) -> None:
    tapped = bus()
    events, broken = decode(
        tapped,
        ar(5, 0x1000, beats=2, id=1),
        ar(6, 0x2000, id=2),
        ar(7, 0x3000, id=1),
        r(8, lanes(0), last=False, id=1),
        r(9, lanes(8), id=2),
        r(10, lanes(16), id=1),
        r(11, lanes(24), id=1),
    )
    assert events == [
        DmaRead(6, 9, 0x2000, lanes(8)),
        DmaRead(5, 10, 0x1000, lanes(0) + lanes(16)),
        DmaRead(7, 11, 0x3000, lanes(24)),
    ]
    assert broken == []
    assert tapped("open_bursts") == 0


def test_wide_ids_are_told_apart(bus: MakeBus) -> None:
    """Ids of 32 bits come as negative numbers."""
    steps = [ar(5, 0x1000, id=-1), ar(6, 0x2000, id=0x7FFF_FFFF), r(7, lanes(0), id=0x7FFF_FFFF), r(8, lanes(8), id=-1)]
    events, broken = decode(bus(), *steps)
    assert events == [DmaRead(6, 7, 0x2000, lanes(0)), DmaRead(5, 8, 0x1000, lanes(8))]
    assert broken == []


def test_read_error_is_kept_to_its_beats(bus: MakeBus) -> None:
    events, _ = decode(
        bus(),
        ar(5, 0x1000, beats=3),
        r(8, lanes(), last=False),
        r(9, lanes(), last=False, resp=SLVERR),
        r(10, lanes()),
    )
    assert events == [
        DmaRead(5, 10, 0x1000, lanes()),
        DmaRead(5, 10, 0x1008, lanes(), ok=False),
        DmaRead(5, 10, 0x1010, lanes()),
    ]


def test_write_pieces_are_the_strobed_runs(bus: MakeBus) -> None:
    events, broken = decode(
        bus(),
        aw(5, 0x1000, beats=3),
        w(6, lanes(0), 0xF8, last=False),
        w(7, lanes(8), 0xFF, last=False),
        w(8, lanes(16), 0x05),
        b(10),
    )
    assert events == [DmaWrite(5, 10, ((0x1003, bytes(range(3, 17))), (0x1012, b"\x12")))]
    assert broken == []


def test_write_without_strobes_has_no_pieces(bus: MakeBus) -> None:
    events, _ = decode(bus(), aw(5, 0x1000), w(6, lanes(), 0), b(10, SLVERR))
    assert events == [DmaWrite(5, 10, (), ok=False)]


def test_write_data_before_its_address(bus: MakeBus) -> None:
    events, broken = decode(
        bus(),
        w(4, lanes()),
        aw(5, 0x1000, id=3),
        aw(6, 0x2000, id=4),
        w(7, lanes(8)),
        b(9, id=4),
        b(10, id=3),
    )
    assert events == [DmaWrite(6, 9, ((0x2000, lanes(8)),)), DmaWrite(5, 10, ((0x1000, lanes()),))]
    assert broken == []


def test_data_of_two_writes_before_both_addresses(bus: MakeBus) -> None:
    events, broken = decode(
        bus(),
        w(2, lanes(0), last=False),
        w(3, lanes(8)),
        w(4, lanes(16), 0x0F),
        aw(5, 0x1000, beats=2),
        b(6),
        aw(7, 0x2000),
        b(8),
    )
    both = (0x1000, lanes(0) + lanes(8))
    assert events == [DmaWrite(5, 6, (both,)), DmaWrite(7, 8, ((0x2000, lanes(16)[:4]),))]
    assert broken == []


def test_wide_bus(bus: MakeBus) -> None:
    data = bytes(range(64))
    events, broken = decode(
        bus(64),
        aw(5, 0x1000, size=6),
        w(6, data, (1 << 64) - 1),
        b(7),
        ar(8, 0x103F, size=6),
        r(9, data),
        aw(10, 0x103C, size=2),
        w(11, data, 0xF << 60),
        b(12),
    )
    assert events == [
        DmaWrite(5, 7, ((0x1000, data),)),
        DmaRead(8, 9, 0x103F, b"\x3f"),
        DmaWrite(10, 12, ((0x103C, data[60:]),)),
    ]
    assert broken == []


def test_entropy_and_irq(bus: MakeBus) -> None:
    events, _ = decode(bus(), note(Kind.ENTROPY, 5, 0xDEADBEEF), note(Kind.IRQ, 6, 1), note(Kind.IRQ, 7, 0))
    assert events == [EntropyWord(5, 0xDEADBEEF), IrqChange(6, True), IrqChange(7, False)]


def test_entropy_words_share_a_record_until_something_else_happens(bus: MakeBus) -> None:
    tapped = bus()
    for cycle in (5, 6, 9):
        note(Kind.ENTROPY, cycle, cycle << 4)(tapped)
    note(Kind.IRQ, 10, 1)(tapped)
    note(Kind.ENTROPY, 11, 7)(tapped)
    found = tapped.take()
    note(Kind.ENTROPY, 12, 8)(tapped)
    found += tapped.take()
    assert [record.kind for record in found] == [Kind.ENTROPY, Kind.IRQ, Kind.ENTROPY, Kind.ENTROPY]
    events = RecordDecoder().decode([Record(Kind.RESET, 1), *found])
    assert [event for event in events if isinstance(event, EntropyWord)] == [
        EntropyWord(5, 0x50),
        EntropyWord(6, 0x60),
        EntropyWord(9, 0x90),
        EntropyWord(11, 7),
        EntropyWord(12, 8),
    ]


def test_reset_forgets_open_transfers(bus: MakeBus) -> None:
    tapped, decoder = bus(), RecordDecoder()
    opened = (
        note(Kind.IRQ, 0, 1),  # before the first reset: ignored
        RESET,
        ar(5, 0x1000),
        aw(5, 0x2000),
        w(5, lanes()),
        aw(6, 0x3000),
        note(Kind.REG_AW, 6, 0x50),
        note(Kind.REG_W, 6, 0xF << 32),
    )
    assert decoder.decode(log_of(tapped, *opened)) == [BusReset(1)]
    assert (tapped("open_bursts"), decoder.open_accesses) == (3, 1)
    after = log_of(tapped, note(Kind.RESET, 9), note(Kind.IRQ, 12, 1), aw(13, 0x4000), w(14, lanes(8)), b(15))
    expected = [BusReset(9), IrqChange(12, True), DmaWrite(13, 15, ((0x4000, lanes(8)),))]
    assert decoder.decode(after) == expected
    assert (tapped("open_bursts"), decoder.open_accesses) == (0, 0)


def test_reset_forgets_early_data(bus: MakeBus) -> None:
    events, broken = decode(bus(), w(2, lanes(8)), note(Kind.RESET, 3), aw(4, 0x1000), w(5, lanes(0)), b(6))
    assert events == [BusReset(3), DmaWrite(4, 6, ((0x1000, lanes(0)),))]
    assert broken == []


def test_frames_of_several_beats(bus: MakeBus) -> None:
    steps = (
        beat(5, lanes(0)),
        beat(6, lanes(8), kind=Kind.RECEIVED),
        beat(7, lanes(16), 0x7, last=True),
        beat(9, lanes(24), 0x1, last=True, bad=True, kind=Kind.RECEIVED),
    )
    events, broken = decode(bus(), *steps)
    sent = FrameSent(5, 7, lanes(0) + lanes(16)[:3])
    assert events == [sent, FrameReceived(6, 9, lanes(8) + lanes(24)[:1], ok=False)]
    assert broken == []


def test_reset_forgets_half_a_frame(bus: MakeBus) -> None:
    events, _ = decode(bus(), beat(5, lanes(0)), note(Kind.RESET, 6), beat(7, lanes(8), 0x1, last=True))
    assert events == [BusReset(6), FrameSent(7, 7, lanes(8)[:1])]


BROKEN: dict[str, tuple[str, list[Step]]] = {
    "keep with a hole": ("MAC-KEEP", [beat(5, lanes(), 0xFB, last=True)]),
    "keep not from lane 0": ("MAC-KEEP", [beat(5, lanes(), 0xFE, last=True)]),
    "short beat before the last": ("MAC-KEEP", [beat(5, lanes(), 0x7F), beat(6, lanes(), last=True)]),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_planted_bus_fault(bus: MakeBus, fault: str) -> None:
    rule, steps = BROKEN[fault]
    _, broken = decode(bus(), *steps)
    assert broken == [rule]
    with pytest.raises(ScoreboardError, match=rule):
        RecordDecoder().decode(log_of(bus(), RESET, *steps))


def violation(cycle: int, port: int, rule: str, signal: str, at: int | None = None, *values: int) -> Step:
    expected, seen = values or (0, 0)
    names = (name.encode().rjust(16, b"\0")[::-1] for name in (rule, signal))
    where = (at is not None, at or 0, bool(values), expected, seen)
    return lambda bus: bus("violation", cycle, port, *names, *where)


def test_violation_tells_where_and_what(bus: MakeBus) -> None:
    found: list[Violation] = []
    steps = (
        RESET,
        violation(6, 1, "AXI-OUTSTANDING", "arvalid"),
        violation(7, 0, "AXI-STABLE", "awaddr", None, 0x70, 0x74),
        violation(8, 1, "AXI-STRB", "wstrb", 0x1003, 0xF8, 0xFC),
    )
    RecordDecoder(found.append).decode(log_of(bus(), *steps))
    assert found == [
        Violation("AXI-OUTSTANDING", "m_axi_arvalid", cycle=6),
        Violation("AXI-STABLE", "s_axil_awaddr", expected="0x70", seen="0x74", cycle=7),
        Violation("AXI-STRB", "m_axi_wstrb of the burst at 0x1003", expected="0xf8", seen="0xfc", cycle=8),
    ]


def test_strobes_that_must_not_be_write_nothing(bus: MakeBus) -> None:
    events, _ = decode(bus(), aw(5, 0x1004, size=1), w(6, lanes(), 0x70), b(7))
    assert events == [DmaWrite(5, 7, ((0x1004, b"\4\5"),))]


def test_illegal_kinds_go_on_as_incr(bus: MakeBus) -> None:
    beats = [r(6 + i, lanes(8 * i), last=i == 2) for i in range(3)]
    for kind in (WRAP, RESERVED):
        events, _ = decode(bus(), ar(5, 0x1008, beats=3, burst=kind), *beats)
        assert events == [DmaRead(5, 8, 0x1008, bytes(range(24)))]


def test_beats_wider_than_the_bus_are_as_wide(bus: MakeBus) -> None:
    events, _ = decode(bus(), aw(5, 0x1000, size=7), w(6, lanes()), b(7), ar(8, 0x1000, size=4), r(9, lanes()))
    assert events == [DmaWrite(5, 7, ((0x1000, lanes()),)), DmaRead(8, 9, 0x1000, lanes())]


def test_bursts_end_early_by_last(bus: MakeBus) -> None:
    write_steps = [aw(5, 0x1000, beats=2), w(6, lanes()), b(7), *write(8, 9, 0x2000, lanes(8))]
    events, _ = decode(bus(), *write_steps, ar(10, 0x1000, beats=2), r(11, lanes()), *read(12, 13, 0x2000, lanes(8)))
    assert [event.cycle for event in events] == [7, 9, 11, 13]
    assert events[1] == DmaWrite(8, 9, ((0x2000, lanes(8)),))
    assert events[3] == DmaRead(12, 13, 0x2000, lanes(8))


def test_responses_to_nothing_make_no_event(bus: MakeBus) -> None:
    steps = [b(5), r(6, lanes()), note(Kind.REG_B, 7), note(Kind.REG_R, 8), aw(9, 0x1000), b(10), w(11, lanes())]
    assert decode(bus(), *steps) == ([], [])


def test_unknown_signal_is_named(bus: MakeBus) -> None:
    name = b"irq".rjust(12, b"\0")[::-1]
    log = log_of(bus(), lambda tapped: tapped("unknown", 77, name))
    with pytest.raises(UnknownValueError, match="X on irq at cycle 77"):
        RecordDecoder().decode(log)


@dataclass
class Burst:
    """What a burst has to look like in the log."""

    write: bool
    start: int
    cycle: int
    address: int
    data: bytes
    ok: bool = True

    def steps(self) -> list[Step]:
        resp = 0 if self.ok else SLVERR
        if self.write:
            return write(self.start, self.cycle, self.address, self.data, resp)
        words = [self.data[i : i + BYTES] for i in range(0, len(self.data), BYTES)]
        beats = [r(self.cycle, word, i == len(words) - 1, resp) for i, word in enumerate(words)]
        return [ar(self.start, self.address, len(words)), *beats]


@dataclass
class Joined:
    """Consecutive bursts that one record may hold."""

    bursts: list[Burst] = field(default_factory=list)

    def record(self) -> Record:
        first, last = self.bursts[0], self.bursts[-1]
        data = b"".join(burst.data for burst in self.bursts)
        start, count = min(burst.start for burst in self.bursts), len(self.bursts)
        response = 0 if first.ok else SLVERR
        if first.write:
            payload = first.address.to_bytes(8, "little") + len(data).to_bytes(8, "little") + data
            return Record(Kind.WRITE, last.cycle, 1, start, response, count, payload, 0, INCR, BYTES)
        return Record(Kind.READ, last.cycle, first.address, start, response, count, data, 0, INCR, BYTES)


def joined(entries: Sequence[Burst | int], cuts: Sequence[int] = ()) -> list[Record]:
    """The log that bursts, and interrupt edges by their cycles, have to leave; `cuts` are where it is taken."""
    found: list[Joined | Record] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, int):
            found.append(Record(Kind.IRQ, entry, index & 1, entry))
            continue
        tail = found[-1] if found and index not in cuts else None
        others = [part.record() if isinstance(part, Joined) else part for part in found[:-1]]
        before = max([1, *(record.cycle for record in others)])
        if isinstance(tail, Joined):
            parts = tail.bursts
            length = sum(len(part.data) for part in parts)
            if (
                parts[0].write == entry.write
                and parts[0].ok
                and entry.ok
                and parts[-1].address + len(parts[-1].data) == entry.address
                and length >= LEAST_JOINED
                and min(part.start for part in [*parts, entry]) > before
            ):
                parts.append(entry)
                continue
        found.append(Joined([entry]))
    return [part.record() if isinstance(part, Joined) else part for part in found]


def logged(bus: Bus, entries: Sequence[Burst | int], cuts: Sequence[int] = ()) -> list[Record]:
    """The log that the same leave in the tap, bursts each being handed over when they end."""
    found = log_of(bus, RESET)[1:]
    for index, entry in enumerate(entries):
        if index in cuts:
            found += bus.take()
        for step in [note(Kind.IRQ, entry, index & 1)] if isinstance(entry, int) else entry.steps():
            step(bus)
    return found + bus.take()


def page(first: int, length: int = 64) -> bytes:
    return bytes((first + i) & 0xFF for i in range(length))


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize(
    ("entries", "cuts", "counts"),
    [
        ([(5, 8, 0x1000, 64), (6, 9, 0x1040, 64), (7, 10, 0x1080, 8)], [], [3]),
        ([(5, 8, 0x1000, 56), (9, 11, 0x1038, 64), (10, 12, 0x1078, 8)], [], [1, 2]),  # the first is short
        ([(5, 8, 0x1000, 64), (6, 9, 0x1048, 64)], [], [1, 1]),  # a gap
        ([(5, 8, 0x1000, 64), (6, 9, 0x1000, 64)], [], [1, 1]),  # the same again
        ([(5, 8, 0x1000, 64), 9, (10, 11, 0x1040, 64)], [], [1, 0, 1]),  # something between them
        ([7, (8, 9, 0x1000, 64), (6, 10, 0x1040, 64)], [], [0, 1, 1]),  # the second began before
        ([7, (6, 9, 0x1000, 64), (8, 10, 0x1040, 64)], [], [0, 1, 1]),  # the first began before
        ([7, (9, 10, 0x1000, 64), (8, 11, 0x1040, 64)], [], [0, 2]),  # both after, in any order
        ([(5, 8, 0x1000, 64), (6, 9, 0x1040, 64)], [1], [1, 1]),  # taken in between
        ([(5, 8, 0x1000, 64), (9, 10, 0x1040, 64), (9, 11, 0x1080, 64)], [1], [1, 2]),
    ],
)
def test_joining(
    bus: MakeBus, is_write: bool, entries: list[tuple[int, ...] | int], cuts: list[int], counts: list[int]
) -> None:
    """Bursts are joined where that leaves the order of the log as it is; `counts` has 0 for what is not a burst."""
    bursts = [
        entry if isinstance(entry, int) else Burst(is_write, *entry[:3], page(i, entry[3]))
        for i, entry in enumerate(entries)
    ]
    found = logged(bus(), bursts, cuts)
    assert [0 if record.kind == Kind.IRQ else record.bursts for record in found] == counts
    assert found == joined(bursts, cuts)


def test_a_write_begun_in_between_keeps_bursts_apart(bus: MakeBus) -> None:
    """A used idx may be written between elements: after those before it are answered, before those after it are."""
    tapped = bus()
    log_of(tapped, RESET)
    first, second = write(10, 30, 0x1008, page(0)), write(20, 40, 0x1048, page(1))
    idx = write(33, 50, 0x2000, page(2, 8))
    for step in [*first[:-1], *second[:-1], first[-1], *idx[:-1], second[-1], idx[-1]]:
        step(tapped)
    found = [(record.bursts, record.start, record.cycle) for record in tapped.take()]
    assert found == [(1, 10, 30), (1, 20, 40), (1, 33, 50)]
    # What goes on from them is not in between.
    parts = [write(60, 63, 0x3000, page(0)), write(61, 65, 0x3040, page(1)), write(64, 66, 0x3080, page(2, 8))]
    for step in [*parts[0][:-1], *parts[1][:-1], parts[0][-1], *parts[2][:-1], parts[1][-1], parts[2][-1]]:
        step(tapped)
    assert [(record.bursts, record.start, record.cycle) for record in tapped.take()] == [(3, 60, 66)]


def test_bursts_tell_their_shape_and_response(bus: MakeBus) -> None:
    tapped = bus()
    log_of(tapped, RESET)
    for step in [ar(5, 0x1004, 1, size=2, id=3), r(6, bytes(8), True, 3, id=3)]:
        step(tapped)
    (found,) = tapped.take()
    assert (found.id, found.burst, found.size, found.response) == (3, INCR, 4, 3)
    assert (found.start, found.cycle, found.value, len(found.payload)) == (5, 6, 0x1004, 4)


def test_reads_and_writes_are_not_joined(bus: MakeBus) -> None:
    entries = [Burst(False, 5, 8, 0x1000, page(0)), Burst(True, 6, 9, 0x1040, page(1))]
    assert [record.kind for record in logged(bus(), entries)] == [Kind.READ, Kind.WRITE]


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize("failing", [(0,), (1,), (0, 1), (1, 2)])
def test_failed_bursts_are_not_joined(bus: MakeBus, is_write: bool, failing: tuple[int, ...]) -> None:
    entries = [Burst(is_write, 5 + i, 8 + i, 0x1000 + 64 * i, page(i), i not in failing) for i in range(4)]
    found = logged(bus(), entries)
    assert found == joined(entries)
    assert all(not record.response or record.bursts == 1 for record in found)
    assert sum(record.response == SLVERR for record in found) == len(failing)


def test_writes_of_several_pieces_are_not_joined(bus: MakeBus) -> None:
    holed = [aw(6, 0x1040, beats=2), w(6, lanes(), 0x7F, last=False), w(6, lanes()), b(9)]
    found = log_of(bus(), *write(5, 8, 0x1000, page(0)), *holed, *write(7, 10, 0x1050, page(1)))
    assert [len(pieces(record.payload)) for record in found] == [1, 2, 1]


def test_joined_bursts_may_end_anywhere(bus: MakeBus) -> None:
    narrow = [r(9, lanes(i), last=i == 2) for i in range(3)]
    reads = [*read(5, 8, 0x1000, page(0)), ar(6, 0x1040, 3, 0), *narrow, ar(7, 0x1043), r(10, lanes(8))]
    data = page(0) + b"\0\2\4" + lanes(8)[3:]
    assert log_of(bus(), *reads) == [Record(Kind.READ, 10, 0x1000, 5, 0, 3, data, 0, INCR, BYTES)]
    first, second = [aw(6, 0x1040), w(6, lanes(), 0x07), b(9)], [aw(7, 0x1043), w(7, lanes(), 0x38), b(10)]
    (record,) = log_of(bus(), *write(5, 8, 0x1000, page(0)), *first, *second)
    assert pieces(record.payload) == ((0x1000, page(0) + lanes()[:6]),)


def test_a_joined_record_holds_at_most_a_mebibyte(bus: MakeBus) -> None:
    entries = [Burst(True, 5 + 2 * i, 6 + 2 * i, 2048 * i, page(i, 2048)) for i in range(1025)]
    steps = [step for entry in entries for step in entry.steps()]
    found = log_of(bus(), *steps)
    assert [record.bursts for record in found] == [512, 512, 1]
    assert b"".join(data for record in found for _, data in pieces(record.payload)) == b"".join(e.data for e in entries)


@pytest.mark.parametrize("seed", range(30))
def test_random_traffic_is_joined_by_the_rules(bus: MakeBus, seed: int) -> None:
    rng = random.Random(seed)
    entries: list[Burst | int] = []
    address, cycle = {False: 0x1000, True: 0x8000}, 10
    is_write = False
    for _ in range(200):
        cycle += rng.choice([0, 1, 1, 2, 9])
        if rng.random() < 0.1:
            entries.append(cycle)
            continue
        is_write ^= rng.random() < 0.2
        if rng.random() < 0.1:
            address[is_write] += 8
        length = BYTES * rng.choice([1, 7, 8, 9, 16])
        length = min(length, -address[is_write] % 4096 or length)
        start, ok = cycle - rng.choice([1, 1, 2, 3, 8]), rng.random() < 0.9
        entries.append(Burst(is_write, start, cycle, address[is_write], rng.randbytes(length), ok))
        address[is_write] += length
    cuts = rng.sample(range(1, len(entries)), 5)
    found = logged(bus(), entries, cuts)
    assert found == joined(entries, cuts)
    assert sum(record.bursts > 1 for record in found) > 3
