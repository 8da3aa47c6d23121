# SPDX-License-Identifier: Apache-2.0
"""From the records of tests to a verdict on each requirement, and on each hostile case."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from cocotbext.virtio.violation import RULES
from virtio_model.spec import Feature, features

from ..bodies import every_body
from .record import WEDGED, Record

PASS, FAIL, WARNING = "pass", "fail", "warning"
NOT_APPLICABLE, NOT_OBSERVABLE, NOT_REACHED = "not applicable", "not observable", "not reached"
VERDICTS = (FAIL, WARNING, NOT_REACHED, PASS, NOT_OBSERVABLE, NOT_APPLICABLE)

_ID = re.compile(r"\b((?:[A-Z]+-(?:DEV|DRV)|HOST)-)(\d{3})((?:(?:,\s+|\s+to\s+)\d{3}\b)*)")


@dataclass(frozen=True)
class Item:
    """A requirement or a hostile case, and how it was judged. `reason` says why it was not, if so."""

    name: str
    area: str
    level: str
    title: str
    text: str
    verdict: str
    reason: str = ""
    tests: Sequence[str] = ()
    rules: Sequence[str] = ()
    evidence: str = ""
    around: Sequence[str] = ()


@dataclass(frozen=True)
class Scope:
    """What of the catalogue can be asked of a device.

    `types` are areas of device types that apply, `features` the names of what is offered somewhere. `reasons` are, by
    requirement, why it is not judged by tests, or more tests and rules that judge it. `absent` are test bodies that
    were left out, with the reason.
    """

    types: Collection[str]
    features: Collection[str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


#: Areas that apply to any device.
COMMON = (
    *("status", "features", "config", "mmio", "queue", "split", "packed", "indirect", "event_idx", "in_order"),
    *("notif_data", "reset", "queue_reset", "shm", "init", "notifications"),
)


def named(text: str) -> Iterable[str]:
    """The ids that a text names, ranges ("001 to 003") and lists spelled out."""
    for prefix, first, rest in _ID.findall(text):
        yield prefix + first
        last = int(first)
        for separator, number in re.findall(r"(,|to)\s+(\d{3})", rest):
            for each in range(last + 1 if separator == "to" else int(number), int(number) + 1):
                yield f"{prefix}{each:03}"
            last = int(number)


def tests_by_id() -> dict[str, list[str]]:
    """The test bodies that name each requirement or hostile case in their docstring."""
    found: dict[str, list[str]] = defaultdict(list)
    for body in every_body():
        for name in named(body.function.__doc__ or ""):
            found[name].append(body.name)
    return found


def catalogue(name: str) -> Any:
    """A file of the catalogue."""
    return yaml.safe_load((resources.files("virtio_model") / "data" / name).read_text())


def requirements(records: Sequence[Record], scope: Scope) -> list[Item]:
    """Every device requirement of the areas that apply, judged."""
    by_rule: dict[str, list[str]] = defaultdict(list)
    for rule, about in RULES.items():
        for requirement in about.requirements:
            by_rule[requirement].append(rule)
    by_test = tests_by_id()
    evidence = Evidence(records)
    areas = {*COMMON, *scope.types}
    return [
        _requirement(entry, by_rule.get(entry["id"], []), by_test.get(entry["id"], []), evidence, scope)
        for entry in catalogue("requirements.yaml")
        if entry["role"] == "device" and entry["area"] in areas
    ]


def rules_in(text: str) -> list[str]:
    """The rules that a text names in `backticks`."""
    return [rule for rule in re.findall(r"`([A-Z0-9-]+)`", text) if rule in RULES]


def tests_in(text: str) -> list[str]:
    """The test bodies that a text names."""
    known = {body.name for body in every_body()}
    return [name for name in re.findall(r"\b[a-z_]+\.[a-z_0-9]+\b", text) if name in known]


class Evidence:
    """Records, found by test and by rule."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.of_test: dict[str, list[Record]] = defaultdict(list)
        self._reached: dict[str, list[Record]] = defaultdict(list)
        self._broke: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            self.of_test[record.body].append(record)
            for rule in record.reached:
                self._reached[rule].append(record)
            for finding in record.findings:
                self._broke[finding.rule].append(record)

    def reached(self, rule: str, asked: Asked) -> Iterator[Record]:
        """The records in which a rule had something to judge that counts for a requirement."""
        for record in self._reached[rule]:
            if any(asked.counts(word) for word in record.reached[rule]):
                yield record

    def broke(self, rule: str, asked: Asked) -> Iterator[Record]:
        """The records in which a rule was broken in what counts for a requirement."""
        for record in self._broke[rule]:
            if any(finding.rule == rule and asked.counts(finding.features) for finding in record.findings):
                yield record


