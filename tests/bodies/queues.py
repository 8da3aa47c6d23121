# SPDX-License-Identifier: Apache-2.0
"""Queue set-up, its refusals, and when a queue is worked on (2.7, 4.2.2, 4.2.3.2)."""

from __future__ import annotations

from typing import Any

from cocotbext.virtio.buffers import Layout, merged
from cocotbext.virtio.errors import QueueNotAvailable
from virtio_model.spec import Feature, Reg
from virtio_model.split import SplitLayout

from . import work
from .rig import Rig, body
from .work import WORD, expect

_HIGH = 0xFFFF_FFFF_FFFF_F000


async def _refused(rig: Rig, layout: SplitLayout, what: str) -> None:
    expect(await work.program(rig, 0, layout), 0, f"QueueReady with {what}")


def _somewhere(rig: Rig, size: int = 4) -> SplitLayout:
    """A good set-up; nothing is ever read or written there."""
    base = rig.memory.regions[0].base
    return SplitLayout(size, base, base + 0x1000, base + 0x2000)


@body(used=0, spoils=True)
async def ready_reads_back(rig: Rig) -> None:
    """QueueReady reads what was written, for the selected queue, and 0 after a reset (MMIO-DEV-010, 014, 029)."""
    count = len(await work.queue_sizes(rig))
    for index in range(count):
        expect(await work.program(rig, index, _somewhere(rig)), 1, f"QueueReady of queue {index}")
        for other in range(count):
            await rig.bus.write(Reg.QUEUE_SEL, other)
            expect(await rig.bus.read(Reg.QUEUE_READY), int(other <= index), f"QueueReady of queue {other}")
    await rig.bus.write(Reg.QUEUE_SEL, 0)
    await rig.bus.write(Reg.QUEUE_READY, 0)
    expect(await rig.bus.read(Reg.QUEUE_READY), 0, "QueueReady after writing 0")
    await rig.reset_device()
    for index in range(count):
        await rig.bus.write(Reg.QUEUE_SEL, index)
        expect(await rig.bus.read(Reg.QUEUE_READY), 0, f"QueueReady of queue {index} after a reset")


@body()
async def bad_sizes_are_refused(rig: Rig) -> None:
    """Size 0 and sizes above QueueSizeMax leave QueueReady 0, all 32 bits counting (HOST-057, HOST-058)."""
    largest = (await work.queue_sizes(rig))[0]
    for size in (0, largest + 1, 2 * largest + 1, 0x1_0000, 0x1_0000 + largest, 0x8000_0001, WORD):
        await _refused(rig, _somewhere(rig, size), f"size {size:#x}")
    expect(await work.program(rig, 0, _somewhere(rig, largest)), 1, "QueueReady with the largest size")
    await work.start(rig)
    await work.serve(rig, 1)


@body()
async def misaligned_areas_are_refused(rig: Rig) -> None:
    """Areas are aligned to 16, 2 and 4, else QueueReady stays 0; a corrected set-up is taken (HOST-018)."""
    good = _somewhere(rig)
    for offsets in ((1, 0, 0), (8, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2), (8, 1, 2)):
        areas = (good.desc_addr + offsets[0], good.driver_addr + offsets[1], good.device_addr + offsets[2])
        await _refused(rig, SplitLayout(good.size, *areas), f"area offsets {offsets}")
    least = SplitLayout(good.size, good.desc_addr + 16, good.driver_addr + 2, good.device_addr + 4)
    expect(await work.program(rig, 0, least), 1, "QueueReady with areas aligned just enough")
    await work.start(rig)
    await work.serve(rig, 1)


@body()
async def areas_past_the_end_of_the_address_space_are_refused(rig: Rig) -> None:
    """An area that wraps past 2^64 is not taken (HOST-017)."""
    good = _somewhere(rig)
    ends = (_HIGH + 0xFF0, _HIGH + 0xFFE, _HIGH + 0xFFC)
    for i, end in enumerate(ends):
        areas = [good.desc_addr, good.driver_addr, good.device_addr]
        areas[i] = end
        await _refused(rig, SplitLayout(16, *areas), f"area {i} at {end:#x}")
    await work.start(rig)
    await work.serve(rig, 1)


