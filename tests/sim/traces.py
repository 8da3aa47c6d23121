# SPDX-License-Identifier: Apache-2.0
"""Traces by window and on demand hold what a trace of the whole simulation holds at the same times.

One short test is run several times over in a build with waveforms; `verdicts` compares the files that come out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pywellen

from . import configs, toolchain
from .process import execute
from .runner import Build, Session, build, job
from .selection import PACKAGE

CONFIG, MODULE, TEST = "rng", "test_clock", "trace_on_demand"
#: When that test opens a trace, closes it, opens another one, and ends; in ps.
OPENED, CLOSED, ENDED = 62_000, 102_000, 132_000
#: Arguments, and files that they ask for with the times in ps that these hold.
WINDOWS = (
    ("first@0-20", "first", 0, 20_000),
    ("next@20-33.5", "next", 20_000, 33_500),  # begins where the other ends, and ends between two edges
    ("last@101.75", "last", 101_750, ENDED),
)
REFUSED = ("x", "x@", "@1-2", "x@2-1", "x@1-2-3", "x@one-2", "no/such/folder/x@1-2")
TIMEOUT_S = 120


def verdicts(session: Session) -> Iterator[tuple[str, str]]:
    """What was checked, each with what is wrong with it, if anything is. `session` is one with waveforms."""
    built = build("verilator", CONFIG, session, memory="axiram")
    if built.error:
        yield "build with waveforms", built.error
        return
    directory = session.root / "traces"
    whole = directory / "whole" / toolchain.wave_file("verilator")
    for name, waves, windows in (
        ("whole", True, ()),
        ("windows", True, tuple(text for text, *_ in WINDOWS)),
        ("demand", False, ()),
    ):
        status = simulate(built, directory / name, waves, windows)
        yield f"simulation {name}", f"exit status {status}" if status else ""
    yield "trace by default", "" if whole.exists() else f"no {whole.name}"
    yield "no other trace", "" if not (directory / "windows" / whole.name).exists() else "there is one"
    for text, name, start, end in WINDOWS:
        yield f"window {text}", difference(directory / "windows" / name, whole, start, end)
    yield "trace on demand", difference(directory / "demand" / "demand", whole, OPENED, CLOSED)
    yield "another one after it", difference(directory / "demand" / "again", whole, CLOSED, ENDED)
    for text in REFUSED:
        yield f"window {text} is refused", accepted(built, directory / "refused", text)


def simulate(built: Build, directory: Path, waves: bool, windows: tuple[str, ...]) -> int:
    """Run the test from an empty directory; the exit status."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    plusargs = [*toolchain.run_args("verilator", seed=1), *(f"+virtio_trace={text}" for text in windows)]
    command = job(
        "test",
        sim="verilator",
        test_module=f"{PACKAGE}.{MODULE}",
        hdl_toplevel=configs.TOP,
        build_dir=str(built.directory),
        test_dir=str(directory),
        results_xml=str(directory / "results.xml"),
        seed=1,
        plusargs=plusargs,
        test_filter=rf"{TEST}$",
        waves=waves,
    )
    outcome = execute(command, directory / "sim.log", TIMEOUT_S, toolchain.environment(), configs.ROOT)
    return outcome.status or int(outcome.timed_out)


def accepted(built: Build, directory: Path, text: str) -> str:
    """What is wrong with how a bad window was received."""
    status = simulate(built, directory, True, (text,))
    said = re.findall(r"^Error: .*$", (directory / "sim.log").read_text(), re.MULTILINE)
    if not status:
        return "exit status 0"
    return "" if len(said) == 1 and f"+virtio_trace={text}: " in said[0] else f"said {said}"


def difference(part: Path, whole: Path, start: int, end: int) -> str:
    """The first way in which `part` is not what `whole` holds from `start` to `end`, both included."""
    if not part.exists() or not whole.exists():
        return "no such file"
    theirs = signals(whole)
    ours = signals(part)
    if not ours or ours.keys() != theirs.keys():
        return "not the same signals"
    times = sorted({start, end, *range(start - start % 500, end, 500)} - {start - start % 500} | {start})
    for name, signal in ours.items():
        if start and signal.value_at(start - 1) is not None:
            return f"{name} has a value before {start} ps"
        for time in times:
            expected, seen = theirs[name].value_at(time), signal.value_at(time)
            if seen != expected:
                return f"{name} at {time} ps expected={expected} seen={seen}"
        if signal.value_at(end) != signal.value_at(ENDED + 1_000_000):
            return f"{name} changes after {end} ps"
    clock = ours[f"{configs.TOP}.clk_i"]
    return "" if len({clock.value_at(time) for time in times}) == 2 else "no clock edge in it"


def signals(path: Path) -> dict[str, pywellen.Signal]:
    """The signals of a trace by name, but for parameters and the like."""
    return {var.full_name: var.signal for var in pywellen.Waveform(str(path)).all_vars() if var.bitwidth}
