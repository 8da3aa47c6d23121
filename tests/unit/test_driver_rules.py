# SPDX-License-Identifier: Apache-2.0
"""Rules on drivers: each bites, names requirements of the catalogue, and holds for well-behaved drivers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from cocotbext.virtio.check_trace import main
from cocotbext.virtio.driver_rules import (
    RULES,
    DriverChecker,
    PowerUp,
    TraceError,
    Verdict,
    from_events,
    read_trace,
    write_trace,
)
from cocotbext.virtio.driver_rules.layouts import layout
from cocotbext.virtio.driver_rules.table import KEPT
from cocotbext.virtio.driver_rules.trace import Access, IrqLevel
from cocotbext.virtio.events import BusReset, DmaRead, IrqChange, RegisterRead, RegisterWrite
from tests import driver_requirements
from tests.sim.configs import ROOT
from virtio_model.spec import Reg

from .driver_faults import CLEAN, FAULTS, changed, life, steps

TRACES = ROOT / "tests" / "traces"
#: What stock drivers break, and why that is no fault of the rule.
STOCK = {
    "linux-6.1-rng": {
        "DRV-RESET-WAIT": "rmmod: vm_reset of Linux 6.1 does not wait for Status to read 0, QueueSel is written next",
    },
    "linux-6.1-blk": {
        "DRV-RESET-WAIT": "as linux-6.1-rng",
        "DRV-CONFIG-GENERATION": "seg_max is read by itself: Linux brackets only what it reads in several accesses",
    },
    **{
        f"u-boot-2023.01-{kind}": {
            "DRV-RESET-FIRST": "ACKNOWLEDGE is set when the device is bound, and the device reset after that",
            "DRV-STATUS-ORDER": "ACKNOWLEDGE is lost in that reset and not set again: DRIVER comes first",
        }
        for kind in ("blk", "net", "rng")
    },
}


def judged(lines: Sequence[str]) -> DriverChecker:
    checker = DriverChecker()
    checker.feed(steps(lines))
    checker.finish()
    return checker


def broken(verdicts: dict[str, Verdict]) -> set[str]:
    return {name for name, verdict in verdicts.items() if verdict.findings}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_bites_alone(rule: str) -> None:
    checker = judged(FAULTS[rule])
    assert broken(checker.verdicts) == {rule}, "\n".join(map(str, checker.findings()))
    finding = checker.verdicts[rule].findings[0]
    assert str(finding).startswith(f"line {finding.where.split()[1]}: {rule} ({finding.requirements[0]}")
    assert ": expected " in str(finding)
    assert ", seen " in str(finding)
    assert checker.verdicts[rule].word == ("warning" if RULES[rule].should else "failed")


def test_each_rule_has_a_fault() -> None:
    assert set(FAULTS) == set(RULES)


@pytest.mark.parametrize("name", CLEAN)
def test_well_behaved_drivers_break_nothing(name: str) -> None:
    checker = judged(CLEAN[name])
    assert checker.findings() == []


def test_each_rule_can_be_held() -> None:
    reached = {v.rule for lines in CLEAN.values() for v in judged(lines).verdicts.values() if v.word == "passed"}
    assert set(RULES) - reached == set()


def test_rules_name_requirements_of_their_strength() -> None:
    levels = driver_requirements.levels()
    for name, rule in RULES.items():
        assert rule.requirements, name
        assert set(rule.requirements) <= set(levels), name
        should = all(levels[requirement].startswith("SHOULD") for requirement in rule.requirements)
        assert rule.should == should, name


def test_findings_are_counted_not_heaped() -> None:
    verdict = judged([*life(), *["R QueueSel 0"] * 1000]).verdicts["DRV-WRITE-ONLY"]
    assert verdict.broken == 1000
    assert len(verdict.findings) == KEPT


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.txt")), ids=lambda path: path.stem)
def test_stock_drivers(path: Path) -> None:
    checker = DriverChecker()
    checker.feed(read_trace(path))
    checker.finish()
    assert broken(checker.verdicts) == set(STOCK[path.stem])
    assert sum(verdict.word == "passed" for verdict in checker.verdicts.values()) > 20


def test_all_stock_traces_are_there() -> None:
    assert {path.stem for path in TRACES.glob("*.txt")} == set(STOCK)


def test_unknown_device_types_are_judged_by_what_is_common() -> None:
    assert layout(99).fields is None
    assert (
        judged(
            life(99, offered=[3], live=["R ConfigGeneration 0", "R Config+0x40/2 1", "R ConfigGeneration 0"])
        ).findings()
        == []
    )
    assert broken(judged(life(99, offered=[45])).verdicts) == {"DRV-FEATURES-DEFINED"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":0: expected register accesses, seen none"),
        ("# nothing\n", ":1: expected register accesses, seen none"),
        (
            "X 0x000 4 MagicValue 1\n",
            ":1: expected `R|W offset bytes register value`, `IRQ 0|1` or `RESET`, seen `X 0x000",
        ),
        ("R 0x000 4 MagicValue\n", ":1: expected `R|W"),
        ("R zero 4 MagicValue 1\n", ":1: offset expected a number, seen `zero`"),
        ("R 0x1000 4 - 1\n", ":1: offset expected at most 0xfff, seen 0x1000"),
        ("# first\nR 0x000 3 MagicValue 1\n", ":2: bytes expected one of (1, 2, 4, 8) or -, seen 3"),
        ("R 0x004 4 MagicValue 2\n", ":1: offset 0x004 is Version, seen `MagicValue`"),
        ("R 0x100 1 Config+0x0 0x100\n", ":1: value expected at most 0xff, seen 0x100"),
        ("IRQ 2\n", ":1: expected `R|W"),
        (
            "W 0x050 4 QueueNotify 0 # chain head=0 [('0x10', 1)]\n",
            ":1: chain expected [('address', length, 'r'|'w'), ...]",
        ),
        ("W 0x050 4 QueueNotify 0 # chain head=0 [x]\n", ":1: chain expected [('address', length, 'r'|'w'), ...]"),
    ],
)
def test_a_bad_trace_is_told_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    assert main([str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {path}{message}")


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"nowhere\.txt: cannot be read: No such file"):
        read_trace(tmp_path / "nowhere.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match="not a text file"):
        read_trace(tmp_path / "binary")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    written = steps(["RESET", *life(_BLK := 2, live=["IRQ 1", "R Config+0x0/4 1", "R @0x0f0 0"])])
    write_trace(path, written, "a test")
    read = read_trace(path)
    write_trace(tmp_path / "again.txt", read, "a test")
    assert len(read) == len(written)
    assert path.read_text() == (tmp_path / "again.txt").read_text()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, report = tmp_path / "good.txt", tmp_path / "bad.txt", tmp_path / "out" / "report.json"
    write_trace(good, steps(life()), "a driver")
    write_trace(bad, steps(changed(life(), "R Status 0xb")), "another")
    assert main([str(good), "--json", str(report)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    content = json.loads(report.read_text())
    assert last == f"{content['passed']} passed, 0 failed, {content['skipped']} skipped"
    assert content["passed"] + content["skipped"] == len(RULES)
    assert main([str(good), str(bad), "--json", str(report)]) == 1
    out = capsys.readouterr().out
    assert f"{bad}:" in out
    assert "DRV-FEATURES-OK-READ (INIT-DRV-005): expected Status read after FEATURES_OK, seen write of QueueSel" in out
    content = json.loads(report.read_text())
    rule = content["files"][str(bad)]["DRV-FEATURES-OK-READ"]
    assert (rule["verdict"], rule["broken"], rule["level"]) == ("failed", 1, "MUST")
    assert content["failed"] == 1
    assert main([str(good), "--json", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: cannot be written")


def test_events_on_pins() -> None:
    events = [
        BusReset(1),
        RegisterWrite(2, 3, 0x120, 0x5600, 0b0010),
        RegisterRead(4, 5, 0x103, 0x7F00_0000),
        DmaRead(5, 6, 0, b""),
        IrqChange(7, True),
        RegisterWrite(8, 9, Reg.STATUS, 1, 0),
    ]
    power, write, read, irq, nothing = from_events(events)
    assert isinstance(power, PowerUp)
    assert isinstance(write, Access)
    assert (write.offset, write.size, write.value, write.start) == (0x121, 1, 0x56, 2)
    assert isinstance(read, Access)
    assert (read.offset, read.size, read.value) == (0x103, None, 0x7F)
    assert isinstance(irq, IrqLevel)
    assert (irq.level, irq.at) == (True, 7)
    assert isinstance(nothing, Access)
    assert nothing.size == 0


def test_an_acknowledgement_that_had_begun_when_the_line_rose() -> None:
    early = [IrqChange(20, True), RegisterRead(21, 22, Reg.INTERRUPT_STATUS, 1), IrqChange(31, True)]
    for start, rules in ((30, set()), (32, {"DRV-IRQ-CAUSE"})):
        checker = DriverChecker()
        checker.feed(
            [*steps(life(live=())[:-5]), *from_events([*early, RegisterWrite(start, 34, Reg.INTERRUPT_ACK, 1)])]
        )
        assert broken(checker.verdicts) == rules


def test_every_driver_requirement_is_judged_or_explained() -> None:
    assert driver_requirements.missing() == []
    assert driver_requirements.superfluous() == []


def test_page_is_up_to_date() -> None:
    assert driver_requirements.PAGE.read_text() == driver_requirements.page(), (
        "run `python -m tests.driver_requirements`"
    )
