# SPDX-License-Identifier: Apache-2.0
"""The list of what does not run on a board: complete, and nothing in it without need."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from cocotbext.virtio.errors import VirtioError
from cocotbext.virtio.model_bench import run
from tests.board import left_out
from tests.board.rig import NoFaults, NoPowers, NotOnBoard
from tests.bodies import every_body
from tests.bodies.model_rig import ModelRig
from tests.sim.configs import CONFIGS
from virtio_model.spec import DESC_BYTES, BlkFeature, DeviceType, NetFeature, features

from .test_bodies_on_model import runs

#: Powers that a rig is asked for; what else is in the list is judged by hand.
POWERS = (
    "faults",
    "fail_sector",
    "fail_flushes",
    "unmapped",
    "slow_down",
    "set_capacity",
    "image",
    "write_and_read",
    "malform",
    "power_cycle",
    "inject",
    "set_link",
    "set_mac",
    "frames_sent",
    "give",
    "set_port",
    "set_size",
    "set_level",
    "given_out",
)
#: Shorter delays than this are a matter of clock cycles, in ns.
CYCLES_NS = 500


class _Watched(NoFaults):
    """Notes who lets the device go where no memory is."""

    def __init__(self, asked: set[str]) -> None:
        super().__init__()
        self._asked = asked

    def __setattr__(self, name: str, value: object) -> None:
        if name == "allow_unmapped" and value:
            self._asked.add("wild")
        super().__setattr__(name, value)


class _Probe(NoPowers, ModelRig):
    """The model without the simulator's powers; keeps what a body asks for that only a simulator has.

    That is powers, "cycles" for short delays, and "wild" for buffers that are not all memory: a descriptor of one, or
    leave to go there.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: set[str] = set()
        self.faults = _Watched(self.asked)
        self._write = self.memory.write
        self.memory.write = self._watch  # type: ignore[method-assign]

    async def delay(self, ns: int) -> None:
        if ns < CYCLES_NS:
            self.asked.add("cycles")
        await super().delay(ns)

    def _watch(self, address: int, data: bytes) -> None:
        layouts = (queue.layout for queue in self.transport.queues.values())
        if len(data) == DESC_BYTES and any(0 <= address - x.desc_addr < x.desc_bytes for x in layouts):
            start, length = (int.from_bytes(part, "little") for part in (data[:8], data[8:12]))
            if length and not any(region.holds(start, length) for region in self.memory.regions):
                self.asked.add("wild")
        self._write(address, data)


@pytest.fixture(scope="module")
def asked() -> dict[str, set[str]]:
    """What each body asked for, up to the first power that it did not get."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for parameters in runs():
        body, config, case = parameters.values
        rig = _Probe(CONFIGS[config], seed=1)

        async def whole(rig: _Probe = rig, body: Any = body, case: str = case) -> None:
            await body(rig, *([case] if case else []))
            await rig.finish(body.used)

        try:
            run(whole())
        except NotOnBoard as error:
            rig.asked.add(error.power)
        found[body.name] |= rig.asked
    return found


def test_powers_are_complete_and_needed(asked: dict[str, set[str]]) -> None:
    listed = {name: power for power in POWERS for name in left_out.LEFT_OUT[power]}
    assert {name for name, powers in asked.items() if powers & set(POWERS)} == set(listed)
    for name, power in listed.items():
        assert power in asked[name], name


def test_cycles_are_asked_for(asked: dict[str, set[str]]) -> None:
    assert all("cycles" in asked[name] for name in left_out.LEFT_OUT["cycles"])


def test_every_entry_is_a_body_with_one_reason() -> None:
    names = [name for names in left_out.LEFT_OUT.values() for name in names]
    assert len(names) == len(set(names))
    assert {body.name for body in every_body()} >= set(names)
    assert left_out.LEFT_OUT.keys() == left_out.REASONS.keys()
    assert set(left_out.LEFT_OUT) == {*POWERS, "regions", "cycles", "bus", "odd", "wild"}


def test_why() -> None:
    bodies = {body.name: body for body in every_body()}
    blk_features = left_out.THEMES["blk_features"][1]
    assert left_out.why(bodies["rings.indices_wrap"], 0) == ""
    assert "DMA" in left_out.why(bodies["reset.memory_that_never_answers"], 0, named=True)
    assert "TEST=" in left_out.why(bodies["faults.malformed_chain"], 0)
    assert left_out.why(bodies["faults.malformed_chain"], 0, named=True) == ""
    assert left_out.why(bodies["blk_features.discarded"], blk_features) == ""
    for name in left_out.WRITERS:
        assert "read-only" in left_out.why(bodies[name], features(BlkFeature.RO))
        assert left_out.why(bodies[name], features(NetFeature.MAC), device_id=DeviceType.NET) == ""
    assert left_out.why(bodies["blk_features.discarded"], blk_features & ~features(BlkFeature.MQ)).endswith(": MQ")


def test_wild_bodies_are_those_with_buffers_beyond_memory(asked: dict[str, set[str]]) -> None:
    wild = {name for name, what in asked.items() if "wild" in what}
    assert wild - set(left_out.LEFT_OUT["bus"]) == set(left_out.LEFT_OUT["wild"])


def test_writers_fail_on_a_read_only_disk() -> None:
    parameters = CONFIGS["blk_ro"]
    offered = ModelRig(parameters).device.device_features
    failed: set[str] = set()
    for body in every_body():
        for case in body.cases or ("",) if DeviceType.BLK in body.devices else ():
            if body.name not in left_out.WRITERS and left_out.why(body, offered):
                continue
            try:
                run(body(ModelRig(parameters, seed=1), *([case] if case else [])))
            except (AssertionError, VirtioError):
                failed.add(body.name)
    assert failed == set(left_out.WRITERS)
