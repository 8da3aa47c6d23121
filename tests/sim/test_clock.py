# SPDX-License-Identifier: Apache-2.0
"""When a clock edge happens, and who sees what of it: the contract between the simulation's main program and the tests.

The read channel of the register bus serves as a probe. An address taken at one edge makes s_axil_arready fall after it,
s_axil_rvalid rises after the next one and, with s_axil_rready high, falls after the third.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.task import Task
from cocotb.triggers import (
    ClockCycles,
    FallingEdge,
    NextTimeStep,
    ReadOnly,
    ReadWrite,
    RisingEdge,
    SimTimeoutError,
    Timer,
    ValueChange,
    with_timeout,
)
from cocotb.utils import get_sim_time

from cocotbext.virtio.sim.clock import NativeClock, start_clock
from cocotbext.virtio.sim.main_program import close_trace, main_program, open_trace

PERIOD_NS = 10
CHANNELS = ("s_axil_awvalid", "s_axil_wvalid", "s_axil_bready", "s_axil_arvalid", "s_axil_rready")
PAYLOADS = ("s_axil_awaddr", "s_axil_wdata", "s_axil_wstrb", "s_axil_araddr")
MEMORY = ("m_axi_awready", "m_axi_wready", "m_axi_bvalid", "m_axi_arready", "m_axi_rvalid")
OUTPUTS = ("s_axil_awready", "s_axil_wready", "s_axil_bvalid", "s_axil_arready", "s_axil_rvalid")

Start = Callable[[Any, float], Any]
_log = logging.getLogger("virtio.clock")
_log.setLevel(logging.INFO)


def now() -> int:
    """The time in steps of a picosecond."""
    return int(get_sim_time("step"))


def ns_since(start: int) -> float:
    """The time that has passed, the same number wherever it begins."""
    return (now() - start) / 1000


def expect(what: str, expected: object, seen: object) -> None:
    _log.info("%s: %s", what, seen)
    assert seen == expected, f"CLOCK {what}: expected={expected} seen={seen}"


def cocotbs_clock(signal: Any, period_ns: float) -> Clock:
    """A clock that is cocotb's on any main program."""
    clock = Clock(signal, period_ns, "ns")
    clock.start()
    return clock


async def reset(dut: Any, start: Start = start_clock) -> Any:
    """Start the clock and reset the device; returns the clock, between two edges."""
    for name in (*CHANNELS, *PAYLOADS, *MEMORY):
        getattr(dut, name).value = 0
    dut.s_axil_rready.value = 1
    dut.rst_ni.value = 0
    clock = start(dut.clk_i, PERIOD_NS)
    await Timer(4 * PERIOD_NS + 2, "ns")
    dut.rst_ni.value = 1
    await Timer(2 * PERIOD_NS, "ns")
    assert dut.s_axil_arready.value == 1
    return clock


@cocotb.test()
async def native_if_offered(dut: Any) -> None:
    """The main program is asked for the clock if it offers one, which it does once."""
    kind = NativeClock if main_program() else Clock
    clock = start_clock(dut.clk_i, PERIOD_NS)
    assert isinstance(clock, kind)
    await Timer(3, "ns")
    assert isinstance(start_clock(dut.rst_ni, PERIOD_NS), Clock)
    clock.stop()
    assert isinstance(start_clock(dut.clk_i, PERIOD_NS), kind)
    await Timer(1, "ns")  # cocotb's clocks go on for ever if their test ends before they have begun


@cocotb.test()
async def phase_and_period(dut: Any) -> None:
    """The clock is high at once, and for the first half of each period."""
    start = now()
    start_clock(dut.clk_i, PERIOD_NS)
    await ReadOnly()
    seen = [(ns_since(start), int(dut.clk_i.value))]
    for _ in range(4):
        await ValueChange(dut.clk_i)
        seen.append((ns_since(start), int(dut.clk_i.value)))
    expect("edges", [(0, 1), (5, 0), (10, 1), (15, 0), (20, 1)], seen)
    await ClockCycles(dut.clk_i, 7)
    expect("seven cycles later", 90, ns_since(start))
    await FallingEdge(dut.clk_i)
    expect("falling edge", 95, ns_since(start))


@cocotb.test()
async def edge_sees_what_is_before_it(dut: Any) -> None:
    """RisingEdge sees outputs as they are before the edge; what is written there takes effect after it."""
    await reset(dut)
    await RisingEdge(dut.clk_i)
    dut.s_axil_arvalid.value = 1
    seen = []
    for _ in range(4):
        await RisingEdge(dut.clk_i)
        seen.append((int(dut.clk_i.value), int(dut.s_axil_arready.value), int(dut.s_axil_rvalid.value)))
        dut.s_axil_arvalid.value = 0
    expect("clk, arready, rvalid", [(1, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 0)], seen)


