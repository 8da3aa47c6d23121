# SPDX-License-Identifier: Apache-2.0
"""From timed runs to figures: rates, ratios round by round, medians, and the bars that are to be met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Least medians.
BARS: Mapping[str, float] = {"sim.fast_vs_axiram": 50, "sim.fast_vs_raw": 0.5}
#: How far the cycles of the same work in C++ may be from those of the simulation.
CYCLES_TOLERANCE = 0.02


class BenchError(Exception):
    """Something could not be measured; its text says why."""


@dataclass(frozen=True)
class Timed:
    """Work done: clock cycles simulated, and the seconds that it took."""

    cycles: int
    wall_s: float

    @property
    def rate(self) -> float:
        """Cycles per second."""
        return self.cycles / self.wall_s


@dataclass(frozen=True)
class Figure:
    """The median of a quantity over the rounds, and its least and greatest value."""

    median: float
    min: float
    max: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Raises ValueError without values."""
        if not values:
            raise ValueError("a figure needs a value")
        return cls(statistics.median(values), min(values), max(values), len(values))

    def rounded(self) -> dict[str, float]:
        """For JSON, to five digits."""
        digits = {key: float(f"{getattr(self, key):.5g}") for key in ("median", "min", "max")}
        return {**digits, "rounds": self.rounds}


def speed_figures(fast: Sequence[Timed], axiram: Sequence[Timed], raw: Sequence[Timed]) -> dict[str, Figure]:
    """Rates, and the ratios of those of the same round."""
    return {
        "sim.fast_cycles_per_s": Figure.of([timed.rate for timed in fast]),
        "sim.axiram_cycles_per_s": Figure.of([timed.rate for timed in axiram]),
        "sim.raw_cycles_per_s": Figure.of([timed.rate for timed in raw]),
        "sim.fast_vs_axiram": Figure.of([a.rate / b.rate for a, b in zip(fast, axiram, strict=True)]),
        "sim.fast_vs_raw": Figure.of([a.rate / b.rate for a, b in zip(fast, raw, strict=True)]),
    }


@dataclass(frozen=True)
class Check:
    """A line that passes or fails."""

    text: str
    passed: bool


def check_bars(figures: Mapping[str, Figure]) -> list[Check]:
    """Whether the medians reach the bars of the figures that were taken."""
    return [
        Check(f"{name} {figures[name].median:.3g}, at least {least:g}", figures[name].median >= least)
        for name, least in BARS.items()
        if name in figures
    ]


def check_cycles(fast: Sequence[Timed], raw: Sequence[Timed]) -> Check:
    """Whether both did the same work: about as many cycles in each round."""
    worst = max(abs(b.cycles - a.cycles) / a.cycles for a, b in zip(fast, raw, strict=True))
    text = f"raw takes as many cycles as fast: {worst:.2%} apart, at most {CYCLES_TOLERANCE:.0%}"
    return Check(text, worst <= CYCLES_TOLERANCE)
