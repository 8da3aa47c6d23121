# SPDX-License-Identifier: Apache-2.0
"""The memory of the device's DMA: an AXI4 slave over sparse regions, with error windows, latency and stalls."""

from __future__ import annotations

import logging
import random
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import Event, First, Timer
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus
from cocotbext.axi.axi_channels import AxiARBus, AxiAWBus, AxiBBus, AxiRBus, AxiWBus
from cocotbext.axi.axi_slave import AxiSlaveRead, AxiSlaveWrite

from ..backing import DeviceView, RegionMemory, Response
from .bursts import Burst
from .pins import ProtocolError, known, known_lanes, quiet, require_ports
from .timing import Timing, drawn_ns, start_stalls

#: Bursts accepted while their latency runs.
OUTSTANDING = 16
#: How often it is looked whether a window that never answers has gone.
POLL_NS = 100
#: What lanes carry that the device did not ask for.
JUNK = 0xEE


class _Latency:
    """When the answer to a burst that came now is due, in ns."""

    def __init__(self) -> None:
        self.timing = Timing()
        self.rng = random.Random(0)
        self.period_ns = 1

    def due_ns(self) -> float:
        return float(get_sim_time("ns")) + drawn_ns(self.rng, self.timing.latency_ns, self.period_ns)

    async def until(self, due_ns: float) -> None:
        left_ns = due_ns - float(get_sim_time("ns"))
        if left_ns > 0:
            await Timer(left_ns, "ns", round_mode="round")


class _Waiting(NamedTuple):
    """A burst to be answered, and the range of bytes that it touches; of a write, with its response."""

    due_ns: float
    burst: Burst
    touched: tuple[int, int]
    response: Response = Response.OKAY


class _TwoTasks:
    """Starts and stops the intake and answer tasks with the reset, in place of the library's single one.

    Abstract: a side says how to clear its channels, take bursts and answer them. The library it extends is untyped.
    """

    _tasks: list[Any]
    _view: DeviceView
    _latency: _Latency
    _writes: bool

    def _handle_reset(self, state: bool) -> None:
        if state:
            for task in getattr(self, "_tasks", []):
                task.cancel()
            self._tasks = []
            self._clear()
        elif not getattr(self, "_tasks", []):
            self._waiting: list[_Waiting] = []
            self._changed = Event()
            self._tasks = [cocotb.start_soon(self._take()), cocotb.start_soon(self._answer())]

    async def _put(self, entry: _Waiting) -> None:
        """Let a burst wait for its answer, as soon as there is room."""
        while len(self._waiting) >= OUTSTANDING:
            await self._change()
        self._waiting.append(entry)
        self._changed.set()

    async def _next(self) -> _Waiting:
        """The burst to answer now: the oldest, but for those that are not answered and later ones of the same id."""
        while True:
            entry = self._candidate()
            if entry is None:
                await self._change()
                continue
            await self._latency.until(entry.due_ns)
            if self._candidate() is entry:
                self._waiting.remove(entry)
                self._changed.set()
                return entry

    def _candidate(self) -> _Waiting | None:
        held: set[int] = set()
        for entry in self._waiting:
            if entry.burst.id not in held and self._view.answers(*entry.touched, self._writes):
                return entry
            held.add(entry.burst.id)
        return None

    async def _change(self) -> None:
        """Wait until a burst came or went, or a window may have gone."""
        self._changed.clear()
        change = self._changed.wait()
        await (First(change, Timer(POLL_NS, "ns")) if self._waiting else change)

    def _clear(self) -> None:
        raise NotImplementedError

    async def _take(self) -> None:
        raise NotImplementedError

    async def _answer(self) -> None:
        raise NotImplementedError


