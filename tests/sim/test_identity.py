# SPDX-License-Identifier: Apache-2.0
"""Discovery and the identity registers on the pins."""

from __future__ import annotations

from typing import Any

import cocotb

from ..bodies import identity
from .harness import on_device


@cocotb.test()
async def query_touches_three_registers(dut: Any) -> None:
    await on_device(dut, identity.query_touches_three_registers)


@cocotb.test()
async def identity_registers_are_constant(dut: Any) -> None:
    await on_device(dut, identity.identity_registers_are_constant)


@cocotb.test()
async def features_offered(dut: Any) -> None:
    await on_device(dut, identity.features_offered)


@cocotb.test()
async def driver_of_another_type_is_refused(dut: Any) -> None:
    await on_device(dut, identity.driver_of_another_type_is_refused)
