# SPDX-License-Identifier: Apache-2.0
"""Which device of other people is asked for: DUT= and PARAMETERS= in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cocotbext.virtio.check.description import Description, load

from ..sim.selection import UsageError


def parameters(text: str) -> dict[str, int]:
    """HDL parameters given as "NAME=number ...". Raises UsageError."""
    found = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        try:
            found[name] = int(value, 0)
        except ValueError:
            equals = ""
        if not (name.isidentifier() and equals):
            raise UsageError(f"PARAMETERS={text}: expected NAME=number, seen {word!r}")
    return found


def described(env: Mapping[str, str]) -> Description:
    """The device's description; PARAMETERS become part of its name. Raises UsageError, DescriptionError."""
    name = env.get("DUT", "").strip()
    if not name:
        raise UsageError("DUT=path/to/device.toml expected, seen none; docs/check-dut.md says what is in it")
    device = load(Path(name))
    changed = parameters(env.get("PARAMETERS", ""))
    if not changed:
        return device
    words = "-".join(f"{key}-{value}" for key, value in changed.items())
    return replace(device, name=f"{device.name}-{words}", parameters={**device.parameters, **changed})
