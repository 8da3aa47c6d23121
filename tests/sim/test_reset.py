# SPDX-License-Identifier: Apache-2.0
"""Reset at any time, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from cocotbext.virtio.sim.timing import Timing

from ..bodies import reset
from .harness import TIMINGS, cases, on_device


@cocotb.test()
async def answered_when_all_is_quiet(dut: Any) -> None:
    await on_device(dut, reset.answered_when_all_is_quiet, timing=Timing(latency_ns=(300, 300)))


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def in_mid_request(dut: Any, timing: str) -> None:
    await on_device(dut, reset.in_mid_request, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def nothing_happens_after_it(dut: Any, timing: str) -> None:
    await on_device(dut, reset.nothing_happens_after_it, timing=timing)


@cocotb.test()
async def storm(dut: Any) -> None:
    await on_device(dut, reset.storm)


@cocotb.test()
async def indices_are_forgotten(dut: Any) -> None:
    await on_device(dut, reset.indices_are_forgotten)


@cocotb.test()
async def set_up_is_forgotten(dut: Any) -> None:
    await on_device(dut, reset.set_up_is_forgotten)


@cocotb.test()
async def features_are_forgotten(dut: Any) -> None:
    await on_device(dut, reset.features_are_forgotten)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def by_wire(dut: Any, timing: str) -> None:
    await on_device(dut, reset.by_wire, timing=timing)


@cocotb.test()
async def in_each_cycle_of_a_fault(dut: Any) -> None:
    await on_device(dut, reset.in_each_cycle_of_a_fault)


@cocotb.test()
@cocotb.parametrize(case=cases(reset.memory_that_never_answers))
async def memory_that_never_answers(dut: Any, case: str) -> None:
    await on_device(dut, reset.memory_that_never_answers, case, timing="none")
