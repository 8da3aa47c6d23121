# SPDX-License-Identifier: Apache-2.0
"""The network device's model, chain by chain (5.1)."""

from __future__ import annotations

import pytest

from virtio_model import DescriptorChain, Memory, Net, Segment, Wire
from virtio_model.spec import NET_HDR_BYTES, NetAck, NetCommand, NetFeature, features

MAC = bytes.fromhex("525400123456")
OTHER = bytes.fromhex("020000000001")
GROUP = bytes.fromhex("333300000001")
BROADCAST = b"\xff" * 6
ALL = features(*range(64))
#: Without several queue pairs: the control queue is number 2.
NO_MQ = ALL & ~features(NetFeature.MQ)
RX, TX, CTRL = 0, 1, 2


class Rig:
    """A model with 64 KiB of memory; chains have their readable bytes at 0 and their writable ones at 0x8000."""

    def __init__(self, **options: object) -> None:
        self.wire = Wire()
        self.net = Net(self.wire, MAC, **options)  # type: ignore[arg-type]
        self.memory = Memory(0, 0x10000)

    def serve(self, queue: int, readable: bytes, room: int, driver_features: int = NO_MQ) -> tuple[int, bytes]:
        """Used length and contents of the writable part, poisoned before."""
        self.memory.write(0, readable)
        self.memory.write(0x8000, b"\xee" * room)
        segments = (Segment(0, len(readable), False), Segment(0x8000, room, True))
        length = self.net.serve(DescriptorChain(queue, 0, segments), self.memory, driver_features)
        return length, self.memory.read(0x8000, room)

    def command(self, command: int, data: bytes, driver_features: int = NO_MQ) -> int:
        """The ack."""
        length, content = self.serve(CTRL, command.to_bytes(2, "big") + data, 1, driver_features)
        assert length == 1
        return content[0]


def frame(length: int = 60, to: bytes = BROADCAST, vlan: int | None = None) -> bytes:
    """A frame of `length` bytes."""
    tag = b"" if vlan is None else b"\x81\x00" + vlan.to_bytes(2, "big")
    return (to + OTHER + tag + b"\x08\x00" + bytes(range(256)) * 8)[:length]


def test_offered_features() -> None:
    plain = features(NetFeature.MAC, NetFeature.STATUS, NetFeature.MTU)
    assert Net(Wire(), MAC, mrg_rxbuf=False, ctrl_vq=False).device_features == plain
    both = Net(Wire(), MAC, queue_pairs=2).device_features
    assert both & features(NetFeature.MQ, NetFeature.CTRL_VQ, NetFeature.MRG_RXBUF, NetFeature.CTRL_VLAN)
    assert not both & features(NetFeature.CSUM)


def test_configuration() -> None:
    net = Net(Wire(), MAC, mtu=1280, queue_pairs=3)
    assert net.config_read(0, 12) == MAC + b"\1\0" + b"\3\0" + (1280).to_bytes(2, "little")
    net.link_up = False
    assert net.config_read(6, 2) == b"\0\0"
    assert Net(Wire(), MAC).config_read(8, 2) == b"\0\0"


def test_sent_without_header() -> None:
    rig = Rig()
    assert rig.serve(TX, bytes(NET_HDR_BYTES) + frame(), 4) == (0, b"\xee" * 4)
    assert rig.wire.sent == [frame()]


@pytest.mark.parametrize(
    "request_bytes",
    [b"", bytes(11), bytes(12), bytes(25), bytes(12 + 1519), b"\1" + bytes(99), b"\0\1" + bytes(99)],
    ids=len,
)
def test_bad_requests_are_dropped(request_bytes: bytes) -> None:
    rig = Rig()
    assert rig.serve(TX, request_bytes, 0)[0] == 0
    assert not rig.wire.sent


