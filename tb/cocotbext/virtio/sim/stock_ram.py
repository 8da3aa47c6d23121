# SPDX-License-Identifier: Apache-2.0
"""cocotbext-axi's own `AxiRam` as the memory of the device's DMA, sharing its bytes with the driver.

It knows neither error windows nor DECERR nor latency, which is why `AxiMemory` is the default. As a second opinion on
what a memory does with the device's bursts it is welcome: it shares no code with ours above the channels.
"""

from __future__ import annotations

from typing import Any

from cocotbext.axi import AxiBus, AxiRam

from ..backing import DeviceView, RegionMemory
from .pins import quiet
from .timing import Timing, start_stalls

_SIZE = 1 << 62


class _SlicedRegions:
    """Regions as the flat, sliceable bytes that AxiRam wants. Raises MemoryFault, which AxiRam answers with SLVERR."""

    def __init__(self, memory: RegionMemory) -> None:
        self._memory = memory

    def __len__(self) -> int:
        return _SIZE

    def __getitem__(self, where: slice) -> bytes:
        return self._memory.read(where.start, where.stop - where.start)

    def __setitem__(self, where: slice, data: bytes) -> None:
        self._memory.write(where.start, bytes(data))


class StockRam:
    """The same to a bench as `AxiMemory`, without its powers over time and errors."""

    def __init__(self, dut: Any, clock: Any, reset: Any, memory: RegionMemory, prefix: str = "m_axi") -> None:
        quiet(dut, prefix)
        self.memory = memory
        self.view = DeviceView(memory)
        ram = AxiRam(AxiBus.from_prefix(dut, prefix), clock, reset, False, mem=_SlicedRegions(memory))
        self.write_side, self.read_side = ram.write_if, ram.read_if
        self.byte_lanes = self.read_side.byte_lanes
        self.channels = {
            f"{prefix}.aw": self.write_side.aw_channel,
            f"{prefix}.w": self.write_side.w_channel,
            f"{prefix}.b": self.write_side.b_channel,
            f"{prefix}.ar": self.read_side.ar_channel,
            f"{prefix}.r": self.read_side.r_channel,
        }

    def set_timing(self, timing: Timing, seed: object, period_ns: int) -> None:
        """Stall the five channels; answers have no latency."""
        start_stalls(self.channels, timing, seed, period_ns)
