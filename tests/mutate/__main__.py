# SPDX-License-Identifier: Apache-2.0
"""`make mutate`: faults put into the RTL one at a time, and whether the regression notices.

Reads from the environment SAMPLE (how many mutants, all without it), SEED (which ones, and that of the tests), CONFIG
(HDL configurations), TEST (modules of the regression), MUTANT (ids, those listed as equivalent too) and JOBS. Leaves
sim_build/mutation.json. Exit status: 0 the score is high enough, 1 it is not or a test fails without a mutant, 2 the
request makes no sense.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sim import disk, runner
from tests.sim.configs import ROOT
from tests.sim.process import workers
from tests.sim.results import closing_line, write_json
from tests.sim.selection import UsageError, choose, number

from . import equivalent, hunt, report
from .bench import CONFIGS, DIRECTORY, Bench, bench, build, mutated_rtl
from .hunt import Fate
from .sites import Mutant

#: Fixed, so that a score can be compared with that of yesterday.
SEED = 20261127
#: The least share of the mutants, but for those that are equivalent, that must be noticed.
LEAST = 0.90


@dataclass(frozen=True)
class Request:
    """What the user asked for; `sample` 0 means all mutants."""

    sample: int
    seed: int
    jobs: int
    configs: tuple[str, ...]
    modules: tuple[str, ...]
    ids: tuple[str, ...]


def parse(env: Mapping[str, str]) -> Request:
    """The request in an environment. Raises `UsageError` naming the first variable that makes no sense."""

    def words(name: str) -> tuple[str, ...]:
        return tuple(env.get(name, "").replace(",", " ").split())

    return Request(
        sample=number(env, "SAMPLE", 0, 1),
        seed=number(env, "SEED", SEED),
        jobs=number(env, "JOBS", len(os.sched_getaffinity(0)), 1),
        configs=tuple(choose(name, CONFIGS, "CONFIG") for name in words("CONFIG")) or CONFIGS,
        modules=tuple(f"test_{name.removeprefix('test_')}" for name in words("TEST")),
        ids=words("MUTANT"),
    )


def benches_for(request: Request, rewritten: Mapping[str, Path]) -> list[Bench]:
    """The configurations asked for that have one of the modules asked for. Raises `UsageError` if there is none."""
    try:
        benches = [bench(name, rewritten) for name in request.configs]
    except ValueError as error:
        raise UsageError(str(error)) from None
    known = sorted({plan.module for it in benches for plan in it.plans})
    for name in request.modules:
        choose(name.removeprefix("test_"), [module.removeprefix("test_") for module in known], "TEST")
    for it in benches:
        it.plans = [plan for plan in it.plans if not request.modules or plan.module in request.modules]
    return [it for it in benches if it.plans]


def prepare(benches: Sequence[Bench], rewritten: Mapping[str, Path], session: runner.Session, jobs: int) -> str:
    """Build every configuration and run it without a mutant; what failed first, "" if all is well."""

    def one(it: Bench) -> str:
        built = build(it, rewritten, session)
        if built.error:
            return f"{it.config}: {built.error}"
        verdict = hunt.baseline(it, session)
        if verdict.how:
            return f"{it.config} fails without a mutant: {verdict.test}: {verdict.how}"
        print(
            f"{it.config}: built in {built.wall_s:.0f} s, {len(it.times)} tests in {verdict.wall_s:.0f} s", flush=True
        )
        return ""

    with workers(jobs) as pool:
        return next(filter(None, pool.map(one, benches)), "")


def mutate(request: Request) -> int:
    """Do it all but for reading the request; the exit status. Raises `UsageError`."""
    start = time.monotonic()
    path = runner.BUILD_ROOT / "mutation.json"
    path.unlink(missing_ok=True)
    rewritten, mutants = mutated_rtl()
    reasons = equivalent.reasons(mutants)
    benches = benches_for(request, rewritten)
    there = set().union(*(it.numbers for it in benches))
    chosen: list[Mutant]
    if request.ids:
        chosen, reasons = hunt.choose(mutants, request.ids), {}
    else:
        candidates = [mutant for mutant in mutants if mutant.number in there]
        chosen = hunt.draw(candidates, request.sample or len(candidates), request.seed)
    wanted = [mutant for mutant in chosen if mutant.id not in reasons]
    print(f"seed {request.seed}: {len(chosen)} of {len(mutants)} mutants, {len(benches)} configurations", flush=True)
    image = disk.docs_disk(ROOT / "docs", runner.BUILD_ROOT / f"docs-{os.getpid()}.img")
    session = runner.Session(request.seed, disk=image, root=DIRECTORY)
    skipped = [mutant for mutant in chosen if mutant.id in reasons]
    shared = {
        "seed": request.seed,
        "configs": [it.config for it in benches],
        "mutants": len(mutants),
        "least": LEAST,
        "sampled": len(chosen),
    }
    fates: list[Fate] = []

    def keep(failure: str = "") -> dict[str, Any]:
        """Write down what is known so far."""
        figures = report.figures(fates, skipped, reasons, failure)
        write_json(path, {**figures, **shared, "wall_s": round(time.monotonic() - start, 1)})
        return figures

    try:
        failure = prepare(benches, rewritten, session, request.jobs)
        figures = keep(failure)
        if not failure:
            for fate in hunt.hunt(wanted, benches, session, request.jobs):
                fates.append(fate)
                figures = keep()
                print(report.progress(fate, len(fates), len(wanted)), flush=True)
    finally:
        image.base.unlink(missing_ok=True)
    print()
    if failure:
        print(failure)
    else:
        report.show(fates, figures, LEAST)
    print(closing_line(figures["passed"], figures["failed"], figures["skipped"]), flush=True)
    return 0 if not failure and figures["score"] >= LEAST else 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return mutate(parse(os.environ))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
