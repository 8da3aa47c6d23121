# SPDX-License-Identifier: Apache-2.0
"""One planted fault for each rule of the scoreboard: exactly that rule must fire. Streams without faults must pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import resources

import pytest

from cocotbext.virtio.events import (
    DmaRead,
    DmaWrite,
    EntropyWord,
    Event,
    IrqChange,
    RegisterRead,
    RegisterWrite,
    StorageFlush,
)
from cocotbext.virtio.violation import RULES, ScoreboardError, Violation
from tests.unit.test_scoreboard_packed import FAULTS as PACKED_FAULTS
from virtio_model import Rng
from virtio_model.spec import Feature, Reg, features

from .lockstep import (
    BUFFERS,
    QUEUE,
    RecordingDevice,
    Stream,
    blk_device,
    broken_rules,
    changed,
    find,
    first_broken,
    reads_at,
    rng_device,
    scoreboard,
    without,
    writes_to,
)

ELEMENT_0 = QUEUE.used_element_address(0)
ELEMENT_1 = QUEUE.used_element_address(1)
USED_IDX = QUEUE.used_idx_address
FLAGS = QUEUE.avail_flags_address
HEADER, DATA, STATUS = BUFFERS, BUFFERS + 0x1001, BUFFERS + 0x3000


def rng_run() -> RecordingDevice:
    """Three entropy requests, the second of two buffers, the third with interrupts suppressed; then a reset."""
    rig = rng_device()
    rig.add([(BUFFERS, 13, True)])
    rig.kick()
    rig.handle_interrupt()
    rig.pass_time(200)
    rig.add([(BUFFERS + 100, 5, True), (BUFFERS + 200, 70, True)], head=2)
    rig.kick()
    rig.handle_interrupt()
    rig.pass_time(200)
    rig.suppress(True)
    rig.add([(BUFFERS + 300, 8, True)], head=5)
    rig.kick()
    rig.pass_time(200)
    rig.handle_interrupt()
    return rig


def blk_request(rig: RecordingDevice, kind: int, sector: int, length: int, head: int = 0, data: bytes = b"") -> None:
    """A request of the block device in three descriptors."""
    rig.guest.write(HEADER, kind.to_bytes(4, "little") + bytes(4) + sector.to_bytes(8, "little"))
    rig.guest.write(DATA, data)
    rig.add([(HEADER, 16, False), (DATA, length, not data), (STATUS, 1, True)], head)


def blk_run() -> RecordingDevice:
    """Read two sectors, write one, read it back."""
    rig = blk_device()
    for kind, data in ((0, b""), (1, bytes(range(256)) * 2), (0, b"")):
        blk_request(rig, kind, 3, len(data) or 1024, data=data)
        rig.kick()
        rig.handle_interrupt()
    return rig


def faulty_run() -> RecordingDevice:
    """A good request, then one that loops; the driver sees DEVICE_NEEDS_RESET and resets."""
    rig = rng_device()
    rig.add([(BUFFERS, 13, True)])
    rig.kick()
    rig.handle_interrupt()
    rig.put_head(QUEUE.size + 1)
    rig.kick()
    rig.handle_interrupt()
    rig.reg_read(Reg.STATUS)
    return rig


@pytest.mark.parametrize("run", [rng_run, blk_run, faulty_run])
def test_clean_streams_pass(run: Callable[[], RecordingDevice]) -> None:
    rig = run()
    assert broken_rules(rig, rig.events) == set()
    rig.reset()
    rig.start()
    rig.pass_time(100_000)
    assert broken_rules(rig, rig.events) == set()
    assert broken_rules(rig, rig.events, strict=False) == set()


def moved(events: Stream, index: int, to: int) -> Stream:
    """One DMA write takes the place and the cycles of another, and the other way round."""
    first, second = events[index], events[to]
    assert isinstance(first, DmaWrite)
    assert isinstance(second, DmaWrite)
    stream = list(events)
    stream[index] = replace(second, start=first.start, cycle=first.cycle)
    stream[to] = replace(first, start=second.start, cycle=second.cycle)
    return stream


def insert(events: Stream, index: int, event: Event) -> Stream:
    return [*events[:index], event, *events[index:]]


def element(used_id: int, length: int, address: int = ELEMENT_0) -> tuple[tuple[int, bytes], ...]:
    return ((address, used_id.to_bytes(4, "little") + length.to_bytes(4, "little")),)


def payload(events: Stream, nth: int = 0) -> int:
    return find(events, DmaWrite, lambda event: event.pieces[0][0] >= BUFFERS, nth)


def written(events: Stream, index: int) -> tuple[int, bytes]:
    event = events[index]
    assert isinstance(event, DmaWrite)
    return event.pieces[0]


def used_idx_write(events: Stream, nth: int = 0) -> int:
    return find(events, DmaWrite, writes_to(USED_IDX), nth)


def register_value(offset: int, value: int, nth: int = 0) -> Callable[[Stream], Stream]:
    return lambda events: changed(
        events, find(events, RegisterRead, lambda event: event.offset == offset, nth), value=value
    )


def stray_write(events: Stream, address: int) -> Stream:
    """One more byte, written while the second request is served."""
    at = payload(events, 1)
    address, data = (address, b"\x55")
    before = events[at]
    assert isinstance(before, DmaWrite)
    return changed(events, at, pieces=(*before.pieces, (address, data)))


def stray_read(events: Stream, address: int) -> Stream:
    at = payload(events, 1)
    before = events[at]
    assert isinstance(before, DmaWrite)
    return insert(events, at, DmaRead(before.start - 2, before.start - 1, address, b"\0"))


def no_irq(events: Stream) -> Stream:
    """The line never moves, and InterruptStatus is not looked at."""
    return [
        event
        for event in events
        if not isinstance(event, IrqChange)
        and not (isinstance(event, RegisterRead | RegisterWrite) and event.offset in (0x60, 0x64))
    ]


def wrong_payload(events: Stream) -> Stream:
    at = payload(events)
    address, data = written(events, at)
    return changed(events, at, pieces=((address, data[:-1] + bytes([data[-1] ^ 1])),))


def short_payload(events: Stream) -> Stream:
    at = payload(events)
    address, data = written(events, at)
    return changed(events, at, pieces=((address, data[:-1]),))


def idx_in_element_burst(events: Stream) -> Stream:
    """Element and idx written by one burst."""
    at = find(events, DmaWrite, writes_to(ELEMENT_0))
    both = (*((USED_IDX, b"\1\0"),), written(events, at))
    return changed(without(events, used_idx_write(events)), at, pieces=both)


def used_twice(events: Stream) -> Stream:
    """The second request's element names the first one's head again."""
    return changed(events, find(events, DmaWrite, writes_to(ELEMENT_1)), pieces=element(0, 13, ELEMENT_1))


def late_payload(events: Stream) -> Stream:
    """The response to the payload comes after the write of the used idx has begun."""
    at = payload(events)
    begun = events[find(events, DmaWrite, writes_to(USED_IDX))]
    assert isinstance(begun, DmaWrite)
    return changed(events, at, cycle=begun.start + 1)


def unread(address: int, nth: int = 0) -> Callable[[Stream], Stream]:
    return lambda events: without(events, find(events, DmaRead, reads_at(address), nth))


RNG_FAULTS: dict[str, tuple[str, Callable[[Stream], Stream]]] = {
    "wrong magic": ("REG-IDENTITY", lambda events: register_value(Reg.MAGIC_VALUE, 0x74726977)(events)),
    "unoffered feature": ("REG-FEATURES", register_value(Reg.DEVICE_FEATURES, 0x20)),
    "status lost": ("REG-STATUS", register_value(Reg.STATUS, 0x03, 1)),
    "needs reset": ("REG-NEEDS-RESET", register_value(Reg.STATUS, 0x4B, 1)),
    "reset not done": ("REG-RESET", register_value(Reg.STATUS, 0x0F)),
    "queue size": ("REG-QUEUE", register_value(Reg.QUEUE_SIZE_MAX, 128)),
    "queue not ready": ("REG-QUEUE", register_value(Reg.QUEUE_READY, 0)),
    "isr bit missing": ("REG-ISR", register_value(Reg.INTERRUPT_STATUS, 0)),
    "isr bit undue": ("REG-ISR", register_value(Reg.INTERRUPT_STATUS, 3)),
    "isr high bits": ("REG-ISR", register_value(Reg.INTERRUPT_STATUS, 0x101)),
    "error response": (
        "REG-RESP",
        lambda events: changed(events, find(events, RegisterRead), ok=False),
    ),
    "no interrupt": ("IRQ-MISSING", no_irq),
    "flag ignored": ("IRQ-UNDUE", lambda events: [*events, IrqChange(100_000, True)]),
    "irq before idx": (
        "IRQ-UNDUE",
        lambda events: insert(
            events, used_idx_write(events), IrqChange(cycle_of(events[used_idx_write(events)]) - 1, True)
        ),
    ),
    "irq falls by itself": (
        "IRQ-LEVEL",
        lambda events: insert(
            events,
            find(events, IrqChange) + 1,
            IrqChange(cycle_of(events[find(events, IrqChange)]) + 1, False),
        ),
    ),
    "irq stays": ("IRQ-LEVEL", lambda events: without(events, find(events, IrqChange, lambda e: not e.level))),
    "len": ("VQ-USED-LEN", lambda e: changed(e, find(e, DmaWrite, writes_to(ELEMENT_0)), pieces=element(0, 14))),
    "id": ("VQ-USED-ID", lambda e: changed(e, find(e, DmaWrite, writes_to(ELEMENT_0)), pieces=element(1, 13))),
    "id twice": ("VQ-USED-ID", used_twice),
    "slot": (
        "VQ-USED-SLOT",
        lambda e: changed(e, find(e, DmaWrite, writes_to(ELEMENT_0)), pieces=element(0, 13, ELEMENT_1)),
    ),
    "idx step": ("VQ-USED-IDX", lambda e: changed(e, used_idx_write(e), pieces=((USED_IDX, b"\2\0"),))),
    "idx again": ("VQ-USED-IDX", lambda e: changed(e, used_idx_write(e, 1), pieces=((USED_IDX, b"\1\0"),))),
    "used flags": (
        "VQ-USED-FLAGS",
        lambda e: changed(e, used_idx_write(e), pieces=((QUEUE.used_flags_address, b"\2\0\1\0"),)),
    ),
    "event without the feature": ("VQ-EVENT", lambda e: stray_write(e, QUEUE.avail_event_address)),
    "idx before element": (
        "VQ-ORDER-ELEMENT",
        lambda e: moved(e, used_idx_write(e), find(e, DmaWrite, writes_to(ELEMENT_0))),
    ),
    "idx with element": ("VQ-ORDER-ELEMENT", idx_in_element_burst),
    "idx too soon": (
        "VQ-ORDER-ELEMENT",
        lambda e: changed(e, used_idx_write(e), start=cycle_of(e[find(e, DmaWrite, writes_to(ELEMENT_0))]) - 1),
    ),
    "payload late": ("VQ-ORDER-PAYLOAD", late_payload),
    "payload wrong": ("VQ-DATA", wrong_payload),
    "payload short": ("VQ-DATA", short_payload),
    "payload off by one": (
        "DMA-WRITE-OUTSIDE",
        lambda e: changed(e, payload(e), pieces=((BUFFERS + 1, written(e, payload(e))[1]),)),
    ),
    "guard written": ("DMA-WRITE-OUTSIDE", lambda e: stray_write(e, BUFFERS + 99)),
    "returned buffer written": ("DMA-WRITE-OUTSIDE", lambda e: stray_write(e, BUFFERS + 3)),
    "guard read": ("DMA-READ-OUTSIDE", lambda e: stray_read(e, BUFFERS + 99)),
    "writable buffer read": ("VQ-READ-WRITABLE", lambda e: stray_read(e, BUFFERS + 100)),
    "descriptor written": ("VQ-WRITE-RING", lambda e: stray_write(e, QUEUE.desc_addr)),
    "available ring written": ("VQ-WRITE-RING", lambda e: stray_write(e, QUEUE.avail_entry_address(3))),
    "idx not read": ("VQ-UNREAD", unread(QUEUE.avail_idx_address, 1)),
    "entropy not taken": ("VQ-UNREAD", lambda e: without(e, find(e, EntropyWord))),
    "flags not read": ("IRQ-MISSING", lambda e: no_irq(without(e, find(e, DmaRead, reads_at(FLAGS))))),
    "never used": ("VQ-UNUSED", lambda e: e[: find(e, DmaWrite, writes_to(ELEMENT_1))]),
    "entry not read": ("VQ-UNUSED", lambda e: e[: find(e, DmaRead, reads_at(QUEUE.avail_entry_address(0)))]),
    "notify lost": ("VQ-NOTIFY-LOST", lambda e: e[: 1 + find(e, RegisterWrite, lambda w: w.offset == 0x50)]),
}


def cycle_of(event: Event) -> int:
    return event.cycle


@pytest.mark.parametrize("fault", RNG_FAULTS)
def test_planted_fault_in_entropy_stream(fault: str) -> None:
    rule, plant = RNG_FAULTS[fault]
    rig = rng_run()
    rig.reg_read(Reg.MAGIC_VALUE)
    assert first_broken(rig, plant(rig.events), flags_bound=200) == rule


BLK_FAULTS: dict[str, tuple[str, Callable[[Stream], Stream]]] = {
    "status byte": ("VQ-DATA", lambda e: changed(e, find(e, DmaWrite, writes_to(STATUS)), pieces=((STATUS, b"\1"),))),
    "no status byte": ("VQ-DATA", lambda e: without(e, find(e, DmaWrite, writes_to(STATUS)))),
    "data not fetched": ("VQ-UNREAD", unread(DATA)),
    "old descriptor": ("VQ-UNREAD", unread(QUEUE.descriptor_address(2), 2)),
    "old header": ("VQ-UNREAD", unread(HEADER, 2)),
    "readable buffer written": (
        "VQ-WRITE-READABLE",
        lambda e: changed(e, find(e, DmaWrite, writes_to(STATUS)), pieces=((HEADER, b"\1"), (STATUS, b"\0"))),
    ),
    "configuration": ("REG-CONFIG", register_value(Reg.CONFIG, 17)),
    "configuration generation": ("REG-GENERATION", register_value(Reg.CONFIG_GENERATION, 17)),
    "write-only register": ("REG-UNDEFINED", register_value(Reg.QUEUE_SIZE, 256)),
    "shared memory": ("REG-SHM", register_value(Reg.SHM_LEN_LOW, 0)),
}


@pytest.mark.parametrize("fault", BLK_FAULTS)
def test_planted_fault_in_block_stream(fault: str) -> None:
    rule, plant = BLK_FAULTS[fault]
    rig = blk_run()
    for _ in range(2):
        for offset in (Reg.CONFIG, Reg.CONFIG_GENERATION, Reg.QUEUE_SIZE, Reg.SHM_LEN_LOW):
            rig.reg_read(offset)
    assert first_broken(rig, plant(rig.events)) == rule


def test_data_extra_only_in_strict_mode() -> None:
    """2.7.8.2: writing beyond len inside the writable part is allowed, but not promised by our device."""
    rig = blk_device()
    blk_request(rig, 99, 0, 512)
    rig.kick()
    rig.handle_interrupt()
    at = find(rig.events, DmaWrite, writes_to(STATUS))
    stream = changed(rig.events, at, pieces=((DATA, b"\1"), (STATUS, b"\2")))
    assert broken_rules(rig, stream) == {"VQ-DATA-EXTRA"}
    assert broken_rules(rig, stream, strict=False) == set()


def test_flush_has_to_reach_the_storage() -> None:
    """One flush of the storage for each that the model makes, since the request was there (BLK-DEV-046)."""
    rig = blk_device()
    rig.guest.write(HEADER, (4).to_bytes(4, "little") + bytes(12))
    rig.add([(HEADER, 16, False), (STATUS, 1, True)])
    rig.kick()
    rig.handle_interrupt()
    at = find(rig.events, DmaWrite, writes_to(STATUS))
    before = cycle_of(rig.events[at]) - 1
    flushed = [*rig.events[:at], StorageFlush(before), *rig.events[at:]]
    stale = [rig.events[0], StorageFlush(cycle_of(rig.events[0])), *rig.events[1:]]
    assert broken_rules(rig, flushed, flushes_observed=True) == set()
    assert broken_rules(rig, rig.events, flushes_observed=True) == {"BLK-FLUSH"}
    assert broken_rules(rig, stale, flushes_observed=True) == {"BLK-FLUSH"}
    assert broken_rules(rig, rig.events) == set()


def test_used_order_only_in_strict_mode() -> None:
    rig = rng_device()
    rig.add([(BUFFERS, 4, True)])
    rig.add([(BUFFERS + 8, 4, True)], head=1)
    rig.kick()
    rig.handle_interrupt()
    events = rig.events
    kick = events[find(events, RegisterWrite, lambda e: e.offset == Reg.QUEUE_NOTIFY)].cycle
    taken = [e for e in events if isinstance(e, DmaRead) and e.address != FLAGS and e.cycle > kick]
    before = [e for e in events if e.cycle < taken[0].cycle]
    rest = [e for e in events if e not in before and e not in taken]
    early = [replace(e, start=taken[0].start + i, cycle=taken[0].cycle + i) for i, e in enumerate(taken)]
    rest = [replace(e, start=e.start + 50, cycle=e.cycle + 50) for e in rest if isinstance(e, DmaRead | DmaWrite)]
    stream: Stream = [*before, *early, *rest]
    lenient = {"strict": False, "entropy_observed": False, "waived": {"IRQ-MISSING"}}
    assert broken_rules(rig, stream, 2, **lenient) == set()
    swap = {ELEMENT_0: element(1, 4, ELEMENT_0), ELEMENT_1: element(0, 4, ELEMENT_1)}
    for address, pieces in swap.items():
        stream = changed(stream, find(stream, DmaWrite, writes_to(address)), pieces=pieces)
    assert "VQ-USED-ORDER" in broken_rules(rig, stream)
    assert "VQ-USED-ORDER" not in broken_rules(rig, stream, 2, **lenient)


def test_speculative_ring_entry() -> None:
    """2.7.13.3: the entry is asked for before the idx that covers it has come."""
    rig = rng_run()
    idx = rig.events[find(rig.events, DmaRead, reads_at(QUEUE.avail_idx_address), 1)]
    entry = find(rig.events, DmaRead, reads_at(QUEUE.avail_entry_address(0)))
    assert isinstance(idx, DmaRead)
    stream = changed(rig.events, entry, start=idx.start + 1)
    assert first_broken(rig, stream) == "VQ-UNREAD"
    assert first_broken(rig, stream, strict=False) is None


def test_stale_ring_entry() -> None:
    """The entry was asked for before the idx: it does not count."""
    rig = rng_run()
    idx = rig.events[find(rig.events, DmaRead, reads_at(QUEUE.avail_idx_address), 1)]
    entry = find(rig.events, DmaRead, reads_at(QUEUE.avail_entry_address(0)))
    assert isinstance(idx, DmaRead)
    assert first_broken(rig, changed(rig.events, entry, start=idx.start - 1), strict=False) is not None


def early_dma(offset: int) -> tuple[RecordingDevice, Stream]:
    rig = rng_device()
    at = find(rig.events, RegisterWrite, lambda e: e.offset == offset, -1)
    begun = rig.events[at]
    assert isinstance(begun, RegisterWrite)
    return rig, insert(rig.events, at, DmaRead(begun.start - 2, begun.start - 1, QUEUE.avail_idx_address, b"\0\0"))


def test_dma_before_driver_ok() -> None:
    rig, stream = early_dma(Reg.STATUS)
    stream = [event for event in stream if not (isinstance(event, RegisterRead) and event.offset == Reg.STATUS)]
    stream = [e for e in stream if not (isinstance(e, RegisterWrite) and e.offset == Reg.STATUS and e.value == 0)]
    assert first_broken(rig, stream) == "DMA-BEFORE-DRIVER-OK"


def test_dma_after_reset_read_back() -> None:
    rig = rng_run()
    rig.reset()
    late = rig.now + 50
    for stray in (
        DmaRead(late, late + 5, QUEUE.avail_idx_address, b"\0\0"),
        DmaWrite(late - 100, late + 5, ((BUFFERS, b"\0"),)),
    ):
        assert first_broken(rig, [*rig.events, stray]) == "DMA-AFTER-RESET"
    without_strobes = DmaWrite(rig.now - 5, late, ())
    assert first_broken(rig, [*rig.events, without_strobes]) is None


def test_dma_between_reset_and_read_back_is_tolerated() -> None:
    rig = rng_run()
    for _ in range(2):  # the second one while the first is under way
        rig.reg_write(Reg.STATUS, 0)
        rig.pass_time(0)
        stray = DmaRead(rig.now + 1, rig.now + 5, QUEUE.avail_idx_address, b"\0\0")
        assert first_broken(rig, [*rig.events, stray]) is None


def test_queue_not_ready() -> None:
    rig = rng_run()
    rig.reg_write(Reg.QUEUE_READY, 0)
    rig.reg_read(Reg.QUEUE_READY)
    stray = DmaRead(rig.now + 1, rig.now + 5, QUEUE.avail_idx_address, b"\0\0")
    assert first_broken(rig, [*rig.events, stray]) == "DMA-QUEUE-NOT-READY"
    assert first_broken(rig, rig.events) is None


def test_fault_ignored() -> None:
    rig = faulty_run()
    stream = list(rig.events[: find(rig.events, IrqChange, nth=-1)])
    stream = stream[: find(stream, IrqChange, lambda e: e.level, -1)]
    assert "VQ-FAULT-IGNORED" in broken_rules(rig, stream)
    late = RegisterRead(rig.now + 60_000, rig.now + 60_001, Reg.STATUS, 0x0F)
    assert "VQ-FAULT-IGNORED" in broken_rules(rig, [*stream, late])


def test_fault_without_configuration_change() -> None:
    rig = faulty_run()
    at = find(rig.events, IrqChange, lambda e: e.level, -1)
    stream = [*rig.events[:at], rig.events[find(rig.events, RegisterRead, nth=-1)]]
    assert broken_rules(rig, stream) == {"IRQ-CONFIG-MISSING"}


def test_faulty_chain_used() -> None:
    rig = faulty_run()
    at = find(rig.events, IrqChange, lambda e: e.level, -1)
    now = rig.events[at].cycle
    used = [
        DmaWrite(now, now + 1, element(9, 0, ELEMENT_1)),
        DmaWrite(now + 2, now + 3, ((USED_IDX, b"\2\0"),)),
    ]
    assert first_broken(rig, [*rig.events[:at], *used]) == "VQ-FAULT-USED"


@pytest.mark.parametrize("behind", [False, True])
def test_readable_buffer_behind_a_writable_one(behind: bool) -> None:
    """No driver may make such a chain, and a device may serve it; what it writes it must not read, nor the reverse."""
    rig = rng_device()
    rig.add([(BUFFERS, 8, True), (BUFFERS + 16, 8, False), (BUFFERS + 32, 8, True)])
    rig.read(QUEUE.driver_addr, 4 + 2 * QUEUE.size)
    rig.read(QUEUE.desc_addr, 16)
    rig.read(QUEUE.desc_addr + 16, 32)
    rig.write(BUFFERS, bytes(8))
    rig.write(BUFFERS + 16 if behind else BUFFERS + 32, bytes(8))
    rig.write(ELEMENT_0, element(0, 16)[0][1])
    rig.write(USED_IDX, b"\1\0")
    rig.read(QUEUE.avail_flags_address, 2)
    expected = {"VQ-WRITE-READABLE"} if behind else set()
    assert broken_rules(rig, rig.events, strict=False, entropy_observed=False) == expected
    assert "VQ-FAULT-USED" in broken_rules(rig, rig.events, entropy_observed=False)


def test_too_few_used() -> None:
    rig = rng_run()
    assert broken_rules(rig, rig.events, min_used=4) == {"BENCH-IDLE"}
    assert broken_rules(rig, rig.events, min_used=3) == set()


def test_waived_rule_is_not_reported() -> None:
    rig = rng_run()
    stream = register_value(Reg.QUEUE_SIZE_MAX, 128)(rig.events)
    assert broken_rules(rig, stream, waived={"REG-QUEUE"}) == set()
    with pytest.raises(ValueError, match="NO-SUCH"):
        scoreboard(rig, waived={"NO-SUCH"})


def test_each_rule_reported_once_with_count() -> None:
    rig = rng_run()
    board = scoreboard(rig, fail_fast=False)
    for event in rig.events:
        board.feed(replace(event, ok=False) if isinstance(event, RegisterRead) else event)
    with pytest.raises(ScoreboardError, match=r"REG-RESP .* \[\d+ times\]") as caught:
        board.finish()
    assert [violation.rule for violation, _ in caught.value.violations].count("REG-RESP") == 1


def test_message_names_rule_queue_head_values_cycle_and_clause() -> None:
    text = str(Violation("VQ-USED-LEN", queue=0, head=3, expected=513, seen=529, cycle=1234))
    assert text.startswith("VQ-USED-LEN queue=0 head=3 expected=513 seen=529 cycle=1234 (SPLIT-DEV-007")


def test_every_rule_has_a_planted_fault() -> None:
    """Rules of the bus are tried in test_axi_rules.py, of the MAC port in test_records.py, of frames in test_frames.py,
    of ports in test_ports.py.
    """
    planted = {rule for rule, _ in [*RNG_FAULTS.values(), *BLK_FAULTS.values(), *PACKED_FAULTS.values()]}
    alone = {
        "VQ-DATA-EXTRA", "VQ-USED-ORDER", "DMA-BEFORE-DRIVER-OK", "DMA-AFTER-RESET", "DMA-QUEUE-NOT-READY",
        "BLK-FLUSH", "VQ-FAULT-IGNORED", "IRQ-CONFIG-MISSING", "VQ-FAULT-USED", "BENCH-IDLE",
    }  # fmt: skip
    assert {rule for rule in RULES if not rule.startswith(("AXI-", "MAC-", "NET-", "PORT-"))} == planted | alone


def test_rules_name_requirements_of_the_catalogue() -> None:
    catalogue = (resources.files("virtio_model") / "data" / "requirements.yaml").read_text()
    named = {requirement for rule in RULES.values() for requirement in rule.requirements}
    assert {requirement for requirement in named if f"- id: {requirement}\n" not in catalogue} == set()


def test_used_flags_stay_0_with_event_idx() -> None:
    """SPLIT-DEV-042: 1 is a hint without EVENT_IDX, and wrong with it."""
    plain = features(Feature.VERSION_1)
    for offered, rules in ((plain, set()), (plain | features(Feature.EVENT_IDX), {"VQ-USED-FLAGS"})):
        rig = RecordingDevice(Rng(bytes), device_features=offered)
        rig.start()
        rig.add([(BUFFERS, 16, True)])
        rig.kick()
        rig.handle_interrupt()
        assert broken_rules(rig, rig.events, device_features=offered) == set()
        hinting = changed(rig.events, used_idx_write(rig.events), pieces=((QUEUE.used_flags_address, b"\1\0\1\0"),))
        assert broken_rules(rig, hinting, device_features=offered) == rules


@pytest.mark.parametrize("apart", [0, 100])
@pytest.mark.parametrize(("rule", "fault"), [("VQ-ORDER-PAYLOAD", late_payload), ("VQ-DATA", wrong_payload)])
def test_nobody_can_tell_who_wrote_to_a_buffer_of_two_chains(
    rule: str, fault: Callable[[Stream], Stream], apart: int
) -> None:
    rig = rng_device()
    rig.add([(BUFFERS, 13, True)])
    rig.add([(BUFFERS + apart, 13, True)], head=3)
    rig.kick()
    rig.handle_interrupt()
    for address in (QUEUE.avail_entry_address(1), QUEUE.descriptor_address(3)):  # known before the first is served
        read = rig.events.pop(find(rig.events, DmaRead, reads_at(address)))
        first = payload(rig.events)
        early = rig.events[first - 1].cycle
        rig.events.insert(first, replace(read, start=early, cycle=early))
    assert broken_rules(rig, fault(rig.events)) == ({rule} if apart else set())
