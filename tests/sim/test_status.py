# SPDX-License-Identifier: Apache-2.0
"""The device status field on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import status
from .harness import SimRig, on_device


@cocotb.test()
async def resets_at_each_rung(dut: Any) -> None:
    await on_device(dut, status.resets_at_each_rung)


@cocotb.test()
async def bits_accumulate(dut: Any) -> None:
    await on_device(dut, status.bits_accumulate)


@cocotb.test()
async def undefined_bits_are_ignored(dut: Any) -> None:
    await on_device(dut, status.undefined_bits_are_ignored)


@cocotb.test()
async def driver_ok_needs_features_ok(dut: Any) -> None:
    await on_device(dut, status.driver_ok_needs_features_ok)


@cocotb.test()
async def failed_stops_work(dut: Any) -> None:
    await on_device(dut, status.failed_stops_work)


@cocotb.test()
async def rules_on_drivers_see_the_pins(dut: Any) -> None:
    """Rules on drivers see the Status bits that a body clears without a reset, and nothing else."""
    rig = await SimRig.build(dut, "light")
    await rig.run(status.bits_accumulate)
    found = [finding for finding in rig.driver_checker.findings() if finding.rule != "DRV-ACCEPT"]
    assert {finding.rule for finding in found} == {"DRV-STATUS-CLEAR"}
    assert found[0].where.startswith("cycle ")
