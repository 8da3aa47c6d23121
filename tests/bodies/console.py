# SPDX-License-Identifier: Apache-2.0
"""Byte streams, size and emergency write of a console (5.3)."""

from __future__ import annotations

from functools import partial

from cocotbext.virtio.backing import Response
from cocotbext.virtio.buffers import Layout, bytewise, chunks, merged, random_framing
from cocotbext.virtio.drivers import ConsoleDriver
from cocotbext.virtio.identity import QueueRequest
from virtio_model import EMERGENCY
from virtio_model.spec import ConsoleConfig, ConsoleFeature, DescFlag, Feature, Reg, Status, features

from . import work
from .faults import write_chain
from .rig import CONSOLE, Rig, body
from .work import expect, expect_true

_RECEIVE, _TRANSMIT = 0, 1
_SIZES = (1, 2, 3, 4, 7, 8, 9, 63, 64, 65, 200, 700)
#: Long enough for the stores to run empty, in ns.
_CALM_NS = 30_000


async def begin(rig: Rig, accept: int | None = None) -> ConsoleDriver:
    """Start the driver, on both queues."""
    choice = None if accept is None else lambda offered: offered & accept
    return await work.start_as(rig, ConsoleDriver(accept=choice))


async def arrive(rig: Rig, driver: ConsoleDriver, data: bytes) -> None:
    """Wait until just this has come to the driver, who gives further buffers where the device fills none."""
    queue = rig.transport.queues[_RECEIVE]
    while (before := len(driver.received)) < len(data):
        if not queue.outstanding:
            await driver.supply(1, 100)
        # mypy has no type for the default of a lambda, which binds the value of this round.
        await rig.run_until(lambda count=before: len(driver.received) > count)  # type: ignore[misc]
    expect(driver.received, data, "bytes received")


async def expect_sent(rig: Rig, data: bytes, what: str = "bytes sent") -> None:
    """Just this has left the port, emergency bytes aside."""
    for _ in range(rig.patience):  # it may leave long after its buffer was used
        await rig.delay(_CALM_NS)
        seen = bytes(item for item in rig.given_out() if not item & EMERGENCY)
        if len(seen) >= len(data):
            break
    expect(seen, data, what)


@body(CONSOLE, used=4 * len(_SIZES))
async def bytes_are_sent(rig: Rig) -> None:
    """What transmit buffers hold comes out of the port in order, in any framing (CON-DEV-007)."""
    driver = await begin(rig)
    sent = b""
    most = min(rig.transport.queues[_TRANSMIT].size, 100)  # descriptors
    for framing, limit in ((merged, 700), (bytewise, most), (chunks(13), 13 * most), (random_framing(rig.rng), 700)):
        for i, size in enumerate(_SIZES):
            data = rig.rng.randbytes(min(size, limit))
            layout = Layout(framing, 1, None, rig.rng)
            pending = await work.when_room(rig, _TRANSMIT, partial(driver.submit, data, layout))
            sent += data
            if i % 3 == 0:
                await pending
    await rig.drain()
    await expect_sent(rig, sent)


@body(CONSOLE, used=14)
async def bytes_are_received(rig: Rig) -> None:
    """What comes in lies in receive buffers, used length telling how much; no byte waits for more (CON-DEV-008)."""
    driver = await begin(rig)
    data = b""
    for size in (1, 1, 2, 5, 64, 100, 17, 200, 1, 250):
        await driver.supply(4, 100, Layout(random_framing(rig.rng), 1, None, rig.rng))
        part = rig.rng.randbytes(size)
        data += part
        await rig.give(part)
        await arrive(rig, driver, data)
    await driver.supply(16, 1)
    await rig.give(b"one byte in each")
    await arrive(rig, driver, data + b"one byte in each")


@body(CONSOLE, used=2)
async def bytes_come_together(rig: Rig) -> None:
    """Bytes that wait for a buffer go into one, as many as it has room for."""
    driver = await begin(rig)
    data = rig.rng.randbytes(60)
    await rig.give(data)
    await driver.supply(1, 40)
    await arrive(rig, driver, data[:40])
    await driver.supply(1, 40)
    await arrive(rig, driver, data)
    expect([len(part) for part in driver.parts], [40, 20], "bytes by buffer")


