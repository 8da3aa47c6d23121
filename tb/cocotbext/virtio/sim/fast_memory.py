# SPDX-License-Identifier: Apache-2.0
"""The memory of the device's DMA in HDL: `tb/hdl/virtio_axi_memory.sv`, on bytes that it shares with Python."""

from __future__ import annotations

import ctypes
import os
import random
from typing import Any

from ..backing import DeviceView, ErrorWindow, RegionMemory, Response, Unmapped
from .hdl_library import library
from .timing import Timing, stall_knobs

_MOST_REPORTS = 1024


class _Report(ctypes.Structure):
    """An access to where no memory is, as virtio_memory.cpp reports it."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("address", "length", "write", "cycle")]


class FastView(DeviceView):
    """The view of a device whose accesses are answered in C++: windows go there, unmapped accesses come from there."""

    def __init__(self, memory: RegionMemory, number: int) -> None:
        self._number = number
        self._library = library()
        super().__init__(memory)

    def add(
        self,
        address: int,
        length: int,
        *,
        read: bool = True,
        write: bool = True,
        response: Response = Response.SLVERR,
    ) -> ErrorWindow:
        window = super().add(address, length, read=read, write=write, response=response)
        self._library.virtio_memory_window(self._number, address, length, read, write, response.value)
        return window

    def clear(self) -> None:
        super().clear()
        self._library.virtio_memory_clear_windows(self._number)

    def check(self) -> None:
        self.collect()
        super().check()

    def collect(self) -> list[Unmapped]:
        """Take over the unmapped accesses of the device so far; all there have been."""
        reports = (_Report * _MOST_REPORTS)()
        count = self._library.virtio_memory_unmapped(self._number, reports, _MOST_REPORTS)
        self.unmapped += [Unmapped(r.address, r.length, bool(r.write), r.cycle) for r in reports[:count]]
        return self.unmapped


class FastMemory:
    """The instance `handle` of virtio_axi_memory, with the bytes of `memory` behind it.

    Its knobs are the public variables of the instance. `memory` must have been made as shared.
    """

    def __init__(self, handle: Any, memory: RegionMemory) -> None:
        self.memory = memory
        self.byte_lanes = len(handle.m_axi_rdata) // 8
        self._handle = handle
        number = int(handle.handle.value)
        self.view = FastView(memory, number)
        library().virtio_memory_unmap(number)
        for region, file in memory.files:
            if failed := library().virtio_memory_map(number, region.base, region.size, file):
                raise OSError(failed, f"{os.strerror(failed)}: region {region.name} of {region.size} bytes")

    def set_timing(self, timing: Timing, seed: object, period_ns: int) -> None:
        """Stall the five channels and delay answers; order of answers and bandwidth are the usual ones."""
        rng = random.Random(f"memory {seed}")
        least, most = (bound // period_ns for bound in timing.latency_ns)
        knobs = stall_knobs(timing, rng)
        for side in ("read", "write"):
            knobs |= {f"{side}_latency_min": least, f"{side}_latency_max": most}
        knobs |= {"read_bandwidth": 0, "write_bandwidth": 0, "reorder": 0}
        for name, value in {**knobs, "seed": rng.getrandbits(32)}.items():
            getattr(self._handle, name).value = value
