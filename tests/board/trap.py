# SPDX-License-Identifier: Apache-2.0
"""A file that is a register window with side effects: every load and store that another process does on it is trapped.

The process runs under ptrace, unchanged and unaware. Once it has mapped the window, the file is cut off there, so that
an access raises SIGBUS. Then the one instruction is executed, page by page of trial content that is not the
registers', to see whether it is a load or a store, of how many bytes, and just one of either; and for good, with the
register's value in place. Registers of the processor are saved and put back as the kernel hands them over, unread,
so that nothing here depends on the processor.

Proves what instructions the program executes on its window, and in what order. Not: barriers, caches, bus widths.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import random
import select
import signal
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from virtio_model.spec import WINDOW_SIZE

_TRACEME, _CONT, _SINGLESTEP, _SYSCALL = 0, 7, 9, 24
_SETOPTIONS, _GETSIGINFO, _GETREGSET, _SETREGSET, _GET_SYSCALL_INFO = 0x4200, 0x4202, 0x4204, 0x4205, 0x420E
#: Tell system calls from signals; follow fork, vfork, clone and exec.
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10
_EVENT_EXEC = 4
_GENERAL_REGISTERS = 1
_WALL = 0x4000_0000
#: What a system call stop is for, and where its description has the second to fourth argument.
_ENTRY, _ARGUMENTS_AT = 1, 40
#: Where siginfo has the address of a fault, on 64-bit processors.
_ADDRESS_AT = 16
_WIDEST = 4
#: Content for trial: what a byte is here it is not there.
_TRIAL = random.Random("trial").randbytes(WINDOW_SIZE)
_INVERSE = _TRIAL.translate(bytes(reversed(range(256))))

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class Registers(Protocol):
    """What is behind the window."""

    def read(self, offset: int, size: int) -> int: ...

    def write(self, offset: int, value: int, size: int) -> None: ...


class _Ended(Exception):
    """A process has ended in the middle of an access."""

    def __init__(self, status: int) -> None:
        self.status = status


class TrapError(Exception):
    """The program accesses its window in a way that no register could be accessed, or cannot be traced."""


@dataclass(frozen=True)
class Access:
    """One load or store that a program did on its window; `value` is what was read or written."""

    store: bool
    offset: int
    size: int
    value: int


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _ptrace(request: int, pid: int, address: int | None = None, data: int | None = None) -> None:
    if _libc.ptrace(request, pid, address, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace request {request:#x}: {os.strerror(number)}")


class TrappedWindow:
    """Runs a program whose accesses to the window at `offset` of the file at `path` go to `registers`.

    `watched` is a file whose readability calls `served`, which is called after each access too. `on_access` is told of
    each access. Needs Linux 5.3 or later, and to be allowed to trace children.
    """

    def __init__(
        self,
        path: Path,
        registers: Registers,
        offset: int = 0,
        watched: int | None = None,
        served: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.on_access: Callable[[Access], None] = lambda access: None
        self._registers = registers
        self._base = offset
        self._served = served
        self._watched = [] if watched is None else [watched]
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._traced: set[int] = set()
        self._mapped: dict[int, tuple[int, int]] = {}
        self._mapping_calls: set[int] = set()
        self._restore()

    def run(self, command: Sequence[str], env: dict[str, str]) -> int:
        """Exit status of the command once all its descendants have ended, negative for a signal.

        Raises `TrapError`.
        """
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)
        try:
            root = self._start(command, env)
            return self._serve(root, wake)
        finally:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, before)
            for pid in self._traced:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.close(wake)
            os.close(waker)
            os.close(self._file)

    def _start(self, command: Sequence[str], env: dict[str, str]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                _ptrace(_TRACEME, 0)
                os.execvpe(command[0], list(command), env)
            except OSError as error:
                os.write(2, f"error: {command[0]}: {error.strerror}\n".encode())
            os._exit(127)
        return pid

    def _serve(self, root: int, wake: int) -> int:
        result: int | None = None
        while result is None or self._traced:
            ready = select.select([wake, *self._watched], [], [])[0]
            if wake in ready:
                os.read(wake, 4096)
            if ready != [wake]:
                self._served()
            while result is None or self._traced:
                pid, status = os.waitpid(-1, os.WNOHANG | _WALL)
                if not pid:
                    break
                if os.WIFSTOPPED(status):
                    try:
                        with contextlib.suppress(ProcessLookupError):  # killed: its end is still to come
                            self._stopped(pid, status)
                        continue
                    except _Ended as end:
                        status = end.status
                if pid == root:
                    result = os.waitstatus_to_exitcode(status)
                self._forget(pid)
        return result

    def _forget(self, pid: int) -> None:
        self._traced.discard(pid)
        self._mapping_calls.discard(pid)
        self._mapped.pop(pid, None)
        if not self._mapped:
            self._restore()

    def _stopped(self, pid: int, status: int) -> None:
        """Do what a stop is for, and let the process go on."""
        number, event = os.WSTOPSIG(status), status >> 16
        deliver = 0
        if pid not in self._traced:
            self._traced.add(pid)
            _ptrace(_SETOPTIONS, pid, None, _OPTIONS)
            self._look_for_mapping(pid)
        elif number == signal.SIGTRAP | 0x80:
            if self._may_map(pid):
                self._mapping_calls.add(pid)
            elif pid in self._mapping_calls:
                self._mapping_calls.discard(pid)
                self._look_for_mapping(pid)
        elif event:
            if event == _EVENT_EXEC:
                self._mapped.pop(pid, None)
        elif number == signal.SIGBUS and (offset := self._faulting_offset(pid)) is not None:
            self._access(pid, offset)
            self._served()
        else:
            deliver = number
        _ptrace(_CONT if pid in self._mapped else _SYSCALL, pid, None, deliver)

    def _may_map(self, pid: int) -> bool:
        """Whether a process is about to enter a system call that may be mmap of the window, by its arguments."""
        info = ctypes.create_string_buffer(128)
        _ptrace(_GET_SYSCALL_INFO, pid, len(info), ctypes.addressof(info))
        length, protection, flags = struct.unpack_from("<3Q", info.raw, _ARGUMENTS_AT)
        wanted = (WINDOW_SIZE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED)
        return info.raw[0] == _ENTRY and (length, protection, flags) == wanted

    def _look_for_mapping(self, pid: int) -> None:
        if (mapping := self._mapping(pid)) is not None:
            self._mapped[pid] = mapping
            os.ftruncate(self._file, self._base)

    def _mapping(self, pid: int) -> tuple[int, int] | None:
        """First and last + 1 address at which a process has the window."""
        name = str(self.path)
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESRCH):
                raise
            return None
        for line in lines:
            if line.endswith(name):
                addresses, _, offset, *_ = line.split()
                first, last = (int(address, 16) for address in addresses.split("-"))
                if int(offset, 16) == self._base and last - first == WINDOW_SIZE:
                    return first, last
        return None

    def _faulting_offset(self, pid: int) -> int | None:
        info = ctypes.create_string_buffer(128)
        _ptrace(_GETSIGINFO, pid, None, ctypes.addressof(info))
        address = int.from_bytes(info.raw[_ADDRESS_AT : _ADDRESS_AT + 8], "little")
        mapping = self._mapped.get(pid)
        return address - mapping[0] if mapping is not None and mapping[0] <= address < mapping[1] else None

    def _access(self, pid: int, offset: int) -> None:
        """Find out what the instruction does at `offset`, do it to the registers, and have it executed."""
        saved = self._processor(pid)
        (after, seen), (after_inverse, seen_inverse) = (self._step(pid, saved, page) for page in (_TRIAL, _INVERSE))
        if changed := _differences((after, _TRIAL), (after_inverse, _INVERSE)):
            first, last = changed
            size, stored = last - first, after[first:last]
            if first != offset or size not in (1, 2, 4) or (stored, seen) != (after_inverse[first:last], seen_inverse):
                raise TrapError(
                    f"store at {offset:#x}: expected 1, 2 or 4 bytes from there on and no load, "
                    f"seen {size} bytes from {first:#x} on{'' if seen == seen_inverse else ' and a load'}"
                )
            access = Access(True, offset, size, int.from_bytes(stored, "little"))
            self.on_access(access)
            self._registers.write(offset, access.value, size)
            return
        if seen == seen_inverse:
            raise TrapError(
                f"access at {offset:#x}: expected a load or a store of general registers, seen no effect on them"
            )
        size = self._loaded(pid, saved, offset, seen)
        value = self._registers.read(offset, size)
        self.on_access(Access(False, offset, size, value))
        page = bytearray(WINDOW_SIZE)
        page[offset : offset + size] = value.to_bytes(size, "little")
        self._step(pid, saved, bytes(page))

    def _loaded(self, pid: int, saved: bytes, offset: int, seen: bytes) -> int:
        """How many bytes the instruction loads: those whose inversion it notices."""

        def notices(first: int, last: int) -> bool:
            return self._step(pid, saved, _TRIAL[:first] + _INVERSE[first:last] + _TRIAL[last:])[1] != seen

        end = offset + _WIDEST
        if self._step(pid, saved, _INVERSE[:offset] + _TRIAL[offset:end] + _INVERSE[end:])[1] != seen:
            raise TrapError(f"load at {offset:#x}: expected 1, 2 or 4 bytes from there on, seen others too")
        if notices(offset + 2, offset + _WIDEST):
            return _WIDEST
        return 2 if notices(offset + 1, offset + 2) else 1

    def _step(self, pid: int, saved: bytes, page: bytes) -> tuple[bytes, bytes]:
        """Execute the one instruction with `page` in the window; the window and the processor's registers after it."""
        self._set_processor(pid, saved)
        os.ftruncate(self._file, self._base + WINDOW_SIZE)
        os.pwrite(self._file, page, self._base)
        _ptrace(_SINGLESTEP, pid)
        _, status = os.waitpid(pid, _WALL)
        after = os.pread(self._file, WINDOW_SIZE, self._base)
        os.ftruncate(self._file, self._base)
        if not os.WIFSTOPPED(status):
            raise _Ended(status)
        if os.WSTOPSIG(status) != signal.SIGTRAP:
            raise TrapError(f"process {pid}: expected to stop after one instruction, seen status {status:#x}")
        return after, self._processor(pid)

    def _processor(self, pid: int) -> bytes:
        buffer = ctypes.create_string_buffer(1024)
        vector = _Iovec(ctypes.addressof(buffer), len(buffer))
        _ptrace(_GETREGSET, pid, _GENERAL_REGISTERS, ctypes.addressof(vector))
        return buffer.raw[: vector.length]

    def _set_processor(self, pid: int, content: bytes) -> None:
        buffer = ctypes.create_string_buffer(content, len(content))
        vector = _Iovec(ctypes.addressof(buffer), len(content))
        _ptrace(_SETREGSET, pid, _GENERAL_REGISTERS, ctypes.addressof(vector))

    def _restore(self) -> None:
        """Make the file one that can be mapped."""
        os.ftruncate(self._file, self._base + max(WINDOW_SIZE, mmap.PAGESIZE))


def _differences(*pairs: tuple[bytes, bytes]) -> tuple[int, int] | None:
    """First and last + 1 position at which the bytes of any pair differ."""
    differing = 0
    for one, other in pairs:
        differing |= int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    bits = differing.to_bytes(WINDOW_SIZE, "big")
    return (WINDOW_SIZE - len(bits.lstrip(b"\0")), len(bits.rstrip(b"\0"))) if differing else None
