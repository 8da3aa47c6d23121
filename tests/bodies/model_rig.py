# SPDX-License-Identifier: Apache-2.0
"""Test bodies on the model: no simulator, no waiting."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from cocotbext.virtio.driver_rules import DriverChecker, JudgedBus, PowerUp
from cocotbext.virtio.memory import regions_for
from cocotbext.virtio.model_bench import ModelBench, ModelClock
from virtio_model import Console, Input, MemoryStorage, Net, Port, Wire
from virtio_model.spec import SECTOR, Reg

from ..example.checksum import Checksum
from . import reference
from .rig import Rig


class LoopWire(Wire):
    """A wire on which frames may come back: `loop` is called with each one sent."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: Callable[[bytes], None] | None = None

    def send(self, frame: bytes) -> None:
        super().send(frame)
        if self.loop is not None:
            self.loop(frame)


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
        self.driver_checker = DriverChecker()
        self.bus = self.transport.bus = JudgedBus(self.bus, self.irq, self.driver_checker)
        self.storage = storage
        self._delivering = False
        if isinstance(function, Net):
            function.wire = LoopWire()
            function.rooms_after = self.device.rooms_after
        self.index_init = options["index_init"]
        self.address_width = options["address_width"]
        self.bus_bytes = parameters.get("AxiDataWidth", 64) // 8

    async def delay(self, ns: int) -> None:
        assert isinstance(self.now_ns, ModelClock)
        self.now_ns.ns += ns

    async def power_cycle(self) -> None:
        self.device.write(Reg.STATUS, 0)
        self.driver_checker.feed([PowerUp("power cycle")])
        self.transport.forget()

    async def set_capacity(self, sectors: int) -> None:
        self.storage.resize(sectors)
        self.device.config_changed()

    async def fail_sector(self, sector: int | None) -> None:
        self.storage.bad_sectors = set() if sector is None else {sector}

    async def fail_flushes(self, fail: bool) -> None:
        self.storage.flush_fails = fail

    def unmapped(self) -> int:
        return self.storage.unmapped

    async def slow_down(self, cycles: int) -> None:
        pass

    async def inject(self, frame: bytes, bad: bool = False, count: int = 1) -> None:
        for _ in range(count):
            if not bad:
                self._receive(frame)

    async def set_link(self, up: bool) -> None:
        self.net.link_up = up
        self.device.config_changed()

    async def set_mac(self, loop: bool = False, stall: bool = False, gap: int = 0) -> None:
        assert isinstance(self.net.wire, LoopWire)
        self.net.wire.loop = self._receive if loop else None

    def frames_sent(self) -> list[bytes]:
        return self.net.wire.sent

    async def give(self, items: Sequence[int], wait: bool = True) -> None:
        for item in items:
            self.port.receive(item, self.device.live and self.device.queues[0].ready)
        self.device.run()

    async def set_port(self, stall: bool = False, gap: int = 0) -> None:
        pass

    async def set_size(self, cols: int, rows: int) -> None:
        assert isinstance(self.device.function, Console)
        self.device.function.resize(cols, rows)
        self.device.config_changed()

    async def set_level(self, level: int) -> None:
        assert isinstance(self.device.function, Checksum)
        self.device.function.set_level(level)
        self.device.config_changed()
        self.device.run()

    def given_out(self) -> list[int]:
        return self.port.sent

    @property
    def port(self) -> Port:
        """The port of a console or input device's function."""
        assert isinstance(self.device.function, Console | Input)
        return self.device.function.port

    @property
    def net(self) -> Net:
        """The network device's function."""
        assert isinstance(self.device.function, Net)
        return self.device.function

    def _receive(self, frame: bytes) -> None:
        if self.device.live and self.net.wants(frame, self.device.driver_features):
            self.net.wire.received.append(frame)
        if not self._delivering:  # else a frame has come back while another one is being sent
            self._delivering = True
            before = -1
            while len(self.net.wire.received) != before:
                before = len(self.net.wire.received)
                self.device.run()
            self._delivering = False

    async def write_and_read(self, offset: int, value: int, **held: int) -> int:
        await self.bus.write(offset, value)
        return await self.bus.read(offset)

    def malform(self, kind: str) -> None:
        pass

    def image(self) -> bytes:
        return b"".join(self.storage.read(sector) for sector in range(self.storage.capacity))
