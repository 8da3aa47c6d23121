# SPDX-License-Identifier: Apache-2.0
"""An AXI4 burst as its address channel announces it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .pins import ProtocolError, known

FIXED, INCR, WRAP = 0, 1, 2
BOUNDARY = 4096


@dataclass(frozen=True)
class Burst:
    """`length` beats of `size` bytes from `address` on, over a bus of `lanes` bytes."""

    id: int
    address: int
    length: int
    size: int
    kind: int
    lanes: int

    @classmethod
    def of(cls, beat: Any, channel: str, prefix: str, lanes: int) -> Burst:
        """From a handshake on `channel` ("aw" or "ar"). Raises ProtocolError."""
        values = [
            known(getattr(beat, f"{channel}{name}"), f"{prefix}_{channel}{name} in a handshake")
            for name in ("id", "addr", "len", "size", "burst")
        ]
        burst = cls(values[0], values[1], values[2] + 1, 1 << values[3], values[4], lanes)
        where = f"{prefix} {channel} address={burst.address:#x} length={burst.length} size={burst.size}"
        if burst.size > lanes:
            raise ProtocolError(f"AXI-SIZE {where} expected at most {lanes} bytes a beat")
        if burst.kind not in (FIXED, INCR, WRAP):
            raise ProtocolError(f"AXI-BURST {where} expected FIXED, INCR or WRAP, seen {burst.kind}")
        end = burst.aligned + burst.length * burst.size
        if burst.kind == INCR and burst.aligned // BOUNDARY != (end - 1) // BOUNDARY:
            raise ProtocolError(f"AXI-4KIB {where} expected to stay within 4 KiB, seen to end at {end - 1:#x}")
        return burst

    @property
    def aligned(self) -> int:
        """The address rounded down to the beat size."""
        return self.address - self.address % self.size

    @property
    def touched(self) -> tuple[int, int]:
        """The range of bytes that its beats reach: address and length."""
        span = self.length * self.size
        if self.kind == WRAP:
            return self.address // span * span, span
        return self.address, self.aligned - self.address + (self.size if self.kind == FIXED else span)

    def beats(self) -> Iterator[tuple[int, int, int]]:
        """For each beat: address of its bus word, first lane, and the lane after its last."""
        span = self.length * self.size
        low = self.address // span * span
        for i in range(self.length):
            start = self.aligned + (0 if self.kind == FIXED else i * self.size)
            if self.kind == WRAP:
                start = low + (start - low) % span
            first = self.address if i == 0 or self.kind == FIXED else start
            word = start - start % self.lanes
            yield word, first - word, start + self.size - word
