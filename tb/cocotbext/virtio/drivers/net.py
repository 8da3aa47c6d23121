# SPDX-License-Identifier: Apache-2.0
"""Network device driver (5.1)."""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from virtio_model import spec
from virtio_model.spec import NET_HDR_BYTES, NET_S_LINK_UP, NetAck, NetCommand, NetFeature

from ..buffers import ChainBuffers, Layout
from ..errors import RequestFailed, UsedLengthError
from ..identity import QueueRequest
from ..transport import MmioTransport
from ..virtqueue import UsedBuffer
from .base import ClassDriver, Pending

_HEADER = struct.Struct("<BBHHHHH")
#: EtherType of local experiments (IEEE 802).
_EXPERIMENTAL = b"\x88\xb5"
#: Features of what the control queue is for.
_CONTROLLED = spec.features(
    NetFeature.CTRL_RX,
    NetFeature.CTRL_VLAN,
    NetFeature.CTRL_RX_EXTRA,
    NetFeature.MQ,
    NetFeature.CTRL_MAC_ADDR,
)


@dataclass(frozen=True)
class NetConfig:
    """The configuration fields (5.1.4); None for fields whose feature was not accepted."""

    mac: bytes | None = None
    link_up: bool | None = None
    max_virtqueue_pairs: int | None = None
    mtu: int | None = None


@dataclass(frozen=True)
class NetHeader:
    """struct virtio_net_hdr (5.1.9)."""

    flags: int = 0
    gso_type: int = 0
    hdr_len: int = 0
    gso_size: int = 0
    csum_start: int = 0
    csum_offset: int = 0
    num_buffers: int = 0

    def pack(self) -> bytes:
        """Its 12 bytes."""
        return _HEADER.pack(
            self.flags,
            self.gso_type,
            self.hdr_len,
            self.gso_size,
            self.csum_start,
            self.csum_offset,
            self.num_buffers,
        )

    @classmethod
    def unpack(cls, data: bytes) -> NetHeader:
        """The header that `data` begins with."""
        return cls(*_HEADER.unpack_from(data))


@dataclass(frozen=True)
class ReceivedFrame:
    """A frame that came on queue `queue`, with its header and how many buffers held it."""

    queue: int
    header: NetHeader
    data: bytes
    buffers: int


