# SPDX-License-Identifier: Apache-2.0
"""The same bench on `virtio_model` instead of a simulated device: every method returns at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from virtio_model import Blk, DeviceFunction, MemoryStorage, MmioDevice, Rng

from .backing import DeviceView, RegionMemory
from .bench import Bench
from .memory import DEFAULT_REGIONS, GuardedMemory, Region

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a test body that never has to wait. Raises RuntimeError where it awaits a simulator."""
    try:
        waiting = coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError(f"test body awaits {waiting!r}, which needs a simulator")


class ModelBus:
    """`RegisterBus` on a model."""

    def __init__(self, device: MmioDevice) -> None:
        self._device = device

    async def read(self, offset: int, size: int = 4) -> int:
        return self._device.read(offset, size)

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        self._device.write(offset, value, size)


class ModelClock:
    """Time that passes only in waits."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


class ModelInterrupt:
    """`Interrupt` on a model: it has happened, or it never will."""

    def __init__(self, device: MmioDevice, clock: ModelClock) -> None:
        self._device = device
        self._clock = clock

    @property
    def level(self) -> bool:
        return self._device.irq

    async def wait(self, timeout_ns: int) -> bool:
        if not self._device.irq:
            self._clock.ns += timeout_ns
        return self._device.irq


class ModelBench(Bench):
    """A bench on `device_class` with a device function.

    `function` is made from the seed for "rng" and "blk" (`capacity` sectors of pseudo-random content); `options` go to
    the device: device_id, version, device_features, queue_size_max, index_init ... A subclass of `MmioDevice` as
    `device_class` plants a defect.
    """

    def __init__(
        self,
        function: DeviceFunction | str = "rng",
        seed: int = 0,
        device_class: Callable[..., MmioDevice] = MmioDevice,
        capacity: int = 64,
        regions: Sequence[Region] = DEFAULT_REGIONS,
        **options: Any,
    ) -> None:
        backing = RegionMemory(regions)
        faults = DeviceView(backing)
        self.storage = MemoryStorage(0)
        options.setdefault("num_queues", 2)
        made = self._function(function, seed, capacity) if isinstance(function, str) else function
        self.device = device_class(made, faults, **options)
        clock = ModelClock()
        memory = GuardedMemory(backing, regions, random.Random(f"memory {seed}"))
        super().__init__(ModelBus(self.device), memory, ModelInterrupt(self.device, clock), clock, seed, faults=faults)

    def _function(self, name: str, seed: int, capacity: int) -> DeviceFunction:
        content = random.Random(f"content {seed}")
        if name == "rng":
            return Rng(content.randbytes)
        if name != "blk":
            raise ValueError(f"no device function {name!r}: expected 'rng' or 'blk'")
        self.storage.resize(capacity)
        for sector in range(capacity):
            self.storage.write(sector, content.randbytes(512))
        return Blk(self.storage, serial=b"virtio_model")
