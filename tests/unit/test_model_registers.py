# SPDX-License-Identifier: Apache-2.0
"""The register window: every offset, width, strobe and selector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model_bench import LIVE, NEGOTIATED, RAM_BASE, Bench, layout_for
from virtio_model import Blk, DeviceFunction, MemoryStorage, Rng, SplitLayout
from virtio_model.chain import DescriptorChain
from virtio_model.memory import MemoryView
from virtio_model.spec import CONFIG_OFFSET, MAGIC, WINDOW_SIZE, DeviceType, Interrupt, Reg

READABLE = {
    Reg.MAGIC_VALUE,
    Reg.VERSION,
    Reg.DEVICE_ID,
    Reg.VENDOR_ID,
    Reg.DEVICE_FEATURES,
    Reg.QUEUE_SIZE_MAX,
    Reg.QUEUE_READY,
    Reg.INTERRUPT_STATUS,
    Reg.STATUS,
    Reg.SHM_LEN_LOW,
    Reg.SHM_LEN_HIGH,
    Reg.SHM_BASE_LOW,
    Reg.SHM_BASE_HIGH,
    Reg.QUEUE_RESET,
    Reg.CONFIG_GENERATION,
}
WRITABLE = {
    Reg.DEVICE_FEATURES_SEL,
    Reg.DRIVER_FEATURES,
    Reg.DRIVER_FEATURES_SEL,
    Reg.QUEUE_SEL,
    Reg.QUEUE_SIZE,
    Reg.QUEUE_READY,
    Reg.QUEUE_NOTIFY,
    Reg.INTERRUPT_ACK,
    Reg.STATUS,
    Reg.QUEUE_DESC_LOW,
    Reg.QUEUE_DESC_HIGH,
    Reg.QUEUE_DRIVER_LOW,
    Reg.QUEUE_DRIVER_HIGH,
    Reg.QUEUE_DEVICE_LOW,
    Reg.QUEUE_DEVICE_HIGH,
}
CONTROL = range(0, CONFIG_OFFSET, 4)


class Scratch(DeviceFunction):
    """A device type whose configuration space is six driver-writable bytes."""

    device_type = DeviceType.CONSOLE

    def __init__(self) -> None:
        self.space = bytearray(b"\x01\x02\x03\x04\x05\x06")

    def config_read(self, offset: int, length: int) -> bytes:
        return bytes(self.space[offset : offset + length]).ljust(length, b"\0")

    def config_write(self, offset: int, data: bytes) -> None:
        if offset + len(data) <= len(self.space):
            self.space[offset : offset + len(data)] = data

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        raise NotImplementedError


def live_bench() -> Bench:
    """Two queues, one of them live, an interrupt pending, features negotiated: no register is idle."""
    bench = Bench(Blk(MemoryStorage(16)), num_queues=2, queue_size_max=(64, 32))
    bench.go_live()
    bench.device.config_changed()
    return bench


def snapshot(bench: Bench) -> object:
    """All state that a register write could have changed."""
    device = bench.device
    state = [vars(queue).copy() for queue in device.queues]
    registers = [device.read(offset) for offset in CONTROL]
    return registers, state, device.driver_features, device.kicked.copy(), bench.memory.read(RAM_BASE, 0x30000)


def test_identification() -> None:
    device = Bench(Rng(bytes), vendor_id=0x1234_5678).device
    assert device.read(Reg.MAGIC_VALUE) == MAGIC
    assert device.read(Reg.MAGIC_VALUE).to_bytes(4, "little") == b"virt"
    assert (device.read(Reg.VERSION), device.read(Reg.DEVICE_ID), device.read(Reg.VENDOR_ID)) == (2, 4, 0x1234_5678)
    odd = Bench(Rng(bytes), device_id=77, version=1).device
    assert (odd.read(Reg.VERSION), odd.read(Reg.DEVICE_ID)) == (1, 77)


def test_what_cannot_be_read_reads_0() -> None:
    """HOST-065."""
    device = live_bench().device
    for offset in CONTROL:
        if offset not in READABLE:
            assert device.read(offset) == 0, hex(offset)
    values = {offset: device.read(offset) for offset in READABLE - {Reg.QUEUE_RESET}}
    assert all(values.values()), values
    assert device.read(Reg.QUEUE_RESET) == 0


@pytest.mark.parametrize("offset", [offset for offset in CONTROL if offset not in WRITABLE], ids=hex)
@pytest.mark.parametrize("value", [0, 1, 0xFFFF_FFFF])
def test_what_cannot_be_written_ignores_writes(offset: int, value: int) -> None:
    """HOST-065, 079: read-only, unlisted, legacy offsets and QueueReset."""
    bench = live_bench()
    before = snapshot(bench)
    bench.device.write(offset, value)
    assert snapshot(bench) == before


@pytest.mark.parametrize("offset", sorted(WRITABLE), ids=lambda offset: offset.name)
@pytest.mark.parametrize("strobe", [s for s in range(16) if s != 0xF])
def test_partial_strobes_ignore_control_writes(offset: int, strobe: int) -> None:
    """HOST-066."""
    bench = live_bench()
    bench.device.write(Reg.QUEUE_SEL, 1)
    before = snapshot(bench)
    for value in (0, 0xFFFF_FFFF, 0x0101_0101):
        bench.device.write(offset, value, strobe=strobe)
    assert snapshot(bench) == before


@pytest.mark.parametrize("offset", sorted(WRITABLE), ids=lambda offset: offset.name)
def test_narrow_and_unaligned_control_writes_are_ignored(offset: int) -> None:
    bench = live_bench()
    bench.device.write(Reg.QUEUE_SEL, 1)
    before = snapshot(bench)
    for lane in range(4):
        bench.device.write(offset + lane, 0, 1)
        bench.device.write(offset + lane, 0xFFFF, 2)
    bench.device.write(offset + 2, 0, 4)
    assert snapshot(bench) == before


def test_full_strobes_are_a_write() -> None:
    bench = live_bench()
    bench.device.write(Reg.STATUS, 0, strobe=0xF)
    assert bench.device.read(Reg.STATUS) == 0


def test_narrow_reads_take_their_lanes() -> None:
    device = live_bench().device
    assert [device.read(Reg.MAGIC_VALUE + lane, 1) for lane in range(4)] == list(b"virt")
    assert device.read(Reg.MAGIC_VALUE + 2, 2) == int.from_bytes(b"rt", "little")
    assert device.read(2, 4) == int.from_bytes(b"rt\x02\x00", "little")


def test_interrupt_status_survives_reading() -> None:
    device = live_bench().device
    assert [device.read(Reg.INTERRUPT_STATUS) for _ in range(2)] == [Interrupt.CONFIG_CHANGE] * 2


@pytest.mark.parametrize("pending", range(4))
@pytest.mark.parametrize("ack", [0, 1, 2, 3, 0xFFFF_FFFC, 0xFFFF_FFFF])
def test_acknowledge(pending: int, ack: int) -> None:
    """HOST-103: pending bits that are named clear, nothing is latched."""
    device = live_bench().device
    device.interrupt_status = Interrupt(pending)
    device.write(Reg.INTERRUPT_ACK, ack)
    left = pending & ~ack
    assert (device.read(Reg.INTERRUPT_STATUS), device.irq) == (left, bool(left))
    device.config_changed()
    assert device.read(Reg.INTERRUPT_STATUS) == left | Interrupt.CONFIG_CHANGE


@pytest.mark.parametrize("selector", [2, 3, 0x8000_0000, 0x1_0000, 0xFFFF_FFFF])
def test_feature_words_beyond_the_second_read_0(selector: int) -> None:
    """HOST-075."""
    device = Bench(Rng(bytes), device_features=(1 << 64) - 1).device
    for index in (0, 1):
        device.write(Reg.DEVICE_FEATURES_SEL, index)
        assert device.read(Reg.DEVICE_FEATURES) == 0xFFFF_FFFF
    device.write(Reg.DEVICE_FEATURES_SEL, selector)
    assert device.read(Reg.DEVICE_FEATURES) == 0


def test_feature_selectors_are_independent() -> None:
    device = Bench(Rng(bytes)).device
    device.write(Reg.DEVICE_FEATURES_SEL, 1)
    device.write(Reg.DRIVER_FEATURES, 0x10)
    device.write(Reg.DRIVER_FEATURES_SEL, 1)
    device.write(Reg.DEVICE_FEATURES_SEL, 0)
    device.write(Reg.DRIVER_FEATURES, 0x20)
    assert device.driver_features == 0x20_0000_0010
    assert device.read(Reg.DEVICE_FEATURES) == 0


@pytest.mark.parametrize("selector", [2, 3, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_queue_selector_out_of_range(selector: int) -> None:
    """HOST-060."""
    bench = live_bench()
    queues = [vars(queue).copy() for queue in bench.device.queues]
    bench.device.write(Reg.QUEUE_SEL, selector)
    assert (bench.device.read(Reg.QUEUE_SIZE_MAX), bench.device.read(Reg.QUEUE_READY)) == (0, 0)
    for register in (Reg.QUEUE_SIZE, Reg.QUEUE_DESC_LOW, Reg.QUEUE_DEVICE_HIGH, Reg.QUEUE_READY):
        for value in (8, 1, 0):
            bench.device.write(register, value)
    assert [vars(queue) for queue in bench.device.queues] == queues


def test_queue_size_max_per_queue() -> None:
    device = Bench(Rng(bytes), num_queues=4, queue_size_max=(128, 0, 32)).device
    seen = []
    for index in range(5):
        device.write(Reg.QUEUE_SEL, index)
        seen.append(device.read(Reg.QUEUE_SIZE_MAX))
    assert seen == [128, 0, 32, 32, 0]
    with pytest.raises(ValueError, match="queue_size_max"):
        Bench(Rng(bytes), queue_size_max=())


@pytest.mark.parametrize("value", [2, 0xFFFF_FFFE, 0])
def test_even_values_do_not_make_a_queue_ready(value: int) -> None:
    """HOST-064: only bit 0 counts."""
    bench = Bench(Rng(bytes))
    assert bench.set_up_queue()
    bench.device.write(Reg.QUEUE_READY, value)
    assert bench.device.read(Reg.QUEUE_READY) == 0
    bench.device.write(Reg.QUEUE_READY, 0x8000_0001)
    assert bench.device.read(Reg.QUEUE_READY) == 1


@pytest.mark.parametrize("size", [0, 65, 128, 0x1_0000, 0x1_0008, 0x8000_0008, 0xFFFF_FFFF])
def test_bad_queue_sizes_are_refused(size: int) -> None:
    """HOST-057, 058."""
    bench = Bench(Rng(bytes), queue_size_max=(64,))
    rings = layout_for(0, 8)
    assert not bench.set_up_queue(layout=SplitLayout(size, rings.desc_addr, rings.driver_addr, rings.device_addr))
    assert bench.set_up_queue(size=64)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 63, 64])
def test_legal_queue_sizes(size: int) -> None:
    """HOST-015."""
    assert Bench(Rng(bytes), queue_size_max=(64,)).set_up_queue(size=size)


@pytest.mark.parametrize(
    "offsets", [(1, 0, 0), (8, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2), (8, 1, 2), (1 << 40, 0, 0), (0, 1 << 40, 0)]
)
def test_bad_addresses_are_refused(offsets: tuple[int, int, int]) -> None:
    """HOST-017, 018, 026."""
    bench = Bench(Rng(bytes), address_width=40)
    good = layout_for(0, 8)
    desc, driver, device = offsets
    assert not bench.set_up_queue(
        layout=SplitLayout(8, good.desc_addr + desc, good.driver_addr + driver, good.device_addr + device)
    )
    assert bench.set_up_queue(layout=good)


def test_an_unavailable_queue_is_never_ready() -> None:
    assert not Bench(Rng(bytes), queue_size_max=(0,)).set_up_queue(size=1)


def test_set_up_is_frozen_while_ready() -> None:
    """HOST-059."""
    bench = Bench(Rng(bytes), index_init=5)
    bench.set_up_queue(size=8)
    queue = bench.device.queues[0]
    before = vars(queue).copy()
    for register in range(Reg.QUEUE_DESC_LOW, Reg.QUEUE_DEVICE_HIGH + 4, 4):
        bench.device.write(register, 0x40)
    bench.device.write(Reg.QUEUE_SIZE, 4)
    bench.device.write(Reg.QUEUE_READY, 1)
    assert vars(queue) == before
    bench.device.write(Reg.QUEUE_READY, 0)
    bench.device.write(Reg.QUEUE_SIZE, 4)
    bench.device.write(Reg.QUEUE_DRIVER_HIGH, 7)
    assert queue.size == 4
    assert queue.driver_addr == 7 << 32 | before["driver_addr"] & 0xFFFF_FFFF


def test_address_halves_in_any_order() -> None:
    device = Bench(Rng(bytes)).device
    device.write(Reg.QUEUE_DESC_HIGH, 0x1111_2222)
    device.write(Reg.QUEUE_DESC_LOW, 0x3333_4440)
    device.write(Reg.QUEUE_DRIVER_LOW, 0xFFFF_FFFE)
    device.write(Reg.QUEUE_DEVICE_HIGH, 0xFFFF_FFFF)
    queue = device.queues[0]
    assert (queue.desc_addr, queue.driver_addr, queue.device_addr) == (
        0x1111_2222_3333_4440,
        0xFFFF_FFFE,
        0xFFFF_FFFF_0000_0000,
    )


def test_configuration_space_by_bytes() -> None:
    """HOST-067: any lanes on reads, each strobed byte on writes."""
    function = Scratch()
    device = Bench(function).device
    assert [device.read(CONFIG_OFFSET + i, 1) for i in range(8)] == [1, 2, 3, 4, 5, 6, 0, 0]
    assert device.read(CONFIG_OFFSET + 3, 2) == 0x0504
    assert device.read(CONFIG_OFFSET + 4) == 0x0605
    device.write(CONFIG_OFFSET, 0xAABBCCDD, strobe=0b0101)
    assert function.space == b"\xdd\x02\xbb\x04\x05\x06"
    device.write(CONFIG_OFFSET + 3, 0x1122, 2)
    assert function.space == b"\xdd\x02\xbb\x22\x11\x06"
    device.write(CONFIG_OFFSET + 4, 0x99887766)
    assert function.space == b"\xdd\x02\xbb\x22\x66\x77"


def test_past_the_configuration_space() -> None:
    """HOST-068."""
    bench = live_bench()
    before = snapshot(bench)
    for offset in (CONFIG_OFFSET + 96, WINDOW_SIZE - 4, WINDOW_SIZE, 1 << 40, -4):
        assert bench.device.read(offset) == 0
        bench.device.write(offset, 0xFFFF_FFFF)
    assert bench.device.read(WINDOW_SIZE - 2, 4) == 0
    assert Bench(Rng(bytes)).device.read(CONFIG_OFFSET) == 0
    assert snapshot(bench) == before


def test_generation_counts_changes_only() -> None:
    """MMIO-DEV-025, 030; CONFIG-DEV-003; OPER-DEV-001."""
    bench = Bench(Blk(MemoryStorage(4)))
    device = bench.device
    assert device.read(Reg.CONFIG_GENERATION) == 0
    device.config_changed()
    assert (device.read(Reg.CONFIG_GENERATION), device.irq) == (1, False)
    device.write(Reg.CONFIG, 7)
    bench.go_live()
    assert (device.read(Reg.CONFIG_GENERATION), device.irq) == (1, False)
    device.config_changed()
    assert (device.read(Reg.CONFIG_GENERATION), device.irq) == (2, True)
    device.config_generation = 0xFFFF_FFFF
    device.config_changed()
    assert device.read(Reg.CONFIG_GENERATION) == 0


def test_placeholder_reads_0_beyond_identification() -> None:
    """MMIO-DEV-004."""
    bench = Bench(Blk(MemoryStorage(4)), device_id=0)
    bench.device.write(Reg.STATUS, 1)
    values = {offset: value for offset in range(0, 0x120, 4) if (value := bench.device.read(offset))}
    assert values == {Reg.MAGIC_VALUE: MAGIC, Reg.VERSION: 2}
    assert not bench.set_up_queue()


@given(
    st.lists(
        st.tuples(
            st.integers(-8, WINDOW_SIZE + 8) | st.sampled_from(sorted(WRITABLE)),
            st.integers(-(1 << 33), 1 << 33) | st.sampled_from([0, 1, LIVE, NEGOTIATED]),
            st.sampled_from([1, 2, 4]),
            st.none() | st.integers(0, 31),
        ),
        max_size=60,
    )
)
def test_no_access_ever_raises(accesses: list[tuple[int, int, int, int | None]]) -> None:
    """INV-4: any sequence of writes is survived, and reset brings the device back."""
    bench = Bench(Rng(bytes))
    for offset, value, size, strobe in accesses:
        bench.device.write(offset, value, size, strobe)
        assert 0 <= bench.device.read(offset, size) < 1 << 8 * size
    bench.device.write(Reg.STATUS, 0)
    assert (bench.device.read(Reg.STATUS), bench.device.irq) == (0, False)
    bench.go_live()
    assert bench.submit([5])[1] == 5
