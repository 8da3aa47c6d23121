# SPDX-License-Identifier: Apache-2.0
"""Block requests, good and bad (5.2)."""

from __future__ import annotations

from contextlib import suppress

from cocotbext.virtio.buffers import Layout, bytewise, chunks, merged, random_framing
from cocotbext.virtio.drivers import BlkDriver
from cocotbext.virtio.errors import ChainTooLong
from virtio_model.spec import BLK_ID_BYTES, SECTOR, BlkFeature, BlkStatus, BlkType, Reg, features

from . import work
from .rig import BLK, Rig, body
from .work import expect, expect_true

_POISON = b"\xff"
_SEGMENT_FEATURES = features(BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES)


def _header(type_: int, sector: int = 0) -> bytes:
    return type_.to_bytes(4, "little") + bytes(4) + sector.to_bytes(8, "little")


async def _outcome(rig: Rig, readable: list[bytes], writable: list[int], layout: Layout | None = None) -> work.Written:
    """What comes of a chain of any shape."""
    return await (await work.submit_chain(rig, readable, writable, layout))


async def _fails(rig: Rig, status: BlkStatus, readable: list[bytes], writable: list[int], what: str) -> None:
    """The request ends with `status` in its last byte, and nothing else is written (BLK-DEV-030, BLK-DEV-033)."""
    written = await _outcome(rig, readable, writable)
    expect(written.data[-1], status, f"status of {what}")
    if not rig.exact:  # then the scoreboard says whether the length fits what was written
        return
    expect(written.written_len, 1, f"used length of {what}")
    expect_true(not written.data[:-1].strip(_POISON), f"{what} wrote {written.data[:-1].hex()}")


@body(BLK, used=6)
async def writes_are_read_back(rig: Rig) -> None:
    """Sectors written come back, through a flush if there is one, and their neighbours are as before (BLK-DEV-029)."""
    driver = await work.start_as(rig, BlkDriver)
    before = await driver.read(8, 8)
    data = rig.rng.randbytes(3 * SECTOR)
    await driver.write(10, data)
    if driver.has(BlkFeature.FLUSH):
        await driver.flush()
    expected = before[: 2 * SECTOR] + data + before[5 * SECTOR :]
    expect_true(await driver.read(8, 8) == expected, "sectors 8 to 15 differ from what was written")
    expect_true(rig.image()[8 * SECTOR : 16 * SECTOR] == expected, "the disk differs from what was written")
    await driver.write(8, before)
    expect_true(await driver.read(8, 8) == before, "sectors 8 to 15 differ after they were restored")


