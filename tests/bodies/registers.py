# SPDX-License-Identifier: Apache-2.0
"""The register window: every offset, every width (4.2.2, and what the standard leaves open)."""

from __future__ import annotations

from virtio_model.spec import CONFIG_OFFSET, WINDOW_SIZE, BlkFeature, DeviceType, Feature, Interrupt, Reg, features

from . import work
from .rig import BLK, Rig, body
from .work import WORD, expect

_READ_ONLY = (
    Reg.MAGIC_VALUE,
    Reg.VERSION,
    Reg.DEVICE_ID,
    Reg.VENDOR_ID,
    Reg.DEVICE_FEATURES,
    Reg.QUEUE_SIZE_MAX,
    Reg.INTERRUPT_STATUS,
    Reg.CONFIG_GENERATION,
)
_WRITE_ONLY = (
    Reg.DEVICE_FEATURES_SEL,
    Reg.DRIVER_FEATURES,
    Reg.DRIVER_FEATURES_SEL,
    Reg.QUEUE_SEL,
    Reg.QUEUE_SIZE,
    Reg.QUEUE_NOTIFY,
    Reg.INTERRUPT_ACK,
    Reg.QUEUE_DESC_LOW,
    Reg.QUEUE_DESC_HIGH,
    Reg.QUEUE_DRIVER_LOW,
    Reg.QUEUE_DRIVER_HIGH,
    Reg.QUEUE_DEVICE_LOW,
    Reg.QUEUE_DEVICE_HIGH,
    Reg.SHM_SEL,
)
_UNLISTED = [offset for offset in range(0, CONFIG_OFFSET, 4) if offset not in set(Reg)]

#: Features whose fields lie beyond those that any block device of this project has.
_LATER_FIELDS = features(
    BlkFeature.TOPOLOGY, BlkFeature.CONFIG_WCE, BlkFeature.MQ, BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES
)


#: Where the standard's fields end; 0 for a type that has none.
_FIELDS_END = {DeviceType.BLK: 60, DeviceType.NET: 28, DeviceType.CONSOLE: 12, DeviceType.INPUT: 136}

#: For how many cycles channels of the register bus are held back.
HELD: tuple[dict[str, int], ...] = (
    {},
    {"aw": 100},
    {"w": 100},
    {"ar": 100},
    {"aw": 3, "ar": 1},
    {"w": 2, "ar": 5},
    {"b": 1000, "r": 1000},
    {"w": 50, "r": 300},
)


@body(used=10)
async def channels_in_any_order(rig: Rig) -> None:
    """AW before W and W before AW, a read and a write of a register in the same cycle, answers that are not taken for
    long: each access is answered once and has its effect once, and the queues go on meanwhile (HOST-078).
    """
    await work.start(rig, accept=work.without(Feature.NOTIFICATION_DATA))
    await work.serve(rig, 2)
    for held in HELD:
        await work.calm_down(rig)
        before = rig.transport.interrupts
        pending = await work.ask(rig, kick=False)
        work.own_queue(rig).publish()
        work.own_queue(rig).wants_notification()
        expect(await rig.write_and_read(Reg.QUEUE_NOTIFY, rig.driver.work_queue, **held), 0, f"QueueNotify, {held}")
        if min(held.get("b", 0), held.get("r", 0)) >= 1000:
            expect(work.own_queue(rig).used_in_memory(), 1, "chains used while the answers were not taken")
        expect(await rig.write_and_read(Reg.STATUS, work.LIVE, **held), work.LIVE, f"Status, {held}")
        await work.settle(rig, [pending])
        expect(rig.transport.interrupts, before + 1, f"interrupts, {held}")


@body()
async def unlisted_offsets(rig: Rig) -> None:
    """They read 0 and ignore writes, without an error and without harm to a live device (HOST-065)."""
    await work.start(rig)
    for offset in _UNLISTED:
        for value in (WORD, 0):
            await rig.bus.write(offset, value)
            expect(await rig.bus.read(offset), 0, f"offset {offset:#05x}")
    expect(await work.status(rig), work.LIVE, "Status")
    await work.serve(rig, 1)


@body()
async def read_only_registers_ignore_writes(rig: Rig) -> None:
    """Writing what may only be read changes nothing (HOST-065)."""
    await work.start(rig)
    before = [await rig.bus.read(register) for register in _READ_ONLY]
    for register in _READ_ONLY:
        for value in (WORD, 0):
            await rig.bus.write(register, value)
    expect([await rig.bus.read(register) for register in _READ_ONLY], before, "read-only registers")
    await work.serve(rig, 1)


@body()
async def write_only_registers_read_zero(rig: Rig) -> None:
    """Reading what may only be written gives 0 and has no effect (HOST-065)."""
    await work.start(rig)
    for register in _WRITE_ONLY:
        expect(await rig.bus.read(register), 0, register.name)
    await work.serve(rig, 1)


