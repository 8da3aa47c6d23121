# SPDX-License-Identifier: Apache-2.0
"""What a netlist of yosys and a report of nextpnr say: cells, memories and what became of them, clock rate."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .devices import SHALLOW_WORDS, STORES, TABLES

BLOCK, DISTRIBUTED = "block", "distributed"
#: Cell type of a RAM -> its kind.
RAM_CELLS: Mapping[str, str] = {
    "DP16KD": BLOCK,
    "PDPW16KD": BLOCK,
    "TRELLIS_DPR16X4": DISTRIBUTED,
}
#: Figure -> the cell types that it counts.
ECP5: Mapping[str, tuple[str, ...]] = {
    "lut4": ("LUT4",),
    "carry": ("CCU2C",),
    "ff": ("TRELLIS_FF",),
    "distributed_ram": ("TRELLIS_DPR16X4",),
    "block_ram": ("DP16KD", "PDPW16KD"),
}
XILINX: Mapping[str, tuple[str, ...]] = {
    "lut": tuple(f"LUT{inputs}" for inputs in range(1, 7)),
    "carry": ("CARRY4",),
    "ff": ("FDRE", "FDSE", "FDCE", "FDPE"),
    "distributed_ram": ("RAM16X1D", "RAM32X1D", "RAM64X1D", "RAM32M", "RAM64M", "RAM128X1D"),
    "ramb18": ("RAMB18E1",),
    "ramb36": ("RAMB36E1",),
}


class SynthError(Exception):
    """A report that is missing, or does not say what it should; the text says which and what."""


@dataclass(frozen=True)
class Memory:
    """A memory of the RTL: its name, or that of its instance where it is called `mem`; words, bits, write ports."""

    name: str
    words: int
    width: int
    write_ports: int = 1


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SynthError(f"{path}: {error}") from error


def read_cells(path: Path, top: str) -> Mapping[str, Any]:
    """The cells of the flat module `top` of a netlist; none where yosys left the module out. Raises SynthError."""
    modules = _load(path).get("modules", {})
    return dict(modules.get(top, {}).get("cells", {}))


def count(cells: Mapping[str, Any], figures: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many cells there are of each figure's types."""
    types = Counter(cell["type"] for cell in cells.values())
    return {name: sum(types[kind] for kind in kinds) for name, kinds in figures.items()}


def memories(cells: Mapping[str, Any]) -> list[Memory]:
    """The memories among the cells before they were mapped."""
    found = []
    for name, cell in cells.items():
        size, width, ports = (int(cell["parameters"][key], 2) for key in ("SIZE", "WIDTH", "WR_PORTS"))
        found.append(Memory(name.removesuffix(".mem"), size, width, ports))
    return found


def ram_kinds(cells: Mapping[str, Any]) -> dict[str, str]:
    """Memory -> the kind of RAM that it became."""

    def memory(cell: str) -> str:
        return re.sub(r"\.\d+\.\d+$", "", cell).removesuffix(".mem")

    return {memory(name): RAM_CELLS[cell["type"]] for name, cell in cells.items() if cell["type"] in RAM_CELLS}


def misplaced(wanted: Iterable[Memory], kinds: Mapping[str, str]) -> list[str]:
    """A line for each memory that did not become the RAM in which it belongs, or is not there at all.

    Deeper than `SHALLOW_WORDS`: block RAM. Shallower: distributed RAM. A single word is a register, and so are words of
    which several may be written in a cycle, as by a reset.
    """
    found = list(wanted)
    lines = []
    for memory in found:
        if memory.words < 2 or memory.write_ports > 1:
            continue
        expected = BLOCK if memory.words > SHALLOW_WORDS else DISTRIBUTED
        seen = kinds.get(memory.name, "flip-flops")
        if seen != expected:
            lines.append(f"{memory.name}: {memory.words} x {memory.width} bit: expected {expected} RAM, seen {seen}")
    names = [memory.name for memory in found if memory.write_ports == 1]
    for part in (*TABLES, *STORES):
        if not any(part in name for name in names):
            lines.append(f"{part}: expected a memory, seen none")
    return lines


def median_fmax(paths: Sequence[Path]) -> float:
    """The median of the clock rates that nextpnr reached, in MHz, to a tenth. Raises SynthError."""
    rates: list[float] = []
    for path in paths:
        clocks = _load(path).get("fmax", {})
        if len(clocks) != 1:
            raise SynthError(f"{path}: expected one clock, seen {len(clocks)}")
        rates.extend(float(clock["achieved"]) for clock in clocks.values())
    if not rates:
        raise SynthError("no report of nextpnr")
    return float(round(statistics.median(rates), 1))
