# SPDX-License-Identifier: Apache-2.0
"""U-Boot as a driver: what is asked for, what is typed, and what judges it; without U-Boot."""

from __future__ import annotations

import mmap
import shutil
from pathlib import Path

import pytest

from tests.sim.selection import UsageError
from tests.system import board, uboot


def test_legs_are_chosen_by_the_environment() -> None:
    assert uboot.chosen({}) == list(uboot.LEGS)
    assert [leg.name for leg in uboot.chosen({"ARCH": "arm64", "TIMING": "heavy"})] == [
        "arm64-blk-heavy",
        "arm64-rng-heavy",
        "arm64-net-heavy",
    ]
    assert [leg.name for leg in uboot.chosen({"DEVICE": "rng"})] == ["arm64-rng"]


NONE = [
    ({"ARCH": "mips"}, "ARCH"),
    ({"DEVICE": "gpu"}, "DEVICE"),
    ({"ARCH": "riscv64", "DEVICE": "rng"}, "no use"),
]


@pytest.mark.parametrize(("asked", "said"), NONE)
def test_what_there_is_not_is_told(asked: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        uboot.parse(asked)


def test_every_device_has_a_leg_without_a_fault() -> None:
    assert {leg.device for leg in uboot.LEGS if not leg.fault} == set(uboot.DEVICES)


def test_the_console_has_to_say_all_in_order() -> None:
    work = uboot.Script([], ["read: OK", "written: OK"])
    assert uboot.judge(work, "16 blocks read: OK\n16 blocks written: OK\n=> ") == []
    assert "'written: OK'" in uboot.judge(work, "blocks written: OK\nblocks read: OK\n=> ")[0]
    assert "seen 'no device'" in uboot.judge(work, "no device\n=> ")[0]


def test_sectors_are_compared_with_the_disk(tmp_path: Path) -> None:
    content = bytes(range(256)) * 2 * 64
    span = slice(512 * uboot._FROM, 512 * (uboot._FROM + uboot._SECTORS))
    after = bytearray(content)
    after[512 * uboot._TO : 512 * (uboot._TO + uboot._SECTORS)] = content[span]
    (tmp_path / "disk.img").write_bytes(after)
    read, zeroes = content[span], bytes(512 * uboot._SECTORS)
    assert uboot.judge_read(content, read, read) == []
    assert "read by U-Boot:" in uboot.judge_read(content, zeroes, zeroes)[0]
    assert "read by U-Boot again" in uboot.judge_read(content, read, zeroes)[0]
    assert uboot.judge_disk(read, tmp_path) == []
    after[512 * uboot._TO] ^= 1
    (tmp_path / "disk.img").write_bytes(after)
    assert "written by U-Boot" in uboot.judge_disk(read, tmp_path)[0]


def test_devices_of_other_people(tmp_path: Path) -> None:
    foreign = uboot.FOREIGN / "apb_blk.toml"
    assert [leg.name for leg in uboot.chosen({"DUT": str(foreign)})] == ["riscv64-blk-apb_blk", "arm64-blk-apb_blk"]
    for env, said in (
        ({"DUT": str(foreign), "DEVICE": "blk"}, "DEVICE= is not for DUT="),
        ({"DUT": str(tmp_path / "none.toml")}, "none.toml: expected a description"),
        ({"DUT": str(foreign), "PARAMETERS": "BUG"}, "expected NAME=number"),
    ):
        with pytest.raises(UsageError, match=said):
            uboot.chosen(env)
    text = foreign.read_text().replace("sectors = 64", "sectors = 55")
    small = tmp_path / "small.toml"
    small.write_text(text.replace('"apb_blk.sv"', f'"{foreign.with_suffix(".sv")}"'))
    with pytest.raises(UsageError, match="56 sectors or more expected, seen 55"):
        uboot.chosen({"DUT": str(small)})


def test_a_planted_fault_must_be_found_in_its_words() -> None:
    leg = uboot.Leg("arm64", "rng", fault="magic", expected="VQ-USED-LEN")
    assert uboot.verdict(leg, ["VQ-USED-LEN queue=0"]) == []
    assert "seen none" in uboot.verdict(leg, [])[0]


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is missing: apt-get install device-tree-compiler")
@pytest.mark.parametrize("arch", board.ARCHES)
def test_a_machine_without_a_program_is_told(arch: str) -> None:
    """An image that goes round in circles: no prompt within the time there is."""
    circle = {"riscv64": b"\x01\xa0" * 8, "arm64": b"\x00\x00\x00\x14" * 8}[arch]
    with mmap.mmap(-1, board.RAM_BYTES) as ram:
        machine = board.Board(board.ARCHES[arch], circle, ram, lambda write, offset, size, value: 0)
        assert "expected at its prompt within 1 s" in machine.run([], 0.5 + 0.5)
        assert ram[:4] == (circle[:4] if arch == "riscv64" else b"\xd0\x0d\xfe\xed")
        del machine
