# SPDX-License-Identifier: Apache-2.0
"""Random requests, each after the last one has left no trace of activity: what is seen does not depend on timing."""

from __future__ import annotations

from typing import Any

from cocotbext.virtio.buffers import Framing, Layout, chunks, merged, natural, random_framing
from cocotbext.virtio.drivers import BlkDriver, Pending, RngDriver
from virtio_model.spec import SECTOR, BlkFeature, BlkType

from . import work
from .rig import Rig, body

_LIVES = 3
_REQUESTS = 12  # of each life


async def _submit(rig: Rig, queue: int) -> Pending[Any]:
    """A request of any kind, shape and place."""
    rng, driver = rig.rng, rig.driver
    framings: list[Framing] = [natural, merged, random_framing(rng, 8), chunks(512)]
    layout = Layout(rng.choice(framings), rng.choice([1, 16, 4096]), None, rng)
    if isinstance(driver, RngDriver):
        return await driver.submit(rng.randint(1, 3000), layout, queue)
    if not isinstance(driver, BlkDriver):
        return await work.ask(rig, queue, layout=layout, length=rng.randint(1, 1500))
    count = rng.choice([1, 2, 5])
    sector = rng.randrange(driver.config.capacity - count)
    if rng.random() < 0.4 and not driver.has(BlkFeature.RO):
        return await driver.submit(BlkType.OUT, sector, rng.randbytes(count * SECTOR), 0, layout, queue)
    whole, odd = (BlkType.IN, sector, count * SECTOR), [(BlkType.GET_ID, 0, 20), (99, 0, 30), (BlkType.IN, 1, 77)]
    type_, where, room = whole if rng.random() < 0.7 else rng.choice(odd)
    return await driver.submit(type_, where, b"", room, layout, queue)


@body(used=_LIVES * _REQUESTS, limit_us=20_000)
async def random_requests(rig: Rig) -> None:
    """One at a time on any queue, with resets of the device in between."""
    for _ in range(_LIVES):
        queues = await work.work_queues(rig)
        await work.start(rig, queues, rig.rng.choice([16, 64]))
        for _ in range(_REQUESTS):
            pending = await _submit(rig, rig.rng.choice(queues))
            await rig.run_until(pending)
            pending.result()
            await rig.delay(work.CALM_NS)
        await rig.reset_device()
        await rig.delay(work.CALM_NS)
