# SPDX-License-Identifier: Apache-2.0
"""`make synth`: what is asked for, how netlists and reports are read, and how figures are held against their bars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sim.selection import UsageError
from tests.synth import devices, measure, netlist, yosys
from tests.synth.netlist import BLOCK, DISTRIBUTED, Memory, SynthError

#: The memories without which a device is not believed to be one.
WANTED = [Memory(f"u_core.{part}", 64, 8) for part in (*devices.TABLES, *devices.STORES)]
KINDS = {memory.name: BLOCK for memory in WANTED}


def cell(kind: str, **parameters: int) -> dict[str, Any]:
    return {"type": kind, "parameters": {key: f"{value:032b}" for key, value in parameters.items()}}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_devices_are_chosen_in_their_order() -> None:
    assert measure.parse({}) == list(devices.DEVICES)
    assert measure.parse({"SYNTH": "wide, small"}) == ["small", "wide"]
    with pytest.raises(UsageError, match="unknown SYNTH 'huge', there are: small, default, wide"):
        measure.parse({"SYNTH": "small,huge"})


def test_tops_and_parameters_are_those_of_the_rtl() -> None:
    for device in devices.DEVICES.values():
        text = (measure.ROOT / "rtl" / f"{device.top}.sv").read_text()
        assert all(f" {name} =" in text for name in device.parameters)
        (first, *_) = yosys.passes("ecp5", device.top, Path("d"), ["A=1", "B=2"])
        assert first.startswith(f"read_slang --top {device.top} -DSYNTHESIS=1 -G A=1 -G B=2 rtl/virtio_pkg.sv ")
        assert "tb/" not in first


def test_cells_are_counted_by_type(tmp_path: Path) -> None:
    cells = {"a": cell("LUT4"), "b": cell("LUT4"), "c": cell("TRELLIS_FF"), "d": cell("CCU2C"), "e": cell("OTHER")}
    path = write(tmp_path / "n.json", {"modules": {"top": {"cells": cells}}})
    found = netlist.count(netlist.read_cells(path, "top"), netlist.ECP5)
    assert found == {"lut4": 2, "carry": 1, "ff": 1, "distributed_ram": 0, "block_ram": 0}
    assert netlist.read_cells(path, "another") == {}


def test_unreadable_reports_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "none.json"):
        with pytest.raises(SynthError, match=name):
            netlist.read_cells(tmp_path / name, "top")


def test_memories_and_what_became_of_them() -> None:
    before = {
        "u_a.mem": cell("$mem_v2", SIZE=256, WIDTH=97, WR_PORTS=1),
        "u_t.q": cell("$mem_v2", SIZE=2, WIDTH=32, WR_PORTS=3),
    }
    assert netlist.memories(before) == [Memory("u_a", 256, 97), Memory("u_t.q", 2, 32, 3)]
    after = {
        "u_a.mem.0.0": cell("DP16KD"),
        "u_a.mem.0.1": cell("DP16KD"),
        "u_t.g_word[0].mem.1.0": cell("TRELLIS_DPR16X4"),
        "u_t.slot_q.0.0": cell("TRELLIS_DPR16X4"),
        "u_t.x": cell("LUT4"),
    }
    assert netlist.ram_kinds(after) == {"u_a": BLOCK, "u_t.g_word[0]": DISTRIBUTED, "u_t.slot_q": DISTRIBUTED}


def test_memories_belong_in_ram_by_their_depth() -> None:
    shallow, deep = Memory("s", devices.SHALLOW_WORDS, 8), Memory("d", devices.SHALLOW_WORDS + 1, 8)
    good = {**KINDS, "s": DISTRIBUTED, "d": BLOCK}
    assert netlist.misplaced([*WANTED, shallow, deep, Memory("one word", 1, 8), Memory("reset", 4, 8, 5)], good) == []
    (line,) = netlist.misplaced([*WANTED, deep], {**KINDS, "d": DISTRIBUTED})
    assert line == "d: 33 x 8 bit: expected block RAM, seen distributed"
    (line,) = netlist.misplaced([*WANTED, shallow], KINDS)
    assert line == "s: 32 x 8 bit: expected distributed RAM, seen flip-flops"


def test_memories_that_are_not_there_at_all_are_missed() -> None:
    expected = [f"{devices.TABLES[0]}: expected a memory, seen none"]
    assert netlist.misplaced(WANTED[1:], KINDS) == expected
    reset = Memory(WANTED[0].name, 2, 32, write_ports=3)
    assert netlist.misplaced([reset, *WANTED[1:]], KINDS) == expected


def test_fmax_is_the_median(tmp_path: Path) -> None:
    def report(name: str, *rates: float) -> Path:
        return write(tmp_path / name, {"fmax": {f"c{i}": {"achieved": rate} for i, rate in enumerate(rates)}})

    assert netlist.median_fmax([report("1", 90.0), report("2", 120.04), report("3", 101.26)]) == 101.3
    with pytest.raises(SynthError, match="two: expected one clock, seen 2"):
        netlist.median_fmax([report("two", 1.0, 2.0)])
    with pytest.raises(SynthError, match="no report"):
        netlist.median_fmax([])


def test_bars_are_inclusive_and_named() -> None:
    figures = {**devices.MOST, **devices.LEAST}
    names = list(devices.DEVICES)
    assert all(check.passed for check in measure.bars(figures, names))
    worse = {key: value + 1 for key, value in devices.MOST.items()}
    worse |= {key: value - 0.1 for key, value in devices.LEAST.items()}
    found = measure.bars(worse, names)
    assert len(found) == len(figures)
    assert not any(check.passed for check in found)
    assert "default.lut4 6001, at most 6000" in [check.text for check in found]
    assert "default.fmax_mhz: not measured" in [check.text for check in measure.bars({}, names)]
    assert measure.bars({}, ["small"]) == []


def test_table_for_the_readme() -> None:
    text = measure.markdown({"default.lut4": 5000, "default.fmax_mhz": 101.5}, ["default"])
    header, rule, row = text.splitlines()
    assert header.startswith("| Device |  | LUT4 | carry | FF |")
    assert rule.count("---:") == len(measure.COLUMNS)
    assert row.startswith("| default | blk, 2 queues, 64 bit | 5000 | - |")
    assert " 101.5 " in row


def test_a_tool_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"t.log: status 3\nit broke"):
        measure.run(["sh", "-c", "echo it broke; exit 3"], tmp_path / "t.log", tmp_path)
    with pytest.raises(SynthError, match="no-such-tool"):
        measure.run(["no-such-tool"], tmp_path / "t.log", tmp_path)
