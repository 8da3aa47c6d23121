# SPDX-License-Identifier: Apache-2.0
"""Register traces: what is judged, its text form (docs/driver-rules.md), and the same from events on the pins."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from virtio_model.spec import CONFIG_OFFSET, WINDOW_SIZE, Reg

from ..events import BusReset, Event, IrqChange, RegisterRead, RegisterWrite

_WORD = 0xFFFF_FFFF
_SIZES = (1, 2, 4, 8)
_CHAIN = re.compile(r"chain head=\d+ (\[.*?\])(.*)")
_COLUMNS = "R|W offset bytes register value"


class TraceError(ValueError):
    """What is wrong with a trace, as file:line: text."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a descriptor chain: `length` bytes at `address`."""

    address: int
    length: int
    device_writable: bool


@dataclass(frozen=True, slots=True)
class Access:
    """A register access. `size` in bytes is None where the bus does not tell: AXI4-Lite reads have no width.

    `start` is the cycle in which the driver began it, 0 where the trace has no time. `chain` is what a notification is
    noted to tell of.
    """

    where: str
    write: bool
    offset: int
    size: int | None
    value: int
    start: int = 0
    chain: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class IrqLevel:
    """The interrupt line changed to `level` in cycle `at`; -1 where the trace has no time."""

    where: str
    level: bool
    at: int = -1


@dataclass(frozen=True, slots=True)
class PowerUp:
    """The device was reset by wire: nothing of before counts."""

    where: str


Step = Access | IrqLevel | PowerUp


def register_name(offset: int) -> str:
    """The register's name in the standard, "Config+0x4", or "-" for none."""
    if offset >= CONFIG_OFFSET:
        return f"Config+{offset - CONFIG_OFFSET:#x}"
    if offset not in Reg.__members__.values():
        return "-"
    words = Reg(offset).name.split("_")
    return "".join(word if word in ("ID", "SHM") else word.capitalize() for word in words).replace("Ack", "ACK")


def read_trace(path: Path) -> list[Step]:
    """The steps of a trace file. Raises `TraceError`, also for one that cannot be read or holds no access."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise TraceError(f"{path}: cannot be read: {reason}") from None
    steps = [step for number, line in enumerate(lines, 1) for step in parse_line(line, f"{path}:{number}")]
    if not any(isinstance(step, Access) for step in steps):
        raise TraceError(f"{path}:{len(lines)}: expected register accesses, seen none")
    return steps


def write_trace(path: Path, steps: Iterable[Step], title: str) -> None:
    """Write steps in the form that `read_trace` reads; cycles are left out."""
    lines = ["# SPDX-License-Identifier: Apache-2.0", f"# {title}", f"# columns: {_COLUMNS}"]
    lines += map(step_line, steps)
    path.write_text("\n".join(lines) + "\n")


def step_line(step: Step) -> str:
    """A step as a line of a trace."""
    if isinstance(step, PowerUp):
        return "RESET"
    if isinstance(step, IrqLevel):
        return f"IRQ {int(step.level)}"
    kind, size = "W" if step.write else "R", "-" if step.size is None else step.size
    return f"{kind} {step.offset:#05x} {size} {register_name(step.offset)} {step.value:#x}"


def from_events(events: Iterable[Event]) -> Iterator[Step]:
    """What events on the pins mean for the driver; those on other ports than registers, irq and reset are left out."""
    for event in events:
        where = f"cycle {event.cycle}"
        if isinstance(event, RegisterWrite):
            lane = (event.strobe & -event.strobe).bit_length() - 1 if event.strobe else 0
            size = event.strobe.bit_count()
            value = event.value >> 8 * lane & (1 << 8 * size) - 1
            yield Access(where, True, (event.offset & ~3) + lane, size, value, event.start)
        elif isinstance(event, RegisterRead):
            yield Access(where, False, event.offset, None, event.value >> 8 * (event.offset & 3), event.start)
        elif isinstance(event, IrqChange):
            yield IrqLevel(where, event.level, event.cycle)
        elif isinstance(event, BusReset):
            yield PowerUp(where)


def parse_line(line: str, where: str) -> Iterator[Step]:
    """The steps that a line stands for. Raises `TraceError`."""
    text, _, note = line.partition("#")
    words = text.split()
    if not words:
        return
    if words[0] == "RESET" and len(words) == 1:
        yield PowerUp(where)
    elif words[0] == "IRQ" and len(words) == 2 and words[1] in ("0", "1"):
        yield IrqLevel(where, words[1] == "1")
    elif words[0] in ("R", "W") and len(words) == 5:
        noted = _CHAIN.search(note) if "chain head=" in note else None
        yield _access(words, where, _chain(noted[1], where) if noted else ())
        if noted and "IRQ raised" in noted[2]:
            yield IrqLevel(where, True)
    else:
        raise TraceError(f"{where}: expected `{_COLUMNS}`, `IRQ 0|1` or `RESET`, seen `{text.strip()}`")


def _access(words: list[str], where: str, chain: tuple[Element, ...]) -> Access:
    offset = _number(words[1], "offset", WINDOW_SIZE - 1, where)
    size = None if words[2] == "-" else _number(words[2], "bytes", 8, where)
    if size is not None and size not in _SIZES:
        raise TraceError(f"{where}: bytes expected one of {_SIZES} or -, seen {size}")
    name = register_name(offset)
    if name not in ("-", words[3]):
        raise TraceError(f"{where}: offset {offset:#05x} is {name}, seen `{words[3]}`")
    limit = (1 << 8 * size) - 1 if size else _WORD
    return Access(where, words[0] == "W", offset, size, _number(words[4], "value", limit, where), chain=chain)


def _number(word: str, what: str, limit: int, where: str) -> int:
    try:
        number = int(word, 0)
    except ValueError:
        raise TraceError(f"{where}: {what} expected a number, seen `{word}`") from None
    if not 0 <= number <= limit:
        raise TraceError(f"{where}: {what} expected at most {limit:#x}, seen {word}")
    return number


def _chain(text: str, where: str) -> tuple[Element, ...]:
    try:
        elements = [(int(address, 0), int(length), kind) for address, length, kind in ast.literal_eval(text)]
        if any(kind not in ("r", "w") or length < 0 for _, length, kind in elements):
            raise ValueError
    except (ValueError, TypeError, SyntaxError):
        raise TraceError(f"{where}: chain expected [('address', length, 'r'|'w'), ...], seen `{text}`") from None
    return tuple(Element(address, length, kind == "w") for address, length, kind in elements)
