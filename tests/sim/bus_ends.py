# SPDX-License-Identifier: Apache-2.0
"""The device's side of its buses, in Python, for tests of what serves them: burst by burst, several outstanding.

Python runs here on each clock edge with traffic; nothing but tests of the bench itself pays for that.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Event, Timer
from cocotb.types import LogicArray
from cocotbext.axi.axi_channels import (
    AxiARBus,
    AxiARSource,
    AxiAWBus,
    AxiAWSource,
    AxiBBus,
    AxiBSink,
    AxiRBus,
    AxiRSink,
    AxiWBus,
    AxiWSource,
)

from cocotbext.virtio.backing import ErrorWindow, RegionMemory, Response
from cocotbext.virtio.events import DmaRead, DmaWrite
from cocotbext.virtio.memory import Region
from cocotbext.virtio.sim.axiram import AxiMemory
from cocotbext.virtio.sim.bench import PERIOD_NS
from cocotbext.virtio.sim.bursts import FIXED, INCR, WRAP, Burst
from cocotbext.virtio.sim.fast_memory import FastMemory
from cocotbext.virtio.sim.tap import Tap

from .harness import parameters

#: Whether the buses are served by HDL, in this simulation.
NATIVE = bool(parameters().get("NativeBuses", 1))
REGIONS = (
    Region("zero", 0, 0x4000),
    Region("first", 0x10_0400, 0x1400),
    Region("adjacent", 0x10_1800, 0x3800),
    Region("top", (1 << 64) - 0x4000, 0x4000),
)
_CHANNELS = ("aw", "w", "b", "ar", "r")
_DRIVEN_BY_MASTER = ("awvalid", "wvalid", "bready", "arvalid", "rready")
_DRIVEN_BY_SLAVE = ("awready", "wready", "bvalid", "arready", "rvalid")


async def reset(dut: Any, cycles: int = 4) -> None:
    """Assert rst_ni for some cycles, half a period off the clock; returns a cycle after it."""
    dut.rst_ni.value = 0
    await Timer(cycles * PERIOD_NS, "ns")
    dut.rst_ni.value = 1
    await Timer(PERIOD_NS, "ns")


async def start(dut: Any) -> None:
    """Start the clock, hold what nobody drives at 0, and go half a period off the clock."""
    dut.rst_ni.value = 0
    idle = [f"s_axil_{name}" for name in _DRIVEN_BY_SLAVE]
    idle += [f"m_axi_{name}" for name in _DRIVEN_BY_MASTER]
    if not NATIVE:
        idle += [f"s_axil_{name}" for name in _DRIVEN_BY_MASTER]
        idle += [f"m_axi_{name}" for name in _DRIVEN_BY_SLAVE]
    for signal in idle:
        getattr(dut, signal).value = 0
    Clock(dut.clk_i, PERIOD_NS, "ns").start()
    await Timer(3 * PERIOD_NS + PERIOD_NS // 2, "ns")


@dataclass
class Transfer:
    """A burst on its way. `beats` are (data, strobes) of a write, or (data, response) of a read as they come."""

    burst: Burst
    beats: list[tuple[bytes, int]]
    done: Event = field(default_factory=Event)
    response: int | None = None


class Master:
    """AXI4 master of any bursts on m_axi_*. Raises AssertionError for what answers no burst."""

    def __init__(self, dut: Any) -> None:
        self.lanes = len(dut.m_axi_wstrb)
        self.ids = 1 << len(dut.m_axi_awid)
        wires = (dut.clk_i, dut.rst_ni, False)
        self.aw = AxiAWSource(AxiAWBus.from_prefix(dut, "m_axi"), *wires)
        self.w = AxiWSource(AxiWBus.from_prefix(dut, "m_axi"), *wires)
        self.b = AxiBSink(AxiBBus.from_prefix(dut, "m_axi"), *wires)
        self.ar = AxiARSource(AxiARBus.from_prefix(dut, "m_axi"), *wires)
        self.r = AxiRSink(AxiRBus.from_prefix(dut, "m_axi"), *wires)
        self.writes: dict[int, deque[Transfer]] = defaultdict(deque)
        self.reads: dict[int, deque[Transfer]] = defaultdict(deque)
        cocotb.start_soon(self._take_b())
        cocotb.start_soon(self._take_r())

    def burst(self, address: int, beats: int = 1, size: int | None = None, kind: int = INCR, id: int = 0) -> Burst:
        """A burst, of beats as wide as the bus by default."""
        return Burst(id, address, beats, size or self.lanes, kind, self.lanes)

    def write(self, burst: Burst, beats: Sequence[tuple[bytes, int]]) -> Transfer:
        """Start a write of whole bus words with strobes."""
        transfer = Transfer(burst, list(beats))
        self.writes[burst.id].append(transfer)
        self._address(self.aw, "aw", burst)
        for i, (data, strobe) in enumerate(beats):
            w = self.w._transaction_obj()
            w.wdata, w.wstrb, w.wlast = int.from_bytes(data, "little"), strobe, i == len(beats) - 1
            self.w.send_nowait(w)
        return transfer

    def read(self, burst: Burst) -> Transfer:
        """Start a read."""
        transfer = Transfer(burst, [])
        self.reads[burst.id].append(transfer)
        self._address(self.ar, "ar", burst)
        return transfer

    def write_bytes(self, address: int, data: bytes, id: int = 0) -> Transfer:
        """Start a write of consecutive bytes, as one INCR burst."""
        first = address % self.lanes
        count = -(-(first + len(data)) // self.lanes)
        lanes = bytes(first) + data + bytes(-(first + len(data)) % self.lanes)
        strobes = ((1 << len(data)) - 1) << first
        words = [lanes[i * self.lanes : (i + 1) * self.lanes] for i in range(count)]
        mask = (1 << self.lanes) - 1
        beats = [(word, strobes >> i * self.lanes & mask) for i, word in enumerate(words)]
        return self.write(self.burst(address, count, id=id), beats)

    def forget(self) -> None:
        """After a bus reset."""
        self.writes.clear()
        self.reads.clear()

    def _address(self, source: Any, channel: str, burst: Burst) -> None:
        transaction = source._transaction_obj()
        values = {"id": burst.id, "addr": burst.address, "len": burst.length - 1, "burst": burst.kind}
        for name, value in {**values, "size": burst.size.bit_length() - 1}.items():
            setattr(transaction, f"{channel}{name}", value)
        source.send_nowait(transaction)

    async def _take_b(self) -> None:
        while True:
            b = await self.b.recv()
            transfer = self.writes[int(b.bid)].popleft()
            transfer.response = int(b.bresp)
            transfer.done.set()

    async def _take_r(self) -> None:
        while True:
            r = await self.r.recv()
            waiting = self.reads[int(r.rid)]
            waiting[0].beats.append((known_bytes(r.rdata), int(r.rresp)))
            if int(r.rlast):
                waiting.popleft().done.set()


def known_bytes(value: LogicArray) -> bytes:
    """The bytes of a data bus, lane 0 first."""
    return int(value).to_bytes(len(value) // 8, "little")


class Ends:
    """The memory under test with everything round it; `await Ends.create(dut)`."""

    dut: Any
    backing: RegionMemory
    axi: FastMemory | AxiMemory
    master: Master
    tap: Tap
    rng: random.Random

    @classmethod
    async def create(cls, dut: Any, master: bool = True) -> Ends:
        """With the clock running, out of reset, between two clock edges; the master's side left free if told."""
        ends = cls()
        ends.tap = Tap(dut.u_tap)
        await start(dut)
        ends.dut, ends.rng = dut, random.Random(cocotb.RANDOM_SEED)
        ends.backing = RegionMemory(REGIONS, shared=NATIVE)
        if NATIVE:
            ends.axi = FastMemory(dut.g_native.u_memory, ends.backing)
            ends.backing.close_files()
            ends.knobs(**dict.fromkeys(_KNOBS, 0))
        else:
            ends.axi = AxiMemory(dut, dut.clk_i, dut.rst_ni, ends.backing)
        if master:
            ends.master = Master(dut)
        await reset(dut)
        return ends

    def knobs(self, **values: int) -> None:
        """Set knobs of the memory in HDL."""
        for name, value in values.items():
            getattr(self.dut.g_native.u_memory, name).value = value

    def dma(self) -> list[DmaRead | DmaWrite]:
        """The bursts that the tap has seen since it was asked last."""
        return [event for event in self.tap.drain() if isinstance(event, DmaRead | DmaWrite)]

    def count(self, channel: str, what: str = "transfers") -> int:
        """A count of a channel (tests/hdl/channel_count.sv)."""
        return int(getattr(getattr(self.dut, f"u_mem_{channel}"), what).value)

    async def cycles(self, count: int) -> None:
        await Timer(count * PERIOD_NS, "ns")

    async def wait(self, *transfers: Transfer, limit: int = 200_000) -> None:
        """Until all are answered. Raises AssertionError after `limit` cycles."""
        for transfer in transfers:
            while not transfer.done.is_set():
                limit -= 10
                assert limit > 0, f"no answer to {transfer.burst}"
                await self.cycles(10)


