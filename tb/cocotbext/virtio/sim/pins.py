# SPDX-License-Identifier: Apache-2.0
"""Looking at the pins of a device: are the ports there, and do they carry 0 or 1?"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from cocotb.utils import get_sim_time


class MissingPort(Exception):
    """The device under test lacks a port that a bus needs."""


class ProtocolError(Exception):
    """The device under test did on its pins what the bus does not allow, or drove X or Z."""


def require_ports(dut: Any, prefix: str, channels: Iterable[type], kind: str) -> None:
    """Check that `dut` has every signal of the bus channels as `prefix`_signal. Raises MissingPort with one line."""
    present = {name.casefold() for name in dir(dut)}
    # The library makes the channel classes at run time; `_signals` is where they keep their required ones.
    wanted = [f"{prefix}_{signal}" for channel in channels for signal in channel._signals]  # type: ignore[attr-defined]
    missing = [name for name in wanted if name.casefold() not in present]
    if missing:
        others = f" (and {len(missing) - 1} more: {', '.join(missing[1:6])} ...)" if len(missing) > 1 else ""
        raise MissingPort(f"{dut._name} has no port {missing[0]!r}{others}: {kind} expected with prefix {prefix!r}")


def require_port(dut: Any, name: str, what: str) -> Any:
    """The handle of a port. Raises MissingPort."""
    handle = getattr(dut, name, None)
    if handle is None:
        raise MissingPort(f"{dut._name} has no port {name!r}: {what} expected")
    return handle


def known(value: Any, what: str) -> int:
    """A pin's value as an integer. Raises ProtocolError naming `what` when a bit is neither 0 nor 1."""
    text = str(value)
    if not set(text) <= {"0", "1"}:
        now_ns = int(get_sim_time("ns"))
        raise ProtocolError(f"PIN-UNKNOWN {what} expected 0 or 1 in each bit, seen {text} at {now_ns} ns")
    return int(text, 2)


def known_lanes(value: Any, strobe: int, what: str) -> bytes:
    """The bytes of a data bus, lane 0 first. Only lanes with their strobe set must be known; others read 0."""
    text = str(value)
    if set(text) <= {"0", "1"}:
        return int(text, 2).to_bytes(len(text) // 8, "little")
    lanes = [text[end - 8 : end] for end in range(len(text), 0, -8)]
    return bytes(
        known(lane, f"{what} lane {i}, whose strobe is set,") if strobe >> i & 1 else 0 for i, lane in enumerate(lanes)
    )


def quiet(dut: Any, prefix: str) -> logging.Logger:
    """Keep the bus library from logging each beat at INFO; returns its logger."""
    logger = logging.getLogger(f"cocotb.{dut._name}.{prefix}")
    logger.setLevel(logging.WARNING)
    return logger
