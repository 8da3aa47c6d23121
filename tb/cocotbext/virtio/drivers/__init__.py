# SPDX-License-Identifier: Apache-2.0
"""Class drivers: what a driver does with the queues of one device type."""

from __future__ import annotations

from .base import ClassDriver, Pending
from .blk import BlkConfig, BlkDriver, BlkResult
from .rng import RngDriver

#: Class driver of each device type that has one.
DRIVERS: dict[int, type[ClassDriver]] = {driver.device_type: driver for driver in (RngDriver, BlkDriver)}

__all__ = ["DRIVERS", "BlkConfig", "BlkDriver", "BlkResult", "ClassDriver", "Pending", "RngDriver"]
