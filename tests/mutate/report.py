# SPDX-License-Identifier: Apache-2.0
"""What `make mutate` prints and leaves in sim_build/mutation.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from tests.sim.report import console

from .hunt import Fate
from .sites import Mutant


def progress(fate: Fate, done: int, total: int) -> str:
    """The line that says what became of a mutant."""
    seconds = f"{fate.verdict.wall_s:.1f} s"
    if fate.killed:
        return f"[{done}/{total}] killed {fate.mutant} by {fate.config} {fate.verdict.test} in {seconds}"
    return f"[{done}/{total}] SURVIVED {fate.mutant} in {seconds}"


def figures(
    fates: Sequence[Fate], equivalents: Sequence[Mutant], reasons: Mapping[str, str], failure: str
) -> dict[str, Any]:
    """Counts, score and lists; `failure` is what went wrong without a mutant, and counts as one."""
    fates = sorted(fates, key=lambda fate: fate.mutant.number)
    killed = [fate for fate in fates if fate.killed]
    survived = [fate for fate in fates if not fate.killed]
    score = len(killed) / len(fates) if fates else 0.0
    return {
        "passed": len(killed),
        "failed": len(survived) + bool(failure),
        "skipped": len(equivalents),
        "score": round(score, 4),
        "failure": failure,
        "killed": [
            {**_place(fate.mutant), "config": fate.config, "test": fate.verdict.test, "how": fate.verdict.how}
            | {"wall_s": round(fate.verdict.wall_s, 1)}
            for fate in killed
        ],
        "survived": [_place(fate.mutant) | {"wall_s": round(fate.verdict.wall_s, 1)} for fate in survived],
        "equivalent": [{**_place(mutant), "reason": reasons[mutant.id]} for mutant in equivalents],
    }


def _place(mutant: Mutant) -> dict[str, Any]:
    return {
        "id": mutant.id,
        "file": mutant.file,
        "line": mutant.line,
        "column": mutant.column,
        "text": mutant.text,
        "change": mutant.change,
    }


def show(fates: Sequence[Fate], found: Mapping[str, Any], least: float) -> None:
    """A table of the survivors by file, then the score."""
    if found["survived"]:
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("file", "line", "mutant", "change"):
            grid.add_column(name, overflow="fold")
        last = ""
        for entry in found["survived"]:
            where = "" if entry["file"] == last else entry["file"]
            last = entry["file"]
            grid.add_row(where, str(entry["line"]), entry["id"], escape(entry["change"]))
        console().print(grid)
        print()
    hung = sum(fate.verdict.how == "time-out" for fate in fates)
    print(f"score {found['score']:.3f}, at least {least:.2f}; {hung} of the killed ended by time-out")
