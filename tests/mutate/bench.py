# SPDX-License-Identifier: Apache-2.0
"""The rewritten RTL built once for each HDL configuration, and simulations of it with a mutant by number."""

from __future__ import annotations

import re
import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.sim import configs, runner, toolchain
from tests.sim.configs import ROOT, Plan
from tests.sim.process import Outcome, execute
from tests.sim.results import FAILED, SKIPPED, read_results
from tests.sim.selection import PACKAGE, Run, UsageError, filter_regex

from .elaborated import elaborated
from .sites import PACKAGE as MUTATION_PACKAGE
from .sites import Mutant, rewrite

SIM = "verilator"
DIRECTORY = runner.BUILD_ROOT / "mutate"
#: Together they elaborate every mutant, and run nearly every module of the regression, test_speed_* among them.
CONFIGS = (
    *("rng_split", "rng32", "rng_oddsize", "rng_packed", "rng_packed32"),
    *("blk", "blk_split", "blk_full", "blk_full512"),
    *("net", "net_mq", "net_plain", "net_packed128"),
    *("console", "input", "input512_packed"),
)
#: A simulation with a mutant may take this much longer than the same tests without, and so many seconds on top.
SLOWER, SLACK_S = 6, 20


@dataclass(frozen=True)
class Verdict:
    """What tests made of a mutant: `test`, as module.test, noticed, `how` says the way; both are empty if none did."""

    test: str = ""
    how: str = ""
    wall_s: float = 0.0


@dataclass
class Bench:
    """A configuration: its plans, quickest first once `times` are known, which are seconds for each test."""

    config: str
    plans: list[Plan]
    numbers: set[int]
    times: dict[str, float] = field(default_factory=dict)
    built: runner.Build | None = None

    def time_of(self, plan: Plan) -> float:
        """Seconds for all tests of a module."""
        return sum(time for name, time in self.times.items() if name.startswith(f"{plan.module}."))

    @property
    def wall_s(self) -> float:
        return sum(self.times.values())


def mutated_rtl() -> tuple[dict[str, Path], list[Mutant]]:
    """Files with all mutants in them, by the name of the original, and these."""
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.glob("rtl/*.sv"))}
    try:
        texts, mutants = rewrite(sources)
    except ValueError as error:
        raise UsageError(str(error)) from None
    folder = DIRECTORY / "rtl"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**texts, "rtl/mutation_pkg.sv": MUTATION_PACKAGE}.items():
        path = folder / Path(name).name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return {name: folder / Path(name).name for name in sources}, mutants


def files_of(config: str, rewritten: Mapping[str, Path]) -> list[Path]:
    """The HDL of a configuration with the rewritten RTL in the place of the original."""
    originals = {ROOT / name: path for name, path in rewritten.items()}
    package = DIRECTORY / "rtl" / "mutation_pkg.sv"
    return [package, *(originals.get(path, path) for path in configs.sources_of(config))]


def bench(config: str, rewritten: Mapping[str, Path]) -> Bench:
    """A configuration with its modules, but for those that want Python to serve the buses: that is another build."""
    plans = [plan for plan in configs.PLANS if config in plan.configs and plan.memory in ("", "fast")]
    values = {name: runner.literal(value) for name, value in runner.parameters(SIM, config).items()}
    return Bench(config, plans, elaborated(files_of(config, rewritten), configs.top(config), values))


def build(it: Bench, rewritten: Mapping[str, Path], session: runner.Session) -> runner.Build:
    """Compile a configuration, unless it is there."""
    it.built = runner.build(SIM, it.config, session, files=files_of(it.config, rewritten))
    return it.built


def simulate(
    it: Bench,
    session: runner.Session,
    number: int,
    plans: Sequence[Plan],
    only: Sequence[str] = (),
    timeout_s: float = 0,
) -> tuple[Verdict, dict[str, float]]:
    """Run modules, or of them the tests `only`, with a mutant until one fails; also the seconds that each test took."""
    directory = Path(tempfile.mkdtemp(prefix=f"{number}-", dir=session.directory(SIM, it.config)))
    run = Run(SIM, it.config, plans[0])
    env = {**runner.run_environment(run, session, directory), "COCOTB_MAX_FAILURES": "1"}
    plusargs = [*toolchain.run_args(SIM, session.seed), f"+entropy_seed={session.seed & 0x7FFFFFFF}"]
    if session.disk and configs.uses_disk(it.config):
        env["VIRTIO_DISK"] = str(session.disk.place(directory))
        plusargs.append(f"+disk={env['VIRTIO_DISK']}")
    assert it.built is not None
    command = runner.job(
        "test",
        sim=SIM,
        test_module=[f"{PACKAGE}.{plan.module}" for plan in plans],
        hdl_toplevel=configs.top(it.config),
        build_dir=str(it.built.directory),
        test_dir=str(directory),
        results_xml=str(directory / "results.xml"),
        seed=session.seed,
        plusargs=[*plusargs, f"+mutant={number}"],
        test_filter=filter_regex([f"{PACKAGE}.{name}" for name in only]) or None,
    )
    log = directory / "sim.log"
    outcome = execute(command, log, timeout_s or runner.BUILD_TIMEOUT_S, env, ROOT)
    verdict, times = judge(outcome, log, directory / "results.xml")
    if not number and verdict.how:
        return verdict, times  # the log is wanted
    shutil.rmtree(directory, ignore_errors=True)
    return verdict, times


def judge(outcome: Outcome, log: Path, results: Path) -> tuple[Verdict, dict[str, float]]:
    """What a simulation says of the mutant in it; with one that ended well, no test at all counts as a failure."""
    started = re.findall(
        rf"cocotb\.regression +running {re.escape(PACKAGE)}\.(\S+) \(\d+/\d+\)$", log.read_text(errors="replace"), re.M
    )
    last = started[-1] if started else "(start)"
    if outcome.timed_out:
        return Verdict(last, "time-out", outcome.wall_s), {}
    try:
        cases = read_results(results)
    except (OSError, ET.ParseError):
        return Verdict(last, f"simulator {outcome}", outcome.wall_s), {}
    failed = [case for case in cases if case.verdict == FAILED]
    if failed:
        return Verdict(last, " ".join(failed[0].message.split())[:200] or "failed", outcome.wall_s), {}
    if outcome.status or not started:
        return Verdict(last, f"simulator {outcome}", outcome.wall_s), {}
    return Verdict(wall_s=outcome.wall_s), dict(
        zip(started, (case.wall_s for case in cases if case.verdict != SKIPPED), strict=False)
    )
