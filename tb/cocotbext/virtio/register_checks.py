# SPDX-License-Identifier: Apache-2.0
"""Register reads against the model's registers."""

from __future__ import annotations

from collections.abc import Collection

from virtio_model import MmioDevice
from virtio_model.spec import CONFIG_OFFSET, Feature, Reg, Status

from .events import RegisterRead, RegisterWrite
from .violation import Report, Violation

_RULES: dict[int, str] = {
    Reg.MAGIC_VALUE: "REG-IDENTITY",
    Reg.VERSION: "REG-IDENTITY",
    Reg.DEVICE_ID: "REG-IDENTITY",
    Reg.VENDOR_ID: "REG-IDENTITY",
    Reg.DEVICE_FEATURES: "REG-FEATURES",
    Reg.QUEUE_SIZE_MAX: "REG-QUEUE",
    Reg.QUEUE_READY: "REG-QUEUE",
    Reg.SHM_LEN_LOW: "REG-SHM",
    Reg.SHM_LEN_HIGH: "REG-SHM",
    Reg.SHM_BASE_LOW: "REG-SHM",
    Reg.SHM_BASE_HIGH: "REG-SHM",
}


class RegisterChecker:
    """Compares register reads with `model`, apart from InterruptStatus.

    `change_bound` is how many cycles a change of the configuration may take to be seen, `reset_bound` how many a
    reset may take until Status reads 0. `strict` adds the project's decisions on what the standard leaves open. Of the
    registers `learned` the first value read stands.
    """

    def __init__(
        self,
        model: MmioDevice,
        report: Report,
        strict: bool,
        change_bound: int,
        reset_bound: int,
        learned: Collection[int] = (),
    ) -> None:
        self._model = model
        self._learned: dict[int, int | None] = dict.fromkeys(learned)
        self._report = report
        self._strict = strict
        self._change_bound = change_bound
        self._reset_bound = reset_bound
        self.queue_sel = 0
        self.reset_at: int | None = None
        """Cycle in which a reset was written that Status has not confirmed by reading 0."""
        self.fault_possible = False
        """Whether the device may have found a reason to set DEVICE_NEEDS_RESET."""
        self.fault_due: int | None = None
        """Cycle after which it has to have set it."""
        self.needs_reset_seen = False
        self._generation: int | None = None
        self._changed_at: int | None = None
        self._busy_until = -1

    def wrote(self, event: RegisterWrite) -> None:
        """A register was written; what is read at the same time is not judged."""
        self._busy_until = event.cycle
        if not event.ok and (self._strict or event.offset in Reg.__members__.values()):
            self._violate("REG-RESP", event.offset, "OKAY", "an error", event.cycle)
        if event.offset & ~3 == Reg.QUEUE_SEL and event.strobe == 0xF:
            self.queue_sel = event.value

    def reset(self, cycle: int, hard: bool) -> None:
        """The device was reset, by rst_ni if `hard`."""
        self.queue_sel = 0
        self.reset_at = None if hard else cycle
        self.fault_possible = self.needs_reset_seen = False
        self.fault_due = None
        if hard or not self._strict:
            self._generation = None

    def config_changed(self, cycle: int) -> None:
        """The configuration space, and the model's, has changed."""
        self._changed_at = cycle

    def overlaps(self, event: RegisterRead) -> bool:
        """Whether a register was being written when this read began, so that its value may be old or new."""
        return event.start <= self._busy_until

    def read(self, event: RegisterRead, stopping: bool) -> None:
        """Judge a read; `stopping` says whether the selected queue may still be ready although 0 was written."""
        word = event.offset & ~3
        if not event.ok:
            if self._strict or word in Reg.__members__.values():
                self._violate("REG-RESP", word, "OKAY", "an error", event.cycle)
            return
        if self.overlaps(event) or word == Reg.INTERRUPT_STATUS:
            return
        if word == Reg.STATUS:
            self._status(event)
        elif word == Reg.CONFIG_GENERATION:
            self._config_generation(event)
        elif word in (Reg.QUEUE_READY, Reg.QUEUE_RESET) and stopping:
            if event.value > 1:
                self._violate("REG-QUEUE", word, "0 or 1", event.value, event.cycle)
        elif word < CONFIG_OFFSET or not self._config_in_flux(event):
            self._compare(event, word)

    def _compare(self, event: RegisterRead, word: int) -> None:
        expected = self._model.read(word)
        if word in self._learned:
            known = self._learned[word]
            self._learned[word] = expected = event.value if known is None else known
        rule = "REG-CONFIG" if word >= CONFIG_OFFSET else _RULES.get(word, "REG-UNDEFINED")
        if word == Reg.QUEUE_RESET and self._model.driver_features >> Feature.RING_RESET & 1:
            rule = "REG-QUEUE"
        if event.value != expected and (self._strict or rule != "REG-UNDEFINED"):
            self._violate(rule, word, f"{expected:#x}", f"{event.value:#x}", event.cycle)

    def _status(self, event: RegisterRead) -> None:
        needs_reset = int(Status.DEVICE_NEEDS_RESET)
        if self.reset_at is not None:
            if event.value == 0:
                self.reset_at = None
            elif event.start - self.reset_at > self._reset_bound or (self._strict and event.value != needs_reset):
                self._violate("REG-RESET", event.offset, 0, f"{event.value:#x}", event.cycle)
            return
        expected = int(self._model.status) & ~needs_reset
        if not self._strict and not self._model.driver_features >> Feature.VERSION_1 & 1:
            # A device may refuse a driver without VERSION_1, or work with it (6.2).
            expected |= event.value & int(Status.FEATURES_OK | Status.DRIVER_OK)
        if event.value & ~needs_reset != expected:
            self._violate("REG-STATUS", event.offset, f"{expected:#x}", f"{event.value:#x}", event.cycle)
        broken = f"{expected | needs_reset:#x}"
        if event.value & needs_reset:
            if not self.fault_possible:
                self._violate("REG-NEEDS-RESET", event.offset, f"{expected:#x}", f"{event.value:#x}", event.cycle)
            self.needs_reset_seen = True
        elif self.needs_reset_seen:
            self._violate("REG-STATUS", event.offset, broken, f"{event.value:#x}", event.cycle)
        elif self.fault_due is not None and self.fault_due < event.start:
            self._violate("VQ-FAULT-IGNORED", event.offset, broken, f"{event.value:#x}", event.cycle)

    def _config_generation(self, event: RegisterRead) -> None:
        if self._config_in_flux(event):
            return
        before, self._generation = self._generation, event.value
        if self._changed_at is None or event.cycle < self._changed_at:
            if before is not None and event.value != before:
                self._violate("REG-GENERATION", event.offset, before, event.value, event.cycle)
        else:
            self._changed_at = None
            if event.value == before:
                self._violate("REG-GENERATION", event.offset, f"other than {before}", event.value, event.cycle)

    def _config_in_flux(self, event: RegisterRead) -> bool:
        changed = self._changed_at
        return changed is not None and event.cycle >= changed and event.start <= changed + self._change_bound

    def _violate(self, rule: str, offset: int, expected: object, seen: object, cycle: int) -> None:
        name = Reg(offset & ~3).name if offset & ~3 in Reg.__members__.values() else "no register"
        self._report(Violation(rule, f"{name} at offset {offset:#05x}", None, None, expected, seen, cycle))
