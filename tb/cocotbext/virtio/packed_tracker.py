# SPDX-License-Identifier: Apache-2.0
"""The progress of one packed queue as the device's reads and writes show it (2.8)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from virtio_model import BrokenList, EventSuppression, MemoryFault, PackedDescriptor, PackedQueue, RingError, Segment
from virtio_model.packed import used_flags, wrap_at
from virtio_model.spec import DESC_BYTES, EVENT_BYTES, DescFlag, Feature, RingEventFlag

from .events import DmaRead, DmaWrite
from .inflight import Chain
from .observed import NotObserved, ObservedMemory
from .tracker import QueueTracker, covers, whole_length
from .violation import Report

_USED = struct.Struct("<IHH")
_MARKS = DescFlag.AVAIL | DescFlag.USED
#: Offsets in a descriptor of what a used one says, and of its flags.
_SAYS, _FLAGS = 8, 14


class _UsedDescriptor:
    """What was written over a descriptor since it was last published: bytes by offset, and when those before flags."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}
        self.body_cycle = -1

    @property
    def missing(self) -> bool:
        return any(offset not in self.bytes for offset in range(_SAYS, DESC_BYTES))

    def unpack(self) -> tuple[int, int, int]:
        """(len, id, flags)"""
        len_, id_, flags = _USED.unpack(bytes(self.bytes[offset] for offset in range(_SAYS, DESC_BYTES)))
        return len_, id_, flags


