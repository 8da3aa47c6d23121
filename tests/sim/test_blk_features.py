# SPDX-License-Identifier: Apache-2.0
"""All features of the block device on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import blk_features
from .harness import TIMINGS, on_device


@cocotb.test()
async def configuration_space(dut: Any) -> None:
    await on_device(dut, blk_features.configuration_space)


@cocotb.test()
async def cache_mode(dut: Any) -> None:
    await on_device(dut, blk_features.cache_mode)


@cocotb.test()
async def write_through(dut: Any) -> None:
    await on_device(dut, blk_features.write_through)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def zeroes_are_written(dut: Any, timing: str) -> None:
    await on_device(dut, blk_features.zeroes_are_written, timing=timing)


@cocotb.test()
async def discarded(dut: Any) -> None:
    await on_device(dut, blk_features.discarded)


@cocotb.test()
async def reserved_flags(dut: Any) -> None:
    await on_device(dut, blk_features.reserved_flags)


@cocotb.test()
async def ranges_beyond_the_limits(dut: Any) -> None:
    await on_device(dut, blk_features.ranges_beyond_the_limits)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def bad_segment_among_good_ones(dut: Any, timing: str) -> None:
    await on_device(dut, blk_features.bad_segment_among_good_ones, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def nothing_is_written_after_a_failed_sector(dut: Any, timing: str) -> None:
    await on_device(dut, blk_features.nothing_is_written_after_a_failed_sector, timing=timing)


@cocotb.test()
@cocotb.parametrize(timing=TIMINGS)
async def all_queues(dut: Any, timing: str) -> None:
    await on_device(dut, blk_features.all_queues, timing=timing)
