# SPDX-License-Identifier: Apache-2.0
"""Payload: every alignment and length, every place in memory, not a byte too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cocotbext.virtio.buffers import Framing, Layout, merged
from cocotbext.virtio.drivers import BlkDriver, RngDriver
from virtio_model.spec import SECTOR, BlkStatus, BlkType

from . import work
from .rig import BLK, RNG, WRITING, Rig, body
from .work import expect, expect_true

_LONGEST = 130
_LADDER = range(_LONGEST + 1)
_PAGE = 4096
_4GIB = 1 << 32


def _rungs(rig: Rig) -> Iterator[range]:
    """The lengths 0 to 130, in as few chains as the queue allows."""
    most = min(len(_LADDER), rig.transport.queues[0].size - 4)
    for first in range(0, len(_LADDER), most):
        yield _LADDER[first : first + most]


def _ladder(lengths: range) -> Framing:
    """Pieces of these lengths, and the rest; short parts stay whole."""

    def cut(parts: Sequence[int]) -> Sequence[int]:
        rest = sum(parts) - sum(lengths)
        return [*lengths, rest] if rest >= 0 else [sum(parts)]

    return cut


def _whole(parts: Sequence[int]) -> Sequence[int]:
    """One descriptor, also for no bytes."""
    return [sum(parts)] if parts else []


def _random(data: bytes) -> bool:
    """Whether it can be random: no run of 8 bytes of the driver's poison."""
    return b"\xff" * 8 not in data


@body(RNG, used=131)
async def destinations_of_every_length(rig: Rig) -> None:
    """Buffers of 0 to 130 bytes, each a request of its own, at random addresses (HOST-035, RNG-DEV-004)."""
    driver = await work.start_as(rig, RngDriver, layout=Layout(_whole, 64, None, rig.rng))
    for lengths in _rungs(rig):
        pendings = [await driver.submit(length, kick=False) for length in lengths]
        await rig.transport.kick(0)
        # mypy has no type for the default of a lambda, which binds the value of this round.
        await rig.run_until(lambda waiting=pendings: all(pending.done for pending in waiting))  # type: ignore[misc]
        for length, pending in zip(lengths, pendings, strict=True):
            work.expect_filled(rig, pending.written_len, length, f"used length of a buffer of {length} bytes")
            expect_true(_random(pending.result()), f"buffer of {length} bytes holds poison")


@body(RNG, used=4, limit_us=40_000)
async def destinations_of_every_length_and_alignment(rig: Rig) -> None:
    """Chains of elements of 0 to 130 bytes, at each alignment on the bus (SPLIT-DEV-011, HOST-035)."""
    driver = await work.start_as(rig, RngDriver)
    for offset in range(rig.bus_bytes):
        for lengths in _rungs(rig):
            data = await driver.request(sum(lengths), Layout(_ladder(lengths), align=64, offset=offset))
            work.expect_filled(rig, len(data), sum(lengths), f"bytes at alignment {offset}")
            expect_true(_random(data), f"poison left at alignment {offset}")


