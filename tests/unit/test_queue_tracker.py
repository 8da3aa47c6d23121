# SPDX-License-Identifier: Apache-2.0
"""The tracker of one queue, fed with single ring reads."""

from __future__ import annotations

from cocotbext.virtio.events import DmaRead
from cocotbext.virtio.observed import ObservedMemory
from cocotbext.virtio.split_tracker import SplitTracker
from cocotbext.virtio.violation import raise_violation
from virtio_model import SplitQueue

BASE, SIZE = 0x1000, 4


class Ring:
    """A tracker of a queue of 4 entries, and reads of its available ring."""

    def __init__(self) -> None:
        queue = SplitQueue(0, 256)
        queue.size, queue.desc_addr, queue.driver_addr, queue.device_addr = SIZE, BASE, BASE + 0x100, BASE + 0x200
        assert queue.enable()
        self.memory = ObservedMemory()
        self.tracker = SplitTracker(queue, self.memory, raise_violation)
        self.cycle = 0

    def read(self, address: int, value: int) -> int | None:
        """The device reads a halfword; the slot that it should not have, if any."""
        event = DmaRead(self.cycle + 1, self.cycle + 5, address, value.to_bytes(2, "little"))
        self.cycle += 10
        self.memory.record(event)
        slot = self.tracker.slot_not_available(event)
        self.tracker.on_read(event)
        return slot

    def read_idx(self, value: int) -> int | None:
        return self.read(self.tracker.layout.avail_idx_address, value)

    def read_slot(self, slot: int) -> int | None:
        return self.read(self.tracker.layout.avail_entry_address(slot), slot)


def test_entries_beyond_the_idx_are_not_available() -> None:
    ring = Ring()
    assert ring.read_slot(0) == 0
    ring.read_idx(2)
    assert [ring.read_slot(slot) for slot in range(4)] == [None, None, 2, 3]


def test_entries_are_available_while_a_used_idx_is_on_its_way() -> None:
    """The driver may act on a used idx in memory before the device's write of it is answered."""
    ring = Ring()
    ring.read_idx(SIZE)
    assert [ring.read_slot(slot) for slot in range(SIZE)] == [None] * SIZE
    ring.read_idx(SIZE + 2)
    assert ring.tracker.suspect is not None
    assert [ring.read_slot(slot) for slot in range(3)] == [None, None, 2]
    for _ in range(2):
        ring.tracker.step_used()
    ring.tracker.recheck()
    assert ring.tracker.suspect is None
    assert len(ring.tracker.in_flight) == SIZE + 2
