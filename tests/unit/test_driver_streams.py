# SPDX-License-Identifier: Apache-2.0
"""Console and input drivers on devices that answer wrongly, or do not behave as ours do."""

from __future__ import annotations

from typing import Any

import pytest

from cocotbext.virtio import errors
from cocotbext.virtio.drivers import ConsoleConfig, ConsoleDriver, InputDriver
from cocotbext.virtio.model_bench import ModelBench, run
from virtio_model import Console, DescriptorChain, EventPort, Input, InputEvent, MemoryView, Port
from virtio_model.spec import EventType, Feature, InputSelect, features


class LongConsole(Console):
    """A console that claims to have written to transmit chains."""

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        return max(super().serve(chain, memory, driver_features), chain.queue)


class HalfEvents(Input):
    """An input device that writes half of each event."""

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        return super().serve(chain, memory, driver_features) // 2


def on(device: Any, body: Any) -> None:
    """Run a body on a device type."""
    run(body(ModelBench(device, seed=5)))


def test_used_length_of_a_transmit_chain_is_judged() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(ConsoleDriver)
        with pytest.raises(errors.UsedLengthError, match=r"queue=1 .*seen=1"):
            await driver.send(b"x")

    on(LongConsole(Port()), body)


def test_event_of_another_length_is_an_error() -> None:
    async def body(bench: ModelBench) -> None:
        port = bench.device.function.port  # type: ignore[attr-defined]
        driver = await bench.start(InputDriver)
        port.receive(InputEvent(0, 0, 0).item)
        await driver.supply()
        with pytest.raises(errors.UsedLengthError, match=r"queue=0 .*expected=8 seen=4"):
            await bench.run_until(lambda: bool(driver.events))

    on(HalfEvents(EventPort()), body)


def test_size_is_read_only_if_it_was_accepted() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(ConsoleDriver(accept=lambda _: features(Feature.VERSION_1)))
        assert driver.config == ConsoleConfig(None, None)
        driver = await bench.start(ConsoleDriver)
        assert driver.config == ConsoleConfig(100, 30)

    on(Console(Port(), 100, 30), body)


def test_buffers_waiting_for_input_do_not_keep_a_test_from_ending() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(ConsoleDriver)
        await driver.supply(3)
        await driver.send(b"x")
        await bench.finish(min_used=1)
        assert len(driver.pending) == 3

    on(Console(Port()), body)


def test_unknown_events_and_names_are_taken_as_they_are() -> None:
    """INPUT-DRV-007; a name need not be ASCII."""
    window = {(InputSelect.ID_NAME, 0): b"\xff\x41"}

    async def body(bench: ModelBench) -> None:
        driver = await bench.start(InputDriver)
        assert driver.name.endswith("A")
        assert await driver.query(InputSelect.EV_BITS, EventType.KEY) == b""
        await driver.supply(2)
        events = [InputEvent(0xFFFF, 0x7777, 0xFFFF_FFFF), InputEvent(EventType.SYN, 0, 0)]
        for event in events:
            bench.device.function.port.receive(event.item)  # type: ignore[attr-defined]
        bench.device.run()
        await bench.run_until(lambda: len(driver.events) == 2)
        assert list(driver.events) == events

    on(Input(EventPort(), window), body)


def test_full_queue_gives_the_buffers_back() -> None:
    async def body(bench: ModelBench) -> None:
        driver = await bench.start(ConsoleDriver, size=4)
        before = len(bench.memory.allocations)
        with pytest.raises(errors.QueueFull):
            await driver.supply(5)
        assert len(bench.memory.allocations) == before + 4

    on(Console(Port()), body)
