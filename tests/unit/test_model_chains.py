# SPDX-License-Identifier: Apache-2.0
"""Descriptor chains: every shape that is legal and every way to be malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model_bench import BUFFERS, RAM_BASE, RAM_SIZE, live_queue, ram
from virtio_model import (
    AddressOverflow,
    ChainLoopError,
    Descriptor,
    HeadOutOfRange,
    IndirectNotNegotiated,
    LengthOverflow,
    Memory,
    NextOutOfRange,
    ReadableAfterWritable,
    RingError,
    Segment,
)
from virtio_model.spec import DescFlag

NEXT, WRITE, INDIRECT = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT


def test_descriptor_layout() -> None:
    data = Descriptor(0x1122334455667788, 0x99AABBCC, WRITE | NEXT, 0xDDEE).pack()
    assert data == bytes.fromhex("8877665544332211ccbbaa990300eedd")
    assert Descriptor.unpack(data) == (0x1122334455667788, 0x99AABBCC, 3, 0xDDEE)


@pytest.mark.parametrize("head", [8, 9, 0x8000, 0xFFFF])
def test_head_out_of_range(head: int) -> None:
    """HOST-005: no descriptor is read."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    memory.add_fault_window(ring.layout.desc_addr, 0x8000)
    ring.publish(head)
    with pytest.raises(HeadOutOfRange) as caught:
        queue.pop(memory)
    assert (caught.value.queue, caught.value.head, caught.value.size) == (0, head, 8)


@pytest.mark.parametrize("following", [8, 9, 0x7FFF, 0xFFFF])
@pytest.mark.parametrize("position", [0, 2])
def test_next_out_of_range(following: int, position: int) -> None:
    """HOST-022."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    for index in range(3):
        ring.describe(index, BUFFERS, 4, NEXT, following if index == position else index + 1)
    memory.add_fault_window(ring.layout.descriptor_address(position + 1), 0x400)
    with pytest.raises(NextOutOfRange) as caught:
        queue.parse_chain(0, memory)
    assert (caught.value.head, caught.value.next) == (0, following)


@pytest.mark.parametrize("targets", [[1, 1], [1, 2, 0], [1, 2, 3, 1], [0]], ids=["self", "ring", "rho", "one"])
def test_loop(targets: list[int]) -> None:
    """HOST-020."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    for index, target in enumerate(targets):
        ring.describe(index, BUFFERS, 4, NEXT, target)
    with pytest.raises(ChainLoopError) as caught:
        queue.parse_chain(0, memory)
    assert (caught.value.head, caught.value.limit) == (0, 8)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_chain_as_long_as_the_queue(size: int) -> None:
    """HOST-021."""
    memory = ram()
    queue, ring = live_queue(memory, size)
    head = ring.link([(BUFFERS + i, 1, False) for i in range(size)])
    assert len(queue.parse_chain(head, memory).segments) == size
    ring.describe(size - 1, BUFFERS, 1, NEXT, 0)
    with pytest.raises(ChainLoopError):
        queue.parse_chain(head, memory)


@pytest.mark.parametrize("order", ["WR", "RWR", "WWR", "RWWRW"])
def test_readable_after_writable(order: str) -> None:
    """HOST-029."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    head = ring.link([(BUFFERS, 4, kind == "W") for kind in order])
    with pytest.raises(ReadableAfterWritable) as caught:
        queue.parse_chain(head, memory)
    assert caught.value.position == order.index("WR") + 1


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("extra", [0, WRITE, NEXT])
def test_indirect_not_negotiated(position: int, extra: int) -> None:
    """HOST-038."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    ring.describe(0, BUFFERS, 4, NEXT, 1)
    ring.describe(position, BUFFERS, 64, INDIRECT | extra, 2)
    with pytest.raises(IndirectNotNegotiated) as caught:
        queue.parse_chain(0, memory)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("address", "length", "width", "legal"),
    [
        (0xFFFF_FFFF_FFFF_FF00, 0x1000, 64, False),
        (0xFFFF_FFFF_FFFF_FFFF, 2, 64, False),
        (0xFFFF_FFFF_FFFF_FFFF, 1, 64, True),
        (1 << 40, 1, 40, False),
        ((1 << 40) - 1, 1, 40, True),
        ((1 << 40) - 1, 2, 40, False),
        (0, 0, 64, True),
        (1 << 41, 0, 40, True),
    ],
)
def test_address_overflow(address: int, length: int, width: int, legal: bool) -> None:
    """HOST-025, 026."""
    memory = ram()
    queue, ring = live_queue(memory, 8, address_width=width)
    ring.describe(0, address, length, WRITE)
    if legal:
        assert queue.parse_chain(0, memory).segments == (Segment(address, length, True),)
    else:
        with pytest.raises(AddressOverflow) as caught:
            queue.parse_chain(0, memory)
        assert (caught.value.address, caught.value.length) == (address, length)


