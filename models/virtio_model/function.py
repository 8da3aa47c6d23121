# SPDX-License-Identifier: Apache-2.0
"""What a device type adds to the transport: features, configuration space and the meaning of a chain's bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from virtio_model.chain import DescriptorChain
from virtio_model.memory import MemoryView


class DeviceFunction(ABC):
    """A device type. It never sees a ring, and touches memory only through the view that `serve` is given."""

    device_type: int
    """A `DeviceType`, or a number of one's own."""
    device_features: int = 0
    """Feature word of the device-type bits offered."""
    driver_features: int = 0
    """Feature word that the driver has accepted so far; kept by the device that owns this."""

    @abstractmethod
    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Carry out one request and return its used length in bytes; payload is written before status.

        `driver_features` is the negotiated feature word. A bad request fails alone; raises `RingError` only when its
        result cannot be reported in the chain.
        """

    def waits(self, queue: int, driver_features: int) -> bool:
        """Whether chains of this queue stay available until there is something to put into them."""
        return False

    def ready(self, queue: int, driver_features: int) -> bool:
        """Whether a chain of this queue can be served now."""
        return True

    def config_read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes of the configuration space from `offset` on; 0 where no offered field lies (2.5)."""
        return bytes(length)

    def config_write(self, offset: int, data: bytes) -> None:
        """Write bytes to the configuration space; ignored where no driver-writable field lies. Never raises."""
        return

    def queue_reset(self, queue: int) -> None:
        """A queue is being reset by the driver (2.6.1)."""
        return

    def reset(self) -> None:
        """Forget everything that belongs to the driver (2.4)."""
        return
