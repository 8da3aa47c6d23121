# SPDX-License-Identifier: Apache-2.0
"""Random requests on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import soak
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def random_requests(dut: Any, timing: str) -> None:
    await on_device(dut, soak.random_requests, timing=timing)
