# SPDX-License-Identifier: Apache-2.0
"""Test bodies on a device of other people, in the simulator: one cocotb test a body of $VIRTIO_BODIES."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import cocotb

from cocotbext.virtio.bench import DriverT
from cocotbext.virtio.check.description import Description, load
from cocotbext.virtio.drivers import BlkDriver
from cocotbext.virtio.errors import ChainTooLong, QueueFull, QueueNotAvailable
from cocotbext.virtio.events import DmaRead, Event
from cocotbext.virtio.identity import QueueRequest
from cocotbext.virtio.scoreboard import Scoreboard
from cocotbext.virtio.sim.timing import Timing
from cocotbext.virtio.violation import ScoreboardError
from virtio_model import Blk, Console, DeviceFunction, EventPort, Input, MemoryStorage, Net, Port, Rng, Wire
from virtio_model.spec import SECTOR, BlkFeature, DeviceType, NetFeature, Reg, features

from ..bodies import every_body, work
from ..bodies.rig import Body
from ..conformance.record import FAILED, NOT_APPLICABLE, PASSED, WEDGED, Finding
from ..sim.harness import SimRig
from .left_out import READ_BACK
from .verdict import Verdict, begin, end

DEVICE: Description = load(Path(os.environ["VIRTIO_DESCRIPTION"]))
LAST_CYCLES = 8
#: A device of other people is idle when it has done nothing for so many cycles: a long frame may leave byte by byte.
QUIET = 2000
#: How often it is looked, when a device has become idle, whether an interrupt that is due has come.
IRQ_LOOKS = 80
#: What test bodies take a queue to have at least.
ENTRIES = 64


def function_of(device: Description, storage: MemoryStorage) -> DeviceFunction:
    """The model of a device's type, with the features and configuration that the description expects."""
    if device.device_type == DeviceType.RNG:
        return Rng(bytes, request_max=(1 << 32) - 1)
    if device.device_type == DeviceType.NET:
        return _net(device)
    if device.device_type == DeviceType.CONSOLE:
        console = Console(Port(), **device.config)
        console.device_features = device.features
        return console
    if device.device_type == DeviceType.INPUT:
        return Input(EventPort(), device.window)
    fields: dict[str, Any] = {"seg_max": 0, "size_max": 0, "blk_size": 0, **device.config}
    read_only = bool(device.features & features(BlkFeature.RO))
    blk = Blk(storage, read_only=read_only, serial=device.serial, **fields)
    blk.device_features = device.features
    return blk


def _net(device: Description) -> Net:
    net = Net(
        Wire(),
        bytes.fromhex(device.config["mac"].replace(":", "")),
        mtu=device.config.get("mtu", 1500),
        queue_pairs=device.config.get("max_virtqueue_pairs", 1),
        ctrl_vq=bool(device.features & features(NetFeature.CTRL_VQ)),
    )
    net.device_features = device.features
    return net


