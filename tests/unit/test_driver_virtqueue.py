# SPDX-License-Identifier: Apache-2.0
"""The driver's split virtqueue against a device side made of nothing but memory accesses, and against the model's."""

from __future__ import annotations

import random
import struct

import pytest

from cocotbext.virtio.backing import RegionMemory
from cocotbext.virtio.errors import QueueFull, UsedIdError, UsedIdxError, UsedLengthError
from cocotbext.virtio.memory import DEFAULT_REGIONS, GuardedMemory
from cocotbext.virtio.split_virtqueue import SplitVirtqueue
from cocotbext.virtio.virtqueue import ChainElement
from virtio_model import Descriptor, SplitQueue


def queue_of(size: int = 8, start_index: int = 0, seed: int | None = None) -> SplitVirtqueue:
    memory = GuardedMemory(RegionMemory(DEFAULT_REGIONS), DEFAULT_REGIONS)
    return SplitVirtqueue(memory, 0, size, start_index, None if seed is None else random.Random(seed))


def device_of(queue: SplitVirtqueue) -> SplitQueue:
    """The model's side of the same queue."""
    device = SplitQueue(0, 32768, index_init=queue.avail_idx)
    layout = queue.layout
    device.size, device.desc_addr = layout.size, layout.desc_addr
    device.driver_addr, device.device_addr = layout.driver_addr, layout.device_addr
    assert device.enable()
    return device


def put_used(queue: SplitVirtqueue, slot: int, head: int, written_len: int, idx: int) -> None:
    queue.memory.write(queue.layout.used_element_address(slot), struct.pack("<II", head, written_len))
    queue.memory.write(queue.layout.used_idx_address, idx.to_bytes(2, "little"))


def elements(readable: int, writable: int) -> list[ChainElement]:
    return [(0x1000 * (i + 1), 7 + i, i >= readable) for i in range(readable + writable)]


def test_descriptors_and_ring_as_the_standard_draws_them() -> None:
    queue = queue_of(4)
    queue.add(elements(1, 1))
    head = queue.add([(0xABCD_0000_1234, 99, True)])
    table = queue.memory.read(queue.layout.desc_addr, 48)
    assert Descriptor.unpack(table[:16]) == (0x1000, 7, 1, 1)
    assert Descriptor.unpack(table[16:32]) == (0x2000, 8, 2, 0)
    assert Descriptor.unpack(table[32:]) == (0xABCD_0000_1234, 99, 2, 0)
    assert head == 2
    assert queue.memory.read(queue.layout.driver_addr, 8) == struct.pack("<HHHH", 0, 0, 0, 2)


def test_nothing_is_visible_before_publish() -> None:
    queue = queue_of()
    device = device_of(queue)
    heads = [queue.add(elements(0, 1)) for _ in range(3)]
    assert device.count_available(queue.memory) == 0
    assert queue.publish() == 3
    assert queue.publish() == 0
    assert [device.take_head(queue.memory) for _ in heads] == heads


