# SPDX-License-Identifier: Apache-2.0
"""Which rules a test has given something to judge: a rule that was not broken says nothing if its case never came.

Fed with the events that the scoreboard is fed with. A rule counts as reached once what it is about has been seen on the
pins; with it go the transport features that were negotiated then, which also say what kind of ring it was.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from virtio_model.spec import CONFIG_OFFSET, DeviceType, Feature, Reg, Status, features

from .events import (
    DmaRead,
    DmaWrite,
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
from .scoreboard import Scoreboard

_READS: dict[int, tuple[str, ...]] = {
    **dict.fromkeys((Reg.MAGIC_VALUE, Reg.VERSION, Reg.DEVICE_ID, Reg.VENDOR_ID), ("REG-IDENTITY",)),
    Reg.DEVICE_FEATURES: ("REG-FEATURES",),
    **dict.fromkeys((Reg.QUEUE_SIZE_MAX, Reg.QUEUE_READY), ("REG-QUEUE",)),
    Reg.INTERRUPT_STATUS: ("REG-ISR",),
    Reg.STATUS: ("REG-STATUS", "REG-NEEDS-RESET"),
    **dict.fromkeys((Reg.SHM_LEN_LOW, Reg.SHM_LEN_HIGH, Reg.SHM_BASE_LOW, Reg.SHM_BASE_HIGH), ("REG-SHM",)),
    Reg.CONFIG_GENERATION: ("REG-GENERATION",),
}
_DMA = (
    *("AXI-X", "AXI-RESET", "AXI-HELD", "AXI-STABLE", "AXI-BURST", "AXI-SIZE", "AXI-4K", "AXI-LOCK", "AXI-CACHE"),
    *("AXI-ID", "AXI-EARLY", "AXI-RESP", "AXI-OUTSTANDING"),
)
_EVENTS: dict[type, tuple[str, ...]] = {
    DmaRead: (*_DMA, "AXI-RLAST", "DMA-READ-OUTSIDE", "VQ-READ-WRITABLE"),
    DmaWrite: (*_DMA, "AXI-WLAST", "AXI-STRB", "DMA-WRITE-OUTSIDE", "VQ-WRITE-RING", "VQ-WRITE-READABLE"),
    FrameSent: ("MAC-KEEP", "NET-SENT"),
    FrameReceived: ("NET-TOGETHER",),
    StorageFlush: ("BLK-FLUSH",),
    PortOut: ("PORT-OUT",),
    PortIn: ("PORT-IN",),
}
_USED = (
    *("VQ-UNREAD", "VQ-USED-ID", "VQ-USED-LEN", "VQ-USED-SLOT", "VQ-USED-ORDER", "VQ-ORDER-PAYLOAD"),
    *("VQ-ORDER-ELEMENT", "VQ-DATA", "VQ-DATA-EXTRA", "VQ-UNUSED", "BENCH-IDLE"),
)
_USED_SPLIT = ("VQ-USED-IDX", "VQ-USED-FLAGS")
_USED_PACKED = ("VQ-USED-WRAP", "VQ-USED-WRITE")
_EMERGENCY = CONFIG_OFFSET + 8
_TRANSPORT = features(*Feature)


def transport_features(word: int) -> int:
    """Those bits of negotiated features that are the transport's, not the device type's."""
    return word & _TRANSPORT


class Reached:
    """Collects the rules reached while `scoreboard` is fed; to be told each event after it."""

    def __init__(self, scoreboard: Scoreboard) -> None:
        #: The negotiated transport features, as a word, with which each rule was reached.
        self.rules: defaultdict[str, set[int]] = defaultdict(set)
        self._scoreboard = scoreboard
        self._used = 0
        self._wishes: Counter[bool] = Counter()
        self._live = False
        self._resetting = False

    def feed(self, event: Event) -> None:
        """An event that the scoreboard has taken."""
        if isinstance(event, RegisterRead):
            self._read(event)
        elif isinstance(event, RegisterWrite):
            self._written(event)
        elif isinstance(event, IrqChange):
            self._add(("IRQ-UNDUE",) if event.level else ("IRQ-LEVEL",))
        elif type(event) in _EVENTS:
            self._add(_EVENTS[type(event)])
        if self._scoreboard.used_total != self._used:
            self._used = self._scoreboard.used_total
            self._add(_USED)
            self._add(_USED_PACKED if self._has(Feature.RING_PACKED) else _USED_SPLIT)
            if self._has(Feature.EVENT_IDX) or self._has(Feature.RING_PACKED):
                self._add(("VQ-EVENT",))
        if self._scoreboard.wishes != self._wishes:
            more = self._scoreboard.wishes - self._wishes
            self._wishes = self._scoreboard.wishes.copy()
            self._add(("IRQ-MISSING",) if more[True] else ("IRQ-UNDUE",))
        if self._scoreboard.needs_reset_seen:
            self._add(("VQ-FAULT-USED", "VQ-FAULT-IGNORED", "IRQ-CONFIG-MISSING"))

    def _read(self, event: RegisterRead) -> None:
        word = event.offset & ~3
        self._add(("REG-RESP",))
        self._add(("REG-CONFIG",) if word >= CONFIG_OFFSET else _READS.get(word, ("REG-UNDEFINED",)))
        if word == Reg.INTERRUPT_STATUS and event.value & 2:
            self._add(("IRQ-CONFIG-MISSING",))
        if word == Reg.STATUS and self._resetting and event.value == 0:
            self._add(("REG-RESET", *(("DMA-AFTER-RESET",) if self._live else ())))
            self._live = self._resetting = False

    def _written(self, event: RegisterWrite) -> None:
        if event.offset == Reg.STATUS:
            self._resetting = event.value == 0
            if event.value & Status.DRIVER_OK:
                self._add(("DMA-BEFORE-DRIVER-OK",))
                self._live = True
        elif event.offset == Reg.QUEUE_NOTIFY and self._live:
            self._add(("VQ-NOTIFY-LOST",))
        elif event.offset == Reg.QUEUE_READY and self._live and event.value == 0:
            self._add(("DMA-QUEUE-NOT-READY",))
        elif event.offset == _EMERGENCY and self._scoreboard.model.function.device_type == DeviceType.CONSOLE:
            self._add(("PORT-EMERGENCY",))

    def _has(self, feature: Feature) -> bool:
        return bool(self._scoreboard.model.driver_features >> feature & 1)

    def _add(self, rules: tuple[str, ...]) -> None:
        word = transport_features(self._scoreboard.model.driver_features)
        for rule in rules:
            self.rules[rule].add(word)
