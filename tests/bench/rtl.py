# SPDX-License-Identifier: Apache-2.0
"""Speed of the RTL in exact cycles: what is measured, by tests/sim/test_speed_*.py, and what it must come to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from .figures import Check

#: Test modules that measure.
MODULES = ("speed_rng", "speed_blk", "speed_net")

#: Cycles by which a memory answers later than it could, and requests outstanding.
LATENCIES = (1, 20, 200)
DEPTHS = (1, 4, 16)
#: Bytes of a request.
SIZES = (512, 1024, 4096, 16384, 65536)

#: The file in the directory of a run that figures are left in.
FILE = "speed.json"

#: At least so much, or at most.
LEAST: Mapping[str, float] = {
    "blk_read_4k.lat20.qd4.bus_share": 0.90,
    "blk_write_4k.lat20.qd4.bus_share": 0.90,
    "blk_read_4k.lat200.qd16.bus_share": 0.80,
    "net_1514_loop.lat20.bus_share": 0.85,
}
MOST: Mapping[str, float] = {
    "rng_64.lat20.qd16.cycles_per_request": 40,
    "rng_64.indirect.lat20.qd16.cycles_per_request": 40,
    "rng_64.packed.lat20.qd16.cycles_per_request": 40,
    "rng_64.packed_indirect.lat20.qd16.cycles_per_request": 40,
    "notify_to_irq.lat20.cycles": 180,
}


def share_by_size(latency: int, size: int) -> str:
    """The name in bench.json of the share of the bus by the size of requests."""
    return f"rtl.blk_read_by_size.lat{latency}.{size}.bus_share"


def missed(name: str, value: Any) -> str:
    """What a figure should have been and is not; "" if it is, or has no bar."""
    if name in LEAST and value < LEAST[name]:
        return f"{name}: expected at least {LEAST[name]}, seen {value}"
    if name in MOST and value > MOST[name]:
        return f"{name}: expected at most {MOST[name]}, seen {value}"
    return ""


def leave(name: str, value: Any) -> None:
    """Leave a figure for the bench. Raises AssertionError if it misses its bar."""
    path = Path(os.environ["VIRTIO_FIGURES"]).with_name(FILE)
    figures = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**figures, name: value}))
    if text := missed(name, value):
        raise AssertionError(text)


def collect(root: Path) -> dict[str, Any]:
    """The figures that the runs under `root` have left, by their names in bench.json."""
    found: dict[str, Any] = {}
    for path in sorted(root.glob(f"verilator-*/test_speed_*/{FILE}")):
        found |= {f"rtl.{name}": value for name, value in json.loads(path.read_text()).items()}
    return found


def checks(figures: Mapping[str, Any]) -> list[Check]:
    """Whether each bar was measured, and met; no checks without figures."""
    found = []
    for name in (*LEAST, *MOST) if figures else ():
        value = figures.get(f"rtl.{name}")
        text = f"rtl.{name}: not measured" if value is None else missed(name, value)
        found.append(Check(text or f"rtl.{name} {value}", not text))
    return found


def table(figures: Mapping[str, Any]) -> Table:
    """A row for each figure; of the phases each one's end."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("figure, in exact cycles")
    grid.add_column("value", justify="right")
    for name, value in figures.items():
        shown = ", ".join(f"{phase} {end}" for phase, end in value.items()) if isinstance(value, dict) else f"{value}"
        grid.add_row(name, shown)
    return grid