_KNOBS = (
    *(f"stall_{channel}" for channel in _CHANNELS),
    *(f"{side}_{knob}" for side in ("read", "write") for knob in ("latency_min", "latency_max", "bandwidth")),
    "reorder",
)


class Model:
    """What a memory must hold and answer: bytes by address, and error windows of its own."""

    def __init__(self) -> None:
        self.bytes = {region: bytearray(region.size) for region in REGIONS}
        self.windows: list[ErrorWindow] = []

    def answer(self, address: int, length: int, write: bool) -> int:
        """The response to an access of a beat."""
        if self._region(address, length) is None:
            return Response.DECERR.value
        hits = (window.response for window in self.windows if window.hit(address, length, write))
        return next(hits, Response.OKAY).value

    def read(self, address: int, length: int) -> bytes:
        region = self._region(address, length)
        assert region is not None
        return bytes(self.bytes[region][address - region.base :][:length])

    def apply(self, transfer: Transfer) -> int:
        """Do a write; its response."""
        worst = 0
        for (word, first, end), (data, strobe) in zip(transfer.burst.beats(), transfer.beats, strict=True):
            assert strobe >> end == 0 == strobe & (1 << first) - 1
            worst_of_beat, lane = 0, first
            while lane < end:
                run = lane
                while run < end and strobe >> run & 1:
                    run += 1
                if run > lane:
                    answer = self.answer(word + lane, run - lane, True)
                    worst_of_beat = max(worst_of_beat, answer)
                    if not answer:
                        region = self._region(word + lane, run - lane)
                        assert region is not None
                        self.bytes[region][word + lane - region.base : word + run - region.base] = data[lane:run]
                lane = run + 1
            worst = worst or worst_of_beat
        return worst

    def check_read(self, transfer: Transfer) -> None:
        """Compare the answers to a read, failed beats and lanes beside the burst included."""
        burst = transfer.burst
        assert len(transfer.beats) == burst.length, f"{burst}: {len(transfer.beats)} beats"
        for i, ((word, first, end), (data, response)) in enumerate(zip(burst.beats(), transfer.beats, strict=True)):
            expected = self.answer(word + first, end - first, False)
            assert response == expected, f"{burst} beat {i}: response {response}, expected {expected}"
            lanes = bytearray(b"\xee" * burst.lanes)
            if not expected:
                lanes[first:end] = self.read(word + first, end - first)
            assert data == lanes, f"{burst} beat {i}: {data.hex()}, expected {lanes.hex()}"

    def check_memory(self, memory: RegionMemory) -> None:
        """Compare all bytes with those behind the bus."""
        for region, content in self.bytes.items():
            assert memory.read(region.base, region.size) == content, f"bytes of region {region.name} differ"

    @staticmethod
    def _region(address: int, length: int) -> Region | None:
        return next((region for region in REGIONS if region.holds(address, length)), None)


