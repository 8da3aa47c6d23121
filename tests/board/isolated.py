# SPDX-License-Identifier: Apache-2.0
"""Functions run in a process of their own: a bus error or an access without an answer ends that one alone."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Died(Exception):
    """The process ended without a result, or had to be ended."""


class Failed(Exception):
    """The function raised an error; this one's text names its kind and has its text."""


def isolated(function: Callable[[], T], timeout_s: float) -> T:
    """What `function` returns, by way of pickle. Raises `Failed` or `Died`."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(_outcome(function))
        os._exit(0)
    os.close(writer)
    content = _read(reader, time.monotonic() + timeout_s)
    os.close(reader)
    if content is None:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if content is None:
        raise Died(f"no end within {timeout_s:g} s, killed")
    if not content:
        raise Died(f"killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}")
    good, value = pickle.loads(content)
    if not good:
        raise Failed(value)
    result: T = value
    return result


def _outcome(function: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((True, function()))
    except Exception as error:
        return pickle.dumps((False, f"{type(error).__name__}: {error}"))


def _read(file: int, deadline: float) -> bytes | None:
    """All until its end; None if that does not come in time."""
    content = b""
    while (left_s := deadline - time.monotonic()) > 0:
        if select.select([file], [], [], left_s)[0]:
            part = os.read(file, 65536)
            if not part:
                return content
            content += part
    return None
