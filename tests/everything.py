# SPDX-License-Identifier: Apache-2.0
"""`make test`: unit tests, lint, simulation on Verilator and on Icarus, foreign devices, a few mutants, main programs
compared, a Linux guest, U-Boot.

A leg that crashes counts as failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.sim.configs import ROOT
from tests.sim.results import FAILED, PASSED, SKIPPED, closing_line, exit_code, write_json
from tests.sim.selection import UsageError
from tests.sim.toolchain import check_available
from tests.system import linux, uboot

BUILD = ROOT / "sim_build"
_ONE_TEST = (
    *("TEST", "CONFIG", "SIM", "MEM", "WAVES", "DISK", "DISK_WRITE", "MAIN", "COCOTB_TEST_FILTER"),
    *("REGS", "IRQ", "DUT", "PARAMETERS", "SAMPLE", "MUTANT"),
    *("DEVICES", "FEATURES", "KERNEL", "INITRD", "TERMINAL", "ARCH", "DEVICE"),
)
#: Of the bus timings one is enough for a simulator that takes fifty times as long; `make sim SIM=icarus` runs them all.
LIGHT = "^(?!.*timing=(none|heavy))"
#: A gate must give the same answer twice; `make sim` explores, with a new seed each time.
GATE_SEED = "20261122"


@dataclass(frozen=True)
class Leg:
    """One part of the whole: a command that leaves its counts in a JSON or JUnit file."""

    name: str
    command: tuple[str, ...]
    report: Path
    timeout_s: int = 3600
    only: str = ""  # the tests of a simulation that this regex finds


def legs() -> list[Leg]:
    """All parts, the quickest first."""

    def sim(name: str, json_name: str, junit: str, only: str = "") -> Leg:
        options = ("--sim", name, "--label", name, "--json", str(BUILD / json_name), "--junit", str(BUILD / junit))
        return Leg(name, (sys.executable, "-m", "tests.sim.regress", *options), BUILD / json_name, only=only)

    unit = BUILD / "unit.xml"
    pytest = (sys.executable, "-m", "pytest", "-q", f"--junit-xml={unit}", "tests/unit")
    mains = (sys.executable, "-m", "tests.sim.mains", "--label", "mains")
    lint = (sys.executable, "-m", "tests.lint", "--label", "lint")
    return [
        Leg("unit", pytest, unit, 1200),
        Leg("lint", lint, BUILD / "lint.json", 600),
        sim("verilator", "sim.json", "results.xml"),
        Leg("check-dut", (sys.executable, "-m", "tests.hdl.foreign.proof"), BUILD / "check-proof.json", 1200),
        Leg("mutants", (sys.executable, "-m", "tests.mutate.gate"), BUILD / "mutation.json", 600),
        Leg("mains", mains, BUILD / "mains.json", 1200),
        Leg("linux", (sys.executable, "-m", "tests.system.linux", "--short"), BUILD / "linux.json", 900),
        Leg("uboot", (sys.executable, "-m", "tests.system.uboot"), BUILD / "uboot.json", 900),
        sim("icarus", "sim-icarus.json", "results-icarus.xml", LIGHT),
    ]


#: What asks for more than is always there; each raises `UsageError` saying what is missing.
NEEDS: Mapping[str, Callable[[], object]] = {
    "icarus": lambda: check_available("icarus"),
    "linux": linux.available,
    "uboot": uboot.available,
}


def read_counts(path: Path) -> dict[str, int]:
    """Verdicts in a report of either kind. Raises `OSError`, `ValueError` or `ET.ParseError`."""
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        return {key: int(content[key]) for key in (PASSED, FAILED, SKIPPED)}
    suites = list(ET.parse(path).getroot().iter("testsuite"))

    def total(key: str) -> int:
        return sum(int(suite.get(key, 0)) for suite in suites)

    failed, skipped = total("failures") + total("errors"), total("skipped")
    return {PASSED: total("tests") - failed - skipped, FAILED: failed, SKIPPED: skipped}


def execute(leg: Leg, env: Mapping[str, str]) -> int:
    """Exit status of a part. Too slow a one is asked to end, so that it can end its own children, then killed."""
    settings = {**env, "COCOTB_TEST_FILTER": leg.only} if leg.only else dict(env)
    with subprocess.Popen(leg.command, cwd=ROOT, env=settings, stdin=subprocess.DEVNULL) as child:
        try:
            return child.wait(leg.timeout_s)
        except subprocess.TimeoutExpired:
            print(f"{leg.name}: no end after {leg.timeout_s} s, killed", flush=True)
            child.terminate()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
            return -1


def run_leg(leg: Leg, env: Mapping[str, str]) -> dict[str, int]:
    """Run a part and count; a report that is missing, empty, or better than the exit status adds a failure."""
    print(f"\n== {leg.name}", flush=True)
    leg.report.parent.mkdir(parents=True, exist_ok=True)
    leg.report.unlink(missing_ok=True)
    status = execute(leg, env)
    try:
        counted = read_counts(leg.report)
    except (OSError, ValueError, KeyError, ET.ParseError):
        counted = {PASSED: 0, FAILED: 0, SKIPPED: 0}
    if not counted[FAILED] and (status or not counted[PASSED]):
        counted[FAILED] = 1
        print(f"{leg.name}: status {status} with {counted[PASSED]} passed and no failure: counts as failed", flush=True)
    return counted


def main(parts: Sequence[Leg] | None = None) -> int:
    start = time.monotonic()
    env = {key: value for key, value in os.environ.items() if key not in _ONE_TEST}
    env["SEED"] = env.get("SEED") or env.get("COCOTB_RANDOM_SEED") or GATE_SEED
    counted: dict[str, dict[str, int]] = {}
    for leg in legs() if parts is None else parts:
        if leg.name in NEEDS:
            try:
                NEEDS[leg.name]()
            except UsageError as reason:
                print(f"\n== {leg.name}\nskipped: {reason}", flush=True)
                counted[leg.name] = {PASSED: 0, FAILED: 0, SKIPPED: 1}
                continue
        counted[leg.name] = run_leg(leg, env)
    total = {key: sum(leg[key] for leg in counted.values()) for key in (PASSED, FAILED, SKIPPED)}
    wall_s = round(time.monotonic() - start, 1)
    write_json(BUILD / "test.json", {"tests": sum(total.values()), **total, "wall_s": wall_s, "legs": counted})
    print(f"\n== all, {wall_s} s")
    for name, leg_counts in counted.items():
        print(f"{name}: {closing_line(leg_counts[PASSED], leg_counts[FAILED], leg_counts[SKIPPED])}")
    print(closing_line(total[PASSED], total[FAILED], total[SKIPPED]), flush=True)
    return exit_code(total[PASSED], total[FAILED])


if __name__ == "__main__":
    sys.exit(main())