@body()
async def areas_above_the_bus_are_refused(rig: Rig) -> None:
    """An area where the bus has no address bits is not taken (HOST-026, HOST-017); needs a device built so."""
    good = _somewhere(rig)
    for i in range(3):
        areas = [good.desc_addr, good.driver_addr, good.device_addr]
        areas[i] += 1 << rig.address_width
        await _refused(rig, SplitLayout(good.size, *areas), f"area {i} at {areas[i]:#x}")
    await work.start(rig)
    await work.serve(rig, 1)


@body()
async def only_bit_0_of_ready_counts(rig: Rig) -> None:
    """QueueReady reads 0 or 1, whatever is written (HOST-064)."""
    for value, ready in ((2, 0), (0x8000_0001, 1), (0x8000_0000, 0), (WORD, 1)):
        seen = await work.program(rig, 0, _somewhere(rig), ready=value)
        expect(seen, ready, f"QueueReady after writing {value:#x}")
        await work.stop_queue(rig, 0)
    await work.start(rig)
    await work.serve(rig, 1)


@body(used=2)
async def queues_that_do_not_exist(rig: Rig) -> None:
    """They have QueueSizeMax 0, never get ready, and are not aliases of those that do (MMIO-DEV-011, HOST-060)."""
    count = len(await work.queue_sizes(rig))
    await work.start(rig)
    await work.serve(rig, 1)
    for index in (count, count + 1, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, WORD):
        expect(await work.program(rig, index, _somewhere(rig)), 0, f"QueueReady of queue {index:#x}")
        expect(await rig.bus.read(Reg.QUEUE_SIZE_MAX), 0, f"QueueSizeMax of queue {index:#x}")
        await rig.bus.write(Reg.QUEUE_READY, 0)
    await work.serve(rig, 1)
    with work.expect_error(QueueNotAvailable) as caught:
        await work.start(rig, queues=[0, count])
    expect(caught[0].index, count, "queue in the error")


@body(used=8)
async def set_up_is_locked_while_ready(rig: Rig) -> None:
    """Size and addresses of a ready queue cannot be changed (HOST-059)."""
    await work.start(rig)
    queue = work.own_queue(rig)
    elsewhere = _somewhere(rig, 1)
    for value in (1, 3, WORD):
        await work.serve(rig, 1)
        expect(await work.program(rig, queue.index, elsewhere, ready=value), 1, "QueueReady")
        await rig.bus.read(Reg.QUEUE_DESC_LOW)  # of our own device the scoreboard demands 0
        await work.serve(rig, 1)
    await work.serve(rig, queue.size)


@body(used=40)
async def odd_sizes_are_served(rig: Rig) -> None:
    """Sizes need not be powers of two, in no slot of any ring (HOST-015; ambiguity 6)."""
    largest = (await work.queue_sizes(rig))[0]
    for size in sorted({2, 3, 5, 7, 100, largest - 1, largest}):
        if 2 <= size <= largest:
            await work.start(rig, size=size)
            await work.serve(rig, min(2 * size + 1, size + 24), layout=Layout(merged))


@body()
async def queue_1_alone(rig: Rig) -> None:
    """Queues are independent of each other: the second works without the first (MMIO-DEV-010)."""
    if len(await work.queue_sizes(rig)) < 2:
        await work.start(rig)
        await work.serve(rig, 1)
        return
    await work.start(rig, queues=[1])
    await rig.bus.write(Reg.QUEUE_NOTIFY, 0)
    await work.serve(rig, 5, queue=1)


@body(used=6)
async def stops_and_starts_again(rig: Rig) -> None:
    """A queue with QueueReady 0 is not touched; ready again it starts anew (MMIO-DEV-013, MMIO-DEV-031, HOST-062)."""
    await work.start(rig)
    await work.serve(rig, 3)
    await work.calm_down(rig)
    old = work.own_queue(rig)
    await work.stop_queue(rig, old.index)
    old.add([(rig.memory.allocate(16), 16, True)])
    old.publish()
    await rig.bus.write(Reg.QUEUE_NOTIFY, old.index)
    await work.expect_idle(rig, "with QueueReady 0", ns=3000)
    size = 7 if old.size > 7 else old.size
    fresh = work.replace_queue(rig, old.index, size)
    expect(await work.program(rig, old.index, fresh.layout), 1, "QueueReady")
    await work.serve(rig, 6)
    expect(old.used_in_memory(), 0, "chains used in the old rings")
    old.free()


