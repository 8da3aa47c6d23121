# SPDX-License-Identifier: Apache-2.0
"""`make uboot`: Debian's U-Boot, as it is, drives simulated devices; unicorn is its processor (docs/uboot.md).

ARCH, DEVICE, TIMING, SEED and TIMEOUT come from the environment; the first three choose legs. Exit status: 0 all
passed, 1 something failed, 2 the request makes no sense or a package is missing.
"""

from __future__ import annotations

import mmap
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from cocotbext.virtio.check.description import Description, load

from ..check.simulate import Bench
from ..replay.keep import keep
from ..sim import disk, runner, toolchain
from ..sim.configs import ROOT, TIMINGS
from ..sim.guest import TRACE_FILE
from ..sim.peer import ADDRESS, GUEST
from ..sim.results import FAILED, SKIPPED, RunResult, closing_line, exit_code, write_json
from ..sim.selection import UsageError, choose, number
from . import boot
from .board import ARCHES, RAM_BYTES, Board
from .leg import FOREIGN
from .machine import SIM, Device, DeviceGone, MemoryFile, Simulate, build, build_foreign
from .request import foreign, wave_window
from .show import Progress, show_summary

FOLDER = runner.BUILD_ROOT / "uboot"
PACKAGE = "u-boot-qemu"
TIMEOUT_S = 120
#: Where commands have data in RAM, beyond its start.
_DATA = 0x0400_0000
_SECTORS, _FROM, _TO = 16, 4, 40
#: How far from there it has the sectors that it has written, read again.
_AGAIN = 512 * _SECTORS


@dataclass(frozen=True)
class Script:
    """What is typed at U-Boot's prompt, and what its console has to say then, in this order."""

    commands: Sequence[str]
    says: Sequence[str]


def script(device: str, ram: int) -> Script:
    """The commands for a device type."""
    info = ["virtio info", "virtio scan"]
    data = ram + _DATA
    if device == "blk":
        read = f"virtio read {data:#x} {_FROM:#x} {_SECTORS:#x}"
        write = f"virtio write {data:#x} {_TO:#x} {_SECTORS:#x}"
        again = f"virtio read {data + _AGAIN:#x} {_TO:#x} {_SECTORS:#x}"
        said = [rf"{_SECTORS} blocks {done}: OK" for done in ("read", "written", "read")]
        return Script([*info, "virtio device 0", read, write, again, "part list virtio 0"], said)
    if device == "rng":
        return Script(["setenv efi_selftest random number generator", "bootefi selftest"], [r"Summary: 0 failures"])
    ping = f"setenv ipaddr {GUEST}; setenv netmask 255.255.255.0; ping {ADDRESS}"
    return Script([*info, ping], [rf"host {re.escape(ADDRESS)} is alive"])


@dataclass(frozen=True)
class Leg:
    """One run of U-Boot. With a `fault` planted it must fail in the words of `expected`: "magic" (the first register
    reads wrong), "sector" (a byte of the disk has changed), or a faulty device of tests.sim.planted.
    """

    arch: str
    device: str
    timing: str = "none"
    fault: str = ""
    expected: str = ""
    dut: Description | None = None  # of other people, in place of our own

    @property
    def name(self) -> str:
        dut = self.dut.name if self.dut else ""
        return "-".join(filter(None, (self.arch, self.device, dut, self.timing.replace("none", ""), self.fault)))

    @property
    def config(self) -> str:
        """The HDL configuration of the device, or the name of another's one."""
        if self.dut:
            return self.dut.name
        return self.fault if self.fault.startswith("planted_") else f"guest_{self.device}_full"


DEVICES = ("blk", "rng", "net")
#: Debian's U-Boot for riscv64 is built without the self-test of EFI's random number generator, its one use for entropy.
LACKS: Mapping[str, tuple[str, ...]] = {"riscv64": ("rng",), "arm64": ()}
LEGS = (
    *(Leg(arch, device) for arch in ARCHES for device in DEVICES if device not in LACKS[arch]),
    *(Leg("arm64", device, "heavy") for device in DEVICES),
    *(Leg(arch, "blk", dut=load(FOREIGN / "apb_blk.toml")) for arch in ARCHES),
    Leg("arm64", "rng", dut=load(FOREIGN / "tiny_rng.toml")),
    Leg("riscv64", "blk", fault="magic", expected="expected to say"),
    Leg("riscv64", "blk", fault="sector", expected="read by U-Boot"),
    Leg("arm64", "rng", fault="planted_wrong_len", expected="VQ-USED-LEN"),
)


