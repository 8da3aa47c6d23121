# SPDX-License-Identifier: Apache-2.0
"""`make lint`: every static check of HDL and Python, each a command that must succeed without a warning."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.sim.configs import BENCH_TOP, BLK, CONFIGS, CONSOLE, INPUT, NET, OWN, RNG, ROOT, TOP, own_sources, sources
from tests.sim.results import closing_line, exit_code, write_json
from tests.sim.toolchain import environment

VERIBLE_FORMAT = ("verible-verilog-format", "--column_limit=120")

# Off because they contradict how this code is written:
SLANG_OFF = (
    # Parameters are `int` as Icarus 11 rejects `int unsigned`, Width'(Parameter) stays signed; signals are unsigned.
    *("sign-conversion", "sign-compare", "arith-op-mismatch", "bitwise-op-mismatch"),
    # A cast to a width that follows from a parameter changes nothing at one of its values.
    "useless-cast",
    # Per-client and per-byte ports are packed arrays, which are vectors.
    "packed-array-conv",
)

#: What stands between the bench and register buses other than AXI4-Lite.
BRIDGES = ("virtio_axil_to_apb", "virtio_axil_to_simple")
# top module -> parameters to elaborate it with
TOPS: Mapping[str, Sequence[Mapping[str, int]]] = {
    "virtio_mmio_rng": [{}, {"AxiDataWidth": 32}, {"AxiDataWidth": 128}, {"AxiDataWidth": 512}],
    "virtio_mmio_blk": [{}, {"AxiDataWidth": 32}, {"AxiDataWidth": 128}, {"AxiDataWidth": 512}],
    "virtio_mmio_net": [
        {},
        {"AxiDataWidth": 32, "QueuePairs": 2},
        {"AxiDataWidth": 512, "MrgRxbuf": 0, "CtrlVq": 0},
    ],
    "virtio_mmio_console": [{}, {"AxiDataWidth": 32}, {"AxiDataWidth": 512}],
    "virtio_mmio_input": [{}, {"AxiDataWidth": 32}, {"AxiDataWidth": 512}],
    TOP: [
        {"Device": CONSOLE},
        {"Device": INPUT},
        {"Device": NET},
        {"Device": RNG},
        {"Device": BLK},
        CONFIGS["rng_oddsize"],
    ],
    BENCH_TOP: [CONFIGS["ends32"], CONFIGS["ends512"]],
    **dict.fromkeys(BRIDGES, ({},)),
}
PYTHON = ("models", "tb", "tests", "fpga")
TYPED = ("models/virtio_model", "tb/cocotbext/virtio")


@dataclass(frozen=True)
class Check:
    """A command that passes when it exits with 0; `skip` is the reason why it cannot be run here."""

    name: str
    command: tuple[str, ...]
    skip: str = ""


@dataclass(frozen=True)
class Verdict:
    """How a check ended."""

    check: Check
    passed: bool
    output: str = ""


def checks() -> list[Check]:
    """Everything that is checked, in the order of the report."""
    python = sys.executable
    typed = [*TYPED, *(str(path.relative_to(ROOT)) for path in runner_files())]
    return [
        *hdl_checks(),
        *(Check(f"verible {p.relative_to(ROOT)}", (*VERIBLE_FORMAT, "--verify", str(p))) for p in hdl_files()),
        Check("ruff check", (python, "-m", "ruff", "check", *PYTHON)),
        Check("ruff format", (python, "-m", "ruff", "format", "--check", *PYTHON)),
        Check("mypy", (python, "-m", "mypy", *typed)),
    ]


def hdl_files() -> list[Path]:
    """All SystemVerilog, headers included."""
    rules = ROOT.glob("tests/hdl/rules/*.sv")
    return sorted(
        [*sources(top=BENCH_TOP), *own_sources(), *rules, *ROOT.glob("rtl/*.svh"), *ROOT.glob("tb/hdl/*.svh")]
    )


def runner_files() -> list[Path]:
    """The modules beside the tests that run and measure them."""
    folders = (
        "tests",
        *(f"tests/{name}" for name in ("sim", "bench", "board", "check", "conformance", "mutate", "synth")),
    )
    files = sorted(path for folder in folders for path in ROOT.glob(f"{folder}/*.py"))
    return [path for path in files if not path.name.startswith("test_")]


def belongs(path: Path, top: str) -> bool:
    """Whether a top is read with this file: those of the bench with all, the synthesizable ones with rtl alone."""
    if top in BRIDGES:
        return path.stem in BRIDGES
    return top in (TOP, BENCH_TOP) or path.parent.name == "rtl"


def hdl_checks() -> Iterator[Check]:
    """Each top with each set of parameters, read by three front ends; the synthesizable tops without tb/hdl."""
    no_icarus = "" if shutil.which("iverilog") else "Icarus Verilog is not installed (make deps)"
    for top, parameter_sets in TOPS.items():
        files = tuple(str(path) for path in sources(top=top) if belongs(path, top))
        for parameters in parameter_sets:
            values = [f"{key}={value}" for key, value in parameters.items()]
            own = [str(path) for path in own_sources()] if parameters.get("Device") == OWN else []
            name = " ".join([top, *values])
            flags = tuple(f"-G{value}" for value in values)
            off = tuple(f"-Wno-{warning}" for warning in SLANG_OFF)
            lint = ("verilator", "--lint-only", "-Wall", "tests/lint.vlt", "--top-module", top, *flags, *files, *own)
            slang = (sys.executable, "-m", "tests.slang", "-Weverything", *off, "--top", top, *flags, *files, *own)
            given = [f"-P{top}.{value}" for value in values]
            icarus = ("iverilog", "-g2012", "-t", "null", "-s", top, *given, *files, *own)
            yield Check(f"verilator {name}", lint)
            yield Check(f"slang {name}", slang)
            yield Check(f"iverilog {name}", icarus, no_icarus)


def execute(check: Check) -> Verdict:
    """Run one check, from the root of the repository so that messages have short paths."""
    if check.skip:
        return Verdict(check, True, check.skip)
    command = [argument.removeprefix(f"{ROOT}/") for argument in check.command[1:]]
    try:
        done = subprocess.run(
            [check.command[0], *command],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Verdict(check, False, str(error))
    output = done.stdout + done.stderr
    # slang ends with 0 for mere warnings
    warned = re.search(r"\bwarning: ", output) is not None and "tests.slang" in check.command
    return Verdict(check, done.returncode == 0 and not warned, output)


def fix() -> int:
    """Format all files in place."""
    commands: list[tuple[str, ...]] = [(*VERIBLE_FORMAT, "--inplace", str(path)) for path in hdl_files()]
    commands += [(sys.executable, "-m", "ruff", "check", "--fix", *PYTHON)]
    commands += [(sys.executable, "-m", "ruff", "format", *PYTHON)]
    return max(subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode for command in commands)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--label", default="", help="word before the closing line")
    parser.add_argument("--fix", action="store_true", help="format files instead of checking them")
    options = parser.parse_args(arguments)
    if options.fix:
        return fix()
    start = time.monotonic()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        verdicts = []
        for verdict in pool.map(execute, checks()):
            verdicts.append(verdict)
            word = "skip" if verdict.check.skip else "ok" if verdict.passed else "FAIL"
            print(f"{word:4} {verdict.check.name}{': ' + verdict.check.skip if verdict.check.skip else ''}", flush=True)
    for verdict in verdicts:
        if not verdict.passed:
            print(f"\nFAILED {verdict.check.name}\n{verdict.output.rstrip()}")
    skipped = sum(bool(verdict.check.skip) for verdict in verdicts)
    failed = sum(not verdict.passed for verdict in verdicts)
    passed = len(verdicts) - failed - skipped
    content = {"tests": len(verdicts), "passed": passed, "failed": failed, "skipped": skipped}
    failures = [verdict.check.name for verdict in verdicts if not verdict.passed]
    wall_s = round(time.monotonic() - start, 1)
    write_json(ROOT / "sim_build" / "lint.json", {**content, "wall_s": wall_s, "failures": failures})
    print(f"\n{options.label + ': ' if options.label else ''}{closing_line(passed, failed, skipped)}", flush=True)
    return exit_code(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
