# SPDX-License-Identifier: Apache-2.0
"""A minimal driver side for the model's own tests: rings laid out by hand, legal or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from virtio_model import Descriptor, DeviceFunction, Memory, MmioDevice, SplitLayout, SplitQueue
from virtio_model.spec import DescFlag, Feature, Reg, Status, features

RAM_BASE = 0x1_0000_0000
RAM_SIZE = 1 << 20
BUFFERS = RAM_BASE + RAM_SIZE // 2
RING_STRIDE = 0x8000
NEGOTIATED = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK
LIVE = NEGOTIATED | Status.DRIVER_OK

Element = bytes | int
"""A device-readable buffer's contents, or a device-writable buffer's length in bytes."""


class DriverRing:
    """The driver's half of one split queue in `memory`; publishes exactly what it is told."""

    def __init__(self, memory: Memory, layout: SplitLayout, index_init: int = 0) -> None:
        self.memory = memory
        self.layout = layout
        self.avail_idx = self.seen_idx = index_init
        self.avail_slot = self.seen_slot = index_init % layout.size
        self.next_descriptor = 0
        self.write_u16(layout.avail_idx_address, index_init)

    def write_u16(self, address: int, value: int) -> None:
        self.memory.write(address, value.to_bytes(2, "little"))

    def read_u16(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 2), "little")

    def describe(self, index: int, addr: int, length: int, flags: int = 0, following: int = 0) -> None:
        """Write descriptor `index`."""
        self.memory.write(self.layout.descriptor_address(index), Descriptor(addr, length, flags, following).pack())

    def link(self, descriptors: Sequence[tuple[int, int, bool]]) -> int:
        """Write a chain of (address, length, device-writable) into the next descriptors; returns its head."""
        size = self.layout.size
        indices = [(self.next_descriptor + step) % size for step in range(len(descriptors) + 1)]
        for (index, following), (addr, length, writable) in zip(pairwise(indices), descriptors, strict=True):
            last = following == indices[-1]
            flags = (DescFlag.WRITE if writable else 0) | (0 if last else DescFlag.NEXT)
            self.describe(index, addr, length, flags, 0xFFFF if last else following)
        self.next_descriptor = indices[-1]
        return indices[0]

    def publish(self, *heads: int) -> None:
        """Put heads into the available ring and advance its idx."""
        for head in heads:
            self.write_u16(self.layout.avail_entry_address(self.avail_slot), head)
            self.avail_slot = (self.avail_slot + 1) % self.layout.size
            self.avail_idx = (self.avail_idx + 1) & 0xFFFF
        self.write_u16(self.layout.avail_idx_address, self.avail_idx)

    def set_avail_idx(self, value: int) -> None:
        self.write_u16(self.layout.avail_idx_address, value & 0xFFFF)

    def used(self) -> list[tuple[int, int]]:
        """The (id, len) pairs used since the last call."""
        elements = []
        while self.seen_idx != self.read_u16(self.layout.used_idx_address):
            data = self.memory.read(self.layout.used_element_address(self.seen_slot), 8)
            elements.append((int.from_bytes(data[:4], "little"), int.from_bytes(data[4:], "little")))
            self.seen_slot = (self.seen_slot + 1) % self.layout.size
            self.seen_idx = (self.seen_idx + 1) & 0xFFFF
        return elements


def layout_for(index: int, size: int) -> SplitLayout:
    """Rings of queue `index`, apart from each other."""
    base = RAM_BASE + index * 3 * RING_STRIDE
    return SplitLayout(size, base, base + RING_STRIDE, base + 2 * RING_STRIDE)


def live_queue(
    memory: Memory, size: int, index_init: int = 0, address_width: int = 64
) -> tuple[SplitQueue, DriverRing]:
    """A ready queue 0 of the model and its driver half."""
    layout = layout_for(0, size)
    queue = SplitQueue(0, 32768, index_init=index_init, address_width=address_width)
    queue.size, queue.desc_addr, queue.driver_addr, queue.device_addr = (
        size,
        layout.desc_addr,
        layout.driver_addr,
        layout.device_addr,
    )
    assert queue.enable()
    memory.write(layout.used_idx_address, index_init.to_bytes(2, "little"))
    return queue, DriverRing(memory, layout, index_init)


