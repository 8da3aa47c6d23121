# SPDX-License-Identifier: Apache-2.0
"""The device status field (2.1)."""

from __future__ import annotations

from virtio_model.spec import Reg, Status

from . import work
from .rig import Rig, body
from .work import LIVE, NEGOTIATED, expect

_LADDER = (Status.ACKNOWLEDGE, Status.ACKNOWLEDGE | Status.DRIVER, NEGOTIATED, LIVE)


async def _climb(rig: Rig, rung: int) -> None:
    """Go up the ladder to `rung`, looking at each step."""
    await rig.reset_device()
    for step in _LADDER[: rung + 1]:
        if step == NEGOTIATED:
            await work.accept_features(rig, await work.offered_features(rig))
        expect(await work.write_status(rig, step), step, "Status on the way up")


@body()
async def resets_at_each_rung(rig: Rig) -> None:
    """Status reads what was reached, and a reset from anywhere takes it to 0 (RESET-DEV-001, STATUS-DEV-005)."""
    expect(await work.status(rig), 0, "Status after power-up")
    for rung in range(len(_LADDER)):
        await _climb(rig, rung)
        seen = await work.write_status(rig, 0)
        for _ in range(rig.patience - 1):
            seen = seen and await work.status(rig)
        expect(seen, 0, f"Status after a reset at {_LADDER[rung]!r}")
        await work.start(rig)
        await work.serve(rig, 1)


@body()
async def bits_accumulate(rig: Rig) -> None:
    """Only a write of 0 clears bits; the device goes on when others lack some (MMIO-DEV-019, HOST-070)."""
    await work.start(rig)
    for value in (0x07, 0x0B, 0x03, 0x01, 0x04, 0x08):
        expect(await work.write_status(rig, value), LIVE, f"Status after writing {value:#x}")
        await work.serve(rig, 1)


@body()
async def undefined_bits_are_ignored(rig: Rig) -> None:
    """Undefined bits, DEVICE_NEEDS_RESET among them, neither stick nor reset anything (STATUS-DEV-005, HOST-071)."""
    await work.start(rig)
    for value in (0x10, 0x20, 0x40, 0x70, 0x100, 0x8000_0000, 0xFFFF_FF00, 0xFFFF_FF7F):
        expect(await work.write_status(rig, value), LIVE, f"Status after writing {value:#x}")
    await work.serve(rig, 1)


@body(used=0)
async def driver_ok_needs_features_ok(rig: Rig) -> None:
    """A device never goes live without features that were agreed upon (2.2, HOST-070)."""
    before = Status.ACKNOWLEDGE | Status.DRIVER
    await rig.reset_device()
    await rig.bus.write(Reg.STATUS, before)
    expect(await work.write_status(rig, before | Status.DRIVER_OK), before, "Status after DRIVER_OK alone")
    await work.accept_features(rig, await work.offered_features(rig))
    expect(await work.write_status(rig, LIVE), LIVE, "Status after FEATURES_OK and DRIVER_OK in one write")


@body()
async def failed_stops_work(rig: Rig) -> None:
    """After FAILED no queue is worked on, and only a reset helps (2.1.1, HOST-063)."""
    await work.start(rig)
    await work.serve(rig, 1)
    await work.calm_down(rig)
    expect(await work.write_status(rig, Status.FAILED), LIVE | Status.FAILED, "Status")
    for _ in range(3):
        await work.ask(rig)
        await work.expect_idle(rig, "after FAILED", ns=3000)
    expect(await work.write_status(rig, LIVE), LIVE | Status.FAILED, "Status")
    await work.start(rig)
    await work.serve(rig, 2)
