# SPDX-License-Identifier: Apache-2.0
"""The soak: which seeds run where, when a seed has failed, what is said of it, and whether the account adds up."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cocotbext.virtio.buffers import ChainBuffers
from cocotbext.virtio.model_bench import run as run_body
from cocotbext.virtio.transport import MmioTransport
from tests.bodies import soak as soak_body
from tests.bodies import traffic
from tests.bodies.exercised import Exercised, bucket
from tests.bodies.model_rig import ModelRig
from tests.bodies.soak import Goal
from tests.bodies.traffic import Disk
from tests.sim import configs, runner, soak
from tests.sim.results import FAILED, PASSED, CaseResult, RunResult
from virtio_model.spec import SECTOR, BlkStatus

DONE = {"counts": {"chains": {"blk IN": 40, "blk OUT": 20}, "totals": {"cycles": 1000}}, "spans": {"bytes": [1, 9]}}


def account(rig: ModelRig) -> Exercised:
    """Run the soak on a model; its account."""
    made: list[Any] = []

    class Kept(soak_body._Soak):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soak_body, "_Soak", Kept)
        run_body(soak_body.random_requests(rig))
    return Exercised(made[0].account().content())


@pytest.mark.parametrize("config", ["rng_oddsize", "blk", "blk_wrap"])
def test_account_adds_up(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTIO_SOAK", "400")
    kicks, notify = [], MmioTransport.notify

    async def counted(transport: MmioTransport, queue: int) -> None:
        kicks.append(queue)
        await notify(transport, queue)

    monkeypatch.setattr(MmioTransport, "notify", counted)
    rig = ModelRig(configs.CONFIGS[config], seed=3)
    seen = account(rig)
    chains = seen.total("chains")
    assert chains >= 400
    # On a model nothing is cut off, as it serves at once: what the driver saw come back is what was counted.
    assert chains <= rig.transport.used_count <= chains + 64
    for group in ("framings", "descriptors of a chain"):
        assert seen.total(group) == chains, group
    assert seen.total("outcomes") - seen.counts["outcomes"]["cut off by a reset"] == chains
    assert seen.total("kicks") - seen.counts["kicks"]["not asked for"] == len(kicks)
    assert seen.total("lives") > 3
    assert seen.counts["totals"]["interrupts served"] == rig.transport.interrupts
    assert (seen.counts["ring wraps"]["of idx"] > 0) == (config == "blk_wrap")


def test_block_soak_is_varied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTIO_SOAK", "4000")
    seen = account(ModelRig(configs.CONFIGS["blk"], seed=1))
    assert len(seen.counts["chains"]) == 14
    assert set(seen.counts["framings"]) >= {"natural", "merged", "random", "equal pieces", "chunks", "with empty ones"}
    assert set(seen.counts["outcomes"]) >= {"OK", "IOERR", "UNSUPP"}
    assert len(seen.counts["disks"]) == len(seen.counts["lives"]) == 3
    assert seen.spans["descriptors of a chain"][1] > 32


def test_soak_goes_on_for_the_cycles_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTIO_SOAK", "1")
    monkeypatch.setenv("VIRTIO_SOAK_CYCLES", "20000")
    rig = ModelRig(configs.CONFIGS["rng"], seed=1)
    account(rig)
    assert rig.now_ns() >= 10 * 20_000


def test_account_is_left_behind_by_a_soak_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTIO_EXERCISED", str(tmp_path / "exercised.json"))
    rig = ModelRig(configs.CONFIGS["blk"], seed=1)
    left = iter([None] * 20)
    monkeypatch.setattr(Disk, "check", lambda disk, wanted, data: next(left))
    with pytest.raises(RuntimeError):  # from StopIteration in a coroutine
        run_body(soak_body.random_requests(rig))
    assert Exercised.load(tmp_path / "exercised.json").total("chains") == 20


def test_wrong_content_and_wrong_status_are_failures() -> None:
    disk = Disk(8)
    write = traffic.Wanted("OUT", 1, 2, b"a" * SECTOR, span=range(2, 3))
    disk.busy.update(write.span)
    disk.check(write, b"")
    assert not disk.busy
    read = traffic.Wanted("IN", 0, 2, room=SECTOR, span=range(2, 3))
    disk.check(read, b"a" * SECTOR)
    with pytest.raises(AssertionError, match="sector 2 differs"):
        disk.check(read, b"b" * SECTOR)
    disk.busy.update(write.span)
    disk.forget()
    disk.check(read, b"b" * SECTOR)
    disk.check(traffic.Wanted("OUT", 1, 2, b"c" * SECTOR, 0, BlkStatus.IOERR, range(2, 3)), b"")
    disk.check(read, b"d" * SECTOR)
    disk.resized(2)
    assert not disk.known


@pytest.mark.parametrize(("directions", "free"), [(2, 2), (2, 3), (2, 5), (2, 64), (1, 1), (1, 7)])
def test_requests_fit_the_descriptors_that_are_free(directions: int, free: int) -> None:
    rig = ModelRig(configs.CONFIGS["blk"], seed=1)
    rng, names = random.Random(1), set()
    in_both_directions = traffic.Wanted("unknown type", 99, data=bytes(30), room=30)
    for i in range(400):
        wanted = traffic.block(rng, Disk(100, bad_sector=3), 50) if directions == 2 else traffic.entropy(rng)
        if directions == 2 and i % 4 == 0:
            wanted = in_both_directions
        name, layout = traffic.shape(rng, wanted, directions, free)
        names.add(name)
        readable = [wanted.header_bytes, wanted.data] if directions == 2 else []
        buffers = ChainBuffers(rig.memory, readable, [wanted.room, 1] if directions == 2 else [wanted.room], layout)
        assert 1 <= len(buffers.chain) <= free, name
        assert buffers.readable_length == sum(map(len, readable))
        buffers.free()
    assert len(names) >= (3 if free <= 2 else 5)


def test_goal_and_its_limit() -> None:
    assert Goal.of({}) == Goal(150, 0)
    assert Goal.of({"VIRTIO_SOAK": "7", "VIRTIO_SOAK_CYCLES": "9"}) == Goal(7, 9)
    assert Goal(150, 10**9).limit_us > 10**7 > Goal().limit_us
    assert Goal(10**6).limit_us > 10**9 // 2


def test_accounts_merge() -> None:
    whole = Exercised()
    for _ in range(2):
        whole.merge(Exercised(DONE))
    whole.span("bytes", 20)
    whole.span("bytes", 0)
    assert whole.content()["counts"]["chains"] == {"blk IN": 80, "blk OUT": 40}
    assert whole.spans["bytes"] == (0, 20)
    assert [bucket(value) for value in (0, 1, 2, 3, 4, 5, 8, 9, 64, 65)] == (
        ["0", "1", "2", "3-4", "3-4", "5-8", "5-8", "9-16", "33-64", "65-128"]
    )


def parsed(**env: str) -> soak.Soak:
    return soak.parse({"SEED": "100", "JOBS": "2", **env})


def test_seeds_cover_configurations_and_timings() -> None:
    plan = next(plan for plan in configs.PLANS if plan.module == soak.MODULE)
    runs = parsed(SEEDS=str(3 * len(plan.configs))).runs()
    assert [run.seed for run in runs] == list(range(100, 100 + len(runs)))
    assert {(run.config, soak.timing_of(run)) for run in runs} == {
        (config, timing) for config in plan.configs for timing in configs.TIMINGS
    }
    three = parsed(SEEDS="3", CONFIG="blk32").runs()
    assert [soak.place(run) for run in three] == [
        "blk32 none seed 100",
        "blk32 light seed 101",
        "blk32 heavy seed 102",
    ]
    assert parsed().request.seed == 100
    assert soak.parse({}).request.seed != soak.parse({}).request.seed


def test_command_repeats_the_seed() -> None:
    asked = parsed(SEEDS="20", CHAINS="1000", CYCLES="5000")
    for run in asked.runs():
        words = dict(word.split("=") for word in run.command.split()[2:])
        again = soak.parse({"JOBS": "2", **words})
        assert again.runs() == [run]
        assert again.environment == asked.environment == {"VIRTIO_SOAK": "50", "VIRTIO_SOAK_CYCLES": "5000"}
    assert parsed(SEEDS="64", CHAINS="1000000").environment["VIRTIO_SOAK"] == "15625"
    assert parsed(CYCLES="10000000").timeout_s > 10_000


@pytest.mark.parametrize(
    "bad", [{"SEEDS": "0"}, {"CYCLES": "x"}, {"CYCLES": "0"}, {"CHAINS": "-1"}, {"TIMING": "fast"}, {"WINDOW": "-1"}]
)
def test_nonsense_is_refused(bad: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name, value in bad.items():
        monkeypatch.setenv(name, value)
    assert soak.main() == 2
    assert capsys.readouterr().err.count("\n") == 1


class FakeRunner:
    """Builds nothing; a seed ends as `verdicts` says, or passes having done what was asked for."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdicts: Mapping[int, CaseResult | str]
    ) -> None:
        self.verdicts = verdicts
        monkeypatch.setattr(runner, "BUILD_ROOT", tmp_path)
        monkeypatch.setattr(runner.Session, "directory", lambda _, sim, config, memory: tmp_path / f"{sim}-{config}")
        monkeypatch.setattr(runner, "build", lambda sim, config, session, memory: runner.Build(tmp_path))
        monkeypatch.setattr(runner, "run", self._run)

    def _run(self, run: Any, built: runner.Build, session: runner.Session) -> RunResult:
        result = RunResult(run, run.seed, runner.run_directory(run, session))
        result.directory.mkdir(parents=True, exist_ok=True)
        verdict = self.verdicts.get(run.seed, json.dumps(DONE))
        if isinstance(verdict, CaseResult):
            result.tests.append(verdict)
            verdict = json.dumps(DONE)
        else:
            result.tests.append(CaseResult("random_requests/timing=none", PASSED))
        (result.directory / runner.EXERCISED).write_text(verdict)
        return result


