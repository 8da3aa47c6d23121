# SPDX-License-Identifier: Apache-2.0
"""Rings, buffers and registers on top of each other: the result is the driver's own, the device stays in its bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cocotbext.virtio.backing import Response
from cocotbext.virtio.drivers import BlkDriver
from cocotbext.virtio.split_virtqueue import SplitVirtqueue
from virtio_model.spec import MAGIC, SECTOR, BlkType, DescFlag, Feature, Reg, Status
from virtio_model.split import Descriptor, SplitLayout

from . import work
from .rig import WRITING, Rig, body
from .work import expect, expect_true

_SIZE = 4
_HALF = 1024
_AREA = 4 * _HALF
_ROOM = 64

#: Where descriptor table, available and used ring lie in their area, and in how many queues.
RINGS: dict[str, tuple[int, int, int, int]] = {
    "used_on_descriptors": (0, _HALF, 0, 1),
    "available_on_used": (0, _HALF, _HALF, 1),
    "all_at_one_address": (0, 0, 0, 1),
    "of_two_queues": (0, _HALF, 2 * _HALF, 2),
}


@body(used=2, cases=tuple(RINGS), spoils=True)
async def rings(rig: Rig, case: str) -> None:
    """Rings that overlap, within a queue or between two: no access outside of them and of the buffers that what was
    read of them names, no hang, and a reset recovers (HOST-016).
    """
    desc, driver, device, count = RINGS[case]
    area = rig.memory.allocate(_AREA, _HALF)
    header, room = rig.memory.allocate(16), rig.memory.allocate(SECTOR + 1)
    layout = SplitLayout(_SIZE, area + desc, area + driver, area + device)
    own = (await work.driver_class(rig)).work_queue
    indices = [own] if count == 1 else range(min(count, len(await work.queue_sizes(rig))))
    if rig.faults is not None:
        rig.faults.allow_unmapped = True  # what is a length in a used element may be an address in a descriptor

    async def lay_over(class_driver: Any) -> None:
        for index in indices:
            await work.stop_queue(rig, index)
            expect(await work.program(rig, index, layout), 1, f"QueueReady of queue {index}")
        rig.memory.write(area, bytes(_AREA))
        rig.memory.write(header, bytes([BlkType.IN]) + bytes(15))
        rig.memory.write(layout.descriptor_address(0), Descriptor(header, 16, DescFlag.NEXT, 1).pack())
        rig.memory.write(layout.descriptor_address(1), Descriptor(room, SECTOR + 1, DescFlag.WRITE, 0).pack())
        for at in range(2):  # the same chain twice
            slot = (rig.index_init + at) % _SIZE
            rig.memory.write(layout.avail_entry_address(slot), bytes(2))
        idx = (rig.index_init + 2) & 0xFFFF
        rig.memory.write(layout.avail_idx_address, idx.to_bytes(2, "little"))

    hooked = work.with_hook(await work.driver_class(rig), lay_over)
    await work.start_as(rig, hooked, indices, _SIZE, accept=work.on_split())
    for index in indices:
        await rig.bus.write(Reg.QUEUE_NOTIFY, index)
    await _alive(rig)
    rig.memory.check_guards()
    await rig.reset_device()
    for address in (area, header, room):
        rig.memory.free(address)
    await work.start(rig)
    await work.serve(rig, 2)


Part = tuple[int, int, bool]


def _over(address: int, most: int, room: int, length: int) -> Sequence[Part]:
    """A buffer on the `most` bytes of an area, and on `room` for the rest."""
    most = min(most, length, 100)
    return [(address, most, True), (room, length - most, True)] if length > most else [(address, length, True)]


#: The device-writable part of a chain by queue, an address with room and how long it has to be, without a status.
BUFFERS: dict[str, Callable[[SplitVirtqueue, int, int], Sequence[Part]]] = {
    "twice": lambda queue, room, length: [(room, length // 2, True), (room, length // 2, True)],
    "shifted": lambda queue, room, length: [(room, length // 2, True), (room + 3, length // 2, True)],
    "on_what_is_read": lambda queue, room, length: [(room + SECTOR, length, True)],
    "status_in_the_data": lambda queue, room, length: [(room, length, True)],
    "on_the_descriptors": lambda queue, *rest: _over(queue.layout.desc_addr, queue.layout.desc_bytes, *rest),
    "on_the_available_ring": lambda queue, *rest: _over(queue.layout.driver_addr, queue.layout.driver_bytes, *rest),
    "on_the_used_ring": lambda queue, *rest: _over(queue.layout.device_addr, queue.layout.device_bytes, *rest),
}


@body(*WRITING, used=3, cases=tuple(BUFFERS))
async def buffers(rig: Rig, case: str) -> None:
    """Buffers on each other or on the rings: what is written last stays, the status last of all; what a ring then says
    is checked as ever (HOST-033).
    """
    await work.start(rig, size=64, accept=work.on_split(Feature.IN_ORDER))
    await work.serve(rig, 1)
    await work.calm_down(rig)
    queue = work.split_queue(rig)
    queue.suppress_interrupts(True)
    room = rig.memory.allocate(3 * SECTOR)
    header = room + SECTOR  # which is where the data of one case goes
    if rig.faults is not None:
        rig.faults.allow_unmapped = True
    blk = isinstance(rig.driver, BlkDriver)
    rig.memory.write(header, bytes([BlkType.IN]) + bytes(15))
    chain = [(header, 16, False), *BUFFERS[case](queue, room, SECTOR if blk else 2 * _ROOM)]
    if blk:
        chain.append((room + (7 if case == "status_in_the_data" else 3 * SECTOR - 1), 1, True))
    for position, (address, length, device_writable) in enumerate(chain):
        flags = (DescFlag.WRITE if device_writable else 0) | (DescFlag.NEXT if position + 1 < len(chain) else 0)
        queue.write_descriptor(position, address, length, flags, position + 1)
    queue.put_head(0)
    await work.kick(rig)
    if not case.startswith("on_the"):
        expect_true(await work.ends(rig, queue, 1), "the chain was refused")
    else:  # the device looks at what is in the rings now
        await rig.delay(work.CALM_NS)
        await work.notify(rig)
    await _alive(rig)
    rig.memory.check_guards()
    await rig.reset_device()
    rig.memory.free(room)
    await work.start(rig)
    await work.serve(rig, 2)


#: Registers that are written or read with 0 while a burst of the device waits for that access, and whether it is one of
#: writes.
WINDOW: dict[str, tuple[Reg, bool]] = {
    "queue_notify": (Reg.QUEUE_NOTIFY, True),
    "queue_desc_low": (Reg.QUEUE_DESC_LOW, True),
    "status": (Reg.STATUS, True),
    "interrupt_status": (Reg.INTERRUPT_STATUS, False),
    "configuration": (Reg.CONFIG, False),
}


@body(used=4, cases=tuple(WINDOW))
async def registers(rig: Rig, case: str) -> None:
    """A buffer in the device's own register window: the port answers while the DMA waits for that very answer; a reset
    by it waits for the burst and is complete then (HOST-034).
    """
    assert rig.faults is not None
    register, writes = WINDOW[case]
    await work.start(rig, accept=work.on_split(Feature.NOTIFICATION_DATA))
    await work.serve(rig, 1)
    await work.calm_down(rig)
    pending = await work.ask(rig, kick=False)
    in_window = pending.chain[1 if writes else 0] if isinstance(rig.driver, BlkDriver) else pending.chain[-1]
    rig.faults.add(in_window[0], in_window[1], response=Response.NEVER)
    await work.kick(rig)
    await rig.delay(5000)
    if writes:
        await rig.bus.write(register, 0)
    else:
        await rig.bus.read(register, 1)
    rig.faults.clear()
    if register == Reg.STATUS:
        await rig.reset_device()
        await work.start(rig)
        await work.serve(rig, 1)
    else:
        await rig.run_until(lambda: pending.done)
    await work.serve(rig, 2)


async def _alive(rig: Rig) -> None:
    """After some time registers answer, and Status holds what the driver wrote."""
    await rig.delay(work.PATIENCE_NS)
    expect(await rig.bus.read(Reg.MAGIC_VALUE), MAGIC, "MagicValue")
    seen = await work.status(rig)
    expect_true(seen & ~Status.DEVICE_NEEDS_RESET == work.LIVE, f"Status {seen:#x} of a live device")
