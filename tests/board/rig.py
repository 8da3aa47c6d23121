# SPDX-License-Identifier: Apache-2.0
"""Test bodies on a board: nothing can be done there but access registers and memory, and wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NoReturn

from cocotbext.virtio.backing import DeviceView, RegionMemory
from cocotbext.virtio.board import BoardBench

from ..bodies.rig import Rig


class NotOnBoard(Exception):
    """A body asks for what only a simulator can do; `power` is the rig's name of it."""

    def __init__(self, power: str) -> None:
        super().__init__(f"{power} is not to be had on a board")
        self.power = power


class NoPowers(Rig):
    """A rig without the simulator's powers: whoever asks for one is told so."""

    async def power_cycle(self) -> None:
        self._refuse("power_cycle")

    async def set_capacity(self, sectors: int) -> None:
        self._refuse("set_capacity")

    async def fail_sector(self, sector: int | None) -> None:
        self._refuse("fail_sector")

    async def fail_flushes(self, fail: bool) -> None:
        self._refuse("fail_flushes")

    def unmapped(self) -> int:
        self._refuse("unmapped")

    async def slow_down(self, cycles: int) -> None:
        self._refuse("slow_down")

    async def inject(self, frame: bytes, bad: bool = False, count: int = 1) -> None:
        self._refuse("inject")

    async def set_link(self, up: bool) -> None:
        self._refuse("set_link")

    async def set_mac(self, loop: bool = False, stall: bool = False, gap: int = 0) -> None:
        self._refuse("set_mac")

    def frames_sent(self) -> list[bytes]:
        self._refuse("frames_sent")

    async def give(self, items: Sequence[int], wait: bool = True) -> None:
        self._refuse("give")

    async def set_port(self, stall: bool = False, gap: int = 0) -> None:
        self._refuse("set_port")

    async def set_size(self, cols: int, rows: int) -> None:
        self._refuse("set_size")

    async def set_level(self, level: int) -> None:
        self._refuse("set_level")

    def given_out(self) -> list[int]:
        self._refuse("given_out")

    async def write_and_read(self, offset: int, value: int, **held: int) -> int:
        self._refuse("write_and_read")

    def malform(self, kind: str) -> None:
        self._refuse("malform")

    def image(self) -> bytes:
        self._refuse("image")

    def _refuse(self, power: str) -> NoReturn:
        raise NotOnBoard(power)


class NoFaults(DeviceView):
    """In the place of a bench's `faults` where none can be planted: nobody is between the device and its memory."""

    def __init__(self) -> None:
        super().__init__(RegionMemory(()))

    def add(self, *arguments: Any, **options: Any) -> NoReturn:
        raise NotOnBoard("faults")


class BoardRig(BoardBench, NoPowers):
    """A rig on a board. `delay` lets so much of the wall's time pass, at least."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.faults = NoFaults()

    async def delay(self, ns: int) -> None:
        time.sleep(ns / 1e9)
