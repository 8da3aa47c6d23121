# SPDX-License-Identifier: Apache-2.0
"""Payload anywhere in memory, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import data
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def pages_are_crossed(dut: Any, timing: str) -> None:
    await on_device(dut, data.pages_are_crossed, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def four_gib_are_crossed(dut: Any, timing: str) -> None:
    await on_device(dut, data.four_gib_are_crossed, timing=timing)


@cocotb.test()
async def buffers_at_the_end_of_memory(dut: Any) -> None:
    await on_device(dut, data.buffers_at_the_end_of_memory)
