# SPDX-License-Identifier: Apache-2.0
"""Functional coverage, by cocotb-coverage: what a regression has seen on the pins of devices.

Fed by the scoreboard, which follows what monitors see; nothing comes from what a test meant to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db

from cocotbext.virtio.inflight import Chain
from cocotbext.virtio.tracker import QueueTracker
from virtio_model import RingError
from virtio_model.spec import DeviceType, Feature

_COUNTS = ("0", "1", "2", "3-4", "5-8", "more")
_LENGTHS = ("0", "1-3", "4-15", "16-63", "64-511", "512-4095", "4096 or more")
_SIZES = ("1-4", "5-16", "17-64", "more")
_DEVICES = ("rng", "blk", "net", "console", "input")
_FORMATS = ("split", "packed")
_EVENTS = ("flags", "events")
_ORDERS = ("any order", "in order")
_TABLES = ("direct", "table", "direct, then table")
#: What the device can find wrong with a ring, by the model's name of it, and on which rings.
_FAULTS = {
    "split": (
        *("AvailIndexError", "HeadOutOfRange", "NextOutOfRange", "ChainLoopError", "ReadableAfterWritable"),
        *("IndirectNotNegotiated", "BadIndirectTable", "AddressOverflow", "LengthOverflow", "RingAccessError"),
    ),
    "packed": (
        *("BrokenList", "ChainLoopError", "ReadableAfterWritable", "BadIndirectTable", "AddressOverflow"),
        *("LengthOverflow", "RingAccessError", "IndirectNotNegotiated"),
    ),
}


class Used(NamedTuple):
    """A chain that was given back, in the words of the points below."""

    device: str
    format: str
    events: str
    order: str
    tables: str
    readable: str
    writable: str
    length: str
    alignment: str
    size: str
    power: str
    round: str
    idx: str


def bucket(value: int, labels: Sequence[str]) -> str:
    """The label, "N", "N-M", or one for all that is more, whose range a value is in."""
    for label in labels[:-1]:
        if value <= int(label.rpartition("-")[2]):
            return label
    return labels[-1]


def _point(name: str, bins: Sequence[str]) -> Any:
    return CoverPoint(f"virtio.{name}", xf=lambda used: getattr(used, name.rpartition(".")[2]), bins=list(bins))


def _cross(name: str, *items: str, without: Sequence[tuple[str | None, ...]] = ()) -> Any:
    return CoverCross(f"virtio.cross.{name}", items=[f"virtio.{item}" for item in items], ign_bins=list(without))


@_point("device", _DEVICES)
@_point("ring.format", _FORMATS)
@_point("ring.events", _EVENTS)
@_point("ring.order", _ORDERS)
@_point("ring.size", _SIZES)
@_point("ring.power", ("power of two", "other size"))
@_point("ring.round", ("first", "later"))
@_point("ring.idx", ("before 65536", "beyond 65536"))
@_point("chain.tables", _TABLES)
@_point("chain.readable", _COUNTS)
@_point("chain.writable", _COUNTS)
@_point("buffer.length", _LENGTHS)
@_point("buffer.alignment", ("of the bus", "even", "odd"))
@_cross("features", "ring.format", "ring.events", "ring.order")
@_cross("format_of_device", "device", "ring.format")
@_cross("tables_of_format", "ring.format", "chain.tables", without=[("packed", "direct, then table")])
@_cross("shape", "chain.readable", "chain.writable", without=[("0", "0")])
@_cross("length_and_alignment", "buffer.length", "buffer.alignment")
@_cross("size_and_round", "ring.size", "ring.power", "ring.round")
def _used(used: Used) -> None:
    """A chain was given back."""


@CoverPoint("virtio.interrupt.format", xf=lambda format_, events, wanted: format_, bins=list(_FORMATS))
@CoverPoint("virtio.interrupt.events", xf=lambda format_, events, wanted: events, bins=list(_EVENTS))
@CoverPoint(
    "virtio.interrupt.wish", xf=lambda format_, events, wanted: wanted, bins=["wanted", "not wanted", "not readable"]
)
@CoverCross("virtio.cross.wish", items=[f"virtio.interrupt.{name}" for name in ("format", "events", "wish")])
def _wish(format_: str, events: str, wanted: str) -> None:
    """The device has read what its driver wants."""


def _of(wanted: str) -> Callable[[str, str], str]:
    """What is said of one kind; nothing of others."""
    return lambda kind, value: value if kind == wanted else ""


@CoverPoint("virtio.fault.split", xf=_of("split"), bins=list(_FAULTS["split"]))
@CoverPoint("virtio.fault.packed", xf=_of("packed"), bins=list(_FAULTS["packed"]))
def _fault(format_: str, fault: str) -> None:
    """A malformed ring was read."""


@CoverPoint("virtio.reset.of_the_device", xf=_of("device"), bins=["idle", "in flight"])
@CoverPoint("virtio.reset.of_a_queue", xf=_of("queue"), bins=["idle", "in flight"])
def _reset(kind: str, flight: str) -> None:
    """Something was reset."""


class Points:
    """A witness of the scoreboard's that samples the points."""

    def __init__(self, device_type: int, bus_bytes: int) -> None:
        known = {member.value: member.name.lower() for member in DeviceType}
        self._device = known.get(device_type, "")
        self._bus_bytes = bus_bytes

    def used(self, tracker: QueueTracker[Any], chain: Chain) -> None:
        segments, queue = chain.segments, tracker.queue
        counts = [sum(segment.device_writable is part for segment in segments) for part in (False, True)]
        longest = max(segments, key=lambda segment: segment.length)
        length, address = longest.length, longest.address
        aligned = address % self._bus_bytes == 0
        format_ = _format(tracker)
        # Those in the ring itself; the last one of them points to the table.
        direct = [at for at in chain.walked if not any(start <= at < end for start, end in chain.tables)]
        tables = _TABLES[0 if not chain.tables else 1 if len(direct) == 1 else 2]
        idx = ""  # which packed rings do not have
        if format_ == "split":
            idx = "beyond 65536" if queue.index_init + tracker.used > 0xFFFF else "before 65536"
        _used(
            Used(
                self._device,
                format_,
                _events(tracker),
                _ORDERS[queue.has(Feature.IN_ORDER)],
                tables,
                bucket(counts[0], _COUNTS),
                bucket(counts[1], _COUNTS),
                bucket(length, _LENGTHS),
                "of the bus" if aligned else "odd" if address % 2 else "even",
                bucket(queue.size, _SIZES),
                "power of two" if queue.size & (queue.size - 1) == 0 else "other size",
                "first" if tracker.used <= queue.size else "later",
                idx,
            )
        )

    def wish(self, tracker: QueueTracker[Any], wanted: bool | None) -> None:
        _wish(_format(tracker), _events(tracker), {True: "wanted", False: "not wanted", None: "not readable"}[wanted])

    def malformed(self, tracker: QueueTracker[Any], fault: RingError) -> None:
        _fault(_format(tracker), type(fault).__name__)

    def reset(self, in_flight: int) -> None:
        _reset("device", "in flight" if in_flight else "idle")

    def queue_reset(self, tracker: QueueTracker[Any]) -> None:
        _reset("queue", "in flight" if tracker.in_flight else "idle")


def leave(path: Path) -> None:
    """Write what this process has covered so far."""
    coverage_db.export_to_yaml(str(path))


def _format(tracker: QueueTracker[Any]) -> str:
    return _FORMATS[tracker.queue.has(Feature.RING_PACKED)]


def _events(tracker: QueueTracker[Any]) -> str:
    return _EVENTS[tracker.queue.has(Feature.EVENT_IDX)]
