# SPDX-License-Identifier: Apache-2.0
"""What fpga/ offers fits the RTL: wrappers, the Tcl that packages them, constraints, the LiteX module."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.sim.configs import ROOT, sources

FPGA = ROOT / "fpga"
VIVADO = FPGA / "vivado"
DEVICES = ("blk", "net", "rng")


def load(path: Path) -> ModuleType:
    """A module that is not on the Python path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def slang(top: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """Elaborate `files` with the RTL; a port or parameter that the RTL does not have is an error."""
    rtl = [str(path) for path in sources() if path.parent.name == "rtl"]
    command = [sys.executable, "-m", "tests.slang", "--top", top, "-Wport-width-expand", "-Wport-width-trunc", *rtl]
    return subprocess.run([*command, *map(str, files)], cwd=ROOT, capture_output=True, text=True, check=False)


def ports(device: str) -> set[str]:
    """The ports of a device's top, found in its text."""
    text = (ROOT / "rtl" / f"virtio_mmio_{device}.sv").read_text().split("\n);")[0]
    return set(re.findall(r"^\s*(?:input|output)\s+logic\b.*?(\w+)\s*,?$", re.sub(r"//.*", "", text), re.M))


@pytest.mark.parametrize("device", DEVICES)
def test_wrappers_are_those_of_the_rtl(device: str) -> None:
    assert (VIVADO / f"virtio_mmio_{device}_ip.v").read_text() == load(VIVADO / "wrap.py").wrapper(device)


@pytest.mark.parametrize("device", DEVICES)
def test_wrappers_elaborate(device: str) -> None:
    path = VIVADO / f"virtio_mmio_{device}_ip.v"
    done = slang(path.stem, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors, 0 warnings" in done.stdout + done.stderr
    wrapped = set(re.findall(r"^      \.(\w+)\(\w+\),?$", path.read_text().split(") u_device (")[1], re.M))
    assert wrapped == ports(device)


def test_a_port_that_the_rtl_lacks_is_found(tmp_path: Path) -> None:
    path = tmp_path / "virtio_mmio_rng_ip.v"
    path.write_text((VIVADO / path.name).read_text().replace(".irq_o(", ".interrupt_o("))
    done = slang(path.stem, path)
    assert done.returncode != 0
    assert "interrupt_o" in done.stdout + done.stderr


# Vivado's commands, as far as the script uses them; what is asked for is found unless it is in `missing`.
STUBS = """
set missing [list {missing}]
proc note {{args}} {{ puts [join $args " "] }}
foreach name {{create_project add_files set_property update_compile_order close_project ipgui::add_param
    ipx::package_project ipx::update_checksums ipx::check_integrity ipx::save_core}} {{
  namespace eval ipx {{}}
  namespace eval ipgui {{}}
  proc $name {{args}} [list apply {{{{name}} {{ uplevel 1 [list note $name] ; uplevel 1 {{note {{*}}$args}} }}}} $name]
}}
foreach name {{current_fileset get_files ipx::current_core ipx::get_address_blocks ipx::get_memory_maps
    ipx::get_bus_interfaces ipx::get_user_parameters}} {{
  proc $name {{args}} {{
    global missing
    if {{[lindex $args 0] in $missing}} {{ return {{}} }}
    return [lindex $args 0]x
  }}
}}
"""


def package(tmp_path: Path, arguments: Sequence[str], missing: str = "") -> subprocess.CompletedProcess[str]:
    """Run package_ip.tcl with Vivado's commands replaced."""
    script = tmp_path / "run.tcl"
    script.write_text(
        STUBS.format(missing=missing) + f"set argv [list {' '.join(arguments)}]\nsource {VIVADO}/package_ip.tcl\n"
    )
    return subprocess.run(["tclsh", str(script)], capture_output=True, text=True, check=False, timeout=60)


needs_tclsh = pytest.mark.skipif(not shutil.which("tclsh"), reason="tclsh is not installed")


@needs_tclsh
def test_tcl_packages_every_device(tmp_path: Path) -> None:
    done = package(tmp_path, [str(tmp_path / "ip")])
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^packaged (\w+)", done.stdout, re.M) == [f"virtio_mmio_{device}" for device in DEVICES]
    rtl = sorted((ROOT / "rtl").glob("*.sv"), key=lambda path: (path.stem != "virtio_pkg", path.name))
    lists = re.findall(r"^add_files (\S+\.sv.*)$", done.stdout, re.M) or re.findall(
        r"^(/\S+\.sv.*)$", done.stdout, re.M
    )
    assert [[Path(name).resolve() for name in line.split()] for line in lists] == [rtl] * len(DEVICES)
    for named in re.findall(r"(/\S+\.(?:sv|v|xdc))", done.stdout):
        assert Path(named).is_file(), named
    assert len(re.findall(r"^range 4096 ", done.stdout, re.M)) == len(DEVICES)


@needs_tclsh
@pytest.mark.parametrize(
    ("missing", "text"), [("m_axi", "interface m_axi was not"), ("BlkSize", "no parameter BlkSize")]
)
def test_tcl_says_what_it_did_not_find(tmp_path: Path, missing: str, text: str) -> None:
    done = package(tmp_path, [str(tmp_path / "ip"), "blk"], missing)
    assert done.returncode == 1
    assert text in done.stderr


@needs_tclsh
def test_tcl_refuses_unknown_devices(tmp_path: Path) -> None:
    done = package(tmp_path, [str(tmp_path / "ip"), "gpu"])
    assert done.returncode == 2
    assert "unknown device gpu" in done.stderr


def test_tcl_names_what_the_wrappers_have() -> None:
    text = (VIVADO / "package_ip.tcl").read_text()
    common = re.search(r"set common \{([^}]*)\}", text)
    assert common
    for device in DEVICES:
        own = re.search(rf"set parameters\({device}\) \[concat \$common \{{([^}}]*)\}}\]", text)
        buses = re.search(rf"set buses\({device}\) \{{([^}}]*)\}}", text)
        assert own
        assert buses
        wrapper = (VIVADO / f"virtio_mmio_{device}_ip.v").read_text()
        assert set(re.findall(r"^    parameter \S+ (\w+) =", wrapper, re.M)) == {*common[1].split(), *own[1].split()}
        associated = re.search(r"ASSOCIATED_BUSIF ([\w:]+),", wrapper)
        assert associated
        assert set(associated[1].split(":")) == set(buses[1].split())


def test_constraints_name_a_port() -> None:
    named = re.findall(r"\[get_ports (\w+)\]", (VIVADO / "virtio_mmio_ooc.xdc").read_text())
    assert named == ["clk_i"]
    assert all(set(named) <= ports(device) for device in DEVICES)


@pytest.mark.parametrize(("data_width", "address_width"), [(64, 64), (32, 32)])
def test_litex_module_elaborates(tmp_path: Path, data_width: int, address_width: int) -> None:
    pytest.importorskip("litex", reason="LiteX is not installed (make synth installs it)")
    from migen.fhdl import verilog

    module = load(FPGA / "litex" / "virtio_mmio.py")

    class Platform:
        """Takes the sources, as a LiteX platform does."""

        def __init__(self) -> None:
            self.sources: list[str] = []

        def add_source(self, path: str, language: str) -> None:
            assert language == "systemverilog"
            self.sources.append(path)

    platform = Platform()
    device = module.VirtioMmioBlk(platform, data_width, address_width, NumQueues=1, TransportFeatures=1 << 28)
    assert [Path(path) for path in platform.sources] == [path for path in sources() if path.parent.name == "rtl"]
    interfaces = (device.regs, device.dma, device.commands, device.write_data, device.read_data, device.responses)
    signals = {device.irq, device.capacity}
    for interface in interfaces:
        signals |= set(
            interface.flatten()
            if hasattr(interface, "flatten")
            else [s for c in ("aw", "w", "b", "ar", "r") for s in getattr(interface, c).flatten()]
        )
    path = tmp_path / "soc.v"
    verilog.convert(device, signals, name="soc").write(str(path))
    done = slang("soc", path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = path.read_text()
    connected = set(re.findall(r"\.(\w+)\(", text.split("virtio_mmio_blk #(")[1]))
    assert ports("blk") <= connected
