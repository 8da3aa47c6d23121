# SPDX-License-Identifier: Apache-2.0
"""What there is in packed rings only (2.8). For devices that offer them, and all other transport features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cocotbext.virtio.buffers import Layout, merged, pieces
from cocotbext.virtio.drivers import Pending
from cocotbext.virtio.packed_virtqueue import PackedVirtqueue
from virtio_model.packed import EventSuppression, PackedDescriptor, PackedLayout, wrap_at
from virtio_model.spec import DESC_BYTES, EVENT_BYTES, DescFlag, Feature, Reg, RingEventFlag, Status

from . import races, work
from .rig import WRITING, Rig, body
from .work import expect, expect_true

SIZE = 16
_N, _W, _I = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
_ROOM = 64
_TOP = 1 << 64


async def _start(rig: Rig, size: int | None = None, *without: int, **options: Any) -> PackedVirtqueue:
    driver = await work.start(rig, size=size, accept=work.without(*without), **options)
    expect_true(driver.has(Feature.RING_PACKED), "RING_PACKED is not negotiated")
    return _queue(rig)


def _queue(rig: Rig) -> PackedVirtqueue:
    queue = work.own_queue(rig)
    assert isinstance(queue, PackedVirtqueue)
    return queue


@body(used=150, limit_us=60_000)
async def rings_wrap(rig: Rig) -> None:
    """Ring and wrap counters go round many times, lists across the ring's end included (PACKED-DEV-001, 002, 004,
    006 to 009, 036).
    """
    for size in (64, 5, 8, 7):
        queue = await _start(rig, size)
        served = 0
        while queue.used_count < 3 * size or served < 30:
            await work.serve(rig, rig.rng.randint(1, 4))
            served += 1
        rounds = queue.used_count // size
        expect_true(rounds >= 3, f"{rounds} rounds of a ring of {size}")


@body(used=12)
async def half_marked_is_not_available(rig: Rig) -> None:
    """AVAIL and USED that differ the wrong way round, or are the same, say nothing (PACKED-DEV-006, 034)."""
    queue = await _start(rig, 8)
    for step in range(6):
        await work.calm_down(rig)
        place, wrap = queue.next_avail % queue.size, wrap_at(queue.next_avail, queue.size)
        address = queue.layout.descriptor_address(place)
        before = rig.memory.read(address, DESC_BYTES)
        room = rig.memory.allocate(_ROOM)
        wrong = int(DescFlag.USED if wrap else DescFlag.AVAIL)
        if step % 2:  # both the wrap counter, as if used in this round
            wrong = DescFlag.USED | DescFlag.AVAIL if wrap else 0
        rig.memory.write(address, PackedDescriptor(room, _ROOM, 0, _W | wrong).pack())
        await rig.bus.write(Reg.QUEUE_NOTIFY, queue.notification_data << 16 | queue.index)
        await work.expect_idle(rig, "with a descriptor that is not marked as available", ns=2000)
        rig.memory.write(address, before)
        await work.serve(rig, 2)


@body(used=20)
async def undefined_bits(rig: Rig) -> None:
    """Undefined flags, and ids in all but the last descriptor of a list, mean nothing (PACKED-DRV-006)."""
    queue = await _start(rig, 32)
    queue.undefined_flags = 0xFFFF & ~(_N | _W | _I | DescFlag.AVAIL | DescFlag.USED)
    for _ in range(20):
        pending = await work.ask(rig, kick=False)
        places = queue.places(pending.head)
        for position in places[:-1]:
            rig.memory.write(queue.layout.descriptor_address(position % queue.size) + 12, rig.rng.randbytes(2))
        await work.kick(rig)
        await work.settle(rig, [pending])


@body(used=9)
async def idle_ring_asks_for_the_next_notification(rig: Rig) -> None:
    """An idle queue asks for a notification with the very next descriptor, in each round (PACKED-DEV-023, 027, 039)."""
    queue = await _start(rig, 5)
    for _ in range(8):
        await work.settle(rig, [await work.ask(rig)])
        await work.calm_down(rig)
        event = EventSuppression.unpack(rig.memory.read(queue.layout.device_addr, EVENT_BYTES))
        next_ = queue.next_avail
        wanted = EventSuppression(next_ % queue.size, wrap_at(next_, queue.size), RingEventFlag.DESC)
        expect(event, wanted, "device event suppression of an idle queue")
    pending = await work.ask(rig, kick=False)
    expect(await work.kick(rig), True, "whether the driver notifies an idle queue")
    await work.settle(rig, [pending])


@body(used=8)
async def notifications_stay_enabled(rig: Rig) -> None:
    """Without EVENT_IDX the device leaves its structure alone (PACKED-DEV-024)."""
    queue = await _start(rig, 8, Feature.EVENT_IDX)
    for _ in range(8):
        await work.settle(rig, [await work.ask(rig)])
    event = EventSuppression.unpack(rig.memory.read(queue.layout.device_addr, EVENT_BYTES))
    expect(event.flags, RingEventFlag.ENABLE, "flags of the device event suppression")


@body(used=4, limit_us=60_000, spoils=True)
async def descriptor_behind_its_flags(rig: Rig) -> None:
    """Flags that say "available" before the rest of the descriptor is there, and flags that come late: what was read
    once they were seen is checked and used (HOST-051).
    """
    ends: Counter[bool] = Counter()
    for moment in range(races.MOMENTS):
        queue = await _start(rig, 8, Feature.IN_ORDER)
        queue.suppress_interrupts(True)
        pending = await work.ask(rig, kick=False)
        slot = queue.layout.descriptor_address(queue.places(pending.head)[-1] % queue.size)
        right = rig.memory.read(slot, 12)
        # A narrow bus may read one half of an address before the change and the other after it.
        rooms = [rig.memory.allocate(int.from_bytes(right[8:], "little")) for _ in range(12)]
        room = next((room for room in rooms if room >> 32 == int.from_bytes(right[4:8], "little")), 0)
        for other in rooms:
            if other != room:
                rig.memory.free(other)
        if not room:
            continue
        rig.memory.write(slot, room.to_bytes(8, "little"))
        await races.at_moment(rig, moment, partial(rig.memory.write, slot, right))
        ends[await work.ends(rig, queue, 1)] += 1
        rig.memory.free(room)
    expect(ends[False], 0, "lists refused")
    expect_true(ends[True] > 0, "no list was made")
    await _start(rig)
    for moment in range(races.MOMENTS):
        pending = await work.ask(rig, kick=False)
        await work.notify(rig)
        await rig.delay(10 * rig.rng.randint(4 * moment, 4 * moment + 4))
        _queue(rig).publish()
        await work.notify(rig)
        await work.settle(rig, [pending])


@body(used=4, limit_us=60_000, cases=("longer", "shorter"), spoils=True)
async def list_changes_its_length(rig: Rig, case: str) -> None:
    """A list that gets another end after it was made available is used with the one or the other, or refused; the list
    behind it comes back where it was (PACKED-DRV-020, HOST-032).
    """
    both = DescFlag.AVAIL | DescFlag.USED
    ends: Counter[bool] = Counter()
    for moment in range(1, races.MOMENTS):
        queue = await _start(rig, 16, Feature.IN_ORDER)
        queue.suppress_interrupts(True)
        lists = [await work.ask(rig, kick=False, layout=Layout(pieces(3))) for _ in range(2)]
        first, second = ([queue.layout.descriptor_address(at) for at in queue.places(one.head)] for one in lists)
        at = (first[-1] if case == "longer" else first[-2]) + 14
        flags = int.from_bytes(rig.memory.read(at, 2), "little") ^ _N
        await races.at_moment(rig, moment, partial(rig.memory.write, at, flags.to_bytes(2, "little")))
        if await work.ends(rig, queue, 1):
            await rig.delay(work.CALM_NS)
        refused = bool(await work.status(rig) & Status.DEVICE_NEEDS_RESET)
        ends[refused] += 1
        if not refused:
            used = [PackedDescriptor.unpack(rig.memory.read(places[0], DESC_BYTES)) for places in (first, second)]
            one_list = case == "longer" and used[0].id == lists[1].head
            expect_true(one_list or used[1].flags & both == both, f"the list behind it was not used: {used}")
            behind = PackedDescriptor.unpack(rig.memory.read(second[-1] + DESC_BYTES, DESC_BYTES))
            expect(behind.flags, 0, "flags behind both lists")
    expect_true(ends[False] > 0, f"refused, or not: {dict(ends)}")
    await _start(rig)
    await work.serve(rig, 4)


@body(used=1, cases=("out_of_range", "twice"))
async def ids_of_any_value(rig: Rig, case: str) -> None:
    """A buffer id is the driver's own: it comes back as it was, out of range or in use twice (HOST-054)."""
    queue = await _start(rig, 4, Feature.IN_ORDER)
    queue.suppress_interrupts(True)
    used_id, count = (0xFFFF, 1) if case == "out_of_range" else (3, 2)
    slots = []
    for _ in range(count):
        pending = await work.ask(rig, kick=False, layout=Layout(merged))
        places = [queue.layout.descriptor_address(place % queue.size) for place in queue.places(pending.head)]
        rig.memory.write(places[-1] + 12, used_id.to_bytes(2, "little"))
        slots.append(places[0])
    await work.kick(rig)
    await rig.delay(work.PATIENCE_NS)
    used = [PackedDescriptor.unpack(rig.memory.read(slot, DESC_BYTES)) for slot in slots]
    both = DescFlag.AVAIL | DescFlag.USED
    expect([(d.id, d.flags & both) for d in used], [(used_id, int(both))] * count, "ids and marks of used descriptors")
    await _start(rig)
    await work.serve(rig, 1)


