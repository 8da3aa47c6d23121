# SPDX-License-Identifier: Apache-2.0
"""What people see of a guest: how far it has come, and in the end how much there was of everything."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from ..sim.report import console

#: Columns of the summary, and the figures that they are.
COLUMNS = {
    "accesses": "register_accesses",
    "notifies": "notifies",
    "irqs": "interrupts",
    "chains": "chains",
    "bytes read": "bytes_read",
    "written": "bytes_written",
    "cycles": "cycles",
    "cycles/s": "cycles_per_s",
    "wall s": "wall_s",
}
_WIDTH = 100


class Progress:
    """The last line of a guest's console, on a line of its own that is overwritten; on terminals, unless they are the
    guest's.
    """

    def __init__(self, of_the_guest: bool = False) -> None:
        self._shows = sys.stdout.isatty() and not of_the_guest

    def show(self, name: str, text: str) -> None:
        """The console has said all this so far."""
        if self._shows:
            said = next((line.strip() for line in reversed(text[-2000:].splitlines()) if line.strip()), "")
            print(f"\r\033[K{name}: {said}"[:_WIDTH], end="", flush=True)

    def clear(self) -> None:
        """Make room for what comes next."""
        if self._shows:
            print("\r\033[K", end="", flush=True)


def summary(legs: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each simulated device of each leg."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("leg", overflow="fold")
    grid.add_column("device", overflow="fold")
    for name in COLUMNS:
        grid.add_column(name, justify="right", no_wrap=True)
    for leg, figures in legs.items():
        devices = {name: of for name, of in figures.items() if isinstance(of, Mapping)}
        for number, (name, of) in enumerate(devices.items()):
            grid.add_row("" if number else leg, name, *(str(of.get(key, "-")) for key in COLUMNS.values()))
    return grid


def show_summary(legs: Mapping[str, Mapping[str, Any]]) -> None:
    """Print it."""
    print()
    console().print(summary(legs))
