# SPDX-License-Identifier: Apache-2.0
"""Rules on what a live device is asked for: interrupts, suspension, and chains where the trace tells of them."""

from __future__ import annotations

from virtio_model.spec import DeviceType, Feature, Interrupt, Reg, Status

from .state import Judge, in_config, packed, text
from .trace import Access

_EVENTS = int(Interrupt.USED_BUFFER | Interrupt.CONFIG_CHANGE)
_CHAIN_BYTES = 1 << 32
_INPUT_EVENT_BYTES = 8
#: (device type, queue): whether its buffers are device-writable, and the requirement.
_DIRECTIONS: dict[tuple[int, int], tuple[bool, str]] = {
    (DeviceType.RNG, 0): (True, "RNG-DRV-001"),
    (DeviceType.CONSOLE, 0): (True, "CON-DRV-002"),
    (DeviceType.CONSOLE, 1): (False, "CON-DRV-003"),
    (DeviceType.INPUT, 0): (True, "INPUT-DRV-005"),
}


class Interrupts(Judge):
    """InterruptStatus and InterruptACK."""

    def reset(self) -> None:
        self._seen = 0
        self._went_on = False
        self._raised_at: int | None = None

    def irq(self, level: bool, at: int) -> None:
        if level:
            self._raised_at = at

    def step(self, access: Access) -> None:
        if access.offset == Reg.INTERRUPT_STATUS and not access.write:
            if self._raised_at is not None:
                self.judge("DRV-IRQ-CAUSE", True)
                self._raised_at = None
            if access.value & self._seen and self._went_on:
                expected = f"{self._seen:#x} acknowledged since it was read"
                self.judge("DRV-ACK-MISSING", False, expected, text(access))
            self._seen = access.value & _EVENTS
            self._went_on = False
        elif access.offset == Reg.QUEUE_NOTIFY and access.write:
            self._went_on = True  # to read InterruptStatus twice is no fault, to go on without an acknowledgement is
        elif access.offset == Reg.INTERRUPT_ACK and access.write:
            self._acknowledge(access)

    def _acknowledge(self, access: Access) -> None:
        value = access.value
        self.judge("DRV-ACK-DEFINED", not value & ~_EVENTS, "bits 0 and 1 only", text(access))
        # An access that had begun when the line rose is of before.
        if self._raised_at is not None and self._raised_at < access.start:
            self.judge("DRV-IRQ-CAUSE", False, "InterruptStatus read since the line rose", text(access))
            self._raised_at = None
        else:
            held = not value & _EVENTS & ~self._seen
            self.judge("DRV-ACK-SEEN", held, f"nothing beyond {self._seen:#x}, as InterruptStatus read", text(access))
        if self._seen & value:
            self.judge("DRV-ACK-MISSING", True)
        self._seen &= ~value


class Suspension(Judge):
    """From the write of SUSPEND until Status shows that the device runs again."""

    def reset(self) -> None:
        self._asked = self._suspended = self._resuming = False

    def step(self, access: Access) -> None:
        if access.offset == Reg.STATUS:
            if access.write:
                self._status_written(access)
            else:
                self._status_read(access.value)
        elif not self._asked or not access.write:
            return
        elif access.offset == Reg.QUEUE_NOTIFY:
            rule = "DRV-RESUME-WAIT" if self._resuming else "DRV-SUSPEND-NOTIFY"
            self.judge(rule, False, "Status read with DRIVER_OK and without SUSPEND before", text(access))
        elif in_config(access):
            self.judge("DRV-SUSPEND-CONFIG", False, "no write while suspended", text(access))

    def _status_written(self, access: Access) -> None:
        suspend = access.value & Status.SUSPEND
        if suspend and not self._asked:
            held = self.state.suspends and bool(self.state.status & Status.DRIVER_OK)
            self.judge("DRV-SUSPEND-SET", held, "SUSPEND negotiated and DRIVER_OK set", text(access))
            if held:
                self._asked = True
                self.judge("DRV-SUSPEND-NOTIFY", True)
                self.judge("DRV-SUSPEND-CONFIG", True)
        elif self._asked and access.value & Status.DRIVER_OK:
            expected = "Status read with SUSPEND and without DRIVER_OK before"
            self.judge("DRV-SUSPEND-WAIT", self._suspended, expected, text(access))
            self._resuming = True

    def _status_read(self, value: int) -> None:
        if self._asked and value & Status.SUSPEND and not value & Status.DRIVER_OK:
            self._suspended = True
        elif self._resuming and value & Status.DRIVER_OK and not value & Status.SUSPEND:
            self.judge("DRV-RESUME-WAIT", True)
            self._asked = self._suspended = self._resuming = False


class Chains(Judge):
    """What a trace notes of the chain that a notification tells of."""

    def step(self, access: Access) -> None:
        chain = access.chain
        if access.offset != Reg.QUEUE_NOTIFY or not chain:
            return
        state = self.state
        index = access.value & 0xFFFF if state.has(Feature.NOTIFICATION_DATA) else access.value
        directions = [element.device_writable for element in chain]
        elements = (f"{element.length} {'w' if element.device_writable else 'r'}" for element in chain)
        seen = f"queue {index}: {', '.join(elements)}"
        requirement = "PACKED-DRV-017" if packed(state) else "SPLIT-DRV-007"
        ordered = directions == sorted(directions)
        self.judge("DRV-CHAIN-ORDER", ordered, "device-readable elements first", seen, (requirement,))
        size = state.queues[index].values.get(Reg.QUEUE_SIZE) if index in state.queues else None
        if size is not None:
            requirement = "PACKED-DRV-016" if packed(state) else "SPLIT-DRV-014"
            expected = f"at most {size} elements"
            self.judge("DRV-CHAIN-LENGTH", len(chain) <= size, expected, f"{len(chain)} in {seen}", (requirement,))
        total = sum(element.length for element in chain)
        self.judge("DRV-CHAIN-BYTES", total <= _CHAIN_BYTES, "at most 2^32 bytes", seen)
        wanted = _DIRECTIONS.get((state.device_id or 0, index))
        if wanted is not None:
            writable, requirement = wanted
            expected = f"device-{'writable' if writable else 'readable'} elements only"
            held = all(direction == writable for direction in directions)
            self.judge("DRV-CHAIN-DIRECTION", held, expected, seen, (requirement,))
        if state.device_id == DeviceType.INPUT:
            requirement = "INPUT-DRV-005" if index == 0 else "INPUT-DRV-006"
            held = total >= _INPUT_EVENT_BYTES
            self.judge("DRV-CHAIN-EVENT", held, f"at least {_INPUT_EVENT_BYTES} bytes", seen, (requirement,))
