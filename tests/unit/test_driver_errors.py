# SPDX-License-Identifier: Apache-2.0
"""Every typed error of the initialization, provoked by a device with that defect, and FAILED whenever it had begun."""

from __future__ import annotations

from typing import Any

import pytest

from cocotbext.virtio import errors
from cocotbext.virtio.drivers import BlkDriver, ClassDriver, RngDriver
from cocotbext.virtio.interfaces import BusError
from cocotbext.virtio.model_bench import ModelBench, run
from cocotbext.virtio.transport import MmioTransport, QueueRequest
from virtio_model import MmioDevice
from virtio_model.spec import Feature, Reg, Status, features


def give_up(bench: ModelBench, error: type[Exception], driver: type[ClassDriver] = RngDriver, **options: Any) -> Any:
    """Start the bench, expect `error`, return it. Its message must be one line."""
    with pytest.raises(error) as caught:
        run(bench.start(driver, **options))
    assert "\n" not in str(caught.value)
    return caught.value


def failed(bench: ModelBench) -> bool:
    return bool(bench.device.status & Status.FAILED)


class BadMagic(MmioDevice):
    def read(self, offset: int, size: int = 4) -> int:
        return 0x74726977 if offset == Reg.MAGIC_VALUE else super().read(offset, size)


class StuckReset(MmioDevice):
    def read(self, offset: int, size: int = 4) -> int:
        return int(Status.DEVICE_NEEDS_RESET) if offset == Reg.STATUS else super().read(offset, size)


class RefusesFeatures(MmioDevice):
    def write(self, offset: int, value: int, size: int = 4, strobe: int | None = None) -> None:
        super().write(offset, value & ~Status.FEATURES_OK if offset == Reg.STATUS else value, size, strobe)


class QueueAlwaysReady(MmioDevice):
    def read(self, offset: int, size: int = 4) -> int:
        return 1 if offset == Reg.QUEUE_READY else super().read(offset, size)


def test_magic() -> None:
    bench = ModelBench(device_class=BadMagic)
    assert "expected 0x74726976, seen 0x74726977" in str(give_up(bench, errors.NotAVirtioDevice))
    assert not failed(bench)


def test_version() -> None:
    bench = ModelBench(version=1)
    assert give_up(bench, errors.UnsupportedVersion).seen == 1
    assert not failed(bench)


def test_unknown_device_type() -> None:
    bench = ModelBench(device_id=0x2A)
    assert give_up(bench, errors.UnknownDeviceType).seen == 0x2A
    assert not failed(bench)


def test_placeholder_is_no_error_of_query_but_cannot_be_initialized() -> None:
    bench = ModelBench(device_id=0)
    assert run(bench.transport.query()).placeholder
    assert "placeholder" in str(give_up(bench, errors.UnknownDeviceType))


def test_device_type_mismatch() -> None:
    bench = ModelBench("blk")
    error = give_up(bench, errors.DeviceTypeMismatch, RngDriver)
    assert (error.expected, error.seen) == (4, 2)
    assert not failed(bench)


def test_reset_that_does_not_end() -> None:
    bench = ModelBench(device_class=StuckReset)
    assert "Status expected 0" in str(give_up(bench, errors.DeviceError))
    assert failed(bench)


def test_version_1_not_offered() -> None:
    bench = ModelBench(device_features=features(Feature.INDIRECT_DESC))
    assert give_up(bench, errors.MissingVersion1).offered == features(Feature.INDIRECT_DESC)
    assert failed(bench)


def test_features_refused() -> None:
    bench = ModelBench(device_class=RefusesFeatures)
    error = give_up(bench, errors.FeatureNegotiationFailed)
    assert error.offered == error.accepted == features(Feature.VERSION_1)
    assert failed(bench)
    assert not bench.device.status & Status.DRIVER_OK


