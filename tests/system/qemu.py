# SPDX-License-Identifier: Apache-2.0
"""A virtual machine whose PCI function and interrupt lines are served by this process: QEMU, without KVM."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "qemu-system-x86_64"
MEMORY_BYTES = 256 << 20
#: How long QEMU may take to acknowledge a change of an interrupt line.
LINE_TIMEOUT_S = 10
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Booted:
    """What the machine boots."""

    kernel: Path
    initrd: Path
    table: Path
    arguments: str = "console=ttyS0 panic=-1 loglevel=4 rdinit=/init"


def command(guest: Booted, memory: int, proxy: int, qtest: int) -> list[str]:
    """The command line; `memory`, `proxy` and `qtest` are descriptors that the process inherits."""
    return [
        *(PROGRAM, "-M", "q35,memory-backend=ram", "-accel", "tcg", "-cpu", "max", "-m", str(MEMORY_BYTES >> 20)),
        *("-object", f"memory-backend-file,id=ram,mem-path=/proc/self/fd/{memory},size={MEMORY_BYTES},share=on"),
        *("-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio"),
        *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd), "-append", guest.arguments),
        *("-acpitable", f"file={guest.table}", "-device", f"x-pci-proxy-dev,addr=04.0,fd={proxy}"),
        *("-chardev", f"socket,id=qt,fd={qtest}", "-object", "qtest,id=qt0,chardev=qt,log=none"),
    ]


class Lines:
    """Interrupt lines of the machine, by its qtest socket."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._waiting = 0

    def set(self, line: int, level: bool) -> None:
        """Change a line; `settle` says when it has changed."""
        self._socket.sendall(f"set_irq_in /machine/q35/ioapic unnamed-gpio-in {line} {int(level)}\n".encode())
        self._waiting += 1

    def settle(self) -> None:
        """Wait until all changes are acknowledged. Raises TimeoutError, ConnectionError."""
        deadline = time.monotonic() + LINE_TIMEOUT_S
        while self._waiting:
            if not select.select([self._socket], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(
                    f"QEMU: expected to change interrupt lines within {LINE_TIMEOUT_S} s, seen no answer"
                )
            answer = self._socket.recv(4096)
            if not answer:
                raise ConnectionError("QEMU: expected to change interrupt lines, seen it gone")
            self._waiting -= answer.count(b"OK")


class Qemu:
    """A running machine: `proxy` and `lines` are our ends; use it as a context, which ends the process."""

    def __init__(self, guest: Booted, memory: int, terminal: bool = False) -> None:
        self.proxy, theirs = socket.socketpair()
        ours, qtest = socket.socketpair()
        self.lines = Lines(ours)
        inherited = (memory, theirs.fileno(), qtest.fileno())
        parent = os.getpid()

        def die_with_parent() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        self.process = subprocess.Popen(
            command(guest, *inherited),
            stdin=None if terminal else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            preexec_fn=die_with_parent,
        )
        theirs.close()
        qtest.close()

    def __enter__(self) -> Qemu:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.proxy.close()
