# SPDX-License-Identifier: Apache-2.0
"""The block device on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from cocotbext.virtio.sim.timing import Timing

from ..bodies import blk, data, faults, interrupts, registers, reset
from .harness import TIMINGS, cases, on_device


@cocotb.test()
async def writes_are_read_back(dut: Any) -> None:
    await on_device(dut, blk.writes_are_read_back)


@cocotb.test()
async def first_and_last_sector(dut: Any) -> None:
    await on_device(dut, blk.first_and_last_sector)


@cocotb.test()
async def id_string(dut: Any) -> None:
    await on_device(dut, blk.id_string)


@cocotb.test()
async def unknown_types_are_unsupported(dut: Any) -> None:
    await on_device(dut, blk.unknown_types_are_unsupported)


@cocotb.test()
async def data_that_nobody_wants(dut: Any) -> None:
    # Reads are slow to be taken, so that writes can overtake them.
    await on_device(dut, data.data_that_nobody_wants, timing=Timing(run_cycles=1, stall_cycles=30, channels=("ar",)))


@cocotb.test()
async def ranges_beyond_the_capacity_fail(dut: Any) -> None:
    await on_device(dut, blk.ranges_beyond_the_capacity_fail)


@cocotb.test()
async def parts_of_sectors_fail(dut: Any) -> None:
    await on_device(dut, blk.parts_of_sectors_fail)


@cocotb.test()
async def short_headers_fail(dut: Any) -> None:
    await on_device(dut, blk.short_headers_fail)


@cocotb.test()
async def no_room_for_a_status(dut: Any) -> None:
    await on_device(dut, blk.no_room_for_a_status)


@cocotb.test()
async def status_is_the_last_writable_byte(dut: Any) -> None:
    await on_device(dut, blk.status_is_the_last_writable_byte)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def every_framing_is_served(dut: Any, timing: str) -> None:
    await on_device(dut, blk.every_framing_is_served, timing=timing)


@cocotb.test()
async def byte_by_byte(dut: Any) -> None:
    await on_device(dut, blk.byte_by_byte)


@cocotb.test()
async def flush_needs_its_feature(dut: Any) -> None:
    await on_device(dut, blk.flush_needs_its_feature)


@cocotb.test()
async def configuration_fields(dut: Any) -> None:
    await on_device(dut, blk.configuration_fields)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def failing_sector_in_mid_write(dut: Any, timing: str) -> None:
    await on_device(dut, blk.failing_sector_in_mid_write, timing=timing)


@cocotb.test()
async def failing_sector(dut: Any) -> None:
    await on_device(dut, blk.failing_sector)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def failing_flush(dut: Any, timing: str) -> None:
    await on_device(dut, blk.failing_flush, timing=timing)


@cocotb.test()
async def slow_disk(dut: Any) -> None:
    await on_device(dut, blk.slow_disk)


@cocotb.test()
async def slow_disk_and_reset(dut: Any) -> None:
    await on_device(dut, blk.slow_disk_and_reset)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def sources_and_destinations_of_every_length_and_alignment(dut: Any, timing: str) -> None:
    await on_device(dut, data.sources_and_destinations_of_every_length_and_alignment, timing=timing)


@cocotb.test()
async def configuration_by_bytes_and_halfwords(dut: Any) -> None:
    await on_device(dut, registers.configuration_by_bytes_and_halfwords)


@cocotb.test()
async def configuration_change(dut: Any) -> None:
    await on_device(dut, interrupts.configuration_change)


@cocotb.test()
async def configuration_change_before_driver_ok(dut: Any) -> None:
    await on_device(dut, interrupts.configuration_change_before_driver_ok)


@cocotb.test()
async def dma_error_on_the_status_byte(dut: Any) -> None:
    await on_device(dut, faults.dma_error_on_the_status_byte)


@cocotb.test()
async def dma_error_in_the_header(dut: Any) -> None:
    await on_device(dut, faults.dma_error_in_the_header)


@cocotb.test()
async def dma_error_in_data_read(dut: Any) -> None:
    await on_device(dut, faults.dma_error_in_data_read)


@cocotb.test()
@cocotb.parametrize(case=cases(faults.dma_error_in_data_written))
async def dma_error_in_data_written(dut: Any, case: str) -> None:
    await on_device(dut, faults.dma_error_in_data_written, case)


@cocotb.test()
async def in_each_cycle_of_a_write(dut: Any) -> None:
    await on_device(dut, reset.in_each_cycle_of_a_write, timing="none")
