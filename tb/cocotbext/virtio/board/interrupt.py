# SPDX-License-Identifier: Apache-2.0
"""The interrupt of a device on a board: no pin to look at, but UIO's events, or InterruptStatus."""

from __future__ import annotations

import os
import select
import stat
import time

from virtio_model.spec import Reg

from .errors import BoardError
from .window import RegisterWindow

#: A wait is never shorter: the simulated times that tests name are nothing to an operating system.
LEAST_WAIT_NS = 20_000_000
#: Events in a row that InterruptStatus does not explain, until they are handed on instead of being taken for stale.
STALE_EVENTS = 16
#: A line that is high interrupts within this time once it is unmasked.
_QUIET_S = 0.005
_ENABLE = (1).to_bytes(4, "little")


class PolledInterrupt:
    """`Interrupt` that looks at InterruptStatus, over and over. Does not show that the line itself works."""

    def __init__(self, window: RegisterWindow) -> None:
        self._window = window

    @property
    def level(self) -> bool:
        """Whether InterruptStatus has a bit set (4.2.2.1); the line is not seen."""
        return self._window.load(Reg.INTERRUPT_STATUS) != 0

    async def wait(self, timeout_ns: int) -> bool:
        deadline = time.monotonic_ns() + max(timeout_ns, LEAST_WAIT_NS)
        while not self.level:
            if time.monotonic_ns() >= deadline:
                return False
            time.sleep(10e-6)
        return True

    def check_low(self) -> None:
        """Raise AssertionError if the line is seen high although InterruptStatus is 0. Nothing is seen by polling."""


class UioInterrupt(PolledInterrupt):
    """`Interrupt` by a UIO device: 4 bytes to read for each event, which masks the line; 1 written unmasks it.

    `wait` believes UIO alone. An event that InterruptStatus does not explain any more came before the driver had
    acknowledged it otherwise, and is dropped. Raises `BoardError` for a file that is none.
    """

    def __init__(self, window: RegisterWindow, path: str) -> None:
        super().__init__(window)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise BoardError(f"IRQ=uio: {path} cannot be opened: {error.strerror}") from None
        if not stat.S_ISCHR(os.fstat(self._file).st_mode):  # nothing is to be written to a file of registers
            raise BoardError(f"IRQ=uio: {path} expected to be a UIO device, seen another kind of file")
        try:
            self._unmask()
        except OSError as error:
            raise BoardError(f"IRQ=uio: {path} takes no interrupt control: {error.strerror}") from None

    async def wait(self, timeout_ns: int) -> bool:
        deadline = time.monotonic_ns() + max(timeout_ns, LEAST_WAIT_NS)
        for _ in range(STALE_EVENTS):
            self._unmask()
            left_s = max(deadline - time.monotonic_ns(), 0) / 1e9
            if not select.select([self._file], [], [], left_s)[0]:
                return False
            os.read(self._file, 4)
            if self.level:
                return True
        return True

    def check_low(self) -> None:
        for _ in range(STALE_EVENTS):
            self._unmask()
            if not select.select([self._file], [], [], _QUIET_S)[0] or self.level:
                return
            os.read(self._file, 4)
        raise AssertionError(
            f"BOARD-IRQ-LOW interrupt line expected low with InterruptStatus 0, seen {STALE_EVENTS} events in a row"
        )

    def _unmask(self) -> None:
        os.write(self._file, _ENABLE)
