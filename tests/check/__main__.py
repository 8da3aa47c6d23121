# SPDX-License-Identifier: Apache-2.0
"""`make check-dut DUT=device.toml`: what is wrong with a device of other people (docs/check-dut.md).

Installed: python -m cocotbext.virtio.check device.toml [NAME=value ...]. DUT, PARAMETERS, TEST, SIM, SEED, JOBS and
TIMEOUT come from the environment, as make passes them on, or as such arguments. Results go to sim_build where it is
run. Exit status: 0 nothing is wrong, 1 something is or nothing ran, 2 the request or the description makes no sense.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotbext.virtio.check.description import Description, DescriptionError
from cocotbext.virtio.violation import RULES

from ..bodies import every_body
from ..conformance.features import feature_names
from ..conformance.judge import Scope, hostile, requirements, rules_in, tests_in
from ..conformance.reasons import DEVICES, HOSTILE, OTHERS
from ..conformance.record import FAILED, NOT_APPLICABLE, PASSED, WEDGED
from ..conformance.report import Conformance, show, write
from ..sim.configs import INSTALLED, SIMULATORS
from ..sim.report import console
from ..sim.results import closing_line, exit_code, write_json
from ..sim.selection import UsageError, matches, number
from ..sim.toolchain import check_available
from . import left_out
from .request import described
from .simulate import Bench, build, run
from .verdict import BLOCKED, Verdict, recorded

#: Errors of the driver that end its start: seen again, they say nothing new.
_START = ("NotAVirtioDevice", "UnsupportedVersion", "UnknownDeviceType", "DeviceTypeMismatch", "MissingVersion1")


def select(device: Description, test: str) -> tuple[list[str], dict[str, str]]:
    """The bodies that run, by case, and of the others the reason why not. Raises UsageError."""
    chosen: list[str] = []
    absent: dict[str, str] = {}
    bodies = [body for body in every_body() if int(device.device_type) in body.devices]
    known = {name for body in bodies for name in (body.name, *(f"{body.name}/{case}" for case in body.cases))}
    for name in device.waived_tests:
        if name not in known:
            raise DescriptionError(f"{device.path}: [limits] known: unknown test {name!r} of a {device.type} device")
    for body in bodies:
        if test and not matches(test, *body.name.split(".")):
            continue
        for case in body.cases or ("",):
            name = f"{body.name}/{case}" if case else body.name
            if reason := left_out.why(body, device, case):
                absent[name] = reason
            else:
                chosen.append(name)
    if test and not chosen and not absent:
        raise UsageError(f"unknown TEST {test!r}, there are: {', '.join(body.name for body in bodies)}")
    return chosen, absent


def blocked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, where a driver that could not start for the same reason as before says `not judged`."""
    seen: dict[str, str] = {}
    judged = []
    for verdict in verdicts:
        kind = verdict.message.partition(":")[0]
        first = seen.setdefault(verdict.message, verdict.name) if kind in _START else verdict.name
        if first != verdict.name and not verdict.findings:
            verdict = Verdict(verdict.name, BLOCKED, f"as in {first}: {verdict.message}")
        judged.append(verdict)
    return judged


