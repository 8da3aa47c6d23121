# SPDX-License-Identifier: Apache-2.0
"""Traffic that is spoilt at random, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import fuzz
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def spoilt_traffic(dut: Any, timing: str) -> None:
    await on_device(dut, fuzz.spoilt_traffic, timing=timing)