@body(CONSOLE, used=25, limit_us=40_000)
async def both_ways(rig: Rig) -> None:
    """Streams in both directions do not disturb each other, at a port that is in no hurry."""
    driver = await begin(rig)
    await rig.set_port(gap=8)
    sent = came = b""
    for _ in range(20):
        await driver.supply(2, 40)
        data, part = rig.rng.randbytes(rig.rng.randrange(1, 150)), rig.rng.randbytes(rig.rng.randrange(1, 60))
        sent, came = sent + data, came + part
        await driver.submit(data)
        await rig.give(part)
        await rig.delay(rig.rng.randrange(2000))
    while len(driver.received) < len(came):
        before = len(driver.received)
        await driver.supply(1, 40)  # bytes that come slowly fill no buffer
        # mypy has no type for the default of a lambda, which binds the value of this round.
        await rig.run_until(lambda count=before: len(driver.received) > count)  # type: ignore[misc]
    expect(driver.received, came, "bytes received")
    await rig.drain()
    await rig.set_port()
    await expect_sent(rig, sent)


@body(CONSOLE, used=7)
async def buffers_of_any_kind(rig: Rig) -> None:
    """Chains that are of no use come back alone, with length 0, and untouched (HOST-104, CON-DRV-002, 003)."""
    driver = await begin(rig)
    await driver.supply(1)
    await rig.give(b"a")
    await arrive(rig, driver, b"a")
    pending = await work.submit_chain(rig, [b"x" * 30], [], queue=_RECEIVE)
    await rig.give(b"b")
    expect((await pending).written_len, 0, "used length of a receive chain without room")
    pending = await work.submit_chain(rig, [b"y" * 300], [7], queue=_RECEIVE)
    written = await pending
    expect((written.written_len, written.data[:1]), (1, b"b"), "receive chain with readable bytes")
    for readable, writable in (([], [9]), ([b"c"], [5]), ([b"d" * 65, b"e"], [1])):
        done = await (await work.submit_chain(rig, readable, writable, queue=_TRANSMIT))
        expect((done.written_len, done.data), (0, b"\xff" * sum(writable)), "transmit chain with writable bytes")
    await driver.send(b"f")
    await expect_sent(rig, b"c" + b"d" * 65 + b"e" + b"f")


@body(CONSOLE, used=9)
async def no_buffers(rig: Rig) -> None:
    """Without receive buffers bytes wait, holding up no byte that is sent, and come when there are some (HOST-104)."""
    driver = await begin(rig)
    data = rig.rng.randbytes(256)
    await rig.give(data)
    await driver.send(b"meanwhile")
    await driver.supply(8, 32)
    await arrive(rig, driver, data)
    await expect_sent(rig, b"meanwhile")


@body(CONSOLE, used=9)
async def stalled_port(rig: Rig) -> None:
    """A port that takes nothing holds up transmission only, as far as the store reaches: here eight chains."""
    driver = await begin(rig)
    await rig.set_port(stall=True)
    sent = b""
    for _ in range(8):
        data = rig.rng.randbytes(120)
        sent += data
        await driver.send(data)
    await driver.supply(1)
    await rig.give(b"in")
    await arrive(rig, driver, b"in")
    await rig.set_port()
    await expect_sent(rig, sent)


@body(CONSOLE, used=2)
async def stalled_port_and_reset(rig: Rig) -> None:
    """A chain beyond the store waits for the port; registers answer, a reset gets through, and all is well after it."""
    driver = await begin(rig)
    await rig.set_port(stall=True)
    await driver.submit(rig.rng.randbytes(5000))
    await rig.delay(_CALM_NS)
    expect(await work.status(rig), work.LIVE, "Status")
    await rig.reset_device()
    expect(await work.status(rig), Status(0), "Status after the reset")
    driver = await begin(rig)
    await driver.supply(1)
    await rig.give(b"in")
    await rig.set_port()
    await arrive(rig, driver, b"in")
    await driver.send(b"\x01out\x02")
    await rig.delay(_CALM_NS)
    expect(bytes(item & 0xFF for item in rig.given_out()[-5:]), b"\x01out\x02", "last bytes sent")


@body(CONSOLE, used=2)
async def size_changes(rig: Rig) -> None:
    """cols and rows, and a notification with a new ConfigGeneration for each change (CON-DEV-003, CON-DEV-009)."""
    driver = await begin(rig)
    expect((driver.config.cols, driver.config.rows), (80, 25), "size")
    for size in ((132, 25), (132, 50), (0xFFFF, 1), (0, 0xFFFF)):
        before, changes = await rig.bus.read(Reg.CONFIG_GENERATION), driver.config_changes
        await rig.set_size(*size)
        await rig.run_until(lambda count=changes: driver.config_changes > count)  # type: ignore[misc]
        expect((driver.config.cols, driver.config.rows), size, "size")
        expect_true(await rig.bus.read(Reg.CONFIG_GENERATION) != before, "ConfigGeneration stays")
    expect(await rig.transport.read_config(ConsoleConfig.MAX_NR_PORTS, "I"), (0,), "max_nr_ports")
    await driver.send(b"12")
    await driver.supply(1)
    await rig.give(b"3")
    await arrive(rig, driver, b"3")


