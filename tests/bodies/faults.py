# SPDX-License-Identifier: Apache-2.0
"""Malformed rings and a failing memory: what is fatal, what fails alone, and that a reset recovers from both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cocotbext.virtio.buffers import Layout, merged
from cocotbext.virtio.drivers import BlkDriver, BlkResult, RngDriver
from cocotbext.virtio.split_virtqueue import SplitVirtqueue
from cocotbext.virtio.virtqueue import Virtqueue
from virtio_model.spec import BLK_ID_BYTES, EVENT_BYTES, SECTOR, BlkStatus, BlkType, DescFlag, Feature
from virtio_model.split import SplitLayout

from . import work
from .rig import BLK, MALFORMED, RNG, WRITING, Rig, body
from .work import expect, expect_true

SIZE = 16
_N, _W, _I = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
_ROOM = 64

#: One descriptor by hand: length, flags, next, and an address in place of one of good memory.
Crooked = tuple[int, int, int] | tuple[int, int, int, int]
#: A chain from descriptor 0 on.
Chain = Sequence[Crooked]

CHAINS: dict[str, Chain] = {
    "next_is_the_size": [(_ROOM, _W | _N, SIZE)],
    "next_is_0xffff": [(_ROOM, _W | _N, 0xFFFF)],
    "later_next_outside": [(4, _N, 1), (4, _N, 2), (_ROOM, _W | _N, 0x7FFF)],
    "loop_to_itself": [(_ROOM, _W | _N, 1), (_ROOM, _W | _N, 1)],
    "loop_to_the_head": [(_ROOM, _W | _N, 1), (_ROOM, _W | _N, 2), (_ROOM, _W | _N, 0)],
    "loop_behind_a_tail": [(4, _N, 1), (4, _N, 2), (4, _N, 3), (4, _N, 1)],
    "readable_after_writable": [(16, _N, 1), (_ROOM, _W | _N, 2), (4, 0, 0)],
    "indirect": [(_ROOM, _I, 0)],
    "indirect_later": [(16, _N, 1), (_ROOM, _I | _W, 0)],
    "address_wraps": [(16, _N, 1), (0x1000, _W, 0, 0xFFFF_FFFF_FFFF_FF00)],
    "address_wraps_by_one": [(16, _N, 1), (2, _W, 0, 0xFFFF_FFFF_FFFF_FFFF)],
    "readable_part_too_long": [(0x8000_0000, _N, 1), (0x8000_0000, _N, 2), (0x8000_0000, 0, 0)],
    "writable_part_too_long": [(16, _N, 1), (0xFFFF_FFFF, _W | _N, 2), (1, _W, 0)],
}

HEADS: dict[str, int] = {"head_is_the_size": SIZE, "head_0x8000": 0x8000, "head_0xffff": 0xFFFF}

#: How far the avail idx is off from where it is.
STEPS: dict[str, int] = {
    "idx_one_too_far": SIZE + 1,
    "idx_far_ahead": 0x4000,
    "idx_one_back": -1,
    "idx_the_size_back": -SIZE,
}


def as_moved(rig: Rig, chain: Chain) -> Chain:
    """The chain with the buffers that have an address of their own on the side that requests of `work.ask` are on: a
    device may leave alone what it has no use for.
    """
    return chain if rig.driver.device_type in WRITING else [_readable(entry) for entry in chain]


def _readable(entry: Crooked) -> Crooked:
    if len(entry) == 3:
        return entry
    length, flags, following, address = entry
    return length, flags & ~_W, following, address


def write_chain(rig: Rig, queue: SplitVirtqueue, chain: Chain) -> None:
    """A chain by hand, from descriptor 0 on, and its head."""
    for position, (length, flags, following, *address) in enumerate(chain):
        where = address[0] if address else rig.memory.allocate(min(length, _ROOM))
        queue.write_descriptor(position, where, length, flags, following)
    queue.put_head(0)


async def fatal(
    rig: Rig, break_ring: Callable[[SplitVirtqueue], None], accept: Callable[[int], int] | None = None
) -> None:
    """After some good requests the split ring is broken; the device says so, and a reset recovers it (HOST-102)."""
    await work.start(rig, size=SIZE, accept=accept or work.on_split())
    await work.serve(rig, 2)
    await work.calm_down(rig)
    queue = work.split_queue(rig)
    before = queue.used_idx
    break_ring(queue)
    await work.kick(rig)
    await work.expect_needs_reset(rig)
    expect(queue.used_idx, before, "used.idx")
    await recover(rig)


async def recover(rig: Rig) -> None:
    """A reset, and all is well again."""
    if rig.faults is not None:
        rig.faults.clear()
    await work.start(rig)
    await work.serve(rig, 8)


@body(used=10, cases=tuple(CHAINS))
async def malformed_chain(rig: Rig, case: str) -> None:
    """A chain that no driver may make moves nothing and is fatal (HOST-020, 022, 024, 025, 029, 037)."""
    accept = work.on_split(Feature.INDIRECT_DESC)
    await fatal(rig, lambda queue: write_chain(rig, queue, as_moved(rig, CHAINS[case])), accept=accept)


@body(used=10)
async def address_above_the_bus(rig: Rig) -> None:
    """An address that the bus has no bit for is fatal, and reaches nothing else (HOST-026); needs a device built so."""
    expect_true(rig.address_width < 64, "the device has all 64 address bits")
    beyond = (1 << rig.address_width) + rig.memory.regions[0].base
    chain: Chain = [(16, _N, 1), (_ROOM, _W, 0, beyond)]
    await fatal(rig, lambda queue: write_chain(rig, queue, as_moved(rig, chain)))


@body(used=10, cases=tuple(HEADS))
async def head_outside_the_table(rig: Rig, case: str) -> None:
    """No descriptor beyond the table is read (HOST-005)."""
    await fatal(rig, lambda queue: queue.put_head(HEADS[case]))


@body(used=10, cases=tuple(STEPS))
async def avail_idx_out_of_range(rig: Rig, case: str) -> None:
    """An avail idx more than the queue size ahead is fatal, a backward one too (HOST-001, HOST-003)."""

    def jump(queue: SplitVirtqueue) -> None:
        queue.avail_idx = (queue.avail_idx + STEPS[case]) & 0xFFFF

    await fatal(rig, jump)


@body(used=14)
async def chains_before_a_malformed_one_complete(rig: Rig) -> None:
    """Well-formed chains ahead of a malformed one in a batch are used first; those behind it never (HOST-005, 037)."""
    await work.start(rig, size=SIZE, table_order=rig.rng, accept=work.on_split())
    queue = work.split_queue(rig)
    good = [await work.ask(rig, kick=False) for _ in range(4)]
    queue.put_head(SIZE)
    behind = await work.ask(rig, kick=False)
    before = queue.last_used_idx
    await work.kick(rig)
    await work.expect_needs_reset(rig)
    expect((queue.used_idx - before) & 0xFFFF, 4, "used elements")
    expect([pending.head for pending in good if pending.order >= 0], [p.head for p in good], "heads used")
    expect((behind.order, behind.written_len), (-1, 0), "order and used length behind the malformed chain")
    await recover(rig)
    await work.serve(rig, 2)


#: Where a DMA error is fatal: (address, length, reads fail, writes fail) by rings, slot and head.
PLACES: dict[str, Callable[[SplitLayout, int, int], tuple[int, int, bool, bool]]] = {
    "avail_idx": lambda layout, slot, head: (layout.avail_idx_address, 2, True, False),
    "ring_entry": lambda layout, slot, head: (layout.avail_entry_address(slot), 2, True, False),
    "first_half_of_a_descriptor": lambda layout, slot, head: (layout.descriptor_address(head), 8, True, False),
    "last_bytes_of_a_descriptor": lambda layout, slot, head: (layout.descriptor_address(head) + 14, 2, True, False),
    "used_id": lambda layout, slot, head: (layout.used_element_address(slot), 4, False, True),
    "used_len": lambda layout, slot, head: (layout.used_element_address(slot) + 4, 4, False, True),
    "used_idx": lambda layout, slot, head: (layout.used_idx_address, 2, False, True),
}


@body(used=10, cases=tuple(PLACES))
async def dma_error_in_a_ring(rig: Rig, case: str) -> None:
    """An error answer in a ring is fatal, and what came with it is not used (HOST-080, 081, 084)."""
    assert rig.faults is not None
    await work.start(rig, size=SIZE, accept=work.on_split())
    await work.serve(rig, 2)
    await work.calm_down(rig)
    queue = work.split_queue(rig)
    before = queue.used_idx
    slot = queue.avail_idx % queue.size
    pending = await work.ask(rig, kick=False)
    address, length, read, write = PLACES[case](queue.layout, slot, pending.head)
    rig.faults.add(address, length, read=read, write=write)
    await work.kick(rig)
    await work.expect_needs_reset(rig)
    expect(queue.used_idx, before, "used.idx")
    await recover(rig)


@body(*WRITING, used=4, cases=MALFORMED, spoils=True)
async def malformed_response(rig: Rig, case: str) -> None:
    """RLAST in the wrong place or missing, another ID, an answer before the data: the device counts itself, keeps in
    its bounds, and a reset recovers it (HOST-088).
    """
    # So that the first thing written is what was asked for.
    await work.start(rig, size=SIZE, accept=work.without(Feature.EVENT_IDX))
    await work.serve(rig, 2)
    await work.calm_down(rig)
    queue = work.own_queue(rig)
    queue.suppress_interrupts(True)
    rig.malform(case)
    pending = await work.ask(rig)
    used = await work.ends(rig, queue, 1)
    if rig.observed():  # the model has no bus that could be broken
        expect(used, case in ("other_bid", "early_answer"), "whether the chain is used")
    if used and rig.observed():
        rig.transport.deliver_used()
        result = pending.result()
        failed = result.status == BlkStatus.IOERR if isinstance(result, BlkResult) else not result
        expect_true(failed, f"a write that was not answered by the rules has succeeded: {result!r}")
    rig.memory.check_guards()
    await rig.reset_device()
    await rig.power_cycle()
    await work.start(rig)
    await work.serve(rig, 2)


@body(used=60, spoils=True)
async def power_cycle_in_a_short_burst(rig: Rig) -> None:
    """rst_ni while the device makes up what a burst lacked that ended early: nothing is left of it (HOST-088, 096)."""
    for cycles in range(60):
        await work.start(rig, size=SIZE)
        await work.serve(rig, cycles % 4)
        await work.calm_down(rig)
        rig.malform("early_last")
        await work.ask(rig)
        await rig.delay(10 * cycles)
        await rig.power_cycle()
        await work.start(rig)
        await work.serve(rig, 1)


@body(used=4, limit_us=40_000, cases=("no_last", "late_last"), spoils=True)
async def malformed_response_at_any_moment(rig: Rig, case: str) -> None:
    """After a burst that ends in the wrong place nothing is taken for an answer to another one: requests are served, or
    the device says that it needs a reset (HOST-088).
    """
    for _ in range(30):
        await work.start(rig, size=SIZE, accept=work.without(Feature.EVENT_IDX))
        queue = work.own_queue(rig)
        queue.suppress_interrupts(True)
        for _ in range(3):
            await work.ask(rig, layout=Layout(merged))
        await rig.delay(10 * rig.rng.randrange(250))
        rig.malform(case)
        for _ in range(3):
            await work.ask(rig, layout=Layout(merged))
        await work.ends(rig, queue, 6)
        rig.memory.check_guards()
        await rig.reset_device()
        await rig.power_cycle()
    await work.start(rig)
    await work.serve(rig, 4)


def _wish(queue: Virtqueue) -> tuple[int, int]:
    """Where a driver says which interrupts it wants, and in how many bytes (2.7.7, 2.8.10)."""
    if isinstance(queue, SplitVirtqueue):
        events = queue.has(Feature.EVENT_IDX)
        return (queue.layout.used_event_address if events else queue.layout.avail_flags_address), 2
    return queue.layout.driver_addr, EVENT_BYTES


@body(used=9, cases=("as_offered", "without_events"))
async def dma_error_on_the_suppression_flag(rig: Rig, case: str) -> None:
    """What suppresses interrupts and cannot be read means that they are wanted (HOST-092)."""
    assert rig.faults is not None
    await work.start(rig, accept=work.without(*[Feature.EVENT_IDX] if case == "without_events" else []))
    queue = work.own_queue(rig)
    queue.suppress_interrupts(True)
    rig.faults.add(*_wish(queue), write=False)
    before = rig.transport.interrupts
    await work.serve(rig, 1)
    expect_true(rig.transport.interrupts > before, "no interrupt although its suppression cannot be read")
    rig.faults.clear()
    queue.suppress_interrupts(False)
    await work.serve(rig, 8)


@body(BLK, used=10)
async def dma_error_on_the_status_byte(rig: Rig) -> None:
    """A status that cannot be written is fatal: the request has no result (HOST-084)."""
    assert rig.faults is not None
    driver = await work.start_as(rig, BlkDriver)
    await work.serve(rig, 2)
    await work.calm_down(rig)
    pending = await driver.submit(BlkType.IN, 3, writable=SECTOR, kick=False)
    rig.faults.add(pending.chain[-1][0], 1, read=False)
    await driver.kick()
    await work.expect_needs_reset(rig)
    await recover(rig)


@body(BLK, used=8)
async def dma_error_in_the_header(rig: Rig) -> None:
    """A header that cannot be read fails its request alone (HOST-027, HOST-082)."""
    assert rig.faults is not None
    driver = await work.start_as(rig, BlkDriver)
    for offset in (0, 8, 15):
        pending = await driver.submit(BlkType.IN, 3, writable=SECTOR, kick=False)
        rig.faults.add(pending.chain[0][0] + offset, 1, write=False)
        await driver.kick()
        result = await pending
        expect((result.status, result.written_len), (BlkStatus.IOERR, 1), f"header byte {offset}")
        rig.faults.clear()
    await work.serve(rig, 5)


@body(BLK, used=12)
async def dma_error_in_data_read(rig: Rig) -> None:
    """Data that cannot be read fails its request alone, and no byte of its sector is stored (HOST-082)."""
    assert rig.faults is not None
    driver = await work.start_as(rig, BlkDriver)
    data = rig.rng.randbytes(3 * SECTOR)
    for offset in (0, 700, 3 * SECTOR - 1):
        image = rig.image()
        pending = await driver.submit(BlkType.OUT, 20, data, kick=False)
        rig.faults.add(pending.chain[1][0] + offset, 1, write=False)
        await driver.kick()
        result = await pending
        expect((result.status, result.written_len), (BlkStatus.IOERR, 1), f"data byte {offset}")
        rig.faults.clear()
        stored = 20 + offset // SECTOR
        expect_true(
            rig.image()[stored * SECTOR :] == image[stored * SECTOR :], f"sectors from {stored} on have changed"
        )
        before = image[20 * SECTOR : 23 * SECTOR]
        await driver.write(20, before)
        expect_true(await driver.read(20, 3) == before, "sectors 20 to 22 differ")
    await work.serve(rig, 3)


@body(BLK, used=11, cases=("IN", "GET_ID"))
async def dma_error_in_data_written(rig: Rig, case: str) -> None:
    """Data that cannot be written fails its request alone; its length is not claimed (HOST-027, HOST-083)."""
    assert rig.faults is not None
    driver = await work.start_as(rig, BlkDriver)
    room = 3 * SECTOR if case == "IN" else BLK_ID_BYTES
    for offset in (0, room // 2, room - 1):
        pending = await driver.submit(BlkType[case], 3, writable=room, kick=False)
        rig.faults.add(pending.chain[1][0] + offset, 1, read=False)
        await driver.kick()
        result = await pending
        expect((result.status, result.written_len), (BlkStatus.IOERR, 1), f"data byte {offset}")
        rig.faults.clear()
    await work.serve(rig, 8)


@body(RNG, used=11)
async def dma_error_in_entropy_written(rig: Rig) -> None:
    """A buffer that cannot be written is used with length 0, and the next one is served (HOST-083)."""
    assert rig.faults is not None
    driver = await work.start_as(rig, RngDriver)
    for offset in (0, 300, 599):
        pending = await driver.submit(600, kick=False)
        rig.faults.add(pending.chain[0][0] + offset, 1, read=False)
        await driver.kick()
        expect(len(await pending), 0, f"used length with byte {offset} failing")
        rig.faults.clear()
    await work.serve(rig, 8)
