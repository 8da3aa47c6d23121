# SPDX-License-Identifier: Apache-2.0
"""What one test says: its verdict, the rules that it saw broken, and those that it gave something to judge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PASSED, FAILED, WEDGED, NOT_APPLICABLE = "passed", "failed", "wedged", "not applicable"
#: In the directory of a run; one line of JSON a test.
FILE = "evidence.jsonl"


@dataclass(frozen=True)
class Finding:
    """A broken rule: its first violation in words, how often it was, and the transport features negotiated then."""

    rule: str
    text: str
    count: int
    features: int = 0


@dataclass(frozen=True)
class Record:
    """One test on one configuration of a device.

    `reached` are the rules that had something to judge, each with the words of transport features that were negotiated
    then; `around` are the events around the first violation.
    """

    test: str
    verdict: str
    device: str = ""
    message: str = ""
    findings: tuple[Finding, ...] = ()
    reached: Mapping[str, Sequence[int]] = field(default_factory=dict)
    around: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The test body, without its case."""
        return self.test.partition("/")[0]

    @property
    def bad(self) -> bool:
        return self.verdict in (FAILED, WEDGED)


def leave(record: Record, path: Path) -> None:
    """Append a record to a file."""
    with path.open("a") as out:
        out.write(json.dumps(asdict(record)) + "\n")


def read(paths: Iterable[Path]) -> Iterator[Record]:
    """The records in files; a file that does not exist has none."""
    for path in paths:
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = json.loads(line)
            findings = tuple(Finding(**finding) for finding in entry.pop("findings"))
            around = tuple(entry.pop("around"))
            yield Record(**entry, findings=findings, around=around)
