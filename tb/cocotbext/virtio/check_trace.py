# SPDX-License-Identifier: Apache-2.0
"""`python -m cocotbext.virtio.check_trace FILE...`: judge drivers by recorded register traces (docs/driver-rules.md).

The last line counts rules, over all files: held, broken, and not reached. A SHOULD that is broken is a warning and
counts as passed. Exit status 0 if no MUST is broken, 1 otherwise, 2 for a trace or an option that is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .driver_rules import RULES, DriverChecker, TraceError, Verdict, read_trace

BUILD = Path("sim_build")
#: Findings of one rule that are printed for each file; all are counted.
SHOWN = 3


def check(path: Path) -> Mapping[str, Verdict]:
    """The verdict of each rule on a trace. Raises `TraceError`."""
    checker = DriverChecker()
    checker.feed(read_trace(path))
    checker.finish()
    return checker.verdicts


def count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many rules came out how."""
    words = [verdict.word for verdict in verdicts]
    warnings = words.count("warning")
    return {
        "passed": words.count("passed") + warnings,
        "failed": words.count("failed"),
        "skipped": words.count("skipped"),
        "warnings": warnings,
    }


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A rule's verdict with its findings."""
    rule = RULES[verdict.rule]
    return {
        "title": rule.title,
        "level": "SHOULD" if rule.should else "MUST",
        "requirements": rule.requirements,
        "verdict": verdict.word,
        "judged": verdict.judged,
        "broken": verdict.broken,
        "findings": [
            {"where": f.where, "requirements": f.requirements, "expected": f.expected, "seen": f.seen}
            for f in verdict.findings
        ],
    }


def show(verdict: Verdict) -> None:
    """Print what was found."""
    kind = "warning: " if RULES[verdict.rule].should else ""
    for finding in verdict.findings[:SHOWN]:
        print(f"{kind}{finding}")
    if verdict.broken > SHOWN:
        print(f"{kind}{verdict.rule}: {verdict.broken - SHOWN} more")


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module. Returns the exit status."""
    parser = argparse.ArgumentParser("cocotbext.virtio.check_trace", description="judge drivers by register traces")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a trace, see docs/driver-rules.md")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where verdicts go: sim_build/trace-NAME.json")
    options = parser.parse_args(arguments)
    try:
        found = {str(path): check(path) for path in options.files}
    except TraceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    every = [verdict for verdicts in found.values() for verdict in verdicts.values()]
    for verdict in every:
        show(verdict)
    total = count(every)
    content = {**total, "files": {name: {v.rule: as_json(v) for v in rules.values()} for name, rules in found.items()}}
    name = options.files[0].stem if len(options.files) == 1 else "all"
    path = options.json or BUILD / f"trace-{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        print(f"error: {path}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    if total["warnings"]:
        print(f"{total['warnings']} of those passed with warnings")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
