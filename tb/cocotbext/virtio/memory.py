# SPDX-License-Identifier: Apache-2.0
"""Guest memory over any backing store: several regions, an allocator, and guard bytes round every allocation."""

from __future__ import annotations

import logging
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .interfaces import GuardError

GUARD_BYTES = 64
FREED_BYTE = 0xDD

# One guard byte for each address modulo 256: a permutation, so a run of guard bytes moved elsewhere never matches.
_PATTERN = bytes((0x5A + 0x9D * address) & 0xFF for address in range(256)) * 2


class Backing(Protocol):
    """Anything with bytes at addresses: `virtio_model.Memory`, an AXI RAM, a mapped file."""

    def read(self, address: int, length: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...


@dataclass(frozen=True)
class Region:
    """A mapped address range, in bytes."""

    name: str
    base: int
    size: int

    @property
    def end(self) -> int:
        return self.base + self.size

    def holds(self, address: int, length: int) -> bool:
        """Whether all of the range lies inside."""
        return self.base <= address and address + length <= self.end


# Below 4 GiB, across the 4 GiB boundary (carries of address arithmetic), and far above it.
DEFAULT_REGIONS = (
    Region("low", 0x8000_0000, 0x0400_0000),
    Region("seam", 0xFFFF_0000, 0x0002_0000),
    Region("high", 0x0000_0123_4500_0000, 0x0400_0000),
)


def regions_for(address_width: int, regions: Sequence[Region] = DEFAULT_REGIONS) -> tuple[Region, ...]:
    """The regions that an address bus of `address_width` bits reaches. Raises ValueError when there are none."""
    fitting = tuple(region for region in regions if region.end <= 1 << address_width)
    if not fitting:
        raise ValueError(f"no memory region lies within {address_width} address bits")
    return fitting


def guard_pattern(address: int, length: int) -> bytes:
    """The guard bytes that belong at `address`."""
    start = address & 0xFF
    if start + length <= len(_PATTERN):
        return _PATTERN[start : start + length]
    return (_PATTERN[:256] * (length // 256 + 2))[start : start + length]


class Allocation(NamedTuple):
    """`length` bytes at `address`, between guards that reach from `start` to `end`."""

    address: int
    length: int
    start: int
    end: int


class GuardedMemory:
    """`GuestMemory` over a backing store.

    With `rng` every allocation goes to a random region that has room; without, the first region with room serves.
    Addresses are those of the device's DMA.
    """

    def __init__(
        self,
        backing: Backing,
        regions: Sequence[Region] = DEFAULT_REGIONS,
        rng: random.Random | None = None,
        guard: int = GUARD_BYTES,
    ) -> None:
        self.backing = backing
        self.regions = tuple(regions)
        self.guard = guard
        self._rng = rng
        self._free = [(region, [(region.base, region.end)]) for region in regions]
        self._allocations: dict[int, tuple[Allocation, list[tuple[int, int]]]] = {}
        self._log = logging.getLogger("virtio.memory")

    @property
    def allocations(self) -> list[Allocation]:
        """What is allocated now, in the order of allocation."""
        return [allocation for allocation, _ in self._allocations.values()]

    def read(self, address: int, length: int) -> bytes:
        """Read `length` bytes; guards and the device's timing are not involved."""
        return bytes(self.backing.read(address, length))

    def write(self, address: int, data: bytes) -> None:
        """Write `data`; guards and the device's timing are not involved."""
        self.backing.write(address, data)

    def allocate(self, length: int, align: int = 1, offset: int = 0, region: str | None = None) -> int:
        """Reserve `length` bytes at an address that is `offset` modulo `align`; contents are what was there before.

        `region` names the region to take it from. Raises MemoryError when there is no room.
        """
        if length < 0 or align < 1:
            raise ValueError(f"allocation of {length} bytes with alignment {align}")
        candidates = [(r, holes) for r, holes in self._free if region is None or r.name == region]
        if self._rng is not None:
            self._rng.shuffle(candidates)
        for candidate, holes in candidates:
            found = self._take(holes, length, align, offset % align)
            if found is not None:
                self._allocations[found.address] = found, holes
                self._write_guards(found)
                self._log.debug("allocate %d bytes at %#x in %s", length, found.address, candidate.name)
                return found.address
        raise MemoryError(f"no room for {length} bytes aligned to {align} in {[r.name for r, _ in candidates]}")

    def free(self, address: int) -> None:
        """Give an allocation back after checking its guards. Raises `GuardError`, or KeyError for a stranger."""
        allocation, holes = self._allocations.pop(address)
        self._check(allocation)
        start, end = allocation.start, allocation.end
        self.backing.write(start, bytes([FREED_BYTE]) * (end - start))
        at = bisect_left(holes, (start, end))
        if at < len(holes) and holes[at][0] == end:
            end = holes.pop(at)[1]
        if at > 0 and holes[at - 1][1] == start:
            at -= 1
            start = holes.pop(at)[0]
        holes.insert(at, (start, end))

    def check_guards(self) -> None:
        """Raise `GuardError` naming the first allocation whose guard bytes have changed."""
        for allocation, _ in self._allocations.values():
            self._check(allocation)

    def _take(self, holes: list[tuple[int, int]], length: int, align: int, offset: int) -> Allocation | None:
        """First fit in the holes of a region."""
        for i, (low, high) in enumerate(holes):
            lowest = low + self.guard
            address = lowest + (offset - lowest) % align
            start, end = address - self.guard, address + length + self.guard
            if end > high:
                continue
            rest = ((low, start), (end, high))
            holes[i : i + 1] = [hole for hole in rest if hole[0] < hole[1]]
            return Allocation(address, length, start, end)
        return None

    def _guards(self, allocation: Allocation) -> tuple[tuple[int, int], tuple[int, int]]:
        after = allocation.address + allocation.length
        return (allocation.start, allocation.address - allocation.start), (after, allocation.end - after)

    def _write_guards(self, allocation: Allocation) -> None:
        for address, length in self._guards(allocation):
            self.backing.write(address, guard_pattern(address, length))

    def _check(self, allocation: Allocation) -> None:
        for address, length in self._guards(allocation):
            expected, seen = guard_pattern(address, length), self.backing.read(address, length)
            if expected == seen:
                continue
            i = next(i for i in range(length) if expected[i] != seen[i])
            where = address + i - allocation.address
            side = f"{-where} bytes before" if where < 0 else f"{where - allocation.length} bytes after"
            raise GuardError(
                f"MEM-GUARD address={address + i:#x} expected={expected[i]:#04x} seen={seen[i]:#04x}: "
                f"{side} the allocation {allocation.address:#x}+{allocation.length}"
            )
