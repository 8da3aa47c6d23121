# SPDX-License-Identifier: Apache-2.0
"""Builds with another main program, and the comparison of the two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import configs, mains, runner, toolchain
from tests.sim.configs import Plan
from tests.sim.results import FAILED, PASSED, CaseResult, RunResult
from tests.sim.selection import Run
from tests.sim.verilator import replaced

EDGE = CaseResult("edge", PASSED, sim_time_ns=100.0)
LOG = """     -.--ns INFO     gpi         VPI support registered
     5.00ns DEBUG    virtio.tap  RegisterRead(cycle=1)
    10.00ns INFO     cocotb.regression  edge passed
            ** edge  PASS  10.00  0.01 **
"""


def result(tmp_path: Path, name: str, *tests: CaseResult, log: str = LOG, **figures: object) -> RunResult:
    directory = tmp_path / name
    directory.mkdir(parents=True)
    (directory / "sim.log").write_text(log)
    return RunResult(Run("verilator", "rng", Plan("m", ("rng",))), 7, directory, list(tests), figures=dict(figures))


def test_same_runs_do_not_differ(tmp_path: Path) -> None:
    other_wall_time = LOG.replace("0.01 **", "0.02 **").replace("registered", "there")
    native = result(tmp_path, "a", CaseResult("edge", PASSED, sim_time_ns=100.0, wall_s=1.0), log=other_wall_time)
    assert mains.differences(native, result(tmp_path, "b", EDGE)) == []


@pytest.mark.parametrize(
    ("test", "log", "figures", "said"),
    [
        (CaseResult("edge", PASSED, sim_time_ns=100.001), LOG, {}, "edge: 100.001 ns on native, 100.0 ns on cocotb"),
        (
            CaseResult("edge", FAILED, "early", sim_time_ns=100.0),
            LOG,
            {},
            "edge: failed on native, passed on cocotb: early",
        ),
        (EDGE, LOG, {"x": 1}, "figures: {'x': 1} on native, {} on cocotb"),
        (
            EDGE,
            LOG.replace("cycle=1", "cycle=2"),
            {},
            "first different message: '5.00ns DEBUG    virtio.tap  RegisterRead(cycle=2)'",
        ),
        (EDGE, LOG.rsplit("    10.00ns", 1)[0], {}, "first different message: None on native"),
    ],
)
def test_difference_is_named(tmp_path: Path, test: CaseResult, log: str, figures: dict[str, object], said: str) -> None:
    found = mains.differences(result(tmp_path, "a", test, log=log, **figures), result(tmp_path, "b", EDGE))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_test_that_is_missing_or_fails_twice_is_named(tmp_path: Path) -> None:
    failed = CaseResult("edge", FAILED, "late")
    assert mains.differences(result(tmp_path, "a", failed), result(tmp_path, "b", failed)) == [
        "edge: failed on both: late"
    ]
    assert mains.differences(result(tmp_path, "c"), result(tmp_path, "d", EDGE)) == ["edge: ran on cocotb only"]


def test_compared_modules_run_on_that_configuration() -> None:
    plans = {plan.module: plan for plan in configs.PLANS}
    assert all(mains.CONFIG in plans[module].configs for module, _ in mains.RUNS)


def test_builds_are_apart() -> None:
    native, stock = (runner.Session(seed=1, main=main, waves=True) for main in ("native", "cocotb"))
    assert native.directory("verilator", "blk").name == "verilator-blk-waves"
    assert stock.directory("verilator", "blk").name == "verilator-blk-waves-cocotb-main"
    assert stock.directory("icarus", "blk") == native.directory("icarus", "blk")
    source = toolchain.main_source("verilator", "native")
    assert source is not None
    assert source.exists()
    assert toolchain.main_source("verilator", "cocotb") is toolchain.main_source("icarus", "cocotb") is None


def test_repeat_names_the_main_program(tmp_path: Path) -> None:
    run = result(tmp_path, "a", EDGE)
    assert "MAIN" not in run.repeat(EDGE)
    run.main = "cocotb"
    assert run.repeat(EDGE) == "make sim TEST=m.edge CONFIG=rng SEED=7 MAIN=cocotb"


def test_main_program_takes_the_place_of_cocotbs() -> None:
    commands = [["verilator", "main.cpp", "a.sv"], ["make"]]
    assert replaced(commands, "main.cpp", ("-x", "own.cpp")) == [["verilator", "-x", "own.cpp", "a.sv"], ["make"]]
    with pytest.raises(RuntimeError, match=r"does not build other\.cpp"):
        replaced(commands, "other.cpp", ())
