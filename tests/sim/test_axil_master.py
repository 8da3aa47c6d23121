# SPDX-License-Identifier: Apache-2.0
"""The register master in HDL, virtio_axil_master, against cocotbext-axi's AxiLiteRam and a slave with bad manners.

The tap's checker (virtio_axil_rules) holds the rules of the bus in every test.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Iterator
from typing import Any

import cocotb
from cocotb.triggers import Event, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteRam, AxiResp
from cocotbext.axi.axil_channels import (
    AxiLiteARBus,
    AxiLiteARSink,
    AxiLiteAWBus,
    AxiLiteAWSink,
    AxiLiteBBus,
    AxiLiteBSource,
    AxiLiteRBus,
    AxiLiteRSource,
    AxiLiteWBus,
    AxiLiteWSink,
)

from cocotbext.virtio.events import Event as Seen
from cocotbext.virtio.events import RegisterRead, RegisterWrite
from cocotbext.virtio.interfaces import BusError
from cocotbext.virtio.sim.bench import PERIOD_NS
from cocotbext.virtio.sim.fast_registers import FastRegisters
from cocotbext.virtio.sim.tap import Tap
from cocotbext.virtio.sim.timing import PROFILES, Timing

from .bus_ends import reset, start

_SIZE = 4096
_TIMEOUT_NS = 500


class Slave:
    """Registers that answer when `answering` is set, with the response `resp`; reads give the offset and a count."""

    def __init__(self, dut: Any) -> None:
        wires = (dut.clk_i, dut.rst_ni, False)
        self.aw = AxiLiteAWSink(AxiLiteAWBus.from_prefix(dut, "s_axil"), *wires)
        self.w = AxiLiteWSink(AxiLiteWBus.from_prefix(dut, "s_axil"), *wires)
        self.b = AxiLiteBSource(AxiLiteBBus.from_prefix(dut, "s_axil"), *wires)
        self.ar = AxiLiteARSink(AxiLiteARBus.from_prefix(dut, "s_axil"), *wires)
        self.r = AxiLiteRSource(AxiLiteRBus.from_prefix(dut, "s_axil"), *wires)
        self.answering = Event()
        self.answering.set()
        self.resp = AxiResp.OKAY
        self.reads = self.written = 0
        self._tasks = [cocotb.start_soon(self._serve_reads()), cocotb.start_soon(self._serve_writes())]

    def forget(self) -> None:
        """After a bus reset."""
        for task in self._tasks:
            task.cancel()
        self._tasks = [cocotb.start_soon(self._serve_reads()), cocotb.start_soon(self._serve_writes())]

    async def _serve_reads(self) -> None:
        while True:
            ar = await self.ar.recv()
            self.reads += 1
            r = self.r._transaction_obj()
            r.rdata, r.rresp = int(ar.araddr) << 16 | self.reads, self.resp
            await self.answering.wait()
            await self.r.send(r)

    async def _serve_writes(self) -> None:
        while True:
            await self.aw.recv()
            self.written = int((await self.w.recv()).wdata)
            b = self.b._transaction_obj()
            b.bresp = self.resp
            await self.answering.wait()
            await self.b.send(b)


class Bench:
    """The master under test out of reset, half a period off the clock; `await Bench.create(dut)`."""

    dut: Any
    registers: FastRegisters
    tap: Tap
    rng: random.Random

    @classmethod
    async def create(cls, dut: Any) -> Bench:
        bench = cls()
        bench.tap = Tap(dut.u_tap)
        await start(dut)
        bench.dut, bench.rng = dut, random.Random(cocotb.RANDOM_SEED)
        bench.registers = FastRegisters(dut.g_native.u_registers, _TIMEOUT_NS)
        bench.registers.set_timing(Timing(), 1, PERIOD_NS)
        await reset(dut)
        return bench

    def seen(self) -> list[Seen]:
        """The accesses on the pins since it was asked last."""
        return [event for event in self.tap.drain() if isinstance(event, RegisterRead | RegisterWrite)]


async def refused(access: Awaitable[Any], reason: str) -> None:
    """The access must raise BusError with this in its text."""
    try:
        await access
    except BusError as error:
        if reason in str(error):
            return
        raise
    raise AssertionError(f"expected {reason}, seen no error")


def _places() -> list[tuple[int, int]]:
    """(lane, size) of all accesses within a word."""
    return [(lane, size) for size in (1, 2, 4) for lane in range(5 - size)]


@cocotb.test()
@cocotb.parametrize(timing=list(PROFILES))
async def all_sizes_at_all_lanes(dut: Any, timing: str) -> None:
    """Every access does on the pins what it was told to, the bytes beside it stay."""
    bench = await Bench.create(dut)
    ram = AxiLiteRam(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, False, size=_SIZE)
    slow = (ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel)
    for channel in (*slow, ram.read_if.ar_channel, ram.read_if.r_channel):
        if timing != "none":
            channel.set_pause_generator(_coin(bench.rng))
    registers, rng = bench.registers, bench.rng
    registers.timeout_ns = 100_000
    registers.set_timing(PROFILES[timing], rng.random(), PERIOD_NS)
    model = bytearray(rng.randbytes(_SIZE))
    ram.write(0, bytes(model))
    for lane, size in _places() * 12:
        offset = rng.randrange(0, _SIZE, 4) + lane
        value = rng.getrandbits(8 * size)
        await registers.write(offset, value, size)
        model[offset : offset + size] = value.to_bytes(size, "little")
        again = rng.choice([offset, rng.randrange(0, _SIZE, 4) + lane])
        assert await registers.read(again, size) == int.from_bytes(model[again : again + size], "little")
        write, read = bench.seen()
        assert isinstance(write, RegisterWrite)
        assert isinstance(read, RegisterRead)
        assert (write.offset, write.strobe) == (offset, ((1 << size) - 1) << lane)
        assert write.value == value << 8 * lane
        assert read.offset == again
    assert ram.read(0, _SIZE) == model


def _coin(rng: random.Random) -> Iterator[bool]:
    while True:
        yield rng.random() < 0.4


@cocotb.test()
async def a_word_is_not_crossed(dut: Any) -> None:
    bench = await Bench.create(dut)
    for lane, size in ((1, 4), (3, 2), (2, 4)):
        try:
            await bench.registers.read(0x100 + lane, size)
        except ValueError:
            continue
        raise AssertionError(f"{size} bytes at lane {lane} were read")
    assert not bench.seen()


@cocotb.test()
async def errors_are_told(dut: Any) -> None:
    bench = await Bench.create(dut)
    slave = Slave(dut)
    for response in (AxiResp.SLVERR, AxiResp.DECERR):
        slave.resp = response
        await refused(bench.registers.read(0x10), f"expected OKAY, seen {response.name}")
        await refused(bench.registers.write(0x10, 1), f"expected OKAY, seen {response.name}")
    slave.resp = AxiResp.OKAY
    assert await bench.registers.read(0x10) == 0x10_0003


@cocotb.test()
async def a_time_out_ends_an_access(dut: Any) -> None:
    """At the cycle it says, whatever the access was waiting for."""
    bench = await Bench.create(dut)
    slave, registers = Slave(dut), bench.registers
    await registers.read(0)
    for access in (registers.read, lambda offset: registers.write(offset, 1)):
        slave.answering.clear()
        began = bench.tap.cycle
        await refused(access(8), f"expected a response within {_TIMEOUT_NS} ns, seen none")
        assert bench.tap.cycle - began == _TIMEOUT_NS // PERIOD_NS + 1
        slave.answering.set()
        await registers.read(0)
    slave.aw.pause = slave.w.pause = slave.ar.pause = True
    await Timer(5 * PERIOD_NS, "ns")
    await refused(registers.read(4), "seen none")
    slave.ar.pause = False
    await refused(registers.write(4, 1), "seen none")
    slave.aw.pause = slave.w.pause = False
    await registers.read(0)


@cocotb.test()
async def late_answers_are_dropped(dut: Any) -> None:
    """They are never taken for those of later accesses, however many of these have timed out, too."""
    bench = await Bench.create(dut)
    slave, registers = Slave(dut), bench.registers
    for timed_out in (1, 2, 3, 4):
        slave.answering.clear()
        first = slave.reads
        for i in range(timed_out):
            await refused(registers.read(0x100 + 4 * i), "seen none")
        assert slave.reads == first + 1, "an access began while one was on the bus"
        last = cocotb.start_soon(registers.read(0x200))
        await Timer(20 * PERIOD_NS, "ns")
        slave.answering.set()
        assert await last == 0x200_0000 | first + 2
        assert [event.offset for event in bench.seen() if isinstance(event, RegisterRead)] == [0x100, 0x200]


@cocotb.test()
async def what_timed_out_before_it_began_never_begins(dut: Any) -> None:
    bench = await Bench.create(dut)
    slave, registers = Slave(dut), bench.registers
    slave.answering.clear()
    await refused(registers.read(0x100), "seen none")
    await refused(registers.write(0x104, 1), "seen none")
    slave.answering.set()
    await Timer(50 * PERIOD_NS, "ns")
    assert [event.offset for event in bench.seen()] == [0x100]
    assert await registers.read(0x108) == 0x108_0002


@cocotb.test()
async def a_cancelled_access_is_forgotten(dut: Any) -> None:
    """Its answer is nobody's; the next but one, too, gets its own."""
    bench = await Bench.create(dut)
    slave, registers = Slave(dut), bench.registers
    slave.answering.clear()
    for i in range(2):
        task = cocotb.start_soon(registers.read(0x300 + 4 * i))
        await Timer(5 * PERIOD_NS, "ns")
        task.cancel()
        await Timer(PERIOD_NS, "ns")
    last = cocotb.start_soon(registers.read(0x400))
    await Timer(10 * PERIOD_NS, "ns")
    slave.answering.set()
    assert await last == 0x400_0002