@body()
async def reading_does_not_acknowledge(rig: Rig) -> None:
    """InterruptStatus stays until acknowledged, whatever is read or written elsewhere (MMIO-DEV-027, HOST-065)."""
    await work.start(rig)
    pending = await work.ask(rig)
    expect(await rig.irq.wait(100_000), True, "interrupt line")
    for _ in range(3):
        expect(await rig.bus.read(Reg.INTERRUPT_STATUS), Interrupt.USED_BUFFER, "InterruptStatus")
        await rig.bus.write(Reg.INTERRUPT_STATUS, WORD)
        await rig.bus.read(Reg.INTERRUPT_ACK)
    await work.settle(rig, [pending])
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after the acknowledgement")


@body(used=2)
async def partial_writes_are_ignored(rig: Rig) -> None:
    """A control register takes whole words only: no reset, no notification, no acknowledgement by bytes (HOST-066)."""
    kind = await work.driver_class(rig)
    own = kind.work_queue
    other = int(not own)  # which is not ready
    await work.start_as(rig, kind, [own])
    pending = await work.ask(rig)
    expect(await rig.irq.wait(100_000), True, "interrupt line")
    for size in (1, 2):
        for lane in range(0, 4, size):
            await rig.bus.write(Reg.STATUS + lane, 0, size)
            await rig.bus.write(Reg.INTERRUPT_ACK + lane, 3, size)
            await rig.bus.write(Reg.QUEUE_READY + lane, 0, size)
            await rig.bus.write(Reg.QUEUE_SEL + lane, other, size)
    expect(await work.status(rig), work.LIVE, "Status")
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), Interrupt.USED_BUFFER, "InterruptStatus")
    expect(await rig.bus.read(Reg.QUEUE_READY), 1, "QueueReady")
    await work.settle(rig, [pending])
    await work.calm_down(rig)
    pending = await work.ask(rig, kick=False)
    work.own_queue(rig).publish()
    await rig.bus.write(Reg.QUEUE_NOTIFY, own, 1)
    await rig.bus.write(Reg.QUEUE_NOTIFY, own, 2)
    await work.expect_idle(rig, "after partial writes to QueueNotify", ns=3000)
    await work.notify(rig)
    await work.settle(rig, [pending])


@body(used=0)
async def narrow_reads_give_the_lanes_of_the_word(rig: Rig) -> None:
    """Bytes and halfwords of control registers are those of the word (registers.yaml A1)."""
    for register in (Reg.MAGIC_VALUE, Reg.VENDOR_ID):
        await _compare_lanes(rig, register)


@body(used=0)
async def shared_memory_does_not_exist(rig: Rig) -> None:
    """Length and base of a region that does not exist read all ones, for any id (MMIO-DEV-022, MMIO-DEV-023)."""
    for region in (0, 1, 255, WORD):
        await rig.bus.write(Reg.SHM_SEL, region)
        for register in (Reg.SHM_LEN_LOW, Reg.SHM_LEN_HIGH, Reg.SHM_BASE_LOW, Reg.SHM_BASE_HIGH):
            expect(await rig.bus.read(register), WORD, f"{register.name} of region {region:#x}")


@body(used=0)
async def configuration_past_its_end(rig: Rig) -> None:
    """Beyond the last field the configuration space reads 0 and ignores writes (CONFIG-DEV-004, HOST-068)."""
    device_id = (await rig.transport.query()).device_id
    end = _FIELDS_END.get(device_id, 0)
    if device_id == DeviceType.BLK and not await work.offered_features(rig) & _LATER_FIELDS:
        end = 24
    first = CONFIG_OFFSET + end
    for offset in (*range(first, CONFIG_OFFSET + 0x100, 4), 0x7FC, WINDOW_SIZE - 4):
        await rig.bus.write(offset, WORD)
        expect(await rig.bus.read(offset), 0, f"offset {offset:#05x}")
    expect(await rig.bus.read(WINDOW_SIZE - 1, 1), 0, "last byte of the window")


@body(BLK, used=0)
async def configuration_by_bytes_and_halfwords(rig: Rig) -> None:
    """Configuration fields have their bytes in the right lanes at every width (MMIO-DEV-026, HOST-067)."""
    for offset in range(CONFIG_OFFSET, CONFIG_OFFSET + 60, 4):
        await _compare_lanes(rig, offset)
        before = await rig.bus.read(offset)
        await rig.bus.write(offset, WORD)
        await rig.bus.write(offset + 1, 0xFF, 1)
        expect(await rig.bus.read(offset), before, f"read-only configuration field at {offset:#05x}")


async def _compare_lanes(rig: Rig, offset: int) -> None:
    word = await rig.bus.read(offset)
    for size in (1, 2):
        lanes = [await rig.bus.read(offset + lane, size) for lane in range(0, 4, size)]
        seen = sum(value << 8 * size * i for i, value in enumerate(lanes))
        expect(seen, word, f"offset {offset:#05x} read {size} bytes at a time")
