# SPDX-License-Identifier: Apache-2.0
"""What the simulation's main program offers to Python, if it is `tb/hdl/virtio_main.cpp`."""

from __future__ import annotations

import ctypes
import errno
import functools
import os


@functools.cache
def main_program() -> ctypes.CDLL | None:
    """The functions of the main program; None under a simulator or a main that has none."""
    program = ctypes.CDLL(None)
    if not hasattr(program, "virtio_clock_start"):
        return None
    program.virtio_clock_start.argtypes = (ctypes.c_char_p, ctypes.c_uint64)
    program.virtio_trace_open.argtypes = (ctypes.c_char_p,)
    return program


def open_trace(path: str | os.PathLike[str]) -> None:
    """Write waveforms from the end of this time step on, in a build with waveforms.

    Raises OSError: ENOTSUP without support for it, EBUSY when there is a trace already.
    """
    program = main_program()
    error = program.virtio_trace_open(os.fsencode(path)) if program else errno.ENOTSUP
    if error:
        raise OSError(error, os.strerror(error), os.fspath(path))


def close_trace() -> None:
    """Write the end of this time step, and close the file. Raises OSError when none is open."""
    program = main_program()
    error = program.virtio_trace_close() if program else errno.ENOTSUP
    if error:
        raise OSError(error, os.strerror(error))
