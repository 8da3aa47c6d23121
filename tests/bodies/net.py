# SPDX-License-Identifier: Apache-2.0
"""Network frames in both directions, filters, commands (5.1)."""

from __future__ import annotations

import logging
import struct
from contextlib import suppress
from functools import partial

from cocotbext.virtio.buffers import Layout, chunks, merged, natural, random_framing
from cocotbext.virtio.drivers import NetDriver, NetHeader
from cocotbext.virtio.errors import QueueFull
from cocotbext.virtio.identity import QueueRequest
from virtio_model.spec import (
    NET_HDR_BYTES,
    Feature,
    NetAck,
    NetCommand,
    NetFeature,
    Reg,
    features,
)

from . import work
from .rig import NET, Rig, body
from .work import expect, expect_true

BROADCAST = b"\xff" * 6
_OTHER = bytes.fromhex("020000000001")
_GROUP = bytes.fromhex("333300000001")
#: Without the features of the control queue.
_PLAIN = features(32, NetFeature.MAC, NetFeature.STATUS, NetFeature.MTU)
#: Long enough for the longest frame to leave over the narrowest bus, in ns.
_CALM_NS = 8_000
#: A period of the clock in ns, and how much of the time the data channels have to be busy with frames.
_CYCLE_NS = 10
_LEAST_SHARE = 0.85
_SIZES = (14, 15, 60, 61, 63, 64, 65, 127, 128, 511, 512, 1000, 1513, 1514)


_log = logging.getLogger("virtio.net")


def frame(rig: Rig, length: int, to: bytes = BROADCAST, vlan: int | None = None) -> bytes:
    """A frame of `length` bytes with random content."""
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    head = to + b"\x02" + rig.rng.randbytes(5) + tag + b"\x08\x00"
    return (head + rig.rng.randbytes(length))[:length]


async def begin(rig: Rig, accept: int | None = None, pairs: int = 1, size: int | None = None) -> NetDriver:
    """Start the driver, with the control queue if it is negotiated; `accept` are features of the device type."""
    offered = await work.offered_features(rig)
    wanted = offered & (NetDriver.common_features | NetDriver.class_features)
    if accept is not None:
        wanted &= NetDriver.common_features | accept
    driver = NetDriver(accept=lambda _: wanted, queue_pairs=pairs)
    queues = list(range(2 * pairs))
    if wanted & features(NetFeature.CTRL_VQ):
        last = 2
        if wanted & features(NetFeature.MQ):
            last = len(await work.queue_sizes(rig)) - 1
        queues.append(last)
    return await work.start_as(rig, driver, queues, size)


async def has(rig: Rig, bit: NetFeature) -> bool:
    """Whether the device offers a feature."""
    return bool(await work.offered_features(rig) & features(bit))


async def arrive(rig: Rig, driver: NetDriver, count: int) -> None:
    """Wait until so many frames have come to the driver."""
    await rig.run_until(lambda: len(driver.received) >= count)


async def expect_nothing(rig: Rig, driver: NetDriver, what: str) -> None:
    """No frame comes."""
    await rig.delay(_CALM_NS)
    rig.transport.deliver_used()
    expect(len(driver.received), 0, f"frames received {what}")


async def received(rig: Rig, driver: NetDriver, sent: bytes) -> bool:
    """Inject a frame, then one that is certainly wanted; whether the former came, the latter having done so."""
    await driver.supply(2)
    mark = frame(rig, 99, driver.config.mac or BROADCAST)
    promisc = bool(driver.features & features(NetFeature.CTRL_VQ))
    await rig.inject(sent)
    await rig.delay(_CALM_NS)
    if promisc:
        await driver.set_mode(NetCommand.RX_PROMISC, True)
    await rig.inject(mark)
    await rig.run_until(lambda: any(got.data == mark for got in driver.received))
    if promisc:
        await driver.set_mode(NetCommand.RX_PROMISC, False)
    got = [entry.data for entry in driver.received]
    driver.received.clear()
    expect_true(got in ([mark], [sent, mark]), f"frames received: {len(got)}, not those injected")
    return len(got) == 2


