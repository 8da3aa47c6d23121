# SPDX-License-Identifier: Apache-2.0
"""Rings, buffers and registers on top of each other, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import overlaps
from .harness import cases, on_device


@cocotb.test()
@cocotb.parametrize(case=cases(overlaps.rings))
async def rings(dut: Any, case: str) -> None:
    await on_device(dut, overlaps.rings, case)


@cocotb.test()
@cocotb.parametrize(case=cases(overlaps.buffers))
async def buffers(dut: Any, case: str) -> None:
    await on_device(dut, overlaps.buffers, case)


@cocotb.test()
@cocotb.parametrize(case=cases(overlaps.registers))
async def registers(dut: Any, case: str) -> None:
    await on_device(dut, overlaps.registers, case)
