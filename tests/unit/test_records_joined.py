# SPDX-License-Identifier: Apache-2.0
"""Bursts of the tap that are joined into one record of its log, and what keeps them apart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cocotbext.virtio.records import Kind, Record, pieces

from .tap_log import (
    BYTES,
    INCR,
    LEAST_JOINED,
    RESET,
    SLVERR,
    Bus,
    MakeBus,
    Step,
    ar,
    aw,
    b,
    lanes,
    log_of,
    note,
    r,
    read,
    w,
    write,
)


@dataclass
class Burst:
    """What a burst has to look like in the log."""

    write: bool
    start: int
    cycle: int
    address: int
    data: bytes
    ok: bool = True

    def steps(self) -> list[Step]:
        resp = 0 if self.ok else SLVERR
        if self.write:
            return write(self.start, self.cycle, self.address, self.data, resp)
        words = [self.data[i : i + BYTES] for i in range(0, len(self.data), BYTES)]
        beats = [r(self.cycle, word, i == len(words) - 1, resp) for i, word in enumerate(words)]
        return [ar(self.start, self.address, len(words)), *beats]


@dataclass
class Joined:
    """Consecutive bursts that one record may hold."""

    bursts: list[Burst] = field(default_factory=list)

    def record(self) -> Record:
        first, last = self.bursts[0], self.bursts[-1]
        data = b"".join(burst.data for burst in self.bursts)
        start, count = min(burst.start for burst in self.bursts), len(self.bursts)
        response = 0 if first.ok else SLVERR
        if first.write:
            payload = first.address.to_bytes(8, "little") + len(data).to_bytes(8, "little") + data
            return Record(Kind.WRITE, last.cycle, 1, start, response, count, payload, 0, INCR, BYTES)
        return Record(Kind.READ, last.cycle, first.address, start, response, count, data, 0, INCR, BYTES)


def joined(entries: Sequence[Burst | int], cuts: Sequence[int] = ()) -> list[Record]:
    """The log that bursts, and interrupt edges by their cycles, have to leave; `cuts` are where it is taken."""
    found: list[Joined | Record] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, int):
            found.append(Record(Kind.IRQ, entry, index & 1, entry))
            continue
        tail = found[-1] if found and index not in cuts else None
        others = [part.record() if isinstance(part, Joined) else part for part in found[:-1]]
        before = max([1, *(record.cycle for record in others)])
        if isinstance(tail, Joined):
            parts = tail.bursts
            length = sum(len(part.data) for part in parts)
            if (
                parts[0].write == entry.write
                and parts[0].ok
                and entry.ok
                and parts[-1].address + len(parts[-1].data) == entry.address
                and length >= LEAST_JOINED
                and min(part.start for part in [*parts, entry]) > before
            ):
                parts.append(entry)
                continue
        found.append(Joined([entry]))
    return [part.record() if isinstance(part, Joined) else part for part in found]


def logged(bus: Bus, entries: Sequence[Burst | int], cuts: Sequence[int] = ()) -> list[Record]:
    """The log that the same leave in the tap, bursts each being handed over when they end."""
    found = log_of(bus, RESET)[1:]
    for index, entry in enumerate(entries):
        if index in cuts:
            found += bus.take()
        for step in [note(Kind.IRQ, entry, index & 1)] if isinstance(entry, int) else entry.steps():
            step(bus)
    return found + bus.take()


def page(first: int, length: int = 64) -> bytes:
    return bytes((first + i) & 0xFF for i in range(length))


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize(
    ("entries", "cuts", "counts"),
    [
        ([(5, 8, 0x1000, 64), (6, 9, 0x1040, 64), (7, 10, 0x1080, 8)], [], [3]),
        ([(5, 8, 0x1000, 56), (9, 11, 0x1038, 64), (10, 12, 0x1078, 8)], [], [1, 2]),  # the first is short
        ([(5, 8, 0x1000, 64), (6, 9, 0x1048, 64)], [], [1, 1]),  # a gap
        ([(5, 8, 0x1000, 64), (6, 9, 0x1000, 64)], [], [1, 1]),  # the same again
        ([(5, 8, 0x1000, 64), 9, (10, 11, 0x1040, 64)], [], [1, 0, 1]),  # something between them
        ([7, (8, 9, 0x1000, 64), (6, 10, 0x1040, 64)], [], [0, 1, 1]),  # the second began before
        ([7, (6, 9, 0x1000, 64), (8, 10, 0x1040, 64)], [], [0, 1, 1]),  # the first began before
        ([7, (9, 10, 0x1000, 64), (8, 11, 0x1040, 64)], [], [0, 2]),  # both after, in any order
        ([(5, 8, 0x1000, 64), (6, 9, 0x1040, 64)], [1], [1, 1]),  # taken in between
        ([(5, 8, 0x1000, 64), (9, 10, 0x1040, 64), (9, 11, 0x1080, 64)], [1], [1, 2]),
    ],
)
def test_joining(
    bus: MakeBus, is_write: bool, entries: list[tuple[int, ...] | int], cuts: list[int], counts: list[int]
) -> None:
    """Bursts are joined where that leaves the order of the log as it is; `counts` has 0 for what is not a burst."""
    bursts = [
        entry if isinstance(entry, int) else Burst(is_write, *entry[:3], page(i, entry[3]))
        for i, entry in enumerate(entries)
    ]
    found = logged(bus(), bursts, cuts)
    assert [0 if record.kind == Kind.IRQ else record.bursts for record in found] == counts
    assert found == joined(bursts, cuts)


def test_a_write_begun_in_between_keeps_bursts_apart(bus: MakeBus) -> None:
    """A used idx may be written between elements: after those before it are answered, before those after it are."""
    tapped = bus()
    log_of(tapped, RESET)
    first, second = write(10, 30, 0x1008, page(0)), write(20, 40, 0x1048, page(1))
    idx = write(33, 50, 0x2000, page(2, 8))
    for step in [*first[:-1], *second[:-1], first[-1], *idx[:-1], second[-1], idx[-1]]:
        step(tapped)
    found = [(record.bursts, record.start, record.cycle) for record in tapped.take()]
    assert found == [(1, 10, 30), (1, 20, 40), (1, 33, 50)]
    # What goes on from them is not in between.
    parts = [write(60, 63, 0x3000, page(0)), write(61, 65, 0x3040, page(1)), write(64, 66, 0x3080, page(2, 8))]
    for step in [*parts[0][:-1], *parts[1][:-1], parts[0][-1], *parts[2][:-1], parts[1][-1], parts[2][-1]]:
        step(tapped)
    assert [(record.bursts, record.start, record.cycle) for record in tapped.take()] == [(3, 60, 66)]


def test_bursts_tell_their_shape_and_response(bus: MakeBus) -> None:
    tapped = bus()
    log_of(tapped, RESET)
    for step in [ar(5, 0x1004, 1, size=2, id=3), r(6, bytes(8), True, 3, id=3)]:
        step(tapped)
    (found,) = tapped.take()
    assert (found.id, found.burst, found.size, found.response) == (3, INCR, 4, 3)
    assert (found.start, found.cycle, found.value, len(found.payload)) == (5, 6, 0x1004, 4)


def test_reads_and_writes_are_not_joined(bus: MakeBus) -> None:
    entries = [Burst(False, 5, 8, 0x1000, page(0)), Burst(True, 6, 9, 0x1040, page(1))]
    assert [record.kind for record in logged(bus(), entries)] == [Kind.READ, Kind.WRITE]


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize("failing", [(0,), (1,), (0, 1), (1, 2)])
def test_failed_bursts_are_not_joined(bus: MakeBus, is_write: bool, failing: tuple[int, ...]) -> None:
    entries = [Burst(is_write, 5 + i, 8 + i, 0x1000 + 64 * i, page(i), i not in failing) for i in range(4)]
    found = logged(bus(), entries)
    assert found == joined(entries)
    assert all(not record.response or record.bursts == 1 for record in found)
    assert sum(record.response == SLVERR for record in found) == len(failing)


def test_writes_of_several_pieces_are_not_joined(bus: MakeBus) -> None:
    holed = [aw(6, 0x1040, beats=2), w(6, lanes(), 0x7F, last=False), w(6, lanes()), b(9)]
    found = log_of(bus(), *write(5, 8, 0x1000, page(0)), *holed, *write(7, 10, 0x1050, page(1)))
    assert [len(pieces(record.payload)) for record in found] == [1, 2, 1]


def test_joined_bursts_may_end_anywhere(bus: MakeBus) -> None:
    narrow = [r(9, lanes(i), last=i == 2) for i in range(3)]
    reads = [*read(5, 8, 0x1000, page(0)), ar(6, 0x1040, 3, 0), *narrow, ar(7, 0x1043), r(10, lanes(8))]
    data = page(0) + b"\0\2\4" + lanes(8)[3:]
    assert log_of(bus(), *reads) == [Record(Kind.READ, 10, 0x1000, 5, 0, 3, data, 0, INCR, BYTES)]
    first, second = [aw(6, 0x1040), w(6, lanes(), 0x07), b(9)], [aw(7, 0x1043), w(7, lanes(), 0x38), b(10)]
    (record,) = log_of(bus(), *write(5, 8, 0x1000, page(0)), *first, *second)
    assert pieces(record.payload) == ((0x1000, page(0) + lanes()[:6]),)


def test_a_joined_record_holds_at_most_a_mebibyte(bus: MakeBus) -> None:
    entries = [Burst(True, 5 + 2 * i, 6 + 2 * i, 2048 * i, page(i, 2048)) for i in range(1025)]
    steps = [step for entry in entries for step in entry.steps()]
    found = log_of(bus(), *steps)
    assert [record.bursts for record in found] == [512, 512, 1]
    assert b"".join(data for record in found for _, data in pieces(record.payload)) == b"".join(e.data for e in entries)


@pytest.mark.parametrize("seed", range(30))
def test_random_traffic_is_joined_by_the_rules(bus: MakeBus, seed: int) -> None:
    rng = random.Random(seed)
    entries: list[Burst | int] = []
    address, cycle = {False: 0x1000, True: 0x8000}, 10
    is_write = False
    for _ in range(200):
        cycle += rng.choice([0, 1, 1, 2, 9])
        if rng.random() < 0.1:
            entries.append(cycle)
            continue
        is_write ^= rng.random() < 0.2
        if rng.random() < 0.1:
            address[is_write] += 8
        length = BYTES * rng.choice([1, 7, 8, 9, 16])
        length = min(length, -address[is_write] % 4096 or length)
        start, ok = cycle - rng.choice([1, 1, 2, 3, 8]), rng.random() < 0.9
        entries.append(Burst(is_write, start, cycle, address[is_write], rng.randbytes(length), ok))
        address[is_write] += length
    cuts = rng.sample(range(1, len(entries)), 5)
    found = logged(bus(), entries, cuts)
    assert found == joined(entries, cuts)
    assert sum(record.bursts > 1 for record in found) > 3
