# SPDX-License-Identifier: Apache-2.0
"""Feature negotiation (2.2, 3.1.1): what is accepted, what is refused, and that it stays so."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cocotbext.virtio.errors import FeatureNegotiationFailed
from cocotbext.virtio.interfaces import RegisterBus
from virtio_model.spec import Feature, Reg, Status, features

from . import work
from .rig import Rig, body
from .work import NEGOTIATED, expect

#: Of more bits than this not all subsets are tried, but so many random ones.
_MANY_BITS = 12
_SOME = 500
_STARTED = Status.ACKNOWLEDGE | Status.DRIVER
_VERSION_1 = features(Feature.VERSION_1)


async def _negotiate(rig: Rig, word: int) -> Status:
    """Reset, accept `word`, set FEATURES_OK; what Status reads then."""
    await rig.reset_device()
    await rig.bus.write(Reg.STATUS, Status.ACKNOWLEDGE)
    await rig.bus.write(Reg.STATUS, _STARTED)
    await work.accept_features(rig, word)
    return await work.write_status(rig, NEGOTIATED)


@body()
async def offered_features_are_accepted(rig: Rig) -> None:
    """The driver's choice stands, and the device works with it (FEAT-DEV-002)."""
    driver = await work.start(rig)
    expect(rig.transport.accepted, driver.features, "accepted features")
    expect(driver.features & ~rig.transport.offered, 0, "features accepted but not offered")
    expect(await work.status(rig), work.LIVE, "Status")
    await work.serve(rig, 1)


@body(used=0)
async def every_subset_is_accepted(rig: Rig) -> None:
    """Any choice among the offered bits that includes what a device may insist on is accepted (FEAT-DEV-002)."""
    offered = await work.offered_features(rig)
    kind = await work.driver_class(rig)
    always = work.insisted_on(rig, offered)
    for subset in _subsets(kind.consistent(offered) & ~always, rig.rng):
        if kind.consistent(subset) == subset:
            expect(await _negotiate(rig, subset | always), NEGOTIATED, f"Status with features {subset | always:#x}")


@body(used=0)
async def each_unoffered_bit_is_refused(rig: Rig) -> None:
    """One bit too many and FEATURES_OK stays clear; without it the next attempt succeeds (FEAT-DEV-003, HOST-072)."""
    offered = await work.offered_features(rig)
    for bit in range(64):
        if offered >> bit & 1:
            continue
        expect(await _negotiate(rig, offered | 1 << bit), _STARTED, f"Status with feature bit {bit}")
        await work.accept_features(rig, offered)
        expect(await work.write_status(rig, NEGOTIATED), NEGOTIATED, f"Status without feature bit {bit}")


@body()
async def missing_version_1_is_refused(rig: Rig) -> None:
    """A legacy driver is refused, and DRIVER_OK has no effect then (RSVD-DEV-002, HOST-074)."""
    offered = await work.offered_features(rig)
    expect(await _negotiate(rig, offered & ~_VERSION_1), _STARTED, "Status without VERSION_1")
    expect(await work.write_status(rig, work.LIVE), _STARTED, "Status after DRIVER_OK without FEATURES_OK")
    await work.start(rig)
    await work.serve(rig, 1)


@body(used=0)
async def words_beyond_the_second_are_refused(rig: Rig) -> None:
    """Feature words 2 and up do not alias words 0 and 1; non-zero ones are refused (FEAT-DEV-003, HOST-075)."""
    offered = await work.offered_features(rig)
    for select in (2, 3, 0x10000, 0x8000_0001, work.WORD):
        for word, expected in ((0, NEGOTIATED), (1, _STARTED), (0x8000_0000, _STARTED)):
            await rig.reset_device()
            await rig.bus.write(Reg.STATUS, _STARTED)
            await work.accept_features(rig, offered)
            await rig.bus.write(Reg.DRIVER_FEATURES_SEL, select)
            await rig.bus.write(Reg.DRIVER_FEATURES, word)
            expect(await work.write_status(rig, NEGOTIATED), expected, f"Status with {word:#x} in word {select:#x}")


@body()
async def driver_reports_the_refusal(rig: Rig) -> None:
    """The driver sees FEATURES_OK clear, sets FAILED and raises what was offered and accepted (3.1.1, 2.1.1)."""
    with work.expect_error(FeatureNegotiationFailed) as caught:
        await work.start(rig, accept=lambda offered: offered | 1 << 63)
    expect(caught[0].accepted, caught[0].offered | 1 << 63, "accepted features in the error")
    expect(bool(await work.status(rig) & Status.FAILED), True, "FAILED")
    await work.start(rig)
    await work.serve(rig, 1)


@body()
async def frozen_after_features_ok(rig: Rig) -> None:
    """Features written after FEATURES_OK are ignored; the device goes on with what was negotiated (HOST-073)."""
    await work.start(rig)
    for word in (work.WORD | work.WORD << 32, 0):
        await work.accept_features(rig, word)
        await rig.bus.write(Reg.DRIVER_FEATURES_SEL, 2)
        await rig.bus.write(Reg.DRIVER_FEATURES, 1)
        expect(await work.write_status(rig, work.LIVE), work.LIVE, "Status")
        await work.serve(rig, 2)


@body()
async def negotiates_again_after_a_reset(rig: Rig) -> None:
    """What was accepted once is accepted again, and nothing of a refused attempt is left (FEAT-DEV-005)."""
    for _ in range(3):
        driver = await work.start(rig)
        await work.serve(rig, 1)
        features_before = driver.features
        await _negotiate(rig, work.WORD | work.WORD << 32)
        driver = await work.start(rig)
        expect(driver.features, features_before, "accepted features")


class _WithoutAcknowledge:
    """Never sets ACKNOWLEDGE."""

    def __init__(self, bus: RegisterBus) -> None:
        self._bus = bus

    async def read(self, offset: int, size: int = 4) -> int:
        return await self._bus.read(offset, size)

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        if offset == Reg.STATUS and value:
            value &= ~Status.ACKNOWLEDGE
            if not value:
                return
        await self._bus.write(offset, value, size)


@body()
async def driver_without_acknowledge(rig: Rig) -> None:
    """Status 0, 2, 0xA, 0xE, as U-Boot has it, works (HOST-069)."""
    bus = rig.transport.bus
    rig.transport.bus = _WithoutAcknowledge(bus)
    await work.start(rig)
    expect(await work.status(rig), work.LIVE & ~Status.ACKNOWLEDGE, "Status")
    await work.serve(rig, 1)
    rig.transport.bus = bus


def _subsets(word: int, rng: random.Random) -> Iterator[int]:
    """All subsets; of very many bits all, none, each one alone, all but each one, and some."""
    if word.bit_count() > _MANY_BITS:
        bits = [1 << bit for bit in range(64) if word >> bit & 1]
        yield from (word, 0, *bits, *(word & ~bit for bit in bits))
        yield from (word & rng.getrandbits(64) for _ in range(_SOME))
        return
    subset = word
    while True:
        yield subset
        if not subset:
            return
        subset = (subset - 1) & word
