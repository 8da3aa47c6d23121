# SPDX-License-Identifier: Apache-2.0
"""What there is in packed rings only, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import packed
from .harness import TIMINGS, cases, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def rings_wrap(dut: Any, timing: str) -> None:
    await on_device(dut, packed.rings_wrap, timing=timing)


@cocotb.test()
async def half_marked_is_not_available(dut: Any) -> None:
    await on_device(dut, packed.half_marked_is_not_available)


@cocotb.test()
async def undefined_bits(dut: Any) -> None:
    await on_device(dut, packed.undefined_bits)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def idle_ring_asks_for_the_next_notification(dut: Any, timing: str) -> None:
    await on_device(dut, packed.idle_ring_asks_for_the_next_notification, timing=timing)


@cocotb.test()
async def notifications_stay_enabled(dut: Any) -> None:
    await on_device(dut, packed.notifications_stay_enabled)


@cocotb.test()
@cocotb.parametrize(case=cases(packed.interrupts_that_are_wanted))
async def interrupts_that_are_wanted(dut: Any, case: str) -> None:
    await on_device(dut, packed.interrupts_that_are_wanted, case)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def interrupts_at_every_place(dut: Any, timing: str) -> None:
    await on_device(dut, packed.interrupts_at_every_place, timing=timing)


@cocotb.test()
@cocotb.parametrize(case=cases(packed.malformed_list))
async def malformed_list(dut: Any, case: str) -> None:
    await on_device(dut, packed.malformed_list, case)


@cocotb.test()
async def list_that_is_not_all_available(dut: Any) -> None:
    await on_device(dut, packed.list_that_is_not_all_available)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def lists_before_a_malformed_one_complete(dut: Any, timing: str) -> None:
    await on_device(dut, packed.lists_before_a_malformed_one_complete, timing=timing)


@cocotb.test()
@cocotb.parametrize(case=cases(packed.dma_error_in_a_ring))
async def dma_error_in_a_ring(dut: Any, case: str) -> None:
    await on_device(dut, packed.dma_error_in_a_ring, case)


@cocotb.test()
async def dma_error_on_the_device_event(dut: Any) -> None:
    await on_device(dut, packed.dma_error_on_the_device_event)


@cocotb.test()
async def descriptor_behind_its_flags(dut: Any) -> None:
    await on_device(dut, packed.descriptor_behind_its_flags)


@cocotb.test()
@cocotb.parametrize(case=cases(packed.ids_of_any_value))
async def ids_of_any_value(dut: Any, case: str) -> None:
    await on_device(dut, packed.ids_of_any_value, case)


@cocotb.test()
@cocotb.parametrize(case=cases(packed.list_changes_its_length))
async def list_changes_its_length(dut: Any, case: str) -> None:
    await on_device(dut, packed.list_changes_its_length, case)
