# SPDX-License-Identifier: Apache-2.0
"""When a test went wrong in simulated time: left behind by the harness, picked up by the runner."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from .results import FAILED, CaseResult

FILE = "failures.json"


def note(noted_ns: int, first_bad_ns: int) -> None:
    """Add to the file $VIRTIO_FAILURES that now, at `noted_ns`, something of `first_bad_ns` was found wrong."""
    name = os.environ.get("VIRTIO_FAILURES")
    if name:
        path = Path(name)
        path.write_text(json.dumps([*read(path), [noted_ns, first_bad_ns]]) + "\n")


def read(path: Path) -> list[list[int]]:
    """What `note` left behind: [noted_ns, first_bad_ns] each; nothing if the file is not there or half written."""
    try:
        return list(json.loads(path.read_text()))
    except (OSError, ValueError):
        return []


def assign(tests: Iterable[CaseResult], directory: Path) -> None:
    """Give each failed test of a run its time: of the first bad event noted while it ran, or of its end.

    A test whose end has no simulated time, as the simulator ended before it, gets none.
    """
    notes = read(directory / FILE)
    for test in tests:
        if test.verdict == FAILED and test.stop_ns:
            start_ns = test.stop_ns - test.sim_time_ns
            own = [first for noted, first in notes if start_ns <= noted <= test.stop_ns]
            test.failed_ns = own[0] if own else test.stop_ns
