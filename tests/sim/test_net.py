# SPDX-License-Identifier: Apache-2.0
"""The network device on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from cocotbext.virtio.sim.timing import Timing

from ..bodies import net
from .harness import TIMINGS, on_device


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def frames_are_sent(dut: Any, timing: str) -> None:
    await on_device(dut, net.frames_are_sent, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def frames_are_received(dut: Any, timing: str) -> None:
    await on_device(dut, net.frames_are_received, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def frames_come_back(dut: Any, timing: str) -> None:
    await on_device(dut, net.frames_come_back, timing=timing)


@cocotb.test()
async def bad_transmit_requests(dut: Any) -> None:
    await on_device(dut, net.bad_transmit_requests)


@cocotb.test()
async def buffers_of_any_kind(dut: Any) -> None:
    await on_device(dut, net.buffers_of_any_kind)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def frames_over_several_buffers(dut: Any, timing: str) -> None:
    await on_device(dut, net.frames_over_several_buffers, timing=timing)


@cocotb.test()
async def frames_over_too_few_buffers(dut: Any) -> None:
    await on_device(dut, net.frames_over_too_few_buffers)


@cocotb.test()
async def bad_and_odd_frames_are_dropped(dut: Any) -> None:
    await on_device(dut, net.bad_and_odd_frames_are_dropped)


@cocotb.test()
async def no_buffers(dut: Any) -> None:
    await on_device(dut, net.no_buffers)


@cocotb.test()
async def silent_mac(dut: Any) -> None:
    await on_device(dut, net.silent_mac)


@cocotb.test()
async def link(dut: Any) -> None:
    await on_device(dut, net.link)


@cocotb.test()
async def configuration_fields(dut: Any) -> None:
    await on_device(dut, net.configuration_fields)


@cocotb.test()
async def own_address_only(dut: Any) -> None:
    await on_device(dut, net.own_address_only)


@cocotb.test()
async def receive_modes(dut: Any) -> None:
    await on_device(dut, net.receive_modes)


@cocotb.test()
async def address_table(dut: Any) -> None:
    await on_device(dut, net.address_table)


@cocotb.test()
async def vlan_filter(dut: Any) -> None:
    await on_device(dut, net.vlan_filter)


@cocotb.test()
async def bad_commands(dut: Any) -> None:
    await on_device(dut, net.bad_commands)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def failing_memory(dut: Any, timing: str) -> None:
    await on_device(dut, net.failing_memory, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def commands_among_frames(dut: Any, timing: str) -> None:
    await on_device(dut, net.commands_among_frames, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def interrupts_within_a_frame(dut: Any, timing: str) -> None:
    await on_device(dut, net.interrupts_within_a_frame, timing=timing)


@cocotb.test()
async def queue_pairs(dut: Any) -> None:
    await on_device(dut, net.queue_pairs)


@cocotb.test()
async def flows_after_a_reset(dut: Any) -> None:
    await on_device(dut, net.flows_after_a_reset)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def resets_at_any_time(dut: Any, timing: str) -> None:
    await on_device(dut, net.resets_at_any_time, timing=timing)


@cocotb.test()
async def full_speed(dut: Any) -> None:
    # Twenty cycles of latency, no stalls.
    await on_device(dut, net.full_speed, timing=Timing(latency_ns=(200, 200)))


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def queue_resets(dut: Any, timing: str) -> None:
    await on_device(dut, net.queue_resets, timing=timing)
