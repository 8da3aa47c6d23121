# SPDX-License-Identifier: Apache-2.0
"""Shows that `make check-dut` finds defects: each device of tests/hdl/foreign, sound, and with each of its own.

The sound device passes every test that applies to it; with a defect it fails the test, breaks the rule and fails the
requirement that tests/hdl/foreign/bugs.py names.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cocotbext.virtio.check.description import Description, DescriptionError, load
from tests.check.__main__ import check, conformance, select
from tests.check.simulate import Bench, build, run
from tests.check.verdict import Verdict
from tests.conformance.judge import FAIL, WARNING
from tests.conformance.record import FAILED, WEDGED
from tests.hdl.foreign.bugs import BUGS, Bug
from tests.sim.configs import ROOT
from tests.sim.results import closing_line, exit_code, write_json
from tests.sim.selection import UsageError, number
from tests.sim.toolchain import check_available

FOREIGN = ROOT / "tests" / "hdl" / "foreign"
SEED = 20261122
WHEEL = "<wheel>"


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
    bench = Bench(device, sim, ROOT / "sim_build" / f"check-proof-{sim}" / device.name, SEED, 300)
    build(bench)
    names, _ = select(device, test)
    return run(bench, names, 1)


def shown(verdict: Verdict) -> str:
    """Rules broken, and how the test ended, in a line."""
    rules = " ".join(finding.rule for finding in verdict.findings)
    return f"{verdict.verdict}: {rules} {verdict.message.partition(chr(10))[0]}"


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
    judged = conformance(with_bug(path, number), SEED, broken, {})
    failed = {item.name for item in (*judged.requirements, *judged.hostile) if item.verdict in (FAIL, WARNING, WEDGED)}
    if bug.fails not in failed:
        raise ProofError(f"expected {bug.fails} to fail, seen {', '.join(sorted(failed)) or 'nothing fail'}")
    return f"{bug.fails}: {said}"


class ProofError(Exception):
    """A defect that was not found."""


def fails(name: str) -> bool:
    """Whether a requirement or hostile case has failed, or was broken where it only should hold, by the last report."""
    content = json.loads((ROOT / "sim_build" / f"check-{name}-conformance.json").read_text())
    verdicts = {**content["requirement_verdicts"], **content["hostile_verdicts"]}
    return bool({FAIL, WARNING, WEDGED} & verdicts.keys())


def installed(folder: Path) -> str:
    """Empty if the wheel, installed in an environment of its own, checks a device outside of the checkout."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "device").mkdir(parents=True)
    for name in ("apb_blk.sv", "apb_blk.toml"):
        shutil.copy(FOREIGN / name, folder / "device")
    left_out = shutil.ignore_patterns(".*", "sim_build", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=left_out)
    python = folder / "venv" / "bin" / "python"
    pip = ("-m", "pip", "--disable-pip-version-check", "-q")
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    steps = (
        (ROOT, (sys.executable, *pip, "wheel", "--no-deps", "-w", str(folder), str(folder / "source"))),
        (folder, (sys.executable, "-m", "venv", "venv")),
        (folder, (str(python), *pip, "install", WHEEL)),
        (folder, (str(python), "-m", "cocotbext.virtio.check", "device/apb_blk.toml", "TEST=status", f"SEED={SEED}")),
    )
    for cwd, command in steps:
        words = [str(next(folder.glob("*.whl"))) if word == WHEEL else word for word in command]
        done = subprocess.run(words, cwd=cwd, env=clean, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            return f"{' '.join(words)}: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
    if not re.fullmatch(r"[1-9]\d* passed, 0 failed, \d+ skipped", done.stdout.splitlines()[-1]):
        return f"expected tests that passed, seen {done.stdout.splitlines()[-1]}"
    return ""


def main() -> int:
    start = time.monotonic()
    jobs = number(os.environ, "JOBS", os.cpu_count() or 1, 1)
    passed, failed, skipped = 0, 0, 0
    for path in descriptions():
        clean = check({"DUT": str(path), "SEED": str(SEED), "JOBS": str(jobs)}) or fails(load(path).name)
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
    problem = installed(ROOT / "sim_build" / "check-installed")
    print(f"installed: {problem or 'the wheel checks a device without the checkout'}", flush=True)
    passed, failed = passed + (not problem), failed + bool(problem)
    figures = {"tests": passed + failed + skipped, "passed": passed, "failed": failed, "skipped": skipped}
    wall_s = round(time.monotonic() - start, 1)
    write_json(ROOT / "sim_build" / "check-proof.json", {**figures, "defects": found, "wall_s": wall_s})
    print(closing_line(passed, failed, skipped), flush=True)
    return exit_code(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
