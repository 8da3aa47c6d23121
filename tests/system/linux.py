# SPDX-License-Identifier: Apache-2.0
"""`make linux`: an unmodified Linux under QEMU drives simulated devices (docs/linux.md).

FEATURES, TIMING, DEVICES, SEED, TIMEOUT, WAVES, KERNEL, INITRD, DISK and TERMINAL come from the environment; any of the
first three chooses one leg. Exit status: 0 all passed, 1 something failed, 2 the request makes no sense or a package is
missing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..sim import runner, toolchain
from ..sim.configs import TIMINGS
from ..sim.feature_sets import GUEST
from ..sim.results import FAILED, SKIPPED, closing_line, exit_code, write_json
from ..sim.selection import UsageError, choose, number
from . import boot
from .leg import DEVICES, FOLDER, LEGS, MATRIX, TIMEOUT_S, Boot, Leg, Request, verdict
from .machine import SIM
from .request import foreign, wave_window
from .show import Progress, show_summary


def parse(env: Mapping[str, str], short: bool = False, matrix: bool = False) -> Request:
    """The request in an environment. Raises `UsageError`."""

    def word(name: str, known: Sequence[str], default: str) -> str:
        return choose(env.get(name, "").strip() or default, known, name)

    def given(name: str) -> str:
        return env.get(name, "").strip()

    def file(name: str) -> Path | None:
        text = env.get(name, "").strip()
        if text and not Path(text).is_file():
            raise UsageError(f"{name}={text}: no such file")
        return Path(text).resolve() if text else None

    devices = tuple(dict.fromkeys((env.get("DEVICES", "").strip() or "rng,blk").split(",")))
    for device in devices:
        choose(device, DEVICES, "DEVICES")
    leg = Leg(devices, word("FEATURES", list(GUEST), "full"), word("TIMING", TIMINGS, "none"))
    if given("DUT"):
        device = foreign(env, ("DEVICES", "FEATURES", "DISK"))
        leg = Leg((device.type,), timing=leg.timing, dut=device)
    flags = {name: word(name, ("0", "1"), "0") == "1" for name in ("WAVES", "TERMINAL")}
    one = any(map(given, ("DEVICES", "FEATURES", "TIMING", "KERNEL", "INITRD", "DISK", "DUT")))
    legs = LEGS[:1] if short else (leg,) if one or any(flags.values()) else (*LEGS, *MATRIX) if matrix else LEGS
    kernel, initrd, image = file("KERNEL"), file("INITRD"), file("DISK")
    if kernel and not initrd:
        raise UsageError("KERNEL= needs INITRD= with the modules of that kernel, if it has any")
    if image and not (initrd or flags["TERMINAL"]):
        raise UsageError("DISK= needs SHELL=1 or INITRD=: the script of a run knows its own disk only")
    return Request(
        legs=legs,
        seed=number(env, "SEED", random.SystemRandom().randrange(1, 1 << 31)),
        timeout_s=number(env, "TIMEOUT", TIMEOUT_S, 1),
        waves=flags["WAVES"],
        window=wave_window(env),
        terminal=flags["TERMINAL"],
        kernel=kernel,
        initrd=initrd,
        disk=image,
    )


def available() -> Path:
    """The unpacked kernel package. Raises `UsageError` for what is missing."""
    boot.check_tools()
    toolchain.check_available(SIM)
    return boot.kernel_package(runner.BUILD_ROOT / "packages")


def run_legs(request: Request, report: Path) -> tuple[int, int]:
    """Run all legs and leave figures; how many passed and failed. Raises `UsageError`."""
    report.unlink(missing_ok=True)
    package = available()
    shown = Progress(request.terminal)
    begun = time.monotonic()
    legs: dict[str, Any] = {}
    passed = failed = 0
    for leg in request.legs:
        outcome = Boot(leg, request, package).run(lambda console, name=leg.name: shown.show(name, console))
        shown.clear()
        wrong = verdict(leg, outcome.failures)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print(f"{'FAILED' if wrong else 'passed'} {leg.name} in {outcome.figures['wall_s']} s", flush=True)
        for line in wrong:
            print(f"  {line}")
        if wrong:
            print(f"  console: {FOLDER / leg.name / 'console.log'}\n  repeat: {repeat(leg, request)}", flush=True)
        legs[leg.name] = {"verdict": FAILED if wrong else "passed", "failures": wrong, **outcome.figures}
        if leg.expected:
            legs[leg.name]["found"] = outcome.failures
        wall_s = round(time.monotonic() - begun, 1)
        counted = {"tests": passed + failed, "passed": passed, FAILED: failed, SKIPPED: 0}
        write_json(report, {**counted, "seed": request.seed, "wall_s": wall_s, "legs": legs})
    show_summary(legs)
    return passed, failed


def repeat(leg: Leg, request: Request) -> str:
    """The command that runs a leg again."""
    if leg.fault:
        return f"make linux SEED={request.seed}"
    if leg.dut:
        return f"make linux DUT={os.path.relpath(leg.dut.path)} TIMING={leg.timing} SEED={request.seed}"
    devices = ",".join(leg.devices)
    return f"make linux DEVICES={devices} FEATURES={leg.features} TIMING={leg.timing} SEED={request.seed}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only the first leg")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        passed, failed = run_legs(parse(os.environ, options.short), runner.BUILD_ROOT / "linux.json")
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
