# SPDX-License-Identifier: Apache-2.0
"""Discovery: what a driver may learn, and how little it touches for that (4.2.2.2, 4.2.3.1)."""

from __future__ import annotations

from cocotbext.virtio.drivers import BlkDriver, RngDriver
from cocotbext.virtio.errors import DeviceTypeMismatch, UnknownDeviceType, UnsupportedVersion
from cocotbext.virtio.interfaces import RegisterBus
from cocotbext.virtio.transport import MmioTransport
from virtio_model import spec
from virtio_model.spec import DeviceType, Feature, Reg

from . import work
from .rig import Rig, body
from .work import expect


class _RecordingBus:
    """Remembers which registers were accessed."""

    def __init__(self, bus: RegisterBus) -> None:
        self._bus = bus
        self.accesses: list[tuple[str, int]] = []

    async def read(self, offset: int, size: int = 4) -> int:
        self.accesses.append(("read", offset))
        return await self._bus.read(offset, size)

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        self.accesses.append(("write", offset))
        await self._bus.write(offset, value, size)


@body(used=0)
async def query_touches_three_registers(rig: Rig) -> None:
    """Discovery reads MagicValue, Version and DeviceID, and nothing else (4.2.3.1.1)."""
    bus = _RecordingBus(rig.bus)
    info = await MmioTransport(bus, rig.memory, rig.irq).query()
    expect(bus.accesses, [("read", Reg.MAGIC_VALUE), ("read", Reg.VERSION), ("read", Reg.DEVICE_ID)], "accesses")
    expect(info.name, DeviceType(info.device_id).name.lower(), "name of the device type")
    expect(info.placeholder, False, "placeholder")


@body(used=0)
async def identity_registers_are_constant(rig: Rig) -> None:
    """Identity reads the same at any time, and writes do not change it (MMIO-DEV-002 to 005, HOST-065)."""
    registers = (Reg.MAGIC_VALUE, Reg.VERSION, Reg.DEVICE_ID, Reg.VENDOR_ID)
    before = [await rig.bus.read(register) for register in registers]
    expect(before[:2], [spec.MAGIC, spec.VERSION], "MagicValue and Version")
    await work.start(rig)
    for register in registers:
        await rig.bus.write(register, work.WORD)
    expect([await rig.bus.read(register) for register in registers], before, "identity after writes while live")
    await rig.reset_device()
    expect([await rig.bus.read(register) for register in registers], before, "identity after a reset")


@body(used=0)
async def features_offered(rig: Rig) -> None:
    """VERSION_1 is offered, nothing that MMIO forbids, and words beyond the second read 0 (RSVD-DEV-001, HOST-075)."""
    offered = await work.offered_features(rig)
    expect(offered >> Feature.VERSION_1 & 1, 1, "VERSION_1")
    forbidden = spec.features(*range(44, 50), 24, 25, 26, 27, 39, 41, 43)
    expect(offered & forbidden, 0, "bits that are reserved or not for MMIO")
    if (await rig.transport.query()).device_id == DeviceType.RNG:
        expect(offered & (spec.features(*range(24), *range(50, 64))), 0, "device-type bits of an entropy device")
    for select in (2, 3, 0x10000, 0x8000_0000, work.WORD):
        await rig.bus.write(Reg.DEVICE_FEATURES_SEL, select)
        expect(await rig.bus.read(Reg.DEVICE_FEATURES), 0, f"feature word {select:#x}")


@body(used=0)
async def driver_of_another_type_is_refused(rig: Rig) -> None:
    """A driver that does not fit is told so before the device is touched (4.2.3.1.1)."""
    seen = (await rig.transport.query()).device_id
    other = BlkDriver if seen == DeviceType.RNG else RngDriver
    with work.expect_error(DeviceTypeMismatch) as caught:
        await rig.start(other)
    expect((caught[0].expected, caught[0].seen), (other.device_type, seen), "device types in the error")
    expect(await work.status(rig), 0, "Status")


@body(used=0)
async def unknown_device_type(rig: Rig) -> None:
    """A DeviceID that nobody knows ends discovery; needs a device built so."""
    with work.expect_error(UnknownDeviceType) as caught:
        await rig.start(RngDriver)
    expect(caught[0].seen, await rig.bus.read(Reg.DEVICE_ID), "DeviceID in the error")
    expect(await work.status(rig), 0, "Status")


@body(used=0)
async def mismatching_device_type(rig: Rig) -> None:
    """A known DeviceID that is not the driver's; needs a device built so."""
    with work.expect_error(DeviceTypeMismatch) as caught:
        await rig.start(RngDriver)
    expect((caught[0].expected, caught[0].seen), (DeviceType.RNG, DeviceType.NET), "device types in the error")
    expect(await work.status(rig), 0, "Status")


@body(used=0)
async def unsupported_version(rig: Rig) -> None:
    """A legacy device is left alone (MMIO-DEV-003); needs a device built so."""
    with work.expect_error(UnsupportedVersion) as caught:
        await rig.start(RngDriver)
    expect(caught[0].seen, 1, "Version in the error")
    expect(await work.status(rig), 0, "Status")


@body(used=0)
async def placeholder(rig: Rig) -> None:
    """DeviceID 0 is an empty slot: no fault for discovery, nothing to start (MMIO-DEV-004); needs a device built so."""
    info = await rig.transport.query()
    expect(info.placeholder, True, "placeholder")
    with work.expect_error(UnknownDeviceType):
        await rig.start(RngDriver)
