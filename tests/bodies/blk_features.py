# SPDX-License-Identifier: Apache-2.0
"""What a block device offers beyond reading and writing (5.2.3): needs a device built with all of it."""

from __future__ import annotations

from cocotbext.virtio.drivers import BlkDriver
from cocotbext.virtio.drivers.blk import segment
from virtio_model.spec import BLK_SEGMENT_F_UNMAP, SECTOR, BlkConfig, BlkFeature, BlkStatus, BlkType, Reg, features

from . import work
from .rig import BLK, Rig, body
from .work import expect, expect_true

_ERASERS = {BlkType.DISCARD: "discard", BlkType.WRITE_ZEROES: "write_zeroes"}


async def _byte(rig: Rig, offset: int) -> int:
    return await rig.bus.read(Reg.CONFIG + offset, 1)


def _limits(driver: BlkDriver, type_: BlkType) -> tuple[int, int]:
    """Sectors of a segment and segments of a request, at most."""
    sectors = getattr(driver.config, f"max_{_ERASERS[type_]}_sectors")
    segments = getattr(driver.config, f"max_{_ERASERS[type_]}_seg")
    expect_true(sectors > 1 and segments > 1, f"{type_.name} of {sectors} sectors in {segments} segments")
    return sectors, segments


async def _fails(driver: BlkDriver, type_: BlkType, status: BlkStatus, data: bytes, what: str) -> None:
    result = await driver.request(type_, data=data)
    expect((result.status, result.written_len), (status, 1), f"status and used length of {type_.name} {what}")


@body(BLK, used=1)
async def configuration_space(rig: Rig) -> None:
    """Fields lie where the layout says, padding reads 0, num_queues is the number of queues (BLK-DEV-001, 002, 009)."""
    driver = await work.start_as(rig, BlkDriver)
    for bit in (BlkFeature.TOPOLOGY, BlkFeature.CONFIG_WCE, BlkFeature.MQ, BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES):
        expect_true(driver.has(bit), f"{bit.name} not offered")
    expect_true(driver.has(BlkFeature.FLUSH), "FLUSH not offered with CONFIG_WCE (BLK-DEV-007)")
    raw = bytes([await _byte(rig, offset) for offset in range(96)])
    config = driver.config
    for field in BlkConfig:
        if (value := getattr(config, field.name.lower())) is not None:
            width = min(after for after in (*BlkConfig, 33, 57, 60) if after > field) - field
            expect(int.from_bytes(raw[field : field + width], "little"), value, field.name)
    expect(raw[33:34] + raw[57:96], bytes(40), "padding and fields of features never offered")
    expect(config.num_queues, len(await work.queue_sizes(rig)), "num_queues")
    await work.serve(rig, 1)


@body(BLK, used=4)
async def cache_mode(rig: Rig) -> None:
    """writeback starts as FLUSH says and is the driver's with CONFIG_WCE (BLK-DEV-008, BLK-DRV-025)."""
    wce, flush = features(BlkFeature.CONFIG_WCE), features(BlkFeature.FLUSH)
    driver = await work.start_as(rig, BlkDriver, accept=lambda offered: offered & ~flush)
    expect(driver.config.writeback, 0, "writeback without FLUSH")
    driver = await work.start_as(rig, BlkDriver, accept=lambda offered: offered & ~wce)
    for value in (0, 1):
        await rig.transport.write_config(BlkConfig.WRITEBACK, "B", value)
        expect(await _byte(rig, BlkConfig.WRITEBACK), 1, "writeback that is not the driver's to write")
    driver = await work.start_as(rig, BlkDriver)
    expect(driver.config.writeback, 1, "writeback with FLUSH")
    before = await rig.bus.read(Reg.CONFIG_GENERATION)
    for on in (False, True, False):
        await driver.set_writeback(on)
        expect(driver.config.writeback, int(on), "writeback as written")
        await driver.write(3, rig.rng.randbytes(2 * SECTOR))
    await rig.transport.write_config(BlkConfig.NUM_QUEUES, "H", 0)
    expect(await _byte(rig, BlkConfig.WRITEBACK), 0, "writeback after a write beside it")
    expect(await rig.bus.read(Reg.CONFIG_GENERATION), before, "ConfigGeneration after writes of the driver's own")
    driver = await work.start_as(rig, BlkDriver)
    expect(driver.config.writeback, 1, "writeback after a reset")
    await work.serve(rig, 1)


