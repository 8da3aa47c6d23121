# SPDX-License-Identifier: Apache-2.0
"""Rules on discovery, on the way registers are accessed, and on Status (2.1, 3.1, 4.2.2, 4.2.3.1)."""

from __future__ import annotations

from virtio_model.spec import MAGIC, VERSION, Reg, Status

from .state import SET_UP, Judge, in_config, text
from .trace import Access, register_name

_IDENTITY = (Reg.MAGIC_VALUE, Reg.VERSION, Reg.DEVICE_ID)
_READ_ONLY = frozenset(
    [
        *(Reg.MAGIC_VALUE, Reg.VERSION, Reg.DEVICE_ID, Reg.VENDOR_ID, Reg.DEVICE_FEATURES, Reg.QUEUE_SIZE_MAX),
        *(Reg.INTERRUPT_STATUS, Reg.SHM_LEN_LOW, Reg.SHM_LEN_HIGH, Reg.SHM_BASE_LOW, Reg.SHM_BASE_HIGH),
        Reg.CONFIG_GENERATION,
    ]
)
_WRITE_ONLY = frozenset(
    [
        *(Reg.DEVICE_FEATURES_SEL, Reg.DRIVER_FEATURES, Reg.DRIVER_FEATURES_SEL, Reg.QUEUE_SEL, Reg.QUEUE_NOTIFY),
        *(Reg.INTERRUPT_ACK, Reg.SHM_SEL),
        *SET_UP,
    ]
)
_SHM = range(Reg.SHM_SEL, Reg.SHM_BASE_HIGH + 4)
_STEPS = (Status.ACKNOWLEDGE, Status.DRIVER, Status.FEATURES_OK, Status.DRIVER_OK)


def sets_up(access: Access) -> bool:
    """Whether a write is part of an initialization: features, a queue, a notification."""
    at = access.offset
    return access.write and (
        at in SET_UP or at in (Reg.DRIVER_FEATURES, Reg.QUEUE_NOTIFY) or (at == Reg.QUEUE_READY and access.value != 0)
    )


class Identification(Judge):
    """MagicValue, Version, DeviceID, and the devices that are none."""

    def power_up(self) -> None:
        self._read: list[int] = []
        self._done = False
        self._left_alone: tuple[str, int] | None = None

    def step(self, access: Access) -> None:
        at = access.offset
        known = 0 if access.write or at not in _IDENTITY else _IDENTITY.index(at) + 1
        if self._left_alone is not None:
            rule, allowed = self._left_alone
            self.judge(rule, 0 < known <= allowed, "no further access", text(access))
        if not self._done:
            expected = list(_IDENTITY[: known - 1] if known else _IDENTITY)
            names = ", ".join(map(register_name, expected))
            self.judge("DRV-IDENTIFY", self._read[: len(expected)] == expected, f"{names} read before", text(access))
            self._done = not known
            if known and at not in self._read:
                self._read.append(at)
        if known:
            self._identity(at, access.value)

    def _identity(self, at: int, value: int) -> None:
        good = (value == MAGIC, value == VERSION, value != 0)
        rules = ("DRV-MAGIC", "DRV-VERSION", "DRV-PLACEHOLDER")
        index = _IDENTITY.index(at)
        self._left_alone = None if good[index] else (rules[index], index + 1)
        if not good[index]:
            self.judge(rules[index], True)


class Access32(Judge):
    """Offsets, directions and widths of control registers."""

    def step(self, access: Access) -> None:
        if in_config(access):
            fields = self.state.layout.fields
            if fields is not None:
                at = access.offset - Reg.CONFIG
                known = self.state.layout.field_at(at) is not None
                self.judge("DRV-OFFSET", known, "a field of the device type", text(access))
            return
        at = access.offset
        defined = at & ~3 in Reg.__members__.values()
        self.judge("DRV-OFFSET", defined, "a register of the modern transport", text(access))
        if not defined:
            return
        whole = access.size in (None, 4) and at % 4 == 0
        size = "" if access.size is None else f" of {access.size} bytes"
        self.judge("DRV-CONTROL-WIDTH", whole, "an aligned access of 4 bytes", f"{text(access)}{size}")
        word = at & ~3
        if access.write:
            self.judge("DRV-READ-ONLY", word not in _READ_ONLY, "no write", text(access))
        else:
            self.judge("DRV-WRITE-ONLY", word not in _WRITE_ONLY, "no read", text(access))
        if at in _SHM:
            self.judge("DRV-SHM", self.state.layout.shared_memory, "no access", text(access))


