# SPDX-License-Identifier: Apache-2.0
"""Memory and descriptor chains as byte ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtio_model import DescriptorChain, Memory, MemoryFault, Segment


def test_reads_back_and_starts_zeroed() -> None:
    memory = Memory(0x1000, 16)
    memory.write(0x1003, b"abc")
    assert memory.read(0x1000, 16) == b"\0\0\0abc" + bytes(10)


@pytest.mark.parametrize(("address", "length"), [(0xFFF, 1), (0x1010, 1), (0x100F, 2), (0, 4), (0xFFF, 18)])
def test_outside_faults_and_writes_nothing(address: int, length: int) -> None:
    memory = Memory(0x1000, 16)
    with pytest.raises(MemoryFault) as caught:
        memory.write(address, b"x" * length)
    assert (caught.value.address, caught.value.length) == (address, length)
    with pytest.raises(MemoryFault):
        memory.read(address, length)
    assert memory.read(0x1000, 16) == bytes(16)


def test_last_byte_is_inside_and_nothing_is_always_allowed() -> None:
    memory = Memory(0x1000, 16)
    memory.write(0x100F, b"z")
    memory.write(0, b"")
    assert memory.read(0x100F, 1) == b"z"
    assert memory.read(1 << 63, 0) == b""


def test_fault_window_for_one_direction() -> None:
    memory = Memory(0, 64)
    memory.add_fault_window(16, 4, read=False)
    with pytest.raises(MemoryFault):
        memory.write(10, bytes(7))
    memory.write(10, b"123456")
    memory.write(20, b"7")
    assert memory.read(10, 11) == b"123456\0\0\0\0" + b"7"
    memory.clear_fault_windows()
    memory.write(16, b"ok")
    assert memory.read(16, 2) == b"ok"


@st.composite
def framings(draw: st.DrawFn) -> tuple[Memory, DescriptorChain, list[int]]:
    """A memory with distinct bytes, a chain over it, and the addresses of the chain's writable bytes in order."""
    memory = Memory(0, 4096)
    memory.write(0, bytes((7 * i + i // 256) & 0xFF for i in range(4096)))
    lengths = draw(st.lists(st.integers(0, 60), max_size=20))
    readable = draw(st.integers(0, len(lengths)))
    segments, address = [], 0
    for position, length in enumerate(lengths):
        address += draw(st.integers(0, 9))
        segments.append(Segment(address, length, position >= readable))
        address += length
    writable = [s.address + i for s in segments if s.device_writable for i in range(s.length)]
    return memory, DescriptorChain(0, 0, tuple(segments)), writable


@given(framings(), st.data())
def test_gather_and_scatter_follow_the_chain(
    case: tuple[Memory, DescriptorChain, list[int]], data: st.DataObject
) -> None:
    memory, chain, writable = case
    image = bytearray(memory.read(0, 4096))
    readable = b"".join(image[s.address : s.address + s.length] for s in chain.segments if not s.device_writable)
    assert (chain.readable_len, chain.writable_len) == (len(readable), len(writable))

    start = data.draw(st.integers(0, len(readable)))
    length = data.draw(st.integers(0, len(readable) - start))
    assert chain.read_bytes(memory, start, length) == readable[start : start + length]
    assert all(run > 0 for _, run in chain.pieces(False, start, length))

    start = data.draw(st.integers(0, len(writable)))
    payload = data.draw(st.binary(max_size=len(writable) - start))
    chain.write_bytes(memory, start, payload)
    for address, byte in zip(writable[start:], payload, strict=False):
        image[address] = byte
    assert memory.read(0, 4096) == image


def test_beyond_the_part_is_refused() -> None:
    chain = DescriptorChain(0, 0, (Segment(0, 8, False), Segment(8, 4, True)))
    memory = Memory(0, 64)
    with pytest.raises(ValueError, match="part of 8"):
        chain.read_bytes(memory, 5, 4)
    with pytest.raises(ValueError, match="part of 4"):
        chain.write_bytes(memory, 0, bytes(5))
    with pytest.raises(ValueError, match="part of 8"):
        chain.read_bytes(memory, -1, 2)
    assert memory.read(0, 64) == bytes(64)


def test_scatter_stops_at_the_first_fault() -> None:
    memory = Memory(0, 64)
    chain = DescriptorChain(0, 0, (Segment(0, 4, True), Segment(100, 4, True), Segment(8, 4, True)))
    with pytest.raises(MemoryFault) as caught:
        chain.write_bytes(memory, 0, b"aaaabbbbcccc")
    assert caught.value.address == 100
    assert memory.read(0, 12) == b"aaaa" + bytes(8)
