# SPDX-License-Identifier: Apache-2.0
"""`make sim`: build what the chosen tests need, run them in parallel, report.

Reads its request from the environment, as make passes it on: TEST, CONFIG, SEED, SIM, MEM, MAIN, WAVES, DISK,
DISK_WRITE, JOBS, TIMEOUT, RERUN, WINDOW, and cocotb's COCOTB_RANDOM_SEED, COCOTB_TEST_FILTER, COCOTB_LOG_LEVEL. Exit
status: 0 all passed, 1 something failed or nothing ran, 2 the request makes no sense.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import configs, disk, report, rerun, runner, selection, toolchain
from .compare import compare_memories
from .process import workers
from .results import (
    FAILED,
    PASSED,
    SKIPPED,
    RunResult,
    closing_line,
    counts,
    exit_code,
    summary,
    write_json,
    write_junit,
)
from .selection import PACKAGE, Run, UsageError, choose, select

_TRUE, _FALSE = {"1", "yes", "y", "on", "true"}, {"", "0", "no", "n", "off", "false"}


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    test: str
    config: str
    sim: str
    seed: int
    waves: bool
    disk: str
    disk_write: bool
    main: str
    jobs: int
    timeout_s: int
    test_filter: str
    rerun: rerun.Wanted
    memory: str = ""
    coverage: bool = False


def parse(env: Mapping[str, str]) -> Request:
    """The request in an environment. Raises `UsageError` naming the first variable that makes no sense."""

    def number(name: str, default: int, least: int = 0) -> int:
        return selection.number(env, name, default, least)

    def flag(name: str) -> bool:
        text = env.get(name, "").strip().lower()
        if text not in _TRUE | _FALSE:
            raise UsageError(f"{name}={text}: use 1 or 0")
        return text in _TRUE

    config = env.get("CONFIG", "").strip()
    if config:
        choose(config, configs.CONFIGS, "CONFIG")
    memory = env.get("MEM", "").strip()
    if memory:
        choose(memory, configs.MEMORIES, "MEM")
    test_filter = env.get("COCOTB_TEST_FILTER", "").strip()
    try:
        re.compile(test_filter)
    except re.error as error:
        raise UsageError(f"COCOTB_TEST_FILTER={test_filter}: {error}") from None
    disk_write = flag("DISK_WRITE")
    if disk_write and not env.get("DISK"):
        raise UsageError("DISK_WRITE=1 needs DISK=path")
    sim = choose(env.get("SIM", "").strip() or "verilator", configs.SIMULATORS, "SIM")
    main = choose(env.get("MAIN", "").strip() or toolchain.MAINS[sim][0], toolchain.MAINS["verilator"], "MAIN")
    if main not in toolchain.MAINS[sim]:
        raise UsageError(f"MAIN={main}: {sim} has no such main program, that is for verilator")
    return Request(
        test=env.get("TEST", "").strip(),
        config=config,
        sim=sim,
        seed=number("SEED", number("COCOTB_RANDOM_SEED", random.SystemRandom().randrange(1, 1 << 31))),
        waves=flag("WAVES"),
        disk=env.get("DISK", ""),
        disk_write=disk_write,
        main=main,
        jobs=number("JOBS", len(os.sched_getaffinity(0)), 1),
        timeout_s=number("TIMEOUT", 0),
        test_filter=test_filter,
        rerun=rerun.Wanted(number("RERUN", rerun.Wanted.runs), number("WINDOW", rerun.Wanted.before_us, 1)),
        memory=memory,
    )


def discover(plans: Sequence[configs.Plan]) -> dict[str, list[str]]:
    """The tests in each module. A module that cannot be imported has none here, and fails when it is run."""
    missing = [plan.module for plan in plans if not (Path(__file__).parent / f"{plan.module}.py").exists()]
    if missing:
        raise UsageError(f"planned in tests/sim/configs.py but not there: {', '.join(missing)}")
    modules = [f"{PACKAGE}.{plan.module}" for plan in plans]
    command = [sys.executable, "-m", f"{PACKAGE}.discover", *modules]
    done = subprocess.run(command, env=toolchain.environment(), cwd=configs.ROOT, capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"cannot list the tests: {done.stderr.decode(errors='replace').strip()}")
    found = json.loads(done.stdout.decode().splitlines()[-1])
    for module, entry in found.items():
        if entry["error"]:
            print(f"note: {module} cannot be imported: {entry['error']}", flush=True)
    return {module.removeprefix(f"{PACKAGE}."): entry["tests"] for module, entry in found.items()}


def execute(runs: Sequence[Run], sim: str, session: runner.Session, jobs: int) -> list[RunResult]:
    """Build and run everything, `jobs` at a time; a run starts as soon as its configuration is built."""
    waiting = {name: [run for run in runs if run.built == name] for name in dict.fromkeys(run.built for run in runs)}
    results: dict[Run, RunResult] = {}
    with workers(jobs) as pool:
        builds = {
            pool.submit(runner.build, sim, chosen[0].config, session, memory=chosen[0].memory): name
            for name, chosen in waiting.items()
        }
        pending: set[Future[Any]] = set(builds)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                if isinstance(outcome, RunResult):
                    results[outcome.run] = outcome
                    print(report.progress(outcome, len(results), len(runs)), flush=True)
                    continue
                name = builds[future]
                if outcome.fresh:
                    print(f"built {sim}-{name} in {outcome.wall_s:.1f} s {outcome.error}".rstrip(), flush=True)
                pending |= {pool.submit(runner.run, run, outcome, session) for run in waiting[name]}
    return [results[run] for run in runs]


def session_for(request: Request, runs: Sequence[Run]) -> runner.Session:
    """The settings that all runs share, with the disk image made if one of them needs it."""
    image = None
    users = disk.user_disk(request.disk, request.disk_write) if request.disk else None
    if any(configs.uses_disk(run.config) for run in runs):
        image = disk.docs_disk(configs.ROOT / "docs", runner.BUILD_ROOT / f"docs-{os.getpid()}.img")
    builds = len({run.built for run in runs})
    return runner.Session(
        seed=request.seed,
        waves=request.waves,
        coverage=request.coverage,
        test_filter=request.test_filter,
        disk=image,
        users_disk=users,
        main=request.main,
        timeout_s=request.timeout_s,
        make_jobs=max(1, request.jobs // builds),
    )


def regress(request: Request, json_path: Path, junit_path: Path) -> list[RunResult]:
    """Run what was asked for, print and write the reports but for the closing line. Raises `UsageError`."""
    for path in (json_path, junit_path):
        path.unlink(missing_ok=True)
    start = time.monotonic()
    toolchain.check_available(request.sim)
    tests = discover(configs.PLANS)
    runs = select(
        configs.PLANS,
        request.sim,
        tests,
        test=request.test,
        config=request.config,
        test_filter=request.test_filter,
        memory=request.memory,
    )
    session = session_for(request, runs)
    print(f"seed {request.seed}, {len(runs)} runs on {request.sim}, {request.jobs} at a time", flush=True)
    for image in filter(None, (session.disk, session.users_disk)):
        print(image.note)
    if request.waves and request.sim == "verilator" and not toolchain.has_fst_headers():
        print("note: VCD instead of FST: the lz4 and zlib headers are missing (run `make deps`)")
    try:
        results = execute(runs, request.sim, session, request.jobs)
        rerun.repeat_failures(results, session, request.rerun, request.jobs)
    finally:
        if session.disk:
            session.disk.base.unlink(missing_ok=True)
    compare_memories(results)
    write_junit(results, junit_path)
    figures = summary(results, seed=request.seed, sim=request.sim, wall_s=time.monotonic() - start)
    write_json(json_path, figures)
    total = counts(results)
    print()
    report.console().print(report.table(results))
    if total[FAILED]:
        print(report.failures(results))
    if request.waves:
        for result in results:
            print(f"waves: {os.path.relpath(result.directory / toolchain.wave_file(request.sim), configs.ROOT)}")
    print(f"\n{figures['cycles']} cycles in {figures['wall_s']} s; seed {request.seed}")
    return results


def conclude(results: Sequence[RunResult], label: str = "") -> int:
    """Print the closing line; the exit status."""
    total = counts(results)
    print(f"{label + ': ' if label else ''}{closing_line(total[PASSED], total[FAILED], total[SKIPPED])}", flush=True)
    return exit_code(total[PASSED], total[FAILED])


def list_tests() -> None:
    """Print configurations and tests."""
    tests = discover(configs.PLANS)
    for name, parameters in configs.CONFIGS.items():
        print(f"config {name}: {', '.join(f'{key}={value}' for key, value in parameters.items())}")
    for plan in configs.PLANS:
        print(f"module {plan.module.removeprefix('test_')} on {', '.join(plan.configs)}")
        for test in tests[plan.module]:
            print(f"  {test}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list tests and configurations")
    parser.add_argument("--sim", help="simulator, instead of $SIM")
    parser.add_argument("--label", default="", help="word before the closing line")
    parser.add_argument("--json", type=Path, default=runner.BUILD_ROOT / "sim.json")
    parser.add_argument("--junit", type=Path, default=runner.BUILD_ROOT / "results.xml")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.list:
            list_tests()
            return 0
        request = parse({**os.environ, "SIM": options.sim or os.environ.get("SIM", "")})
        return conclude(regress(request, options.json, options.junit), options.label)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
