# SPDX-License-Identifier: Apache-2.0
"""The comparison of runs on the two memories, and what is left for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cocotbext.virtio.events import BusReset, DmaRead, DmaWrite, Event, IrqChange, RegisterRead, RegisterWrite
from tests.sim import configs
from tests.sim.compare import COMPARISON, compare_memories
from tests.sim.observed import leave, projections
from tests.sim.results import FAILED, PASSED, CaseResult, RunResult
from tests.sim.selection import Run
from virtio_model.spec import Reg

PLAN = configs.Plan("test_memories", configs=("rng",), compared=True)
SEEN = {"none": "== dma\nread 0x1000\n", "heavy": "== dma\nwrite 0x2000\nirq 1\n"}


def result(
    root: Path, memory: str, left: Mapping[str, str], plan: configs.Plan = PLAN, config: str = "rng"
) -> RunResult:
    directory = root / config / memory
    directory.mkdir(parents=True)
    for name, text in left.items():
        (directory / f"observed-{name}.txt").write_text(text)
    return RunResult(
        Run("verilator", config, replace(plan, memory=memory), (), memory), 1, directory, [CaseResult("any", PASSED)]
    )


def verdicts(*results: RunResult) -> list[tuple[str, str]]:
    """(verdict, message) of the comparisons made."""
    compare_memories(results)
    found = [test for entry in results for test in entry.tests if test.name == COMPARISON]
    return [(test.verdict, test.message) for test in found]


def test_the_same_is_the_same(tmp_path: Path) -> None:
    assert verdicts(result(tmp_path, "fast", SEEN), result(tmp_path, "axiram", SEEN)) == [(PASSED, "")]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {**SEEN, "heavy": "== dma\nwrite 0x2001\nirq 1\n"},
            "observed-heavy.txt line 2: fast: write 0x2000 axiram: write 0x2001",
        ),
        ({**SEEN, "heavy": "== dma\nwrite 0x2000\n"}, "observed-heavy.txt line 3: fast: irq 1 axiram: (end)"),
        ({"none": SEEN["none"]}, "only one of the memories left observed-heavy.txt"),
        ({}, "only one of the memories left observed-heavy.txt, observed-none.txt"),
    ],
)
def test_the_first_difference_is_told(tmp_path: Path, other: Mapping[str, str], said: str) -> None:
    fast, axiram = result(tmp_path, "fast", SEEN), result(tmp_path, "axiram", other)
    assert verdicts(fast, axiram) == [(FAILED, f"MEM-DIFFERENT {said}")]
    assert axiram.repeat(axiram.tests[-1]) == "make sim TEST=memories CONFIG=rng SEED=1"


def test_nothing_left_is_a_failure(tmp_path: Path) -> None:
    ((verdict, message),) = verdicts(result(tmp_path, "fast", {}), result(tmp_path, "axiram", {}))
    assert verdict == FAILED
    assert "neither memory left anything" in message


def test_what_is_not_compared(tmp_path: Path) -> None:
    alone = configs.Plan("test_rng", configs=("rng",))
    other = {"none": "other"}
    assert not verdicts(result(tmp_path / "1", "fast", SEEN, alone), result(tmp_path / "1", "axiram", other, alone))
    assert not verdicts(result(tmp_path / "2", "fast", SEEN))
    assert not verdicts(result(tmp_path / "3", "fast", SEEN), result(tmp_path / "4", "fast", other))
    assert not verdicts(result(tmp_path / "5", "fast", SEEN), result(tmp_path / "5", "axiram", other, config="blk"))
    fast, axiram = result(tmp_path / "6", "fast", SEEN), result(tmp_path / "6", "axiram", other)
    fast.fail("something else")
    assert not verdicts(fast, axiram)


def test_memories_are_compared_on_both_simulators() -> None:
    plans = [plan for plan in configs.PLANS if plan.module == "test_memories"]
    assert sorted(plan.memory for plan in plans) == sorted(configs.MEMORIES)
    assert all(plan.compared for plan in plans)
    for sim in configs.SIMULATORS:
        assert plans[0].on(sim) == plans[1].on(sim) != ()


AVAIL = 0x1_0000_2000
SET_UP: list[Event] = [
    BusReset(1),
    RegisterWrite(2, 3, Reg.QUEUE_DRIVER_LOW, AVAIL & 0xFFFF_FFFF),
    RegisterWrite(4, 5, Reg.QUEUE_DRIVER_HIGH, AVAIL >> 32),
    RegisterWrite(6, 7, Reg.QUEUE_READY, 1),
]
TRAFFIC: list[Event] = [
    DmaRead(10, 12, 0x5000, b"abcdefgh"),
    DmaWrite(13, 15, ((0x6000, b"12"), (0x6004, b"3"))),
    RegisterRead(16, 17, 0x60, 1),
    IrqChange(18, True),
]


def lines(*events: Event) -> list[str]:
    return list(projections([*SET_UP, *events]))


def test_projections_are_readable() -> None:
    assert lines(*TRAFFIC) == [
        "== registers",
        "reset",
        "write 0x090 = 0x00002000 strobe=1111 ok=1",
        "write 0x094 = 0x00000001 strobe=1111 ok=1",
        "write 0x044 = 0x00000001 strobe=1111 ok=1",
        "read 0x060 = 0x00000001 ok=1",
        "== dma reads",
        "read 0x5000 8 bytes ok=1 6162636465666768",
        "== dma writes",
        "write 0x6000 2 bytes ok=1 3132",
        "write 0x6004 1 bytes ok=1 33",
        "== avail idx",
        "== irq",
        "irq 1",
    ]


def test_what_depends_on_timing_does_not_show() -> None:
    split: list[Event] = [DmaRead(20, 22, 0x5000, b"abc"), DmaRead(21, 25, 0x5003, b"defgh"), *TRAFFIC[2:], TRAFFIC[1]]
    assert lines(*split) == lines(*TRAFFIC)
    assert lines(TRAFFIC[1], TRAFFIC[0], *TRAFFIC[2:]) == lines(*TRAFFIC)
    poll = DmaRead(9, 10, AVAIL + 2, b"\1\0")
    assert lines(poll, *split[:1], poll, *split[1:], poll) == lines(poll, *TRAFFIC)


@pytest.mark.parametrize(
    "other",
    [
        [DmaRead(10, 12, 0x5000, b"abcdefgi"), *TRAFFIC[1:]],
        [DmaRead(10, 12, 0x5000, b"abcdefgh", ok=False), *TRAFFIC[1:]],
        [DmaRead(10, 12, 0x5000, b"abcdefg"), *TRAFFIC[1:]],
        [*TRAFFIC, DmaWrite(19, 20, ((0x6000, b"12"), (0x6004, b"3")))],
        [*TRAFFIC[:1], DmaWrite(13, 15, ((0x6000, b"12"),)), *TRAFFIC[2:]],
        [*TRAFFIC[:2], RegisterRead(16, 17, 0x60, 3), TRAFFIC[3]],
        TRAFFIC[:3],
        [*TRAFFIC, IrqChange(19, False)],
        [*TRAFFIC, DmaRead(20, 21, AVAIL + 2, b"\1\0")],
        [*TRAFFIC, DmaRead(20, 21, 0x5000, b"abcdefgh")],
    ],
)
def test_everything_else_shows(other: list[Event]) -> None:
    assert lines(*other) != lines(*TRAFFIC)


def test_lines_are_left_beside_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTIO_FIGURES", str(tmp_path / "figures.json"))
    leave("heavy", ["one", "two"])
    assert (tmp_path / "observed-heavy.txt").read_text() == "one\ntwo\n"
