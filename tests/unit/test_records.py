# SPDX-License-Identifier: Apache-2.0
"""The C++ of the tap, from handshakes to events."""

from __future__ import annotations

import pytest

from cocotbext.virtio.decoder import RecordDecoder
from cocotbext.virtio.events import (
    BusReset,
    DmaRead,
    DmaWrite,
    EntropyWord,
    FrameReceived,
    FrameSent,
    IrqChange,
    RegisterRead,
    RegisterWrite,
)
from cocotbext.virtio.records import Kind, Record, UnknownValueError
from cocotbext.virtio.violation import ScoreboardError, Violation

from .tap_log import (
    BYTES,
    FIXED,
    INCR,
    RESERVED,
    RESET,
    SLVERR,
    WRAP,
    MakeBus,
    Step,
    ar,
    aw,
    b,
    beat,
    decode,
    lanes,
    log_of,
    note,
    r,
    read,
    w,
    write,
)


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