@cocotb.test()
async def a_reset_ends_an_access(dut: Any) -> None:
    """Whether it waits for the bus or for its answer; a new one has all its time."""
    bench = await Bench.create(dut)
    slave, registers = Slave(dut), bench.registers
    for blocked in (False, True):
        slave.ar.pause = blocked
        slave.answering.clear()
        access = cocotb.start_soon(registers.read(0x10))
        await Timer(_TIMEOUT_NS - 10 * PERIOD_NS, "ns")
        dut.rst_ni.value = 0
        await refused(access, "expected a response, seen reset")
        await refused(registers.write(0x10, 1), "expected a response, seen reset")
        late = cocotb.start_soon(registers.read(0x14))
        await Timer(PERIOD_NS, "ns")
        await refused(late, "seen reset")
        slave.forget()
        dut.rst_ni.value = 1
        slave.ar.pause = False
        await Timer(PERIOD_NS, "ns")
        bench.seen()
        began = bench.tap.cycle
        await refused(registers.read(0x18), "seen none")
        assert bench.tap.cycle - began == _TIMEOUT_NS // PERIOD_NS + 1
        slave.answering.set()
        await registers.write(0x1C, 5)
        assert slave.written == 5
        assert [event.offset for event in bench.seen()] == [0x18, 0x1C]


