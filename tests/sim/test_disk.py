# SPDX-License-Identifier: Apache-2.0
"""A whole disk through the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import disk
from .harness import on_device


@cocotb.test()
async def whole_image(dut: Any) -> None:
    await on_device(dut, disk.whole_image, timing="none")


@cocotb.test()
async def writes_reach_the_disk(dut: Any) -> None:
    await on_device(dut, disk.writes_reach_the_disk)
