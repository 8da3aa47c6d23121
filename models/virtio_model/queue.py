# SPDX-License-Identifier: Apache-2.0
"""What split and packed virtqueues have in common: set-up, and the checks that every descriptor has to pass (2.6)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from virtio_model import spec
from virtio_model.chain import DescriptorChain, Segment
from virtio_model.errors import (
    AddressOverflow,
    BadIndirectTable,
    IndirectNotNegotiated,
    LengthOverflow,
    ReadableAfterWritable,
    RingAccessError,
)
from virtio_model.memory import MemoryFault, MemoryView

QueueT = TypeVar("QueueT", bound="Virtqueue")

_MAX_TOTAL = 0xFFFF_FFFF


@dataclass(frozen=True)
class RingLayout(ABC):
    """Where the three areas of a queue of `size` entries lie; addresses and lengths in bytes."""

    size: int
    desc_addr: int = 0
    driver_addr: int = 0
    device_addr: int = 0

    #: Alignment of the descriptor, driver and device areas in bytes.
    ALIGN: ClassVar[tuple[int, int, int]]

    @property
    def desc_bytes(self) -> int:
        """Length of the descriptor table, or ring."""
        return spec.DESC_BYTES * self.size

    @property
    @abstractmethod
    def driver_bytes(self) -> int:
        """Length of the driver area."""

    @property
    @abstractmethod
    def device_bytes(self) -> int:
        """Length of the device area."""

    def descriptor_address(self, index: int) -> int:
        """Address of descriptor `index`."""
        return self.desc_addr + spec.DESC_BYTES * index

    def usable(self, size_max: int, address_width: int = 64) -> bool:
        """Whether a device can work with this set-up: size, alignment, and areas within 2^`address_width`."""
        addresses = (self.desc_addr, self.driver_addr, self.device_addr)
        lengths = (self.desc_bytes, self.driver_bytes, self.device_bytes)
        return 1 <= self.size <= size_max and all(
            address % align == 0 and address + length <= 1 << address_width
            for address, length, align in zip(addresses, lengths, self.ALIGN, strict=True)
        )


class Virtqueue(ABC):
    """Set-up of one queue, as the driver wrote it; `features` are those negotiated when it became ready."""

    def __init__(self, index: int, size_max: int, *, index_init: int = 0, address_width: int = 64) -> None:
        self.index = index
        self.size_max = size_max
        self.index_init = index_init & 0xFFFF
        self.address_width = address_width
        self.reset()

    def reset(self) -> None:
        """Forget set-up and progress."""
        self.size = self.desc_addr = self.driver_addr = self.device_addr = 0
        self.features = 0
        self.ready = False
        self._start()

    @property
    @abstractmethod
    def layout(self) -> RingLayout:
        """Where the rings lie by the present set-up."""

    @abstractmethod
    def _start(self) -> None:
        """Progress as it is when the queue becomes ready."""

    @abstractmethod
    def pop(self, memory: MemoryView) -> DescriptorChain | None:
        """Take the next available chain; None if there is none. A malformed one is consumed; raises `RingError`."""

    @abstractmethod
    def push(self, memory: MemoryView, head: int, written_len: int, slots: int = 1) -> None:
        """Give a chain back that takes up `slots` of the ring. Raises `RingAccessError`."""

    @abstractmethod
    def interrupt_wanted(self, memory: MemoryView) -> bool:
        """Whether the driver wants a used buffer notification for what was used since this was asked last; yes if that
        cannot be read.
        """

    @abstractmethod
    def want_notification(self, memory: MemoryView) -> bool:
        """Before going idle: with EVENT_IDX ask the driver to notify for the next chain, and look once more.

        Returns whether there is one already. Raises `RingError`.
        """

    def turned_into(self, kind: type[QueueT]) -> QueueT:
        """A queue of the other kind with the same set-up."""
        queue = kind(self.index, self.size_max, index_init=self.index_init, address_width=self.address_width)
        queue.size, queue.desc_addr = self.size, self.desc_addr
        queue.driver_addr, queue.device_addr = self.driver_addr, self.device_addr
        return queue

    def enable(self, features: int = 0) -> bool:
        """QueueReady = 1: start anew with the present set-up; False, and not ready, if it cannot be used."""
        if not self.ready and self.layout.usable(self.size_max, self.address_width):
            self.ready = True
            self.features = features
            self._start()
        return self.ready

    def disable(self) -> None:
        """QueueReady = 0; the set-up is kept."""
        self.ready = False

    def has(self, bit: int) -> bool:
        """Whether feature `bit` was negotiated when the queue became ready."""
        return bool(self.features >> bit & 1)

    def table_fault(self, address: int, length: int, alone: bool, why: str) -> str:
        """Why a descriptor with INDIRECT points to no table; or "". `alone`: `why` does not apply."""
        if not alone:
            return why
        if length == 0 or length % spec.DESC_BYTES:
            return f"its length is {length}"
        if address + length > 1 << self.address_width:
            return f"it ends above the address space: {length} bytes at {address:#x}"
        return ""

    def check_table(self, head: int, position: int, fault: str) -> None:
        """Descriptor number `position` of a chain has INDIRECT set. Raises `ChainError`."""
        if not self.has(spec.Feature.INDIRECT_DESC):
            raise IndirectNotNegotiated(self.index, head, position)
        if fault:
            raise BadIndirectTable(self.index, head, position, fault)

    def _read_u16(self, memory: MemoryView, address: int) -> int:
        return int.from_bytes(self._read(memory, address, 2), "little")

    def _read(self, memory: MemoryView, address: int, length: int) -> bytes:
        try:
            return memory.read(address, length)
        except MemoryFault as fault:
            raise RingAccessError(self.index, address, length) from fault

    def _write(self, memory: MemoryView, address: int, data: bytes) -> None:
        try:
            memory.write(address, data)
        except MemoryFault as fault:
            raise RingAccessError(self.index, address, len(data)) from fault


class ChainParts:
    """The buffers of a chain of `queue` that starts at, or has the id, `head`; each is checked as it comes."""

    def __init__(self, queue: Virtqueue, head: int) -> None:
        self.segments: list[Segment] = []
        self._queue = queue
        self._head = head
        self._totals = [0, 0]

    def append(self, address: int, length: int, device_writable: bool) -> None:
        """One more buffer. Raises `ChainError`."""
        queue, segments = self._queue, self.segments
        if segments and segments[-1].device_writable and not device_writable:
            raise ReadableAfterWritable(queue.index, self._head, len(segments))
        if length and address + length > 1 << queue.address_width:
            raise AddressOverflow(queue.index, self._head, address, length)
        segments.append(Segment(address, length, device_writable))
        self._totals[device_writable] += length
        if self._totals[device_writable] > _MAX_TOTAL:
            raise LengthOverflow(queue.index, self._head, self._totals[device_writable])
