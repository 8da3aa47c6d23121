# SPDX-License-Identifier: Apache-2.0
"""A real disk, whole: read through the device, written, flushed, and looked at from its other side."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from cocotbext.virtio.buffers import Framing, Layout, chunks, merged, natural
from cocotbext.virtio.drivers import BlkDriver, BlkResult, Pending
from cocotbext.virtio.errors import RequestFailed
from virtio_model.spec import SECTOR, BlkFeature, BlkStatus, BlkType

from . import work
from .rig import BLK, Rig, body
from .work import expect, expect_true

#: Sectors of successive requests, and requests in flight.
_SIZES = (1, 8, 64, 2, 128, 3, 32)
IN_FLIGHT = 4
_FRAMINGS = (natural, chunks(4096), merged)

_log = logging.getLogger("virtio.disk")


def _ok(pending: Pending[BlkResult]) -> bytes:
    result = pending.result()
    if result.status != BlkStatus.OK:
        raise RequestFailed(repr(pending), result.status)
    expect(result.written_len, len(result.data) + 1, f"used length of {pending!r}")
    return result.data


def requests(capacity: int) -> Iterator[tuple[int, int, Framing]]:
    """First sector, sectors and framing of requests for a whole disk, of several sizes and framings."""
    shapes = cycle((count, framing) for framing in _FRAMINGS for count in _SIZES)
    sector = 0
    while sector < capacity:
        count, framing = next(shapes)
        count = min(count, capacity - sector)
        yield sector, count, framing
        sector += count


async def _read_all(rig: Rig, driver: BlkDriver) -> str:
    """SHA-256 of the whole disk, some of the requests for it in flight together."""
    digest = hashlib.sha256()
    outstanding: deque[Pending[BlkResult]] = deque()

    async def take_oldest() -> None:
        await rig.run_until(outstanding[0])
        digest.update(_ok(outstanding.popleft()))

    for sector, count, framing in requests(driver.config.capacity):
        if len(outstanding) == IN_FLIGHT:
            await take_oldest()
        pending = await driver.submit(BlkType.IN, sector, writable=count * SECTOR, layout=Layout(framing))
        outstanding.append(pending)
    while outstanding:
        await take_oldest()
    return digest.hexdigest()


def _note(**figures: object) -> None:
    """Add figures to those in the file named by $VIRTIO_FIGURES."""
    name = os.environ.get("VIRTIO_FIGURES")
    if not name:
        return
    path = Path(name)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, **figures}))


@body(BLK, used=1, limit_us=10_000_000)
async def whole_image(rig: Rig) -> None:
    """Every sector of the disk, read through the device, by its SHA-256; VIRTIO_REPEAT times."""
    driver = await work.start_as(rig, BlkDriver)
    image = rig.image()
    expected = hashlib.sha256(image[: driver.config.capacity * SECTOR]).hexdigest()
    expect(driver.config.capacity, len(image) // SECTOR, "capacity")
    seen = {await _read_all(rig, driver) for _ in range(int(os.environ.get("VIRTIO_REPEAT") or 1))}
    _log.info("%d bytes, SHA-256 %s", len(image), ", ".join(seen))
    _note(disk_sha256_match=seen == {expected}, disk_bytes=driver.config.capacity * SECTOR)
    expect(seen, {expected}, "SHA-256 of the disk")


@body(BLK, used=5, limit_us=100_000)
async def writes_reach_the_disk(rig: Rig) -> None:
    """Sectors all over the disk are written and flushed, read back, found on its other side, and restored."""
    driver = await work.start_as(rig, BlkDriver)
    expect(driver.has(BlkFeature.RO), False, "RO feature")
    before = rig.image()
    capacity = driver.config.capacity
    places = {0, capacity - 1, capacity // 2, *rig.rng.sample(range(capacity), min(4, capacity))}
    contents = {sector: rig.rng.randbytes(SECTOR) for sector in sorted(places)}
    for sector, data in contents.items():
        await driver.write(sector, data)
    await driver.flush()
    for sector, data in contents.items():
        expect_true(await driver.read(sector, 1) == data, f"sector {sector} differs from what was written")
    expected = bytearray(before)
    for sector, data in contents.items():
        expected[sector * SECTOR : (sector + 1) * SECTOR] = data
    expect_true(rig.image() == expected, "the disk differs from what was written")
    for sector in contents:
        await driver.write(sector, before[sector * SECTOR :][:SECTOR])
    await driver.flush()
    expect_true(rig.image() == before, "the disk differs from what it held at first")
