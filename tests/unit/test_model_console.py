# SPDX-License-Identifier: Apache-2.0
"""The console's model, chain by chain (5.3)."""

from __future__ import annotations

import pytest

from virtio_model import EMERGENCY, Console, DescriptorChain, Memory, Port, Segment
from virtio_model.spec import ConsoleConfig, ConsoleFeature, features

RX, TX = 0, 1


class Rig:
    """A console with 64 KiB of memory; chains have their readable bytes at 0 and their writable ones at 0x8000."""

    def __init__(self) -> None:
        self.port = Port()
        self.console = Console(self.port)
        self.memory = Memory(0, 0x10000)

    def serve(self, queue: int, readable: bytes, room: int) -> tuple[int, bytes]:
        """Used length and contents of the writable part, poisoned before."""
        self.memory.write(0, readable)
        self.memory.write(0x8000, b"\xee" * room)
        segments = (Segment(0, len(readable), False), Segment(0x8000, room, True))
        length = self.console.serve(DescriptorChain(queue, 0, segments), self.memory, 0)
        return length, self.memory.read(0x8000, room)


def test_offered_features() -> None:
    assert Rig().console.device_features == features(ConsoleFeature.SIZE, ConsoleFeature.EMERG_WRITE)


def test_configuration() -> None:
    """cols, rows; the rest reads 0 (CON-DEV-003)."""
    rig = Rig()
    rig.console.cols, rig.console.rows = 0x1234, 0xABCD
    assert rig.console.config_read(0, 16) == bytes.fromhex("3412cdab") + bytes(12)
    assert rig.console.config_read(2, 2) == bytes.fromhex("cdab")
    assert rig.console.config_read(100, 4) == bytes(4)


def test_bytes_sent() -> None:
    """In order, used length 0, the writable part untouched (CON-DEV-007)."""
    rig = Rig()
    assert rig.serve(TX, b"hello", 4) == (0, b"\xee" * 4)
    assert rig.serve(TX, b"", 0) == (0, b"")
    assert rig.serve(TX, b"!", 0) == (0, b"")
    assert bytes(rig.port.sent) == b"hello!"


def test_bytes_received() -> None:
    """As many as there is room for, the used length telling how many (CON-DEV-008)."""
    rig = Rig()
    for byte in b"abcdef":
        rig.port.receive(byte)
    assert rig.serve(RX, b"ignored", 4) == (4, b"abcd")
    assert rig.serve(RX, b"", 0) == (0, b"")
    assert rig.serve(RX, b"", 4) == (2, b"ef\xee\xee")
    assert not rig.console.ready(RX, 0)
    assert rig.console.ready(TX, 0)
    assert (rig.console.waits(RX, 0), rig.console.waits(TX, 0)) == (True, False)


def test_bytes_that_cannot_be_read_or_written() -> None:
    rig = Rig()
    outside = DescriptorChain(TX, 0, (Segment(0xFFFC, 8, False),))
    rig.memory.write(0xFFFC, b"edge")
    assert rig.console.serve(outside, rig.memory, 0) == 0
    assert bytes(rig.port.sent) == b"edge"
    rig.port.receive(1)
    assert rig.console.serve(DescriptorChain(RX, 0, (Segment(0x10000, 8, True),)), rig.memory, 0) == 0
    assert not rig.port.received


@pytest.mark.parametrize(("offset", "data", "out"), [(8, b"A", b"A"), (8, b"BCDE", b"B"), (7, b"xF", b"F")])
def test_emergency_write(offset: int, data: bytes, out: bytes) -> None:
    """The low byte goes out at once (CON-DEV-005, CON-DEV-006)."""
    rig = Rig()
    rig.console.config_write(offset, data)
    assert rig.port.sent == [EMERGENCY | byte for byte in out]


@pytest.mark.parametrize("offset", [0, 4, 9, 10, 11, 12])
def test_other_fields_are_read_only(offset: int) -> None:
    rig = Rig()
    rig.console.config_write(offset, b"x")
    assert not rig.port.sent
    assert rig.console.config_read(0, 4) == bytes.fromhex("50001900")
    assert ConsoleConfig.EMERG_WR == 8


def test_resets() -> None:
    """A reset of the device or of the receive queue forgets what has come in, one of the transmit queue does not."""
    rig = Rig()
    for forget, left in (
        (rig.console.reset, 0),
        (lambda: rig.console.queue_reset(RX), 0),
        (lambda: rig.console.queue_reset(TX), 1),
    ):
        rig.port.receive(1)
        forget()
        assert len(rig.port.received) == left


def test_fields_of_features_that_are_not_offered_read_0() -> None:
    console = Console(Port(), 132, 43)
    assert console.config_read(0, 4) == bytes([132, 0, 43, 0])
    console.device_features = 0
    assert console.config_read(0, 4) == bytes(4)
