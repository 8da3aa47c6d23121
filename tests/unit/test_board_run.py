# SPDX-License-Identifier: Apache-2.0
"""`make board`: what it refuses in one line, and how it ends with a model behind the files, good or broken."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import pty
import subprocess
import sys
import time
import tty
from pathlib import Path
from typing import Any

import pytest

from cocotbext.virtio.board import BoardError, Place, PolledInterrupt, RegisterWindow, UioInterrupt
from tests.board import __main__ as board_main
from tests.board.isolated import Died, Failed, isolated
from tests.sim.configs import ROOT
from virtio_model import spec
from virtio_model.spec import WINDOW_SIZE


def served(config: str, *arguments: str, json_path: Path, **env: str) -> tuple[int, list[str], dict[str, Any]]:
    """Status, lines and figures of `make board`'s program with the model of a configuration behind its files."""
    # Without any package of others, as it may have to on a board.
    program = [sys.executable, "-S", "-m", "tests.board", "--json", str(json_path)]
    command = [sys.executable, "-m", "tests.board.serve", config, *arguments, "--", *program]
    given = {key: value for key, value in os.environ.items() if key not in ("TEST", "TIMEOUT")}
    given["PYTHONPATH"] = f"{ROOT / 'tb'}:{ROOT / 'models'}"
    done = subprocess.run(
        command, cwd=ROOT, env={**given, "SEED": "7", **env}, capture_output=True, text=True, timeout=300, check=False
    )
    figures = json.loads(json_path.read_text()) if json_path.exists() else {}
    return done.returncode, (done.stdout + done.stderr).splitlines(), figures


@pytest.mark.parametrize(
    ("config", "irq", "test", "passed"),
    [
        ("rng", "poll", "", 81),
        ("blk", "uio", "", 87),
        ("rng_split", "uio", "features", 22),
        ("blk_packed", "poll", "packed", 13),
        ("blk_full", "uio", "blk_features", 5),
        ("blk_ro", "poll", "data", 1),
        ("net", "uio", "", 1),
    ],
)
def test_the_model_passes(tmp_path: Path, config: str, irq: str, test: str, passed: int) -> None:
    status, lines, figures = served(config, "--irq", irq, json_path=tmp_path / "board.json", TEST=test)
    assert status == 0, "\n".join(lines)
    assert figures["passed"] >= passed
    assert figures["failed"] == 0
    assert figures["skipped"] == len(figures["left_out"])
    assert lines[-1].startswith(f"{figures['passed']} passed, 0 failed")
    assert figures["used_buffers"] > 0
    assert all(any(name in line for line in lines) for name in figures["left_out"])


@pytest.mark.parametrize(
    ("fault", "irq", "said"),
    [
        ("used_len", "poll", "UsedLengthError: VQ-USED-LEN queue=0"),
        ("no_interrupt", "uio", "is in the used ring, but no interrupt told of it: expected within"),
        ("no_interrupt", "poll", "is in the used ring, but no interrupt told of it: expected within"),
        ("no_line", "uio", "is in the used ring, but no interrupt told of it: expected within"),
        ("stuck_line", "uio", "BOARD-IRQ-LOW interrupt line expected low with InterruptStatus 0, seen 16 events"),
        ("hang", "uio", "DeviceTimeout: what the test waits for: expected within"),
        ("overrun", "poll", "GuardError: MEM-GUARD"),
        ("reset", "poll", "device reset: Status expected 0"),
        ("die", "poll", "the process running it: killed by SIG"),
    ],
)
def test_faults_of_the_model_are_caught(tmp_path: Path, fault: str, irq: str, said: str) -> None:
    options = ("--irq", irq, "--fault", fault)
    status, lines, figures = served("rng", *options, json_path=tmp_path / "board.json", TEST="rings.indices_wrap")
    assert status != 0
    assert any(said in line for line in lines), "\n".join(lines)
    assert (figures["passed"], figures["failed"]) == (0, 1)
    assert lines[-1] == "0 passed, 1 failed"
    assert any(line.startswith("  repeat: make board REGS=/dev/shm/") for line in lines)


