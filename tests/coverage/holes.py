# SPDX-License-Identifier: Apache-2.0
"""Bins of functional coverage that nothing has hit, by name, but for those that nothing can hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Why a bin cannot be hit: (point, bin) and the reason.
EXCUSED: Mapping[tuple[str, str], str] = {}


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
