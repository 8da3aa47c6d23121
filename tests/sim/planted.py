# SPDX-License-Identifier: Apache-2.0
"""Faults put into copies of the RTL, each to be caught by the checker that exists for it.

To add one, add a line to one of the modules `planted_*`: it becomes the configuration planted_NAME, and planted_NAME_2
and so on with its further bodies. A text that is not found exactly once fails the build, so that a fault cannot
silently vanish when the RTL changes. Icarus, which builds in seconds, runs all of them; Verilator the first two.

Of `chosen` faults those with the same parameters share a build: an expression becomes `($test$plusargs(...) ? new :
old)`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from . import (
    planted_buses,
    planted_core,
    planted_devices,
    planted_hostile,
    planted_registers,
    planted_requests,
    planted_rings,
)
from .fault import Edit, Fault

_TABLES = (
    planted_core.FAULTS,
    planted_devices.FAULTS,
    planted_hostile.FAULTS,
    planted_registers.FAULTS,
    planted_rings.FAULTS,
    planted_buses.FAULTS,
    planted_requests.FAULTS,
)


class PlantError(Exception):
    """The RTL does not have the text that a fault is to be put in place of."""


def _named() -> Iterator[tuple[str, Fault]]:
    """Faults by configuration, one for each body."""
    for table in _TABLES:
        for name, fault in table.items():
            for number, body in enumerate((fault.body, *fault.also), 1):
                yield f"planted_{name}" + (f"_{number}" if number > 1 else ""), replace(fault, body=body, also=())


PLANTED: Mapping[str, Fault] = dict(_named())

#: By configuration, the one whose build it shares.
BUILT_AS: dict[str, str] = {}
_EDITS: defaultdict[str, list[Edit]] = defaultdict(list)
for _config, _fault in PLANTED.items():
    if _fault.chosen:
        _shared = "planted_" + "_".join(f"{key}{value:x}" for key, value in sorted(_fault.parameters.items()))
        BUILT_AS[_config] = _shared
        if _fault.edit not in _EDITS[_shared]:
            _EDITS[_shared].append(_fault.edit)


def built_as(config: str) -> str:
    """The name of the build of a configuration."""
    return BUILT_AS.get(config, config)


def chosen_by(config: str) -> list[str]:
    """What lets a simulation of a shared build have its fault."""
    if config not in BUILT_AS:
        return []
    return [f"+{_mark(_EDITS[BUILT_AS[config]].index(PLANTED[config].edit))}"]


def _mark(number: int) -> str:
    """A plusarg that is not the beginning of another one."""
    return f"planted_{number}."


def planted_text(edit: Edit, text: str) -> str:
    """The source with a fault in it. Raises `PlantError`."""
    *_, old, new = edit
    at = _place(edit, text)
    return text[:at] + new + text[at + len(old) :]


def choosable_text(edits: Mapping[int, Edit], text: str) -> str:
    """The source with faults in it of which a plusarg chooses, by their numbers. Raises `PlantError`."""
    inserted: list[
        tuple[int, int, str]
    ] = []  # the end of one goes before the beginning of the next, a longer one first
    for number, edit in edits.items():
        *_, old, new = edit
        at = _place(edit, text)
        inserted.append((at, -len(old), f'($test$plusargs("{_mark(number)}") ? {new} : '))
        inserted.append((at + len(old), -len(text), ")"))
    for at, _, more in sorted(inserted, reverse=True):
        text = text[:at] + more + text[at:]
    return text


def _place(edit: Edit, text: str) -> int:
    """Where in the source a fault goes. Raises `PlantError`."""
    file, within, old, _ = edit
    for what, where in ((within, text), (old, within)):
        if (found := where.count(what)) != 1:
            raise PlantError(f"{file}: {what!r} expected once, found {found} times")
    return text.index(within) + within.index(old)


def plant(sources: Sequence[Path], config: str, directory: Path) -> list[Path]:
    """The sources of a configuration; of a planted one with faulty copies, in `directory`, in the place of files.

    Raises `PlantError`.
    """
    fault = PLANTED.get(config)
    if fault is None:
        return list(sources)
    edits = dict(enumerate(_EDITS[BUILT_AS[config]] if fault.chosen else [fault.edit]))
    changed = list(sources)
    for file in dict.fromkeys(file for file, *_ in edits.values()):
        places = [i for i, path in enumerate(sources) if path.name == file]
        if len(places) != 1:
            raise PlantError(f"{file}: expected one such file, found {len(places)}")
        copy = directory / "planted" / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        here = {number: edit for number, edit in edits.items() if edit[0] == file}
        text = sources[places[0]].read_text()
        copy.write_text(choosable_text(here, text) if fault.chosen else planted_text(fault.edit, text))
        changed[places[0]] = copy
    return changed
