# SPDX-License-Identifier: Apache-2.0
"""Transport features on split rings, on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import features
from .harness import TIMINGS, cases, on_device

#: With all features at each timing of the bus, without some of them at one.
_ALL, *_FEWER = cases(features.indirect_tables)
_INDIRECT = [(_ALL, timing) for timing in TIMINGS] + [(case, "light") for case in _FEWER]


@cocotb.test()
@cocotb.parametrize((("case", "timing"), _INDIRECT))
async def indirect_tables(dut: Any, case: str, timing: str) -> None:
    await on_device(dut, features.indirect_tables, case, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def indirect_tables_at_page_ends(dut: Any, timing: str) -> None:
    await on_device(dut, features.indirect_tables_at_page_ends, timing=timing)


@cocotb.test()
@cocotb.parametrize(case=cases(features.malformed_table))
async def malformed_table(dut: Any, case: str) -> None:
    await on_device(dut, features.malformed_table, case)


@cocotb.test()
async def table_above_the_address_space(dut: Any) -> None:
    await on_device(dut, features.table_above_the_address_space)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def interrupt_when_used_event_is_reached(dut: Any, timing: str) -> None:
    await on_device(dut, features.interrupt_when_used_event_is_reached, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def events_race_with_buffers(dut: Any, timing: str) -> None:
    await on_device(dut, features.events_race_with_buffers, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def idle_queue_asks_for_the_next_notification(dut: Any, timing: str) -> None:
    await on_device(dut, features.idle_queue_asks_for_the_next_notification, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def queue_reset(dut: Any, timing: str) -> None:
    await on_device(dut, features.queue_reset, timing=timing)


@cocotb.test()
async def queue_reset_of_what_is_not_ready(dut: Any) -> None:
    await on_device(dut, features.queue_reset_of_what_is_not_ready)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def queue_reset_under_load(dut: Any, timing: str) -> None:
    await on_device(dut, features.queue_reset_under_load, timing=timing)


@cocotb.test()
async def write_on_the_descriptor_of_a_table(dut: Any) -> None:
    await on_device(dut, features.write_on_the_descriptor_of_a_table)


@cocotb.test()
async def table_changes(dut: Any) -> None:
    await on_device(dut, features.table_changes)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def poisoned_used_event(dut: Any, timing: str) -> None:
    await on_device(dut, features.poisoned_used_event, timing=timing)
