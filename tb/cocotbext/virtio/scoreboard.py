# SPDX-License-Identifier: Apache-2.0
"""The scoreboard: observed events in lockstep with `virtio_model`.

Truth comes from the pins only. The model is given the register writes and the bytes that the device was seen to read;
what the device does is compared with what the model makes of them.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection
from typing import Any

from virtio_model import DeviceFunction, Memory, MmioDevice, Net
from virtio_model.spec import Feature, Reg, Status

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
from .frames import ObservedFrames
from .interrupts import InterruptChecker
from .observed import ObservedEntropy
from .ports import EVENTS_HELD, observed_port
from .queues import LiveQueues
from .register_checks import RegisterChecker
from .violation import RULES, ScoreboardError, Violation
from .witness import Witness

_ALL_LANES = 0xF
#: Cycles from an event to the interrupt line, and from a change of the configuration to its registers, of our device.
_PROMPT = 64
#: The same of any device: the standard sets no bound, and a device may collect events before it interrupts.
_PATIENT = 10_000
_REGISTER_ACCESSES = (RegisterRead, RegisterWrite)


class Scoreboard:
    """Checks a device of type `function` by the events of its pins; `device_options` go to `MmioDevice`.

    `function` belongs to the scoreboard from then on: a storage must hold what the device's holds at the start.
    `strict` adds what this project's device promises beyond the standard. Without `entropy_observed` the contents of
    entropy buffers are not compared; with `flushes_observed` a block device's flushes are demanded of its storage.
    Bounds are in cycles: from an event to the interrupt line (by default as `strict` says), from a used idx to the read
    of the suppression flag, from a malformed ring to DEVICE_NEEDS_RESET. Violations of `waived` rules are ignored; of
    the registers `learned` the first value read stands. Of a network device `net_store_bytes` are how much of received
    frames it holds at least, in words of `bus_bytes`; an input device holds `store_events` events at least.

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
        flushes_observed: bool = False,
        irq_bound: int | None = None,
        flags_bound: int = 20000,
        fault_bound: int = 50000,
        waived: Collection[str] = (),
        learned: Collection[int] = (),
        net_store_bytes: int = 16384,
        bus_bytes: int = 8,
        store_events: int = EVENTS_HELD,
        **device_options: object,
    ) -> None:
        if unknown := set(waived) - set(RULES):
            raise ValueError(f"unknown rules {sorted(unknown)}")
        self.strict = strict
        self.fail_fast = fail_fast
        self.waived = self._excused = frozenset(waived)
        self.violations: dict[str, tuple[Violation, int]] = {}
        # The options are typed where they belong, in MmioDevice.
        self.model = MmioDevice(function, Memory(0, 0), autorun=False, **device_options)  # type: ignore[arg-type]
        self._log = logging.getLogger("virtio.scoreboard")
        self._irq_bound = irq_bound = irq_bound or (_PROMPT if strict else _PATIENT)
        self._entropy = ObservedEntropy() if entropy_observed else None
        self._frames: ObservedFrames | None = None
        if isinstance(function, Net):
            self._frames = ObservedFrames(function, self.report, net_store_bytes, bus_bytes, filters=strict)
            function.wire = self._frames
            self._frames.wanted = lambda frame: self._wants(function, frame)
        self._port = observed_port(function, self.report, self._takes_input, strict, store_events)
        self._flushes: deque[int] | None = deque() if flushes_observed else None
        self._interrupts = InterruptChecker(self.report, irq_bound, flags_bound)
        self._registers = RegisterChecker(self.model, self.report, strict, _PROMPT, fault_bound, learned)
        self._queues = LiveQueues(
            self.model,
            function,
            self.report,
            strict,
            self._interrupts,
            self._registers,
            self._entropy,
            self._flushes,
            fault_bound,
        )
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            RegisterWrite: self._register_write,
            RegisterRead: self._register_read,
            DmaRead: self._access,
            DmaWrite: self._access,
            IrqChange: self._interrupts.line,
            EntropyWord: self._entropy_word,
            FrameSent: self._frame,
            FrameReceived: self._frame,
            StorageFlush: self._storage_flush,
            PortOut: self._port_item,
            PortIn: self._port_item,
            BusReset: self._bus_reset,
        }
        self._reset_write: RegisterWrite | None = None
        self._resetting: set[int] = set()
        self._live_from: int | None = None
        self._quiet_since: int | None = None
        self._now = 0

    @property
    def used_total(self) -> int:
        """Used elements seen so far."""
        return self._queues.used_total

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
        kind = type(event)
        begun = event.start if isinstance(event, RegisterWrite) else event.cycle
        if self._reset_write is not None and (kind in _REGISTER_ACCESSES or begun > self._reset_write.cycle):
            self._reset(self._reset_write)
        if begun > self._now:
            self._now = begun
        if self._reset_write is None:  # a device being reset owes nothing
            self._interrupts.tick(begun)
        self._handlers[kind](event)

    def config_changed(self, cycle: int) -> None:
        """The test has changed the configuration of device and model about `cycle`."""
        self._registers.config_changed(cycle)
        if self._live_from is not None:
            self._interrupts.config_event(cycle, self._irq_bound, True, "configuration change")

    def attach(self, witness: Witness) -> None:
        """Tell somebody of what is seen from now on."""
        self._queues.attach(witness)

    @property
    def lost_sight(self) -> int:
        """How often a queue was lost sight of, so that only where the device goes was judged."""
        return self._queues.lost_sight

    def memory_misbehaves(self, cycle: int) -> None:
        """From `cycle` to the next reset by wire the memory breaks the rules of AXI, which are not judged then.

        Where the device goes is judged; what it makes of what it reads nobody can tell.
        """
        self._excused = self.waived
        self.waived |= {rule for rule in RULES if rule.startswith("AXI-")}
        self._queues.lose_all(cycle)

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
            failed = Status.FAILED in self.model.status
            self._queues.finish(failed or self._registers.needs_reset_seen, now)
            if self._frames is not None:
                self._frames.finish(now)
            if self._port is not None:
                self._port.finish(now)
            if self.used_total < min_used and not self.lost_sight:
                text = "fewer used elements seen than the test promises"
                self.report(Violation("BENCH-IDLE", text, expected=min_used, seen=self.used_total, cycle=now))
        finally:
            self.fail_fast = fail_fast
        self.check()

    @property
    def wishes(self) -> Counter[bool]:
        """How often a driver was read to want an interrupt for what was used, or none."""
        return self._interrupts.wishes

    def reads_rings(self, event: DmaRead) -> bool:
        """Whether a burst lies in the rings of a queue that is ready, as one does that looks for new chains."""
        return self._queues.in_rings(event)

    @property
    def interrupt_due(self) -> bool:
        """Whether an interrupt has to come that has not."""
        return self._interrupts.due

    @property
    def needs_reset_seen(self) -> bool:
        """Whether the driver has read DEVICE_NEEDS_RESET since the last reset."""
        return self._registers.needs_reset_seen

    def check(self) -> None:
        """Raise `ScoreboardError` if a rule was broken so far; for the end of a test that has failed already."""
        if self.violations:
            raise ScoreboardError(self.violations.values())

    def _register_write(self, event: RegisterWrite) -> None:
        self._registers.wrote(event)
        full = event.strobe == _ALL_LANES
        if event.offset == Reg.STATUS and full and event.value == 0:
            self._reset_write = event
            self._interrupts.may_fall(event.cycle)
            return
        was_ready = [queue.ready for queue in self.model.queues]
        self.model.write(event.offset, event.value, strobe=event.strobe)
        live = Status.DRIVER_OK in self.model.status
        for queue, before in zip(self.model.queues, was_ready, strict=True):
            if queue.ready and not before:
                self._interrupts.renew(queue.index)
                self._queues.ready(queue.index, event.start, live)
            elif before and not queue.ready:
                self._queues.stopping(queue.index)
                if not self.strict:  # what a queue that is stopped still tells is not said anywhere
                    self._interrupts.forgive(queue.index)
        if live and self._live_from is None:
            self._interrupts.reset_done(event.start)
            self._queues.live(event.start)
            self._live_from = event.start
        if self._frames is not None and event.offset in (Reg.STATUS, Reg.QUEUE_READY, Reg.QUEUE_RESET):
            self._frames.changed(event.start)
        if self._port is not None and event.offset in (Reg.STATUS, Reg.QUEUE_READY, Reg.QUEUE_RESET):
            self._port.changed(event.cycle)
        if event.offset == Reg.QUEUE_NOTIFY and full and live:
            self._queues.notified(self.model.notified_queue(event.value), event.start)
        if event.offset == Reg.QUEUE_RESET and full and event.value & 1:
            self._queue_reset(event.cycle)
        if event.offset == Reg.INTERRUPT_ACK and full:
            self._interrupts.acknowledge(event)

    def _register_read(self, event: RegisterRead) -> None:
        selected = self._queues.trackers.get(self._registers.queue_sel)
        stopping = selected is not None and selected.stopping
        waiting = self._registers.reset_at is not None
        self._registers.read(event, stopping)
        if self._registers.needs_reset_seen and self._live_from is not None:
            self._interrupts.config_due(event.cycle)
        if event.offset == Reg.INTERRUPT_STATUS and event.ok and not self._registers.overlaps(event):
            self._interrupts.status_read(event)
        if waiting and self._registers.reset_at is None:
            self._quiet_since = event.cycle
            self._queues.forget_old()
            self._interrupts.reset_done(event.cycle)
        if stopping and event.ok and event.value == 0:
            self._may_have_stopped(self._registers.queue_sel, event.offset)

    def _queue_reset(self, cycle: int) -> None:
        """1 was written to QueueReset of the selected queue."""
        index = self._registers.queue_sel
        if index in self._queues.trackers and self.model.driver_features >> Feature.RING_RESET & 1:
            self._resetting.add(index)
            self._queues.resetting(index)
            if self._port is not None and index == 0:
                self._port.forget(cycle)
            if self._frames is not None:
                self._frames.queue_reset()

    def _may_have_stopped(self, index: int, offset: int) -> None:
        """0 was read from a register of a queue that is stopping. In a queue reset QueueReset counts, else
        QueueReady.
        """
        if index in self._resetting and offset == Reg.QUEUE_RESET:
            self._resetting.remove(index)
            self._queues.stopped(index)
            self._interrupts.withdraw(index)
        elif index not in self._resetting and offset == Reg.QUEUE_READY:
            self._queues.stopped(index)

    def _access(self, event: DmaRead | DmaWrite) -> None:
        if self._live_from is not None and event.start >= self._live_from:
            self._queues.access(event)
        else:
            self._access_while_not_live(event)

    def _storage_flush(self, event: StorageFlush) -> None:
        if self._flushes is not None:
            self._flushes.append(event.cycle)

    def _entropy_word(self, event: EntropyWord) -> None:
        if self._entropy is not None:
            self._entropy.words.append(event.value)

    def _port_item(self, event: PortOut | PortIn) -> None:
        if self._port is None:
            return
        if isinstance(event, PortOut):
            self._port.left(event)
        else:
            self._port.arrived(event)

    def _takes_input(self) -> bool:
        """Whether the device takes what comes in at its port."""
        tracker = self._queues.trackers.get(0)
        return self._live_from is not None and tracker is not None and not tracker.stopping

    def _frame(self, event: FrameSent | FrameReceived) -> None:
        if self._frames is None:
            return
        if isinstance(event, FrameSent):
            self._frames.left(event)
        else:
            self._frames.arrived(event)

    def _wants(self, function: Net, frame: bytes) -> bool:
        """Whether the model receives a frame now: it is live, on a receive queue, and what it filters."""
        ready = any(tracker.index % 2 == 0 and not tracker.stopping for tracker in self._queues.trackers.values())
        return self._live_from is not None and ready and function.wants(frame, self.model.driver_features)

    def _access_while_not_live(self, event: DmaRead | DmaWrite) -> None:
        if self._queues.old:
            self._queues.old_access(event)
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

    def _reset(self, event: RegisterWrite) -> None:
        """The response to a reset has been given; old transfers may go on until Status reads 0."""
        self._reset_write = None
        self._queues.reset(was_live=self._live_from is not None)
        if self._queues.old:
            self._quiet_since = None
        self._clear(event.cycle, hard=False)

    def _bus_reset(self, event: BusReset) -> None:
        self._reset_write = None
        self.waived = self._excused
        self._queues.reset(was_live=self._live_from is not None)
        self._queues.forget_old()
        self._quiet_since = None
        if self._frames is not None:
            self._frames.power_cycle()
        if self._port is not None:
            self._port.power_cycle()
        self._clear(event.cycle, hard=True)

    def _clear(self, cycle: int, hard: bool) -> None:
        self.model.write(Reg.STATUS, 0)
        self._interrupts.clear(cycle, resetting=not hard)
        self._registers.reset(cycle, hard)
        self._live_from = None
        self._resetting.clear()
        if self._entropy is not None:
            self._entropy.clear()
        if self._frames is not None:
            self._frames.reset(cycle)
        if self._port is not None:
            self._port.forget(cycle)
            self._port.changed(cycle)
