# SPDX-License-Identifier: Apache-2.0
"""Failed tests run again with waveforms: which, from where to where, and what is said of what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sim import failure_times, gtkwave, regress, report, rerun, results, runner, toolchain
from tests.sim.configs import Plan
from tests.sim.disk import Disk
from tests.sim.rerun import Wanted
from tests.sim.results import FAILED, PASSED, SKIPPED, WHOLE_RUN, CaseResult, RunResult
from tests.sim.selection import Run, UsageError

PLAN = Plan("test_rng", configs=("rng",))
RESULTS = """<testsuites><testsuite name="m">
<testcase name="fill" time="0.5"><properties><property name="sim_time_stop" value="1000.0"/>
<property name="sim_time_duration" value="1000.0"/></properties></testcase>
<testcase name="reset" time="0.5"><properties><property name="sim_time_stop" value="5000.02"/>
<property name="sim_time_duration" value="4000.01"/></properties><failure message="VQ-DATA"/></testcase>
<testcase name="later" time="0.5"><properties><property name="sim_time_stop" value="6000.0"/>
<property name="sim_time_duration" value="999.0"/></properties><failure message="no cycle"/></testcase>
<testcase name="lost"><failure message="simulator ended before"/></testcase>
</testsuite></testsuites>"""

Seen = Callable[[RunResult], Sequence[CaseResult]]


def failed(
    name: str, failed_ns: float | None = 40_000, stop_ns: float = 47_000, sim_time_ns: float = 34_499.97
) -> CaseResult:
    return CaseResult(name, FAILED, f"{name} is wrong", sim_time_ns=sim_time_ns, stop_ns=stop_ns, failed_ns=failed_ns)


def run_of(tmp_path: Path, *tests: CaseResult, config: str = "rng") -> RunResult:
    return RunResult(Run("verilator", config, PLAN), 7, tmp_path / config, list(tests))


class FakeRunner:
    """Stands in for building and running; `seen` are the tests that come of running again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seen: Seen, windows: bool = True) -> None:
        self.seen = seen
        self.runs: list[tuple[Run, runner.Session, list[str]]] = []
        self.said: list[str] = []
        monkeypatch.setattr(runner, "build", lambda sim, config, session, memory: runner.Build(session.root))
        monkeypatch.setattr(runner, "run", self._run)
        monkeypatch.setattr(runner.Session, "traces_windows", lambda session, sim: windows)

    def _run(self, run: Run, built: runner.Build, session: runner.Session, plusargs: Sequence[str] = ()) -> RunResult:
        self.runs.append((run, session, list(plusargs)))
        result = RunResult(run, session.seed, runner.run_directory(run, session))
        result.tests += self.seen(result)
        return result

    def repeat(self, outcomes: Sequence[RunResult], tmp_path: Path, wanted: Wanted | None = None) -> None:
        session = runner.Session(seed=7, root=tmp_path)
        rerun.repeat_failures(outcomes, session, wanted or Wanted(), 2, self.said.append)


def the_same(result: RunResult) -> list[CaseResult]:
    names = [name.rsplit(".", 1)[-1] for name in result.run.only]
    return [failed(name) if name == "reset/when=late" else CaseResult(name, PASSED) for name in names]


def test_first_bad_event_is_that_of_the_test_it_was_noted_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.xml").write_text(RESULTS)
    monkeypatch.setenv("VIRTIO_FAILURES", str(tmp_path / failure_times.FILE))
    failure_times.note(900, 800)  # of a test that passed all the same, as planted faults do
    failure_times.note(4990, 4321)
    failure_times.note(4995, 4990)
    tests = results.read_results(tmp_path / "results.xml")
    failure_times.assign(tests, tmp_path)
    assert [(test.name, test.failed_ns) for test in tests] == [
        ("fill", None),
        ("reset", 4321),
        ("later", 6000.0),
        ("lost", None),
    ]


def test_half_written_notes_are_none(tmp_path: Path) -> None:
    (tmp_path / failure_times.FILE).write_text("[[1, 2], [3")
    assert failure_times.read(tmp_path / failure_times.FILE) == []