def test_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    hung = CaseResult("random_requests/timing=none", FAILED, "no end after 9 s, killed\nmore")
    FakeRunner(monkeypatch, tmp_path, {102: hung, 103: "{}"})
    assert soak.run(parsed(SEEDS="5", CYCLES="1000", CONFIG="rng")) == 1
    said = capsys.readouterr().out
    figures = json.loads((tmp_path / "soak.json").read_text())
    assert (figures["passed"], figures["failed"], figures["skipped"]) == (3, 2, 0)
    assert (figures["seeds"], figures["configs"]) == ([100, 101, 102, 103, 104], ["rng"])
    assert (figures["chains"], figures["cycles"]) == (240, 4000)
    assert figures["exercised"]["spans"] == {"bytes": [1, 9]}
    assert [entry["seed"] for entry in figures["failing"]] == [102, 103]
    assert figures["failing"][0]["failure"] == "no end after 9 s, killed"
    assert figures["failing"][1]["failure"] == "expected 50 chains and 1000 cycles, seen 0 and 0"
    assert said.splitlines()[-1] == "3 passed, 2 failed"
    assert "chains: blk IN 160, blk OUT 80" in said
    assert "make soak SEEDS=1 SEED=102 CONFIG=rng TIMING=heavy CYCLES=1000" in said
    left = sorted(path.name for path in (tmp_path / "verilator-rng").iterdir())
    assert left == ["test_soak-102", "test_soak-103"], "what passed leaves nothing behind"


def test_all_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    FakeRunner(monkeypatch, tmp_path, {})
    assert soak.run(parsed(SEEDS="2", CYCLES="1000", CONFIG="rng")) == 0
    assert "failing" not in capsys.readouterr().out
