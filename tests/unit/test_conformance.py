# SPDX-License-Identifier: Apache-2.0
"""Verdicts on requirements and hostile cases from made-up records, the rules that count as reached, and the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cocotbext.virtio import reached
from cocotbext.virtio.events import BusReset, DmaWrite, IrqChange, RegisterRead, RegisterWrite
from cocotbext.virtio.reached import Reached
from cocotbext.virtio.scoreboard import Scoreboard
from cocotbext.virtio.violation import RULES
from tests.bodies import every_body
from tests.conformance.features import feature_names
from tests.conformance.judge import Item, Scope, catalogue, hostile, named, requirements
from tests.conformance.reasons import DEVICES, HOSTILE, OTHERS
from tests.conformance.record import FAILED, PASSED, WEDGED, Finding, Record, leave, read
from tests.conformance.report import Conformance, write
from virtio_model import Rng
from virtio_model.spec import DeviceType, Feature, Reg, features

EVERYTHING = {f"VIRTIO_F_{name}" for name in ("RING_PACKED", "INDIRECT_DESC", "EVENT_IDX", "VERSION_1", "RING_RESET")}
SCOPE = Scope(("rng",), EVERYTHING)
SPLIT, PACKED = features(Feature.VERSION_1), features(Feature.VERSION_1, Feature.RING_PACKED)
BROKEN = Finding("VQ-USED-LEN", "VQ-USED-LEN queue=0 head=3 expected=513 seen=529 cycle=1234", 2, SPLIT)


def of(items: list[Item], name: str) -> Item:
    return next(item for item in items if item.name == name)


def test_rule_that_was_reached_and_not_broken_passes() -> None:
    item = of(requirements([Record("a.b", PASSED, reached={"VQ-USED-LEN": [SPLIT]})], SCOPE), "SPLIT-DEV-007")
    assert (item.verdict, item.tests) == ("pass", ["a.b"])


def test_nothing_seen_is_not_reached() -> None:
    item = of(requirements([Record("a.b", PASSED)], SCOPE), "SPLIT-DEV-007")
    assert item.verdict == "not reached"
    assert "VQ-USED-LEN" in item.reason


def test_split_rings_say_nothing_of_packed_ones() -> None:
    records = [Record("a.b", PASSED, reached={"VQ-USED-WRAP": [SPLIT]})]
    assert of(requirements(records, SCOPE), "PACKED-DEV-004").verdict == "not reached"


def test_broken_rule_fails_its_requirements_with_the_first_evidence() -> None:
    good = Record("a.b", PASSED, reached={"VQ-USED-LEN": [SPLIT]})
    bad = Record("c.d", FAILED, "blk", findings=(BROKEN,), reached=good.reached, around=("DmaWrite(...)",))
    items = requirements([good, bad], SCOPE)
    expected = {"SPLIT-DEV-007", "QUEUE-DEV-002"}  # of its requirements those that are not on packed rings
    for name in expected:
        item = of(items, name)
        assert (item.verdict, item.tests, item.around) == ("fail", ["c.d"], ("DmaWrite(...)",))
        assert item.evidence == f"blk c.d: {BROKEN.text}"
    failed = {item.name for item in items if item.verdict == "fail"}
    assert failed == expected


def test_broken_on_packed_rings_says_nothing_of_split_ones() -> None:
    finding = Finding("VQ-USED-LEN", "text", 1, PACKED)
    items = requirements([Record("c.d", FAILED, findings=(finding,))], SCOPE)
    assert {item.name for item in items if item.verdict == "fail"} == {"PACKED-DEV-011", "QUEUE-DEV-002"}


def test_reached_without_a_feature_says_nothing_of_it() -> None:
    without = Record("a.b", PASSED, reached={"VQ-USED-FLAGS": [SPLIT]})
    assert of(requirements([without], SCOPE), "SPLIT-DEV-042").verdict == "not reached"
    with_it = Record("a.b", PASSED, reached={"VQ-USED-FLAGS": [SPLIT, SPLIT | features(Feature.EVENT_IDX)]})
    assert of(requirements([with_it], SCOPE), "SPLIT-DEV-042").verdict == "pass"


def test_finding_of_a_test_is_not_laid_on_what_the_test_is_about() -> None:
    body = "reset.nothing_happens_after_it"
    items = requirements([Record(body, FAILED, findings=(Finding("AXI-4K", "text", 1, SPLIT),))], SCOPE)
    assert {item.name for item in items if item.verdict in ("fail", "pass")} == set()


def test_failed_test_fails_what_it_names() -> None:
    body = next(body for body in every_body() if body.name == "reset.nothing_happens_after_it")
    items = requirements([Record(body.name, FAILED, message="AssertionError: late")], SCOPE)
    item = of(items, "RESET-DEV-002")
    assert (item.verdict, item.evidence) == ("fail", f"{body.name}: AssertionError: late")


def test_should_is_a_warning() -> None:
    entry = next(e for e in catalogue("requirements.yaml") if e["role"] == "device" and e["level"] == "SHOULD")
    scope = Scope((entry["area"],), {*EVERYTHING, *(entry.get("features") or ())}, {entry["id"]: "`VQ-USED-LEN`"})
    bad = Record("c.d", FAILED, findings=(BROKEN,))
    assert of(requirements([bad], scope), entry["id"]).verdict == "warning"


def test_feature_that_is_not_offered_does_not_apply() -> None:
    item = of(requirements([], Scope(("rng",), {"VIRTIO_F_VERSION_1"})), "PACKED-DEV-004")
    assert item.verdict == "not applicable"
    assert "VIRTIO_F_RING_PACKED" in item.reason


def test_reasons() -> None:
    scope = Scope((), EVERYTHING, {"QUEUE-DEV-001": "elaboration: refused", "FEAT-DEV-006": "does not apply: none"})
    items = requirements([], scope)
    assert of(items, "QUEUE-DEV-001").verdict == "not observable"
    assert of(items, "FEAT-DEV-006").verdict == "not applicable"


def test_hostile_cases() -> None:
    name = "queues.wild_notifications"
    body = next(body for body in every_body() if body.name == name)
    case = next(found for found in named(body.function.__doc__ or "") if found.startswith("HOST-"))
    assert of(hostile([Record(name, PASSED)], SCOPE), case).verdict == "pass"
    assert of(hostile([Record(name, FAILED, message="x")], SCOPE), case).verdict == "fail"
    assert of(hostile([Record(name, WEDGED, message="x")], SCOPE), case).verdict == "wedged"
    assert of(hostile([], SCOPE), case).verdict == "not reached"
    assert of(hostile([], Scope((), (), absent={name: "too small"})), case).verdict == "not applicable"
    assert len(hostile([], SCOPE)) == 120


def test_records_survive_a_file(tmp_path: Path) -> None:
    record = Record("a.b/c", FAILED, "blk", "text", (BROKEN,), {"X": [1, 2], "Y": []}, ("one", "two"))
    leave(record, tmp_path / "e.jsonl")
    leave(record, tmp_path / "e.jsonl")
    assert list(read([tmp_path / "none.jsonl", tmp_path / "e.jsonl"])) == [record, record]


def test_reasons_name_what_exists() -> None:
    ids = {entry["id"] for entry in catalogue("requirements.yaml")}
    ids |= {entry["id"] for entry in catalogue("hostile.yaml")["entries"]}
    bodies = {body.name for body in every_body()}
    modules = {name.partition(".")[0] for name in bodies}
    for name, text in {**OTHERS, **DEVICES, **HOSTILE}.items():
        assert name in ids
        for rule in re.findall(r"`([A-Z0-9]+-[A-Z0-9-]+)`", text):
            assert rule in RULES
        for test in re.findall(r"\b([a-z_]+)\.([a-z_0-9]+)\b", text):
            assert test[0] not in modules or ".".join(test) in bodies


def test_feature_names() -> None:
    assert set(feature_names(DeviceType.BLK, 1 << 32 | 1 << 12)) == {"VIRTIO_F_VERSION_1", "VIRTIO_BLK_F_MQ"}
    assert set(feature_names(DeviceType.RNG, 1 << 34 | 1 << 12)) == {"VIRTIO_F_RING_PACKED"}


def test_every_rule_can_be_reached() -> None:
    source = Path(reached.__file__).read_text()
    assert [rule for rule in RULES if f'"{rule}"' not in source] == []


def test_reached_by_what_was_seen() -> None:
    scoreboard = Scoreboard(Rng(bytes), fail_fast=False)
    seen = Reached(scoreboard)
    events = (
        BusReset(1),
        RegisterRead(2, 3, Reg.MAGIC_VALUE, 0x74726976),
        RegisterWrite(4, 5, Reg.STATUS, 0),
        RegisterRead(6, 7, Reg.STATUS, 0),
        IrqChange(8, True),
        DmaWrite(9, 10, ((0, b"x"),)),
    )
    expected = (set(), {"REG-IDENTITY", "REG-RESP"}, set(), {"REG-STATUS", "REG-RESET"}, {"IRQ-UNDUE"}, {"AXI-STRB"})
    for event, rules in zip(events, expected, strict=True):
        scoreboard.feed(event)
        assert not rules & (seen.rules.keys() - {"REG-RESP"})
        seen.feed(event)
        assert rules <= seen.rules.keys()
        assert all(seen.rules[rule] == {0} for rule in rules)
    assert "DMA-AFTER-RESET" not in seen.rules  # it was not live
    assert "VQ-USED-LEN" not in seen.rules


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The reports of a device with a failure."""
    good = Record("a.b", PASSED, reached={"REG-STATUS": [0]})
    bad = Record("c.d", FAILED, "blk", findings=(BROKEN,), around=("</script><b>",))
    found = requirements([good, bad], SCOPE)
    write(Conformance("dev", 7, 2, found, hostile([], SCOPE)), tmp_path / "c")
    return tmp_path / "c"