@body(CONSOLE, used=1)
async def size_changes_without_a_driver(rig: Rig) -> None:
    """Before DRIVER_OK a change is seen in the fields and in ConfigGeneration, without an interrupt (CON-DEV-009)."""
    await rig.reset_device()
    before = await rig.bus.read(Reg.CONFIG_GENERATION)
    await rig.set_size(40, 12)
    expect(await rig.transport.read_config(0, "HH"), (40, 12), "cols and rows")
    expect_true(await rig.bus.read(Reg.CONFIG_GENERATION) != before, "ConfigGeneration stays")
    expect(rig.irq.level, False, "interrupt line")
    driver = await begin(rig)
    expect((driver.config.cols, driver.config.rows), (40, 12), "size")
    await driver.send(b"1")


@body(CONSOLE, used=2)
async def emergency_write(rig: Rig) -> None:
    """The low byte of what is written to emerg_wr comes out, in every state of the device (CON-DEV-005, 006)."""
    place = Reg.CONFIG + ConsoleConfig.EMERG_WR
    await rig.reset_device()
    await rig.bus.write(place, 0x1234_5641)
    for bits in (Status.ACKNOWLEDGE, Status.ACKNOWLEDGE | Status.DRIVER):
        await rig.bus.write(Reg.STATUS, bits)
        await rig.bus.write(place, 0x42, 1)
    driver = await begin(rig, features(Feature.VERSION_1))
    await driver.emergency_write(0x43)
    await rig.bus.write(place, 0xFF44, 2)
    await rig.bus.write(place + 1, 0xFF, 1)
    await rig.bus.write(place + 2, 0xFFFF, 2)
    await rig.bus.write(place + 4, 0xFFFF_FFFF)
    expect(await rig.bus.read(place), 0, "emerg_wr")
    await rig.set_port(stall=True)
    await driver.send(b"in the store")
    await driver.emergency_write(0x45)
    await rig.set_port()
    await rig.bus.write(Reg.STATUS, work.LIVE | Status.FAILED)
    await rig.bus.write(place, 0x46)
    await rig.reset_device()
    await rig.bus.write(place, 0x47)
    driver = await begin(rig)
    await driver.send(b".")
    await expect_sent(rig, b"in the store.")
    expect([item & 0xFF for item in rig.given_out() if item & EMERGENCY], list(b"ABBCDEFG"), "emergency bytes")


@body(CONSOLE, used=1)
async def emergency_write_while_a_reset_is_pending(rig: Rig) -> None:
    """Also while the device, being reset, waits for the bus to become idle (CON-DEV-005)."""
    assert rig.faults is not None
    driver = await begin(rig)
    pending = await driver.submit(b"never read", kick=False)
    rig.faults.add(pending.chain[0][0], 1, write=False, response=Response.NEVER)
    await driver.kick(_TRANSMIT)
    await rig.delay(_CALM_NS)
    await rig.bus.write(Reg.STATUS, 0)
    await rig.bus.write(Reg.CONFIG + ConsoleConfig.EMERG_WR, 0x21)
    await rig.delay(_CALM_NS)
    expect(rig.given_out(), [EMERGENCY | 0x21], "items given out while the reset is pending")
    rig.faults.clear()
    await rig.delay(_CALM_NS)
    driver = await begin(rig)
    await driver.send(b"x")
    await expect_sent(rig, b"x")


@body(CONSOLE, used=1)
async def emergency_write_to_a_stalled_port(rig: Rig) -> None:
    """At least sixteen bytes wait for a port that takes nothing, those too many are lost, and no register waits."""
    driver = await begin(rig)
    await rig.set_port(stall=True)
    for byte in range(40):
        await driver.emergency_write(byte)
    await rig.set_port()
    await driver.send(b"x")
    await expect_sent(rig, b"x")
    await driver.emergency_write(0x80)
    await rig.delay(_CALM_NS)
    seen = [item & 0xFF for item in rig.given_out() if item & EMERGENCY]
    expect((seen[:16], seen[-1]), (list(range(16)), 0x80), "emergency bytes")


