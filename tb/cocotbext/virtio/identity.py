# SPDX-License-Identifier: Apache-2.0
"""What discovery says about a device, and what a caller wants of its queues."""

from __future__ import annotations

from dataclasses import dataclass

#: A driver that is not told a size takes at most this.
DEFAULT_QUEUE_SIZE = 256


@dataclass(frozen=True)
class DeviceInfo:
    """What the three identity registers say. `placeholder`: DeviceID 0, an empty slot and not a fault."""

    device_id: int
    name: str

    @property
    def placeholder(self) -> bool:
        return self.device_id == 0


@dataclass(frozen=True)
class QueueRequest:
    """A queue that the caller wants. The size is cut to QueueSizeMax; without one the largest power of two up to
    `DEFAULT_QUEUE_SIZE` is taken. `start_index` presets the ring indices (the device must agree).
    """

    index: int
    size: int | None = None
    start_index: int = 0

    def negotiate(self, size_max: int) -> int:
        """The size to use with a device that allows `size_max`."""
        if self.size is not None:
            return min(self.size, size_max)
        return 1 << (min(size_max, DEFAULT_QUEUE_SIZE).bit_length() - 1)
