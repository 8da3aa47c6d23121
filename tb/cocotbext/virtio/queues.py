# SPDX-License-Identifier: Apache-2.0
"""The queues of a live device: every DMA burst is judged and moves their state on."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from virtio_model import Blk, DeviceFunction, MmioDevice, PackedQueue, SplitQueue, Virtqueue
from virtio_model.spec import BLK_HEADER_BYTES

from .dma import FETCH_BYTES, DmaRules
from .events import DmaRead, DmaWrite
from .inflight import Chain
from .interrupts import InterruptChecker
from .observed import ObservedEntropy, ObservedMemory
from .packed_tracker import PackedTracker
from .register_checks import RegisterChecker
from .split_tracker import SplitTracker
from .tracker import QueueTracker
from .used import UsedChecker
from .violation import Report, Violation
from .witness import Witness


class LiveQueues:
    """Trackers of the queues that are ready, and what is due on them.

    `fault_bound` is how many cycles a malformed ring may take to be reported. Old queues are those of before a reset
    that Status has not confirmed: transfers of theirs may still be seen.
    """

    def __init__(
        self,
        model: MmioDevice,
        function: DeviceFunction,
        report: Report,
        strict: bool,
        interrupts: InterruptChecker,
        registers: RegisterChecker,
        entropy: ObservedEntropy | None,
        flushes: deque[int] | None,
        fault_bound: int,
    ) -> None:
        self.trackers: dict[int, QueueTracker[Any]] = {}
        self.old: list[QueueTracker[Any]] = []
        self.used_total = 0
        self.faulted = False
        self._model = model
        self._function = function
        self._report = report
        self._strict = strict
        self._interrupts = interrupts
        self._registers = registers
        self._fault_bound = fault_bound
        self._memory = ObservedMemory()
        self._dma = DmaRules(report, strict, model.queues)
        self._used = UsedChecker(function, self._memory, self._dma, report, strict, entropy, flushes)
        self._old_features = 0
        self._notified: dict[int, int] = {}
        self._witness: Witness | None = None
        self._lost_ones: list[QueueTracker[Any]] = []
        self._log = logging.getLogger("virtio.scoreboard")

    def attach(self, witness: Witness) -> None:
        """Tell somebody of what is seen from now on."""
        self._witness = self._used.witness = witness

    @property
    def lost_sight(self) -> int:
        """How many queues were lost sight of so far."""
        return len(self._lost_ones)

    def ready(self, index: int, cycle: int, live: bool) -> None:
        """Queue `index` was made ready by a register write of `cycle`."""
        self.stopped(index)
        tracker = self.trackers[index] = self._track(self._model.queues[index], cycle)
        for other in [tracker] if tracker.tangled else self._on_top_of(tracker):
            other.lose("its rings overlap with others")
            self._lost_ones.append(other)
        if live:
            self._notified[index] = cycle

    def _on_top_of(self, tracker: QueueTracker[Any]) -> list[QueueTracker[Any]]:
        """A queue and others that share memory with it; none if there are no others."""
        others = [
            other
            for other in self.trackers.values()
            if other is not tracker and any(a < d and c < b for _, a, b in tracker.areas for _, c, d in other.areas)
        ]
        return [tracker, *others] if others else []

    def _track(self, queue: Virtqueue, since: int) -> QueueTracker[Any]:
        if isinstance(queue, PackedQueue):
            return PackedTracker(queue, self._memory, self._report, self._strict, since)
        assert isinstance(queue, SplitQueue)
        return SplitTracker(queue, self._memory, self._report, self._strict, since)

    def stopping(self, index: int) -> None:
        """0 was written to QueueReady: what is in flight may go on until it reads 0."""
        self.trackers[index].stopping = True
        self._notified.pop(index, None)

    def resetting(self, index: int) -> None:
        """1 was written to QueueReset: what is in flight, or still gets there, is dropped and owes nothing."""
        self._interrupts.forgive(index)
        self.trackers[index].dropped = True
        if self._witness is not None:
            self._witness.queue_reset(self.trackers[index])
        for chain in self.trackers[index].in_flight:
            self._used.may_drop(chain)

    def stopped(self, index: int) -> None:
        """QueueReady has read back 0, or QueueReset."""
        tracker = self.trackers.pop(index, None)
        if tracker is not None:
            self._abandon(tracker, self._model.driver_features)

    def notified(self, index: int, cycle: int) -> None:
        """The driver notified a queue while live: the device has to look at its avail idx afterwards."""
        tracker = self.trackers.get(index)
        if tracker is not None and not tracker.stopping and not tracker.full:
            self._notified[index] = cycle

    def in_rings(self, event: DmaRead) -> bool:
        """Whether a burst lies in an area of a queue that is ready."""
        end = event.address + len(event.data)
        areas = (area for tracker in self.trackers.values() for area in tracker.areas)
        return any(first - FETCH_BYTES < event.address and end < last + FETCH_BYTES for _, first, last in areas)

    def live(self, cycle: int) -> None:
        """DRIVER_OK was set by a write of `cycle`: queues are to be looked at once."""
        self.forget_old()
        for index in self.trackers:
            self.notified(index, cycle)

    def reset(self, was_live: bool) -> None:
        """A reset was answered; to be called before the model is reset. One while another is under way adds nothing."""
        if was_live and self._witness is not None:
            self._witness.reset(sum(len(tracker.in_flight) for tracker in self.trackers.values()))
        if was_live or not self.old:
            self.forget_old()
            self._old_features = self._model.driver_features
            self.old = list(self.trackers.values()) if was_live else []
        self.trackers = {}
        self._notified.clear()
        self._dma.clear()
        self.faulted = False

    def forget_old(self) -> None:
        """Nothing from before the reset can happen any more; requests cut off may have had effects."""
        for tracker in self.old:
            self._abandon(tracker, self._old_features)
        self.old = []

    def old_access(self, event: DmaRead | DmaWrite) -> None:
        """A transfer between a reset and its confirmation."""
        if isinstance(event, DmaRead):
            self._memory.record(event)

    def access(self, event: DmaRead | DmaWrite) -> None:
        """A transfer of the live device."""
        if not event.ok:
            self._may_fault(event.cycle)
        if isinstance(event, DmaRead):
            self._dma.check_read(event, self.trackers.values())
            touched = [tracker for tracker in self.trackers.values() if tracker.touched_by(event)]
            for tracker in touched:
                tracker.about_to_read(event)
            self._memory.record(event)
            for tracker in touched:
                self._ring_read(tracker, event)
        else:
            self._write(event)

    def finish(self, halted: bool, cycle: int) -> None:
        """Report what was begun and never done; with `halted` the device need not have gone on."""
        for tracker in self.trackers.values():
            if tracker.fault is not None or tracker.suspect is not None:
                if not self._registers.needs_reset_seen and not self._interrupts.config_seen:
                    text = f"{tracker.fault or tracker.suspect}: neither DEVICE_NEEDS_RESET nor a notification seen"
                    self._report(Violation("VQ-FAULT-IGNORED", text, tracker.index, cycle=cycle))
            elif not (halted or self.faulted or tracker.stopping or tracker.lost):
                self._finish_queue(tracker, cycle)

    def _finish_queue(self, tracker: QueueTracker[Any], cycle: int) -> None:
        if tracker.out_of_turn is not None:
            text = "used, but nothing before it"
            self._report(Violation("VQ-USED-SLOT", text, tracker.index, seen=tracker.out_of_turn, cycle=cycle))
        function, features = self._function, self._model.driver_features
        waits = function.waits(tracker.index, features) and not function.ready(tracker.index, features)
        # A device may hold buffers ready for what is to come in; our own takes them when it has.
        for chain in tracker.begun if self._strict or not waits else ():
            self._report(Violation("VQ-UNUSED", "", tracker.index, chain.head, cycle=cycle))
        if waits:
            return
        if tracker.available > 0:
            text = f"{tracker.available} chains available and seen so, and not taken"
            self._report(Violation("VQ-UNUSED", text, tracker.index, cycle=cycle))
        if tracker.event_written >= max(tracker.looked_start, 0):
            text = f"not looked at after the driver was told when to notify in cycle {tracker.event_written}"
            self._report(Violation("VQ-NOTIFY-LOST", text, tracker.index, cycle=cycle))
        if tracker.index in self._notified:
            text = f"not looked at after the notification in cycle {self._notified[tracker.index]}"
            self._report(Violation("VQ-NOTIFY-LOST", text, tracker.index, cycle=cycle))

    def _write(self, event: DmaWrite) -> None:
        published: list[tuple[QueueTracker[Any], object]] = []
        for place, address, data in self._dma.split_write(event, self.trackers.values()):
            if place.chain is not None:
                place.chain.wrote(address, data, event)
            elif event.ok:
                if place.tracker.lost:
                    self._lost(place.tracker, event.cycle)
                    continue
                what = place.tracker.ring_write(address, data, event)
                if what is not None:
                    published.append((place.tracker, what))
        for tracker, what in published:
            self._publish(tracker, what, event)

    def _ring_read(self, tracker: QueueTracker[Any], event: DmaRead) -> None:
        had_fault = tracker.fault is not None
        early = not tracker.lost and tracker.reads_too_early(event)
        for chain in tracker.on_read(event):
            self._log.debug("queue %d: head %d taken", tracker.index, chain.head)
            if tracker.dropped:
                self._used.may_drop(chain)
            early |= chain.early
        if early and self._strict:
            text = "available ring entry asked for before the idx that covers it had come"
            self._report(Violation("VQ-UNREAD", text, tracker.index, cycle=event.cycle))
        if tracker.lost:
            self._lost(tracker, event.cycle)
            return
        if not self._strict and any(self._may_be_fatal(chain) for chain in tracker.in_flight):
            self._may_fault(event.cycle)
        if tracker.index in self._notified and self._notified[tracker.index] < tracker.looked_start:
            del self._notified[tracker.index]
        if tracker.reads_wish(event) and self._interrupts.awaits_wish(tracker.index, event.start):
            wanted = tracker.interrupt_wanted(event)
            self._interrupts.wish_read(tracker.index, event.cycle, wanted)
            if self._witness is not None:
                self._witness.wish(tracker, wanted, self._interrupts.level)
        elif not self._strict and tracker.reads_wish(event):
            again = tracker.interrupt_wanted_again(event)
            if again is not None:
                self._interrupts.wish_read_again(tracker.index, event.cycle, again)
        if tracker.fault is not None and not had_fault:
            self._fault(tracker, event.cycle)
        elif tracker.suspect is not None:
            self._may_fault(event.cycle)

    def _publish(self, tracker: QueueTracker[Any], what: object, event: DmaWrite) -> None:
        count = self._used.publish(tracker, what, event, self._model.driver_features)
        if count:
            self.used_total += count
            self._interrupts.published(tracker.index, event.cycle)
        had_fault = tracker.fault is not None
        tracker.recheck()
        if tracker.fault is not None and not had_fault:
            self._fault(tracker, event.cycle)

    def _may_fault(self, cycle: int) -> None:
        """Something happened that the device may take for an error that only a reset can clear."""
        if not self._registers.fault_possible:
            self._registers.fault_possible = True
            self._interrupts.config_event(cycle, self._fault_bound, False, "DMA error")

    def _fault(self, tracker: QueueTracker[Any], cycle: int) -> None:
        """The device has read a malformed ring."""
        self._log.info("queue %d: %s", tracker.index, tracker.fault)
        if self._witness is not None and tracker.fault is not None:
            self._witness.malformed(tracker, tracker.fault)
        if not self.faulted:
            self.faulted = self._registers.fault_possible = True
            self._registers.fault_due = cycle + self._fault_bound
            self._interrupts.config_event(cycle, self._fault_bound, True, "malformed ring")

    def _may_be_fatal(self, chain: Chain) -> bool:
        """Whether a request has no header or no room for a status: the standard does not say what comes of it."""
        if not isinstance(self._function, Blk) or chain.parsed is None:
            return False
        return chain.parsed.readable_len < BLK_HEADER_BYTES or chain.parsed.writable_len < 1

    def lose_all(self, cycle: int) -> None:
        """What the device reads cannot be trusted any more."""
        for tracker in self.trackers.values():
            tracker.lose("the memory misbehaves")
            self._lost(tracker, cycle)

    def _lost(self, tracker: QueueTracker[Any], cycle: int) -> None:
        """Something happened on a queue that was lost sight of: what it tells the driver, or fails by, may be right."""
        if tracker not in self._lost_ones:
            self._lost_ones.append(tracker)
        self._notified.pop(tracker.index, None)
        self._interrupts.may_notify(tracker.index, cycle)
        self._may_fault(cycle)
        if self.faulted:
            self._withdraw_fault()
        self._used.doubt()

    def _withdraw_fault(self) -> None:
        """What was malformed may not be what the device goes by."""
        self.faulted = any(tracker.fault is not None for tracker in self.trackers.values())
        if not self.faulted:
            self._registers.fault_due = None
            self._interrupts.config_not_due()

    def _abandon(self, tracker: QueueTracker[Any], driver_features: int) -> None:
        for chain in tracker.in_flight:
            self._used.abandon(chain, driver_features)
            if tracker.dropped:
                self._used.may_drop(chain)
