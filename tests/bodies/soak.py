# SPDX-License-Identifier: Apache-2.0
"""Random requests for as long as one likes, repeated by the seed, and an account of what they exercised.

VIRTIO_SOAK is how many requests at least, VIRTIO_SOAK_CYCLES how many clock cycles at least, VIRTIO_EXERCISED the JSON
file for the account.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotbext.virtio.drivers import BlkDriver, ClassDriver, Pending, RngDriver
from cocotbext.virtio.identity import QueueRequest
from virtio_model import spec
from virtio_model.spec import SECTOR, BlkFeature, BlkType, Reg

from . import traffic, work
from .exercised import Exercised, bucket
from .rig import WRITING, Rig, body
from .traffic import Disk, Wanted
from .work import expect

_DEFAULT = 150
_CYCLE_NS = 10
#: A request may take so long when many are outstanding on a slow bus, in ns.
_TIMEOUT_NS = 50_000_000
#: How often rings are looked at while interrupts are suppressed, in ns.
_POLL_NS = 3_000
_log = logging.getLogger("virtio.soak")


@dataclass(frozen=True)
class Goal:
    """How long a soak goes on: until both are reached."""

    requests: int = _DEFAULT
    cycles: int = 0

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Goal:
        """The goal that an environment sets."""
        return cls(int(env.get("VIRTIO_SOAK") or _DEFAULT), int(env.get("VIRTIO_SOAK_CYCLES") or 0))

    @property
    def limit_us(self) -> int:
        """The simulated time that is certainly too long for it."""
        return 1_000_000 + 1_000 * self.requests + 2 * self.cycles * _CYCLE_NS // 1000


@dataclass(frozen=True)
class _Sent:
    wanted: Wanted
    pending: Pending[Any]
    framing: str


class _Soak:
    """The device from life to life, and what is known of its disk."""

    def __init__(self, rig: Rig, goal: Goal, kind: type[ClassDriver], sizes: list[int]) -> None:
        self.rig = rig
        self.rng = rig.rng
        self.goal = goal
        self.kind = kind
        self.sizes = sizes
        self._name = spec.DeviceType(kind.device_type).name.lower()
        #: The fewest descriptors that a request can do with.
        self.least = 1 if kind is RngDriver else 2
        self.served = 0
        self.outstanding: list[_Sent] = []
        self._whole = len(rig.image()) // SECTOR
        self.disk = Disk(self._whole)
        self.exercised = Exercised()
        self._begun_ns = rig.now_ns()
        self._depth = self._hot = 0
        self._ring: list[int] = []

    @property
    def done(self) -> bool:
        """Whether the goal is reached."""
        cycles = (self.rig.now_ns() - self._begun_ns) // _CYCLE_NS
        return self.served >= self.goal.requests and cycles >= self.goal.cycles

    async def live(self) -> None:
        """One life of the device, from its initialization to its end in one way or another."""
        await self._begin()
        goal = self.served + (self.rng.randint(200, 600) if self.rng.random() < 0.03 else self.rng.randint(10, 80))
        while self.served < goal and not self.done:
            await self._submit_some()
            await self._distract()
            await self._collect(self.rng.randrange(len(self.outstanding)) if self.outstanding else 0)
        await self._end()

    async def recover(self) -> None:
        """Leave the device with the disk and the speed that it had at first."""
        if self.kind is BlkDriver:
            await self._set_disk(self._whole, None)
        await self.rig.slow_down(0)
        await self.rig.sync()  # what the rig has seen goes into the account

    def account(self) -> Exercised:
        """What was counted so far, with what the rig itself has seen."""
        whole = Exercised(self.exercised.content())
        for name, value in {"interrupts served": self.rig.transport.interrupts, **self.rig.observed()}.items():
            whole.count("totals", name, value)
        return whole

    async def _begin(self) -> None:
        """A fresh start of any shape."""
        rig, rng = self.rig, self.rng
        if self.kind is BlkDriver:
            await self._change_disk()
        indices = rng.sample(range(len(self.sizes)), rng.randint(1, len(self.sizes)))
        requests = [QueueRequest(index, self._size(index), rig.index_init) for index in indices]
        mask = rng.getrandbits(64) if rng.random() < 0.3 else ~0
        features = self.kind.common_features | self.kind.class_features
        driver: ClassDriver = self.kind(
            accept=lambda offered: offered & features & (mask | spec.features(spec.Feature.VERSION_1)),
            table_order=rng if rng.random() < 0.7 else None,
        )
        await rig.start(driver, requests)
        rig.transport.ack_first = rng.random() < 0.7
        rig.poll_ns = _POLL_NS if rng.random() < 0.15 else None
        latency = rng.choice((0, 0, 0, 6, 30))
        await rig.slow_down(latency)
        self._depth = rng.choice((1, 4, 24, 24, 64))
        self._ring = indices
        if isinstance(driver, BlkDriver):
            expect(driver.config.capacity, self.disk.capacity, "capacity")
            self.disk.read_only = bool(rig.transport.offered >> BlkFeature.RO & 1)
            self.disk.flushes = driver.has(BlkFeature.FLUSH)
            self.disk.erasers = {
                BlkType.DISCARD: driver.has(BlkFeature.DISCARD),
                BlkType.WRITE_ZEROES: driver.has(BlkFeature.WRITE_ZEROES),
            }
            self._hot = rng.randrange(self.disk.capacity)
        self.exercised.span("latency of disk or entropy source", latency)
        self.exercised.count("interrupts", "wanted" if rig.poll_ns is None else "suppressed now and then")
        for index, queue in rig.transport.queues.items():
            self.exercised.count("queue sizes", queue.size)
            self.exercised.count("queues", index)

    def _size(self, index: int) -> int | None:
        most = self.sizes[index]
        return self.rng.choice((None, None, 4, 16, 31, 64, self.rng.randint(self.least, min(16, most)), most))

    async def _change_disk(self) -> None:
        """Now and then a disk of another size, or with a sector that fails. Nothing is outstanding, nor can it be."""
        rng, whole = self.rng, self._whole
        bad = rng.randrange(whole) if rng.random() < 0.15 else None
        sectors = rng.randint(whole // 2, whole) if rng.random() < 0.1 else whole
        await self._set_disk(sectors, bad)
        kind = "whole" if self._disk_is_whole else "smaller" if sectors < whole else "with a bad sector"
        self.exercised.count("disks", kind)

    async def _set_disk(self, sectors: int, bad_sector: int | None) -> None:
        if sectors != self.disk.capacity:
            await self.rig.set_capacity(sectors)
            self.disk.resized(sectors)
        if bad_sector != self.disk.bad_sector:
            await self.rig.fail_sector(bad_sector)
            self.disk.bad_sector = bad_sector

    @property
    def _disk_is_whole(self) -> bool:
        return self.disk.capacity == self._whole and self.disk.bad_sector is None

    async def _submit_some(self) -> None:
        """Up to ten requests, notified at once or one by one."""
        for _ in range(self.rng.randint(1, 10)):
            queue = self.rng.choice(self._ring)
            if len(self.outstanding) >= self._depth or not await self._submit(queue):
                return
            if self.rng.random() < 0.5:
                await self._kick(queue)

    async def _submit(self, queue: int) -> bool:
        """Start one request; False if the queue is full."""
        rig, rng, driver = self.rig, self.rng, self.rig.driver
        free = rig.transport.queues[queue].free_descriptors
        if free < self.least:
            self.exercised.count("full queues", queue)
            return False
        pending: Pending[Any]
        if isinstance(driver, RngDriver):
            wanted = traffic.entropy(rng)
            framing, layout = traffic.shape(rng, wanted, self.least, free)
            pending = await driver.submit(wanted.room, layout, queue, kick=False)
        else:
            wanted = traffic.block(rng, self.disk, self._hot)
            framing, layout = traffic.shape(rng, wanted, self.least, free)
            parts = [wanted.header_bytes, wanted.data]
            pending = await work.submit_chain(rig, parts, [wanted.room, 1], layout, queue, kick=False)
        self.disk.busy.update(wanted.span)
        self.outstanding.append(_Sent(wanted, pending, framing))
        return True

    async def _kick(self, queue: int) -> None:
        """Publish what was added to a queue, if anything was, and notify."""
        virtqueue = self.rig.transport.queues[queue]
        waiting = virtqueue.unpublished
        if waiting:
            self.exercised.span("chains published at once", waiting)
            notified = await self.rig.transport.kick(queue)
            self.exercised.count("kicks", "notified" if notified else "not asked for")

    async def _distract(self) -> None:
        """What a driver may also do while requests are outstanding."""
        rig, rng = self.rig, self.rng
        queue = rng.choice(self._ring)
        kind = rng.random()
        if kind < 0.05:
            await rig.transport.notify(queue)
            self.exercised.count("kicks", "with nothing new")
        elif kind < 0.1:
            register = rng.choice((Reg.STATUS, Reg.INTERRUPT_STATUS, Reg.CONFIG_GENERATION))
            await rig.bus.read(register)
            self.exercised.count("register reads in between", register.name)
        elif kind < 0.15:
            await rig.delay(_CYCLE_NS * rng.randrange(300))
            self.exercised.count("pauses", "of the driver")
        if rig.poll_ns is not None:
            rig.transport.queues[queue].suppress_interrupts(rng.random() < 0.6)
            rig.transport.deliver_used()

    async def _collect(self, most_left: int) -> None:
        """Wait until at most `most_left` requests are outstanding, and check those that came back."""
        driver = self.rig.driver
        self.exercised.span("chains outstanding", len(driver.pending))
        for queue in self._ring:
            await self._kick(queue)
        await self.rig.run_until(lambda: len(driver.pending) <= most_left, _TIMEOUT_NS)
        left = []
        for sent in self.outstanding:
            if sent.pending.done:
                self._check(sent)
            else:
                left.append(sent)
        self.outstanding = left

    def _check(self, sent: _Sent) -> None:
        """Judge a request that came back, and count it."""
        wanted, pending, counted = sent.wanted, sent.pending, self.exercised
        result = pending.result()
        if isinstance(result, work.Written):
            expect(result.data[-1], wanted.status, f"status of {wanted.kind}, {pending!r}")
            self.disk.check(wanted, result.data)
            counted.count("outcomes", wanted.status.name)
        else:
            work.expect_filled(self.rig, len(result), pending.buffers.writable_length, f"bytes of {pending!r}")
            counted.count("outcomes", "filled")
        self.served += 1
        counted.count("chains", f"{self._name} {wanted.kind}")
        counted.count("framings", sent.framing)
        counted.count("descriptors of a chain", bucket(len(pending.chain)))
        counted.span("descriptors of a chain", len(pending.chain))
        counted.span("bytes readable", pending.buffers.readable_length)
        counted.span("bytes writable", pending.buffers.writable_length)

    async def _end(self) -> None:
        """Drain, or cut off what is outstanding by a reset of either kind."""
        rig, rng = self.rig, self.rng
        for queue in self._ring:
            await self._kick(queue)
        drained = rng.random() < 0.5
        if drained:
            await self._collect(0)
        else:
            await rig.delay(_CYCLE_NS * rng.randrange(100))
        for virtqueue in rig.transport.queues.values():
            self.exercised.count("ring wraps", "of slots", virtqueue.used_count // virtqueue.size)
            self.exercised.count("ring wraps", "of idx", (rig.index_init + virtqueue.used_count) >> 16)
        rig.poll_ns = None
        if drained:
            self.exercised.count("lives", "drained")
            return
        self.exercised.count("outcomes", "cut off by a reset", len(self.outstanding))
        # rst_ni also gives the device a disk that is whole, of which the scoreboard is not told.
        if self._disk_is_whole and rng.random() < 0.3:
            await rig.power_cycle()
            self.exercised.count("lives", "cut off by rst_ni")
        else:
            await rig.reset_device()
            self.exercised.count("lives", "cut off by a device reset")
        self.outstanding.clear()
        self.disk.forget()


@body(*WRITING, used=40, limit_us=Goal.of(os.environ).limit_us)
async def random_requests(rig: Rig) -> None:
    """Requests of random kind, shape and place, on any queues, with resets now and then."""
    goal = Goal.of(os.environ)
    _log.info("soak of %d requests and %d cycles, seed %d", goal.requests, goal.cycles, rig.seed)
    soak = _Soak(rig, goal, await work.driver_class(rig), await work.queue_sizes(rig))
    account = os.environ.get("VIRTIO_EXERCISED")
    try:
        while not soak.done:
            await soak.live()
            if account:
                soak.account().save(Path(account))
        await soak.recover()
    finally:
        if account:
            soak.account().save(Path(account))
    _log.info("%d requests served", soak.served)
