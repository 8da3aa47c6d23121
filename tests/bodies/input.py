# SPDX-License-Identifier: Apache-2.0
"""Events, status events and the configuration window of an input device (5.8), a keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from cocotbext.virtio.buffers import Layout, bytewise, merged, random_framing
from cocotbext.virtio.drivers import InputDriver
from cocotbext.virtio.errors import QueueFull
from cocotbext.virtio.identity import QueueRequest
from virtio_model import InputEvent
from virtio_model.spec import INPUT_EVENT_BYTES, DescFlag, EventType, Feature, InputConfig, InputSelect, Reg

from . import work
from .faults import write_chain
from .rig import INPUT, Rig, body
from .work import expect, expect_true

_EVENTS, _STATUS = 0, 1
SYN = InputEvent(EventType.SYN, 0, 0)
#: Long enough for what may come to have come, in ns.
_CALM_NS = 10_000
_KEY_BITS = {*range(1, 84), *range(86, 89), *range(96, 101), *range(102, 112), 119, *range(125, 128)}


async def begin(rig: Rig) -> InputDriver:
    """Start the driver, on both queues."""
    return await work.start_as(rig, InputDriver)


def sequence(rig: Rig, length: int = 2) -> list[InputEvent]:
    """`length` events that form one update, the last of them SYN_REPORT."""
    keys = [InputEvent(EventType.KEY, rig.rng.randrange(1, 128), rig.rng.getrandbits(32)) for _ in range(length - 1)]
    return [*keys, SYN]


async def give(rig: Rig, *events: InputEvent) -> None:
    """Let events come in."""
    await rig.give([event.item for event in events])


async def stock(driver: InputDriver, count: int, size: int | None = None, layout: Layout | None = None) -> int:
    """Give the device event buffers, as many of `count` as its queue takes; how many those are."""
    for number in range(count):
        try:
            await driver.supply(1, size, layout, kick=False)
        except QueueFull:
            if not number:
                raise
            count = number
            break
    await driver.kick(_EVENTS)
    return count


async def arrive(rig: Rig, driver: InputDriver, events: Sequence[InputEvent]) -> None:
    """Wait until these have come to the driver, and take them away."""
    await rig.run_until(lambda: len(driver.events) >= len(events))
    expect(list(driver.events), list(events), "events")
    driver.events.clear()


async def arrived(rig: Rig, driver: InputDriver, ns: int = _CALM_NS) -> list[InputEvent]:
    """What has come after a while, taken away."""
    await rig.delay(ns)
    rig.transport.deliver_used()
    events = list(driver.events)
    driver.events.clear()
    return events


@body(INPUT, used=1)
async def window(rig: Rig) -> None:
    """Name, serial number, ids and the event codes of a keyboard (INPUT-DEV-001, INPUT-DEV-002)."""
    expect((await rig.transport.query()).device_id, 18, "DeviceID")
    expect(len(await work.queue_sizes(rig)), 2, "queues")
    driver = await begin(rig)
    expect(driver.name, "VirtIO Keyboard", "name")
    expect(await driver.query(InputSelect.ID_SERIAL), b"0001", "serial number")
    expect(await driver.query(InputSelect.ID_DEVIDS), bytes.fromhex("0600544f01000100"), "ids")
    keys = await driver.query(InputSelect.EV_BITS, EventType.KEY)
    expect({i for i in range(8 * len(keys)) if keys[i // 8] >> i % 8 & 1}, _KEY_BITS, "keys")
    expect(await driver.query(InputSelect.EV_BITS, EventType.LED), b"\x07", "LEDs")
    expect(await driver.query(InputSelect.EV_BITS, EventType.REP), b"\x03", "repeat")
    await driver.send(SYN)


@body(INPUT, used=1, limit_us=60_000)
async def window_without_information(rig: Rig) -> None:
    """size is 0 for everything else (INPUT-DEV-003)."""
    driver = await begin(rig)
    known = {(select, 0) for select in (1, 2, 3)} | {(InputSelect.EV_BITS, subsel) for subsel in (1, 17, 20)}
    asked = [(select, 0) for select in range(256)] + [(InputSelect.EV_BITS, subsel) for subsel in range(256)]
    asked += [(rig.rng.randrange(32), rig.rng.randrange(256)) for _ in range(200)]
    for select, subsel in asked:
        data = await driver.query(select, subsel)
        expect(bool(data), (select, subsel) in known, f"something known of select {select}, subsel {subsel}")
    await driver.send(SYN)


@body(INPUT, used=1, limit_us=60_000)
async def window_in_either_order(rig: Rig) -> None:
    """What the device says is the same whether select or subsel is written first (INPUT-DEV-002, INPUT-DEV-003)."""
    driver = await begin(rig)
    transport = rig.transport
    asked = [(select, 0) for select in range(256)] + [(InputSelect.EV_BITS, subsel) for subsel in range(256)]
    asked += [(rig.rng.randrange(32), rig.rng.randrange(256)) for _ in range(100)]
    rig.rng.shuffle(asked)
    for select, subsel in asked:
        data = await driver.query(select, subsel)
        await transport.write_config(InputConfig.SELECT, "B", rig.rng.randrange(256))
        await transport.write_config(InputConfig.SUBSEL, "B", subsel)
        await transport.write_config(InputConfig.SELECT, "B", select)
        expect(await transport.read_config(0, "BBB"), (select, subsel, len(data)), "select, subsel, size")
        if data:
            expect(
                bytes(await transport.read_config(InputConfig.U, f"{len(data)}B")), data, f"u for {select}, {subsel}"
            )
    await driver.send(SYN)


@body(INPUT, used=1)
async def window_accesses(rig: Rig) -> None:
    """select and subsel are written in either order or at once, keep, and are the only fields to be written."""
    driver = await begin(rig)
    transport, bus = rig.transport, rig.bus
    await transport.write_config(InputConfig.SUBSEL, "B", EventType.LED)
    await transport.write_config(InputConfig.SELECT, "B", InputSelect.EV_BITS)
    expect(await transport.read_config(0, "BBB"), (InputSelect.EV_BITS, EventType.LED, 1), "select, subsel, size")
    await bus.write(Reg.CONFIG, InputSelect.EV_BITS | EventType.KEY << 8, 2)
    expect(await transport.read_config(0, "BBB"), (InputSelect.EV_BITS, EventType.KEY, 16), "select, subsel, size")
    for offset in range(2, 144):
        await transport.write_config(offset, "B", 0xFF)
    await bus.write(Reg.CONFIG, 0xFFFF_0000 | InputSelect.ID_NAME)
    expect(await bus.read(Reg.CONFIG), len(driver.name) << 16 | InputSelect.ID_NAME, "first word")
    expect(bytes(await transport.read_config(InputConfig.U, "128B")), driver.name.encode().ljust(128, b"\0"), "u")
    expect(await bus.read(Reg.CONFIG + 4), 0, "reserved bytes")
    expect(await bus.read(Reg.CONFIG + 136), 0, "what lies beyond u")
    await rig.reset_device()
    expect(await bus.read(Reg.CONFIG), 0, "first word after a reset")
    await (await begin(rig)).send(SYN)


@body(INPUT, used=60)
async def events_are_delivered(rig: Rig) -> None:
    """Each event comes in a buffer of its own, in order, whatever the framing (INPUT-DEV-007)."""
    driver = await begin(rig)
    for framing in (merged, bytewise, random_framing(rig.rng)):
        for length in (1, 2, 3, 14):
            layout = Layout(framing, 1, None, rig.rng)
            events = sequence(rig, await stock(driver, length, rig.rng.choice((8, 9, 16)), layout))
            await give(rig, *events)
            await arrive(rig, driver, events)


@body(INPUT, used=40)
async def events_one_after_another(rig: Rig) -> None:
    """Sequences that come while others are delivered."""
    driver = await begin(rig)
    await rig.set_port(gap=20)
    sequences = [sequence(rig, length) for length in (2, 3, 5, 2, 8, 4, 2, 6, 3, 5)]
    while sequences:
        events = sequences.pop(0)
        while sequences and len(events) + len(sequences[0]) <= rig.transport.queues[_EVENTS].free_descriptors:
            events += sequences.pop(0)
        await driver.supply(len(events))
        await give(rig, *events)
        await arrive(rig, driver, events)


@body(INPUT, used=6)
async def buffers_of_any_kind(rig: Rig) -> None:
    """A buffer too small comes back with length 0, and the event goes into the next; readable bytes do not matter."""
    driver = await begin(rig)
    events = sequence(rig, 3)
    small = await work.submit_chain(rig, [], [7], queue=_EVENTS)
    none = await work.submit_chain(rig, [b"x" * 20], [], queue=_EVENTS)
    mixed = await work.submit_chain(rig, [b"y" * 20], [8], queue=_EVENTS)
    await driver.supply(2)
    await give(rig, *events)
    await arrive(rig, driver, events[1:])
    for pending, length, data in ((small, 0, b"\xff" * 7), (none, 0, b""), (mixed, 8, events[0].pack())):
        expect((pending.result().written_len, pending.result().data), (length, data), repr(pending))
    done = await (await work.submit_chain(rig, [], [8], queue=_STATUS))
    expect((done.written_len, done.data), (0, b"\xff" * 8), "status chain without an event")


@body(INPUT, used=30, limit_us=40_000)
async def too_few_buffers(rig: Rig) -> None:
    """Without buffers sequences wait, or are dropped as a whole; later ones come (INPUT-DEV-004, 005, 006)."""
    driver = await begin(rig)
    given = [sequence(rig, rig.rng.randrange(2, 7)) for _ in range(40)]
    seen: list[InputEvent] = []
    part: list[InputEvent] = []
    free = 0  # buffers that the device has
    for number, events in enumerate(given):
        await give(rig, *events)
        if number % 8 == 7:
            await driver.supply(3 - free)
            part = await arrived(rig, driver)
            free = 3 - len(part)
            seen += part
    while part or free < 8:  # now there are buffers for a whole sequence
        await driver.supply(8 - free)
        part = await arrived(rig, driver)
        free = 8 - len(part)
        seen += part
    expected = iter(given)
    while seen:
        end = seen.index(SYN) + 1
        expect_true(seen[:end] in expected, f"{seen[:end]} is no sequence that was given, or comes too late")
        del seen[:end]
    last = sequence(rig, 5)
    await give(rig, *last)
    await arrive(rig, driver, last)


@body(INPUT, used=5)
async def buffers_end_in_a_sequence(rig: Rig) -> None:
    """A sequence that has begun to be delivered is completed later (INPUT-DEV-006)."""
    driver = await begin(rig)
    events = sequence(rig, 5)
    await driver.supply(2)
    await give(rig, *events)
    await arrive(rig, driver, events[:2])
    await driver.supply(3)
    await arrive(rig, driver, events[2:])


@body(INPUT, used=4)
async def sequences_come_whole(rig: Rig) -> None:
    """Nothing of a sequence is delivered before its end has come in (INPUT-DEV-005)."""
    driver = await begin(rig)
    events = sequence(rig, 4)
    await driver.supply(4)
    await give(rig, *events[:3])
    expect(await arrived(rig, driver), [], "events of a sequence that has not ended")
    await give(rig, events[3])
    await arrive(rig, driver, events)


@body(INPUT, used=2)
async def sequences_that_are_too_long(rig: Rig) -> None:
    """A sequence that no store could hold is dropped, or delivered, as a whole."""
    driver = await begin(rig)
    events = sequence(rig, 100)
    await driver.supply(100)
    await give(rig, *events)
    expect_true(await arrived(rig, driver) in ([], events), "a part of a sequence came")
    await driver.supply(2)
    events = sequence(rig, 2)
    await give(rig, *events)
    await arrive(rig, driver, events)


@body(INPUT, used=2)
async def events_without_a_driver(rig: Rig) -> None:
    """Events that come before a driver is there are dropped, with the rest of their sequence."""
    await rig.power_cycle()
    await give(rig, *sequence(rig, 3))
    first = sequence(rig, 4)

    async def before_driver_ok(_: object) -> None:
        await give(rig, *sequence(rig, 2), *first[:2])

    driver = await work.start_as(rig, work.with_hook(InputDriver, before_driver_ok))
    assert isinstance(driver, InputDriver)
    await driver.supply(8)
    await give(rig, *first[2:])
    expect(await arrived(rig, driver), [], "events")
    events = sequence(rig, 2)
    await give(rig, *events)
    await arrive(rig, driver, events)


@body(INPUT, used=4)
async def rest_of_a_sequence_after_a_reset(rig: Rig) -> None:
    """Of a sequence that was coming in as the device was reset, nothing is delivered: not its rest either."""
    for _ in range(2):
        driver = await begin(rig)
        await driver.supply(4)
        events = sequence(rig, 4)
        await give(rig, *events[:2])
        driver = await begin(rig)
        await driver.supply(8)
        await give(rig, *events[2:])
        expect(await arrived(rig, driver), [], "events of a sequence cut by a reset")
        events = sequence(rig, 2)
        await give(rig, *events)
        await arrive(rig, driver, events)


@body(INPUT, used=8)
async def status_events(rig: Rig) -> None:
    """What the driver sends comes out in order; bytes that make no event are ignored (INPUT-DRV-006)."""
    driver = await begin(rig)
    leds = [InputEvent(EventType.LED, rig.rng.randrange(3), rig.rng.getrandbits(32)) for _ in range(12)]
    await driver.send(leds[0])
    most = max(1, rig.transport.queues[_STATUS].layout.size // INPUT_EVENT_BYTES)  # events in a chain of single bytes
    for some, framing in ((leds[1:4], bytewise), (leds[4:9], random_framing(rig.rng))):
        for at in range(0, len(some), most):
            await driver.send(*some[at : at + most], layout=Layout(framing))
    for readable in ([], [b"x" * 7], [leds[9].pack() + b"y" * 7], [leds[10].pack(), leds[11].pack(), b"z"]):
        done = await (await work.submit_chain(rig, readable, [3], queue=_STATUS))
        expect((done.written_len, done.data), (0, b"\xff" * 3), "status chain")
    await driver.send(SYN)
    await rig.delay(_CALM_NS)
    expect([InputEvent.of(item) for item in rig.given_out()], [*leds, SYN], "status events")


@body(INPUT, used=12)
async def stalled_status_port(rig: Rig) -> None:
    """A status port that takes nothing holds up no events, as far as the store reaches: here eight chains."""
    driver = await begin(rig)
    await rig.set_port(stall=True)
    leds = [InputEvent(EventType.LED, 1, rig.rng.getrandbits(32)) for _ in range(8)]
    for led in leds:
        await driver.send(led)
    events = sequence(rig, 4)
    await driver.supply(4)
    await give(rig, *events)
    await arrive(rig, driver, events)
    await rig.set_port()
    await rig.delay(_CALM_NS)
    expect([InputEvent.of(item) for item in rig.given_out()], leds, "status events")


@body(INPUT, used=2)
async def stalled_status_port_and_reset(rig: Rig) -> None:
    """A chain beyond the store waits for the port; registers answer, a reset gets through, and all is well after it."""
    driver = await begin(rig)
    await rig.set_port(stall=True)
    await driver.submit(*[InputEvent(EventType.LED, 0, value) for value in range(50)])
    await rig.delay(_CALM_NS)
    expect(await work.status(rig), work.LIVE, "Status")
    await rig.reset_device()
    await rig.set_port()
    driver = await begin(rig)
    await driver.supply(1)
    await give(rig, SYN)
    await arrive(rig, driver, [SYN])
    led = InputEvent(EventType.LED, 2, 1)
    await driver.send(led)
    await rig.delay(_CALM_NS)
    expect(InputEvent.of(rig.given_out()[-1]), led, "last status event")


@body(INPUT, used=5)
async def failing_memory(rig: Rig) -> None:
    """A buffer that cannot be written or read is used with length 0, and what follows is served."""
    assert rig.faults is not None
    driver = await begin(rig)
    await driver.supply(1, kick=False)
    pending = driver.pending[-1]
    rig.faults.add(pending.chain[0][0] + 5, 1, read=False)
    await driver.kick(_EVENTS)
    events = sequence(rig, 3)
    await give(rig, *events)
    await rig.run_until(lambda: pending.done)
    expect(pending.written_len, 0, "used length")
    rig.faults.clear()
    await driver.supply(2)
    await arrive(rig, driver, events[1:])
    led = InputEvent(EventType.LED, 1, 1)
    sent = await driver.submit(led, kick=False)
    rig.faults.add(sent.chain[0][0] + 7, 1, write=False)
    await driver.kick(_STATUS)
    await sent
    rig.faults.clear()
    await driver.send(SYN)
    await rig.delay(_CALM_NS)
    expect([InputEvent.of(item) for item in rig.given_out()], [SYN], "status events")


@body(INPUT, used=4, cases=("events", "status"))
async def malformed_chain(rig: Rig, case: str) -> None:
    """A chain that no driver may make is fatal, and a reset recovers (HOST-020)."""
    queue = _EVENTS if case == "events" else _STATUS
    for chain in ([(8, DescFlag.NEXT, 0xFFFF)], [(8, DescFlag.WRITE | DescFlag.NEXT, 1), (8, 0, 0)]):
        driver = await work.start_as(rig, InputDriver(accept=work.on_split()))
        await driver.send(SYN)
        await work.calm_down(rig)
        write_chain(rig, work.split_queue(rig, queue), chain)
        await rig.transport.kick(queue)
        await give(rig, SYN)
        await work.expect_needs_reset(rig)
    driver = await begin(rig)
    await driver.supply(1)
    await give(rig, SYN)
    await arrive(rig, driver, [SYN])
    await driver.send(SYN)


@body(INPUT, used=3)
async def queue_reset(rig: Rig) -> None:
    """A reset of the event queue drops what waits for it; without RING_RESET it waits on (2.6.1)."""
    driver = await begin(rig)
    await driver.send(SYN)
    old, new = sequence(rig, 2), sequence(rig, 2)
    await give(rig, *old)
    await rig.delay(_CALM_NS)
    if driver.has(Feature.RING_RESET):
        await rig.transport.reset_queue(_EVENTS)
        await rig.transport.enable_queue(QueueRequest(_EVENTS, None, rig.index_init))
        old = []
    await driver.supply(len(old) + len(new))
    await rig.delay(_CALM_NS)
    await give(rig, *new)
    await arrive(rig, driver, [*old, *new])


@body(INPUT, used=40, limit_us=60_000)
async def resets_at_any_time(rig: Rig) -> None:
    """A device reset in the middle of traffic leaves no event of before to the next driver (RESET-DEV-002)."""
    for life in range(16):
        driver = await begin(rig)
        await rig.set_port(gap=rig.rng.choice((0, 0, 10)))
        await driver.supply(10)
        for _ in range(3):
            await driver.submit(*[InputEvent(EventType.LED, 0, life)] * rig.rng.randrange(1, 6))
        await rig.give([event.item for _ in range(6) for event in sequence(rig, 3)], wait=False)
        await rig.delay(rig.rng.randrange(0, 4000))
        if life % 4 == 3:
            await rig.power_cycle()
        else:
            await rig.reset_device()
        await rig.set_port()
        await rig.give([SYN.item])
        driver = await begin(rig)
        await rig.delay(_CALM_NS)
        events = sequence(rig, 4)
        await driver.supply(4)
        await give(rig, *events)
        await arrive(rig, driver, events)
        await driver.send(SYN)
        await rig.reset_device()
