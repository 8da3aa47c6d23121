# SPDX-License-Identifier: Apache-2.0
"""What bodies are made of: starting a driver, requests of any device type, raw register accesses, expectations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

from cocotbext.virtio.buffers import ChainBuffers, Layout
from cocotbext.virtio.drivers import DRIVERS, BlkResult, ClassDriver, Pending, RngDriver
from cocotbext.virtio.errors import DeviceError, QueueFull
from cocotbext.virtio.identity import QueueRequest
from cocotbext.virtio.split_virtqueue import SplitVirtqueue
from cocotbext.virtio.virtqueue import Virtqueue
from virtio_model import RingLayout
from virtio_model.spec import BlkStatus, Feature, Reg, Status, features

from .rig import Rig

DriverT = TypeVar("DriverT", bound=ClassDriver)
E = TypeVar("E", bound=Exception)
T = TypeVar("T")

WORD = 0xFFFF_FFFF
NEGOTIATED = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK
LIVE = NEGOTIATED | Status.DRIVER_OK
#: Long enough for a device to do what it must not, in ns.
PATIENCE_NS = 10_000
#: Long enough for a device to become idle after its last request, in ns.
CALM_NS = 3_000
#: So much of a value is shown where it is not what is expected, in characters.
_SHOWN = 120


class Written(NamedTuple):
    """A chain that came back: its device-writable bytes and the used element's len."""

    data: bytes
    written_len: int


def expect(seen: Any, expected: Any, what: str) -> None:
    """Raise AssertionError unless both are equal; of long lists and bytes it tells where they begin to differ."""
    if seen != expected:
        what, seen, expected = _where_different(what, seen, expected)
        raise AssertionError(f"{what}: expected {_show(expected)}, seen {_show(seen)}")


def expect_true(condition: bool, what: str) -> None:
    """Raise AssertionError unless `condition` holds."""
    if not condition:
        raise AssertionError(what)


@contextmanager
def expect_error(kind: type[E]) -> Iterator[list[E]]:
    """The block must raise an error of this kind; it is put into the list."""
    caught: list[E] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
        return
    raise AssertionError(f"expected {kind.__name__}, seen no error")


async def driver_class(rig: Rig) -> type[ClassDriver]:
    """The class driver for this device."""
    return DRIVERS[(await rig.transport.query()).device_id]


async def start(rig: Rig, queues: Iterable[int] | None = None, size: int | None = None, **options: Any) -> ClassDriver:
    """Reset and initialize with the class driver for this device; see `Bench.start`."""
    return await start_as(rig, await driver_class(rig), queues, size, **options)


async def start_as(
    rig: Rig,
    kind: type[DriverT] | DriverT,
    queues: Iterable[int] | None = None,
    size: int | None = None,
    **options: Any,
) -> DriverT:
    """Reset and initialize with this class driver, with ring indices that start where the device's do."""
    wanted = kind.default_queues if queues is None else queues
    requests = [QueueRequest(index, size, rig.index_init) for index in wanted]
    return await rig.start(kind, requests, **options)


def insisted_on(rig: Rig, offered: int) -> int:
    """The features offered that a device may insist on (RSVD-DEV-002, 004, 006); ours insists on VERSION_1 alone."""
    platform = () if rig.exact else (Feature.ACCESS_PLATFORM, Feature.ORDER_PLATFORM)
    return offered & features(Feature.VERSION_1, *platform)


def without(*bits: int) -> Callable[[int], int]:
    """An `accept` that takes everything offered but these features."""
    return lambda offered: offered & ~features(*bits)


def on_split(*bits: int) -> Callable[[int], int]:
    """An `accept` for tests of what there is in split rings only: everything offered but RING_PACKED and these."""
    return without(Feature.RING_PACKED, *bits)


def own_queue(rig: Rig) -> Virtqueue:
    """The queue that requests of `ask` go to when none is named."""
    return rig.transport.queues[rig.driver.work_queue]


async def kick(rig: Rig) -> bool:
    """Publish what is in the queue of `ask` and notify the device if it wants that; whether it did."""
    return await rig.transport.kick(rig.driver.work_queue)


async def notify(rig: Rig) -> None:
    """Notify the device of the queue of `ask`, whatever is in it."""
    await rig.transport.notify(rig.driver.work_queue)


async def work_queues(rig: Rig) -> Sequence[int]:
    """The device's queues that take requests of `ask`."""
    return (await driver_class(rig)).work_queues(len(await queue_sizes(rig)))


async def ask(
    rig: Rig, queue: int | None = None, kick: bool = True, layout: Layout | None = None, length: int | None = None
) -> Pending[Any]:
    """Start a small request that any device of its type serves, see `ClassDriver.ask`. Raises QueueFull."""
    driver = rig.driver
    return await driver.ask(rig.rng, driver.work_queue if queue is None else queue, length, layout, kick)


