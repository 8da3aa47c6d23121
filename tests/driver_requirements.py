# SPDX-License-Identifier: Apache-2.0
"""Which requirement on drivers a register trace shows, by which rule, or why none: docs/driver-rules.md.

A unit test demands that every driver requirement of the catalogue is there, and that the page is up to date; write it
by `python -m tests.driver_requirements`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from cocotbext.virtio.driver_rules import RULES
from tests.sim.configs import ROOT

PAGE = ROOT / "docs" / "driver-rules.md"

_LEGACY = "legacy interface: only devices of Version 2 are judged"
_MAY = "a permission: nothing can break it"
_RING = "the contents of rings are in memory, not in registers"
_REQUEST = "the contents of buffers are in memory, not in registers"
_INSIDE = "what the driver makes of it shows in no access"
_OTHER_DEVICE = "needs the same driver on another device: one trace shows one offer"
#: Areas whose requirements are on memory, for those that no rule stands for.
_AREAS = {
    **dict.fromkeys(("split", "packed", "indirect", "event_idx", "in_order", "notif_data"), _RING),
    **dict.fromkeys(("net", "blk", "gpu", "console", "input", "rng"), _REQUEST),
}
#: Why no rule stands for a requirement that is neither legacy, a permission, unobservable, nor on memory.
UNSEEN: Mapping[str, str] = {
    "FEAT-DRV-004": _OTHER_DEVICE,
    "FEAT-DRV-006": _OTHER_DEVICE,
    "FEAT-DRV-007": "which features a driver needs is known to it alone",
    "FEAT-DRV-008": _OTHER_DEVICE,
    "CONFIG-DRV-005": _OTHER_DEVICE,
    "SHM-DRV-001": _REQUEST,
    "CLEANUP-DRV-001": _RING,
    "CLEANUP-DRV-002": "which memory the driver frees shows in no access",
    "SUSPEND-DRV-003": _RING,
    "RSVD-DRV-005": "what a physical address is depends on the platform",
    "MMIO-DRV-018": _INSIDE,
    "MMIO-DRV-034": "the driver looks at used rings in memory",
    "NET-DRV-003": _INSIDE,
    "NET-DRV-004": _INSIDE,
    "NET-DRV-005": _INSIDE,
    "NET-DRV-006": _INSIDE,
    "NET-DRV-053": "which header lengths a driver can give is known to it alone",
    "NET-DRV-087": "which queues are enabled is said in a buffer",
    "BLK-DRV-004": _INSIDE,
    "BLK-DRV-009": "what a driver can handle is known to it alone",
    "GPU-DRV-006": "whether a driver wants shared memory is known to it alone",
    "INPUT-DRV-007": _INSIDE,
    "RNG-DRV-002": _INSIDE,
}

_HEAD = """# Rules on drivers

Written by `python -m tests.driver_requirements`.

`make check-trace TRACE=file` judges a driver by its register accesses, from its first look at the device on; after
`pip install`, `python -m cocotbext.virtio.check_trace FILE...` does the same. A broken rule is told as
`file:line: RULE (REQUIREMENT, ...): expected ..., seen ...`. The last line counts rules that held, were broken, and
were not reached; a SHOULD that is broken is a warning and counts as passed. `sim_build/trace-NAME.json` (or `--json
PATH`) has the verdict of each rule. The exit status is 0, 1 if a MUST is broken, 2 for a trace that cannot be read.

The bench's own driver is judged by the same rules in every test body, on the model and by what the monitors see on the
pins; what bodies break on purpose is listed in `tests/bodies/judged.py`. `tests/traces` holds what Linux and U-Boot do.

## Traces

One access a line, in the order in which the device sees them; `#` begins a comment.

```
R 0x070 4 Status 0x3            a read: offset, bytes, register, value; "-" for the bytes of a bus that does not tell
W 0x050 4 QueueNotify 0x0       a write
IRQ 1                           the interrupt line rises (0: falls); may be left out
RESET                           the device is reset by wire: nothing of before counts
```

Registers are named as in the standard, fields of the configuration space `Config+0x4`, and what has no name `-`. A
notification may be followed by `# chain head=0 [('0x3000', 16, 'r'), ('0x4000', 512, 'w')]`: address, length, and
whether the device reads or writes, of each element of the chain; `IRQ raised` behind it stands for a line `IRQ 1`.

## Rules

| Rule | Level | What must hold | Requirements |
|---|---|---|---|
"""


@cache
def _entries() -> tuple[dict[str, Any], ...]:
    text = (resources.files("virtio_model") / "data" / "requirements.yaml").read_text()
    return tuple(yaml.safe_load(text))


def levels() -> dict[str, str]:
    """The level of each requirement of the catalogue."""
    return {entry["id"]: entry["level"] for entry in _entries()}


def _held() -> dict[str, list[str]]:
    held = defaultdict(list)
    for name, rule in RULES.items():
        for requirement in rule.requirements:
            held[requirement].append(name)
    return held


def reason(entry: Mapping[str, Any]) -> str:
    """Why a requirement that no rule stands for cannot be judged by a register trace; "" if nobody says."""
    name = entry["id"]
    if entry["iface"] == "legacy":
        return _LEGACY
    if name in UNSEEN:
        return UNSEEN[name]
    if not entry["observable"]:
        return str(entry["check"]).removeprefix("not observable: ").removeprefix("not observable ").rstrip(".")
    if entry["level"] == "MAY":
        return _MAY
    return _AREAS.get(entry["area"], "")


def _unjudged() -> list[dict[str, Any]]:
    held = _held()
    return [entry for entry in _entries() if entry["role"] == "driver" and entry["id"] not in held]


def missing() -> list[str]:
    """Driver requirements that have neither a rule nor a reason."""
    return [entry["id"] for entry in _unjudged() if not reason(entry)]


def superfluous() -> list[str]:
    """Reasons for what a rule stands for, or for no requirement on drivers."""
    return sorted(set(UNSEEN) - {entry["id"] for entry in _unjudged()})


def page() -> str:
    """docs/driver-rules.md."""
    lines = []
    for name, rule in RULES.items():
        level = "SHOULD" if rule.should else "MUST"
        lines.append(f"| {name} | {level} | {rule.title} | {', '.join(rule.requirements)} |")
    entries = _unjudged()
    modern = [entry for entry in entries if entry["iface"] != "legacy"]
    lines += ["", "## Requirements on drivers that a register trace does not show", ""]
    lines.append(f"{len(entries) - len(modern)} are on the legacy interface. The others, each with the reason:")
    lines += ["", "| Requirement | Level | What it asks | Why not |", "|---|---|---|---|"]
    lines += [f"| {e['id']} | {e['level']} | {e['text']} | {reason(e)} |" for e in modern]
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
