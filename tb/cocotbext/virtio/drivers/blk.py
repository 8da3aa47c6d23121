# SPDX-License-Identifier: Apache-2.0
"""Block device driver (5.2)."""

from __future__ import annotations

import random
import struct
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
    physical_block_exp: int | None = None
    alignment_offset: int | None = None
    min_io_size: int | None = None
    opt_io_size: int | None = None
    writeback: int | None = None
    num_queues: int | None = None
    max_discard_sectors: int | None = None
    max_discard_seg: int | None = None
    discard_sector_alignment: int | None = None
    max_write_zeroes_sectors: int | None = None
    max_write_zeroes_seg: int | None = None
    write_zeroes_may_unmap: int | None = None


#: Field, the feature that it needs, and its bytes.
_FIELDS = (
    ("size_max", BlkFeature.SIZE_MAX, 4),
    ("seg_max", BlkFeature.SEG_MAX, 4),
    ("blk_size", BlkFeature.BLK_SIZE, 4),
    ("physical_block_exp", BlkFeature.TOPOLOGY, 1),
    ("alignment_offset", BlkFeature.TOPOLOGY, 1),
    ("min_io_size", BlkFeature.TOPOLOGY, 2),
    ("opt_io_size", BlkFeature.TOPOLOGY, 4),
    ("writeback", BlkFeature.CONFIG_WCE, 1),
    ("num_queues", BlkFeature.MQ, 2),
    ("max_discard_sectors", BlkFeature.DISCARD, 4),
    ("max_discard_seg", BlkFeature.DISCARD, 4),
    ("discard_sector_alignment", BlkFeature.DISCARD, 4),
    ("max_write_zeroes_sectors", BlkFeature.WRITE_ZEROES, 4),
    ("max_write_zeroes_seg", BlkFeature.WRITE_ZEROES, 4),
    ("write_zeroes_may_unmap", BlkFeature.WRITE_ZEROES, 1),
)
_SEGMENT = struct.Struct("<QII")


def segment(sector: int, count: int, flags: int = 0) -> bytes:
    """The 16 bytes of a segment of `count` sectors, for DISCARD and WRITE_ZEROES (5.2.6); no limit is checked."""
    return _SEGMENT.pack(sector, count, flags)


@dataclass(frozen=True)
class BlkResult:
    """A request that came back: the status byte, all device-writable bytes before it, and the used element's len."""

    status: int
    data: bytes
    written_len: int


class BlkDriver(ClassDriver):
    """Reads, writes, discards, zeroes and flushes sectors of 512 bytes."""

    device_type: ClassVar[int] = spec.DeviceType.BLK
    class_features: ClassVar[int] = spec.features(
        BlkFeature.SIZE_MAX,
        BlkFeature.SEG_MAX,
        BlkFeature.RO,
        BlkFeature.BLK_SIZE,
        BlkFeature.FLUSH,
        BlkFeature.TOPOLOGY,
        BlkFeature.CONFIG_WCE,
        BlkFeature.MQ,
        BlkFeature.DISCARD,
        BlkFeature.WRITE_ZEROES,
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
        present = [(name, width) for name, bit, width in _FIELDS if self.has(bit)]
        capacity, *rest = await transport.read_config_fields(
            (offsets.CAPACITY, 8), *((offsets[name.upper()], width) for name, width in present)
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

    async def ask(
        self,
        rng: random.Random,
        queue: int,
        length: int | None = None,
        layout: Layout | None = None,
        kick: bool = True,
    ) -> Pending[BlkResult]:
        """Start reading any sector. Raises QueueFull."""
        sector = rng.randrange(self.config.capacity)
        return await self.submit(BlkType.IN, sector, writable=SECTOR, layout=layout, queue=queue, kick=kick)

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

    async def discard(self, *ranges: tuple[int, int], queue: int = 0) -> None:
        """Give up the contents of some (sector, count). Raises RequestFailed, ValueError beyond the device's limits."""
        self._check_segments(ranges, self.config.max_discard_sectors, self.config.max_discard_seg)
        data = b"".join(segment(sector, count) for sector, count in ranges)
        pending = await self.submit(BlkType.DISCARD, data=data, queue=queue)
        _demand_ok(pending, await pending)

    async def write_zeroes(self, *ranges: tuple[int, int], unmap: bool = False, queue: int = 0) -> None:
        """Zero some (sector, count), with `unmap` deallocated if the device likes. Raises as `discard`."""
        self._check_segments(ranges, self.config.max_write_zeroes_sectors, self.config.max_write_zeroes_seg)
        flags = spec.BLK_SEGMENT_F_UNMAP if unmap else 0
        data = b"".join(segment(sector, count, flags) for sector, count in ranges)
        pending = await self.submit(BlkType.WRITE_ZEROES, data=data, queue=queue)
        _demand_ok(pending, await pending)

    async def set_writeback(self, on: bool) -> None:
        """Choose the cache mode (5.2.6.1): writeback, or writethrough. Raises ValueError without CONFIG_WCE."""
        if not self.has(BlkFeature.CONFIG_WCE):
            raise ValueError("the cache mode is not the driver's to choose: CONFIG_WCE was not accepted")
        await self._transport.write_config(spec.BlkConfig.WRITEBACK, "B", int(on))
        self.config = await self.read_config(self._transport)

    async def get_id(self, queue: int = 0) -> bytes:
        """The device's id string, without its padding. Raises RequestFailed."""
        pending = await self.submit(BlkType.GET_ID, writable=spec.BLK_ID_BYTES, queue=queue)
        result = await pending
        _demand_ok(pending, result)
        return result.data.rstrip(b"\0")

    def _check_segments(
        self, ranges: tuple[tuple[int, int], ...], max_sectors: int | None, max_seg: int | None
    ) -> None:
        """5.2.6.1: no more segments, no larger ones than the device takes, within the capacity."""
        if max_sectors is None or max_seg is None:
            raise ValueError("block device without the feature that this request needs")
        if len(ranges) > max_seg:
            raise ValueError(f"{len(ranges)} segments are more than {max_seg}")
        for sector, count in ranges:
            if count > max_sectors:
                raise ValueError(f"segment of {count} sectors is longer than {max_sectors}")
            self._check_range(sector, count * SECTOR)

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
