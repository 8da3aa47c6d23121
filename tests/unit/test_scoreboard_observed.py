# SPDX-License-Identifier: Apache-2.0
"""What was seen, byte by byte; interrupts and requests cut off, where time matters."""

from __future__ import annotations

from collections import deque

import pytest

from cocotbext.virtio.events import DmaRead, DmaWrite, EntropyWord, IrqChange, PortIn, RegisterRead, RegisterWrite
from cocotbext.virtio.interrupts import InterruptChecker
from cocotbext.virtio.observed import (
    ChainView,
    NotFlushed,
    NotObserved,
    ObservedEntropy,
    ObservedMemory,
    UncertainStorage,
    WrittenBytes,
)
from cocotbext.virtio.violation import Violation
from virtio_model import Console, MemoryFault, MemoryStorage, Port
from virtio_model.spec import Reg
from virtio_model.storage import StorageError

from .lockstep import BUFFERS, QUEUE, RecordingDevice, blk_device, broken_rules, find, rng_device, scoreboard, writes_to

HEADER, DATA, STATUS = BUFFERS, BUFFERS + 0x1001, BUFFERS + 0x3000


def test_observed_bytes_count_from_the_cycle_they_were_asked_for() -> None:
    memory = ObservedMemory()
    memory.record(DmaRead(10, 20, 0xFFE, b"abcd"))
    assert memory.read(0xFFE, 4, since=10) == b"abcd"
    with pytest.raises(NotObserved, match="4 bytes at 0xffe, unread from 0xffe on"):
        memory.read(0xFFE, 4, since=11)
    with pytest.raises(NotObserved, match="unread from 0x1002 on"):
        memory.read(0x1000, 3, since=0)
    memory.record(DmaRead(30, 31, 0x1000, b"X"))
    assert memory.read(0xFFE, 4, since=10) == b"abXd"
    assert memory.stamp(0x1000) == 30
    assert memory.stamp(0x9000) == -1


def test_observed_errors_fault() -> None:
    memory = ObservedMemory()
    memory.record(DmaRead(10, 20, 0x1000, b"ab"))
    memory.record(DmaRead(10, 20, 0x1002, b"cd", ok=False))
    assert memory.read(0x1000, 2, 0) == b"ab"
    with pytest.raises(MemoryFault):
        memory.read(0x1001, 2, 0)
    view = ChainView(memory, 0, [DmaWrite(1, 2, ((0x2000, b"1234"),), ok=False)])
    view.write(0x2004, b"x")
    with pytest.raises(MemoryFault):
        view.write(0x1FFF, b"xy")


def test_written_bytes_compare() -> None:
    expected, seen = WrittenBytes(), WrittenBytes()
    expected.write(0xFFF, b"\1\2")
    assert expected.missing_or_wrong(seen) == (0xFFF, 1, None)
    seen.write(0xFFF, b"\1\3")
    assert expected.missing_or_wrong(seen) == (0x1000, 2, 3)
    assert expected.missing_or_wrong(seen, values=False) is None
    seen.write(0x1000, b"\2\0")
    assert expected.missing_or_wrong(seen) is None
    assert seen.first_beyond(expected) == (0x1001, 0)
    assert seen.get(0xFFF, 3) == b"\1\2\0"
    assert seen.get(0xFFF, 4) is None


def test_entropy_not_taken() -> None:
    entropy = ObservedEntropy()
    entropy.words.append(0x04030201)
    with pytest.raises(NotObserved, match="8 bytes of entropy, 4 taken"):
        entropy(8)
    assert entropy(4) == b"\1\2\3\4"
    entropy.complete = False
    assert entropy(4) == bytes(4)


def test_flush_that_fails_is_not_looked_for() -> None:
    inner = MemoryStorage(8)
    storage = UncertainStorage(inner, deque([5]))
    inner.flush_fails = True
    with pytest.raises(StorageError):
        storage.flush()
    inner.flush_fails = False
    storage.flush()  # the one that was seen
    with pytest.raises(NotFlushed):
        storage.flush()


def test_uncertain_sector_settles_on_what_is_delivered_if_possible() -> None:
    inner = MemoryStorage(2)
    storage = UncertainStorage(inner)
    storage.tentative = True
    storage.write(1, b"\7" * 512)
    storage.tentative = False
    assert inner.read(1) == bytes(512)
    storage.begin(lambda n: b"\5" * 512)
    assert storage.read(1) == bytes(512)
    storage.begin(lambda n: b"\7" * 256 + bytes(256))
    assert storage.read(1) == b"\7" * 256 + bytes(256)
    storage.begin(lambda n: b"\7" * 512)
    assert storage.read(1) == b"\7" * 256 + bytes(256)


