# SPDX-License-Identifier: Apache-2.0
"""Rings that change while the device reads them, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import races
from .harness import TIMINGS, cases, on_device


@cocotb.test()
async def avail_idx_moves_during_a_batch(dut: Any) -> None:
    await on_device(dut, races.avail_idx_moves_during_a_batch)


@cocotb.test()
@cocotb.parametrize(case=cases(races.ring_entry_changes))
async def ring_entry_changes(dut: Any, case: str) -> None:
    await on_device(dut, races.ring_entry_changes, case)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def published_while_the_index_is_read(dut: Any, timing: str) -> None:
    await on_device(dut, races.published_while_the_index_is_read, timing=timing)


@cocotb.test()
@cocotb.parametrize(case=cases(races.descriptor_changes))
async def descriptor_changes(dut: Any, case: str) -> None:
    await on_device(dut, races.descriptor_changes, case)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def more_than_the_queue_holds(dut: Any, timing: str) -> None:
    await on_device(dut, races.more_than_the_queue_holds, timing=timing)
