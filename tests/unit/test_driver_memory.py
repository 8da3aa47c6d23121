# SPDX-License-Identifier: Apache-2.0
"""Allocator, guard bytes, error windows and framings."""

from __future__ import annotations

import itertools
import os
import random

import pytest

from cocotbext.virtio import buffers
from cocotbext.virtio.backing import DeviceView, RegionMemory, Response
from cocotbext.virtio.interfaces import GuardError, GuestMemory
from cocotbext.virtio.memory import DEFAULT_REGIONS, GuardedMemory, Region, regions_for
from virtio_model import Memory, MemoryFault

SMALL = (Region("a", 0x1000, 0x1000), Region("b", 0x1_0000_0000, 0x1000))


def memory_of(seed: int | None = None) -> GuardedMemory:
    return GuardedMemory(RegionMemory(SMALL), SMALL, None if seed is None else random.Random(seed))


def test_alignment_and_offset() -> None:
    memory: GuestMemory = memory_of()
    for align in (1, 2, 4, 16, 64, 256):
        for offset in (0, 1, align - 1):
            assert memory.allocate(3, align, offset) % align == offset % align
    memory.check_guards()


@pytest.mark.parametrize("distance", [-64, -1, 10, 73])
def test_guard_is_checked_on_both_sides(distance: int) -> None:
    memory = memory_of()
    address = memory.allocate(10, 16)
    seen = memory.read(address + distance, 1)[0]
    memory.write(address + distance, bytes([seen ^ 1]))
    with pytest.raises(GuardError, match=f"MEM-GUARD address={address + distance:#x} "):
        memory.check_guards()
    with pytest.raises(GuardError):
        memory.free(address)


def test_every_byte_inside_may_change() -> None:
    memory = memory_of()
    address = memory.allocate(100, 16, 3)
    memory.write(address, bytes(100))
    memory.check_guards()


def test_memory_comes_back() -> None:
    memory = memory_of(3)
    rng = random.Random(7)
    live: list[int] = []
    for _ in range(3000):
        if live and rng.random() < 0.5:
            memory.free(live.pop(rng.randrange(len(live))))
            continue
        try:
            live.append(memory.allocate(rng.randint(0, 200), rng.choice((1, 4, 64)), rng.randrange(64)))
        except MemoryError:
            memory.free(live.pop())
    spans = sorted((a.start, a.end) for a in memory.allocations)
    assert all(low[1] <= high[0] for low, high in itertools.pairwise(spans))
    for address in live:
        memory.free(address)
    for region in SMALL:
        memory.allocate(region.size - 128, region=region.name)


def test_full_memory_says_so() -> None:
    memory = memory_of()
    with pytest.raises(MemoryError, match=r"no room for 4096 bytes aligned to 1 in \['a', 'b'\]"):
        memory.allocate(4096)
    with pytest.raises(ValueError):
        memory.allocate(-1)
    with pytest.raises(KeyError):
        memory.free(0x1234)


def test_all_regions_are_used() -> None:
    memory = memory_of(1)
    addresses = [memory.allocate(1) for _ in range(12)]
    found = {region.name for region in SMALL for address in addresses if region.holds(address, 1)}
    assert found == {"a", "b"}


def test_works_over_a_plain_model_memory() -> None:
    region = Region("only", 0x100, 0x1000)
    memory = GuardedMemory(Memory(region.base, region.size), [region])
    address = memory.allocate(16)
    memory.write(address, b"x" * 16)
    memory.free(address)


def test_regions_of_a_narrow_bus() -> None:
    assert [region.name for region in regions_for(64)] == ["low", "seam", "high"]
    assert [region.name for region in regions_for(32)] == ["low"]
    with pytest.raises(ValueError):
        regions_for(16)
    assert any(region.base > 1 << 32 for region in DEFAULT_REGIONS)


def test_unmapped_accesses_are_answered_and_reported() -> None:
    view = DeviceView(RegionMemory(SMALL))
    view.check()
    for address in (0xFFF, 0x2000, 0x1FFF):
        assert view.response(address, 2, True) is Response.DECERR
    with pytest.raises(AssertionError, match=r"DMA-UNMAPPED write address=0xfff length=2 .*3 such"):
        view.check()
    view.allow_unmapped = True
    view.check()


def test_error_windows_are_for_the_device_only() -> None:
    memory = RegionMemory(SMALL)
    view = DeviceView(memory)
    view.add(0x1010, 4, write=False)
    view.add(0x1020, 4, read=False, response=Response.DECERR)
    view.write(0x1010, b"abcd")
    assert memory.read(0x1010, 4) == b"abcd"
    with pytest.raises(MemoryFault):
        view.read(0x1000, 0x11)
    assert view.read(0x1000, 0x10) == bytes(16)
    with pytest.raises(MemoryFault):
        view.write(0x1023, b"xy")
    assert view.read(0x1020, 5) == bytes(5)
    assert view.response(0x1023, 1, True) is Response.DECERR
    view.clear()
    view.write(0x1023, b"xy")


@pytest.mark.parametrize(
    ("framing", "expected"),
    [
        (buffers.natural, [16, 512]),
        (buffers.merged, [528]),
        (buffers.bytewise, [1] * 528),
        (buffers.chunks(100), [100, 100, 100, 100, 100, 28]),
        (buffers.pieces(3), [176, 176, 176]),
    ],
)
def test_framings(framing: buffers.Framing, expected: list[int]) -> None:
    assert list(framing([16, 512])) == expected
    assert list(framing([0, 0])) == list(framing([])) == []


def test_random_framings_keep_the_sum() -> None:
    framing = buffers.random_framing(random.Random(1), most=20)
    for total in range(40):
        cut = framing([total])
        assert sum(cut) == total
        assert all(cut)
        assert len(cut) <= 20


def test_chain_buffers_place_fill_and_poison() -> None:
    memory = memory_of()
    layout = buffers.Layout(buffers.chunks(5), align=32, offset=7)
    chain = buffers.ChainBuffers(memory, [b"head", b"data!"], [6, 1], layout)
    assert [(length, writable) for _, length, writable in chain.chain] == [(5, False), (4, False), (5, True), (2, True)]
    assert all(address % 32 == 7 for address, _, _ in chain.chain)
    assert memory.read(chain.chain[0][0], 5) + memory.read(chain.chain[1][0], 4) == b"headdata!"
    assert chain.written() == bytes([buffers.POISON]) * 7
    memory.write(chain.chain[2][0] + 5, b"\0")
    with pytest.raises(GuardError):
        chain.free()


def test_framing_that_loses_bytes() -> None:
    memory = memory_of()
    with pytest.raises(ValueError, match="made 1 bytes of 4"):
        buffers.ChainBuffers(memory, [b"abcd"], [], buffers.Layout(lambda parts: [1]))
    assert memory.allocations == []


def test_region_memory_on_files_of_others() -> None:
    regions = (Region("low", 0x1000, 0x1000), Region("high", 0x8000, 0x2000))
    files = [os.memfd_create(region.name) for region in regions]
    for region, file in zip(regions, files, strict=True):
        os.ftruncate(file, region.size)
    memory = RegionMemory(regions, shared=True, given=files)
    memory.write(0x8010, b"guest")
    assert os.pread(files[1], 5, 0x10) == b"guest"
    os.pwrite(files[0], b"device", 0x20)
    assert memory.read(0x1020, 6) == b"device"
    memory.close_files()
    with pytest.raises(ValueError, match="shorter"):
        RegionMemory(regions, shared=True, given=[0])