@pytest.mark.parametrize("length", range(1, 65))
def test_chains_in_random_table_order(length: int) -> None:
    queue = queue_of(64, seed=length)
    device = device_of(queue)
    chain = elements(length // 2, length - length // 2)
    queue.add(chain, table_order=random.Random(length))
    queue.publish()
    seen = device.pop(queue.memory)
    assert seen is not None
    assert [(s.address, s.length, s.device_writable) for s in seen.segments] == chain
    assert queue.free_descriptors == 64 - length


def test_given_table_order() -> None:
    queue = queue_of(8)
    assert queue.add(elements(2, 1), table_order=[5, 0, 3]) == 5
    device = device_of(queue_of(8))
    assert device.size == 8
    with pytest.raises(ValueError, match="free ones"):
        queue.add(elements(1, 1), table_order=[5, 6])
    assert queue.add(elements(1, 0)) == 1


@pytest.mark.parametrize("size", [1, 2, 8, 3, 7])
def test_indices_wrap_at_65536(size: int) -> None:
    queue = queue_of(size, start_index=0xFFFA)
    device = device_of(queue)
    assert queue.used_idx == 0xFFFA
    taken = []
    for i in range(20):
        queue.add(elements(0, 1), token=i)
        queue.publish()
        chain = device.pop(queue.memory)
        assert chain is not None
        device.push(queue.memory, chain.head, 3)
        taken += queue.pop_used()
    assert [(used.token, used.written_len) for used in taken] == [(i, 3) for i in range(20)]
    assert queue.last_used_idx == queue.used_idx == (0xFFFA + 20) & 0xFFFF
    assert queue.used_count == 20
    assert queue.free_descriptors == size


def test_used_out_of_order_returns_the_right_descriptors() -> None:
    queue = queue_of(8)
    heads = [queue.add(elements(1, 1), token=name) for name in "abc"]
    put_used(queue, 0, heads[2], 0, 1)
    put_used(queue, 1, heads[0], 0, 2)
    assert [used.token for used in queue.pop_used()] == ["c", "a"]
    assert queue.outstanding == [heads[1]]
    assert queue.free_descriptors == 6


def test_queue_full() -> None:
    queue = queue_of(4)
    queue.add(elements(2, 1))
    with pytest.raises(QueueFull) as caught:
        queue.add(elements(1, 1))
    assert (caught.value.wanted, caught.value.free) == (2, 1)
    queue.add(elements(0, 1))


def test_chains_that_no_driver_may_make() -> None:
    queue = queue_of(4)
    for chain in ([], elements(5, 0), [(0, 1, True), (8, 1, False)], [(0, 1 << 32, False), (0, 1, True)]):
        with pytest.raises(ValueError):
            queue.add(chain)
    assert queue.free_descriptors == 4
    assert queue.publish() == 0
    queue.add([(0, 1, True), (8, 1, False)], check=False)


def test_used_id_that_is_not_outstanding() -> None:
    queue = queue_of(8)
    queue.add(elements(1, 1))
    put_used(queue, 0, 1, 0, 1)
    with pytest.raises(UsedIdError, match=r"VQ-USED-ID queue=0 slot=0 expected one of \[0\] seen=1"):
        queue.pop_used()


def test_used_id_beyond_the_table() -> None:
    queue = queue_of(8)
    queue.add(elements(1, 1))
    put_used(queue, 0, 0x1_0000, 0, 1)
    with pytest.raises(UsedIdError, match="seen=65536"):
        queue.pop_used()


def test_used_twice_after_a_good_one() -> None:
    queue = queue_of(8)
    queue.add(elements(1, 1), token="good")
    queue.add(elements(1, 1))
    put_used(queue, 0, 0, 0, 1)
    put_used(queue, 1, 0, 0, 2)
    used = queue.used_buffers()
    assert next(used).token == "good"
    with pytest.raises(UsedIdError):
        next(used)


def test_used_length_beyond_the_writable_part() -> None:
    queue = queue_of(8)
    head = queue.add(elements(2, 1))
    put_used(queue, 0, head, 10, 1)
    with pytest.raises(UsedLengthError, match="VQ-USED-LEN queue=0 head=0 expected=at most 9 seen=10"):
        queue.pop_used()


def test_used_idx_runs_away() -> None:
    queue = queue_of(8)
    queue.add(elements(0, 1))
    put_used(queue, 0, 0, 0, 2)
    with pytest.raises(UsedIdxError, match="at most 1 steps from 0x0000 seen=0x0002"):
        queue.pop_used()


def test_suppression_flags() -> None:
    queue = queue_of(8)
    device = device_of(queue)
    queue.suppress_interrupts(True)
    assert not device.interrupt_wanted(queue.memory)
    queue.suppress_interrupts(False)
    assert device.interrupt_wanted(queue.memory)
    assert queue.wants_notification()
    queue.memory.write(queue.layout.used_flags_address, b"\1\0")
    assert not queue.wants_notification()


def test_areas_have_room_for_the_event_fields_and_free_checks_guards() -> None:
    queue = queue_of(4)
    queue.memory.write(queue.layout.used_event_address, b"\xff\xff")
    queue.memory.write(queue.layout.avail_event_address, b"\xff\xff")
    queue.memory.check_guards()
    queue.free()


def test_random_traffic_keeps_the_free_list_whole() -> None:
    rng = random.Random(1)
    queue = queue_of(16, start_index=0xFF00, seed=2)
    device = device_of(queue)
    in_device: list[int] = []
    tokens: list[int] = []
    for step in range(2000):
        length = rng.randint(1, 6)
        if queue.free_descriptors >= length:
            queue.add(elements(length, 0), step, rng)
            tokens.append(step)
        if rng.random() < 0.5:
            queue.publish()
        while device.count_available(queue.memory) and rng.random() < 0.7:
            chain = device.pop(queue.memory)
            assert chain is not None
            in_device.append(chain.head)
        rng.shuffle(in_device)
        while in_device and rng.random() < 0.5:
            device.push(queue.memory, in_device.pop(), 0)
        for used in queue.pop_used():
            tokens.remove(used.token)
    assert len(tokens) == len(queue.outstanding)
    assert queue.used_count > 1000
    queue.memory.check_guards()
