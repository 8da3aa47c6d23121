# SPDX-License-Identifier: Apache-2.0
"""What a planted fault is, and the devices that faults are planted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

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

#: In a file, within some text, what becomes what.
Edit = tuple[str, str, str, str]


@dataclass(frozen=True)
class Fault:
    """In the HDL `file`, `old` becomes `new`; `body` (theme.name) must then fail with one of `rules` in its message.

    A `chosen` one replaces an expression, of which there may be more than that `within` some other text: it is built
    together with the others of its parameters, and a plusarg of the simulation says which of them is there. `also` are
    more bodies that must fail so, `hostile` the hostile cases that it stands for, if they are not all those of its
    bodies.
    """

    file: str
    old: str
    new: str
    rules: tuple[str, ...]
    body: str = "rings.batches_of_any_size"
    timing: str = "light"
    parameters: Mapping[str, int] = field(default_factory=lambda: RNG, hash=False)
    chosen: bool = False
    within: str = ""
    also: tuple[str, ...] = ()
    hostile: tuple[str, ...] = ()

    @property
    def edit(self) -> Edit:
        return self.file, self.within or self.old, self.old, self.new


Chosen = partial(Fault, chosen=True)
