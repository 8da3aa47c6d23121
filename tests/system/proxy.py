# SPDX-License-Identifier: Apache-2.0
"""The far end of QEMU's x-pci-proxy-dev: a PCI function with one BAR, each access to which comes over a socket.

Little-endian messages: a header with command and size, then the payload. QEMU waits for the answer of each access.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

BAR_BYTES = 0x8000
#: A base system peripheral of no known kind, so that no PCI driver of a kernel takes it.
_CLASS = 0x0880
_VENDOR, _DEVICE = 0x1234, 0x5678

_HEADER = struct.Struct("<i4xQ")
_RETURN = struct.Struct("<Q")
_CONFIG = struct.Struct("<IIi")
_ACCESS = struct.Struct("<QQI?")
_MOST_FILES = 16


class Command(IntEnum):
    """What a message is."""

    SYNC_SYSMEM = 0
    RET = 1
    CONFIG_WRITE = 2
    CONFIG_READ = 3
    BAR_WRITE = 4
    BAR_READ = 5
    SET_IRQFD = 6
    DEVICE_RESET = 7


class ProxyError(Exception):
    """The other end says what is not in the protocol."""


@dataclass(frozen=True)
class Access:
    """An access to the BAR, `offset` bytes into it."""

    write: bool
    offset: int
    size: int
    value: int


class ConfigSpace:
    """The 256 bytes by which the function tells what it is; BAR 0 is 32-bit memory."""

    def __init__(self) -> None:
        self._bytes = bytearray(256)
        struct.pack_into("<HHHHIB", self._bytes, 0, _VENDOR, _DEVICE, 0, 0, _CLASS << 16, 0)

    def read(self, address: int, length: int) -> int:
        """A read of 1, 2 or 4 bytes."""
        return int.from_bytes(self._bytes[address : address + length], "little")

    def write(self, address: int, value: int, length: int) -> None:
        """A write; of the BAR only the bits that its size leaves, of the command register what there is."""
        for at, byte in enumerate((value & (1 << 8 * length) - 1).to_bytes(length, "little"), address):
            if at in (4, 5) or 0x10 <= at < 0x14:
                self._bytes[at] = byte
        bar = self.read(0x10, 4) & ~(BAR_BYTES - 1)
        self._bytes[0x10:0x14] = bar.to_bytes(4, "little")


class Proxy:
    """Serves the socket; `access` answers accesses to the BAR."""

    def __init__(self, end: socket.socket, access: Callable[[Access], int]) -> None:
        self._socket = end
        self._access = access
        self.config = ConfigSpace()

    def serve(self) -> bool:
        """Take one message and answer it; false when the other end is gone. Raises ProxyError."""
        header, files, _, _ = socket.recv_fds(self._socket, _HEADER.size, _MOST_FILES)
        for file in files:
            os.close(file)
        if len(header) < _HEADER.size:
            header += self._receive(_HEADER.size - len(header)) if header else b""
        if len(header) < _HEADER.size:
            return False
        number, size = _HEADER.unpack(header)
        payload = self._receive(size)
        if len(payload) < size:
            return False
        try:
            command = Command(number)
        except ValueError:
            raise ProxyError(f"proxy command expected 0 to {max(Command)}, seen {number}") from None
        value = self._value(command, payload)
        if value is not None:
            self._socket.sendall(_HEADER.pack(Command.RET, _RETURN.size) + _RETURN.pack(value))
        return True

    def _value(self, command: Command, payload: bytes) -> int | None:
        """What is to be answered, None for nothing."""
        if command in (Command.SYNC_SYSMEM, Command.SET_IRQFD):
            return None
        if command is Command.DEVICE_RESET:
            return 0
        if command in (Command.CONFIG_WRITE, Command.CONFIG_READ):
            address, value, length = _CONFIG.unpack_from(payload)
            if command is Command.CONFIG_READ:
                return self.config.read(address, length)
            self.config.write(address, value, length)
            return 0
        if command in (Command.BAR_WRITE, Command.BAR_READ):
            address, value, size, _ = _ACCESS.unpack_from(payload)
            return self._access(Access(command is Command.BAR_WRITE, address % BAR_BYTES, size, value))
        raise ProxyError(f"proxy command expected from the virtual machine, seen {command.name}")

    def _receive(self, size: int) -> bytes:
        """`size` bytes, fewer if the other end is gone."""
        content = b""
        while len(content) < size:
            part = self._socket.recv(size - len(content))
            if not part:
                break
            content += part
        return content
