# SPDX-License-Identifier: Apache-2.0
"""The AXI checkers without Python in the simulation: tests/hdl/rules/axi_rules_tb.sv breaks each rule in turn."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from cocotbext.virtio.violation import RULES
from tests.sim.toolchain import ROOT, environment

TOP = "axi_rules_tb"
SOURCES = [
    *(f"tb/hdl/{name}.sv" for name in ("virtio_axi_rules_pkg", "virtio_axi_rules", "virtio_axil_rules")),
    f"tests/hdl/rules/{TOP}.sv",
]
#: The first as in tests/sim/toolchain.py; a build is worth more here than speed.
_MAKE = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
_AXI = {rule for rule in RULES if rule.startswith("AXI-")}
#: What AXI4-Lite can break, Verilator aside, which knows no X.
_LITE = {"AXI-X", "AXI-RESET", "AXI-HELD", "AXI-STABLE", "AXI-STRB", "AXI-ID", "AXI-EARLY", "AXI-RESP"}


def run(*command: str | Path) -> str:
    env = {**environment(), "MAKEFLAGS": f" -- {_MAKE}"}
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def verdicts(output: str) -> tuple[Counter[str], set[str]]:
    """(cases by rule, "clean" for those that break none; rules tried on AXI4-Lite). Fails for a case that failed."""
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "FAIL ", "done"))]
    assert lines[-1] == "done", output
    assert [line for line in lines if line.startswith("FAIL")] == []
    words = [line.split() for line in lines[:-1]]
    return Counter(each[1] for each in words), {each[1] for each in words if each[2] == "lite"}


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_each_rule_bites_on_icarus(tmp_path: Path) -> None:
    run("iverilog", "-g2012", "-s", TOP, "-o", tmp_path / "tb.vvp", *SOURCES)
    cases, lite = verdicts(run("vvp", "-n", tmp_path / "tb.vvp"))
    assert set(cases) == _AXI | {"clean"}
    assert lite == _LITE


def test_each_rule_bites_on_verilator(tmp_path: Path) -> None:
    flags = ("--binary", "--timing", "--assert", "-Wall", "-Wno-UNUSEDSIGNAL", "-CFLAGS", "-fcoroutines")
    run("verilator", *flags, "--top-module", TOP, "--Mdir", tmp_path, *SOURCES)
    cases, lite = verdicts(run(tmp_path / f"V{TOP}"))
    assert set(cases) == (_AXI | {"clean"}) - {"AXI-X"}
    assert lite == _LITE - {"AXI-X"}


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_standing_alone_a_violation_is_printed(tmp_path: Path) -> None:
    text = (ROOT / SOURCES[-1]).read_text()
    assert text.count(".Lines       (0)") == 3
    loud = tmp_path / "loud.sv"
    loud.write_text(text.replace(".Lines       (0)", ".Lines       (2)"))
    run("iverilog", "-g2012", "-s", TOP, "-o", tmp_path / "tb.vvp", *SOURCES[:-1], loud)
    said = [line for line in run("vvp", "-n", tmp_path / "tb.vvp").splitlines() if line.startswith("ERROR")]
    assert len(said) == 4
    assert all("axi_rules_tb.u_" in line and "AXI-HELD awvalid at cycle " in line for line in said[:2])
