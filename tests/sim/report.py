# SPDX-License-Identifier: Apache-2.0
"""What a regression prints: a line for each run as it ends, then a table, then each failure with how to repeat it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .configs import ROOT
from .process import tail
from .results import FAILED, PASSED, SKIPPED, RunResult, counts

_STYLES = {PASSED: "green", FAILED: "bold red", SKIPPED: "yellow"}
_LOG_LINES = 12


def console() -> Console:
    """A console that never folds the table of a log file into 80 columns."""
    width = max(110, shutil.get_terminal_size((140, 24)).columns)
    return Console(width=width, highlight=False, no_color=None if sys.stdout.isatty() else True)


def duration(nanoseconds: float) -> str:
    """A simulated time with three or more digits, as in 12.3 us."""
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.4g} {unit}"
    return f"{nanoseconds:.4g} ns"


def progress(result: RunResult, done: int, total: int) -> str:
    """The line that says that a run has ended."""
    own = counts([result])
    verdict = "FAIL" if own[FAILED] else "ok"
    parts = [f"{own[key]} {key}" for key in (PASSED, FAILED, SKIPPED) if own[key]]
    return f"[{done}/{total}] {verdict:4} {result.run.name}: {', '.join(parts)} in {result.wall_s:.1f} s"


def table(results: Sequence[RunResult]) -> Table:
    """One row for each test."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("test", overflow="fold")
    for name in ("config", "seed"):
        grid.add_column(name, no_wrap=True)
    for name in ("simulated", "cycles", "wall s"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for result in results:
        for test in result.tests:
            grid.add_row(
                f"{result.run.plan.module.removeprefix('test_')}.{test.name}",
                result.run.build,
                str(result.seed),
                duration(test.sim_time_ns),
                str(test.cycles),
                f"{test.wall_s:.2f}",
                test.verdict,
                style=None if test.verdict == PASSED else _STYLES[test.verdict],
            )
    return grid


def failures(results: Sequence[RunResult]) -> str:
    """Each failed test: what it said, its part of the log, and the command that repeats it."""
    text = []
    for result in results:
        for test in result.tests:
            if test.verdict != FAILED:
                continue
            text.append(f"\nFAILED {result.run.name} {test.name} ({result.run.sim}, seed {result.seed})")
            text += [f"  {line}" for line in test.message.splitlines()]
            text.append(f"  repeat: {result.repeat(test)}")
            text += [f"  waves: {line}" for line in test.rerun.splitlines()]
            text.append(f"  log: {os.path.relpath(result.log, ROOT)}")
            text += [f"  | {line}" for line in excerpt(result, test.name)]
    return "\n".join(text)


def excerpt(result: RunResult, test: str) -> list[str]:
    """The lines of the log before a test failed and what it said then, or the end of the log."""
    lines = tail(result.log, 5000).splitlines()
    for index, line in enumerate(lines):
        if f"{result.run.module}.{test} failed" in line:
            end = next((i for i in range(index + 1, len(lines)) if "cocotb.regression" in lines[i]), len(lines))
            return [*lines[max(0, index - _LOG_LINES) : index + 1], *lines[index + 1 : end][-_LOG_LINES:]]
    return lines[-_LOG_LINES:]