@body(NET, used=2 * len(_SIZES))
async def frames_are_sent(rig: Rig) -> None:
    """Frames of every kind of length leave as they are, without their header, in order (NET-DEV-011)."""
    driver = await begin(rig)
    frames = [frame(rig, length) for length in (*_SIZES, *_SIZES)]
    layouts = [Layout(framing, 1, None, rig.rng) for framing in (natural, merged, chunks(100), random_framing(rig.rng))]
    for i, data in enumerate(frames):
        layout = layouts[i % len(layouts)]
        pending = await work.when_room(rig, 1, partial(driver.submit, data, layout))
        if i % 3 == 0:
            await pending
    await rig.drain()
    for _ in range(rig.patience):  # which may leave long after their buffers were used
        await rig.delay(_CALM_NS)
        if len(rig.frames_sent()) >= len(frames):
            break
    expect(rig.frames_sent(), frames, "frames sent")


@body(NET, used=len(_SIZES))
async def frames_are_received(rig: Rig) -> None:
    """A frame comes with a plain header into one buffer, whose rest is left alone (NET-DEV-037, 043, HOST-114)."""
    driver = await begin(rig)
    await driver.supply(4)
    frames = [frame(rig, length) for length in _SIZES]
    for count, data in enumerate(frames, 1):
        with suppress(QueueFull):  # then there are others
            await driver.supply(1, layout=Layout(random_framing(rig.rng), 1, None, rig.rng))
        await rig.inject(data)
        await arrive(rig, driver, count)
    expect([entry.data for entry in driver.received], frames, "frames received")
    expect({(entry.header, entry.buffers) for entry in driver.received}, {(NetHeader(num_buffers=1), 1)}, "headers")


@body(NET, used=120, limit_us=40_000)
async def frames_come_back(rig: Rig) -> None:
    """Many frames in both directions at once, through a loop."""
    driver = await begin(rig)
    await rig.set_mac(loop=True, gap=1)
    frames = [frame(rig, rig.rng.choice(_SIZES)) for _ in range(60)]
    for at in range(0, len(frames), 5):
        await driver.supply(5)
        for data in frames[at : at + 5]:
            layout = Layout(random_framing(rig.rng), 1, None, rig.rng)
            await work.when_room(rig, 1, partial(driver.submit, data, layout))
        await arrive(rig, driver, at + len(frames[at : at + 5]))
    expect([entry.data for entry in driver.received], frames, "frames come back")


@body(NET, used=23)
async def bad_transmit_requests(rig: Rig) -> None:
    """What is no frame with a plain header is dropped, alone, with used length 0 (HOST-116, NET-DEV-024)."""
    driver = await begin(rig)
    header = NetHeader().pack()
    good = frame(rig, 100)
    bad = [[b"\0"], [header[:11]], [header], [header, b"x" * 13], [header, bytes(1519)], [header, bytes(65535)]]
    bad += [[NetHeader(flags=1, csum_start=14).pack(), good], [NetHeader(gso_type=1, gso_size=9).pack(), good]]
    bad += [[NetHeader(gso_type=0x80).pack(), good], []]
    expected = []
    for readable in bad:
        written = await (await work.submit_chain(rig, readable, [8], queue=1))
        expect((written.written_len, written.data), (0, b"\xff" * 8), f"chain {[len(part) for part in readable]}")
        await driver.send(good)
        expected.append(good)
    for odd in (NetHeader(flags=0xFE), NetHeader(hdr_len=9, gso_size=7, csum_start=0xFFFF, csum_offset=0xFFFF)):
        await (await driver.submit(good, header=odd))
        expected.append(good)
    expected.append(frame(rig, 1518))
    await driver.send(expected[-1])
    await rig.delay(_CALM_NS)
    expect(rig.frames_sent(), expected, "frames sent")


@body(NET, used=6)
async def buffers_of_any_kind(rig: Rig) -> None:
    """Receive buffers too small, without room or with readable bytes never hurt what comes later (HOST-117)."""
    plain = await begin(rig, _PLAIN)
    data = frame(rig, 200)
    for readable, room in (([], 211), ([], 11), ([], 12), ([b"x" * 30], 0)):
        pending = await work.submit_chain(rig, readable, [room], queue=0)
        await rig.inject(data)
        written = await pending
        expect((written.written_len, written.data), (0, b"\xff" * room), f"chain of {room} bytes")
    pending = await work.submit_chain(rig, [b"y" * 100], [212], queue=0)
    await rig.inject(data)
    written = await pending
    expect((written.written_len, written.data[NET_HDR_BYTES:]), (212, data), "chain that fits, with readable bytes")
    await plain.supply(1)
    await rig.inject(data)
    await arrive(rig, plain, 1)


