# SPDX-License-Identifier: Apache-2.0
"""Transport features, on either kind of rings where it is not said: indirect tables, events, order, notification data,
queue reset (2.6 to 2.8, 4.2.2).

For devices that offer all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cocotbext.virtio.buffers import Layout, natural, pieces
from cocotbext.virtio.identity import QueueRequest
from cocotbext.virtio.split_virtqueue import SplitVirtqueue
from virtio_model.spec import DESC_BYTES, DescFlag, Feature, Reg
from virtio_model.split import Descriptor

from . import faults, races, work
from .rig import Rig, body
from .work import expect, expect_true

_N, _W, _I = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
_ROOM = 64
_TOP = 1 << 64


async def _start(rig: Rig, *needed: Feature, **options: Any) -> Any:
    driver = await work.start(rig, **options)
    for feature in needed:
        expect_true(driver.has(feature), f"{feature.name} is not negotiated")
    return driver


#: Features that bear on how chains come back, which may be missing beside indirect tables.
WITHOUT: dict[str, tuple[Feature, ...]] = {
    "all": (),
    "any_order": (Feature.IN_ORDER,),
    "flags": (Feature.EVENT_IDX,),
    "flags_any_order": (Feature.EVENT_IDX, Feature.IN_ORDER),
}


@body(used=90, cases=tuple(WITHOUT))
async def indirect_tables(rig: Rig, case: str) -> None:
    """Requests in a table of their own, with 0 to 2 descriptors before it in split rings (SPLIT-DEV-013, 019 to 024,
    PACKED-DEV-012, 014 to 017, HOST-045, 047).
    """
    driver = await _start(rig, Feature.INDIRECT_DESC, accept=work.without(*WITHOUT[case]))
    driver.table_order = rig.rng
    framings = [pieces(count, rig.rng) for count in (3, 4, 5, 6, 7, 9)]
    for length in (9, 16, 23, 30, 37):
        pendings = []
        for framing in framings:
            for direct in (0, 1, 2):
                layout = Layout(framing, offset=None, rng=rig.rng, direct=direct)
                pendings.append(await work.ask(rig, kick=False, layout=layout, length=length))
        await work.kick(rig)
        await work.settle(rig, pendings)


@body(used=18)
async def indirect_tables_at_page_ends(rig: Rig) -> None:
    """A table that is not aligned, an entry of which lies across 4 KiB, at every offset there is (HOST-045)."""
    await _start(rig, Feature.INDIRECT_DESC, size=4, accept=work.on_split())
    queue = work.split_queue(rig)
    area = rig.memory.allocate(8192, 4096)
    for offset in (1, 2, 4, 8, 9, 15):
        for before in (offset, 16 + offset, 32 + offset):
            pending = await work.ask(rig, kick=False, layout=Layout(natural, direct=0))
            # The driver's own table, moved to where it is wanted.
            position = pending.head
            described = Descriptor.unpack(rig.memory.read(queue.layout.descriptor_address(position), DESC_BYTES))
            table = area + 4096 - before
            rig.memory.write(table, rig.memory.read(described.addr, described.len))
            queue.write_descriptor(position, table, described.len, _I | _W, 0)
            await work.kick(rig)
            await work.settle(rig, [pending])
    rig.memory.free(area)


@body(used=6)
async def write_on_the_descriptor_of_a_table(rig: Rig) -> None:
    """WRITE on the descriptor that names a table means nothing (HOST-046)."""
    await _start(rig, Feature.INDIRECT_DESC, accept=work.on_split())
    queue = work.split_queue(rig)
    for _ in range(6):
        pending = await work.ask(rig, kick=False, layout=Layout(natural, direct=0))
        named = Descriptor.unpack(rig.memory.read(queue.layout.descriptor_address(pending.head), DESC_BYTES))
        queue.write_descriptor(pending.head, named.addr, named.len, _I | _W, 0)
        await work.kick(rig)
        await work.settle(rig, [pending])


@body(used=4, limit_us=60_000, spoils=True)
async def table_changes(rig: Rig) -> None:
    """Entries of a table that change while it is walked: each is read once, and checked as it was read (HOST-048)."""
    ends = Counter[bool]()
    for moment in range(races.MOMENTS):
        await _start(rig, Feature.INDIRECT_DESC, size=16, accept=work.on_split(Feature.IN_ORDER))
        queue = work.split_queue(rig)
        queue.suppress_interrupts(True)
        pending = await work.ask(rig, kick=False, layout=Layout(pieces(6, rig.rng), direct=0))
        named = Descriptor.unpack(rig.memory.read(queue.layout.descriptor_address(pending.head), DESC_BYTES))
        entries = named.len // DESC_BYTES

        def change(table: int = named.addr, entries: int = entries, bad: bool = moment % 4 == 3) -> None:
            for at in rig.rng.sample(range(entries), entries // 2):
                entry = Descriptor.unpack(rig.memory.read(table + DESC_BYTES * at, DESC_BYTES))
                shorter = entry._replace(len=rig.rng.randint(0, entry.len))
                after = entries + 1 if bad and entry.flags & _N else entry.next
                rig.memory.write(table + DESC_BYTES * at, shorter._replace(next=after).pack())

        await races.at_moment(rig, moment, change)
        ends[await work.ends(rig, queue, 1)] += 1
    expect_true(ends[True] > races.MOMENTS // 2, f"chains used, or refused: {dict(ends)}")
    await _start(rig)
    await work.serve(rig, 4)


_END = [(_ROOM, _W, 0)]

#: (flags and length of the descriptor that points to the table, its entries); a length of -1 is that of the entries.
TABLES: dict[str, tuple[int, int, Sequence[tuple[int, int, int]]]] = {
    "nested": (_I, -1, [(16, _N, 1), (_ROOM, _I, 0)]),
    "with_next": (_I | _N, -1, _END),
    "length_0": (_I, 0, _END),
    "length_1": (_I, 1, _END),
    "length_15": (_I, 15, _END),
    "length_17": (_I, 17, _END),
    "length_0x1001": (_I, 0x1001, _END),
    "next_is_the_entries": (_I, -1, [(16, _N, 1), (_ROOM, _W | _N, 2)]),
    "next_below_the_size": (_I, -1, [(16, _N, 1), (_ROOM, _W | _N, 5)]),
    "next_is_0xffff": (_I, -1, [(_ROOM, _W | _N, 0xFFFF)]),
    "loop": (_I, -1, [(_ROOM, _W | _N, 1), (_ROOM, _W | _N, 0)]),
    "loop_to_itself": (_I, -1, [(_ROOM, _W | _N, 0)]),
    "more_than_the_size": (_I, -1, [*((4, _N, i + 1) for i in range(faults.SIZE)), (_ROOM, _W, 0)]),
    "readable_after_writable": (_I, -1, [(_ROOM, _W | _N, 1), (4, 0, 0)]),
}


def _point_to_table(rig: Rig, queue: SplitVirtqueue, case: str) -> None:
    flags, length, entries = TABLES[case]
    table = rig.memory.allocate(DESC_BYTES * len(entries), 16)
    for i, (size, entry_flags, following) in enumerate(entries):
        entry = Descriptor(rig.memory.allocate(size), size, entry_flags, following)
        rig.memory.write(table + DESC_BYTES * i, entry.pack())
    length = DESC_BYTES * len(entries) if length < 0 else length
    faults.write_chain(rig, queue, [(length, flags, 1, table)])


@body(used=10, cases=tuple(TABLES))
async def malformed_table(rig: Rig, case: str) -> None:
    """An indirect table that no driver may make is fatal (HOST-039 to 043)."""
    await faults.fatal(rig, lambda queue: _point_to_table(rig, queue, case))


@body(used=10)
async def table_above_the_address_space(rig: Rig) -> None:
    """A table that ends above the address space is fatal, and not read (HOST-044)."""
    await faults.fatal(rig, lambda queue: faults.write_chain(rig, queue, [(32, _I, 0, _TOP - 16)]))


@body(used=25)
async def interrupt_when_used_event_is_reached(rig: Rig) -> None:
    """With EVENT_IDX only the buffer that used_event names is notified, batches included (SPLIT-DEV-028 to 031)."""
    await _start(rig, Feature.EVENT_IDX)
    await work.serve(rig, 1)
    queue = work.own_queue(rig)
    for count in (1, 2, 5, 8, 8):
        await work.calm_down(rig)
        interrupts = rig.transport.interrupts
        pendings = [await work.ask(rig, kick=False) for _ in range(count - 1)]
        queue.interrupt_after(count)
        if isinstance(queue, SplitVirtqueue):  # which means nothing now
            rig.memory.write(queue.layout.avail_flags_address, b"\1\0" if count > 2 else b"\0\0")
        if pendings:
            await work.kick(rig)
            await work.until_used(rig, queue, count - 1)
            expect(rig.irq.level, False, f"interrupt line after {count - 1} of {count} buffers")
        pendings.append(await work.ask(rig))
        await work.settle(rig, pendings)
        expect(rig.transport.interrupts, interrupts + 1, "interrupts")


@body(used=36)
async def poisoned_used_event(rig: Rig) -> None:
    """Any used_event, changing while buffers are used: all are, and an interrupt comes when the sample that the device
    took of it says so (HOST-013).
    """
    await _start(rig, Feature.EVENT_IDX, accept=work.on_split())
    queue = work.split_queue(rig)
    for step in range(12):
        at = queue.used_idx
        event = (at, at - 1, at + 0x8000, 0xFFFF, at + 1, at + 2)[step % 6] if step < 6 else rig.rng.getrandbits(16)
        rig.memory.write(queue.layout.used_event_address, (event & 0xFFFF).to_bytes(2, "little"))
        for _ in range(3):
            await work.ask(rig, kick=False)
        await work.kick(rig)
        await rig.delay(10 * rig.rng.randrange(300))
        again = rig.rng.choice((at, at + 1, rig.rng.getrandbits(16))) & 0xFFFF
        rig.memory.write(queue.layout.used_event_address, again.to_bytes(2, "little"))
        await work.until_used(rig, queue, 3)
        rig.transport.deliver_used()
        await work.calm_down(rig)


@body(used=60)
async def events_race_with_buffers(rig: Rig) -> None:
    """A driver that sleeps until avail_event, or until its used_event, loses nothing at any time (SPLIT-DEV-043,
    047).
    """
    await _start(rig, Feature.EVENT_IDX)
    for step in range(30):
        first = await work.ask(rig)
        await rig.delay(20 * step)
        second = await work.ask(rig)
        await work.settle(rig, [first, second])


@body(used=9)
async def idle_queue_asks_for_the_next_notification(rig: Rig) -> None:
    """An idle queue asks for a notification with the very next buffer, by avail_event (SPLIT-DEV-043)."""
    await _start(rig, Feature.EVENT_IDX, accept=work.on_split())
    queue = work.split_queue(rig)
    for _ in range(8):
        await work.settle(rig, [await work.ask(rig)])
    await work.calm_down(rig)
    event = int.from_bytes(rig.memory.read(queue.layout.avail_event_address, 2), "little")
    expect(event, queue.published_idx, "avail_event of an idle queue")
    pending = await work.ask(rig, kick=False)
    expect(await work.kick(rig), True, "whether the driver notifies an idle queue")
    await work.settle(rig, [pending])


async def _reset_and_enable(rig: Rig, index: int, size: int | None) -> None:
    """Reset a queue and enable it again, with new memory."""
    await rig.transport.reset_queue(index)
    await rig.transport.enable_queue(QueueRequest(index, size, rig.index_init))
    expect(await rig.bus.read(Reg.QUEUE_RESET), 0, "QueueReset of a queue enabled again")


@body(used=20)
async def queue_reset(rig: Rig) -> None:
    """An idle queue is reset and enabled again with another size; it starts anew (QRESET-DEV-002, 003, MMIO-DEV-024,
    032 to 036).
    """
    await _start(rig, Feature.RING_RESET)
    for size in (32, 16, None, 64):
        await work.serve(rig, 5)
        await work.calm_down(rig)
        await _reset_and_enable(rig, rig.driver.work_queue, size)
    await work.serve(rig, 2)


@body(used=3)
async def queue_reset_of_what_is_not_ready(rig: Rig) -> None:
    """A queue that is not ready is reset at once; its set-up is gone. 0 does nothing (registers.yaml, QueueReset)."""
    await _start(rig, Feature.RING_RESET)
    await work.serve(rig, 2)
    await rig.bus.write(Reg.QUEUE_SEL, rig.driver.work_queue)
    await rig.bus.write(Reg.QUEUE_RESET, 0)
    expect(await rig.bus.read(Reg.QUEUE_READY), 1, "QueueReady after 0 in QueueReset")
    await work.serve(rig, 1)
    await work.calm_down(rig)
    await rig.transport.reset_queue(rig.driver.work_queue)
    await rig.bus.write(Reg.QUEUE_RESET, 1)
    expect(await rig.bus.read(Reg.QUEUE_RESET), 0, "QueueReset of a queue that is not ready")
    await rig.bus.write(Reg.QUEUE_READY, 1)
    expect(await rig.bus.read(Reg.QUEUE_READY), 0, "QueueReady without a set-up")


@body(used=40, limit_us=60_000)
async def queue_reset_under_load(rig: Rig) -> None:
    """A queue is reset with requests in flight, at many moments, while another one, if there is one for requests of the
    kind, is served (QRESET-DEV-001, MMIO-DEV-024).
    """
    queue, *rest = (await work.work_queues(rig))[:2]
    await _start(rig, Feature.RING_RESET, queues=[queue, *rest])
    for step in range(16 if rest else 40):
        others = [await work.ask(rig, other, kick=False) for other in rest for _ in range(4)]
        lost = [await work.ask(rig, queue, kick=False) for _ in range(8)]
        for index in (*rest, queue):
            await rig.transport.kick(index)
        await rig.delay((step % 16) ** 2 * 20)
        await _reset_and_enable(rig, queue, 32 if step % 2 else None)
        expect([pending for pending in lost if not pending.done], [], "requests outstanding on a queue that was reset")
        await work.settle(rig, others)
        await work.serve(rig, 1)
