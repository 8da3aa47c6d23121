# SPDX-License-Identifier: Apache-2.0
"""The memories behind the device's DMA by themselves: virtio_axi_memory in HDL, and AxiMemory where that can the same.

The tap's checkers (virtio_axi_rules) hold the rules of the bus in every test.
"""

from __future__ import annotations

from typing import Any

import cocotb
from cocotbext.axi import AxiBus, AxiMaster

from cocotbext.virtio.backing import Response
from cocotbext.virtio.events import DmaWrite
from cocotbext.virtio.sim.bench import PERIOD_NS
from cocotbext.virtio.sim.bursts import Burst
from cocotbext.virtio.sim.timing import Timing

from .bus_ends import NATIVE, REGIONS, Ends, random_rounds, reset

_CHANNELS = ("aw", "w", "b", "ar", "r")
_OUTSTANDING = 16
_FULL = 256  # of stall probabilities and bandwidths


@cocotb.test()
async def random_bursts(dut: Any) -> None:
    """INCR, WRAP and FIXED of all sizes and lengths, with error windows, at full speed."""
    await random_rounds(await Ends.create(dut), 40)


@cocotb.test()
async def what_the_library_writes_it_reads(dut: Any) -> None:
    """cocotbext-axi's own master, which shares no code with the model above."""
    ends = await Ends.create(dut, master=False)
    library = AxiMaster(AxiBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, reset_active_level=False)
    for length in (1, 3, 64, 1500, 5000):
        data, address = ends.rng.randbytes(length), REGIONS[0].base + ends.rng.randrange(4000)
        await library.write(address, data)
        assert ends.backing.read(address, length) == data
        ends.backing.write(address, data[::-1])
        assert (await library.read(address, length)).data == data[::-1]


@cocotb.test()
async def ends_of_regions(dut: Any) -> None:
    """The first and last bytes of each region, adjacent ones as one, and nothing beyond: DECERR, with a report."""
    ends = await Ends.create(dut)
    master, lanes = ends.master, ends.master.lanes
    for region in REGIONS:
        for address in (region.base, region.end - lanes):
            write = master.write_bytes(address, data := ends.rng.randbytes(lanes))
            await ends.wait(write)
            await ends.wait(read := master.read(master.burst(address)))
            assert (write.response, read.beats) == (0, [(data, 0)])
    border = REGIONS[2].base
    await ends.wait(write := master.write_bytes(border - lanes, data := ends.rng.randbytes(2 * lanes)))
    assert write.response == 0
    assert ends.backing.read(border - lanes, lanes) + ends.backing.read(border, lanes) == data
    ends.axi.view.check()
    first = ends.tap.cycle
    ends.dma()
    await ends.wait(write := master.write_bytes(REGIONS[0].end + 3, b"abcd"))
    await ends.wait(read := master.read(Burst(5, REGIONS[1].base - 4, 3, 2, 1, lanes)))
    assert write.response == Response.DECERR.value
    assert [response for _, response in read.beats] == [3, 3, 0]
    seen = ends.axi.view.collect() if NATIVE else ends.axi.view.unmapped
    where = [(access.address, access.length, access.write) for access in seen]
    runs = [(REGIONS[0].end + 3, 1, True), (REGIONS[0].end + 4, 3, True)]
    expected = runs if lanes == 4 else [(REGIONS[0].end + 3, 4, True)]
    assert where == [*expected, (REGIONS[1].base - 4, 2, False), (REGIONS[1].base - 2, 2, False)]
    if NATIVE:
        events = ends.dma()
        starts = [event.start for event in events]
        cycles = [access.cycle for access in seen]
        assert all(cycle is not None and first < cycle for cycle in cycles)
        assert cycles[0] == starts[0] + 1, "data of a write is taken the cycle after its address"
        assert cycles[-2:] == [starts[-1], starts[-1] + 1], "a read is served from the cycle of its address on"
    ends.axi.view.unmapped.clear()
    ends.axi.view.check()


def _windows(response: Response) -> list[dict[str, bool]]:
    return [{"read": True, "write": False}, {"read": False, "write": True}, {"read": True, "write": True}]


