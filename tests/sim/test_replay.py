# SPDX-License-Identifier: Apache-2.0
"""What drivers did to devices of these types, again: the traces in tests/traces/replay (docs/replay.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cocotb

from cocotbext.virtio.driver_rules import Access
from virtio_model.spec import SECTOR, Reg

from ..bodies.rig import Rig, body
from ..replay import lines
from ..replay.layout import Layout
from ..replay.player import Player
from ..replay.rig import RecordingRig
from .configs import ROOT
from .harness import disk_image

TRACES = ROOT / "tests" / "traces" / "replay"
LIMIT_US = 20_000
#: Changes to a trace that are to be noticed, and a word of what is said then.
FAULTS: Mapping[str, str] = {"value": "0x010 expected=", "used": "buffers of queue", "figure": "chains expected="}


@dataclass(frozen=True)
class Replay:
    """A trace, and where its memory is this time."""

    name: str
    trace: lines.Trace
    layout: Layout

    def __str__(self) -> str:
        return self.name


def names(config: str) -> list[str]:
    """The traces made on a configuration, the shortest first; all there are if none is named."""
    paths = sorted(TRACES.glob("*.txt"), key=lambda path: path.stat().st_size)
    return [path.stem for path in paths if not config or f"\nCONFIG {config}\n" in path.read_text()]


NAMES = names(os.environ.get("VIRTIO_CONFIG", ""))


def loaded(name: str) -> Replay:
    """A trace, with the disk file as it says, and zeroes elsewhere."""
    trace = lines.read(TRACES / f"{name}.txt")
    if trace.capacity:
        with Path(os.environ["VIRTIO_DISK"]).open("r+b") as disk:
            disk.truncate(0)
            disk.truncate(trace.capacity * SECTOR)
            for sector, data in trace.sectors.items():
                disk.seek(sector * SECTOR)
                disk.write(data)
    return Replay(name, trace, Layout(trace.items, cocotb.RANDOM_SEED))


def differences(expected: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    """What has not come out as recorded."""
    both = [(name, expected.get(name), seen.get(name)) for name in dict.fromkeys((*expected, *seen))]
    return [f"{name} expected={one} seen={other}" for name, one, other in both if one != other]


@body(used=0, limit_us=LIMIT_US)
async def replay(rig: Rig, given: Replay) -> None:
    """Everything comes out as it had done, and the scoreboard has followed all of it."""
    assert isinstance(rig, RecordingRig)
    await Player(rig, list(given.layout.placed(given.trace.items))).play()
    await rig.end(min_used=0)
    seen = rig.recorder.figures(disk_image())
    wrong = differences(given.trace.figures, seen)
    wrong += differences({"judged": seen["chains"]}, {"judged": str(rig.lockstep.used_total)})
    if wrong or rig.lockstep.lost_sight:
        raise AssertionError(f"REPLAY {'; '.join(wrong)} queues lost sight of: {rig.lockstep.lost_sight}")


def faulty(trace: lines.Trace, fault: str) -> lines.Trace:
    """A trace of what such a device does not do."""
    items = list(trace.items)
    if fault == "value":
        at, item = next(
            (i, x) for i, x in enumerate(items) if isinstance(x, Access) and x.offset == Reg.DEVICE_FEATURES
        )
        items[at] = replace(item, value=item.value ^ 2)
    elif fault == "used":
        items.append(replace(next(item for item in reversed(items) if isinstance(item, lines.Used)), count=1 << 20))
    figures = dict(trace.figures)
    if fault == "figure":
        figures["chains"] = str(int(figures["chains"]) + 1)
    return replace(trace, items=items, figures=figures)


@cocotb.test()
@cocotb.parametrize(trace=[cocotb.Param(name, name) for name in NAMES])
async def replays(dut: Any, trace: str) -> None:
    given = loaded(trace)
    rig = await RecordingRig.build(dut, "none", regions=[given.layout.region])
    await rig.run(replay, given)


@cocotb.test()
@cocotb.parametrize(fault=list(FAULTS))
async def fault_is_noticed(dut: Any, fault: str) -> None:
    given = loaded(NAMES[0])
    rig = await RecordingRig.build(dut, "none", regions=[given.layout.region])
    try:
        await replay(rig, replace(given, trace=faulty(given.trace, fault)))
    except AssertionError as error:
        said = str(error)
    else:
        said = "nothing"
    assert FAULTS[fault] in said, f"{fault}: {FAULTS[fault]!r} expected to be said, seen {said}"
