# SPDX-License-Identifier: Apache-2.0
"""Python side of `tb/hdl/virtio_tap.sv`: drains its log into events."""

from __future__ import annotations

import logging
from typing import Any

import cocotb
from cocotb.triggers import ValueChange
from cocotb.utils import get_sim_time

from ..decoder import RecordDecoder
from ..events import Event
from ..records import ROW_RECORDS, Record, split_row
from ..violation import Report, raise_violation


class Tap:
    """The tap instance `handle`, for example `dut.u_tap`.

    Starts with what happens from now on; nothing is reported before the first reset after that. Whenever half of the
    log is new, and on an X, records are fetched in the background; `drain()` hands out the events so far. Call it, and
    wait, outside the read-only phase. `report` gets violations of bus rules; by default they are raised.
    """

    def __init__(self, handle: Any, report: Report = raise_violation) -> None:
        self._handle = handle
        self._log = logging.getLogger("virtio.tap")
        self._depth = len(handle.log_q) * ROW_RECORDS
        self._rows = [handle.log_q[row] for row in range(self._depth // ROW_RECORDS)]
        self._read = 0
        if get_sim_time() > 0:  # at the very start the counters have not been set to 0 yet
            self._read = self._counter("log_wr_q")
            handle.log_rd_q.value = self._read
        self._events: list[Event] = []
        self._decoder: RecordDecoder | None = None
        self._report = report
        self._task = cocotb.start_soon(self._watch())

    def drain(self) -> list[Event]:
        """Events completed since the last call, in order. Raises `UnknownValueError` where a signal was X."""
        self._fetch()
        events, self._events = self._events, []
        for event in events:
            self._log.debug("%s", event)
        return events

    @property
    def cycle(self) -> int:
        """Clock edges so far, as events count them."""
        return self._counter("cycle_q")

    @property
    def open_transfers(self) -> int:
        """Transfers begun and not answered, as of the last fetch."""
        return self._decoder.open_transfers if self._decoder else 0

    def stop(self) -> None:
        """Stop fetching in the background."""
        self._task.cancel()

    def _fetch(self) -> None:
        written = self._counter("log_wr_q")
        records: list[Record] = []
        count = (written - self._read) & 0xFFFF_FFFF
        while count:
            first = self._read % ROW_RECORDS
            wanted = min(count, ROW_RECORDS - first)
            bits = str(self._rows[self._read // ROW_RECORDS % len(self._rows)].value)
            records += split_row(bits, first, wanted)
            self._read = (self._read + wanted) & 0xFFFF_FFFF
            count -= wanted
        if records:
            self._handle.log_rd_q.value = self._read
            if self._decoder is None:
                self._decoder = RecordDecoder(self._counter("axi_data_width_q"), self._report)
            self._events += self._decoder.decode(records)

    def _counter(self, name: str) -> int:
        return int(getattr(self._handle, name).value) if get_sim_time() > 0 else 0

    async def _watch(self) -> None:
        while True:
            await ValueChange(self._handle.log_half_o)
            self._fetch()
