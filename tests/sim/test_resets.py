# SPDX-License-Identifier: Apache-2.0
"""Hundreds of resets at any cycle, on the pins; with those of all configurations thousands."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import reset
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def at_any_cycle(dut: Any, timing: str) -> None:
    await on_device(dut, reset.at_any_cycle, timing=timing)
