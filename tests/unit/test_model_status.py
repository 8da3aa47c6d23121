# SPDX-License-Identifier: Apache-2.0
"""Status ladder, feature negotiation and device reset."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model_bench import LIVE, NEGOTIATED, Bench, accepted
from virtio_model import Blk, DeviceStatus, HeadOutOfRange, MemoryStorage, Rng
from virtio_model.spec import BlkFeature, Feature, Interrupt, Reg, Status, features


def rng_bench(**options: Any) -> Bench:
    return Bench(Rng(bytes), **options)


def blk_bench(**options: Any) -> Bench:
    return Bench(Blk(MemoryStorage(16)), **options)


def write_status(bench: Bench, value: int) -> int:
    bench.device.write(Reg.STATUS, value)
    return bench.device.read(Reg.STATUS)


def test_the_prescribed_ladder() -> None:
    bench = rng_bench()
    assert bench.device.read(Reg.STATUS) == 0
    assert write_status(bench, 1) == 1
    assert write_status(bench, 3) == 3
    bench.accept(accepted())
    assert write_status(bench, 0x0B) == 0x0B
    assert write_status(bench, 0x0F) == 0x0F
    assert bench.device.live


def test_acknowledge_is_not_demanded() -> None:
    """HOST-069."""
    bench = rng_bench()
    write_status(bench, 0)
    assert write_status(bench, 2) == 2
    bench.accept(accepted())
    assert write_status(bench, 0x0A) == 0x0A
    assert write_status(bench, 0x0E) == 0x0E
    assert bench.device.live


@pytest.mark.parametrize("value", [0x07, 0x0B, 0x03, 0x01, 0x04, 0x100])
def test_bits_accumulate(value: int) -> None:
    """HOST-070, 071: only 0, compared over 32 bits, clears."""
    bench = rng_bench()
    bench.go_live()
    assert write_status(bench, value) == LIVE
    assert write_status(bench, 0) == 0


@pytest.mark.parametrize("value", [0x10, 0x20, 0x40, 0x70, 0xFFFF_FF00, 0x8000_0000])
def test_bits_without_meaning_ignore_writes(value: int) -> None:
    """HOST-071: SUSPEND is not offered, bit 6 is the device's."""
    bench = rng_bench()
    assert write_status(bench, value) == value & 0x8F
    assert write_status(bench, value | 1) == 1


def test_driver_ok_needs_features_ok() -> None:
    bench = rng_bench()
    assert write_status(bench, 0x07) == 0x03
    bench.accept(accepted())
    assert write_status(bench, 0x07) == 0x03
    assert write_status(bench, 0x0F) == 0x0F


def test_one_write_may_set_both() -> None:
    bench = rng_bench()
    bench.accept(accepted())
    assert write_status(bench, 0x0C) == 0x0C
    assert bench.device.live


def test_refused_features_keep_driver_ok_out_of_the_same_write() -> None:
    assert write_status(rng_bench(), 0x0F) == 0x03


@pytest.mark.parametrize(
    "word",
    [
        0,
        features(BlkFeature.SEG_MAX, BlkFeature.FLUSH),
        accepted(BlkFeature.MQ),
        accepted(Feature.INDIRECT_DESC),
        accepted(Feature.EVENT_IDX),
        accepted(Feature.RING_PACKED),
        (1 << 64) - 1,
    ],
)
def test_refusal_then_a_better_attempt(word: int) -> None:
    """HOST-056, 072, 074; FEAT-DEV-003: VERSION_1 missing, or a bit that is not offered."""
    bench = blk_bench()
    assert bench.negotiate(word) == NEGOTIATED & ~Status.FEATURES_OK
    assert write_status(bench, LIVE) == 0x03
    bench.accept(accepted(BlkFeature.SEG_MAX))
    assert write_status(bench, NEGOTIATED) == NEGOTIATED


@given(st.sets(st.sampled_from([BlkFeature.SEG_MAX, BlkFeature.BLK_SIZE, BlkFeature.FLUSH])))
def test_every_subset_is_accepted(bits: set[BlkFeature]) -> None:
    """FEAT-DEV-002."""
    bench = blk_bench()
    assert bench.negotiate(accepted(*bits)) == NEGOTIATED
    assert bench.device.driver_features == accepted(*bits)


@pytest.mark.parametrize("index", [2, 3, 0x1_0000, 0xFFFF_FFFF])
def test_words_beyond_the_second(index: int) -> None:
    """HOST-075: 0 is harmless, anything else refuses until the next reset."""
    bench = blk_bench()
    bench.accept(accepted())
    bench.device.write(Reg.DRIVER_FEATURES_SEL, index)
    bench.device.write(Reg.DRIVER_FEATURES, 0)
    assert write_status(bench, NEGOTIATED) == NEGOTIATED

    write_status(bench, 0)
    bench.accept(accepted())
    bench.device.write(Reg.DRIVER_FEATURES_SEL, index)
    bench.device.write(Reg.DRIVER_FEATURES, 0x8000_0000)
    assert bench.device.driver_features == accepted()
    assert write_status(bench, NEGOTIATED) == 0x03
    bench.device.write(Reg.DRIVER_FEATURES, 0)
    assert write_status(bench, NEGOTIATED) == 0x03
    assert bench.negotiate(accepted()) == NEGOTIATED


