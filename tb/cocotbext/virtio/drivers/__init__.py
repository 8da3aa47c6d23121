# SPDX-License-Identifier: Apache-2.0
"""Class drivers: what a driver does with the queues of one device type."""

from __future__ import annotations

from .base import ClassDriver, Pending
from .blk import BlkConfig, BlkDriver, BlkResult
from .console import ConsoleConfig, ConsoleDriver
from .input import InputDriver
from .net import NetConfig, NetDriver, NetHeader, ReceivedFrame
from .rng import RngDriver

#: Class driver of each device type that has one.
DRIVERS: dict[int, type[ClassDriver]] = {
    driver.device_type: driver for driver in (RngDriver, BlkDriver, NetDriver, ConsoleDriver, InputDriver)
}

__all__ = [
    "DRIVERS",
    "BlkConfig",
    "BlkDriver",
    "BlkResult",
    "ClassDriver",
    "ConsoleConfig",
    "ConsoleDriver",
    "InputDriver",
    "NetConfig",
    "NetDriver",
    "NetHeader",
    "Pending",
    "ReceivedFrame",
    "RngDriver",
]
