# SPDX-License-Identifier: Apache-2.0
"""Bins of functional coverage that nothing has hit, by name, but for those that nothing can hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def excuses(path: Path) -> dict[tuple[str, str], str]:
    """Why a bin cannot be hit, by (point, bin). Raises ValueError, naming the file, for what is no such list."""
    found: dict[tuple[str, str], str] = {}
    for entry in yaml.safe_load(path.read_text()) or []:
        if not isinstance(entry, dict) or set(entry) != {"point", "bins", "reason"}:
            raise ValueError(f"{path}: expected entries of point, bins and reason, seen {entry!r}")
        found |= {(entry["point"], str(bin_)): str(entry["reason"]) for bin_ in entry["bins"]}
    return found


EXCUSED: Mapping[tuple[str, str], str] = excuses(Path(__file__).parent / "excused.yaml")


def bins(database: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(point, bin, hits) of all bins in what cocotb-coverage exports."""
    for name, item in sorted(database.items()):
        for bin_, hits in item.get("bins:_hits", {}).items():
            yield name.removeprefix("virtio."), str(bin_), int(hits)


def holes(database: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What nothing has hit and nobody excuses."""
    return [(point, bin_) for point, bin_, hits in bins(database) if not hits and (point, bin_) not in EXCUSED]


def wrong_excuses(database: Mapping[str, Any]) -> list[str]:
    """Excuses for bins that were hit, or that do not exist."""
    hits = {(point, bin_): count for point, bin_, count in bins(database)}
    return [f"{point}: {bin_}" for point, bin_ in EXCUSED if hits.get((point, bin_), 1)]
