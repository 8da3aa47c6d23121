# SPDX-License-Identifier: Apache-2.0
"""What is seen at the port of console and input devices: each rule can be broken, and is kept by what is right."""

from __future__ import annotations

import pytest

from cocotbext.virtio.decoder import RecordDecoder
from cocotbext.virtio.events import BusReset, PortIn, PortOut
from cocotbext.virtio.inflight import Chain
from cocotbext.virtio.ports import EVENTS_HELD, Expected, Need, ObservedConsole, ObservedEvents
from cocotbext.virtio.records import Kind, Record
from cocotbext.virtio.violation import Violation
from virtio_model import EMERGENCY, DescriptorChain, InputEvent, Segment

SYN = InputEvent(0, 0, 0).item


def key(code: int) -> int:
    """A key event."""
    return InputEvent(1, code, 1).item


def chain(data: bytes, since: int = 0) -> Chain:
    """A chain of 64 bytes into which the device wrote `data`, known to the device since a cycle."""
    made = Chain(0, 0, since, parsed=DescriptorChain(0, 0, (Segment(0x100, 64, True),)))
    made.written.write(0x100, data)
    return made


class Console:
    """An observed console."""

    def __init__(self, fills: bool = True) -> None:
        self.violations: list[Violation] = []
        self.port = ObservedConsole(self.violations.append, lambda: True, fills)

    def out(self, data: bytes, mark: int = 0) -> None:
        """Bytes come out."""
        for byte in data:
            self.port.left(PortOut(1, byte | mark))

    def come(self, data: bytes, cycle: int = 10) -> None:
        """Bytes come in."""
        for byte in data:
            self.port.arrived(PortIn(cycle, byte))

    def take(self, written: bytes, since: int = 0, room: int = 64) -> bytes:
        """What a chain has to hold into which the device wrote this."""
        self.port.serving(chain(written, since), 50)
        return bytes(self.port.take(room))

    def rules(self) -> set[str]:
        """The rules broken, at the end."""
        self.port.finish(99)
        return {violation.rule for violation in self.violations}


def accepted(runs: list[tuple[list[int], Need]], seen: list[int]) -> bool:
    """Whether `seen` can be all that comes of these runs."""
    expected = Expected()
    for items, need in runs:
        expected.add(items, need)
    return all(expected.see(item) for item in seen) and expected.may_be_over


ALL, WHOLE, PREFIX = Need.ALL, Need.WHOLE, Need.PREFIX


@pytest.mark.parametrize(
    ("runs", "right", "wrong"),
    [
        ([([1, 2], ALL), ([3], ALL)], [[1, 2, 3]], [[], [1], [1, 2], [1, 3], [1, 2, 3, 3], [2]]),
        ([([1, 2], WHOLE), ([3], ALL)], [[1, 2, 3], [3]], [[1, 3], [2, 3], [], [1, 2]]),
        ([([1, 2], PREFIX), ([3], ALL)], [[1, 2, 3], [1, 3], [3]], [[2, 3], [1, 2], [1, 1, 3]]),
        ([([1, 2], WHOLE), ([1, 3], WHOLE)], [[], [1, 2], [1, 3], [1, 2, 1, 3]], [[1], [1, 3, 1, 2], [1, 1]]),
        ([([1, 1], PREFIX), ([1, 2], ALL)], [[1, 2], [1, 1, 2], [1, 1, 1, 2]], [[1, 1, 1, 1, 2], [2]]),
        ([([1], PREFIX)], [[], [1]], [[1, 1], [2]]),
    ],
)
def test_expected(runs: list[tuple[list[int], Need]], right: list[list[int]], wrong: list[list[int]]) -> None:
    assert all(accepted(runs, seen) for seen in right)
    assert not any(accepted(runs, seen) for seen in wrong)


def test_most_left() -> None:
    expected = Expected()
    expected.add([1, 2, 3], Need.WHOLE)
    expected.add([4, 5])
    assert (expected.most_left, expected.next) == (5, 4)
    assert expected.see(1)
    assert (expected.most_left, expected.next) == (4, 2)
    assert all(expected.see(item) for item in (2, 3, 4, 5))
    assert (expected.most_left, expected.next) == (0, None)


def test_bytes_out_come_before_their_chain_is_used() -> None:
    console = Console()
    console.out(b"ab")
    console.port.send(b"ab")
    console.port.send(b"")
    console.port.send(b"c")
    console.out(b"c")
    assert not console.rules()


@pytest.mark.parametrize(("sent", "seen"), [(b"ab", b"a"), (b"a", b"ab"), (b"ab", b"ba"), (b"", b"x"), (b"ab", b"ac")])
def test_bytes_out_wrong(sent: bytes, seen: bytes) -> None:
    console = Console()
    console.port.send(sent)
    console.out(seen)
    assert console.rules() == {"PORT-OUT"}


