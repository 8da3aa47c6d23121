# SPDX-License-Identifier: Apache-2.0
"""One boot of a guest with its devices: what it is to do, how it went, and what is wrong with that."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cocotbext.virtio.check.description import Description, load
from virtio_model.spec import BlkFeature, features

from ..check.simulate import Bench
from ..replay.keep import folder, keep
from ..sim import disk, runner, toolchain
from ..sim.configs import ROOT, TIMINGS
from ..sim.feature_sets import GUEST
from ..sim.guest import PORT_FILE, TRACE_FILE
from ..sim.results import FAILED, RunResult
from . import boot, guests
from .guests import SCRATCH_BYTES, judge_steps, rebinding, removal
from .machine import SIM, Device, DeviceGone, MemoryFile, Simulate, build, build_foreign
from .proxy import Access, Proxy, ProxyError
from .qemu import MEMORY_BYTES, Booted, Qemu

FOLDER = runner.BUILD_ROOT / "linux"
#: Devices that were written for the tests of check-dut.
FOREIGN = ROOT / "tests" / "hdl" / "foreign"
#: Wall-clock limit of a leg, in seconds: a lost interrupt hangs the guest.
TIMEOUT_S = 180
#: What is on the disk; little where it is recorded.
DISK_FILES = ROOT / "tests" / "hdl" / "example" if folder() else ROOT / "docs"
DEVICES = ("rng", "blk", "net", "console", "input")
#: How long QEMU may take to end once it has closed its console.
_END_S = 10
_COMPLAINT = re.compile(r"^.*(?:BUG:|WARNING:|Oops|Call Trace|I/O error|Kernel panic).*$", re.MULTILINE)


@dataclass(frozen=True)
class Leg:
    """One boot. With a `fault` planted it must fail in the words of `expected`.

    Faults: kernel (none that boots), magic (the first register reads wrong), irq (the line does not reach the guest),
    sector (a byte of a file has changed on the disk), or the name of a faulty device of tests.sim.planted.
    """

    devices: tuple[str, ...]
    features: str = "full"
    timing: str = "none"
    fault: str = ""
    expected: str = ""
    timeout_s: int = 0
    dut: Description | None = None  # of other people, in place of our own

    @property
    def name(self) -> str:
        features = self.dut.name if self.dut else self.features
        words = ("+".join(self.devices), features, "" if self.timing == "none" else self.timing, self.fault)
        return "-".join(filter(None, words))

    @property
    def configs(self) -> list[str]:
        """The HDL configuration of each device, or the name of another's one."""
        if self.dut:
            return [self.dut.name]
        if self.fault.startswith("planted_"):
            return [self.fault]
        return [f"guest_{device}_{self.features}" for device in self.devices]


#: The first is what `make test` runs.
LEGS = (
    Leg(("rng", "blk")),
    Leg(("rng",)),
    Leg(("blk",)),
    *(Leg((device,)) for device in ("net", "console", "input")),
    Leg(DEVICES),
    *(Leg(("rng", "blk"), features) for features in GUEST if features != "full"),
    *(Leg(("rng", "blk"), timing=timing) for timing in TIMINGS if timing != "none"),
    *(Leg((type_,), dut=load(FOREIGN / f"{name}.toml")) for type_, name in (("rng", "tiny_rng"), ("blk", "apb_blk"))),
    Leg(("rng",), fault="kernel", expected="QEMU: expected to end with status 0"),
    Leg(("rng",), fault="magic", expected="step rng-current: expected status 0"),
    Leg(("rng",), fault="irq", expected="seen it at 'step rng-current status 0'", timeout_s=25),
    Leg(("blk",), fault="sector", expected="read by the guest expected"),
    Leg(("rng",), fault="planted_wrong_len", expected="VQ-USED-LEN"),
)


#: Besides these, what `make system` runs: every device with each set of features and each bus timing.
MATRIX = tuple(
    leg
    for device in DEVICES
    for leg in (
        *(Leg((device,), features) for features in GUEST),
        *(Leg((device,), timing=timing) for timing in TIMINGS if timing != "none"),
    )
    if leg not in LEGS
)


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    legs: Sequence[Leg]
    seed: int
    timeout_s: int = TIMEOUT_S
    waves: bool = False
    window: str = ""
    terminal: bool = False
    kernel: Path | None = None
    initrd: Path | None = None
    disk: Path | None = None


@dataclass
class Outcome:
    """How a boot ended: what is wrong, and figures."""

    failures: list[str] = field(default_factory=list)
    console: str = ""
    answered: int = 0
    figures: dict[str, Any] = field(default_factory=dict)


