# SPDX-License-Identifier: Apache-2.0
"""Whether the same seed was seen to do the same on both memories: compares what runs left (tests/sim/observed.py)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from .observed import PREFIX
from .results import FAILED, PASSED, CaseResult, RunResult

#: Name of the comparison among the tests of a run.
COMPARISON = "(comparison)"
_LONGEST = 160


def compare_memories(results: Sequence[RunResult]) -> None:
    """Add a verdict to the second of two runs that differ in their memory, where the plan wants them compared.

    Where a test has failed, or only one of the two was asked for, there is nothing to compare.
    """
    first: dict[tuple[str, str, str], RunResult] = {}
    for result in results:
        run = result.run
        if not run.plan.compared:
            continue
        other = first.setdefault((run.sim, run.plan.module, run.config), result)
        if other.run.memory == run.memory or any(test.verdict == FAILED for test in (*result.tests, *other.tests)):
            continue
        message = difference(other, result)
        result.tests.append(CaseResult(COMPARISON, FAILED if message else PASSED, message))


def difference(one: RunResult, other: RunResult) -> str:
    """The first thing that two runs saw differently; empty if they saw the same."""
    names = [{path.name for path in result.directory.glob(f"{PREFIX}*.txt")} for result in (one, other)]
    if names[0] != names[1]:
        return f"MEM-DIFFERENT only one of the memories left {', '.join(sorted(names[0] ^ names[1]))}"
    if not names[0]:
        return "MEM-DIFFERENT neither memory left anything to compare"
    for name in sorted(names[0]):
        if found := first_difference(one.directory / name, other.directory / name):
            return f"MEM-DIFFERENT {name} line {found[0]}: {one.run.memory}: {found[1]} {other.run.memory}: {found[2]}"
    return ""


def first_difference(one: Path, other: Path) -> tuple[int, str, str] | None:
    """(line number, line of the one, line of the other) where two files part."""
    pairs = zip_longest(one.read_text().splitlines(), other.read_text().splitlines(), fillvalue="(end)")
    for number, (left, right) in enumerate(pairs, 1):
        if left != right:
            return number, left[:_LONGEST], right[:_LONGEST]
    return None
