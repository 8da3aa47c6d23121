# SPDX-License-Identifier: Apache-2.0
"""Builds an HDL configuration and runs a cocotb module on it; whatever goes wrong becomes a failed test."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..conformance import record
from . import configs, failure_times, toolchain
from .disk import Disk
from .planted import PlantError, built_as, chosen_by, plant
from .process import Outcome, execute, locked
from .results import FAILED, WHOLE_RUN, CaseResult, RunResult, read_results
from .selection import PACKAGE, Run, filter_regex

BUILD_TIMEOUT_S = 1200
#: The C++ of the bench in an Icarus build; vvp wants this ending.
VPI = "virtio.vpi"
BUILD_ROOT = configs.ROOT / "sim_build"
#: Where a soak leaves an account of itself, in the directory of its run.
EXERCISED = "exercised.json"
#: What functional coverage, and that of the HDL, of a run is left in.
COVERED, HDL_COVERED = "coverage.yml", "coverage.dat"


@dataclass(frozen=True)
class Session:
    """What all runs of one `make sim` share."""

    seed: int
    waves: bool = False
    coverage: bool = False
    test_filter: str = ""
    disk: Disk | None = None
    users_disk: Disk | None = None
    main: str = toolchain.NATIVE  # which main program Verilator's simulations have
    timeout_s: int = 0  # 0: as the plan says
    make_jobs: int = 1
    root: Path = BUILD_ROOT
    window: str = ""  # the part that a test traces itself (see tests.sim.window); "": all of it
    env: Mapping[str, str] = field(default_factory=dict)  # for the tests, besides what they always get

    def disk_of(self, run: Run) -> Disk | None:
        """The disk that a run serves, if its device has one."""
        if not configs.uses_disk(run.config):
            return None
        return self.users_disk if run.plan.users_disk and self.users_disk else self.disk

    def traces_windows(self, sim: str) -> bool:
        """Whether a simulation can trace a part of itself; otherwise all of it or nothing."""
        return sim == "verilator" and self.main == toolchain.NATIVE

    @property
    def traces_whole(self) -> bool:
        """Whether the simulator writes waveforms from its start to its end."""
        return self.waves and not self.window

    @property
    def window_env(self) -> dict[str, str]:
        """What tells a test which part to trace."""
        return {"VIRTIO_WINDOW": self.window} if self.waves and self.window else {}

    def directory(self, sim: str, config: str, memory: str = "") -> Path:
        """Where a configuration is built and its modules run."""
        other = f"-{memory}" if memory not in ("", configs.DEFAULT_MEMORY[sim]) else ""
        waves = "-waves" if self.waves else "-coverage" if self.coverage else ""
        return self.root / f"{sim}-{config}{other}{waves}{toolchain.main_suffix(sim, self.main)}"


@dataclass(frozen=True)
class Build:
    """A compiled configuration, or the reason why there is none."""

    directory: Path
    error: str = ""
    log: Path = Path()
    fresh: bool = False
    wall_s: float = 0.0


def job(kind: str, **arguments: object) -> list[str]:
    """The command of a `tests.sim.job`."""
    return [sys.executable, "-m", f"{PACKAGE}.job", kind, json.dumps(arguments)]


def build(sim: str, config: str, session: Session, files: Sequence[Path] | None = None, memory: str = "") -> Build:
    """Compile a configuration unless sources, parameters, options and tools are those of the build that is there."""
    directory = session.directory(sim, built_as(config), memory) / "build"
    log = directory.parent / "build.log"
    try:
        sources = plant(configs.sources_of(config) if files is None else files, config, directory.parent)
    except PlantError as reason:
        return Build(directory, str(reason), log)
    if not sources:
        return Build(directory, "there are no HDL sources", log)
    native_buses = bool(parameters(sim, config, memory)["NativeBuses"])
    sources += toolchain.extra_sources(sim, native_buses)
    main = toolchain.main_source(sim, session.main)
    arguments: dict[str, Any] = {
        "sim": sim,
        "sources": [str(path) for path in sources],
        "parameters": {name: literal(value) for name, value in parameters(sim, config, memory).items()},
        "hdl_toplevel": configs.top(config),
        "build_dir": str(directory),
        "build_args": toolchain.build_args(sim, session.waves, session.coverage),
        "waves": session.waves,
        "main": str(main or ""),
    }
    read = [*sources, *toolchain.hidden_sources(sim), *filter(None, [main])]
    key = digest(read, {**arguments, **toolchain.versions(sim), **toolchain.make_flags()})
    stamp = directory / "inputs.sha256"
    with locked(directory.parent):
        if stamp.exists() and stamp.read_text() == key:
            return Build(directory, log=log)
        shutil.rmtree(directory, ignore_errors=True)
        env = {**toolchain.environment(), **toolchain.make_flags()}
        command = job("build", **arguments, make_jobs=session.make_jobs)
        outcome = execute(command, log, BUILD_TIMEOUT_S, env, configs.ROOT)
        if sim == "icarus" and not outcome.status:
            try:
                outcome = execute(toolchain.vpi_command(directory / VPI), log, BUILD_TIMEOUT_S, env, configs.ROOT)
            except OSError as reason:
                return Build(directory, f"no C++ compiler for {VPI}, set CXX: {reason}", log, fresh=True)
        if outcome.status or outcome.timed_out:
            error = f"build {outcome}{build_error(log)}"
            return Build(directory, error, log, fresh=True, wall_s=outcome.wall_s)
        stamp.write_text(key)
    return Build(directory, log=log, fresh=True, wall_s=outcome.wall_s)


def parameters(sim: str, config: str, memory: str = "") -> dict[str, int]:
    """The HDL parameters of a build."""
    fast = (memory or configs.DEFAULT_MEMORY[sim]) == "fast"
    return {**configs.CONFIGS[config], "NativeBuses": int(fast)}


def literal(value: int) -> int | str:
    """A parameter's value as simulators take it: beyond 32 bits as a sized literal."""
    return value if value < 1 << 31 else f"64'h{value:x}"


