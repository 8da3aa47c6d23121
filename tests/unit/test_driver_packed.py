# SPDX-License-Identifier: Apache-2.0
"""The driver's packed rings, against the model's device side of them."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from cocotbext.virtio.backing import RegionMemory
from cocotbext.virtio.errors import QueueFull, UsedIdError, UsedLengthError
from cocotbext.virtio.memory import DEFAULT_REGIONS, GuardedMemory
from cocotbext.virtio.packed_virtqueue import PackedVirtqueue
from cocotbext.virtio.virtqueue import ChainElement
from virtio_model import EventSuppression, PackedDescriptor, PackedQueue
from virtio_model.packed import is_available, used_flags, wrap_at
from virtio_model.spec import DescFlag, Feature, RingEventFlag, features

_N, _W, _I = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
FEATURES = features(Feature.RING_PACKED, Feature.INDIRECT_DESC)
IN_ORDER = FEATURES | features(Feature.IN_ORDER)
EVENT_IDX = FEATURES | features(Feature.EVENT_IDX)


def queue_of(size: int = 4, negotiated: int = FEATURES, seed: int | None = None) -> PackedVirtqueue:
    memory = GuardedMemory(RegionMemory(DEFAULT_REGIONS), DEFAULT_REGIONS)
    return PackedVirtqueue(memory, 0, size, None if seed is None else random.Random(seed), negotiated)


def device_of(queue: PackedVirtqueue) -> PackedQueue:
    device = PackedQueue(0, 32768)
    layout = queue.layout
    device.size, device.desc_addr = layout.size, layout.desc_addr
    device.driver_addr, device.device_addr = layout.driver_addr, layout.device_addr
    assert device.enable(queue.features)
    return device


def chain_of(queue: PackedVirtqueue, *lengths: int) -> list[ChainElement]:
    return [(queue.memory.allocate(length), length, True) for length in lengths]


def descriptor(queue: PackedVirtqueue, slot: int) -> PackedDescriptor:
    return PackedDescriptor.unpack(queue.memory.read(queue.layout.descriptor_address(slot), 16))


def test_published_from_the_last_flags_to_the_first() -> None:
    """PACKED-DRV-007, 020: until `publish`, and until its very last write, nothing is available."""
    queue = queue_of()
    queue.add(chain_of(queue, 4, 5))
    queue.add(chain_of(queue, 6))
    assert [is_available(descriptor(queue, slot).flags, True) for slot in range(4)] == [False] * 4
    seen: list[list[bool]] = []
    write = queue.memory.write

    def watch(address: int, data: bytes) -> None:
        write(address, data)
        seen.append([is_available(descriptor(queue, slot).flags, True) for slot in range(3)])

    queue.memory.write = watch  # type: ignore[method-assign]
    assert queue.publish() == 2
    assert seen == [[False, False, True], [False, True, True], [True, True, True]]
    assert [descriptor(queue, slot).flags & (_N | _W) for slot in range(3)] == [_N | _W, _W, _W]
    assert descriptor(queue, 1).id == descriptor(queue, 0).id != descriptor(queue, 2).id


@pytest.mark.parametrize("size", [1, 3, 4, 7])
@pytest.mark.parametrize("negotiated", [FEATURES, IN_ORDER, EVENT_IDX])
def test_rounds_with_the_model(size: int, negotiated: int) -> None:
    queue = queue_of(size, negotiated, seed=size)
    device = device_of(queue)
    rng = random.Random(size)
    added: list[tuple[int, int]] = []
    for _ in range(40 * size):
        count = rng.randint(1, size)
        direct = 0 if rng.random() < 0.3 else None
        with suppress(QueueFull):
            added.append(
                (queue.add(chain_of(queue, *[8] * count), None, rng, direct=direct), rng.randint(0, 8 * count))
            )
        if rng.random() < 0.5:
            queue.publish()
            lengths = dict(added)
            while chain := device.pop(queue.memory):
                device.push(queue.memory, chain.head, lengths[chain.head], chain.slots)
            assert queue.used_in_memory() == len(added)
            assert [(used.head, used.written_len) for used in queue.pop_used()] == added
            added = []
    assert queue.used_count > 10 * size


def test_one_used_descriptor_for_several_lists() -> None:
    """PACKED-DEV-018 to 020: with IN_ORDER it goes to the first slot and carries the last id."""
    queue = queue_of(8, IN_ORDER)
    heads = [queue.add(chain_of(queue, 8, 8)), queue.add(chain_of(queue, 8)), queue.add(chain_of(queue, 8))]
    queue.publish()
    used = (3).to_bytes(4, "little") + heads[1].to_bytes(2, "little") + used_flags(True, 3).to_bytes(2, "little")
    queue.memory.write(queue.layout.used_address(0), used)
    assert queue.used_in_memory() == 2
    assert [(buffer.head, buffer.written_len) for buffer in queue.pop_used()] == [(heads[0], 16), (heads[1], 3)]
    assert queue.next_used == 3


def test_what_a_used_descriptor_cannot_say() -> None:
    queue = queue_of()
    head = queue.add(chain_of(queue, 8))
    queue.publish()
    at = queue.layout.used_address(0)
    flags = used_flags(True, 1).to_bytes(2, "little")
    queue.memory.write(at, (8).to_bytes(4, "little") + (head + 1).to_bytes(2, "little") + flags)
    with pytest.raises(UsedIdError):
        queue.pop_used()
    queue.memory.write(at, (9).to_bytes(4, "little") + head.to_bytes(2, "little") + flags)
    with pytest.raises(UsedLengthError):
        queue.pop_used()
    # Without WRITE, len is reserved (PACKED-DRV-004).
    queue.memory.write(at, (9).to_bytes(4, "little") + head.to_bytes(2, "little") + b"\x80\x80")
    assert [(used.head, used.written_len) for used in queue.pop_used()] == [(head, 0)]


def test_full_ring() -> None:
    queue = queue_of(3)
    queue.add(chain_of(queue, 1, 1))
    with pytest.raises(QueueFull):
        queue.add(chain_of(queue, 1, 1))
    queue.add(chain_of(queue, 1, 1), direct=0)
    assert queue.free_descriptors == 0


def test_whole_chain_goes_into_the_table() -> None:
    """2.8.7: a descriptor with INDIRECT is the only one of its list."""
    queue = queue_of()
    queue.add(chain_of(queue, 1, 2, 3), direct=2)
    queue.publish()
    entry = descriptor(queue, 0)
    assert (entry.len, entry.flags & (_N | _W | _I)) == (48, _I)
    assert queue.free_descriptors == 3


def test_events() -> None:
    queue = queue_of(4, EVENT_IDX)

    def event() -> EventSuppression:
        return EventSuppression.unpack(queue.memory.read(queue.layout.driver_addr, 4))

    assert event() == (0, True, RingEventFlag.DESC)
    queue.add(chain_of(queue, 1, 1))
    queue.add(chain_of(queue, 1))
    queue.interrupt_after(2)
    assert event() == (2, True, RingEventFlag.DESC)
    queue.interrupt_after(3)
    assert event() == (3, True, RingEventFlag.DESC)
    queue.suppress_interrupts(True)
    assert event().flags == RingEventFlag.DISABLE
    queue.suppress_interrupts(False)
    assert event() == (0, True, RingEventFlag.DESC)


def test_notification_by_the_devices_structure() -> None:
    queue = queue_of(4, EVENT_IDX)
    queue.add(chain_of(queue, 1))
    queue.publish()
    assert queue.wants_notification()
    queue.memory.write(queue.layout.device_addr, EventSuppression(2, True, RingEventFlag.DESC).pack())
    queue.add(chain_of(queue, 1))
    queue.publish()
    assert not queue.wants_notification()
    queue.add(chain_of(queue, 1))
    queue.publish()
    assert queue.wants_notification()
    queue.memory.write(queue.layout.device_addr, EventSuppression(2, True, RingEventFlag.DISABLE).pack())
    queue.add(chain_of(queue, 1))
    queue.publish()
    assert not queue.wants_notification()


def test_notification_data() -> None:
    """2.9: next offset and wrap counter."""
    queue = queue_of(2)
    assert queue.notification_data == 0x8000
    queue.add(chain_of(queue, 1))
    queue.publish()
    assert queue.notification_data == 0x8001
    queue.add(chain_of(queue, 1))
    queue.publish()
    assert queue.notification_data == 0x0000
    assert not wrap_at(queue.next_avail, 2)
