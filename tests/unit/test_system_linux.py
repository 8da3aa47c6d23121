# SPDX-License-Identifier: Apache-2.0
"""The verdict on a guest: what it must have said and done, and which requests make sense."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from tests.sim.configs import CONFIGS
from tests.sim.guest import PORT_FILE
from tests.sim.selection import UsageError
from tests.system import guests, linux
from tests.system.leg import FOREIGN, LEGS, Leg, verdict

ENTROPY = bytes(range(256)) * 8


def read(data: bytes) -> str:
    return "".join(f"random {data[at : at + 30].hex()}\n" for at in range(0, len(data), 30))


def test_bytes_of_the_entropy_port(tmp_path: Path) -> None:
    rng = guests.Rng()
    (tmp_path / PORT_FILE).write_bytes(ENTROPY)
    taken = ENTROPY[64 : 64 + guests.RNG_BYTES]
    assert list(rng.judge(read(taken), tmp_path)) == []
    changed = bytearray(taken)
    changed[100] ^= 1
    assert "byte 96 read by the guest" in next(rng.judge(read(changed), tmp_path))
    assert "expected to read 1024 bytes" in next(rng.judge(read(taken[:-1]), tmp_path))
    assert "expected to read 1024 bytes from /dev/hwrng, seen 0" in next(rng.judge("", tmp_path))


def test_each_step_must_have_ended_well() -> None:
    script = "step one true\nstep two true\n"
    assert list(guests.judge_steps(script, "step one status 0\nstep two status 0\n")) == []
    assert list(guests.judge_steps(script, "step one status 0\n")) == ["step two: expected status 0, seen no end"]
    assert list(guests.judge_steps(script, "step one status 1\n")) == ["step one: expected status 0, seen 1"]


def test_files_that_the_guest_saw(tmp_path: Path) -> None:
    if shutil.which("e2fsck", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("e2fsck is missing: apt-get install e2fsprogs")
    file, image = tmp_path / "a.md", tmp_path / "disk.img"
    file.write_bytes(b"content")
    image.write_bytes(bytes(guests.SCRATCH_BYTES))
    found = list(guests.Blk([file], 0).judge(f"sum {'0' * 64}  ./a.md\n", tmp_path))
    assert any(text.startswith("blk: SHA-256 of a.md read by the guest expected") for text in found)
    assert any("e2fsck expected a clean file system" in text for text in found)
    assert any("direct I/O" in text for text in found)


def test_a_planted_fault_must_be_found_in_its_words() -> None:
    planted = Leg(("rng",), fault="irq", expected="power off within")
    assert verdict(planted, ["guest: expected to power off within 25 s, seen it"]) == []
    assert "expected a failure with 'power off within'" in verdict(planted, ["something else"])[0]
    assert verdict(planted, [])
    assert verdict(Leg(("rng",)), ["something"]) == ["something"]


def test_all_legs_have_a_device_that_can_be_built() -> None:
    assert {config for leg in LEGS if not leg.dut for config in leg.configs} <= set(CONFIGS)
    assert len({leg.name for leg in LEGS}) == len(LEGS)


def test_requests() -> None:
    assert linux.parse({"SEED": "7"}).legs == LEGS
    assert linux.parse({}, short=True).legs == LEGS[:1]
    one = linux.parse({"DEVICES": "blk", "FEATURES": "packed", "TIMING": "heavy"})
    assert one.legs == (Leg(("blk",), "packed", "heavy"),)
    other = linux.parse({"DUT": str(FOREIGN / "tiny_rng.toml"), "PARAMETERS": "BUG=1", "WAVES": "1", "WINDOW": "3-"})
    assert [leg.name for leg in other.legs] == ["rng-tiny_rng-BUG-1"]
    assert other.window == "3-"
    for env, said in (
        ({"FEATURES": "none"}, "unknown FEATURES 'none', there are: full"),
        ({"DEVICES": "rng,disk"}, "unknown DEVICES 'disk', there are: rng, blk, net"),
        ({"TIMING": "odd"}, "unknown TIMING"),
        ({"TIMEOUT": "0"}, "TIMEOUT=0: not a number of 1 or more"),
        ({"KERNEL": "/nowhere"}, "KERNEL=/nowhere: no such file"),
        ({"KERNEL": __file__}, "KERNEL= needs INITRD="),
        ({"DISK": __file__}, "DISK= needs SHELL=1 or INITRD="),
        ({"DUT": str(FOREIGN / "tiny_rng.toml"), "FEATURES": "full"}, "FEATURES= is not for DUT="),
        ({"DUT": "/nowhere.toml"}, "/nowhere.toml: expected a description"),
        ({"WAVES": "1", "WINDOW": "5-4"}, "WINDOW=5-4: expected START-END"),
        ({"WAVES": "1", "WINDOW": "notify:0:0"}, "WINDOW=notify:0:0: expected START-END"),
    ):
        with pytest.raises(UsageError, match=said):
            linux.parse(env)


def test_what_a_foreign_disk_held(tmp_path: Path) -> None:
    blk = guests.ForeignBlk(bytes(range(256)) * 8, read_only=True)
    assert guests.steps(blk.script()) == ["blk-read"]
    assert guests.steps(guests.ForeignBlk(bytes(2048), read_only=False).script()) == ["blk-read", "blk-write"]
    assert list(blk.judge(f"disk {hashlib.sha256(bytes(range(256)) * 8).hexdigest()}  /tmp/disk\n", tmp_path)) == []
    for console in ("", f"disk {'0' * 64}  /tmp/disk\n"):
        assert "2048 bytes of the description, seen others" in next(blk.judge(console, tmp_path))
