# SPDX-License-Identifier: Apache-2.0
"""The block device (5.2)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from virtio_model.chain import DescriptorChain
from virtio_model.errors import StatusAccessError
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryFault, MemoryView
from virtio_model.spec import (
    BLK_HEADER_BYTES,
    BLK_ID_BYTES,
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


class Outcome(NamedTuple):
    """What a request comes to: its status and how many bytes were written before the status byte."""

    status: BlkStatus
    written_len: int = 0


_IOERR = Outcome(BlkStatus.IOERR)


class Blk(DeviceFunction):
    """IN, OUT, FLUSH and GET_ID on a `Storage` (5.2.6); every other type is UNSUPP.

    `seg_max`, `size_max` and `blk_size` are advice to the driver, not enforced; 0 does not offer the feature.
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
        serial: bytes = b"",
    ) -> None:
        if len(serial) > BLK_ID_BYTES:
            raise ValueError(f"serial has {len(serial)} bytes, more than {BLK_ID_BYTES}")
        self.storage = storage
        self.read_only = read_only
        self.seg_max = seg_max
        self.size_max = size_max
        self.blk_size = blk_size
        self.serial = serial.ljust(BLK_ID_BYTES, b"\0")
        offered = {
            BlkFeature.RO: read_only,
            BlkFeature.SEG_MAX: seg_max,
            BlkFeature.SIZE_MAX: size_max,
            BlkFeature.BLK_SIZE: blk_size,
            BlkFeature.FLUSH: flush,
        }
        self.device_features = features(*(bit for bit, on in offered.items() if on))

    def config_read(self, offset: int, length: int) -> bytes:
        """Bytes of the configuration layout (5.2.4); fields of features not offered read 0."""
        space = bytearray(offset + length + BlkConfig.BLK_SIZE + 4)
        struct.pack_into("<Q", space, BlkConfig.CAPACITY, self.storage.capacity)
        struct.pack_into("<I", space, BlkConfig.SIZE_MAX, self.size_max)
        struct.pack_into("<I", space, BlkConfig.SEG_MAX, self.seg_max)
        struct.pack_into("<I", space, BlkConfig.BLK_SIZE, self.blk_size)
        return bytes(space[offset : offset + length])

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
        return Outcome(BlkStatus.OK)

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
