# SPDX-License-Identifier: Apache-2.0
"""Which test bodies say nothing about a device of other people, and why."""

from __future__ import annotations

from collections.abc import Mapping

from cocotbext.virtio.check.description import Description
from tests.bodies.rig import Body
from tests.board.left_out import lacking

#: What the bench can do to any device; the rest takes a view of what is behind it.
POWERS = ("faults", "power_cycle", "cycles", "bus", "wild")

#: Bodies that hold a device to decisions of this project where the standard leaves a choice, with that choice.
DECISIONS: Mapping[str, str] = {}


def why(body: Body, device: Description) -> str:
    """Why a body does not run on a device; empty if it does."""
    powers = (*POWERS, "regions") if device.memory.address_width > 32 else POWERS
    return DECISIONS.get(body.name, "") or lacking(body, device.features, powers)
