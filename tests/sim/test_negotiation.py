# SPDX-License-Identifier: Apache-2.0
"""Feature negotiation on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import negotiation
from .harness import on_device


@cocotb.test()
async def offered_features_are_accepted(dut: Any) -> None:
    await on_device(dut, negotiation.offered_features_are_accepted)


@cocotb.test()
async def every_subset_is_accepted(dut: Any) -> None:
    await on_device(dut, negotiation.every_subset_is_accepted)


@cocotb.test()
async def each_unoffered_bit_is_refused(dut: Any) -> None:
    await on_device(dut, negotiation.each_unoffered_bit_is_refused)


@cocotb.test()
async def missing_version_1_is_refused(dut: Any) -> None:
    await on_device(dut, negotiation.missing_version_1_is_refused)


@cocotb.test()
async def words_beyond_the_second_are_refused(dut: Any) -> None:
    await on_device(dut, negotiation.words_beyond_the_second_are_refused)


@cocotb.test()
async def driver_reports_the_refusal(dut: Any) -> None:
    await on_device(dut, negotiation.driver_reports_the_refusal)


@cocotb.test()
async def frozen_after_features_ok(dut: Any) -> None:
    await on_device(dut, negotiation.frozen_after_features_ok)


@cocotb.test()
async def negotiates_again_after_a_reset(dut: Any) -> None:
    await on_device(dut, negotiation.negotiates_again_after_a_reset)


@cocotb.test()
async def driver_without_acknowledge(dut: Any) -> None:
    await on_device(dut, negotiation.driver_without_acknowledge)
