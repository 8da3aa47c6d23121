# SPDX-License-Identifier: Apache-2.0
"""Python side of `tb/hdl/virtio_tap.sv`: takes its log and makes events of it."""

from __future__ import annotations

import ctypes
import logging
from typing import Any

from cocotb.utils import get_sim_time

from ..decoder import RecordDecoder
from ..events import Event
from ..records import records
from ..violation import Report, raise_violation
from .hdl_library import library


class Tap:
    """The tap instance `handle`, for example `dut.u_tap`.

    Starts with what happens from now on; nothing is reported before the first reset after that. `drain()` hands out the
    events so far: call it now and then, for the log grows until then. `report` gets violations of bus rules; by default
    they are raised.
    """

    def __init__(self, handle: Any, report: Report = raise_violation) -> None:
        self._handle = handle
        self._library = library()
        self._log = logging.getLogger("virtio.tap")
        self._decoder = RecordDecoder(report)
        if get_sim_time() > 0:  # at the very start there is no log yet
            self._take()

    def drain(self) -> list[Event]:
        """Events completed since the last call, in order. Raises `UnknownValueError` where a signal was X."""
        events = self._decoder.decode(records(self._take()))
        if self._log.isEnabledFor(logging.DEBUG):
            for event in events:
                self._log.debug("%s", event)
        return events

    @property
    def cycle(self) -> int:
        """Clock edges so far, as events count them."""
        return int(self._handle.cycle_q.value) if get_sim_time() > 0 else 0

    @property
    def open_transfers(self) -> int:
        """DMA bursts begun and not answered, and register accesses of which that was so when the log was taken last."""
        return self._decoder.open_accesses + int(self._library.virtio_tap_open_bursts(self._number))

    @property
    def _number(self) -> int:
        return int(self._handle.handle.value)

    def _take(self) -> bytes:
        length = ctypes.c_uint64()
        start = self._library.virtio_tap_take(self._number, ctypes.byref(length))
        return ctypes.string_at(start, length.value) if length.value else b""
