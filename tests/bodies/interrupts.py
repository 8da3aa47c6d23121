# SPDX-License-Identifier: Apache-2.0
"""Notifications of the device: due ones, suppressed ones, acknowledged ones (2.3, 2.7.7, 4.2.3.3, 4.2.3.4)."""

from __future__ import annotations

from cocotbext.virtio.drivers import BlkDriver
from virtio_model.spec import Interrupt, Reg

from . import work
from .rig import BLK, Rig, body
from .work import WORD, expect, expect_true

_SOON_NS = 100_000


async def _wait_high(rig: Rig) -> None:
    expect(await rig.irq.wait(_SOON_NS), True, "interrupt line")


@body(used=10)
async def rises_once_for_each_event(rig: Rig) -> None:
    """The line rises when a buffer was used, stays until acknowledged, and falls (MMIO-DEV-027, MMIO-DEV-037)."""
    await work.start(rig)
    for _ in range(10):
        expect(rig.irq.level, False, "interrupt line before the request")
        pending = await work.ask(rig)
        await _wait_high(rig)
        await rig.delay(500)
        expect(rig.irq.level, True, "interrupt line before the acknowledgement")
        expect(await rig.bus.read(Reg.INTERRUPT_STATUS), Interrupt.USED_BUFFER, "InterruptStatus")
        await rig.bus.write(Reg.INTERRUPT_ACK, Interrupt.USED_BUFFER)
        expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after the acknowledgement")
        expect(rig.irq.level, False, "interrupt line after the acknowledgement")
        rig.transport.deliver_used()
        work.check_served(rig, pending)
    expect(rig.transport.interrupts, 0, "interrupts left for the transport")


@body(used=12)
async def suppressed_by_the_flag(rig: Rig) -> None:
    """With NO_INTERRUPT set nothing is notified; once it is clear again, things are (SPLIT-DEV-032)."""
    await work.start(rig)
    queue = work.own_queue(rig)
    queue.suppress_interrupts(True)
    rig.poll_ns = 500
    for _ in range(5):
        await work.serve(rig, 2)
    await rig.delay(2000)
    expect(rig.irq.level, False, "interrupt line with NO_INTERRUPT")
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus with NO_INTERRUPT")
    rig.poll_ns = None
    queue.suppress_interrupts(False)
    before = rig.transport.interrupts
    await work.serve(rig, 2)
    expect_true(rig.transport.interrupts > before, "no interrupt although NO_INTERRUPT is clear again")


@body(used=60, limit_us=40_000)
async def flag_toggled_around_completion(rig: Rig) -> None:
    """The flag changes at any time; who looks again after clearing it loses nothing (SPLIT-DEV-032, HOST-108)."""
    await work.start(rig)
    queue = work.own_queue(rig)
    for step in range(30):
        queue.suppress_interrupts(True)
        pendings = [await work.ask(rig) for _ in range(2)]
        await rig.delay(20 * step)
        queue.suppress_interrupts(False)
        rig.transport.deliver_used()
        await work.settle(rig, pendings)


async def _race(rig: Rig) -> None:
    """The acknowledgement of a first request at each of the cycles about which a second one comes back."""
    takes_ns = []
    for _ in range(3):
        pending = await work.ask(rig, length=64)
        begun_ns = rig.now_ns()
        await _wait_high(rig)
        takes_ns.append(rig.now_ns() - begun_ns)
        await work.settle(rig, [pending])
    earliest_ns = max(0, min(takes_ns) - 300)
    for step in range(40):
        first = await work.ask(rig, length=64)
        await _wait_high(rig)
        second = await work.ask(rig, length=64)
        await rig.delay(earliest_ns + 10 * step)
        await work.settle(rig, [first, second])


@body(used=83, limit_us=40_000)
async def acknowledgement_meets_the_next_event(rig: Rig) -> None:
    """An event is not lost to the acknowledgement of the one before, at whatever cycle that comes (HOST-104)."""
    await work.start(rig)
    await _race(rig)


