# SPDX-License-Identifier: Apache-2.0
"""The block device: every request type, in any framing, with every way to fail."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model_bench import BUFFERS, LIVE, Bench, Element, accepted
from virtio_model import Blk, MemoryStorage, StatusAccessError, StorageError, Topology
from virtio_model.spec import SECTOR, BlkConfig, BlkFeature, BlkStatus, BlkType, Interrupt, Reg, Status, features

OK, IOERR, UNSUPP = (bytes([status]) for status in (BlkStatus.OK, BlkStatus.IOERR, BlkStatus.UNSUPP))
CAPACITY = 8
UNTOUCHED = b"\xa5"


def header(kind: int, sector: int = 0) -> bytes:
    return struct.pack("<IIQ", kind, 0xDEADBEEF, sector)


def sector_data(sector: int) -> bytes:
    return bytes((sector * 37 + i * 7 + i // 256) & 0xFF for i in range(SECTOR))


def image(storage: MemoryStorage) -> list[bytes]:
    bad, storage.bad_sectors = storage.bad_sectors, set()
    sectors = [storage.read(sector) for sector in range(storage.capacity)]
    storage.bad_sectors = bad
    return sectors


def disk(**knobs: object) -> MemoryStorage:
    storage = MemoryStorage(CAPACITY)
    for sector in range(CAPACITY):
        storage.write(sector, sector_data(sector))
    for name, value in knobs.items():
        setattr(storage, name, value)
    return storage


def live(storage: MemoryStorage | None = None, **options: Any) -> Bench:
    bench = Bench(Blk(storage or disk(), **options), queue_size_max=(128,))
    bench.go_live(size=128)
    return bench


def request(bench: Bench, *elements: Element) -> tuple[int, bytes]:
    """The used length and the device-writable bytes after the request."""
    return bench.submit(elements)[1:]


@pytest.mark.parametrize(("sector", "count"), [(0, 1), (3, 2), (7, 1), (0, 8), (0, 0), (8, 0)])
def test_in(sector: int, count: int) -> None:
    """BLK-DEV-028, 029, 033."""
    expected = b"".join(sector_data(sector + i) for i in range(count))
    assert request(live(), header(BlkType.IN, sector), count * SECTOR, 1) == (count * SECTOR + 1, expected + OK)


@pytest.mark.parametrize(("sector", "count"), [(0, 1), (3, 2), (7, 1), (0, 8), (0, 0), (8, 0)])
def test_out(sector: int, count: int) -> None:
    storage = disk()
    before = image(storage)
    data = bytes(range(256)) * 2 * count
    assert request(live(storage), header(BlkType.OUT, sector), data, 1) == (1, OK)
    before[sector : sector + count] = [data[:SECTOR]] * count
    assert image(storage) == before


@pytest.mark.parametrize("kind", [BlkType.IN, BlkType.OUT])
@pytest.mark.parametrize(
    ("sector", "count"), [(8, 1), (7, 2), (9, 0), ((1 << 64) - 1, 1), (1 << 55, 1), ((1 << 64) - 1, 0), (0, 9)]
)
def test_out_of_range(kind: BlkType, sector: int, count: int) -> None:
    """HOST-109: nothing is moved."""
    storage = disk()
    before = image(storage)
    data: list[Element] = [count * SECTOR] if kind == BlkType.IN else [b"x" * count * SECTOR]
    untouched = UNTOUCHED * (count * SECTOR if kind == BlkType.IN else 0)
    assert request(live(storage), header(kind, sector), *data, 1) == (1, untouched + IOERR)
    assert image(storage) == before


@pytest.mark.parametrize("length", [1, 511, 513, 1023])
def test_payload_not_a_multiple_of_a_sector(length: int) -> None:
    """HOST-111."""
    storage = disk()
    before = image(storage)
    bench = live(storage)
    assert request(bench, header(BlkType.IN), length, 1) == (1, UNTOUCHED * length + IOERR)
    assert request(bench, header(BlkType.OUT), b"x" * length, 1) == (1, IOERR)
    assert image(storage) == before


def test_data_with_the_wrong_direction() -> None:
    """HOST-111: readable bytes of an IN are ignored, writable ones of an OUT are left alone."""
    storage = disk()
    bench = live(storage)
    assert request(bench, header(BlkType.IN), b"x" * SECTOR, 1) == (1, OK)
    before = image(storage)
    assert request(bench, header(BlkType.OUT), SECTOR, 1) == (1, UNTOUCHED * SECTOR + OK)
    assert image(storage) == before
    assert request(bench, header(BlkType.IN, 2), b"x" * 5, SECTOR, 1) == (SECTOR + 1, sector_data(2) + OK)


@pytest.mark.parametrize("length", [0, 1, 8, 15])
def test_short_header(length: int) -> None:
    """HOST-112."""
    bench = live()
    assert request(bench, header(BlkType.IN)[:length], SECTOR, 1) == (1, UNTOUCHED * SECTOR + IOERR)
    assert request(bench, header(BlkType.IN)[:length]) == (0, b"")
    assert request(bench, 1) == (1, IOERR)


def test_no_room_for_a_status() -> None:
    """HOST-030: completes with length 0, nothing done."""
    storage = disk()
    before = image(storage)
    bench = live(storage)
    assert request(bench, header(BlkType.OUT), b"x" * SECTOR) == (0, b"")
    assert request(bench, header(BlkType.FLUSH), 0) == (0, b"")
    assert (image(storage), storage.flushes) == (before, 0)


def test_status_in_the_very_last_writable_byte() -> None:
    """HOST-112."""
    bench = live()
    assert request(bench, header(BlkType.FLUSH), 512) == (1, UNTOUCHED * 511 + OK)
    assert request(bench, header(BlkType.IN), 3, SECTOR - 2, 0) == (SECTOR + 1, sector_data(0) + OK)


def test_flush() -> None:
    storage = disk()
    bench = live(storage)
    assert request(bench, header(BlkType.FLUSH, 1 << 60), b"extra", 1) == (1, OK)
    assert storage.flushes == 1
    storage.flush_fails = True
    assert request(bench, header(BlkType.FLUSH), 1) == (1, IOERR)


def test_flush_that_was_not_negotiated() -> None:
    """HOST-110."""
    storage = disk()
    bench = Bench(Blk(storage))
    bench.go_live(word=accepted(BlkFeature.SEG_MAX))
    assert request(bench, header(BlkType.FLUSH), 1) == (1, UNSUPP)
    assert storage.flushes == 0


@pytest.mark.parametrize("room", [0, 1, 5, 19, 20, 21, 64])
@pytest.mark.parametrize("serial", [b"", b"disk-1", b"exactly-twenty-bytes"])
def test_get_id(room: int, serial: bytes) -> None:
    """BLK-DEV-032; HOST-114."""
    count = min(20, room)
    expected = serial.ljust(20, b"\0")[:count] + UNTOUCHED * (room - count)
    assert request(live(serial=serial), header(BlkType.GET_ID, 99), room, 1) == (count + 1, expected + OK)


def test_a_serial_has_at_most_20_bytes() -> None:
    with pytest.raises(ValueError, match="21"):
        Blk(disk(), serial=bytes(21))


@pytest.mark.parametrize(
    "kind", [2, 3, 5, 10, 11, 13, 14, 15, 16, 24, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFF, 0x100, 0x10000]
)
def test_unsupported_types(kind: int) -> None:
    """HOST-110; BLK-DEV-031: nothing but the status is written."""
    storage = disk()
    before = image(storage)
    assert request(live(storage), header(kind), b"x" * SECTOR, 7) == (1, UNTOUCHED * 6 + UNSUPP)
    assert image(storage) == before


def test_read_only() -> None:
    """HOST-113; BLK-DEV-036, 037: whether or not the driver accepted RO."""
    storage = disk()
    before = image(storage)
    bench = Bench(Blk(storage, read_only=True))
    for word in (accepted(), accepted(BlkFeature.RO)):
        bench.go_live(word=word)
        for sector in (0, 99):
            assert request(bench, header(BlkType.OUT, sector), b"x" * SECTOR, 1) == (1, IOERR)
        assert request(bench, header(BlkType.IN, 1), SECTOR, 1) == (SECTOR + 1, sector_data(1) + OK)
    assert image(storage) == before


def test_storage_read_error() -> None:
    """HOST-114: the sectors before it are written and counted, the rest is left alone."""
    bench = live(disk(bad_sectors={3}))
    expected = sector_data(1) + sector_data(2) + UNTOUCHED * 2 * SECTOR + IOERR
    assert request(bench, header(BlkType.IN, 1), 4 * SECTOR, 1) == (2 * SECTOR + 1, expected)


def test_storage_write_error() -> None:
    storage = disk(bad_sectors={3})
    before = image(storage)
    assert request(live(storage), header(BlkType.OUT, 2), b"x" * 3 * SECTOR, 1) == (1, IOERR)
    assert image(storage) == [*before[:2], b"x" * SECTOR, *before[3:]]


def raw(bench: Bench, *descriptors: tuple[int, int, bool]) -> list[tuple[int, int]]:
    """Submit a chain over given addresses; returns what is used."""
    ring = bench.rings[0]
    ring.publish(ring.link(descriptors))
    bench.kick()
    return ring.used()


def test_unreachable_payload_of_an_in() -> None:
    """HOST-027, 083: IOERR with length 1, not counting bytes before the fault, and the queue goes on."""
    bench = live()
    (head_at, *_), (good, *_), (status, *_) = bench.place([header(BlkType.IN), SECTOR, 1])
    [(_, length)] = raw(bench, (head_at, 16, False), (good, SECTOR, True), (1 << 50, SECTOR, True), (status, 1, True))
    assert (length, bench.memory.read(status, 1)) == (1, IOERR)
    assert bench.device.status == LIVE
    assert request(bench, header(BlkType.IN), SECTOR, 1)[0] == SECTOR + 1


def test_unreachable_payload_of_a_get_id() -> None:
    bench = live()
    (head_at, *_), (status, *_) = bench.place([header(BlkType.GET_ID), 1])
    [(_, length)] = raw(bench, (head_at, 16, False), (1 << 50, 20, True), (status, 1, True))
    assert (length, bench.memory.read(status, 1)) == (1, IOERR)


def test_unreachable_payload_of_an_out() -> None:
    """HOST-082: sectors completed before the fault are committed."""
    storage = disk()
    before = image(storage)
    bench = live(storage)
    (head_at, *_), (good, *_), (status, *_) = bench.place([header(BlkType.OUT, 4), b"x" * 600, 1])
    [(_, length)] = raw(bench, (head_at, 16, False), (good, 600, False), (1 << 50, 424, False), (status, 1, True))
    assert (length, bench.memory.read(status, 1)) == (1, IOERR)
    assert image(storage) == [*before[:4], b"x" * SECTOR, *before[5:]]


def test_unreachable_header() -> None:
    bench = live()
    [(status, *_)] = bench.place([1])
    [(_, length)] = raw(bench, (1 << 50, 16, False), (status, 1, True))
    assert (length, bench.memory.read(status, 1), bench.device.status) == (1, IOERR, LIVE)


def test_unreachable_status_is_fatal() -> None:
    """HOST-084."""
    bench = live()
    (head_at, *_), (data, *_) = bench.place([header(BlkType.IN), SECTOR])
    assert raw(bench, (head_at, 16, False), (data, SECTOR, True), (1 << 50, 1, True)) == []
    fault = bench.device.fault
    assert isinstance(fault, StatusAccessError)
    assert (fault.queue, fault.head, fault.address) == (0, 0, 1 << 50)
    assert bench.device.status == LIVE | Status.DEVICE_NEEDS_RESET
    assert bench.device.interrupt_status == Interrupt.CONFIG_CHANGE


def test_status_is_written_last() -> None:
    """HOST-033: a status byte inside the payload buffer survives."""
    bench = live()
    [(head_at, *_)] = bench.place([header(BlkType.IN, 1)])
    [(_, length)] = raw(bench, (head_at, 16, False), (BUFFERS + 0x1000, SECTOR, True), (BUFFERS + 0x1005, 1, True))
    data = bench.memory.read(BUFFERS + 0x1000, SECTOR)
    assert length == SECTOR + 1
    assert data == sector_data(1)[:5] + OK + sector_data(1)[6:]


def cuts(data: st.DataObject, length: int) -> list[int]:
    """A framing of `length` bytes: up to 12 pieces, empty ones included."""
    points = sorted(data.draw(st.lists(st.integers(0, length), max_size=11)))
    return [end - start for start, end in zip([0, *points], [*points, length], strict=True)]


@given(st.data(), st.sampled_from([BlkType.IN, BlkType.OUT, BlkType.GET_ID]), st.integers(0, 6))
def test_framing_does_not_matter(data: st.DataObject, kind: BlkType, sector: int) -> None:
    """SPLIT-DEV-011; HOST-036: any cut of the same bytes gives the same result."""
    storage = disk()
    bench = live(storage, serial=b"framed")
    readable = header(kind, sector) + (bytes(range(256)) * 4 if kind == BlkType.OUT else b"")
    writable = {BlkType.IN: 2 * SECTOR + 1, BlkType.OUT: 1, BlkType.GET_ID: 21}[kind]
    elements: list[Element] = []
    for length in cuts(data, len(readable)):
        elements.append(readable[:length])
        readable = readable[length:]
    written_len, written = request(bench, *elements, *cuts(data, writable))
    if kind == BlkType.IN:
        assert (written_len, written) == (1025, sector_data(sector) + sector_data(sector + 1) + OK)
    elif kind == BlkType.GET_ID:
        assert (written_len, written) == (21, b"framed".ljust(20, b"\0") + OK)
    else:
        assert (written_len, written) == (1, OK)
        assert image(storage)[sector : sector + 2] == [bytes(range(256)) * 2] * 2


def test_header_of_single_bytes() -> None:
    """HOST-036."""
    pieces = [bytes([byte]) for byte in header(BlkType.IN, 5)]
    assert request(live(), *pieces, SECTOR + 1) == (SECTOR + 1, sector_data(5) + OK)


def test_offered_features() -> None:
    """BLK-DEV-006."""
    assert Blk(disk()).device_features == features(BlkFeature.SEG_MAX, BlkFeature.BLK_SIZE, BlkFeature.FLUSH)
    everything = Blk(disk(), read_only=True, size_max=4096)
    assert everything.device_features == features(
        BlkFeature.SIZE_MAX, BlkFeature.SEG_MAX, BlkFeature.RO, BlkFeature.BLK_SIZE, BlkFeature.FLUSH
    )
    assert Blk(disk(), seg_max=0, blk_size=0, flush=False).device_features == 0


def test_configuration_space() -> None:
    """BLK-DEV-002, 003; CONFIG-DEV-001, 004: readable before FEATURES_OK, 0 where nothing is offered."""
    device = Bench(Blk(MemoryStorage(9), size_max=0x1000, seg_max=77, blk_size=4096)).device
    words = [device.read(Reg.CONFIG + offset) for offset in range(0, 104, 4)]
    assert words == [9, 0, 0x1000, 77, 0, 4096] + [0] * 20
    bare = Bench(Blk(MemoryStorage(9), seg_max=0, blk_size=0)).device
    assert [bare.read(Reg.CONFIG + offset) for offset in range(0, 104, 4)] == [9] + [0] * 25
    device.write(Reg.CONFIG, 0xFFFF_FFFF)
    assert device.read(Reg.CONFIG) == 9


def test_wide_capacity() -> None:
    class Huge(MemoryStorage):
        @property
        def capacity(self) -> int:
            return 0x1122_3344_5566_7788

    device = Bench(Blk(Huge(0))).device
    assert (device.read(Reg.CONFIG), device.read(Reg.CONFIG + 4)) == (0x5566_7788, 0x1122_3344)


def test_capacity_may_change() -> None:
    """BLK-DEV-034, 035."""
    storage = disk()
    bench = live(storage)
    storage.resize(16)
    bench.device.config_changed()
    assert bench.device.read(Reg.CONFIG) == 16
    assert bench.device.interrupt_status == Interrupt.CONFIG_CHANGE
    assert request(bench, header(BlkType.IN, 15), SECTOR, 1) == (SECTOR + 1, bytes(SECTOR) + OK)
    storage.resize(2)
    assert request(bench, header(BlkType.IN, 2), SECTOR, 1)[0] == 1


def test_memory_storage_checks_its_caller() -> None:
    storage = MemoryStorage(2, bad_sectors=[1])
    for sector in (-1, 1, 2):
        with pytest.raises(StorageError, match=f"sector={sector}"):
            storage.read(sector)
    with pytest.raises(ValueError, match="511"):
        storage.write(0, bytes(511))


ERASERS = {"max_discard_sectors": 4, "max_discard_seg": 2, "max_write_zeroes_sectors": 4, "max_write_zeroes_seg": 2}


def segment(sector: int, count: int, flags: int = 0) -> bytes:
    return struct.pack("<QII", sector, count, flags)


@pytest.mark.parametrize(
    ("kind", "data", "status", "zeroed"),
    [
        (BlkType.DISCARD, segment(1, 2) + segment(5, 1), BlkStatus.OK, {1, 2, 5}),
        (BlkType.WRITE_ZEROES, segment(4, 4), BlkStatus.OK, {4, 5, 6, 7}),
        (BlkType.WRITE_ZEROES, segment(0, 1, 1), BlkStatus.OK, {0}),
        (BlkType.DISCARD, segment(0, 1, 1), BlkStatus.UNSUPP, set()),
        (BlkType.WRITE_ZEROES, segment(0, 1) + segment(1, 1, 2), BlkStatus.UNSUPP, {0}),
        (BlkType.DISCARD, segment(5, 4), BlkStatus.IOERR, set()),
        (BlkType.DISCARD, segment(0, 5), BlkStatus.IOERR, set()),
        (BlkType.WRITE_ZEROES, segment(0, 1) * 3, BlkStatus.IOERR, set()),
        (BlkType.WRITE_ZEROES, segment(0, 1)[:15], BlkStatus.IOERR, set()),
        (BlkType.WRITE_ZEROES, segment(2**64 - 1, 1), BlkStatus.IOERR, set()),
        (BlkType.DISCARD, b"", BlkStatus.OK, set()),
        (BlkType.DISCARD, segment(8, 0), BlkStatus.OK, set()),
    ],
)
def test_segments(kind: BlkType, data: bytes, status: BlkStatus, zeroed: set[int]) -> None:
    """BLK-DEV-038, BLK-DEV-039, BLK-DEV-040, BLK-DEV-042."""
    storage = disk()
    assert request(live(storage, **ERASERS), header(kind), data, 1) == (1, bytes([status]))
    expected = [bytes(SECTOR) if sector in zeroed else sector_data(sector) for sector in range(CAPACITY)]
    assert image(storage) == expected


def test_unmap_is_of_each_segment() -> None:
    """BLK-DEV-042: what was only zeroed or discarded was not to be deallocated."""
    storage = disk()
    data = segment(0, 1, 1) + segment(1, 3)
    assert request(live(storage, **ERASERS), header(BlkType.WRITE_ZEROES), data, 1)[1] == OK
    assert request(live(storage, **ERASERS), header(BlkType.DISCARD), segment(5, 2), 1)[1] == OK
    assert storage.unmapped == 1


def test_segments_of_a_bad_sector_or_a_read_only_disk() -> None:
    storage = disk(bad_sectors={3})
    data = segment(0, 1) + segment(2, 2)
    assert request(live(storage, **ERASERS), header(BlkType.WRITE_ZEROES), data, 1)[1] == bytes([BlkStatus.IOERR])
    assert image(storage) == [bytes(SECTOR), *map(sector_data, range(1, CAPACITY))]
    storage = disk()
    bench = live(storage, read_only=True, **ERASERS)
    assert request(bench, header(BlkType.DISCARD), data, 1)[1] == bytes([BlkStatus.IOERR])
    assert image(storage) == [sector_data(sector) for sector in range(CAPACITY)]


def test_cache_mode() -> None:
    """BLK-DEV-008, BLK-DRV-025, BLK-DEV-046: writeback starts as FLUSH says; without it each write is flushed."""
    storage = disk()
    bench = live(storage, config_wce=True, **ERASERS)
    place = Reg.CONFIG + BlkConfig.WRITEBACK
    assert bench.device.read(place, 1) == 1
    assert request(bench, header(BlkType.OUT), bytes(SECTOR), 1) == (1, OK)
    assert storage.flushes == 0
    bench.device.write(place, 0, 1)
    assert bench.device.read(place, 1) == 0
    for kind, data in ((BlkType.OUT, bytes(SECTOR)), (BlkType.WRITE_ZEROES, segment(0, 1))):
        storage.flushes = 0
        assert request(bench, header(kind), data, 1) == (1, OK)
        assert storage.flushes == 1
    bench.device.write(Reg.STATUS, 0)
    assert bench.device.read(place, 1) == 0
    bench = live(disk())
    bench.device.write(place, 1, 1)
    assert bench.device.read(place, 1) == 0


def test_fields_of_every_feature() -> None:
    """BLK-DEV-002, BLK-DEV-009, BLK-DEV-043."""
    function = Blk(
        disk(),
        topology=Topology(3, 1, 8, 256),
        num_queues=4,
        discard_alignment=8,
        write_zeroes_may_unmap=False,
        **ERASERS,
    )
    assert function.config_read(24, 36) == struct.pack("<BBHIBBHIIIIIB3x", 3, 1, 8, 256, 0, 0, 4, 4, 2, 8, 4, 2, 0)
    assert function.config_read(60, 36) == bytes(36)
