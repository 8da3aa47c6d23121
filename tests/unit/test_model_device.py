# SPDX-License-Identifier: Apache-2.0
"""When queues are worked on, in what order, and what a fault does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.model_bench import LIVE, NEGOTIATED, Bench, DriverRing
from virtio_model import (
    AddressOverflow,
    AvailIndexError,
    ChainLoopError,
    HeadOutOfRange,
    IndirectNotNegotiated,
    LengthOverflow,
    NextOutOfRange,
    ReadableAfterWritable,
    RingAccessError,
    RingError,
    Rng,
)
from virtio_model.spec import DescFlag, Interrupt, Reg, Status

BROKEN = LIVE | Status.DEVICE_NEEDS_RESET


def bench_with(queues: int = 1, **options: Any) -> Bench:
    return Bench(Rng(lambda n: b"\x11" * n), num_queues=queues, **options)


def offer(bench: Bench, index: int = 0, length: int = 4, count: int = 1) -> list[int]:
    """Make `count` good chains available without a kick; returns their heads."""
    ring = bench.rings[index]
    heads = [ring.link(bench.place([length])) for _ in range(count)]
    ring.publish(*heads)
    return heads


def test_serves_on_notify() -> None:
    bench = bench_with()
    bench.go_live()
    [head] = offer(bench)
    assert bench.rings[0].used() == []
    bench.kick()
    assert bench.rings[0].used() == [(head, 4)]
    assert bench.device.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER
    assert bench.device.irq


@pytest.mark.parametrize("size", [1, 3, 8])
def test_many_requests_across_the_wrap(size: int) -> None:
    """HOST-004."""
    bench = bench_with(index_init=65535 - size)
    bench.go_live(size=size)
    for length in range(1, 3 * size + 3):
        assert bench.submit([length])[1:] == (length, b"\x11" * length)


def test_notify_with_an_empty_ring() -> None:
    """HOST-008."""
    bench = bench_with()
    ring = bench.go_live()
    for _ in range(10):
        bench.kick()
    assert (ring.used(), bench.device.irq) == ([], False)
    assert bench.submit([3])[1] == 3


@pytest.mark.parametrize("value", [2, 3, 0x1_0000, 0x8000_0000, 0xFFFF_FFFF])
def test_wild_notify(value: int) -> None:
    """HOST-061."""
    bench = bench_with(2)
    bench.go_live(queues=2)
    offer(bench, 0)
    offer(bench, 1)
    bench.device.write(Reg.QUEUE_NOTIFY, value)
    assert (bench.rings[0].used(), bench.rings[1].used(), bench.device.irq) == ([], [], False)


def test_only_the_notified_queue_is_examined() -> None:
    bench = bench_with(2)
    bench.go_live(queues=2)
    offer(bench, 0)
    [head] = offer(bench, 1)
    bench.kick(1)
    assert (bench.rings[0].used(), bench.rings[1].used()) == ([], [(head, 4)])
    bench.device.run()
    assert len(bench.rings[0].used()) == 1


def test_nothing_before_driver_ok_and_nothing_lost() -> None:
    """STATUS-DEV-001; INIT-DEV-001; HOST-062."""
    bench = bench_with(2)
    bench.negotiate()
    for index in range(2):
        bench.add_ring(index)
        offer(bench, index)
        bench.kick(index)
    bench.device.run()
    assert [ring.used() for ring in bench.rings.values()] == [[], []]
    assert not bench.device.irq
    bench.device.write(Reg.STATUS, LIVE)
    assert [len(ring.used()) for ring in bench.rings.values()] == [1, 1]


def test_a_queue_made_ready_after_driver_ok_is_examined_once() -> None:
    bench = bench_with(2)
    bench.go_live(queues=1)
    bench.add_ring(1)
    offer(bench, 1)
    assert bench.rings[1].used() == []
    bench.device.write(Reg.QUEUE_SEL, 1)
    bench.device.write(Reg.QUEUE_READY, 0)
    bench.device.write(Reg.QUEUE_READY, 1)
    assert len(bench.rings[1].used()) == 1


def test_no_access_while_not_ready() -> None:
    """MMIO-DEV-031; HOST-062, 101."""
    bench = bench_with()
    ring = bench.go_live()
    offer(bench)
    bench.device.write(Reg.QUEUE_READY, 0)
    bench.kick()
    bench.device.run()
    assert (ring.used(), bench.device.status) == ([], LIVE)


@pytest.mark.parametrize("break_it", ["needs_reset", "failed"])
def test_no_work_in_an_error_state(break_it: str) -> None:
    """HOST-063."""
    bench = bench_with()
    ring = bench.go_live()
    if break_it == "failed":
        bench.device.write(Reg.STATUS, Status.FAILED)
    else:
        bench.device.set_needs_reset()
    offer(bench)
    for _ in range(10):
        bench.kick()
    bench.device.write(Reg.QUEUE_READY, 0)
    bench.device.write(Reg.QUEUE_READY, 1)
    bench.device.run()
    assert ring.used() == []
    assert not bench.device.interrupt_status & Interrupt.USED_BUFFER
    bench.go_live()
    assert bench.submit([3])[1] == 3


def test_queues_take_turns() -> None:
    """HOST-118: a chain of each in turn."""
    bench = bench_with(2)
    order: list[int] = []
    bench.negotiate()
    for index in range(2):
        bench.add_ring(index)
        offer(bench, index, count=3)
    serve = bench.device.function.serve
    bench.device.function.serve = lambda *args: order.append(args[0].queue) or serve(*args)  # type: ignore[method-assign,func-returns-value]
    bench.device.write(Reg.STATUS, LIVE)
    assert order == [0, 1, 0, 1, 0, 1]


def test_suppressed_notification_sets_no_bit() -> None:
    bench = bench_with()
    ring = bench.go_live()
    ring.write_u16(ring.layout.avail_flags_address, 1)
    bench.submit([4])
    assert bench.device.read(Reg.INTERRUPT_STATUS) == 0
    ring.write_u16(ring.layout.avail_flags_address, 0)
    bench.submit([4])
    assert bench.device.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER


def test_unreadable_flags_notify_and_go_on() -> None:
    bench = bench_with()
    ring = bench.go_live()
    bench.memory.add_fault_window(ring.layout.avail_flags_address, 2)
    bench.submit([4])
    assert (bench.device.irq, bench.device.status) == (True, LIVE)


def test_the_driver_need_never_acknowledge() -> None:
    """HOST-105."""
    bench = bench_with()
    bench.go_live()
    for _ in range(20):
        bench.submit([4])
        assert bench.device.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER


def test_same_head_twice() -> None:
    """HOST-006."""
    bench = bench_with()
    ring = bench.go_live()
    head = ring.link(bench.place([4]))
    ring.publish(head, head)
    bench.kick()
    assert ring.used() == [(head, 4), (head, 4)]


def test_scribbled_used_ring_is_not_believed() -> None:
    """HOST-011."""
    bench = bench_with()
    ring = bench.go_live()
    ring.write_u16(ring.layout.used_idx_address, 7)
    offer(bench)
    bench.kick()
    assert ring.read_u16(ring.layout.used_idx_address) == 1


def test_event_fields_are_not_touched() -> None:
    """HOST-014."""
    bench = bench_with()
    ring = bench.go_live(size=4)
    bench.memory.add_fault_window(ring.layout.used_event_address, 2)
    bench.memory.add_fault_window(ring.layout.avail_event_address, 2)
    for _ in range(9):
        bench.submit([4])
    assert bench.device.fault is None


def _bad_head(ring: DriverRing) -> None:
    ring.publish(8)


def _bad_next(ring: DriverRing) -> None:
    ring.describe(7, 0, 0, DescFlag.NEXT, 8)
    ring.publish(7)


def _loop(ring: DriverRing) -> None:
    ring.describe(7, 0, 0, DescFlag.NEXT, 7)
    ring.publish(7)


def _indirect(ring: DriverRing) -> None:
    ring.describe(7, 0, 16, DescFlag.INDIRECT)
    ring.publish(7)


def _swapped(ring: DriverRing) -> None:
    ring.describe(7, 0, 0, DescFlag.NEXT | DescFlag.WRITE, 6)
    ring.describe(6, 0, 0)
    ring.publish(7)


def _wrapping(ring: DriverRing) -> None:
    ring.describe(7, (1 << 64) - 1, 2, DescFlag.WRITE)
    ring.publish(7)


def _too_long(ring: DriverRing) -> None:
    ring.describe(7, 0, 0xFFFF_FFFF, DescFlag.NEXT | DescFlag.WRITE, 6)
    ring.describe(6, 0, 1, DescFlag.WRITE)
    ring.publish(7)


def _no_descriptor(ring: DriverRing) -> None:
    ring.memory.add_fault_window(ring.layout.descriptor_address(7), 1)
    ring.publish(7)


FAULTS = [
    (_bad_head, HeadOutOfRange),
    (_bad_next, NextOutOfRange),
    (_loop, ChainLoopError),
    (_indirect, IndirectNotNegotiated),
    (_swapped, ReadableAfterWritable),
    (_wrapping, AddressOverflow),
    (_too_long, LengthOverflow),
    (_no_descriptor, RingAccessError),
]


@pytest.mark.parametrize(("spoil", "error"), FAULTS, ids=[error.__name__ for _, error in FAULTS])
def test_ring_faults(spoil: object, error: type[RingError]) -> None:
    """HOST-037, 102; INV-6: chains before the bad one complete, then nothing until a reset."""
    bench = bench_with()
    ring = bench.go_live()
    good = offer(bench, count=2)
    spoil(ring)  # type: ignore[operator]
    ring.publish(good[0])
    bench.kick()
    assert type(bench.device.fault) is error
    assert ring.used() == [(head, 4) for head in good]
    assert bench.device.read(Reg.STATUS) == BROKEN
    assert bench.device.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER | Interrupt.CONFIG_CHANGE
    bench.device.write(Reg.INTERRUPT_ACK, 3)
    bench.kick()
    assert (ring.used(), bench.device.irq) == ([], False)
    bench.memory.clear_fault_windows()
    bench.go_live()
    assert bench.submit([3])[1] == 3


def test_index_fault_stops_both_queues() -> None:
    """HOST-001."""
    bench = bench_with(2)
    ring = bench.go_live(queues=2)
    ring.set_avail_idx(9)
    bench.kick()
    assert isinstance(bench.device.fault, AvailIndexError)
    offer(bench, 1)
    bench.kick(1)
    assert bench.rings[1].used() == []


def test_a_fault_at_driver_ok_is_notified() -> None:
    bench = bench_with()
    bench.negotiate()
    bench.add_ring().publish(8)
    bench.device.write(Reg.STATUS, LIVE)
    assert bench.device.read(Reg.STATUS) == BROKEN
    assert bench.device.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE


@pytest.mark.parametrize("part", ["element", "idx"])
def test_unwritable_used_ring(part: str) -> None:
    """HOST-084."""
    bench = bench_with()
    ring = bench.go_live()
    offer(bench)
    address = ring.layout.used_element_address(0) if part == "element" else ring.layout.used_idx_address
    bench.memory.add_fault_window(address, 2, read=False)
    bench.kick()
    assert (ring.used(), bench.device.status) == ([], BROKEN)
    assert bench.device.interrupt_status == Interrupt.CONFIG_CHANGE


def test_without_autorun_only_registers_are_kept() -> None:
    """A scoreboard reads `kicked` and works the queue with memory views of its own."""
    bench = bench_with(2, autorun=False)
    bench.go_live(queues=2)
    assert bench.device.kicked == {0, 1}
    bench.device.kicked.clear()
    [head] = offer(bench, 1)
    bench.kick(1)
    bench.kick(2)
    assert bench.device.kicked == {1}
    assert bench.rings[1].used() == []
    queue = bench.device.queues[1]
    chain = queue.parse_chain(queue.take_head(bench.memory), bench.memory)
    assert chain.head == head
    written_len = bench.device.function.serve(chain, bench.memory, bench.device.driver_features)
    queue.push(bench.memory, chain.head, written_len)
    assert bench.rings[1].used() == [(head, 4)]
    bench.device.write(Reg.STATUS, 0)
    assert bench.device.kicked == set()


def test_run_serves_what_autorun_would() -> None:
    bench = bench_with(autorun=False)
    bench.go_live()
    heads = offer(bench, count=3)
    bench.device.run()
    assert bench.rings[0].used() == [(head, 4) for head in heads]
    assert bench.device.irq


def test_negotiated_features_reach_the_function() -> None:
    bench = bench_with()
    seen: list[int] = []
    bench.device.function.serve = lambda *args: seen.append(args[2]) or 0  # type: ignore[method-assign,func-returns-value]
    assert bench.negotiate() == NEGOTIATED
    bench.go_live()
    bench.submit([4])
    assert seen == [1 << 32]
