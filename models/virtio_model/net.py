# SPDX-License-Identifier: Apache-2.0
"""The network device (5.1)."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence

from virtio_model.chain import DescriptorChain
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryFault, MemoryView
from virtio_model.spec import (
    ETH_HEADER_BYTES,
    NET_HDR_BYTES,
    NET_HDR_F_NEEDS_CSUM,
    NET_S_LINK_UP,
    VLAN_TAG_BYTES,
    DeviceType,
    NetAck,
    NetCommand,
    NetConfig,
    NetFeature,
    features,
)

BROADCAST = b"\xff" * 6
_TAG = b"\x81\x00"
_HEADER = struct.Struct("<BBHHHHH")
_MODES = range(NetCommand.RX_PROMISC, NetCommand.RX_NOBCAST + 1)
_BASIC_MODES = (NetCommand.RX_PROMISC, NetCommand.RX_ALLMULTI)


class Wire:
    """Where frames go to and come from: `sent` in order, and `received` with those still to be put into chains."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.received: deque[bytes] = deque()

    def send(self, frame: bytes) -> None:
        """A frame has been transmitted."""
        self.sent.append(frame)

    def waiting(self) -> bytes | None:
        """The frame that the next receive chain is for; None if there is none."""
        return self.received[0] if self.received else None

    def came_back_empty(self) -> bool:
        """Whether it is known that the receive chain being served came back without a byte."""
        return False

    def done(self, delivered: bool) -> None:
        """The frame is in its chains, or has been dropped for want of room in them."""
        self.received.popleft()