class PackedTracker(QueueTracker[PackedQueue]):
    """A list counts from the read that showed the flags of its first descriptor to be available.

    With `strict` its descriptors have to be read once more after that: of one burst the address may be older than the
    flags (2.8.21.1).
    """

    NAMES = ("ring", "driver", "device")
    DEVICES = frozenset({"ring", "device"})

    def __init__(
        self, queue: PackedQueue, memory: ObservedMemory, report: Report, strict: bool = True, since: int = 0
    ) -> None:
        super().__init__(queue, memory, report, strict, since)
        self.layout = queue.layout
        self._shown: tuple[int, int] | None = None  # position of the next list, and since when its descriptors count
        self._written: dict[int, _UsedDescriptor] = {}
        self._event = bytearray(EVENT_BYTES)  # the device's structure, 0 as the driver leaves it
        self._flagged: dict[int, DmaWrite] = {}  # by slot, where flags were written before it was its turn

    @property
    def out_of_turn(self) -> int | None:
        """A slot with a used descriptor whose turn has not come."""
        return next(iter(self._flagged), None)

    @property
    def begun(self) -> list[Chain]:
        """Those with buffers that were written: descriptors may be read ahead."""
        return [chain for chain in self.in_flight if chain.last_response >= 0]

    @property
    def available(self) -> int:
        """The others."""
        return len(self.in_flight) - len(self.begun)

    @property
    def full(self) -> bool:
        return not self.queue.free_slots

    def reads_wish(self, event: DmaRead) -> bool:
        """The driver's event suppression structure; without EVENT_IDX its flags."""
        if self.queue.has(Feature.EVENT_IDX):
            return covers(event, self.layout.driver_addr, EVENT_BYTES)
        return covers(event, self.layout.driver_addr + 2, 2)

    def ring_write(self, address: int, data: bytes, event: DmaWrite) -> Sequence[int] | None:
        """Returns the slots whose flags were written."""
        if self.layout.device_addr <= address < self.layout.device_addr + EVENT_BYTES:
            self._event_write(address, data, event)
            return None
        flagged = []
        in_flight = self.queue.size - self.queue.free_slots
        first, end = address - self.layout.desc_addr, address - self.layout.desc_addr + len(data)
        for slot in range(first // DESC_BYTES, (end - 1) // DESC_BYTES + 1):
            base = DESC_BYTES * slot
            offsets = range(max(first - base, 0), min(end - base, DESC_BYTES))
            if (slot - self.queue.next_used) % self.queue.size >= in_flight:
                expected = f"one of {in_flight} from slot {self.queue.next_used % self.queue.size}"
                self._violate("VQ-USED-SLOT", "", None, expected, slot, event)
                continue
            used = self._written.setdefault(slot, _UsedDescriptor())
            used.bytes.update((offset, data[base + offset - first]) for offset in offsets)
            if _FLAGS + 1 in offsets:
                flagged.append(slot)
            else:
                used.body_cycle = event.cycle
        return flagged or None

    def published(self, what: object, event: DmaWrite) -> Iterator[tuple[Chain, int | None]]:
        """`what` are slots whose flags were written. Those not in turn wait: buffers that become used together."""
        assert isinstance(what, list)
        for slot in what:
            firsts = [chain.position % self.queue.size for chain in self.in_flight]
            # Only in order is the next place the beginning of a list: one used out of order goes over another's.
            if slot not in firsts and (self._strict or self.queue.has(Feature.IN_ORDER)):
                self._violate(
                    "VQ-USED-SLOT", "not the first descriptor of a list", None, f"one of {firsts}", slot, event
                )
            self._flagged[slot] = event
        while (slot := self.queue.next_used % self.queue.size) in self._flagged and self.in_flight:
            flagged = self._flagged.pop(slot)
            yield from self._use(slot, self._written.pop(slot), flagged)

    @staticmethod
    def describe(data: bytes) -> tuple[int, int, int]:
        address, length, _, flags = PackedDescriptor.unpack(data)
        return address, length, flags

    def _done(self, chain: Chain) -> bool:
        return chain.overtaken

    def _own(self, address: int, old: bytes, event: DmaRead) -> bool:
        """A used descriptor, or a new one in its place, may be read before the answer to its write has come. That is so
        for the lists whose turn it is.
        """
        slot, size = (address - self.layout.desc_addr) // DESC_BYTES, self.queue.size
        next_ = self.in_flight if self.queue.has(Feature.IN_ORDER) else self.in_flight[:2]
        due = any((slot - chain.position) % size < chain.slots for chain in next_)
        if not due or not covers(event, address + _FLAGS, 2) or not 0 <= slot < size:
            return False
        flags = int.from_bytes(event.data[address + _FLAGS - event.address :][:2], "little")
        was = self.describe(old)[2]
        if flags & _MARKS == was & _MARKS ^ _MARKS:  # available in the next round
            return True
        known = min(address + _SAYS - event.address, _SAYS)
        same = known <= 0 or event.data[address + _SAYS - event.address - known :][:known] == old[_SAYS - known : _SAYS]
        used = _MARKS if was & DescFlag.AVAIL else 0
        return same and flags & _MARKS == used and not flags & DescFlag.NEXT

    def _changed(self, address: int, data: bytes, event: DmaRead) -> None:
        """How many descriptors a list has may not change once it is available, nor may it be taken back."""
        slot, size = (address - self.layout.desc_addr) // DESC_BYTES, self.queue.size
        if self.lost or not covers(event, address + _FLAGS, 2) or not 0 <= slot < size:
            return
        before = self.describe(data)[2]
        changed = before ^ int.from_bytes(event.data[address + _FLAGS - event.address :][:2], "little")
        holders = [chain for chain in self.in_flight if not chain.overtaken]
        taken = any((slot - chain.position) % size < chain.slots for chain in holders)
        if taken:
            odd = bool(changed & DescFlag.NEXT) and not self._own(address, data, event)
        else:
            position = self.queue.next_avail + (slot - self.queue.next_avail) % size
            was_available = before & _MARKS == (DescFlag.AVAIL if wrap_at(position, size) else DescFlag.USED)
            odd = was_available and bool(changed & (_MARKS | DescFlag.NEXT))
        if odd:
            self.lose(f"flags of slot {slot} have changed in cycle {event.cycle}")

    def recheck(self) -> None:
        """Something was used, so that there is room for more lists."""
        self.suspect = None
        self._take_lists(None)

    def _use(self, slot: int, used: _UsedDescriptor, event: DmaWrite) -> Iterator[tuple[Chain, int | None]]:
        if used.missing or used.body_cycle >= event.start:
            text = f"flags of the used descriptor in slot {slot} were written before its len and id"
            seen = "not written" if used.missing else used.body_cycle
            self._violate("VQ-ORDER-ELEMENT", text, None, f"before {event.start}", seen, event)
        if used.missing:
            self._step([self.in_flight[0]])
            yield self.in_flight[0], None
            return
        written_len, used_id, flags = used.unpack()
        marks = used_flags(wrap_at(self.queue.next_used, self.queue.size), 0)
        if flags & _MARKS != marks:
            text = f"marks of the used descriptor in slot {slot}"
            self._violate("VQ-USED-WRAP", text, None, f"{marks:#06x}", f"{flags & _MARKS:#06x}", event)
        if flags & DescFlag.WRITE and not written_len:
            self._violate("VQ-USED-WRITE", f"WRITE set in slot {slot}", None, "a length", 0, event)
        chains = [(chain, whole_length(chain)) for chain in self._skipped(used_id, len(self.in_flight))]
        for chain, length in chains:
            self._step([chain])
            yield chain, length
        seen_len = written_len if flags & DescFlag.WRITE else 0
        named = next((chain for chain in self.in_flight if chain.head == used_id), self.in_flight[0])
        self._step([named])
        yield from self._named(used_id, seen_len, event)

    def _step(self, chains: Sequence[Chain]) -> None:
        for chain in chains:
            self.queue.use(chain.slots)
            self.used += 1
        for chain in self.in_flight:  # used descriptors, and new ones, come to lie where it was
            chain.overtaken |= 0 < (self.queue.next_used - chain.position) % (2 * self.queue.size) < self.queue.size

    def _event_write(self, address: int, data: bytes, event: DmaWrite) -> None:
        """The device's event suppression structure, which our own writes as a whole; others may write a part of it, as
        the flags alone.
        """
        if self._strict and (address != self.layout.device_addr or len(data) != EVENT_BYTES):
            text = f"{len(data)} bytes of the event suppression structure written"
            self._violate("VQ-EVENT", text, None, EVENT_BYTES, len(data), event)
            return
        at = address - self.layout.device_addr
        self._event[at : at + len(data)] = data
        suppression = EventSuppression.unpack(bytes(self._event))
        if suppression.flags == RingEventFlag.DESC:
            if not self.full:
                self.event_written = event.cycle
            if not self.queue.has(Feature.EVENT_IDX):
                self._violate("VQ-EVENT", "descriptor event asked for without EVENT_IDX", None, None, None, event)
        if self._event[2] & ~3 or self._event[3] or suppression.flags == 3 or suppression.offset >= self.queue.size:
            self._violate("VQ-EVENT", "reserved value", None, None, bytes(self._event), event)

    def _look(self, event: DmaRead) -> None:
        # The device may be on its way to lists that it has shown already, by reading ahead.
        waiting = [chain.position for chain in self.in_flight if chain.last_response < 0]
        for position in (self.queue.next_avail, *waiting):
            if covers(event, self.layout.flags_address(position % self.queue.size), 2):
                self.looked_start = max(self.looked_start, event.start)
        self._take_lists(event)

    def _take_lists(self, event: DmaRead | None) -> None:
        queue, size = self.queue, self.queue.size
        view = self.view(self._since)
        while self.fault is None:
            place = self.layout.flags_address(queue.next_avail % size)
            try:
                flags = queue.available(view)
                if flags is None:
                    return
                self._show(event, place)
                slots = queue.list_slots(view)
            except NotObserved:
                return
            except BrokenList as error:
                self._broken(error, place)
                return
            except RingError as error:
                self.fault = error
                return
            assert self._shown is not None
            chain = Chain(self.index, -1, self._shown[1], slots=slots, position=queue.next_avail, entries=slots)
            chain.table = self.layout.desc_addr
            queue.step(slots)
            self.in_flight.append(chain)
            self._incomplete.append(chain)
            self._walk(chain)

    def _show(self, event: DmaRead | None, place: int) -> None:
        """The first descriptor of the next list was seen to be available."""
        if self._shown is not None and self._shown[0] == self.queue.next_avail:
            return
        start = self._memory.stamp(place)
        since = start
        if self._strict:
            since = event.cycle if event is not None and covers(event, place, 2) else start + 1
        self._shown = (self.queue.next_avail, since)

    def _broken(self, error: BrokenList, place: int) -> None:
        """A list goes on where nothing is available: for sure only if that was read no earlier than its beginning."""
        if error.available >= self.queue.free_slots:
            if error.available >= self.queue.size:
                self.fault = error
            else:
                self.suspect = error
            return
        after = self.layout.flags_address((self.queue.next_avail + error.available) % self.queue.size)
        if self._memory.stamp(after) >= self._memory.stamp(place):
            self.fault = error

    def _walk(self, chain: Chain) -> None:
        queue = self.queue
        while chain.next_index < chain.entries:
            chain.waiting_at = chain.table + DESC_BYTES * chain.next_index
            if not chain.tables:
                slot = (chain.position + chain.next_index) % queue.size
                chain.waiting_at = self.layout.descriptor_address(slot)
            try:
                data = self._memory.read(chain.waiting_at, DESC_BYTES, chain.since)
            except NotObserved:
                return
            except MemoryFault:
                break
            chain.walked[chain.waiting_at] = data
            descriptor = PackedDescriptor.unpack(data)
            if descriptor.flags & DescFlag.INDIRECT and not chain.tables:
                if not queue.has(Feature.INDIRECT_DESC) or queue.fault_of_table(descriptor, chain.slots):
                    break
                chain.enter_table(descriptor.addr, descriptor.len // DESC_BYTES)
                continue
            chain.next_index += 1
            chain.add(Segment(descriptor.addr, descriptor.len, bool(descriptor.flags & DescFlag.WRITE)))
            if chain.odd(queue.size + 1, queue.address_width):
                break
        try:
            chain.parsed = queue.parse_list(chain.position, chain.slots, self.view(chain.since))
            chain.head = chain.parsed.head
        except NotObserved as missing:
            chain.waiting_at = missing.address
            return
        except RingError as error:
            self._malformed(chain, error)
        self._incomplete.remove(chain)
