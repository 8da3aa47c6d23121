# SPDX-License-Identifier: Apache-2.0
"""Split ring geometry, index arithmetic, publication and unreachable rings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model_bench import BUFFERS, DriverRing, live_queue, ram
from virtio_model import (
    AvailIndexError,
    ChainError,
    ChainLoopError,
    RingAccessError,
    RingError,
    SplitLayout,
    SplitQueue,
    StatusAccessError,
)
from virtio_model.spec import DescFlag, need_event

WRITE = DescFlag.WRITE


def test_geometry() -> None:
    layout = SplitLayout(4, 0x1000, 0x2000, 0x3000)
    assert (layout.desc_bytes, layout.driver_bytes, layout.device_bytes) == (64, 14, 38)
    assert layout.descriptor_address(3) == 0x1030
    assert (layout.avail_flags_address, layout.avail_idx_address) == (0x2000, 0x2002)
    assert (layout.avail_entry_address(3), layout.used_event_address) == (0x200A, 0x200C)
    assert (layout.used_flags_address, layout.used_idx_address) == (0x3000, 0x3002)
    assert (layout.used_element_address(3), layout.avail_event_address) == (0x301C, 0x3024)


@pytest.mark.parametrize(
    ("layout", "usable"),
    [
        (SplitLayout(8), True),
        (SplitLayout(1), True),
        (SplitLayout(3), True),
        (SplitLayout(0), False),
        (SplitLayout(16), True),
        (SplitLayout(17), False),
        (SplitLayout(0x10000), False),
        (SplitLayout(0x10008), False),
        (SplitLayout(8, desc_addr=8), False),
        (SplitLayout(8, driver_addr=1), False),
        (SplitLayout(8, driver_addr=2), True),
        (SplitLayout(8, device_addr=2), False),
        (SplitLayout(8, device_addr=4), True),
        (SplitLayout(8, desc_addr=(1 << 40) - 128), True),
        (SplitLayout(8, desc_addr=(1 << 40) - 112), False),
        (SplitLayout(8, driver_addr=(1 << 40) - 22), True),
        (SplitLayout(8, driver_addr=(1 << 40) - 20), False),
        (SplitLayout(9, device_addr=(1 << 40) - 80), True),
        (SplitLayout(9, device_addr=(1 << 40) - 76), False),
        (SplitLayout(8, desc_addr=1 << 40), False),
    ],
)
def test_usable_set_up(layout: SplitLayout, usable: bool) -> None:
    """HOST-015, 017, 018, 057, 058."""
    assert layout.usable(16, 40) is usable


def test_areas_may_not_wrap_64_bits() -> None:
    top = 1 << 64
    assert SplitLayout(8, desc_addr=top - 128).usable(8)
    assert not SplitLayout(8, desc_addr=top - 16).usable(8)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100, 256])
@pytest.mark.parametrize("start", [0, 65530, 65535])
def test_ring_wraps(size: int, start: int) -> None:
    """HOST-002, 004, 015: positions stay right across the 16-bit wrap and for any size."""
    memory = ram()
    queue, ring = live_queue(memory, size, start)
    for round_ in range(5):
        for index in range(size):
            ring.describe(index, BUFFERS + index, 1, WRITE)
        heads = [(round_ + index) % size for index in range(size)]
        ring.publish(*heads)
        popped = []
        while chain := queue.pop(memory):
            popped.append(chain.head)
        assert popped == heads
        for head in reversed(popped):
            queue.push(memory, head, head + 1)
        assert ring.used() == [(head, head + 1) for head in reversed(heads)]
    assert queue.last_avail == queue.used_idx == (start + 5 * size) & 0xFFFF
    assert ring.read_u16(ring.layout.used_idx_address) == queue.used_idx


def test_free_running_over_the_whole_index_range() -> None:
    memory = ram()
    queue, ring = live_queue(memory, 3, 0)
    ring.describe(2, BUFFERS, 4, WRITE)
    for turn in range(65536 + 7):
        ring.publish(2)
        chain = queue.pop(memory)
        assert chain is not None
        queue.push(memory, chain.head, turn)
        assert ring.used() == [(2, turn)]
    assert queue.used_idx == 7


def test_becoming_ready_starts_anew() -> None:
    """HOST-099."""
    memory = ram()
    queue, ring = live_queue(memory, 8, 65534)
    ring.describe(0, BUFFERS, 4, WRITE)
    ring.publish(0, 0, 0)
    for _ in range(3):
        assert queue.pop(memory)
        queue.push(memory, 0, 4)
    queue.disable()
    queue.size = 5
    assert queue.enable()
    assert (queue.last_avail, queue.used_idx) == (65534, 65534)
    assert (queue.avail_slot, queue.used_slot) == (65534 % 5, 65534 % 5)


def test_a_set_up_that_cannot_be_used_is_not_ready() -> None:
    queue = SplitQueue(0, 8)
    queue.size = 9
    assert not queue.enable()
    assert not queue.ready
    queue.size = 8
    assert queue.enable()
    queue.reset()
    assert (queue.ready, queue.size) == (False, 0)


def test_nothing_available_reads_only_the_index() -> None:
    memory = ram()
    queue, ring = live_queue(memory, 8)
    memory.add_fault_window(ring.layout.desc_addr, ring.layout.desc_bytes)
    memory.add_fault_window(ring.layout.avail_entry_address(0), 16)
    assert queue.pop(memory) is None


@pytest.mark.parametrize("ahead", [9, 10, 0x4000, 65535, 65534, 65528])
def test_avail_idx_too_far(ahead: int) -> None:
    """HOST-001, 003: too far ahead, or backwards; no ring entry is read."""
    memory = ram()
    queue, ring = live_queue(memory, 8, 65533)
    memory.add_fault_window(ring.layout.avail_entry_address(0), 16)
    ring.set_avail_idx(65533 + ahead)
    with pytest.raises(AvailIndexError) as caught:
        queue.pop(memory)
    assert (caught.value.avail_idx, caught.value.last_avail) == ((65533 + ahead) & 0xFFFF, 65533)


def test_exactly_one_queue_ahead_is_legal() -> None:
    memory = ram()
    queue, ring = live_queue(memory, 8, 65533)
    ring.set_avail_idx(65533 + 8)
    assert queue.count_available(memory) == 8


def test_oversubscription() -> None:
    """HOST-007: more published than was used, although not more than the queue size ahead of what was taken."""
    memory = ram()
    queue, ring = live_queue(memory, 4)
    ring.describe(0, BUFFERS, 4, WRITE)
    ring.publish(0, 0, 0, 0)
    for _ in range(4):
        assert queue.pop(memory)
    assert queue.pop(memory) is None
    ring.publish(0)
    with pytest.raises(AvailIndexError):
        queue.pop(memory)
    queue.push(memory, 0, 0)
    assert queue.pop(memory)


def _unreachable(ring: DriverRing, part: str) -> tuple[int, int]:
    layout = ring.layout
    return {
        "idx": (layout.avail_idx_address, 2),
        "entry": (layout.avail_entry_address(0), 2),
        "descriptor": (layout.descriptor_address(3), 16),
        "element": (layout.used_element_address(0), 8),
        "used_idx": (layout.used_idx_address, 2),
    }[part]


@pytest.mark.parametrize("part", ["idx", "entry", "descriptor", "element", "used_idx"])
def test_unreachable_ring(part: str) -> None:
    """HOST-080, 081, 084: nothing is published after a failed access."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    ring.describe(3, BUFFERS, 4, WRITE)
    ring.publish(3)
    address, length = _unreachable(ring, part)
    memory.add_fault_window(address, length)
    steps: list[Callable[[], object]] = [lambda: queue.pop(memory), lambda: queue.push(memory, 3, 4)]
    if part in ("element", "used_idx"):
        assert steps.pop(0)()
    with pytest.raises(RingAccessError) as caught:
        steps[0]()
    assert (caught.value.queue, caught.value.address, caught.value.length) == (0, address, length)
    assert queue.used_idx == 0
    memory.clear_fault_windows()
    assert ring.used() == []