@body(BLK, used=6)
async def write_through(rig: Rig) -> None:
    """Without a cache, and where nothing was agreed, writes are durable when they are reported (BLK-DEV-046)."""
    uncached = features(BlkFeature.FLUSH, BlkFeature.CONFIG_WCE)
    data = rig.rng.randbytes(3 * SECTOR)
    driver = await work.start_as(rig, BlkDriver, accept=lambda offered: offered & ~uncached)
    await driver.write(5, data)
    await driver.write_zeroes((6, 1))
    driver = await work.start_as(rig, BlkDriver)
    await driver.set_writeback(False)
    await driver.write(5, data)
    await driver.write_zeroes((5, 1), (7, 1))
    await driver.discard((6, 1))
    expect_true(await driver.read(5, 1) == bytes(SECTOR), "sector 5 differs")


@body(BLK, used=8)
async def zeroes_are_written(rig: Rig) -> None:
    """Ranges read as zeroes with and without unmap, several a request, their neighbours as before; the disk is told of
    unmap, of each segment its own (BLK-DEV-042).
    """
    driver = await work.start_as(rig, BlkDriver)
    sectors, segments = _limits(driver, BlkType.WRITE_ZEROES)
    for unmap in (False, True):
        before = rig.rng.randbytes(40 * SECTOR)
        await driver.write(0, before)
        ranges = [(3 * index + 1, index % 2 + 1) for index in range(segments)]
        told = rig.unmapped()
        await driver.write_zeroes(*ranges, unmap=unmap)
        told = rig.unmapped() - told
        expect(told, sum(count for _, count in ranges) if unmap else 0, f"sectors to deallocate with unmap {unmap}")
        expected = bytearray(before)
        for first, count in ranges:
            expected[first * SECTOR : (first + count) * SECTOR] = bytes(count * SECTOR)
        expect_true(await driver.read(0, 40) == bytes(expected), "sectors 0 to 39 differ")
        expect_true(rig.image()[: 40 * SECTOR] == bytes(expected), "the disk differs")
    told = rig.unmapped()
    data = segment(3, 2) + segment(9, 2, BLK_SEGMENT_F_UNMAP)
    await driver.request(BlkType.WRITE_ZEROES, data=data)
    expect(rig.unmapped() - told, 2, "sectors to deallocate with unmap in the second segment")
    last = driver.config.capacity - sectors
    await driver.write_zeroes((last, sectors))
    expect_true(await driver.read(last, sectors) == bytes(sectors * SECTOR), "the last sectors differ")


@body(BLK, used=4)
async def discarded(rig: Rig) -> None:
    """Ranges are given up, several a request, their neighbours as before (BLK-DEV-040)."""
    driver = await work.start_as(rig, BlkDriver)
    sectors, segments = _limits(driver, BlkType.DISCARD)
    before = rig.rng.randbytes(40 * SECTOR)
    await driver.write(0, before)
    await driver.discard(*((3 * index + 1, index % 2 + 1) for index in range(segments)))
    seen = await driver.read(0, 40)
    for sector in range(0, 3 * segments, 3):
        expect_true(seen[sector * SECTOR :][:SECTOR] == before[sector * SECTOR :][:SECTOR], f"sector {sector} differs")
    await driver.discard((driver.config.capacity - sectors, sectors))


@body(BLK, used=64)
async def reserved_flags(rig: Rig) -> None:
    """Flags without a meaning, and unmap in DISCARD, are UNSUPP and change nothing (BLK-DEV-038, BLK-DEV-039)."""
    driver = await work.start_as(rig, BlkDriver)
    image = rig.image()
    for bit in range(32):
        for type_ in _ERASERS:
            if 1 << bit != BLK_SEGMENT_F_UNMAP or type_ is BlkType.DISCARD:
                await _fails(driver, type_, BlkStatus.UNSUPP, segment(4, 1, 1 << bit), f"with flag {bit}")
    await _fails(driver, BlkType.DISCARD, BlkStatus.UNSUPP, segment(2**64 - 1, 2**32 - 1, 3), "with flags anywhere")
    expect_true(rig.image() == image, "the disk has changed")
    await work.serve(rig, 1)