def shapes(rng: random.Random, master: Master) -> Iterator[tuple[int, int]]:
    """(kind, size) of bursts, all of them in turn, in random order."""
    sizes = [1 << i for i in range(master.lanes.bit_length())]
    every = [(kind, size) for kind in (INCR, WRAP, FIXED) for size in sizes]
    while True:
        yield from rng.sample(every, len(every))


def random_burst(rng: random.Random, master: Master, id: int, shape: tuple[int, int]) -> Burst:
    """Any legal burst of a kind and size, in a region or up to a page beyond one."""
    kind, size = shape
    region = rng.choice(REGIONS)
    most = {INCR: 256, WRAP: 16, FIXED: 16}[kind]
    length = rng.choice([2, 4, 8, 16]) if kind == WRAP else rng.choice([1, 2, rng.randint(1, 8), rng.randint(1, most)])
    address = region.base + rng.choice([0, region.size - 64, rng.randrange(region.size)]) + rng.choice([0, 0, 64, 512])
    address += rng.randrange(64)
    address %= 1 << 64
    if kind == WRAP:
        address -= address % size
    if kind == INCR:
        length = min(length, (4096 - address % 4096 + address % size) // size)
    return Burst(id, address, length, size, kind, master.lanes)


def random_beats(rng: random.Random, burst: Burst) -> list[tuple[bytes, int]]:
    """Data with all strobes, few of them or none."""
    density = rng.choice([0, 0.3, 0.9, 1, 1, 1])
    return [
        (rng.randbytes(burst.lanes), sum(1 << lane for lane in range(first, end) if rng.random() < density))
        for _, first, end in burst.beats()
    ]


def _random_windows(ends: Ends, model: Model) -> None:
    """Other error windows, in the memory and in the model."""
    ends.axi.view.clear()
    model.windows.clear()
    for _ in range(ends.rng.choice([0, 1, 3])):
        region = ends.rng.choice(REGIONS)
        length = ends.rng.choice([1, 5, 64, 700])
        address = region.base + ends.rng.randrange(region.size - length + 1)
        read, write = ends.rng.choice([(True, True), (True, False), (False, True)])
        response = ends.rng.choice([Response.SLVERR, Response.DECERR])
        ends.axi.view.add(address, length, read=read, write=write, response=response)
        model.windows.append(ErrorWindow(address, length, read, write, response))


async def random_rounds(ends: Ends, rounds: int) -> None:
    """Rounds of writes, then reads, several outstanding; the bytes and each response against the model."""
    model, master, rng = Model(), ends.master, ends.rng
    for region in REGIONS:
        content = rng.randbytes(region.size)
        ends.backing.write(region.base, content)
        model.bytes[region][:] = content
    of_writes, of_reads = shapes(rng, master), shapes(rng, master)
    tried: set[tuple[int, int]] = set()
    for _ in range(rounds):
        _random_windows(ends, model)
        ids = [rng.randrange(master.ids) for _ in range(rng.randint(1, 6))]
        writes: list[Transfer] = []
        for _ in range(rng.randint(1, 20)):
            burst = random_burst(rng, master, rng.choice(ids), next(of_writes))
            tried.add((burst.kind, burst.size))
            writes.append(master.write(burst, random_beats(rng, burst)))
        await ends.wait(*writes)
        for write in writes:
            expected = model.apply(write)
            assert write.response == expected, f"{write.burst}: response {write.response}, expected {expected}"
        reads = [
            master.read(random_burst(rng, master, rng.choice(ids), next(of_reads))) for _ in range(rng.randint(1, 20))
        ]
        await ends.wait(*reads)
        for read in reads:
            model.check_read(read)
        ends.dma()
    model.check_memory(ends.backing)
    assert len(tried) == 3 * master.lanes.bit_length(), f"only {sorted(tried)} came"
    ends.axi.view.allow_unmapped = True
