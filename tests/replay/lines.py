# SPDX-License-Identifier: Apache-2.0
"""The text of a replay trace (docs/replay.md): what its lines say, and the file as a whole."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from cocotbext.virtio.driver_rules import Access, IrqLevel, TraceError, parse_line, step_line
from virtio_model.spec import SECTOR

#: Bytes of one MEM line.
LINE_BYTES = 256
#: Equal bytes from this many on are written as a count.
_RUN = re.compile(rb"(.)\1{7,}", re.DOTALL)
_COUNTED = re.compile(r"([0-9a-f]{2})\*([0-9]{1,7})")
_ADDRESSES, _WORD, _HALF = (1 << 64) - 1, (1 << 32) - 1, (1 << 16) - 1
_FIGURE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Memory:
    """The driver has left these bytes in memory."""

    where: str
    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The driver has left a descriptor at `address`: `length` bytes at `buffer`, and the two halves behind that."""

    where: str
    address: int
    buffer: int
    length: int
    halves: tuple[int, int]

    @property
    def data(self) -> bytes:
        """As it is in memory."""
        return struct.pack("<QIHH", self.buffer, self.length, *self.halves)


@dataclass(frozen=True, slots=True)
class Used:
    """The device has used so many buffers of the queue since the beginning."""

    where: str
    queue: int
    count: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame came in from the network."""

    where: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """An item came in at the port of a console or input device."""

    where: str
    item: int


Change = Memory | Descriptor
Item = Access | IrqLevel | Change | Used | Frame | Given


@dataclass
class Trace:
    """A trace: the device it was made with, its disk, what happened in order, and what had come of it at the end."""

    title: str
    config: str
    items: Sequence[Item]
    figures: Mapping[str, str]
    capacity: int = 0  # of the disk, in sectors
    sectors: Mapping[int, bytes] = field(default_factory=dict)  # those not empty that were read, as they were at first


def counted(data: bytes) -> str:
    """Bytes in hexadecimal, long runs of equal ones as 00*512."""
    words, at = [], 0
    for run in _RUN.finditer(data):
        words += [data[at : run.start()].hex(), f"{run[1].hex()}*{len(run[0])}"]
        at = run.end()
    return " ".join(filter(None, [*words, data[at:].hex()]))


def write(path: Path, trace: Trace) -> None:
    """Write a trace that `read` reads."""
    lines = ["# SPDX-License-Identifier: Apache-2.0", f"# {trace.title}", f"CONFIG {trace.config}"]
    if trace.capacity:
        lines.append(f"CAPACITY {trace.capacity}")
    lines += [f"SECTOR {number} {counted(data)}" for number, data in sorted(trace.sectors.items())]
    lines += [line for item in trace.items for line in item_lines(item)]
    lines += [f"END {name} {value}" for name, value in trace.figures.items()]
    path.write_text("\n".join(lines) + "\n")


def item_lines(item: Item) -> Iterator[str]:
    """An item as lines of a trace."""
    if isinstance(item, Memory):
        yield from _memory_lines(item.address, item.data)
    elif isinstance(item, Descriptor):
        first, second = item.halves
        yield f"DESC {item.address:#x} {item.buffer:#x} {item.length} {first:#x} {second:#x}"
    elif isinstance(item, Used):
        yield f"USED {item.queue} {item.count}"
    elif isinstance(item, Frame):
        yield f"FRAME {counted(item.data)}"
    elif isinstance(item, Given):
        yield f"GIVEN {item.item:#x}"
    else:
        yield step_line(item)


def _memory_lines(address: int, data: bytes) -> Iterator[str]:
    """Long pieces in several lines, but of equal bytes in one."""
    blocks = [data[at : at + LINE_BYTES] for at in range(0, len(data), LINE_BYTES)]
    for _, group in groupby(enumerate(blocks), lambda block: block[1][0] if len(set(block[1])) == 1 else -1 - block[0]):
        part = b"".join(block for _, block in group)
        yield f"MEM {address:#x} {counted(part)}"
        address += len(part)


def read(path: Path) -> Trace:
    """The trace in a file. Raises `TraceError`."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise TraceError(f"{path}: cannot be read: {reason}") from None
    return parse(lines, str(path))


