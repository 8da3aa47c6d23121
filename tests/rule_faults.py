# SPDX-License-Identifier: Apache-2.0
"""Which faults show that a rule bites, and by which a hostile case fails: docs/faults.md.

A unit test demands a fault for every rule, and that the page is up to date; write it by `python -m tests.rule_faults`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from cocotbext.virtio.violation import RULES
from tests.conformance.judge import catalogue, tests_by_id
from tests.conformance.reasons import HOSTILE
from tests.hdl.foreign import bugs
from tests.sim.configs import ROOT
from tests.sim.planted import PLANTED

PAGE = ROOT / "docs" / "faults.md"

#: Unit tests that put faults into what monitors see, and nothing else of such names.
_STREAMS = ("test_scoreboard_*.py", "test_records.py", "test_frames.py", "test_ports.py")
_AXI_CASES = ROOT / "tests" / "hdl" / "rules" / "axi_rules_tb.sv"

_HEAD = """# What shows that a check bites

Written by `python -m tests.rule_faults`; a rule without a fault fails the build.

A rule is only worth what has been seen to break it. Each of them, but for NET-TOGETHER, is broken in a stream of
observed events by a unit test of the scoreboard (`tests/unit`), the AXI rules by `tests/hdl/rules/axi_rules_tb.sv`;
many by a fault in the RTL as well (`planted_NAME`, `tests/sim/planted_*.py`), or by a defect of the devices of other
people (`device: defect`, `tests/hdl/foreign/bugs.py`). Rules on drivers have theirs in `tests/unit/driver_faults.py`;
small faults everywhere in the RTL are `make mutate`'s.

## Rules

| Rule | In observed events | In the RTL | In foreign devices |
|---|---|---|---|
"""

_HOSTILE_HEAD = """
## Hostile cases

The tests of each case, and the planted faults and foreign defects that these tests, or the case itself, were seen to
fail by.

| Case | Tests | Faults |
|---|---|---|
"""


def _constants(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value in RULES:
            yield inner.value


def _in_file(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(rule, what breaks it): entries `"name": ("RULE", ...)` of tables, and tests that assert one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple):
                    for rule in _constants(value.elts[0]):
                        yield rule, str(key.value)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for statement in ast.walk(node):
                if isinstance(statement, ast.Assert):
                    for rule in _constants(statement):
                        yield rule, node.name.removeprefix("test_").replace("_", " ")


def in_events() -> dict[str, list[str]]:
    """For each rule, the faults that unit tests put into what monitors see, or into the signals of a bus."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for pattern in _STREAMS:
        for path in sorted((ROOT / "tests" / "unit").glob(pattern)):
            for rule, what in _in_file(ast.parse(path.read_text())):
                if what not in found[rule]:
                    found[rule].append(what)
    for rule in re.findall(r'"(AXI-[A-Z0-9]+)"', _AXI_CASES.read_text()):
        found[rule] = ["axi_rules_tb.sv"]
    return dict(found)


def in_rtl() -> dict[str, list[str]]:
    """For each rule, the faults planted in the RTL that it may tell of."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, fault in PLANTED.items():
        for rule in fault.rules:
            found[rule].append(name)
    return dict(found)


def foreign() -> dict[str, list[str]]:
    """For each rule, requirement and hostile case, the defects of foreign devices that it shows or fails by."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for device, defects in bugs.BUGS.items():
        for bug in defects.values():
            for name in {bug.shows, bug.fails}:
                found[name].append(f"{device}: {bug.name}")
    return dict(found)


def without() -> list[str]:
    """Rules that nothing is known to break."""
    return sorted(set(RULES) - in_events().keys() - in_rtl().keys() - foreign().keys())


def hostile() -> Mapping[str, tuple[list[str], list[str]]]:
    """For each hostile case the test bodies, and the faults that made one of them fail."""
    by_body: defaultdict[str, list[str]] = defaultdict(list)
    for name, fault in PLANTED.items():
        by_body[fault.body.split()[0]].append(name)
    for device, defects in bugs.BUGS.items():
        for bug in defects.values():
            by_body[bug.test.partition("/")[0]].append(f"{device}: {bug.name}")
    named, told = tests_by_id(), foreign()
    found = {}
    for entry in catalogue("hostile.yaml")["entries"]:
        case = entry["id"]
        bodies = sorted({*named.get(case, []), *re.findall(r"[a-z_]+\.[a-z0-9_]+", HOSTILE.get(case, ""))})
        faults = [fault for body in bodies for fault in by_body.get(body, [])] + told.get(case, [])
        found[case] = (bodies, list(dict.fromkeys(faults)))
    return found


def page() -> str:
    """docs/faults.md."""
    events, rtl, others = in_events(), in_rtl(), foreign()
    lines = [
        f"| {rule} | {' | '.join(', '.join(of.get(rule, [])) for of in (events, rtl, others))} |" for rule in RULES
    ]
    cases = hostile()
    rows = [f"| {case} | {', '.join(bodies)} | {', '.join(faults)} |" for case, (bodies, faults) in cases.items()]
    shown = sum(bool(faults) for _, faults in cases.values())
    tail = (
        f"\n{shown} of {len(cases)} cases were seen to fail by a planted fault; mutants of the RTL do not count here.\n"
    )
    return _HEAD + "\n".join(lines) + "\n" + _HOSTILE_HEAD + "\n".join(rows) + "\n" + tail


if __name__ == "__main__":
    PAGE.write_text(page())
