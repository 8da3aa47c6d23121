# SPDX-License-Identifier: Apache-2.0
"""Records of the tap to events: pure decoding, without a simulator.

Events come out in the order they complete, with one exception: a register write comes before everything that happened
after the device could know of it, even where its response was late, so that causes precede effects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .events import (
    BusReset,
    DmaRead,
    DmaWrite,
    EntropyWord,
    Event,
    FrameReceived,
    FrameSent,
    IrqChange,
    PortIn,
    PortOut,
    RegisterRead,
    RegisterWrite,
    StorageFlush,
)
from .records import Kind, Record, UnknownValueError, pieces, words
from .violation import Report, Violation, raise_violation

_WORD = 0xFFFF_FFFF


class RecordDecoder:
    """Makes events of records. Records before the first reset are ignored.

    `report` gets the violations of bus rules; by default they are raised. Raises `UnknownValueError` for a record that
    says X.
    """

    def __init__(self, report: Report = raise_violation) -> None:
        self._report = report
        self._started = False
        self._out: list[Event | _OpenWrite] = []
        self._handlers: dict[int, Callable[[Record], None]] = {
            Kind.RESET: self._reset,
            Kind.REG_AW: self._register_aw,
            Kind.REG_W: self._register_w,
            Kind.REG_B: self._register_b,
            Kind.REG_AR: lambda record: self._register_reads.append(record),
            Kind.REG_R: self._register_r,
            Kind.IRQ: lambda record: self._out.append(IrqChange(record.cycle, bool(record.value & 1))),
            Kind.ENTROPY: self._entropy,
            Kind.SENT: lambda record: self._out.append(FrameSent(record.start, record.cycle, record.payload)),
            Kind.RECEIVED: lambda record: self._out.append(
                FrameReceived(record.start, record.cycle, record.payload, not record.value)
            ),
            Kind.FLUSH: lambda record: self._out.append(StorageFlush(record.cycle)),
            Kind.PORT_OUT: lambda record: self._out.append(PortOut(record.cycle, record.value)),
            Kind.PORT_IN: lambda record: self._out.append(PortIn(record.cycle, record.value)),
            Kind.READ: self._read,
            Kind.WRITE: self._write,
            Kind.VIOLATION: self._violation,
            Kind.UNKNOWN: _unknown,
        }
        self._clear()

    def decode(self, records: Iterable[Record]) -> list[Event]:
        """Take the next records; return the events that they complete."""
        for record in records:
            if self._started or record.kind in (Kind.RESET, Kind.UNKNOWN):
                self._handlers[record.kind](record)
        events: list[Event] = []
        for entry in self._out:
            event = entry.event if isinstance(entry, _OpenWrite) else entry
            if event is None:
                break
            events.append(event)
        del self._out[: len(events)]
        return events

    @property
    def open_accesses(self) -> int:
        """Register accesses begun and not answered."""
        return len(self._register_reads) + len(self._open_writes)

    def _clear(self) -> None:
        self._register_aws: deque[Record] = deque()
        self._register_ws: deque[Record] = deque()
        self._register_reads: deque[Record] = deque()
        self._open_writes: deque[_OpenWrite] = deque()
        self._out = [entry for entry in self._out if not isinstance(entry, _OpenWrite) or entry.event is not None]

    def _reset(self, record: Record) -> None:
        self._started = True
        self._clear()
        self._out.append(BusReset(record.cycle))

    def _register_aw(self, record: Record) -> None:
        self._register_aws.append(record)
        self._open_register_write()

    def _register_w(self, record: Record) -> None:
        self._register_ws.append(record)
        self._open_register_write()

    def _open_register_write(self) -> None:
        while self._register_aws and self._register_ws:
            aw, w = self._register_aws.popleft(), self._register_ws.popleft()
            strobe = w.value >> 32 & 0xF
            write = _OpenWrite(max(aw.cycle, w.cycle), aw.value & _WORD, w.value & _LANES[strobe], strobe)
            self._open_writes.append(write)
            self._out.append(write)

    def _register_b(self, record: Record) -> None:
        if not self._open_writes:  # AXI-ID: virtio_axil_rules has reported it
            return
        write = self._open_writes.popleft()
        ok = _okay(record.value)
        write.event = RegisterWrite(write.start, record.cycle, write.offset, write.value, write.strobe, ok)

    def _register_r(self, record: Record) -> None:
        if not self._register_reads:
            return
        ar = self._register_reads.popleft()
        value, ok = record.value & _WORD, _okay(record.value >> 32)
        self._out.append(RegisterRead(ar.cycle, record.cycle, ar.value & _WORD, value, ok))

    def _read(self, record: Record) -> None:
        self._out.append(DmaRead(record.start, record.cycle, record.value, record.payload, _okay(record.response)))

    def _write(self, record: Record) -> None:
        self._out.append(DmaWrite(record.start, record.cycle, pieces(record.payload), _okay(record.response)))

    def _entropy(self, record: Record) -> None:
        self._out += [EntropyWord(record.start + after, word) for word, after in words(record.payload)]

    def _violation(self, record: Record) -> None:
        rule, message, expected, seen, _ = record.payload.decode("ascii").split("\0")
        self._report(Violation(rule, message, expected=expected or None, seen=seen or None, cycle=record.cycle))


@dataclass(eq=False, slots=True)
class _OpenWrite:
    """A register write that the device knows of; holds its place among the events until it is answered."""

    start: int
    offset: int
    value: int
    strobe: int
    event: RegisterWrite | None = None


#: The bytes of a register write by its strobe.
_LANES = [sum(0xFF << 8 * lane for lane in range(4) if strobe >> lane & 1) for strobe in range(16)]


def _okay(response: int) -> bool:
    return response & 0x2 == 0


def _unknown(record: Record) -> None:
    raise UnknownValueError(record.payload.decode("ascii", "replace"), record.cycle)
