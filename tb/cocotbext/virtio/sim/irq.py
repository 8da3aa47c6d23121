# SPDX-License-Identifier: Apache-2.0
"""The interrupt line as a pin."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import First, RisingEdge, Timer

from .pins import known, require_port


class PinInterrupt:
    """`Interrupt` on a port of the device. Python sleeps until the edge or the time-out."""

    def __init__(self, dut: Any, name: str = "irq_o") -> None:
        self._name = name
        self._pin = require_port(dut, name, "an interrupt output")

    @property
    def level(self) -> bool:
        """Raises ProtocolError when the line is X or Z."""
        return bool(known(self._pin.value, self._name))

    async def wait(self, timeout_ns: int) -> bool:
        if self.level:
            return True
        if timeout_ns > 0:
            await First(RisingEdge(self._pin), Timer(timeout_ns, "ns"))
        return self.level
