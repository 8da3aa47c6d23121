# SPDX-License-Identifier: Apache-2.0
"""The part of a guest's run of which there are to be waveforms: a span of simulated time, or what follows an event."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cocotbext.virtio.sim.main_program import close_trace, open_trace
from virtio_model.spec import Reg

#: How long a window is that begins with an event, in us, unless it says so.
LENGTH_US = 100
FORMS = "START-END or START- in us, or notify:QUEUE:N or notify:QUEUE:N:LENGTH"
_TIME = re.compile(r"(\d+)-(\d*)")
_NOTIFY = re.compile(r"notify:(\d+):(\d+)(?::(\d+))?")


@dataclass(frozen=True)
class Window:
    """From `start_us`, or from the `number`-th notification of `queue` on, for `length_us` (None: to the end)."""

    start_us: int
    length_us: int | None
    queue: int = 0
    number: int = 0

    @classmethod
    def parse(cls, text: str) -> Window:
        """A window as people write it, see FORMS. Raises ValueError."""
        if found := _TIME.fullmatch(text):
            start, end = int(found[1]), int(found[2]) if found[2] else None
            if end is None or end > start:
                return cls(start, None if end is None else end - start)
        elif (found := _NOTIFY.fullmatch(text)) and int(found[2]) and found[3] != "0":
            return cls(0, int(found[3] or LENGTH_US), int(found[1]), int(found[2]))
        raise ValueError(f"expected {FORMS}, seen {text!r}")


class WindowTrace:
    """Writes the waveforms of a window to `path`, in a build with waveforms that does not trace by itself."""

    def __init__(self, window: Window, path: Path) -> None:
        self.window = window
        self._path = path
        self._notified = 0
        self._opened_us: float | None = None
        self._open = False

    def before_write(self, offset: int, value: int, now_us: float) -> None:
        """The guest is about to write a register."""
        if offset == Reg.QUEUE_NOTIFY and value & 0xFFFF == self.window.queue:
            self._notified += 1
            if self._notified == self.window.number:
                self._begin(now_us)

    def at(self, now_us: float) -> None:
        """Time has gone on."""
        if self._opened_us is None:
            if not self.window.number and now_us >= self.window.start_us:
                self._begin(now_us)
        elif self._open and self.window.length_us is not None and now_us >= self._opened_us + self.window.length_us:
            close_trace()
            self._open = False

    def finish(self, now_us: float) -> None:
        """The end of the run. Raises AssertionError if the window has not come."""
        window = self.window
        if self._opened_us is not None:
            return
        if window.number:
            raise AssertionError(
                f"waveforms expected from notification {window.number} of queue {window.queue} on, seen "
                f"{self._notified} of them"
            )
        raise AssertionError(f"waveforms expected from {window.start_us} us on, seen the end at {now_us:.0f} us")

    def _begin(self, now_us: float) -> None:
        open_trace(self._path)
        self._opened_us, self._open = now_us, True
