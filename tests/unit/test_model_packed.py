# SPDX-License-Identifier: Apache-2.0
"""Packed rings in the model (2.8)."""

from __future__ import annotations

import random

import pytest

from virtio_model import (
    BadIndirectTable,
    BrokenList,
    ChainLoopError,
    EventSuppression,
    IndirectNotNegotiated,
    Memory,
    PackedDescriptor,
    PackedLayout,
    PackedQueue,
    ReadableAfterWritable,
    RingAccessError,
    RingError,
    Segment,
    SplitQueue,
)
from virtio_model.packed import is_available, used_flags, wrap_at
from virtio_model.spec import DescFlag, Feature, RingEventFlag, features

BASE = 0x10000
_N, _W, _I, _A, _U = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT, DescFlag.AVAIL, DescFlag.USED
ALL = features(Feature.RING_PACKED, Feature.INDIRECT_DESC, Feature.EVENT_IDX)


def live(size: int = 4, negotiated: int = ALL) -> tuple[PackedQueue, Memory]:
    memory = Memory(BASE, 0x10000)
    queue = PackedQueue(0, 256)
    queue.size, queue.desc_addr, queue.driver_addr, queue.device_addr = size, BASE, BASE + 0x1000, BASE + 0x2000
    assert queue.enable(negotiated)
    return queue, memory


def put(queue: PackedQueue, memory: Memory, position: int, *descriptors: tuple[int, int, int, int]) -> int:
    """A list of (address, length, id, flags) from `position` on; returns the position behind it."""
    for i, (address, length, id_, flags) in enumerate(descriptors):
        at = position + i
        more = _N if i + 1 < len(descriptors) else 0
        marks = _A if wrap_at(at, queue.size) else _U
        packed = PackedDescriptor(address, length, id_, flags | more | marks).pack()
        memory.write(queue.layout.descriptor_address(at % queue.size), packed)
    return position + len(descriptors)


def test_layout_and_alignment() -> None:
    """PACKED-DEV-003: 16 N bytes at 16, two structures of 4 at 4."""
    layout = PackedLayout(5, 0x100, 0x204, 0x208)
    assert (layout.desc_bytes, layout.driver_bytes, layout.device_bytes) == (80, 4, 4)
    assert layout.usable(8)
    assert not PackedLayout(5, 0x108, 0x204, 0x208).usable(8)
    assert not PackedLayout(5, 0x100, 0x202, 0x208).usable(8)
    assert not PackedLayout(5, 0x100, 0x204, 0x20A).usable(8)
    assert not PackedLayout(5, 0x100, (1 << 40), 0x208).usable(8, 40)
    assert not PackedLayout(9, 0x100, 0x204, 0x208).usable(8)


@pytest.mark.parametrize(("flags", "wrap", "expected"), [(_A, True, True), (_U, True, False), (_A | _U, True, False),
                                                         (0, True, False), (_U, False, True), (_A, False, False),
                                                         (0, False, False), (_A | _U, False, False)])  # fmt: skip
def test_both_marks_count(flags: int, wrap: bool, expected: bool) -> None:
    """PACKED-DEV-006: differing bits alone are not sufficient."""
    assert is_available(flags, wrap) is expected


def test_used_flags() -> None:
    """PACKED-DEV-005, 010."""
    assert [used_flags(True, 5), used_flags(True, 0)] == [_A | _U | _W, _A | _U]
    assert [used_flags(False, 5), used_flags(False, 0)] == [_W, 0]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_rounds(size: int) -> None:
    """Lists of any length, round after round; one used descriptor a list (PACKED-DEV-004, 008, SPLIT-DEV-007)."""
    queue, memory = live(size)
    rng = random.Random(size)
    position = 0
    for step in range(20 * size):
        count = rng.randint(1, size)
        entries = [
            (BASE + 0x4000 + 64 * i, 10 + i, step & 0xFFFF if i + 1 == count else 0xDEAD, _W) for i in range(count)
        ]
        behind = put(queue, memory, position, *entries)
        chain = queue.pop(memory)
        assert chain is not None
        assert (chain.head, chain.slots) == (step & 0xFFFF, count)
        assert chain.segments == tuple(Segment(address, length, True) for address, length, _, _ in entries)
        assert queue.pop(memory) is None
        queue.push(memory, chain.head, 7, chain.slots)
        used = PackedDescriptor.unpack(memory.read(queue.layout.descriptor_address(position % size), 16))
        assert (used.len, used.id, used.flags) == (7, step & 0xFFFF, used_flags(wrap_at(position, size), 7))
        position = behind % (2 * size)


def test_full_ring_is_not_read_any_further() -> None:
    """PACKED-DEV-034: of descriptors in flight none can be available again."""
    queue, memory = live(2)
    position = put(queue, memory, 0, (BASE + 0x4000, 4, 0, _W))
    position = put(queue, memory, position, (BASE + 0x4000, 4, 1, _W))
    assert [chain.head for chain in (queue.pop(memory), queue.pop(memory)) if chain] == [0, 1]
    put(queue, memory, position, (BASE + 0x4000, 4, 2, _W))
    assert queue.pop(memory) is None
    queue.push(memory, 0, 0)
    put(queue, memory, position, (BASE + 0x4000, 4, 2, _W))
    assert queue.pop(memory) is not None


