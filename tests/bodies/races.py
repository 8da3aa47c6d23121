# SPDX-License-Identifier: Apache-2.0
"""Split rings that change while the device reads them, and queues that are given too much: each thing is read once, and
the copy that was checked is the one that is used.

Each change is made at many moments, from before the notification to after the last access.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from cocotbext.virtio.buffers import Layout, merged
from cocotbext.virtio.errors import QueueFull
from cocotbext.virtio.split_virtqueue import SplitVirtqueue
from virtio_model.spec import DESC_BYTES, DescFlag, Feature
from virtio_model.split import Descriptor

from . import work
from .rig import WRITING, Rig, body
from .work import expect, expect_true

#: Changes made after the notification, and how many cycles lie between one moment and the next at most.
MOMENTS = 40
_APART = 6
_SIZE = 16


async def at_moment(rig: Rig, moment: int, change: Callable[[], None]) -> None:
    """Publish and notify, and make the change: at moment 0 before, then later and later."""
    if moment == 0:
        change()
    await work.kick(rig)
    if moment:
        await rig.delay(10 * rig.rng.randint(_APART * (moment - 1), _APART * moment))
        change()


async def _start(rig: Rig, size: int = _SIZE) -> SplitVirtqueue:
    """Fresh split rings, each chain with a used element of its own, and no interrupts that one has to take."""
    await work.start(rig, size=size, accept=work.on_split(Feature.IN_ORDER))
    queue = work.split_queue(rig)
    queue.suppress_interrupts(True)
    return queue


async def _recover(rig: Rig) -> None:
    await work.start(rig)
    await work.serve(rig, 4)


def _write16(rig: Rig, address: int, value: int) -> None:
    rig.memory.write(address, (value & 0xFFFF).to_bytes(2, "little"))


@body(used=4, limit_us=60_000)
async def avail_idx_moves_during_a_batch(rig: Rig) -> None:
    """An avail idx that goes back, then too far ahead, while a batch is worked on: nothing is used twice, and what is
    read of it is checked (HOST-009).
    """
    counts: Counter[int] = Counter()
    for moment in range(MOMENTS):
        queue = await _start(rig, 8)
        begin = queue.avail_idx
        for _ in range(4):
            await work.ask(rig, kick=False, layout=Layout(merged))

        def back(queue: SplitVirtqueue = queue, begin: int = begin) -> None:
            _write16(rig, queue.layout.avail_idx_address, begin + 1)

        await at_moment(rig, moment + 1, back)
        await rig.delay(10 * rig.rng.randrange(40))
        _write16(rig, queue.layout.avail_idx_address, begin + queue.size + 5)
        await work.notify(rig)
        expect(await work.ends(rig, queue, 5), False, "whether five chains of a batch of four were used")
        counts[queue.used_in_memory()] += 1
    expect_true(max(counts) <= 4, f"chains used of batches of 4: {dict(counts)}")
    await _recover(rig)


@body(used=4, limit_us=60_000, cases=("legal", "illegal"))
async def ring_entry_changes(rig: Rig, case: str) -> None:
    """An available ring entry that changes about the time it is read: the head that was checked is the one that is
    fetched and used (HOST-010).
    """
    ends: Counter[object] = Counter()
    for moment in range(MOMENTS):
        queue = await _start(rig)
        slot = queue.layout.avail_entry_address(queue.avail_idx % queue.size)
        element = queue.layout.used_element_address(queue.avail_idx % queue.size)
        first = await work.ask(rig, kick=False)
        spare = await work.ask(rig, kick=False)
        queue.avail_idx = (queue.avail_idx - 1) & 0xFFFF  # the spare one is not available
        other = spare.head if case == "legal" else queue.size + 1
        await at_moment(rig, moment, partial(_write16, rig, slot, other))
        if await work.ends(rig, queue, 1):
            used = int.from_bytes(rig.memory.read(element, 4), "little")
            expect_true(used in {first.head, spare.head}, f"head {used} used, none that was there")
            ends["old" if used == first.head else "new"] += 1
        else:
            ends["refused"] += 1
    expect(set(ends), {"old", "new" if case == "legal" else "refused"}, "what became of the chain")
    await _recover(rig)


@body(used=40, limit_us=60_000)
async def published_while_the_index_is_read(rig: Rig) -> None:
    """A chain written just before the device samples the idx is served as it is: neither entry nor descriptor was read
    before the idx said so (HOST-019).
    """
    await work.start(rig, accept=work.on_split())
    for moment in range(MOMENTS):
        await work.notify(rig)
        await rig.delay(10 * rig.rng.randint(_APART * moment, _APART * (moment + 1)))
        pending = await work.ask(rig, kick=False)
        work.split_queue(rig).publish()
        await rig.delay(10 * rig.rng.randrange(100))
        await work.notify(rig)
        await work.settle(rig, [pending])


def _half(old: Descriptor, spare: int) -> Descriptor:
    return old._replace(len=old.len // 2)


#: The descriptor that takes the place of a chain's last one, `spare` being the position of one more of its kind.
REWRITTEN: dict[str, Callable[[Descriptor, int], Descriptor]] = {
    "length": _half,
    "readable": lambda old, spare: old._replace(flags=old.flags ^ DescFlag.WRITE),
    "goes_on": lambda old, spare: old._replace(flags=old.flags | DescFlag.NEXT, next=spare),
    "goes_nowhere": lambda old, spare: old._replace(flags=old.flags | DescFlag.NEXT, next=0xFFFF),
    "ones": lambda old, spare: Descriptor((1 << 64) - 1, 0xFFFF_FFFF, 0xFFFF, 0xFFFF),
}


@body(used=4, limit_us=60_000, cases=("address", *REWRITTEN), spoils=True)
async def descriptor_changes(rig: Rig, case: str) -> None:
    """A descriptor that changes after it was made available, between the beats of its fetch too: whatever is read of it
    once is checked and used (HOST-032).
    """
    ends: Counter[bool] = Counter()
    places: Counter[bool] = Counter()
    for moment in range(MOMENTS):
        queue = await _start(rig)
        pending = await work.ask(rig, kick=False, layout=Layout(merged))
        position = pending.head
        for _ in pending.chain[1:]:
            position = _read(rig, queue, position).next
        old = _read(rig, queue, position)
        spare = next(place for place in range(queue.size) if not rig.memory.read(_at(queue, place) + 8, 4).strip(b"\0"))
        room = rig.memory.allocate(old.len)
        rig.memory.write(room, bytes([0xEE]) * old.len)
        queue.write_descriptor(spare, room, old.len, DescFlag.WRITE, 0)
        new = old._replace(addr=room) if case == "address" else REWRITTEN[case](old, spare)
        before = rig.memory.read(old.addr, old.len)

        def change(queue: SplitVirtqueue = queue, position: int = position, new: Descriptor = new) -> None:
            queue.write_descriptor(position, *new)

        await at_moment(rig, moment, change)
        ends[await work.ends(rig, queue, 1)] += 1
        moved = rig.memory.read(room, old.len) != bytes([0xEE]) * old.len
        places[moved] += 1
        if case == "address" and moved:
            expect_true(rig.memory.read(old.addr, old.len) == before, "a part of the buffer lies at the old address")
        rig.memory.free(room)
    expect_true(ends[True] > 0, "no chain was used, whenever its descriptor changed")
    if case in ("goes_nowhere", "ones"):
        expect_true(ends[False] > 0, "no chain was refused, although its descriptor was malformed at first")
    if case == "address" and old.flags & DescFlag.WRITE:  # what is read leaves no trace in memory
        expect_true(len(places) == 2, f"buffers moved, or not: {dict(places)}")
    await _recover(rig)


@body(*WRITING, used=4)
async def more_than_the_queue_holds(rig: Rig) -> None:
    """With as many chains in flight as the queue has entries, one more is refused, or waits until there is room
    (HOST-007).
    """
    await rig.slow_down(1000)
    queue = await _start(rig, 8)
    heads = []
    with suppress(QueueFull):
        while True:
            heads.append((await work.ask(rig, kick=False, layout=Layout(merged))).head)
    while queue.unpublished < queue.size:
        queue.put_head(heads[0])
    await work.kick(rig)
    await rig.delay(5000)
    queue.put_head(heads[0])
    queue.publish()
    await work.notify(rig)
    await rig.delay(5000)
    # Who waits until there is room looks at the descriptors then.
    position = heads[0]
    while (last := _read(rig, queue, position)).flags & DescFlag.NEXT:
        position = last.next
    room = rig.memory.allocate(last.len)
    rig.memory.write(room, bytes([0xEE]) * last.len)
    full = not queue.used_in_memory()  # otherwise there may have been room
    queue.write_descriptor(position, *last._replace(addr=room))
    await rig.slow_down(0)
    served = await work.ends(rig, queue, queue.size + 1)
    most = queue.size + served
    expect_true(queue.used_in_memory() <= most, f"{queue.used_in_memory()} chains used, expected at most {most}")
    if served and full:
        taken_early = rig.memory.read(room, last.len) == bytes([0xEE]) * last.len
        expect_true(not taken_early, f"a chain was taken with {queue.size} in flight in a queue of that size")
    await _recover(rig)


def _at(queue: SplitVirtqueue, position: int) -> int:
    return queue.layout.descriptor_address(position)


def _read(rig: Rig, queue: SplitVirtqueue, position: int) -> Descriptor:
    return Descriptor.unpack(rig.memory.read(_at(queue, position), DESC_BYTES))