class ForeignRig(SimRig):
    """A rig on a device of other people: judged by what the standard demands, and on to the end whatever it does.

    The description's hook is started with it.
    """

    exact = False
    patience = 20

    #: The model's storage; it goes on from test to test, as the device's does.
    kept: MemoryStorage | None = None

    @classmethod
    def judge(cls, given: Mapping[str, int]) -> tuple[Scoreboard, MemoryStorage]:
        if ForeignRig.kept is None:
            ForeignRig.kept = MemoryStorage(0)
            content = DEVICE.storage()
            ForeignRig.kept.resize(DEVICE.sectors)
            for sector in range(DEVICE.sectors):
                ForeignRig.kept.write(sector, content[sector * SECTOR : (sector + 1) * SECTOR])
        lockstep = Scoreboard(
            function_of(DEVICE, ForeignRig.kept),
            strict=False,
            fail_fast=False,
            entropy_observed=False,
            bus_bytes=DEVICE.memory.data_width // 8,
            net_store_bytes=DEVICE.store_bytes,
            store_events=DEVICE.store_events,
            waived=DEVICE.waived,
            learned=() if DEVICE.vendor_id is not None else (Reg.VENDOR_ID,),
            device_features=DEVICE.features,
            num_queues=len(DEVICE.queue_size_max),
            queue_size_max=(DEVICE.queue_size_max[0], DEVICE.queue_size_max[-1]),
            device_id=DEVICE.device_id,
            vendor_id=DEVICE.vendor_id or 0,
            address_width=DEVICE.memory.address_width,
        )
        return lockstep, ForeignRig.kept

    @classmethod
    async def build(cls, dut: Any, timing: str | Timing, seed: int | None = None, **options: Any) -> SimRig:
        rig = await super().build(dut, timing, seed, **options)
        if DEVICE.hook:
            cocotb.start_soon(_hook()(dut))
        return rig

    def size_of_queue(self, size: int) -> int:
        # Split queues have a power of two of entries (2.7); that any other number does is a promise of our own device.
        return 1 << size.bit_length() - 1

    async def start(
        self,
        driver: type[DriverT] | DriverT,
        queues: Iterable[int | QueueRequest] | None = None,
        size: int | None = None,
        start_index: int = 0,
        **options: Any,
    ) -> DriverT:
        wanted = [QueueRequest(q, size, start_index) if isinstance(q, int) else q for q in queues or ()]
        even = [replace(q, size=self.size_of_queue(q.size)) if q.size else q for q in wanted]
        return await super().start(driver, even if queues is not None else None, size, start_index, **options)

    async def finish(self, min_used: int = 1) -> None:
        # A small queue takes fewer requests at once than a body was written for.
        await super().finish(min(min_used, 1 + min(DEVICE.queue_size_max) // 4))

    quiet_cycles = QUIET

    def is_work(self, event: Event) -> bool:
        # A device may look for new chains all the time, instead of waiting for a notification (2.7.13.3).
        return super().is_work(event) and not (isinstance(event, DmaRead) and self.lockstep.reads_rings(event))

    async def _become_quiet(self) -> None:
        await super()._become_quiet()
        for _ in range(IRQ_LOOKS):  # a driver that polls may be done long before the last interrupt
            if not self.lockstep.interrupt_due:
                return
            await super()._become_quiet()

    async def _whole(self, body: Body, *arguments: Any) -> None:
        try:
            await super()._whole(body, *arguments)
        except Exception:
            await self.cycles(LAST_CYCLES)  # what the driver has just seen has yet to reach the tap
            raise

    def image(self) -> bytes:
        """The disk as it has to be; whether it is so, `read_back` sees."""
        return b"".join(self.storage.read(sector) for sector in range(self.storage.capacity))

    def _explain(self, error: Exception) -> Exception:
        """What was seen broken. What is merely left over counts only where the device has had its time."""
        if isinstance(error, TimeoutError):
            return super()._explain(error)
        try:
            self.collect()
            self.lockstep.check()
        except ScoreboardError as verdict:
            return verdict
        return error


def read_back(body: Body) -> Body:
    """A body that in the end reads the whole disk, for the scoreboard to compare."""

    @wraps(body.function)
    async def run(rig: ForeignRig, *arguments: Any) -> None:
        await body.function(rig, *arguments)
        driver = await work.start_as(rig, BlkDriver)
        for sector in range(DEVICE.sectors):
            await driver.read(sector, 1)

    return replace(body, function=run, limit_us=body.limit_us + 100 * DEVICE.sectors)


def verdict_of(name: str, error: Exception, rig: ForeignRig | None) -> Verdict:
    """What an error that ended a body says of the device; without a rig the bench did not come that far."""
    if isinstance(error, QueueNotAvailable) and error.index >= len(DEVICE.queue_size_max):
        return Verdict(name, NOT_APPLICABLE, f"asks for queue {error.index}, of {len(DEVICE.queue_size_max)}")
    smallest = min(DEVICE.queue_size_max)
    if isinstance(error, QueueFull | ChainTooLong) and smallest < ENTRIES:
        return Verdict(name, NOT_APPLICABLE, f"wants more descriptors at once than a queue of {smallest} has: {error}")
    if isinstance(error, ScoreboardError):
        broken_with = rig.broken_with if rig is not None else {}
        findings = tuple(
            Finding(first.rule, str(first), count, broken_with.get(first.rule, 0)) for first, count in error.violations
        )
        cause = error.__cause__
        hung = isinstance(cause, TimeoutError)
        return Verdict(name, WEDGED if hung else FAILED, f"{type(cause).__name__}: {cause}" if cause else "", findings)
    text = f"{type(error).__name__}: {error}"
    return Verdict(name, WEDGED if isinstance(error, TimeoutError) else FAILED, text)


def _declare(name: str, body: Body) -> Any:
    arguments = name.split("/")[1:]

    async def run(dut: Any) -> None:
        if _stopped:
            return
        begin(name)
        rig: ForeignRig | None = None
        try:
            built = await ForeignRig.build(dut, "light")
            assert isinstance(built, ForeignRig)
            rig = built
            await rig.run(body, *arguments)
        except Exception as error:
            verdict = verdict_of(name, error, rig)
        else:
            verdict = Verdict(name, PASSED)
        if rig is not None:
            around = tuple(map(str, rig.around)) if verdict.findings else ()
            verdict = replace(verdict, reached=rig.rules_reached(), around=around)
        end(verdict)
        # What the device keeps over a reset, and the model, may be different from now on.
        _stopped.extend([name] if verdict.verdict in (FAILED, WEDGED) else [])

    return cocotb.test(name=name.replace("/", "_").replace(".", "_"))(run)


def _hook() -> Any:
    file, _, function = DEVICE.hook.partition(":")
    spec = importlib.util.spec_from_file_location("device_hook", DEVICE.path.parent / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


_stopped: list[str] = []
_BODIES = {body.name: read_back(body) if body.name in READ_BACK else body for body in every_body()}
for _name in json.loads(os.environ.get("VIRTIO_BODIES", "[]")):
    globals()[f"test_{_name}"] = _declare(_name, _BODIES[_name.split("/")[0]])
