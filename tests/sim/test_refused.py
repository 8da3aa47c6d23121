# SPDX-License-Identifier: Apache-2.0
"""Devices that a driver must leave alone, each a configuration of its own."""

from __future__ import annotations

import os
from typing import Any

import cocotb

from ..bodies import identity
from .harness import on_device

REASONS = {
    "unknown_id": identity.unknown_device_type,
    "net_id": identity.mismatching_device_type,
    "bad_version": identity.unsupported_version,
    "placeholder": identity.placeholder,
}


@cocotb.test()
async def device_is_refused(dut: Any) -> None:
    await on_device(dut, REASONS[os.environ["VIRTIO_CONFIG"]])
