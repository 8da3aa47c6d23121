# SPDX-License-Identifier: Apache-2.0
"""Class drivers: what a driver does with the queues of one device type."""

from __future__ import annotations

from .base import ClassDriver, Pending
from .blk import BlkConfig, BlkDriver, BlkResult
from .net import NetConfig, NetDriver, NetHeader, ReceivedFrame
from .rng import RngDriver

#: Class driver of each device type that has one.
DRIVERS: dict[int, type[ClassDriver]] = {driver.device_type: driver for driver in (RngDriver, BlkDriver, NetDriver)}

__all__ = [
    "DRIVERS",
    "BlkConfig",
    "BlkDriver",
    "BlkResult",
    "ClassDriver",
    "NetConfig",
    "NetDriver",
    "NetHeader",
    "Pending",
    "ReceivedFrame",
    "RngDriver",
]