def test_features_refused_for_a_bit_that_was_not_offered() -> None:
    bench = ModelBench()
    error = give_up(bench, errors.FeatureNegotiationFailed, accept=lambda offered: offered | 1 << 7)
    assert error.accepted == error.offered | 1 << 7
    assert failed(bench)


@pytest.mark.parametrize("options", [{"queues": [5]}, {"queues": [0, 1, 2]}])
def test_queue_not_available(options: dict[str, Any]) -> None:
    bench = ModelBench()
    error = give_up(bench, errors.QueueNotAvailable, **options)
    assert error.index == options["queues"][-1]
    assert "QueueSizeMax" in str(error)
    assert failed(bench)


def test_queue_of_size_0_is_not_available() -> None:
    bench = ModelBench(queue_size_max=(0, 256))
    assert give_up(bench, errors.QueueNotAvailable).index == 0
    assert failed(bench)


def test_queue_in_use() -> None:
    bench = ModelBench(device_class=QueueAlwaysReady)
    assert "QueueReady expected 0, seen 1" in str(give_up(bench, errors.QueueNotAvailable))
    assert failed(bench)


@pytest.mark.parametrize("step", ["negotiate", "pre_device_initialization", "device_initialized"])
def test_hook_of_the_class_driver_fails(step: str) -> None:
    def hook(self: Any, *_: Any) -> int:
        raise ValueError("no")

    async def async_hook(self: Any, *_: Any) -> None:
        raise ValueError("no")

    driver = type("Broken", (RngDriver,), {step: hook if step == "negotiate" else async_hook})
    bench = ModelBench()
    error = give_up(bench, errors.DriverInitError, driver)
    assert error.step == step
    assert isinstance(error.__cause__, ValueError)
    assert failed(bench)
    assert bool(bench.device.status & Status.DRIVER_OK) == (step == "device_initialized")


def test_bus_error_in_the_middle() -> None:
    bench = ModelBench()
    write = bench.bus.write

    async def broken(offset: int, value: int, size: int = 4) -> None:
        if offset == Reg.QUEUE_SIZE:
            raise BusError("no response")
        await write(offset, value, size)

    bench.bus.write = broken  # type: ignore[method-assign]
    give_up(bench, BusError)
    assert failed(bench)


def test_device_starts_again_after_a_failed_initialization() -> None:
    bench = ModelBench()
    give_up(bench, errors.QueueNotAvailable, queues=[0, 2])
    driver = run(bench.start(RngDriver))
    assert len(run(driver.request(8))) == 8
    assert len(bench.memory.allocations) == 3
    run(bench.finish())


def test_notify_needs_a_queue_and_driver_ok() -> None:
    bench = ModelBench()
    with pytest.raises(errors.QueueNotAvailable):
        run(bench.transport.notify(0))

    class Early(RngDriver):
        async def pre_device_initialization(self, transport: MmioTransport) -> None:
            await transport.notify(0)

    error = give_up(bench, errors.DriverInitError, Early)
    assert "DRIVER_OK" in str(error)


def test_queue_size_is_negotiated() -> None:
    assert QueueRequest(0).negotiate(1024) == 256
    assert QueueRequest(0).negotiate(100) == 64
    assert QueueRequest(0, size=3).negotiate(100) == 3
    assert QueueRequest(0, size=512).negotiate(100) == 100


def test_every_error_is_a_virtio_error() -> None:
    assert issubclass(errors.DeviceTimeout, TimeoutError)
    for name in ("NotAVirtioDevice", "UnsupportedVersion", "UnknownDeviceType", "DeviceTypeMismatch",
                 "MissingVersion1", "FeatureNegotiationFailed", "QueueNotAvailable", "DeviceError",
                 "DriverInitError", "DeviceTimeout", "QueueFull", "UsedIdError", "UsedLengthError"):  # fmt: skip
        assert issubclass(getattr(errors, name), errors.VirtioError)
    assert BlkDriver.device_type == 2
