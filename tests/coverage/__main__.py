# SPDX-License-Identifier: Apache-2.0
"""`make coverage`: the regression on Verilator with coverage, and what it left out (docs/coverage.md).

Takes TEST, CONFIG, SEED, JOBS and the other variables of `make sim`, and SEEDS: how many seeds, from SEED on. Writes
sim_build/coverage.json, .html and .info
(lcov). Exit status 1 if a test failed or, in a whole regression, a bin of functional coverage was not hit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from importlib import util
from pathlib import Path
from typing import Any

import yaml

from ..sim import runner
from ..sim.configs import ROOT
from ..sim.regress import parse, regress
from ..sim.results import FAILED, PASSED, SKIPPED, RunResult, closing_line, counts, exit_code
from ..sim.selection import UsageError, number
from . import code, holes

RTL = ROOT / "rtl"
#: Runs on RTL with faults in it: what happens there is not what the device does.
FAULTY = ("test_planted",)
_STYLE = "body{font:14px sans-serif;margin:2em}td,th{padding:2px 8px;text-align:left}.no{background:#fdd}pre{margin:0}"


def keep(results: Sequence[RunResult], folder: Path) -> None:
    """Put what a regression has left into a folder, before the next one overwrites it."""
    folder.mkdir(parents=True, exist_ok=True)
    for at, result in enumerate(results):
        if result.run.plan.module in FAULTY:
            continue
        for name in (runner.COVERED, runner.HDL_COVERED):
            if (path := result.directory / name).exists():
                path.rename(folder / f"{at}-{name}")


def functional(left: Sequence[Path]) -> dict[str, Any]:
    """What all runs have covered on the pins, as cocotb-coverage merges it. Raises `UsageError` if nothing was left."""
    from cocotb_coverage.coverage import merge_coverage

    if not left:
        raise UsageError("no run left functional coverage: tests on a device are needed")
    target = runner.BUILD_ROOT / runner.COVERED
    merge_coverage(lambda text: None, str(target), *map(str, left))
    content = yaml.safe_load(target.read_text())
    assert isinstance(content, dict)
    return content


def uncovered(lines: code.Lines) -> dict[str, list[tuple[int, str]]]:
    """For each file the lines that nothing went through, with their text."""
    found = {}
    for file, passed in lines.items():
        text = (RTL / file).read_text().splitlines()
        found[file] = [(line, text[line - 1].strip()) for line, count in passed.items() if not count]
    return found


def page(database: Mapping[str, Any], lines: code.Lines) -> str:
    """One file for people."""
    rows = []
    for point, bin_, hits in holes.bins(database):
        excuse = holes.EXCUSED.get((point, bin_), "")
        mark = ' class="no"' if not hits and not excuse else ""
        rows.append(f"<tr{mark}><td>{escape(point)}<td>{escape(bin_)}<td>{hits}<td>{escape(excuse)}")
    files = []
    for file, left in uncovered(lines).items():
        total = len(lines[file])
        files.append(f"<h3>rtl/{file}: {total - len(left)} of {total} lines</h3><table>")
        files += [f"<tr><td>{line}<td><pre>{escape(text)}</pre>" for line, text in left]
        files.append("</table>")
    return (
        f"<!doctype html><meta charset=utf-8><title>Coverage</title><style>{_STYLE}</style><h1>Functional coverage</h1>"
        f"<table><tr><th>Point<th>Bin<th>Hits<th>Why not{''.join(rows)}</table>"
        f"<h1>Lines of the RTL that nothing went through</h1>{''.join(files)}"
    )


def conclude(tests: Mapping[str, int], folder: Path, whole: bool) -> int:
    """Merge what is in a folder, write, print; the exit status. `tests` are the verdicts of the tests.

    Raises `UsageError` if there is nothing to merge.
    """
    database = functional(sorted(folder.glob(f"*/*-{runner.COVERED}")))
    left = sorted(folder.glob(f"*/*-{runner.HDL_COVERED}"))
    if not left:
        raise UsageError(f"no run left {runner.HDL_COVERED}: nothing is known of the lines of the RTL")
    lines = code.merged(left, RTL)
    never = sorted(path.name for path in RTL.glob("*.sv") if path.name not in lines)
    missing, wrong = holes.holes(database), holes.wrong_excuses(database) if whole else []
    all_bins = list(holes.bins(database))
    passed_lines = sum(sum(map(bool, passed.values())) for passed in lines.values())
    all_lines = sum(map(len, lines.values()))
    bad = len(missing) + len(wrong) if whole else 0
    passed, failed = tests[PASSED] + len(all_bins) - len(missing), tests[FAILED] + bad
    in_files = {
        file: [f"rtl/{file}:{line}: {text}" for line, text in left_out] for file, left_out in uncovered(lines).items()
    }
    content = {
        "passed": passed,
        "failed": failed,
        "skipped": tests[SKIPPED],
        "runs": len(left),
        "functional": {
            "bins": len(all_bins),
            "hit": sum(bool(hits) for _, _, hits in all_bins),
            "holes": [f"{point}: {bin_}" for point, bin_ in missing],
            "wrong_excuses": wrong,
            "points": {name: item["bins:_hits"] for name, item in database.items() if "bins:_hits" in item},
        },
        "code": {
            "lines": all_lines,
            "passed": passed_lines,
            "without_points": never,
            "files": {file: {"lines": len(lines[file]), "uncovered": text} for file, text in in_files.items()},
        },
    }
    stem = runner.BUILD_ROOT / "coverage"
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    stem.with_suffix(".info").write_text(code.lcov(lines, "rtl"))
    stem.with_suffix(".html").write_text(page(database, lines))
    for point, bin_ in missing:
        print(f"{'HOLE' if whole else 'not hit'}  {point}: {bin_}")
    for excuse in wrong:
        print(f"EXCUSED, and hit or not there  {excuse}")
    hit = len(all_bins) - len(missing)
    print(f"\nfunctional: {hit} of {len(all_bins)} bins; rtl/: {passed_lines} of {all_lines} lines")
    print(f"read it: {os.path.relpath(stem, Path.cwd())}.html")
    print(closing_line(passed, failed, tests[SKIPPED]), flush=True)
    return exit_code(passed, failed)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if os.environ.get("SIM", "").strip() not in ("", "verilator"):
            raise UsageError(f"SIM={os.environ['SIM']}: only Verilator counts lines")
        if util.find_spec("cocotb_coverage") is None:
            raise UsageError("cocotb-coverage is not installed: it takes Python 3.11 or later")
        request = replace(parse({**os.environ, "SIM": "verilator"}), coverage=True)
        if request.waves:
            raise UsageError("WAVES=1: coverage is built without waveforms")
        seeds = number(os.environ, "SEEDS", 1, 1)
        folder = runner.BUILD_ROOT / "coverage"
        shutil.rmtree(folder, ignore_errors=True)
        tests = dict.fromkeys((PASSED, FAILED, SKIPPED), 0)
        for seed in range(request.seed, request.seed + seeds):
            one = replace(request, seed=seed)
            results = regress(one, runner.BUILD_ROOT / "sim.json", runner.BUILD_ROOT / "results.xml")
            keep(results, folder / str(seed))
            tests = {verdict: tests[verdict] + count for verdict, count in counts(results).items()}
        return conclude(tests, folder, whole=not (request.test or request.config or request.test_filter))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
