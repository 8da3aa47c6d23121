# SPDX-License-Identifier: Apache-2.0
"""The reviewed list of mutants that no test can notice, equivalent.yaml, each with the reason.

An entry names file, source line (`text`, without the blanks round it) and `change`, not a line number, so that it stays
right when lines are put in. One that matches nothing, or other than `count` mutants (1 by default), is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.sim.selection import UsageError

from .sites import Mutant

LIST = Path(__file__).with_name("equivalent.yaml")
_KEYS = {"file", "text", "change", "reason"}


def reasons(mutants: Sequence[Mutant], path: Path = LIST) -> dict[str, str]:
    """The reason of each equivalent mutant by its id. Raises `UsageError` for a list that is not right."""
    try:
        entries = yaml.safe_load(path.read_text()) or []
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name}: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list):
        raise UsageError(f"{path.name}: not a list")
    found: dict[str, str] = {}
    for index, entry in enumerate(entries, 1):
        where = f"{path.name}, entry {index}"
        _check(entry, where)
        key = (entry["file"], entry["text"], entry["change"])
        matching = [mutant for mutant in mutants if (mutant.file, mutant.text, mutant.change) == key]
        if not matching:
            raise UsageError(f"{where}: no mutant of {key[0]} is {key[2]!r} on the line {key[1]!r}")
        if len(matching) != entry.get("count", 1):
            raise UsageError(f"{where}: {len(matching)} mutants match, say count: {len(matching)} if all are meant")
        for mutant in matching:
            if mutant.id in found:
                raise UsageError(f"{where}: {mutant.id} is in the list twice")
            found[mutant.id] = " ".join(entry["reason"].split())
    return found


def _check(entry: Any, where: str) -> None:
    if not isinstance(entry, dict) or not _KEYS <= set(entry) <= _KEYS | {"count"}:
        raise UsageError(f"{where}: needs {', '.join(sorted(_KEYS))}, and may have count")
    for key in sorted(_KEYS):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise UsageError(f"{where}: {key} is not a text")
