# SPDX-License-Identifier: Apache-2.0
"""What console and input devices have in common: a port to the outside, its items on queue 0 and queue 1."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from virtio_model.chain import DescriptorChain
from virtio_model.memory import MemoryFault, MemoryView


class Port:
    """A stream of items (bytes or events, as integers) in each direction.

    `sent` has what the device gave out, in order; `received` what came in and is still to be put into chains.
    """

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.received: deque[int] = deque()

    def send(self, items: Sequence[int], whole: bool = True) -> None:
        """The device gives out what a chain holds; not `whole`: as far as that could be read, or less."""
        self.sent += items

    def receive(self, item: int, live: bool = True) -> None:
        """An item comes in; `live` if queue 0 is ready and the device runs."""
        self.received.append(item)

    @property
    def ready(self) -> bool:
        """Whether there is something to put into a chain."""
        return bool(self.received)

    def take(self, room: int) -> list[int]:
        """The items that go into the chain being served, which has room for so many."""
        return [self.received.popleft() for _ in range(min(room, len(self.received)))]

    def reset(self) -> None:
        """What came in and is not in chains is forgotten."""
        self.received.clear()


def readable_bytes(chain: DescriptorChain, memory: MemoryView) -> tuple[bytes, bool]:
    """The readable part up to the first byte that cannot be read, and whether that is all of it."""
    data = bytearray()
    try:
        for address, run in chain.pieces(False, 0, chain.readable_len):
            for at in range(run):
                data += memory.read(address + at, 1)
    except MemoryFault:
        return bytes(data), False
    return bytes(data), True


def write_all(chain: DescriptorChain, memory: MemoryView, data: bytes) -> int:
    """Put `data` into the writable part; returns the used length, 0 if some of it could not be written."""
    try:
        chain.write_bytes(memory, 0, data)
    except MemoryFault:
        return 0
    return len(data)
