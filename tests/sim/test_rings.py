# SPDX-License-Identifier: Apache-2.0
"""Split rings on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import rings
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def indices_wrap(dut: Any, timing: str) -> None:
    await on_device(dut, rings.indices_wrap, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def full_queue_published_at_once(dut: Any, timing: str) -> None:
    await on_device(dut, rings.full_queue_published_at_once, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def many_outstanding_on_two_queues(dut: Any, timing: str) -> None:
    await on_device(dut, rings.many_outstanding_on_two_queues, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def batches_of_any_size(dut: Any, timing: str) -> None:
    await on_device(dut, rings.batches_of_any_size, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def chains_of_1_to_64_descriptors(dut: Any, timing: str) -> None:
    await on_device(dut, rings.chains_of_1_to_64_descriptors, timing=timing)


@cocotb.test()
async def chain_of_the_whole_table(dut: Any) -> None:
    await on_device(dut, rings.chain_of_the_whole_table)


@cocotb.test()
async def same_head_twice_in_a_batch(dut: Any) -> None:
    await on_device(dut, rings.same_head_twice_in_a_batch)


@cocotb.test()
async def undefined_bits_in_the_rings(dut: Any) -> None:
    await on_device(dut, rings.undefined_bits_in_the_rings)


@cocotb.test()
async def event_fields_are_not_touched(dut: Any) -> None:
    await on_device(dut, rings.event_fields_are_not_touched)


@cocotb.test()
async def device_keeps_its_own_used_idx(dut: Any) -> None:
    await on_device(dut, rings.device_keeps_its_own_used_idx)
