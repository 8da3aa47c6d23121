# SPDX-License-Identifier: Apache-2.0
"""The driver's side of the VirtIO-MMIO transport (4.2): discovery, initialization, notifications, interrupts.

Nothing here knows what carries the register accesses, nor waits in any other way than through them.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtio_model import spec
from virtio_model.spec import Reg, Status

from . import config
from .errors import (
    DeviceError,
    DeviceTypeMismatch,
    DriverInitError,
    FeatureNegotiationFailed,
    MissingVersion1,
    NotAVirtioDevice,
    QueueNotAvailable,
    UnknownDeviceType,
    UnsupportedVersion,
    VirtioError,
)
from .identity import DeviceInfo, QueueRequest
from .interfaces import GuestMemory, Interrupt, RegisterBus
from .packed_virtqueue import PackedVirtqueue
from .split_virtqueue import SplitVirtqueue
from .virtqueue import Virtqueue

__all__ = ["DeviceInfo", "MmioTransport", "QueueRequest"]

if TYPE_CHECKING:
    from .drivers.base import ClassDriver

#: Reads of Status until a reset that does not end is given up.
RESET_POLLS = 1000

_EVENTS = int(spec.Interrupt.USED_BUFFER | spec.Interrupt.CONFIG_CHANGE)

KNOWN_DEVICE_TYPES = tuple(int(device_type) for device_type in spec.DeviceType)


class MmioTransport:
    """One VirtIO-MMIO device as its driver sees it.

    `rng` scatters the queues' memory. `ack_first=False` acknowledges interrupts after the rings were walked, as
    4.2.3.3 puts it, and walks them once more; the default is what existing drivers do.
    """

    def __init__(
        self,
        bus: RegisterBus,
        memory: GuestMemory,
        irq: Interrupt,
        rng: random.Random | None = None,
        ack_first: bool = True,
    ) -> None:
        self.bus = bus
        self.memory = memory
        self.irq = irq
        self.ack_first = ack_first
        self.driver: ClassDriver | None = None
        self.queues: dict[int, Virtqueue] = {}
        self.offered = 0
        self.accepted = 0
        self.live = False
        self.interrupts = 0
        self.spurious_interrupts = 0
        self._dropped_used = 0
        self._rng = rng
        self._status = Status(0)
        self._log = logging.getLogger("virtio.transport")

    @property
    def used_count(self) -> int:
        """Used buffers taken from all queues since the beginning."""
        return self._dropped_used + sum(queue.used_count for queue in self.queues.values())

    async def query(self, own: int | None = None) -> DeviceInfo:
        """Read MagicValue, Version and DeviceID and nothing else (4.2.3.1.1). `own` is known besides those of `spec`.

        Raises NotAVirtioDevice, UnsupportedVersion or UnknownDeviceType; DeviceID 0 is returned as a placeholder.
        """
        magic = await self.bus.read(Reg.MAGIC_VALUE)
        if magic != spec.MAGIC:
            raise NotAVirtioDevice(spec.MAGIC, magic)
        version = await self.bus.read(Reg.VERSION)
        if version != spec.VERSION:
            raise UnsupportedVersion(spec.VERSION, version)
        device_id = await self.bus.read(Reg.DEVICE_ID)
        if device_id == 0:
            return DeviceInfo(0, "placeholder")
        if device_id == own and own not in KNOWN_DEVICE_TYPES:
            return DeviceInfo(device_id, f"type {own}")
        if device_id not in KNOWN_DEVICE_TYPES:
            raise UnknownDeviceType(device_id, list(KNOWN_DEVICE_TYPES))
        return DeviceInfo(device_id, spec.DeviceType(device_id).name.lower())

    async def initialize(self, driver: ClassDriver, queues: Sequence[QueueRequest]) -> None:
        """Take the device from any state to DRIVER_OK, in the order of 3.1.1 and 4.2.3.

        Raises the typed errors of `errors`, or BusError. From the reset on, whatever ends the initialization sets
        FAILED first.
        """
        info = await self.query(own=driver.device_type)
        if info.placeholder:
            raise UnknownDeviceType(0, list(KNOWN_DEVICE_TYPES))
        if info.device_id != driver.device_type:
            raise DeviceTypeMismatch(driver.device_type, info.device_id, type(driver).__name__)
        try:
            await self._initialize(driver, queues)
        except Exception as error:
            self._log.info("initialization given up: %s", error)
            await self._set_failed()
            raise

    async def reset_device(self) -> None:
        """Write 0 to Status and read it until it is 0 (2.4.2), then drop the queues. Raises DeviceError."""
        self.live = False
        self._status = Status(0)
        await self.bus.write(Reg.STATUS, 0)
        status = -1
        for _ in range(RESET_POLLS):
            status = await self.bus.read(Reg.STATUS)
            if status == 0:
                break
        else:
            raise DeviceError(f"device reset: Status expected 0 within {RESET_POLLS} reads, seen {status:#04x}")
        self.forget()

    def forget(self) -> None:
        """Drop driver and queues after the device has lost them; what was outstanding fails. Raises `GuardError`."""
        self.live = False
        self._status = Status(0)
        driver, self.driver = self.driver, None
        dropped, self.queues = self.queues, {}
        self._dropped_used += sum(queue.used_count for queue in dropped.values())
        if driver is not None:
            driver.device_failed(DeviceError("device was reset with the request outstanding"))
            driver.release()
        for queue in dropped.values():
            queue.free()

    async def notify(self, queue_index: int) -> None:
        """Send an available buffer notification (4.2.3.3).

        Raises QueueNotAvailable, or VirtioError before DRIVER_OK (3.1.1).
        """
        if queue_index not in self.queues:
            raise QueueNotAvailable(queue_index, "expected a queue that was set up, seen " + str(list(self.queues)))
        if not self.live:
            raise VirtioError(f"notify of queue {queue_index}: expected DRIVER_OK to be set, seen {self._status!r}")
        value = queue_index
        if self.accepted & spec.features(spec.Feature.NOTIFICATION_DATA):
            value |= self.queues[queue_index].notification_data << 16
        await self.bus.write(Reg.QUEUE_NOTIFY, value)

    async def kick(self, queue_index: int) -> bool:
        """Publish what was added and notify the device if it wants that; whether it was notified (2.7.13)."""
        queue = self.queues[queue_index]
        if not queue.publish() or not queue.wants_notification():
            return False
        await self.notify(queue_index)
        return True

    async def reset_queue(self, index: int) -> None:
        """Reset one queue and wait until that is complete (2.6.1); what was outstanding on it fails.

        Raises VirtioError without RING_RESET, QueueNotAvailable for a queue that was not set up, DeviceError if the
        reset does not end, `GuardError`.
        """
        if not self.accepted & spec.features(spec.Feature.RING_RESET):
            raise VirtioError(f"reset of queue {index}: expected RING_RESET to be negotiated, seen {self.accepted:#x}")
        if index not in self.queues:
            raise QueueNotAvailable(index, "expected a queue that was set up, seen " + str(list(self.queues)))
        await self.bus.write(Reg.QUEUE_SEL, index)
        await self.bus.write(Reg.QUEUE_RESET, 1)
        for _ in range(RESET_POLLS):
            if await self.bus.read(Reg.QUEUE_RESET) == 0:
                break
        else:
            raise DeviceError(f"queue {index}: QueueReset expected 0 within {RESET_POLLS} reads, seen 1")
        ready = await self.bus.read(Reg.QUEUE_READY)
        if ready != 0:
            raise DeviceError(f"queue {index}: QueueReady expected 0 after the queue's reset, seen {ready}")
        queue = self.queues.pop(index)
        self._dropped_used += queue.used_count
        if self.driver is not None:
            self.driver.queue_was_reset(index, DeviceError(f"queue {index} was reset with the request outstanding"))
        queue.free()

    async def enable_queue(self, request: QueueRequest) -> None:
        """Set up a queue that was reset, with any size and new memory (2.6.1.2). Raises QueueNotAvailable."""
        await self._set_up_queue(request)

    async def handle_interrupt(self) -> int:
        """Serve an interrupt: find the cause, acknowledge, deliver used buffers and configuration changes.

        Returns the InterruptStatus bits seen. Undefined ones are ignored. Raises DeviceError when the device asks for a
        reset, and what `used_buffers` raises.
        """
        cause = await self.bus.read(Reg.INTERRUPT_STATUS)
        events = cause & _EVENTS
        self.interrupts += 1
        self.spurious_interrupts += not events
        if self.ack_first and events:
            await self.bus.write(Reg.INTERRUPT_ACK, events)
        self.deliver_used()
        if not self.ack_first and events:
            await self.bus.write(Reg.INTERRUPT_ACK, events)
            self.deliver_used()
        if events & int(spec.Interrupt.CONFIG_CHANGE):
            await self._config_change()
        return events

    def deliver_used(self) -> int:
        """Hand the used buffers of all queues to the class driver; returns how many there were."""
        count = 0
        for queue in self.queues.values():
            for used in queue.used_buffers():
                count += 1
                if self.driver is not None:
                    self.driver.used(used)
        return count

    async def read_config(self, offset: int, fmt: str) -> tuple[int, ...]:
        """See `config.read_config`."""
        return await config.read_config(self.bus, offset, fmt)

    async def read_config_fields(self, *places: tuple[int, int]) -> tuple[int, ...]:
        """See `config.read_fields`."""
        return await config.read_fields(self.bus, places)

    async def write_config(self, offset: int, fmt: str, *values: int) -> None:
        """See `config.write_config`."""
        await config.write_config(self.bus, offset, fmt, *values)

    async def _initialize(self, driver: ClassDriver, queues: Sequence[QueueRequest]) -> None:
        await self.reset_device()
        await self._add_status(Status.ACKNOWLEDGE)
        await self._add_status(Status.DRIVER)
        await self._negotiate(driver)
        self.driver = driver
        driver.transport = self
        for request in queues:
            await self._set_up_queue(request)
        try:
            await driver.pre_device_initialization(self)
        except Exception as error:
            raise DriverInitError("pre_device_initialization", error) from error
        await self._add_status(Status.DRIVER_OK)
        self.live = True
        try:
            await driver.device_initialized(self)
        except Exception as error:
            raise DriverInitError("device_initialized", error) from error

    async def _negotiate(self, driver: ClassDriver) -> None:
        words = []
        for select in (0, 1):
            await self.bus.write(Reg.DEVICE_FEATURES_SEL, select)
            words.append(await self.bus.read(Reg.DEVICE_FEATURES))
        self.offered = words[0] | words[1] << 32
        if not self.offered & spec.features(spec.Feature.VERSION_1):
            raise MissingVersion1(self.offered)
        try:
            self.accepted = driver.negotiate(self.offered)
        except Exception as error:
            raise DriverInitError("negotiate", error) from error
        for select in (0, 1):
            await self.bus.write(Reg.DRIVER_FEATURES_SEL, select)
            await self.bus.write(Reg.DRIVER_FEATURES, self.accepted >> 32 * select & 0xFFFF_FFFF)
        await self._add_status(Status.FEATURES_OK)
        if not await self.bus.read(Reg.STATUS) & Status.FEATURES_OK:
            raise FeatureNegotiationFailed(self.offered, self.accepted)
        self._log.info("features offered=%#018x accepted=%#018x", self.offered, self.accepted)

    async def _set_up_queue(self, request: QueueRequest) -> None:
        index = request.index
        await self.bus.write(Reg.QUEUE_SEL, index)
        ready = await self.bus.read(Reg.QUEUE_READY)
        if ready != 0:
            raise QueueNotAvailable(index, f"QueueReady expected 0, seen {ready}")
        size_max = await self.bus.read(Reg.QUEUE_SIZE_MAX)
        if size_max == 0:
            raise QueueNotAvailable(index, "QueueSizeMax expected 1 or more, seen 0")
        queue = self.queues[index] = self.make_queue(index, request.negotiate(size_max), request.start_index)
        await self.bus.write(Reg.QUEUE_SIZE, queue.size)
        for low, high, address in (
            (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DESC_HIGH, queue.layout.desc_addr),
            (Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DRIVER_HIGH, queue.layout.driver_addr),
            (Reg.QUEUE_DEVICE_LOW, Reg.QUEUE_DEVICE_HIGH, queue.layout.device_addr),
        ):
            await self.bus.write(low, address & 0xFFFF_FFFF)
            await self.bus.write(high, address >> 32)
        await self.bus.write(Reg.QUEUE_READY, 1)
        self._log.info("queue %d size=%d of %d start_index=%#x", index, queue.size, size_max, request.start_index)

    def make_queue(self, index: int, size: int, start_index: int = 0) -> Virtqueue:
        """A queue in memory, of the kind negotiated; a packed one has no start index."""
        if self.accepted & spec.features(spec.Feature.RING_PACKED):
            return PackedVirtqueue(self.memory, index, size, self._rng, self.accepted)
        return SplitVirtqueue(self.memory, index, size, start_index, self._rng, self.accepted)

    async def _add_status(self, bit: Status) -> None:
        self._status |= bit
        await self.bus.write(Reg.STATUS, self._status)

    async def _set_failed(self) -> None:
        """2.1.1: the driver has given up. An error of the bus here does not hide the one that led here."""
        self.live = False
        try:
            await self._add_status(Status.FAILED)
        except Exception as error:
            self._log.warning("FAILED could not be set: %s", error)

    async def _config_change(self) -> None:
        status = await self.bus.read(Reg.STATUS)
        if status & Status.DEVICE_NEEDS_RESET:
            self.live = False
            device_error = DeviceError(f"Status expected without DEVICE_NEEDS_RESET, seen {status:#04x}")
            if self.driver is not None:
                self.driver.device_failed(device_error)
            raise device_error
        if self.driver is not None:
            await self.driver.config_changed(self)
