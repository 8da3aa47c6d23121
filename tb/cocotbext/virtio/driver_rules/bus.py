# SPDX-License-Identifier: Apache-2.0
"""A register bus that lets a driver be judged by what goes over it, where no monitor sees pins."""

from __future__ import annotations

from ..interfaces import Interrupt, RegisterBus
from .checker import DriverChecker
from .trace import Access, IrqLevel


class JudgedBus:
    """`RegisterBus` that passes accesses on to `bus` and tells `checker` of them and of changes of `irq`."""

    def __init__(self, bus: RegisterBus, irq: Interrupt, checker: DriverChecker) -> None:
        self._bus = bus
        self._irq = irq
        self._checker = checker
        self._level = False
        self._count = 0

    async def read(self, offset: int, size: int = 4) -> int:
        """As the bus."""
        where = self._next()
        value = await self._bus.read(offset, size)
        self._checker.feed([Access(where, False, offset, size, value)])
        return value

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        """As the bus."""
        self._checker.feed([Access(self._next(), True, offset, size, value)])
        await self._bus.write(offset, value, size)

    def _next(self) -> str:
        self._count += 1
        where = f"access {self._count}"
        level = self._irq.level
        if level != self._level:
            self._level = level
            self._checker.feed([IrqLevel(where, level)])
        return where
