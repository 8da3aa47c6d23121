# SPDX-License-Identifier: Apache-2.0
"""The example device type on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import checksum
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def checksums(dut: Any, timing: str) -> None:
    await on_device(dut, checksum.checksums, timing=timing)


@cocotb.test()
async def seed(dut: Any) -> None:
    await on_device(dut, checksum.seed)


@cocotb.test()
async def enabled(dut: Any) -> None:
    await on_device(dut, checksum.enabled)


@cocotb.test()
async def any_room(dut: Any) -> None:
    await on_device(dut, checksum.any_room)


@cocotb.test()
async def failing_memory(dut: Any) -> None:
    await on_device(dut, checksum.failing_memory)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def resets_at_any_time(dut: Any, timing: str) -> None:
    await on_device(dut, checksum.resets_at_any_time, timing=timing)
