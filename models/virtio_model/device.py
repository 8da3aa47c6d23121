# SPDX-License-Identifier: Apache-2.0
"""A whole VirtIO-MMIO device: registers, queues and a device function, serving requests from a memory."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Sequence

from virtio_model.errors import RingError
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryView
from virtio_model.queue import Virtqueue
from virtio_model.registers import MmioRegisters
from virtio_model.spec import VERSION, Feature, Interrupt, features
from virtio_model.split import SplitQueue

DEFAULT_VENDOR_ID = 0x4F54_4256

log = logging.getLogger(__name__)


class MmioDevice(MmioRegisters):
    """The device side of the standard, executed at once: what a write starts has happened when it returns.

    `queue_size_max` gives QueueSizeMax per queue, its last value for the rest; 0 makes a queue unavailable.
    `device_id` and `device_features` default to what the function says (with VERSION_1) and may lie about it, to test
    drivers. `index_init` is where ring indices start;
    `address_width` is in bits.

    With `autorun=False` it only keeps registers and `kicked`, and whoever owns it works the queues. Raises
    `ValueError` if there is a queue without QueueSizeMax.
    """

    def __init__(
        self,
        function: DeviceFunction,
        memory: MemoryView,
        *,
        num_queues: int = 1,
        queue_size_max: Sequence[int] = (256,),
        device_id: int | None = None,
        device_features: int | None = None,
        version: int = VERSION,
        vendor_id: int = DEFAULT_VENDOR_ID,
        index_init: int = 0,
        address_width: int = 64,
        autorun: bool = True,
    ) -> None:
        if num_queues and not queue_size_max:
            raise ValueError("queue_size_max is empty")
        sizes = [queue_size_max[min(index, len(queue_size_max) - 1)] for index in range(num_queues)]
        if device_features is None:
            device_features = features(Feature.VERSION_1) | function.device_features
        super().__init__(
            function,
            [
                SplitQueue(index, size_max, index_init=index_init, address_width=address_width)
                for index, size_max in enumerate(sizes)
            ],
            device_id=function.device_type if device_id is None else device_id,
            version=version,
            vendor_id=vendor_id,
            device_features=device_features,
        )
        self.memory = memory
        self.autorun = autorun
        self._serving = False
        self.kicked: set[int] = set()
        """Queues to be examined: notified while live, ready at DRIVER_OK, or made ready after it."""
        self.fault: RingError | None = None
        """Why DEVICE_NEEDS_RESET was set by a ring, until the next reset."""

    def run(self) -> None:
        """Serve everything available on the live queues, a chain of each in turn. Never raises a `RingError`."""
        self._serve([queue for queue in self.queues if queue.ready])

    def rooms_after(self, queue_index: int) -> list[int]:
        """How many device-writable bytes the well-formed chains have that are available on a queue, in order."""
        queue = copy.copy(self.queues[queue_index])
        rooms: list[int] = []
        try:
            while chain := queue.pop(self.memory):
                rooms.append(chain.writable_len)
        except RingError:
            pass
        return rooms

    def _examine(self, queues: Iterable[Virtqueue]) -> None:
        self.kicked.update(queue.index for queue in queues)
        if self.autorun:
            self._serve([queue for queue in self.queues if queue.ready and self._concerned(queue.index)])

    def _concerned(self, index: int) -> bool:
        """Whether queue `index` is to be looked at: kicked, or waiting for what another one may bring about."""
        return index in self.kicked or self.function.waits(index, self.driver_features)

    def _reset(self) -> None:
        super()._reset()
        self.kicked.clear()
        self.fault = None

    def _serve(self, queues: list[Virtqueue]) -> None:
        if self._serving:  # what a chain has brought about is served after it
            return
        self._serving = True
        try:
            # Until nothing is left: a chain of one queue may be what another one waits for.
            while sum(self.live and self._serve_one(queue) for queue in queues):
                pass
        except RingError as error:
            log.info("device needs reset: %s", error)
            self.fault = error
            self.set_needs_reset()
        finally:
            self._serving = False

    def _serve_one(self, queue: Virtqueue) -> bool:
        """Serve the next chain of `queue`; False if there is none. Raises `RingError`."""
        if not self.function.ready(queue.index, self.driver_features):
            return False
        chain = queue.pop(self.memory)
        if chain is None:
            if queue.want_notification(self.memory):
                return True
            self.kicked.discard(queue.index)
            return False
        written_len = self.function.serve(chain, self.memory, self.driver_features)
        queue.push(self.memory, chain.head, written_len, chain.slots)
        log.debug("queue=%d head=%d written_len=%d", queue.index, chain.head, written_len)
        if queue.interrupt_wanted(self.memory):
            self.interrupt_status |= Interrupt.USED_BUFFER
        return True
