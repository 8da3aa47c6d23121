# SPDX-License-Identifier: Apache-2.0
"""Accesses to the device-specific configuration space in its fields' own widths (4.2.2.2), read consistently (2.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from virtio_model.spec import Reg

from .errors import DeviceError
from .interfaces import RegisterBus

_WIDTHS = {"B": 1, "H": 2, "I": 4, "Q": 8, "x": 1}

#: A generation that changes at each of so many attempts is taken for a broken device.
GENERATION_ATTEMPTS = 16


def fields(fmt: str) -> Iterator[tuple[int, int]]:
    """(offset, width) of the fields of a struct format: letters B H I Q (and x) with counts, no padding of its own."""
    offset, count = 0, ""
    for letter in fmt.removeprefix("<"):
        if letter.isdigit():
            count += letter
            continue
        if letter not in _WIDTHS:
            raise ValueError(f"configuration format {fmt!r}: {letter!r} is not one of B H I Q x")
        for _ in range(int(count or 1)):
            if letter != "x":
                yield offset, _WIDTHS[letter]
            offset += _WIDTHS[letter]
        count = ""


def _check_alignment(offset: int, width: int) -> None:
    if offset % min(width, 4):
        raise ValueError(f"configuration field of {width} bytes at offset {offset:#x} is not aligned")


async def read_fields(bus: RegisterBus, places: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Read the fields at (offset, width in bytes), all of one ConfigGeneration; 64-bit fields as two 32-bit words.

    Raises DeviceError when the generation never stays the same, ValueError for a field that is not aligned.
    """
    before = await bus.read(Reg.CONFIG_GENERATION)
    for _ in range(GENERATION_ATTEMPTS):
        values = [await _read_field(bus, offset, width) for offset, width in places]
        after = await bus.read(Reg.CONFIG_GENERATION)
        if after == before:
            return tuple(values)
        before = after
    raise DeviceError(f"ConfigGeneration expected to settle within {GENERATION_ATTEMPTS} attempts, seen {before:#x}")


async def read_config(bus: RegisterBus, offset: int, fmt: str) -> tuple[int, ...]:
    """`read_fields` for the fields of a struct format from `offset` on."""
    return await read_fields(bus, [(offset + at, width) for at, width in fields(fmt)])


async def _read_field(bus: RegisterBus, offset: int, width: int) -> int:
    _check_alignment(offset, width)
    if width < 8:
        return await bus.read(Reg.CONFIG + offset, width)
    low = await bus.read(Reg.CONFIG + offset)
    return low | await bus.read(Reg.CONFIG + offset + 4) << 32


async def write_config(bus: RegisterBus, offset: int, fmt: str, *values: int) -> None:
    """Write the fields of `fmt` from `offset` on; 64-bit fields as two 32-bit words, low one first."""
    places = list(fields(fmt))
    if len(places) != len(values):
        raise ValueError(f"configuration format {fmt!r} has {len(places)} fields, {len(values)} values given")
    for (at, width), value in zip(places, values, strict=True):
        _check_alignment(offset + at, width)
        packed = struct.pack("<Q", value)
        for word in range(0, width, 4):
            step = min(width, 4)
            await bus.write(Reg.CONFIG + offset + at + word, int.from_bytes(packed[word : word + step], "little"), step)
