# SPDX-License-Identifier: Apache-2.0
"""Coverage: points are fed by what was seen on the pins, files are merged, holes are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cocotbext.virtio.events import DmaWrite
from cocotbext.virtio.inflight import Chain
from tests.coverage import code, holes
from virtio_model import Segment
from virtio_model.spec import DeviceType

from .lockstep import BUFFERS, rng_device, scoreboard

HEADER = "# SystemC::Coverage-3\n"


def point(file: str, line: str, count: int) -> str:
    return f"C '\x01f\x02{file}\x01l\x02{line.partition('-')[0]}\x01t\x02line\x01S\x02{line}\x01h\x02top' {count}\n"


def test_counts_are_merged_over_simulations(tmp_path: Path) -> None:
    rtl = tmp_path / "rtl"
    rtl.mkdir()
    (rtl / "a.sv").write_text("1\n2\n3\n4\n")
    one, other = tmp_path / "one.dat", tmp_path / "other.dat"
    # Twice in a simulation, as of two instances; a copy with a fault in it is of the same name elsewhere.
    twice = point("/x/rtl/a.sv", "1-2", 5) + point("/x/rtl/a.sv", "2", 7)
    one.write_text(HEADER + twice + point("/x/tb/hdl/a.sv", "3", 9))
    other.write_text(HEADER + point("rtl/a.sv", "2,4", 1) + point("rtl/a.sv", "3", 0) + point("rtl/gone.sv", "1", 1))
    lines = code.merged([one, other], rtl)
    assert lines == {"a.sv": {1: 5, 2: 8, 3: 0, 4: 1}}
    assert "DA:3,0\n" in code.lcov(lines, "rtl")
    assert "LF:4\nLH:3\n" in code.lcov(lines, "rtl")


def test_what_is_no_coverage_file_is_told() -> None:
    with pytest.raises(ValueError, match="not a coverage file"):
        list(code.points("nothing"))


def database(**hits: int) -> dict[str, Any]:
    return {"virtio": {"size": 2}, "virtio.ring.size": {"bins:_hits": hits}}


def test_holes_are_named_unless_they_are_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert holes.holes(database(small=1, large=0)) == [("ring.size", "large")]
    monkeypatch.setattr(holes, "EXCUSED", {("ring.size", "large"): "there is none"})
    assert holes.holes(database(small=1, large=0)) == []
    assert holes.wrong_excuses(database(small=1, large=0)) == []
    assert holes.wrong_excuses(database(small=1, large=2)) == ["ring.size: large"]
    assert holes.wrong_excuses(database(small=1)) == ["ring.size: large"]


def test_points_are_fed_by_the_scoreboard() -> None:
    pytest.importorskip("cocotb_coverage", reason="cocotb-coverage takes Python 3.11 or later")
    from cocotb_coverage.coverage import coverage_db

    from tests.coverage.points import Points

    def hits(name: str) -> dict[Any, int]:
        return dict(coverage_db[f"virtio.{name}"].detailed_coverage)

    names = ("device", "chain.writable", "chain.dma", "buffer.length", "interrupt.wish", "interrupt.asked")
    before = {name: hits(name) for name in (*names, "cross.asked_and_line")}
    rig = rng_device()
    rig.add([(BUFFERS, 13, True)])
    rig.kick()
    rig.handle_interrupt()
    rig.pass_time(200)
    rig.add([(BUFFERS + 101, 5, True), (BUFFERS + 200, 70, True)], head=2)
    rig.kick()
    board = scoreboard(rig)
    board.attach(Points(DeviceType.RNG, 8))
    for event in rig.events:
        board.feed(event)
    added = {name: {k: n - before[name][k] for k, n in hits(name).items() if n > before[name][k]} for name in before}
    assert added["device"] == {"rng": 2}
    assert added["chain.writable"] == {"1": 1, "2": 1}
    assert added["buffer.length"] == {"4-15": 1, "64-511": 1}
    assert added["chain.dma"] == {"fine": 2}
    assert added["interrupt.wish"] == {"wanted": 2}
    assert added["interrupt.asked"] == {"split: always": 2}
    assert added["cross.asked_and_line"] == {("split: always", "wanted", "low"): 2}


def test_excuses_are_read_from_a_list(tmp_path: Path) -> None:
    path = tmp_path / "excused.yaml"
    path.write_text("- {point: ring.size, bins: [a, 1], reason: there is none}\n")
    assert holes.excuses(path) == {("ring.size", "a"): "there is none", ("ring.size", "1"): "there is none"}
    path.write_text("[]")
    assert holes.excuses(path) == {}
    path.write_text("- {point: ring.size, bins: [a]}\n")
    with pytest.raises(ValueError, match=r"excused.yaml: expected entries of point, bins and reason, seen"):
        holes.excuses(path)


def test_requests_of_device_types_are_told_by_header_and_answer() -> None:
    pytest.importorskip("cocotb_coverage", reason="cocotb-coverage takes Python 3.11 or later")
    from tests.coverage import points

    chain = Chain(0, 0, 0)
    assert points._answer(chain) is None
    for segment in (Segment(0x100, 16, False), Segment(0x200, 8, True), Segment(0x300, 1, True)):
        chain.add(segment)
    assert points._answer(chain) is None
    chain.wrote(0x300, b"\2", DmaWrite(1, 1, ((0x300, b"\2"),)))
    assert points._answer(chain) == 2
