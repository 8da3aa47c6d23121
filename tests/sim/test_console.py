# SPDX-License-Identifier: Apache-2.0
"""The console device on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import console
from .harness import TIMINGS, cases, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def bytes_are_sent(dut: Any, timing: str) -> None:
    await on_device(dut, console.bytes_are_sent, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def bytes_are_received(dut: Any, timing: str) -> None:
    await on_device(dut, console.bytes_are_received, timing=timing)


@cocotb.test()
async def bytes_come_together(dut: Any) -> None:
    await on_device(dut, console.bytes_come_together)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def both_ways(dut: Any, timing: str) -> None:
    await on_device(dut, console.both_ways, timing=timing)


@cocotb.test()
async def buffers_of_any_kind(dut: Any) -> None:
    await on_device(dut, console.buffers_of_any_kind)


@cocotb.test()
async def no_buffers(dut: Any) -> None:
    await on_device(dut, console.no_buffers)


@cocotb.test()
async def stalled_port(dut: Any) -> None:
    await on_device(dut, console.stalled_port)


@cocotb.test()
async def stalled_port_and_reset(dut: Any) -> None:
    await on_device(dut, console.stalled_port_and_reset)


@cocotb.test()
async def size_changes(dut: Any) -> None:
    await on_device(dut, console.size_changes)


@cocotb.test()
async def size_changes_without_a_driver(dut: Any) -> None:
    await on_device(dut, console.size_changes_without_a_driver)


@cocotb.test()
async def emergency_write(dut: Any) -> None:
    await on_device(dut, console.emergency_write)


@cocotb.test()
async def emergency_write_while_a_reset_is_pending(dut: Any) -> None:
    await on_device(dut, console.emergency_write_while_a_reset_is_pending)


@cocotb.test()
async def emergency_write_to_a_stalled_port(dut: Any) -> None:
    await on_device(dut, console.emergency_write_to_a_stalled_port)


@cocotb.test()
async def offered_features(dut: Any) -> None:
    await on_device(dut, console.offered_features)


@cocotb.test()
async def failing_memory(dut: Any) -> None:
    await on_device(dut, console.failing_memory)


@cocotb.test()
@cocotb.parametrize(case=cases(console.malformed_chain))
async def malformed_chain(dut: Any, case: str) -> None:
    await on_device(dut, console.malformed_chain, case)


@cocotb.test()
async def queue_reset(dut: Any) -> None:
    await on_device(dut, console.queue_reset)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def resets_at_any_time(dut: Any, timing: str) -> None:
    await on_device(dut, console.resets_at_any_time, timing=timing)