def expect_filled(rig: Rig, seen: int, room: int, what: str) -> None:
    """A buffer with `room` was filled, or at least begun by an entropy device that need not fill it (RNG-DEV-005)."""
    if isinstance(rig.driver, RngDriver) and not rig.exact:
        expect_true(min(1, room) <= seen <= room, f"{what}: expected 1 to {room:#x}, seen {seen:#x}")
    else:
        expect(seen, room, what)


def check_served(rig: Rig, pending: Pending[Any]) -> None:
    """The request of `ask` brought all that it asked for. Raises AssertionError, or what the request failed with."""
    result = pending.result()
    if isinstance(result, BlkResult):
        expect(result.status, BlkStatus.OK, f"status of {pending!r}")
    expect_filled(rig, pending.written_len, pending.buffers.writable_length, f"used length of {pending!r}")


async def settle(rig: Rig, pendings: Sequence[Pending[Any]]) -> None:
    """Wait for requests of `ask` and check them."""
    await rig.run_until(lambda: all(pending.done for pending in pendings))
    for pending in pendings:
        check_served(rig, pending)


async def ask_more(rig: Rig, queue: int | None = None, layout: Layout | None = None) -> Pending[Any]:
    """As `ask` without a kick; where the queue is full, some of what is in it is served first."""
    index = rig.driver.work_queue if queue is None else queue
    virtqueue = rig.transport.queues[index]
    while True:
        try:
            return await ask(rig, index, kick=False, layout=layout)
        except QueueFull:
            free = virtqueue.free_descriptors
            await rig.transport.kick(index)
            await rig.run_until(lambda before=free: virtqueue.free_descriptors > before)  # type: ignore[misc]


async def when_room(rig: Rig, queue: int, start: Callable[[], Awaitable[T]]) -> T:
    """What starts a request, as soon as the queue has room for it."""
    virtqueue = rig.transport.queues[queue]
    while True:
        try:
            return await start()
        except QueueFull:
            free = virtqueue.free_descriptors
            await rig.run_until(lambda before=free: virtqueue.free_descriptors > before)  # type: ignore[misc]


async def fill(rig: Rig, most: int) -> None:
    """Put `most` requests into the queue of `ask`, or as many as it takes, and notify the device."""
    with suppress(QueueFull):
        for _ in range(most):
            await ask(rig, kick=False)
    await kick(rig)


async def serve(rig: Rig, count: int, queue: int | None = None, layout: Layout | None = None) -> None:
    """Have `count` requests served, as many at a time as the queue takes."""
    pendings = [await ask_more(rig, queue, layout) for _ in range(count)]
    await rig.transport.kick(rig.driver.work_queue if queue is None else queue)
    await settle(rig, pendings)


async def submit_chain(
    rig: Rig,
    readable: Sequence[bytes],
    writable: Sequence[int],
    layout: Layout | None = None,
    queue: int = 0,
    kick: bool = True,
) -> Pending[Written]:
    """Start a chain of any content. Raises QueueFull."""
    driver = rig.driver
    buffers = ChainBuffers(rig.memory, readable, writable, layout or driver.layout)
    what = f"chain readable={buffers.readable_length} writable={buffers.writable_length}"
    pending = Pending(what, buffers, lambda done: Written(done.buffers.written(), done.written_len), rig.run_until)
    try:
        pending.head = rig.transport.queues[queue].add(buffers.chain, pending, driver.table_order)
    except QueueFull:
        buffers.free()
        raise
    pending.queue = queue
    driver.pending.append(pending)
    if kick:
        await rig.transport.kick(queue)
    return pending


async def status(rig: Rig) -> Status:
    """Read Status."""
    return Status(await rig.bus.read(Reg.STATUS))


async def write_status(rig: Rig, value: int) -> Status:
    """Write Status and read it back."""
    await rig.bus.write(Reg.STATUS, value)
    return await status(rig)


async def offered_features(rig: Rig) -> int:
    """The two feature words."""
    word = 0
    for select in (0, 1):
        await rig.bus.write(Reg.DEVICE_FEATURES_SEL, select)
        word |= await rig.bus.read(Reg.DEVICE_FEATURES) << 32 * select
    return word


async def accept_features(rig: Rig, word: int) -> None:
    """Write the two words of accepted features."""
    for select in (0, 1):
        await rig.bus.write(Reg.DRIVER_FEATURES_SEL, select)
        await rig.bus.write(Reg.DRIVER_FEATURES, word >> 32 * select & WORD)


async def queue_sizes(rig: Rig) -> list[int]:
    """QueueSizeMax of the queues that exist."""
    sizes: list[int] = []
    while True:
        await rig.bus.write(Reg.QUEUE_SEL, len(sizes))
        size = await rig.bus.read(Reg.QUEUE_SIZE_MAX)
        if not size:
            return sizes
        sizes.append(size)


