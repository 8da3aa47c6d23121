# SPDX-License-Identifier: Apache-2.0
"""What was seen on the pins, without its cycles, left for tests/sim/compare.py to compare with other runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cocotbext.virtio.events import BusReset, DmaRead, DmaWrite, Event, IrqChange, RegisterRead, RegisterWrite
from virtio_model.spec import Reg

#: Files in the directory of a run that are compared with those of the same name in another.
PREFIX = "observed-"
#: Of idx in the available ring (2.7.6).
_IDX_OFFSET = 2


def leave(name: str, lines: Iterable[str]) -> None:
    """Write lines to the file of this name in the directory of the run."""
    directory = Path(os.environ["VIRTIO_FIGURES"]).parent
    (directory / f"{PREFIX}{name}.txt").write_text("".join(f"{line}\n" for line in lines))


def projections(events: Sequence[Event]) -> Iterator[str]:
    """Register accesses, DMA reads, DMA writes, what was new in avail idx, and edges of the interrupt line, each in
    order.

    How often a device looks at avail idx in vain, and which of its reads and writes overtake each other, depends on
    timing.
    """
    polled = {address for _, address in _set_up(events)}
    yield "== registers"
    yield from _registers(events)
    yield "== dma reads"
    yield from _dma(event for event in events if isinstance(event, DmaRead) and not _polls(event, polled))
    yield "== dma writes"
    yield from _dma(event for event in events if isinstance(event, DmaWrite))
    yield "== avail idx"
    yield from _news(events, polled)
    yield "== irq"
    yield from (f"irq {int(event.level)}" for event in events if isinstance(event, IrqChange))


def _set_up(events: Iterable[Event]) -> Iterator[tuple[Event, int]]:
    """The writes that made a queue ready, and where avail idx is in it; it starts at 0 then."""
    halves = {Reg.QUEUE_DRIVER_LOW: 0, Reg.QUEUE_DRIVER_HIGH: 0}
    for event in events:
        if isinstance(event, RegisterWrite) and event.offset in halves:
            halves[Reg(event.offset)] = event.value
        elif isinstance(event, RegisterWrite) and event.offset == Reg.QUEUE_READY and event.value:
            yield event, halves[Reg.QUEUE_DRIVER_LOW] + (halves[Reg.QUEUE_DRIVER_HIGH] << 32) + _IDX_OFFSET


def _news(events: Sequence[Event], polled: set[int]) -> Iterator[str]:
    """The reads of avail idx that found another value than the one before."""
    ready = {id(event): address for event, address in _set_up(events)}
    known: dict[int, bytes] = {}
    for event in events:
        if id(event) in ready:
            known[ready[id(event)]] = bytes(2)
        elif isinstance(event, DmaRead) and _polls(event, polled) and known.get(event.address) != event.data:
            known[event.address] = event.data
            yield _line("read", event.address, event.data, event.ok)


def _polls(event: DmaRead, indices: set[int]) -> bool:
    return event.address in indices and len(event.data) == 2


def _registers(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        if isinstance(event, RegisterRead):
            yield f"read {event.offset:#05x} = {event.value:#010x} ok={event.ok:d}"
        elif isinstance(event, RegisterWrite):
            yield f"write {event.offset:#05x} = {event.value:#010x} strobe={event.strobe:04b} ok={event.ok:d}"
        elif isinstance(event, BusReset):
            yield "reset"


def _dma(events: Iterable[Event]) -> Iterator[str]:
    """Runs of bytes. What goes on where the last run ended belongs to it, so that joined bursts look as single ones."""
    last: tuple[str, int, bytes, bool] | None = None
    for kind, address, data, ok in _accesses(events):
        if last is not None and (kind, address, ok) == (last[0], last[1] + len(last[2]), last[3]):
            last = kind, last[1], last[2] + data, ok
            continue
        if last is not None:
            yield _line(*last)
        last = kind, address, data, ok
    if last is not None:
        yield _line(*last)


def _accesses(events: Iterable[Event]) -> Iterator[tuple[str, int, bytes, bool]]:
    for event in events:
        if isinstance(event, DmaRead):
            yield "read", event.address, event.data, event.ok
        elif isinstance(event, DmaWrite):
            for address, data in event.pieces:
                yield "write", address, data, event.ok


def _line(kind: str, address: int, data: bytes, ok: bool) -> str:
    # What a failed read carried is nobody's business.
    content = data.hex() if ok or kind == "write" else "-"
    return f"{kind} {address:#x} {len(data)} bytes ok={ok:d} {content}"
