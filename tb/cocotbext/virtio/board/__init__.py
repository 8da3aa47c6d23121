# SPDX-License-Identifier: Apache-2.0
"""A device on a board: its register window and DMA memory mapped from files, its interrupt from UIO or by polling.

Nothing here needs a simulator, or knows whether the files are a FPGA's or another process's.
"""

from .bench import Board, BoardBench
from .errors import BoardError
from .interrupt import PolledInterrupt, UioInterrupt
from .memory import MappedMemory
from .places import Place
from .window import RegisterWindow

__all__ = [
    "Board",
    "BoardBench",
    "BoardError",
    "MappedMemory",
    "Place",
    "PolledInterrupt",
    "RegisterWindow",
    "UioInterrupt",
]
