# SPDX-License-Identifier: Apache-2.0
"""Records of the tap to events, and one planted fault for each bus rule."""

from __future__ import annotations

import pytest

from cocotbext.virtio.decoder import RecordDecoder
from cocotbext.virtio.events import BusReset, DmaRead, DmaWrite, EntropyWord, IrqChange, RegisterRead, RegisterWrite
from cocotbext.virtio.records import ROW_RECORDS, Burst, Kind, Record, UnknownValueError, split_row
from cocotbext.virtio.violation import ScoreboardError, Violation

RESET = Record(Kind.RESET, 1, 0, 0)
WIDTH = 64
BYTES = WIDTH // 8
SLVERR = 2


def address_record(
    kind: Kind, cycle: int, address: int, beats: int = 1, size: int = 3, burst: int = 1, id: int = 0
) -> Record:
    return Record(kind, cycle, id, address | beats - 1 << 64 | size << 72 | burst << 80)


def r_beat(cycle: int, lanes: bytes, last: bool = True, resp: int = 0, id: int = 0) -> Record:
    return Record(Kind.R, cycle, id, resp | last << 7 | int.from_bytes(lanes, "little") << 8)


def w_beat(cycle: int, lanes: bytes, strobe: int = 0xFF, last: bool = True) -> Record:
    return Record(Kind.W, cycle, 0, int(last) | int.from_bytes(lanes, "little") << 8 | strobe << 8 + 8 * len(lanes))


def b(cycle: int, resp: int = 0, id: int = 0) -> Record:
    return Record(Kind.B, cycle, id, resp)


def decode(*records: Record, width: int = WIDTH) -> tuple[list[object], list[str]]:
    """(events after the reset, rules broken)."""
    found: list[Violation] = []
    events = RecordDecoder(width, found.append).decode([RESET, *records])
    assert events[0] == BusReset(1)
    return list(events[1:]), [violation.rule for violation in found]


def lanes(first: int = 0) -> bytes:
    return bytes(range(first, first + BYTES))


def test_register_accesses() -> None:
    events, broken = decode(
        Record(Kind.REG_W, 5, 0, 0x12345678 | 0xF << 32),
        Record(Kind.REG_AW, 7, 0, 0x70),
        Record(Kind.REG_B, 9, 0, 0),
        Record(Kind.REG_AR, 11, 0, 0x60),
        Record(Kind.REG_R, 13, 0, 0x3 | SLVERR << 32),
    )
    assert events == [RegisterWrite(7, 9, 0x70, 0x12345678, 0xF), RegisterRead(11, 13, 0x60, 3, ok=False)]
    assert broken == []


def test_register_write_precedes_what_follows_from_it() -> None:
    """The device may act on a write long before its response is taken."""
    events, _ = decode(
        Record(Kind.IRQ, 4, 0, 1),
        Record(Kind.REG_AW, 5, 0, 0x50),
        Record(Kind.REG_W, 5, 0, 0xF << 32),
        address_record(Kind.AR, 6, 0x1000),
        r_beat(9, lanes()),
        Record(Kind.REG_B, 12, 0, 0),
    )
    assert events == [IrqChange(4, True), RegisterWrite(5, 12, 0x50, 0), DmaRead(6, 9, 0x1000, lanes())]


def test_events_wait_for_an_open_register_write() -> None:
    decoder = RecordDecoder(WIDTH)
    opened = [RESET, Record(Kind.REG_AW, 5, 0, 0x50), Record(Kind.REG_W, 5, 0, 0xF << 32), Record(Kind.IRQ, 6, 0, 1)]
    assert decoder.decode(opened) == [BusReset(1)]
    assert decoder.open_transfers == 1
    assert decoder.decode([Record(Kind.REG_B, 7, 0, 0)]) == [RegisterWrite(5, 7, 0x50, 0), IrqChange(6, True)]
    assert decoder.open_transfers == 0


@pytest.mark.parametrize(
    ("address", "beats", "size", "extents"),
    [
        (0x1000, 2, 3, [(0x1000, 8), (0x1008, 8)]),
        (0x1003, 2, 3, [(0x1003, 5), (0x1008, 8)]),
        (0x1005, 3, 0, [(0x1005, 1), (0x1006, 1), (0x1007, 1)]),
        (0x1005, 3, 1, [(0x1005, 1), (0x1006, 2), (0x1008, 2)]),
        (0x1006, 1, 2, [(0x1006, 2)]),
    ],
)
def test_beat_extents(address: int, beats: int, size: int, extents: list[tuple[int, int]]) -> None:
    burst = Burst.from_record(address_record(Kind.AR, 1, address, beats, size))
    assert [burst.beat(i) for i in range(beats)] == extents


