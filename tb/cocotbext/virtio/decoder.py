# SPDX-License-Identifier: Apache-2.0
"""Records of `tb/hdl/virtio_tap.sv` to events: pure decoding, without a simulator.

Events come out in the order they complete, with one exception: a register write comes before everything that happened
after the device could know of it, even where its response was late, so that causes precede effects.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .events import BusReset, DmaRead, DmaWrite, EntropyWord, Event, IrqChange, RegisterRead, RegisterWrite
from .records import Burst, Kind, Record, UnknownValueError, merge
from .violation import Report, Violation, raise_violation

PAGE = 4096
INCR = 1


class RecordDecoder:
    """Assembles records into events and checks what the records show of the bus rules.

    `data_width` is that of the AXI master in bits. Records before the first reset are ignored. `report` gets the
    violations of bus rules; by default they are raised. Raises `UnknownValueError` for a record that says X.
    """

    def __init__(self, data_width: int, report: Report = raise_violation) -> None:
        self.data_bytes = data_width // 8
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
            Kind.AW: self._aw,
            Kind.W: self._w,
            Kind.B: self._b,
            Kind.AR: self._ar,
            Kind.R: self._r,
            Kind.IRQ: lambda record: self._out.append(IrqChange(record.cycle, bool(record.body & 1))),
            Kind.ENTROPY: lambda record: self._out.append(EntropyWord(record.cycle, record.body & 0xFFFF_FFFF)),
            Kind.UNKNOWN: _unknown,
        }
        self._clear()

    def decode(self, records: Iterable[Record]) -> list[Event]:
        """Take the next records; return the events that they complete."""
        for record in records:
            if self._started or record.kind in (Kind.RESET, Kind.UNKNOWN):
                self._handlers[record.kind](record)
        ready = 0
        while ready < len(self._out) and not isinstance(self._out[ready], _OpenWrite):
            ready += 1
        events = [event for event in self._out[:ready] if not isinstance(event, _OpenWrite)]
        del self._out[:ready]
        return events

    @property
    def open_transfers(self) -> int:
        """DMA bursts and register accesses begun and not answered."""
        bursts = [*self._reads.values(), *self._answers.values()]
        return sum(map(len, bursts)) + len(self._data_due) + len(self._register_reads) + len(self._open_writes)

    def _clear(self) -> None:
        self._register_aws: deque[Record] = deque()
        self._register_ws: deque[Record] = deque()
        self._register_reads: deque[Record] = deque()
        self._open_writes: deque[_OpenWrite] = deque()
        self._reads: defaultdict[int, deque[Burst]] = defaultdict(deque)
        self._data_due: deque[Burst] = deque()
        self._early_beats: deque[Record] = deque()
        self._answers: defaultdict[int, deque[Burst]] = defaultdict(deque)
        self._out = [event for event in self._out if not isinstance(event, _OpenWrite)]

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
            value, strobe = w.body & 0xFFFF_FFFF, w.body >> 32 & 0xF
            write = _OpenWrite(max(aw.cycle, w.cycle), aw.body & 0xFFFF_FFFF, value, strobe)
            self._open_writes.append(write)
            self._out.append(write)

    def _register_b(self, record: Record) -> None:
        if not self._open_writes:
            self._bus_violation("AXI-ID", "s_axil_bvalid without a write", record)
            return
        write = self._open_writes.popleft()
        event = RegisterWrite(write.start, record.cycle, write.offset, write.value, write.strobe, _okay(record.body))
        self._out[next(i for i, entry in enumerate(self._out) if entry is write)] = event

    def _register_r(self, record: Record) -> None:
        if not self._register_reads:
            self._bus_violation("AXI-ID", "s_axil_rvalid without a read", record)
            return
        ar = self._register_reads.popleft()
        value, ok = record.body & 0xFFFF_FFFF, _okay(record.body >> 32)
        self._out.append(RegisterRead(ar.cycle, record.cycle, ar.body & 0xFFFF_FFFF, value, ok))

    def _begin(self, record: Record, channel: str) -> Burst:
        burst = Burst.from_record(record)
        kind = record.body >> 80 & 0xFF
        if kind != INCR and burst.beats > 1:
            self._bus_violation("AXI-BURST", f"m_axi_{channel}burst at {burst.address:#x}", record, INCR, kind)
        if 1 << burst.size > self.data_bytes:
            self._bus_violation(
                "AXI-BURST", f"m_axi_{channel}size at {burst.address:#x}", record, self.data_bytes, 1 << burst.size
            )
            burst.size = self.data_bytes.bit_length() - 1
        last_address, last_length = burst.beat(burst.beats - 1)
        if burst.address // PAGE != (last_address + last_length - 1) // PAGE:
            text = f"m_axi_{channel}: {burst.beats} beats of {1 << burst.size} bytes at {burst.address:#x}"
            self._bus_violation("AXI-4K", text, record)
        return burst

    def _ar(self, record: Record) -> None:
        self._reads[record.id].append(self._begin(record, "ar"))

    def _r(self, record: Record) -> None:
        if not self._reads[record.id]:
            self._bus_violation("AXI-ID", f"m_axi_rid {record.id} has no read open", record)
            return
        burst = self._reads[record.id][0]
        address, length = burst.beat(burst.done)
        data = (record.body >> 8).to_bytes(self.data_bytes + 16, "little")
        lane = address % self.data_bytes
        burst.chunks.append((address, data[lane : lane + length], _okay(record.body)))
        burst.done += 1
        last = bool(record.body & 0x80)
        if last != (burst.done == burst.beats):
            self._bus_violation("AXI-RLAST", f"read at {burst.address:#x}", record, burst.beats, burst.done)
        if last or burst.done == burst.beats:
            self._reads[record.id].popleft()
            self._finish_read(burst, record.cycle)

    def _finish_read(self, burst: Burst, cycle: int) -> None:
        """One event for a burst; where some beats have failed, one for each run of beats of the same verdict."""
        first = 0
        chunks = burst.chunks
        for i in range(1, len(chunks) + 1):
            if i == len(chunks) or chunks[i][2] != chunks[first][2]:
                data = b"".join(chunk[1] for chunk in chunks[first:i])
                self._out.append(DmaRead(burst.start, cycle, chunks[first][0], data, chunks[first][2]))
                first = i

    def _aw(self, record: Record) -> None:
        self._data_due.append(self._begin(record, "aw"))
        while self._early_beats and self._data_due:
            self._w_beat(self._early_beats.popleft())

    def _w(self, record: Record) -> None:
        if self._data_due:
            self._w_beat(record)
        else:
            self._early_beats.append(record)

    def _w_beat(self, record: Record) -> None:
        burst = self._data_due[0]
        address, length = burst.beat(burst.done)
        lane = address % self.data_bytes
        data = (record.body >> 8 & (1 << 8 * self.data_bytes) - 1).to_bytes(self.data_bytes, "little")
        strobe = record.body >> 8 + 8 * self.data_bytes
        full = (1 << length) - 1
        if strobe & ~(full << lane):
            text = f"beat {burst.done} at {address:#x} of {length} bytes"
            self._bus_violation("AXI-STRB", text, record, f"{full << lane:#x}", f"{strobe:#x}")
        enabled = strobe >> lane & full
        if enabled == full:
            burst.chunks.append((address, data[lane : lane + length], True))
        else:
            for i in range(length):
                if enabled >> i & 1:
                    burst.chunks.append((address + i, data[lane + i : lane + i + 1], True))
        burst.done += 1
        if (record.body & 1) != (burst.done == burst.beats):
            self._bus_violation("AXI-WLAST", f"write at {burst.address:#x}", record, burst.beats, burst.done)
        if burst.done == burst.beats:
            self._data_due.popleft()
            self._answers[burst.id].append(burst)

    def _b(self, record: Record) -> None:
        if not self._answers[record.id]:
            self._bus_violation("AXI-ID", f"m_axi_bid {record.id} has no complete write open", record)
            return
        burst = self._answers[record.id].popleft()
        self._out.append(DmaWrite(burst.start, record.cycle, merge(burst.chunks), _okay(record.body)))

    def _bus_violation(
        self, rule: str, message: str, record: Record, expected: object = None, seen: object = None
    ) -> None:
        self._report(Violation(rule, message, expected=expected, seen=seen, cycle=record.cycle))


@dataclass(eq=False)
class _OpenWrite:
    """A register write that the device knows of and has not answered; holds its place among the events."""

    start: int
    offset: int
    value: int
    strobe: int


def _okay(response: int) -> bool:
    return response & 0x2 == 0


def _unknown(record: Record) -> None:
    name = record.body.to_bytes(record.body.bit_length() // 8 + 1, "big").lstrip(b"\0").decode("ascii", "replace")
    prefix = {0: "s_axil_", 1: "m_axi_"}.get(record.id, "")
    raise UnknownValueError(prefix + name, record.cycle)