#: Contents of the driver event suppression structure of a ring of 8 that all mean that an interrupt is wanted.
WISHES: dict[str, tuple[int, int, bool]] = {
    "enable": (0x8003, RingEventFlag.ENABLE, True),
    "reserved": (0x8000, 3, True),
    "undefined_bits": (0x7FFF, 0xFFF0, True),
    "descriptor_without_the_feature": (0x8007, RingEventFlag.DESC, False),
    "offset_beyond_the_ring": (0x8008, RingEventFlag.DESC, True),
}


@body(used=6, cases=tuple(WISHES))
async def interrupts_that_are_wanted(rig: Rig, case: str) -> None:
    """What does not clearly suppress an interrupt does not suppress it (PACKED-DEV-024, 026)."""
    place, flags, with_events = WISHES[case]
    queue = await _start(rig, 8, *([] if with_events else [Feature.EVENT_IDX]))
    for _ in range(6):
        await work.calm_down(rig)
        pending = await work.ask(rig, kick=False)
        rig.memory.write(queue.layout.driver_addr, place.to_bytes(2, "little") + flags.to_bytes(2, "little"))
        await work.kick(rig)
        expect(await rig.irq.wait(100_000), True, "interrupt line")
        await work.settle(rig, [pending])


@body(used=60)
async def interrupts_at_every_place(rig: Rig) -> None:
    """A descriptor event at each place of the ring, passed by lists and batches of any size (PACKED-DEV-025)."""
    queue = await _start(rig, 7)
    for step in range(24):
        await work.calm_down(rig)
        count = step % 2 + 1
        before = rig.transport.interrupts
        pendings = [await work.ask(rig, kick=False) for _ in range(count - 1)]
        queue.interrupt_after(count)
        pendings.append(await work.ask(rig, kick=False))
        await work.kick(rig)
        await work.settle(rig, pendings)
        expect(rig.transport.interrupts, before + 1, f"interrupts for {count} lists")
    while queue.used_count < 60:
        await work.serve(rig, 2)


