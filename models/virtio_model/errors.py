# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a ring, one type each.

A device cannot report any of them in band: it sets DEVICE_NEEDS_RESET (2.1.2).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(eq=False)
class RingError(Exception):
    """A malformed or unreachable ring of queue `queue`."""

    queue: int

    def __str__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        text = (f"{name}={value:#x}" if name == "address" else f"{name}={value}" for name, value in values.items())
        return " ".join((type(self).__name__, *text))


@dataclass(eq=False)
class RingAccessError(RingError):
    """A ring structure could not be read or written: `length` bytes at `address`."""

    address: int
    length: int


@dataclass(eq=False)
class StatusAccessError(RingAccessError):
    """A request's status byte could not be written, so its result cannot be reported."""

    head: int


@dataclass(eq=False)
class AvailIndexError(RingError):
    """The available idx is more than `size` ahead of what was taken, or of what was used (2.7.6, 2.7.13)."""

    avail_idx: int
    last_avail: int
    used_idx: int
    size: int


@dataclass(eq=False)
class ChainError(RingError):
    """The descriptor chain that starts at `head` is malformed."""

    head: int


@dataclass(eq=False)
class HeadOutOfRange(ChainError):
    """An available ring entry is not below the queue size (2.7.6)."""

    size: int


@dataclass(eq=False)
class NextOutOfRange(ChainError):
    """A descriptor's next is not below the size of its table, that of the queue or an indirect one (2.7.5)."""

    next: int
    size: int


@dataclass(eq=False)
class ChainLoopError(ChainError):
    """A chain goes on after `limit` descriptors (2.7.5)."""

    limit: int


@dataclass(eq=False)
class BrokenList(RingError):
    """The list whose first descriptor is at `slot` of a packed ring goes on after `available` descriptors, and the next
    one is not available, or in flight already (2.8.6, 2.8.21).
    """

    slot: int
    available: int


@dataclass(eq=False)
class ReadableAfterWritable(ChainError):
    """Descriptor number `position` of the chain is device-readable after a device-writable one (2.7.4.2)."""

    position: int


@dataclass(eq=False)
class IndirectNotNegotiated(ChainError):
    """Descriptor number `position` of the chain has INDIRECT set without VIRTIO_F_INDIRECT_DESC (2.7.5.3.1)."""

    position: int


@dataclass(eq=False)
class BadIndirectTable(ChainError):
    """Descriptor number `position` points to an indirect table, which it cannot (2.7.5.3): `why`."""

    position: int
    why: str


@dataclass(eq=False)
class AddressOverflow(ChainError):
    """A buffer that is not empty ends above the address space: `length` bytes at `address`."""

    address: int
    length: int


@dataclass(eq=False)
class LengthOverflow(ChainError):
    """The device-readable or device-writable part of a chain has `total` bytes, more than 2^32 - 1 (2.7.5.2)."""

    total: int