def digest(sources: Sequence[Path], settings: dict[str, Any]) -> str:
    """Hash of everything a build depends on."""
    state = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in sources:
        state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def run_directory(run: Run, session: Session) -> Path:
    """Where a run leaves its files."""
    return session.directory(run.sim, run.config, run.memory) / run.folder


def run(run: Run, built: Build, session: Session, plusargs: Sequence[str] = ()) -> RunResult:
    """Run a module in a simulator process of its own and read what it left behind."""
    if run.seed is not None:
        session = replace(session, seed=run.seed)
    result = RunResult(run, session.seed, run_directory(run, session), main=session.main)
    if built.error:
        result.fail(built.error)
        result.log = built.log
        return result
    try:
        with locked(result.directory):
            simulate(result, built, session, plusargs)
    except OSError as error:
        result.fail(f"the runner could not go on: {error}")
    return result


def simulate(result: RunResult, built: Build, session: Session, more: Sequence[str] = ()) -> None:
    """Start the simulator, with `more` plusargs, in a clean directory and judge how it ended."""
    run, directory = result.run, result.directory
    for old in directory.iterdir():
        if old.is_file() and old.name != ".lock":
            old.unlink()
    (directory / "seed").write_text(f"{session.seed}\n")
    env = run_environment(run, session, directory)
    plusargs = [*toolchain.run_args(run.sim, session.seed), f"+entropy_seed={session.seed & 0x7FFFFFFF}"]
    plusargs += [*chosen_by(run.config), *more]
    if image := session.disk_of(run):
        env["VIRTIO_DISK"] = str(image.place(directory))
        plusargs.append(f"+disk={env['VIRTIO_DISK']}")
    if session.waves and run.sim == "icarus":
        plusargs.append(f"+dumpfile_path={directory / toolchain.wave_file(run.sim)}")
    test_args = []
    if run.sim == "icarus":
        env["VIRTIO_VPI"] = str(built.directory / VPI)
        test_args = ["-M", str(built.directory), "-m", Path(VPI).stem]
    command = job(
        "test",
        sim=run.sim,
        test_module=run.module,
        hdl_toplevel=configs.top(run.config),
        build_dir=str(built.directory),
        test_dir=str(directory),
        results_xml=str(directory / "results.xml"),
        seed=session.seed,
        plusargs=plusargs,
        test_args=test_args,
        test_filter=filter_regex(run.only) or session.test_filter or None,
        waves=session.traces_whole,
    )
    outcome = execute(command, result.log, session.timeout_s or run.plan.timeout_s, env, configs.ROOT)
    collect(result, outcome)