#: (length, flags, address or None for good memory) of each descriptor of a list, NEXT included.
LISTS: dict[str, Sequence[tuple[int, int, int | None]]] = {
    "readable_after_writable": [(16, _N, None), (_ROOM, _W | _N, None), (4, 0, None)],
    "address_wraps": [(16, _N, None), (0x1000, _W, _TOP - 0x100)],
    "readable_part_too_long": [(0x8000_0000, _N, None), (0x8000_0000, 0, None)],
    "longer_than_the_queue": [(4, _N, None)] * SIZE,
    "table_with_next": [(16, _I | _N, None), (_ROOM, _W, None)],
    "table_in_a_list": [(16, _N, None), (16, _I, None)],
    "table_of_no_bytes": [(0, _I, None)],
    "table_of_15_bytes": [(15, _I, None)],
    "table_of_17_bytes": [(17, _I, None)],
    "table_above_the_address_space": [(32, _I, _TOP - 16)],
    "table_longer_than_the_queue": [(DESC_BYTES * (SIZE + 1), _I, None)],
    "table_without_the_feature": [(DESC_BYTES, _I, None)],
}


async def _fatal(rig: Rig, break_ring: Callable[[PackedVirtqueue], None], *without: int) -> None:
    """After some good requests the ring is broken; the device says so, and a reset recovers it (HOST-102)."""
    queue = await _start(rig, SIZE, *without)
    await work.serve(rig, 3)
    await work.calm_down(rig)
    break_ring(queue)
    await work.kick(rig)
    await work.expect_needs_reset(rig)
    expect(queue.used_in_memory(), 0, "chains used")
    await _start(rig)
    await work.serve(rig, 8)