@body(BLK, used=8, limit_us=60_000)
async def sources_and_destinations_of_every_length_and_alignment(rig: Rig) -> None:
    """Sectors written from, and read to, elements of 0 to 130 bytes, at each alignment on the bus (HOST-035)."""
    driver = await work.start_as(rig, BlkDriver)
    for offset in range(rig.bus_bytes):
        for lengths in _rungs(rig):
            count = -(-sum(lengths) // SECTOR)
            data = rig.rng.randbytes(count * SECTOR)
            await driver.write(offset, data, Layout(_ladder(lengths), align=64, offset=offset))
            other = Layout(_ladder(lengths), align=64, offset=rig.bus_bytes - 1 - offset)
            expect_true(await driver.read(offset, count, other) == data, f"sectors differ at alignment {offset}")


@body(used=24)
async def pages_are_crossed(rig: Rig) -> None:
    """Buffers that begin just before, at and after a 4 KiB boundary, of one byte to more than a page (HOST-035)."""
    kind = await work.driver_class(rig)
    driver = await work.start_as(rig, kind)
    for before in (1, 3, 8, 511, 0, -1):
        layout = Layout(_whole, align=_PAGE, offset=_PAGE - before)
        if isinstance(driver, RngDriver):
            for length in (1, 2, 513, _PAGE + 1):
                data = await driver.request(length, layout)
                work.expect_filled(rig, len(data), length, f"bytes {before} before a page's end")
        elif isinstance(driver, BlkDriver):
            for count in (1, 8):
                data = rig.rng.randbytes(count * SECTOR)
                await driver.write(3, data, layout)
                expect_true(await driver.read(3, count, layout) == data, f"sectors differ {before} before a page's end")
        else:  # what is at its other end says whether it was read right
            for length in (1, 2, 513, 1025):
                await work.settle(rig, [await work.ask(rig, layout=layout, length=length)])


async def _exchange(rig: Rig, address: int, length: int) -> None:
    """Let the device write, and if it reads then read too, `length` bytes at `address`, a multiple of 512."""
    driver, queue = rig.driver, rig.transport.queues[0]
    rig.memory.write(address, b"\xff" * length)
    if isinstance(driver, RngDriver):
        queue.add([(address, length, True)])
        await rig.transport.kick(0)
        await rig.drain()
        filled = not rig.exact or _random(rig.memory.read(address, length))
        expect_true(filled, f"poison left in {length} bytes at {address:#x}")
        return
    data = rig.rng.randbytes(length)
    rig.memory.write(address, data)
    first = rig.memory.allocate(16)
    answer = rig.memory.allocate(1)
    for type_ in (BlkType.OUT, BlkType.IN):
        rig.memory.write(first, int(type_).to_bytes(8, "little") + (5).to_bytes(8, "little"))
        if type_ == BlkType.IN:
            rig.memory.write(address, b"\xff" * length)
        queue.add([(first, 16, False), (address, length, type_ == BlkType.IN), (answer, 1, True)])
        await rig.transport.kick(0)
        await rig.drain()
        expect(rig.memory.read(answer, 1)[0], BlkStatus.OK, f"status of {type_.name}")
    expect_true(rig.memory.read(address, length) == data, f"{length} bytes at {address:#x} differ")
    rig.memory.free(first)
    rig.memory.free(answer)


@body(*WRITING, used=4)
async def four_gib_are_crossed(rig: Rig) -> None:
    """Buffers below, across and above the 4 GiB boundary (MMIO-DEV-020)."""
    await work.start(rig)
    names = [region.name for region in rig.memory.regions]
    for region, before in (("low", 0), ("seam", 1), ("seam", 511), ("seam", 0), ("high", 0)):
        if region in names:
            align, offset = (_4GIB, _4GIB - before) if region == "seam" else (64, 0)
            address = rig.memory.allocate(SECTOR, align, offset, region)
            await _exchange(rig, address, SECTOR)
            rig.memory.free(address)
    await work.serve(rig, 4)


@body(*WRITING, used=2)
async def buffers_at_the_end_of_memory(rig: Rig) -> None:
    """The last byte of a memory is as good as any; nothing beyond it is asked for (HOST-028, HOST-091)."""
    await work.start(rig)
    for region in rig.memory.regions:
        await _exchange(rig, region.end - SECTOR, SECTOR)
    await work.serve(rig, 1)


@body(RNG, used=2, limit_us=40_000)
async def requests_of_several_pages(rig: Rig) -> None:
    """A large buffer is filled to its end, up to the 65536 bytes that this device gives at once (RNG-DEV-004, 005)."""
    driver = await work.start_as(rig, RngDriver)
    for length, expected in ((3 * _PAGE + 17, 3 * _PAGE + 17), (70_000, 65_536)):
        data = await driver.request(length, Layout(align=64, offset=rig.rng.randrange(64)))
        expect(len(data), expected, f"bytes of a request for {length}")
        expect_true(_random(data), "poison left in the buffer")


@body(RNG, used=4)
async def requests_without_room(rig: Rig) -> None:
    """Nothing to write, nothing written: empty elements, or readable ones alone (HOST-023, HOST-030, HOST-115)."""
    await work.start(rig)
    for readable, writable in (([b"x" * 33], []), ([], [0]), ([b"readable"], [0, 0])):
        framing: Framing = list
        pending = await work.submit_chain(rig, readable, writable, Layout(framing))
        expect((await pending).written_len, 0, f"used length of {pending!r}")
    mixed = await work.submit_chain(rig, [b"seed"], [0, 5, 0, 7], Layout(list))
    work.expect_filled(rig, (await mixed).written_len, 12, "used length beside empty elements")


@body(RNG, used=3)
async def slow_entropy(rig: Rig) -> None:
    """A source with gaps delays the answer and nothing else (HOST-115)."""
    driver = await work.start_as(rig, RngDriver)
    await rig.slow_down(40)
    pending = await driver.submit(203)
    expect(await work.status(rig), work.LIVE, "Status while waiting")
    await work.settle(rig, [pending])
    await work.serve(rig, 2)
    await rig.slow_down(0)


@body(*WRITING, used=160)
async def data_that_nobody_wants(rig: Rig) -> None:
    """Data that a request has no use for is not read any more once its chain is used (SPLIT-DEV-045)."""
    driver = await work.start(rig)
    header = bytes([99]) + bytes(15) if isinstance(driver, BlkDriver) else b""
    for length in range(40, 1000, 6):
        layout = Layout(merged, 16, None, rig.rng)  # the header is there long before the end of its burst
        written = await (await work.submit_chain(rig, [header, bytes(length)], [1], layout))
        expect(written.written_len, 1, f"used length with {length} bytes too many")