def test_json_and_junit_agree(written: Path) -> None:
    content = json.loads(written.with_suffix(".json").read_text())
    assert content["passed"] + content["failed"] + content["skipped"] == len(content["requirements"]) + 120
    cases = list(ET.parse(written.with_suffix(".xml")).getroot().iter("testcase"))
    assert len(cases) == len(content["requirements"]) + 120
    assert sum(case.find("failure") is not None for case in cases) == content["failed"]
    assert sum(case.find("skipped") is not None for case in cases) == content["skipped"]
    assert content["requirement_verdicts"]["fail"] == sum(r["verdict"] == "fail" for r in content["requirements"])


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def shown(page: Path, anchor: str, profile: Path) -> str:
    """The page as a browser makes it."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", f"file://{page}#{anchor}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_page_in_a_browser(written: Path, tmp_path: Path) -> None:
    content = json.loads(written.with_suffix(".json").read_text())
    total = len(content["requirements"]) + 120
    failed = content["requirement_verdicts"]["fail"]
    everything = shown(written.with_suffix(".html"), "", tmp_path / "profile")
    assert f">{total} of {total}<" in everything
    assert "VQ-USED-LEN queue=0 head=3 expected=513" in everything
    assert "&lt;/script&gt;&lt;b&gt;" in everything
    some = shown(written.with_suffix(".html"), "area=&verdict=fail&text=", tmp_path / "profile")
    assert f">{failed} of {total}<" in some
    visible = [row for row in re.findall(r"<tr[^>]*><td>[A-Z0-9]+-[A-Z0-9-]+</td>", some) if "hidden" not in row]
    assert len(visible) == failed