@body(used=11, cases=tuple(LISTS))
async def malformed_list(rig: Rig, case: str) -> None:
    """A list that no driver may make moves nothing and is fatal (PACKED-DRV-016 to 020, HOST-029, 037 to 044)."""

    def put(queue: PackedVirtqueue) -> None:
        # A device may leave alone what it has no use for.
        unused = 0 if rig.driver.device_type in WRITING else _W
        queue.put_list(
            [
                PackedDescriptor(rig.memory.allocate(_ROOM), length, 0, flags)
                if address is None
                else PackedDescriptor(address, length, 0, flags & ~unused)
                for length, flags, address in LISTS[case]
            ],
            link=False,
        )

    await _fatal(rig, put, *[Feature.INDIRECT_DESC] if case == "table_without_the_feature" else [])


@body(used=11)
async def list_that_is_not_all_available(rig: Rig) -> None:
    """A list whose beginning was made available before its end is fatal (PACKED-DRV-020)."""

    def put(queue: PackedVirtqueue) -> None:
        queue.put_list([PackedDescriptor(rig.memory.allocate(_ROOM), _ROOM, 0, _N)])

    await _fatal(rig, put)


@body(used=14)
async def lists_before_a_malformed_one_complete(rig: Rig) -> None:
    """Well-formed lists ahead of a malformed one are used first; those behind it never (HOST-005, 037)."""
    queue = await _start(rig, 2 * SIZE)
    good = [await work.ask(rig, kick=False) for _ in range(4)]
    queue.put_list([PackedDescriptor(rig.memory.allocate(_ROOM), 15, 0, _I)])
    behind = await work.ask(rig, kick=False)
    await work.kick(rig)
    await work.expect_needs_reset(rig)
    expect(queue.used_in_memory(), 0, "chains used and not taken")
    expect([pending.head for pending in good if pending.order >= 0], [p.head for p in good], "ids used")
    expect((behind.order, behind.written_len), (-1, 0), "order and used length behind the malformed list")
    await _start(rig)
    await work.serve(rig, 10)


#: Where a DMA error is fatal: (address, length, reads fail, writes fail) of the first slot.
PLACES: dict[str, Callable[[PackedLayout, int], tuple[int, int, bool, bool]]] = {
    "flags": lambda layout, slot: (layout.flags_address(slot), 2, True, False),
    "address": lambda layout, slot: (layout.descriptor_address(slot), 8, True, False),
    "used_len": lambda layout, slot: (layout.used_address(slot), 4, False, True),
    "used_flags": lambda layout, slot: (layout.flags_address(slot), 2, False, True),
}


@body(used=10, cases=tuple(PLACES))
async def dma_error_in_a_ring(rig: Rig, case: str) -> None:
    """An error answer in a ring is fatal, and what came with it is not used (HOST-080, 081, 084)."""
    assert rig.faults is not None
    queue = await _start(rig, SIZE)
    await work.serve(rig, 2)
    await work.calm_down(rig)
    pending: Pending[Any] = await work.ask(rig, kick=False)
    slot = queue.places(pending.head)[0] % queue.size
    address, length, read, write = PLACES[case](queue.layout, slot)
    rig.faults.add(address, length, read=read, write=write)
    await work.kick(rig)
    await work.expect_needs_reset(rig)
    expect((pending.order, pending.written_len), (-1, 0), "order and used length")
    rig.faults.clear()
    await _start(rig)
    await work.serve(rig, 8)


@body(used=9)
async def dma_error_on_the_device_event(rig: Rig) -> None:
    """A structure that cannot be written is fatal: notifications would be lost (HOST-084)."""
    assert rig.faults is not None
    queue = await _start(rig, SIZE)
    await work.serve(rig, 1)
    await work.calm_down(rig)
    rig.faults.add(queue.layout.device_addr, EVENT_BYTES, read=False)
    await work.ask(rig)
    await work.expect_needs_reset(rig)
    rig.faults.clear()
    await _start(rig)
    await work.serve(rig, 8)