def test_unaligned_read_takes_exactly_the_bytes_asked_for() -> None:
    events, broken = decode(
        address_record(Kind.AR, 5, 0x1003, beats=2), r_beat(8, lanes(0), last=False), r_beat(9, lanes(8))
    )
    assert events == [DmaRead(5, 9, 0x1003, bytes(range(3, 16)))]
    assert broken == []


def test_narrow_read_follows_the_byte_lanes() -> None:
    beats = [r_beat(8 + i, lanes(16 * i), last=i == 2) for i in range(3)]
    events, _ = decode(address_record(Kind.AR, 5, 0x1006, beats=3, size=1), *beats)
    assert events == [DmaRead(5, 10, 0x1006, bytes([6, 7, 16, 17, 34, 35]))]


def test_reads_of_several_ids_interleave() -> None:
    events, broken = decode(
        address_record(Kind.AR, 5, 0x1000, beats=2, id=1),
        address_record(Kind.AR, 6, 0x2000, id=2),
        address_record(Kind.AR, 7, 0x3000, id=1),
        r_beat(8, lanes(0), last=False, id=1),
        r_beat(9, lanes(8), id=2),
        r_beat(10, lanes(16), id=1),
        r_beat(11, lanes(24), id=1),
    )
    assert events == [
        DmaRead(6, 9, 0x2000, lanes(8)),
        DmaRead(5, 10, 0x1000, lanes(0) + lanes(16)),
        DmaRead(7, 11, 0x3000, lanes(24)),
    ]
    assert broken == []


def test_read_error_is_kept_to_its_beats() -> None:
    events, _ = decode(
        address_record(Kind.AR, 5, 0x1000, beats=3),
        r_beat(8, lanes(), last=False),
        r_beat(9, lanes(), last=False, resp=SLVERR),
        r_beat(10, lanes()),
    )
    assert events == [
        DmaRead(5, 10, 0x1000, lanes()),
        DmaRead(5, 10, 0x1008, lanes(), ok=False),
        DmaRead(5, 10, 0x1010, lanes()),
    ]


def test_write_pieces_are_the_strobed_runs() -> None:
    events, broken = decode(
        address_record(Kind.AW, 5, 0x1000, beats=3),
        w_beat(6, lanes(0), 0xF8, last=False),
        w_beat(7, lanes(8), 0xFF, last=False),
        w_beat(8, lanes(16), 0x05),
        b(10),
    )
    pieces = ((0x1003, bytes(range(3, 17))), (0x1012, b"\x12"))
    assert events == [DmaWrite(5, 10, pieces)]
    assert broken == []


def test_write_without_strobes_has_no_pieces() -> None:
    events, _ = decode(address_record(Kind.AW, 5, 0x1000), w_beat(6, lanes(), 0), b(10, SLVERR))
    assert events == [DmaWrite(5, 10, (), ok=False)]


def test_write_data_before_its_address() -> None:
    events, broken = decode(
        w_beat(4, lanes()),
        address_record(Kind.AW, 5, 0x1000, id=3),
        address_record(Kind.AW, 6, 0x2000, id=4),
        w_beat(7, lanes(8)),
        b(9, id=4),
        b(10, id=3),
    )
    assert events == [DmaWrite(6, 9, ((0x2000, lanes(8)),)), DmaWrite(5, 10, ((0x1000, lanes()),))]
    assert broken == []


def test_wide_bus() -> None:
    data = bytes(range(64))
    events, broken = decode(
        address_record(Kind.AW, 5, 0x1000, size=6),
        w_beat(6, data, (1 << 64) - 1),
        b(7),
        address_record(Kind.AR, 8, 0x103F, size=6),
        r_beat(9, data),
        width=512,
    )
    assert events == [DmaWrite(5, 7, ((0x1000, data),)), DmaRead(8, 9, 0x103F, b"\x3f")]
    assert broken == []


def test_entropy_and_irq() -> None:
    events, _ = decode(Record(Kind.ENTROPY, 5, 0, 0xDEADBEEF), Record(Kind.IRQ, 6, 0, 1), Record(Kind.IRQ, 7, 0, 0))
    assert events == [EntropyWord(5, 0xDEADBEEF), IrqChange(6, True), IrqChange(7, False)]


