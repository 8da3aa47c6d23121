# SPDX-License-Identifier: Apache-2.0
"""Event streams of a device without a simulator: `virtio_model` serves requests on a memory that records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from cocotbext.virtio.events import (
    BusReset,
    DmaRead,
    DmaWrite,
    EntropyWord,
    Event,
    IrqChange,
    RegisterRead,
    RegisterWrite,
)
from cocotbext.virtio.scoreboard import Scoreboard
from cocotbext.virtio.violation import ScoreboardError
from virtio_model import (
    Blk,
    Console,
    Descriptor,
    DeviceFunction,
    Memory,
    MemoryFault,
    MemoryStorage,
    MmioDevice,
    Port,
    Rng,
    SplitLayout,
)
from virtio_model.spec import AVAIL_F_NO_INTERRUPT, DescFlag, Feature, Reg, Status, features

E = TypeVar("E", bound=Event)

BASE = 0x10000
QUEUE = SplitLayout(8, BASE, BASE + 0x400, BASE + 0x800)
BUFFERS = BASE + 0x1000
DMA_CYCLES = 4

Stream = list[Event]


class RecordingDevice:
    """A model on a recording memory and bus, and just enough of a driver. `events` is what monitors would see."""

    def __init__(self, function: DeviceFunction, **options: Any) -> None:
        self.events: Stream = [BusReset(0)]
        self.now = 10
        self.guest = Memory(BASE, 1 << 20)
        if isinstance(function, Rng):
            function.source = self._entropy
        self.device = MmioDevice(function, self, **options)
        self.layout = QUEUE
        self.avail_idx = 0
        self._level = False
        self._words = 0

    def read(self, address: int, length: int) -> bytes:
        """The device's DMA read."""
        self._irq()
        start = self._step(DMA_CYCLES)
        try:
            data = self.guest.read(address, length)
        except MemoryFault:
            self.events.append(DmaRead(start, self.now, address, bytes(length), ok=False))
            raise
        self.events.append(DmaRead(start, self.now, address, data))
        return data

    def write(self, address: int, data: bytes) -> None:
        """The device's DMA write."""
        self._irq()
        start = self._step(DMA_CYCLES)
        try:
            self.guest.write(address, data)
        except MemoryFault:
            self.events.append(DmaWrite(start, self.now, ((address, data),), ok=False))
            raise
        self.events.append(DmaWrite(start, self.now, ((address, data),)))

    def reg_read(self, offset: int) -> int:
        """The driver reads a register."""
        start = self._step(2)
        value = self.device.read(offset)
        self.events.append(RegisterRead(start, self.now, offset, value))
        return value

    def reg_write(self, offset: int, value: int) -> None:
        """The driver writes a register."""
        start = self._step(2)
        self.events.append(RegisterWrite(start, self.now, offset, value))
        self.device.write(offset, value)
        self._step(1)
        self._irq()

    def start(self, queue: int = 0) -> None:
        """Reset, negotiate everything offered, set up one queue, DRIVER_OK."""
        self.reset()
        for bits in (Status.ACKNOWLEDGE, Status.DRIVER):
            self.reg_write(Reg.STATUS, int(self.device.status | bits))
        for word in (0, 1):
            self.reg_write(Reg.DEVICE_FEATURES_SEL, word)
            offered = self.reg_read(Reg.DEVICE_FEATURES)
            self.reg_write(Reg.DRIVER_FEATURES_SEL, word)
            self.reg_write(Reg.DRIVER_FEATURES, offered)
        self.reg_write(Reg.STATUS, int(self.device.status | Status.FEATURES_OK))
        self.reg_read(Reg.STATUS)
        self.set_up_queue(queue)
        self.reg_write(Reg.STATUS, int(self.device.status | Status.DRIVER_OK))

    def reset(self) -> None:
        """Write 0 to Status and read it back."""
        self.reg_write(Reg.STATUS, 0)
        self.reg_read(Reg.STATUS)

    def set_up_queue(self, queue: int = 0) -> None:
        """Zeroed rings, and QueueReady."""
        self.guest.write(QUEUE.desc_addr, bytes(BUFFERS - QUEUE.desc_addr))
        self.avail_idx = 0
        self.reg_write(Reg.QUEUE_SEL, queue)
        self.reg_read(Reg.QUEUE_SIZE_MAX)
        self.reg_write(Reg.QUEUE_SIZE, QUEUE.size)
        for low, address in (
            (Reg.QUEUE_DESC_LOW, QUEUE.desc_addr),
            (Reg.QUEUE_DRIVER_LOW, QUEUE.driver_addr),
            (Reg.QUEUE_DEVICE_LOW, QUEUE.device_addr),
        ):
            self.reg_write(low, address & 0xFFFF_FFFF)
            self.reg_write(low + 4, address >> 32)
        self.reg_write(Reg.QUEUE_READY, 1)
        self.reg_read(Reg.QUEUE_READY)

    def add(self, segments: Sequence[tuple[int, int, bool]], head: int = 0) -> None:
        """A chain of (address, length, device_writable) in descriptors from `head` on, into the available ring."""
        for i, (address, length, writable) in enumerate(segments):
            flags = (DescFlag.WRITE if writable else 0) | (DescFlag.NEXT if i + 1 < len(segments) else 0)
            packed = Descriptor(address, length, flags, head + i + 1).pack()
            self.guest.write(QUEUE.descriptor_address(head + i), packed)
        self.put_head(head)

    def put_head(self, head: int) -> None:
        """Any head into the available ring, and the idx."""
        entry = QUEUE.avail_entry_address(self.avail_idx % QUEUE.size)
        self.guest.write(entry, head.to_bytes(2, "little"))
        self.avail_idx = (self.avail_idx + 1) & 0xFFFF
        self.guest.write(QUEUE.avail_idx_address, self.avail_idx.to_bytes(2, "little"))

    def suppress(self, suppress: bool) -> None:
        """avail.flags NO_INTERRUPT."""
        self.guest.write(QUEUE.avail_flags_address, (AVAIL_F_NO_INTERRUPT if suppress else 0).to_bytes(2, "little"))

    def kick(self, queue: int = 0) -> None:
        """Notify; the device serves what is available."""
        self.reg_write(Reg.QUEUE_NOTIFY, queue)
        self._step(20)

    def handle_interrupt(self) -> int:
        """InterruptStatus, and acknowledge what it shows."""
        value = self.reg_read(Reg.INTERRUPT_STATUS)
        if value:
            self.reg_write(Reg.INTERRUPT_ACK, value)
        self._step(20)
        return value

    def pass_time(self, cycles: int) -> None:
        """Let cycles pass, at the end of which something unrelated is read."""
        self._step(cycles)
        self.reg_read(Reg.MAGIC_VALUE)

    def _entropy(self, length: int) -> bytes:
        words = []
        for _ in range(length // 4):
            self._words += 1
            words.append(self._words * 0x9E3779B1 & 0xFFFF_FFFF)
            self.events.append(EntropyWord(self._step(1), words[-1]))
        return b"".join(word.to_bytes(4, "little") for word in words)

    def _irq(self) -> None:
        if self.device.irq != self._level:
            self._level = self.device.irq
            self.events.append(IrqChange(self._step(1), self._level))

    def _step(self, cycles: int) -> int:
        begun = self.now + 1
        self.now += cycles
        return begun


def rng_device(**options: Any) -> RecordingDevice:
    """A started entropy device."""
    rig = RecordingDevice(Rng(bytes), **options)
    rig.start()
    return rig


def blk_storage() -> MemoryStorage:
    """16 sectors with content."""
    storage = MemoryStorage(16)
    for sector in range(16):
        storage.write(sector, bytes((sector * 37 + i * 7) & 0xFF for i in range(512)))
    return storage


def blk_device(**options: Any) -> RecordingDevice:
    """A started block device."""
    rig = RecordingDevice(Blk(blk_storage(), serial=b"serial"), **options)
    rig.start()
    return rig


def scoreboard(rig: RecordingDevice, **options: Any) -> Scoreboard:
    """A scoreboard for the device of `rig`."""
    model = rig.device.function
    function: DeviceFunction = Rng(bytes)
    if isinstance(model, Blk):
        function = Blk(blk_storage(), serial=b"serial")
    elif isinstance(model, Console):
        function = Console(Port())
    return Scoreboard(
        function, **{"device_features": features(Feature.VERSION_1) | function.device_features, **options}
    )


def broken_rules(rig: RecordingDevice, events: Iterable[Event], min_used: int = 1, **options: Any) -> set[str]:
    """The rules that a stream of events breaks."""
    board = scoreboard(rig, fail_fast=False, **options)
    for event in events:
        board.feed(event)
    try:
        board.finish(min_used)
    except ScoreboardError as error:
        return {violation.rule for violation, _ in error.violations}
    return set()


def first_broken(rig: RecordingDevice, events: Iterable[Event], **options: Any) -> str | None:
    """The first rule that a stream of events breaks, as `fail_fast` raises it."""
    board = scoreboard(rig, **options)
    try:
        for event in events:
            board.feed(event)
        board.finish()
    except ScoreboardError as error:
        return error.violations[0][0].rule
    return None


def find(events: Stream, kind: type[E], where: Callable[[E], bool] = lambda event: True, nth: int = 0) -> int:
    """Index of the nth event of a kind for which `where` holds; negative counts from the end."""
    return [i for i, event in enumerate(events) if isinstance(event, kind) and where(event)][nth]


def changed(events: Stream, index: int, **fields: Any) -> Stream:
    """The stream with fields of one event replaced."""
    return [*events[:index], replace(events[index], **fields), *events[index + 1 :]]


def without(events: Stream, index: int) -> Stream:
    """The stream without one event."""
    return events[:index] + events[index + 1 :]


def writes_to(address: int) -> Callable[[DmaWrite], bool]:
    """Matches write bursts that start at an address."""
    return lambda event: bool(event.pieces) and event.pieces[0][0] == address


def reads_at(address: int) -> Callable[[DmaRead], bool]:
    """Matches read bursts that start at an address."""
    return lambda event: event.address == address
