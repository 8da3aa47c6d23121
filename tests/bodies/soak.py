# SPDX-License-Identifier: Apache-2.0
"""Random requests for as long as one likes: VIRTIO_SOAK of them, repeated by the seed."""

from __future__ import annotations

import logging
import os
from typing import Any

from cocotbext.virtio.buffers import Framing, Layout, chunks, merged, natural, pieces, random_framing
from cocotbext.virtio.drivers import BlkDriver, BlkResult, Pending, RngDriver
from cocotbext.virtio.errors import QueueFull
from virtio_model.spec import SECTOR, BlkFeature, BlkStatus, BlkType

from . import work
from .rig import Rig, body
from .work import expect, expect_true

_DEFAULT = 150
_MOST_AT_ONCE = 24
_log = logging.getLogger("virtio.soak")


def _layout(rig: Rig, queue: int) -> Layout:
    most = max(1, min(12, rig.transport.queues[queue].size // 2))
    framings: list[Framing] = [natural, merged, random_framing(rig.rng, most), pieces(most), chunks(4096)]
    return Layout(rig.rng.choice(framings), rig.rng.choice([1, 16, 64, 4096]), None, rig.rng)


class _Soak:
    """Requests of one life of the device, and what is known of its disk."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.served = 0
        self.queues: list[int] = []
        self.outstanding: list[tuple[Pending[Any], int, bytes | None]] = []
        self.disk: dict[int, bytes] = {}
        self._busy: set[int] = set()

    async def begin(self) -> None:
        """A fresh start of any shape."""
        rng = self.rig.rng
        count = len(await work.queue_sizes(self.rig))
        self.queues = rng.sample(range(count), rng.randint(1, count))
        size = rng.choice([None, 4, 16, 31, 64])
        shuffled = rng if rng.random() < 0.7 else None
        await work.start(self.rig, sorted(self.queues), size, table_order=shuffled)
        self.rig.transport.ack_first = rng.random() < 0.7
        await self.rig.slow_down(rng.choice([0, 0, 30]))

    def forget(self) -> None:
        """The device was reset: what was outstanding may have happened or not."""
        for sector in self._busy:
            self.disk.pop(sector, None)
        self._busy.clear()
        self.outstanding.clear()

    async def submit(self, kick: bool) -> bool:
        """Start one request; False if the queue is full."""
        rng, driver = self.rig.rng, self.rig.driver
        queue = rng.choice(self.queues)
        try:
            if isinstance(driver, RngDriver):
                pending = await driver.submit(rng.randint(1, 700), _layout(self.rig, queue), queue, kick)
                self.outstanding.append((pending, -1, None))
            elif isinstance(driver, BlkDriver):
                await self._submit_blk(driver, queue, kick)
        except QueueFull:
            return False
        return True

    async def _submit_blk(self, driver: BlkDriver, queue: int, kick: bool) -> None:
        """Mostly reads and writes of sectors that nobody else is at."""
        rng, layout = self.rig.rng, _layout(self.rig, queue)
        capacity = driver.config.capacity
        count = rng.choice([1, 1, 1, 2, 4])
        sector = rng.randrange(capacity - count)
        span = range(sector, sector + count)
        kind = rng.random()
        odd = kind > 0.85 or bool(self._busy.intersection(span))
        if odd:
            beyond, cut_off = (BlkType.IN, capacity, SECTOR), (BlkType.IN, 1, 77)
            choices = [(BlkType.GET_ID, 0, 20), (BlkType.FLUSH, 0, 0), (99, 0, 30), beyond, cut_off]
            type_, where, room = rng.choice(choices)
            pending = await driver.submit(type_, where, b"", room, layout, queue, kick)
            self.outstanding.append((pending, -1, None))
            return
        written = None
        if kind < 0.4 and not driver.has(BlkFeature.RO):
            written = rng.randbytes(count * SECTOR)
            pending = await driver.submit(BlkType.OUT, sector, written, 0, layout, queue, kick)
        else:
            pending = await driver.submit(BlkType.IN, sector, b"", count * SECTOR, layout, queue, kick)
        self._busy.update(span)
        self.outstanding.append((pending, sector, written))

    async def collect(self, most_left: int) -> None:
        """Wait until at most `most_left` requests are outstanding, and check those that came back."""
        for queue in self.queues:
            await self.rig.transport.kick(queue)
        await self.rig.run_until(lambda: sum(not entry[0].done for entry in self.outstanding) <= most_left)
        for pending, sector, written in [entry for entry in self.outstanding if entry[0].done]:
            self._check(pending, sector, written)
            self.served += 1
        self.outstanding = [entry for entry in self.outstanding if not entry[0].done]

    def _check(self, pending: Pending[Any], sector: int, written: bytes | None) -> None:
        result = pending.result()
        if not isinstance(result, BlkResult):
            expect(len(result), pending.buffers.writable_length, f"bytes of {pending!r}")
            return
        if sector < 0:
            return
        expect(result.status, BlkStatus.OK, f"status of {pending!r}")
        data = result.data if written is None else written
        for i in range(len(data) // SECTOR):
            content = data[i * SECTOR :][:SECTOR]
            if written is None and sector + i in self.disk:
                expect_true(self.disk[sector + i] == content, f"sector {sector + i} differs from what was written")
            self.disk[sector + i] = content
            self._busy.discard(sector + i)


@body(used=40, limit_us=1_000_000)
async def random_requests(rig: Rig) -> None:
    """Requests of random kind, shape and place, on any queues, with resets now and then."""
    wanted = int(os.environ.get("VIRTIO_SOAK") or _DEFAULT)
    _log.info("soak of %d requests, seed %d", wanted, rig.seed)
    soak = _Soak(rig)
    lives = 0
    while soak.served < wanted:
        await soak.begin()
        lives += 1
        goal = min(wanted, soak.served + rig.rng.randint(10, 80))
        while soak.served < goal:
            for _ in range(rig.rng.randint(1, 10)):
                if len(soak.outstanding) >= _MOST_AT_ONCE or not await soak.submit(kick=rig.rng.random() < 0.5):
                    break
            await soak.collect(rig.rng.randrange(len(soak.outstanding)) if soak.outstanding else 0)
        if rig.rng.random() < 0.5:
            await soak.collect(0)
        else:
            for queue in soak.queues:
                await rig.transport.kick(queue)
            await rig.delay(10 * rig.rng.randrange(100))
            await rig.reset_device()
        soak.forget()
    await rig.slow_down(0)
    _log.info("%d requests served in %d lives of the device", soak.served, lives)
