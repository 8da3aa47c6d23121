# SPDX-License-Identifier: Apache-2.0
"""Test bodies on a simulated device: bench, tap and scoreboard for the configuration named in the environment."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, select

from cocotbext.virtio.driver_rules import DriverChecker, from_events
from cocotbext.virtio.events import DmaRead, DmaWrite, Event, FrameSent, PortOut
from cocotbext.virtio.reached import Reached, transport_features
from cocotbext.virtio.scoreboard import Scoreboard
from cocotbext.virtio.sim.bench import PERIOD_NS, SimBench
from cocotbext.virtio.sim.tap import Tap
from cocotbext.virtio.sim.timing import Timing
from cocotbext.virtio.violation import ScoreboardError
from virtio_model import Console, MemoryStorage, Net
from virtio_model.spec import SECTOR

from ..bodies import reference
from ..bodies.judged import check_driver
from ..bodies.rig import MALFORMED, Body, Rig
from ..conformance import record
from ..example.checksum import Checksum
from . import configs, failure_times

#: How often, in cycles, the scoreboard is given what the tap saw.
FEED_CYCLES = 5000
#: How many events before a violation are kept to be shown with it, and how many after it.
RECENT = 20
AFTERWARDS = 5
#: A device is idle when its memory bus has been so for this many cycles.
QUIET_CYCLES = 150
#: The same of a network device: the longest frame may leave over the narrowest bus meanwhile.
QUIET_CYCLES_NET = 1000
QUIET_ATTEMPTS = 1000
#: How often it is looked whether a frame has been taken, at intervals of about a quarter of its length.
INJECT_ATTEMPTS = 2000
#: Items that tb/hdl/virtio_port_end.sv takes at once.
PORT_ITEMS = 64
#: Value of the knob store_error_sector when no sector fails.
NO_SECTOR = (1 << 64) - 1
#: The same when flushes fail.
FLUSHES = NO_SECTOR - 1
TIMINGS = configs.TIMINGS

_log = logging.getLogger("virtio.harness")


class LostSight(AssertionError):
    """Of queues it was not known any more what the device was doing, although the test does nothing odd: once may be
    a coincidence, when a driver uses places again before the device's last response has been seen.
    """


class NotIdle(AssertionError):
    """The device goes on accessing memory although nothing is outstanding."""


def parameters() -> Mapping[str, int]:
    """The HDL parameters of this simulation, as the runner passes them on."""
    return dict(json.loads(os.environ.get("VIRTIO_PARAMETERS", "{}")))


def disk_image() -> bytes:
    """The disk file as it is now, whole sectors of it; empty if there is none."""
    path = os.environ.get("VIRTIO_DISK")
    content = Path(path).read_bytes() if path else b""
    return content[: len(content) // SECTOR * SECTOR]


def resize(storage: MemoryStorage, sectors: int) -> None:
    """Change the size of the scoreboard's disk; what is new holds what the disk file does, or 0 beyond its end."""
    image, first = disk_image(), storage.capacity
    bad_sectors, storage.bad_sectors = storage.bad_sectors, set()
    storage.resize(sectors)
    for sector in range(first, min(sectors, len(image) // SECTOR)):
        storage.write(sector, image[sector * SECTOR : (sector + 1) * SECTOR])
    storage.bad_sectors = bad_sectors


class SimRig(SimBench, Rig):
    """A rig on a simulated device. Everything seen on its pins goes through the scoreboard."""

    tap: Tap
    lockstep: Scoreboard
    storage: MemoryStorage
    net: Net | None
    seen: Counter[type]
    sent: list[bytes]
    items: list[int]
    driver_checker: DriverChecker
    #: Whether a body fails for what the driver does; not on a device that may have led it there.
    judges_driver = False
    quiet_cycles = QUIET_CYCLES
    #: What holds the sectors of the scoreboard's disk.
    storage_type: type[MemoryStorage] = MemoryStorage
    #: A clock edge: its number as the tap counts, and its simulated time in ns.
    edge: tuple[int, int]

    reached: Reached
    recent: deque[Event]
    around: list[Event]
    broken_with: dict[str, int]

    @classmethod
    async def build(cls, dut: Any, timing: str | Timing, seed: int | None = None, **options: Any) -> SimRig:
        """Reset the device, with tap and scoreboard in place before that. `seed` is cocotb's own by default.

        `options` go to `SimBench.create`.
        """
        given = parameters()
        lockstep, storage = cls.judge(given)
        function = lockstep.model.function
        tap = Tap(dut.u_tap, lockstep.report)
        native = dut.g_native if given.get("NativeBuses", 1) else None
        rig = await cls.create(dut, seed=seed, timing=timing, native=native, **options)
        assert isinstance(rig, cls)
        rig.tap, rig.lockstep, rig.storage, rig.seen = tap, lockstep, storage, Counter()
        rig.sent, rig.items = [], []
        rig.reached, rig.recent, rig.around = Reached(lockstep), deque(maxlen=RECENT), []
        rig.broken_with = {}
        rig.driver_checker = DriverChecker()
        rig.net = function if isinstance(function, Net) else None
        # Each test has a clock of its own phase; the bench has just come to half a period after an edge.
        rig.edge = (tap.cycle, rig.now_ns() - PERIOD_NS // 2)
        rig.scoreboard = lockstep
        if os.environ.get("VIRTIO_COVERAGE"):
            from ..coverage.points import Points  # what it needs is there only for `make coverage`

            lockstep.attach(Points(lockstep.model.function.device_type, len(dut.m_axi_wstrb)))
        rig.sync_hooks.append(rig.collect)
        rig.index_init = given.get("IndexInit", 0)
        rig.bus_bytes = len(dut.m_axi_wstrb)
        rig.address_width = len(dut.m_axi_awaddr)
        return rig

    @classmethod
    def judge(cls, given: Mapping[str, int]) -> tuple[Scoreboard, MemoryStorage]:
        """The scoreboard for a device with these HDL parameters, and the storage of its model."""
        storage = cls.storage_type(0)
        resize(storage, len(disk_image()) // SECTOR)
        function = reference.function(given, storage)
        lockstep = Scoreboard(
            function,
            flushes_observed=True,
            net_store_bytes=given.get("RxStoreBytes", 16384),
            bus_bytes=given.get("AxiDataWidth", 64) // 8,
            **reference.device_options(given, function),
        )
        return lockstep, storage

    async def run(self, body: Body, *arguments: Any) -> None:
        """Run a body to its verdict, and leave a record. Raises what it or, rather, what the scoreboard has to say."""
        name = "/".join((body.name, *map(str, arguments)))
        try:
            await select(self._whole(body, *arguments), self._watch(body))
        except ScoreboardError as verdict:
            self._note(verdict)
            self._leave(name, verdict)
            raise
        except Exception as error:
            explained = self._explain(error)
            self._note(explained)
            self._leave(name, explained, error)
            raise explained from error
        self._leave(name)

    def time_of(self, cycle: int) -> int:
        """The simulated time in ns of a clock edge of this test, counted as the tap does."""
        number, time_ns = self.edge
        return time_ns + (cycle - number) * PERIOD_NS

    async def finish(self, min_used: int = 1) -> None:
        if self.transport.live:
            await self.drain()
        await self._become_quiet()
        await super().finish(min_used)

    async def end(self, min_used: int = 1) -> None:
        """The end where the driver is somebody else's. Raises what went wrong."""
        await self._become_quiet()
        self.axi.view.check()
        self.lockstep.finish(min_used, self.tap.cycle)

    async def bus_reset(self) -> None:
        """As that of the bench, with a healthy and fast disk of its whole size, and so on."""
        self.set_knob("store_capacity", len(disk_image()) // SECTOR)
        self.set_knob("store_error_sector", NO_SECTOR)
        self.set_knob("store_latency", 0)
        self.set_knob("entropy_gap", 0)
        self.set_knob("link_up", 1)
        self.set_knob("mac_loop", 0)
        self.set_knob("mac_stall", 0)
        self.set_knob("mac_gap", 0)
        self.set_knob("port_stall", 0)
        self.set_knob("port_gap", 0)
        self.set_knob("cols", 80)
        self.set_knob("rows", 25)
        await super().bus_reset()

    def collect(self) -> list[Event]:
        """Let the scoreboard have what happened so far. Raises ScoreboardError."""
        events = self.tap.drain()
        self.seen.update(map(type, events))
        self.items += [event.value for event in events if isinstance(event, PortOut)]
        self.sent += [event.data for event in events if isinstance(event, FrameSent)]
        self.driver_checker.feed(from_events(events))
        for at, event in enumerate(events):
            self.recent.append(event)
            try:
                self.lockstep.feed(event)
            finally:
                if len(self.lockstep.violations) != len(self.broken_with):
                    self._note_broken(events[at + 1 : at + 1 + AFTERWARDS])
            self.reached.feed(event)
        return events

    def _note_broken(self, later: Sequence[Event]) -> None:
        """Keep the features with which a rule was broken first, and the events around the first violation of all."""
        word = transport_features(self.lockstep.model.driver_features)
        self.broken_with = {rule: self.broken_with.get(rule, word) for rule in self.lockstep.violations}
        self.around = self.around or [*self.recent, *later]

    def observed(self) -> Mapping[str, int]:
        counted = {f"{kind.__name__} seen on the pins": count for kind, count in self.seen.items()}
        return {"cycles": self.tap.cycle, "used elements seen by the scoreboard": self.lockstep.used_total, **counted}

    async def delay(self, ns: int) -> None:
        await self.cycles(max(1, ns // PERIOD_NS))

    async def power_cycle(self) -> None:
        await FallingEdge(self.dut.clk_i)
        if parameters().get("NativeBuses", 1):
            self.dut.g_native.u_memory.malform.value = 0  # what was asked for and has not happened
        await self.bus_reset()

    async def set_capacity(self, sectors: int) -> None:
        await self._reconfigure(lambda: resize(self.storage, sectors), store_capacity=sectors)

    async def fail_sector(self, sector: int | None) -> None:
        await self._catch_up()
        self.storage.bad_sectors = set() if sector is None else {sector}
        await self._turn(store_error_sector=NO_SECTOR if sector is None else sector)

    async def fail_flushes(self, fail: bool) -> None:
        await self._catch_up()
        self.storage.flush_fails = fail
        await self._turn(store_error_sector=FLUSHES if fail else NO_SECTOR)

    def unmapped(self) -> int:
        return int(self.dut.u_dut.g_blk.u_store.unmapped.value)

    async def slow_down(self, cycles: int) -> None:
        await self._turn(store_latency=cycles, entropy_gap=cycles)

    async def inject(self, frame: bytes, bad: bool = False, count: int = 1) -> None:
        mac = self.dut.u_dut.g_net.u_mac
        await FallingEdge(self.dut.clk_i)
        number = int(mac.inject_number.value) + 1
        mac.inject_data.value = int.from_bytes(frame, "little")
        mac.inject_len.value = len(frame)
        mac.inject_bad.value = int(bad)
        mac.inject_count.value = count
        mac.inject_number.value = number
        for _ in range(INJECT_ATTEMPTS):
            await self.cycles(count * len(frame) // self.bus_bytes // 4 + 8)
            if int(mac.inject_done.value) == number:
                return
        raise TimeoutError(f"frame of {len(frame)} bytes: expected to be taken from the MAC, seen it waiting")

    async def set_link(self, up: bool) -> None:
        await self._reconfigure(lambda: setattr(self.net, "link_up", up), link_up=int(up))

    async def set_mac(self, loop: bool = False, stall: bool = False, gap: int = 0) -> None:
        await self._turn(mac_loop=int(loop), mac_stall=int(stall), mac_gap=gap)

    def frames_sent(self) -> list[bytes]:
        self.collect()
        return self.sent

    async def give(self, items: Sequence[int], wait: bool = True) -> None:
        end = self.dut.u_dut.g_port.u_end
        for first in range(0, len(items), PORT_ITEMS):
            part = items[first : first + PORT_ITEMS]
            await self._taken(end)
            await FallingEdge(self.dut.clk_i)
            end.give_data.value = sum(item << 64 * at for at, item in enumerate(part))
            end.give_count.value = len(part)
            end.give_number.value = int(end.give_number.value) + 1
            if wait:
                await self.cycles(1)
                await self._taken(end)

    async def _taken(self, end: Any) -> None:
        """Wait until the end of the port has given the device its items."""
        for _ in range(INJECT_ATTEMPTS):
            if end.give_done.value == end.give_number.value:
                return
            await self.cycles(PORT_ITEMS)
        raise TimeoutError("items for the port: expected to be taken, seen them waiting")

    async def set_port(self, stall: bool = False, gap: int = 0) -> None:
        await self._turn(port_stall=int(stall), port_gap=gap)

    async def set_size(self, cols: int, rows: int) -> None:
        console = self.lockstep.model.function
        assert isinstance(console, Console)
        await self._reconfigure(lambda: console.resize(cols, rows), cols=cols, rows=rows)

    async def set_level(self, level: int) -> None:
        own = self.lockstep.model.function
        assert isinstance(own, Checksum)
        await self._reconfigure(lambda: own.set_level(level), cols=level & 0xFFFF, rows=level >> 16)

    def given_out(self) -> list[int]:
        self.collect()
        return self.items

    async def write_and_read(self, offset: int, value: int, **held: int) -> int:
        return await self.registers.write_and_read(offset, value, held)

    def malform(self, kind: str) -> None:
        self.collect()
        self.lockstep.memory_misbehaves(self.tap.cycle)
        self.dut.g_native.u_memory.malform.value = MALFORMED.index(kind) + 1

    def image(self) -> bytes:
        return disk_image()

    async def _catch_up(self) -> None:
        """Let the scoreboard see what the driver has seen: a used idx may be in memory long before its response."""
        for _ in range(QUIET_ATTEMPTS):
            await self.sync()
            if not self.tap.open_transfers:
                return
        raise NotIdle("BENCH-QUIET bus expected without open transfers, seen them without end")

    async def _reconfigure(self, change: Callable[[], None], **knobs: int) -> None:
        """Change the configuration of the model and, by its knobs, that of the device."""
        await self._catch_up()
        change()
        self.lockstep.config_changed(self.tap.cycle)
        await self._turn(**knobs)

    async def _turn(self, **knobs: int) -> None:
        """Set knobs between two clock edges."""
        await FallingEdge(self.dut.clk_i)
        for name, value in knobs.items():
            self.set_knob(name, value)
        await self.cycles(2)

    async def _whole(self, body: Body, *arguments: Any) -> None:
        await body(self, *arguments)
        await self.finish(body.used)
        if self.judges_driver:
            check_driver(self.driver_checker, body.name)
            if self.lockstep.lost_sight > 1 and not body.spoils:
                lost = self.lockstep.lost_sight
                raise LostSight(f"{body.name}: expected every queue to be followed, seen {lost} times not")
        _log.info("%s: %d used buffers, %d interrupts", body.name, self.transport.used_count, self.transport.interrupts)

    async def _watch(self, body: Body) -> None:
        """Feed the scoreboard, and end what takes too long."""
        deadline_ns = self.now_ns() + 1000 * body.limit_us
        while self.now_ns() < deadline_ns:
            await self.cycles(FEED_CYCLES)
            self.collect()
        raise TimeoutError(f"{body.name}: expected to end within {body.limit_us} us, seen it running")

    def is_work(self, event: Event) -> bool:
        """Whether what was seen says that the device has something to do."""
        return isinstance(event, DmaRead | DmaWrite | PortOut | FrameSent)

    async def _become_quiet(self) -> None:
        """Wait until the device has nothing more to do, and take its last interrupts."""
        for _ in range(QUIET_ATTEMPTS):
            await self.cycles(max(self.quiet_cycles, 0 if self.net is None else QUIET_CYCLES_NET))
            busy = any(self.is_work(event) for event in self.collect())
            if self.transport.live and self.irq.level:
                await self.transport.handle_interrupt()
            elif not busy and not self.tap.open_transfers:
                return
        raise NotIdle(f"BENCH-QUIET device expected idle for {QUIET_CYCLES} cycles, seen DMA without end")

    def _note(self, verdict: Exception) -> None:
        """Leave behind when the first bad thing happened, as far as the verdict knows."""
        now_ns = self.now_ns()
        violations = verdict.violations if isinstance(verdict, ScoreboardError) else ()
        times = [self.time_of(violation.cycle) for violation, _ in violations if violation.cycle is not None]
        failure_times.note(now_ns, min([now_ns, *times]))

    def _leave(self, name: str, verdict: Exception | None = None, cause: Exception | None = None) -> None:
        """Leave a record of the test behind, and what was covered so far, where somebody wants them."""
        if os.environ.get("VIRTIO_COVERAGE"):
            from ..coverage.points import leave

            leave(Path(os.environ["VIRTIO_COVERAGE"]))
        path = os.environ.get("VIRTIO_EVIDENCE")
        if path:
            record.leave(self.record_of(name, verdict, cause), Path(path))

    def record_of(self, name: str, verdict: Exception | None, cause: Exception | None = None) -> record.Record:
        """What the test says; `cause` is what led to the verdict."""
        if verdict is None:
            word = record.PASSED
        else:
            word = record.WEDGED if isinstance(cause or verdict, TimeoutError) else record.FAILED
        violations = verdict.violations if isinstance(verdict, ScoreboardError) else ()
        now = transport_features(self.lockstep.model.driver_features)
        return record.Record(
            name,
            word,
            os.environ.get("VIRTIO_CONFIG", ""),
            "" if verdict is None or violations else f"{type(verdict).__name__}: {verdict}",
            tuple(
                record.Finding(first.rule, str(first), count, self.broken_with.get(first.rule, now))
                for first, count in violations
            ),
            self.rules_reached(),
            tuple(map(str, self.around or self.recent)) if verdict is not None else (),
        )

    def rules_reached(self) -> dict[str, list[int]]:
        """The rules that had something to judge, and with which transport features."""
        return {rule: sorted(words) for rule, words in sorted(self.reached.rules.items())}

    def _explain(self, error: Exception) -> Exception:
        """What the scoreboard says to what led to `error`, or else the error itself."""
        self.lockstep.fail_fast = False
        try:
            self.collect()
            self.lockstep.finish(0, self.tap.cycle)
        except ScoreboardError as verdict:
            return ScoreboardError([*verdict.violations])
        except Exception as failure:
            _log.warning("no verdict of the scoreboard: %s", failure)
        return error


def cases(body: Body) -> list[cocotb.Param]:
    """The cases of a body, for `cocotb.parametrize`, by their names."""
    return [cocotb.Param(case, case) for case in body.cases]


async def on_device(dut: Any, body: Body, *arguments: Any, timing: str | Timing = "light", **options: Any) -> None:
    """Run a test body on the simulated device, with a bus timing: "none", "light", "heavy", or one of its own."""
    rig = await SimRig.build(dut, timing, **options)
    rig.judges_driver = True
    await rig.run(body, *arguments)