@cocotb.test()
@cocotb.parametrize(phase=[ReadWrite, ReadOnly])
async def phases_see_what_is_after_the_edge(dut: Any, phase: Callable[[], Awaitable[Any]]) -> None:
    """ReadWrite and ReadOnly come when the design has settled; NextTimeStep is the next edge, or a timer before it."""
    await reset(dut)
    await FallingEdge(dut.clk_i)
    dut.s_axil_arvalid.value = 1
    await RisingEdge(dut.clk_i)
    start, seen = now(), [int(dut.s_axil_arready.value)]
    await phase()
    seen.append(int(dut.s_axil_arready.value))
    expect("arready at and after the edge", [1, 0], seen)
    await NextTimeStep()
    expect("next time step", (5, 1), (ns_since(start), int(dut.clk_i.value)))
    await with_timeout(NextTimeStep(), 3, "ns")
    expect("and the next", 8, ns_since(start))


@cocotb.test()
async def output_changes_at_the_edge(dut: Any) -> None:
    """ValueChange of an output comes at the time of the edge that changes it."""
    await reset(dut)
    await RisingEdge(dut.clk_i)
    start = now()
    dut.s_axil_arvalid.value = 1
    await ValueChange(dut.s_axil_arready)
    dut.s_axil_arvalid.value = 0
    seen = [(ns_since(start), int(dut.s_axil_rvalid.value))]
    for _ in range(2):
        await ValueChange(dut.s_axil_rvalid)
        seen.append((ns_since(start), int(dut.s_axil_rvalid.value)))
    expect("changes", [(10, 0), (20, 1), (30, 0)], seen)


@cocotb.test()
async def combinational_path_settles(dut: Any) -> None:
    """What follows from an input without a clock is there in the same time step, with and without an edge in it."""
    await reset(dut)
    far_end = dut.u_dut.entropy_gap_i
    triggers = (Timer(3, "ns"), RisingEdge(dut.clk_i), Timer(15, "ns"), FallingEdge(dut.clk_i), NextTimeStep())
    for i, trigger in enumerate(triggers):
        await trigger
        dut.entropy_gap.value = 10 * i
        await ReadWrite()
        seen = [int(far_end.value)]
        dut.entropy_gap.value = 10 * i + 1
        await ReadOnly()
        seen.append(int(far_end.value))
        expect(f"entropy_gap_i after {type(trigger).__name__}, after ReadWrite", [10 * i, 10 * i + 1], seen)
    await Timer(1, "ns")
    dut.entropy_gap.value = 0


@cocotb.test()
async def edge_sees_what_next_time_step_wrote(dut: Any) -> None:
    """NextTimeStep is ahead of an edge at the same time, and the edge sees what is written there."""
    await reset(dut)
    await FallingEdge(dut.clk_i)
    await NextTimeStep()
    seen = [(int(dut.clk_i.value), int(dut.s_axil_arready.value))]
    dut.s_axil_arvalid.value = 1
    await ReadOnly()
    seen.append((int(dut.clk_i.value), int(dut.s_axil_arready.value)))
    expect("clk, arready before and after", [(0, 1), (1, 0)], seen)


@cocotb.test()
@cocotb.parametrize(early=[True, False])
async def timer_at_the_edge(dut: Any, early: bool) -> None:
    """A timer that ends with an edge sees the clock before it, and what it writes the edge sees, whoever was first."""
    await reset(dut)
    await RisingEdge(dut.clk_i)
    start, seen = now(), []

    async def watch() -> None:
        await RisingEdge(dut.clk_i)
        seen.append(("edge", ns_since(start), int(dut.s_axil_arready.value)))

    await Timer(2 if early else 7, "ns")
    watching = cocotb.start_soon(watch())
    await Timer(8 if early else 3, "ns")
    seen.append(("timer", ns_since(start), int(dut.clk_i.value)))
    dut.s_axil_arvalid.value = 1
    await ReadOnly()
    seen.append(("after", ns_since(start), int(dut.s_axil_arready.value)))
    await watching
    expect("order", [("timer", 10, 0), ("edge", 10, 1), ("after", 10, 0)], seen)


@cocotb.test()
@cocotb.parametrize(begun_ns=[3, 5, 7])
async def stop_at_the_edge(dut: Any, begun_ns: int) -> None:
    """Timer and clock take turns as they were asked: only a timer begun before the last edge prevents the next."""
    clock = await reset(dut)
    await FallingEdge(dut.clk_i)
    if begun_ns == 5:
        await RisingEdge(dut.clk_i)
    else:
        await Timer(begun_ns, "ns")
    await Timer(10 - begun_ns, "ns")
    clock.stop()
    start = now()
    await ReadOnly()
    level = int(dut.clk_i.value)
    expect("clk when stopped at its falling edge", 1 if begun_ns < 5 else 0, level)
    await with_timeout(NextTimeStep(), 100, "ns")
    # The time step of the edge that was next remains.
    expect("next time step", 100 if begun_ns < 5 else 5, ns_since(start))
    assert dut.clk_i.value == level
    try:
        await with_timeout(ValueChange(dut.clk_i), 100, "ns")
    except SimTimeoutError:
        return
    raise AssertionError("CLOCK stopped: expected no edge, seen one")


