# SPDX-License-Identifier: Apache-2.0
"""Test bodies on the model: no simulator, no waiting."""

from __future__ import annotations

import random
from collections.abc import Mapping

from cocotbext.virtio.memory import regions_for
from cocotbext.virtio.model_bench import ModelBench, ModelClock
from virtio_model import MemoryStorage
from virtio_model.spec import SECTOR, Reg

from . import reference
from .rig import Rig


class ModelRig(ModelBench, Rig):
    """A rig on the model of a simulated configuration, with a disk of `capacity` sectors of pseudo-random content."""

    def __init__(self, parameters: Mapping[str, int], seed: int = 0, capacity: int = 256) -> None:
        content = random.Random(f"content {seed}")
        storage = MemoryStorage(capacity)
        for sector in range(capacity):
            storage.write(sector, content.randbytes(SECTOR))
        function = reference.function(parameters, storage, content.randbytes)
        options = reference.device_options(parameters, function)
        super().__init__(function, seed, regions=regions_for(options["address_width"]), **options)
        self.storage = storage
        self.index_init = options["index_init"]
        self.address_width = options["address_width"]
        self.bus_bytes = parameters.get("AxiDataWidth", 64) // 8

    async def delay(self, ns: int) -> None:
        assert isinstance(self.now_ns, ModelClock)
        self.now_ns.ns += ns

    async def power_cycle(self) -> None:
        self.device.write(Reg.STATUS, 0)
        self.transport.forget()

    async def set_capacity(self, sectors: int) -> None:
        self.storage.resize(sectors)
        self.device.config_changed()

    async def fail_sector(self, sector: int | None) -> None:
        self.storage.bad_sectors = set() if sector is None else {sector}

    async def slow_down(self, cycles: int) -> None:
        pass

    def image(self) -> bytes:
        return b"".join(self.storage.read(sector) for sector in range(self.storage.capacity))