def test_element_before_index() -> None:
    """SPLIT-DEV-033."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    writes: list[int] = []

    class Recorder:
        def read(self, address: int, length: int) -> bytes:
            return memory.read(address, length)

        def write(self, address: int, data: bytes) -> None:
            writes.append(address)
            memory.write(address, data)

    queue.push(Recorder(), 5, 99)
    assert writes == [ring.layout.used_element_address(0), ring.layout.used_idx_address]
    assert ring.used() == [(5, 99)]


@pytest.mark.parametrize(("flags", "wanted"), [(0, True), (1, False), (0xFFFE, True), (0xFFFF, False)])
def test_interrupt_suppression(flags: int, wanted: bool) -> None:
    """HOST-012."""
    memory = ram()
    queue, ring = live_queue(memory, 8)
    ring.write_u16(ring.layout.avail_flags_address, flags)
    assert queue.interrupt_wanted(memory) is wanted


def test_unreadable_suppression_means_wanted() -> None:
    memory = ram()
    queue, ring = live_queue(memory, 8)
    ring.write_u16(ring.layout.avail_flags_address, 1)
    memory.add_fault_window(ring.layout.avail_flags_address, 2)
    assert queue.interrupt_wanted(memory)


def test_errors_name_their_fields() -> None:
    error = ChainLoopError(queue=1, head=5, limit=8)
    assert str(error) == "ChainLoopError queue=1 head=5 limit=8"
    assert isinstance(error, ChainError)
    fatal = StatusAccessError(queue=0, address=0x1000, length=1, head=3)
    assert str(fatal) == "StatusAccessError queue=0 address=0x1000 length=1 head=3"
    assert isinstance(fatal, RingAccessError)
    assert isinstance(fatal, RingError)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_need_event_counts_the_indices_passed(event: int, old: int, distance: int) -> None:
    """2.7.10, against the definition: some index from old to new - 1 is `event`."""
    passed = (event - old) & 0xFFFF < distance
    assert need_event(event, (old + distance) & 0xFFFF, old) is passed
