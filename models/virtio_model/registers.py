# SPDX-License-Identifier: Apache-2.0
"""The register window of a modern MMIO device (4.2.2).

Where the standard leaves the device's reaction open: every access completes; write-only registers and unlisted offsets
read 0, read-only ones and unlisted offsets ignore writes; a control register is written only by all four bytes of its
word; selectors are compared over 32 bits; queue set-up is frozen while QueueReady is 1, and a set-up that cannot be
used leaves it 0. A queue reset is complete at once, so QueueReset reads 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from virtio_model import spec
from virtio_model.function import DeviceFunction
from virtio_model.packed import PackedQueue
from virtio_model.queue import Virtqueue
from virtio_model.spec import Feature, Interrupt, Reg, Status
from virtio_model.split import SplitQueue
from virtio_model.status import DeviceStatus

_WORD = 0xFFFF_FFFF
_ALL_LANES = 0xF
_PLACEHOLDER = 0
_PLACEHOLDER_REGISTERS = (Reg.MAGIC_VALUE, Reg.VERSION)


class MmioRegisters(ABC):
    """Registers and the state behind them; `_examine` is called for each queue that is to be looked at."""

    def __init__(
        self,
        function: DeviceFunction,
        queues: list[Virtqueue],
        *,
        device_id: int,
        version: int,
        vendor_id: int,
        device_features: int,
    ) -> None:
        self.function = function
        self.queues = queues
        self.config_generation = 0
        self._device_id = device_id
        self._status = DeviceStatus(device_features)
        self._clear_registers()
        self._reads: dict[int, Callable[[], int]] = {
            Reg.MAGIC_VALUE: lambda: spec.MAGIC,
            Reg.VERSION: lambda: version,
            Reg.DEVICE_ID: lambda: device_id,
            Reg.VENDOR_ID: lambda: vendor_id,
            Reg.DEVICE_FEATURES: lambda: self._status.device_feature_word(self._selectors[Reg.DEVICE_FEATURES_SEL]),
            Reg.QUEUE_SIZE_MAX: lambda: queue.size_max if (queue := self._selected_queue) else 0,
            Reg.QUEUE_READY: lambda: int(queue.ready) if (queue := self._selected_queue) else 0,
            Reg.INTERRUPT_STATUS: lambda: int(self.interrupt_status),
            Reg.STATUS: lambda: int(self.status),
            Reg.SHM_LEN_LOW: lambda: _WORD,
            Reg.SHM_LEN_HIGH: lambda: _WORD,
            Reg.SHM_BASE_LOW: lambda: _WORD,
            Reg.SHM_BASE_HIGH: lambda: _WORD,
            Reg.CONFIG_GENERATION: lambda: self.config_generation,
        }
        self._writes: dict[int, Callable[[int], None]] = {
            Reg.DRIVER_FEATURES: self._write_driver_features,
            Reg.QUEUE_READY: self._write_queue_ready,
            Reg.QUEUE_RESET: self._write_queue_reset,
            Reg.QUEUE_NOTIFY: self._write_queue_notify,
            Reg.INTERRUPT_ACK: self._write_interrupt_ack,
            Reg.STATUS: self._write_status,
        }

    def read(self, offset: int, size: int = 4) -> int:
        """Return `size` bytes from `offset`, little-endian; any offset and alignment. No side effect, never raises."""
        first = offset & ~3
        value = self._read_word(first)
        for word in range(first + 4, offset + size, 4):
            value |= self._read_word(word) << 8 * (word - first)
        return value >> 8 * (offset - first) & (1 << 8 * size) - 1

    def write(self, offset: int, value: int, size: int = 4, strobe: int | None = None) -> None:
        """Write the low `size` bytes of `value` at `offset`, little-endian; any offset and alignment. Never raises.

        With `strobe`, `value` is the whole word around `offset` and bit i enables its byte i; `size` has no effect.
        """
        word = offset & ~3
        if strobe is None:
            lanes, value = ((1 << size) - 1) << offset - word, value << 8 * (offset - word)
        else:
            lanes = strobe & _ALL_LANES
        while lanes:
            self._write_word(word, value & _WORD, lanes & _ALL_LANES)
            word, value, lanes = word + 4, value >> 32, lanes >> 4

    @property
    def irq(self) -> bool:
        """Level of the interrupt line (4.2.3.4)."""
        return bool(self.interrupt_status)

    @property
    def status(self) -> Status:
        """The device status field."""
        return self._status.bits

    @property
    def device_features(self) -> int:
        """The offered feature word."""
        return self._status.device_features

    @property
    def driver_features(self) -> int:
        """The feature word the driver has accepted; negotiated once FEATURES_OK is set."""
        return self._status.driver_features

    @property
    def live(self) -> bool:
        """Whether queues may be worked on: DRIVER_OK, and neither DEVICE_NEEDS_RESET nor FAILED."""
        return self._status.live

    def notified_queue(self, value: int) -> int:
        """The queue that a write of `value` to QueueNotify names; with NOTIFICATION_DATA the lower half (4.2.3.3)."""
        return value & 0xFFFF if self._has(Feature.NOTIFICATION_DATA) else value

    def set_needs_reset(self) -> None:
        """Enter the error state that only a reset leaves, with a configuration change notification if live (2.1.2)."""
        if self._status.set_needs_reset():
            self.interrupt_status |= Interrupt.CONFIG_CHANGE

    def config_changed(self) -> None:
        """The configuration space has changed: new generation, and a notification after DRIVER_OK (2.5, 3.2)."""
        self.config_generation = self.config_generation + 1 & _WORD
        if Status.DRIVER_OK in self.status:
            self.interrupt_status |= Interrupt.CONFIG_CHANGE

    @abstractmethod
    def _examine(self, queues: Iterable[Virtqueue]) -> None:
        """Look for available buffers on `queues`: DRIVER_OK is set and they are ready."""

    def _reset(self) -> None:
        self._status.reset()
        self.function.driver_features = 0
        self._clear_registers()
        for queue in self.queues:
            queue.reset()
        self.function.reset()

    def _clear_registers(self) -> None:
        self.interrupt_status = Interrupt(0)
        self._selectors: dict[int, int] = {Reg.DEVICE_FEATURES_SEL: 0, Reg.DRIVER_FEATURES_SEL: 0, Reg.QUEUE_SEL: 0}

    @property
    def _selected_queue(self) -> Virtqueue | None:
        index = self._selectors[Reg.QUEUE_SEL]
        return self.queues[index] if index < len(self.queues) else None

    def _has(self, bit: int) -> bool:
        return bool(self.driver_features >> bit & 1)

    def _exists(self, word: int) -> bool:
        in_window = 0 <= word < spec.WINDOW_SIZE
        return in_window and (self._device_id != _PLACEHOLDER or word in _PLACEHOLDER_REGISTERS)

    def _read_word(self, word: int) -> int:
        if not self._exists(word):
            return 0
        if word >= spec.CONFIG_OFFSET:
            return int.from_bytes(self.function.config_read(word - spec.CONFIG_OFFSET, 4), "little")
        return self._reads[word]() if word in self._reads else 0

    def _write_word(self, word: int, value: int, lanes: int) -> None:
        """Write the bytes of `value` whose bits are set in `lanes`."""
        if not self._exists(word):
            return
        if word >= spec.CONFIG_OFFSET:
            for lane, byte in enumerate(value.to_bytes(4, "little")):
                if lanes >> lane & 1:
                    self.function.config_write(word + lane - spec.CONFIG_OFFSET, bytes([byte]))
            return
        if lanes != _ALL_LANES:
            return
        if word in self._writes:
            self._writes[word](value)
        elif word in self._selectors:
            self._selectors[word] = value
        elif (queue := self._selected_queue) and not queue.ready:
            _write_queue_setup(queue, word, value)

    def _write_driver_features(self, value: int) -> None:
        self._status.accept_features(self._selectors[Reg.DRIVER_FEATURES_SEL], value)
        self.function.driver_features = self.driver_features

    def _write_queue_ready(self, value: int) -> None:
        queue = self._selected_queue
        if queue is None:
            return
        if not value & 1:
            queue.disable()
            return
        if queue.ready:
            return
        kind = PackedQueue if self._has(Feature.RING_PACKED) else SplitQueue
        if not isinstance(queue, kind):
            queue = self.queues[queue.index] = queue.turned_into(kind)
        if queue.enable(self.driver_features) and Status.DRIVER_OK in self.status:
            self._examine([queue])

    def _write_queue_reset(self, value: int) -> None:
        queue = self._selected_queue
        if queue is not None and value & 1 and self._has(Feature.RING_RESET):
            queue.reset()
            self.function.queue_reset(queue.index)

    def _write_queue_notify(self, value: int) -> None:
        index = self.notified_queue(value)
        if Status.DRIVER_OK in self.status and index < len(self.queues) and self.queues[index].ready:
            self._examine([self.queues[index]])

    def _write_interrupt_ack(self, value: int) -> None:
        self.interrupt_status = Interrupt(int(self.interrupt_status) & ~value)

    def _write_status(self, value: int) -> None:
        if value == 0:
            self._reset()
        elif self._status.set_bits(value) & Status.DRIVER_OK:
            self._examine([queue for queue in self.queues if queue.ready])


def _write_queue_setup(queue: Virtqueue, word: int, value: int) -> None:
    match word:
        case Reg.QUEUE_SIZE:
            queue.size = value
        case Reg.QUEUE_DESC_LOW:
            queue.desc_addr = _with_low(queue.desc_addr, value)
        case Reg.QUEUE_DESC_HIGH:
            queue.desc_addr = _with_high(queue.desc_addr, value)
        case Reg.QUEUE_DRIVER_LOW:
            queue.driver_addr = _with_low(queue.driver_addr, value)
        case Reg.QUEUE_DRIVER_HIGH:
            queue.driver_addr = _with_high(queue.driver_addr, value)
        case Reg.QUEUE_DEVICE_LOW:
            queue.device_addr = _with_low(queue.device_addr, value)
        case Reg.QUEUE_DEVICE_HIGH:
            queue.device_addr = _with_high(queue.device_addr, value)


def _with_low(address: int, value: int) -> int:
    return address & ~_WORD | value


def _with_high(address: int, value: int) -> int:
    return address & _WORD | value << 32
