# SPDX-License-Identifier: Apache-2.0
"""A rig that records what is seen on its pins."""

from __future__ import annotations

from typing import Any

from cocotbext.virtio.events import Event
from cocotbext.virtio.sim.timing import Timing

from ..sim.harness import SimRig, parameters
from .recorder import NotedStorage, Recorder


class RecordingRig(SimRig):
    """A rig with a recorder, which sees what the scoreboard does."""

    storage_type = NotedStorage
    recorder: Recorder

    @classmethod
    async def build(cls, dut: Any, timing: str | Timing, seed: int | None = None, **options: Any) -> RecordingRig:
        rig = await super().build(dut, timing, seed, **options)
        assert isinstance(rig, cls)
        rig.recorder = Recorder(parameters()["Device"], rig.storage)
        return rig

    def collect(self) -> list[Event]:
        events = super().collect()
        for event in events:
            self.recorder.feed(event)
        return events
