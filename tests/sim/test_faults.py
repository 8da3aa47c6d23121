# SPDX-License-Identifier: Apache-2.0
"""Malformed rings and a failing memory, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import faults
from .harness import cases, on_device


@cocotb.test()
@cocotb.parametrize(case=cases(faults.malformed_chain))
async def malformed_chain(dut: Any, case: str) -> None:
    await on_device(dut, faults.malformed_chain, case)


@cocotb.test()
@cocotb.parametrize(case=cases(faults.head_outside_the_table))
async def head_outside_the_table(dut: Any, case: str) -> None:
    await on_device(dut, faults.head_outside_the_table, case)


@cocotb.test()
@cocotb.parametrize(case=cases(faults.avail_idx_out_of_range))
async def avail_idx_out_of_range(dut: Any, case: str) -> None:
    await on_device(dut, faults.avail_idx_out_of_range, case)


@cocotb.test()
async def chains_before_a_malformed_one_complete(dut: Any) -> None:
    await on_device(dut, faults.chains_before_a_malformed_one_complete)


@cocotb.test()
@cocotb.parametrize(case=cases(faults.dma_error_in_a_ring))
async def dma_error_in_a_ring(dut: Any, case: str) -> None:
    await on_device(dut, faults.dma_error_in_a_ring, case)


@cocotb.test()
@cocotb.parametrize(case=cases(faults.dma_error_on_the_suppression_flag))
async def dma_error_on_the_suppression_flag(dut: Any, case: str) -> None:
    await on_device(dut, faults.dma_error_on_the_suppression_flag, case)
