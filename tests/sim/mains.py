# SPDX-License-Identifier: Apache-2.0
"""The main program of this project against cocotb's: the same tests must see the same things at the same times.

Some modules are run on both, with every message of driver, tap and scoreboard logged: each access, each beat on the
buses and each interrupt, with its time and its clock cycle. Verdicts, simulated times and messages must be the same, so
one edge that is too early or too late, or an order that differs, is named. What traces hold is checked too.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

from . import configs, regress, runner, toolchain, traces
from .results import FAILED, PASSED, RunResult, closing_line, exit_code, write_json
from .selection import Run, UsageError

CONFIG = "rng"
#: Modules, and who serves their buses.
RUNS = (
    *(("test_clock", "axiram"), ("test_smoke", "axiram"), ("test_queues", "axiram")),
    *(("test_queues", "fast"), ("test_soak", "fast")),
)
#: A message with its time. Others, such as cocotb's closing table, tell how long something took.
_MESSAGE = re.compile(r"^ *(\d+\.\d+ns \w+ +(?:virtio|cocotb\.regression)\b.*)$", re.MULTILINE)


def differences(native: RunResult, stock: RunResult) -> list[str]:
    """How a run on the one main program differs from that on the other; also, tests that fail on both."""
    found = []
    ours, theirs = ({test.name: test for test in result.tests} for result in (native, stock))
    for name in dict.fromkeys([*theirs, *ours]):
        one, other = ours.get(name), theirs.get(name)
        if one is None or other is None:
            found.append(f"{name}: ran on {'cocotb' if one is None else 'native'} only")
        elif one.verdict != other.verdict:
            found.append(f"{name}: {one.verdict} on native, {other.verdict} on cocotb: {one.message or other.message}")
        elif (one.sim_time_ns, one.cycles) != (other.sim_time_ns, other.cycles):
            found.append(f"{name}: {one.sim_time_ns} ns on native, {other.sim_time_ns} ns on cocotb")
        elif one.verdict == FAILED:
            found.append(f"{name}: failed on both: {one.message}")
    if native.figures != stock.figures:
        found.append(f"figures: {native.figures} on native, {stock.figures} on cocotb")
    if not messages(stock):
        found.append("no message with a time to be compared")
    for seen, expected in zip_longest(messages(native), messages(stock)):
        if seen != expected:
            found.append(f"first different message: {seen!r} on native, {expected!r} on cocotb")
            break
    return found


def messages(result: RunResult) -> list[str]:
    """What was logged, with times."""
    return _MESSAGE.findall(result.log.read_text(errors="replace")) if result.log.exists() else []


def run_all(seed: int, jobs: int) -> dict[str, list[RunResult]]:
    """The results of the modules on each main program."""
    plans = {plan.module: plan for plan in configs.PLANS}
    runs = [Run("verilator", CONFIG, plans[module], memory=memory) for module, memory in RUNS]
    results = {}
    with ThreadPoolExecutor(jobs) as pool:
        for main in toolchain.MAINS["verilator"]:
            session = runner.Session(seed=seed, main=main, make_jobs=jobs)
            builds = {run.memory: runner.build("verilator", CONFIG, session, memory=run.memory) for run in runs}
            session = runner.Session(seed=seed, main=main, root=runner.BUILD_ROOT / "mains")
            results[main] = list(pool.map(lambda run, b=builds, s=session: runner.run(run, b[run.memory], s), runs))
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label", default="", help="word before the closing line")
    parser.add_argument("--json", type=Path, default=runner.BUILD_ROOT / "mains.json")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        toolchain.check_available("verilator")
        request = regress.parse({key: os.environ[key] for key in ("SEED", "JOBS") if key in os.environ})
        os.environ["COCOTB_LOG_LEVEL"] = "DEBUG"
        results = run_all(request.seed, request.jobs)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    counts = {PASSED: 0, FAILED: 0, "skipped": 0}

    def report(what: str, faults: Sequence[str]) -> None:
        counts[FAILED if faults else PASSED] += 1
        print(f"{'FAIL' if faults else 'ok':4} {what}", *(f"     {fault}" for fault in faults), sep="\n", flush=True)

    print(f"seed {request.seed}: native against cocotb's main program on {CONFIG}")
    for native, stock in zip(results[toolchain.NATIVE], results[toolchain.COCOTB], strict=True):
        what = f"{native.run.name}: {len(native.tests)} tests, {len(messages(native))} messages with times"
        report(what, differences(native, stock))
    session = runner.Session(seed=request.seed, waves=True, make_jobs=request.jobs)
    for what, fault in traces.verdicts(session):
        report(what, [fault] if fault else [])
    wall_s = round(time.monotonic() - start, 1)
    write_json(options.json, {"tests": sum(counts.values()), **counts, "wall_s": wall_s, "seed": request.seed})
    label = f"{options.label}: " if options.label else ""
    print(f"\n{label}{closing_line(counts[PASSED], counts[FAILED])}", flush=True)
    return exit_code(counts[PASSED], counts[FAILED])


if __name__ == "__main__":
    sys.exit(main())
