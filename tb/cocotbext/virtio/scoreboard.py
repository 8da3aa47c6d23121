# SPDX-License-Identifier: Apache-2.0
"""The scoreboard: observed events in lockstep with `virtio_model`.

Truth comes from the pins only. The model is given the register writes and the bytes that the device was seen to read;
what the device does is compared with what the model makes of them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from virtio_model import DeviceFunction, Memory, MmioDevice
from virtio_model.spec import Reg, Status

from .chains import QueueTracker
from .dma import DmaRules
from .events import BusReset, DmaRead, DmaWrite, EntropyWord, Event, IrqChange, RegisterRead, RegisterWrite
from .interrupts import InterruptChecker
from .observed import ObservedEntropy, ObservedMemory
from .register_checks import RegisterChecker
from .used import UsedChecker
from .violation import RULES, ScoreboardError, Violation

_ALL_LANES = 0xF


class Scoreboard:
    """Checks a device of type `function` by the events of its pins; `device_options` go to `MmioDevice`.

    `function` belongs to the scoreboard from then on: a storage must hold what the device's holds at the start.
    `strict` adds what this project's device promises beyond the standard. Without `entropy_observed` the contents of
    entropy buffers are not compared. Bounds are in cycles: from an event to the interrupt line, from a used idx to the
    read of the suppression flag, from a malformed ring to DEVICE_NEEDS_RESET. Violations of `waived` rules are ignored.

    With `fail_fast` the first violation raises `ScoreboardError` out of `feed`; otherwise `finish` raises it, with the
    first violation of each rule. Raises `ValueError` for an unknown rule.
    """

    def __init__(
        self,
        function: DeviceFunction,
        *,
        strict: bool = True,
        fail_fast: bool = True,
        entropy_observed: bool = True,
        irq_bound: int = 64,
        flags_bound: int = 20000,
        fault_bound: int = 50000,
        waived: Collection[str] = (),
        **device_options: object,
    ) -> None:
        if unknown := set(waived) - set(RULES):
            raise ValueError(f"unknown rules {sorted(unknown)}")
        self.strict = strict
        self.fail_fast = fail_fast
        self.waived = frozenset(waived)
        self.used_total = 0
        self.violations: dict[str, tuple[Violation, int]] = {}
        self.model = MmioDevice(function, Memory(0, 0), autorun=False, **device_options)  # type: ignore[arg-type]
        self._log = logging.getLogger("virtio.scoreboard")
        self._irq_bound = irq_bound
        self._fault_bound = fault_bound
        self._memory = ObservedMemory()
        self._entropy = ObservedEntropy() if entropy_observed else None
        self._used = UsedChecker(function, self._memory, self.report, strict, self._entropy)
        self._dma = DmaRules(self.report, strict)
        self._interrupts = InterruptChecker(self.report, irq_bound, flags_bound)
        self._registers = RegisterChecker(self.model, self.report, strict, irq_bound, fault_bound)
        self._trackers: dict[int, QueueTracker] = {}
        self._old_trackers: list[QueueTracker] = []
        self._old_features = 0
        self._kicks: dict[int, int] = {}
        self._reset_write: RegisterWrite | None = None
        self._live_from: int | None = None
        self._was_live = False
        self._quiet_since: int | None = None
        self._faulted = False
        self._now = 0

    def report(self, violation: Violation) -> None:
        """Take note of a violation, also of one found elsewhere. Raises `ScoreboardError` with `fail_fast`."""
        if violation.rule in self.waived:
            return
        first, count = self.violations.get(violation.rule, (violation, 0))
        self.violations[violation.rule] = (first, count + 1)
        if not count:
            self._log.error("%s", violation)
        if self.fail_fast:
            raise ScoreboardError([(violation, 1)])

    def feed(self, event: Event) -> None:
        """Take the next event, in the order of `RecordDecoder`. Raises `ScoreboardError` with `fail_fast`."""
        register = isinstance(event, RegisterRead | RegisterWrite)
        begun = event.start if isinstance(event, RegisterWrite) else event.cycle
        if self._reset_write is not None and (register or begun > self._reset_write.cycle):
            self._reset(self._reset_write)
        self._now = max(self._now, begun)
        self._interrupts.tick(begun)
        match event:
            case RegisterWrite():
                self._register_write(event)
            case RegisterRead():
                self._register_read(event)
            case DmaRead() | DmaWrite():
                self._dma_access(event)
            case IrqChange():
                self._interrupts.line(event)
            case EntropyWord():
                if self._entropy is not None:
                    self._entropy.words.append(event.value)
            case BusReset():
                self._bus_reset(event.cycle)

    def config_changed(self, cycle: int) -> None:
        """The test has changed the configuration of device and model about `cycle`."""
        self._registers.config_changed(cycle)
        live = bool(self.model.status & Status.DRIVER_OK)
        if live:
            self._interrupts.config_event(cycle, self._irq_bound, True, "configuration change")

    def finish(self, min_used: int = 1, cycle: int | None = None) -> None:
        """The end of a test, the device being idle: nothing may be left over, `min_used` elements must have been seen.

        `cycle` is the present one. Raises `ScoreboardError` with the first violation of each rule.
        """
        if self._reset_write is not None:
            self._reset(self._reset_write)
        now = max(self._now, cycle or 0)
        fail_fast, self.fail_fast = self.fail_fast, False
        try:
            self._interrupts.finish(now)
            for tracker in self._trackers.values():
                self._finish_queue(tracker, now)
            if self.used_total < min_used:
                text = "fewer used elements seen than the test promises"
                self.report(Violation("BENCH-IDLE", text, expected=min_used, seen=self.used_total, cycle=now))
        finally:
            self.fail_fast = fail_fast
        if self.violations:
            raise ScoreboardError(self.violations.values())

    def _finish_queue(self, tracker: QueueTracker, now: int) -> None:
        if tracker.fault is not None or tracker.suspect is not None:
            if not self._registers.needs_reset_seen and not self._interrupts.config_seen:
                text = f"{tracker.fault or tracker.suspect}: neither DEVICE_NEEDS_RESET nor a notification seen"
                self.report(Violation("VQ-FAULT-IGNORED", text, tracker.index, cycle=now))
            return
        if self._faulted or self._halted or tracker.stopping:
            return
        for chain in tracker.in_flight:
            self.report(Violation("VQ-UNUSED", "", tracker.index, chain.head, cycle=now))
        if tracker.available > 0:
            text = f"{tracker.available} chains available and seen so, their ring entries not read"
            self.report(Violation("VQ-UNUSED", text, tracker.index, cycle=now))
        if tracker.index in self._kicks:
            text = f"avail idx not read after the notification in cycle {self._kicks[tracker.index]}"
            self.report(Violation("VQ-NOTIFY-LOST", text, tracker.index, cycle=now))

    @property
    def _halted(self) -> bool:
        return bool(self.model.status & Status.FAILED) or self._registers.needs_reset_seen

    def _register_write(self, event: RegisterWrite) -> None:
        self._registers.wrote(event)
        full = event.strobe == _ALL_LANES
        if event.offset == Reg.STATUS and full and event.value == 0:
            self._reset_write = event
            self._interrupts.may_fall(event.start)
            return
        was_ready = [queue.ready for queue in self.model.queues]
        was_live = bool(self.model.status & Status.DRIVER_OK)
        self.model.write(event.offset, event.value, strobe=event.strobe)
        live = bool(self.model.status & Status.DRIVER_OK)
        for queue, before in zip(self.model.queues, was_ready, strict=True):
            if queue.ready and not before:
                self._stop(queue.index)
                self._trackers[queue.index] = QueueTracker(queue, self._memory, event.start)
                if live:
                    self._kicks[queue.index] = event.start
            elif before and not queue.ready:
                self._trackers[queue.index].stopping = True
                self._kicks.pop(queue.index, None)
        if live and not was_live:
            self._forget_old()
            self._live_from, self._was_live = event.start, True
            self._kicks.update((index, event.start) for index in self._trackers)
        notified = self._trackers.get(event.value) if event.offset == Reg.QUEUE_NOTIFY and full and live else None
        if notified is not None and not notified.stopping:
            self._kicks[event.value] = event.start
        if event.offset == Reg.INTERRUPT_ACK and full:
            self._interrupts.acknowledge(event)

    def _register_read(self, event: RegisterRead) -> None:
        selected = self._trackers.get(self._registers.queue_sel)
        stopping = selected is not None and selected.stopping
        waiting = self._registers.reset_at is not None
        self._registers.read(event, stopping)
        if self._registers.needs_reset_seen and self._live_from is not None:
            self._interrupts.config_due(event.cycle)
        if event.offset == Reg.INTERRUPT_STATUS and event.ok and not self._registers.overlaps(event):
            self._interrupts.status_read(event)
        if waiting and self._registers.reset_at is None:
            self._quiet_since = event.cycle
            self._forget_old()
        if stopping and event.offset == Reg.QUEUE_READY and event.ok and event.value == 0:
            self._stop(self._registers.queue_sel)

    def _dma_access(self, event: DmaRead | DmaWrite) -> None:
        if self._live_from is None or event.start < self._live_from:
            self._dma_while_not_live(event)
            return
        idle = [queue for queue in self.model.queues if queue.index not in self._trackers]
        if isinstance(event, DmaRead):
            self._dma.check_read(event, self._trackers.values(), idle)
            self._memory.record(event)
            for tracker in self._trackers.values():
                self._ring_read(tracker, event)
            if not event.ok:
                self._may_fault(event.cycle)
            return
        places = list(self._dma.split_write(event, self._trackers.values(), idle))
        if not event.ok:
            self._may_fault(event.cycle)
        for place, address, data in places:
            if place.chain is not None:
                if event.ok:
                    place.chain.written.write(address, data)
                if not place.chain.writes or place.chain.writes[-1] is not event:
                    place.chain.writes.append(event)
        if event.ok:
            published = [
                (place.tracker, self._used.ring_write(place.tracker, address, data, event))
                for place, address, data in places
                if place.chain is None
            ]
            for tracker, idx in published:
                if idx is not None:
                    self._publish(tracker, idx, event)

    def _ring_read(self, tracker: QueueTracker, event: DmaRead) -> None:
        if all(event.address >= end or event.address + len(event.data) <= first for _, first, end in tracker.areas()):
            return
        had_fault = tracker.fault is not None
        for chain in tracker.on_read(event):
            if chain.early and self.strict:
                text = "ring entry asked for before the avail idx that covers it had come"
                self.report(Violation("VQ-UNREAD", text, tracker.index, chain.head, cycle=event.cycle))
            self._log.debug("queue %d: head %d taken", tracker.index, chain.head)
        if self._kicks.get(tracker.index, event.start) < tracker.idx_read_start:
            del self._kicks[tracker.index]
        if tracker.reads_flags(event):
            self._interrupts.flags_read(tracker.index, event.start, event.cycle, tracker.interrupt_wanted(event))
        if tracker.fault is not None and not had_fault:
            self._log.info("queue %d: %s", tracker.index, tracker.fault)
            self._fault(event.cycle)
        elif tracker.suspect is not None:
            self._may_fault(event.cycle)

    def _publish(self, tracker: QueueTracker, idx: int, event: DmaWrite) -> None:
        before = list(tracker.in_flight)
        count = self._used.publish(tracker, idx, event, self.model.driver_features)
        for chain in before:
            if chain not in tracker.in_flight:
                self._dma.retire(chain, event.cycle)
        if count:
            self.used_total += count
            self._interrupts.published(tracker.index, event.cycle)
        had_fault = tracker.fault is not None
        tracker.recheck()
        if tracker.fault is not None and not had_fault:
            self._fault(event.cycle)

    def _dma_while_not_live(self, event: DmaRead | DmaWrite) -> None:
        if self._old_trackers:
            if isinstance(event, DmaRead):
                self._memory.record(event)
            return
        if self._quiet_since is not None:
            harmless = isinstance(event, DmaRead) or not event.pieces
            if event.start <= self._quiet_since and (harmless or event.cycle <= self._quiet_since):
                return
        rule = "DMA-AFTER-RESET" if self._quiet_since is not None else "DMA-BEFORE-DRIVER-OK"
        address = event.address if isinstance(event, DmaRead) else next((at for at, _ in event.pieces), None)
        where = "" if address is None else f" at {address:#x}"
        text = f"{'read' if isinstance(event, DmaRead) else 'write'} begun in cycle {event.start}{where}"
        self.report(Violation(rule, text, cycle=event.cycle))

    def _may_fault(self, cycle: int) -> None:
        """Something happened that the device may take for an error that only a reset can clear."""
        if not self._registers.fault_possible:
            self._registers.fault_possible = True
            self._interrupts.config_event(cycle, self._fault_bound, False, "DMA error")

    def _fault(self, cycle: int) -> None:
        """The device has read a malformed ring."""
        if not self._faulted:
            self._faulted = self._registers.fault_possible = True
            self._registers.fault_due = cycle + self._fault_bound
            self._interrupts.config_event(cycle, self._fault_bound, True, "malformed ring")

    def _reset(self, event: RegisterWrite) -> None:
        """The response to a reset has been given; old transfers may go on until Status reads 0."""
        self._reset_write = None
        self._forget_old()
        self._old_features = self.model.driver_features
        self._old_trackers = list(self._trackers.values()) if self._live_from is not None else []
        self.model.write(Reg.STATUS, 0)
        self._clear(event.cycle)
        self._registers.reset(event.cycle, hard=False)
        self._quiet_since = None if self._old_trackers else self._quiet_since

    def _bus_reset(self, cycle: int) -> None:
        self._reset_write = None
        self._old_features = self.model.driver_features
        self._old_trackers += self._trackers.values()
        self._forget_old()
        self.model.write(Reg.STATUS, 0)
        self._clear(cycle)
        self._registers.reset(cycle, hard=True)
        self._quiet_since = None

    def _clear(self, cycle: int) -> None:
        self._trackers = {}
        self._kicks.clear()
        self._dma.clear()
        self._interrupts.clear(cycle)
        self._live_from = None
        self._faulted = False
        if self._entropy is not None:
            self._entropy.words.clear()

    def _forget_old(self) -> None:
        """Nothing from before the reset can happen any more; requests cut off may have had effects."""
        for tracker in self._old_trackers:
            for chain in tracker.in_flight:
                self._used.abandon(chain, self._old_features)
        self._old_trackers = []

    def _stop(self, index: int) -> None:
        """The queue is not ready any more."""
        tracker = self._trackers.pop(index, None)
        if tracker is not None:
            for chain in tracker.in_flight:
                self._used.abandon(chain, self.model.driver_features)