@cocotb.test()
async def restart_with_another_period(dut: Any) -> None:
    """A clock can be stopped and another started, and then counts from there."""
    clock = await reset(dut)
    clock.stop()
    await Timer(33, "ns")
    start = now()
    clock = start_clock(dut.clk_i, 6)
    await ClockCycles(dut.clk_i, 5)
    expect("five cycles of 6 ns", 30, ns_since(start))
    clock.stop()
    start_clock(dut.clk_i, 4)
    await ClockCycles(dut.clk_i, 5)
    expect("and of 4 ns", 30 + 20, ns_since(start))


@cocotb.test()
async def trace_on_demand(dut: Any) -> None:
    """In a build with waveforms a trace can be opened and closed at any time, one at a time (see tests.sim.traces)."""
    await reset(dut)
    opened = attempt(open_trace, "demand")
    assert opened in (0, errno.ENOTSUP, errno.EBUSY), os.strerror(opened)
    if opened == 0:
        assert attempt(open_trace, "another") == errno.EBUSY
    await RisingEdge(dut.clk_i)
    dut.s_axil_arvalid.value = 1
    await Timer(3 * PERIOD_NS + 2, "ns")
    if opened == 0:
        assert attempt(close_trace) == 0
        assert attempt(close_trace) == errno.EINVAL
        assert attempt(open_trace, "again") == 0
    dut.s_axil_arvalid.value = 0
    await Timer(3 * PERIOD_NS, "ns")


def attempt(function: Callable[..., None], *arguments: Any) -> int:
    """The errno of what a function raises, 0 if nothing."""
    try:
        function(*arguments)
    except OSError as error:
        return error.errno or -1
    return 0


@cocotb.test()
async def same_as_cocotbs(dut: Any) -> None:
    """Watchers of all kinds see the same, in the same order, with this clock and with cocotb's."""
    first = await watched(dut, cocotbs_clock)
    await Timer(100, "ns")
    second = await watched(dut, start_clock)
    for expected, seen in zip(first, second, strict=False):
        assert seen == expected, f"CLOCK event: expected={expected} seen={seen}"
    expect("events", (len(first), zlib.crc32(repr(first).encode())), (len(second), zlib.crc32(repr(second).encode())))
    assert len(first) > 1000


async def watched(dut: Any, start: Start) -> list[tuple[Any, ...]]:
    """What happens under random traffic, timers that often meet edges, and a clock that is stopped and started.

    The traffic is that of cocotb's seed, the same at each call.
    """
    clock = await reset(dut, start)
    origin, events = now(), []
    signals = [getattr(dut, name) for name in ("clk_i", *OUTPUTS)]

    def note(what: str) -> None:
        events.append((ns_since(origin), what, "".join(str(signal.value) for signal in signals)))

    async def watch(trigger: Any) -> None:
        while True:
            await trigger
            note(repr(trigger))

    async def phases() -> None:
        while True:
            await RisingEdge(dut.clk_i)
            for phase in (ReadWrite(), ReadOnly(), NextTimeStep()):
                await phase
                note(repr(phase))

    async def traffic(name: str) -> None:
        rng = random.Random(f"{name} {cocotb.RANDOM_SEED}")
        while True:
            if rng.random() < 0.3:  # now and then no timer is near the edges
                await ClockCycles(dut.clk_i, rng.randrange(1, 30))
            else:
                await Timer(rng.choice((1, 3, 5, 5, 10, 10, 15, 20, 50)), "ns")
            note(name)
            getattr(dut, name).value = rng.randrange(2)

    triggers = [edge(dut.clk_i) for edge in (RisingEdge, FallingEdge, ValueChange)]
    triggers += [ValueChange(signal) for signal in signals[1:]]
    tasks: list[Task[None]] = [cocotb.start_soon(watch(trigger)) for trigger in triggers]
    tasks += [cocotb.start_soon(traffic(name)) for name in CHANNELS]
    tasks += [cocotb.start_soon(phases())]
    rng = random.Random(f"clock {cocotb.RANDOM_SEED}")
    for _ in range(20):
        await Timer(rng.randrange(1, 300), "ns")
        clock.stop()
        note("stop")
        if rng.random() < 0.5:
            await Timer(rng.randrange(1, 30), "ns")
        clock = start(dut.clk_i, rng.choice((2, 4, 10, 10, 10, 20)))
        note("start")
    await Timer(100, "ns")
    for task in tasks:
        task.cancel()
    clock.stop()
    return events