def package(cache: Path) -> Path:
    """The unpacked package of U-Boot, fetched into `cache` unless it is there. Raises `UsageError`."""
    root = cache / PACKAGE
    if not (root / "usr").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        boot.run([boot.tool("apt-get"), "download", "-q", PACKAGE], cwd=cache)
        found = sorted(cache.glob(f"{PACKAGE}_*.deb"))
        partly = cache / f"{PACKAGE}-partly"
        shutil.rmtree(partly, ignore_errors=True)
        boot.run([boot.tool("dpkg-deb"), "-x", str(found[-1]), str(partly)])
        partly.rename(root)
    return root / "usr" / "lib" / "u-boot"


def available() -> Path:
    """Where the images are. Raises `UsageError` for what is missing."""
    if util.find_spec("unicorn") is None:
        raise UsageError("unicorn is not installed: pip install -r requirements.txt")
    boot.tool("dtc")
    toolchain.check_available(SIM)
    return package(runner.BUILD_ROOT / "packages")


def simulated(leg: Leg, session: runner.Session) -> Simulate:
    """What simulates the device. Raises DeviceGone."""
    if leg.dut is None:
        return build(leg.config, session)
    directory = FOLDER / f"dut-{leg.dut.name}{'-waves' if session.waves else ''}"
    return build_foreign(Bench(leg.dut, SIM, directory, session.seed, session.timeout_s, session.waves))


def run_leg(
    leg: Leg, images: Path, request: Request, on_console: Callable[[str], None]
) -> tuple[list[str], dict[str, Any]]:
    """Run U-Boot with its device; what is wrong, and figures."""
    begun = time.monotonic()
    directory = FOLDER / leg.name
    directory.mkdir(parents=True, exist_ok=True)
    arch = ARCHES[leg.arch]
    own_disk = leg.device == "blk" and not leg.dut
    image = disk.docs_disk(ROOT / "docs", directory / "base.img") if own_disk else None
    limit_s = request.timeout_s
    session = runner.Session(request.seed, request.waves, disk=image, timeout_s=limit_s + 120, window=request.window)
    content = image.base.read_bytes() if image else leg.dut.storage() if leg.dut else b""
    if image and leg.fault == "sector":
        changed = bytearray(content)
        changed[512 * _FROM + 700] ^= 1
        image.base.write_bytes(changed)
    work = script(leg.device, arch.ram)
    file = os.memfd_create("u-boot")
    os.ftruncate(file, RAM_BYTES)
    wrong: list[str] = []
    console = ""
    result: RunResult | None = None
    try:
        with mmap.mmap(file, RAM_BYTES) as ram, ThreadPoolExecutor(1) as pool:
            device = Device(leg.config, 0, lambda number, level: None)
            try:
                parts = [MemoryFile("u-boot", arch.ram, RAM_BYTES, file)]
                device.start(pool, simulated(leg, session), session, parts, leg.timing)

                def access(write: bool, offset: int, size: int, value: int) -> int:
                    read = device.access(write, offset, size, value)
                    return read ^ 1 if leg.fault == "magic" and not offset else read

                board = Board(arch, (images / arch.file).read_bytes(), ram, access, on_console)
                wrong += filter(None, [board.run(work.commands, limit_s)])
                console = board.console
                read, again = (ram[at : at + 512 * _SECTORS] for at in (_DATA, _DATA + _AGAIN))
                del board
            finally:
                if device.started:
                    result = device.end()
    except (DeviceGone, BufferError) as gone:
        wrong.append(str(gone))
        read = again = b""
    finally:
        os.close(file)
    (directory / "console.log").write_text(console)
    figures: dict[str, Any] = {"wall_s": round(time.monotonic() - begun, 1)}
    if result is not None:
        figures[leg.config] = result.figures
        wrong[:0] = [f"{leg.config}: {test.message}" for test in result.tests if test.verdict == FAILED]
        wrong += judge(work, console)
        if leg.device == "blk":
            wrong += judge_read(content, read, again)
            wrong += judge_disk(read, result.directory) if image else []
        if request.waves:
            print(f"waves: {result.directory / toolchain.wave_file(SIM)}")
        if not wrong:
            keep(result.directory, f"u-boot-2023.01-{leg.name}", f"U-Boot 2023.01 (Debian), {leg.arch}, {leg.device}")
        if (result.directory / TRACE_FILE).exists():
            shutil.copyfile(result.directory / TRACE_FILE, directory / "trace.txt")
    return wrong, figures