@body(BLK, used=2)
async def first_and_last_sector(rig: Rig) -> None:
    """The disk is served from its first to its last sector (BLK-DEV-003)."""
    driver = await work.start_as(rig, BlkDriver)
    image = rig.image()
    expect(driver.config.capacity, len(image) // SECTOR, "capacity")
    expect_true(await driver.read(0, 1) == image[:SECTOR], "sector 0 differs")
    last = driver.config.capacity - 1
    expect_true(await driver.read(last, 1) == image[last * SECTOR :][:SECTOR], f"sector {last} differs")


@body(BLK, used=5)
async def id_string(rig: Rig) -> None:
    """GET_ID writes 20 bytes padded with NUL, or as many as there is room for (BLK-DEV-032, HOST-114)."""
    driver = await work.start_as(rig, BlkDriver)
    name = await driver.get_id()
    expect_true(0 < len(name) <= BLK_ID_BYTES and name.isascii(), f"id string {name!r}")
    for room in (0, 5, 20, 64):
        written = await _outcome(rig, [_header(BlkType.GET_ID)], [room, 1])
        given = name.ljust(BLK_ID_BYTES, b"\0")[:room]
        expect(written.data[: len(given)], given, f"id string with room for {room}")
        expect(written.data[-1], BlkStatus.OK, "status")
        expect(written.written_len, len(given) + 1, "used length")
        expect_true(not written.data[len(given) : -1].strip(_POISON), "bytes written past the id string")


@body(BLK, used=12)
async def unknown_types_are_unsupported(rig: Rig) -> None:
    """Every type but those offered ends with UNSUPP, whatever comes with it (BLK-DEV-031, HOST-110)."""
    await work.start_as(rig, BlkDriver, accept=lambda offered: offered & ~_SEGMENT_FEATURES)
    types = (2, 3, 5, 7, 9, BlkType.GET_LIFETIME, BlkType.DISCARD, BlkType.WRITE_ZEROES, BlkType.SECURE_ERASE)
    for type_ in (*types, 0x100, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001):
        await _fails(rig, BlkStatus.UNSUPP, [_header(type_), bytes(SECTOR)], [SECTOR, 1], f"type {type_:#x}")


@body(BLK, used=12)
async def ranges_beyond_the_capacity_fail(rig: Rig) -> None:
    """No sector at or above the capacity is read or written, with any arithmetic (HOST-109)."""
    driver = await work.start_as(rig, BlkDriver)
    capacity = driver.config.capacity
    image = rig.image()
    cases = [(capacity, 1), (capacity - 1, 2), (capacity + 1, 1), (2**64 - 1, 1), (2**64 - 2, 2), (2**55, 1)]
    cases += [(capacity + 2**32, 1), (2**63, 1)]
    for sector, count in cases:
        await _fails(rig, BlkStatus.IOERR, [_header(BlkType.IN, sector)], [count * SECTOR, 1], f"IN at {sector:#x}")
        data = rig.rng.randbytes(count * SECTOR)
        await _fails(rig, BlkStatus.IOERR, [_header(BlkType.OUT, sector), data], [1], f"OUT at {sector:#x}")
    expect_true(rig.image() == image, "the disk has changed")
    await work.serve(rig, 1)


@body(BLK, used=12)
async def parts_of_sectors_fail(rig: Rig) -> None:
    """Data that is not whole sectors moves nothing, as long as a segment of DISCARD or not (HOST-111)."""
    await work.start(rig)
    image = rig.image()
    for length in (1, 16, 511, 513, 1025):
        await _fails(rig, BlkStatus.IOERR, [_header(BlkType.IN)], [length, 1], f"IN of {length} bytes")
        await _fails(rig, BlkStatus.IOERR, [_header(BlkType.OUT), b"x" * length], [1], f"OUT of {length} bytes")
    for type_ in (BlkType.IN, BlkType.OUT):
        written = await _outcome(rig, [_header(type_)], [1])
        expect((written.data[0], written.written_len), (BlkStatus.OK, 1), f"{type_.name} of nothing")
    expect_true(rig.image() == image, "the disk has changed")


@body(BLK, used=8)
async def short_headers_fail(rig: Rig) -> None:
    """A header of less than 16 bytes is answered with IOERR if that is possible (HOST-112)."""
    await work.start(rig)
    for length in (0, 1, 8, 15):
        readable = [_header(BlkType.IN)[:length]] if length else []
        await _fails(rig, BlkStatus.IOERR, readable, [SECTOR, 1], f"a header of {length} bytes")
    written = await _outcome(rig, [_header(BlkType.IN)[:8]], [])
    expect(written.written_len, 0, "used length of a short header alone")
    await work.serve(rig, 3)


@body(BLK, used=6)
async def no_room_for_a_status(rig: Rig) -> None:
    """Without a writable byte nothing is done and nothing written; the chain is given back (HOST-030)."""
    await work.start(rig)
    image = rig.image()
    for type_ in (BlkType.IN, BlkType.OUT, BlkType.FLUSH):
        expect((await _outcome(rig, [_header(type_), bytes(SECTOR)], [])).written_len, 0, "used length")
    expect_true(rig.image() == image, "the disk has changed")
    await work.serve(rig, 3)


@body(BLK, used=3)
async def status_is_the_last_writable_byte(rig: Rig) -> None:
    """Writable bytes of OUT before the last are left alone; readable ones of IN after the header too (HOST-112)."""
    driver = await work.start_as(rig, BlkDriver)
    before = await driver.read(4, 1)
    written = await _outcome(rig, [_header(BlkType.OUT, 4), before], [100, 1])
    expect((written.data, written.written_len), (_POISON * 100 + b"\0", 1), "writable bytes of OUT")
    written = await _outcome(rig, [_header(BlkType.IN, 4), b"not asked for"], [SECTOR, 1])
    expect_true(written.data == before + b"\0", "sector 4 differs")
    expect(written.written_len, SECTOR + 1, "used length")


@body(BLK, used=14)
async def every_framing_is_served(rig: Rig) -> None:
    """A request may be cut into descriptors anywhere (SPLIT-DEV-011, HOST-036)."""
    driver = await work.start_as(rig, BlkDriver)
    for framing in (merged, chunks(7), chunks(16), chunks(17), chunks(100), chunks(513), random_framing(rig.rng, 40)):
        layout = Layout(framing, 16, None, rig.rng)
        data = rig.rng.randbytes(SECTOR)
        with suppress(ChainTooLong):  # for a small queue
            await driver.write(6, data, layout)
            expect_true(await driver.read(6, 1, layout) == data, "sector 6 differs")


@body(BLK, used=3)
async def byte_by_byte(rig: Rig) -> None:
    """One descriptor for each byte of header, id and status (HOST-036)."""
    await work.start(rig)
    layout = Layout(bytewise, align=64, offset=None, rng=rig.rng)
    written = await _outcome(rig, [_header(BlkType.GET_ID)], [BLK_ID_BYTES, 1], layout)
    expect((written.data[-1], written.written_len), (BlkStatus.OK, BLK_ID_BYTES + 1), "status and used length")
    await _outcome(rig, [_header(BlkType.FLUSH)], [1], layout)
    await _outcome(rig, [_header(99)], [1], layout)


@body(BLK, used=2)
async def flush_needs_its_feature(rig: Rig) -> None:
    """FLUSH works once negotiated, else not; features written late do not count (BLK-DEV-006, HOST-073)."""
    flush = features(BlkFeature.FLUSH)
    driver = await work.start_as(rig, BlkDriver, accept=lambda offered: offered & ~flush)
    expect(rig.transport.offered & flush, flush, "FLUSH in the offered features")
    await work.accept_features(rig, rig.transport.offered)
    expect((await driver.request(BlkType.FLUSH)).status, BlkStatus.UNSUPP, "status without the feature")
    driver = await work.start_as(rig, BlkDriver)
    expect((await driver.request(BlkType.FLUSH)).status, BlkStatus.OK, "status with the feature")


@body(BLK, used=1)
async def configuration_fields(rig: Rig) -> None:
    """Fields of offered features read the same before and after FEATURES_OK (CONFIG-DEV-001, CONFIG-DEV-002)."""
    before = [await rig.bus.read(Reg.CONFIG + offset) for offset in range(0, 24, 4)]
    driver = await work.start_as(rig, BlkDriver)
    expect([await rig.bus.read(Reg.CONFIG + offset) for offset in range(0, 24, 4)], before, "configuration space")
    expect(driver.config.capacity, before[0] | before[1] << 32, "capacity")
    shown = (driver.config.size_max or 0, driver.config.seg_max or 0, driver.config.blk_size or 0)
    expect(shown, (before[2], before[3], before[5]), "size_max, seg_max and blk_size")
    await work.serve(rig, 1)


@body(BLK, used=4)
async def failing_sector(rig: Rig) -> None:
    """A sector that the disk cannot give ends its request with IOERR and no other (BLK-DEV-030)."""
    driver = await work.start_as(rig, BlkDriver)
    image = rig.image()
    await rig.fail_sector(9)
    result = await driver.request(BlkType.IN, 8, writable=3 * SECTOR)
    expect(result.status, BlkStatus.IOERR, "status of IN")
    expect(result.written_len, SECTOR + 1, "used length of IN")
    expect_true(result.data[:SECTOR] == image[8 * SECTOR : 9 * SECTOR], "sector 8 differs")
    expect_true(not result.data[SECTOR:].strip(_POISON), "the failing sector left bytes in the buffer")
    result = await driver.request(BlkType.OUT, 9, rig.rng.randbytes(SECTOR))
    expect((result.status, result.written_len), (BlkStatus.IOERR, 1), "status and used length of OUT")
    await rig.fail_sector(None)
    expect_true(await driver.read(8, 3) == image[8 * SECTOR : 11 * SECTOR], "sectors 8 to 10 differ")
    await driver.write(9, image[9 * SECTOR : 10 * SECTOR])


@body(BLK, used=6)
async def failing_flush(rig: Rig) -> None:
    """A flush that the disk cannot carry out ends with IOERR, and so does a write that is to be durable at its end
    (BLK-DEV-030, BLK-DEV-046).
    """
    flush = features(BlkFeature.FLUSH)
    data = rig.rng.randbytes(2 * SECTOR)
    for cached in (True, False):
        driver = await work.start_as(rig, BlkDriver, accept=lambda offered, no=0 if cached else flush: offered & ~no)
        await rig.fail_flushes(True)
        if cached:
            result = await driver.request(BlkType.FLUSH)
            expect((result.status, result.written_len), (BlkStatus.IOERR, 1), "status and used length of FLUSH")
        result = await driver.request(BlkType.OUT, 12, data)
        status = BlkStatus.OK if cached else BlkStatus.IOERR
        expect((result.status, result.written_len), (status, 1), "status and used length of OUT")
        await rig.fail_flushes(False)
        if cached:
            await driver.flush()
        await driver.write(12, data)
    expect_true(await driver.read(12, 2) == data, "sectors 12 and 13 differ from what was written")


@body(BLK, used=3, limit_us=40_000)
async def failing_sector_in_mid_write(rig: Rig) -> None:
    """What a failed OUT had already fetched reaches neither the disk nor a later request (HOST-114, BLK-DEV-030)."""
    driver = await work.start_as(rig, BlkDriver)
    await rig.fail_sector(9)
    result = await driver.request(BlkType.OUT, 9, b"A" * (3 * SECTOR))
    expect((result.status, result.written_len), (BlkStatus.IOERR, 1), "status and used length of OUT")
    await rig.fail_sector(None)
    await driver.write(20, b"B" * SECTOR)
    expect_true(await driver.read(20, 1) == b"B" * SECTOR, "sector 20 differs")


@body(BLK, used=22, limit_us=40_000)
async def slow_disk(rig: Rig) -> None:
    """A disk that takes its time delays the answers and nothing else, however much is written."""
    driver = await work.start_as(rig, BlkDriver)
    await rig.slow_down(200)
    pendings = [await work.ask(rig) for _ in range(20)]
    expect(await work.status(rig), work.LIVE, "Status while waiting")
    await work.settle(rig, pendings)
    data = rig.rng.randbytes(64 * SECTOR)
    await driver.write(3, data)
    expect_true(await driver.read(3, 64) == data, "sectors 3 to 66 differ from what was written")
    await rig.slow_down(0)


@body(BLK, used=8, limit_us=40_000)
async def slow_disk_and_reset(rig: Rig) -> None:
    """Requests after a reset are served although the disk is still busy with those before it (HOST-094)."""
    for kind in (BlkType.IN, BlkType.OUT, BlkType.IN, BlkType.OUT):
        driver = await work.start_as(rig, BlkDriver)
        await rig.slow_down(4000)
        data = rig.rng.randbytes(2 * SECTOR)
        for _ in range(8):
            if kind is BlkType.IN:
                await driver.submit(kind, 3, writable=len(data))
            else:
                await driver.submit(kind, 3, data)
        await rig.delay(rig.rng.randrange(2000, 8000))
        await rig.reset_device()
        await work.start(rig)
        await work.serve(rig, 2)
        await rig.slow_down(0)


@body(BLK, used=4)
async def read_only_disk(rig: Rig) -> None:
    """Writes to a read-only disk fail and change nothing (BLK-DEV-027, 036, 037, HOST-113); needs a device built so."""
    driver = await work.start_as(rig, BlkDriver)
    expect(driver.has(BlkFeature.RO), True, "RO feature")
    image = rig.image()
    for sector in (0, driver.config.capacity):
        data = rig.rng.randbytes(SECTOR)
        await _fails(rig, BlkStatus.IOERR, [_header(BlkType.OUT, sector), data], [1], f"OUT at {sector:#x}")
    expect_true(rig.image() == image, "the disk has changed")
    expect_true(await driver.read(0, 1) == image[:SECTOR], "sector 0 differs")
    await driver.flush()
