# SPDX-License-Identifier: Apache-2.0
"""Writes what was judged: JSON, a page for people, JUnit, and a table."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .judge import FAIL, NOT_APPLICABLE, NOT_OBSERVABLE, NOT_REACHED, PASS, WARNING, Item, counts

_SKIPPED = (NOT_APPLICABLE, NOT_OBSERVABLE)


@dataclass(frozen=True)
class Conformance:
    """A device judged. `tests` are how many records there were."""

    device: str
    seed: int
    tests: int
    requirements: Sequence[Item]
    hostile: Sequence[Item]

    @property
    def passed(self) -> int:
        return sum(item.verdict in (PASS, WARNING) for item in self._all)

    @property
    def failed(self) -> int:
        return sum(item.verdict not in (PASS, WARNING, *_SKIPPED) for item in self._all)

    @property
    def skipped(self) -> int:
        return sum(item.verdict in _SKIPPED for item in self._all)

    @property
    def _all(self) -> list[Item]:
        return [*self.requirements, *self.hostile]

    def content(self) -> dict[str, Any]:
        """What the JSON file holds."""
        return {
            "device": self.device,
            "seed": self.seed,
            "tests": self.tests,
            "passed": self.passed,
            "failed": self.failed,
            "skipped": self.skipped,
            "requirement_verdicts": dict(counts(self.requirements)),
            "hostile_verdicts": dict(counts(self.hostile)),
            "requirements": [asdict(item) for item in self.requirements],
            "hostile": [asdict(item) for item in self.hostile],
        }


def write(conformance: Conformance, stem: Path) -> None:
    """Write `stem`.json, .html and .xml."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    content = conformance.content()
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    page = (Path(__file__).parent / "page.html").read_text()
    data = json.dumps(content).replace("</", "<\\/")
    stem.with_suffix(".html").write_text(page.replace("@DATA@", data))
    root = ET.Element("testsuites")
    for name, items in (("requirements", conformance.requirements), ("hostile", conformance.hostile)):
        suite = ET.SubElement(root, "testsuite", name=name, tests=str(len(items)))
        suite.set("failures", str(sum(item.verdict not in (PASS, WARNING, *_SKIPPED) for item in items)))
        suite.set("skipped", str(sum(item.verdict in _SKIPPED for item in items)))
        for item in items:
            case = ET.SubElement(suite, "testcase", name=item.name, classname=f"{name}.{item.area}")
            if item.verdict in _SKIPPED:
                ET.SubElement(case, "skipped", message=f"{item.verdict}: {item.reason}")
            elif item.verdict not in (PASS, WARNING):
                ET.SubElement(case, "failure", message=f"{item.verdict}: {item.evidence or item.reason}")
    ET.ElementTree(root).write(stem.with_suffix(".xml"), encoding="utf-8", xml_declaration=True)


def show(conformance: Conformance, console: Console) -> None:
    """Print counts by area, and what is not as it should be."""
    table = Table(title=f"{conformance.device}: requirements by area")
    words = (PASS, WARNING, FAIL, NOT_REACHED, NOT_OBSERVABLE, NOT_APPLICABLE)
    table.add_column("area")
    for word in words:
        table.add_column(word, justify="right")
    areas = dict.fromkeys(item.area for item in conformance.requirements)
    for area in areas:
        found = counts(item for item in conformance.requirements if item.area == area)
        table.add_row(area, *(str(found[word] or "") for word in words))
    found = counts(conformance.hostile)
    table.add_section()
    table.add_row("hostile", *(str(found[word] + (found["wedged"] if word == FAIL else 0) or "") for word in words))
    console.print(table)
    for item in (*conformance.requirements, *conformance.hostile):
        if item.verdict not in (PASS, *_SKIPPED):
            print(f"{item.verdict.upper():12} {item.name} {item.title}: {item.evidence or item.reason}")