async def program(rig: Rig, index: int, layout: RingLayout, ready: int = 1) -> int:
    """Write the set-up of a queue and QueueReady; returns what that reads then."""
    await rig.bus.write(Reg.QUEUE_SEL, index)
    await rig.bus.write(Reg.QUEUE_SIZE, layout.size)
    for low, high, address in (
        (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DESC_HIGH, layout.desc_addr),
        (Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DRIVER_HIGH, layout.driver_addr),
        (Reg.QUEUE_DEVICE_LOW, Reg.QUEUE_DEVICE_HIGH, layout.device_addr),
    ):
        await rig.bus.write(low, address & WORD)
        await rig.bus.write(high, address >> 32)
    await rig.bus.write(Reg.QUEUE_READY, ready)
    return await rig.bus.read(Reg.QUEUE_READY)


async def stop_queue(rig: Rig, index: int) -> None:
    """Write QueueReady = 0 and wait until it reads 0."""
    await rig.bus.write(Reg.QUEUE_SEL, index)
    await rig.bus.write(Reg.QUEUE_READY, 0)
    for _ in range(1000):
        if not await rig.bus.read(Reg.QUEUE_READY):
            return
    raise AssertionError(f"QueueReady of queue {index}: expected 0 within 1000 reads after writing 0, seen 1")


async def expect_idle(rig: Rig, what: str, ns: int = PATIENCE_NS, irq: bool = False) -> None:
    """For some time nothing is used and the interrupt line is and stays low (or, with `irq`, may be high)."""
    before = {queue.index: queue.used_in_memory() for queue in rig.transport.queues.values()}
    await rig.delay(ns)
    after = {queue.index: queue.used_in_memory() for queue in rig.transport.queues.values()}
    expect(after, before, f"chains used by queue {what}")
    if not irq:
        expect(rig.irq.level, False, f"interrupt line {what}")


async def calm_down(rig: Rig) -> None:
    """Let the device do what follows the last used buffer, and take the interrupt that may still come."""
    await rig.delay(CALM_NS)
    if rig.irq.level:
        await rig.transport.handle_interrupt()


async def expect_needs_reset(rig: Rig) -> None:
    """The device notifies that it needs a reset, and does nothing more (2.1.2)."""
    with expect_error(DeviceError):
        await rig.run_until(lambda: False)
    expect(await status(rig), LIVE | Status.DEVICE_NEEDS_RESET, "Status after a fatal error")
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after the acknowledgement")
    for index in rig.transport.queues:
        await rig.bus.write(Reg.QUEUE_NOTIFY, index)
    await expect_idle(rig, "while DEVICE_NEEDS_RESET is set")


def with_hook(kind: type[ClassDriver], hook: Callable[[ClassDriver], Any]) -> type[ClassDriver]:
    """A class driver that calls `hook` when its queues are ready, just before DRIVER_OK."""

    # mypy takes no base class from a variable.
    class Hooked(kind):  # type: ignore[valid-type, misc]
        async def pre_device_initialization(self, transport: Any) -> None:
            await super().pre_device_initialization(transport)
            await hook(self)

    return Hooked


async def until_used(rig: Rig, queue: Virtqueue, count: int) -> None:
    """Wait without interrupts until `count` more buffers were used, and see whether there is an interrupt after all."""
    for _ in range(100):
        if queue.used_in_memory() == count:
            break
        await rig.delay(1000)
    expect(queue.used_in_memory(), count, "chains used")
    await rig.delay(CALM_NS)


async def ends(rig: Rig, queue: Virtqueue, count: int) -> bool:
    """Wait without interrupts until `count` chains are used and not taken; False if the device needs a reset first."""
    for _ in range(400):
        if queue.used_in_memory() >= count:
            return True
        if await status(rig) & Status.DEVICE_NEEDS_RESET:
            return False
        await rig.delay(500)
    raise AssertionError(f"expected {count} chains used or DEVICE_NEEDS_RESET, seen {queue.used_in_memory()}")


def replace_queue(rig: Rig, index: int, size: int) -> Virtqueue:
    """Put fresh rings in the place of a queue that is not ready; they are still to be programmed."""
    rig.transport.queues[index] = rig.transport.make_queue(index, rig.size_of_queue(size), rig.index_init)
    return rig.transport.queues[index]


def split_queue(rig: Rig, index: int | None = None) -> SplitVirtqueue:
    """A queue of a driver that was started `on_split`; that of `ask` when none is named."""
    queue = own_queue(rig) if index is None else rig.transport.queues[index]
    assert isinstance(queue, SplitVirtqueue)
    return queue


def _where_different(what: str, seen: Any, expected: Any) -> tuple[str, Any, Any]:
    """Both from where they begin to differ, if they are too long to be compared by eye."""
    both = (seen, expected)
    if max(len(repr(value)) for value in both) <= _SHOWN:
        return what, seen, expected
    for kind, name in ((list, "item"), (bytes, "byte")):
        if all(isinstance(value, kind) for value in both):
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(seen, expected, strict=False)))
            what = f"{what}, from {name} {same} on, of {len(expected)} expected and {len(seen)} seen"
            if kind is bytes or same >= min(len(seen), len(expected)):
                return what, seen[same:], expected[same:]
            return _where_different(what, seen[same], expected[same])
    return what, seen, expected


def _show(value: Any) -> str:
    text = f"{value:#x}" if type(value) is int else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