def test_nothing_is_sent_without_a_link() -> None:
    rig = Rig()
    rig.net.link_up = False
    rig.serve(TX, bytes(NET_HDR_BYTES) + frame(), 0)
    assert not rig.wire.sent
    assert not rig.net.wants(frame(), NO_MQ)


def test_received_with_header() -> None:
    rig = Rig()
    rig.wire.received.append(frame())
    assert rig.net.ready(RX, NO_MQ)
    assert rig.serve(RX, b"", 80) == (72, bytes(10) + b"\1\0" + frame() + b"\xee" * 8)
    assert not rig.net.ready(RX, NO_MQ)
    assert rig.serve(RX, b"", 80) == (0, b"\xee" * 80)


def test_merged_buffers() -> None:
    rig = Rig()
    rig.wire.received.append(frame(100))
    rig.net.rooms_after = lambda queue: [50, 50]
    whole = bytes(10) + b"\3\0" + frame(100)
    assert rig.serve(RX, b"", 50) == (50, whole[:50])
    assert rig.serve(RX, b"", 50) == (50, whole[50:100])
    assert rig.serve(RX, b"", 50) == (12, whole[100:] + b"\xee" * 38)


def test_frame_without_room_is_dropped() -> None:
    rig = Rig(merge_max=2)
    rig.wire.received.extend([frame(100), frame(61)])
    rig.net.rooms_after = lambda queue: [50, 50, 50]
    assert rig.serve(RX, b"", 50)[0] == 0
    assert rig.serve(RX, b"", 50)[0] == 0
    assert rig.serve(RX, b"", 80)[0] == 73
    rig.wire.received.append(frame(60))
    without = NO_MQ & ~features(NetFeature.MRG_RXBUF)
    assert rig.serve(RX, b"", 71, without)[0] == 0
    assert not rig.wire.received


def test_filter_of_addresses() -> None:
    rig = Rig()
    wanted = {to: rig.net.wants(frame(to=to), NO_MQ) for to in (MAC, OTHER, GROUP, BROADCAST)}
    assert wanted == {MAC: True, OTHER: False, GROUP: False, BROADCAST: True}
    assert rig.net.wants(frame(to=GROUP), features(NetFeature.MAC))
    assert rig.net.wants(frame(to=OTHER), features())
    for command, to in ((NetCommand.RX_ALLMULTI, GROUP), (NetCommand.RX_ALLUNI, OTHER), (NetCommand.RX_PROMISC, OTHER)):
        assert rig.command(command, b"\1") == NetAck.OK
        assert rig.net.wants(frame(to=to), NO_MQ)
        assert rig.command(command, b"\0") == NetAck.OK
        assert not rig.net.wants(frame(to=to), NO_MQ)
    for command, to in ((NetCommand.RX_NOUNI, MAC), (NetCommand.RX_NOBCAST, BROADCAST)):
        assert rig.command(command, b"\1") == NetAck.OK
        assert not rig.net.wants(frame(to=to), NO_MQ)
    rig.net.reset()
    assert rig.net.wants(frame(to=MAC), NO_MQ)


def test_address_table() -> None:
    rig = Rig(table_size=2)

    def table(unicast: list[bytes], groups: list[bytes]) -> bytes:
        return b"".join(len(part).to_bytes(4, "little") + b"".join(part) for part in (unicast, groups))

    assert rig.command(NetCommand.MAC_TABLE_SET, table([OTHER], [GROUP])) == NetAck.OK
    assert rig.net.wants(frame(to=OTHER), NO_MQ)
    assert rig.net.wants(frame(to=GROUP), NO_MQ)
    assert not rig.net.wants(frame(to=OTHER[:5] + b"\2"), NO_MQ)
    assert rig.command(NetCommand.MAC_TABLE_SET, table([OTHER], [GROUP, GROUP])) == NetAck.OK
    assert rig.net.wants(frame(to=GROUP[:5] + b"\2"), NO_MQ)
    assert not rig.net.wants(frame(to=OTHER[:5] + b"\2"), NO_MQ)
    for bad in (table([OTHER], [])[:-1], table([OTHER], []) + b"\0", b"\xff\xff\xff\xff" + bytes(8)):
        assert rig.command(NetCommand.MAC_TABLE_SET, bad) == NetAck.ERR
    assert rig.net.wants(frame(to=GROUP[:5] + b"\2"), NO_MQ)