def test_reset_forgets_open_transfers() -> None:
    decoder = RecordDecoder(WIDTH)
    records = [
        Record(Kind.IRQ, 0, 0, 1),  # before the first reset: ignored
        RESET,
        address_record(Kind.AR, 5, 0x1000),
        Record(Kind.REG_AW, 6, 0, 0x50),
        Record(Kind.REG_W, 6, 0, 0xF << 32),
        RESET._replace(cycle=9),
        Record(Kind.IRQ, 12, 0, 1),
    ]
    assert decoder.decode(records) == [BusReset(1), BusReset(9), IrqChange(12, True)]
    assert decoder.open_transfers == 0


BROKEN = {
    "4 KiB": ("AXI-4K", [address_record(Kind.AR, 5, 0x1FF8, beats=2)]),
    "4 KiB write": ("AXI-4K", [address_record(Kind.AW, 5, 0x1FF9, beats=2)]),
    "WRAP": ("AXI-BURST", [address_record(Kind.AR, 5, 0x1000, beats=2, burst=2)]),
    "wider than the bus": ("AXI-BURST", [address_record(Kind.AR, 5, 0x1000, size=4)]),
    "WLAST early": (
        "AXI-WLAST",
        [address_record(Kind.AW, 5, 0x1000, beats=2), w_beat(6, lanes()), w_beat(7, lanes())],
    ),
    "WLAST missing": ("AXI-WLAST", [address_record(Kind.AW, 5, 0x1000), w_beat(6, lanes(), last=False)]),
    "RLAST early": ("AXI-RLAST", [address_record(Kind.AR, 5, 0x1000, beats=2), r_beat(6, lanes())]),
    "RLAST missing": ("AXI-RLAST", [address_record(Kind.AR, 5, 0x1000), r_beat(6, lanes(), last=False)]),
    "BID": ("AXI-ID", [address_record(Kind.AW, 5, 0x1000, id=1), w_beat(6, lanes()), b(7, id=2)]),
    "B before data": ("AXI-ID", [address_record(Kind.AW, 5, 0x1000), b(7)]),
    "RID": ("AXI-ID", [address_record(Kind.AR, 5, 0x1000, id=1), r_beat(6, lanes(), id=2)]),
    "register B": ("AXI-ID", [Record(Kind.REG_B, 5, 0, 0)]),
    "register R": ("AXI-ID", [Record(Kind.REG_R, 5, 0, 0)]),
    "strobe before an unaligned address": (
        "AXI-STRB",
        [address_record(Kind.AW, 5, 0x1003), w_beat(6, lanes(), 0xFC)],
    ),
    "strobe beyond a narrow beat": (
        "AXI-STRB",
        [address_record(Kind.AW, 5, 0x1004, size=1), w_beat(6, lanes(), 0x70)],
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_planted_bus_fault(fault: str) -> None:
    rule, records = BROKEN[fault]
    _, broken = decode(*records)
    assert set(broken) == {rule}
    with pytest.raises(ScoreboardError, match=rule):
        RecordDecoder(WIDTH).decode([RESET, *records])


def test_last_legal_burst_before_a_page_ends() -> None:
    _, broken = decode(address_record(Kind.AR, 5, 0x1FF1, beats=2), address_record(Kind.AR, 6, 0xFFF, size=0))
    assert broken == []


def test_unknown_signal_is_named() -> None:
    name = int.from_bytes(b"awvalid".rjust(12, b"\0"), "big")
    with pytest.raises(UnknownValueError, match="X on m_axi_awvalid at cycle 77"):
        RecordDecoder(WIDTH).decode([Record(Kind.UNKNOWN, 77, 1, name)])


def row(*records: Record) -> str:
    """A row of the log, as a string of bits, slot 0 last; slots never written are X."""
    width = 160
    slots = ["x" * width] * ROW_RECORDS
    for slot, record in enumerate(records):
        word = record.kind | record.cycle << 8 | record.id << 56 | record.body << 64
        slots[slot] = f"{word:0{width}b}"
    return "".join(reversed(slots))


def test_rows_are_split_into_records() -> None:
    records = [address_record(Kind.AR, 5 + i, 0x1000 * i, id=i) for i in range(3)]
    assert split_row(row(*records), 0, 3) == records
    assert split_row(row(*records), 1, 2) == records[1:]


def test_unknown_bits_in_a_row_are_diagnosed() -> None:
    record = Record(Kind.R, 1234, 0, 0)
    bits = row(record)
    with pytest.raises(UnknownValueError, match="payload of a R record at cycle 1234"):
        split_row(bits[:-70] + "x" + bits[-69:], 0, 1)
    with pytest.raises(UnknownValueError, match="never written"):
        split_row(bits, 1, 1)