class NetDriver(ClassDriver):
    """Sends frames, keeps receive buffers at the device, and gives commands.

    `queue_pairs` are set up if MQ is accepted, and enabled by `set_queue_pairs`. Received frames are in `received`, in
    the order in which they came.
    """

    device_type: ClassVar[int] = spec.DeviceType.NET
    class_features: ClassVar[int] = spec.features(
        NetFeature.MTU,
        NetFeature.MAC,
        NetFeature.MRG_RXBUF,
        NetFeature.STATUS,
        NetFeature.CTRL_VQ,
        NetFeature.CTRL_RX,
        NetFeature.CTRL_VLAN,
        NetFeature.CTRL_RX_EXTRA,
        NetFeature.MQ,
        NetFeature.CTRL_MAC_ADDR,
    )

    #: Queues that there always are: the first pair.
    default_queues: ClassVar[tuple[int, ...]] = (0, 1)
    work_queue: ClassVar[int] = 1

    def __init__(
        self,
        accept: Callable[[int], int] | None = None,
        table_order: random.Random | None = None,
        layout: Layout | None = None,
        queue_pairs: int = 1,
    ) -> None:
        super().__init__(accept, table_order, layout)
        self.queue_pairs = queue_pairs
        self.config = NetConfig()
        self.config_changes = 0
        self.received: deque[ReceivedFrame] = deque()
        self.returned_empty = 0
        """Receive buffers that came back without a byte."""
        self._buffers: list[Pending[bytes]] = []
        self._parts: list[bytes] = []

    @property
    def waiting_queues(self) -> frozenset[int]:  # type: ignore[override]
        """The receive queues."""
        return frozenset(2 * pair for pair in range(self.queue_pairs))

    @property
    def control_queue(self) -> int:
        """The index of the control queue, after MAX pairs with MQ (5.1.2)."""
        return 2 * (self.config.max_virtqueue_pairs or 1)

    def queue_requests(self) -> Sequence[QueueRequest]:
        """Receive and transmit queues of the pairs; the control queue is added by whoever has negotiated it."""
        return [QueueRequest(index) for index in range(2 * self.queue_pairs)]

    @classmethod
    def work_queues(cls, count: int) -> Sequence[int]:
        return [cls.work_queue]

    @classmethod
    def consistent(cls, word: int) -> int:
        """What this driver knows, and of that nothing that needs a control queue without one (5.1.3.1)."""
        known = word & (cls.common_features | cls.class_features)
        return known if word & spec.features(NetFeature.CTRL_VQ) else known & ~_CONTROLLED

    async def pre_device_initialization(self, transport: MmioTransport) -> None:
        """Read the configuration."""
        self.config = await self.read_config(transport)
        self._log.info("%s", self.config)

    async def config_changed(self, transport: MmioTransport) -> None:
        """Read the configuration again: the link may have changed."""
        self.config = await self.read_config(transport)
        self.config_changes += 1
        self._log.info("configuration changed: %s", self.config)

    async def read_config(self, transport: MmioTransport) -> NetConfig:
        """Read the fields that the accepted features define, consistently as one set."""
        at = spec.NetConfig
        places: dict[int, list[tuple[int, int]]] = {
            NetFeature.MAC: [(at.MAC + byte, 1) for byte in range(6)],
            NetFeature.STATUS: [(at.STATUS, 2)],
            NetFeature.MQ: [(at.MAX_VIRTQUEUE_PAIRS, 2)],
            NetFeature.MTU: [(at.MTU, 2)],
        }
        wanted = [place for feature, fields in places.items() if self.has(feature) for place in fields]
        values = iter(await transport.read_config_fields(*wanted) if wanted else ())
        return NetConfig(
            bytes(islice(values, 6)) if self.has(NetFeature.MAC) else None,
            bool(next(values) & NET_S_LINK_UP) if self.has(NetFeature.STATUS) else None,
            next(values) if self.has(NetFeature.MQ) else None,
            next(values) if self.has(NetFeature.MTU) else None,
        )

    async def submit(
        self,
        frame: bytes,
        layout: Layout | None = None,
        pair: int = 0,
        kick: bool = True,
        header: NetHeader = NetHeader(),
    ) -> Pending[int]:
        """Start sending a frame; its result is the used length, which has to be 0. Raises QueueFull."""
        buffers = ChainBuffers(self._transport.memory, [header.pack(), frame], [], layout or self.layout)
        pending = Pending(f"net frame of {len(frame)} bytes", buffers, _sent, self._wait)
        return await self._submit(pending, 2 * pair + 1, kick)

    async def ask(
        self,
        rng: random.Random,
        queue: int,
        length: int | None = None,
        layout: Layout | None = None,
        kick: bool = True,
    ) -> Pending[int]:
        """Start sending a frame that means nothing to anybody: an experimental EtherType, to a local address. Raises
        QueueFull.
        """
        length = max(length or rng.randint(64, 128), spec.ETH_HEADER_BYTES)
        head = b"\x02" + rng.randbytes(5) + (self.config.mac or b"\x02" + rng.randbytes(5)) + _EXPERIMENTAL
        return await self.submit((head + rng.randbytes(length))[:length], layout, queue // 2, kick)

    async def send(self, frame: bytes, layout: Layout | None = None, pair: int = 0) -> None:
        """Send a frame and wait until its buffers come back."""
        await (await self.submit(frame, layout, pair))

    async def supply(
        self, count: int, size: int = 1526, layout: Layout | None = None, pair: int = 0, kick: bool = True
    ) -> None:
        """Give the device `count` receive buffers of `size` bytes each. Raises QueueFull."""
        for _ in range(count):
            buffers = ChainBuffers(self._transport.memory, [], [size], layout or self.layout)
            pending = Pending(f"net receive buffer of {size} bytes", buffers, _content, self._wait)
            virtqueue = self._transport.queues[2 * pair]
            try:
                pending.head = virtqueue.add(buffers.chain, pending, self.table_order)
            except BaseException:
                buffers.free()
                raise
            pending.queue = 2 * pair
            self._buffers.append(pending)
            self.pending.append(pending)
        if kick:
            await self._transport.kick(2 * pair)

    async def command(self, command: int, data: bytes = b"", layout: Layout | None = None) -> int:
        """Give any command; returns the ack, which is for the caller to judge."""
        readable = [command.to_bytes(2, "big"), data]
        buffers = ChainBuffers(self._transport.memory, readable, [1], layout or self.layout)
        pending = Pending(f"net command {command:#06x}", buffers, _content, self._wait)
        content = await (await self._submit(pending, self.control_queue, True))
        if len(content) != 1:
            raise UsedLengthError(self.control_queue, pending.head, "1", len(content))
        return content[0]

    async def set_mode(self, mode: NetCommand, on: bool) -> None:
        """Switch a receive mode. Raises RequestFailed."""
        await self._demand(mode, bytes([on]))

    async def set_mac(self, mac: bytes) -> None:
        """Set the device's address. Raises RequestFailed."""
        await self._demand(NetCommand.MAC_ADDR_SET, mac)

    async def set_table(self, unicast: Sequence[bytes], multicast: Sequence[bytes]) -> None:
        """Set the tables of further addresses. Raises RequestFailed."""
        parts = [len(part).to_bytes(4, "little") + b"".join(part) for part in (unicast, multicast)]
        await self._demand(NetCommand.MAC_TABLE_SET, b"".join(parts))

    async def set_vlan(self, vlan: int, on: bool) -> None:
        """Add a VLAN to those received, or take it away. Raises RequestFailed."""
        await self._demand(NetCommand.VLAN_ADD if on else NetCommand.VLAN_DEL, vlan.to_bytes(2, "little"))

    async def set_queue_pairs(self, count: int) -> None:
        """Use so many queue pairs. Raises RequestFailed."""
        await self._demand(NetCommand.MQ_VQ_PAIRS_SET, count.to_bytes(2, "little"))

    def used(self, used: UsedBuffer) -> None:
        """A chain came back; of receive buffers, a frame is put together."""
        super().used(used)
        if not isinstance(used.token, Pending) or used.token not in self._buffers:
            return
        self._buffers.remove(used.token)
        content = used.token.result()
        if not content and not self._parts:
            self.returned_empty += 1
            return
        self._parts.append(content)
        header = NetHeader.unpack(self._parts[0])
        if len(self._parts) >= header.num_buffers:
            data = b"".join(self._parts)[NET_HDR_BYTES:]
            self.received.append(ReceivedFrame(used.token.queue, header, data, len(self._parts)))
            self._parts = []

    def device_failed(self, error: Exception) -> None:
        super().device_failed(error)
        self._buffers = []
        self._parts = []

    async def _demand(self, command: NetCommand, data: bytes) -> None:
        ack = await self.command(command, data)
        if ack != NetAck.OK:
            raise RequestFailed(f"net command {command.name}", ack)


def _sent(pending: Pending[int]) -> int:
    if pending.written_len:
        raise UsedLengthError(pending.queue, pending.head, "0", pending.written_len)
    return pending.written_len


def _content(pending: Pending[bytes]) -> bytes:
    return pending.buffers.written()[: pending.written_len]
