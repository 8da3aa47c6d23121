# SPDX-License-Identifier: Apache-2.0
"""Block device driver (5.2)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from virtio_model import spec
from virtio_model.spec import SECTOR, BlkFeature, BlkStatus, BlkType

from ..buffers import POISON, ChainBuffers, Layout
from ..errors import RequestFailed, StatusNotWritten, UsedLengthError
from ..transport import MmioTransport
from .base import ClassDriver, Pending


@dataclass(frozen=True)
class BlkConfig:
    """The configuration fields (5.2.4): `capacity` in sectors; None for fields whose feature was not accepted."""

    capacity: int
    size_max: int | None = None
    seg_max: int | None = None
    blk_size: int | None = None


@dataclass(frozen=True)
class BlkResult:
    """A request that came back: the status byte, all device-writable bytes before it, and the used element's len."""

    status: int
    data: bytes
    written_len: int


class BlkDriver(ClassDriver):
    """Reads, writes and flushes sectors of 512 bytes."""

    device_type: ClassVar[int] = spec.DeviceType.BLK
    class_features: ClassVar[int] = spec.features(
        BlkFeature.SIZE_MAX, BlkFeature.SEG_MAX, BlkFeature.RO, BlkFeature.BLK_SIZE, BlkFeature.FLUSH
    )

    def __init__(
        self,
        accept: Callable[[int], int] | None = None,
        table_order: random.Random | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__(accept, table_order, layout)
        self.config = BlkConfig(0)
        self.config_changes = 0

    async def pre_device_initialization(self, transport: MmioTransport) -> None:
        """Read the configuration."""
        self.config = await self.read_config(transport)
        self._log.info("%s", self.config)

    async def config_changed(self, transport: MmioTransport) -> None:
        """Read the configuration again (5.2.5: capacity may have changed)."""
        self.config = await self.read_config(transport)
        self.config_changes += 1
        self._log.info("configuration changed: %s", self.config)

    async def read_config(self, transport: MmioTransport) -> BlkConfig:
        """Read the fields that the accepted features define, consistently as one set."""
        offsets = spec.BlkConfig
        optional = [
            ("size_max", BlkFeature.SIZE_MAX, offsets.SIZE_MAX),
            ("seg_max", BlkFeature.SEG_MAX, offsets.SEG_MAX),
            ("blk_size", BlkFeature.BLK_SIZE, offsets.BLK_SIZE),
        ]
        present = [(name, offset) for name, bit, offset in optional if self.has(bit)]
        capacity, *rest = await transport.read_config_fields(
            (offsets.CAPACITY, 8), *((offset, 4) for _, offset in present)
        )
        return BlkConfig(capacity, **{name: value for (name, _), value in zip(present, rest, strict=True)})

    async def submit(
        self,
        type_: int,
        sector: int = 0,
        data: bytes = b"",
        writable: int = 0,
        layout: Layout | None = None,
        queue: int = 0,
        kick: bool = True,
    ) -> Pending[BlkResult]:
        """Start any request: header, device-readable `data`, `writable` bytes and the status byte (5.2.6).

        Nothing is checked. Raises QueueFull.
        """
        header = type_.to_bytes(4, "little") + bytes(4) + sector.to_bytes(8, "little")
        buffers = ChainBuffers(self._transport.memory, [header, data], [writable, 1], layout or self.layout)
        what = f"blk type={type_} sector={sector} readable={len(data)} writable={writable}"
        return await self._submit(Pending(what, buffers, _finish, self._wait), queue, kick)

    async def request(
        self,
        type_: int,
        sector: int = 0,
        data: bytes = b"",
        writable: int = 0,
        layout: Layout | None = None,
        queue: int = 0,
    ) -> BlkResult:
        """Do any request; its status is for the caller to judge. Raises StatusNotWritten."""
        return await (await self.submit(type_, sector, data, writable, layout, queue))

    async def read(self, sector: int, count: int, layout: Layout | None = None, queue: int = 0) -> bytes:
        """Read `count` sectors. Raises RequestFailed, UsedLengthError when the device reports fewer bytes."""
        self._check_range(sector, count * SECTOR)
        pending = await self.submit(BlkType.IN, sector, writable=count * SECTOR, layout=layout, queue=queue)
        result = await pending
        _demand_ok(pending, result)
        if result.written_len < count * SECTOR + 1:
            raise UsedLengthError(queue, pending.head, str(count * SECTOR + 1), result.written_len)
        return result.data

    async def write(self, sector: int, data: bytes, layout: Layout | None = None, queue: int = 0) -> None:
        """Write whole sectors. Raises RequestFailed."""
        self._check_range(sector, len(data))
        pending = await self.submit(BlkType.OUT, sector, data, layout=layout, queue=queue)
        _demand_ok(pending, await pending)

    async def flush(self, queue: int = 0) -> None:
        """Make finished writes durable. Raises RequestFailed."""
        pending = await self.submit(BlkType.FLUSH, queue=queue)
        _demand_ok(pending, await pending)

    async def get_id(self, queue: int = 0) -> bytes:
        """The device's id string, without its padding. Raises RequestFailed."""
        pending = await self.submit(BlkType.GET_ID, writable=spec.BLK_ID_BYTES, queue=queue)
        result = await pending
        _demand_ok(pending, result)
        return result.data.rstrip(b"\0")

    def _check_range(self, sector: int, length: int) -> None:
        """5.2.6.1: whole sectors, within the capacity."""
        if length % SECTOR:
            raise ValueError(f"block transfer of {length} bytes is not a multiple of {SECTOR}")
        if sector < 0 or sector + length // SECTOR > self.config.capacity:
            raise ValueError(
                f"sectors {sector}..{sector + length // SECTOR - 1} lie beyond capacity {self.config.capacity}"
            )


def _finish(pending: Pending[BlkResult]) -> BlkResult:
    written = pending.buffers.written()
    if written[-1] == POISON:
        raise StatusNotWritten(repr(pending), POISON)
    return BlkResult(written[-1], written[:-1], pending.written_len)


def _demand_ok(pending: Pending[BlkResult], result: BlkResult) -> None:
    if result.status != BlkStatus.OK:
        raise RequestFailed(repr(pending), result.status)
