# SPDX-License-Identifier: Apache-2.0
"""What drivers did to devices of these types, again: the traces in tests/traces/replay (docs/replay.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb

from virtio_model.spec import SECTOR

from ..bodies.rig import body
from ..replay import lines
from ..replay.layout import Layout
from ..replay.player import Player, differences
from ..replay.rig import RecordingRig
from .configs import ROOT
from .harness import disk_image

TRACES = ROOT / "tests" / "traces" / "replay"
LIMIT_US = 100_000


def traces(config: str) -> list[str]:
    """The names of the traces made on a configuration; all of them if there is none."""
    paths = sorted(TRACES.glob("*.txt"))
    return [path.stem for path in paths if not config or f"CONFIG {config}\n" in path.read_text()]


def lay_out_disk(trace: lines.Trace) -> None:
    """Let the disk file have what the trace says, and zeroes."""
    if trace.capacity:
        with Path(os.environ["VIRTIO_DISK"]).open("r+b") as disk:
            disk.truncate(0)
            disk.truncate(trace.capacity * SECTOR)
            for sector, data in trace.sectors.items():
                disk.seek(sector * SECTOR)
                disk.write(data)


@body(used=0, limit_us=LIMIT_US)
async def replay(rig: RecordingRig, trace: lines.Trace, layout: Layout) -> None:
    """Everything must come out as it had done."""
    await Player(rig, list(layout.placed(trace.items))).play()
    await rig.end(min_used=0)
    if wrong := differences(trace, rig.recorder.figures(disk_image())):
        raise AssertionError(f"REPLAY {'; '.join(wrong)}")


@cocotb.test()
@cocotb.parametrize(trace=[cocotb.Param(name, name) for name in traces(os.environ.get("VIRTIO_CONFIG", ""))])
async def replays(dut: Any, trace: str) -> None:
    given = lines.read(TRACES / f"{trace}.txt")
    lay_out_disk(given)
    layout = Layout(given.items, cocotb.RANDOM_SEED)
    rig = await RecordingRig.build(dut, "none", regions=[layout.region])
    await rig.run(replay, given, layout)
