# SPDX-License-Identifier: Apache-2.0
"""The C++ of `tb/hdl` in this simulator process, by ctypes."""

from __future__ import annotations

import ctypes
import functools
import os

_u64, _int = ctypes.c_uint64, ctypes.c_int

_SIGNATURES = {
    "virtio_memory_map": (_int, (_int, _u64, _u64, _int)),
    "virtio_memory_unmap": (None, (_int,)),
    "virtio_memory_window": (None, (_int, _u64, _u64, _int, _int, _int)),
    "virtio_memory_clear_windows": (None, (_int,)),
    "virtio_memory_unmapped": (_int, (_int, ctypes.c_void_p, _int)),
    "virtio_tap_take": (ctypes.c_void_p, (_int, ctypes.POINTER(_u64))),
    "virtio_tap_open_bursts": (_int, (_int,)),
}


class MissingLibrary(Exception):
    """The simulation was built without the C++ that belongs to the HDL."""


@functools.cache
def library() -> ctypes.CDLL:
    """The functions that virtio_memory.cpp and virtio_tap.cpp offer to Python.

    They are in the simulator's executable (link with -rdynamic), or in the VPI module named by $VIRTIO_VPI. Raises
    MissingLibrary.
    """
    path = os.environ.get("VIRTIO_VPI") or None
    try:
        found = ctypes.CDLL(path)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise MissingLibrary(f"tb/hdl/*.cpp expected in {path or 'the simulator'}: {error}") from None
    return found