@body(used=83, limit_us=40_000)
async def acknowledgement_after_the_rings(rig: Rig) -> None:
    """The same for a driver that acknowledges after it has walked the rings, and walks them again (4.2.3.3)."""
    rig.transport.ack_first = False
    await work.start(rig)
    await _race(rig)


@body(used=4)
async def acknowledgements_of_nothing(rig: Rig) -> None:
    """Only pending bits that are acknowledged are cleared, and nothing is kept for later (MMIO-DEV-018, HOST-103)."""
    await work.start(rig)
    for value in (WORD, WORD & ~3, 2, 0):
        await rig.bus.write(Reg.INTERRUPT_ACK, value)
        pending = await work.ask(rig)
        await _wait_high(rig)
        for other in (WORD & ~3, 2, 0):
            await rig.bus.write(Reg.INTERRUPT_ACK, other)
            expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 1, f"InterruptStatus after acknowledging {other:#x}")
        await work.settle(rig, [pending])


@body(used=20)
async def never_acknowledged(rig: Rig) -> None:
    """A driver that polls and never acknowledges is served all the same; the line stays high (HOST-105)."""
    await work.start(rig)
    for _ in range(20):
        pending = await work.ask(rig)
        await _wait_high(rig)
        for _ in range(1000):
            rig.transport.deliver_used()
            if pending.done:
                break
            await rig.delay(100)
        work.check_served(rig, pending)
        expect(rig.irq.level, True, "interrupt line")


@body(used=1)
async def reset_clears_pending_interrupts(rig: Rig) -> None:
    """A reset takes InterruptStatus to 0 and the line down (MMIO-DEV-029, RESET-DEV-002)."""
    await work.start(rig)
    await work.ask(rig)
    await _wait_high(rig)
    await rig.reset_device()
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after a reset")
    expect(rig.irq.level, False, "interrupt line after a reset")
    await work.start(rig)
    await work.serve(rig, 1)


@body(used=1)
async def none_at_driver_ok(rig: Rig) -> None:
    """Going live is not an event (MMIO-DEV-028, HOST-107)."""
    await work.start(rig)
    await work.expect_idle(rig, "after DRIVER_OK", ns=3000)
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus after DRIVER_OK")
    await work.serve(rig, 1)


@body(BLK, used=2)
async def configuration_change(rig: Rig) -> None:
    """A change of capacity is notified, with a new generation (OPER-DEV-001, CONFIG-DEV-003, BLK-DEV-035, HOST-076)."""
    driver = await work.start_as(rig, BlkDriver)
    capacity = driver.config.capacity
    for i, sectors in enumerate((capacity - 1, capacity // 2, 1, capacity)):
        before = await rig.bus.read(Reg.CONFIG_GENERATION)
        await rig.set_capacity(sectors)
        expect_true(await rig.bus.read(Reg.CONFIG_GENERATION) != before, f"ConfigGeneration stays {before:#x}")
        await _wait_high(rig)
        expect(await rig.transport.handle_interrupt(), Interrupt.CONFIG_CHANGE, "events of the interrupt")
        expect(driver.config_changes, i + 1, "configuration changes told to the driver")
        expect(driver.config.capacity, sectors, "capacity")
    await work.serve(rig, 2)


@body(BLK, used=1)
async def configuration_change_before_driver_ok(rig: Rig) -> None:
    """Before DRIVER_OK the generation moves, but nothing is notified (STATUS-DEV-001, MMIO-DEV-030)."""
    (capacity,) = await rig.transport.read_config(0, "Q")
    before = await rig.bus.read(Reg.CONFIG_GENERATION)
    await rig.set_capacity(capacity - 1)
    expect_true(await rig.bus.read(Reg.CONFIG_GENERATION) != before, f"ConfigGeneration stays {before:#x}")
    expect(await rig.bus.read(Reg.INTERRUPT_STATUS), 0, "InterruptStatus before DRIVER_OK")
    driver = await work.start_as(rig, BlkDriver)
    expect(driver.config.capacity, capacity - 1, "capacity")
    expect(rig.irq.level, False, "interrupt line")
    await rig.set_capacity(capacity)
    await work.serve(rig, 1)
