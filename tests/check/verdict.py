# SPDX-License-Identifier: Apache-2.0
"""What became of each test body, as the simulator's process leaves it behind."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..conformance.record import Finding, Record

BLOCKED = "not judged"
FILE = "verdicts.jsonl"


@dataclass(frozen=True)
class Verdict:
    """How a test ended. `message` is what ended it, if it was not the scoreboard alone.

    `reached` are the rules that it gave something to judge, `around` the last events before the first violation.
    """

    name: str
    verdict: str
    message: str = ""
    findings: tuple[Finding, ...] = ()
    reached: Mapping[str, Sequence[int]] = field(default_factory=dict)
    around: tuple[str, ...] = ()


def recorded(verdict: Verdict) -> Record:
    """A verdict as the conformance report takes it."""
    message = verdict.message.partition("\n")[0]
    return Record(verdict.name, verdict.verdict, "", message, verdict.findings, verdict.reached, verdict.around)


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
            around = tuple(entry.pop("around"))
            verdicts.append(Verdict(**entry, findings=findings, around=around))
    return verdicts, begun


def _append(entry: dict[str, Any]) -> None:
    with Path(os.environ["VIRTIO_VERDICTS"]).open("a") as out:
        out.write(json.dumps(entry) + "\n")
