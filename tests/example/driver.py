# SPDX-License-Identifier: Apache-2.0
"""The class driver of the example device type."""

from __future__ import annotations

from typing import ClassVar

from cocotbext.virtio.buffers import ChainBuffers, Layout
from cocotbext.virtio.drivers import ClassDriver, Pending
from cocotbext.virtio.errors import RequestFailed

from .checksum import CRC_BYTES, DEVICE_TYPE, OK, SEED_OFFSET


class ChecksumDriver(ClassDriver):
    """Asks for checksums on queue 0."""

    device_type: ClassVar[int] = DEVICE_TYPE

    async def set_seed(self, seed: int) -> None:
        """Where the CRC starts from."""
        await self._transport.write_config(SEED_OFFSET, "I", seed)

    async def submit(self, data: bytes, layout: Layout | None = None, kick: bool = True) -> Pending[int]:
        """Start a request; its result is the CRC. Raises QueueFull."""
        buffers = ChainBuffers(self._transport.memory, [data], [CRC_BYTES, 1], layout or self.layout)
        return await self._submit(Pending(f"checksum of {len(data)} bytes", buffers, _result, self._wait), 0, kick)

    async def request(self, data: bytes, layout: Layout | None = None) -> int:
        """The CRC of some bytes. Raises RequestFailed."""
        return await (await self.submit(data, layout))


def _result(pending: Pending[int]) -> int:
    content = pending.buffers.written()
    if content[-1] != OK:
        raise RequestFailed(repr(pending), content[-1])
    return int.from_bytes(content[:CRC_BYTES], "little")
