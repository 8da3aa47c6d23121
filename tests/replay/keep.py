# SPDX-License-Identifier: Apache-2.0
"""Where recordings are kept: the folder that RECORD= of make linux and make uboot names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from . import lines

#: The file that a simulation leaves in its directory.
FILE = "replay.txt"


def folder(env: Mapping[str, str] = os.environ) -> Path | None:
    """What RECORD= names, if it does."""
    name = env.get("RECORD", "").strip()
    return Path(name) if name else None


def keep(directory: Path, name: str, title: str) -> None:
    """Copy the recording of a simulation, if there is one and it is wanted."""
    target = folder()
    if target is not None and (directory / FILE).exists():
        target.mkdir(parents=True, exist_ok=True)
        trace = lines.read(directory / FILE)
        trace.title = title
        lines.write(target / f"{name}.txt", trace)