@cocotb.test()
@cocotb.parametrize(response=[Response.SLVERR, Response.DECERR])
async def error_windows_are_exact(dut: Any, response: Response) -> None:
    """The beats that touch the range fail, and no other; failed beats write nothing."""
    ends = await Ends.create(dut)
    master, lanes = ends.master, ends.master.lanes
    for base in (0x1000, (1 << 64) - 8 * lanes):
        for window in _windows(response):
            ends.axi.view.clear()
            at = base + 2 * lanes + 1 if base == 0x1000 else base + 7 * lanes
            ends.axi.view.add(at, lanes - 1, **window, response=response)
            failing = (at - base) // lanes
            old, new = ends.rng.randbytes(8 * lanes), ends.rng.randbytes(8 * lanes)
            ends.backing.write(base, old)
            await ends.wait(write := master.write_bytes(base, new))
            assert write.response == (response.value if window["write"] else 0)
            words = [new[i * lanes : (i + 1) * lanes] for i in range(8)]
            if window["write"]:
                words[failing] = old[failing * lanes : (failing + 1) * lanes]
            assert ends.backing.read(base, 8 * lanes) == b"".join(words)
            await ends.wait(read := master.read(master.burst(base, 8)))
            fails = [response.value if window["read"] and i == failing else 0 for i in range(8)]
            assert [answer for _, answer in read.beats] == fails
            # Beside the window, on the same word
            await ends.wait(write := master.write_bytes(at - 1, b"x"), read := master.read(master.burst(at - 1, 1, 1)))
            assert (write.response, read.beats[0][1]) == (0, 0)
    ends.axi.view.clear()
    await ends.wait(read := master.read(master.burst(0x1000, 8)))
    assert not any(answer for _, answer in read.beats)


@cocotb.test()
async def the_worst_of_a_write_is_answered(dut: Any) -> None:
    """Of the runs of bytes in a beat the worst counts, of the beats the first that failed; the others are written."""
    ends = await Ends.create(dut)
    master, lanes = ends.master, ends.master.lanes
    for windows, expected in (
        ({0: Response.DECERR}, 3),
        ({2: Response.SLVERR}, 2),
        ({0: Response.DECERR, 2: Response.SLVERR}, 3),
        ({0: Response.SLVERR, 2: Response.DECERR}, 3),
        ({lanes: Response.DECERR, 2: Response.SLVERR}, 2),
        ({lanes: Response.SLVERR, 0: Response.DECERR}, 3),
    ):
        ends.axi.view.clear()
        ends.backing.write(0x1000, bytes(2 * lanes))
        for offset, response in windows.items():
            ends.axi.view.add(0x1000 + offset, 1, response=response)
        data = bytes(range(1, lanes + 1))
        await ends.wait(write := master.write(master.burst(0x1000, 2), [(data, 0b101), (data, 0b101)]))
        assert write.response == expected, f"{windows}: {write.response}"
        for at, byte in ((0, 1), (2, 3), (lanes, 1), (lanes + 2, 3)):
            assert ends.backing.read(0x1000 + at, 1)[0] == (0 if at in windows else byte), f"{windows}: byte {at}"


