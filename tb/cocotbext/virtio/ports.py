# SPDX-License-Identifier: Apache-2.0
"""What passes the port of a console or input device, as the port that the model's device type hangs on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

from virtio_model import EMERGENCY, Console, DeviceFunction, EventPort, Input, InputEvent, Port
from virtio_model.spec import INPUT_EVENT_BYTES

from .events import PortIn, PortOut
from .inflight import Chain
from .observed import WrittenBytes
from .violation import Report, Violation

#: Emergency bytes that our device holds, and events that may come in before they are dropped.
EMERGENCY_BYTES = 16
EVENTS_HELD = 64
#: A run of so many items that has come whole is taken for the one that was expected.
TELLING = 8
#: Cycles that a register write takes at most to have its effect on what is taken at the port.
SETTLE_CYCLES = 16


class Need(Enum):
    """How much of a run of items has to come: all, all or nothing, any first part; or anything at all, or nothing."""

    ALL = 0
    WHOLE = 1
    PREFIX = 2
    ANY = 3


class Expected:
    """Runs of items that are to come in this order, not all of which have to."""

    def __init__(self) -> None:
        self._runs: deque[tuple[list[int], Need]] = deque()
        self._base = 0
        self._places = {(0, 0)}  # (number of the run, position in it) of the item that may come next

    def add(self, items: Sequence[int], need: Need = Need.ALL) -> None:
        """A further run, not empty."""
        self._runs.append((list(items), need))

    def extend(self, item: int) -> None:
        """One more item of the last run."""
        self._runs[-1][0].append(item)

    def settle(self, need: Need) -> None:
        """The last run has come to its end; this much of it has to come."""
        self._runs[-1] = (self._runs[-1][0], need)

    def add_anything(self) -> None:
        """Any items may come next, or none."""
        if not self._runs or self._runs[-1][1] is not Need.ANY:
            self._runs.append(([], Need.ANY))

    def see(self, item: int) -> bool:
        """An item has come; whether it could. If not, what was expected stays."""
        reachable = [(run, at) for run, at in self._reachable() if run < self._end]
        places = {(run, at + 1) for run, at in reachable if self._items(run)[at : at + 1] == [item]}
        telling = [run for run, at in places if self._need(run) is Need.ALL and at == len(self._items(run)) >= TELLING]
        places |= {(run, 0) for run, _ in reachable if self._need(run) is Need.ANY and run >= max(telling, default=0)}
        if places:
            self._places = places
            while self._base < min(run for run, _ in places):
                self._runs.popleft()
                self._base += 1
        return bool(places)

    @property
    def may_be_over(self) -> bool:
        """Whether no further item has to come."""
        return (self._end, 0) in self._reachable()

    @property
    def most_left(self) -> int:
        """How many items may still come."""
        run, at = min(self._places)
        return sum(len(items) for items, _ in self._runs) - (at if run < self._end else 0)

    @property
    def next(self) -> int | None:
        """An item that may come next, one that has to if there is one."""
        found = sorted(self._reachable(), reverse=True)
        return next((self._items(run)[at] for run, at in found if run < self._end and self._items(run)), None)

    @property
    def _end(self) -> int:
        return self._base + len(self._runs)

    def _items(self, run: int) -> list[int]:
        return self._runs[run - self._base][0]

    def _need(self, run: int) -> Need:
        return self._runs[run - self._base][1]

    def _reachable(self) -> set[tuple[int, int]]:
        """Where the next item may be, the end of all included, for which none has to come any more."""
        found = set()
        for run, at in self._places:
            while run < self._end:
                items, need = self._runs[run - self._base]
                if at < len(items) or need is Need.ANY:
                    found.add((run, at))
                    if need is Need.ALL or (need is Need.WHOLE and at):
                        break
                run, at = run + 1, 0
            else:
                found.add((run, 0))
        return found


class ObservedPort(Port, ABC):
    """Judges what is given out at the port, and says what a chain of queue 0 has to hold.

    Transmit chains, or status chains, are known when they are used, which is after their items have been seen; what was
    cut off by a reset may be seen in part. What comes in counts from its handshake on, and is forgotten with a reset;
    `live` says whether the device takes it.
    """

    def __init__(self, report: Report, live: Callable[[], bool]) -> None:
        super().__init__()
        self.tentative = False
        self._report = report
        self._live = live
        self._seen: deque[PortOut] = deque()
        self._expected = Expected()
        self._given = b""
        self._since = 0
        self._deaf_until = -1
        self._cycle = 0

    def send(self, items: Sequence[int], whole: bool = True) -> None:
        """A chain was used that holds these, or with `tentative` cut off."""
        if items:
            self._expected.add(items, Need.ALL if whole and not self.tentative else Need.PREFIX)
        self._match()

    def doubt(self) -> None:
        """Nobody knows what a chain held."""
        self._expected.add_anything()

    def left(self, event: PortOut) -> None:
        """The device gave out an item."""
        self._seen.append(event)
        self._match()

    @abstractmethod
    def arrived(self, event: PortIn) -> None:
        """The device took an item."""

    def serving(self, chain: Chain, cycle: int) -> None:
        """A chain that was used in `cycle` is about to be served."""
        self._given = bytes(_given(chain))
        self._since = chain.since
        self._cycle = cycle

    def changed(self, cycle: int) -> None:
        """A register write that was answered in `cycle` may have changed whether the device takes what comes in."""
        return

    def forget(self, cycle: int) -> None:
        """A reset of the device or queue 0 was answered in `cycle`."""
        self._deaf_until = cycle

    def reset(self) -> None:
        """The model was reset; `forget` says what that means, and when."""
        return

    def power_cycle(self) -> None:
        """rst_ni was asserted: nothing of before comes any more."""
        self._match(last=True)
        self._expected = Expected()

    def finish(self, cycle: int) -> None:
        """The device is idle: report what was not given out, and what nobody had asked for."""
        self._match(last=True)
        self._missing("PORT-OUT", self._expected, cycle)

    def _missing(self, rule: str, expected: Expected, cycle: int) -> None:
        if not expected.may_be_over:
            self._violate(rule, "", expected.next, None, cycle)

    def _match(self, last: bool = False) -> None:
        """Compare what was seen, as long as it cannot belong to a chain that is still to be used."""
        while self._seen and (last or not self._expected.may_be_over):
            event = self._seen.popleft()
            if not self._expected.see(event.value):
                self._violate("PORT-OUT", "", self._expected.next, event.value, event.cycle)

    def _nothing_came(self) -> list[int]:
        self._violate("PORT-IN", "chain used without an item to put into it", None, None, self._cycle)
        return []

    def _violate(self, rule: str, message: str, expected: object, seen: object, cycle: int) -> None:
        self._report(Violation(rule, message, None, None, _shown(expected), _shown(seen), cycle))


class ObservedConsole(ObservedPort):
    """The port of a console: bytes, those of the emergency write marked.

    A chain holds at least one byte; from a device that `fills` chains what had come in when it became known to the
    device, and may hold what has come since.
    """

    def __init__(self, report: Report, live: Callable[[], bool], fills: bool = True) -> None:
        super().__init__(report, live)
        self._fills = fills
        self._emergency = Expected()
        self._unseen = 0  # emergency bytes written and not seen, the lost ones included
        self._came: deque[PortIn] = deque()

    def send(self, items: Sequence[int], whole: bool = True) -> None:
        if items and items[0] & EMERGENCY:
            self._emergency.add(items, Need.WHOLE if self._unseen >= EMERGENCY_BYTES else Need.ALL)
            self._unseen += 1
        else:
            super().send(items, whole)

    def left(self, event: PortOut) -> None:
        if not event.value & EMERGENCY:
            super().left(event)
            return
        self._unseen = max(self._unseen - 1, 0)
        if not self._emergency.see(event.value):
            self._violate("PORT-EMERGENCY", "", self._emergency.next, event.value, event.cycle)

    def arrived(self, event: PortIn) -> None:
        if event.cycle > self._deaf_until:
            self._came.append(event)

    @property
    def ready(self) -> bool:
        return bool(self._came)

    def take(self, room: int) -> list[int]:
        if not room:
            return []
        if not self._came:
            return self._nothing_came()
        certain = sum(event.cycle < self._since for event in self._came) if self._fills else 0
        count = min(room, len(self._came), max(1, certain, len(self._given)))
        return [self._came.popleft().value & 0xFF for _ in range(count)]

    def forget(self, cycle: int) -> None:
        super().forget(cycle)
        self._came.clear()

    def power_cycle(self) -> None:
        super().power_cycle()
        self._emergency, self._unseen = Expected(), 0

    def finish(self, cycle: int) -> None:
        super().finish(cycle)
        self._missing("PORT-EMERGENCY", self._emergency, cycle)


class ObservedEvents(ObservedPort, EventPort):
    """The port of an input device: events, in sequences that are delivered whole or not at all.

    A sequence has to be delivered if the device was live when it began and all that it may hold leaves room for it,
    `held` events. Our own device (`strict`) drops what it has no room for, and delivers nothing before the end of the
    sequence, or of what begins while it is not live.
    """

    def __init__(self, report: Report, live: Callable[[], bool], strict: bool = True, held: int = EVENTS_HELD) -> None:
        super().__init__(report, live)
        self._strict = strict
        self._held = held
        self._events = Expected()
        self._begun: list[PortIn] = []
        self._open = False  # its first events are among those expected
        self._taken = Need.ALL  # how the sequence that has begun is expected
        self._changed = -1

    def arrived(self, event: PortIn) -> None:
        if not self._begun:
            self._taken = Need.ALL if self._live() else Need.PREFIX if self._strict else Need.WHOLE
            if event.cycle <= self._changed + SETTLE_CYCLES:
                self._taken = Need.WHOLE
            self._open = not self._strict and event.cycle > self._deaf_until
            if self._open:
                self._events.add([], Need.WHOLE)
        self._begun.append(event)
        if self._open:
            self._events.extend(event.value)
        if not InputEvent.of(event.value).ends_sequence:
            return
        sequence, self._begun = self._begun, []
        if self._taken is Need.PREFIX or sequence[0].cycle <= self._deaf_until:
            return
        before = 0 if self._open else len(sequence)  # counted already
        if self._events.most_left + before > self._held:
            self._taken = Need.WHOLE
        if self._open:
            self._events.settle(self._taken)
            self._open = False
        elif self._strict and len(sequence) <= self._held:
            self._events.add([entry.value for entry in sequence], self._taken)

    @property
    def ready(self) -> bool:
        return not self._events.may_be_over

    def take(self, room: int) -> list[int]:
        seen = int.from_bytes(self._given, "little")
        if len(self._given) == INPUT_EVENT_BYTES and self._events.see(seen):
            return [seen]
        wanted = self._events.next
        return self._nothing_came() if wanted is None else [wanted]

    def changed(self, cycle: int) -> None:
        self._changed = max(self._changed, cycle)

    def forget(self, cycle: int) -> None:
        super().forget(cycle)
        self._events = Expected()
        self._open = False

    def power_cycle(self) -> None:
        super().power_cycle()
        self._begun = []  # what comes in now begins a sequence


def observed_port(
    function: DeviceFunction, report: Report, live: Callable[[], bool], strict: bool, held: int
) -> ObservedPort | None:
    """Let the model of a console or input device hang on what is seen at the port; None for other device types.

    `strict`: it does what our own device does where the standard leaves a choice; `held` events an input device has
    room for.
    """
    if isinstance(function, Console):
        port: ObservedPort = ObservedConsole(report, live, fills=strict)
        function.port = port
        return port
    if isinstance(function, Input):
        port = ObservedEvents(report, live, strict, held)
        function.port = port
        return port
    return None


def _shown(item: object) -> object:
    return "nothing" if item is None else item


def _given(chain: Chain) -> Iterator[int]:
    """The bytes that the device put into a chain from its start on, those it was answered an error for included."""
    assert chain.parsed is not None
    failed = WrittenBytes()
    for event in chain.failed_writes:
        for address, data in event.pieces:
            failed.write(address, data)
    for address, run in chain.parsed.pieces(True, 0, chain.parsed.writable_len):
        for at in range(address, address + run):
            byte = chain.written.get(at, 1) or failed.get(at, 1)
            if byte is None:
                return
            yield byte[0]
