# SPDX-License-Identifier: Apache-2.0
"""The protocol of QEMU's proxy device, spoken from QEMU's side, and its interrupt lines."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.system.proxy import BAR_BYTES, Access, Command, Proxy, ProxyError
from tests.system.qemu import Lines


class FarEnd:
    """QEMU's end: sends messages, and has them served."""

    def __init__(self) -> None:
        self.socket, ours = socket.socketpair()
        self.seen: list[Access] = []
        self.proxy = Proxy(ours, self.access)
        self.ours = ours

    def access(self, access: Access) -> int:
        self.seen.append(access)
        return 0x1122_3344

    def ask(self, command: int, payload: bytes) -> int:
        """The value that a message is answered with."""
        self.socket.sendall(struct.pack("<i4xQ", command, len(payload)) + payload)
        assert self.proxy.serve()
        number, size, value = struct.unpack("<i4xQQ", self.socket.recv(24))
        assert (number, size) == (Command.RET, 8)
        return int(value)

    def tell(self, command: int, payload: bytes) -> None:
        """A message that gets no answer."""
        self.socket.sendall(struct.pack("<i4xQ", command, len(payload)) + payload)
        assert self.proxy.serve()
        self.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            self.socket.recv(1)
        self.socket.setblocking(True)


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.socket.close()
    end.ours.close()


def bar(address: int, value: int, size: int) -> bytes:
    return struct.pack("<QQI?3x", address, value, size, True)


def test_accesses_to_the_bar(far_end: FarEnd) -> None:
    assert far_end.ask(Command.BAR_READ, bar(0xD000_1060, 0, 4)) == 0x1122_3344
    far_end.ask(Command.BAR_WRITE, bar(0xD000_0050, 7, 2))
    assert far_end.seen == [Access(False, 0x1060, 4, 0), Access(True, 0x50, 2, 7)]


def test_size_of_the_bar_and_identity(far_end: FarEnd) -> None:
    assert far_end.ask(Command.CONFIG_READ, struct.pack("<IIi", 10, 0, 2)) == 0x0880
    far_end.ask(Command.CONFIG_WRITE, struct.pack("<IIi", 0x10, 0xFFFF_FFFF, 4))
    assert far_end.ask(Command.CONFIG_READ, struct.pack("<IIi", 0x10, 0, 4)) == 0x1_0000_0000 - BAR_BYTES
    far_end.ask(Command.CONFIG_WRITE, struct.pack("<IIi", 0x10, 0xD000_0000, 4))
    assert far_end.ask(Command.CONFIG_READ, struct.pack("<IIi", 0x10, 0, 4)) == 0xD000_0000
    far_end.ask(Command.CONFIG_WRITE, struct.pack("<IIi", 0, 0xFFFF, 2))
    assert far_end.ask(Command.CONFIG_READ, struct.pack("<IIi", 0, 0, 2)) == 0x1234
    assert far_end.ask(Command.CONFIG_READ, struct.pack("<IIi", 0x28, 0, 4)) == 0


def test_memory_files_are_closed_and_a_reset_is_answered(far_end: FarEnd) -> None:
    before = len(os.listdir("/proc/self/fd"))
    file = os.memfd_create("memory")
    payload = bytes(24 * 8)
    message = struct.pack("<i4xQ", Command.SYNC_SYSMEM, len(payload)) + payload
    socket.send_fds(far_end.socket, [message], [file])
    os.close(file)
    assert far_end.proxy.serve()
    assert len(os.listdir("/proc/self/fd")) == before
    far_end.tell(Command.SET_IRQFD, bytes(16))
    assert far_end.ask(Command.DEVICE_RESET, b"") == 0


def test_end_and_nonsense(far_end: FarEnd) -> None:
    far_end.socket.sendall(struct.pack("<i4xQ", 99, 0))
    with pytest.raises(ProxyError, match="expected 0 to 7, seen 99"):
        far_end.proxy.serve()
    far_end.socket.sendall(struct.pack("<i4xQ", Command.RET, 8) + bytes(8))
    with pytest.raises(ProxyError, match="seen RET"):
        far_end.proxy.serve()
    far_end.socket.close()
    assert not far_end.proxy.serve()


def test_lines_wait_for_each_answer() -> None:
    theirs, ours = socket.socketpair()
    with theirs, ours:
        lines = Lines(ours)
        lines.set(20, True)
        lines.set(21, False)
        assert theirs.recv(4096) == (
            b"set_irq_in /machine/q35/ioapic unnamed-gpio-in 20 1\n"
            b"set_irq_in /machine/q35/ioapic unnamed-gpio-in 21 0\n"
        )
        theirs.sendall(b"OK\nOK\n")
        lines.settle()
        lines.set(20, False)
        theirs.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ConnectionError, match="seen it gone"):
            lines.settle()