def findings(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Each broken rule once: how often, the first time in words, and in which tests."""
    found: dict[str, dict[str, Any]] = {}
    for verdict in verdicts:
        for finding in verdict.findings:
            rule = RULES[finding.rule]
            entry = found.setdefault(
                finding.rule,
                {
                    "rule": finding.rule,
                    "title": rule.title,
                    "requirements": list(rule.requirements),
                    "first": finding.text,
                    "count": 0,
                    "tests": [],
                },
            )
            entry["count"] += finding.count
            entry["tests"].append(verdict.name)
    return sorted(found.values(), key=lambda entry: -len(entry["tests"]))


def report(bench: Bench, verdicts: Sequence[Verdict], absent: Mapping[str, str]) -> int:
    """Print and write what was found; the exit status."""
    kinds = Counter(verdict.verdict for verdict in verdicts)
    broken = findings(verdicts)
    for verdict in verdicts:
        if verdict.verdict != PASSED:
            rules = ", ".join(finding.rule for finding in verdict.findings)
            said = "; ".join(filter(None, [rules, verdict.message.partition("\n")[0]]))
            print(f"{verdict.verdict.upper():14} {verdict.name}: {said}")
    for entry in broken:
        print(f"\n{entry['rule']}: {entry['title']}; {entry['count']} times in {len(entry['tests'])} tests")
        print(f"  first in {entry['tests'][0]}: {entry['first']}")
    for rule, reason in bench.device.waived.items():
        print(f"\nnot reported, a known limit: {rule}: {reason}")
    reasons = Counter(absent.values())
    if reasons:
        print("\nleft out:")
    for reason, count in reasons.most_common():
        print(f"  {count} tests: {reason}")
    failed = kinds[FAILED] + kinds[WEDGED]
    skipped = kinds[NOT_APPLICABLE] + kinds[BLOCKED] + len(absent)
    write_json(
        Path.cwd() / "sim_build" / f"check-{bench.device.name}.json",
        {
            "device": bench.device.name,
            "description": str(bench.device.path),
            "seed": bench.seed,
            "tests": len(verdicts) + len(absent),
            "passed": kinds[PASSED],
            "failed": failed,
            "skipped": skipped,
            "wedged": kinds[WEDGED],
            "not_judged": kinds[BLOCKED],
            "findings": broken,
            "verdicts": {verdict.name: [verdict.verdict, verdict.message] for verdict in verdicts},
            "left_out": dict(absent),
            "known_limits": dict(bench.device.waived),
        },
    )
    judged = conformance(bench.device, bench.seed, verdicts, absent)
    stem = Path.cwd() / "sim_build" / f"check-{bench.device.name}-conformance"
    write(judged, stem)
    show(judged, console())
    print(f"\nclause by clause: {stem}.html")
    how = "python -m cocotbext.virtio.check" if INSTALLED else "make check-dut"
    again = f"{how} DUT={bench.device.path} SEED={bench.seed}"
    print(f"\nrepeat: {again}")
    print(closing_line(kinds[PASSED], failed, skipped), flush=True)
    return exit_code(kinds[PASSED], failed)


def conformance(device: Description, seed: int, verdicts: Sequence[Verdict], absent: Mapping[str, str]) -> Conformance:
    """The device judged clause by clause. What stays unjudged because of what was left out does not apply."""
    known = {**DEVICES, **HOSTILE, **OTHERS}
    reasons = {name: text for name, text in known.items() if rules_in(text) or tests_in(text)}
    other = "for another type of device"
    left = {body.name: other for body in every_body() if int(device.device_type) not in body.devices}
    left |= {name.partition("/")[0]: reason for name, reason in absent.items()}
    left |= {**absent, **{v.name: v.message for v in verdicts if v.verdict in (NOT_APPLICABLE, BLOCKED)}}
    scope = Scope((device.type,), set(feature_names(device.device_type, device.features)), reasons, left)
    records = [recorded(verdict) for verdict in verdicts if verdict.verdict not in (NOT_APPLICABLE, BLOCKED)]
    return Conformance(device.name, seed, len(records), requirements(records, scope), hostile(records, scope))


def check(env: Mapping[str, str]) -> int:
    """Check the device that an environment names. Raises UsageError and DescriptionError."""
    device = described(env)
    sim = env.get("SIM", "").strip() or "verilator"
    if sim not in SIMULATORS:
        raise UsageError(f"SIM={sim}: expected one of {', '.join(SIMULATORS)}")
    check_available(sim)
    chosen, absent = select(device, env.get("TEST", "").strip())
    directory = Path.cwd() / "sim_build" / f"check-{sim}-{device.name}"
    seed = number(env, "SEED", random.SystemRandom().randrange(1, 1 << 31))
    bench = Bench(device, sim, directory, seed, number(env, "TIMEOUT", 300, 1))
    build(bench)
    verdicts = blocked(run(bench, chosen, number(env, "JOBS", os.cpu_count() or 1, 1)))
    return report(bench, verdicts, absent)


KNOBS = ("DUT", "PARAMETERS", "TEST", "SIM", "SEED", "JOBS", "TIMEOUT")


def arguments(words: Sequence[str]) -> dict[str, str]:
    """What NAME=value arguments, and a description given as a path, say. Raises UsageError."""
    given = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and not word.startswith("-"):
            name, value = "DUT", word
        if name not in KNOBS:
            raise UsageError(f"{word}: expected a description's path or NAME=value with one of {', '.join(KNOBS)}")
        given[name] = value
    return given


def main(words: Sequence[str] = ()) -> int:
    try:
        return check({**os.environ, **arguments(words)})
    except (UsageError, DescriptionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
