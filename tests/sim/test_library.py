# SPDX-License-Identifier: Apache-2.0
"""The memory of cocotbext-axi behind the device, instead of ours: a second opinion on what bursts do."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import data, soak
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def random_requests(dut: Any, timing: str) -> None:
    await on_device(dut, soak.random_requests, timing=timing, library_memory=True)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def data_that_nobody_wants(dut: Any, timing: str) -> None:
    # This memory answers a write at once, so that it can overtake the reads.
    await on_device(dut, data.data_that_nobody_wants, timing=timing, library_memory=True)
