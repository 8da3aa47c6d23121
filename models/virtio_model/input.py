# SPDX-License-Identifier: Apache-2.0
"""The input device (5.8)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from virtio_model.chain import DescriptorChain
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryView
from virtio_model.port import Port, readable_bytes, write_all
from virtio_model.spec import INPUT_EVENT_BYTES, INPUT_U_BYTES, DeviceType, EventType, InputConfig, InputSelect

_EVENT = struct.Struct("<HHI")
_EVENTS, _STATUS = 0, 1


class InputEvent(NamedTuple):
    """struct virtio_input_event (5.8.6); type 0 with code 0 (SYN_REPORT) ends a sequence that forms one update."""

    type: int
    code: int
    value: int

    def pack(self) -> bytes:
        """Its 8 bytes."""
        return _EVENT.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> InputEvent:
        """The event in 8 bytes."""
        return cls(*_EVENT.unpack(data))

    @property
    def item(self) -> int:
        """The event as an item of a `Port`."""
        return int.from_bytes(self.pack(), "little")

    @classmethod
    def of(cls, item: int) -> InputEvent:
        """The event that an item of a `Port` stands for."""
        return cls.unpack(item.to_bytes(INPUT_EVENT_BYTES, "little"))

    @property
    def ends_sequence(self) -> bool:
        """Whether this is SYN_REPORT."""
        return self.type == EventType.SYN and self.code == 0


class EventPort(Port):
    """A port on which sequences of events come in; one that has not ended is not there yet (5.8.6.2).

    One that begins while the device is not live, or is cut by a reset, is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sequence: list[int] = []
        self._forgotten = False  # the sequence that has begun

    def receive(self, item: int, live: bool = True) -> None:
        self._forgotten |= not live and not self._sequence
        self._sequence.append(item)
        if InputEvent.of(item).ends_sequence:
            if not self._forgotten:
                self.received.extend(self._sequence)
            self._sequence, self._forgotten = [], False

    def reset(self) -> None:
        super().reset()
        self._forgotten = bool(self._sequence)


def _bitmap(*numbers: int) -> bytes:
    return sum(1 << number for number in numbers).to_bytes(max(numbers) // 8 + 1, "little")


#: The keyboard of rtl/virtio_input_keyboard.sv: (select, subsel) to the bytes of `u`.
KEYBOARD: Mapping[tuple[int, int], bytes] = {
    (InputSelect.ID_NAME, 0): b"VirtIO Keyboard",
    (InputSelect.ID_SERIAL, 0): b"0001",
    (InputSelect.ID_DEVIDS, 0): struct.pack("<HHHH", 6, 0x4F54, 1, 1),
    (InputSelect.EV_BITS, EventType.KEY): _bitmap(
        *range(1, 84), *range(86, 89), *range(96, 101), *range(102, 112), 119, *range(125, 128)
    ),
    (InputSelect.EV_BITS, EventType.LED): _bitmap(0, 1, 2),
    (InputSelect.EV_BITS, EventType.REP): _bitmap(0, 1),
}


class Input(DeviceFunction):
    """Events between queues and a `port`; `window` is what the device says about itself, by (select, subsel).

    An event goes into a chain of its own; a chain without room for it is used with length 0, and the event goes into
    the next. A status chain may hold several events, what is left beyond whole ones is ignored.
    """

    device_type = DeviceType.INPUT

    def __init__(self, port: Port, window: Mapping[tuple[int, int], bytes] = KEYBOARD) -> None:
        self.port = port
        self.window = window
        self.select = self.subsel = 0

    def config_read(self, offset: int, length: int) -> bytes:
        """The window onto what select and subsel ask for; size 0 where nothing is known of it (5.8.5.2)."""
        u = self.window.get((self.select, self.subsel), b"")
        space = bytes([self.select, self.subsel, len(u)]).ljust(InputConfig.U, b"\0") + u.ljust(INPUT_U_BYTES, b"\0")
        return space.ljust(offset + length, b"\0")[offset : offset + length]

    def config_write(self, offset: int, data: bytes) -> None:
        """Only select and subsel are the driver's to write."""
        for at, byte in enumerate(data, offset):
            if at == InputConfig.SELECT:
                self.select = byte
            elif at == InputConfig.SUBSEL:
                self.subsel = byte

    def waits(self, queue: int, driver_features: int) -> bool:
        return queue == _EVENTS

    def ready(self, queue: int, driver_features: int) -> bool:
        return queue != _EVENTS or self.port.ready

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Give out the events of a status chain (used length 0), or put one into a chain."""
        if chain.queue == _STATUS:
            data, whole = readable_bytes(chain, memory)
            ends = range(INPUT_EVENT_BYTES, len(data) + 1, INPUT_EVENT_BYTES)
            self.port.send([int.from_bytes(data[end - INPUT_EVENT_BYTES : end], "little") for end in ends], whole)
            return 0
        events = self.port.take(1) if chain.writable_len >= INPUT_EVENT_BYTES else []
        return write_all(chain, memory, b"".join(item.to_bytes(INPUT_EVENT_BYTES, "little") for item in events))

    def queue_reset(self, queue: int) -> None:
        if queue == _EVENTS:
            self.port.reset()

    def reset(self) -> None:
        self.select = self.subsel = 0
        self.port.reset()
