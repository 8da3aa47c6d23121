# SPDX-License-Identifier: Apache-2.0
"""Interrupts on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import interrupts
from .harness import TIMINGS, on_device


@cocotb.test()
async def rises_once_for_each_event(dut: Any) -> None:
    await on_device(dut, interrupts.rises_once_for_each_event)


@cocotb.test()
async def suppressed_by_the_flag(dut: Any) -> None:
    await on_device(dut, interrupts.suppressed_by_the_flag)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def flag_toggled_around_completion(dut: Any, timing: str) -> None:
    await on_device(dut, interrupts.flag_toggled_around_completion, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def acknowledgement_meets_the_next_event(dut: Any, timing: str) -> None:
    await on_device(dut, interrupts.acknowledgement_meets_the_next_event, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def acknowledgement_after_the_rings(dut: Any, timing: str) -> None:
    await on_device(dut, interrupts.acknowledgement_after_the_rings, timing=timing)


@cocotb.test()
async def acknowledgements_of_nothing(dut: Any) -> None:
    await on_device(dut, interrupts.acknowledgements_of_nothing)


@cocotb.test()
async def never_acknowledged(dut: Any) -> None:
    await on_device(dut, interrupts.never_acknowledged)


@cocotb.test()
async def reset_clears_pending_interrupts(dut: Any) -> None:
    await on_device(dut, interrupts.reset_clears_pending_interrupts)


@cocotb.test()
async def none_at_driver_ok(dut: Any) -> None:
    await on_device(dut, interrupts.none_at_driver_ok)
