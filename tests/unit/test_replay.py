# SPDX-License-Identifier: Apache-2.0
"""Replay traces: their text, what a recorder makes of events, and where a replay has its memory; without simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from cocotbext.virtio.driver_rules import Access, IrqLevel, TraceError
from cocotbext.virtio.events import DmaRead, DmaWrite, Event, IrqChange, RegisterRead, RegisterWrite
from tests.replay import keep, lines
from tests.replay.layout import PAGE, Layout
from tests.replay.lines import Descriptor, Frame, Given, Item, Memory, Trace, Used
from tests.replay.recorder import NotedStorage, Recorder
from tests.sim.configs import CONFIGS, REPLAYED, ROOT
from virtio_model.spec import SECTOR, Reg

TRACES = sorted((ROOT / "tests" / "traces" / "replay").glob("*.txt"))
RNG = 4
DESC, DRIVER, DEVICE, BUFFER = 0x7000, 0x8000, 0x9000, 0x4_0000_5010

ITEMS: list[Item] = [
    Access("", True, Reg.QUEUE_NOTIFY, 4, 1),
    Access("", False, 0x101, None, 0x54),
    IrqLevel("", True),
    Memory("", 0x1000, bytes(4096)),
    Memory("", 0x3000, bytes(range(40)) + b"\xff" * 9),
    Descriptor("", 0x2000, 1 << 40, 512, (1, 0x8080)),
    Used("", 2, 70_000),
    Frame("", bytes(60)),
    Given("", 1 << 63),
]


def parsed(text: str) -> Trace:
    return lines.parse(text.splitlines(), "t")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    trace = Trace("a driver", "rng", ITEMS, {"chains": "3"}, 100, {7: bytes(510) + b"ab"})
    lines.write(tmp_path / "a.txt", trace)
    first = lines.read(tmp_path / "a.txt")
    lines.write(tmp_path / "b.txt", first)
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "b.txt").read_text()
    assert [line for item in first.items for line in lines.item_lines(item)] == [
        line for item in ITEMS for line in lines.item_lines(item)
    ]
    assert (first.title, first.config, first.capacity) == (trace.title, trace.config, trace.capacity)
    assert (first.sectors, first.figures) == (trace.sectors, trace.figures)


def test_equal_bytes_are_counted() -> None:
    assert lines.counted(b"\1" + bytes(8) + b"\2") == "01 00*8 02"
    assert lines.counted(bytes(7)) == "00" * 7
    assert list(lines.item_lines(ITEMS[3])) == ["MEM 0x1000 00*4096"]


BAD = [
    ("MEM 0x1000 0x", "t:2: bytes expected in hexadecimal, seen `0x`"),
    ("MEM 0x1000", "t:2: a line of a replay trace expected, seen `MEM 0x1000`"),
    ("MEM here 00", "t:2: address expected a number, seen `here`"),
    ("DESC 0x0 0x0 0x100000000 0 0", "t:2: length expected at most 0xffffffff, seen 0x100000000"),
    ("USED 0 many", "t:2: count expected a number, seen `many`"),
    ("SECTOR 0 00*512", "t:2: sector expected at most -0x1, seen 0"),
    ("FRAME 0", "t:2: bytes expected in hexadecimal, seen `0`"),
    ("W 0x050 4 Status 0x0", "t:2: offset 0x050 is QueueNotify, seen `Status`"),
    ("W 0x050", "t:2: expected"),
    ("NOISE", "t:2: a line of a replay trace expected, seen `NOISE`"),
    ("END chains 0\nW 0x050 4 QueueNotify 0x0", "t:3: nothing but END expected after END"),
    ("END chains 0", "t:2: a line R or W expected, seen none"),
    ("W 0x050 4 QueueNotify 0x0", "t:2: a line END expected, seen none"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_line_is_told(text: str, said: str) -> None:
    with pytest.raises(TraceError) as caught:
        parsed(f"CONFIG rng\n{text}")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_short_sector_is_told() -> None:
    with pytest.raises(TraceError, match="t:3: 512 bytes of a sector expected, seen 2"):
        parsed("CONFIG rng\nCAPACITY 4\nSECTOR 0 0000")


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        lines.read(tmp_path / "none.txt")


def setup(packed: bool) -> list[Event]:
    """A driver sets up queue 0 with 8 entries."""
    words = [
        (Reg.DRIVER_FEATURES_SEL, 1),
        (Reg.DRIVER_FEATURES, 5 if packed else 1),
        (Reg.QUEUE_SEL, 0),
        (Reg.QUEUE_SIZE, 8),
        *((Reg.QUEUE_DESC_LOW, DESC), (Reg.QUEUE_DESC_HIGH, 0)),
        *((Reg.QUEUE_DRIVER_LOW, DRIVER), (Reg.QUEUE_DRIVER_HIGH, 0)),
        *((Reg.QUEUE_DEVICE_LOW, DEVICE), (Reg.QUEUE_DEVICE_HIGH, 0)),
        (Reg.QUEUE_READY, 1),
    ]
    return [RegisterWrite(at, at + 1, offset, value) for at, (offset, value) in enumerate(words)]


def notify(cycle: int) -> RegisterWrite:
    return RegisterWrite(cycle, cycle + 2, Reg.QUEUE_NOTIFY, 0)


def read(cycle: int, item: Memory | Descriptor) -> DmaRead:
    return DmaRead(cycle, cycle + 4, item.address, item.data)


def recorded(events: list[Event], device: int = 2) -> Trace:
    recorder = Recorder(device)
    for event in events:
        recorder.feed(event)
    return recorder.trace("", "rng")


def said(trace: Trace) -> list[str]:
    """The lines behind those of `setup`."""
    return [line for item in trace.items for line in lines.item_lines(item)][11:]


AVAIL = Memory("", DRIVER + 2, b"\1\0")
HEAD = Descriptor("", DESC, BUFFER, 4, (1, 1))
DATA = Memory("", BUFFER, b"data")
STATUS = Descriptor("", DESC + 16, BUFFER + 64, 1, (2, 0))


def test_memory_is_noted_before_the_notification() -> None:
    used = DmaWrite(150, 156, ((DEVICE + 2, b"\1\0"),))
    fetched = [read(110, AVAIL), read(120, HEAD), read(126, STATUS), read(130, DATA)]
    trace = recorded([*setup(False), notify(100), *fetched, DmaWrite(140, 145, ((BUFFER + 64, b"\0"),)), used])
    assert said(trace) == [
        "MEM 0x8002 0100",
        f"MEM {BUFFER:#x} 64617461",
        f"DESC 0x7000 {BUFFER:#x} 4 0x1 0x1",
        f"DESC 0x7010 {BUFFER + 64:#x} 1 0x2 0x0",
        "W 0x050 4 QueueNotify 0x0",
        "USED 0 1",
    ]
    assert trace.figures["chains"] == "1"
    assert (trace.figures["read"], trace.figures["written"]) == ("4", "1")


def test_what_is_used_again_is_noted_after_its_use() -> None:
    """A driver that sees used buffers without an interrupt offers the same memory again, without a notification."""
    slots = [Descriptor("", DESC + 16 * n, BUFFER, 4, (n, 0x80)) for n in range(2)]
    used = DmaWrite(130, 135, ((DESC + 8, bytes((0, 0, 0, 0, 0, 0, 0x80, 0x80))),))
    again = Memory("", BUFFER, b"more")
    trace = recorded(
        [*setup(True), notify(100), read(110, slots[0]), read(120, DATA), used, read(140, slots[1]), read(150, again)]
    )
    after = said(trace)[said(trace).index("USED 0 1") :]
    assert after == ["USED 0 1", f"MEM {BUFFER:#x} 6d6f7265"]
    assert said(trace)[1:3] == [f"DESC 0x7000 {BUFFER:#x} 4 0x0 0x80", f"DESC 0x7010 {BUFFER:#x} 4 0x1 0x80"]


def test_an_indirect_table_has_descriptors() -> None:
    table = Descriptor("", DESC, 0x6000, 32, (0, 0x84))
    inner = [Descriptor("", 0x6000, BUFFER, 4, (0, 0)), Descriptor("", 0x6010, BUFFER + 64, 1, (0, 2))]
    both = DmaRead(120, 126, 0x6000, inner[0].data + inner[1].data)
    trace = recorded([*setup(True), notify(100), read(110, table), both, read(130, DATA)])
    assert [item for item in trace.items if isinstance(item, Descriptor)] == [*inner, table]
    assert trace.figures["read"] == "4"


def test_a_register_read_over_and_over_is_noted_once() -> None:
    polled = [RegisterRead(at, at + 1, Reg.STATUS, value) for at, value in ((50, 1), (60, 1), (70, 0))]
    assert said(recorded([*setup(False), *polled, IrqChange(80, True)])) == ["R 0x070 - Status 0x0", "IRQ 1"]


def test_a_recording_ends_when_it_is_long_and_the_device_quiet() -> None:
    recorder = Recorder(RNG, limit=1)
    for event in [*setup(False), notify(100), read(110, AVAIL), notify(200), notify(1000), notify(1100)]:
        recorder.feed(event)
    notified = "W 0x050 4 QueueNotify 0x0"
    assert said(recorder.trace("", "rng"))[-3:] == ["MEM 0x8002 0100", notified, notified]


def test_the_words_of_an_entropy_device_do_not_count() -> None:
    assert "written_sha256" not in recorded(setup(False), RNG).figures


def test_a_disk_notes_what_was_on_it() -> None:
    disk = NotedStorage(4)
    disk.write(1, b"1" * SECTOR)
    disk.noting = True
    for sector in (0, 1, 1):
        disk.read(sector)
    disk.write(1, b"2" * SECTOR)
    disk.write(2, b"3" * SECTOR)
    assert disk.first == {1: b"1" * SECTOR}
    assert disk.used == {0, 1, 2}
    assert disk.digest() == disk.digest(bytes(SECTOR) + b"2" * SECTOR + b"3" * SECTOR)
    assert disk.digest() != disk.digest(bytes(4 * SECTOR))


@pytest.mark.parametrize("seed", range(8))
def test_a_layout_moves_everything(seed: int) -> None:
    items = recorded([*setup(False), notify(100), read(110, AVAIL), read(120, HEAD), read(130, DATA)]).items
    layout = Layout(items, seed)
    assert layout.region.size == 4 * PAGE
    placed = list(layout.placed(items))
    (head,) = (item for item in placed if isinstance(item, Descriptor))
    data = next(item for item in placed if isinstance(item, Memory) and item.data == b"data")
    written = {item.offset: item.value for item in placed if isinstance(item, Access)}
    assert head.buffer == data.address == layout.place(BUFFER)
    assert layout.region.holds(data.address, 4)
    assert data.address % PAGE == BUFFER % PAGE
    assert written[Reg.QUEUE_DESC_LOW] | written[Reg.QUEUE_DESC_HIGH] << 32 == head.address
    assert layout.place(DRIVER) - layout.place(DESC) == PAGE  # what adjoins stays together


def test_half_an_address_is_told() -> None:
    items = [item for item in recorded(setup(False)).items if getattr(item, "offset", 0) != Reg.QUEUE_DESC_HIGH]
    with pytest.raises(TraceError, match="both halves"):
        list(Layout(items, 1).placed(items))


def test_recordings_are_kept_where_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines.write(tmp_path / keep.FILE, Trace("", "rng", ITEMS, {"chains": "3"}))
    monkeypatch.delenv("RECORD", raising=False)
    keep.keep(tmp_path, "name", "a driver")
    assert list(tmp_path.iterdir()) == [tmp_path / keep.FILE]
    monkeypatch.setenv("RECORD", str(tmp_path / "kept"))
    keep.keep(tmp_path, "name", "a driver")
    assert lines.read(tmp_path / "kept" / "name.txt").title == "a driver"


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_stock_trace_makes_sense(path: Path, tmp_path: Path) -> None:
    trace = lines.read(path)
    assert trace.config in REPLAYED
    assert int(trace.figures["chains"]) > 0
    assert path.stat().st_size < 200_000
    Layout(trace.items, 1)
    lines.write(tmp_path / "again.txt", trace)
    assert (tmp_path / "again.txt").read_text() == path.read_text()


def test_each_driver_and_device_type_has_a_trace() -> None:
    there = {path.stem for path in TRACES}
    assert {f"linux-6.1-{device}-full" for device in ("rng", "blk", "net", "console", "input")} <= there
    assert {f"u-boot-2023.01-arm64-{device}" for device in ("rng", "blk", "net")} <= there
    assert set(REPLAYED) <= set(CONFIGS)
