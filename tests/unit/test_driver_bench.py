# SPDX-License-Identifier: Apache-2.0
"""The bench's own judgements: each must be able to fail."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest

from cocotbext.virtio.backing import Unmapped
from cocotbext.virtio.drivers import DRIVERS, BlkDriver, ConsoleDriver, InputDriver, NetDriver, RngDriver
from cocotbext.virtio.errors import DeviceError, DeviceTimeout, VirtioError
from cocotbext.virtio.interfaces import GuardError
from cocotbext.virtio.model_bench import ModelBench, run
from virtio_model import MmioDevice
from virtio_model.spec import Interrupt, Reg


class LostInterrupt(MmioDevice):
    """Never raises its interrupt line."""

    @property
    def irq(self) -> bool:
        return False


class StuckInterrupt(MmioDevice):
    """Never lowers its interrupt line."""

    @property
    def irq(self) -> bool:
        return True


class LateUsed(MmioDevice):
    """Uses the chains only when InterruptStatus is acknowledged: the race of acknowledging and walking."""

    def write(self, offset: int, value: int, size: int = 4, strobe: int | None = None) -> None:
        if offset == Reg.INTERRUPT_ACK and self.kicked:
            self.run()
        super().write(offset, value, size, strobe)


def test_time_out_tells_what_the_device_says() -> None:
    bench = ModelBench(autorun=False)
    driver = run(bench.start(RngDriver))
    pending = run(driver.submit(8))
    with pytest.raises(DeviceTimeout) as caught:
        run(bench.run_until(pending, timeout_ns=5000))
    text = str(caught.value)
    for part in (
        "rng request of 8 bytes queue=0 head=0",
        "expected within 5000 ns",
        "Status=0xf(ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK)",
        "InterruptStatus=0x0",
        "irq=0",
        "queue 0: QueueReady=0x1 avail.idx=0x0001 used.idx=0x0000 last_used=0x0000 outstanding heads=[0]",
    ):
        assert part in text
    assert bench.now_ns() == 5000


def test_lost_interrupt_is_named() -> None:
    bench = ModelBench(device_class=LostInterrupt)
    driver = run(bench.start(RngDriver))
    with pytest.raises(DeviceTimeout, match="is in the used ring, but no interrupt told of it"):
        run(driver.request(8))


def test_stuck_interrupt_is_named() -> None:
    bench = ModelBench(device_class=StuckInterrupt, autorun=False)
    driver = run(bench.start(RngDriver))
    with pytest.raises(DeviceError, match="interrupt line expected low"):
        run(driver.request(8))


def test_polling_with_interrupts_suppressed() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(RngDriver)
        bench.transport.queues[0].suppress_interrupts(True)
        pending = await driver.submit(8)
        assert not bench.irq.level
        await bench.run_until(pending, poll_ns=100)
        assert len(pending.result()) == 8
        assert bench.now_ns() == 100
        await bench.finish()

    run(body(ModelBench()))


@pytest.mark.parametrize("ack_first", [True, False])
def test_used_between_walk_and_acknowledge_is_not_lost(ack_first: bool) -> None:
    async def body(bench: ModelBench) -> None:
        bench.transport.ack_first = ack_first
        driver = await bench.start(RngDriver)
        pending = await driver.submit(8)
        bench.device.interrupt_status = Interrupt.USED_BUFFER
        await bench.run_until(pending)
        await bench.finish()

    run(body(ModelBench(device_class=LateUsed, autorun=False)))


def test_finish_demands_that_something_happened() -> None:
    bench = ModelBench()
    driver = run(bench.start(RngDriver))
    run(driver.request(8))
    run(bench.start(RngDriver))
    run(bench.finish(min_used=1))
    with pytest.raises(AssertionError, match="BENCH-MIN-USED expected at least 2 used buffers, seen 1"):
        run(bench.finish(min_used=2))


def test_finish_drains() -> None:
    bench = ModelBench(autorun=False)
    driver = run(bench.start(RngDriver))
    run(driver.submit(8))
    with pytest.raises(DeviceTimeout):
        run(bench.finish())
    bench.device.run()
    run(bench.finish())
    assert driver.completed == 1
    assert not bench.irq.level


def test_finish_checks_guards_and_unmapped_accesses() -> None:
    bench = ModelBench()
    assert bench.faults is not None
    run(bench.start(RngDriver))
    bench.faults.unmapped.append(Unmapped(0, 4, True))
    with pytest.raises(AssertionError, match="DMA-UNMAPPED"):
        run(bench.finish(min_used=0))
    layout = bench.transport.queues[0].layout
    bench.memory.write(layout.device_addr + layout.device_bytes, b"\0")
    with pytest.raises(GuardError):
        run(bench.finish(min_used=0))


def test_finish_asks_the_scoreboard() -> None:
    class Board:
        asked: ClassVar[list[int]] = []

        def feed(self, event: Any) -> None:
            raise NotImplementedError

        async def finish(self, min_used: int) -> None:
            self.asked.append(min_used)
            if min_used:
                raise AssertionError("left over")

    bench = ModelBench()
    bench.scoreboard = Board()
    run(bench.start(RngDriver))
    run(bench.finish(min_used=0))
    driver = run(bench.start(RngDriver))
    run(driver.request(1))
    with pytest.raises(AssertionError, match="left over"):
        run(bench.finish(min_used=1))
    assert Board.asked == [0, 1]


def test_diagnosis_survives_a_dead_bus() -> None:
    bench = ModelBench()
    run(bench.start(RngDriver))

    async def dead(*_: Any) -> int:
        raise OSError("gone")

    bench.bus.read = bench.bus.write = dead  # type: ignore[method-assign, assignment]
    assert "Status=(gone)" in run(bench.diagnose())


def test_same_seed_same_run() -> None:
    def trace(seed: int) -> tuple[Any, ...]:
        bench = ModelBench("blk", seed=seed)
        driver = run(bench.start(BlkDriver, queues=[0, 1]))
        return run(driver.read(0, 1)), bench.rng.random(), bench.memory.allocations

    assert trace(1) == trace(1) != trace(2)


def test_run_refuses_to_wait() -> None:
    with pytest.raises(RuntimeError, match="needs a simulator"):
        run(asyncio.sleep(0))


def test_driver_needs_a_bench_and_a_device() -> None:
    with pytest.raises(VirtioError, match="initialized device"):
        run(RngDriver().request(1))
    with pytest.raises(VirtioError, match="started driver"):
        assert ModelBench().driver
    assert {4: RngDriver, 2: BlkDriver, 1: NetDriver, 3: ConsoleDriver, 18: InputDriver} == DRIVERS
    with pytest.raises(ValueError, match="no device function"):
        ModelBench("net")