def test_features_are_frozen_by_features_ok() -> None:
    """HOST-073."""
    bench = blk_bench()
    bench.negotiate(accepted(BlkFeature.FLUSH))
    bench.accept(0)
    assert bench.device.driver_features == accepted(BlkFeature.FLUSH)


def test_a_word_is_replaced_not_merged() -> None:
    bench = blk_bench()
    bench.accept(accepted(BlkFeature.FLUSH))
    bench.accept(accepted(BlkFeature.SEG_MAX))
    assert bench.device.driver_features == accepted(BlkFeature.SEG_MAX)


def test_version_1_is_demanded_even_if_not_offered() -> None:
    bench = rng_bench(device_features=0)
    assert bench.negotiate(0) == NEGOTIATED & ~Status.FEATURES_OK


def test_reset_forgets_the_driver() -> None:
    """RESET-DEV-001, MMIO-DEV-029; HOST-102."""
    bench = blk_bench(num_queues=2)
    ring = bench.go_live(queues=2)
    ring.publish(99)
    bench.device.write(Reg.DEVICE_FEATURES_SEL, 1)
    bench.kick()
    assert isinstance(bench.device.fault, HeadOutOfRange)
    bench.device.config_changed()
    assert write_status(bench, 0) == 0
    assert bench.device.fault is None
    assert (bench.device.driver_features, bench.device.interrupt_status, bench.device.irq) == (0, 0, False)
    assert bench.device.read(Reg.DEVICE_FEATURES) == bench.device.device_features & 0xFFFF_FFFF
    assert bench.device.read(Reg.CONFIG_GENERATION) == 1
    for index, queue in enumerate(bench.device.queues):
        bench.device.write(Reg.QUEUE_SEL, index)
        assert bench.device.read(Reg.QUEUE_READY) == 0
        assert (queue.size, queue.desc_addr, queue.driver_addr, queue.device_addr) == (0, 0, 0, 0)
    bench.go_live(queues=2)
    assert bench.submit([bytes(16), 513])[1] == 513


def test_queue_selector_is_reset() -> None:
    bench = rng_bench(num_queues=2, queue_size_max=(16, 32))
    bench.device.write(Reg.QUEUE_SEL, 1)
    assert bench.device.read(Reg.QUEUE_SIZE_MAX) == 32
    write_status(bench, 0)
    assert bench.device.read(Reg.QUEUE_SIZE_MAX) == 16


def test_driver_features_selector_is_reset() -> None:
    bench = rng_bench()
    bench.device.write(Reg.DRIVER_FEATURES_SEL, 1)
    write_status(bench, 0)
    bench.device.write(Reg.DRIVER_FEATURES, 0x55)
    assert bench.device.driver_features == 0x55


def test_needs_reset_is_notified_once_and_only_when_live() -> None:
    """STATUS-DEV-003; HOST-107."""
    bench = rng_bench()
    bench.negotiate()
    bench.device.set_needs_reset()
    assert bench.device.read(Reg.STATUS) == NEGOTIATED | Status.DEVICE_NEEDS_RESET
    assert bench.device.interrupt_status == 0
    write_status(bench, LIVE)
    assert bench.device.interrupt_status == 0

    bench.go_live()
    bench.device.set_needs_reset()
    assert bench.device.interrupt_status == Interrupt.CONFIG_CHANGE
    bench.device.write(Reg.INTERRUPT_ACK, Interrupt.CONFIG_CHANGE)
    bench.device.set_needs_reset()
    assert bench.device.read(Reg.INTERRUPT_STATUS) == 0
    assert write_status(bench, 0) == 0


@pytest.mark.parametrize("bits", [0, LIVE, LIVE | Status.FAILED, LIVE | Status.DEVICE_NEEDS_RESET])
def test_live_means_driver_ok_and_no_error(bits: int) -> None:
    status = DeviceStatus(accepted())
    status.bits = Status(bits)
    assert status.live is (bits == LIVE)


@given(st.lists(st.integers(1, 0xFFFF_FFFF)))
def test_status_only_grows(values: list[int]) -> None:
    status = DeviceStatus(accepted())
    status.accept_features(1, 1)
    for value in values:
        before = status.bits
        new = status.set_bits(value)
        assert status.bits == before | new
        assert not new & before
        assert not new & ~value
        assert not status.bits & ~0x8F
        assert not status.bits & Status.DRIVER_OK or status.bits & Status.FEATURES_OK
