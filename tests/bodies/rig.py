# SPDX-License-Identifier: Apache-2.0
"""What test bodies run on, and what a body is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

from cocotbext.virtio.bench import Bench
from virtio_model.spec import DeviceType

RNG, BLK, NET = DeviceType.RNG, DeviceType.BLK, DeviceType.NET
CONSOLE, INPUT = DeviceType.CONSOLE, DeviceType.INPUT
#: The device types that serve requests of `work.ask`.
EVERY = (RNG, BLK, NET, CONSOLE, INPUT)
#: Those that have something to write into each request, as far as its buffers go.
WRITING = (RNG, BLK)

#: How a memory can break the rules of its bus, in the order of virtio_axi_memory's numbers.
MALFORMED = ("early_last", "no_last", "late_last", "other_rid", "other_bid", "early_answer")

P = ParamSpec("P")
BodyFunction = Callable[Concatenate["Rig", P], Coroutine[Any, Any, None]]


class Rig(Bench, ABC):
    """A bench with what bodies turn or have to know besides registers and memory."""

    #: Whether a device writes all that is asked for and nothing else: others may give entropy in part, but not nothing
    #: (5.4.6.1), and write something for a request that fails (2.7.8.2).
    exact: bool = True
    #: How many times longer than our own a device may take for what the standard sets no bound to.
    patience: int = 1
    #: Where the device's ring indices start; 0 but for tests of their wrap.
    index_init: int = 0
    #: Width of the DMA data bus, and of its addresses in bits.
    bus_bytes: int = 8
    address_width: int = 64

    def observed(self) -> Mapping[str, int]:
        """How much of what was seen from outside of the device; nothing where nobody looks."""
        return {}

    def size_of_queue(self, size: int) -> int:
        """The size of a queue to use where a body asks for `size`: devices need not serve every one."""
        return size

    @abstractmethod
    async def delay(self, ns: int) -> None:
        """Let `ns` of the device's time pass; nothing is served."""

    @abstractmethod
    async def power_cycle(self) -> None:
        """Reset device and memory bus by wire; driver and queues are forgotten."""

    @abstractmethod
    async def set_capacity(self, sectors: int) -> None:
        """Change the size of the disk, while no request is outstanding."""

    @abstractmethod
    async def fail_sector(self, sector: int | None) -> None:
        """Let the disk fail reads and writes of this sector; None heals it. No request may be outstanding."""

    @abstractmethod
    async def fail_flushes(self, fail: bool) -> None:
        """Let the disk fail flushes, and no sector; False heals it. No request may be outstanding."""

    @abstractmethod
    def unmapped(self) -> int:
        """How many sectors the disk was to deallocate when it zeroed them."""

    @abstractmethod
    async def slow_down(self, cycles: int) -> None:
        """Let disk and entropy source take up to so many cycles for each answer."""

    @abstractmethod
    async def write_and_read(self, offset: int, value: int, **held: int) -> int:
        """Write a register and read it in the same cycle, with channels (aw, w, b, ar, r) held for so many cycles."""

    @abstractmethod
    def malform(self, kind: str) -> None:
        """Let the memory break the rules of its bus in its next answer that can be broken so; see `MALFORMED`."""

    @abstractmethod
    def image(self) -> bytes:
        """What the disk holds, as seen from its other side."""

    @abstractmethod
    async def inject(self, frame: bytes, bad: bool = False, count: int = 1) -> None:
        """Let the MAC receive `count` copies of a frame, bad ones if `bad`; returns when the device has them."""

    @abstractmethod
    async def set_link(self, up: bool) -> None:
        """Plug the cable in or out, while no frame is on its way."""

    @abstractmethod
    async def set_mac(self, loop: bool = False, stall: bool = False, gap: int = 0) -> None:
        """Let frames sent come back, let none be taken from the device, or up to `gap` cycles pass between beats."""

    @abstractmethod
    def frames_sent(self) -> list[bytes]:
        """The frames that have been seen to leave the device."""

    @abstractmethod
    async def give(self, items: Sequence[int], wait: bool = True) -> None:
        """Let items come in at the port of a console or input device; with `wait` until the last one is taken."""

    @abstractmethod
    async def set_port(self, stall: bool = False, gap: int = 0) -> None:
        """Let nothing be taken from the device at its port, or up to `gap` cycles pass between items."""

    @abstractmethod
    async def set_size(self, cols: int, rows: int) -> None:
        """Change the size of a console."""

    @abstractmethod
    async def set_level(self, level: int) -> None:
        """Change the 32 bits that a device of one's own sees outside of it; its configuration may change with them."""

    @abstractmethod
    def given_out(self) -> list[int]:
        """The items that have been seen to leave the device at its port."""


@dataclass(frozen=True)
class Body:
    """A test body and how it is run: on which device types, what it proves itself by, and whether it spoils things."""

    function: Callable[..., Coroutine[Any, Any, None]]
    devices: frozenset[int]
    used: int
    limit_us: int
    cases: tuple[str, ...]
    spoils: bool = False

    @property
    def name(self) -> str:
        """module.function"""
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    def __call__(self, rig: Rig, *arguments: Any) -> Coroutine[Any, Any, None]:
        return self.function(rig, *arguments)


def body(
    *devices: int, used: int = 1, limit_us: int = 20_000, cases: tuple[str, ...] = (), spoils: bool = False
) -> Callable[[BodyFunction[P]], Body]:
    """Declare a test body for `devices` (all of the standard's that there are by default).

    `used` is how many used buffers must have been seen at its end, `limit_us` the simulated time after which it has
    failed. With `cases` it takes one of these names as a second argument. One that `spoils` rings or buses may do it so
    that nobody can tell what the device goes by.
    """

    def declare(function: BodyFunction[P]) -> Body:
        return Body(function, frozenset(devices or EVERY), used, limit_us, cases, spoils)

    return declare
