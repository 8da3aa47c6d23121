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
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from ..replay.keep import keep
from ..sim import disk, runner, toolchain
from ..sim.configs import ROOT, TIMINGS
from ..sim.guest import TRACE_FILE
from ..sim.peer import ADDRESS, GUEST, dotted
from ..sim.results import FAILED, SKIPPED, RunResult, closing_line, exit_code, write_json
from ..sim.selection import UsageError, choose, number
from . import boot
from .board import ARCHES, RAM_BYTES, Board
from .machine import SIM, Device, DeviceGone, MemoryFile, build

FOLDER = runner.BUILD_ROOT / "uboot"
PACKAGE = "u-boot-qemu"
TIMEOUT_S = 120
#: Where commands have data in RAM, beyond its start.
_DATA = 0x0400_0000
_SECTORS, _FROM, _TO = 16, 4, 40


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
        found = [rf"{_SECTORS} blocks read: OK", rf"{_SECTORS} blocks written: OK"]
        return Script([*info, "virtio device 0", read, write, "part list virtio 0"], found)
    if device == "rng":
        return Script(["setenv efi_selftest random number generator", "bootefi selftest"], [r"Summary: 0 failures"])
    ping = f"setenv ipaddr {dotted(GUEST)}; setenv netmask 255.255.255.0; ping {dotted(ADDRESS)}"
    return Script([*info, ping], [rf"host {re.escape(dotted(ADDRESS))} is alive"])


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

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.arch, self.device, self.timing.replace("none", ""), self.fault)))

    @property
    def config(self) -> str:
        """The HDL configuration of the device."""
        return self.fault if self.fault.startswith("planted_") else f"guest_{self.device}_full"


DEVICES = ("blk", "rng", "net")
#: Debian's U-Boot for riscv64 is built without the self-test of EFI's random number generator, its one use for entropy.
LACKS: Mapping[str, tuple[str, ...]] = {"riscv64": ("rng",), "arm64": ()}
LEGS = (
    *(Leg(arch, device) for arch in ARCHES for device in DEVICES if device not in LACKS[arch]),
    *(Leg("arm64", device, "heavy") for device in DEVICES),
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


def run_leg(leg: Leg, images: Path, seed: int, timeout_s: int) -> tuple[list[str], dict[str, Any]]:
    """Run U-Boot with its device; what is wrong, and figures."""
    begun = time.monotonic()
    directory = FOLDER / leg.name
    directory.mkdir(parents=True, exist_ok=True)
    arch = ARCHES[leg.arch]
    image = disk.docs_disk(ROOT / "docs", directory / "base.img") if leg.device == "blk" else None
    session = runner.Session(seed=seed, disk=image, timeout_s=timeout_s + 120)
    content = image.base.read_bytes() if image else b""
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
                device.start(pool, build(leg.config, session), session, parts, leg.timing)

                def access(write: bool, offset: int, size: int, value: int) -> int:
                    read = device.access(write, offset, size, value)
                    return read ^ 1 if leg.fault == "magic" and not offset else read

                board = Board(arch, (images / arch.file).read_bytes(), ram, access)
                wrong += filter(None, [board.run(work.commands, timeout_s)])
                console = board.console
                read = ram[_DATA : _DATA + 512 * _SECTORS]
                del board
            finally:
                if device.started:
                    result = device.end()
    except (DeviceGone, BufferError) as gone:
        wrong.append(str(gone))
        read = b""
    finally:
        os.close(file)
    (directory / "console.log").write_text(console)
    figures: dict[str, Any] = {"wall_s": round(time.monotonic() - begun, 1)}
    if result is not None:
        wrong[:0] = [f"{leg.config}: {test.message}" for test in result.tests if test.verdict == FAILED]
        figures |= result.figures
        wrong += judge(work, console)
        if leg.device == "blk":
            wrong += judge_disk(content, read, result.directory)
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


def judge_disk(content: bytes, read: bytes, directory: Path) -> list[str]:
    """What was read and written, against the disk as it was."""
    expected = content[512 * _FROM : 512 * (_FROM + _SECTORS)]
    if read != expected:
        return ["sectors read by U-Boot: expected those of the disk, seen others"]
    after = next(iter(sorted(directory.glob("*.img"))), None)
    written = after.read_bytes()[512 * _TO : 512 * (_TO + _SECTORS)] if after else b""
    return [] if written == expected else ["sectors written by U-Boot: expected what was read, seen something else"]


def verdict(leg: Leg, wrong: Sequence[str]) -> list[str]:
    """What is wrong with a leg, given what was found wrong with its run."""
    if not leg.expected:
        return list(wrong)
    if any(leg.expected in text for text in wrong):
        return []
    return [f"planted {leg.fault}: expected a failure with {leg.expected!r}, seen {list(wrong) or 'none'}"]


def parse(env: Mapping[str, str]) -> list[Leg]:
    """The legs asked for. Raises `UsageError`."""
    asked = {name: env.get(name, "").strip() for name in ("ARCH", "DEVICE", "TIMING")}
    for name, known in (("ARCH", list(ARCHES)), ("DEVICE", DEVICES), ("TIMING", TIMINGS)):
        if asked[name]:
            choose(asked[name], known, name)
    if not any(asked.values()):
        return list(LEGS)
    arches = [asked["ARCH"]] if asked["ARCH"] else list(ARCHES)
    devices = [asked["DEVICE"]] if asked["DEVICE"] else DEVICES
    legs = [Leg(a, d, asked["TIMING"] or "none") for a in arches for d in devices if d not in LACKS[a]]
    if not legs:
        raise UsageError(f"ARCH={asked['ARCH']} DEVICE={asked['DEVICE']}: that U-Boot has no use for the device")
    return legs


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    legs: dict[str, Any] = {}
    passed = failed = 0
    try:
        chosen = parse(os.environ)
        seed = number(os.environ, "SEED", random.SystemRandom().randrange(1, 1 << 31))
        timeout_s = number(os.environ, "TIMEOUT", TIMEOUT_S, 1)
        images = available()
        for leg in chosen:
            wrong, figures = run_leg(leg, images, seed, timeout_s)
            found = verdict(leg, wrong)
            passed, failed = passed + (not found), failed + bool(found)
            print(f"{'FAILED' if found else 'passed'} {leg.name} in {figures['wall_s']} s", flush=True)
            for line in found:
                print(f"  {line}")
            legs[leg.name] = {"verdict": FAILED if found else "passed", "failures": found, "found": wrong, **figures}
            counted = {"tests": passed + failed, "passed": passed, FAILED: failed, SKIPPED: 0}
            write_json(runner.BUILD_ROOT / "uboot.json", {**counted, "seed": seed, "legs": legs})
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