def judge(work: Script, console: str) -> list[str]:
    """What the console has not said."""
    rest = console
    for pattern in work.says:
        found = re.search(pattern, rest)
        if found is None:
            last = next((line for line in reversed(console.splitlines()) if line.strip(" =>")), "")
            return [f"console: expected to say {pattern!r}, seen {last!r} at its end"]
        rest = rest[found.end() :]
    return []


def judge_read(content: bytes, read: bytes, again: bytes) -> list[str]:
    """What was read first, against the disk as it was, and what was read where that had been written."""
    if read != content[512 * _FROM : 512 * (_FROM + _SECTORS)]:
        return ["sectors read by U-Boot: expected those of the disk, seen others"]
    return [] if again == read else ["sectors read by U-Boot again: expected what was written, seen something else"]


def judge_disk(read: bytes, directory: Path) -> list[str]:
    """What was written, on the disk as it is afterwards."""
    after = next(iter(sorted(directory.glob("*.img"))), None)
    written = after.read_bytes()[512 * _TO : 512 * (_TO + _SECTORS)] if after else b""
    return [] if written == read else ["sectors written by U-Boot: expected what was read, seen something else"]


def verdict(leg: Leg, wrong: Sequence[str]) -> list[str]:
    """What is wrong with a leg, given what was found wrong with its run."""
    if not leg.expected:
        return list(wrong)
    if any(leg.expected in text for text in wrong):
        return []
    return [f"planted {leg.fault}: expected a failure with {leg.expected!r}, seen {list(wrong) or 'none'}"]


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    legs: Sequence[Leg]
    seed: int
    timeout_s: int = TIMEOUT_S
    waves: bool = False
    window: str = ""


def parse(env: Mapping[str, str]) -> Request:
    """The request in an environment. Raises `UsageError`."""
    return Request(
        chosen(env),
        number(env, "SEED", random.SystemRandom().randrange(1, 1 << 31)),
        number(env, "TIMEOUT", TIMEOUT_S, 1),
        choose(env.get("WAVES", "").strip() or "0", ("0", "1"), "WAVES") == "1",
        wave_window(env),
    )


def chosen(env: Mapping[str, str]) -> list[Leg]:
    """The legs asked for. Raises `UsageError`."""
    asked = {name: env.get(name, "").strip() for name in ("ARCH", "DEVICE", "TIMING")}
    for name, known in (("ARCH", list(ARCHES)), ("DEVICE", DEVICES), ("TIMING", TIMINGS)):
        if asked[name]:
            choose(asked[name], known, name)
    dut = foreign(env, ("DEVICE",)) if env.get("DUT", "").strip() else None
    if not any(asked.values()) and dut is None and env.get("WAVES", "").strip() != "1":
        return list(LEGS)
    arches = [asked["ARCH"]] if asked["ARCH"] else list(ARCHES)
    devices = [dut.type] if dut else [asked["DEVICE"]] if asked["DEVICE"] else DEVICES
    if dut is not None and dut.type == "blk" and dut.sectors < _TO + _SECTORS:
        raise UsageError(f"{dut.path}: a disk of {_TO + _SECTORS} sectors or more expected, seen {dut.sectors}")
    legs = [Leg(a, d, asked["TIMING"] or "none", dut=dut) for a in arches for d in devices if d not in LACKS[a]]
    if not legs:
        raise UsageError(f"ARCH={asked['ARCH']} and an {devices[0]} device: that U-Boot has no use for it")
    return legs


def run_legs(request: Request, report: Path) -> tuple[int, int]:
    """Run all legs and leave figures; how many passed and failed. Raises `UsageError`."""
    report.unlink(missing_ok=True)
    images = available()
    shown = Progress()
    legs: dict[str, Any] = {}
    passed = failed = 0
    for leg in request.legs:
        wrong, figures = run_leg(leg, images, request, lambda console, name=leg.name: shown.show(name, console))
        shown.clear()
        found = verdict(leg, wrong)
        passed, failed = passed + (not found), failed + bool(found)
        print(f"{'FAILED' if found else 'passed'} {leg.name} in {figures['wall_s']} s", flush=True)
        for line in found:
            print(f"  {line}")
        legs[leg.name] = {"verdict": FAILED if found else "passed", "failures": found, "found": wrong, **figures}
        counted = {"tests": passed + failed, "passed": passed, FAILED: failed, SKIPPED: 0}
        write_json(report, {**counted, "seed": request.seed, "legs": legs})
    show_summary(legs)
    return passed, failed


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        passed, failed = run_legs(parse(os.environ), runner.BUILD_ROOT / "uboot.json")
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(closing_line(passed, failed), flush=True)
    return exit_code(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
