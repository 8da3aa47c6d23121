# SPDX-License-Identifier: Apache-2.0
"""What became of each test body, as the simulator's process leaves it behind."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PASSED, FAILED, WEDGED, BLOCKED, NOT_APPLICABLE = "passed", "failed", "wedged", "not judged", "not applicable"
FILE = "verdicts.jsonl"


@dataclass(frozen=True)
class Finding:
    """A rule that a test saw broken: its first violation in words, and how often it was."""

    rule: str
    text: str
    count: int


@dataclass(frozen=True)
class Verdict:
    """How a test ended. `message` is what ended it, if it was not the scoreboard alone."""

    name: str
    verdict: str
    message: str = ""
    findings: tuple[Finding, ...] = ()


def begin(name: str) -> None:
    """Leave behind that a test begins: the last word of it if the simulator dies."""
    _append({"begin": name})


def end(verdict: Verdict) -> None:
    """Leave a verdict behind."""
    _append(asdict(verdict))


def read(path: Path) -> tuple[list[Verdict], str]:
    """The verdicts in a file, and the test that began without an end, if there is one."""
    verdicts: list[Verdict] = []
    begun = ""
    for line in path.read_text().splitlines() if path.exists() else []:
        entry: dict[str, Any] = json.loads(line)
        begun = entry.get("begin", "")
        if not begun:
            findings = tuple(Finding(**finding) for finding in entry.pop("findings"))
            verdicts.append(Verdict(**entry, findings=findings))
    return verdicts, begun


def _append(entry: dict[str, Any]) -> None:
    with Path(os.environ["VIRTIO_VERDICTS"]).open("a") as out:
        out.write(json.dumps(entry) + "\n")
