# SPDX-License-Identifier: Apache-2.0
"""The same on both memories: what is left here is compared with the other one's run by tests/sim/compare.py."""

from __future__ import annotations

from typing import Any

import cocotb

from cocotbext.virtio.events import Event

from ..bodies import one_by_one
from .harness import TIMINGS, SimRig
from .observed import leave, projections


class RecordingRig(SimRig):
    """Keeps everything that was seen on the pins."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.events: list[Event] = []

    def collect(self) -> list[Event]:
        events = super().collect()
        self.events += events
        return events


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def random_requests(dut: Any, timing: str) -> None:
    """With each timing another seed, as that of the run says."""
    rig = await RecordingRig.build(dut, timing, seed=cocotb.RANDOM_SEED + TIMINGS.index(timing) & 0xFFFF_FFFF)
    await rig.run(one_by_one.random_requests)
    leave(timing, projections(rig.events))
