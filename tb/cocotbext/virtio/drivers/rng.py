# SPDX-License-Identifier: Apache-2.0
"""Entropy device driver (5.4)."""

from __future__ import annotations

import random
from typing import ClassVar

from virtio_model import spec

from ..buffers import ChainBuffers, Layout
from .base import ClassDriver, Pending


class RngDriver(ClassDriver):
    """Asks for random bytes on queue 0."""

    device_type: ClassVar[int] = spec.DeviceType.RNG

    async def submit(
        self, length: int, layout: Layout | None = None, queue: int = 0, kick: bool = True
    ) -> Pending[bytes]:
        """Start a request for `length` bytes; its result is the bytes that came, at most `length`. Raises QueueFull."""
        buffers = ChainBuffers(self._transport.memory, [], [length], layout or self.layout)
        return await self._submit(Pending(f"rng request of {length} bytes", buffers, _finish, self._wait), queue, kick)

    async def ask(
        self,
        rng: random.Random,
        queue: int,
        length: int | None = None,
        layout: Layout | None = None,
        kick: bool = True,
    ) -> Pending[bytes]:
        """Start a request for some bytes. Raises QueueFull."""
        return await self.submit(length or rng.randint(64, 128), layout, queue, kick)

    async def request(self, length: int, layout: Layout | None = None, queue: int = 0) -> bytes:
        """Request `length` bytes and wait for them; as many as the device says it wrote (5.4.6.1)."""
        return await (await self.submit(length, layout, queue))


def _finish(pending: Pending[bytes]) -> bytes:
    return pending.buffers.written()[: pending.written_len]
