# SPDX-License-Identifier: Apache-2.0
"""Rules of packed rings, each with a fault planted into what was seen of a correct device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cocotbext.virtio.events import DmaRead, DmaWrite, IrqChange, RegisterWrite
from tests.unit.lockstep import (
    BASE,
    BUFFERS,
    RecordingDevice,
    Stream,
    broken_rules,
    changed,
    find,
    first_broken,
    reads_at,
    scoreboard,
    without,
    writes_to,
)
from virtio_model import EventSuppression, PackedDescriptor, PackedLayout, Rng
from virtio_model.packed import wrap_at
from virtio_model.spec import DescFlag, Feature, Reg, RingEventFlag, features

_N, _W, _I = DescFlag.NEXT, DescFlag.WRITE, DescFlag.INDIRECT
LAYOUT = PackedLayout(4, BASE, BASE + 0x400, BASE + 0x800)
PLAIN = features(Feature.VERSION_1, Feature.RING_PACKED, Feature.INDIRECT_DESC)
EVENTS = PLAIN | features(Feature.EVENT_IDX)


class PackedDevice(RecordingDevice):
    """A model with a packed ring of 4, and just enough of a driver."""

    def __init__(self, device_features: int = PLAIN) -> None:
        self.position = 0
        super().__init__(Rng(bytes), device_features=device_features)
        self.start()

    def set_up_queue(self, queue: int = 0) -> None:
        self.guest.write(BASE, bytes(BUFFERS - BASE))
        self.position = 0
        self.reg_write(Reg.QUEUE_SEL, queue)
        self.reg_write(Reg.QUEUE_SIZE, LAYOUT.size)
        addresses = (LAYOUT.desc_addr, LAYOUT.driver_addr, LAYOUT.device_addr)
        for low, address in zip(
            (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DEVICE_LOW), addresses, strict=True
        ):
            self.reg_write(low, address)
        self.reg_write(Reg.QUEUE_READY, 1)

    def add_list(self, lengths: Sequence[int], id_: int, flags: int = _W) -> None:
        """A list of device-writable buffers."""
        entries = []
        for i, length in enumerate(lengths):
            wrap = wrap_at(self.position, LAYOUT.size)
            marks = DescFlag.AVAIL if wrap else DescFlag.USED
            more = _N if i + 1 < len(lengths) else 0
            buffer = BUFFERS + 0x1000 * (self.position % LAYOUT.size)
            entries.append((self.position % LAYOUT.size, PackedDescriptor(buffer, length, id_, flags | marks | more)))
            self.position = (self.position + 1) % (2 * LAYOUT.size)
        for slot, descriptor in reversed(entries):
            self.guest.write(LAYOUT.descriptor_address(slot), descriptor.pack())

    def set_event(self, position: int, flags: RingEventFlag) -> None:
        event = EventSuppression(position % LAYOUT.size, wrap_at(position, LAYOUT.size), flags)
        self.guest.write(LAYOUT.driver_addr, event.pack())


def run(device_features: int = PLAIN) -> PackedDevice:
    """Eight requests, three of them of two descriptors: the ring goes round two times and a half."""
    rig = PackedDevice(device_features)
    for step in range(7):
        if device_features & features(Feature.EVENT_IDX):
            rig.set_event(rig.position, RingEventFlag.DESC)
        rig.add_list([64, 32] if step in (1, 4, 5) else [48], id_=step % 3)
        rig.kick()
        rig.handle_interrupt()
    return rig


@pytest.mark.parametrize("offered", [PLAIN, EVENTS])
@pytest.mark.parametrize("strict", [True, False])
def test_correct_device(offered: int, strict: bool) -> None:
    rig = run(offered)
    assert broken_rules(rig, rig.events, min_used=7, strict=strict, device_features=offered) == set()


def test_chains_of_an_indirect_table() -> None:
    rig = PackedDevice()
    table = BASE + 0xC00
    entries = [PackedDescriptor(BUFFERS + 0x100 * i, 16, 0x5555 * i, _W | _I * (i % 2)) for i in range(3)]
    rig.guest.write(table, b"".join(entry.pack() for entry in entries))
    wanted = PackedDescriptor(table, 16 * len(entries), 7, _I | DescFlag.AVAIL)
    rig.guest.write(LAYOUT.desc_addr, wanted.pack())
    rig.kick()
    assert broken_rules(rig, rig.events, device_features=PLAIN) == set()


def used(events: Stream, slot: int, nth: int = 0) -> int:
    return find(events, DmaWrite, writes_to(LAYOUT.used_address(slot)), nth)


def rewritten(events: Stream, index: int, change: Callable[[bytearray], object]) -> Stream:
    """The stream with other bytes in one write."""
    event = events[index]
    assert isinstance(event, DmaWrite)
    ((address, data),) = event.pieces
    other = bytearray(data)
    change(other)
    return changed(events, index, pieces=((address, bytes(other)),))


def set_at(offset: int, value: int) -> Callable[[bytearray], object]:
    return lambda data: data.__setitem__(offset, value)


def swapped_with_payload(events: Stream) -> Stream:
    """The used descriptor goes out before its data is answered."""
    payload = find(events, DmaWrite, lambda event: event.pieces[0][0] >= BUFFERS)
    first, second = events[payload], events[used(events, 0)]
    assert isinstance(first, DmaWrite)
    assert isinstance(second, DmaWrite)
    return changed(changed(events, payload, cycle=second.start + 1), used(events, 0), start=first.start + 1)


def len_after_flags(events: Stream) -> Stream:
    """len goes by itself and is answered only when the flags are on their way."""
    at = used(events, 0)
    whole = events[at]
    assert isinstance(whole, DmaWrite)
    ((address, data),) = whole.pieces
    body = replace(whole, pieces=((address, data[:4]),), cycle=whole.start + 1)
    rest = replace(whole, pieces=((address + 4, data[4:]),))
    return [*events[:at], body, rest, *events[at + 1 :]]


def read_only_once(events: Stream) -> Stream:
    """The descriptors are not read again after their flags."""
    at = find(events, DmaRead, reads_at(LAYOUT.desc_addr))
    flags = find(events, DmaRead, reads_at(LAYOUT.flags_address(0)), 0)
    merged = replace(events[at], start=events[flags].cycle - 2, cycle=events[flags].cycle)
    return [event if i != flags else merged for i, event in enumerate(events) if i != at]


FAULTS: dict[str, tuple[str, Callable[[Stream], Stream]]] = {
    "marks of the round before": ("VQ-USED-WRAP", lambda e: rewritten(e, used(e, 0, 1), set_at(7, 0x80))),
    "only one mark": ("VQ-USED-WRAP", lambda e: rewritten(e, used(e, 0), set_at(7, 0))),
    "WRITE without bytes": (
        "VQ-USED-WRITE",
        lambda e: rewritten(e, used(e, 0), lambda d: d.__setitem__(slice(4), bytes(4))),
    ),
    "bytes without WRITE": ("VQ-USED-LEN", lambda e: rewritten(e, used(e, 0), set_at(6, 0x80))),
    "len": ("VQ-USED-LEN", lambda e: rewritten(e, used(e, 0), set_at(0, 49))),
    "id": ("VQ-USED-ID", lambda e: rewritten(e, used(e, 1), set_at(4, 3))),
    "slot": ("VQ-USED-SLOT", lambda e: changed(e, used(e, 1), pieces=((LAYOUT.used_address(3), bytes(8)),))),
    "second slot of a list": (
        "VQ-USED-SLOT",
        lambda e: changed(e, used(e, 1), pieces=((LAYOUT.used_address(2), bytes.fromhex("6000000001008280")),)),
    ),
    "before the data": ("VQ-ORDER-PAYLOAD", swapped_with_payload),
    "flags before len": ("VQ-ORDER-ELEMENT", len_after_flags),
    "flags alone": (
        "VQ-ORDER-ELEMENT",
        lambda e: changed(e, used(e, 0), pieces=((LAYOUT.flags_address(0), b"\x82\x80"),)),
    ),
    "never used": ("VQ-UNUSED", lambda e: e[: used(e, 0)]),
    "descriptor not read again": ("DMA-WRITE-OUTSIDE", read_only_once),
    "driver's structure written": (
        "VQ-WRITE-RING",
        lambda e: [*e, DmaWrite(e[-1].cycle + 1, e[-1].cycle + 4, ((LAYOUT.driver_addr, bytes(4)),))],
    ),
    "structure asks for a descriptor": (
        "VQ-EVENT",
        lambda e: [*e, DmaWrite(e[-1].cycle + 1, e[-1].cycle + 4, ((LAYOUT.device_addr, b"\0\x80\2\0"),))],
    ),
    "structure in halves": (
        "VQ-EVENT",
        lambda e: [*e, DmaWrite(e[-1].cycle + 1, e[-1].cycle + 4, ((LAYOUT.device_addr, bytes(2)),))],
    ),
    "reserved flags": (
        "VQ-EVENT",
        lambda e: [*e, DmaWrite(e[-1].cycle + 1, e[-1].cycle + 4, ((LAYOUT.device_addr, b"\0\x80\3\0"),))],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_named(name: str) -> None:
    rule, plant = FAULTS[name]
    rig = run()
    assert first_broken(rig, plant(rig.events), device_features=PLAIN) == rule


def test_lists_used_out_of_order() -> None:
    """A used descriptor goes to the next place, whose list it may be (2.8.6): over one of another length, still in
    flight, whose places the driver fills again.
    """
    rig = PackedDevice()
    rig.guest.write(LAYOUT.driver_addr + 2, b"\1\0")  # no interrupts
    for id_, lengths in ((0, [64, 32]), (1, [48]), (2, [16])):
        rig.add_list(lengths, id_)
    rig.read(BASE, 64)

    def use(id_: int, place: int, *buffers: tuple[int, int]) -> None:
        for slot, length in buffers:
            rig.write(BUFFERS + 0x1000 * slot, bytes(length))
        marks = _W | (DescFlag.AVAIL | DescFlag.USED if place < LAYOUT.size else 0)
        content = PackedDescriptor(0, sum(length for _, length in buffers), id_, marks).pack()[8:]
        rig.write(LAYOUT.used_address(place % LAYOUT.size), content)
        rig.read(LAYOUT.driver_addr, 4)

    use(1, 0, (2, 48))
    rig.add_list([40], 1)  # where the first list begins
    rig.read(BASE, 64)
    use(0, 1, (0, 64), (1, 32))
    use(2, 3, (3, 16))
    use(1, 4, (0, 40))
    board = scoreboard(rig, strict=False, fail_fast=False, device_features=PLAIN, entropy_observed=False)
    for event in rig.events:
        board.feed(event)
    board.finish(4)
    assert not board.lost_sight
    assert "VQ-USED-SLOT" in broken_rules(rig, rig.events, device_features=PLAIN)


def test_descriptors_read_with_their_flags_are_judged_by_strictness() -> None:
    """One burst with flags and address is what this device never relies on; others may."""
    rig = run()
    assert broken_rules(rig, read_only_once(rig.events), strict=False, device_features=PLAIN) == set()


def test_interrupt_before_its_descriptor() -> None:
    """With a descriptor event further on, the first list is not to be notified."""
    rig = PackedDevice(EVENTS)
    rig.set_event(1, RingEventFlag.DESC)
    rig.add_list([16], 0)
    rig.kick()
    assert rig.handle_interrupt() == 0
    assert broken_rules(rig, rig.events, device_features=EVENTS) == set()
    early = [*rig.events, IrqChange(rig.now + 1, True)]
    assert first_broken(rig, early, device_features=EVENTS) == "IRQ-UNDUE"


def test_interrupt_that_is_due() -> None:
    rig = PackedDevice(EVENTS)
    rig.set_event(0, RingEventFlag.DESC)
    rig.add_list([16], 0)
    rig.kick()
    silent = without(rig.events, find(rig.events, IrqChange))
    assert first_broken(rig, [*silent], device_features=EVENTS) == "IRQ-MISSING"


@pytest.mark.parametrize(
    ("writes", "rules"),
    [
        ([(2, b"\1\0")], set()),
        ([(2, b"\1\0"), (2, b"\0\0")], set()),
        ([(0, b"\2\x80"), (2, b"\0\0")], set()),
        ([(2, b"\3\0")], {"VQ-EVENT"}),
        ([(2, b"\2\0")], {"VQ-EVENT"}),  # which is for EVENT_IDX
        ([(0, b"\4\x80"), (2, b"\0\0")], {"VQ-EVENT"}),
    ],
)
def test_structure_written_in_part(writes: Sequence[tuple[int, bytes]], rules: set[str]) -> None:
    """A device may write the flags of its structure alone, or the place before them; ours writes it as a whole."""
    rig = run()
    for at, data in writes:
        rig.write(LAYOUT.device_addr + at, data)
    rig.read(LAYOUT.flags_address(rig.position % LAYOUT.size), 2)
    assert broken_rules(rig, rig.events, strict=False, device_features=PLAIN) == rules
    assert broken_rules(rig, rig.events, device_features=PLAIN) == {"VQ-EVENT"}


def test_no_look_after_the_structure_was_written() -> None:
    rig = PackedDevice(EVENTS)
    told = find(rig.events, DmaWrite, writes_to(LAYOUT.device_addr), -1)
    assert broken_rules(rig, rig.events[: told + 1], min_used=0, device_features=EVENTS) == {"VQ-NOTIFY-LOST"}


def test_notification_of_a_full_ring() -> None:
    """Of descriptors in flight none can be available once more: there is nothing to be looked at."""
    for count, lost in ((LAYOUT.size, False), (LAYOUT.size - 1, True)):
        rig = PackedDevice()
        for id_ in range(count):
            rig.add_list([48], id_)
        rig.read(BASE, LAYOUT.desc_bytes)  # looked at, and nothing after that
        rig.events.append(RegisterWrite(rig.now + 10, rig.now + 11, Reg.QUEUE_NOTIFY, 0))
        rules = broken_rules(rig, rig.events, min_used=0, device_features=PLAIN)
        assert ("VQ-NOTIFY-LOST" in rules) is lost


BAD_LISTS: dict[str, tuple[Sequence[tuple[int, int]], Any]] = {
    "not all available": ([(16, _W | _N)], None),
    "table in a list": ([(16, _N), (16, _I)], None),
    "longer than the ring": ([(4, _W | _N)] * 4, None),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_malformed_lists_have_to_be_reported(name: str) -> None:
    rig = PackedDevice()
    entries, _ = BAD_LISTS[name]
    for slot, (length, flags) in enumerate(entries):
        descriptor = PackedDescriptor(BUFFERS, length, 0, flags | DescFlag.AVAIL)
        rig.guest.write(LAYOUT.descriptor_address(slot), descriptor.pack())
    rig.kick()
    rig.handle_interrupt()
    assert rig.device.fault is not None
    assert broken_rules(rig, rig.events, min_used=0, device_features=PLAIN) == set()
    reported = find(rig.events, IrqChange)
    assert "VQ-FAULT-IGNORED" in broken_rules(rig, rig.events[:reported], min_used=0, device_features=PLAIN)
