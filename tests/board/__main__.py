# SPDX-License-Identifier: Apache-2.0
"""`make board`: the test bodies on a device whose registers and DMA memory are mapped from files.

Reads its request from the environment, as make passes it on: REGS, MEM, IRQ, TEST, SEED, TIMEOUT. Exit status: 0 all
passed, 1 something failed or nothing ran, 2 the request makes no sense or there is no such device.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotbext.virtio.board import Board, BoardError
from cocotbext.virtio.model_bench import run
from virtio_model.spec import DeviceType, Reg

from ..bodies import every_body, work
from ..bodies.rig import Body
from ..sim.configs import ROOT
from ..sim.results import FAILED, PASSED, SKIPPED, closing_line, exit_code, write_json
from ..sim.selection import UsageError, matches, number
from . import left_out
from .isolated import Died, Failed, isolated
from .rig import BoardRig

_PROBE_S = 5


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    registers: str
    memory: str
    irq: str
    test: str
    seed: int
    timeout_s: int


@dataclass(frozen=True)
class Verdict:
    """How one test ended: a body, or a case of it."""

    name: str
    verdict: str
    message: str = ""
    wall_s: float = 0.0
    used: int = 0
    interrupts: int = 0


@dataclass(frozen=True)
class Found:
    """The device that is there."""

    device_id: int
    vendor_id: int
    offered: int
    queue_sizes: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{DeviceType(self.device_id).name.lower()} device, vendor {self.vendor_id:#x}, "
            f"features {self.offered:#x}, queues of {', '.join(map(str, self.queue_sizes))}"
        )


def parse(env: Mapping[str, str]) -> Request:
    """The request in an environment. Raises `UsageError`."""
    registers, memory = env.get("REGS", "").strip(), env.get("MEM", "").strip()
    if not registers or not memory:
        raise UsageError("make board needs REGS=file[@offset] and MEM=file[@offset,bus_address]; see docs/board.md")
    return Request(
        registers,
        memory,
        env.get("IRQ", "").strip() or "poll",
        env.get("TEST", "").strip(),
        number(env, "SEED", random.SystemRandom().randrange(1, 1 << 31)),
        number(env, "TIMEOUT", 60, 1),
    )


def find(board: Board, request: Request) -> Found:
    """Look what device there is. Raises `BoardError` if there is none that a driver could be tested with."""

    async def look(rig: BoardRig) -> Found:
        info = await rig.transport.query()
        if info.placeholder:
            raise ValueError("DeviceID expected of a device, seen 0: a placeholder")
        offered, sizes = await work.offered_features(rig), tuple(await work.queue_sizes(rig))
        return Found(info.device_id, await rig.bus.read(Reg.VENDOR_ID), offered, sizes)

    try:
        # The ends of the memory first: nothing is there if this dies.
        isolated(lambda: _touch(board), _PROBE_S)
    except Died as end:
        raise BoardError(f"MEM={request.memory}: access to its ends expected to work, seen the process {end}") from None
    try:
        return isolated(lambda: run(look(BoardRig(board))), _PROBE_S)
    except Died as end:
        raise BoardError(
            f"REGS={request.registers}: MagicValue expected to be readable, seen the process {end}"
        ) from None
    except Failed as error:
        raise BoardError(f"REGS={request.registers}: {error}") from None


def select(request: Request, found: Found) -> tuple[list[tuple[Body, str]], dict[str, str]]:
    """Bodies with their cases that run, and of those that do not the names with the reason. Raises `UsageError`."""
    chosen: list[tuple[Body, str]] = []
    absent: dict[str, str] = {}
    bodies = [body for body in every_body() if found.device_id in body.devices]
    for body in bodies:
        module, function = body.name.split(".")
        if request.test and not matches(request.test, module, function):
            continue
        named = request.test.removeprefix("test_") in (body.name, function)
        if reason := left_out.why(body, found.offered, named, found.device_id):
            absent[body.name] = reason
        else:
            chosen += [(body, case) for case in body.cases or ("",)]
    if request.test and not chosen and not absent:
        raise UsageError(f"unknown TEST {request.test!r}, there are: {', '.join(body.name for body in bodies)}")
    return chosen, absent


def run_body(board: Board, body: Body, case: str, seed: int) -> tuple[int, int]:
    """Run a body to its end and stop the device; used buffers and interrupts. Raises what is wrong."""

    async def whole(rig: BoardRig) -> None:
        await rig.reset_device()
        await body(rig, *([case] if case else []))
        await rig.finish(body.used)
        await rig.reset_device()

    rig = BoardRig(board, seed)
    try:
        run(whole(rig))
    except Exception:
        # The memory is somebody else's next; what the device still says of itself is in the error already.
        board.window.store(Reg.STATUS, 0)
        raise
    return rig.transport.used_count, rig.transport.interrupts


def execute(board: Board, chosen: Sequence[tuple[Body, str]], request: Request) -> Iterator[Verdict]:
    """Run the bodies one after another; once the device is gone, the rest are skipped. The device is left in reset."""
    try:
        yield from _execute(board, chosen, request)
    finally:
        with contextlib.suppress(Died):
            isolated(lambda: board.window.store(Reg.STATUS, 0), _PROBE_S)


def _execute(board: Board, chosen: Sequence[tuple[Body, str]], request: Request) -> Iterator[Verdict]:
    gone = ""
    for body, case in chosen:
        name = f"{body.name}/{case}" if case else body.name
        if gone:
            yield Verdict(name, SKIPPED, gone)
            continue
        begun = time.monotonic()
        try:
            used, interrupts = isolated(
                lambda body=body, case=case: run_body(board, body, case, request.seed),  # type: ignore[misc]
                request.timeout_s,
            )
        except Died as end:
            yield Verdict(name, FAILED, f"the process running it: {end}", time.monotonic() - begun)
            try:
                find(board, request)
            except BoardError as error:
                gone = f"device gone: {error}"
        except Failed as error:
            yield Verdict(name, FAILED, str(error), time.monotonic() - begun)
        else:
            yield Verdict(name, PASSED, "", time.monotonic() - begun, used, interrupts)


def repeat(request: Request, name: str) -> str:
    """The command that runs a test again."""
    knobs = {"REGS": request.registers, "MEM": request.memory, "IRQ": request.irq, "TEST": name.split("/")[0]}
    given = " ".join(f"{key}={shlex.quote(value)}" for key, value in knobs.items())
    return f"make board {given} SEED={request.seed}"


def report_left_out(absent: Mapping[str, str]) -> None:
    """What does not run, by reason."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for name, reason in absent.items():
        reasons[reason].append(name)
    if absent:
        print(f"\nleft out, {len(absent)} test bodies:")
    for reason, names in sorted(reasons.items()):
        print(f"  {reason}:")
        print("".join(f"    {name}\n" for name in names), end="")


