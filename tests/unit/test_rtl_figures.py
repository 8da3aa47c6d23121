# SPDX-License-Identifier: Apache-2.0
"""Figures of the RTL: how they are left, collected and held against their bars."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import rtl


def test_bars_are_inclusive() -> None:
    (least, low), (most, high) = next(iter(rtl.LEAST.items())), next(iter(rtl.MOST.items()))
    assert not rtl.missed(least, low)
    assert "expected at least" in rtl.missed(least, low - 0.001)
    assert not rtl.missed(most, high)
    assert "expected at most" in rtl.missed(most, high + 0.1)
    assert not rtl.missed("a figure without a bar", 0)


def test_figures_are_left_and_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "verilator-blk" / "test_speed_blk"
    directory.mkdir(parents=True)
    monkeypatch.setenv("VIRTIO_FIGURES", str(directory / "figures.json"))
    rtl.leave("one", 1)
    rtl.leave("two", {"phase": 2})
    name, least = next(iter(rtl.LEAST.items()))
    with pytest.raises(AssertionError, match=f"{name}: expected at least"):
        rtl.leave(name, least / 2)
    assert json.loads((directory / rtl.FILE).read_text()) == {"one": 1, "two": {"phase": 2}, name: least / 2}
    assert rtl.collect(tmp_path) == {"rtl.one": 1, "rtl.two": {"phase": 2}, f"rtl.{name}": least / 2}


def test_checks_name_what_was_not_measured() -> None:
    assert rtl.checks({}) == []
    figures = {f"rtl.{name}": value for name, value in {**rtl.LEAST, **rtl.MOST}.items()}
    assert all(check.passed for check in rtl.checks(figures))
    missing = next(iter(figures))
    del figures[missing]
    (failed,) = [check for check in rtl.checks(figures) if not check.passed]
    assert failed.text == f"{missing}: not measured"
