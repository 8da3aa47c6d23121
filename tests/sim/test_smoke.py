# SPDX-License-Identifier: Apache-2.0
"""The device answers at all, over raw AXI4-Lite without the driver, and the harness knows the time."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from cocotbext.virtio.sim.clock import start_clock
from virtio_model import spec

from .harness import SimRig


@cocotb.test()
async def magic_value(dut: Any) -> None:
    """MagicValue reads "virt" after reset (4.2.2)."""
    start_clock(dut.clk_i, 10)
    bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False)
    for name in ("arready", "rvalid", "awready", "wready", "bvalid"):  # there is no memory here
        getattr(dut, f"m_axi_{name}").value = 0
    dut.rst_ni.value = 0
    await ClockCycles(dut.clk_i, 4)
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    seen = await with_timeout(bus.read_dword(spec.Reg.MAGIC_VALUE), 10, "us")
    assert seen == spec.MAGIC, f"SMOKE-MAGIC expected={spec.MAGIC:#x} seen={seen:#x}"


@cocotb.test()
@cocotb.parametrize(again=[1, 2, 3])
async def cycles_have_their_times(dut: Any, again: int) -> None:
    """What the tap counts is turned into simulated time, in whichever phase a test before this left the clock."""
    rig = await SimRig.build(dut, "none")
    for _ in range(again):
        await RisingEdge(dut.clk_i)
        now_ns = rig.now_ns()
        await FallingEdge(dut.clk_i)
        seen = rig.time_of(rig.tap.cycle)
        assert seen == now_ns, f"SMOKE-CYCLE-TIME expected={now_ns} seen={seen}"
    if again == 2:
        await RisingEdge(dut.clk_i)