class Asked:
    """With which negotiated features something counts for a requirement: those it depends on, on its kind of ring."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        names = {f"VIRTIO_F_{feature.name}": feature for feature in Feature}
        self._needed = features(*(names[name] for name in entry.get("features") or () if name in names))
        self._needed |= features(Feature.RING_PACKED) if entry["id"].startswith("PACKED-") else 0
        self._split = entry["id"].startswith("SPLIT-")

    def counts(self, word: int) -> bool:
        """Whether it counts with these transport features negotiated."""
        packed = bool(word >> Feature.RING_PACKED & 1)
        return self._needed & ~word == 0 and not (self._split and packed)


def _requirement(
    entry: Mapping[str, Any], rules: Sequence[str], tests: Sequence[str], evidence: Evidence, scope: Scope
) -> Item:
    reason = scope.reasons.get(entry["id"], "")
    rules = [*rules, *rules_in(reason)]
    tests = [*tests, *tests_in(reason)]

    def item(verdict: str, why: str = "", bad: Record | None = None, spoke: Sequence[str] = ()) -> Item:
        text = ""
        around: Sequence[str] = ()
        if bad is not None:
            texts = [finding.text for finding in bad.findings if finding.rule in rules]
            text = f"{bad.device} {bad.test}: {(texts or [bad.message])[0]}".strip()
            around = bad.around
        return Item(
            *(entry["id"], entry["area"], entry["level"], entry["section"], entry["text"]),
            verdict,
            why,
            list(dict.fromkeys(spoke)),
            rules,
            text,
            around,
        )

    if entry.get("iface") == "legacy":
        return item(NOT_APPLICABLE, "legacy interface: the device is not transitional")
    if missing := [name for name in entry.get("features") or () if name not in scope.features]:
        return item(NOT_APPLICABLE, f"not offered: {', '.join(missing)}")
    if not rules and not tests:
        if reason:
            applies = not reason.startswith(("does not apply", "not made use of"))
            return item(NOT_OBSERVABLE if applies else NOT_APPLICABLE, reason)
        if entry["level"] == "MAY":
            return item(NOT_APPLICABLE, "a permission: nothing can break it")
        if not entry["observable"]:
            return item(NOT_OBSERVABLE, "no test can see it")
    counted = Asked(entry)
    spoke = [record for rule in rules for record in evidence.reached(rule, counted)]
    asked = [record for test in tests for record in evidence.of_test[test]]
    # What a test has failed for is its findings; only without any it is what the test is about.
    bad = [record for rule in rules for record in evidence.broke(rule, counted)]
    bad += [record for record in asked if record.bad and not record.findings]
    if bad:
        should = entry["level"].startswith("SHOULD") or entry["level"] == "MAY"
        return item(WARNING if should else FAIL, "", bad[0], [record.test for record in bad])
    if good := [record.test for record in [*asked, *spoke] if not record.bad]:
        return item(PASS, reason, None, good)
    if tests and all(test in scope.absent for test in tests) and not rules:
        return item(NOT_APPLICABLE, scope.absent[tests[0]])
    return item(NOT_REACHED, f"by {', '.join([*rules, *tests])}" if rules or tests else "no rule and no test")


def hostile(records: Sequence[Record], scope: Scope) -> list[Item]:
    """Every hostile case, judged: the tests that name it ran, with all invariants watched by the rules."""
    by_test = tests_by_id()
    evidence = Evidence(records)
    found = []
    for entry in catalogue("hostile.yaml")["entries"]:
        reason = scope.reasons.get(entry["id"], "")
        tests = [*by_test.get(entry["id"], []), *tests_in(reason)]
        ran = [record for test in tests for record in evidence.of_test[test]]
        bad = [record for record in ran if record.bad]
        verdict, why, text = NOT_REACHED, f"by {', '.join(tests)}" if tests else "no test", ""
        around: Sequence[str] = ()
        if bad:
            verdict = "wedged" if any(record.verdict == WEDGED for record in bad) else FAIL
            why, around = "", bad[0].around
            text = f"{bad[0].device} {bad[0].test}: {bad[0].findings[0].text if bad[0].findings else bad[0].message}"
        elif ran:
            verdict, why = PASS, ""
        elif tests and all(test in scope.absent for test in tests):
            verdict, why = NOT_APPLICABLE, scope.absent[tests[0]]
        elif reason.startswith("does not apply"):
            verdict = NOT_APPLICABLE
        found.append(
            Item(
                *(entry["id"], entry["area"], entry["outcome"], entry["title"], entry["expected"]),
                verdict,
                why,
                list(dict.fromkeys(record.test for record in bad or ran)),
                (),
                text,
                around,
            )
        )
    return found


def counts(items: Iterable[Item]) -> Counter[str]:
    """How many items have each verdict."""
    return Counter(item.verdict for item in items)
