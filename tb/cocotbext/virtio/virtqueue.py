# SPDX-License-Identifier: Apache-2.0
"""The driver's side of a virtqueue, over any `GuestMemory`: what split and packed ones have in common."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from virtio_model import RingLayout, spec
from virtio_model.spec import Feature

from .errors import ChainTooLong, UsedIdError, UsedLengthError
from .interfaces import GuestMemory

#: One element of a chain: address, length in bytes, device_writable.
ChainElement = tuple[int, int, bool]


@dataclass(frozen=True)
class UsedBuffer:
    """A chain that came back: id and len as the device wrote them, and what `add` was given as its token."""

    queue: int
    head: int
    written_len: int
    token: Any = None


@dataclass
class Outstanding:
    """A chain added and not yet used: the places it takes up, its device-writable bytes, its indirect table."""

    places: list[int]
    writable: int
    token: Any
    table: int | None


class Virtqueue(ABC):
    """Queue `index` with `size` entries, its areas zeroed.

    Chains become visible to the device with `publish`, any number at a time. With `rng` the areas lie at random
    addresses that are aligned as little as the standard allows.

    `features` are those negotiated: INDIRECT_DESC allows `direct` in `add`; with EVENT_IDX the events tell when to
    notify, and an interrupt is asked for with every used buffer taken; with IN_ORDER what the device says of one chain
    may stand for several (2.7.9, 2.8.8).
    """

    def __init__(
        self, memory: GuestMemory, index: int, size: int, rng: random.Random | None = None, features: int = 0
    ) -> None:
        if not 1 <= size <= spec.QUEUE_SIZE_LIMIT:
            raise ValueError(f"queue {index}: size expected 1..{spec.QUEUE_SIZE_LIMIT}, seen {size}")
        self.memory = memory
        self.index = index
        self.size = size
        self.features = features
        self.used_count = 0
        self._suppressed = False
        self._outstanding: dict[int, Outstanding] = {}
        self._log = logging.getLogger(f"virtio.queue{index}")
        self._place_areas(rng)

    @property
    @abstractmethod
    def layout(self) -> RingLayout:
        """Where the three areas lie."""

    @property
    @abstractmethod
    def free_descriptors(self) -> int:
        """How many descriptors can be added now."""

    @property
    @abstractmethod
    def notification_data(self) -> int:
        """What NOTIFICATION_DATA adds to a notification: 16 bits (2.9)."""

    @property
    @abstractmethod
    def unpublished(self) -> int:
        """Chains added and not published."""

    @property
    @abstractmethod
    def progress(self) -> str:
        """Where the rings stand, for people."""

    @abstractmethod
    def add(
        self,
        chain: Sequence[ChainElement],
        token: Any = None,
        table_order: Sequence[int] | random.Random | None = None,
        check: bool = True,
        direct: int | None = None,
    ) -> int:
        """Write a chain into the ring; returns what its used element will say as id.

        `table_order` gives places, or a generator that picks them, where there is a choice. With `direct` the elements
        behind that many go into an indirect table, at any address if `table_order` is a generator. `check=False` allows
        device-readable after device-writable elements. Raises QueueFull, or ValueError for a chain that no driver may
        make.
        """

    @abstractmethod
    def publish(self) -> int:
        """Make everything added visible to the device; returns how many chains that were."""

    @abstractmethod
    def wants_notification(self) -> bool:
        """Whether the device asks to be notified of what was published since this was asked last."""

    @abstractmethod
    def suppress_interrupts(self, suppress: bool) -> None:
        """Ask for no interrupts, or for them again. After asking for them again, look at the used buffers."""

    @abstractmethod
    def interrupt_after(self, count: int) -> None:
        """With EVENT_IDX: ask for an interrupt when `count` more chains, of those published, have been used."""

    @abstractmethod
    def used_in_memory(self) -> int:
        """How many chains more the memory says that the device has used; nothing is taken or checked."""

    @abstractmethod
    def used_buffers(self) -> Iterator[UsedBuffer]:
        """The chains that the device has used since the last call, in its order.

        Raises UsedIdxError, UsedIdError or UsedLengthError at the first that cannot be, after those before it were
        given out.
        """

    def has(self, bit: int) -> bool:
        """Whether feature `bit` was negotiated."""
        return bool(self.features >> bit & 1)

    @property
    def outstanding(self) -> list[int]:
        """Ids of the chains added and not yet used, oldest first."""
        return list(self._outstanding)

    def pop_used(self) -> list[UsedBuffer]:
        """`used_buffers` as a list; those before a bad element are lost."""
        return list(self.used_buffers())

    def free(self) -> None:
        """Give the queue's memory back after checking its guards. The device must not use it any more."""
        tables = [record.table for record in self._outstanding.values() if record.table is not None]
        for address in (self.layout.desc_addr, self.layout.driver_addr, self.layout.device_addr, *tables):
            self.memory.free(address)

    @abstractmethod
    def _place_areas(self, rng: random.Random | None) -> None:
        """Allocate the areas."""

    @abstractmethod
    def _given_back(self, record: Outstanding) -> None:
        """The places of a chain that was used are free again."""

    def _named(self, slot: int, used_id: int, written_len: int, most: int) -> Iterator[UsedBuffer]:
        """The chains that one used element stands for: one or, with IN_ORDER, up to `most`."""
        if used_id not in self._outstanding:
            raise UsedIdError(self.index, slot, used_id, self.outstanding)
        if self.has(Feature.IN_ORDER):
            skipped = self.outstanding.index(used_id)
            if skipped >= most:
                raise UsedIdError(self.index, slot, used_id, self.outstanding[:most])
            for before in self.outstanding[:skipped]:
                yield self._take_out(before, self._outstanding[before].writable)
        yield self._take_out(used_id, written_len)

    def _take_out(self, used_id: int, written_len: int) -> UsedBuffer:
        record = self._outstanding[used_id]
        if written_len > record.writable:
            raise UsedLengthError(self.index, used_id, f"at most {record.writable}", written_len)
        del self._outstanding[used_id]
        if record.table is not None:
            self.memory.free(record.table)
        self.used_count += 1
        self._given_back(record)
        self._log.info("used head=%d written_len=%d", used_id, written_len)
        return UsedBuffer(self.index, used_id, written_len, record.token)

    def _check_chain(self, chain: Sequence[ChainElement], direct: int | None, check: bool) -> None:
        """No longer than the queue, readable before writable (2.7.4.2), no more than 2^32 bytes (2.7.5.2)."""
        if direct is not None and not (self.has(Feature.INDIRECT_DESC) and 0 <= direct < len(chain)):
            raise ValueError(f"queue {self.index}: direct={direct} needs INDIRECT_DESC and more than {direct} elements")
        if not 1 <= len(chain) <= self.size:
            raise ChainTooLong(self.index, self.size, len(chain))
        if not check:
            return
        writable = [device_writable for _, _, device_writable in chain]
        if writable != sorted(writable):
            raise ValueError(f"queue {self.index}: device-readable element after a device-writable one")
        total = sum(length for _, length, _ in chain)
        if total > 1 << 32:
            raise ValueError(f"queue {self.index}: chain of {total} bytes, expected at most 2^32")

    def _place_table(self, entries: Sequence[bytes], rng: random.Random | None) -> int:
        """An indirect table in memory; with `rng` at any address."""
        offset = rng.randrange(64) if rng else 0
        table = self.memory.allocate(spec.DESC_BYTES * len(entries), 64, offset)
        self.memory.write(table, b"".join(entries))
        return table

    def _area(self, length: int, align: int, rng: random.Random | None) -> int:
        """Zeroed memory, aligned to `align` and with `rng` to nothing more."""
        offset = align * rng.randrange(64 // align) if rng else 0
        address = self.memory.allocate(length, 64, offset)
        self.memory.write(address, bytes(length))
        return address

    def _read16(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 2), "little")

    def _write16(self, address: int, value: int) -> None:
        self.memory.write(address, value.to_bytes(2, "little"))


def writable_length(chain: Sequence[ChainElement]) -> int:
    """The device-writable bytes of a chain."""
    return sum(length for _, length, device_writable in chain if device_writable)


def write_flag(device_writable: bool) -> int:
    """The descriptor flag of an element."""
    return spec.DescFlag.WRITE if device_writable else 0
