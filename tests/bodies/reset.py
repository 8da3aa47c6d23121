# SPDX-License-Identifier: Apache-2.0
"""Device reset at any time (2.4), and what is left of the old life: nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from cocotbext.virtio.backing import Response
from cocotbext.virtio.buffers import Layout, random_framing
from cocotbext.virtio.drivers import BlkDriver, ClassDriver, Pending
from cocotbext.virtio.errors import QueueFull
from cocotbext.virtio.virtqueue import Virtqueue
from virtio_model.spec import MAGIC, SECTOR, BlkType, Feature, Reg, Status

from . import work
from .rig import BLK, Rig, body
from .work import expect, expect_true

_BATCH = 6


async def _busy(rig: Rig, wait_ns: int) -> None:
    """Start, and let requests be in flight for some time."""
    await work.start(rig, size=64, table_order=rig.rng)
    await work.fill(rig, _BATCH)
    await rig.delay(wait_ns)


@body(used=40, limit_us=40_000)
async def in_mid_request(rig: Rig) -> None:
    """A reset at any moment of a request ends it; the device then works as after power-up (HOST-093, 094, 097, 100)."""
    for step in range(40):
        await _busy(rig, wait_ns=rig.rng.randrange(40) + 40 * step)
        await rig.reset_device()
        expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after a reset")
        await work.start(rig)
        await work.serve(rig, 1)


@body(used=1, limit_us=40_000)
async def answered_when_all_is_quiet(rig: Rig) -> None:
    """The response to a reset waits for what is under way on the bus, so that the first Status read is 0 (a decision of
    this project).
    """
    for step in range(20):
        await _busy(rig, wait_ns=rig.rng.randrange(40) + 40 * step)
        await rig.bus.write(Reg.STATUS, 0)
        expect(await rig.bus.read(Reg.STATUS), 0, "Status after the response to a reset")
        await rig.reset_device()
    await work.start(rig)
    await work.serve(rig, 1)


@body(BLK, used=320, limit_us=40_000)
async def in_each_cycle_of_a_write(rig: Rig) -> None:
    """A reset in any cycle of an OUT: its sector is old or new as a whole, and what follows is served, be it a chain
    without room for a status (HOST-094, 119).
    """
    old, new = rig.image()[5 * SECTOR : 6 * SECTOR], b"A" * SECTOR
    for cycle in range(40, 200):
        driver = await work.start_as(rig, BlkDriver)
        await driver.submit(BlkType.OUT, 5, new)
        await rig.delay(10 * cycle)
        await rig.reset_device()
        driver = await work.start_as(rig, BlkDriver)
        expect((await (await work.submit_chain(rig, [bytes(16)], []))).written_len, 0, "used length without a status")
        await driver.write(6, bytes([cycle]) * SECTOR)
        seen = rig.image()
        expect_true(seen[5 * SECTOR : 6 * SECTOR] in (old, new), f"sector 5 is torn at cycle {cycle}")
        expect_true(seen[6 * SECTOR : 7 * SECTOR] == bytes([cycle]) * SECTOR, f"sector 6 differs at cycle {cycle}")
        old = seen[5 * SECTOR : 6 * SECTOR]


@body(used=0, limit_us=40_000)
async def in_each_cycle_of_a_fault(rig: Rig) -> None:
    """A reset in any cycle around a ring fault clears DEVICE_NEEDS_RESET for good (HOST-102, RESET-DEV-001)."""
    for cycle in range(60):
        await work.start(rig, size=16, accept=work.on_split())
        work.split_queue(rig).put_head(16)
        await work.kick(rig)
        await rig.delay(10 * cycle)
        await rig.bus.write(Reg.STATUS, 0)
        await rig.delay(300 * rig.patience)
        expect(await rig.bus.read(Reg.STATUS), 0, f"Status after a reset {cycle} cycles after the notification")


@body(used=6)
async def nothing_happens_after_it(rig: Rig) -> None:
    """Once Status reads 0 there is neither DMA nor an interrupt, although buffers are available (RESET-DEV-002)."""
    for wait_ns in (0, 150, 400, 900, 1700, 3000):
        await _busy(rig, wait_ns)
        queue = work.own_queue(rig)
        layout = queue.layout
        areas = ((layout.device_addr, layout.device_bytes), (layout.driver_addr, layout.driver_bytes))
        await rig.reset_device()
        # The memory is free now and holds what free memory holds.
        before = [rig.memory.read(address, length) for address, length in areas]
        await rig.bus.write(Reg.QUEUE_NOTIFY, queue.index)
        await rig.delay(3000)
        expect([rig.memory.read(address, length) for address, length in areas], before, "memory of the old rings")
        expect(rig.irq.level, False, "interrupt line after a reset")
        await work.start(rig)
        await work.serve(rig, 1)


@body(used=16)
async def storm(rig: Rig) -> None:
    """Resets back to back, and resets at any time after each initialization, leave nothing behind (HOST-098)."""
    for _ in range(50):
        await rig.bus.write(Reg.STATUS, 0)
    for step in range(20):
        await work.start(rig)
        await work.ask(rig)
        await rig.delay(10 * rig.rng.randrange(2 * step + 1))
        await rig.bus.write(Reg.STATUS, 0)
        await rig.reset_device()
    await work.start(rig)
    await work.serve(rig, 16)


@body(used=38)
async def indices_are_forgotten(rig: Rig) -> None:
    """After a reset the rings start anew, at other places and with another size (HOST-099)."""
    await work.start(rig, size=16, accept=work.on_split())
    await work.serve(rig, 37)
    await work.start(rig, size=5, accept=work.on_split())
    await work.serve(rig, 1)
    expect(work.split_queue(rig).used_idx, (rig.index_init + 1) & 0xFFFF, "used.idx")


@body(used=2)
async def set_up_is_forgotten(rig: Rig) -> None:
    """No address or size of before the reset makes a queue ready after it (MMIO-DEV-029, HOST-064)."""
    await work.start(rig)
    await work.serve(rig, 1)
    for selects in (False, True):  # after a reset queue 0 is selected
        await rig.reset_device()
        if selects:
            await rig.bus.write(Reg.QUEUE_SEL, 0)
        await rig.bus.write(Reg.QUEUE_READY, 1)
        expect(await rig.bus.read(Reg.QUEUE_READY), 0, "QueueReady with the set-up of before")
        await work.start(rig)
        await work.serve(rig, 1)
    await work.start(rig)
    await work.serve(rig, 1)


@body()
async def features_are_forgotten(rig: Rig) -> None:
    """Features accepted before a reset are not accepted after it: FEATURES_OK without any is answered as at first
    (FEAT-DEV-002, HOST-099).
    """
    await rig.bus.write(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER)
    first = await work.write_status(rig, work.NEGOTIATED)
    await work.start(rig)
    await work.serve(rig, 1)
    await rig.reset_device()
    await rig.bus.write(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER)
    expect(await work.write_status(rig, work.NEGOTIATED), first, "Status with FEATURES_OK and no feature after a reset")


@body(used=8)
async def by_wire(rig: Rig) -> None:
    """rst_ni in the middle of anything takes the device back to power-up (HOST-096)."""
    for step in range(8):
        await _busy(rig, wait_ns=10 * rig.rng.randrange(60 * (step + 1)))
        await rig.power_cycle()
        expect(await work.status(rig), 0, "Status after power-up")
        await work.start(rig)
        await work.serve(rig, 1)


def _some_of(rig: Rig, kind: type[ClassDriver], offered: int) -> int:
    """What a device may insist on and half of the other features."""
    return kind.consistent(offered & rig.rng.getrandbits(64) | work.insisted_on(rig, offered))


async def _any_workload(rig: Rig) -> None:
    """Some of the features, queues of any size, requests of any framing in flight."""
    queues = await work.work_queues(rig)
    queues = queues[: rig.rng.randint(1, min(2, len(queues)))]
    size = rig.rng.choice((4, 7, 16, 64))
    kind = await work.driver_class(rig)
    await work.start_as(rig, kind, queues, size, accept=partial(_some_of, rig, kind), table_order=rig.rng)
    if rig.rng.random() < 0.3:
        work.own_queue(rig).suppress_interrupts(True)
    for index in queues:
        for _ in range(rig.rng.randint(0, 6)):
            direct = 0 if rig.driver.has(Feature.INDIRECT_DESC) and rig.rng.random() < 0.5 else None
            layout = Layout(random_framing(rig.rng, 3), offset=None, rng=rig.rng, direct=direct)
            try:
                await work.ask(rig, index, kick=False, layout=layout)
            except (QueueFull, ValueError):  # no room now, or for so many descriptors at all
                break
        await rig.transport.kick(index)


@body(used=50, limit_us=200_000)
async def at_any_cycle(rig: Rig) -> None:
    """Any workload is cut off at any cycle, by Status, QueueReset or rst_ni, hundreds of times over; what comes after
    is served (RESET-DEV-001, 002, HOST-093 to 097).
    """
    for step in range(300):
        await _any_workload(rig)
        await rig.delay(10 * rig.rng.randrange(rig.rng.choice((50, 400, 1500))))
        if rig.driver.has(Feature.RING_RESET) and rig.rng.random() < 0.3:
            await rig.transport.reset_queue(rig.driver.work_queue)
            await rig.delay(10 * rig.rng.randrange(100))
        if rig.rng.random() < 0.2:
            await rig.power_cycle()
        else:
            await rig.reset_device()
        expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after a reset")
        if step % 3 == 0:
            await work.start(rig)
            await work.serve(rig, 1)


def _buffer(queue: Virtqueue, pending: Pending[object]) -> tuple[int, int, bool, bool]:
    address, length, device_writable = pending.chain[-1]
    return address, length, not device_writable, device_writable


#: What never comes to an end: (address, length, reads, writes) by queue and request.
HANGS: dict[str, Callable[[Virtqueue, Pending[object]], tuple[int, int, bool, bool]]] = {
    "descriptors": lambda queue, _: (queue.layout.desc_addr, queue.layout.desc_bytes, True, False),
    "drivers_area": lambda queue, _: (queue.layout.driver_addr, queue.layout.driver_bytes, True, False),
    "buffer": _buffer,
    "used": lambda queue, _: (
        (queue.layout.device_addr, queue.layout.device_bytes, False, True)
        if not queue.has(Feature.RING_PACKED)
        else (queue.layout.desc_addr, queue.layout.desc_bytes, False, True)
    ),
}


@body(used=8, cases=tuple(HANGS))
async def memory_that_never_answers(rig: Rig, case: str) -> None:
    """While the memory hangs, registers answer within a bound, also Status = 0; when it comes back the device does too
    (HOST-085, 086, 095).
    """
    assert rig.faults is not None
    for late_ns in (0, 300, 20_000):
        await work.start(rig, size=16)
        await work.serve(rig, 2)
        await work.calm_down(rig)
        pending = await work.ask(rig, kick=False)
        address, length, read, write = HANGS[case](work.own_queue(rig), pending)
        rig.faults.add(address, length, read=read, write=write, response=Response.NEVER)
        await work.kick(rig)
        await rig.delay(5000)
        await _within(rig, 64, rig.bus.read(Reg.MAGIC_VALUE), MAGIC)
        await _within(rig, 64, rig.bus.write(Reg.QUEUE_SEL, 1), None)
        await _within(rig, 1200, rig.bus.write(Reg.STATUS, 0), None)
        await _within(rig, 64, rig.bus.read(Reg.STATUS), None)
        await _within(rig, 64, rig.bus.read(Reg.CONFIG_GENERATION), None)
        if await work.status(rig) == 0:  # the device says that it is done with the memory: what comes late is not taken
            await work.start(rig, size=16)
            await work.ask(rig)
        await rig.delay(late_ns)
        rig.faults.clear()
        await rig.delay(2000)
        await rig.reset_device()
        await work.start(rig)
        await work.serve(rig, 2)


async def _within(rig: Rig, cycles: int, access: Awaitable[Any], expected: object) -> None:
    """A register access is answered within so many cycles, with this if it is not None."""
    begun = rig.now_ns()
    seen = await access
    spent = (rig.now_ns() - begun) // 10
    most = cycles * rig.patience
    expect_true(spent <= most, f"a register access took {spent} cycles, expected at most {most}")
    if expected is not None:
        expect(seen, expected, "register")
