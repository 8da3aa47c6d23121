# SPDX-License-Identifier: Apache-2.0
"""A clock: toggled by the simulation's main program if it can, by cocotb otherwise, with the same edges either way."""

from __future__ import annotations

import ctypes
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Event
from cocotb.utils import get_sim_steps

from .main_program import main_program


class NativeClock:
    """A clock that the main program toggles; make it with `start_clock`. There is one at a time."""

    _running: NativeClock | None = None

    def __init__(self, program: ctypes.CDLL) -> None:
        self._program = program
        self._task = cocotb.start_soon(self._run())

    @classmethod
    def start(cls, signal: Any, period_ns: float) -> NativeClock | None:
        """Start it, if there is such a main program, it has no other clock, and it can toggle this signal."""
        program = main_program()
        if program is None:
            return None
        if cls._running and cls._running._task.done():  # its test ended before the task ran
            cls._running._halt()
        if program.virtio_clock_start(signal._path.encode(), get_sim_steps(period_ns, "ns")):
            return None
        cls._running = cls(program)
        return cls._running

    def stop(self) -> None:
        """Leave the signal as it is from now on."""
        self._halt()
        self._task.cancel()

    def _halt(self) -> None:
        if NativeClock._running is self:
            NativeClock._running = None
            self._program.virtio_clock_stop()

    async def _run(self) -> None:
        """Stop the clock when cocotb ends this task, which is at the end of the test."""
        try:
            await Event().wait()
        finally:
            self._halt()


def start_clock(signal: Any, period_ns: float) -> Clock | NativeClock:
    """Start a clock that is high now and for the first half of each period. It stops at the end of the test.

    Raises ValueError for a period that is not an even number of time steps.
    """
    clock = Clock(signal, period_ns, "ns")
    # The main program writes as the simulator does, so it is no substitute where cocotb is told not to trust that.
    native = NativeClock.start(signal, period_ns) if clock.impl == "gpi" else None
    if native is None:
        clock.start()
    return native or clock
