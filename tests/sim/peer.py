# SPDX-License-Identifier: Apache-2.0
"""A host on the guest's network, of scapy's packets: answers ARP and pings, and echoes what comes to TCP port 7.

It loses nothing and repeats nothing. What comes with a wrong checksum it does not answer, and counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from socket import IPPROTO_TCP
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, in4_chksum
from scapy.layers.l2 import ARP, Ether
from scapy.packet import NoPayload, Packet, Padding, Raw
from scapy.utils import checksum

MAC, ADDRESS, GUEST = "02:00:00:00:00:01", "10.0.0.1", "10.0.0.2"
ECHO_PORT = 7
_ECHO_REQUEST, _ECHO_REPLY, _WHO_HAS, _IS_AT = 8, 0, 1, 2
#: Small enough for what the device can store, so that no frame is dropped.
_WINDOW = 8192
_SEGMENT_BYTES = 1460
_SHORTEST = 60
_MODULUS = 1 << 32


def intact(packet: Packet) -> bool:
    """Whether the checksums of an IP packet, and of ICMP or TCP in it, are those of its content.

    Seen as a receiver sees it: all words with the checksum among them sum up to -0. One that comes out as 0 may be sent
    as 0xFFFF, which Linux does for TCP too.
    """
    header: Any = packet[IP]
    octets = bytes(header)[: header.len]
    start = 4 * header.ihl
    if checksum(octets[:start]):
        return False
    if TCP in packet:
        return not in4_chksum(IPPROTO_TCP, header, octets[start:])
    return ICMP not in packet or not checksum(octets[start:])


class Peer:
    """The host. `echoes` counts pings answered, `damaged` packets with a wrong checksum; `received` came by TCP."""

    def __init__(self) -> None:
        self.echoes = 0
        self.damaged = 0
        self.received = bytearray()
        self._next = 1  # the sequence number that we send next
        self._wanted = 0  # and the one that we expect

    def take(self, frame: bytes) -> list[bytes]:
        """The frames with which a frame is answered."""
        packet = Ether(frame)
        header = Ether(src=MAC, dst=packet.src)
        return [bytes(header / answer).ljust(_SHORTEST, b"\0") for answer in self._answers(packet)]

    def _answers(self, packet: Packet) -> Iterator[Packet]:
        if ARP in packet and packet[ARP].op == _WHO_HAS and packet[ARP].pdst == ADDRESS:
            asked = packet[ARP]
            yield ARP(op=_IS_AT, hwsrc=MAC, psrc=ADDRESS, hwdst=asked.hwsrc, pdst=asked.psrc)
        elif IP in packet and packet[IP].dst == ADDRESS:
            if not intact(packet):
                self.damaged += 1
                return
            header: Any = IP(src=ADDRESS, dst=packet[IP].src)
            if ICMP in packet and packet[ICMP].type == _ECHO_REQUEST:
                self.echoes += 1
                request: Any = packet[ICMP]
                yield header / ICMP(type=_ECHO_REPLY, id=request.id, seq=request.seq) / _data(request)
            elif TCP in packet and packet[TCP].dport == ECHO_PORT:
                yield from (header / segment for segment in self._take_segment(packet[TCP]))

    def _take_segment(self, segment: Packet) -> list[Packet]:
        data, ends = _data(segment), "F" in segment.flags
        if "S" in segment.flags:
            self._next, self._wanted = 1, (segment.seq + 1) % _MODULUS
            return [self._segment(segment.sport, "SA")]
        if not data and not ends:
            return []
        answers = []
        if segment.seq == self._wanted:
            self._wanted = (self._wanted + len(data)) % _MODULUS
            self.received += data
            if data:
                answers.append(self._segment(segment.sport, "PA", data))
            if ends:
                self._wanted = (self._wanted + 1) % _MODULUS
                answers.append(self._segment(segment.sport, "FA"))
        return answers or [self._segment(segment.sport, "A")]

    def _segment(self, port: int, flags: str, data: bytes = b"") -> Packet:
        """A segment to the guest's port; moves the sequence number on."""
        header = TCP(sport=ECHO_PORT, dport=port, seq=self._next, ack=self._wanted, flags=flags, window=_WINDOW)
        if "S" in flags:
            header.options = [("MSS", _SEGMENT_BYTES)]
        self._next = (self._next + len(data) + bool({"S", "F"} & set(flags))) % _MODULUS
        return header / data


def _data(packet: Packet) -> bytes:
    """What a packet carries, without the padding of its frame."""
    inner = packet.payload.copy()
    if isinstance(inner, NoPayload | Padding):
        return b""
    assert isinstance(inner, Raw), f"payload {inner!r}"
    return bytes(inner.load)
