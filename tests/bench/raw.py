# SPDX-License-Identifier: Apache-2.0
"""The disk read in plain C++ (raw_main.cpp): builds it with the options of the simulation, and runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from pathlib import Path

from cocotbext.virtio.buffers import POISON
from cocotbext.virtio.drivers import BlkDriver
from tests.bodies import disk
from tests.sim import configs, toolchain
from tests.sim.process import execute, locked, tail
from tests.sim.runner import BUILD_TIMEOUT_S, digest
from virtio_model import spec

from .figures import BenchError, Timed

CONFIG = "blk"
TOP = "virtio_dut"
MAIN = Path(__file__).with_name("raw_main.cpp")
#: What the device needs of the bench's HDL.
PARTS = ("virtio_dut.sv", "virtio_blk_store.sv", "virtio_entropy_source.sv")
_HEADER, _PLAN, _PROGRAM = "raw_spec.h", "plan.txt", "raw"
_TIMEOUT_S = 600


def build(directory: Path, sectors: int) -> None:
    """Compile the program into `directory` unless that was done, and write the plan for a disk. Raises BenchError."""
    sources = [path for path in configs.sources() if path.parent.name == "rtl" or path.name in PARTS]
    parameters = [f"-G{name}={value}" for name, value in configs.CONFIGS[CONFIG].items()]
    made = directory / "build"
    command = ["verilator", "--cc", "--exe", "--build", "-j", "2", "--top-module", TOP, "--prefix", "Vtop"]
    command += ["-Mdir", str(made), "-o", _PROGRAM, "-CFLAGS", f"-I{directory} -std=c++17", *toolchain.VERILATOR_ARGS]
    command += [*parameters, str(MAIN), *map(str, sources)]
    settings = {"command": command, **toolchain.versions("verilator"), **toolchain.make_flags(), "spec": header()}
    key = digest([MAIN, *sources], settings)
    stamp, log = made / "inputs.sha256", directory / "build.log"
    with locked(directory):
        (directory / _PLAN).write_text(plan(sectors))
        if stamp.exists() and stamp.read_text() == key:
            return
        shutil.rmtree(made, ignore_errors=True)
        (directory / _HEADER).write_text(header())
        env = {**toolchain.environment(), **toolchain.make_flags()}
        outcome = execute(command, log, BUILD_TIMEOUT_S, env, configs.ROOT)
        if outcome.status:
            raise BenchError(f"build of {MAIN.name} {outcome}, see {log}\n{tail(log)}")
        stamp.write_text(key)


def run(directory: Path, image: Path, repeat: int, seed: int) -> Timed:
    """Read the disk `image` through the device so many times. Raises BenchError."""
    program, log = directory / "build" / _PROGRAM, directory / "run.log"
    command = [str(program), str(directory / _PLAN), str(image), str(repeat), f"+disk={image}"]
    outcome = execute([*command, *toolchain.run_args("verilator", seed)], log, _TIMEOUT_S, toolchain.environment())
    if outcome.status or outcome.timed_out:
        raise BenchError(f"{program.name} {outcome}, see {log}\n{tail(log)}")
    seen = json.loads(log.read_text().splitlines()[-1])
    return Timed(seen["cycles"], seen["wall_s"])


def plan(sectors: int) -> str:
    """The requests of the disk test as the program reads them."""
    lines = []
    for sector, count, framing in disk.requests(sectors):
        sides = (framing([spec.BLK_HEADER_BYTES, 0]), framing([count * spec.SECTOR, 1]))
        lines.append([sector, *(number for side in sides for number in (len(side), *side))])
    return "".join(" ".join(map(str, line)) + "\n" for line in lines)


def header() -> str:
    """What the program knows of the standard and of the test, as C++."""
    kinds: tuple[type[IntEnum | IntFlag], ...] = (spec.Reg, spec.Status, spec.DescFlag)
    numbers = {
        "Magic": spec.MAGIC,
        "Version": spec.VERSION,
        "DeviceType": int(spec.DeviceType.BLK),
        "DescBytes": spec.DESC_BYTES,
        "UsedElementBytes": spec.USED_ELEMENT_BYTES,
        "UsedFNoNotify": spec.USED_F_NO_NOTIFY,
        "Sector": spec.SECTOR,
        "BlkHeaderBytes": spec.BLK_HEADER_BYTES,
        "BlkTypeIn": int(spec.BlkType.IN),
        "BlkStatusOk": int(spec.BlkStatus.OK),
        "Poison": POISON,
        "InFlight": disk.IN_FLIGHT,
    }

    def lines() -> Iterator[str]:
        yield "#include <cstdint>"
        for kind in kinds:
            members = ", ".join(f"{member.name} = {int(member):#x}" for member in kind)
            yield f"namespace {kind.__name__} {{ enum : uint32_t {{ {members} }}; }}"
        for name, value in numbers.items():
            yield f"constexpr uint32_t k{name} = {value:#x};"
        yield f"constexpr uint64_t kFeatures = {BlkDriver.common_features | BlkDriver.class_features:#x};"

    return "".join(f"{line}\n" for line in lines())
