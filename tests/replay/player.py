# SPDX-License-Identifier: Apache-2.0
"""Does again what a driver did: changes of memory, register accesses and what came in, as far as the device has got."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cocotbext.virtio.backing import RegionMemory
from cocotbext.virtio.driver_rules import Access, IrqLevel
from virtio_model.spec import Reg

from .lines import Descriptor, Frame, Given, Item, Memory, Used
from .rig import RecordingRig
from .rings import Rings

#: Clock cycles between two looks at the device, and after how many it has failed to do what the trace says.
LOOK_CYCLES, LIMIT_CYCLES = 8, 20_000
#: Registers whose value comes with time: read until it is as recorded.
_POLLED = frozenset((Reg.STATUS, Reg.QUEUE_READY, Reg.QUEUE_RESET, Reg.INTERRUPT_STATUS))


class HeardMemory(RegionMemory):
    """The bytes of `memory`, with somebody to be told of each write."""

    def __init__(self, memory: RegionMemory, heard: Callable[[int, bytes], None]) -> None:
        vars(self).update(vars(memory))
        self._heard = heard

    def write(self, address: int, data: bytes) -> None:
        super().write(address, data)
        self._heard(address, data)


class Player:
    """Plays items on a rig whose memory is in Python: it may change in the very moment in which the device writes."""

    def __init__(self, rig: RecordingRig, items: Sequence[Item]) -> None:
        self._rig = rig
        self._items = items
        self._next = 0
        self._rings = Rings()
        rig.axi.view.memory = HeardMemory(rig.axi.view.memory, self._device_write)

    async def play(self) -> None:
        """Play everything. Raises AssertionError where the device does something else."""
        while True:
            self._advance()
            if self._next == len(self._items):
                return
            item = self._items[self._next]
            if isinstance(item, Used):
                await self._used(item)
            else:
                self._next += 1  # what comes after it may depend on what the device does meanwhile
                await self._do(item)

    async def _do(self, item: Item) -> None:
        if isinstance(item, Access) and item.write:
            self._rings.register_write(item.offset, item.value)
            await self._rig.registers.write(item.offset, item.value, item.size or 4)
        elif isinstance(item, Access):
            await self._read(item)
        elif isinstance(item, IrqLevel) and item.level:
            await self._until(item, lambda: self._rig.irq.level, lambda: "interrupt line high, seen it low")
        elif isinstance(item, Frame):
            await self._rig.inject(item.data)
        elif isinstance(item, Given):
            await self._rig.give([item.item])
        self._rig.collect()

    async def _read(self, item: Access) -> None:
        size = 4 - item.offset % 4
        limit = LIMIT_CYCLES if item.offset in _POLLED else 0
        begun = self._rig.tap.cycle
        while (value := await self._rig.registers.read(item.offset, size)) != item.value:
            if self._rig.tap.cycle >= begun + limit:
                raise AssertionError(f"{item.where}: {item.offset:#05x} expected={item.value:#x} seen={value:#x}")
            await self._rig.cycles(LOOK_CYCLES)

    async def _used(self, item: Used) -> None:
        used = self._rings.used
        await self._until(
            item,
            lambda: used[item.queue] >= item.count,
            lambda: f"{item.count} buffers of queue {item.queue} used, seen {used[item.queue]}",
        )

    async def _until(self, item: Item, done: Callable[[], bool], missing: Callable[[], str]) -> None:
        """Wait for something. Raises AssertionError with what is missing."""
        for _ in range(LIMIT_CYCLES // LOOK_CYCLES):
            if done():
                return
            await self._rig.cycles(LOOK_CYCLES)
            self._rig.collect()
        raise AssertionError(f"{item.where}: expected within {LIMIT_CYCLES} cycles {missing()}")

    def _device_write(self, address: int, data: bytes) -> None:
        if self._rings.device_write(address, data):
            self._advance()

    def _advance(self) -> None:
        """Change memory up to the next step of the driver, or the next buffer that the device has not used yet."""
        while self._next < len(self._items):
            item = self._items[self._next]
            if isinstance(item, Memory | Descriptor):
                self._rig.memory.write(item.address, item.data)
            elif not isinstance(item, Used) or self._rings.used[item.queue] < item.count:
                return
            self._next += 1
