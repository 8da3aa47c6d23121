# SPDX-License-Identifier: Apache-2.0
"""Split rings: wraps, batches, chains of any shape (2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cocotbext.virtio.buffers import Framing, Layout, merged, pieces
from cocotbext.virtio.drivers import Pending
from virtio_model.spec import AVAIL_F_NO_INTERRUPT, DescFlag, Feature

from . import work
from .rig import Rig, body
from .work import expect, expect_true

#: A request's device-readable or device-writable part of no more bytes stays whole.
_SHORT = 16


def _descriptors(count: int) -> Framing:
    """A request with `count` descriptors on its long side, or on each if both are; one for a side that is short."""

    def cut(parts: Sequence[int]) -> Sequence[int]:
        short = sum(parts) <= _SHORT
        return merged(parts) if short else pieces(count)(parts)

    return cut


async def _short_descriptors(rig: Rig) -> int:
    """How many descriptors a request of `ask` spends on a side that is short: 1, or 0 if it has no such side."""
    pending = await work.ask(rig, layout=Layout(merged))
    await work.settle(rig, [pending])
    expect_true(len(pending.chain) <= 2, f"{len(pending.chain)} descriptors for two sides")
    return sum(length <= _SHORT for _, length, _ in pending.chain)


@body(used=72)
async def indices_wrap(rig: Rig) -> None:
    """Ring indices run through 65536 in the middle of a batch, whatever the queue size (SPLIT-DEV-008, HOST-004)."""
    for size in (8, 64, 7):
        await work.start(rig, size=size, accept=work.on_split())
        queue = work.split_queue(rig)
        while queue.used_count < 24:
            await work.serve(rig, min(5, queue.size // 2))
        if rig.index_init:
            expect_true(queue.last_used_idx < rig.index_init, f"used.idx {queue.last_used_idx:#x} did not wrap")


@body(used=32)
async def full_queue_published_at_once(rig: Rig) -> None:
    """As many chains as the queue has entries, by one idx update and one notification (HOST-002)."""
    await work.start(rig)
    queue = work.own_queue(rig)
    fit = queue.size // (1 + await _short_descriptors(rig))
    pendings = [await work.ask(rig, kick=False, layout=Layout(merged)) for _ in range(fit)]
    expect(len(queue.outstanding), fit, "chains in the queue")
    await work.kick(rig)
    await work.settle(rig, pendings)


@body(used=64)
async def many_outstanding_on_two_queues(rig: Rig) -> None:
    """Requests of both queues are in flight together, and all come back to their own (HOST-118)."""
    indices = (await work.work_queues(rig))[:2]
    await work.start(rig, queues=indices)
    pendings: list[Pending[Any]] = []
    for _ in range(32):
        for index in indices:
            pendings.append(await work.ask_more(rig, index, Layout(merged)))
    for index in indices:
        await rig.transport.kick(index)
    await work.settle(rig, pendings)
    if len(indices) == 1:
        await work.serve(rig, 32)


@body(used=60)
async def batches_of_any_size(rig: Rig) -> None:
    """Chains become available one by one or in batches, with and without a pause (SPLIT-DEV-046)."""
    await work.start(rig, size=32)
    pendings: list[Pending[Any]] = []
    while len(pendings) < 60:
        for _ in range(rig.rng.randint(1, 6)):
            pendings.append(await work.ask_more(rig))
        await work.kick(rig)
        if rig.rng.random() < 0.5:
            await rig.delay(10 * rig.rng.randrange(100))
    await work.settle(rig, pendings)


@body(used=64)
async def chains_of_1_to_64_descriptors(rig: Rig) -> None:
    """Chains of every length up to 64, in random order in the table (SPLIT-DEV-011, SPLIT-DEV-018)."""
    await work.start(rig, table_order=rig.rng)
    short = await _short_descriptors(rig)
    queue = work.own_queue(rig)
    longest = min(64, queue.size) - short
    pendings: list[Pending[Any]] = []
    for count in rig.rng.sample(range(1, longest + 1), longest):
        if queue.free_descriptors < count + short:
            await work.kick(rig)
            await work.settle(rig, pendings)
        pendings.append(await work.ask(rig, kick=False, layout=Layout(_descriptors(count))))
        expect(len(pendings[-1].chain), count + short, "descriptors in the chain")
    await work.kick(rig)
    await work.settle(rig, pendings)
    await work.serve(rig, 64 - longest)


@body(used=3)
async def chain_of_the_whole_table(rig: Rig) -> None:
    """One chain may use every descriptor of the table (SPLIT-DEV-018, HOST-021)."""
    await work.start(rig, size=64, table_order=rig.rng)
    short = await _short_descriptors(rig)
    queue = work.own_queue(rig)
    for _ in range(2):
        pending = await work.ask(rig, layout=Layout(_descriptors(queue.size - short)))
        expect(len(pending.chain), queue.size, "descriptors in the chain")
        await work.settle(rig, [pending])


@body(used=1)
async def same_head_twice_in_a_batch(rig: Rig) -> None:
    """A head that comes twice is served twice, as two requests (HOST-006)."""
    await work.start(rig, accept=work.on_split())
    queue = work.split_queue(rig)
    before = queue.used_idx
    pending = await work.ask(rig, kick=False)
    queue.put_head(pending.head)
    queue.suppress_interrupts(True)
    await work.kick(rig)
    for _ in range(1000):
        if (queue.used_idx - before) & 0xFFFF == 2:
            break
        await rig.delay(100)
    expect((queue.used_idx - before) & 0xFFFF, 2, "used elements")
    await work.start(rig)
    await work.serve(rig, 1)


@body(used=4)
async def undefined_bits_in_the_rings(rig: Rig) -> None:
    """Undefined descriptor and avail flags, and `next` without NEXT, mean nothing (HOST-012, HOST-031)."""
    await work.start(rig, accept=work.on_split())
    queue = work.split_queue(rig)
    undefined = 0xFFFF & ~int(DescFlag.NEXT | DescFlag.WRITE | DescFlag.INDIRECT)
    rig.memory.write(queue.layout.avail_flags_address, (0xFFFF & ~AVAIL_F_NO_INTERRUPT).to_bytes(2, "little"))
    for _ in range(4):
        pending = await work.ask(rig, kick=False)
        index = pending.head
        for i, (address, length, device_writable) in enumerate(pending.chain):
            entry = rig.memory.read(queue.layout.descriptor_address(index), 16)
            last = i == len(pending.chain) - 1
            following = 0xFFFF if last else int.from_bytes(entry[14:], "little")
            flags = undefined | (DescFlag.WRITE if device_writable else 0) | (0 if last else DescFlag.NEXT)
            queue.write_descriptor(index, address, length, flags, following)
            index = following
        await work.kick(rig)
        await work.settle(rig, [pending])


@body(used=8)
async def event_fields_are_not_touched(rig: Rig) -> None:
    """Without EVENT_IDX avail_event stays, and used_event means nothing (SPLIT-DEV-005, 006, 025, HOST-014)."""
    await work.start(rig, size=8, accept=work.on_split(Feature.EVENT_IDX))
    queue = work.split_queue(rig)
    rig.memory.write(queue.layout.used_event_address, b"\xff\x7f")
    rig.memory.write(queue.layout.avail_event_address, b"\x5a\xa5")
    await work.serve(rig, 8)
    expect(rig.memory.read(queue.layout.avail_event_address, 2), b"\x5a\xa5", "avail_event")


@body(used=1)
async def device_keeps_its_own_used_idx(rig: Rig) -> None:
    """The device never takes back what it wrote from the used ring (HOST-011)."""
    await work.start(rig, accept=work.on_split())
    queue = work.split_queue(rig)
    rig.memory.write(queue.layout.used_idx_address, ((rig.index_init + 7) & 0xFFFF).to_bytes(2, "little"))
    await work.ask(rig)
    expect(await rig.irq.wait(100_000), True, "interrupt line")
    expect(queue.used_idx, (rig.index_init + 1) & 0xFFFF, "used.idx")
    await rig.drain()
    await work.serve(rig, 1)
