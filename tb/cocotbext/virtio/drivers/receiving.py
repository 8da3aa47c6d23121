# SPDX-License-Identifier: Apache-2.0
"""What drivers share that keep buffers waiting on queue 0 for what comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..buffers import ChainBuffers, Layout
from ..virtqueue import UsedBuffer
from .base import ClassDriver, Pending


class ReceivingDriver(ClassDriver):
    """Base of drivers with receive buffers on queue 0 and requests to be read on queue 1."""

    default_queues: ClassVar[tuple[int, ...]] = (0, 1)
    work_queue: ClassVar[int] = 1
    waiting_queues = frozenset({0})
    #: Bytes of a receive buffer, when none are named.
    buffer_size: ClassVar[int] = 64

    @classmethod
    def work_queues(cls, count: int) -> Sequence[int]:
        return [cls.work_queue]

    async def supply(
        self, count: int = 1, size: int | None = None, layout: Layout | None = None, kick: bool = True
    ) -> None:
        """Give the device `count` receive buffers of `size` bytes each. Raises QueueFull."""
        for _ in range(count):
            buffers = ChainBuffers(self._transport.memory, [], [size or self.buffer_size], layout or self.layout)
            what = f"{type(self).__name__} receive buffer of {buffers.writable_length} bytes"
            await self._submit(Pending(what, buffers, _content, self._wait), 0, False)
        if kick:
            await self._transport.kick(0)

    async def _give(self, what: str, data: bytes, layout: Layout | None, kick: bool) -> Pending[int]:
        """Start a request on queue 1; its result is the used length, 0. Raises QueueFull."""
        buffers = ChainBuffers(self._transport.memory, [data], [], layout or self.layout)
        pending = Pending(what, buffers, lambda done: done.written_len, self._wait)
        return await self._submit(pending, self.work_queue, kick)

    def used(self, used: UsedBuffer) -> None:
        """A chain came back; what is in receive buffers goes to `came`."""
        super().used(used)
        if isinstance(used.token, Pending) and used.token.queue == 0:
            content = used.token.result()
            if isinstance(content, bytes):  # else a test's own chain
                self.came(content)

    def came(self, content: bytes) -> None:
        """A receive buffer came back with this in it."""


def _content(pending: Pending[bytes]) -> bytes:
    return pending.buffers.written()[: pending.written_len]