@body(CONSOLE, used=1)
async def offered_features(rig: Rig) -> None:
    """SIZE and EMERG_WRITE are offered, MULTIPORT is not; two queues (CON-DEV-002)."""
    wanted = features(ConsoleFeature.SIZE, ConsoleFeature.EMERG_WRITE)
    offered = await work.offered_features(rig)
    expect(offered & (1 << Feature.INDIRECT_DESC) - 1, wanted, "features of the device type")
    expect(len(await work.queue_sizes(rig)), 2, "queues")
    driver = await begin(rig)
    await driver.send(b"1")


@body(CONSOLE, used=8)
async def failing_memory(rig: Rig) -> None:
    """A chain that cannot be read is sent in part, one that cannot be written has length 0; the next are whole."""
    assert rig.faults is not None
    driver = await begin(rig)
    expected = []
    for offset in (0, 300, 599):
        data = rig.rng.randbytes(600)
        pending = await driver.submit(data, kick=False)
        rig.faults.add(pending.chain[0][0] + offset, 1, write=False)
        await driver.kick(_TRANSMIT)
        await pending
        rig.faults.clear()
        await driver.send(b"<%d>" % offset)
        expected.append((data[:offset], b"<%d>" % offset))
    await rig.delay(_CALM_NS)
    out = bytes(rig.given_out())
    for part, mark in expected:
        seen, _, out = out.partition(mark)
        expect_true(part.startswith(seen), f"{len(seen)} bytes sent before {mark!r} are not the first of the chain")
    expect(out, b"", "bytes sent after all")
    await driver.supply(1, kick=False)
    pending = driver.pending[-1]
    rig.faults.add(pending.chain[0][0] + 2, 1, read=False)
    await driver.kick(_RECEIVE)
    await rig.give(b"lost")
    await rig.run_until(lambda: pending.done)
    expect(pending.written_len, 0, "used length")
    rig.faults.clear()
    await driver.supply(1)
    await rig.give(b"well")
    await rig.run_until(lambda: driver.received.endswith(b"well"))


@body(CONSOLE, used=4, cases=("receive", "transmit"))
async def malformed_chain(rig: Rig, case: str) -> None:
    """A chain that no driver may make is fatal, and a reset recovers (HOST-020)."""
    queue = _RECEIVE if case == "receive" else _TRANSMIT
    for chain in ([(8, DescFlag.NEXT, 0xFFFF)], [(8, DescFlag.WRITE | DescFlag.NEXT, 1), (8, 0, 0)]):
        driver = await work.start_as(rig, ConsoleDriver(accept=work.on_split()))
        await driver.send(b"before")
        await work.calm_down(rig)
        write_chain(rig, work.split_queue(rig, queue), chain)
        await rig.transport.kick(queue)
        await rig.give(b"!")
        await work.expect_needs_reset(rig)
    driver = await begin(rig)
    await driver.supply(1)
    await rig.give(b"?")
    await arrive(rig, driver, b"?")
    await driver.send(b"after")


@body(CONSOLE, used=4)
async def queue_reset(rig: Rig) -> None:
    """A reset of the receive queue drops what waits for it; without RING_RESET it waits on (2.6.1)."""
    driver = await begin(rig)
    await driver.send(b"1")
    await rig.give(b"old")
    if driver.has(Feature.RING_RESET):
        await rig.transport.reset_queue(_RECEIVE)
        await rig.transport.enable_queue(QueueRequest(_RECEIVE, None, rig.index_init))
    await driver.supply(1)
    await driver.supply(1)
    await rig.give(b"new")
    expected = b"new" if driver.has(Feature.RING_RESET) else b"oldnew"
    await arrive(rig, driver, expected)
    await driver.send(b"2")
    await driver.send(b"3")
    await expect_sent(rig, b"123")


@body(CONSOLE, used=30, limit_us=60_000)
async def resets_at_any_time(rig: Rig) -> None:
    """A device reset in the middle of traffic leaves no byte of before to the next driver (RESET-DEV-002)."""
    for life in range(16):
        driver = await begin(rig)
        await rig.set_port(gap=rig.rng.choice((0, 0, 3)))
        await driver.supply(4, 20)
        for _ in range(3):
            await driver.submit(rig.rng.randbytes(rig.rng.randrange(1, 400)), Layout(random_framing(rig.rng)))
        await rig.give(rig.rng.randbytes(60), wait=False)
        await rig.delay(rig.rng.randrange(0, 6000))
        if life % 4 == 3:
            await rig.power_cycle()
        else:
            await rig.reset_device()
        await rig.set_port()
        driver = await begin(rig)
        await driver.supply(8)
        await rig.give(b"\x00new\x01")
        await rig.run_until(lambda last=driver: last.received.endswith(b"\x00new\x01"))  # type: ignore[misc]
        await driver.send(b"sent")
        await rig.reset_device()
