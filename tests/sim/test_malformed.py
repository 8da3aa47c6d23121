# SPDX-License-Identifier: Apache-2.0
"""A memory that breaks the rules of its bus."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import faults
from .harness import cases, on_device


@cocotb.test()
@cocotb.parametrize(case=cases(faults.malformed_response))
async def malformed_response(dut: Any, case: str) -> None:
    await on_device(dut, faults.malformed_response, case)


@cocotb.test()
async def power_cycle_in_a_short_burst(dut: Any) -> None:
    await on_device(dut, faults.power_cycle_in_a_short_burst, timing="none")


@cocotb.test()
@cocotb.parametrize(case=cases(faults.malformed_response_at_any_moment))
async def malformed_response_at_any_moment(dut: Any, case: str) -> None:
    await on_device(dut, faults.malformed_response_at_any_moment, case)
