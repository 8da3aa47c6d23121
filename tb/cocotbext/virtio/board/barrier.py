# SPDX-License-Identifier: Apache-2.0
"""A full memory barrier, which Python has none of: two instructions in a page of their own.

Rings lie in normal memory and registers in device memory, and an Arm or RISC-V core orders accesses to the two only
where it is told to (2.7.13, 2.7.8: "the driver performs a suitable memory barrier").
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from collections.abc import Callable

from .errors import BoardError

_ARM = bytes.fromhex("4ff07ff5 1eff2fe1")
_X86 = bytes.fromhex("0faef0 c3")
#: Barrier for all accesses, devices' included, and return, by what `uname -m` says.
CODE = {
    "aarch64": bytes.fromhex("9f3f03d5 c0035fd6"),  # dsb sy; ret
    "armv7l": _ARM,  # dsb sy; bx lr
    "armv8l": _ARM,
    "riscv64": bytes.fromhex("0f00f00f 67800000"),  # fence iorw, iorw; ret
    "x86_64": _X86,  # mfence; ret
    "amd64": _X86,
}

_MAP_FAILED = ctypes.c_void_p(-1).value


def full_barrier(machine: str | None = None) -> Callable[[], None]:
    """A function that orders all accesses before it and all after it. Raises `BoardError` for an unknown processor."""
    name = machine or platform.machine()
    if name not in CODE:
        raise BoardError(f"no memory barrier known for a {name}: expected one of {', '.join(CODE)}")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    file = os.memfd_create("barrier")
    try:
        os.write(file, CODE[name])
        # Mapped executable only after it was written, so that the kernel makes the instruction cache agree.
        page = libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE, file, 0)
    finally:
        os.close(file)
    if page == _MAP_FAILED:
        raise BoardError(f"no memory barrier: a page of code cannot be mapped: {os.strerror(ctypes.get_errno())}")
    return ctypes.CFUNCTYPE(None)(page)
