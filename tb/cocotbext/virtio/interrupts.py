# SPDX-License-Identifier: Apache-2.0
"""Interrupt rules: due, not undue, InterruptStatus and the line agree.

A device's event becomes visible some cycles after its cause, and an acknowledgement acts at some time while it is on
the bus. So each cause is kept with the span of cycles in which it takes effect, and only what no timing explains is a
violation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from virtio_model.spec import Interrupt

from .events import IrqChange, RegisterRead, RegisterWrite
from .violation import Report, Violation

_BITS = (Interrupt.USED_BUFFER, Interrupt.CONFIG_CHANGE)
_PIN_LAG = 8  # cycles between InterruptStatus and the pin
_FALL = 64  # cycles from an acknowledgement or a reset until the line falls, at most


@dataclass(eq=False)
class Cause:
    """Something that sets `bit` between cycles `earliest` and `deadline`; it has to only if `must`."""

    bit: Interrupt
    earliest: int
    deadline: int
    must: bool
    why: str
    queue: int | None = None
    set_by: int | None = None
    acknowledged: bool = False
    checked: bool = False

    def surely_set(self, cycle: int) -> bool:
        """Whether the bit was set because of this before `cycle`, if the device is right."""
        return self.must and (self.deadline < cycle or (self.set_by is not None and self.set_by <= cycle))


@dataclass(eq=False)
class _Undecided:
    """A used idx published; the suppression flag was not read since."""

    published: int
    deadline: int
    cause: Cause


class InterruptChecker:
    """Follows the causes of interrupts, acknowledgements, InterruptStatus and the line.

    `irq_bound` is how many cycles an event may take to reach the line, `flags_bound` how many may pass from a used idx
    to the read of the suppression flag.
    """

    def __init__(self, report: Report, irq_bound: int, flags_bound: int) -> None:
        self._report = report
        self._irq_bound = irq_bound
        self._fall_bound = min(irq_bound, _FALL)
        self._flags_bound = flags_bound
        self.level = False
        self.risen = 0
        self.config_seen = False
        """Whether InterruptStatus has shown a configuration change since the last reset."""
        self.wishes: Counter[bool] = Counter()
        """How often a driver was read to want an interrupt for what was used, or none."""
        self._changed = 0
        self.clear(0, resetting=False)

    def clear(self, cycle: int, resetting: bool) -> None:
        """A reset: nothing is pending. As long as it is under way the line may rise and fall (2.4.2)."""
        self._resetting = resetting
        self._causes: list[Cause] = []
        self._undecided: dict[int, _Undecided] = {}
        self._decided: dict[int, bool] = {}
        self._forgiven: set[int] = set()
        self.config_seen = False
        self._acknowledged = cycle
        self._acknowledging = dict.fromkeys(_BITS, -1)
        self._low_by = cycle + self._fall_bound if self.level and not resetting else None
        self._high_by: int | None = None
        self._suppressed = ""

    @property
    def due(self) -> bool:
        """Whether something has to take the line up that is low."""
        return not self.level and any(cause.must and not cause.checked for cause in self._causes)

    def reset_done(self, cycle: int) -> None:
        """The reset is complete: the line has to fall, and to stay low."""
        if self._resetting:
            self.clear(cycle, resetting=False)

    def published(self, queue: int, cycle: int) -> None:
        """The device's used idx of `queue` was answered in `cycle`."""
        deadline = cycle + self._flags_bound
        self._decided.pop(queue, None)
        if queue in self._undecided:
            self._undecided[queue].published = cycle
            self._undecided[queue].deadline = deadline
            return
        cause = self._add(Interrupt.USED_BUFFER, cycle, deadline, False, "used idx", queue)
        self._undecided[queue] = _Undecided(cycle, deadline, cause)

    def awaits_wish(self, queue: int, start: int) -> bool:
        """Whether a read, begun in `start`, of what the driver of `queue` wants counts: a used idx was answered
        before.
        """
        undecided = self._undecided.get(queue)
        return undecided is not None and start > undecided.published

    def wish_read(self, queue: int, cycle: int, wanted: bool | None) -> None:
        """That was read: whether an interrupt is wanted; None if it got an error. Only if it was awaited."""
        undecided = self._undecided.pop(queue)
        if wanted is not None:
            self.wishes[wanted] += 1
            self._decided[queue] = wanted
        if wanted is None or undecided.cause.set_by is not None:
            return
        if undecided.cause in self._causes:
            self._causes.remove(undecided.cause)
        self._suppressed = "" if wanted else f"; the driver of queue {queue} was read to want none in cycle {cycle}"
        if wanted:
            self._add(Interrupt.USED_BUFFER, cycle, cycle + self._irq_bound, True, "used idx", queue)

    def wish_read_again(self, queue: int, cycle: int, wanted: bool) -> None:
        """That was read once more, for no further used buffers: the driver has changed it meanwhile, or the first read
        was for something that lies beside it. The device may go by either.
        """
        if queue not in self._decided or self._decided[queue] is wanted:
            return
        del self._decided[queue]
        if wanted:
            self._add(Interrupt.USED_BUFFER, cycle, cycle + self._irq_bound, False, "used idx", queue)
        for cause in self._causes:
            if cause.queue == queue and cause.set_by is None:
                cause.must = False

    def forgive(self, queue: int) -> None:
        """Queue `queue` is being reset: nothing is due for it any more, nor for what it still makes used."""
        self._forgiven.add(queue)
        for cause in self._causes:
            if cause.queue == queue:
                cause.must = False

    def may_notify(self, queue: int, cycle: int) -> None:
        """From `cycle` on a notification of `queue` may come, or none: nobody knows what it makes used."""
        self.forgive(queue)
        self._undecided.pop(queue, None)
        self._add(Interrupt.USED_BUFFER, cycle, cycle + self._flags_bound, False, "anything", queue)

    def renew(self, queue: int) -> None:
        """Queue `queue` is made ready: what it makes used is due again."""
        self._forgiven.discard(queue)

    def withdraw(self, queue: int) -> None:
        """The reset of `queue` is complete: a notification of it that has not come must not come any more (2.6.1)."""
        self._forgiven.discard(queue)
        self._undecided.pop(queue, None)
        if not self.level:
            self._causes = [cause for cause in self._causes if cause.queue != queue]

    def config_event(self, cycle: int, bound: int, must: bool, why: str) -> None:
        """A configuration change notification from `cycle` on, within `bound` cycles."""
        self._add(Interrupt.CONFIG_CHANGE, cycle, cycle + bound, must, why)

    def config_due(self, cycle: int) -> None:
        """DEVICE_NEEDS_RESET has been seen: the notification has to follow unless it has been already (2.1.2)."""
        for cause in self._causes:
            open_ = cause.bit == Interrupt.CONFIG_CHANGE and cause.set_by is None and not cause.acknowledged
            if open_ and not self.config_seen:
                cause.must = True
                cause.deadline = min(cause.deadline, cycle + self._irq_bound)

    def config_not_due(self) -> None:
        """What was to be notified may not be the case."""
        for cause in self._causes:
            if cause.bit == Interrupt.CONFIG_CHANGE and cause.set_by is None:
                cause.must = False

    def may_fall(self, cycle: int) -> None:
        """A reset is under way that will be answered in `cycle`: the line may fall."""
        self._acknowledged = cycle

    def acknowledge(self, event: RegisterWrite) -> None:
        """InterruptACK was written."""
        for bit in _BITS:
            if event.value & int(bit):
                self._acknowledging[bit] = event.cycle
        for cause in list(self._causes):
            if not event.value & int(cause.bit):
                continue
            if cause.surely_set(event.start):
                self._causes.remove(cause)
            elif cause.earliest <= event.cycle:
                cause.must = False
                cause.acknowledged = True
                if cause.deadline < event.start and not self._is_undecided(cause):
                    self._causes.remove(cause)
        self._acknowledged = event.cycle
        if not self._causes and self.level:
            self._low_by = event.cycle + self._fall_bound

    def status_read(self, event: RegisterRead) -> None:
        """InterruptStatus was read."""
        possible = [cause for cause in self._causes if cause.earliest <= event.cycle]
        for bit in _BITS:
            causes = [cause for cause in possible if cause.bit == bit]
            if event.value & int(bit):
                if not causes:
                    self._violate("REG-ISR", f"{bit.name} without an event", 0, event.value, event.cycle)
                self._confirm(causes, event.cycle)
                self.config_seen |= bit == Interrupt.CONFIG_CHANGE
            elif sure := [cause for cause in causes if cause.surely_set(event.start)]:
                text = f"{bit.name} not set after {sure[0].why} and not acknowledged"
                self._violate("REG-ISR", text, int(bit), event.value, event.cycle, sure[0].queue)
        if event.value & ~3:
            self._violate("REG-ISR", "reserved bits", 0, event.value, event.cycle)
        settled = max(self._changed, self._acknowledged) < event.start - _PIN_LAG
        if settled and event.value == 0 and self.level:
            self._violate("IRQ-LEVEL", "the line is high and InterruptStatus 0", 0, 1, event.cycle)
        if settled and event.value and not self.level:
            self._high_by = event.cycle + _PIN_LAG

    def line(self, event: IrqChange) -> None:
        """The interrupt line has changed."""
        if self._resetting:
            self.level, self._changed = event.level, event.cycle
            return
        possible = [cause for cause in self._causes if cause.earliest <= event.cycle]
        if event.level and not possible:
            text = f"the line rose with nothing to tell{self._suppressed}"
            self._violate("IRQ-UNDUE", text, 0, 1, event.cycle)
        if not event.level and self._acknowledged < self.risen:
            self._violate("IRQ-LEVEL", "the line fell without an acknowledgement", 1, 0, event.cycle)
        self.level, self._changed = event.level, event.cycle
        self._high_by = None
        if not event.level:
            self._low_by = None
            return
        self.risen = event.cycle
        if len({cause.bit for cause in possible}) == 1:
            self._confirm(possible, event.cycle)
            self.config_seen |= possible[0].bit == Interrupt.CONFIG_CHANGE

    def finish(self, cycle: int) -> None:
        """No more events will come: everything due must have happened, however little time it had."""
        for cause in self._causes:
            cause.deadline = min(cause.deadline, cycle)
        self._high_by = None
        self.tick(cycle + 1)

    def tick(self, cycle: int) -> None:
        """Time has come to `cycle`: look for what should have happened before."""
        if self._undecided:
            self._tick_undecided(cycle)
        for cause in self._causes:
            if cause.deadline < cycle and cause.must and not cause.checked:
                cause.checked = True
                if not self.level:
                    self._missing(cause, f"no interrupt after {cause.why} in cycle {cause.earliest}", cycle)
        if self._low_by is not None and self._low_by < cycle:
            self._low_by = None
            if not self._causes:
                self._violate("IRQ-LEVEL", "the line stays high after the acknowledgement", 0, 1, cycle)
        if self._high_by is not None and self._high_by < cycle:
            self._high_by = None
            self._violate("IRQ-LEVEL", "InterruptStatus is not 0 and the line low", 1, 0, cycle)

    def _tick_undecided(self, cycle: int) -> None:
        for queue, undecided in list(self._undecided.items()):
            if undecided.deadline < cycle:
                del self._undecided[queue]
                if (
                    queue not in self._forgiven
                    and not self.level
                    and max(self.risen, self._acknowledged) < undecided.published
                ):
                    self._missing(undecided.cause, "the suppression flag was not read after used idx", cycle)

    def _add(
        self, bit: Interrupt, earliest: int, deadline: int, must: bool, why: str, queue: int | None = None
    ) -> Cause:
        cause = Cause(bit, earliest, deadline, must and queue not in self._forgiven, why, queue)
        if earliest <= self._acknowledging[bit]:  # the write of InterruptACK was still on the bus then
            cause.must, cause.acknowledged = False, True
        self._causes.append(cause)
        self._low_by = None
        return cause

    def _confirm(self, causes: list[Cause], cycle: int) -> None:
        """The bit was seen: the oldest of its causes has taken effect."""
        if causes and causes[0].set_by is None:
            causes[0].set_by = cycle
            causes[0].must = True

    def _is_undecided(self, cause: Cause) -> bool:
        return any(undecided.cause is cause for undecided in self._undecided.values())

    def _missing(self, cause: Cause, text: str, cycle: int) -> None:
        rule = "IRQ-MISSING" if cause.bit == Interrupt.USED_BUFFER else "IRQ-CONFIG-MISSING"
        self._violate(rule, text, 1, 0, cycle, cause.queue)

    def _violate(self, rule: str, message: str, expected: int, seen: int, cycle: int, queue: int | None = None) -> None:
        self._report(Violation(rule, message, queue, expected=expected, seen=seen, cycle=cycle))
