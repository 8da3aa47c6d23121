# SPDX-License-Identifier: Apache-2.0
"""Shows that `make check-dut` finds defects: each device of tests/hdl/foreign, sound, and with each of its own.

The sound device passes every test that applies to it; with a defect it fails the test, and breaks the rule, that
tests/hdl/foreign/bugs.py names.
"""

from __future__ import annotations

import os
import sys
import time
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
from .verdict import FAILED, WEDGED, Verdict

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
    """Whether a defect was found by the rule, or in the words, that it is known by."""
    return any(
        verdict.verdict in (FAILED, WEDGED)
        and (bug.shows in [finding.rule for finding in verdict.findings] or bug.shows in verdict.message)
        for verdict in found
    )


def prove(path: Path, number: int) -> str:
    """What the device says of itself with a defect, if that is what shows the defect; raises ProofError if not."""
    bug = BUGS[load(path).top][number]
    try:
        broken = verdicts(path, number, bug.test, "icarus")
    except DescriptionError as error:
        raise ProofError(str(error)) from None
    said = "; ".join(map(shown, broken))
    if not seen(bug, broken):
        raise ProofError(f"expected {bug.shows} from {bug.test}, seen {said}")
    return said


class ProofError(Exception):
    """A defect that was not found."""


def main() -> int:
    start = time.monotonic()
    jobs = number(os.environ, "JOBS", os.cpu_count() or 1, 1)
    passed, failed, skipped = 0, 0, 0
    for path in descriptions():
        clean = check({"DUT": str(path), "SEED": str(SEED), "JOBS": str(jobs)})
        passed, failed = passed + (not clean), failed + bool(clean)
    cases = [(path, number) for path in descriptions() for number in BUGS.get(load(path).top, {})]
    found: dict[str, str] = {}
    try:
        check_available("icarus")
    except UsageError as reason:
        print(f"{len(cases)} defects not tried: {reason}", flush=True)
        cases, skipped = [], len(cases)
    print("\ndefects:", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        for (path, number_), proof in zip(cases, [pool.submit(prove, *case) for case in cases], strict=True):
            name = f"{path.stem} {BUGS[load(path).top][number_].name}"
            try:
                found[name] = proof.result()
                passed += 1
            except ProofError as error:
                found[name] = f"NOT FOUND: {error}"
                failed += 1
            print(f"  {name}: {found[name][:160]}", flush=True)
    figures = {"tests": passed + failed + skipped, "passed": passed, "failed": failed, "skipped": skipped}
    wall_s = round(time.monotonic() - start, 1)
    write_json(ROOT / "sim_build" / "check-proof.json", {**figures, "defects": found, "wall_s": wall_s})
    print(closing_line(passed, failed, skipped), flush=True)
    return exit_code(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
