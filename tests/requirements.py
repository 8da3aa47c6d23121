# SPDX-License-Identifier: Apache-2.0
"""Which requirement on devices is held, by which rule and which test, or why it does not apply: docs/requirements.md.

Rules name requirements in `RULES`, test bodies in their docstrings ("SPLIT-DEV-019 to 024, 026"). What neither names is
in `OTHERS`. A unit test demands that every device requirement of `AREAS` is there, and that the page is up to date;
`python -m tests.requirements` writes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module, resources
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import yaml

from cocotbext.virtio.violation import RULES
from tests import bodies
from tests.bodies.rig import Body
from tests.conformance.judge import named
from tests.conformance.reasons import OTHERS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "requirements.md"

#: Areas of the catalogue: those that the core answers for, and of the device types console and input.
AREAS = (
    *("status", "features", "config", "mmio", "queue", "split", "packed", "indirect", "event_idx", "in_order"),
    *("notif_data", "reset", "queue_reset", "shm"),
    *("console", "input"),
)

_LEGACY = "legacy interface: this device is not transitional"


def every_id() -> set[str]:
    """All requirements of the catalogue, on drivers too."""
    return {entry["id"] for entry in _entries()}


def _entries() -> list[dict[str, Any]]:
    text = (resources.files("virtio_model") / "data" / "requirements.yaml").read_text()
    entries: list[dict[str, Any]] = yaml.safe_load(text)
    return entries


def catalogue() -> list[dict[str, Any]]:
    """The requirements on devices in `AREAS`, in the order of the catalogue."""
    return [entry for entry in _entries() if entry["role"] == "device" and entry["area"] in AREAS]


def by_rule() -> dict[str, list[str]]:
    """The rules that stand for each requirement."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, rule in RULES.items():
        for requirement in rule.requirements:
            found[requirement].append(name)
    return found


def by_test() -> dict[str, list[str]]:
    """The test bodies that name each requirement."""
    found: dict[str, list[str]] = defaultdict(list)
    for module in iter_modules(bodies.__path__):
        for body in vars(import_module(f"{bodies.__name__}.{module.name}")).values():
            if isinstance(body, Body):
                for requirement in named(body.function.__doc__ or ""):
                    found[requirement].append(body.name)
    return found


def _held(entry: Mapping[str, Any], rules: Mapping[str, list[str]], tests: Mapping[str, list[str]]) -> str:
    """How a requirement is held, in Markdown; "" if nobody says."""
    if entry.get("iface") == "legacy":
        return f"does not apply: {_LEGACY}"
    name = entry["id"]
    parts = [
        ", ".join(f"`{rule}`" for rule in rules.get(name, ())),
        ", ".join(dict.fromkeys(tests.get(name, ()))),
        OTHERS.get(name, ""),
    ]
    return "; ".join(part for part in parts if part)


def missing() -> list[str]:
    """Requirements that nobody says anything of."""
    rules, tests = by_rule(), by_test()
    return [entry["id"] for entry in catalogue() if not _held(entry, rules, tests)]


def page() -> str:
    """docs/requirements.md."""
    entries = catalogue()
    rules, tests = by_rule(), by_test()
    lines = [
        "# Requirements on devices, and how they are held",
        "",
        "Written by `python -m tests.requirements`. The catalogue's device requirements of the areas that the core",
        "answers for, and of console and input devices, each with the rules of the scoreboard that stand for it",
        "(in every test), the test bodies that provoke it, or the reason why it does not apply.",
        "",
    ]
    for area in AREAS:
        lines += [f"## {area}", "", "| Requirement | Level | What it asks | Held by |", "|---|---|---|---|"]
        for entry in entries:
            if entry["area"] == area:
                lines.append(f"| {entry['id']} | {entry['level']} | {entry['text']} | {_held(entry, rules, tests)} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