@pytest.mark.parametrize("writable", [False, True])
def test_length_overflow(writable: bool) -> None:
    """HOST-024."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    head = ring.link([(0, 0x8000_0000, writable), (0, 0x7FFF_FFFF, writable)])
    chain = queue.parse_chain(head, memory)
    assert chain.readable_len + chain.writable_len == 0xFFFF_FFFF
    head = ring.link([(0, 0x8000_0000, writable), (0, 0x8000_0000, writable)])
    with pytest.raises(LengthOverflow) as caught:
        queue.parse_chain(head, memory)
    assert caught.value.total == 1 << 32


def test_the_two_parts_are_totalled_apart() -> None:
    memory = ram()
    queue, ring = live_queue(memory, 8)
    chain = queue.parse_chain(ring.link([(0, 0xFFFF_FFFF, False), (0, 0xFFFF_FFFF, True)]), memory)
    assert (chain.readable_len, chain.writable_len) == (0xFFFF_FFFF, 0xFFFF_FFFF)


def test_undefined_flags_unused_next_and_empty_elements() -> None:
    """HOST-023, 031."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    ring.describe(0, 0, 0, 0xFFF8 | NEXT, 1)
    ring.describe(1, BUFFERS, 4, 0xFFF8 | WRITE, 0xFFFF)
    chain = queue.parse_chain(0, memory)
    assert chain.segments == (Segment(0, 0, False), Segment(BUFFERS, 4, True))
    assert (chain.readable_len, chain.writable_len) == (0, 4)


def test_a_malformed_head_is_consumed() -> None:
    """HOST-037."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    ring.describe(0, BUFFERS, 4, WRITE)
    ring.publish(9, 0)
    with pytest.raises(HeadOutOfRange):
        queue.pop(memory)
    chain = queue.pop(memory)
    assert chain is not None
    assert chain.head == 0


@given(st.binary(min_size=8 * 16, max_size=8 * 16), st.integers(0, 0xFFFF), st.integers(1, 8))
def test_any_table_is_parsed_or_refused(table: bytes, head: int, size: int) -> None:
    """HOST-120: descriptors of random bytes either give a well-formed chain or a `RingError`."""
    memory = Memory(RAM_BASE, RAM_SIZE)
    queue, ring = live_queue(memory, size)
    memory.write(ring.layout.desc_addr, table[: 16 * size])
    try:
        chain = queue.parse_chain(head % (size + 1), memory)
    except RingError:
        return
    kinds = [segment.device_writable for segment in chain.segments]
    assert 1 <= len(kinds) <= size
    assert kinds == sorted(kinds)
    assert max(chain.readable_len, chain.writable_len) < 1 << 32


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 2, 3, 4, 5])), min_size=4, max_size=4))
def test_small_tables_agree_with_a_graph_walk(entries: list[tuple[int, int]]) -> None:
    """All chain shapes over four descriptors, against an independent reading of the rules."""
    memory = ram()
    queue, ring = live_queue(memory, 4)
    for index, (following, flags) in enumerate(entries):
        ring.describe(index, BUFFERS, 4, flags, following)
    expected = _verdict(entries)
    try:
        found: object = [segment.device_writable for segment in queue.parse_chain(0, memory).segments]
    except RingError as error:
        found = type(error)
    assert found == expected


def _verdict(entries: list[tuple[int, int]]) -> object:
    kinds: list[bool] = []
    index = 0
    for _ in range(len(entries)):
        following, flags = entries[index]
        if flags & 4:
            return IndirectNotNegotiated
        kinds.append(bool(flags & 2))
        if kinds != sorted(kinds):
            return ReadableAfterWritable
        if not flags & 1:
            return kinds
        if following >= len(entries):
            return NextOutOfRange
        index = following
    return ChainLoopError
