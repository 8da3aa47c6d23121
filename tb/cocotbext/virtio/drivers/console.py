# SPDX-License-Identifier: Apache-2.0
"""Console device driver (5.3), for its one port."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from virtio_model import spec
from virtio_model.spec import ConsoleFeature

from ..buffers import Layout
from ..transport import MmioTransport
from .base import Pending
from .receiving import ReceivingDriver


@dataclass(frozen=True)
class ConsoleConfig:
    """The configuration fields (5.3.4); None without SIZE."""

    cols: int | None = None
    rows: int | None = None


class ConsoleDriver(ReceivingDriver):
    """Sends bytes and keeps receive buffers at the device; what comes is in `received`, buffer by buffer in `parts`."""

    device_type: ClassVar[int] = spec.DeviceType.CONSOLE
    class_features: ClassVar[int] = spec.features(ConsoleFeature.SIZE, ConsoleFeature.EMERG_WRITE)

    def __init__(
        self,
        accept: Callable[[int], int] | None = None,
        table_order: random.Random | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__(accept, table_order, layout)
        self.config = ConsoleConfig()
        self.config_changes = 0
        self.parts: list[bytes] = []

    @property
    def received(self) -> bytes:
        """All that has come."""
        return b"".join(self.parts)

    async def pre_device_initialization(self, transport: MmioTransport) -> None:
        """Read the configuration."""
        self.config = await self.read_config(transport)
        self._log.info("%s", self.config)

    async def config_changed(self, transport: MmioTransport) -> None:
        """Read the configuration again: the size may have changed (5.3.6)."""
        self.config = await self.read_config(transport)
        self.config_changes += 1
        self._log.info("configuration changed: %s", self.config)

    async def read_config(self, transport: MmioTransport) -> ConsoleConfig:
        """Read cols and rows, consistently."""
        if not self.has(ConsoleFeature.SIZE):
            return ConsoleConfig()
        at = spec.ConsoleConfig
        return ConsoleConfig(*await transport.read_config_fields((at.COLS, 2), (at.ROWS, 2)))

    async def submit(self, data: bytes, layout: Layout | None = None, kick: bool = True) -> Pending[int]:
        """Start sending bytes; the result is the used length, 0. Raises QueueFull."""
        return await self._give(f"console output of {len(data)} bytes", data, layout, kick)

    async def ask(
        self,
        rng: random.Random,
        queue: int,
        length: int | None = None,
        layout: Layout | None = None,
        kick: bool = True,
    ) -> Pending[int]:
        """Start sending some bytes. Raises QueueFull."""
        return await self.submit(rng.randbytes(length or rng.randint(64, 128)), layout, kick)

    async def send(self, data: bytes, layout: Layout | None = None) -> None:
        """Send bytes and wait until their buffers come back."""
        await (await self.submit(data, layout))

    async def emergency_write(self, byte: int) -> None:
        """Put out a byte without a queue (5.3.5)."""
        await self._transport.write_config(spec.ConsoleConfig.EMERG_WR, "I", byte)

    def came(self, content: bytes) -> None:
        self.parts.append(content)
