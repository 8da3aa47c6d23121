# SPDX-License-Identifier: Apache-2.0
"""The runner that judges all other tests: whatever ends a simulation early, or silently, must be a failure."""

from __future__ import annotations

import json
import os
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests import everything
from tests.sim import configs, disk, regress, report, results, runner, selection, toolchain
from tests.sim.configs import Plan
from tests.sim.process import Outcome, execute
from tests.sim.results import FAILED, PASSED, SKIPPED, WHOLE_RUN, CaseResult, RunResult
from tests.sim.selection import Run, UsageError

RNG = Plan("test_rng", configs=("rng", "rng32"), icarus=("rng",), figures={"filled": "fill"})
BLK = Plan("test_blk", configs=("blk",))
TESTS = {"test_rng": ["fill", "reset/when=early", "reset/when=late"], "test_blk": ["test_mount"]}
RESULTS = """<testsuites><testsuite name="m">
<testcase name="fill" classname="tests.sim.test_rng" time="0.5"><properties>
<property name="sim_time_duration" value="1230.0"/></properties></testcase>
<testcase name="reset" classname="tests.sim.test_rng">
<failure message="VQ-USED-LEN queue=0">Traceback</failure></testcase>
<testcase name="later" classname="tests.sim.test_rng"><skipped/></testcase>
</testsuite></testsuites>"""


def select(**request: str) -> list[str]:
    runs = selection.select([RNG, BLK], request.pop("sim", "verilator"), TESTS, **request)
    return [f"{run.name}{''.join(' ' + name.rsplit('.', 1)[-1] for name in run.only)}" for run in runs]


def finished(tmp_path: Path, script: str, timeout_s: float = 20) -> RunResult:
    """Judge a stand-in for a simulator: a Python script whose working directory is that of the run."""
    result = RunResult(Run("verilator", "rng", RNG), 7, tmp_path)
    outcome = execute([sys.executable, "-c", script], result.log, timeout_s, cwd=tmp_path)
    runner.collect(result, outcome)
    return result


def result_of(tmp_path: Path, *tests: CaseResult, **figures: object) -> RunResult:
    return RunResult(Run("verilator", "rng", RNG), 7, tmp_path, list(tests), figures=dict(figures))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["test_rng[rng]", "test_rng[rng32]", "test_blk[blk]"]),
        ({"sim": "icarus"}, ["test_rng[rng]"]),
        ({"test": "rng"}, ["test_rng[rng]", "test_rng[rng32]"]),
        ({"test": "test_rng", "config": "rng32"}, ["test_rng[rng32]"]),
        ({"test": "fill", "config": "rng"}, ["test_rng[rng] fill"]),
        ({"test": "rng.reset", "config": "rng"}, ["test_rng[rng] reset/when=early reset/when=late"]),
        ({"test": "reset/when=late", "config": "rng"}, ["test_rng[rng] reset/when=late"]),
        ({"test": "mount"}, ["test_blk[blk]"]),
        ({"test_filter": "late$", "config": "rng"}, ["test_rng[rng] reset/when=late"]),
    ],
)
def test_select(request_: dict[str, str], expected: list[str]) -> None:
    assert select(**request_) == expected


def test_unknown_names_list_what_exists() -> None:
    with pytest.raises(UsageError, match=r"unknown TEST 'nope', there are rng, blk; `make list`"):
        select(test="nope")
    with pytest.raises(UsageError, match="unknown SIM 'vcs', there are: verilator, icarus"):
        regress.parse({"SIM": "vcs"})
    with pytest.raises(UsageError, match="unknown CONFIG 'x', there are: rng,"):
        regress.parse({"CONFIG": "x"})
    with pytest.raises(UsageError, match="unknown MAIN 'x', there are: native, cocotb"):
        regress.parse({"MAIN": "x"})
    with pytest.raises(UsageError, match="MAIN=native: icarus has no such main program"):
        regress.parse({"MAIN": "native", "SIM": "icarus"})
    with pytest.raises(UsageError, match="no test runs with TEST=mount SIM=icarus"):
        select(test="mount", sim="icarus")
    for bad in ({"SEED": "-1"}, {"JOBS": "0"}, {"WAVES": "maybe"}, {"COCOTB_TEST_FILTER": "("}, {"DISK_WRITE": "1"}):
        with pytest.raises(UsageError):
            regress.parse(bad)