@pytest.mark.parametrize(("seen", "rules"), [(b"!", set()), (b"ab!", set()), (b"abc!", set()), (b"b!", {"PORT-OUT"})])
def test_bytes_of_a_chain_that_was_cut_off(seen: bytes, rules: set[str]) -> None:
    console = Console()
    console.out(seen[:-1])
    console.port.tentative = True
    console.port.send(b"abc")
    console.port.tentative = False
    console.out(seen[-1:])
    console.port.send(b"!")
    assert console.rules() == rules


def test_after_power_down_nothing_is_expected() -> None:
    console = Console()
    console.port.send(b"abc")
    console.port.send([EMERGENCY])
    console.out(b"a")
    console.port.power_cycle()
    assert not console.rules()


def test_emergency_bytes_overtake_others() -> None:
    console = Console()
    console.port.send([EMERGENCY | 1])
    console.port.send(b"ab")
    console.out(b"a")
    console.out(b"\x01", EMERGENCY)
    console.out(b"b")
    assert not console.rules()


@pytest.mark.parametrize(("sent", "seen"), [(b"ab", b"a"), (b"a", b"ab"), (b"ab", b"ba"), (b"", b"x")])
def test_emergency_bytes_wrong(sent: bytes, seen: bytes) -> None:
    console = Console()
    for byte in sent:
        console.port.send([EMERGENCY | byte])
    console.out(seen, EMERGENCY)
    assert console.rules() == {"PORT-EMERGENCY"}


@pytest.mark.parametrize(("count", "seen", "lost"), [(20, 16, False), (20, 20, False), (20, 15, True), (16, 15, True)])
def test_emergency_bytes_beyond_the_store_may_be_lost(count: int, seen: int, lost: bool) -> None:
    console = Console()
    for byte in range(count):
        console.port.send([EMERGENCY | byte])
    console.out(bytes(range(seen)), EMERGENCY)
    assert console.rules() == ({"PORT-EMERGENCY"} if lost else set())


def test_a_chain_holds_what_had_come_and_may_hold_more() -> None:
    console = Console()
    console.come(b"ab", cycle=10)
    console.come(b"cdef", cycle=20)
    assert console.take(b"abc", since=15) == b"abc"
    assert console.take(b"d", since=25) == b"def"  # all three were there
    assert not console.port.ready
    console.come(b"gh", cycle=40)
    assert console.take(b"", since=30) == b"g"  # not nothing
    assert console.take(b"h", room=1) == b"h"
    assert not console.rules()


def test_a_device_that_does_not_fill_chains() -> None:
    """The standard wants nothing but that no byte waits for others."""
    console = Console(fills=False)
    console.come(b"abcd", cycle=10)
    assert console.take(b"a", since=15) == b"a"
    assert console.take(b"bc", since=15) == b"bc"
    assert console.take(b"", since=15) == b"d"  # not nothing
    assert not console.rules()


def test_a_chain_without_a_byte() -> None:
    console = Console()
    assert console.take(b"", room=0) == b""
    assert not console.violations
    assert console.take(b"") == b""
    assert console.rules() == {"PORT-IN"}


def test_bytes_of_before_a_reset_are_forgotten() -> None:
    console = Console()
    console.come(b"old", cycle=10)
    console.port.forget(20)
    console.come(b"old", cycle=20)
    console.come(b"new", cycle=21)
    assert console.take(b"new", since=30) == b"new"


class Events:
    """Observed events of a device that is live."""

    def __init__(self, strict: bool = True, held: int = EVENTS_HELD) -> None:
        self.violations: list[Violation] = []
        self.live = True
        self.port = ObservedEvents(self.violations.append, lambda: self.live, strict, held)

    def come(self, *items: int, cycle: int = 100) -> None:
        """Events come in."""
        for item in items:
            self.port.arrived(PortIn(cycle, item))

    def take(self, item: int | None) -> list[int]:
        """What a chain has to hold into which the device wrote this event."""
        self.port.serving(chain(b"" if item is None else item.to_bytes(8, "little"), 0), 50)
        return self.port.take(1)


def test_sequences_whole() -> None:
    events = Events()
    events.come(key(1))
    assert not events.port.ready
    events.come(SYN)
    assert events.port.ready
    assert events.take(key(1)) == [key(1)]
    assert events.take(None) == [SYN]
    assert events.take(key(2)) == [SYN]
    assert not events.violations


def test_event_before_the_end_of_its_sequence() -> None:
    events = Events()
    events.come(key(1))
    assert events.take(key(1)) == []
    assert [violation.rule for violation in events.violations] == ["PORT-IN"]


