# SPDX-License-Identifier: Apache-2.0
"""Faults put into copies of the RTL, each to be caught by the checker that exists for it.

To add one, add a line to `planted_core`, `planted_devices` or `planted_hostile`: it becomes the configuration
planted_NAME. A text that is not found exactly once fails the build, so that a fault cannot silently vanish when the RTL
changes. Icarus, which builds in a second, runs all of them; Verilator the first two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import planted_core, planted_devices, planted_hostile
from .fault import Fault


class PlantError(Exception):
    """The RTL does not have the text that a fault is to be put in place of."""


PLANTED: Mapping[str, Fault] = {
    f"planted_{name}": fault
    for name, fault in {**planted_core.FAULTS, **planted_devices.FAULTS, **planted_hostile.FAULTS}.items()
}


def planted_text(fault: Fault, text: str) -> str:
    """The source with the fault in it. Raises `PlantError`."""
    found = text.count(fault.old)
    if found != 1:
        raise PlantError(f"{fault.file}: {fault.old!r} expected once, found {found} times")
    return text.replace(fault.old, fault.new)


def plant(sources: Sequence[Path], config: str, directory: Path) -> list[Path]:
    """The sources of a configuration; of a planted one with a faulty copy, in `directory`, in the place of a file.

    Raises `PlantError`.
    """
    fault = PLANTED.get(config)
    if fault is None:
        return list(sources)
    places = [i for i, path in enumerate(sources) if path.name == fault.file]
    if len(places) != 1:
        raise PlantError(f"{fault.file}: expected one such file, found {len(places)}")
    changed = list(sources)
    copy = directory / "planted" / fault.file
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(planted_text(fault, sources[places[0]].read_text()))
    changed[places[0]] = copy
    return changed
