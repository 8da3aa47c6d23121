# SPDX-License-Identifier: Apache-2.0
"""Which requirement on devices is held, by which rule and which test, or why it does not apply: docs/requirements.md.

Rules name requirements in `RULES`, test bodies in their docstrings ("SPLIT-DEV-019 to 024, 026"). What neither names is
in `OTHERS`. A unit test demands that every device requirement of `AREAS` is there, and that the page is up to date;
`python -m tests.requirements` writes it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import import_module, resources
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import yaml  # type: ignore[import-untyped]

from cocotbext.virtio.violation import RULES
from tests import bodies
from tests.bodies.rig import Body

PAGE = Path(__file__).resolve().parents[1] / "docs" / "requirements.md"

#: Areas of the catalogue: those that the core answers for, and of the device types console and input.
AREAS = (
    *("status", "features", "config", "mmio", "queue", "split", "packed", "indirect", "event_idx", "in_order"),
    *("notif_data", "reset", "queue_reset", "shm"),
    *("console", "input"),
)

_LEGACY = "legacy interface: this device is not transitional"
_NO_SHM = "no region exists, `REG-SHM`"
_NO_MULTIPORT = "VIRTIO_CONSOLE_F_MULTIPORT is not offered"
_UNIT = "tests/unit/"

#: Requirements that neither a rule nor a test body names: where they are checked, or "-" and why they do not apply.
OTHERS: Mapping[str, str] = {
    "FEAT-DEV-001": "the network device offers MQ and other control features only with CTRL_VQ; the core's need none",
    "FEAT-DEV-004": "elaboration refuses `TransportFeatures` that the core does not know; identity.features_offered",
    "FEAT-DEV-006": f"{_UNIT}test_spec.py compares the bit numbers of model and RTL with the catalogue",
    "QUEUE-DEV-001": "elaboration: NumQueues is at most 1024",
    "QUEUE-DEV-003": "not made use of: chains are used in the order in which they were fetched",
    "QUEUE-DEV-004": "split always, packed with RING_PACKED; the driver chooses: identity.features_offered",
    "SHM-DEV-001": f"does not apply: {_NO_SHM}",
    "SHM-DEV-002": f"does not apply: {_NO_SHM}",
    "SHM-DEV-003": f"does not apply: {_NO_SHM}",
    "OPER-DEV-002": "`IRQ-CONFIG-MISSING` after each change that a test makes: blk.configuration_change, net.link",
    "RSVD-DEV-003": "the integrator's choice: bit 33 of `TransportFeatures`",
    "RSVD-DEV-004": "not made use of: the device works without",
    "RSVD-DEV-006": "not made use of: the device works without",
    "RSVD-DEV-007": "not made use of: the speed is the same",
    "RSVD-DEV-008": "does not apply: no PCI device; both bits can be offered",
    "RSVD-DEV-009": "does not apply: no PCI device",
    "RSVD-DEV-010": "elaboration: bit 37 is not among the bits that the core knows",
    "RSVD-DEV-011": "rings and buffers are wherever the driver says, in every test; nothing translates",
    "RSVD-DEV-012": "elaboration: bit 41 is not among the bits that the core knows, nor offered by a device type here",
    "RSVD-DEV-013": "elaboration: bit 39 is not among the bits that the core knows",
    "SPLIT-DEV-001": f"{_UNIT}test_model_split.py; `DMA-READ-OUTSIDE` and `DMA-WRITE-OUTSIDE` go by it",
    "SPLIT-DEV-002": "queues.bad_sizes_are_refused; any other size is served too: queues.odd_sizes_are_served",
    "SPLIT-DEV-004": f"{_UNIT}test_spec.py; every test with chains",
    "SPLIT-DEV-012": "not made use of: chains up to the queue size are served, rings.chain_of_the_whole_table",
    "SPLIT-DEV-016": "not made use of: `VQ-READ-WRITABLE`",
    "SPLIT-DEV-037": f"not made use of by the device; the bench takes it: {_UNIT}test_driver_virtqueue.py",
    "SPLIT-DEV-038": "does not apply, see SPLIT-DEV-037",
    "SPLIT-DEV-039": "does not apply, see SPLIT-DEV-037",
    "SPLIT-DEV-041": "not made use of: used flags stay 0",
    "SPLIT-DEV-047": "features.idle_queue_asks_for_the_next_notification",
    "PACKED-DEV-003": f"{_UNIT}test_model_packed.py; areas not aligned so are refused as those of split queues are",
    "PACKED-DEV-013": "packed.malformed_list; rings.chain_of_the_whole_table",
    "PACKED-DEV-018": f"not made use of by the device; the bench takes it: {_UNIT}test_driver_packed.py",
    "PACKED-DEV-019": "does not apply, see PACKED-DEV-018",
    "PACKED-DEV-020": "does not apply, see PACKED-DEV-018",
    "PACKED-DEV-030": "not made use of: writes go out in order",
    "PACKED-DEV-037": "not made use of",
    "PACKED-DEV-038": "made use of: several descriptors are read in one burst",
    "MMIO-DEV-001": "every test; registers.narrow_reads_give_the_lanes_of_the_word",
    "MMIO-DEV-008": "negotiation.every_subset_is_accepted",
    "MMIO-DEV-009": "negotiation.every_subset_is_accepted",
    "MMIO-DEV-012": "queues.odd_sizes_are_served",
    "MMIO-DEV-016": "every test with all transport features: bits 31:16 taken for the queue break `VQ-NOTIFY-LOST`",
    "MMIO-DEV-017": "`REG-ISR` in every test",
    "MMIO-DEV-021": "registers.shared_memory_does_not_exist",
    "CON-DEV-001": "one port: console.offered_features",
    **{f"CON-DEV-{number:03}": f"does not apply: {_NO_MULTIPORT}" for number in (10, 11, 12, 13)},
    "MMIO-DEV-038": "elaboration: bit 41 is not among the bits that the core knows",
}

_ID = re.compile(r"\b([A-Z]+-(?:DEV|DRV)-)(\d{3})((?:(?:,\s+|\s+to\s+)\d{3}\b)*)")


def named(text: str) -> Iterator[str]:
    """The requirements that a text names, ranges and lists of numbers spelled out."""
    for prefix, first, rest in _ID.findall(text):
        yield prefix + first
        last = int(first)
        for separator, number in re.findall(r"(,|to)\s+(\d{3})", rest):
            for each in range(last + 1 if separator == "to" else int(number), int(number) + 1):
                yield f"{prefix}{each:03}"
            last = int(number)


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