def test_sequences_beyond_the_store_may_be_dropped_as_a_whole() -> None:
    events = Events()
    for _ in range(EVENTS_HELD // 2):
        events.come(key(1), SYN)
    events.come(key(2), key(3), SYN)
    for _ in range(EVENTS_HELD // 2):
        assert events.take(key(1)) == [key(1)]
        assert events.take(SYN) == [SYN]
    assert not events.port.ready
    events.come(key(4), SYN)
    assert events.take(key(3)) == [key(4)]
    assert events.take(key(2)) == [key(2)]
    assert events.take(key(4)) == [key(3)]
    assert events.take(key(3)) == [key(3)]
    assert events.take(SYN) == [SYN]
    assert events.take(key(4)) == [key(4)]


def test_sequences_that_fit_no_store_are_never_delivered() -> None:
    events = Events()
    events.come(*[key(1)] * EVENTS_HELD, SYN)
    assert events.take(key(1)) == []
    assert [violation.rule for violation in events.violations] == ["PORT-IN"]


def test_sequences_begun_without_a_driver() -> None:
    """Not delivered; about the write that changes it, as a whole or not at all."""
    events = Events()
    events.live = False
    events.come(key(1), cycle=100)
    events.live = True
    events.port.changed(200)
    events.come(SYN, cycle=300)
    assert not events.port.ready
    events.come(key(2), SYN, cycle=210)
    assert not events.port.ready
    assert events.take(key(2)) == [key(2)]
    assert events.take(SYN) == [SYN]
    events.come(key(3), SYN, cycle=300)
    assert events.port.ready


def test_events_of_before_a_reset_are_forgotten() -> None:
    events = Events()
    events.come(key(1), SYN, cycle=100)
    events.come(key(2), cycle=110)
    events.port.forget(120)
    events.come(SYN, cycle=130)
    assert not events.port.ready
    events.come(key(3), SYN, cycle=140)
    assert events.take(key(3)) == [key(3)]


def test_sequence_after_a_power_cycle() -> None:
    events = Events()
    events.come(key(1), cycle=100)
    events.port.power_cycle()
    events.port.forget(110)
    events.come(key(2), SYN, cycle=120)
    assert events.take(key(2)) == [key(2)]


def test_other_device_may_deliver_before_the_end() -> None:
    events = Events(strict=False)
    events.come(key(1), key(2))
    assert not events.port.ready
    assert events.take(key(1)) == [key(1)]
    assert events.port.ready  # not one event out of a sequence
    assert events.take(key(2)) == [key(2)]
    assert not events.port.ready
    events.come(SYN)
    assert events.port.ready
    assert events.take(SYN) == [SYN]
    assert not events.port.ready
    assert not events.violations
    assert events.take(SYN) == []
    assert [violation.rule for violation in events.violations] == ["PORT-IN"]


@pytest.mark.parametrize(("held", "due"), [(0, False), (2, False), (3, True)])
def test_other_device_stores_what_it_says(held: int, due: bool) -> None:
    events = Events(strict=False, held=held)
    events.come(key(1), key(2), SYN)
    assert events.port.ready is due
    events.come(key(3), SYN)
    for item in (key(1), key(2), SYN) if due else (key(3), SYN):
        assert events.take(item) == [item]
    assert not events.violations


def test_other_device_may_keep_what_comes_before_its_driver() -> None:
    for item in (key(1), key(2)):
        events = Events(strict=False, held=8)
        events.live = False
        events.come(key(1), SYN, cycle=100)
        events.live = True
        events.come(key(2), SYN, cycle=200)
        assert events.take(item) == [item]
        assert events.take(SYN) == [SYN]


def test_other_device_forgets_the_rest_of_what_a_reset_cut() -> None:
    events = Events(strict=False)
    events.come(key(1), cycle=100)
    events.port.forget(110)
    events.come(key(2), SYN, cycle=120)
    assert not events.port.ready
    events.come(key(3), SYN, cycle=130)
    assert events.take(key(2)) == [key(3)]


def test_records_of_the_port() -> None:
    items = [Record(Kind.RESET, 1), Record(Kind.PORT_OUT, 5, 0x141), Record(Kind.PORT_IN, 6, 1 << 63)]
    assert RecordDecoder().decode(items) == [BusReset(1), PortOut(5, 0x141), PortIn(6, 1 << 63)]


@pytest.mark.parametrize(
    ("sent", "seen", "good"),
    [
        (b"", b"xyz", True),
        (b"12345678", b"xyz12345678", True),
        (b"12345678", b"xyz1234567", False),
        (b"12345678", b"xyz12345678x", False),
        (b"1234567", b"1234567xyz1234567", True),  # too few to tell which they are
        (b"1234567", b"xyz1234567x", False),
        (b"12345678abc", b"x1212345678abc", True),
    ],
)
def test_what_nobody_knows_may_come_out(sent: bytes, seen: bytes, good: bool) -> None:
    console = Console()
    console.port.send(b"first")
    console.out(b"first")
    console.port.doubt()
    console.port.doubt()
    console.out(seen)
    if sent:
        console.port.send(sent)
    assert console.rules() == (set() if good else {"PORT-OUT"})