class Boot:
    """One boot of a guest with its devices."""

    def __init__(self, leg: Leg, request: Request, package: Path) -> None:
        self.leg = leg
        self.request = request
        self.directory = FOLDER / leg.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.session = runner.Session(
            seed=request.seed,
            waves=request.waves,
            window=request.window,
            disk=self._disk() if "blk" in leg.devices and not leg.dut else None,
        )
        self.guests = [self._guest(device) for device in leg.devices]
        self.drivers = [guest.driver for guest in self.guests]
        self.script = self._script()
        initrd = request.initrd or boot.initrd(package, [*self.drivers, *boot.EVENTS], self.script, self.directory)
        kernel = request.kernel or next(package.glob("boot/vmlinuz-*"))
        if leg.fault == "kernel":
            kernel = initrd
        self.booted = Booted(kernel, initrd, boot.table(len(leg.devices), self.directory))

    def run(self, on_console: Callable[[str], None] = lambda text: None) -> Outcome:
        """Boot, let the guest do its work, judge; `on_console` is told all that the console has said so far."""
        self._on_console = on_console
        begun = time.monotonic()
        outcome = Outcome()
        memory = os.memfd_create("guest")
        os.ftruncate(memory, MEMORY_BYTES)
        results: list[RunResult] = []
        try:
            session = replace(self.session, timeout_s=2 * (self.leg.timeout_s or self.request.timeout_s) + 120)
            built = self._build(session)
            with ThreadPoolExecutor(len(built)) as pool:
                self._simulate(pool, built, session, memory, outcome, results)
        except DeviceGone as gone:
            outcome.failures.append(str(gone))
        finally:
            os.close(memory)
        (self.directory / "console.log").write_text(outcome.console)
        for config, result in zip(self.leg.configs, results, strict=False):
            if self.request.waves:
                print(f"waves: {result.directory / toolchain.wave_file(SIM)}")
            failed = [test for test in result.tests if test.verdict == FAILED]
            outcome.failures[:0] = [f"{config}: {test.message}" for test in failed]
            outcome.figures[config] = result.figures
        if len(results) == len(self.leg.configs):
            outcome.failures += self._judge(outcome.console, [result.directory for result in results])
            for device, result in zip(self.leg.devices if not outcome.failures else (), results, strict=False):
                name = replace(self.leg, devices=(device,)).name
                keep(result.directory, f"linux-6.1-{name}", f"Linux, {self.booted.kernel.name}, {name}")
        outcome.figures["wall_s"] = round(time.monotonic() - begun, 1)
        return outcome

    def _build(self, session: runner.Session) -> list[Simulate]:
        """What simulates the devices. Raises DeviceGone."""
        if self.leg.dut is None:
            return [build(config, session) for config in self.leg.configs]
        directory = FOLDER / f"dut-{self.leg.dut.name}{'-waves' if session.waves else ''}"
        bench = Bench(self.leg.dut, SIM, directory, session.seed, session.timeout_s, session.waves)
        return [build_foreign(bench)]

    def _simulate(
        self,
        pool: ThreadPoolExecutor,
        built: Sequence[Simulate],
        session: runner.Session,
        memory: int,
        outcome: Outcome,
        results: list[RunResult],
    ) -> None:
        """Run simulations and guest; leaves the console's text and the simulations' verdicts."""
        with Qemu(self.booted, memory, self.request.terminal) as qemu:

            def tell(number: int, level: bool) -> None:
                if self.leg.fault != "irq":
                    qemu.lines.set(boot.FIRST_LINE + number, level)

            devices = [Device(config, number, tell) for number, config in enumerate(self.leg.configs)]
            parts = [MemoryFile("guest", 0, MEMORY_BYTES, memory)]
            try:
                for device, ready in zip(devices, built, strict=True):
                    device.start(pool, ready, session, parts, self.leg.timing)
                outcome.failures += self._converse(qemu, devices, outcome)
            except (DeviceGone, ProxyError, OSError) as error:
                outcome.failures.append(str(error))
            finally:
                qemu.process.kill()
                results += [device.end() for device in devices if device.started]

    def _converse(self, qemu: Qemu, devices: Sequence[Device], outcome: Outcome) -> list[str]:
        """Carry accesses and interrupts between guest and devices until QEMU ends; what is wrong with that."""
        proxy = Proxy(qemu.proxy, self._access(qemu, devices))
        console = qemu.process.stdout
        assert console is not None
        limit_s = self.leg.timeout_s or self.request.timeout_s
        deadline = time.monotonic() + limit_s
        sources: list[Any] = [*devices, qemu.proxy, console]
        while console in sources:
            left_s = deadline - time.monotonic()
            if self.request.terminal:
                left_s = limit_s
            elif left_s <= 0:
                return [f"guest: expected to power off within {limit_s} s, seen it at {last_line(outcome.console)!r}"]
            # One at a time: an access takes what its device had to say before the answer.
            for source in select.select(sources, [], [], left_s)[0][:1]:
                if isinstance(source, Device):
                    source.hear()
                elif source is console:
                    text = os.read(console.fileno(), 1 << 16)
                    outcome.console += text.decode(errors="replace").replace("\r", "")
                    if self.request.terminal:
                        sys.stdout.buffer.write(text)
                        sys.stdout.flush()
                    self._on_console(outcome.console)
                    self._answer(devices, outcome)
                    if not text:
                        sources.remove(console)
                elif not proxy.serve():
                    sources.remove(source)
        try:
            status = qemu.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return [f"QEMU: expected to end within {_END_S} s after its console, seen it running"]
        if status:
            return [f"QEMU: expected to end with status 0, seen {status}: {last_line(outcome.console)!r}"]
        return []

    def _access(self, qemu: Qemu, devices: Sequence[Device]) -> Callable[[Access], int]:
        def access(given: Access) -> int:
            number, offset = divmod(given.offset, boot.WINDOW_BYTES)
            if number >= len(devices):
                raise ProxyError(f"guest: accesses expected to {len(devices)} windows, seen one at {given.offset:#x}")
            value = devices[number].access(given.write, offset, given.size, given.value)
            qemu.lines.settle()
            return value ^ 1 if self.leg.fault == "magic" and offset == 0 else value

        return access

    def _judge(self, console: str, directories: Sequence[Path]) -> Iterator[str]:
        """What is wrong with what the guest did and said."""
        if self.request.initrd or self.request.terminal:
            return
        yield from judge_steps(self.script, console)
        if complaint := _COMPLAINT.search(console):
            yield f"kernel: expected no complaint, seen {complaint[0].strip()}"
        for device, guest, directory in zip(self.leg.devices, self.guests, directories, strict=True):
            if not all((directory / name).exists() for name in (PORT_FILE, TRACE_FILE)):
                yield f"{device}: the simulation expected to leave {PORT_FILE} and {TRACE_FILE}, seen it end without"
                continue
            yield from guest.judge(console, directory)
            shutil.copyfile(directory / TRACE_FILE, self.directory / f"{device}-trace.txt")

    def _script(self) -> str:
        if self.request.terminal:
            return "setsid cttyhack sh\n"
        parts = [guest.script() for guest in self.guests]
        return "".join([*parts, rebinding(self.guests), removal([*self.drivers, "virtio_mmio"])])

    def _guest(self, device: str) -> guests.Guest:
        dut = self.leg.dut
        if device == "blk" and dut is not None:
            return guests.ForeignBlk(dut.storage(), bool(dut.features & features(BlkFeature.RO)))
        if device == "blk":
            files = sorted(path for path in DISK_FILES.iterdir() if path.is_file())
            return guests.Blk(files, self.file_system_bytes)
        others = {"rng": guests.Rng, "net": guests.Net, "console": guests.Console, "input": guests.Input}
        return others[device]()

    def _answer(self, devices: Sequence[Device], outcome: Outcome) -> None:
        """Give devices what the guest has asked for since the last time."""
        asked = re.findall(r"^ask (\w+)\n", outcome.console, re.MULTILINE)
        for name in asked[outcome.answered :]:
            if name in self.leg.devices:
                devices[self.leg.devices.index(name)].give(guests.GIVEN[name])
        outcome.answered = len(asked)

    def _disk(self) -> disk.Disk:
        """An ext4 image with docs/ in it, and room behind the file system."""
        self.file_system_bytes = 0
        if self.request.disk:
            return disk.user_disk(str(self.request.disk), False)
        boot.tool("mke2fs")
        image = disk.docs_disk(DISK_FILES, self.directory / "base.img")
        content = bytearray(image.base.read_bytes())
        content += bytes(-len(content) % 4096)
        self.file_system_bytes = len(content)
        if self.leg.fault == "sector":
            page = (ROOT / "docs" / "architecture.md").read_bytes()[:512]
            content[content.index(page)] ^= 1
        image.base.write_bytes(content + bytes(SCRATCH_BYTES))
        return image


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def verdict(leg: Leg, failures: Sequence[str]) -> list[str]:
    """What is wrong with a leg, given what was found wrong with its boot."""
    if not leg.expected:
        return list(failures)
    if any(leg.expected in failure for failure in failures):
        return []
    return [f"planted {leg.fault}: expected a failure with {leg.expected!r}, seen {list(failures) or 'none'}"]
