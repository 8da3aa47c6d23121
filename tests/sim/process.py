# SPDX-License-Identifier: Apache-2.0
"""Child processes that end: own process group, output to a log, killed with all descendants after a time-out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_live: set[subprocess.Popen[bytes]] = set()
_live_lock = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """How a process ended. `status` is negative for a signal, as in `subprocess`."""

    status: int
    wall_s: float
    timed_out: bool = False

    def __str__(self) -> str:
        if self.timed_out:
            return f"no end after {self.wall_s:.0f} s, killed"
        if self.status < 0:
            return f"crashed with {signal.Signals(-self.status).name}"
        return f"exited with status {self.status}"


def execute(
    command: Sequence[str], log: Path, timeout_s: float, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Outcome:
    """Run a command with its output in `log`; after `timeout_s` its whole process group is killed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        with _live_lock:
            _live.add(child)
        try:
            child.wait(timeout_s)
            timed_out = False
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _kill(child)
            with _live_lock:
                _live.discard(child)
    # The job that wraps a simulator passes its signal on as a shell does: 128 + number.
    status = child.returncode
    if 128 < status <= 128 + signal.SIGRTMAX:
        status = 128 - status
    return Outcome(status, time.monotonic() - start, timed_out)


@contextlib.contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for children; whatever ends the block early ends these."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            kill_all()
            raise


def kill_all() -> None:
    """End every process started by `execute` (after Ctrl-C)."""
    with _live_lock:
        children = list(_live)
    for child in children:
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory against other `make` runs on the same tree."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a log, without its terminal colours."""
    try:
        with path.open("rb") as handle:
            handle.seek(max(0, path.stat().st_size - 256 * 1024))
            text = handle.read().decode(errors="replace")
    except OSError:
        return ""
    return "".join(line + "\n" for line in text.splitlines()[-lines:])
