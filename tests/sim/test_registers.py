# SPDX-License-Identifier: Apache-2.0
"""The register window on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import registers
from .harness import TIMINGS, on_device


@cocotb.test()
async def unlisted_offsets(dut: Any) -> None:
    await on_device(dut, registers.unlisted_offsets)


@cocotb.test()
async def read_only_registers_ignore_writes(dut: Any) -> None:
    await on_device(dut, registers.read_only_registers_ignore_writes)


@cocotb.test()
async def write_only_registers_read_zero(dut: Any) -> None:
    await on_device(dut, registers.write_only_registers_read_zero)


@cocotb.test()
async def reading_does_not_acknowledge(dut: Any) -> None:
    await on_device(dut, registers.reading_does_not_acknowledge)


@cocotb.test()
async def partial_writes_are_ignored(dut: Any) -> None:
    await on_device(dut, registers.partial_writes_are_ignored)


@cocotb.test()
async def narrow_reads_give_the_lanes_of_the_word(dut: Any) -> None:
    await on_device(dut, registers.narrow_reads_give_the_lanes_of_the_word)


@cocotb.test()
async def shared_memory_does_not_exist(dut: Any) -> None:
    await on_device(dut, registers.shared_memory_does_not_exist)


@cocotb.test()
async def configuration_past_its_end(dut: Any) -> None:
    await on_device(dut, registers.configuration_past_its_end)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def channels_in_any_order(dut: Any, timing: str) -> None:
    await on_device(dut, registers.channels_in_any_order, timing=timing)
