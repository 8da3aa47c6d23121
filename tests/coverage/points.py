# SPDX-License-Identifier: Apache-2.0
"""Functional coverage, by cocotb-coverage: what a regression has seen on the pins of devices.

Fed by the scoreboard, which follows what monitors see; nothing comes from what a test meant to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db

from cocotbext.virtio.inflight import Chain
from cocotbext.virtio.observed import NotObserved
from cocotbext.virtio.tracker import QueueTracker
from virtio_model import MemoryFault, RingError
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


#: How a driver asks for interrupts, or for none.
_ASKED = (
    *("split: always", "split: never", "split: from an index on"),
    *("packed: always", "packed: never", "packed: at a descriptor"),
)
_NEVER_TOLD = (
    *((asked, "not wanted", None) for asked in ("split: always", "packed: always")),
    *((asked, "wanted", None) for asked in ("split: never", "packed: never")),
    *((asked, "not readable", None) for asked in _ASKED),
)
#: In a packed ring a table is the only descriptor of its chain (2.8.8).
_NO_MIXED_TABLES = (("packed", None, None, "direct, then table"),)
_BLK_TYPES = {0: "IN", 1: "OUT", 4: "FLUSH", 8: "GET_ID", 11: "DISCARD", 13: "WRITE_ZEROES", -1: "unknown"}
_BLK_STATUS = ("OK", "IOERR", "UNSUPP")
_NET_COMMANDS = {
    **{(0, command): f"RX {name}" for command, name in enumerate(("PROMISC", "ALLMULTI", "ALLUNI", "NOMULTI"))},
    (0, 4): "RX NOUNI",
    (0, 5): "RX NOBCAST",
    (1, 0): "MAC TABLE_SET",
    (1, 1): "MAC ADDR_SET",
    (2, 0): "VLAN ADD",
    (2, 1): "VLAN DEL",
    (4, 0): "MQ PAIRS_SET",
    (-1, -1): "unknown",
}
_NET_ACK = ("OK", "ERR")


class Used(NamedTuple):
    """A chain that was given back, in the words of the points below."""

    device: str
    format: str
    events: str
    order: str
    tables: str
    dma: str
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
    return CoverPoint(f"virtio.{name}", xf=lambda seen: getattr(seen, name.rpartition(".")[2]), bins=list(bins))


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
@_point("chain.dma", ("fine", "error in a read", "error in a write"))
@_point("chain.readable", _COUNTS)
@_point("chain.writable", _COUNTS)
@_point("buffer.length", _LENGTHS)
@_point("buffer.alignment", ("of the bus", "even", "odd"))
@_cross("features", "ring.format", "ring.events", "ring.order")
@_cross("tables_of_features", "ring.format", "ring.events", "ring.order", "chain.tables", without=_NO_MIXED_TABLES)
@_cross("dma_errors", "device", "chain.dma")
@_cross("format_of_device", "device", "ring.format")
@_cross("shape", "chain.readable", "chain.writable", without=[("0", "0")])
@_cross("length_and_alignment", "buffer.length", "buffer.alignment")
@_cross("size_and_round", "ring.size", "ring.power", "ring.round")
def _used(used: Used) -> None:
    """A chain was given back."""


class Wish(NamedTuple):
    """What a device has read of what its driver wants, and the level of the interrupt line then."""

    format: str
    events: str
    asked: str
    wish: str
    line: str


@_point("interrupt.format", _FORMATS)
@_point("interrupt.events", _EVENTS)
@_point("interrupt.asked", _ASKED)
@_point("interrupt.wish", ("wanted", "not wanted", "not readable"))
@_point("interrupt.line", ("low", "high"))
@_cross("wish", "interrupt.format", "interrupt.events", "interrupt.wish")
@_cross("asked_and_line", "interrupt.asked", "interrupt.wish", "interrupt.line", without=_NEVER_TOLD)
def _wish(wish: Wish) -> None:
    """The device has read what its driver wants."""


class BlkRequest(NamedTuple):
    """A request to a block device, and its answer."""

    type: str
    status: str


@_point("blk.type", tuple(_BLK_TYPES.values()))
@_point("blk.status", _BLK_STATUS)
@_cross("blk_request", "blk.type", "blk.status")
def _blk_request(request: BlkRequest) -> None:
    """A block device has answered."""


class NetCommand(NamedTuple):
    """A command on the control queue of a network device, and its answer."""

    command: str
    ack: str


@_point("net.command", tuple(_NET_COMMANDS.values()))
@_point("net.ack", _NET_ACK)
@_cross("net_command", "net.command", "net.ack")
def _net_command(command: NetCommand) -> None:
    """A network device has answered."""


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
                _dma(tracker, chain),
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
        with suppress(NotObserved, MemoryFault):
            self._request(tracker, chain)

    def _request(self, tracker: QueueTracker[Any], chain: Chain) -> None:
        """What a request of a device type was, by its header and its answer. Raises NotObserved, MemoryFault."""
        answer = _answer(chain)
        if answer is None:
            return
        if self._device == "blk" and len(header := _readable(tracker, chain, 16)) == 16:
            kind = int.from_bytes(header[:4], "little")
            status = _BLK_STATUS[answer] if answer < len(_BLK_STATUS) else ""
            _blk_request(BlkRequest(_BLK_TYPES.get(kind, _BLK_TYPES[-1]), status))
        elif self._device == "net" and len(command := _readable(tracker, chain, 2)) == 2:
            name = _NET_COMMANDS.get((command[0], command[1]), _NET_COMMANDS[-1, -1])
            _net_command(NetCommand(name, _NET_ACK[answer] if answer < len(_NET_ACK) else ""))

    def wish(self, tracker: QueueTracker[Any], wanted: bool | None, level: bool) -> None:
        said = {True: "wanted", False: "not wanted", None: "not readable"}[wanted]
        _wish(Wish(_format(tracker), _events(tracker), _asked(tracker), said, "high" if level else "low"))

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


def _asked(tracker: QueueTracker[Any]) -> str:
    """In which words of its format the driver asks; "" if that was not read (2.7.7, 2.8.10)."""
    packed = tracker.queue.has(Feature.RING_PACKED)
    if not packed and tracker.queue.has(Feature.EVENT_IDX):
        return _ASKED[2]
    address = tracker.areas[1][1] + (2 if packed else 0)
    try:
        flags = int.from_bytes(tracker.view(0).read(address, 2), "little")
    except (NotObserved, MemoryFault):
        return ""
    return (*_ASKED[3:], "")[flags & 3] if packed else _ASKED[flags & 1]


def _dma(tracker: QueueTracker[Any], chain: Chain) -> str:
    """Whether the memory answered an error to what is in a chain."""
    if chain.failed_writes:
        return "error in a write"
    view = tracker.view(chain.since)
    for segment in chain.segments:
        if not segment.device_writable:
            with suppress(NotObserved):  # not all of it was needed
                try:
                    view.read(segment.address, segment.length)
                except MemoryFault:
                    return "error in a read"
    return "fine"


def _readable(tracker: QueueTracker[Any], chain: Chain, length: int) -> bytes:
    """The first bytes that a chain has for the device. Raises NotObserved, MemoryFault."""
    view = tracker.view(chain.since)
    found = b""
    for segment in chain.segments:
        if not segment.device_writable and len(found) < length:
            found += view.read(segment.address, min(segment.length, length - len(found)))
    return found


def _answer(chain: Chain) -> int | None:
    """The last byte that a chain has for the device to write, if it was written."""
    writable = [segment for segment in chain.segments if segment.device_writable and segment.length]
    last = chain.written.get(writable[-1].address + writable[-1].length - 1, 1) if writable else None
    return last[0] if last else None
