# SPDX-License-Identifier: Apache-2.0
"""The input device's model, chain by chain (5.8)."""

from __future__ import annotations

from itertools import product

from virtio_model import KEYBOARD, DescriptorChain, EventPort, Input, InputEvent, Memory, Segment
from virtio_model.spec import EventType, InputConfig, InputSelect

EVENTS, STATUS = 0, 1
KEY, SYN = InputEvent(EventType.KEY, 30, 1), InputEvent(0, 0, 0)


class Rig:
    """A keyboard with 64 KiB of memory; chains have their readable bytes at 0 and their writable ones at 0x8000."""

    def __init__(self) -> None:
        self.port = EventPort()
        self.input = Input(self.port)
        self.memory = Memory(0, 0x10000)

    def serve(self, queue: int, readable: bytes, room: int) -> tuple[int, bytes]:
        """Used length and contents of the writable part, poisoned before."""
        self.memory.write(0, readable)
        self.memory.write(0x8000, b"\xee" * room)
        segments = (Segment(0, len(readable), False), Segment(0x8000, room, True))
        length = self.input.serve(DescriptorChain(queue, 0, segments), self.memory, 0)
        return length, self.memory.read(0x8000, room)

    def receive(self, *events: InputEvent, live: bool = True) -> None:
        """Events come in."""
        for event in events:
            self.port.receive(event.item, live)


def test_event_layout() -> None:
    """type le16, code le16, value le32 (INPUT-DEV-007)."""
    event = InputEvent(0x0102, 0x0304, 0x05060708)
    assert event.pack() == bytes.fromhex("0201040308070605")
    assert InputEvent.unpack(event.pack()) == InputEvent.of(event.item) == event


def test_events_in_buffers() -> None:
    """One in each of at least 8 bytes (INPUT-DEV-007)."""
    rig = Rig()
    assert not rig.input.ready(EVENTS, 0)
    rig.receive(KEY, SYN)
    assert rig.serve(EVENTS, b"", 7) == (0, b"\xee" * 7)
    assert rig.serve(EVENTS, b"ignored", 8) == (8, KEY.pack())
    assert rig.serve(EVENTS, b"", 10) == (8, SYN.pack() + b"\xee\xee")
    assert not rig.input.ready(EVENTS, 0)
    assert (rig.input.waits(EVENTS, 0), rig.input.waits(STATUS, 0)) == (True, False)


def test_sequences_are_there_when_they_have_ended() -> None:
    """INPUT-DEV-005, INPUT-DEV-006"""
    rig = Rig()
    rig.receive(KEY)
    assert not rig.input.ready(EVENTS, 0)
    rig.receive(SYN)
    assert rig.input.ready(EVENTS, 0)


def test_sequences_cut_by_a_reset_or_begun_without_a_driver_are_dropped() -> None:
    rig = Rig()
    rig.receive(KEY)
    rig.input.reset()
    rig.receive(KEY, SYN)
    rig.receive(KEY, live=False)
    rig.receive(SYN)
    rig.receive(SYN, live=False)
    assert not rig.input.ready(EVENTS, 0)
    rig.receive(SYN)
    rig.input.queue_reset(STATUS)
    assert rig.input.ready(EVENTS, 0)
    rig.input.queue_reset(EVENTS)
    assert not rig.input.ready(EVENTS, 0)


def test_status_events() -> None:
    """Several in a chain, and what is no event ignored (INPUT-DRV-006)."""
    rig = Rig()
    assert rig.serve(STATUS, KEY.pack() + SYN.pack() + b"1234567", 3) == (0, b"\xee" * 3)
    assert rig.serve(STATUS, b"1234567", 0) == (0, b"")
    assert [InputEvent.of(item) for item in rig.port.sent] == [KEY, SYN]


def test_status_events_that_cannot_be_read() -> None:
    rig = Rig()
    rig.memory.write(0xFFF4, KEY.pack() + b"part")
    assert rig.input.serve(DescriptorChain(STATUS, 0, (Segment(0xFFF4, 16, False),)), rig.memory, 0) == 0
    assert rig.port.sent == [KEY.item]


def test_window_of_every_select_and_subsel() -> None:
    """size is 0 unless there is information (INPUT-DEV-002, INPUT-DEV-003); all 65536 combinations."""
    rig = Rig()
    for select, subsel in product(range(256), range(256)):
        rig.input.config_write(InputConfig.SUBSEL, bytes([subsel]))
        rig.input.config_write(InputConfig.SELECT, bytes([select]))
        known = KEYBOARD.get((select, subsel), b"")
        assert rig.input.config_read(0, 8) == bytes([select, subsel, len(known), 0, 0, 0, 0, 0])
        assert rig.input.config_read(InputConfig.U, 128).startswith(known)


def test_window_writes() -> None:
    """Only select and subsel can be written, together too; a reset clears them (INPUT-DRV-002)."""
    rig = Rig()
    rig.input.config_write(0, bytes([InputSelect.EV_BITS, EventType.LED, 9, 9]))
    assert rig.input.config_read(0, 9) == bytes([InputSelect.EV_BITS, EventType.LED, 1, 0, 0, 0, 0, 0, 7])
    rig.input.config_write(InputConfig.U, b"\xff")
    assert rig.input.config_read(InputConfig.U, 1) == b"\x07"
    assert rig.input.config_read(InputConfig.U + 128, 4) == bytes(4)
    rig.input.reset()
    assert rig.input.config_read(0, 4) == bytes(4)


def test_keyboard() -> None:
    """Names as in the standard's example of evdev: bit numbers are event codes."""
    keys = int.from_bytes(KEYBOARD[InputSelect.EV_BITS, EventType.KEY], "little")
    assert keys.bit_count() == 105
    assert keys >> 30 & 1  # KEY_A
    assert not keys & 1