def write_request(rig: RecordingDevice, fill: int) -> None:
    rig.guest.write(HEADER, (1).to_bytes(4, "little") + bytes(4) + (3).to_bytes(8, "little"))
    rig.guest.write(DATA, bytes([fill]) * 512)
    rig.add([(HEADER, 16, False), (DATA, 512, False), (STATUS, 1, True)])


def read_request(rig: RecordingDevice) -> None:
    rig.guest.write(HEADER, bytes(8) + (3).to_bytes(8, "little"))
    rig.add([(HEADER, 16, False), (DATA, 512, True), (STATUS, 1, True)])


@pytest.mark.parametrize("committed", [True, False])
def test_write_cut_off_by_a_reset_may_have_happened(committed: bool) -> None:
    rig = blk_device()
    write_request(rig, 0x77)
    before = rig.device.function.storage.read(3)  # type: ignore[attr-defined]
    rig.kick()
    cut = find(rig.events, DmaWrite, writes_to(STATUS))
    del rig.events[cut:]
    if not committed:
        rig.device.function.storage.write(3, before)  # type: ignore[attr-defined]
    rig._level = False
    rig.reset()
    rig.start()
    read_request(rig)
    rig.kick()
    rig.handle_interrupt()
    assert broken_rules(rig, rig.events) == set()


def test_read_error_of_data_makes_the_model_fail_the_request() -> None:
    rig = blk_device()
    write_request(rig, 0x77)
    rig.guest.add_fault_window(DATA, 512)
    rig.kick()
    rig.handle_interrupt()
    assert rig.guest.read(STATUS, 1) == b"\1"
    assert broken_rules(rig, rig.events) == set()
    rig.events = [
        e if not isinstance(e, DmaRead) or e.ok else DmaRead(e.start, e.cycle, e.address, e.data) for e in rig.events
    ]
    assert broken_rules(rig, rig.events) == {"VQ-DATA"}


def test_write_error_of_payload() -> None:
    rig = rng_device()
    rig.add([(BUFFERS, 4, True), (BUFFERS + 0x100, 4, True)])
    rig.guest.add_fault_window(BUFFERS + 0x100, 4)
    rig.kick()
    rig.handle_interrupt()
    assert broken_rules(rig, rig.events) == set()


def test_ring_error_sets_needs_reset() -> None:
    rig = rng_device()
    rig.add([(BUFFERS, 4, True)])
    rig.guest.add_fault_window(QUEUE.desc_addr, 16)
    rig.kick()
    rig.reg_read(Reg.STATUS)
    rig.handle_interrupt()
    assert broken_rules(rig, rig.events, min_used=0) == set()
    assert "REG-NEEDS-RESET" in broken_rules(
        rig, [e for e in rig.events if not isinstance(e, DmaRead) or e.ok], min_used=0
    )


def test_partial_entropy_is_allowed_by_the_standard() -> None:
    """5.4.6.1: at least one byte; our device fills the buffer."""
    rig = rng_device()
    rig.add([(BUFFERS, 8, True)])
    rig.kick()
    rig.handle_interrupt()
    events = list(rig.events)
    at = find(events, DmaWrite, writes_to(BUFFERS))
    payload = events[at]
    assert isinstance(payload, DmaWrite)
    events[at] = DmaWrite(payload.start, payload.cycle, ((BUFFERS, payload.pieces[0][1][:3]),))
    used = find(events, DmaWrite, writes_to(QUEUE.used_element_address(0)))
    element = events[used]
    assert isinstance(element, DmaWrite)
    events[used] = DmaWrite(element.start, element.cycle, ((element.pieces[0][0], bytes(4) + b"\3\0\0\0"),))
    assert broken_rules(rig, events, strict=False) == set()
    assert broken_rules(rig, events) == {"VQ-USED-LEN", "VQ-DATA"}


def test_wide_fetches_are_allowed_by_the_standard() -> None:
    rig = rng_device()
    rig.add([(BUFFERS, 8, True)])
    rig.kick()
    rig.handle_interrupt()
    events = [
        DmaRead(e.start, e.cycle, e.address & ~63, rig.guest.read(e.address & ~63, 128))
        if isinstance(e, DmaRead) and e.address < QUEUE.driver_addr
        else e
        for e in rig.events
    ]
    assert broken_rules(rig, events, strict=False) == set()


