# SPDX-License-Identifier: Apache-2.0
"""Seeded bus timing: stalls on each channel, memory latency, gaps between register accesses."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import Timer

#: The channels of a bus.
CHANNELS = ("aw", "w", "b", "ar", "r")


@dataclass(frozen=True)
class Timing:
    """A profile. Stalls are runs of random length round the means, in clock cycles; times in ns.

    A channel is left without stalls with probability `spare`, so that fast and slow channels meet, and always unless it
    is among `channels`.
    """

    run_cycles: float = 0
    stall_cycles: float = 0
    spare: float = 0
    channels: tuple[str, ...] = CHANNELS
    latency_ns: tuple[int, int] = (0, 0)
    register_gap_ns: tuple[int, int] = (0, 0)


PROFILES: Mapping[str, Timing] = {
    "none": Timing(),
    "light": Timing(run_cycles=24, stall_cycles=2, spare=0.3, latency_ns=(0, 60), register_gap_ns=(0, 40)),
    "heavy": Timing(run_cycles=4, stall_cycles=6, spare=0.2, latency_ns=(50, 600), register_gap_ns=(0, 300)),
}


def profile(name: str | Timing) -> Timing:
    """The profile of that name. Raises ValueError listing what exists."""
    if isinstance(name, Timing):
        return name
    if name not in PROFILES:
        raise ValueError(f"no bus timing {name!r}: expected one of {', '.join(PROFILES)}")
    return PROFILES[name]


def drawn_ns(rng: random.Random, bounds: tuple[int, int], period_ns: int) -> int:
    """A random time within `bounds`, in whole clock periods."""
    return rng.randint(bounds[0] // period_ns, bounds[1] // period_ns) * period_ns


def stall_knobs(timing: Timing, rng: random.Random) -> dict[str, int]:
    """The knobs of bus ends in HDL that draw their stalls cycle by cycle: how likely one is, in 1/256."""
    knobs = {}
    for channel in CHANNELS:
        stalls = timing.stall_cycles and channel in timing.channels and rng.random() >= timing.spare
        share = timing.stall_cycles / (timing.run_cycles + timing.stall_cycles) if stalls else 0
        knobs[f"stall_{channel}"] = round(256 * share)
    return knobs


def start_stalls(channels: Mapping[str, Any], timing: Timing, seed: object, period_ns: int) -> None:
    """Pause and release each channel (a cocotbext-axi source or sink) by its own generator from `seed`.

    Python wakes only where a stall begins or ends, half a period off the clock edge.
    """
    for name, channel in channels.items():
        rng = random.Random(f"{name} {seed}")
        stalls = timing.stall_cycles and name.rpartition(".")[2] in timing.channels
        if stalls and rng.random() >= timing.spare:
            cocotb.start_soon(_stall(channel, timing, rng, period_ns))


async def _stall(channel: Any, timing: Timing, rng: random.Random, period_ns: int) -> None:
    while True:
        channel.pause = False
        await Timer((1 + int(rng.expovariate(1 / timing.run_cycles))) * period_ns, "ns")
        channel.pause = True
        await Timer((1 + int(rng.expovariate(1 / timing.stall_cycles))) * period_ns, "ns")
