# SPDX-License-Identifier: Apache-2.0
"""Queue set-up and notifications on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import queues
from .harness import TIMINGS, on_device


@cocotb.test()
async def ready_reads_back(dut: Any) -> None:
    await on_device(dut, queues.ready_reads_back)


@cocotb.test()
async def bad_sizes_are_refused(dut: Any) -> None:
    await on_device(dut, queues.bad_sizes_are_refused)


@cocotb.test()
async def misaligned_areas_are_refused(dut: Any) -> None:
    await on_device(dut, queues.misaligned_areas_are_refused)


@cocotb.test()
async def areas_past_the_end_of_the_address_space_are_refused(dut: Any) -> None:
    await on_device(dut, queues.areas_past_the_end_of_the_address_space_are_refused)


@cocotb.test()
async def only_bit_0_of_ready_counts(dut: Any) -> None:
    await on_device(dut, queues.only_bit_0_of_ready_counts)


@cocotb.test()
async def queues_that_do_not_exist(dut: Any) -> None:
    await on_device(dut, queues.queues_that_do_not_exist)


@cocotb.test()
async def set_up_is_locked_while_ready(dut: Any) -> None:
    await on_device(dut, queues.set_up_is_locked_while_ready)


@cocotb.test()
async def odd_sizes_are_served(dut: Any) -> None:
    await on_device(dut, queues.odd_sizes_are_served)


@cocotb.test()
async def queue_1_alone(dut: Any) -> None:
    await on_device(dut, queues.queue_1_alone)


@cocotb.test()
async def stops_and_starts_again(dut: Any) -> None:
    await on_device(dut, queues.stops_and_starts_again)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def stops_in_the_middle(dut: Any, timing: str) -> None:
    await on_device(dut, queues.stops_in_the_middle, timing=timing)


@cocotb.test()
async def made_ready_after_driver_ok(dut: Any) -> None:
    await on_device(dut, queues.made_ready_after_driver_ok)


@cocotb.test()
async def available_before_driver_ok(dut: Any) -> None:
    await on_device(dut, queues.available_before_driver_ok)


@cocotb.test()
async def wild_notifications(dut: Any) -> None:
    await on_device(dut, queues.wild_notifications)


@cocotb.test()
async def notifications_of_an_empty_queue(dut: Any) -> None:
    await on_device(dut, queues.notifications_of_an_empty_queue)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def notified_while_busy(dut: Any, timing: str) -> None:
    await on_device(dut, queues.notified_while_busy, timing=timing)


@cocotb.test()
async def queue_reset_without_the_feature(dut: Any) -> None:
    await on_device(dut, queues.queue_reset_without_the_feature)
