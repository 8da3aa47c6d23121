# SPDX-License-Identifier: Apache-2.0
"""Failed tests once more, with waveforms round what went wrong.

State carries over between the tests of a run (disk, entropy, time), so a run is repeated from its start up to its last
failed test, with the same seed; the times then are the same, or the failure does not repeat, which is worth knowing.
Only the window round each first bad event is traced, where the simulation can do that. Verdicts stay those of the first
time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import gtkwave, runner, toolchain
from .compare import COMPARISON
from .configs import ROOT
from .process import workers
from .report import duration
from .results import FAILED, SKIPPED, CaseResult, RunResult

#: How much longer than the first time a run may take, as tracing costs.
SLOWER = 3
#: A run of more simulated time than this is not traced as a whole: gigabytes.
MOST_WHOLE_NS = 20_000_000


@dataclass(frozen=True)
class Wanted:
    """What to trace: `before_us` before each first bad event, and a quarter of that after it, for `runs` runs."""

    runs: int = 3
    before_us: int = 20

    def window(self, test: CaseResult) -> str:
        """Start and end in ns, as START-END. Both lie within the test, so that windows never overlap."""
        assert test.failed_ns is not None
        before_ns = 1000 * self.before_us
        start_ns = max(test.failed_ns - before_ns, test.stop_ns - test.sim_time_ns)
        end_ns = min(test.failed_ns + before_ns / 4, test.stop_ns)
        return f"{_ns(start_ns)}-{_ns(end_ns)}"


def failed_tests(result: RunResult) -> list[CaseResult]:
    """The failed tests of a run whose time is known."""
    return [test for test in result.tests if test.verdict == FAILED and test.failed_ns is not None]


def selection(result: RunResult) -> tuple[str, ...]:
    """Full names of the tests that lead to the last failed one, in order; those that were skipped were not run."""
    last = result.tests.index(failed_tests(result)[-1])
    return tuple(f"{result.run.module}.{test.name}" for test in result.tests[: last + 1] if test.verdict != SKIPPED)


def file_name(test: str) -> str:
    """A test's name as that of a file, without a suffix."""
    return re.sub(r"[^A-Za-z0-9_=]+", "-", test)


def obstacle(result: RunResult, session: runner.Session) -> str:
    """Why a run cannot be repeated with waveforms; empty if it can."""
    disk = session.disk_of(result.run)
    if disk is not None and disk.in_place:
        return "DISK_WRITE=1 changed the disk that it started from"
    length_ns = failed_tests(result)[-1].stop_ns
    if not session.traces_windows(result.run.sim) and length_ns > MOST_WHOLE_NS:
        return f"{duration(length_ns)} are too much to be traced as a whole"
    return ""


def again(result: RunResult, session: runner.Session, wanted: Wanted) -> None:
    """Repeat a run with waveforms; each failed test gets told what came of it."""
    failed = failed_tests(result)
    if reason := obstacle(result, session):
        for test in failed:
            test.rerun = f"none, not run again: {reason}"
        return
    run = replace(result.run, only=selection(result))
    windowed = session.traces_windows(run.sim)
    limit = SLOWER * (session.timeout_s or run.plan.timeout_s)
    session = replace(session, waves=True, timeout_s=limit)
    directory = runner.run_directory(run, session)
    whole = directory / toolchain.wave_file(run.sim)
    files = {test.name: whole.with_stem(file_name(test.name)) for test in failed}
    windows = {test.name: wanted.window(test) for test in failed}
    # Understood by tb/hdl/virtio_main.cpp.
    plusargs = [f"+virtio_trace={files[name]}@{windows[name]}" for name in files] if windowed else []
    seen = runner.run(run, runner.build(run.sim, run.config, session, memory=run.memory), session, plusargs)
    for test in failed:
        shown = _files(files[test.name] if windowed else whole, files[test.name].with_suffix(".gtkw"), test)
        where = f"window {windows[test.name]} ns" if windowed else "the whole run"
        test.rerun = f"{shown}\n{where}, first bad event at {test.failed_ns:.0f} ns: {compare(test, seen)}"


def compare(test: CaseResult, seen: RunResult) -> str:
    """Whether a test failed in a repeated run as it did at first."""
    own = next((other for other in seen.tests if other.name == test.name), None)
    if own is not None and own.verdict == FAILED:
        if (own.failed_ns, own.stop_ns) == (test.failed_ns, test.stop_ns):
            return "seen again at the same time"
        if own.failed_ns is not None:
            return f"NOT SEEN AGAIN as it was, but at {own.failed_ns:.0f} ns: this is not deterministic"
    if own is not None and own.verdict != FAILED:
        return f"NOT SEEN AGAIN, it {own.verdict}: this is not deterministic"
    other = next((case.message for case in seen.tests if case.verdict == FAILED), "no word of it")
    return f"NOT SEEN AGAIN, the second run ended otherwise: {other.splitlines()[0] if other else other}"


def repeat_failures(
    results: Sequence[RunResult], session: runner.Session, wanted: Wanted, jobs: int, say: Callable[[str], None] = print
) -> None:
    """Repeat the first runs with failed tests, `jobs` at a time."""
    if session.waves or not wanted.runs:
        return
    for result in results:
        for test in result.tests:
            died = test.verdict == FAILED and test.failed_ns is None and not result.build_failed
            if died and test.name != COMPARISON:
                test.rerun = "none, not run again: the simulation ended without telling its time"
    failing = [result for result in results if failed_tests(result)]
    chosen = failing[: wanted.runs]
    if not chosen:
        return
    rest = f" (of {len(failing)}; RERUN=n sets how many, RERUN=0 none)" if len(failing) > len(chosen) else ""
    say(f"running {len(chosen)} failed run{'s' if len(chosen) > 1 else ''} again with waveforms{rest}")
    if not session.traces_windows(chosen[0].run.sim):
        say("note: windows need Verilator and its main program here; runs are traced as a whole")
    with workers(jobs) as pool:
        for result, _ in zip(chosen, pool.map(lambda one: again(one, session, wanted), chosen), strict=True):
            for test in failed_tests(result):
                say(f"{result.run.name} {test.name}: {test.rerun.splitlines()[-1]}")


def _ns(time: float) -> str:
    """A time in ns, exact to the ps that Verilator counts in."""
    return f"{time:.3f}".rstrip("0").rstrip(".")


def _files(file: Path, save: Path, test: CaseResult) -> str:
    """Names the waveform, with a save file made beside it where it can be read."""
    shown = os.path.relpath(file, ROOT)
    if not file.exists():
        return f"no waveform: {shown} was not written"
    try:
        gtkwave.write_save_file(file, save, test.failed_ns)
    except (RuntimeError, ValueError) as error:
        return f"{shown} (cannot be read: {error})"
    return f"{shown} ({save.name} for GTKWave)"
