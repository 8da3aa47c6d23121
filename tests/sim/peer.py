# SPDX-License-Identifier: Apache-2.0
"""A host on the guest's network: answers ARP and pings, and echoes what comes to TCP port 7. Nothing gets lost."""

from __future__ import annotations

import struct

MAC = bytes.fromhex("020000000001")
ADDRESS, GUEST = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
ECHO_PORT = 7
_ARP, _IPV4 = b"\x08\x06", b"\x08\x00"
_ICMP, _TCP = 1, 6
_FIN, _SYN, _PUSH, _ACK = 1, 2, 8, 16
#: Small enough for what the device can store, so that no frame is dropped.
_WINDOW = 8192
_SEGMENT_SIZE = b"\x02\x04\x05\xb4"  # option: at most 1460 bytes
_SHORTEST = 60


def dotted(address: bytes) -> str:
    """An address as people write it."""
    return ".".join(map(str, address))


def checksum(data: bytes) -> int:
    """The ones' complement sum of the Internet's protocols, as it goes into a header."""
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Peer:
    """The host. `echoes` counts pings answered, `received` has the bytes that came by TCP."""

    def __init__(self) -> None:
        self.echoes = 0
        self.received = bytearray()
        self._next = 1  # the sequence number that we send next
        self._wanted = 0  # and the one that we expect

    def take(self, frame: bytes) -> list[bytes]:
        """The frames with which a frame is answered."""
        source, kind, payload = frame[6:12], frame[12:14], frame[14:]
        answers: list[bytes] = []
        if kind == _ARP and payload[6:8] == b"\0\1" and payload[24:28] == ADDRESS:
            answers = [payload[:7] + b"\2" + MAC + ADDRESS + payload[8:18]]
        elif kind == _IPV4 and payload[16:20] == ADDRESS:
            length = int.from_bytes(payload[2:4], "big")
            protocol, content = payload[9], payload[4 * (payload[0] & 15) : length]
            if protocol == _ICMP and content[0] == 8:
                self.echoes += 1
                reply = bytes(4) + content[4:]
                answers = [self._packet(_ICMP, reply[:2] + checksum(reply).to_bytes(2, "big") + reply[4:])]
            elif protocol == _TCP and content[2:4] == ECHO_PORT.to_bytes(2, "big"):
                answers = self._take_segment(content)
        return [(source + MAC + kind + answer).ljust(_SHORTEST, b"\0") for answer in answers]

    def _take_segment(self, segment: bytes) -> list[bytes]:
        port, _, sequence, _, offset, flags = struct.unpack_from(">HHIIBB", segment)
        data = segment[offset >> 4 << 2 :]
        if flags & _SYN:
            self._next, self._wanted = 1, sequence + 1 & 0xFFFF_FFFF
            return [self._segment(port, _SYN | _ACK, options=_SEGMENT_SIZE)]
        if not data and not flags & _FIN:
            return []
        answers = []
        if sequence == self._wanted:
            self._wanted = self._wanted + len(data) & 0xFFFF_FFFF
            self.received += data
            if data:
                answers.append(self._segment(port, _PUSH | _ACK, data))
            if flags & _FIN:
                self._wanted = self._wanted + 1 & 0xFFFF_FFFF
                answers.append(self._segment(port, _FIN | _ACK))
        return answers or [self._segment(port, _ACK)]

    def _segment(self, port: int, flags: int, data: bytes = b"", options: bytes = b"") -> bytes:
        """A packet with a segment to the guest's port; moves the sequence number on."""
        offset = 5 + len(options) // 4 << 4
        header = struct.pack(">HHIIBBHHH", ECHO_PORT, port, self._next, self._wanted, offset, flags, _WINDOW, 0, 0)
        segment = header + options + data
        pseudo = ADDRESS + GUEST + struct.pack(">HH", _TCP, len(segment))
        summed = checksum(pseudo + segment).to_bytes(2, "big")
        self._next = self._next + len(data) + bool(flags & (_SYN | _FIN)) & 0xFFFF_FFFF
        return self._packet(_TCP, segment[:16] + summed + segment[18:])

    def _packet(self, protocol: int, content: bytes) -> bytes:
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, 64, protocol, 0) + ADDRESS + GUEST
        return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + content
