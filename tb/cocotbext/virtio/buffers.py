# SPDX-License-Identifier: Apache-2.0
"""From bytes to descriptors: framings cut a request into pieces, `ChainBuffers` places the pieces in memory.

The standard leaves the framing of a request to the driver (2.7.4): a device serves every one of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .interfaces import GuestMemory

#: Lengths of a request's natural parts (header, data, status) to lengths of descriptors, called once for the
#: device-readable and once for the device-writable side. The sums must agree.
Framing = Callable[[Sequence[int]], Sequence[int]]

POISON = 0xFF


def natural(parts: Sequence[int]) -> Sequence[int]:
    """One descriptor for each part."""
    return [length for length in parts if length]


def merged(parts: Sequence[int]) -> Sequence[int]:
    """One descriptor for all that goes in one direction."""
    return [sum(parts)] if sum(parts) else []


def bytewise(parts: Sequence[int]) -> Sequence[int]:
    """One descriptor for each byte."""
    return [1] * sum(parts)


def chunks(size: int) -> Framing:
    """Descriptors of `size` bytes, the last one shorter, whatever the parts are."""

    def cut(parts: Sequence[int]) -> Sequence[int]:
        total = sum(parts)
        return [min(size, total - start) for start in range(0, total, size)]

    return cut


def pieces(count: int, rng: random.Random | None = None) -> Framing:
    """`count` descriptors for each direction that has bytes (fewer where it has fewer bytes), equal or random."""

    def cut(parts: Sequence[int]) -> Sequence[int]:
        total = sum(parts)
        wanted = min(count, total)
        if not wanted:
            return []
        if rng is None:
            ends = [total * (i + 1) // wanted for i in range(wanted)]
        else:
            ends = [*sorted(rng.sample(range(1, total), wanted - 1)), total]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    return cut


def random_framing(rng: random.Random, most: int = 8) -> Framing:
    """Between 1 and `most` descriptors of random lengths for each direction."""

    def cut(parts: Sequence[int]) -> Sequence[int]:
        return pieces(rng.randint(1, most), rng)(parts)

    return cut


@dataclass(frozen=True)
class Layout:
    """How a request lies in memory.

    `framing` cuts it; each piece starts at an address that is `offset` modulo `align`, a random one without `offset`
    where `rng` is given. Pieces come in separate allocations, each between guards. With `direct` only that many are
    described in the queue's descriptor table, and the rest in an indirect one; it needs INDIRECT_DESC.
    """

    framing: Framing = natural
    align: int = 64
    offset: int | None = 0
    rng: random.Random | None = None
    direct: int | None = None

    def place(self, memory: GuestMemory, length: int) -> int:
        """Allocate one piece."""
        offset = self.offset
        if offset is None:
            offset = self.rng.randrange(self.align) if self.rng else 0
        return memory.allocate(length, self.align, offset)


class ChainBuffers:
    """The buffers of one descriptor chain: device-readable parts with their bytes, device-writable parts poisoned."""

    def __init__(
        self, memory: GuestMemory, readable: Sequence[bytes], writable: Sequence[int], layout: Layout | None = None
    ) -> None:
        self._memory = memory
        self._layout = layout or Layout()
        self.chain: list[tuple[int, int, bool]] = []
        self.direct = self._layout.direct
        data = b"".join(readable)
        self.readable_length = len(data)
        self.writable_length = sum(writable)
        self._writable: list[tuple[int, int]] = []
        try:
            self._place_all([len(part) for part in readable], data, writable)
        except BaseException:
            self.free()
            raise

    def _place_all(self, readable: Sequence[int], data: bytes, writable: Sequence[int]) -> None:
        start = 0
        for length in self._cut(readable):
            address = self._place(length, False)
            self._memory.write(address, data[start : start + length])
            start += length
        for length in self._cut(writable):
            address = self._place(length, True)
            self._memory.write(address, bytes([POISON]) * length)
            self._writable.append((address, length))

    def _cut(self, parts: Sequence[int]) -> Sequence[int]:
        cut = self._layout.framing(parts)
        if sum(cut) != sum(parts):
            raise ValueError(f"framing made {sum(cut)} bytes of {sum(parts)}")
        return cut

    def _place(self, length: int, device_writable: bool) -> int:
        address = self._layout.place(self._memory, length)
        self.chain.append((address, length, device_writable))
        return address

    def written(self) -> bytes:
        """All bytes of the device-writable side as they are now."""
        return b"".join(self._memory.read(address, length) for address, length in self._writable)

    def free(self) -> None:
        """Give all pieces back. Raises `GuardError` for the first whose guards changed."""
        while self.chain:
            self._memory.free(self.chain.pop()[0])
