# SPDX-License-Identifier: Apache-2.0
"""The bench of a device on a board. Time is the wall's; nothing is seen but registers and memory."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from virtio_model.spec import WINDOW_SIZE

from ..bench import Bench
from ..memory import GuardedMemory, Region
from .barrier import full_barrier
from .errors import BoardError
from .interrupt import PolledInterrupt, UioInterrupt
from .memory import MappedMemory
from .places import Place
from .window import RegisterWindow

#: Wall time that a wait may take when the test names none.
TIMEOUT_NS = 2_000_000_000


@dataclass(frozen=True)
class Board:
    """What there is of a device: its registers, memory that it reaches, and its interrupt."""

    window: RegisterWindow
    memory: MappedMemory
    irq: PolledInterrupt

    @classmethod
    def open(cls, registers: str, memory: str, irq: str = "poll") -> Board:
        """From REGS=file[@offset], MEM=file[@offset,bus_address[,length]] and IRQ=poll|uio|uio:file.

        With "uio" the file of the registers is the UIO device. No register is accessed. Raises `BoardError`.
        """
        barrier = full_barrier()
        place = Place.registers(registers, WINDOW_SIZE)
        kind, colon, path = irq.partition(":")
        if kind not in ("poll", "uio") or (kind == "poll" and colon) or (colon and not path):
            raise BoardError(f"IRQ={irq}: expected poll, uio or uio:file")
        window = RegisterWindow(place.map(), barrier)
        where = Place.memory(memory)
        mapped = MappedMemory(where.map(), where.bus_address, barrier)
        return cls(
            window, mapped, UioInterrupt(window, path or place.path) if kind == "uio" else PolledInterrupt(window)
        )


class BoardBench(Bench):
    """A bench on a board. There is no scoreboard: what is checked is what the driver, its rings and guards can see."""

    def __init__(self, board: Board, seed: int = 0, timeout_ns: int = TIMEOUT_NS) -> None:
        self.board = board
        region = Region("mem", board.memory.bus_address, board.memory.size)
        memory = GuardedMemory(board.memory, [region], random.Random(f"memory {seed}"))
        super().__init__(board.window, memory, board.irq, time.monotonic_ns, seed)
        self.timeout_ns = timeout_ns

    async def finish(self, min_used: int = 1) -> None:
        """As that of any bench, and the interrupt line has to be low when InterruptStatus is 0."""
        await super().finish(min_used)
        self.board.irq.check_low()
