# SPDX-License-Identifier: Apache-2.0
"""`make bench`: its arithmetic, its options, what it makes the raw program from, and that a failure is one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bench import measure, raw
from tests.bench.figures import BARS, BenchError, Figure, Timed, check_bars, check_cycles, speed_figures
from tests.bench.measure import Bench, Request
from tests.sim.selection import UsageError
from virtio_model import spec


def timed(*rates: float, cycles: int = 1000) -> list[Timed]:
    return [Timed(cycles, cycles / rate) for rate in rates]


def test_ratios_are_taken_round_by_round() -> None:
    figures = speed_figures(timed(100, 400, 90), timed(1, 8, 1), timed(200, 500, 900))
    assert figures["sim.fast_cycles_per_s"] == Figure(100, 90, 400, 3)
    # The ratio of the medians would be 100.
    assert figures["sim.fast_vs_axiram"].median == pytest.approx(90)
    assert figures["sim.fast_vs_raw"].rounded() == {"median": 0.5, "min": 0.1, "max": 0.8, "rounds": 3}


def test_rounds_without_a_partner_or_a_value() -> None:
    with pytest.raises(ValueError):
        speed_figures(timed(1, 2), timed(1), timed(1, 2))
    with pytest.raises(ValueError, match="needs a value"):
        Figure.of([])


def test_bars_are_inclusive_and_on_medians() -> None:
    assert set(BARS) <= set(speed_figures(timed(1), timed(1), timed(1)))
    figures = {"sim.fast_vs_axiram": Figure(50, 1, 99, 3), "sim.fast_vs_raw": Figure(0.499, 0.1, 2, 3)}
    assert [check.passed for check in check_bars(figures)] == [True, False]
    assert check_bars({"sim.regression_wall_s": Figure(1e9, 1, 1, 1)}) == []


@pytest.mark.parametrize(
    ("cycles", "passed"),
    [([1000, 1000], True), ([1000, 1020], True), ([1000, 1021], False), ([979, 1000], False)],
)
def test_cycles_apart(cycles: Sequence[int], passed: bool) -> None:
    assert check_cycles(timed(1, 1), [Timed(count, 1.0) for count in cycles]).passed is passed


def test_parse() -> None:
    assert measure.parse({}) == Request(measure.PARTS, 5, 10, 500, 2)
    wanted = measure.parse({"BENCH": "soak, speed", "ROUNDS": "7", "REPEAT": " 3 ", "SOAK": "20", "JOBS": "1"})
    assert wanted == Request(("speed", "soak"), 7, 3, 20, 1)
    for bad in ({"ROUNDS": "4"}, {"ROUNDS": "x"}, {"REPEAT": "-1"}, {"SOAK": "1.5"}, {"BENCH": "all"}):
        with pytest.raises(UsageError, match=next(iter(bad))):
            measure.parse(bad)


def test_rounds_interleave_and_few_have_the_regression() -> None:
    bench = Bench(Request(measure.PARTS, 5, 1, 1, 1))
    assert [step.__name__ for step in bench.steps()] == ["_fast", "_axiram", "_raw", "_soak", "_regression"]
    assert [step.__name__ for step in Bench(Request(("soak",), 1, 1, 1, 1)).steps()] == ["_soak"]


def test_report_counts_what_was_missed() -> None:
    bench = Bench(Request(("speed",), 1, 10, 500, 2), timed={"fast": timed(40), "axiram": timed(1), "raw": timed(50)})
    figures = bench.figures()
    checks = bench.checks(figures)
    assert [check.passed for check in checks] == [True, True, False, True]
    content = measure.content(bench, figures, checks)
    assert content["sim.fast_vs_axiram"] == {"median": 40, "min": 40, "max": 40, "rounds": 1}
    assert (content["passed"], content["failed"], content["cycles"]["raw"]) == (3, 1, [1000])
    assert "sim.soak_chains_per_s" not in content
    json.dumps(content)


def test_measure_fails_with_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(rate: float) -> int:
        bench = [Timed(1000, 1000 / rate)]
        monkeypatch.setattr(Bench, "prepare", lambda self: None)
        monkeypatch.setattr(Bench, "steps", lambda self: [])
        monkeypatch.setattr(Bench, "figures", lambda self: speed_figures(bench, timed(1), timed(100)))
        monkeypatch.setattr(Bench, "checks", lambda self, figures: check_bars(figures))
        monkeypatch.setattr(measure, "BUILD_ROOT", tmp_path)
        return measure.measure(Request(("speed",), 1, 1, 1, 1))

    assert run(100) == 0
    assert run(49) == 1
    assert json.loads((tmp_path / "bench.json").read_text())["failed"] == 2


def test_a_simulation_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "DIRECTORY", tmp_path)
    genuine = subprocess.run

    def replaced(script: str) -> None:
        def run(command: Sequence[str], **options: Any) -> object:
            return genuine([sys.executable, "-c", script, *command[3:]], **options)

        monkeypatch.setattr(measure.subprocess, "run", run)

    replaced("print('VQ-USED-LEN'); raise SystemExit(1)")
    with pytest.raises(BenchError, match=r"x: make sim exited with status 1(?s:.)*VQ-USED-LEN"):
        measure.simulate("x")
    replaced("pass")
    with pytest.raises(BenchError, match="no figures"):
        measure.simulate("x")
    suite = "<testsuite><testcase name='a' time='1.5'/><testcase name='b' time='9'><skipped/></testcase></testsuite>"
    files = f"open(sys.argv[2], 'w').write('{{\"cycles\": 30}}'); open(sys.argv[4], 'w').write({suite!r})"
    replaced(f"import os, sys; assert os.environ['MEM'] == 'fast' and 'VIRTIO_SOAK' not in os.environ; {files}")
    monkeypatch.setenv("VIRTIO_SOAK", "1")
    done = measure.simulate("x", MEM="fast")
    assert (done.tests, done.timed) == (1, Timed(30, 1.5))


def test_plan_reads_every_sector_once() -> None:
    read: list[int] = []
    for line in raw.plan(500).splitlines():
        sector, readable, *rest = map(int, line.split())
        assert sum(rest[:readable]) == spec.BLK_HEADER_BYTES
        writable = rest[readable + 1 :]
        assert len(writable) == rest[readable]
        assert sum(writable) % spec.SECTOR == 1
        read += range(sector, sector + sum(writable) // spec.SECTOR)
    assert read == list(range(500))


def test_header_has_the_standards_numbers() -> None:
    header = raw.header()
    assert f"STATUS = {spec.Reg.STATUS:#x}" in header
    assert "constexpr uint32_t kMagic = 0x74726976;" in header


def test_raw_program_that_fails(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    program = tmp_path / "build" / "raw"
    program.write_text('#!/bin/sh\necho \'{"cycles": 12, "wall_s": 0.5}\'\nexit $((4 - $3))\n')
    program.chmod(0o755)
    assert raw.run(tmp_path, tmp_path / "image", 4, 1) == Timed(12, 0.5)
    with pytest.raises(BenchError, match="exited with status 1"):
        raw.run(tmp_path, tmp_path / "image", 3, 1)
