# SPDX-License-Identifier: Apache-2.0
"""Class drivers on the model: requests of every framing, many outstanding, and devices that answer wrongly."""

from __future__ import annotations

import random

import pytest

from cocotbext.virtio import buffers, errors
from cocotbext.virtio.buffers import Layout
from cocotbext.virtio.driver_rules.layouts import layout
from cocotbext.virtio.drivers import DRIVERS, BlkDriver, ClassDriver, RngDriver
from cocotbext.virtio.interfaces import GuardError
from cocotbext.virtio.model_bench import ModelBench, run
from virtio_model import Blk, DescriptorChain, MemoryStorage, MemoryView, Rng
from virtio_model.spec import SECTOR, BlkStatus, BlkType

FRAMINGS = {
    "natural": buffers.natural,
    "merged": buffers.merged,
    "bytewise": buffers.bytewise,
    "chunks": buffers.chunks(13),
    "pieces": buffers.pieces(17, random.Random(3)),
    "random": buffers.random_framing(random.Random(4), 30),
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_blk_serves_any_framing(framing: str) -> None:
    async def body(bench: ModelBench) -> None:
        layout = Layout(FRAMINGS[framing], align=64, offset=None, rng=bench.rng)
        driver = await bench.start(BlkDriver, size=1024, table_order=bench.rng)
        assert await driver.read(3, 1, layout) == bench.storage.read(3)
        data = bench.rng.randbytes(SECTOR)
        await driver.write(60, data, layout)
        await driver.flush()
        assert bench.storage.read(60) == data
        assert bench.storage.flushes == 1
        assert await driver.get_id() == b"virtio_model"
        await bench.finish(min_used=4)

    run(body(ModelBench("blk", seed=8, queue_size_max=(1024,))))


def test_many_requests_on_two_queues_across_the_wrap() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(BlkDriver, queues=[0, 1], size=16, start_index=0xFFF0)
        for _ in range(30):
            pending = []
            for i in range(5):
                for queue in (0, 1):
                    sector = bench.rng.randrange(64)
                    pending.append(
                        (sector, await driver.submit(BlkType.IN, sector, writable=SECTOR, queue=queue, kick=i == 4))
                    )
            for sector, request in reversed(pending):
                result = await request
                assert (result.status, result.data) == (BlkStatus.OK, bench.storage.read(sector))
        assert bench.transport.queues[0].used_idx < 0xFFF0
        await bench.finish(min_used=300)

    run(body(ModelBench("blk", index_init=0xFFF0)))


def test_queue_full_gives_buffers_back() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(RngDriver, size=2)
        for _ in range(2):
            await driver.submit(4, kick=False)
        before = len(bench.memory.allocations)
        with pytest.raises(errors.QueueFull):
            await driver.submit(4)
        assert len(bench.memory.allocations) == before
        await driver.kick()
        await bench.finish(min_used=2)

    run(body(ModelBench()))


@pytest.mark.parametrize("length", [0, 1, 3, 4, 130, 65536])
def test_rng_lengths(length: int) -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(RngDriver)
        layout = Layout(lambda parts: parts)
        data = await driver.request(length, layout)
        assert data == random.Random(f"content {bench.seed}").randbytes(-(-length // 4) * 4)[:length]
        await bench.finish(min_used=1)

    run(body(ModelBench(seed=length)))


def test_failed_requests() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(BlkDriver)
        bench.storage.bad_sectors = {5}
        with pytest.raises(errors.RequestFailed, match="status expected 0, seen 1"):
            await driver.read(4, 2)
        assert (await driver.request(BlkType.IN, 64, writable=SECTOR)).status == BlkStatus.IOERR
        assert (await driver.request(77)).status == BlkStatus.UNSUPP
        bench.storage.flush_fails = True
        with pytest.raises(errors.RequestFailed):
            await driver.flush()
        for misuse in (driver.read(63, 2), driver.write(0, b"short"), driver.read(-1, 1)):
            with pytest.raises(ValueError):
                await misuse
        await bench.finish(min_used=4)

    run(body(ModelBench("blk")))


class Careless(Blk):
    """Forgets the status byte."""

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        return 1


class Short(Blk):
    """Reports less than it wrote."""

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        return super().serve(chain, memory, driver_features) - 1


class Beyond(Rng):
    """Writes one byte more than there is room for."""

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        written_len = super().serve(chain, memory, driver_features)
        last = chain.segments[-1]
        memory.write(last.address + last.length, b"\0")
        return written_len


def test_status_not_written() -> None:
    bench = ModelBench(Careless(MemoryStorage(8)))
    driver = run(bench.start(BlkDriver))
    with pytest.raises(errors.StatusNotWritten):
        run(driver.read(0, 1))


def test_used_length_too_short_for_a_read() -> None:
    bench = ModelBench(Short(MemoryStorage(8)))
    driver = run(bench.start(BlkDriver))
    with pytest.raises(errors.UsedLengthError, match="expected=513 seen=512"):
        run(driver.read(0, 1))


def test_byte_beyond_the_buffer_is_caught_when_the_request_completes() -> None:
    bench = ModelBench(Beyond(random.Random(1).randbytes))
    driver = run(bench.start(RngDriver))
    with pytest.raises(GuardError, match="MEM-GUARD"):
        run(driver.request(9))


def test_dma_error_on_the_data() -> None:
    async def body(bench: ModelBench) -> None:
        assert bench.faults is not None
        driver = await bench.start(BlkDriver)
        pending = await driver.submit(BlkType.OUT, 1, bytes(SECTOR), kick=False)
        bench.faults.add(pending.chain[1][0], 1)
        await driver.kick()
        assert (await pending).status == BlkStatus.IOERR
        await bench.finish()

    run(body(ModelBench("blk")))


@pytest.mark.parametrize("kind", DRIVERS.values())
def test_consistent_features_have_what_they_need(kind: type[ClassDriver]) -> None:
    rng = random.Random(1)
    everything = kind.common_features | kind.class_features
    assert kind.consistent(everything) == everything
    for _ in range(500):
        word = kind.consistent(rng.getrandbits(64) & everything)
        assert kind.consistent(word) == word
        for bit, sets in layout(kind.device_type).requires.items():
            if word >> bit & 1:
                assert all(any(word >> other & 1 for other in one_of) for one_of in sets), (bit, f"{word:#x}")


@pytest.mark.parametrize("kind", DRIVERS.values())
def test_requests_go_to_queues_that_nothing_waits_in(kind: type[ClassDriver]) -> None:
    assert kind.work_queue in kind.default_queues
    assert kind.work_queue in kind.work_queues(2)
    assert not kind().waiting_queues & set(kind.work_queues(2))
