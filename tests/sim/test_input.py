# SPDX-License-Identifier: Apache-2.0
"""The input device on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import input as bodies
from .harness import TIMINGS, cases, on_device


@cocotb.test()
async def window(dut: Any) -> None:
    await on_device(dut, bodies.window)


@cocotb.test()
async def window_without_information(dut: Any) -> None:
    await on_device(dut, bodies.window_without_information)


@cocotb.test()
async def window_in_either_order(dut: Any) -> None:
    await on_device(dut, bodies.window_in_either_order)


@cocotb.test()
async def window_accesses(dut: Any) -> None:
    await on_device(dut, bodies.window_accesses)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def events_are_delivered(dut: Any, timing: str) -> None:
    await on_device(dut, bodies.events_are_delivered, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def events_one_after_another(dut: Any, timing: str) -> None:
    await on_device(dut, bodies.events_one_after_another, timing=timing)


@cocotb.test()
async def buffers_of_any_kind(dut: Any) -> None:
    await on_device(dut, bodies.buffers_of_any_kind)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def too_few_buffers(dut: Any, timing: str) -> None:
    await on_device(dut, bodies.too_few_buffers, timing=timing)


@cocotb.test()
async def buffers_end_in_a_sequence(dut: Any) -> None:
    await on_device(dut, bodies.buffers_end_in_a_sequence)


@cocotb.test()
async def sequences_come_whole(dut: Any) -> None:
    await on_device(dut, bodies.sequences_come_whole)


@cocotb.test()
async def sequences_that_are_too_long(dut: Any) -> None:
    await on_device(dut, bodies.sequences_that_are_too_long)


@cocotb.test()
async def events_without_a_driver(dut: Any) -> None:
    await on_device(dut, bodies.events_without_a_driver)


@cocotb.test()
async def rest_of_a_sequence_after_a_reset(dut: Any) -> None:
    await on_device(dut, bodies.rest_of_a_sequence_after_a_reset)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def status_events(dut: Any, timing: str) -> None:
    await on_device(dut, bodies.status_events, timing=timing)


@cocotb.test()
async def stalled_status_port(dut: Any) -> None:
    await on_device(dut, bodies.stalled_status_port)


@cocotb.test()
async def stalled_status_port_and_reset(dut: Any) -> None:
    await on_device(dut, bodies.stalled_status_port_and_reset)


@cocotb.test()
async def failing_memory(dut: Any) -> None:
    await on_device(dut, bodies.failing_memory)


@cocotb.test()
@cocotb.parametrize(case=cases(bodies.malformed_chain))
async def malformed_chain(dut: Any, case: str) -> None:
    await on_device(dut, bodies.malformed_chain, case)


@cocotb.test()
async def queue_reset(dut: Any) -> None:
    await on_device(dut, bodies.queue_reset)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def resets_at_any_time(dut: Any, timing: str) -> None:
    await on_device(dut, bodies.resets_at_any_time, timing=timing)
