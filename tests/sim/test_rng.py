# SPDX-License-Identifier: Apache-2.0
"""The entropy device on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import data, faults
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def destinations_of_every_length(dut: Any, timing: str) -> None:
    await on_device(dut, data.destinations_of_every_length, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def destinations_of_every_length_and_alignment(dut: Any, timing: str) -> None:
    await on_device(dut, data.destinations_of_every_length_and_alignment, timing=timing)


@cocotb.test()
async def requests_of_several_pages(dut: Any) -> None:
    await on_device(dut, data.requests_of_several_pages)


@cocotb.test()
async def requests_without_room(dut: Any) -> None:
    await on_device(dut, data.requests_without_room)


@cocotb.test()
async def slow_entropy(dut: Any) -> None:
    await on_device(dut, data.slow_entropy)


@cocotb.test()
async def dma_error_in_entropy_written(dut: Any) -> None:
    await on_device(dut, faults.dma_error_in_entropy_written)
