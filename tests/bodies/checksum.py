# SPDX-License-Identifier: Apache-2.0
"""The example device type: checksums of what it is sent (docs/device-type.md)."""

from __future__ import annotations

import zlib

from cocotbext.virtio.buffers import Layout, bytewise, chunks, merged, random_framing
from cocotbext.virtio.errors import RequestFailed
from virtio_model.spec import Reg

from ..example.checksum import DEVICE_TYPE, ENABLED_OFFSET, SEED_OFFSET, UNREADABLE, UNWRITABLE
from ..example.driver import ChecksumDriver
from . import work
from .rig import Rig, body
from .work import expect, expect_true

_SIZES = (1, 3, 4, 5, 8, 31, 64, 65, 130, 1000)


async def begin(rig: Rig) -> ChecksumDriver:
    """Enable the device and start the driver."""
    if await rig.transport.read_config(ENABLED_OFFSET, "B") == (0,):
        await rig.set_level(1)
    return await work.start_as(rig, ChecksumDriver)


@body(DEVICE_TYPE, used=4 * len(_SIZES))
async def checksums(rig: Rig) -> None:
    """Of requests of all kinds of lengths, in all kinds of framings, some of them at once."""
    driver = await begin(rig)
    for framing in (merged, bytewise, chunks(13), random_framing(rig.rng)):
        requests = [rig.rng.randbytes(min(size, 100) if framing is bytewise else size) for size in _SIZES]
        for data in requests:
            layout = Layout(framing, 1, None, rig.rng)
            expect(await driver.request(data, layout), zlib.crc32(data), f"CRC of {len(data)} bytes")
    pendings = [(data, await driver.submit(data, kick=False)) for data in requests]
    await driver.kick()
    for data, pending in pendings:
        expect(await pending, zlib.crc32(data), f"CRC of {len(data)} bytes")


@body(DEVICE_TYPE, used=3)
async def seed(rig: Rig) -> None:
    """The driver writes where the CRC starts, whole or in part; a reset takes it back."""
    driver = await begin(rig)
    first, second = b"first part, ", b"second part"
    await driver.set_seed(await driver.request(first) ^ 0xFFFF_FFFF)
    expect(await driver.request(second), zlib.crc32(first + second), "CRC in two parts")
    await driver.set_seed(0x11223344)
    await rig.transport.write_config(SEED_OFFSET + 2, "B", 0xAA)
    await rig.transport.write_config(ENABLED_OFFSET, "I", 0)
    expect(await rig.transport.read_config(SEED_OFFSET, "IB"), (0x11AA3344, 1), "seed and enabled")
    driver = await begin(rig)
    expect(await driver.request(first), zlib.crc32(first), "CRC after a reset")


@body(DEVICE_TYPE, used=9)
async def enabled(rig: Rig) -> None:
    """While it is not enabled requests wait, and the configuration says so; then they are served."""
    driver = await begin(rig)
    await driver.request(b"a")
    before = await rig.bus.read(Reg.CONFIG_GENERATION)
    await rig.set_level(0)
    await work.calm_down(rig)
    expect_true(await rig.bus.read(Reg.CONFIG_GENERATION) != before, "ConfigGeneration stays")
    expect(await rig.transport.read_config(ENABLED_OFFSET, "B"), (0,), "enabled")
    # One credit had been given when it was still enabled.
    pendings = [await driver.submit(bytes([i]), kick=False) for i in range(8)]
    await driver.kick()
    await rig.delay(work.PATIENCE_NS)
    rig.transport.deliver_used()
    expect_true(sum(pending.done for pending in pendings) <= 1, "requests are served while the device is not enabled")
    await rig.set_level(1)
    for i, pending in enumerate(pendings):
        expect(await pending, zlib.crc32(bytes([i])), "CRC of a byte")


@body(DEVICE_TYPE, used=8)
async def any_room(rig: Rig) -> None:
    """The status is in the last writable byte, the CRC before it as far as there is room; no bytes are a request."""
    await begin(rig)
    crc = zlib.crc32(b"data").to_bytes(4, "little")
    for room in (0, 1, 2, 4, 5, 9):
        written = await (await work.submit_chain(rig, [b"data"], [room]))
        there = min(4, room - 1)
        content = crc[:there] + b"\xff" * (room - 1 - there) + b"\0" if room else b""
        expect((written.written_len, written.data), (there + 1, content), f"answer in {room} bytes")
    written = await (await work.submit_chain(rig, [], [5]))
    expect((written.written_len, written.data), (5, bytes(5)), "CRC of nothing")
    written = await (await work.submit_chain(rig, [b"data"], []))
    expect(written.written_len, 0, "used length without room")


@body(DEVICE_TYPE, used=5)
async def failing_memory(rig: Rig) -> None:
    """Requests that cannot be read, and answers that cannot be written, say so in their status."""
    assert rig.faults is not None
    driver = await begin(rig)
    for part, status, read in ((0, UNREADABLE, True), (-1, UNWRITABLE, False)):
        pending = await driver.submit(rig.rng.randbytes(300), Layout(merged), kick=False)
        rig.faults.add(pending.chain[part][0], 1, read=read, write=not read)
        await driver.kick()
        with work.expect_error(RequestFailed) as errors:
            await pending
        expect((errors[0].status, pending.written_len), (status, 1), "status and used length")
        rig.faults.clear()
        await driver.request(b"well again")
    await driver.request(b"well")


@body(DEVICE_TYPE, used=30, limit_us=40_000)
async def resets_at_any_time(rig: Rig) -> None:
    """A device reset in the middle of requests, and the next ones are served."""
    for _ in range(15):
        driver = await begin(rig)
        for _ in range(4):
            await driver.submit(rig.rng.randbytes(rig.rng.randrange(1, 400)), Layout(random_framing(rig.rng)))
        await rig.delay(rig.rng.randrange(3000))
        await rig.reset_device()
        driver = await begin(rig)
        for _ in range(2):
            data = rig.rng.randbytes(50)
            expect(await driver.request(data), zlib.crc32(data), "CRC after a reset")