def test_seed_from_either_variable() -> None:
    assert regress.parse({"COCOTB_RANDOM_SEED": "5"}).seed == 5
    assert regress.parse({"COCOTB_RANDOM_SEED": "5", "SEED": "6"}).seed == 6
    assert regress.parse({}).seed != regress.parse({}).seed


def test_main_program_by_default() -> None:
    assert regress.parse({}).main == "native"
    assert regress.parse({"MAIN": "cocotb"}).main == "cocotb"
    assert regress.parse({"SIM": "icarus"}).main == regress.parse({"SIM": "icarus", "MAIN": "cocotb"}).main == "cocotb"


def test_module_that_cannot_be_imported_still_runs() -> None:
    assert [run.name for run in selection.select([BLK], "verilator", {})] == ["test_blk[blk]"]


def test_filter_regex_is_exact() -> None:
    assert selection.filter_regex(["a.b/n=1"]) == r"^(?:a\.b/n=1)$"
    assert selection.filter_regex([]) == ""


def test_reads_verdicts_times_and_messages(tmp_path: Path) -> None:
    result = finished(tmp_path, f"open('results.xml', 'w').write({RESULTS!r})")
    assert [(t.name, t.verdict, t.cycles) for t in result.tests] == [
        ("fill", PASSED, 123),
        ("reset", FAILED, 0),
        ("later", SKIPPED, 0),
    ]
    assert result.tests[1].message == "VQ-USED-LEN queue=0"


def test_hang_is_killed_with_its_children(tmp_path: Path) -> None:
    script = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("child", "w").write(str(child.pid))