def test_runs_up_to_the_last_failure_with_a_window_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_of(
        tmp_path,
        CaseResult("fill", PASSED, stop_ns=9_000),
        CaseResult("skipped", SKIPPED),
        failed("reset/when=early", 12_000, 12_500.02, 3_500.01),
        failed("reset/when=late"),
        CaseResult("after", PASSED, stop_ns=99_000),
        failed(WHOLE_RUN, None, 0),
    )
    fake = FakeRunner(monkeypatch, the_same)
    fake.repeat([first], tmp_path, Wanted(before_us=20))
    [(run, session, plusargs)] = fake.runs
    assert run.only == tuple(f"tests.sim.test_rng.{name}" for name in ("fill", "reset/when=early", "reset/when=late"))
    assert (session.seed, session.waves) == (7, True)
    directory = tmp_path / "verilator-rng-waves" / "test_rng"
    suffix = Path(toolchain.wave_file("verilator")).suffix
    assert plusargs == [
        f"+virtio_trace={directory}/reset-when=early{suffix}@9000.01-12500.02",
        f"+virtio_trace={directory}/reset-when=late{suffix}@20000-45000",
    ]
    assert "passed: this is not deterministic" in first.tests[2].rerun
    assert "first bad event at 40000 ns: seen again at the same time" in first.tests[3].rerun
    assert f"{directory.name}/reset-when=late{suffix}" in first.tests[3].rerun
    assert first.tests[5].rerun == "none, not run again: the simulation ended without telling its time"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (failed("fill"), "seen again at the same time"),
        (failed("fill", 40_010), "NOT SEEN AGAIN as it was, but at 40010 ns: this is not deterministic"),
        (failed("fill", stop_ns=47_010), "NOT SEEN AGAIN as it was, but at 40000 ns"),
        (CaseResult("fill", PASSED), "NOT SEEN AGAIN, it passed: this is not deterministic"),
        (CaseResult("fill", FAILED, "no end after 9 s, killed"), "ended otherwise: no end after 9 s, killed"),
        (CaseResult(WHOLE_RUN, FAILED, "build exited with status 1\nmore"), "otherwise: build exited with status 1"),
    ],
)
def test_says_whether_it_was_seen_again(tmp_path: Path, outcome: CaseResult, said: str) -> None:
    verdict = rerun.compare(failed("fill"), run_of(tmp_path, outcome))
    assert said in verdict
    assert "\n" not in verdict


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [run_of(tmp_path, failed("fill"), config=config) for config in ("rng", "rng32", "blk", "blk32")]
    fake = FakeRunner(monkeypatch, the_same)
    fake.repeat(broken, tmp_path, Wanted(runs=2))
    assert sorted(run.config for run, _, _ in fake.runs) == ["rng", "rng32"]
    assert fake.said[0] == "running 2 failed runs again with waveforms (of 4; RERUN=n sets how many, RERUN=0 none)"
    fake.runs.clear()
    fake.repeat(broken, tmp_path, Wanted(runs=0))
    rerun.repeat_failures(broken, runner.Session(seed=7, root=tmp_path, waves=True), Wanted(), 1, fake.said.append)
    assert not fake.runs


def test_nothing_is_run_again_where_no_time_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRunner(monkeypatch, the_same)
    died, unbuilt = run_of(tmp_path, failed(WHOLE_RUN, None)), run_of(tmp_path, failed(WHOLE_RUN, None))
    unbuilt.log = tmp_path / "build.log"
    fake.repeat([run_of(tmp_path, CaseResult("fill", PASSED)), died, unbuilt], tmp_path)
    assert not fake.runs
    assert not fake.said
    assert "without telling its time" in died.tests[0].rerun
    assert unbuilt.tests[0].rerun == ""


def test_without_windows_the_whole_run_is_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = run_of(tmp_path, failed("fill")), run_of(tmp_path, failed("fill", 1e9, 1e9), config="rng32")
    fake = FakeRunner(monkeypatch, the_same, windows=False)
    fake.repeat([short, long], tmp_path)
    assert [(run.config, plusargs) for run, _, plusargs in fake.runs] == [("rng", [])]
    assert "the whole run, first bad event" in short.tests[0].rerun
    assert toolchain.wave_file("verilator") in short.tests[0].rerun
    assert long.tests[0].rerun == "none, not run again: 1 s are too much to be traced as a whole"
    assert any("traced as a whole" in line for line in fake.said)


def test_a_disk_written_in_place_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_of(tmp_path, failed("fill"), config="blk")
    result.run = replace(result.run, plan=replace(PLAN, users_disk=True))
    fake = FakeRunner(monkeypatch, the_same)
    session = runner.Session(seed=7, root=tmp_path, users_disk=Disk(tmp_path / "mine", in_place=True))
    rerun.repeat_failures([result], session, Wanted(), 1, fake.said.append)
    assert not fake.runs
    assert "DISK_WRITE=1" in result.tests[0].rerun


def test_counts_stay_and_reports_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_of(tmp_path, CaseResult("fill", PASSED), failed("reset/when=late"))
    before = results.counts([first])
    FakeRunner(monkeypatch, the_same).repeat([first], tmp_path)
    assert results.counts([first]) == before
    assert "waves: window 20000-45000 ns" in report.failures([first])
    results.write_junit([first], tmp_path / "junit.xml")
    assert "window 20000-45000 ns, first bad event at 40000 ns: seen again" in (tmp_path / "junit.xml").read_text()


def test_knobs() -> None:
    assert regress.parse({}).rerun == Wanted()
    assert regress.parse({"RERUN": "0", "WINDOW": "50"}).rerun == Wanted(0, 50)
    for bad in ({"WINDOW": "-1"}, {"WINDOW": "0"}, {"RERUN": "-1"}, {"RERUN": "x"}):
        with pytest.raises(UsageError, match="not a number of"):
            regress.parse(bad)


def test_own_seed_own_folder_own_command(tmp_path: Path) -> None:
    run = Run("verilator", "rng", PLAN, seed=99, command="make soak SEED=99")
    broken = runner.Build(tmp_path, "no", tmp_path / "build.log")
    result = runner.run(run, broken, runner.Session(seed=1, root=tmp_path))
    assert (result.seed, result.directory.name) == (99, "test_rng-99")
    assert result.repeat(result.tests[0]) == "make soak SEED=99"


def test_save_file_has_the_marker_at_the_failure(tmp_path: Path) -> None:
    dump = tmp_path / "a.vcd"
    dump.write_text(
        "$timescale 1ps $end $scope module virtio_tb $end $var wire 1 ! clk_i $end $upscope $end\n"
        "$enddefinitions $end\n#0\n0!\n#5000\n1!\n"
    )
    assert gtkwave.write_save_file(dump, tmp_path / "a.gtkw", 5.0) == 1
    lines = (tmp_path / "a.gtkw").read_text().splitlines()
    assert any(line.startswith("*-15.000000 5000 ") for line in lines)
    gtkwave.write_save_file(dump, tmp_path / "b.gtkw")
    assert any(line.startswith("*-15.000000 -1 ") for line in (tmp_path / "b.gtkw").read_text().splitlines())
