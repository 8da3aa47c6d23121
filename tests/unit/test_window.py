# SPDX-License-Identifier: Apache-2.0
"""Which part of a guest's run is traced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import window
from tests.sim.window import Window, WindowTrace
from virtio_model.spec import Reg


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the main program."""
    made: list[str] = []
    monkeypatch.setattr(window, "open_trace", lambda path: made.append(f"open {path}"))
    monkeypatch.setattr(window, "close_trace", lambda: made.append("close"))
    return made


def test_forms() -> None:
    assert Window.parse("10-30") == Window(10, 20)
    assert Window.parse("10-") == Window(10, None)
    assert Window.parse("notify:2:7") == Window(0, window.LENGTH_US, 2, 7)
    assert Window.parse("notify:2:7:5") == Window(0, 5, 2, 7)


@pytest.mark.parametrize("text", ["", "10", "30-10", "5-5", "-5", "notify:0:0", "notify:1", "notify:0:1:0", "irq:1"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected START-END or START- in us, or notify"):
        Window.parse(text)


def test_a_span_of_time(calls: list[str]) -> None:
    trace = WindowTrace(Window.parse("10-30"), Path("x"))
    for now in (0, 9.9):
        trace.at(now)
    assert not calls
    for now in (10.2, 20, 30):
        trace.at(now)
    assert calls == ["open x"]
    for now in (30.2, 40, 50):
        trace.at(now)
    assert calls == ["open x", "close"]
    trace.finish(60)


def test_from_a_notification_on(calls: list[str]) -> None:
    trace = WindowTrace(Window.parse("notify:1:2:5"), Path("x"))
    notify = int(Reg.QUEUE_NOTIFY)
    for offset, value in ((notify, 0), (notify, 1), (int(Reg.QUEUE_SEL), 1), (notify, 0)):
        trace.before_write(offset, value, 1)
        trace.at(1)
    assert not calls
    with pytest.raises(AssertionError, match="notification 2 of queue 1 on, seen 1 of them"):
        trace.finish(1)
    trace.before_write(notify, 0x5_0001, 2)  # with notification data
    trace.before_write(notify, 1, 3)
    trace.at(6.9)
    assert calls == ["open x"]
    trace.at(7)
    assert calls == ["open x", "close"]
    trace.finish(9)


def test_a_window_beyond_the_end_is_told(calls: list[str]) -> None:
    trace = WindowTrace(Window.parse("10-"), Path("x"))
    trace.at(9)
    with pytest.raises(AssertionError, match="from 10 us on, seen the end at 9 us"):
        trace.finish(9)
    assert not calls