class Initialization(Judge):
    """The steps of 3.1.1 as far as Status shows them."""

    def power_up(self) -> None:
        self.reset()
        self._begun = False

    def reset(self) -> None:
        self._begun = True
        self._failed = self._unread = self._given_up = False

    def step(self, access: Access) -> None:
        status = access.offset == Reg.STATUS
        if self.state.resetting:
            self._resetting(access)
        if self._failed:
            ahead = status and access.write and access.value & ~self.state.status
            if ahead or sets_up(access):
                self.judge("DRV-FAILED-STOP", False, "a reset after FAILED", text(access))
                self._failed = False
        asked = self._unread
        if self._unread and (access.write or status):
            self._unread = False
            self.judge("DRV-FEATURES-OK-READ", not access.write, "Status read after FEATURES_OK", text(access))
        if self.state.refused:
            self._after_refusal(access)
        if status and access.write and access.value:
            self._status_written(access.value)
        elif status and not access.write and asked and not access.value & Status.FEATURES_OK:
            self.state.refused, self._given_up = True, False
            self.judge("DRV-REFUSED-STOP", True)

    def _resetting(self, access: Access) -> None:
        if access.write and not (access.offset == Reg.STATUS and access.value == 0):
            self.judge("DRV-RESET-WAIT", False, "Status read as 0 after the reset", text(access))
            self.state.resetting = False
        elif not access.write and access.offset == Reg.STATUS and access.value == 0:
            self.judge("DRV-RESET-WAIT", True)

    def _after_refusal(self, access: Access) -> None:
        """The driver may set FAILED, reset the device, or try other features."""
        status = access.write and access.offset == Reg.STATUS
        driver_ok = status and access.value & Status.DRIVER_OK and not access.value & Status.FAILED
        if driver_ok or (sets_up(access) and access.offset != Reg.DRIVER_FEATURES):
            if not self._given_up:
                self.judge("DRV-REFUSED-STOP", False, "an end of the initialization", text(access))
            self._given_up = True
        elif status and access.value & Status.FEATURES_OK and not access.value & Status.FAILED:
            self.state.refused = False
        elif status and not self._given_up:
            held = bool(access.value & Status.FAILED)
            self.judge("DRV-REFUSED-FAILED", held, "FAILED", text(access))
            self._given_up = True

    def _status_written(self, value: int) -> None:
        before = self.state.status
        seen = f"write of {value:#x} over {before:#x}"
        if not self._begun:
            self._begun = True
            self.judge("DRV-RESET-FIRST", False, "0 written to Status before", seen)
        elif not before:
            self.judge("DRV-RESET-FIRST", True)
        ignored = Status.DEVICE_NEEDS_RESET
        if self.state.suspends:
            ignored |= Status.SUSPEND | Status.DRIVER_OK
        kept = before & ~ignored
        if kept:
            self.judge("DRV-STATUS-CLEAR", not kept & ~value, f"all of {kept:#x} to stay set", seen)
        if value & Status.FAILED:
            self._failed = True
            self.judge("DRV-FAILED-STOP", True)
            return
        if self.state.refused:
            return
        for step, previous in zip(_STEPS[1:], _STEPS, strict=False):
            if value & ~before & step:
                self.judge("DRV-STATUS-ORDER", bool(before & previous), f"{previous.name} set before {step.name}", seen)
        if value & ~before & Status.FEATURES_OK:
            self._unread = True
