# SPDX-License-Identifier: Apache-2.0
"""Frames at the MAC port: each rule of `ObservedFrames` can be broken, and is kept by what is right."""

from __future__ import annotations

import pytest

from cocotbext.virtio.decoder import RecordDecoder
from cocotbext.virtio.events import BusReset, FrameReceived, FrameSent
from cocotbext.virtio.frames import ObservedFrames
from cocotbext.virtio.records import Kind, Record
from cocotbext.virtio.violation import Violation
from virtio_model import Net, Wire

A, B, C = b"a" * 60, b"b" * 60, b"c" * 60


class Rig:
    """Observed frames of a device that wants every frame in `wanted` and holds 200 bytes of them."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.wanted = {A, B, C}
        self.frames = ObservedFrames(Net(Wire(), bytes(6)), self.violations.append, 200, 8)
        self.frames.wanted = lambda frame: frame in self.wanted
        self.seen: bytes | None = None
        self.frames.serving(self.written, 0)

    def written(self, length: int) -> bytes | None:
        """What the chain being served holds."""
        return self.seen[:length] if self.seen is not None and length <= len(self.seen) else None

    def arrive(self, *frames: bytes, cycle: int = 1000) -> None:
        """Frames are received."""
        for frame in frames:
            self.frames.arrived(FrameReceived(cycle - 10, cycle, frame))


def test_sent_in_order_whichever_comes_first() -> None:
    rig = Rig()
    rig.frames.send(A)
    rig.frames.left(FrameSent(1, 2, A))
    rig.frames.left(FrameSent(3, 4, B))
    rig.frames.send(B)
    rig.frames.finish(9)
    assert not rig.violations


@pytest.mark.parametrize(("sent", "seen"), [([A], []), ([], [A]), ([A], [B]), ([A, B], [B, A]), ([A], [A[:-1]])])
def test_sent_wrongly(sent: list[bytes], seen: list[bytes]) -> None:
    rig = Rig()
    for frame in sent:
        rig.frames.send(frame)
    for frame in seen:
        rig.frames.left(FrameSent(1, 2, frame))
    rig.frames.finish(9)
    assert {violation.rule for violation in rig.violations} == {"NET-SENT"}


@pytest.mark.parametrize(
    ("seen", "sure", "good"),
    [
        ([C, C], [], True),
        ([C, A, B], [A, B], True),
        ([A], [A], True),
        ([C], [A], False),
        ([A, C], [A], False),
        ([A, C, B], [A, B], False),
    ],
)
@pytest.mark.parametrize("early", [False, True])
def test_what_nobody_knows_may_be_sent(seen: list[bytes], sure: list[bytes], good: bool, early: bool) -> None:
    rig = Rig()
    rig.frames.doubt()
    rig.frames.doubt()
    if early:
        for frame in sure:
            rig.frames.send(frame)
    for frame in seen:
        rig.frames.left(FrameSent(1, 2, frame))
    if not early:
        for frame in sure:
            rig.frames.send(frame)
    rig.frames.finish(9)
    assert bool(rig.violations) is not good


def test_nothing_of_before_is_sent_after_a_power_cycle() -> None:
    rig = Rig()
    rig.frames.send(A)
    rig.frames.power_cycle()
    rig.frames.send(B)
    rig.frames.left(FrameSent(1, 2, B))
    rig.frames.finish(9)
    assert not rig.violations
    rig.frames.left(FrameSent(3, 4, C))
    rig.frames.power_cycle()
    assert [violation.rule for violation in rig.violations] == ["NET-SENT"]
    rig.frames.doubt()
    rig.frames.left(FrameSent(5, 6, C))
    rig.frames.power_cycle()
    assert len(rig.violations) == 1


@pytest.mark.parametrize("seen", [[A, B], [B], []])
def test_cut_off_requests_may_be_sent(seen: list[bytes]) -> None:
    rig = Rig()
    rig.frames.tentative = True
    rig.frames.send(A)
    rig.frames.tentative = False
    if B in seen:
        rig.frames.send(B)
    for frame in seen:
        rig.frames.left(FrameSent(1, 2, frame))
    rig.frames.finish(9)
    assert not rig.violations


def test_wanted_frames_have_to_come() -> None:
    rig = Rig()
    rig.arrive(A, b"unwanted", B)
    assert rig.frames.waiting() == A
    rig.frames.done(True)
    assert rig.frames.waiting() == B
    rig.frames.done(True)
    assert rig.frames.waiting() is None


def test_bad_frames_do_not_come() -> None:
    rig = Rig()
    rig.frames.arrived(FrameReceived(1, 2, A, ok=False))
    assert rig.frames.waiting() is None


def test_frames_without_room_may_come() -> None:
    for seen, expected in ((C, C), (None, None)):
        rig = Rig()
        rig.arrive(A, B, C)
        for _ in range(2):
            assert rig.frames.waiting() is not None
            rig.frames.done(True)
        rig.seen = None if seen is None else bytes(12) + seen
        assert rig.frames.waiting() == expected


def test_change_under_way() -> None:
    rig = Rig()
    rig.wanted = {A}
    rig.arrive(A, B)
    rig.wanted = {B}
    rig.frames.changed(since=1000)
    assert rig.frames.waiting() is None
    rig = Rig()
    rig.wanted = {A}
    rig.arrive(A, B)
    rig.wanted = {B}
    rig.frames.changed(since=1000)
    rig.seen = bytes(12) + B
    assert rig.frames.waiting() == B


def test_change_long_after() -> None:
    rig = Rig()
    rig.arrive(A)
    rig.wanted = set()
    rig.frames.changed(since=5000)
    assert rig.frames.waiting() == A


def test_reset_forgets() -> None:
    rig = Rig()
    rig.arrive(A, cycle=100)
    rig.frames.reset(200)
    assert rig.frames.waiting() is None
    rig.frames.arrived(FrameReceived(190, 300, B))
    assert rig.frames.waiting() is None
    rig.arrive(C, cycle=400)
    assert rig.frames.waiting() == C


def test_records_become_events() -> None:
    records = [
        Record(Kind.RESET, 1),
        Record(Kind.SENT, 20, 0, 10, payload=A),
        Record(Kind.RECEIVED, 30, 0, 25, payload=B),
        Record(Kind.RECEIVED, 40, 1, 35, payload=C),
    ]
    expected = [BusReset(1), FrameSent(10, 20, A), FrameReceived(25, 30, B), FrameReceived(35, 40, C, ok=False)]
    assert RecordDecoder().decode(records) == expected