@body(used=0)
async def stops_in_the_middle(rig: Rig) -> None:
    """Once QueueReady reads 0 with requests in flight, nothing of the queue is touched (MMIO-DEV-031, HOST-101)."""
    for wait_ns in (0, 200, 500, 1000, 2000, 4000):
        await work.start(rig)
        await work.fill(rig, 12)
        await rig.delay(wait_ns)
        await work.stop_queue(rig, rig.driver.work_queue)
        await work.expect_idle(rig, "once QueueReady reads 0", ns=4000, irq=True)
    await rig.reset_device()


@body(used=3)
async def made_ready_after_driver_ok(rig: Rig) -> None:
    """A queue may be made ready late; what lies in it is served without a notification (ambiguities 5 and 7)."""
    index = (await work.start(rig, queues=[])).work_queue
    queue = work.replace_queue(rig, index, (await work.queue_sizes(rig))[index])
    pendings = [await work.ask(rig, kick=False) for _ in range(3)]
    queue.publish()
    expect(await work.program(rig, index, queue.layout), 1, "QueueReady")
    await work.settle(rig, pendings)


@body(used=3)
async def available_before_driver_ok(rig: Rig) -> None:
    """Nothing happens before DRIVER_OK, notified or not; then all does (STATUS-DEV-001, INIT-DEV-001, HOST-062)."""
    pendings = []

    async def publish_early(driver: Any) -> None:
        for _ in range(3):
            pendings.append(await work.ask(rig, kick=False))
        work.own_queue(rig).publish()
        await rig.bus.write(Reg.QUEUE_NOTIFY, driver.work_queue)
        await work.expect_idle(rig, "before DRIVER_OK", ns=3000)

    await work.start_as(rig, work.with_hook(await work.driver_class(rig), publish_early))
    await work.settle(rig, pendings)


@body(used=2)
async def wild_notifications(rig: Rig) -> None:
    """QueueNotify of queues that are not there, or not ready, does nothing (HOST-061, HOST-062)."""
    count = len(await work.queue_sizes(rig))
    kind = await work.driver_class(rig)
    await work.start_as(rig, kind, [kind.work_queue], accept=work.without(Feature.NOTIFICATION_DATA))
    await work.serve(rig, 1)
    await work.calm_down(rig)
    pending = await work.ask(rig, kick=False)
    work.own_queue(rig).publish()
    for value in (int(not kind.work_queue), count, 0x1_0000, 0x8000_0000, WORD):
        await rig.bus.write(Reg.QUEUE_NOTIFY, value)
    await work.expect_idle(rig, "after wild notifications", ns=3000)
    await work.notify(rig)
    await work.settle(rig, [pending])


@body(used=1)
async def notifications_of_an_empty_queue(rig: Rig) -> None:
    """Notifications without anything new are tolerated, however many (SPLIT-DEV-044, HOST-008)."""
    await work.start(rig)
    for _ in range(50):
        await work.notify(rig)
    await work.expect_idle(rig, "after notifications of an empty queue", ns=3000)
    await work.serve(rig, 1)


@body(used=30)
async def notified_while_busy(rig: Rig) -> None:
    """Notifications that meet a busy device are not lost, of either queue (MMIO-DEV-015, HOST-077)."""
    indices = (await work.work_queues(rig))[:2]
    await work.start(rig, queues=indices)
    pendings = []
    for _ in range(30):
        queue = rig.rng.choice(indices)
        pendings.append(await work.ask_more(rig, queue))
        await rig.transport.kick(queue)
        await rig.transport.notify(rig.rng.choice(indices))
        await rig.delay(10 * rig.rng.randrange(30))
    await work.settle(rig, pendings)


@body(used=2)
async def queue_reset_without_the_feature(rig: Rig) -> None:
    """QueueReset does nothing while RING_RESET is not negotiated, and reads 0 (QRESET-DEV-004, HOST-079)."""
    await work.start(rig, accept=work.without(Feature.RING_RESET))
    await work.serve(rig, 1)
    await rig.bus.write(Reg.QUEUE_SEL, rig.driver.work_queue)
    await rig.bus.write(Reg.QUEUE_RESET, 1)
    expect(await rig.bus.read(Reg.QUEUE_RESET), 0, "QueueReset")
    expect(await rig.bus.read(Reg.QUEUE_READY), 1, "QueueReady")
    await work.serve(rig, 1)
