# SPDX-License-Identifier: Apache-2.0
"""The host on the guest's network, by its frames."""

from __future__ import annotations

import struct

from tests.sim.peer import ADDRESS, GUEST, MAC, Peer, checksum

OURS = bytes.fromhex("525400123456")
FIN, SYN, PUSH, ACK = 1, 2, 8, 16


def packet(protocol: int, content: bytes) -> bytes:
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, 64, protocol, 0) + GUEST + ADDRESS
    return MAC + OURS + b"\x08\x00" + header + content


def segment(sequence: int, flags: int, data: bytes = b"") -> bytes:
    return packet(6, struct.pack(">HHIIBBHHH", 4000, 7, sequence, 0, 0x50, flags, 1000, 0, 0) + data)


def answered(frames: list[bytes]) -> list[tuple[int, int, int, bytes]]:
    """Sequence number, acknowledgement, flags and data of TCP frames whose sums are right."""
    found = []
    for frame in frames:
        assert frame[:14] == OURS + MAC + b"\x08\x00"
        content = frame[34 : 14 + int.from_bytes(frame[16:18], "big")]
        assert checksum(frame[14:34]) == 0
        assert checksum(ADDRESS + GUEST + struct.pack(">HH", 6, len(content)) + content) == 0
        _, _, sequence, ack, offset, flags = struct.unpack_from(">HHIIBB", content)
        found.append((sequence, ack, flags, content[offset >> 4 << 2 :]))
    return found


def test_checksum_of_a_known_header() -> None:
    header = bytes.fromhex("45000073000040004011 0000 c0a80001c0a800c7".replace(" ", ""))
    assert checksum(header) == 0xB861
    assert checksum(b"\x01") == 0xFEFF


def test_arp() -> None:
    request = b"\0\1\x08\0\6\4\0\1" + OURS + GUEST + bytes(6) + ADDRESS
    (reply,) = Peer().take(b"\xff" * 6 + OURS + b"\x08\x06" + request)
    assert reply[:42] == OURS + MAC + b"\x08\x06" + b"\0\1\x08\0\6\4\0\2" + MAC + ADDRESS + OURS + GUEST
    assert len(reply) == 60
    assert Peer().take(b"\xff" * 6 + OURS + b"\x08\x06" + request[:24] + GUEST) == []


def test_ping() -> None:
    peer = Peer()
    (reply,) = peer.take(packet(1, b"\x08\0\0\0" + b"id no" * 9))
    content = reply[34 : 14 + int.from_bytes(reply[16:18], "big")]
    assert content[:2] == b"\0\0"
    assert content[4:] == b"id no" * 9
    assert checksum(content) == 0
    assert peer.echoes == 1


def test_tcp_echo_from_start_to_end() -> None:
    peer = Peer()
    (start,) = answered(peer.take(segment(0xFFFF_FFFE, SYN)))
    assert start == (1, 0xFFFF_FFFF, SYN | ACK, b"")
    assert peer.take(segment(0xFFFF_FFFF, ACK)) == []
    assert answered(peer.take(segment(0xFFFF_FFFF, PUSH | ACK, b"abc"))) == [(2, 2, PUSH | ACK, b"abc")]
    assert answered(peer.take(segment(0xFFFF_FFFF, PUSH | ACK, b"abc"))) == [(5, 2, ACK, b"")]
    assert answered(peer.take(segment(2, FIN | ACK, b"d"))) == [(5, 3, PUSH | ACK, b"d"), (6, 4, FIN | ACK, b"")]
    assert bytes(peer.received) == b"abcd"
