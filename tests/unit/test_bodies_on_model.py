# SPDX-License-Identifier: Apache-2.0
"""Every test body on the model of every configuration that it suits: no simulator, no waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from cocotbext.virtio.check.description import load
from cocotbext.virtio.model_bench import run
from tests.bodies import every_body, reference
from tests.bodies.judged import check_driver, on_purpose
from tests.bodies.model_rig import ModelRig
from tests.bodies.rig import EVERY, Body
from tests.check.__main__ import select
from tests.sim.configs import CONFIGS, ROOT
from virtio_model import Rng
from virtio_model.spec import Feature, features
from virtio_model.status import DeviceStatus

BODIES = every_body()
#: The rules on drivers that each body broke, of those bodies that have run, and how many runs there were.
BROKEN: defaultdict[str, set[str]] = defaultdict(set)
RAN: list[str] = []
#: Bodies for block devices with all features.
NEED_ALL_FEATURES = [body.name for body in BODIES if body.name.startswith("blk_features.")]
#: Bodies for devices that are built to be refused or read-only, and the configurations to run them on.
SPECIAL = {
    "identity.unknown_device_type": ("unknown_id",),
    "identity.mismatching_device_type": ("net_id",),
    "identity.unsupported_version": ("bad_version",),
    "identity.placeholder": ("placeholder",),
    "blk.read_only_disk": ("blk_ro",),
    **dict.fromkeys(NEED_ALL_FEATURES, ("blk_full",)),
    "faults.address_above_the_bus": ("rng_addr32",),
    "queues.areas_above_the_bus_are_refused": ("rng_addr32",),
}
PACKED = ("rng_packed", "blk_packed")
SPLIT = ("rng_split", "rng_split_wrap", "blk_split", *PACKED)
#: Where what any device can show is shown: at length on these two types, once on each further one.
GENERAL = ("rng", "rng_wrap", "rng_oddsize", "rng_addr32", "blk", "blk_wrap", "blk_one_queue", "blk_full", *SPLIT)
ORDINARY = GENERAL
GENERAL += ("net", "console", "input")
ORDINARY += ("console", "console128_split", "console512_packed", "input", "input128_split", "input512_packed")
ORDINARY += ("checksum", "checksum512_packed")
ORDINARY += ("net", "net_mq", "net_plain", "net_split", "net_packed128")
#: Themes for devices with features that others do not have.
THEMES = {
    "features": (*SPLIT, "net_split", "console128_split", "input512_packed"),
    "packed": (*PACKED, "net_packed128", "console512_packed", "input512_packed"),
}


def configs(body: Body) -> tuple[str, ...]:
    """The configurations that a body runs on, if they are of its devices."""
    general = GENERAL if body.devices == frozenset(EVERY) else ORDINARY
    return SPECIAL.get(body.name, THEMES.get(body.name.partition(".")[0], general))


def runs() -> Iterator[Any]:
    """Each body with each of its cases on each configuration."""
    for body in BODIES:
        for config in configs(body):
            if reference.device_type(CONFIGS[config]) in body.devices:
                for case in body.cases or ("",):
                    yield pytest.param(body, config, case, id="-".join(filter(None, (body.name, case, config))))


@pytest.mark.parametrize(("body", "config", "case"), list(runs()))
def test_body(body: Body, config: str, case: str) -> None:
    async def whole(rig: ModelRig) -> None:
        await body(rig, *([case] if case else []))
        await rig.finish(body.used)

    rig = ModelRig(CONFIGS[config], seed=1)
    run(whole(rig))
    verdicts = rig.driver_checker.verdicts
    check_driver(rig.driver_checker, body.name)
    RAN.append(body.name)
    BROKEN[body.name] |= {rule for rule, verdict in verdicts.items() if verdict.findings}


class PartialRig(ModelRig):
    """A rig on an entropy device that gives so many bytes at once and no more, as the standard lets it."""

    exact = False

    def __init__(self, most: int) -> None:
        super().__init__(CONFIGS["rng_addr32"], seed=1)
        assert isinstance(self.device.function, Rng)
        self.device.function.request_max = most


class LateRig(ModelRig):
    """A rig on a device of which nothing leaves before it was looked for twice."""

    patience = 3
    looked = 0

    def frames_sent(self) -> list[bytes]:
        self.looked += 1
        return super().frames_sent() if self.looked > 2 else []

    def given_out(self) -> list[int]:
        self.looked += 1
        return super().given_out() if self.looked > 2 else []


@pytest.mark.parametrize(("name", "config"), [("net.frames_are_sent", "net"), ("console.bytes_are_sent", "console")])
def test_what_is_sent_may_leave_late(name: str, config: str) -> None:
    body = next(body for body in BODIES if body.name == name)
    rig = LateRig(CONFIGS[config], seed=1)
    run(body(rig))
    assert rig.looked >= 3


@pytest.mark.parametrize("name", ["negotiation.every_subset_is_accepted", "reset.at_any_cycle"])
def test_a_device_may_insist_on_its_platform(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may refuse a driver that does not accept ACCESS_PLATFORM or ORDER_PLATFORM (RSVD-DEV-004, 006)."""
    wanted = features(Feature.VERSION_1, Feature.ACCESS_PLATFORM, Feature.ORDER_PLATFORM)
    insists = property(lambda status: not wanted & ~status.driver_features)
    monkeypatch.setattr(DeviceStatus, "_acceptable", insists)
    rig = ModelRig(CONFIGS["rng_split"], seed=1)
    rig.exact = False
    run(next(body for body in BODIES if body.name == name)(rig))


def test_entropy_may_come_in_part() -> None:
    """All that an entropy device of other people is judged by takes one that does not fill its buffers."""
    device = load(ROOT / "tests" / "hdl" / "foreign" / "tiny_rng.toml")
    bodies = {body.name: body for body in BODIES}
    for name in select(device, "")[0]:
        body, _, case = name.partition("/")

        async def whole(rig: ModelRig, body: Body = bodies[body], case: str = case) -> None:
            await body(rig, *([case] if case else []))
            await rig.finish(body.used)

        run(whole(PartialRig(20)))


def test_bodies_break_what_they_are_said_to() -> None:
    if len(RAN) < len(list(runs())):
        pytest.skip("only known when all bodies have run")
    for name, rules in on_purpose().items():
        seen = set().union(*(BROKEN[body] for body in BROKEN if body == name or body.partition(".")[0] == name))
        assert rules <= seen, f"{name}: {rules - seen}"


def test_general_bodies_run_on_every_type() -> None:
    general = [body for body in BODIES if body.devices == frozenset(EVERY) and body.name not in SPECIAL]
    assert len(general) > 80
    for body in general:
        assert {reference.device_type(CONFIGS[config]) for config in configs(body)} == set(EVERY), body.name


def test_special_bodies_exist() -> None:
    assert {body.name for body in BODIES} >= set(SPECIAL)
    assert len(BODIES) > 80
