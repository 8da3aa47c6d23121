# SPDX-License-Identifier: Apache-2.0
"""Builds the bench around a described device and runs test bodies on it, whatever becomes of the simulator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from cocotbext.virtio.check.description import Description, DescriptionError
from cocotbext.virtio.check.wrapper import ports_of, wrapper

from ..conformance.record import FAILED, WEDGED
from ..sim import toolchain
from ..sim.configs import DEFAULT_MEMORY, HDL, TOP
from ..sim.process import Outcome, execute, workers
from ..sim.runner import BUILD_TIMEOUT_S, VPI, build_error, job, last_error
from .verdict import FILE, Verdict, read

#: The bench's own HDL; the rest of tb/hdl is what is behind our own devices.
BENCH = (
    *("virtio_c_pkg", "virtio_axi_rules_pkg", "virtio_axi_rules", "virtio_axil_rules"),
    *("virtio_tb", "virtio_tap", "virtio_axi_memory", "virtio_axil_master"),
)
#: What is at the other end of a device's streams.
ENDS = {"net": "virtio_mac", "console": "virtio_port_end", "input": "virtio_port_end"}
BRIDGES = ("virtio_axil_to_apb", "virtio_axil_to_simple")
#: What the simulator says goes here, in the directory of a run.
LOG = "sim.log"


@dataclass(frozen=True)
class Bench:
    """A description's bench: where it is built, and how it is simulated."""

    device: Description
    sim: str
    directory: Path
    seed: int
    timeout_s: int
    waves: bool = False

    @property
    def parameters(self) -> Mapping[str, int]:
        """The parameters of virtio_tb."""
        device = self.device
        return {
            "Device": int(device.device_type),
            "DeviceId": device.device_id,
            "NumQueues": len(device.queue_size_max),
            "QueueSizeMax0": device.queue_size_max[0],
            "QueueSizeMax1": device.queue_size_max[-1],
            "AxiDataWidth": device.memory.data_width,
            "AxiAddrWidth": device.memory.address_width,
            "NativeBuses": int(DEFAULT_MEMORY[self.sim] == "fast"),
        }

    @property
    def environment(self) -> dict[str, str]:
        return {
            **toolchain.environment(),
            "COCOTB_ANSI_OUTPUT": "0",
            "VIRTIO_DESCRIPTION": str(self.device.path.resolve()),
            "VIRTIO_PARAMETERS": json.dumps(self.parameters),
        }


def build(bench: Bench) -> None:
    """Compile the device with the bench around it. Raises DescriptionError with the first error of the compiler."""
    device, directory = bench.device, bench.directory / "build"
    directory.mkdir(parents=True, exist_ok=True)
    own = (HDL / "virtio_dut.sv").read_text()
    header = own[: own.index("\n);\n") + 4]
    dut = bench.directory / "virtio_dut.sv"
    dut.write_text(wrapper(device, ports_of(device), header))
    ends = [ENDS[device.type]] if device.type in ENDS else []
    sources = [HDL / f"{name}.sv" for name in (*BENCH, *BRIDGES, *ends)]
    main = toolchain.main_source(bench.sim, toolchain.NATIVE) if bench.sim == "verilator" else None
    arguments = {
        "sim": bench.sim,
        "sources": [
            *map(str, [*sources, *device.sources, dut]),
            *map(str, toolchain.extra_sources(bench.sim, bool(bench.parameters["NativeBuses"]))),
        ],
        "includes": [str(path) for path in device.include],
        "defines": dict(device.defines),
        "parameters": dict(bench.parameters),
        "hdl_toplevel": TOP,
        "build_dir": str(directory),
        "build_args": toolchain.build_args(bench.sim, bench.waves),
        "waves": bench.waves,
        "main": str(main or ""),
    }
    log = bench.directory / "build.log"
    env = {**toolchain.environment(), **toolchain.make_flags()}
    outcome = execute(job("build", **arguments, make_jobs=2), log, BUILD_TIMEOUT_S, env, Path.cwd())
    if not outcome.status and bench.sim == "icarus":
        outcome = execute(toolchain.vpi_command(directory / VPI), log, BUILD_TIMEOUT_S, env, Path.cwd())
    if outcome.status or outcome.timed_out:
        raise DescriptionError(f"{device.path}: build {outcome}{build_error(log)}; the whole log: {log}")


def run(bench: Bench, names: Sequence[str], jobs: int) -> list[Verdict]:
    """Run test bodies, `jobs` at a time; each ends with a verdict."""
    with workers(jobs) as pool:
        shares: list[Future[list[Verdict]]] = [
            pool.submit(_share, bench, list(names[first::jobs]), bench.directory / f"job{first}")
            for first in range(jobs)
        ]
        found = {verdict.name: verdict for share in shares for verdict in share.result()}
    return [found[name] for name in names]


def start(bench: Bench, module: str, directory: Path, env: Mapping[str, str], whole_waves: bool = False) -> Outcome:
    """Run a cocotb module in a simulator process; what it says is in LOG in `directory`."""
    env = {**bench.environment, **env}
    test_args = []
    built = bench.directory / "build"
    if bench.sim == "icarus":
        env["VIRTIO_VPI"] = str(built / VPI)
        test_args = ["-M", str(built), "-m", Path(VPI).stem]
    command = job(
        "test",
        sim=bench.sim,
        test_module=module,
        hdl_toplevel=TOP,
        build_dir=str(built),
        test_dir=str(directory),
        results_xml=str(directory / "results.xml"),
        seed=bench.seed,
        plusargs=toolchain.run_args(bench.sim, bench.seed),
        test_args=test_args,
        waves=whole_waves,
    )
    return execute(command, directory / LOG, bench.timeout_s, env, Path.cwd())


def _share(bench: Bench, names: list[str], directory: Path) -> list[Verdict]:
    """Run bodies one after another, in a new simulator after each that does not pass."""
    verdicts: list[Verdict] = []
    while names:
        found = _process(bench, names, directory)
        verdicts += found
        done = {verdict.name for verdict in found}
        names = [name for name in names if name not in done]
    return verdicts


def _process(bench: Bench, names: Sequence[str], directory: Path) -> list[Verdict]:
    """The verdicts of one simulator process, at least one.

    A test that had not all of the time for itself, as others ran before it, is begun again in the next one.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / FILE
    file.unlink(missing_ok=True)
    outcome = start(
        bench, f"{__package__}.rig", directory, {"VIRTIO_BODIES": json.dumps(names), "VIRTIO_VERDICTS": str(file)}
    )
    log = directory / LOG
    verdicts, begun = read(file)
    if outcome.timed_out and verdicts:
        return verdicts
    if begun or not verdicts:
        said = last_error(log.read_text(errors="replace")) if log.exists() else ""
        if outcome.status or outcome.timed_out or not said:
            verdicts.append(Verdict(begun or names[0], WEDGED, f"simulator {outcome}{said}"))
        else:  # what serves the buses has seen what it cannot serve
            verdicts.append(Verdict(begun or names[0], FAILED, said.removeprefix(": ")))
    return verdicts
