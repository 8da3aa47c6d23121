# SPDX-License-Identifier: Apache-2.0
"""Exact cycles of requests that are kept outstanding on a memory of some latency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cocotbext.virtio.drivers import Pending
from cocotbext.virtio.sim.bench import PERIOD_NS
from cocotbext.virtio.sim.timing import Timing

from .harness import SimRig

#: Long enough for the largest requests that are outstanding at the end.
DRAIN_NS = 10_000_000

Submit = Callable[[int], Awaitable[Pending[Any]]]


async def build(dut: Any, latency: int) -> SimRig:
    """A rig on a memory that answers `latency` cycles later than it could, reads and writes alike."""
    delay_ns = latency * PERIOD_NS
    return await SimRig.build(dut, Timing(latency_ns=(delay_ns, delay_ns)), seed=1)


async def cycles_per_request(rig: SimRig, submit: Submit, depth: int, count: int) -> float:
    """Keep `depth` requests outstanding until `count` came back; cycles from one to the next in the steady state.

    Requests come back together: what is counted begins and ends with such a lot, the first after half of them.
    """
    outstanding: list[Pending[Any]] = []
    lots: list[tuple[int, int]] = []  # cycle, requests that had come back by then
    begun = done = 0
    while done < count:
        while len(outstanding) < depth:
            outstanding.append(await submit(begun))
            begun += 1
        await rig.run_until(_any_done(outstanding))
        waiting = [pending for pending in outstanding if not pending.done]
        done += len(outstanding) - len(waiting)
        outstanding = waiting
        lots.append((rig.tap.cycle, done))
    await rig.drain(DRAIN_NS)
    await rig.finish()
    first_cycle, first_done = next(lot for lot in lots if lot[1] >= count // 2)
    last_cycle, last_done = lots[-1]
    return (last_cycle - first_cycle) / (last_done - first_done)


def _any_done(outstanding: Sequence[Pending[Any]]) -> Callable[[], bool]:
    return lambda: any(pending.done for pending in outstanding)