@cocotb.test()
async def windows_change_in_mid_burst(dut: Any) -> None:
    """A window counts from the next beat on."""
    ends = await Ends.create(dut)
    master = ends.master
    read = master.read(master.burst(0x1000, 4096 // max(master.lanes, 16)))
    while len(read.beats) < 10:
        await ends.cycles(1)
    ends.axi.view.add(0x1000, 4096)
    while len(read.beats) < 30:
        await ends.cycles(1)
    ends.axi.view.clear()
    await ends.wait(read)
    responses = "".join(str(answer) for _, answer in read.beats)
    first, second, third = responses.rpartition("2")[0].strip("0"), responses.count("2"), responses.rfind("2")
    assert first == "2" * (second - 1), responses
    assert 9 <= responses.find("2") <= 14, responses
    assert 28 <= third <= 34, responses


@cocotb.test()
async def never_answering_windows(dut: Any) -> None:
    """What touches one waits, and what follows under its id; others go on; it is answered once the window is gone."""
    ends = await Ends.create(dut)
    master, view = ends.master, ends.axi.view
    view.add(0x1010, 10, response=Response.NEVER)
    read = [master.read(master.burst(0x1000, 32 // master.lanes or 1, id=1)), master.read(master.burst(0x2000, id=1))]
    write = [master.write_bytes(0x1019, b"held", id=1), master.write_bytes(0x2100, b"behind it", id=1)]
    # Beside the window, on the same words and under other ids
    others = [master.read(master.burst(0x100D, 1, 4, id=2)), master.read(master.burst(0x101A, 1, 2, id=0))]
    others += [master.write_bytes(0x100E, b"to", id=2), master.write_bytes(0x101A, b"by", id=0)]
    await ends.wait(*others)
    await ends.cycles(500)
    assert not any(transfer.done.is_set() for transfer in [*read, *write])
    assert not read[0].beats
    assert ends.tap.open_transfers == 4
    view.clear()
    await ends.wait(*read, *write)
    assert [transfer.response for transfer in write] == [0, 0]
    assert ends.backing.read(0x100E, 2) == b"to"
    assert ends.backing.read(0x1019, 4) == b"hbyd"
    assert ends.backing.read(0x2100, 9) == b"behind it"
    assert read[0].beats[-1][1] == 0
    for one_sided in ({"read": False}, {"write": False}):
        view.add(0x1000, 0x100, **one_sided, response=Response.NEVER)
        stuck, free = master.read(master.burst(0x1000, id=3)), master.write_bytes(0x1000, b"1", id=3)
        if not one_sided.get("read", True):
            stuck, free = free, stuck
        await ends.wait(free)
        await ends.cycles(200)
        assert not stuck.done.is_set()
        view.clear()
        await ends.wait(stuck)


@cocotb.test()
async def never_does_not_hide_errors(dut: Any) -> None:
    """A window that fails the access counts when its answer comes at last; a write without strobes touches nothing."""
    ends = await Ends.create(dut)
    master, view = ends.master, ends.axi.view
    view.add(0x1000, 0x100, response=Response.NEVER)
    view.add(0x1000, 0x100, response=Response.SLVERR)
    nothing = master.write(master.burst(0x1000, 2), [(bytes(master.lanes), 0)] * 2)
    await ends.wait(nothing)
    assert nothing.response == 0
    failing = master.write_bytes(0x1000, b"never")
    await ends.cycles(300)
    assert not failing.done.is_set()
    view.clear()
    await ends.wait(failing)
    assert failing.response == Response.SLVERR.value
    assert ends.backing.read(0x1000, 5) == bytes(5)


@cocotb.test()
async def a_bus_reset_forgets_bursts(dut: Any) -> None:
    ends = await Ends.create(dut)
    master, view = ends.master, ends.axi.view
    view.add(0x1000, 0x100, response=Response.NEVER)
    master.read(master.burst(0x1000, 2, id=4))
    master.read(master.burst(0x1040, 2, id=5))
    master.write_bytes(0x1000, b"forgotten", id=4)
    await ends.cycles(100)
    assert ends.tap.open_transfers == 3
    await reset(dut)
    master.forget()
    view.clear()
    before = ends.count("r"), ends.count("b")
    await ends.cycles(200)
    assert (ends.count("r"), ends.count("b")) == before
    assert ends.tap.open_transfers == 0
    await ends.wait(master.read(master.burst(0x1000, 2, id=4)), master.write_bytes(0x1000, b"after", id=4))


@cocotb.test()
async def a_bus_reset_forgets_half_a_write(dut: Any) -> None:
    """Data that came before it belongs to no later burst."""
    ends = await Ends.create(dut)
    master, view = ends.master, ends.axi.view
    view.add(0x1000, 0x100, response=Response.NEVER)
    master.write_bytes(0x1000, bytes(8 * master.lanes))
    before = ends.count("w")
    while ends.count("w") < before + 3:
        await ends.cycles(1)
    master.w.clear()
    await reset(dut)
    master.forget()
    await ends.wait(write := master.write_bytes(0x2000, data := ends.rng.randbytes(3 * master.lanes)))
    assert write.response == 0
    assert ends.backing.read(0x2000, len(data)) == data


@cocotb.test()
@cocotb.parametrize(cycles=[0, 1, 7, 50])
async def latency_is_exact(dut: Any, cycles: int) -> None:
    """One after the other; of AxiMemory it is the least that is exact, as Python takes some cycles of its own."""
    ends = await Ends.create(dut)
    if NATIVE:
        for side in ("read", "write"):
            ends.knobs(**{f"{side}_latency_min": cycles, f"{side}_latency_max": cycles})
    else:
        ends.axi.set_timing(Timing(latency_ns=(cycles * PERIOD_NS, cycles * PERIOD_NS)), 1, PERIOD_NS)
    for i in range(8):
        write = ends.master.write_bytes(0x1000 + 64 * i, b"data")
        await ends.wait(write)
        await ends.wait(ends.master.read(ends.master.burst(0x1000 + 64 * i)))
    events = ends.dma()
    assert len(events) == 16
    for event in events:
        least = cycles + (2 if NATIVE and isinstance(event, DmaWrite) else 1)
        took = event.cycle - event.start
        assert took == least if NATIVE else least <= took <= least + 4, f"{event}: {took} cycles"


@cocotb.test()
async def unmapped_accesses_fail_the_test(dut: Any) -> None:
    ends = await Ends.create(dut)
    ends.axi.view.check()
    await ends.wait(ends.master.read(ends.master.burst(0x80_0000)))
    said = ""
    try:
        ends.axi.view.check()
    except AssertionError as error:
        said = str(error)
    assert f"DMA-UNMAPPED read address=0x800000 length={ends.master.lanes}" in said
