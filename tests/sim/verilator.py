# SPDX-License-Identifier: Apache-2.0
"""cocotb's runner for Verilator, with a main program of the project's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cocotb_tools import config, runner


class OwnMain(runner.Verilator):
    """Builds with `main` where cocotb's runner names the main that it brings."""

    def __init__(self, main: Path) -> None:
        super().__init__()
        self._main = main

    def _build_command(self) -> list[list[str]]:
        stock = config.share_dir / "lib" / "verilator" / "verilator.cpp"
        return replaced(super()._build_command(), str(stock), (str(self._main),))


def replaced(commands: Sequence[Sequence[str]], word: str, words: Sequence[str]) -> list[list[str]]:
    """The commands with `words` in the place of `word`. Raises RuntimeError unless it is there once."""
    if sum(list(command).count(word) for command in commands) != 1:
        raise RuntimeError(
            f"cocotb's runner does not build {word}, so there is nothing to put another main in place of"
        )
    return [[new for old in command for new in (words if old == word else (old,))] for command in commands]
