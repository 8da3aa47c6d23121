# SPDX-License-Identifier: Apache-2.0
"""Shows that `make check-dut` finds defects: each device of tests/hdl/foreign, sound, and with each of its own.

The sound device passes every test that applies to it; with a defect it fails the test, and breaks the rule, that
tests/hdl/foreign/bugs.py names.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cocotbext.virtio.check.description import Description, DescriptionError, load
from tests.hdl.foreign.bugs import BUGS, Bug
from tests.sim.configs import ROOT
from tests.sim.results import closing_line, exit_code, write_json
from tests.sim.selection import UsageError, number
from tests.sim.toolchain import check_available

from .__main__ import check, select
from .simulate import Bench, build, run
from .verdict import BLOCKED, FAILED, NOT_APPLICABLE, PASSED, WEDGED, Verdict

FOREIGN = ROOT / "tests" / "hdl" / "foreign"
SEED = 20261122


def descriptions() -> list[Path]:
    """The descriptions of the devices here."""
    return sorted(FOREIGN.glob("*.toml"))


def with_bug(path: Path, bug: int) -> Description:
    """The device of a description with one of its defects, or none for 0."""
    device = load(path)
    return replace(device, name=f"{device.name}-{bug}", parameters={**device.parameters, "BUG": bug})


def verdicts(path: Path, bug: int, test: str, sim: str) -> list[Verdict]:
    """What becomes of a test on a device with a defect."""
    device = with_bug(path, bug)
    bench = Bench(device, path, sim, ROOT / "sim_build" / f"check-proof-{sim}" / device.name, SEED, 300)
    build(bench)
    names, _ = select(device, test)
    return run(bench, names, 1)


def shown(verdict: Verdict) -> str:
    """Rules broken, and how the test ended, in a line."""
    rules = " ".join(finding.rule for finding in verdict.findings)
    return f"{verdict.verdict}: {' '.join(filter(None, [rules, verdict.message.splitlines()[0] if verdict.message else '']))}"


def seen(bug: Bug, found: list[Verdict]) -> bool:
    """Whether a defect was found by the rule or error that it is known by."""
    return any(
        verdict.verdict in (FAILED, WEDGED)
        and (bug.shows in [finding.rule for finding in verdict.findings] or verdict.message.startswith(bug.shows + ":"))
        for verdict in found
    )


def prove(path: Path, number: int, sim: str) -> str:
    """Empty if the sound device passes and the one with the defect shows it, or else what happened instead."""
    bug = BUGS[load(path).top][number]
    try:
        broken = verdicts(path, number, bug.test, sim)
    except DescriptionError as error:
        return str(error)
    if seen(bug, broken):
        return ""
    return f"expected {bug.shows} from {bug.test}, seen {'; '.join(map(shown, broken))}"