@body(BLK, used=20)
async def ranges_beyond_the_limits(rig: Rig) -> None:
    """Ranges beyond the capacity, too long or too many fail and change nothing (BLK-DRV-015, 020, 022, 024)."""
    driver = await work.start_as(rig, BlkDriver)
    capacity = driver.config.capacity
    image = rig.image()
    for type_ in _ERASERS:
        sectors, segments = _limits(driver, type_)
        for first, count in (
            (capacity, 1),
            (capacity - 1, 2),
            (capacity + 1, 0),
            (2**64 - 1, 1),
            (2**64 - 1, 2),
            (2**63, 1),
            (0, sectors + 1),
            (0, 2**32 - 1),
        ):
            await _fails(driver, type_, BlkStatus.IOERR, segment(first, count), f"of {count} sectors at {first:#x}")
        await _fails(driver, type_, BlkStatus.IOERR, segment(0, 1) * (segments + 1), f"of {segments + 1} segments")
        for length in (1, 15, 17, 31):
            data = (segment(0, 1) * 2)[:length]
            await _fails(driver, type_, BlkStatus.IOERR, data, f"of {length} bytes")
        await _fails(driver, type_, BlkStatus.OK, b"", "of nothing")
        await _fails(driver, type_, BlkStatus.OK, segment(capacity, 0), "of no sector at the end")
    expect_true(rig.image() == image, "the disk has changed")
    await work.serve(rig, 1)


@body(BLK, used=8)
async def bad_segment_among_good_ones(rig: Rig) -> None:
    """The first bad segment ends its request, and no other (project decision; BLK-DRV-029)."""
    driver = await work.start_as(rig, BlkDriver)
    for bad, status in ((segment(1, 1, 2), BlkStatus.UNSUPP), (segment(2**40, 1), BlkStatus.IOERR)):
        before = rig.rng.randbytes(4 * SECTOR)
        await driver.write(8, before)
        data = segment(8, 1) + bad + segment(9, 1)
        await _fails(driver, BlkType.WRITE_ZEROES, status, data, "with a bad segment")
        expect_true(await driver.read(8, 4) == bytes(SECTOR) + before[SECTOR:], "sectors 8 to 11 differ")
    await rig.fail_sector(20)
    await _fails(driver, BlkType.WRITE_ZEROES, BlkStatus.IOERR, segment(19, 4) + segment(10, 1), "of a bad sector")
    await rig.fail_sector(None)
    expect_true(await driver.read(10, 1) == before[2 * SECTOR : 3 * SECTOR], "sector 10 was written after a failure")


@body(BLK, used=3)
async def nothing_is_written_after_a_failed_sector(rig: Rig) -> None:
    """Sectors before the failed one are written, none after it, however far ahead the device works (BLK-DEV-030)."""
    driver = await work.start_as(rig, BlkDriver)
    before = await driver.read(8, 8)
    await rig.fail_sector(11)
    result = await driver.request(BlkType.OUT, 8, rig.rng.randbytes(8 * SECTOR))
    expect((result.status, result.written_len), (BlkStatus.IOERR, 1), "status and used length of OUT")
    await rig.fail_sector(None)
    expect_true(await driver.read(11, 5) == before[3 * SECTOR :], "sectors 11 to 15 differ")


@body(BLK, used=64, limit_us=40_000)
async def all_queues(rig: Rig) -> None:
    """Requests of every kind on all queues at once, each served in the order of its queue (BLK-DEV-001)."""
    queues = range(len(await work.queue_sizes(rig)))
    driver = await work.start_as(rig, BlkDriver, queues=queues)
    expect(driver.config.num_queues, len(queues), "num_queues")
    for _ in range(8):
        pendings = []
        for queue in (*queues, *queues):
            sector = 16 * queue + rig.rng.randrange(8)
            kind = rig.rng.choice((BlkType.IN, BlkType.OUT, BlkType.FLUSH, *_ERASERS))
            data = {BlkType.OUT: rig.rng.randbytes(2 * SECTOR)}.get(kind, b"")
            if kind in _ERASERS:
                data = segment(sector, 2) + segment(sector + 4, 1)
            size = 2 * SECTOR if kind is BlkType.IN else 0
            pendings.append(await driver.submit(kind, sector, data, size, queue=queue, kick=False))
        for queue in queues:
            await rig.transport.kick(queue)
        await work.settle(rig, pendings)
