# SPDX-License-Identifier: Apache-2.0
"""`make soak`: random requests with many seeds, on the soak's configurations and bus timings, as long as one likes.

Reads its request from the environment: SEEDS, CYCLES, CHAINS, TIMING and, as `make sim` does, CONFIG, SEED, SIM, MEM,
JOBS, TIMEOUT, RERUN, WINDOW. Each seed is a simulator process; one that fails, crashes or hangs is a failure of that
seed. Exit status as that of `make sim`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from ..bodies.exercised import Exercised
from . import configs, regress, report, rerun, runner, toolchain
from .process import workers
from .results import FAILED, CaseResult, RunResult, closing_line, counts, exit_code, write_json
from .selection import PACKAGE, Run, UsageError, choose, number

MODULE = "test_soak"
#: Requests of a seed when CHAINS asks for none or fewer.
LEAST_CHAINS = 50
#: A simulation slower than this has hung: in cycles, and in chains, a second; and what it may take besides.
SLOWEST_CYCLES, SLOWEST_CHAINS, EXTRA_S = 500, 2, 600


@dataclass(frozen=True)
class Soak:
    """What the user asked for; `chains` for each seed."""

    request: regress.Request
    seeds: int = 8
    cycles: int = 200_000
    chains: int = 0
    timing: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What the test body is told."""
        return {"VIRTIO_SOAK": str(self.least_chains), "VIRTIO_SOAK_CYCLES": str(self.cycles)}

    @property
    def least_chains(self) -> int:
        return max(self.chains, LEAST_CHAINS)

    @property
    def timeout_s(self) -> int:
        """The wall time that is certainly too long for a seed."""
        return self.request.timeout_s or EXTRA_S + self.cycles // SLOWEST_CYCLES + self.least_chains // SLOWEST_CHAINS

    def command(self, config: str, timing: str, seed: int) -> str:
        """The command that runs one seed again."""
        request = self.request
        words = {"SEEDS": 1, "SEED": seed, "CONFIG": config, "TIMING": timing, "CYCLES": self.cycles}
        unusual = {
            "CHAINS": self.chains,
            "SIM": request.sim if request.sim != "verilator" else "",
            "MEM": request.memory,
            "MAIN": request.main if request.main != toolchain.MAINS[request.sim][0] else "",
        }
        words |= {name: value for name, value in unusual.items() if value}
        return " ".join(["make soak", *(f"{name}={value}" for name, value in words.items())])

    def runs(self) -> list[Run]:
        """A run for each seed: the configurations in turn, and in each further round another timing for each."""
        request = self.request
        plan = next(plan for plan in configs.PLANS if plan.module == MODULE)
        names = (request.config,) if request.config else plan.on(request.sim)
        memory = plan.memory or request.memory or configs.DEFAULT_MEMORY[request.sim]
        timings = (self.timing,) if self.timing else configs.TIMINGS
        runs = []
        for i in range(self.seeds):
            config, timing = names[i % len(names)], timings[(i % len(names) + i // len(names)) % len(timings)]
            test = f"{PACKAGE}.{MODULE}.random_requests/timing={timing}"
            seed = request.seed + i
            runs.append(Run(request.sim, config, plan, (test,), memory, seed, self.command(config, timing, seed)))
        return runs


def parse(env: Mapping[str, str]) -> Soak:
    """The request in an environment. Raises `UsageError` naming the first variable that makes no sense."""
    request = regress.parse(env)
    timing = env.get("TIMING", "").strip()
    if timing:
        choose(timing, configs.TIMINGS, "TIMING")
    seeds = number(env, "SEEDS", Soak.seeds, 1)
    chains = -(-number(env, "CHAINS", 0, 1) // seeds)
    return Soak(request, seeds, number(env, "CYCLES", Soak.cycles, 1), chains, timing)


class Meter:
    """How far a soak has come: a line that is drawn anew on a terminal, or else one for each seed that ends."""

    def __init__(self, runs: Sequence[Run], session: runner.Session, console: Console) -> None:
        self._files = {run: runner.run_directory(run, session) / runner.EXERCISED for run in runs}
        self._console = console
        self._start = time.monotonic()
        self.ended: dict[Run, int] = {}
        self.failed = 0
        for file in self._files.values():
            file.unlink(missing_ok=True)

    @property
    def wall_s(self) -> float:
        """The time since the first seed could begin."""
        return max(time.monotonic() - self._start, 0.1)

    def __str__(self) -> str:
        running = [Exercised.load(file).total("chains") for run, file in self._files.items() if run not in self.ended]
        chains = sum(self.ended.values()) + sum(running)
        rate = chains / self.wall_s
        return f"{len(self.ended)}/{len(self._files)} seeds, {chains} chains, {rate:.0f} chains/s, {self.failed} failed"

    def end(self, result: RunResult, chains: int) -> None:
        """A seed has ended."""
        self.ended[result.run] = chains
        bad = bool(counts([result])[FAILED])
        self.failed += bad
        verdict = "FAIL" if bad else "ok"
        text = f"{verdict:4} {place(result.run)}: {chains} chains in {result.wall_s:.1f} s"
        self._console.print(f"[{self}] {text}", markup=False)


def timing_of(run: Run) -> str:
    """The bus timing of a run."""
    return run.only[0].rpartition("=")[2]


def place(run: Run) -> str:
    """A run in three words."""
    return f"{run.config} {timing_of(run)} seed {run.seed}"


def judge(result: RunResult, soak: Soak) -> Exercised:
    """What a seed exercised; one that passed without having done what was asked for gets a failure."""
    done = Exercised.load(result.directory / runner.EXERCISED)
    if not counts([result])[FAILED]:
        cycles = done.counts["totals"]["cycles"]
        if done.total("chains") < soak.least_chains or cycles < soak.cycles:
            wanted = f"{soak.least_chains} chains and {soak.cycles} cycles"
            result.fail(f"expected {wanted}, seen {done.total('chains')} and {cycles}")
    return done


def execute(soak: Soak, runs: Sequence[Run], session: runner.Session) -> tuple[list[RunResult], Exercised, float]:
    """Run all seeds, so many at a time; with what they exercised together, and the wall time from the last build on."""
    results: dict[Run, RunResult] = {}
    whole = Exercised()
    first, console = {run.build: run for run in runs}, report.console()
    with workers(soak.request.jobs) as pool:
        builds = pool.map(lambda run: runner.build(run.sim, run.config, session, memory=run.memory), first.values())
        built = dict(zip(first, builds, strict=True))
        meter = Meter(runs, session, console)
        pending = {pool.submit(runner.run, run, built[run.build], session) for run in runs}
        with console.status("") as status:
            while pending:
                status.update(str(meter))
                ended, pending = wait(pending, timeout=2, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in ended):
                    done = judge(result, soak)
                    whole.merge(done)
                    results[result.run] = result
                    meter.end(result, done.total("chains"))
    return [results[run] for run in runs], whole, meter.wall_s


def first_failure(result: RunResult) -> CaseResult | None:
    """What failed in a run, if anything did."""
    return next((test for test in result.tests if test.verdict == FAILED), None)


def failing(results: Sequence[RunResult]) -> list[dict[str, Any]]:
    """The failing seeds, for people and for soak.json."""
    entries = []
    for result in results:
        if test := first_failure(result):
            entries.append(
                {
                    "config": result.run.config,
                    "timing": timing_of(result.run),
                    "seed": result.seed,
                    "failure": (test.message.splitlines() or ["no message"])[0],
                    "repeat": result.repeat(test),
                    "waves": test.rerun.splitlines(),
                    "log": os.path.relpath(result.log, configs.ROOT),
                }
            )
    return entries


def print_failing(entries: Sequence[Mapping[str, Any]]) -> None:
    """The failing seeds, each with the command that repeats it."""
    width = max(6, *(len(entry["config"]) for entry in entries))
    print(f"\nfailing seeds\n  {'config':{width}}  timing  seed        failure")
    for entry in entries:
        print("  {config:{width}}  {timing:6}  {seed:<10}  {failure}".format(width=width, **entry))
        print(f"    repeat: {entry['repeat']}")
        for line in entry["waves"]:
            print(f"    waves: {line}")
        print(f"    log: {entry['log']}")


def print_exercised(whole: Exercised) -> None:
    """What was exercised, a paragraph for each group."""
    content = whole.content()
    print("\nexercised")
    for group, names in content["counts"].items():
        span = content["spans"].pop(group, None)
        bounds = f" ({span[0]} to {span[1]})" if span else ""
        text = f"{group}{bounds}: " + ", ".join(f"{name} {count}" for name, count in names.items())
        print(textwrap.fill(text, 120, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    for name, (low, high) in content["spans"].items():
        print(f"  {name}: {low} to {high}")


def run(soak: Soak) -> int:
    """Do what was asked for, print and write the reports; the exit status. Raises `UsageError`."""
    path = runner.BUILD_ROOT / "soak.json"
    path.unlink(missing_ok=True)
    toolchain.check_available(soak.request.sim)
    runs = soak.runs()
    session = regress.session_for(soak.request, runs)
    session = replace(session, env=soak.environment, timeout_s=soak.timeout_s)
    seeds = [run.seed for run in runs]
    print(f"seeds {seeds[0]} to {seeds[-1]} on {soak.request.sim}, {soak.request.jobs} at a time", end=": ")
    print(f"{soak.cycles} cycles and {soak.least_chains} chains each, at least", flush=True)
    try:
        results, whole, wall_s = execute(soak, runs, session)
        rerun.repeat_failures(results, session, soak.request.rerun, soak.request.jobs)
    finally:
        if session.disk:
            session.disk.base.unlink(missing_ok=True)
    entries = failing(results)
    for result in results:
        if first_failure(result) is None:  # what it left fills the disk, and says no more than its numbers
            shutil.rmtree(result.directory, ignore_errors=True)
    chains, cycles = whole.total("chains"), whole.counts["totals"]["cycles"]
    figures = {
        "seeds": seeds,
        "sim": soak.request.sim,
        "configs": list(dict.fromkeys(run.config for run in runs)),
        "cycles": cycles,
        "chains": chains,
        "chains_per_s": round(chains / wall_s, 1),
        "wall_s": round(wall_s, 1),
        "passed": len(results) - len(entries),
        "failed": len(entries),
        "skipped": 0,
        "failing": entries,
        "exercised": whole.content(),
    }
    write_json(path, figures)
    print_exercised(whole)
    if entries:
        print_failing(entries)
    print(f"\n{chains} chains and {cycles} cycles in {figures['wall_s']} s, {figures['chains_per_s']} chains/s")
    print(closing_line(len(results) - len(entries), len(entries)), flush=True)
    return exit_code(len(results) - len(entries), len(entries))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(parse(os.environ))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