@cocotb.test()
@cocotb.parametrize(gap=[0, 1, 13])
async def gaps_are_exact(dut: Any, gap: int) -> None:
    """Cycles between the response to a read and the write after it: two, and the gap."""
    bench = await Bench.create(dut)
    slave, registers = Slave(dut), bench.registers
    registers.set_timing(Timing(register_gap_ns=(gap * PERIOD_NS, gap * PERIOD_NS)), 1, PERIOD_NS)
    for i in range(10):
        await registers.read(4 * i)
        await registers.write(4 * i, i)
    events = bench.seen()
    assert len(events) == 20
    assert slave.reads == 10
    between = {after.start - before.cycle for before, after in zip(events[::2], events[1::2], strict=True)}
    assert between == {gap + 2}


@cocotb.test()
async def stalls_come_as_often_as_told(dut: Any) -> None:
    """Each valid rises so many cycles late as its knob makes likely, and each ready is low as often."""
    bench = await Bench.create(dut)
    Slave(dut)
    master = dut.g_native.u_registers
    master.seed.value = bench.rng.getrandbits(32) | 1
    registers = bench.registers
    for channel, access in (
        ("aw", lambda: registers.write(0, 0)),
        ("w", lambda: registers.write(0, 0)),
        ("ar", lambda: registers.read(0)),
        ("b", lambda: registers.write(0, 0)),
        ("r", lambda: registers.read(0)),
    ):
        took = []
        for knob in (0, 128):
            getattr(master, f"stall_{channel}").value = knob
            await registers.read(0)
            began = bench.tap.cycle
            for _ in range(400):
                await access()
            took.append((bench.tap.cycle - began) / 400)
        getattr(master, f"stall_{channel}").value = 0
        late = took[1] - took[0]
        assert 0.8 <= late <= 1.2, f"{channel}: {late} cycles later, expected 1"