class _WriteSide(_TwoTasks, AxiSlaveWrite):  # type: ignore[misc]
    """AW, W and B."""

    _writes = True

    def __init__(self, bus: Any, clock: Any, reset: Any, view: DeviceView, latency: _Latency, prefix: str) -> None:
        self._view, self._latency, self._prefix = view, latency, prefix
        super().__init__(bus, clock, reset, reset_active_level=False)

    def _clear(self) -> None:
        for channel in (self.aw_channel, self.w_channel, self.b_channel):
            channel.clear()

    async def _take(self) -> None:
        while True:
            burst = Burst.of(await self.aw_channel.recv(), "aw", self._prefix, self.byte_lanes)
            worst = Response.OKAY
            strobed: list[int] = []
            for i, beat in enumerate(burst.beats()):
                w = await self.w_channel.recv()
                response = self._write_beat(w, beat[0], strobed)
                worst = response if worst is Response.OKAY else worst
                last = known(w.wlast, f"{self._prefix}_wlast in a handshake")
                if last != (i == burst.length - 1):
                    raise ProtocolError(
                        f"AXI-WLAST {self._prefix} address={burst.address:#x} beat={i + 1} of {burst.length} "
                        f"expected wlast={int(i == burst.length - 1)} seen={last}"
                    )
            touched = (min(strobed), max(strobed) - min(strobed)) if strobed else (0, 0)
            await self._put(_Waiting(self._latency.due_ns(), burst, touched, worst))

    def _write_beat(self, w: Any, word_address: int, strobed: list[int]) -> Response:
        """Write what is strobed; the ends of its runs are added to `strobed`."""
        strobe = (
            known(w.wstrb, f"{self._prefix}_wstrb in a handshake") if self.wstrb_present else (1 << self.byte_lanes) - 1
        )
        data = known_lanes(w.wdata, strobe, f"{self._prefix}_wdata")
        worst = Response.OKAY
        lane = 0
        while strobe >> lane:
            if not strobe >> lane & 1:
                lane += 1
                continue
            end = lane
            while strobe >> end & 1:
                end += 1
            strobed += [word_address + lane, word_address + end]
            response = self._view.response(word_address + lane, end - lane, True)
            if response is Response.OKAY:
                self._view.memory.write(word_address + lane, data[lane:end])
            else:
                worst = max(worst, response, key=lambda answer: answer.value)
            lane = end
        return worst

    async def _answer(self) -> None:
        while True:
            entry = await self._next()
            b = self.b_channel._transaction_obj()
            b.bid, b.bresp = entry.burst.id, entry.response.value
            await self.b_channel.send(b)


class _ReadSide(_TwoTasks, AxiSlaveRead):  # type: ignore[misc]
    """AR and R. Lanes outside of what the burst asks for carry junk."""

    _writes = False

    def __init__(self, bus: Any, clock: Any, reset: Any, view: DeviceView, latency: _Latency, prefix: str) -> None:
        self._view, self._latency, self._prefix = view, latency, prefix
        super().__init__(bus, clock, reset, reset_active_level=False)

    def _clear(self) -> None:
        for channel in (self.ar_channel, self.r_channel):
            channel.clear()

    async def _take(self) -> None:
        while True:
            burst = Burst.of(await self.ar_channel.recv(), "ar", self._prefix, self.byte_lanes)
            await self._put(_Waiting(self._latency.due_ns(), burst, burst.touched))

    async def _answer(self) -> None:
        while True:
            burst = (await self._next()).burst
            for i, (word_address, first, end) in enumerate(burst.beats()):
                r = self.r_channel._transaction_obj()
                response = self._view.response(word_address + first, end - first, False)
                lanes = bytearray([JUNK]) * self.byte_lanes
                if response is Response.OKAY:
                    lanes[first:end] = self._view.memory.read(word_address + first, end - first)
                r.rid, r.rresp, r.rlast = burst.id, response.value, i == burst.length - 1
                r.rdata = int.from_bytes(lanes, "little")
                await self.r_channel.send(r)


class AxiMemory:
    """AXI4 slave on the ports `prefix`_* that answers from `view`; the driver reaches the same bytes at `memory`.

    The constructor raises MissingPort. X on addresses, strobes or strobed data, a wrong wlast and a burst across 4 KiB
    end the test with ProtocolError. `reset` is active low.
    """

    def __init__(self, dut: Any, clock: Any, reset: Any, memory: RegionMemory, prefix: str = "m_axi") -> None:
        require_ports(dut, prefix, (AxiAWBus, AxiWBus, AxiBBus, AxiARBus, AxiRBus), "an AXI4 master")
        quiet(dut, prefix)
        self.memory = memory
        self.view = DeviceView(memory)
        self._latencies = (_Latency(), _Latency())
        bus = AxiBus.from_prefix(dut, prefix)
        self.write_side = _WriteSide(bus.write, clock, reset, self.view, self._latencies[0], prefix)
        self.read_side = _ReadSide(bus.read, clock, reset, self.view, self._latencies[1], prefix)
        self.byte_lanes = self.read_side.byte_lanes
        self.channels = {
            f"{prefix}.aw": self.write_side.aw_channel,
            f"{prefix}.w": self.write_side.w_channel,
            f"{prefix}.b": self.write_side.b_channel,
            f"{prefix}.ar": self.read_side.ar_channel,
            f"{prefix}.r": self.read_side.r_channel,
        }
        self._log = logging.getLogger("virtio.dma")

    def set_timing(self, timing: Timing, seed: object, period_ns: int) -> None:
        """Stall the five channels and delay answers."""
        for latency, name in zip(self._latencies, ("write", "read"), strict=True):
            latency.timing, latency.period_ns = timing, period_ns
            latency.rng = random.Random(f"{name} latency {seed}")
        start_stalls(self.channels, timing, seed, period_ns)