def parse(lines: Iterable[str], name: str) -> Trace:
    """The trace in lines. Raises `TraceError`."""
    items: list[Item] = []
    trace = Trace("", "", items, {})
    sectors: dict[int, bytes] = {}
    figures: dict[str, str] = {}
    number = 0
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        words = line.split()
        if number == 2 and line.startswith("# "):
            trace.title = line[2:]
        if not words or words[0].startswith("#"):
            continue
        if figures and words[0] != "END":
            raise TraceError(f"{where}: nothing but END expected after END, seen `{_short(line)}`")
        if words[0] == "CONFIG" and len(words) == 2:
            trace.config = words[1]
        elif words[0] == "CAPACITY" and len(words) == 2:
            trace.capacity = _number(words[1], "sectors", 1 << 22, where)
        elif words[0] == "SECTOR" and len(words) > 2:
            data = _bytes(words[2:], where)
            if len(data) != SECTOR:
                raise TraceError(f"{where}: {SECTOR} bytes of a sector expected, seen {len(data)}")
            sectors[_number(words[1], "sector", trace.capacity - 1, where)] = data
        elif words[0] == "END" and len(words) == 3 and _FIGURE.fullmatch(words[1]):
            figures[words[1]] = words[2]
        else:
            items += _items(words, line, where)
    for missing, there in (("CONFIG", trace.config), ("END", figures), ("R or W", items)):
        if not there:
            raise TraceError(f"{name}:{number}: a line {missing} expected, seen none")
    trace.sectors, trace.figures = sectors, figures
    return trace


def _items(words: Sequence[str], line: str, where: str) -> Iterator[Item]:
    kind, rest = words[0], words[1:]
    if kind == "MEM" and len(rest) > 1:
        yield Memory(where, _number(rest[0], "address", _ADDRESSES, where), _bytes(rest[1:], where))
    elif kind == "DESC" and len(rest) == 5:
        limits = (_ADDRESSES, _ADDRESSES, _WORD, _HALF, _HALF)
        names = ("address", "buffer", "length", "half", "half")
        at, buffer, length, first, second = map(_number, rest, names, limits, [where] * 5)
        yield Descriptor(where, at, buffer, length, (first, second))
    elif kind == "USED" and len(rest) == 2:
        yield Used(where, _number(rest[0], "queue", _HALF, where), _number(rest[1], "count", _WORD, where))
    elif kind == "FRAME" and rest:
        yield Frame(where, _bytes(rest, where))
    elif kind == "GIVEN" and len(rest) == 1:
        yield Given(where, _number(rest[0], "item", _ADDRESSES, where))
    elif kind in ("R", "W", "IRQ"):
        for step in parse_line(line, where):
            if isinstance(step, Access | IrqLevel):
                yield step
    else:
        raise TraceError(f"{where}: a line of a replay trace expected, seen `{_short(line)}`")


def _number(word: str, what: str, limit: int, where: str) -> int:
    try:
        value = int(word, 0)
    except ValueError:
        raise TraceError(f"{where}: {what} expected a number, seen `{_short(word)}`") from None
    if not 0 <= value <= limit:
        raise TraceError(f"{where}: {what} expected at most {limit:#x}, seen {word}")
    return value


def _bytes(words: Sequence[str], where: str) -> bytes:
    parts = []
    for word in words:
        run = _COUNTED.fullmatch(word)
        try:
            parts.append(bytes.fromhex(run[1]) * int(run[2]) if run else bytes.fromhex(word))
        except ValueError:
            raise TraceError(f"{where}: bytes expected in hexadecimal, seen `{_short(word)}`") from None
    return b"".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def descriptor(address: int, data: bytes) -> Descriptor:
    """The descriptor in 16 bytes."""
    buffer, length, first, second = struct.unpack("<QIHH", data)
    return Descriptor("", address, buffer, length, (first, second))
