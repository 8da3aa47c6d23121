# SPDX-License-Identifier: Apache-2.0
"""Simulated devices for a guest: each in a simulator of its own, its DMA in guest memory (see tests.sim.guest)."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cocotbext.virtio.check.description import DescriptionError

from ..check import simulate
from ..sim import runner
from ..sim.configs import DEFAULT_MEMORY, Plan
from ..sim.process import kill_all, locked
from ..sim.results import RunResult
from ..sim.selection import PACKAGE, Run

SIM = "verilator"
#: How long a simulator may take from its start to its first message, and to answer an access.
START_TIMEOUT_S = 120
ANSWER_TIMEOUT_S = 60
#: How long it may take over its last checks.
END_TIMEOUT_S = 60
_LONGEST = 4096
_PLAN = Plan("guest", ())
#: Simulates a device until its guest has ended.
Simulate = Callable[[runner.Session], RunResult]


class DeviceGone(Exception):
    """A simulation has ended, or does not answer: its verdict says why."""


@dataclass(frozen=True)
class MemoryFile:
    """A part of the guest's memory, as a file."""

    name: str
    base: int
    size: int
    file: int


@dataclass
class Device:
    """A device that is simulated for a guest; `on_irq` is told each change of its interrupt line."""

    name: str
    number: int
    on_irq: Callable[[int, bool], None]
    _socket: socket.socket | None = None
    _result: Future[RunResult] | None = None

    def start(
        self,
        pool: ThreadPoolExecutor,
        simulate: Simulate,
        session: runner.Session,
        memory: Sequence[MemoryFile],
        timing: str,
    ) -> None:
        """Start the simulation. Raises `DeviceGone`."""
        with tempfile.TemporaryDirectory(prefix="virtio-guest-") as folder:
            path = str(Path(folder, "socket"))
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(0.1)
            env = {**session.env, "VIRTIO_GUEST": path, "VIRTIO_TIMING": timing}
            self._result = pool.submit(simulate, replace(session, env=env))
            with listener:
                self._socket = self._accept(listener)
        regions = json.dumps([[part.name, part.base, part.size] for part in memory]).encode()
        socket.send_fds(self._socket, [regions], [part.file for part in memory])

    @property
    def started(self) -> bool:
        """Whether there is a simulation, hence a verdict."""
        return self._result is not None

    def fileno(self) -> int:
        """For `select`."""
        assert self._socket is not None
        return self._socket.fileno()

    def access(self, write: bool, offset: int, size: int, value: int) -> int:
        """One register access; what was read. Raises `DeviceGone`."""
        message: dict[str, Any] = {"op": "write" if write else "read", "offset": offset, "size": size}
        if write:
            message["value"] = value
        self._send(message)
        answer = None
        while answer is None:
            answer = self.hear()
        return answer

    def give(self, items: Sequence[int]) -> None:
        """Give the device's port items from outside. Raises `DeviceGone`."""
        self._send({"op": "give", "items": list(items)})

    def hear(self) -> int | None:
        """Take one message: the answer to an access, or a change of the interrupt line. Raises `DeviceGone`."""
        assert self._socket is not None
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        try:
            packet = self._socket.recv(_LONGEST)
        except (TimeoutError, ConnectionError):
            packet = b""
        if not packet:
            raise DeviceGone(f"{self.name}: the simulation has ended or does not answer")
        message = json.loads(packet)
        if "irq" in message:
            self.on_irq(self.number, message["irq"])
            return None
        return int(message["value"])

    def end(self) -> RunResult:
        """Let the simulation check what is left, and end; its verdict."""
        assert self._result is not None
        if self._socket is not None:
            with contextlib.suppress(DeviceGone):  # its verdict says why
                self._send({"op": "end"})
        try:
            return self._result.result(END_TIMEOUT_S)
        except FutureTimeout:
            kill_all()
            result = self._result.result()
            result.fail(f"simulation expected to end within {END_TIMEOUT_S} s, seen it running")
            return result
        finally:
            if self._socket is not None:
                self._socket.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._socket is not None
        try:
            self._socket.send(json.dumps(message).encode())
        except OSError as error:
            raise DeviceGone(f"{self.name}: the simulation has ended: {error}") from None

    def _accept(self, listener: socket.socket) -> socket.socket:
        assert self._result is not None
        for _ in range(10 * START_TIMEOUT_S):
            try:
                return listener.accept()[0]
            except TimeoutError:
                if self._result.done():
                    break
        raise DeviceGone(f"{self.name}: the simulation does not begin")


def build(config: str, session: runner.Session) -> Simulate:
    """Compile an HDL configuration. Raises `DeviceGone`."""
    built = runner.build(SIM, config, session)
    if built.error:
        raise DeviceGone(f"{config}: {built.error}")
    return partial(runner.run, Run(SIM, config, _PLAN, memory=DEFAULT_MEMORY[SIM]), built)


def build_foreign(bench: simulate.Bench) -> Simulate:
    """Compile a device of other people. Raises `DeviceGone`."""
    try:
        simulate.build(bench)
    except DescriptionError as error:
        raise DeviceGone(str(error)) from None
    return partial(_run_foreign, bench)


def _run_foreign(bench: simulate.Bench, session: runner.Session) -> RunResult:
    """As `runner.run`."""
    name = bench.device.name
    run = Run(bench.sim, name, _PLAN, memory=DEFAULT_MEMORY[bench.sim])
    result = RunResult(run, session.seed, bench.directory / run.folder, main=session.main)
    with locked(result.directory):
        for old in result.directory.iterdir():
            if old.is_file() and old.name != ".lock":
                old.unlink()
        env = {**session.env, **session.window_env}
        env |= {"VIRTIO_CONFIG": name, "VIRTIO_FIGURES": str(result.directory / "figures.json")}
        outcome = simulate.start(bench, f"{PACKAGE}.{run.plan.module}", result.directory, env, session.traces_whole)
        runner.collect(result, outcome)
    return result
