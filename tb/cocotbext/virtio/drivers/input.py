# SPDX-License-Identifier: Apache-2.0
"""Input device driver (5.8)."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from virtio_model import InputEvent, spec
from virtio_model.spec import INPUT_EVENT_BYTES, InputConfig, InputSelect

from ..buffers import Layout
from ..errors import UsedLengthError
from ..transport import MmioTransport
from .base import Pending
from .receiving import ReceivingDriver


class InputDriver(ReceivingDriver):
    """Keeps event buffers at the device and sends status events; `events` has what came, in order."""

    device_type: ClassVar[int] = spec.DeviceType.INPUT
    buffer_size: ClassVar[int] = INPUT_EVENT_BYTES

    def __init__(
        self,
        accept: Callable[[int], int] | None = None,
        table_order: random.Random | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__(accept, table_order, layout)
        self.name = ""
        self.events: deque[InputEvent] = deque()
        self.returned_empty = 0
        """Event buffers that came back without an event."""

    async def pre_device_initialization(self, transport: MmioTransport) -> None:
        """Ask for the device's name."""
        self.name = (await self.query(InputSelect.ID_NAME, transport=transport)).decode("ascii", "replace")
        self._log.info("%s", self.name)

    async def query(self, select: int, subsel: int = 0, transport: MmioTransport | None = None) -> bytes:
        """What the device says about `select`, `subsel`; nothing if it has nothing to say (5.8.5.1)."""
        transport = transport or self._transport
        await transport.write_config(InputConfig.SELECT, "B", select)
        await transport.write_config(InputConfig.SUBSEL, "B", subsel)
        (size,) = await transport.read_config(InputConfig.SIZE, "B")
        return bytes(await transport.read_config(InputConfig.U, f"{size}B")) if size else b""

    async def submit(self, *events: InputEvent, layout: Layout | None = None, kick: bool = True) -> Pending[int]:
        """Start sending status events in one chain; the result is the used length, 0."""
        data = b"".join(event.pack() for event in events)
        return await self._give(f"{len(events)} status events", data, layout, kick)

    async def ask(
        self,
        rng: random.Random,
        queue: int,
        length: int | None = None,
        layout: Layout | None = None,
        kick: bool = True,
    ) -> Pending[int]:
        """Start sending some status events, of any kind. Raises QueueFull."""
        count = -(-(length or rng.randint(64, 128)) // INPUT_EVENT_BYTES)
        events = [InputEvent.unpack(rng.randbytes(INPUT_EVENT_BYTES)) for _ in range(count)]
        return await self.submit(*events, layout=layout, kick=kick)

    async def send(self, *events: InputEvent, layout: Layout | None = None) -> None:
        """Send status events and wait until their buffer comes back."""
        await (await self.submit(*events, layout=layout))

    def came(self, content: bytes) -> None:
        if not content:
            self.returned_empty += 1
            return
        if len(content) != INPUT_EVENT_BYTES:
            raise UsedLengthError(0, -1, str(INPUT_EVENT_BYTES), len(content))
        self.events.append(InputEvent.unpack(content))
