# SPDX-License-Identifier: Apache-2.0
"""What a planted fault is, and the devices that faults are planted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import feature_sets

RNG, BLK, NET = {"Device": 4}, {"Device": 2}, {"Device": 1}
CONSOLE, INPUT, OWN = {"Device": 3}, {"Device": 18}, {"Device": 65535}
BLK_SEGMENTS = {
    **BLK,
    "ConfigWce": 1,
    "MaxDiscardSectors": 8,
    "MaxDiscardSeg": 4,
    "MaxWriteZeroesSectors": 8,
    "MaxWriteZeroesSeg": 4,
}
SPLIT = {"Device": 4, "TransportFeatures": feature_sets.SPLIT}
PACKED = {"Device": 4, "TransportFeatures": feature_sets.PACKED}


@dataclass(frozen=True)
class Fault:
    """In the HDL `file`, `old` becomes `new`; `body` (theme.name) must then fail with one of `rules` in its message."""

    file: str
    old: str
    new: str
    rules: tuple[str, ...]
    body: str = "rings.batches_of_any_size"
    timing: str = "light"
    parameters: Mapping[str, int] = field(default_factory=lambda: RNG, hash=False)