def test_board(request: Request, json_path: Path) -> int:
    """Test the device and report; the exit status. Raises `UsageError` and `BoardError`."""
    json_path.unlink(missing_ok=True)
    start = time.monotonic()
    board = Board.open(request.registers, request.memory, request.irq)
    found = find(board, request)
    chosen, absent = select(request, found)
    print(f"{found}; interrupt {request.irq}; seed {request.seed}", flush=True)
    verdicts: list[Verdict] = []
    for verdict in execute(board, chosen, request):
        verdicts.append(verdict)
        said = {PASSED: f"ok   {verdict.name}, {verdict.used} used, {verdict.interrupts} interrupts"}
        print(f"{said.get(verdict.verdict, f'{verdict.verdict.upper()} {verdict.name}')}, {verdict.wall_s:.2f} s")
        if verdict.message:
            print(f"  {verdict.message}")
        if verdict.verdict == FAILED:
            print(f"  repeat: {repeat(request, verdict.name)}")
        sys.stdout.flush()
    report_left_out(absent)
    total = {kind: sum(v.verdict == kind for v in verdicts) for kind in (PASSED, FAILED, SKIPPED)}
    total[SKIPPED] += len(absent)
    wall_s = round(time.monotonic() - start, 1)
    write_json(
        json_path,
        {"tests": sum(total.values()), **total, **_figures(request, found, verdicts, absent), "wall_s": wall_s},
    )
    print(f"\n{sum(v.used for v in verdicts)} used buffers in {wall_s} s; seed {request.seed}")
    print(closing_line(total[PASSED], total[FAILED], total[SKIPPED]), flush=True)
    return exit_code(total[PASSED], total[FAILED])


def _figures(request: Request, found: Found, verdicts: Sequence[Verdict], absent: Mapping[str, str]) -> dict[str, Any]:
    return {
        "device": {**vars(found), "offered": hex(found.offered)},
        "registers": request.registers,
        "memory": request.memory,
        "irq": request.irq,
        "seed": request.seed,
        "used_buffers": sum(verdict.used for verdict in verdicts),
        "interrupts": sum(verdict.interrupts for verdict in verdicts),
        "verdicts": {verdict.name: verdict.message or verdict.verdict for verdict in verdicts},
        "left_out": dict(absent),
    }


def _touch(board: Board) -> None:
    memory = board.memory
    for address in (memory.bus_address, memory.bus_address + memory.size - 4):
        memory.write(address, memory.read(address, 4))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=ROOT / "sim_build" / "board.json")
    options = parser.parse_args(arguments)
    try:
        return test_board(parse(os.environ), options.json)
    except (UsageError, BoardError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