def test_malformed_chain_is_known_at_its_first_odd_descriptor() -> None:
    """The device need not read to the end of a chain that is too long already (2.7.5.2)."""
    rig = rng_device()
    half = 0x8000_0000
    rig.add([(BUFFERS, half, False), (BUFFERS, half, False), (BUFFERS, 8, False), (BUFFERS, 8, True)])
    rig.kick()
    rig.handle_interrupt()
    rig.reg_read(Reg.STATUS)
    descriptors = [e for e in rig.events if isinstance(e, DmaRead) and QUEUE.desc_addr <= e.address < QUEUE.driver_addr]
    assert len(descriptors) == 2
    assert broken_rules(rig, rig.events, min_used=0) == set()


def test_interrupt_owed_when_a_reset_begins() -> None:
    """A device being reset owes nothing, and its line may rise and fall before the reset is answered."""
    rig = rng_device()
    rig.add([(BUFFERS, 8, True)])
    rig.kick()
    for rises in (True, False):
        events = list(rig.events[: find(rig.events, IrqChange)])
        at = events[-1].cycle
        events.append(RegisterWrite(at + 5, at + 1000, Reg.STATUS, 0))
        events += [IrqChange(at + 6, True), IrqChange(at + 7, False)] if rises else []
        events += [EntropyWord(at + 900, 1), RegisterRead(at + 1010, at + 1011, Reg.STATUS, 0)]
        assert broken_rules(rig, events) == set()


def test_read_asked_for_before_the_buffer_was_given_back() -> None:
    rig = blk_device()
    write_request(rig, 0x77)
    rig.kick()
    rig.handle_interrupt()
    idx = rig.events[find(rig.events, DmaWrite, writes_to(QUEUE.used_idx_address))]
    assert isinstance(idx, DmaWrite)
    for start, rules in ((idx.start - 1, set()), (idx.start, {"DMA-READ-OUTSIDE"})):
        late = DmaRead(start, rig.now + 1, DATA, b"\x77")
        assert broken_rules(rig, [*rig.events, late]) == rules


def test_ring_full_and_refilled_before_the_response_to_used_idx() -> None:
    """The driver sees used idx in memory before the device has its response, and may fill the ring again."""
    rig = rng_device()
    for head in range(QUEUE.size):
        rig.add([(BUFFERS + 8 * head, 8, True)], head)
    rig.kick()
    rig.handle_interrupt()
    at = find(rig.events, DmaWrite, writes_to(QUEUE.used_idx_address))
    idx = rig.events[at]
    assert isinstance(idx, DmaWrite)
    refilled = DmaRead(idx.start + 1, idx.cycle - 1, QUEUE.avail_idx_address, (QUEUE.size + 1).to_bytes(2, "little"))
    events = [*rig.events[:at], refilled, *rig.events[at:]]
    assert broken_rules(rig, events) == {"VQ-UNUSED"}
    too_far = DmaRead(rig.now, rig.now + 1, QUEUE.avail_idx_address, b"\x12\0")
    assert "VQ-FAULT-IGNORED" in broken_rules(rig, [*rig.events, too_far])


def test_receive_buffers_held_ready() -> None:
    """A device may take buffers before it has something to put into them; ours does not. What came in is due."""
    rig = RecordingDevice(Console(Port()))
    rig.start()
    rig.add([(BUFFERS, 8, True)])
    rig.kick()
    for address, length in ((QUEUE.avail_idx_address, 2), (QUEUE.avail_entry_address(0), 2), (QUEUE.desc_addr, 16)):
        rig.read(address, length)
    rig.pass_time(20)
    came = [*rig.events, PortIn(rig.now + 1, 0x41)]
    assert broken_rules(rig, rig.events, min_used=0, strict=False) == set()
    assert broken_rules(rig, rig.events, min_used=0) == {"VQ-UNUSED"}
    assert broken_rules(rig, came, min_used=0, strict=False) == {"VQ-UNUSED"}


def test_configuration_change() -> None:
    """A change is notified, seen in ConfigGeneration and in the configuration, within the bound."""
    rig = blk_device()
    rig.reg_read(Reg.CONFIG_GENERATION)
    rig.reg_read(Reg.CONFIG)
    before = len(rig.events)
    changed_at = rig.now
    rig.device.function.storage.resize(20)  # type: ignore[attr-defined]
    rig.device.config_changed()
    rig._irq()
    rig.pass_time(200)
    rig.reg_read(Reg.CONFIG_GENERATION)
    rig.reg_read(Reg.CONFIG)
    rig.handle_interrupt()

    def run(told: bool, events: list[object]) -> set[str]:
        board = scoreboard(rig, fail_fast=False)
        for i, event in enumerate(events):
            if i == before and told:
                board.model.function.storage._storage.resize(20)  # type: ignore[attr-defined]
                board.config_changed(changed_at)
            board.feed(event)  # type: ignore[arg-type]
        return set(board.violations)

    assert run(True, list(rig.events)) == set()
    assert {"REG-GENERATION", "REG-CONFIG", "IRQ-UNDUE"} <= run(False, list(rig.events))
    mute = [e for e in rig.events if not isinstance(e, IrqChange)]
    mute = [e for e in mute if not (isinstance(e, RegisterRead | RegisterWrite) and e.offset in (0x60, 0x64))]
    assert run(True, list(mute)) == {"IRQ-CONFIG-MISSING"}
    stale = [
        RegisterRead(e.start, e.cycle, e.offset, 0)
        if isinstance(e, RegisterRead) and e.offset == Reg.CONFIG_GENERATION
        else e
        for e in rig.events
    ]
    assert run(True, list(stale)) == {"REG-GENERATION"}


