# SPDX-License-Identifier: Apache-2.0
"""What people see of a guest."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from tests.system.show import Progress, summary


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Progress().show("leg", "one\n")
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Progress(of_the_guest=True).show("leg", "one\n")
    assert capsys.readouterr().out == ""
    shown = Progress()
    shown.show("leg", "one\ntwo \n\n")
    shown.show("leg", "x" * 500)
    shown.clear()
    lines = capsys.readouterr().out.split("\r\033[K")
    assert lines[1] == "leg: two"
    assert len(lines[2]) < 100
    assert lines[3] == ""


def test_a_row_for_each_device() -> None:
    legs = {
        "rng+blk-full": {"verdict": "passed", "rng": {"chains": 7}, "blk": {"chains": 11, "cycles": 1234}, "wall_s": 3},
        "net-full": {"verdict": "failed", "wall_s": 5},
    }
    out = Console(width=200, file=io.StringIO(), record=True)
    out.print(summary(legs))
    text = out.export_text().splitlines()
    assert [line.split()[0] for line in text] == ["leg", "rng+blk-full", "blk"]
    assert "7" in text[1].split()
    assert {"11", "1234"} <= set(text[2].split())
