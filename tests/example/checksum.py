# SPDX-License-Identifier: Apache-2.0
"""The model of tests/hdl/example/virtio_checksum.sv: answers the CRC-32 of what it is sent."""

from __future__ import annotations

import zlib

from virtio_model import DescriptorChain, DeviceFunction, MemoryFault, MemoryView, StatusAccessError

#: No number of the standard's: those up to 49 are given away.
DEVICE_TYPE = 65535
OK, UNREADABLE, UNWRITABLE = range(3)
CRC_BYTES = 4
SEED_OFFSET, ENABLED_OFFSET = 0, 4


class Checksum(DeviceFunction):
    """CRC-32 (IEEE 802.3) of the readable part, from `seed` on; requests wait while it is not `enabled`."""

    device_type = DEVICE_TYPE

    def __init__(self) -> None:
        self.enabled = False
        self.reset()

    def set_level(self, level: int) -> None:
        """What the device sees outside: bit 0 enables it."""
        self.enabled = bool(level & 1)

    def config_read(self, offset: int, length: int) -> bytes:
        space = bytes(self.seed) + bytes([self.enabled])
        return space.ljust(offset + length, b"\0")[offset : offset + length]

    def config_write(self, offset: int, data: bytes) -> None:
        for at, byte in enumerate(data, offset):
            if at < ENABLED_OFFSET:
                self.seed[at] = byte

    def reset(self) -> None:
        self.seed = bytearray(b"\xff" * 4)

    def waits(self, queue: int, driver_features: int) -> bool:
        return True

    def ready(self, queue: int, driver_features: int) -> bool:
        return self.enabled

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Used length: the bytes of the CRC, and the status byte. Raises `StatusAccessError`."""
        status, crc = OK, b""
        try:
            data = chain.read_bytes(memory, 0, chain.readable_len)
            seed = int.from_bytes(self.seed, "little") ^ 0xFFFF_FFFF  # zlib's is inverted
            crc = zlib.crc32(data, seed).to_bytes(CRC_BYTES, "little")[: max(chain.writable_len - 1, 0)]
        except MemoryFault:
            status = UNREADABLE
        if not chain.writable_len:
            return 0
        try:
            chain.write_bytes(memory, 0, crc)
        except MemoryFault:
            status, crc = UNWRITABLE, b""
        try:
            chain.write_bytes(memory, chain.writable_len - 1, bytes([status]))
        except MemoryFault as fault:
            raise StatusAccessError(chain.queue, fault.address, fault.length, chain.head) from fault
        return len(crc) + 1