class Wire:
    """An interrupt checker with what it reports."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.checker = InterruptChecker(self._take, irq_bound=10, flags_bound=100)

    def _take(self, violation: Violation) -> None:
        self.broken.append(violation.rule)

    def used(self, cycle: int, wanted: bool = True) -> None:
        self.checker.published(0, cycle)
        assert self.checker.awaits_wish(0, cycle + 1)
        self.checker.wish_read(0, cycle + 2, wanted)

    def line(self, cycle: int, level: bool) -> None:
        self.checker.tick(cycle)
        self.checker.line(IrqChange(cycle, level))

    def acknowledge(self, start: int, end: int) -> None:
        self.checker.tick(start)
        self.checker.acknowledge(RegisterWrite(start, end, Reg.INTERRUPT_ACK, 1))

    def isr(self, start: int, end: int, value: int) -> None:
        self.checker.tick(end)
        self.checker.status_read(RegisterRead(start, end, Reg.INTERRUPT_STATUS, value))


def test_event_lost_in_the_acknowledge_race() -> None:
    """A used buffer after the acknowledgement of the one before has to be told."""
    wire = Wire()
    wire.used(100)
    wire.line(104, True)
    wire.acknowledge(120, 122)
    wire.line(121, False)
    wire.used(123)
    wire.checker.tick(200)
    assert wire.broken == ["IRQ-MISSING"]


def test_event_together_with_an_acknowledgement_may_go_either_way() -> None:
    for cleared in (True, False):
        wire = Wire()
        wire.used(100)
        wire.line(104, True)
        wire.used(117)
        wire.acknowledge(120, 124)
        wire.line(122, False)
        if not cleared:
            wire.line(123, True)
        wire.isr(140, 142, 0 if cleared else 1)
        wire.checker.tick(300)
        assert wire.broken == []


def test_second_event_before_the_acknowledgement_is_covered() -> None:
    wire = Wire()
    wire.used(100)
    wire.line(104, True)
    wire.used(106)
    wire.acknowledge(150, 152)
    wire.line(151, False)
    wire.isr(170, 172, 0)
    wire.checker.finish(400)
    assert wire.broken == []


def test_status_bit_must_stay_until_acknowledged() -> None:
    wire = Wire()
    wire.used(100)
    wire.line(104, True)
    wire.isr(110, 112, 0)
    assert "REG-ISR" in wire.broken


def test_status_and_line_disagree() -> None:
    wire = Wire()
    wire.used(100)
    wire.isr(110, 112, 1)
    wire.checker.tick(140)
    assert "IRQ-LEVEL" in wire.broken


def test_line_high_with_status_zero() -> None:
    wire = Wire()
    wire.used(100)
    wire.line(104, True)
    wire.acknowledge(106, 107)
    wire.isr(130, 131, 0)
    assert wire.broken == ["IRQ-LEVEL", "IRQ-LEVEL"]


def test_suppressed_and_interrupting_nevertheless() -> None:
    wire = Wire()
    wire.used(100, wanted=False)
    wire.line(110, True)
    assert wire.broken == ["IRQ-UNDUE"]


def test_interrupt_without_looking_at_the_flag_is_allowed() -> None:
    wire = Wire()
    wire.checker.published(0, 100)
    wire.line(102, True)
    wire.acknowledge(110, 111)
    wire.line(111, False)
    wire.checker.tick(500)
    assert wire.broken == []


def test_entropy_words_survive_between_requests_but_not_a_reset() -> None:
    rig = rng_device()
    rig.events.append(EntropyWord(rig.now, 1))
    rig.reset()
    rig.start()
    rig.add([(BUFFERS, 4, True)])
    rig.kick()
    rig.handle_interrupt()
    assert broken_rules(rig, rig.events) == set()