def test_the_rest_is_skipped_once_the_device_is_gone(tmp_path: Path) -> None:
    _, lines, figures = served("rng", "--fault", "die", json_path=tmp_path / "board.json", TEST="rings")
    assert figures["failed"] == 1
    assert figures["skipped"] > 5
    gone = [line for line in lines if "device gone: REGS=" in line]
    assert len(gone) == figures["skipped"]
    assert gone[0].endswith("MagicValue expected to be readable, seen the process killed by SIGBUS")


def test_a_test_without_end_is_killed(tmp_path: Path) -> None:
    options = {"TEST": "negotiation.every_subset_is_accepted", "TIMEOUT": "1"}
    _, lines, figures = served("blk_packed", json_path=tmp_path / "board.json", **options)
    assert (figures["passed"], figures["failed"]) == (0, 1)
    assert any("no end within 1 s, killed" in line for line in lines)


def test_no_device_behind_the_window(tmp_path: Path) -> None:
    status, lines, figures = served("rng", "--fault", "magic", json_path=tmp_path / "board.json")
    assert (status, figures) == (2, {})
    assert len(lines) == 1
    assert lines[0].startswith("error: REGS=/dev/shm/")
    assert lines[0].endswith("not a VirtIO device: MagicValue expected 0x74726976, seen 0xdeadbeef")
    status, lines, _ = served("placeholder", json_path=tmp_path / "board.json")
    assert status == 2
    assert len(lines) == 1
    assert lines[0].endswith("DeviceID expected of a device, seen 0: a placeholder")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A register window that reads 0, and memory."""
    for name in ("registers", "memory", "short"):
        (tmp_path / name).write_bytes(bytes(100 if name == "short" else 1 << 16))
    return {name: str(tmp_path / name) for name in ("registers", "memory", "short", "missing")}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "make board needs REGS=file"),
        ({"REGS": "{registers}"}, "make board needs REGS=file"),
        ({"REGS": "{missing}", "MEM": "{memory}"}, "REGS={missing}@0x0: cannot be opened: No such file or directory"),
        ({"REGS": "{registers}@0x100", "MEM": "{memory}"}, "offset expected to be a multiple of the page size"),
        ({"REGS": "{short}", "MEM": "{memory}"}, "too small: 4096 bytes expected from there on, seen 100"),
        ({"REGS": "{registers}@0x10000", "MEM": "{memory}"}, "too small: 4096 bytes expected from there on, seen 0"),
        ({"REGS": "{registers}@x", "MEM": "{memory}"}, "expected as REGS=file[@offset], with numbers"),
        ({"REGS": "@0", "MEM": "{memory}"}, "REGS expected as REGS=file[@offset]"),
        ({"REGS": "{registers}", "MEM": "{missing}"}, "MEM={missing}@0x0: cannot be opened"),
        ({"REGS": "{registers}", "MEM": "{memory}@1,2,3,4"}, "expected as MEM=file[@offset,bus_address[,length]]"),
        ({"REGS": "{registers}", "MEM": "{memory}@0x7"}, "offset expected to be a multiple of the page size"),
        ({"REGS": "{registers}", "MEM": "{short}"}, "too small"),
        ({"REGS": "{registers}", "MEM": "{memory}"}, "MagicValue expected 0x74726976, seen 0x00000000"),
        ({"REGS": "{registers}", "MEM": "{memory}", "IRQ": "msi"}, "IRQ=msi: expected poll, uio or uio:file"),
        ({"REGS": "{registers}", "MEM": "{memory}", "IRQ": "uio"}, "expected to be a UIO device"),
        ({"REGS": "{registers}", "MEM": "{memory}", "IRQ": "uio:{missing}"}, "{missing} cannot be opened"),
        ({"REGS": "{registers}", "MEM": "{memory}", "TIMEOUT": "0"}, "TIMEOUT=0: not a number of 1 or more"),
    ],
)
def test_bad_requests(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    files: dict[str, str],
    request_: dict[str, str],
    said: str,
) -> None:
    for name in ("REGS", "MEM", "IRQ", "TEST", "SEED", "TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in request_.items():
        monkeypatch.setenv(name, value.format(**files))
    assert board_main.main(["--json", str(tmp_path / "board.json")]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said.format(**files) in err


def test_unknown_test(tmp_path: Path) -> None:
    status, lines, _ = served("rng", json_path=tmp_path / "board.json", TEST="nonsense")
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("error: unknown TEST 'nonsense', there are: ")


def test_memory_beyond_the_end_of_the_file_is_a_line(files: dict[str, str]) -> None:
    """A file that shrinks, as a device that goes away, raises SIGBUS; that is told, not suffered."""
    pages = Place("MEM", files["memory"]).map()
    os.truncate(files["memory"], 0)

    def access() -> int:
        faulthandler.disable()  # pytest's report of it is of no use here
        return int(memoryview(pages)[0])

    with pytest.raises(Died, match="killed by SIGBUS"):
        isolated(access, 5)


def test_places() -> None:
    assert Place.registers("/dev/uio0", 4096) == Place("REGS", "/dev/uio0", length=4096)
    assert Place.memory("/dev/mem@0x3f000000") == Place("MEM", "/dev/mem", 0x3F00_0000, 0x3F00_0000)
    assert Place.memory("m@4096,0x10,8192") == Place("MEM", "m", 4096, 16, 8192)


def test_isolated() -> None:
    assert isolated(lambda: {"a": 1}, 5) == {"a": 1}
    with pytest.raises(Failed, match="KeyError: "):
        isolated(lambda: os.environ["NO_SUCH_NAME"], 5)
    with pytest.raises(Died, match=r"no end within 0\.2 s"):
        isolated(lambda: time.sleep(5), 0.2)
    with pytest.raises(Died, match="exited with status 3"):
        isolated(lambda: os._exit(3), 5)


class Line:
    """A UIO device as a pseudo-terminal, and a window whose InterruptStatus is set by hand."""

    def __init__(self, tmp_path: Path) -> None:
        path = tmp_path / "window"
        path.write_bytes(bytes(WINDOW_SIZE))
        self.window = RegisterWindow(Place("REGS", str(path), length=WINDOW_SIZE).map(), lambda: None)
        self.kernel, slave = pty.openpty()
        tty.setraw(slave)
        self.irq = UioInterrupt(self.window, os.ttyname(slave))

    def event(self) -> None:
        os.write(self.kernel, bytes(4))

    def status(self, value: int) -> None:
        self.window.store(spec.Reg.INTERRUPT_STATUS, value)


def test_uio_is_what_counts(tmp_path: Path) -> None:
    """A status without an event is none; an event without a status is stale, unless they go on."""
    line = Line(tmp_path)
    assert os.read(line.kernel, 4) == b"\1\0\0\0"
    line.status(1)
    assert line.irq.level
    assert asyncio.run(line.irq.wait(0)) is False
    line.event()
    assert asyncio.run(line.irq.wait(0)) is True
    line.status(0)
    line.irq.check_low()
    line.event()
    line.irq.check_low()
    line.event()
    assert asyncio.run(line.irq.wait(0)) is False
    for _ in range(40):
        line.event()
    with pytest.raises(AssertionError, match="BOARD-IRQ-LOW"):
        line.irq.check_low()
    assert asyncio.run(line.irq.wait(0)) is True


def test_polled(tmp_path: Path) -> None:
    line = Line(tmp_path)
    polled = PolledInterrupt(line.window)
    begun = time.monotonic()
    assert asyncio.run(polled.wait(30_000_000)) is False
    assert time.monotonic() - begun >= 0.03
    line.status(2)
    assert asyncio.run(polled.wait(0)) is True


def test_not_a_uio_device(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(8))
    with pytest.raises(BoardError, match="expected to be a UIO device"):
        UioInterrupt(Line(tmp_path).window, str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == bytes(8)
