# SPDX-License-Identifier: Apache-2.0
"""What only virtio_axi_memory can: its knobs, its speed, and cycles that a seed repeats.

The tap's checkers (virtio_axi_rules) hold the rules of the bus in every test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import cocotb

from cocotbext.virtio.backing import Response
from cocotbext.virtio.events import DmaRead, DmaWrite

from .bus_ends import Ends, Transfer, random_beats, random_burst, random_rounds, reset, shapes

_CHANNELS = ("aw", "w", "b", "ar", "r")
_OUTSTANDING = 16
_FULL = 256  # of stall probabilities and bandwidths


async def change_knobs(ends: Ends) -> None:
    """Other knobs every few cycles, for as long as the test runs."""
    rng = ends.rng
    while True:
        for side in ("read", "write"):
            least = rng.choice([0, 0, 3, 20])
            ends.knobs(**{f"{side}_latency_min": least, f"{side}_latency_max": least + rng.choice([0, 0, 9, 40])})
            ends.knobs(**{f"{side}_bandwidth": rng.choice([0, 0, 30, 200])})
        ends.knobs(**{f"stall_{channel}": rng.choice([0, 0, 40, 200, 250]) for channel in _CHANNELS})
        ends.knobs(reorder=rng.randrange(2), seed=rng.getrandbits(32))
        await ends.cycles(rng.choice([1, 7, 50, 300]))


def pauses(ends: Ends) -> Iterator[bool]:
    while True:
        yield ends.rng.random() < 0.3


@cocotb.test()
async def random_bursts_while_knobs_change(dut: Any) -> None:
    ends = await Ends.create(dut)
    for channel in (ends.master.aw, ends.master.w, ends.master.b, ends.master.ar, ends.master.r):
        channel.set_pause_generator(pauses(ends))
    cocotb.start_soon(change_knobs(ends))
    await random_rounds(ends, 20)


@cocotb.test()
async def latency_is_drawn_between_its_bounds(dut: Any) -> None:
    ends = await Ends.create(dut)
    ends.knobs(seed=ends.rng.getrandbits(32) | 1, read_latency_min=3, read_latency_max=6)
    ends.knobs(write_latency_min=10, write_latency_max=12)
    for i in range(60):
        await ends.wait(ends.master.write_bytes(0x1000 + 8 * i, b"1"), ends.master.read(ends.master.burst(0x2000)))
    took: dict[type, set[int]] = defaultdict(set)
    for event in ends.dma():
        took[type(event)].add(event.cycle - event.start)
    assert took == {DmaRead: set(range(4, 8)), DmaWrite: set(range(12, 15))}


@cocotb.test()
@cocotb.parametrize(reorder=[0, 1])
async def order_of_answers(dut: Any, reorder: int) -> None:
    """Answers of one id come in order; those of others overtake them only with `reorder`, and then they do."""
    ends = await Ends.create(dut)
    master = ends.master
    ends.knobs(reorder=reorder, seed=ends.rng.getrandbits(32) | 1)
    for side in ("read", "write"):
        ends.knobs(**{f"{side}_latency_min": 0, f"{side}_latency_max": 60})
    transfers: list[Transfer] = []
    order: dict[int, tuple[int, int]] = {}  # address -> (id, number)
    ids = [0, 1, master.ids // 2, master.ids - 1]
    for i in range(120):
        address, id = 0x1000 + i * 64, ends.rng.choice(ids)
        transfers += [master.write_bytes(address, b"1", id), master.read(master.burst(address, id=id))]
        order[address] = id, i
    await ends.wait(*transfers)
    events = []
    for event in ends.dma():
        address = event.address if isinstance(event, DmaRead) else event.pieces[0][0]
        events.append((type(event), *order[address]))
    for kind in (DmaRead, DmaWrite):
        overtaken, newest = 0, -1
        latest: dict[int, int] = defaultdict(lambda: -1)
        for of, id, number in events:
            if of is kind:
                assert latest[id] < number, f"id {id}: answer {number} after {latest[id]}"
                overtaken += number < newest
                latest[id], newest = number, max(newest, number)
        assert bool(overtaken) == bool(reorder), f"{kind.__name__}: {overtaken} overtaken"


@cocotb.test()
async def stalls_come_as_often_as_told(dut: Any) -> None:
    """Ready is low, or no new beat comes, in the share of cycles that the knob says."""
    ends = await Ends.create(dut)
    master, window = ends.master, 4000
    ends.knobs(seed=ends.rng.getrandbits(32) | 1)

    async def rate(channel: str, what: str) -> float:
        before = ends.count(channel, what)
        await ends.cycles(window)
        return 1 - (ends.count(channel, what) - before) / window

    for knob in (0, 26, 128, 230, 256):
        expected, slack = knob / _FULL, 0.0 if knob in (0, _FULL) else 0.04
        for channel in ("aw", "ar"):
            ends.knobs(**{f"stall_{channel}": knob})
            await ends.cycles(3)
            seen = await rate(channel, "ready_cycles")
            assert abs(seen - expected) <= slack, f"{channel}: {seen}, expected {expected}"
            ends.knobs(**{f"stall_{channel}": 0})
        if knob == _FULL:
            continue
        beats = min(256, 4096 // master.lanes)
        reads = [master.read(master.burst(0x1000, beats)) for _ in range(-(-window // beats) + 2)]
        ends.knobs(stall_r=knob)
        await ends.cycles(30)
        seen = await rate("r", "transfers")
        assert abs(seen - expected) <= slack, f"r: {seen}, expected {expected}"
        ends.knobs(stall_r=0)
        await ends.wait(*reads)
        # An address without its data: ready is all there is
        ends.knobs(stall_w=knob)
        master.w.pause = True
        write = master.write_bytes(0x1000, bytes(master.lanes))
        await ends.cycles(30)
        seen = await rate("w", "ready_cycles")
        assert abs(seen - expected) <= slack, f"w: {seen}, expected {expected}"
        ends.knobs(stall_w=0)
        master.w.pause = False
        await ends.wait(write)
    ends.knobs(stall_b=128)
    ends.dma()
    writes = [master.write_bytes(0x1000, b"b") for _ in range(1000)]
    await ends.wait(*writes)
    events = ends.dma()
    share = 1 - len(events) / (events[-1].cycle - events[0].cycle)
    assert abs(share - 0.5) <= 0.05, f"b: {share}"


@cocotb.test()
async def a_seed_repeats_its_cycles(dut: Any) -> None:
    ends = await Ends.create(dut)
    master, rng = ends.master, ends.rng
    of = shapes(rng, master)
    traffic = [random_burst(rng, master, rng.randrange(4), next(of)) for _ in range(40)]
    data = [random_beats(rng, burst) for burst in traffic]

    async def cycles(seed: int) -> list[int]:
        await reset(dut)
        ends.knobs(seed=seed ^ 1)
        await ends.cycles(3)
        for side in ("read", "write"):
            ends.knobs(**{f"{side}_latency_min": 2, f"{side}_latency_max": 30})
        ends.knobs(**{f"stall_{channel}": 90 for channel in _CHANNELS}, seed=seed)
        ends.tap.drain()
        first = ends.tap.cycle
        transfers = [master.write(burst, beats) for burst, beats in zip(traffic, data, strict=True)]
        transfers += [master.read(burst) for burst in traffic]
        await ends.wait(*transfers)
        return [cycle - first for event in ends.dma() for cycle in (event.start, event.cycle)]

    once, again, other = await cycles(1234), await cycles(1234), await cycles(99)
    assert len(once) >= 2 * len(traffic)
    assert once == again
    assert once != other
    ends.axi.view.allow_unmapped = True


@cocotb.test()
@cocotb.parametrize(bandwidth=[1, 16, 100, 255])
async def bandwidth_is_exact(dut: Any, bandwidth: int) -> None:
    """So many beats in any 256 cycles, over some of them, with requests always waiting."""
    ends = await Ends.create(dut)
    master = ends.master
    ends.knobs(read_bandwidth=bandwidth, write_bandwidth=bandwidth)
    beats = min(128, 4096 // master.lanes)
    periods = 1 if bandwidth == 1 else 4
    needed = -(-(periods + 2) * bandwidth // beats) + 3
    for i in range(needed):
        master.read(master.burst(0x1000, beats, id=i % 3))
        master.write_bytes(0x2000, bytes(beats * master.lanes), id=i % 3)
    await ends.cycles(300)
    before = [ends.count(channel) for channel in ("r", "w")]
    await ends.cycles(periods * _FULL)
    beats = [ends.count(channel) - count for channel, count in zip(("r", "w"), before, strict=True)]
    assert beats == [periods * bandwidth] * 2
    await reset(dut)


@cocotb.test()
@cocotb.parametrize(beats=[1, 2, 16])
async def full_speed(dut: Any, beats: int) -> None:
    """With all knobs at 0 a beat a cycle, from one burst to the next too, and the first as soon as can be."""
    ends = await Ends.create(dut)
    master, count = ends.master, 40
    reads = [master.read(master.burst(0x1000, beats, id=i % 5)) for i in range(count)]
    await ends.wait(*reads)
    events = ends.dma()
    assert sum(len(event.data) for event in events if isinstance(event, DmaRead)) == count * beats * master.lanes
    assert events[-1].cycle - events[0].start == count * beats
    writes = [master.write_bytes(0x1000, bytes(beats * master.lanes), id=i % 5) for i in range(count)]
    await ends.wait(*writes)
    events = ends.dma()
    assert events[-1].cycle - min(event.start for event in events) == count * beats + 1


@cocotb.test()
async def no_more_than_it_says_are_outstanding(dut: Any) -> None:
    """Sixteen reads and sixteen writes are taken, then neither address channel is ready."""
    ends = await Ends.create(dut)
    master = ends.master
    ends.axi.view.add(0x1000, 0x1000, response=Response.NEVER)
    before = ends.count("ar"), ends.count("aw")
    transfers = [master.read(master.burst(0x1000)) for _ in range(20)]
    transfers += [master.write_bytes(0x1000, b"1") for _ in range(20)]
    await ends.cycles(100)
    assert (ends.count("ar") - before[0], ends.count("aw") - before[1]) == (_OUTSTANDING, _OUTSTANDING)
    ends.axi.view.clear()
    await ends.wait(*transfers)
