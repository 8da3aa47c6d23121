# SPDX-License-Identifier: Apache-2.0
"""A descriptor chain as a device function sees it: bytes to read and bytes to write, in any framing (2.7.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from virtio_model.memory import MemoryView


class Segment(NamedTuple):
    """One buffer element: `length` bytes at `address`; a length of 0 is an empty element."""

    address: int
    length: int
    device_writable: bool


@dataclass(frozen=True)
class DescriptorChain:
    """A well-formed chain of queue `queue`: device-readable segments first, then device-writable ones.

    `head` is what its used element has to say: the index of its first descriptor, or in a packed ring its buffer id.
    There it takes up `slots` descriptors of the ring.
    """

    queue: int
    head: int
    segments: tuple[Segment, ...]
    slots: int = 1

    @cached_property
    def readable_len(self) -> int:
        """Bytes in the device-readable part."""
        return sum(segment.length for segment in self.segments if not segment.device_writable)

    @cached_property
    def writable_len(self) -> int:
        """Bytes in the device-writable part."""
        return sum(segment.length for segment in self.segments if segment.device_writable)

    def pieces(self, device_writable: bool, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Where `length` bytes from byte `offset` of one part lie: (address, length) runs in chain order.

        Raises `ValueError` if the part ends before.
        """
        part = self.writable_len if device_writable else self.readable_len
        if offset < 0 or length < 0 or offset + length > part:
            raise ValueError(f"bytes {offset}..{offset + length} of a part of {part} bytes")
        for segment in self.segments:
            if length == 0:
                return
            if segment.device_writable is not device_writable:
                continue
            if offset >= segment.length:
                offset -= segment.length
                continue
            run = min(length, segment.length - offset)
            yield segment.address + offset, run
            offset = 0
            length -= run

    def read_bytes(self, memory: MemoryView, offset: int, length: int) -> bytes:
        """Gather `length` bytes from byte `offset` of the device-readable part. Raises `MemoryFault`, `ValueError`."""
        return b"".join(memory.read(address, run) for address, run in self.pieces(False, offset, length))

    def write_bytes(self, memory: MemoryView, offset: int, data: bytes) -> None:
        """Scatter `data` from byte `offset` of the device-writable part on, in chain order.

        Raises `MemoryFault` at the first piece that cannot be written, after those before it; `ValueError`.
        """
        done = 0
        for address, run in self.pieces(True, offset, len(data)):
            memory.write(address, data[done : done + run])
            done += run