@body(NET, used=40, limit_us=40_000)
async def frames_over_several_buffers(rig: Rig) -> None:
    """With MRG_RXBUF a frame takes as many buffers as it needs, all but the last full (NET-DEV-039, 044, 045)."""
    driver = await begin(rig)
    if not driver.has(NetFeature.MRG_RXBUF):
        await driver.supply(40)
        for count in range(1, 41):
            await rig.inject(frame(rig, 60))
            await arrive(rig, driver, count)
        return
    for length, size in ((1514, 128), (1514, 100), (500, 64), (500, 256), (52, 64), (53, 64), (20, 12), (1000, 506)):
        data = frame(rig, length)
        count = -(-(length + NET_HDR_BYTES) // size)
        await driver.supply(count, size, Layout(random_framing(rig.rng, 3), 1, None, rig.rng))
        await rig.inject(data)
        await arrive(rig, driver, 1)
        entry = driver.received.popleft()
        expect((entry.data, entry.buffers), (data, count), f"frame of {length} bytes in buffers of {size}")


@body(NET, used=8)
async def frames_over_too_few_buffers(rig: Rig) -> None:
    """A frame for which buffers are missing is dropped; they come back empty (decision), and things go on."""
    driver = await begin(rig)
    await driver.supply(3, 100)
    await rig.inject(frame(rig, 1000))
    await rig.run_until(lambda: driver.returned_empty >= (3 if driver.has(NetFeature.MRG_RXBUF) else 1))
    await rig.delay(_CALM_NS)
    await driver.supply(1)
    data = [
        frame(rig, 80),
        frame(rig, 81),
        frame(rig, 70),
        frame(rig, 60),
        frame(rig, 61),
        frame(rig, 62),
        frame(rig, 63),
    ]
    for entry in data:
        await driver.supply(1)
        await rig.inject(entry)
        await rig.delay(_CALM_NS)
    await rig.run_until(lambda: len(driver.received) == len(data))
    expect([entry.data for entry in driver.received], data, "frames received")


@body(NET, used=4)
async def bad_and_odd_frames_are_dropped(rig: Rig) -> None:
    """Frames that the MAC calls bad, that are too short, or longer than the MTU allows (NET-DEV-010)."""
    driver = await begin(rig)
    await driver.supply(8)
    await rig.inject(frame(rig, 300), bad=True)
    for length in (1, 6, 13, 1515, 1519, 2000):
        await rig.inject(frame(rig, length))
    await rig.inject(frame(rig, 1519, vlan=5))
    await expect_nothing(rig, driver, "although they are bad")
    good = [frame(rig, 14), frame(rig, 1514), frame(rig, 18), frame(rig, 60)]
    for count, data in enumerate(good, 1):
        await rig.inject(data)
        await arrive(rig, driver, count)
    expect([entry.data for entry in driver.received], good, "frames received")


@body(NET, used=3)
async def no_buffers(rig: Rig) -> None:
    """Without receive buffers frames wait while there is room, are dropped then, and hold up no others (HOST-117)."""
    driver = await begin(rig)
    for _ in range(30):
        await rig.inject(frame(rig, 1514))
    await driver.send(frame(rig, 64))
    await driver.supply(2)
    await arrive(rig, driver, 2)
    while len(driver.received) < 30:
        before = len(driver.received)
        await driver.supply(1)
        await rig.delay(work.PATIENCE_NS)
        rig.transport.deliver_used()
        if len(driver.received) == before:
            break
    last = frame(rig, 65)
    await driver.supply(1)
    await rig.inject(last)
    await rig.run_until(lambda: driver.received[-1].data == last)


@body(NET, used=2)
async def silent_mac(rig: Rig) -> None:
    """A MAC that takes nothing holds up transmission only: frames come in, registers answer, reset works (HOST-119)."""
    driver = await begin(rig)
    await rig.set_mac(stall=True)
    for _ in range(8):
        await driver.submit(frame(rig, 1000))
    await driver.supply(1)
    await rig.inject(frame(rig, 70))
    await arrive(rig, driver, 1)
    await rig.set_mac()
    await rig.drain()


@body(NET, used=3)
async def link(rig: Rig) -> None:
    """The link's state shows in `status`, with a notification; frames are dropped without it (NET-DRV-006)."""
    driver = await begin(rig)
    expect(driver.config.link_up, True, "link")
    for up in (False, True):
        before, changes = await rig.bus.read(Reg.CONFIG_GENERATION), driver.config_changes
        await rig.set_link(up)
        await rig.run_until(lambda count=changes: driver.config_changes > count)  # type: ignore[misc]
        expect(driver.config.link_up, up, "link")
        expect_true(await rig.bus.read(Reg.CONFIG_GENERATION) != before, "ConfigGeneration stays")
        sent = len(rig.frames_sent())
        await driver.send(frame(rig, 64))
        await rig.delay(_CALM_NS)
        expect(len(rig.frames_sent()) - sent, int(up), "frames sent")
        if not up:
            await driver.supply(1)
            await rig.inject(frame(rig, 64))
            await expect_nothing(rig, driver, "without a link")
    await rig.inject(frame(rig, 64))
    await arrive(rig, driver, 1)


@body(NET, used=1)
async def configuration_fields(rig: Rig) -> None:
    """mac, status, max_virtqueue_pairs and mtu lie where they must (NET-DEV-004, 006, 007)."""
    driver = await begin(rig)
    fields = await rig.transport.read_config(0, "6BHHH")
    mac, (status, pairs, mtu) = bytes(fields[:6]), fields[6:]
    expect(mac, driver.config.mac, "mac")
    expect_true(not mac[0] & 1, "mac is a group address")
    expect(status, 1, "status")
    expect(mtu, driver.config.mtu, "mtu")
    expect(pairs, driver.config.max_virtqueue_pairs or 0, "max_virtqueue_pairs")
    await driver.send(frame(rig, 60))


@body(NET, used=4)
async def own_address_only(rig: Rig) -> None:
    """Unicast frames for others are dropped, broadcast and own ones received (NET-DEV-098).

    A device without CTRL_RX, which no driver could ask for frames for others, may receive those as well.
    """
    driver = await begin(rig)
    assert driver.config.mac is not None
    filters = driver.has(NetFeature.CTRL_RX)
    if filters:
        expect(await received(rig, driver, frame(rig, 80, _OTHER)), False, "frame for another received")
    expect(await received(rig, driver, frame(rig, 80, driver.config.mac)), True, "frame for this one received")
    expect(await received(rig, driver, frame(rig, 80)), True, "broadcast received")
    expect(await received(rig, driver, frame(rig, 80, _GROUP)), not filters, "multicast received")


@body(NET, used=20, limit_us=40_000)
async def receive_modes(rig: Rig) -> None:
    """PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST (NET-DEV-087 to 094)."""
    if not await has(rig, NetFeature.CTRL_VQ):
        driver = await begin(rig)
        await driver.supply(20)
        await rig.inject(frame(rig, 60), count=20)
        await arrive(rig, driver, 20)
        return
    driver = await begin(rig)
    mac = driver.config.mac
    assert mac is not None
    kinds = {"other": _OTHER, "group": _GROUP, "own": mac, "broadcast": BROADCAST}
    default = {"other": False, "group": False, "own": True, "broadcast": True}
    for modes, changes in (
        ([NetCommand.RX_PROMISC], {"other": True, "group": True}),
        ([NetCommand.RX_ALLMULTI], {"group": True}),
        ([NetCommand.RX_ALLUNI], {"other": True}),
        ([NetCommand.RX_ALLMULTI, NetCommand.RX_NOMULTI], {}),
        ([NetCommand.RX_ALLUNI, NetCommand.RX_NOUNI], {"own": False}),
        ([NetCommand.RX_NOBCAST], {"broadcast": False}),
    ):
        for mode in modes:
            await driver.set_mode(mode, True)
        for kind, to in kinds.items():
            if modes == [NetCommand.RX_PROMISC]:
                await driver.supply(1)
                await rig.inject(frame(rig, 90, to))
                await arrive(rig, driver, 1)
                driver.received.clear()
                continue
            expect(
                await received(rig, driver, frame(rig, 90, to)), {**default, **changes}[kind], f"{kind} with {modes}"
            )
        for mode in modes:
            await driver.set_mode(mode, False)


@body(NET, used=10, limit_us=40_000)
async def address_table(rig: Rig) -> None:
    """MAC_TABLE_SET, small, too large and empty; MAC_ADDR_SET (NET-DEV-095 to 098)."""
    driver = await begin(rig)
    if not driver.has(NetFeature.CTRL_RX):
        await driver.supply(10)
        await rig.inject(frame(rig, 60), count=10)
        await arrive(rig, driver, 10)
        return
    unicast = [bytes.fromhex(f"0200000001{i:02x}") for i in range(20)]
    groups = [bytes.fromhex(f"3333000001{i:02x}") for i in range(20)]
    foreign, foreign_group = frame(rig, 64, _OTHER), frame(rig, 64, _GROUP)
    for uni, multi in (
        (unicast[:5], groups[:11]),
        ([], []),
        (unicast[:1], []),
        ([], groups[:16]),
        (unicast, groups[:1]),
    ):
        await driver.set_table(uni, multi)
        for address in (*uni[:1], *uni[-1:], *multi[:1], *multi[-1:]):
            expect(await received(rig, driver, frame(rig, 64, address)), True, f"frame to {address.hex()} received")
        expect(await received(rig, driver, foreign), len(uni) > 16, "foreign frame received")
        expect(await received(rig, driver, foreign_group), len(uni) > 16, "foreign multicast frame received")
    await driver.set_table([], [])
    old = driver.config.mac
    assert old is not None
    await driver.set_mac(_OTHER)
    expect(bytes(await rig.transport.read_config(0, "6B")), _OTHER, "mac")
    driver.config = await driver.read_config(rig.transport)
    expect(await received(rig, driver, foreign), True, "frame to the new address received")
    expect(await received(rig, driver, frame(rig, 64, old)), False, "frame to the old address received")
    driver = await begin(rig)
    expect(driver.config.mac, old, "mac after a reset")


@body(NET, used=8, limit_us=40_000)
async def vlan_filter(rig: Rig) -> None:
    """With CTRL_VLAN tagged frames come for the VLANs in the table only; without it all come (NET-DEV-101 to 104)."""
    driver = await begin(rig)
    if driver.has(NetFeature.CTRL_VLAN):
        mac = driver.config.mac or BROADCAST
        for vlan in (0, 1, 15, 16, 17, 4095):
            data = frame(rig, 70, mac, vlan)
            expect(await received(rig, driver, data), False, f"frame of VLAN {vlan} received")
            await driver.set_vlan(vlan, True)
            expect(await received(rig, driver, data), True, f"frame of VLAN {vlan} received")
            for other in (vlan ^ 16, 2):  # 2 is the command's class, which comes before the id
                expect(
                    await received(rig, driver, frame(rig, 70, mac, other)), False, f"frame of VLAN {other} received"
                )
            await driver.set_vlan(vlan, False)
            expect(await received(rig, driver, data), False, f"frame of VLAN {vlan} received")
        expect(await received(rig, driver, frame(rig, 70, mac)), True, "frame without a tag received")
    driver = await begin(rig, _PLAIN)
    await driver.supply(8, 1530)
    for count, vlan in enumerate((0, 1, 2, 7, 15, 16, 4094, 4095), 1):
        await rig.inject(frame(rig, 1518 if vlan == 7 else 70, vlan=vlan))
        await arrive(rig, driver, count)


@body(NET, used=2, limit_us=40_000)
async def bad_commands(rig: Rig) -> None:
    """Commands that are unknown, of a wrong length or out of range are refused and change nothing (NET-DEV-086)."""
    driver = await begin(rig)
    if not driver.has(NetFeature.CTRL_VQ):
        await driver.send(frame(rig, 60))
        await driver.send(frame(rig, 60))
        return
    mac = driver.config.mac
    bad = [(0x0006, b"\1"), (0x0100, b""), (0x0100, bytes(7))]
    bad += [(mode, data) for mode in range(6) for data in (b"", b"\2", b"\x81", b"\1\0")]
    bad += [(0x0100, bytes(9)), (0x0100, b"\1\0\0\0" + bytes(9)), (0x0100, b"\xff\xff\xff\xff" + bytes(20))]
    bad += [(0x0100, b"\1\0\0\0" + bytes(6) + b"\1\0\0\0" + bytes(5)), (0x0101, bytes(5)), (0x0101, bytes(7))]
    bad += [(0x0100, b"\0\0\0\0" + b"\xff\xff\xff\x2a" + bytes(6)), (0x0100, bytes(9000)), (0x0102, b"")]
    # Counts that are right but for one of their higher bits
    bad += [(0x0100, struct.pack("<I6xI", 1 << bit | 1, 0)) for bit in (13, 14, 16, 24, 31)]
    bad += [(0x0100, struct.pack("<II6x", 0, 1 << bit | 1)) for bit in (13, 14, 16, 24, 31)]
    bad += [(0x0200, b"\0\x10"), (0x0201, b"\0"), (0x0300, b""), (0x0400, b"\0\0"), (0x0400, b"\x03\0"), (0xFFFF, b"x")]
    for command, data in bad:
        expect(await driver.command(command, data), NetAck.ERR, f"ack of {command:#06x} with {len(data)} bytes")
        framed = Layout(random_framing(rig.rng), 1, None, rig.rng)
        expect(await driver.command(command, data, framed), NetAck.ERR, f"ack of {command:#06x}")
    queue = driver.control_queue
    written = await (await work.submit_chain(rig, [b"\1"], [4], queue=queue))
    expect((written.data[:1], written.written_len), (bytes([NetAck.ERR]), 1), "ack of a byte")
    written = await (await work.submit_chain(rig, [], [1], queue=queue))
    expect((written.data, written.written_len), (bytes([NetAck.ERR]), 1), "ack of nothing")
    written = await (await work.submit_chain(rig, [b"\0\0\1"], [], queue=queue))
    expect(written.written_len, 0, "used length without room for an ack")
    expect(bytes(await rig.transport.read_config(0, "6B")), mac, "mac")
    for to, wanted in ((_OTHER, False), (_GROUP, False), (mac or BROADCAST, True), (BROADCAST, True)):
        expect(await received(rig, driver, frame(rig, 64, to)), wanted, f"frame to {to.hex()} received")
    await driver.set_vlan(5, True)


@body(NET, used=22)
async def failing_memory(rig: Rig) -> None:
    """A frame that cannot be read is not sent, one that cannot be written comes with length 0, a command that cannot be
    read is refused; what follows is whole (HOST-082, HOST-083).
    """
    assert rig.faults is not None
    driver = await begin(rig)
    expected = []
    for offset in (0, NET_HDR_BYTES - 1, NET_HDR_BYTES, 500, 999):
        pending = await driver.submit(frame(rig, 1000 - NET_HDR_BYTES), Layout(merged), kick=False)
        rig.faults.add(pending.chain[0][0] + offset, 1, write=False)
        await driver.kick(1)
        await pending
        rig.faults.clear()
        expected.append(frame(rig, 200))
        await driver.send(expected[-1])
    await rig.delay(_CALM_NS)
    expect(rig.frames_sent(), expected, "frames sent")
    if driver.has(NetFeature.MRG_RXBUF):
        parts = [await work.submit_chain(rig, [], [400], queue=0, kick=False) for _ in range(3)]
        rig.faults.add(parts[1].chain[0][0] + 300, 1, read=False)
        await driver.kick(0)
        await rig.inject(frame(rig, 1000))
        await rig.run_until(lambda: all(part.done for part in parts))
        lengths = [part.written_len for part in parts]
        expect(lengths, [400, 0, NET_HDR_BYTES + 1000 - 800], "used lengths with one of three buffers failing")
        rig.faults.clear()
    for count, offset in enumerate((0, NET_HDR_BYTES - 1, NET_HDR_BYTES, 500, 999), 1):
        await driver.supply(1, layout=Layout(merged), kick=False)
        lost = driver.pending[-1]
        rig.faults.add(lost.chain[0][0] + offset, 1, read=False)
        await driver.kick(0)
        await rig.inject(frame(rig, 1000 - NET_HDR_BYTES))
        await lost
        expect(lost.written_len, 0, f"used length with byte {offset} failing")
        rig.faults.clear()
        data = frame(rig, 300)
        await driver.supply(1)
        await rig.inject(data)
        await arrive(rig, driver, count)
        expect(driver.received[-1].data, data, "frame received")
    if not driver.has(NetFeature.CTRL_VQ):
        await driver.send(frame(rig, 60))
        await driver.send(frame(rig, 60))
        return
    queue, mac = driver.control_queue, driver.config.mac or b""
    for part, address in (("command", _OTHER), ("address", _OTHER), ("ack", mac)):
        readable = [NetCommand.MAC_ADDR_SET.to_bytes(2, "big"), address]
        command = await work.submit_chain(rig, readable, [1], queue=queue, kick=False)
        place = command.chain[("command", "address", "ack").index(part)][0]
        rig.faults.add(place, 1, read=part != "ack", write=part == "ack")
        await driver.kick(queue)
        written = await command
        ends = (b"\xff", 0) if part == "ack" else (bytes([NetAck.ERR]), 1)
        expect((written.data, written.written_len), ends, f"ack and used length with the {part} failing")
        rig.faults.clear()
        expect(bytes(await rig.transport.read_config(0, "6B")), mac, f"mac with the {part} failing")
    await driver.set_mode(NetCommand.RX_NOBCAST, False)


@body(NET, used=60)
async def commands_among_frames(rig: Rig) -> None:
    """Commands and frames that are on their way at the same time are told apart."""
    driver = await begin(rig)
    table = NetCommand.MAC_TABLE_SET.to_bytes(2, "big") + struct.pack("<I96xI", 16, 0)
    frames: list[bytes] = []
    for _ in range(30):
        new = [frame(rig, rig.rng.randrange(60, 200)) for _ in range(2)]
        command = None
        if driver.has(NetFeature.CTRL_RX):
            command = await work.submit_chain(rig, [table], [1], queue=driver.control_queue)
        pendings = [await driver.submit(data) for data in new]
        for pending in pendings:
            await pending
        if command is not None:
            expect((await command).data, bytes([NetAck.OK]), "ack")
        frames += new
    await rig.delay(_CALM_NS)
    expect(rig.frames_sent(), frames, "frames sent")


@body(NET, used=6)
async def interrupts_within_a_frame(rig: Rig) -> None:
    """An event at any of the buffers that a frame takes, which are used together, makes an interrupt."""
    driver = await begin(rig)
    count, size = (6, 256) if driver.has(NetFeature.MRG_RXBUF) else (1, 1526)
    for place in range(6):
        await work.calm_down(rig)
        before, data = rig.transport.interrupts, frame(rig, 1514)
        await driver.supply(count, size, kick=False)
        if driver.has(Feature.EVENT_IDX):
            rig.transport.queues[0].interrupt_after(place % count + 1)
        await driver.kick(0)
        await rig.inject(data)
        await arrive(rig, driver, 1)
        expect(driver.received.popleft().data, data, "frame")
        expect(rig.transport.interrupts, before + 1, f"interrupts with an event at buffer {place % count + 1}")


@body(NET, used=40, limit_us=40_000)
async def queue_pairs(rig: Rig) -> None:
    """Both pairs work; a flow comes back on the pair that sent it; at first only one is used (NET-DEV-108 to 112)."""
    pairs = 2 if await has(rig, NetFeature.MQ) else 1
    driver = await begin(rig, pairs=pairs)
    await rig.set_mac(loop=True)
    for pair in range(pairs):
        await driver.supply(40, pair=pair)
    data = frame(rig, 200)
    await driver.send(data)
    await arrive(rig, driver, 1)
    if pairs == 2:
        await driver.set_queue_pairs(2)
        driver.received.clear()
        for number in range(20):
            data, pair = frame(rig, 200), number % 2
            await driver.send(data, pair=pair)
            await arrive(rig, driver, 1)
            entry = driver.received.popleft()
            expect((entry.queue, entry.data), (2 * pair, data), "queue and frame")
        await driver.set_queue_pairs(1)
        for _ in range(4):
            await driver.send(data, pair=1)
            await arrive(rig, driver, 1)
            expect(driver.received.popleft().queue, 0, "queue with one pair")
    else:
        for count in range(2, 24):
            await driver.send(data)
            await arrive(rig, driver, count)


@body(NET, used=10)
async def flows_after_a_reset(rig: Rig) -> None:
    """What was learned of a flow is forgotten: its frames come on the first pair, as unknown ones do (decision)."""
    pairs = 2 if await has(rig, NetFeature.MQ) else 1
    data = frame(rig, 200)
    for learned in (True, False):
        driver = await begin(rig, pairs=pairs)
        for pair in range(pairs):
            await driver.supply(4, pair=pair)
        if pairs > 1:
            await driver.set_queue_pairs(pairs)
        if learned:
            for _ in range(4):
                await driver.send(data, pair=pairs - 1)
        await rig.inject(data)
        await arrive(rig, driver, 1)
        expect(driver.received.popleft().queue, 2 * (pairs - 1) if learned else 0, "queue")
    for _ in range(4):
        await driver.send(data)


@body(NET, used=40, limit_us=60_000)
async def resets_at_any_time(rig: Rig) -> None:
    """A device reset while frames go both ways leaves nothing of the old ones behind (RESET-DEV-002)."""
    for _ in range(20):
        driver = await begin(rig)
        await rig.set_mac(loop=True)
        await driver.supply(8)
        for _ in range(6):
            await driver.submit(frame(rig, rig.rng.randrange(60, 1514)))
        await rig.delay(rig.rng.randrange(0, 8000))
        await rig.reset_device()
        await rig.set_mac()
        driver = await begin(rig)
        await driver.supply(1)
        await rig.delay(30_000)
        rig.transport.deliver_used()
        data = frame(rig, 100)
        await driver.supply(8)
        await rig.inject(data)
        await rig.run_until(lambda last=driver, what=data: any(entry.data == what for entry in last.received))  # type: ignore[misc]
        await driver.send(data)
        await rig.reset_device()


@body(NET, used=60, limit_us=60_000)
async def queue_resets(rig: Rig) -> None:
    """A receive or a transmit queue is reset in mid-traffic; the other one goes on, and both work after it
    (QRESET-DEV-001 to 003).
    """
    driver = await begin(rig)
    resets = 16 if driver.has(Feature.RING_RESET) else 0
    for step in range(resets):
        await driver.supply(8)
        for _ in range(6):
            await driver.submit(frame(rig, rig.rng.randrange(60, 1514)), kick=False)
        await driver.kick(1)
        await rig.inject(frame(rig, 300), count=3)
        await rig.delay(rig.rng.randrange(0, 8000))
        await rig.transport.reset_queue(step % 2)
        await rig.transport.enable_queue(QueueRequest(step % 2, None, rig.index_init))
        if step % 2 == 0:
            await driver.supply(8)
        data = frame(rig, 100)
        await rig.inject(data)
        await rig.run_until(lambda what=data: any(entry.data == what for entry in driver.received))  # type: ignore[misc]
        await driver.send(data)
    for _ in range(60):
        await driver.send(frame(rig, 60))


@body(NET, used=12)
async def full_speed(rig: Rig) -> None:
    """Frames that come back keep both data channels busy: `_LEAST_SHARE` of the cycles, up to 64 bits of width.

    The device sends a little faster than it receives, a wide one much: no more frames than its store has room for in
    the end.
    """
    count, warm = (40, 12) if rig.bus_bytes <= 8 else (6, 1)
    share = await loop_share(rig, count, warm)
    if rig.bus_bytes <= 8:
        expect_true(share >= _LEAST_SHARE, f"share of the bus: expected at least {_LEAST_SHARE}, seen {share:.3f}")


async def loop_share(rig: Rig, count: int, warm: int, length: int = 1514) -> float:
    """`count` frames that come back, from the `warm`-th on: the share of the cycles in which data moves either way."""
    driver = await begin(rig)
    await rig.set_mac(loop=True)
    frames = [frame(rig, length) for _ in range(count)]
    await driver.supply(count, NET_HDR_BYTES + length, Layout(merged))
    for data in frames:
        await driver.submit(data, Layout(merged), kick=False)
    await driver.kick(1)
    await arrive(rig, driver, warm)
    before_ns, first = rig.now_ns(), len(driver.received)
    await arrive(rig, driver, count)
    expect([entry.data for entry in driver.received], frames, "frames come back")
    spent_ns = rig.now_ns() - before_ns
    beats = (count - first) * -(-(length + NET_HDR_BYTES) // rig.bus_bytes)
    share = beats * _CYCLE_NS / spent_ns if spent_ns else 1.0  # the model needs no time
    _log.info(
        "%d frames of %d bytes: %d beats in %d ns, %.3f of the bus", count - first, length, beats, spent_ns, share
    )
    return share
