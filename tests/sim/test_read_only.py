# SPDX-License-Identifier: Apache-2.0
"""A read-only disk on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import blk, negotiation
from .harness import on_device


@cocotb.test()
async def read_only_disk(dut: Any) -> None:
    await on_device(dut, blk.read_only_disk)


@cocotb.test()
async def every_subset_is_accepted(dut: Any) -> None:
    await on_device(dut, negotiation.every_subset_is_accepted)
