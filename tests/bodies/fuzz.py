# SPDX-License-Identifier: Apache-2.0
"""Traffic that is spoilt at random: every rule holds on each cycle, and a reset recovers from it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from cocotbext.virtio.buffers import Layout, random_framing
from cocotbext.virtio.errors import QueueFull
from virtio_model import RingLayout
from virtio_model.spec import DESC_BYTES, DescFlag, Feature, Status

from . import work
from .rig import Rig, body
from .work import expect_true

#: Values that are next to a bound.
_NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
_LENGTHS = (*_NUMBERS, 64, 511, 512, 513, 4095, 0x8000_0000, 0xFFFF_FFFF)
_LIVES = 40
_log = logging.getLogger("virtio.fuzz")
_FLAGS = (DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT, DescFlag.AVAIL, DescFlag.USED)


class Spoiler:
    """Changes what lies in a driver's areas.

    `page` is the last page of a memory region: a buffer there may run past its end, where nothing is, but over nobody
    else's memory.
    """

    def __init__(self, rig: Rig, page: int) -> None:
        self._rig = rig
        self._rng: random.Random = rig.rng
        self._page = page

    def bury_all(self, layout: RingLayout, size: int) -> None:
        """Before anything is added: old descriptors name memory that may be somebody else's by now."""
        for position in range(size):
            self._bury(layout.desc_addr + DESC_BYTES * position)

    def spoil(self, layout: RingLayout, size: int) -> None:
        """One change."""
        kinds: Sequence[Callable[[RingLayout, int], None]]
        kinds = (self._descriptor, self._flags, self._length, self._last_word, self._drivers_area, self._splice)
        self._rng.choice(kinds)(layout, size)

    def _slot(self, layout: RingLayout, size: int) -> int:
        return layout.desc_addr + DESC_BYTES * self._rng.randrange(size)

    def _descriptor(self, layout: RingLayout, size: int) -> None:
        """A buffer in the page; of any length if it was there already, for the device may read one field of before."""
        slot = self._slot(layout, size)
        address = int.from_bytes(self._rig.memory.read(slot, 8), "little")
        if self._page <= address < self._page + 4096:
            self._rig.memory.write(slot + 8, self._rng.choice(_LENGTHS).to_bytes(4, "little"))
        self._bury(slot)

    def _flags(self, layout: RingLayout, size: int) -> None:
        """Flags: a bit of them turned, or a list of them, but the page is where the buffer lies then."""
        slot = self._slot(layout, size)
        flags = int.from_bytes(self._rig.memory.read(slot + 14 if self._packed else slot + 12, 2), "little")
        self._bury(slot)
        at = slot + (14 if self._packed else 12)
        self._rig.memory.write(at, (flags ^ self._rng.choice(_FLAGS)).to_bytes(2, "little"))

    def _length(self, layout: RingLayout, size: int) -> None:
        """A shorter buffer."""
        slot = self._slot(layout, size)
        length = int.from_bytes(self._rig.memory.read(slot + 8, 4), "little")
        self._rig.memory.write(slot + 8, self._rng.randint(0, length).to_bytes(4, "little"))

    def _last_word(self, layout: RingLayout, size: int) -> None:
        """`next` of a split ring, the id of a packed one."""
        at = self._slot(layout, size) + (12 if self._packed else 14)
        self._rig.memory.write(at, self._rng.choice(_NUMBERS).to_bytes(2, "little"))

    def _drivers_area(self, layout: RingLayout, size: int) -> None:
        """Index, ring entry, event or flags."""
        at = layout.driver_addr + 2 * self._rng.randrange(layout.driver_bytes // 2)
        self._rig.memory.write(at, self._rng.choice((*_NUMBERS, self._rng.getrandbits(16))).to_bytes(2, "little"))

    def _splice(self, layout: RingLayout, size: int) -> None:
        """Flags and link of another descriptor; in a packed ring these could be those of the next round, which would be
        right.
        """
        if self._packed:
            return
        words = self._rig.memory.read(self._slot(layout, size) + 12, 4)
        self._rig.memory.write(self._slot(layout, size) + 12, words)

    def _bury(self, slot: int) -> None:
        address = self._page + self._rng.randrange(4096)
        self._rig.memory.write(slot, address.to_bytes(8, "little"))

    @property
    def _packed(self) -> bool:
        return self._rig.driver.has(Feature.RING_PACKED)


@body(used=40, limit_us=200_000, spoils=True)
async def spoilt_traffic(rig: Rig) -> None:
    """Flags, addresses, lengths, links, entries and indices of good traffic are spoilt while the device works on it;
    registers answer, and after a reset a good request is served (HOST-120).
    """
    assert rig.faults is not None
    rng = rig.rng
    region = rig.memory.regions[-1]
    spoiler = Spoiler(rig, region.end - 4096)
    rig.faults.allow_unmapped = True
    refused = 0
    for _ in range(_LIVES):
        await work.start(rig, size=rng.choice((4, 7, 16)), table_order=rng)
        await work.serve(rig, 1)
        queue = work.own_queue(rig)
        queue.suppress_interrupts(True)
        spoiler.bury_all(queue.layout, queue.size)
        for _ in range(rng.randint(1, 12)):
            with suppress(QueueFull, ValueError):
                direct = 0 if rig.driver.has(Feature.INDIRECT_DESC) and rng.random() < 0.4 else None
                await work.ask(rig, kick=False, layout=Layout(random_framing(rng, 3), rng=rng, direct=direct))
        first = rng.random() < 0.5
        if first:
            spoiler.spoil(queue.layout, queue.size)
        await work.kick(rig)
        for _ in range(rng.randint(0 if first else 1, 4)):
            await rig.delay(10 * rng.randrange(120))
            spoiler.spoil(queue.layout, queue.size)
            if rng.random() < 0.5:
                await work.notify(rig)
        await rig.delay(rng.randrange(3 * work.CALM_NS))
        seen = await work.status(rig)
        expect_true(seen & ~Status.DEVICE_NEEDS_RESET == work.LIVE, f"Status {seen:#x} of a live device")
        refused += bool(seen & Status.DEVICE_NEEDS_RESET)
        await rig.reset_device()
    _log.info("%d of %d lives ended with DEVICE_NEEDS_RESET", refused, _LIVES)
    await work.start(rig)
    await work.serve(rig, 4)
