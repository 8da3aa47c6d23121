# SPDX-License-Identifier: Apache-2.0
"""Frames seen at the MAC port of a network device, as the wire that the model's network device hangs on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from virtio_model import Net, Wire
from virtio_model.spec import NET_HDR_BYTES

from .events import FrameReceived, FrameSent
from .violation import Report, Violation

#: Cycles from a frame's last beat until the device has judged it, at most.
JUDGE_CYCLES = 400
#: Frames that the device holds besides being limited by their bytes.
MOST_FRAMES = 64


@dataclass
class _Received:
    """A frame given to the device; `must` if it has to be delivered, otherwise it may be."""

    cycle: int
    data: bytes
    must: bool


@dataclass
class _Expected:
    """A frame that the device has to send; `cut_off` if its chain was never used, so that it may be missing.

    Without `data` any frames may come, or none.
    """

    data: bytes | None
    cut_off: bool


class ObservedFrames(Wire):
    """Judges frames sent, in the order of the transmit chains used, and says which frame a receive chain is for.

    A frame received has to be delivered if the model wants it and all that the device may still hold leaves room for it
    in `store_bytes`, of which each frame with its header takes whole words of `bus_bytes`. Where a command was under
    way that changes the answer, or room was short, it may be delivered: it counts as delivered if its bytes are seen.
    So does what the model does not want, unless the device `filters` as that does.
    """

    def __init__(self, function: Net, report: Report, store_bytes: int, bus_bytes: int, filters: bool = True) -> None:
        super().__init__()
        self._function = function
        self._report = report
        self._store_bytes = store_bytes
        self._bus_bytes = bus_bytes
        self._filters = filters
        self._pending: deque[_Received] = deque()
        self._refused: deque[_Received] = deque()
        self._expected: deque[_Expected] = deque()
        self._seen: deque[FrameSent] = deque()
        self._written: Callable[[int], bytes | None] = lambda length: None
        self._seen_len = 0
        self._reset_at = -1
        self.tentative = False
        self.wanted: Callable[[bytes], bool] = lambda frame: False
        """Whether the model wants a frame now: negotiated features, live queues and all."""

    def arrived(self, event: FrameReceived) -> None:
        """The MAC gave the device a frame."""
        entry = _Received(event.cycle, event.data, True)
        if not event.ok:
            return
        if not self.wanted(event.data) and not self._filters:
            entry.must = False
            self._pending.append(entry)
            return
        if not self.wanted(event.data):
            self._refused.append(entry)
            while len(self._refused) > MOST_FRAMES:
                self._refused.popleft()
            return
        held = sum(self._room(other.data) for other in self._pending)
        entry.must = held + self._room(event.data) <= self._store_bytes and len(self._pending) < MOST_FRAMES
        entry.must &= event.start > self._reset_at  # one under way is forgotten
        self._pending.append(entry)

    def left(self, event: FrameSent) -> None:
        """The device sent a frame."""
        self._seen.append(event)
        self._match()

    def send(self, frame: bytes) -> None:
        """A transmit chain was used, or with `tentative` cut off, that holds this frame."""
        self._expected.append(_Expected(frame, self.tentative))
        self._match()

    def doubt(self) -> None:
        """Nobody knows what a chain held: any frames may leave, until one that has to is seen."""
        if not self._expected or self._expected[-1].data is not None:
            self._expected.append(_Expected(None, True))

    def changed(self, since: int) -> None:
        """What is wanted has changed at some time between cycle `since` and now."""
        recent = [entry for entry in self._refused if entry.cycle + JUDGE_CYCLES >= since and self.wanted(entry.data)]
        for entry in recent:
            self._refused.remove(entry)
            entry.must = False
        for entry in self._pending:
            if entry.cycle + JUDGE_CYCLES >= since and not self.wanted(entry.data):
                entry.must = False
        if recent:
            self._pending = deque(sorted([*self._pending, *recent], key=lambda entry: entry.cycle))

    def queue_reset(self) -> None:
        """A receive queue is being reset: frames on their way into its buffers may be lost with them."""
        for entry in self._pending:
            entry.must = False

    def serving(self, written: Callable[[int], bytes | None], seen_len: int) -> None:
        """A chain is about to be served that was used with `seen_len`; `written(n)` gives the first n bytes written."""
        self._written = written
        self._seen_len = seen_len

    def came_back_empty(self) -> bool:
        return self._seen_len == 0

    def waiting(self) -> bytes | None:
        """The next frame; of those that need not be delivered the first whose bytes are seen."""
        while self._pending:
            entry = self._pending[0]
            if entry.must or (self._is_seen(entry.data) and not self._must_come(entry.data)):
                return entry.data
            self._pending.popleft()
        return None

    def done(self, delivered: bool) -> None:
        self._pending.popleft()

    def reset(self, cycle: int) -> None:
        """A reset was answered in `cycle`: frames received before are forgotten, those to be sent are not."""
        self._pending.clear()
        self._refused.clear()
        self._reset_at = cycle

    def power_cycle(self) -> None:
        """rst_ni was asserted: of what was to be sent nothing comes any more. Report what nobody had asked for."""
        if all(entry.data is not None for entry in self._expected):
            self._unasked()
        self._expected.clear()
        self._seen.clear()

    def finish(self, cycle: int) -> None:
        """The device is idle: report frames not sent, and frames sent that nobody had asked for."""
        while self._expected and self._expected[0].cut_off:
            if self._expected.popleft().data is None:
                self._seen.clear()
        if self._expected:
            text = f"{len(self._expected)} frames not sent"
            self._report(Violation("NET-SENT", text, expected=self._expected[0].data, seen="nothing", cycle=cycle))
        self._unasked()

    def _unasked(self) -> None:
        if self._seen:
            event = self._seen[0]
            self._report(Violation("NET-SENT", "", expected="nothing", seen=event.data, cycle=event.cycle))

    def _match(self) -> None:
        while self._seen and self._expected:
            if self._expected[0].data is None and not self._in_step():
                return
            expected = self._expected.popleft()
            if expected.data == self._seen[0].data:
                self._seen.popleft()
            elif not expected.cut_off:
                event = self._seen.popleft()
                self._report(Violation("NET-SENT", "", expected=expected.data, seen=event.data, cycle=event.cycle))

    def _in_step(self) -> bool:
        """After what nobody knows: go on with the first frame that has to come, if it has been seen."""
        sure = next((entry for entry in self._expected if not entry.cut_off), None)
        if sure is None or all(event.data != sure.data for event in self._seen):
            return False
        while self._expected[0] is not sure:
            self._expected.popleft()
        while self._seen[0].data != sure.data:
            self._seen.popleft()
        return True

    def _must_come(self, frame: bytes) -> bool:
        return any(entry.must and entry.data == frame for entry in self._pending)

    def _is_seen(self, frame: bytes) -> bool:
        if self._seen_len > NET_HDR_BYTES + len(frame):
            return False
        for length in range(NET_HDR_BYTES + len(frame), NET_HDR_BYTES, -1):
            if (written := self._written(length)) is not None:
                return written[NET_HDR_BYTES:] == frame[: length - NET_HDR_BYTES]
        return False

    def _room(self, frame: bytes) -> int:
        return -(-(NET_HDR_BYTES + len(frame)) // self._bus_bytes) * self._bus_bytes
