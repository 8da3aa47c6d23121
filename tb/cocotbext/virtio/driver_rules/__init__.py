# SPDX-License-Identifier: Apache-2.0
"""Rules on drivers: what register accesses say about the driver that made them (docs/driver-rules.md)."""

from .bus import JudgedBus
from .checker import DriverChecker
from .table import RULES, Finding, Rule, Verdict
from .trace import (
    Access,
    IrqLevel,
    PowerUp,
    Step,
    TraceError,
    from_events,
    parse_line,
    read_trace,
    step_line,
    write_trace,
)

__all__ = [
    "RULES",
    "Access",
    "DriverChecker",
    "Finding",
    "IrqLevel",
    "JudgedBus",
    "PowerUp",
    "Rule",
    "Step",
    "TraceError",
    "Verdict",
    "from_events",
    "parse_line",
    "read_trace",
    "step_line",
    "write_trace",
]
