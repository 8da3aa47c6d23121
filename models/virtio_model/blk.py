# SPDX-License-Identifier: Apache-2.0
"""The block device (5.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from virtio_model.chain import DescriptorChain
from virtio_model.errors import StatusAccessError
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryFault, MemoryView
from virtio_model.spec import (
    BLK_HEADER_BYTES,
    BLK_ID_BYTES,
    BLK_SEGMENT_BYTES,
    BLK_SEGMENT_F_UNMAP,
    SECTOR,
    BlkConfig,
    BlkFeature,
    BlkStatus,
    BlkType,
    DeviceType,
    features,
)
from virtio_model.storage import Storage, StorageError

_HEADER = struct.Struct("<IIQ")
_SEGMENT = struct.Struct("<QII")
_TOPOLOGY = struct.Struct("<BBHI")


class Topology(NamedTuple):
    """What TOPOLOGY tells the driver (5.2.4): sizes in logical blocks, the first one as a power of two of them."""

    physical_block_exp: int = 0
    alignment_offset: int = 0
    min_io_size: int = 0
    opt_io_size: int = 0


class Outcome(NamedTuple):
    """What a request comes to: its status and how many bytes were written before the status byte."""

    status: BlkStatus
    written_len: int = 0


_IOERR = Outcome(BlkStatus.IOERR)


class Blk(DeviceFunction):
    """IN, OUT, FLUSH, GET_ID, DISCARD and WRITE_ZEROES on a `Storage` (5.2.6); every other type is UNSUPP.

    `seg_max`, `size_max`, `blk_size`, `topology` and `discard_alignment` are advice to the driver, not enforced. A
    feature is not offered where its field is 0: these, `num_queues`, `max_discard_sectors`, `max_write_zeroes_sectors`.
    Without negotiated writeback cache a write is flushed to the storage before its status (5.2.6.2).
    `serial` is the device id string, at most 20 bytes. Raises `ValueError` if it is longer.
    """

    device_type = DeviceType.BLK

    def __init__(
        self,
        storage: Storage,
        *,
        read_only: bool = False,
        seg_max: int = 126,
        size_max: int = 0,
        blk_size: int = SECTOR,
        flush: bool = True,
        topology: Topology | None = None,
        config_wce: bool = False,
        num_queues: int = 0,
        max_discard_sectors: int = 0,
        max_discard_seg: int = 1,
        discard_alignment: int = 1,
        max_write_zeroes_sectors: int = 0,
        max_write_zeroes_seg: int = 1,
        write_zeroes_may_unmap: bool = True,
        serial: bytes = b"",
    ) -> None:
        if len(serial) > BLK_ID_BYTES:
            raise ValueError(f"serial has {len(serial)} bytes, more than {BLK_ID_BYTES}")
        self.storage = storage
        self.read_only = read_only
        self.seg_max = seg_max
        self.size_max = size_max
        self.blk_size = blk_size
        self.topology = topology or Topology()
        self.num_queues = num_queues
        self.max_discard_sectors = max_discard_sectors
        self.max_discard_seg = max_discard_seg if max_discard_sectors else 0
        self.discard_alignment = discard_alignment if max_discard_sectors else 0
        self.max_write_zeroes_sectors = max_write_zeroes_sectors
        self.max_write_zeroes_seg = max_write_zeroes_seg if max_write_zeroes_sectors else 0
        self.write_zeroes_may_unmap = write_zeroes_may_unmap and bool(max_write_zeroes_sectors)
        self._writeback: bool | None = None
        self.serial = serial.ljust(BLK_ID_BYTES, b"\0")
        offered = {
            BlkFeature.RO: read_only,
            BlkFeature.SEG_MAX: seg_max,
            BlkFeature.SIZE_MAX: size_max,
            BlkFeature.BLK_SIZE: blk_size,
            BlkFeature.FLUSH: flush,
            BlkFeature.TOPOLOGY: topology,
            BlkFeature.CONFIG_WCE: config_wce,
            BlkFeature.MQ: num_queues,
            BlkFeature.DISCARD: max_discard_sectors,
            BlkFeature.WRITE_ZEROES: max_write_zeroes_sectors,
        }
        self.device_features = features(*(bit for bit, on in offered.items() if on))

    def config_read(self, offset: int, length: int) -> bytes:
        """Bytes of the configuration layout (5.2.4); fields of features not offered read 0."""
        space = bytearray(offset + length + BlkConfig.WRITE_ZEROES_MAY_UNMAP + 4)
        struct.pack_into("<Q", space, BlkConfig.CAPACITY, self.storage.capacity)
        struct.pack_into("<I", space, BlkConfig.SIZE_MAX, self.size_max)
        struct.pack_into("<I", space, BlkConfig.SEG_MAX, self.seg_max)
        struct.pack_into("<I", space, BlkConfig.BLK_SIZE, self.blk_size)
        _TOPOLOGY.pack_into(space, BlkConfig.PHYSICAL_BLOCK_EXP, *self.topology)
        space[BlkConfig.WRITEBACK] = self.writeback and bool(self.device_features & features(BlkFeature.CONFIG_WCE))
        struct.pack_into("<H", space, BlkConfig.NUM_QUEUES, self.num_queues)
        discard = self.max_discard_sectors, self.max_discard_seg, self.discard_alignment
        struct.pack_into("<III", space, BlkConfig.MAX_DISCARD_SECTORS, *discard)
        zeroes = self.max_write_zeroes_sectors, self.max_write_zeroes_seg, self.write_zeroes_may_unmap
        struct.pack_into("<IIB", space, BlkConfig.MAX_WRITE_ZEROES_SECTORS, *zeroes)
        return bytes(space[offset : offset + length])

    def config_write(self, offset: int, data: bytes) -> None:
        """Set the cache mode if that is what is written, and CONFIG_WCE has been accepted (5.2.5.2)."""
        place = BlkConfig.WRITEBACK - offset
        if 0 <= place < len(data) and self.driver_features & self.device_features & features(BlkFeature.CONFIG_WCE):
            self._writeback = data[place] != 0

    def reset(self) -> None:
        """The cache mode is again as FLUSH says."""
        self._writeback = None

    @property
    def writeback(self) -> bool:
        """Whether writes may be volatile until a flush; from the start if FLUSH was accepted (5.2.5.2, 5.2.6.2)."""
        if self._writeback is None:
            return bool(self.driver_features & features(BlkFeature.FLUSH))
        return self._writeback

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Bytes written before the status byte, plus 1 for it; 0, and nothing done, if there is no room for a status.

        Raises `StatusAccessError` if the status byte cannot be written.
        """
        if chain.writable_len == 0:
            return 0
        outcome = self._execute(chain, memory, driver_features)
        status_offset = chain.writable_len - 1
        try:
            chain.write_bytes(memory, status_offset, bytes([outcome.status]))
        except MemoryFault as fault:
            raise StatusAccessError(chain.queue, fault.address, fault.length, chain.head) from fault
        return outcome.written_len + 1

    def _execute(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> Outcome:
        if chain.readable_len < BLK_HEADER_BYTES:
            return _IOERR
        try:
            kind, _, sector = _HEADER.unpack(chain.read_bytes(memory, 0, BLK_HEADER_BYTES))
        except MemoryFault:
            return _IOERR
        if kind == BlkType.IN:
            return self._in(chain, memory, sector)
        if kind == BlkType.OUT:
            return self._out(chain, memory, sector)
        if kind == BlkType.FLUSH and driver_features & features(BlkFeature.FLUSH):
            return self._flush()
        if kind == BlkType.DISCARD and driver_features & features(BlkFeature.DISCARD):
            return Outcome(self._segments(chain, memory, self.max_discard_seg, self._discard))
        if kind == BlkType.WRITE_ZEROES and driver_features & features(BlkFeature.WRITE_ZEROES):
            status = self._segments(chain, memory, self.max_write_zeroes_seg, self._write_zeroes)
            return Outcome(status) if status else self._written(chain.readable_len - BLK_HEADER_BYTES)
        if kind == BlkType.GET_ID:
            return self._get_id(chain, memory)
        return Outcome(BlkStatus.UNSUPP)

    def _in(self, chain: DescriptorChain, memory: MemoryView, sector: int) -> Outcome:
        count = self._sectors(sector, chain.writable_len - 1)
        if count is None:
            return _IOERR
        for done in range(count):
            try:
                chain.write_bytes(memory, done * SECTOR, self.storage.read(sector + done))
            except StorageError:
                return Outcome(BlkStatus.IOERR, done * SECTOR)
            except MemoryFault:
                return _IOERR
        return Outcome(BlkStatus.OK, count * SECTOR)

    def _out(self, chain: DescriptorChain, memory: MemoryView, sector: int) -> Outcome:
        if self.read_only:
            return _IOERR
        count = self._sectors(sector, chain.readable_len - BLK_HEADER_BYTES)
        if count is None:
            return _IOERR
        for done in range(count):
            try:
                self.storage.write(sector + done, chain.read_bytes(memory, BLK_HEADER_BYTES + done * SECTOR, SECTOR))
            except (StorageError, MemoryFault):
                return _IOERR
        return self._written(count)

    def _segments(
        self,
        chain: DescriptorChain,
        memory: MemoryView,
        max_seg: int,
        execute: Callable[[int, int, int], BlkStatus],
    ) -> BlkStatus:
        """Segments one after another; the first that cannot be carried out ends the request, those before it count."""
        count, rest = divmod(chain.readable_len - BLK_HEADER_BYTES, BLK_SEGMENT_BYTES)
        if rest or count > max_seg or self.read_only:
            return BlkStatus.IOERR
        for index in range(count):
            try:
                place = BLK_HEADER_BYTES + index * BLK_SEGMENT_BYTES
                status = execute(*_SEGMENT.unpack(chain.read_bytes(memory, place, BLK_SEGMENT_BYTES)))
            except (StorageError, MemoryFault):
                return BlkStatus.IOERR
            if status != BlkStatus.OK:
                return status
        return BlkStatus.OK

    def _discard(self, sector: int, count: int, flags: int) -> BlkStatus:
        if flags:
            return BlkStatus.UNSUPP
        if count > self.max_discard_sectors or sector + count > self.storage.capacity:
            return BlkStatus.IOERR
        if count:
            self.storage.discard(sector, count)
        return BlkStatus.OK

    def _write_zeroes(self, sector: int, count: int, flags: int) -> BlkStatus:
        if flags & ~BLK_SEGMENT_F_UNMAP:
            return BlkStatus.UNSUPP
        if count > self.max_write_zeroes_sectors or sector + count > self.storage.capacity:
            return BlkStatus.IOERR
        if count:
            self.storage.write_zeroes(sector, count, bool(flags & BLK_SEGMENT_F_UNMAP))
        return BlkStatus.OK

    def _written(self, count: int) -> Outcome:
        """A write of `count` sectors or bytes ends: durable unless the driver has agreed to a cache (5.2.6.2)."""
        return self._flush() if count and not self.writeback else Outcome(BlkStatus.OK)

    def _flush(self) -> Outcome:
        try:
            self.storage.flush()
        except StorageError:
            return _IOERR
        return Outcome(BlkStatus.OK)

    def _get_id(self, chain: DescriptorChain, memory: MemoryView) -> Outcome:
        data = self.serial[: chain.writable_len - 1]
        try:
            chain.write_bytes(memory, 0, data)
        except MemoryFault:
            return _IOERR
        return Outcome(BlkStatus.OK, len(data))

    def _sectors(self, sector: int, length: int) -> int | None:
        """How many sectors `length` bytes from `sector` on are; None if not whole sectors below the capacity."""
        count, rest = divmod(length, SECTOR)
        return None if rest or sector + count > self.storage.capacity else count
