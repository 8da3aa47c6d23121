# SPDX-License-Identifier: Apache-2.0
"""Register bus over the AXI4-Lite master in HDL, `tb/hdl/virtio_axil_master.sv`: Python wakes once an access."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from typing import Any

from cocotb.triggers import Lock, ValueChange

from ..interfaces import BusError
from .axil import DEFAULT_TIMEOUT_NS, RESPONSES
from .pins import known
from .timing import Timing, drawn_ns, stall_knobs

#: Accesses are numbered, so that a late answer is never taken for that of another one.
_NUMBERS = 256
#: Bytes of a word, and the verdicts of virtio_axil_master besides AXI responses.
_WORD_BYTES = 4
_RESET, _TIMEOUT = 4, 5


class FastRegisters:
    """`RegisterBus` by the instance `handle` of virtio_axil_master.

    Without a response within `timeout_ns` of simulated time an access raises BusError. Accesses are made one by one.
    """

    def __init__(self, handle: Any, timeout_ns: int = DEFAULT_TIMEOUT_NS) -> None:
        self.timeout_ns = timeout_ns
        self._handle = handle
        self._command, self._answer = handle.command, handle.answer
        self._done = ValueChange(handle.done)
        self._number = int(handle.command.value) % _NUMBERS
        self._lock = Lock()
        self._timing = Timing()
        self._rng = random.Random(0)
        self._period_ns = 1
        self._log = logging.getLogger("virtio.registers")

    def set_timing(self, timing: Timing, seed: object, period_ns: int) -> None:
        """Stall the five channels and leave gaps between accesses."""
        self._timing, self._period_ns = timing, period_ns
        self._rng = random.Random(f"registers {seed}")
        self._handle.timeout.value = self.timeout_ns // period_ns + timing.register_gap_ns[1] // period_ns
        for name, value in stall_knobs(timing, self._rng).items():
            getattr(self._handle, name).value = value
        self._handle.seed.value = self._rng.getrandbits(32)

    async def read(self, offset: int, size: int = 4) -> int:
        lane = _lane(offset, size)
        word = await self._access(False, offset, 0, 0, f"read of {size} bytes at offset {offset:#05x}")
        value = word >> 8 * lane & (1 << 8 * size) - 1
        self._log.debug("read  %#05x = %#x", offset, value)
        return value

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        self._log.debug("write %#05x = %#x", offset, value)
        lane = _lane(offset, size)
        data = int.from_bytes(int(value).to_bytes(size, "little"), "little") << 8 * lane
        strobe = (1 << size) - 1 << lane
        await self._access(True, offset, data, strobe, f"write of {size} bytes at offset {offset:#05x}")

    async def write_and_read(self, offset: int, value: int, held: Mapping[str, int]) -> int:
        """Write a word and read it in the same cycle, with channels (aw, w, b, ar, r) held back for so many cycles."""
        for channel, cycles in held.items():
            getattr(self._handle, f"hold_{channel}").value = cycles
        what = f"write and read at offset {offset:#05x}"
        try:
            return await self._access(True, offset, value, 0xF, what, both=True)
        finally:
            for channel in held:
                getattr(self._handle, f"hold_{channel}").value = 0

    async def _access(self, write: bool, offset: int, data: int, strobe: int, what: str, both: bool = False) -> int:
        async with self._lock:
            gap = drawn_ns(self._rng, self._timing.register_gap_ns, self._period_ns) // self._period_ns
            self._number = (self._number + 1) % _NUMBERS
            command = self._number | write << 8 | gap << 9 | offset << 25 | data << 37 | strobe << 69 | both << 73
            self._command.value = command
            await self._done
            answer = known(self._answer.value, f"the response to a register {what}")
        verdict = answer >> 32
        if verdict == _TIMEOUT:
            raise BusError(f"register {what}: expected a response within {self.timeout_ns} ns, seen none")
        if verdict == _RESET:
            raise BusError(f"register {what}: expected a response, seen reset")
        if verdict:
            raise BusError(f"register {what}: expected OKAY, seen {RESPONSES[verdict]}")
        return answer & 0xFFFF_FFFF


def _lane(offset: int, size: int) -> int:
    """The first byte lane of an access, which must stay within a word."""
    lane = offset % _WORD_BYTES
    if lane + size > _WORD_BYTES:
        raise ValueError(f"register access of {size} bytes at offset {offset:#05x} crosses a word")
    return lane
