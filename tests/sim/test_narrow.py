# SPDX-License-Identifier: Apache-2.0
"""A device with fewer than 64 address bits, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import data, faults, queues, soak
from .harness import on_device


@cocotb.test()
async def address_above_the_bus(dut: Any) -> None:
    await on_device(dut, faults.address_above_the_bus)


@cocotb.test()
async def areas_above_the_bus_are_refused(dut: Any) -> None:
    await on_device(dut, queues.areas_above_the_bus_are_refused)


@cocotb.test()
async def areas_past_the_end_of_the_address_space_are_refused(dut: Any) -> None:
    await on_device(dut, queues.areas_past_the_end_of_the_address_space_are_refused)


@cocotb.test()
async def buffers_at_the_end_of_memory(dut: Any) -> None:
    await on_device(dut, data.buffers_at_the_end_of_memory)


@cocotb.test()
async def random_requests(dut: Any) -> None:
    await on_device(dut, soak.random_requests)