print("cocotb.regression   tests.sim.test_rng.fill passed")
print("cocotb.regression   running tests.sim.test_rng.reset (2/3)", flush=True)
time.sleep(600)
"""
    start = time.monotonic()
    result = finished(tmp_path, script, timeout_s=2)
    assert time.monotonic() - start < 20
    assert [(t.name, t.verdict) for t in result.tests] == [("fill", PASSED), ("reset", FAILED)]
    assert result.tests[-1].message == "no end after 2 s, killed"
    child = Path(f"/proc/{(tmp_path / 'child').read_text()}/stat")
    for _ in range(100):
        if not child.exists() or child.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the simulator's child is still there")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.abort()", "simulator crashed with SIGABRT and left no results.xml"),
        ("raise SystemExit(128 + 11)", "simulator crashed with SIGSEGV and left no results.xml"),
        ("pass", "simulator exited with status 0 and left no results.xml"),
        ("raise ValueError('x')", "simulator exited with status 1 and left no results.xml: ValueError: x"),
        ("open('results.xml', 'w').write('<testsuites>')", "simulator exited with status 0 and left no results.xml"),
        ("open('results.xml', 'w').write('<testsuites/>')", "no test ran"),
    ],
)
def test_silence_is_failure(tmp_path: Path, script: str, message: str) -> None:
    result = finished(tmp_path, script)
    assert [(t.name, t.verdict, t.message) for t in result.tests] == [(WHOLE_RUN, FAILED, message)]


@pytest.mark.parametrize(
    "ending",
    [
        "raise SystemExit(3)",
        "print('ERROR: /x/rtl/a.sv:12: m_axi_wlast early')",
        "open('figures.json', 'w').write('[')",
    ],
)
def test_passing_tests_do_not_hide_a_failing_process(tmp_path: Path, ending: str) -> None:
    passing = '<testsuites><testsuite><testcase name="fill"/></testsuite></testsuites>'
    result = finished(tmp_path, f"open('results.xml', 'w').write({passing!r}); {ending}")
    assert results.counts([result]) == {PASSED: 1, FAILED: 1, SKIPPED: 0}


def test_broken_build_fails_every_run(tmp_path: Path) -> None:
    (tmp_path / "build.log").write_text("%Error: syntax\n")
    built = runner.Build(tmp_path, "build exited with status 1", tmp_path / "build.log")
    result = runner.run(Run("verilator", "rng", RNG), built, runner.Session(seed=1, root=tmp_path))
    assert results.counts([result])[FAILED] == 1
    assert "%Error: syntax" in report.failures([result])


def test_build_runs_again_only_when_its_inputs_change(tmp_path: Path) -> None:
    source = tmp_path / "a.sv"
    source.write_text("module a; endmodule\n")
    first = runner.digest([source], {"waves": False})
    assert runner.digest([source], {"waves": False}) == first
    assert runner.digest([source], {"waves": True}) != first
    source.write_text("module b; endmodule\n")
    assert runner.digest([source], {"waves": False}) != first


@pytest.mark.parametrize(
    ("passed", "failed", "skipped", "line", "code"),
    [
        (3, 0, 0, "3 passed, 0 failed", 0),
        (3, 1, 2, "3 passed, 1 failed, 2 skipped", 1),
        (0, 0, 1, "0 passed, 0 failed, 1 skipped", 1),
    ],
)
def test_closing_line(passed: int, failed: int, skipped: int, line: str, code: int) -> None:
    assert results.closing_line(passed, failed, skipped) == line
    assert results.exit_code(passed, failed) == code


def test_junit_has_seed_and_command(tmp_path: Path) -> None:
    result = result_of(
        tmp_path, CaseResult("reset/when=late", FAILED, "VQ\x1b[0m", "Traceback"), CaseResult("fill", PASSED)
    )
    results.write_junit([result], tmp_path / "junit.xml")
    root = ET.parse(tmp_path / "junit.xml").getroot()
    failure = root.find(".//failure")
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert failure is not None
    assert failure.text is not None
    assert "seed=7" in failure.text
    assert "make sim TEST=rng.reset/when=late CONFIG=rng SEED=7" in failure.text


def test_figures(tmp_path: Path) -> None:
    fill, failed_fill, other = CaseResult("fill", PASSED), CaseResult("fill", FAILED), CaseResult("reset", PASSED)
    merge = results.merge_figures
    assert merge([result_of(tmp_path, fill, filled=True, bytes=3)]) == {"filled": True, "bytes": 3}
    assert merge([result_of(tmp_path, failed_fill, filled=True)]) == {"filled": False}
    assert merge([result_of(tmp_path, fill)]) == {"filled": False}
    assert merge([result_of(tmp_path, CaseResult(WHOLE_RUN, FAILED))]) == {"filled": False}
    assert merge([result_of(tmp_path, other)]) == {}
    two = [result_of(tmp_path, fill, filled=False), result_of(tmp_path, fill, filled=True)]
    assert merge(two) == {"filled": False}
    assert results.summary(two, seed=7, sim="verilator", wall_s=1.0)["passed"] == 2


def test_figures_file_is_read(tmp_path: Path) -> None:
    figures = json.dumps({"filled": True})
    script = f"open('results.xml', 'w').write({RESULTS!r}); open('figures.json', 'w').write({figures!r})"
    assert finished(tmp_path, script).figures == {"filled": True}


def test_disk_is_copied_unless_written_in_place(tmp_path: Path) -> None:
    image = tmp_path / "user.img"
    image.write_bytes(bytes(1024))
    (tmp_path / "run").mkdir()
    assert disk.user_disk(str(image), write=False).place(tmp_path / "run") == tmp_path / "run" / "disk.img"
    assert disk.user_disk(str(image), write=True).place(tmp_path / "run") == image
    with pytest.raises(UsageError, match="no such file"):
        disk.user_disk(str(tmp_path / "nope"), write=False)


def test_disk_of_any_length_is_served_as_whole_sectors(tmp_path: Path) -> None:
    image = tmp_path / "user.img"
    image.write_bytes(b"x" * 700)
    (tmp_path / "run").mkdir()
    image.chmod(0o444)
    placed = disk.user_disk(str(image), write=False).place(tmp_path / "run")
    assert placed.read_bytes() == b"x" * 700 + bytes(324)
    assert placed.stat().st_mode & 0o200, "the copy is writable although the file is not"
    with pytest.raises(UsageError, match="whole sectors"):
        disk.user_disk(str(image), write=True)


def test_only_the_disk_module_serves_the_users_disk(tmp_path: Path) -> None:
    ours, users = disk.Disk(tmp_path / "ours"), disk.Disk(tmp_path / "users", in_place=True)
    session = runner.Session(seed=1, disk=ours, users_disk=users)
    plans = {plan.module: plan for plan in configs.PLANS}
    assert session.disk_of(selection.Run("verilator", "blk", plans["test_disk"])) is users
    assert session.disk_of(selection.Run("verilator", "blk", plans["test_blk"])) is ours
    assert session.disk_of(selection.Run("verilator", "rng", plans["test_rng"])) is None


def test_disk_without_mke2fs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    made = disk.docs_disk(tmp_path, tmp_path / "disk.img")
    assert "make deps" in made.note
    assert made.base.read_bytes()[512:520] == (1).to_bytes(8, "little")


def test_children_do_not_inherit_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAKEFLAGS", "WAVES", "TEST"):
        monkeypatch.setenv(name, "1")
    env = toolchain.environment()
    assert not {"MAKEFLAGS", "WAVES", "TEST"} & env.keys()
    assert env["PATH"].split(os.pathsep)[0] == str(Path(env["VERILATOR_ROOT"]) / "bin")


def test_missing_icarus_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UsageError, match="make deps"):
        toolchain.check_available("icarus")


def test_every_plan_names_configurations_that_exist() -> None:
    for plan in configs.PLANS:
        assert set(plan.configs) | set(plan.icarus) <= set(configs.CONFIGS), plan.module


def test_every_module_is_planned() -> None:
    files = {path.stem for path in Path(runner.__file__).parent.glob("test_*.py")}
    assert files == {plan.module for plan in configs.PLANS}


def test_outcome_reads_as_a_sentence() -> None:
    assert str(Outcome(-11, 1.0)) == "crashed with SIGSEGV"
    assert str(Outcome(2, 1.0)) == "exited with status 2"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", {PASSED: 0, FAILED: 1, SKIPPED: 0}),
        ("raise SystemExit(2)", {PASSED: 0, FAILED: 1, SKIPPED: 0}),
        ("import os; os.abort()", {PASSED: 0, FAILED: 1, SKIPPED: 0}),
        ("import time; time.sleep(60)", {PASSED: 0, FAILED: 1, SKIPPED: 0}),
        ("REPORT(3, 0)", {PASSED: 3, FAILED: 0, SKIPPED: 0}),
        ("REPORT(3, 0); raise SystemExit(1)", {PASSED: 3, FAILED: 1, SKIPPED: 0}),
        ("REPORT(3, 2); raise SystemExit(1)", {PASSED: 3, FAILED: 2, SKIPPED: 0}),
        ("REPORT(0, 0)", {PASSED: 0, FAILED: 1, SKIPPED: 0}),
    ],
)
def test_a_leg_without_a_good_report_fails(tmp_path: Path, script: str, expected: dict[str, int]) -> None:
    path = tmp_path / "leg.json"
    prelude = f"""
import json
def REPORT(passed, failed):
    json.dump(dict(passed=passed, failed=failed, skipped=0), open({str(path)!r}, "w"))
"""
    leg = everything.Leg("leg", (sys.executable, "-c", prelude + script), path, timeout_s=3)
    assert everything.run_leg(leg, os.environ) == expected


def test_junit_of_pytest_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "unit.xml"
    path.write_text('<testsuites><testsuite tests="9" failures="1" errors="1" skipped="2"/></testsuites>')
    assert everything.read_counts(path) == {PASSED: 5, FAILED: 2, SKIPPED: 2}