def run_environment(run: Run, session: Session, directory: Path) -> dict[str, str]:
    """Environment of a simulation; what a test may ask for besides cocotb's own variables starts with VIRTIO_."""
    env = {**toolchain.environment(), **session.env, **session.window_env}
    if run.only:
        env.pop("COCOTB_TESTCASE", None)
    env["COCOTB_ANSI_OUTPUT"] = "0"
    env["VIRTIO_CONFIG"] = run.config
    env["VIRTIO_PARAMETERS"] = json.dumps(parameters(run.sim, run.config, run.memory))
    env["VIRTIO_FIGURES"] = str(directory / "figures.json")
    env["VIRTIO_EXERCISED"] = str(directory / EXERCISED)
    env["VIRTIO_EVIDENCE"] = str(directory / record.FILE)
    if session.coverage:
        env["VIRTIO_COVERAGE"] = str(directory / COVERED)
    env["VIRTIO_FAILURES"] = str(directory / failure_times.FILE)
    return env


def collect(result: RunResult, outcome: Outcome) -> None:
    """Turn what a simulator process left in its directory into verdicts. Silence is a failure."""
    log = result.log.read_text(errors="replace") if result.log.exists() else ""
    result.wall_s = outcome.wall_s
    result.figures = read_figures(result)
    try:
        result.tests += read_results(result.directory / "results.xml")
        failure_times.assign(result.tests, result.directory)
        complete = True
    except (OSError, ET.ParseError):
        result.tests += ended_tests(log, result.run.module)
        complete = False
    if outcome.timed_out:
        result.fail(str(outcome), running_test(log))
    elif not complete:
        result.fail(f"simulator {outcome} and left no results.xml{last_error(log)}", running_test(log))
    elif not result.tests:
        result.fail("no test ran")
    elif not any(test.verdict == FAILED for test in result.tests):
        if outcome.status:
            result.fail(f"simulator {outcome} although no test failed{last_error(log)}")
        elif complaint := re.search(r"^(?:ERROR|FATAL): .*\.sv:\d+.*$", log, re.MULTILINE):
            # Icarus goes on after an $error and still exits with 0.
            result.fail(f"the HDL reported: {complaint[0]}")


def read_figures(result: RunResult) -> dict[str, Any]:
    """The dict that tests left in $VIRTIO_FIGURES, empty if none did; anything else in that file is a failure."""
    path = result.directory / "figures.json"
    if not path.exists():
        return {}
    try:
        figures = json.loads(path.read_text())
    except ValueError:
        figures = None
    if not isinstance(figures, dict):
        result.tests.append(CaseResult("(figures)", FAILED, f"{path.name} is not a JSON object"))
        return {}
    return figures


def build_error(log: Path) -> str:
    """The first error in the log of a build, to be put after a colon."""
    found = re.search(
        r"^.*\b(?i:error): .*$|^%Error.*$|^.*syntax error.*$", log.read_text(errors="replace"), re.MULTILINE
    )
    return f": {found[0].replace(f'{configs.ROOT}/', '')}" if found else ""


def running_test(log: str) -> str:
    """Name of the test that a log says was running last, or of the run itself."""
    started = re.findall(r"cocotb\.regression +running (\S+) \(\d+/\d+\)$", log, re.MULTILINE)
    return started[-1].split(".", 3)[-1] if started else WHOLE_RUN


def ended_tests(log: str, module: str) -> list[CaseResult]:
    """The tests that ended before a simulator died without writing results.xml."""
    pattern = rf"^.*cocotb\.regression +{re.escape(module)}\.(\S+) (passed|failed)"
    found = re.findall(pattern, log, re.MULTILINE)
    return [CaseResult(name, verdict, "see the log" if verdict == FAILED else "") for name, verdict in found]


def last_error(log: str) -> str:
    """The last exception or HDL error of a log, to be put after a colon."""
    found = re.findall(r"^\s*(?:%Error.*|\[\d+\] %Error.*|[\w.]*(?:Error|Exception): .*)$", log, re.MULTILINE)
    return f": {found[-1].strip()}" if found else ""