class Net(DeviceFunction):
    """Frames between queues and a `wire`, receive filtering and the control queue.

    `mac` is the address after a reset; `mtu` in bytes. With `ctrl_vq` CTRL_RX, CTRL_RX_EXTRA, CTRL_MAC_ADDR and
    CTRL_VLAN are offered, with several `queue_pairs` MQ; checksum and segmentation offloads never are. `table_size`
    addresses fit the table of MAC_TABLE_SET: of a longer one, that kind of address (unicast, multicast) which did not
    fit whole is accepted altogether. A received frame lies in at most `merge_max` chains; a frame that does not fit is
    dropped, and the chains that were to hold it are used with length 0. A command of more than `command_max` bytes is
    refused.

    While `link_up` is False nothing is sent or received. `rooms_after` says how many bytes the chains hold that follow
    the one being served on its queue.
    """

    device_type = DeviceType.NET

    def __init__(
        self,
        wire: Wire,
        mac: bytes,
        *,
        mtu: int = 1500,
        queue_pairs: int = 1,
        mrg_rxbuf: bool = True,
        ctrl_vq: bool = True,
        table_size: int = 16,
        merge_max: int = 16,
        command_max: int = 8192,
    ) -> None:
        self.wire = wire
        self.mtu = mtu
        self.queue_pairs = queue_pairs
        self.table_size = table_size
        self.merge_max = merge_max
        self.command_max = command_max
        self.link_up = True
        self.rooms_after: Callable[[int], Sequence[int]] = lambda queue: ()
        self._first_mac = mac
        bits = [NetFeature.MAC, NetFeature.STATUS, NetFeature.MTU]
        if mrg_rxbuf:
            bits.append(NetFeature.MRG_RXBUF)
        if ctrl_vq:
            bits += [NetFeature.CTRL_VQ, NetFeature.CTRL_RX, NetFeature.CTRL_RX_EXTRA, NetFeature.CTRL_MAC_ADDR]
            bits.append(NetFeature.CTRL_VLAN)
        if queue_pairs > 1:
            bits.append(NetFeature.MQ)
        self.device_features = features(*bits)
        self.reset()

    def reset(self) -> None:
        """As after power on: no mode, empty tables, one queue pair (5.1.9.5)."""
        self.mac = self._first_mac
        self.modes: dict[int, bool] = dict.fromkeys(_MODES, False)
        self.table: frozenset[bytes] = frozenset()
        self.all_unicast = self.all_multicast = False
        self.vlans: set[int] = set()
        self.pairs = 1
        self._flows: dict[int, int] = {}
        self._queue = 0
        self._rest: bytes | None = None
        self._give_back = 0
        self._asked_for = 0

    def config_read(self, offset: int, length: int) -> bytes:
        """Bytes of the configuration layout (5.1.4); fields of features not offered read 0."""
        space = bytearray(offset + length + NetConfig.MTU + 2)
        space[NetConfig.MAC : NetConfig.MAC + 6] = self.mac
        for feature, at, value in (
            (NetFeature.STATUS, NetConfig.STATUS, NET_S_LINK_UP if self.link_up else 0),
            (NetFeature.MQ, NetConfig.MAX_VIRTQUEUE_PAIRS, self.queue_pairs),
            (NetFeature.MTU, NetConfig.MTU, self.mtu),
        ):
            if self.device_features & features(feature):
                struct.pack_into("<H", space, at, value)
        return bytes(space[offset : offset + length])

    @property
    def receiving(self) -> bool:
        """Whether a frame has been put into some of its buffers, and not into all of them."""
        return self._rest is not None

    def control_queue(self, driver_features: int) -> int | None:
        """The index of the control queue, by what was negotiated (5.1.2)."""
        if not driver_features & features(NetFeature.CTRL_VQ):
            return None
        return 2 * self.queue_pairs if driver_features & features(NetFeature.MQ) else 2

    def waits(self, queue: int, driver_features: int) -> bool:
        """Receive queues wait for frames; queues that the negotiated features do not know, for ever."""
        if queue == self.control_queue(driver_features):
            return False
        return queue % 2 == 0 or not (queue == 1 or driver_features & features(NetFeature.MQ))

    def ready(self, queue: int, driver_features: int) -> bool:
        if not self.waits(queue, driver_features):
            return True
        if self._rest is not None or self._give_back:
            return queue == self._queue
        frame = self.wire.waiting()
        return frame is not None and queue == self.receive_queue(frame)

    def receive_queue(self, frame: bytes) -> int:
        """The queue that a frame is steered to: that of the pair which sent a frame of its flow last (5.1.9.5.6)."""
        pair = self._flows.get(_flow(frame), 0)
        return 2 * pair if pair < self.pairs else 0

    def wants(self, frame: bytes, driver_features: int) -> bool:
        """Whether a frame from the wire is received at all (5.1.9.5.1 to 5.1.9.5.3), room and live queues provided."""
        tagged = frame[12:14] == _TAG and len(frame) >= ETH_HEADER_BYTES + VLAN_TAG_BYTES
        if not ETH_HEADER_BYTES <= len(frame) <= self.mtu + ETH_HEADER_BYTES + (VLAN_TAG_BYTES if tagged else 0):
            return False
        if not self.link_up:
            return False
        if self.modes[NetCommand.RX_PROMISC]:
            return True
        return self._wants_address(frame[:6], driver_features) and (
            not tagged
            or not driver_features & features(NetFeature.CTRL_VLAN)
            or int.from_bytes(frame[14:16], "big") & 0xFFF in self.vlans
        )

    def _wants_address(self, address: bytes, driver_features: int) -> bool:
        if address == BROADCAST:
            return not self.modes[NetCommand.RX_NOBCAST]
        if address[0] & 1:
            everything = not driver_features & features(NetFeature.CTRL_RX)
            everything |= self.modes[NetCommand.RX_ALLMULTI] or self.all_multicast
            return not self.modes[NetCommand.RX_NOMULTI] and (everything or address in self.table)
        own = address == self.mac or not driver_features & features(NetFeature.MAC)
        everything = self.modes[NetCommand.RX_ALLUNI] or self.all_unicast
        return not self.modes[NetCommand.RX_NOUNI] and (own or everything or address in self.table)

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Transmit a frame (used length 0), carry out a command (1, its ack), or receive the frame that waits."""
        if chain.queue == self.control_queue(driver_features):
            return self._control(chain, memory, driver_features)
        if chain.queue % 2:
            return self._transmit(chain, memory)
        return self._receive(chain, memory, driver_features)

    def _transmit(self, chain: DescriptorChain, memory: MemoryView) -> int:
        """A request that is not one frame with a plain header, or cannot be read, is dropped (HOST-116)."""
        length = chain.readable_len - NET_HDR_BYTES
        if not ETH_HEADER_BYTES <= length <= self.mtu + ETH_HEADER_BYTES + VLAN_TAG_BYTES:
            return 0
        try:
            data = chain.read_bytes(memory, 0, chain.readable_len)
        except MemoryFault:
            return 0
        flags, gso_type, *_ = _HEADER.unpack_from(data)
        if not flags & NET_HDR_F_NEEDS_CSUM and not gso_type and self.link_up:
            self._flows[_flow(data[NET_HDR_BYTES:])] = chain.queue // 2
            self.wire.send(data[NET_HDR_BYTES:])
        return 0

    def _receive(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        if chain.queue >= 2 * self.pairs:
            return 0
        if self._give_back:
            self._give_back -= 1
            return 0
        if self._asked_for and self._rest is None and self.wire.came_back_empty():
            self._asked_for -= 1
            return 0
        self._queue = chain.queue
        if self._rest is None and not self._begin(chain, driver_features):
            return 0
        assert self._rest is not None
        part, self._rest = self._rest[: chain.writable_len], self._rest[chain.writable_len :]
        if not self._rest:
            self._rest = None
            self.wire.done(True)
        try:
            chain.write_bytes(memory, 0, part)
        except MemoryFault:
            return 0
        return len(part)

    def _begin(self, chain: DescriptorChain, driver_features: int) -> bool:
        """Put the header before the frame that waits; False if it goes into no chains, this one included."""
        frame = self.wire.waiting()
        if frame is None:
            return False
        merge = driver_features & features(NetFeature.MRG_RXBUF)
        rooms = [chain.writable_len, *(self.rooms_after(chain.queue) if merge else ())][: self.merge_max]
        count, room = 0, 0
        while room < NET_HDR_BYTES + len(frame) and count < len(rooms):
            room += rooms[count]
            count += 1
            if count == 1 and room < NET_HDR_BYTES:
                break
        if room < NET_HDR_BYTES + len(frame):
            self.wire.done(False)
            self._give_back = count - 1
            if merge and count < self.merge_max and rooms[0] >= NET_HDR_BYTES:
                self._asked_for += 1  # a chain, in vain: when it comes there may be nothing to put into it
            return False
        self._rest = _HEADER.pack(0, 0, 0, 0, 0, 0, count) + frame
        return True

    def _control(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """The ack is the first writable byte; without room for it nothing is done."""
        if not chain.writable_len:
            return 0
        ack = NetAck.ERR
        if 2 <= chain.readable_len <= self.command_max:
            try:
                command = int.from_bytes(chain.read_bytes(memory, 0, 2), "big")
                if self._well_formed(command, chain, memory, driver_features):
                    data = chain.read_bytes(memory, 2, chain.readable_len - 2)
                    ack = NetAck.OK if self._execute(command, data) else NetAck.ERR
            except MemoryFault:
                pass
        try:
            chain.write_bytes(memory, 0, bytes([ack]))
        except MemoryFault:
            return 0
        return 1

    def _well_formed(self, command: int, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> bool:
        """Whether a command is known and as long as it has to be; no more is read than that takes."""
        if (needed := _NEEDED.get(command)) is None or not driver_features & features(needed):
            return False
        if command != NetCommand.MAC_TABLE_SET:
            return chain.readable_len == 2 + _LENGTHS[command]
        at = 2
        for later in (4, 0):
            if at + 4 + later > chain.readable_len:
                return False
            at += 4 + 6 * int.from_bytes(chain.read_bytes(memory, at, 4), "little")
            if at + later > chain.readable_len:
                return False
        return at == chain.readable_len

    def _execute(self, command: int, data: bytes) -> bool:
        """Carry a command out; False, and nothing changed, if its value is out of range."""
        if command == NetCommand.MAC_TABLE_SET:
            self._set_table(data)
            return True
        value = int.from_bytes(data, "little")
        if command in _MODES:
            if value <= 1:
                self.modes[command] = bool(value)
            return value <= 1
        if command == NetCommand.MAC_ADDR_SET:
            self.mac = data
            return True
        if command == NetCommand.MQ_VQ_PAIRS_SET:
            if 1 <= value <= self.queue_pairs:
                self.pairs = value
            return 1 <= value <= self.queue_pairs
        if value < 1 << 12:
            (self.vlans.add if command == NetCommand.VLAN_ADD else self.vlans.discard)(value)
        return value < 1 << 12

    def _set_table(self, data: bytes) -> None:
        parts = []
        for _ in range(2):
            count, data = int.from_bytes(data[:4], "little"), data[4:]
            parts.append([data[6 * i : 6 * i + 6] for i in range(count)])
            data = data[6 * count :]
        unicast, multicast = parts
        self.table = frozenset([*unicast, *multicast][: self.table_size])
        self.all_unicast = len(unicast) > self.table_size
        self.all_multicast = bool(multicast) and len(unicast) + len(multicast) > self.table_size


def _flow(frame: bytes) -> int:
    """One of 64 flows: what MAC addresses, IPv4 addresses and ports fold to, the same in both directions."""
    head = frame[:38].ljust(38, b"\0")
    fields = head[:12] + head[26:38]
    folded = 0
    for at in range(0, len(fields), 2):
        folded ^= int.from_bytes(fields[at : at + 2], "little")
    return (folded ^ folded >> 6 ^ folded >> 12) & 0x3F


_NEEDED: dict[int, NetFeature] = {
    **{mode: NetFeature.CTRL_RX if mode in _BASIC_MODES else NetFeature.CTRL_RX_EXTRA for mode in _MODES},
    NetCommand.MAC_TABLE_SET: NetFeature.CTRL_RX,
    NetCommand.MAC_ADDR_SET: NetFeature.CTRL_MAC_ADDR,
    NetCommand.VLAN_ADD: NetFeature.CTRL_VLAN,
    NetCommand.VLAN_DEL: NetFeature.CTRL_VLAN,
    NetCommand.MQ_VQ_PAIRS_SET: NetFeature.MQ,
}
_LENGTHS: dict[int, int] = {
    **dict.fromkeys(_MODES, 1),
    NetCommand.MAC_ADDR_SET: 6,
    NetCommand.VLAN_ADD: 2,
    NetCommand.VLAN_DEL: 2,
    NetCommand.MQ_VQ_PAIRS_SET: 2,
}