def ram() -> Memory:
    return Memory(RAM_BASE, RAM_SIZE)


class Bench:
    """A model device with its memory; `go_live` does what a well-behaved driver does."""

    def __init__(self, function: DeviceFunction, *, index_init: int = 0, **options: Any) -> None:
        self.memory = ram()
        self.index_init = index_init
        self.device = MmioDevice(function, self.memory, index_init=index_init, **options)
        self.rings: dict[int, DriverRing] = {}
        self._next_buffer = BUFFERS

    def set_up_queue(self, index: int = 0, size: int = 8, layout: SplitLayout | None = None) -> bool:
        """Program a queue and write QueueReady = 1; returns what QueueReady reads."""
        layout = layout or layout_for(index, size)
        self.device.write(Reg.QUEUE_SEL, index)
        self.device.write(Reg.QUEUE_SIZE, layout.size)
        for low, high, address in (
            (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DESC_HIGH, layout.desc_addr),
            (Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DRIVER_HIGH, layout.driver_addr),
            (Reg.QUEUE_DEVICE_LOW, Reg.QUEUE_DEVICE_HIGH, layout.device_addr),
        ):
            self.device.write(low, address & 0xFFFF_FFFF)
            self.device.write(high, address >> 32)
        self.device.write(Reg.QUEUE_READY, 1)
        return bool(self.device.read(Reg.QUEUE_READY))

    def add_ring(self, index: int = 0, size: int = 8) -> DriverRing:
        """Zero the rings of queue `index`, make it ready and return its driver half."""
        layout = layout_for(index, size)
        self.memory.write(layout.desc_addr, bytes(3 * RING_STRIDE))
        ring = DriverRing(self.memory, layout, self.index_init)
        ring.write_u16(layout.used_idx_address, self.index_init)
        assert self.set_up_queue(index, size)
        self.rings[index] = ring
        return ring

    def accept(self, word: int) -> None:
        """Write both words of the driver's features."""
        for index in range(2):
            self.device.write(Reg.DRIVER_FEATURES_SEL, index)
            self.device.write(Reg.DRIVER_FEATURES, word >> 32 * index & 0xFFFF_FFFF)

    def negotiate(self, word: int | None = None) -> Status:
        """Reset, accept `word` (default: all that is offered) and set FEATURES_OK; returns Status."""
        self.device.write(Reg.STATUS, 0)
        self.device.write(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER)
        self.accept(self.device.device_features if word is None else word)
        self.device.write(Reg.STATUS, NEGOTIATED)
        return Status(self.device.read(Reg.STATUS))

    def go_live(self, size: int = 8, queues: int = 1, word: int | None = None) -> DriverRing:
        """Bring the device up to DRIVER_OK with ready queues; returns the ring of queue 0."""
        assert self.negotiate(word) == NEGOTIATED
        for index in range(queues):
            self.add_ring(index, size)
        self.device.write(Reg.STATUS, LIVE)
        assert self.device.live
        return self.rings[0]

    def kick(self, index: int = 0) -> None:
        self.device.write(Reg.QUEUE_NOTIFY, index)

    def place(self, elements: Sequence[Element]) -> list[tuple[int, int, bool]]:
        """Allocate buffers for `elements`, filling the device-writable ones with 0xA5."""
        placed = []
        for element in elements:
            writable = isinstance(element, int)
            data = b"\xa5" * element if isinstance(element, int) else element
            self.memory.write(self._next_buffer, data)
            placed.append((self._next_buffer, len(data), writable))
            self._next_buffer += len(data) + 1
        return placed

    def submit(self, elements: Sequence[Element], index: int = 0) -> tuple[int, int, bytes]:
        """Make one chain available, kick, and return its used (id, len) and the device-writable bytes afterwards."""
        ring = self.rings[index]
        placed = self.place(elements)
        head = ring.link(placed)
        ring.publish(head)
        self.kick(index)
        [(used_id, written_len)] = ring.used()
        assert used_id == head
        written = b"".join(self.memory.read(addr, length) for addr, length, writable in placed if writable)
        return used_id, written_len, written


def accepted(*bits: int) -> int:
    """VERSION_1 and the given feature bits."""
    return features(Feature.VERSION_1, *bits)
