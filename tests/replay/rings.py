# SPDX-License-Identifier: Apache-2.0
"""Where a driver has put its rings, and how many buffers of each the device has used: from registers and writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from virtio_model.spec import DESC_BYTES, DescFlag, Feature, Reg

from .lines import Descriptor

#: Of idx in the rings of a split queue (2.7.6, 2.7.8), and of the flags in a descriptor of a packed one (2.8.13).
_IDX_OFFSET, _FLAGS_OFFSET = 2, 14
_ADDRESSES = {
    Reg.QUEUE_DESC_LOW: ("desc", 0),
    Reg.QUEUE_DESC_HIGH: ("desc", 32),
    Reg.QUEUE_DRIVER_LOW: ("driver", 0),
    Reg.QUEUE_DRIVER_HIGH: ("driver", 32),
    Reg.QUEUE_DEVICE_LOW: ("device", 0),
    Reg.QUEUE_DEVICE_HIGH: ("device", 32),
}


@dataclass
class Ring:
    """The three parts of a queue; of a split one, `idx` is the device's."""

    index: int
    packed: bool
    size: int
    desc: int
    driver: int
    device: int
    idx: int = 0

    def parts(self) -> Iterator[range]:
        """The bytes of descriptors, driver's and device's part."""
        yield range(self.desc, self.desc + DESC_BYTES * self.size)
        yield range(self.driver, self.driver + (4 if self.packed else 6 + 2 * self.size))
        yield range(self.device, self.device + (4 if self.packed else 6 + 8 * self.size))

    def used_by(self, address: int, data: bytes) -> int:
        """How many buffers a write of the device says to be used."""
        end = address + len(data)
        if self.packed:
            slots = range(self.desc + _FLAGS_OFFSET, self.desc + DESC_BYTES * self.size, DESC_BYTES)
            return sum(address <= slot and slot + 2 <= end for slot in slots) if end > self.desc else 0
        at = self.device + _IDX_OFFSET
        if not (address <= at and at + 2 <= end):
            return 0
        idx = int.from_bytes(data[at - address : at - address + 2], "little")
        more, self.idx = idx - self.idx & 0xFFFF, idx
        return more


class Rings:
    """The rings in use. `used` counts buffers by queue since the beginning, whatever was reset meanwhile.

    What a device is doing when a queue is taken away still comes to an end: `former` are such rings, until the next
    queue is ready.
    """

    def __init__(self) -> None:
        self.ready: dict[int, Ring] = {}
        self.former: list[Ring] = []
        self.used: Counter[int] = Counter()
        self._select = self._features_select = 0
        self.packed = False
        self._values: dict[int, dict[str, int]] = {}

    def register_write(self, offset: int, value: int) -> None:
        """The driver writes a register."""
        queue = self._values.setdefault(self._select, dict.fromkeys(("size", "desc", "driver", "device"), 0))
        if offset == Reg.QUEUE_SEL:
            self._select = value
        elif offset == Reg.DRIVER_FEATURES_SEL:
            self._features_select = value
        elif offset == Reg.DRIVER_FEATURES and self._features_select == 1:
            self.packed = bool(value >> Feature.RING_PACKED - 32 & 1)
        elif offset == Reg.QUEUE_SIZE:
            queue["size"] = value
        elif offset in _ADDRESSES:
            part, shift = _ADDRESSES[Reg(offset)]
            queue[part] = queue[part] & ~(0xFFFF_FFFF << shift) | value << shift
        elif offset == Reg.QUEUE_READY and value:
            self.former.clear()
            self.ready[self._select] = Ring(self._select, self.packed, **queue)
        elif offset in (Reg.QUEUE_READY, Reg.QUEUE_RESET):
            self.former += [self.ready.pop(self._select)] if self._select in self.ready else []
        elif offset == Reg.STATUS and value == 0:
            self.former += self.ready.values()
            self.ready.clear()
            self._values.clear()
            self.packed = False

    def device_write(self, address: int, data: bytes) -> dict[int, int]:
        """The device writes memory; how many buffers of which queues it uses by that."""
        found = {queue: ring.used_by(address, data) for queue, ring in self.ready.items()}
        self.used.update(found)
        return {queue: count for queue, count in found.items() if count}

    @property
    def all(self) -> list[Ring]:
        """Those in use, and those that were."""
        return [*self.ready.values(), *self.former]

    def owner(self, address: int) -> Ring | None:
        """The queue that a byte belongs to."""
        return next((ring for ring in self.all if any(address in part for part in ring.parts())), None)


@dataclass(eq=False)
class Chain:
    """What the driver has offered with a descriptor at `head`; `since` when, as a number that only grows."""

    head: int
    since: int
    places: list[range]


class Offers:
    """What descriptors point to: indirect tables and buffers. Devices are taken to use chains in order."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self._indirect: list[range] = []
        self._offered: list[tuple[range, Chain]] = []
        self._pending: dict[int, list[Chain]] = {}

    def slot(self, address: int) -> int | None:
        """Where the descriptor begins that a byte belongs to, if it is one's."""
        rings = (range(r.desc, r.desc + DESC_BYTES * r.size) for r in self._rings.all)
        for table in (*rings, *self._indirect):
            if address in table:
                return address - (address - table.start) % DESC_BYTES
        return None

    def inside(self, address: int) -> bool:
        """Whether a byte belongs to a ring or a table, not to a buffer."""
        return self.slot(address) is not None or self._rings.owner(address) is not None

    def chain(self, address: int) -> Chain | None:
        """The chain that a byte belongs to."""
        return next((chain for place, chain in self._offered if address in place), None)

    def seen(self, given: Descriptor, when: int) -> None:
        """A descriptor was read that is there since a time."""
        owner = self._rings.owner(given.address)
        packed = self._rings.packed
        flags, other = given.halves[packed], given.halves[not packed]
        if owner is not None and packed and bool(flags & DescFlag.AVAIL) == bool(flags & DescFlag.USED):
            return  # not available: left from before
        chain = self.chain(given.address)
        if owner is not None and chain is None:
            chain = Chain(given.address, when, [])
            self._pending.setdefault(owner.index, []).append(chain)
            self._offer(range(given.address, given.address + DESC_BYTES), chain)
        if chain is None:
            return
        pointed = range(given.buffer, given.buffer + given.length)
        self._indirect = [table for table in self._indirect if _apart(table, pointed)]
        if owner is not None and flags & DescFlag.INDIRECT:
            self._indirect.append(pointed)
        self._offer(pointed, chain)
        if owner is not None and flags & DescFlag.NEXT:
            follower = (given.address - owner.desc) // DESC_BYTES + 1 if packed else other
            slot = owner.desc + follower % owner.size * DESC_BYTES
            self._offer(range(slot, slot + DESC_BYTES), chain)

    def used(self, queue: int, count: int) -> list[range]:
        """The device has used so many chains: their places, which the driver may use again."""
        pending = self._pending.get(queue, [])
        done, pending[:count] = pending[:count], []
        self._offered = [(place, chain) for place, chain in self._offered if chain not in done]
        return [place for chain in done for place in chain.places]

    def _offer(self, place: range, chain: Chain) -> None:
        self._offered = [(other, its) for other, its in self._offered if _apart(other, place)]
        self._offered.append((place, chain))
        chain.places.append(place)


def _apart(one: range, other: range) -> bool:
    """Whether two ranges have no byte in common."""
    return one.stop <= other.start or other.stop <= one.start