def test_indirect_table() -> None:
    """PACKED-DEV-014 to 016: as long as it is, and only WRITE counts."""
    queue, memory = live()
    table = BASE + 0x3001
    entries = [(BASE + 0x4000, 5, 9, _N | _I), (BASE + 0x5000, 6, 8, _W), (BASE + 0x6000, 0, 7, _W | _A | _I)]
    for i, entry in enumerate(entries):
        memory.write(table + 16 * i, PackedDescriptor(*entry).pack())
    put(queue, memory, 0, (table, 48, 3, _I | _W))
    chain = queue.pop(memory)
    assert chain is not None
    assert (chain.head, chain.slots, chain.readable_len, chain.writable_len) == (3, 1, 5, 6)
    assert len(chain.segments) == 3


BROKEN: dict[str, tuple[list[tuple[int, int, int, int]], type[RingError]]] = {
    "readable after writable": ([(BASE, 1, 0, _W), (BASE, 1, 0, 0)], ReadableAfterWritable),
    "table in a list": ([(BASE, 1, 0, 0), (BASE, 16, 0, _I)], BadIndirectTable),
    "table of 15 bytes": ([(BASE, 15, 0, _I)], BadIndirectTable),
    "table of no bytes": ([(BASE, 0, 0, _I)], BadIndirectTable),
    "table above the end": ([((1 << 64) - 16, 32, 0, _I)], BadIndirectTable),
    "table longer than the queue": ([(BASE + 0x3000, 80, 0, _I)], ChainLoopError),
    "list that goes on": ([(BASE, 1, 0, _N)], BrokenList),
    "list longer than the ring": ([(BASE, 1, 0, _N)] * 4, BrokenList),
    "table outside of memory": ([(0x100, 16, 0, _I)], RingAccessError),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_lists(name: str) -> None:
    entries, kind = BROKEN[name]
    queue, memory = live()
    put(queue, memory, 0, *entries)
    with pytest.raises(kind):
        queue.pop(memory)


def test_table_without_the_feature() -> None:
    queue, memory = live(negotiated=features(Feature.RING_PACKED))
    put(queue, memory, 0, (BASE + 0x3000, 16, 0, _I))
    with pytest.raises(IndirectNotNegotiated):
        queue.pop(memory)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_descriptor_events_against_steps(size: int) -> None:
    """A move is notified exactly if it steps over the descriptor named, for every move and place (2.8.10)."""
    for old in range(2 * size):
        for moved in range(1, size + 1):
            passed = [(old + i) % (2 * size) for i in range(moved)]
            for event in range(2 * size):
                named = EventSuppression(event % size, wrap_at(event, size), RingEventFlag.DESC)
                assert named.due(size, old, old + moved, True) is (event in passed)
                assert named.due(size, old, old + moved, False)


def test_events_that_are_no_place() -> None:
    assert EventSuppression(4, True, RingEventFlag.DESC).due(4, 0, 1, True)
    assert EventSuppression(0, True, 3).due(4, 0, 1, True)
    assert not EventSuppression(0, True, RingEventFlag.DISABLE).due(4, 0, 1, True)
    assert EventSuppression.unpack(b"\x05\x80\xf2\xff") == (5, True, 2)


def test_interrupt_wanted_follows_the_drivers_structure() -> None:
    queue, memory = live()
    assert queue.interrupt_wanted(memory)
    memory.write(queue.driver_addr, EventSuppression(1, True, RingEventFlag.DESC).pack())
    queue.use(1)
    assert not queue.interrupt_wanted(memory)
    queue.use(1)
    assert queue.interrupt_wanted(memory)
    memory.write(queue.driver_addr, EventSuppression(0, True, RingEventFlag.DISABLE).pack())
    queue.use(1)
    assert not queue.interrupt_wanted(memory)
    memory.add_fault_window(queue.driver_addr, 4)
    assert queue.interrupt_wanted(memory)


def test_want_notification_names_the_next_place() -> None:
    queue, memory = live()
    put(queue, memory, 0, (BASE + 0x4000, 4, 0, _W))
    assert queue.want_notification(memory)
    assert queue.pop(memory) is not None
    assert not queue.want_notification(memory)
    assert EventSuppression.unpack(memory.read(queue.device_addr, 4)) == (1, True, RingEventFlag.DESC)


def test_set_up_survives_the_change_of_kind() -> None:
    queue = SplitQueue(3, 64, index_init=9, address_width=40)
    queue.size, queue.desc_addr, queue.driver_addr, queue.device_addr = 8, 0x10, 0x20, 0x30
    packed = queue.turned_into(PackedQueue)
    assert (packed.index, packed.size_max, packed.address_width) == (3, 64, 40)
    assert packed.layout == PackedLayout(8, 0x10, 0x20, 0x30)
