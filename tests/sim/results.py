# SPDX-License-Identifier: Apache-2.0
"""What came out of a run: results.xml and figures read, merged and written for people and for CI."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .configs import CLOCK_PERIOD_NS, DEFAULT_MEMORY
from .process import tail
from .selection import Run
from .toolchain import NATIVE

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
WHOLE_RUN = "(run)"


@dataclass
class CaseResult:
    """One test of one run. `name` is cocotb's, or `WHOLE_RUN` when the simulator process itself is at fault.

    `stop_ns` is the simulated time at its end and `failed_ns` that of the first bad event, both counted from the start
    of the simulation, where they are known. `rerun` says what came of running it again with waveforms.
    """

    name: str
    verdict: str
    message: str = ""
    details: str = ""
    sim_time_ns: float = 0.0
    wall_s: float = 0.0
    stop_ns: float = 0.0
    failed_ns: float | None = None
    rerun: str = ""

    @property
    def cycles(self) -> int:
        return round(self.sim_time_ns / CLOCK_PERIOD_NS)


@dataclass
class RunResult:
    """All tests of one run, with what is needed to look at it and to repeat it."""

    run: Run
    seed: int
    directory: Path
    tests: list[CaseResult] = field(default_factory=list)
    wall_s: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    log: Path = Path()
    main: str = NATIVE

    def __post_init__(self) -> None:
        self.log = self.directory / "sim.log"

    @property
    def build_failed(self) -> bool:
        """Whether there was nothing to run; `log` is that of the build then."""
        return self.log.parent != self.directory

    def repeat(self, test: CaseResult) -> str:
        """The command that runs this test again."""
        if self.run.command:
            return self.run.command
        short = self.run.plan.module.removeprefix("test_")
        target = short if test.name.startswith("(") else f"{short}.{test.name}"
        sim = "" if self.run.sim == "verilator" else f" SIM={self.run.sim}"
        if self.run.memory != DEFAULT_MEMORY[self.run.sim] and not self.run.plan.memory:
            sim += f" MEM={self.run.memory}"
        if self.run.sim == "verilator" and self.main != NATIVE:
            sim += f" MAIN={self.main}"
        return f"make sim TEST={target} CONFIG={self.run.config} SEED={self.seed}{sim}"

    def fail(self, message: str, test: str = WHOLE_RUN) -> None:
        """Record that the simulator process failed, `test` being what it was at if that is known."""
        self.tests.append(CaseResult(test, FAILED, message))


def read_results(path: Path) -> list[CaseResult]:
    """The tests in a results.xml of cocotb. Raises `OSError` or `ET.ParseError`."""
    results = []
    for case in ET.parse(path).getroot().iter("testcase"):
        properties = {p.get("name"): p.get("value", "") for p in case.iter("property")}
        result = CaseResult(
            name=case.get("name", "?"),
            verdict=PASSED,
            sim_time_ns=float(properties.get("sim_time_duration") or 0),
            wall_s=float(case.get("time") or 0),
            stop_ns=float(properties.get("sim_time_stop") or 0),
        )
        fault = next((case.find(tag) for tag in ("failure", "error") if case.find(tag) is not None), None)
        if fault is not None:
            result.verdict = FAILED
            result.message = fault.get("message") or fault.get("type") or "no message"
            result.details = fault.text or ""
        elif case.find("skipped") is not None:
            result.verdict = SKIPPED
        results.append(result)
    return results


def counts(results: Iterable[RunResult]) -> dict[str, int]:
    """How many tests ended with each verdict."""
    verdicts = [test.verdict for result in results for test in result.tests]
    return {verdict: verdicts.count(verdict) for verdict in (PASSED, FAILED, SKIPPED)}


def closing_line(passed: int, failed: int, skipped: int = 0) -> str:
    """The last line that every target which tests something prints."""
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def exit_code(passed: int, failed: int) -> int:
    """Zero only if something passed and nothing failed."""
    return 1 if failed or not passed else 0


def merge_figures(results: Sequence[RunResult]) -> dict[str, Any]:
    """Figures of all runs at one level: a boolean is true only if it is so in every run; of others the last one stays.

    A figure that a `Plan` promises is false when the test that should leave it ran and failed, or left nothing.
    """
    merged: dict[str, Any] = {}

    def put(key: str, value: Any) -> None:
        if isinstance(value, bool):
            value = value and merged.get(key, True) is True
        merged[key] = value

    for result in results:
        for key, value in result.figures.items():
            put(key, value)
        for key, test_name in result.run.plan.figures.items():
            ran = [t for t in result.tests if t.name.split("/")[0] in (test_name, WHOLE_RUN) and t.verdict != SKIPPED]
            if ran and (key not in result.figures or any(t.verdict == FAILED for t in ran)):
                put(key, False)
    return merged


def write_junit(results: Sequence[RunResult], path: Path) -> None:
    """One JUnit file of all runs; a failure's text has the seed and the command that repeats it."""
    total = counts(results)
    root = ET.Element("testsuites", name="virtio", tests=str(sum(total.values())), failures=str(total[FAILED]))
    for result in results:
        own = counts([result])
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"{result.run.sim}-{result.run.build}.{result.run.plan.module}",
            tests=str(len(result.tests)),
            failures=str(own[FAILED]),
            skipped=str(own[SKIPPED]),
            time=f"{result.wall_s:.3f}",
        )
        for test in result.tests:
            case = ET.SubElement(
                suite,
                "testcase",
                name=test.name,
                classname=f"{result.run.sim}.{result.run.build}.{result.run.plan.module}",
                time=f"{test.wall_s:.3f}",
            )
            if test.verdict == SKIPPED:
                ET.SubElement(case, "skipped")
            elif test.verdict == FAILED:
                failure = ET.SubElement(case, "failure", message=printable(test.message))
                text = "".join(f"{line}\n" for line in test.rerun.splitlines())
                text = f"seed={result.seed}\nrepeat: {result.repeat(test)}\n{text}{test.details}"
                failure.text = printable(text if test.details else f"{text}{tail(result.log)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    """`text` without the control characters that XML cannot hold."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe"))


def summary(results: Sequence[RunResult], *, seed: int, sim: str, wall_s: float) -> dict[str, Any]:
    """The content of sim.json."""
    total = counts(results)
    fixed = {
        "tests": sum(total.values()),
        **total,
        "cycles": sum(test.cycles for result in results for test in result.tests),
        "wall_s": round(wall_s, 1),
        "seed": seed,
        "sim": sim,
    }
    return {**merge_figures(results), **fixed}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON, making the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
