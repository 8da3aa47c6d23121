# SPDX-License-Identifier: Apache-2.0
"""The host on the guest's network, by its frames."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from tests.sim.peer import ADDRESS, GUEST, MAC, Peer, intact

OURS = "52:54:00:12:34:56"


def frame(content: Packet) -> bytes:
    """A frame of the guest's, padded as short ones are."""
    return bytes(Ether(src=OURS, dst=MAC) / content).ljust(60, b"\0")


def segment(sequence: int, flags: str, data: bytes = b"") -> bytes:
    return frame(IP(src=GUEST, dst=ADDRESS) / TCP(sport=4000, dport=7, seq=sequence, flags=flags) / data)


def answered(frames: list[bytes]) -> list[tuple[int, int, str, bytes]]:
    """Sequence number, acknowledgement, flags and data of TCP frames whose sums are right."""
    found: list[tuple[int, int, str, bytes]] = []
    for one in frames:
        packet: Any = Ether(one)
        assert (packet.src, packet.dst, packet[IP].src, packet[IP].dst) == (MAC, OURS, ADDRESS, GUEST)
        assert (packet[TCP].sport, packet[TCP].dport) == (7, 4000)
        assert intact(packet)
        length = packet[IP].len - 4 * (packet[IP].ihl + packet[TCP].dataofs)
        found.append((packet[TCP].seq, packet[TCP].ack, str(packet[TCP].flags), bytes(packet[TCP].payload)[:length]))
    return found


def test_arp() -> None:
    def request(wanted: str) -> bytes:
        return frame(ARP(op=1, hwsrc=OURS, psrc=GUEST, pdst=wanted))

    (reply,) = Peer().take(request(ADDRESS))
    asked: Any = Ether(reply)
    assert len(reply) == 60
    assert (asked.src, asked.dst, asked[ARP].op) == (MAC, OURS, 2)
    assert (asked[ARP].hwsrc, asked[ARP].psrc, asked[ARP].hwdst, asked[ARP].pdst) == (MAC, ADDRESS, OURS, GUEST)
    assert Peer().take(request(GUEST)) == []


def test_ping() -> None:
    peer = Peer()
    (reply,) = peer.take(frame(IP(src=GUEST, dst=ADDRESS) / ICMP(type=8, id=3, seq=9) / (b"id no" * 9)))
    packet: Any = Ether(reply)
    assert intact(packet)
    assert (packet[ICMP].type, packet[ICMP].id, packet[ICMP].seq) == (0, 3, 9)
    assert bytes(packet[ICMP].payload) == b"id no" * 9
    assert peer.echoes == 1


def test_tcp_echo_from_start_to_end() -> None:
    peer = Peer()
    (start,) = answered(peer.take(segment(0xFFFF_FFFE, "S")))
    assert start == (1, 0xFFFF_FFFF, "SA", b"")
    assert peer.take(segment(0xFFFF_FFFF, "A")) == []
    assert answered(peer.take(segment(0xFFFF_FFFF, "PA", b"abc"))) == [(2, 2, "PA", b"abc")]
    assert answered(peer.take(segment(0xFFFF_FFFF, "PA", b"abc"))) == [(5, 2, "A", b"")]
    assert answered(peer.take(segment(2, "FA", b"d"))) == [(5, 3, "PA", b"d"), (6, 4, "FA", b"")]
    assert bytes(peer.received) == b"abcd"
    assert peer.damaged == 0


def test_damaged_packets_are_not_answered() -> None:
    for good in (segment(0, "S"), segment(0, "PA", b"abc"), frame(IP(src=GUEST, dst=ADDRESS) / ICMP(type=8) / b"abcd")):
        for at in (24, 36):  # in the header of IP, and in that of what it carries
            peer, bad = Peer(), bytearray(good)
            bad[at] ^= 1
            assert peer.take(bytes(bad)) == []
            assert peer.damaged == 1


def test_a_checksum_of_minus_zero_is_right() -> None:
    """A sum that comes out as 0 may be sent as 0xFFFF."""
    plain: Any = Ether(segment(0, "PA", bytes(2)))
    filled = segment(0, "PA", plain[TCP].chksum.to_bytes(2, "big"))
    at = 14 + 20 + 16
    assert filled[at : at + 2] == bytes(2)
    for sent, right in ((b"\0\0", True), (b"\xff\xff", True), (b"\xff\xfe", False)):
        assert intact(Ether(filled[:at] + sent + filled[at + 2 :])) is right