def test_vlan_table() -> None:
    rig = Rig()
    assert not rig.net.wants(frame(vlan=7), NO_MQ)
    assert rig.net.wants(frame(vlan=7), NO_MQ & ~features(NetFeature.CTRL_VLAN))
    assert rig.command(NetCommand.VLAN_ADD, b"\7\0") == NetAck.OK
    assert rig.net.wants(frame(vlan=7), NO_MQ)
    assert rig.command(NetCommand.VLAN_DEL, b"\7\0") == NetAck.OK
    assert not rig.net.wants(frame(vlan=7), NO_MQ)
    assert rig.command(NetCommand.VLAN_ADD, b"\0\x10") == NetAck.ERR


def test_lengths_of_frames() -> None:
    net = Rig().net
    assert [net.wants(frame(length), NO_MQ) for length in (13, 14, 1514, 1515)] == [False, True, True, False]
    allowed = NO_MQ & ~features(NetFeature.CTRL_VLAN)
    assert [net.wants(frame(length, vlan=1), allowed) for length in (1518, 1519)] == [True, False]


def test_own_address() -> None:
    rig = Rig()
    assert rig.command(NetCommand.MAC_ADDR_SET, OTHER) == NetAck.OK
    assert rig.net.config_read(0, 6) == OTHER
    assert rig.net.wants(frame(to=OTHER), NO_MQ)
    assert not rig.net.wants(frame(to=MAC), NO_MQ)
    rig.net.reset()
    assert rig.net.config_read(0, 6) == MAC


def test_commands_need_their_feature() -> None:
    rig = Rig()
    for command, bit, data in (
        (NetCommand.RX_PROMISC, NetFeature.CTRL_RX, b"\1"),
        (NetCommand.RX_NOUNI, NetFeature.CTRL_RX_EXTRA, b"\1"),
        (NetCommand.MAC_ADDR_SET, NetFeature.CTRL_MAC_ADDR, MAC),
        (NetCommand.VLAN_ADD, NetFeature.CTRL_VLAN, b"\1\0"),
    ):
        assert rig.command(command, data, NO_MQ & ~features(bit)) == NetAck.ERR
        assert rig.command(command, data) == NetAck.OK
        assert rig.command(command, data + b"\0") == NetAck.ERR
    assert rig.command(0x0901, b"") == NetAck.ERR


def test_no_room_for_an_ack() -> None:
    rig = Rig()
    assert rig.serve(CTRL, b"\0\0\1", 0) == (0, b"")
    assert not rig.net.wants(frame(to=OTHER), NO_MQ)


def test_queue_pairs_and_flows() -> None:
    rig = Rig(queue_pairs=2)
    assert rig.net.control_queue(ALL) == 4
    assert rig.net.control_queue(NO_MQ) == 2
    assert rig.net.control_queue(0) is None
    rig.serve(3, bytes(NET_HDR_BYTES) + frame(), 0, ALL)
    back = frame()[6:12] + frame()[:6] + frame()[12:]
    assert rig.net.receive_queue(back) == 0
    for count, ack in ((0, NetAck.ERR), (3, NetAck.ERR), (2, NetAck.OK)):
        data = b"\4\0" + count.to_bytes(2, "little")
        assert rig.serve(4, data, 1, ALL) == (1, bytes([ack]))
    assert rig.net.receive_queue(back) == 2
    rig.wire.received.append(back)
    assert [rig.net.ready(queue, ALL) for queue in (0, 2)] == [False, True]
