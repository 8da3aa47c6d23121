# SPDX-License-Identifier: Apache-2.0
"""The register accesses of the driver, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from cocotbext.virtio.drivers import BlkDriver, RngDriver
from cocotbext.virtio.errors import DeviceError
from cocotbext.virtio.interfaces import RegisterBus
from cocotbext.virtio.model_bench import ModelBench, run
from virtio_model import MmioDevice
from virtio_model.spec import BlkFeature, Feature, Reg, Status, features


class RecordingBus:
    """A `RegisterBus` that keeps what passes: (Reg or offset, value written or None for a read)."""

    def __init__(self, bus: RegisterBus) -> None:
        self._bus = bus
        self.accesses: list[tuple[int, int | None]] = []
        self.sizes: list[tuple[int, int]] = []

    async def read(self, offset: int, size: int = 4) -> int:
        self.accesses.append((offset, None))
        self.sizes.append((offset, size))
        return await self._bus.read(offset, size)

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        self.accesses.append((offset, value))
        self.sizes.append((offset, size))
        await self._bus.write(offset, value, size)


def recording(bench: ModelBench) -> RecordingBus:
    bench.bus = bench.transport.bus = RecordingBus(bench.bus)
    return bench.bus


IDENTITY = [(Reg.MAGIC_VALUE, None), (Reg.VERSION, None), (Reg.DEVICE_ID, None)]
RESET_AND_GREET = [
    (Reg.STATUS, 0),
    (Reg.STATUS, None),
    (Reg.STATUS, Status.ACKNOWLEDGE),
    (Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER),
]


def negotiation(accepted: int) -> list[tuple[int, int | None]]:
    return [
        (Reg.DEVICE_FEATURES_SEL, 0),
        (Reg.DEVICE_FEATURES, None),
        (Reg.DEVICE_FEATURES_SEL, 1),
        (Reg.DEVICE_FEATURES, None),
        (Reg.DRIVER_FEATURES_SEL, 0),
        (Reg.DRIVER_FEATURES, accepted & 0xFFFF_FFFF),
        (Reg.DRIVER_FEATURES_SEL, 1),
        (Reg.DRIVER_FEATURES, accepted >> 32),
        (Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK),
        (Reg.STATUS, None),
    ]


def queue_setup(bench: ModelBench, index: int) -> list[tuple[int, int | None]]:
    layout = bench.transport.queues[index].layout
    return [
        (Reg.QUEUE_SEL, index),
        (Reg.QUEUE_READY, None),
        (Reg.QUEUE_SIZE_MAX, None),
        (Reg.QUEUE_SIZE, layout.size),
        (Reg.QUEUE_DESC_LOW, layout.desc_addr & 0xFFFF_FFFF),
        (Reg.QUEUE_DESC_HIGH, layout.desc_addr >> 32),
        (Reg.QUEUE_DRIVER_LOW, layout.driver_addr & 0xFFFF_FFFF),
        (Reg.QUEUE_DRIVER_HIGH, layout.driver_addr >> 32),
        (Reg.QUEUE_DEVICE_LOW, layout.device_addr & 0xFFFF_FFFF),
        (Reg.QUEUE_DEVICE_HIGH, layout.device_addr >> 32),
        (Reg.QUEUE_READY, 1),
    ]


DRIVER_OK = [(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK)]


def test_query_reads_three_registers() -> None:
    bench = ModelBench()
    bus = recording(bench)
    info = run(bench.transport.query())
    assert (info.device_id, info.name, info.placeholder) == (4, "rng", False)
    assert bus.accesses == IDENTITY


def test_rng_initialization_order() -> None:
    bench = ModelBench()
    bus = recording(bench)
    run(bench.start(RngDriver, queues=[0, 1]))
    expected = IDENTITY + RESET_AND_GREET + negotiation(features(Feature.VERSION_1))
    assert bus.accesses == expected + queue_setup(bench, 0) + queue_setup(bench, 1) + DRIVER_OK
    assert bench.device.status == Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK


def test_blk_reads_its_configuration_before_driver_ok() -> None:
    bench = ModelBench("blk")
    bus = recording(bench)
    driver = run(bench.start(BlkDriver))
    accepted = features(Feature.VERSION_1, BlkFeature.SEG_MAX, BlkFeature.BLK_SIZE, BlkFeature.FLUSH)
    config = [Reg.CONFIG_GENERATION, 0x100, 0x104, 0x10C, 0x114, Reg.CONFIG_GENERATION]
    expected = IDENTITY + RESET_AND_GREET + negotiation(accepted) + queue_setup(bench, 0)
    assert bus.accesses == expected + [(register, None) for register in config] + DRIVER_OK
    assert (driver.config.capacity, driver.config.seg_max, driver.config.size_max) == (64, 126, None)


def test_nothing_is_touched_before_identity_fits() -> None:
    for options, count in (({"version": 3}, 2), ({"device_id": 0}, 3), ({"device_id": 99}, 3), ({"device_id": 2}, 3)):
        bench = ModelBench(**options)  # type: ignore[arg-type]
        bus = recording(bench)
        with pytest.raises(Exception, match="expected"):
            run(bench.start(RngDriver))
        assert bus.accesses == IDENTITY[:count]


def test_failed_keeps_the_other_status_bits() -> None:
    bench = ModelBench(queue_size_max=(0,))
    bus = recording(bench)
    with pytest.raises(Exception, match="not available"):
        run(bench.start(RngDriver))
    ladder = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK
    assert bus.accesses[-1] == (Reg.STATUS, ladder | Status.FAILED)


def test_queue_memory_is_zero_and_aligned_when_handed_over() -> None:
    bench = ModelBench(seed=5)
    bench.memory.write(bench.memory.regions[0].base, b"\xaa" * 65536)
    run(bench.start(RngDriver, queues=[0, 1]))
    for queue in bench.transport.queues.values():
        layout = queue.layout
        areas = ((layout.desc_addr, layout.desc_bytes, 16), (layout.driver_addr, layout.driver_bytes, 2),
                 (layout.device_addr, layout.device_bytes, 4))  # fmt: skip
        for address, length, align in areas:
            assert address % align == 0
            assert bench.memory.read(address, length) == bytes(length)


def test_interrupt_is_read_acknowledged_and_delivered() -> None:
    bench = ModelBench()
    driver = run(bench.start(RngDriver))
    pending = run(driver.submit(8))
    bus = recording(bench)
    assert bench.irq.level
    assert run(bench.transport.handle_interrupt()) == 1
    assert bus.accesses == [(Reg.INTERRUPT_STATUS, None), (Reg.INTERRUPT_ACK, 1)]
    assert pending.done
    assert not bench.irq.level


def test_spurious_interrupt_is_tolerated_and_undefined_bits_are_not_acknowledged() -> None:
    class Undefined(MmioDevice):
        def read(self, offset: int, size: int = 4) -> int:
            return 0xFFFF_FFFC if offset == Reg.INTERRUPT_STATUS else super().read(offset, size)

    bench = ModelBench(device_class=Undefined)
    run(bench.start(RngDriver))
    bus = recording(bench)
    assert run(bench.transport.handle_interrupt()) == 0
    assert bus.accesses == [(Reg.INTERRUPT_STATUS, None)]
    assert bench.transport.spurious_interrupts == 1


def test_configuration_change_is_delivered() -> None:
    bench = ModelBench("blk")
    driver = run(bench.start(BlkDriver))
    bench.storage.resize(0x1_2345)
    bench.device.config_changed()
    run(bench.run_until(lambda: driver.config_changes == 1))
    assert driver.config.capacity == 0x1_2345


def test_configuration_is_read_again_while_its_generation_changes() -> None:
    class Moving(MmioDevice):
        changes = 3

        def read(self, offset: int, size: int = 4) -> int:
            value = super().read(offset, size)
            if offset == Reg.CONFIG and self.changes:
                self.changes -= 1
                self.config_generation += 1
                bench.storage.resize(bench.storage.capacity + 1)
            return value

    bench = ModelBench("blk", device_class=Moving)
    driver = run(bench.start(BlkDriver))
    assert driver.config.capacity == 64 + 3

    bench.device.changes = 1000  # type: ignore[attr-defined]
    with pytest.raises(DeviceError, match="ConfigGeneration"):
        run(bench.transport.read_config(0, "<Q"))


def test_configuration_fields_use_their_own_widths() -> None:
    bench = ModelBench("blk")
    run(bench.start(BlkDriver))
    bus = recording(bench)
    run(bench.transport.read_config(16, "<HBBI2xBx"))
    assert bus.sizes[1:-1] == [(0x110, 2), (0x112, 1), (0x113, 1), (0x114, 4), (0x11A, 1)]
    bus.sizes.clear()
    run(bench.transport.write_config(0, "<QIHB", 0x1_2222_3333, 1, 2, 3))
    assert bus.sizes == [(0x100, 4), (0x104, 4), (0x108, 4), (0x10C, 2), (0x10E, 1)]
    assert bus.accesses[-5:-3] == [(0x100, 0x2222_3333), (0x104, 1)]
    for bad in ("<BI", "<z"):
        with pytest.raises(ValueError):
            run(bench.transport.read_config(0, bad))
    with pytest.raises(ValueError):
        run(bench.transport.write_config(0, "<I", 1, 2))


def test_needs_reset_becomes_a_device_error_and_fails_what_is_outstanding() -> None:
    bench = ModelBench(autorun=False)
    driver = run(bench.start(RngDriver))
    pending = run(driver.submit(8))
    bench.device.set_needs_reset()
    with pytest.raises(DeviceError, match="DEVICE_NEEDS_RESET"):
        run(bench.run_until(pending))
    with pytest.raises(DeviceError):
        pending.result()
    assert not bench.transport.live
    run(bench.reset_device())
    assert bench.memory.allocations == []


def test_reset_with_requests_outstanding() -> None:
    bench = ModelBench(autorun=False)
    driver = run(bench.start(RngDriver))
    pending: Any = run(driver.submit(8))
    run(bench.reset_device())
    with pytest.raises(DeviceError, match="reset"):
        pending.result()
    assert bench.memory.allocations == []
