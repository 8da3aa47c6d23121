# SPDX-License-Identifier: Apache-2.0
"""What a run exercised, counted while it happened, saved as JSON and merged over runs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Exercised:
    """Counts by group and name, and for each quantity the least and the most that was seen."""

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        content = content or {}
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for group, names in content.get("counts", {}).items():
            self.counts[group].update(names)
        self.spans = {name: (low, high) for name, (low, high) in content.get("spans", {}).items()}

    def count(self, group: str, name: object, by: int = 1) -> None:
        """Something happened, `by` times."""
        self.counts[group][str(name)] += by

    def span(self, name: str, value: int) -> None:
        """A quantity had this value."""
        low, high = self.spans.get(name, (value, value))
        self.spans[name] = (min(low, value), max(high, value))

    def total(self, group: str) -> int:
        """How often anything of a group happened."""
        return sum(self.counts.get(group, {}).values())

    def merge(self, other: Exercised) -> None:
        """Add what another run did."""
        for group, names in other.counts.items():
            self.counts[group].update(names)
        for name, bounds in other.spans.items():
            for value in bounds:
                self.span(name, value)

    def content(self) -> dict[str, Any]:
        """As plain dicts, the most frequent first."""
        counts = {group: dict(names.most_common()) for group, names in sorted(self.counts.items())}
        return {"counts": counts, "spans": {name: list(bounds) for name, bounds in sorted(self.spans.items())}}

    def save(self, path: Path) -> None:
        """Write the file so that a reader finds either the old content or the new one."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self.content()))
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Exercised:
        """What was saved; nothing if nothing was."""
        try:
            return cls(json.loads(path.read_text()))
        except (OSError, ValueError):
            return cls()


def bucket(value: int) -> str:
    """The range of powers of two that a size is in, as 5-8."""
    if value <= 2:
        return str(value)
    low = 1 << (value - 1).bit_length() - 1
    return f"{low + 1}-{2 * low}"
