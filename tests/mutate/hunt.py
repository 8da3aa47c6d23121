# SPDX-License-Identifier: Apache-2.0
"""Draws mutants, and runs tests on each until one notices it: first those that noticed others of its file."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from hashlib import sha256

from tests.sim import runner
from tests.sim.process import workers
from tests.sim.selection import UsageError

from .bench import SLACK_S, SLOWER, Bench, Verdict, simulate
from .sites import Mutant

#: How many of the tests that noticed others are tried before all of them.
FAVOURITES = 6


@dataclass(frozen=True)
class Fate:
    """What became of a mutant, on the configuration where a test noticed it; "" for a survivor."""

    mutant: Mutant
    verdict: Verdict
    config: str = ""

    @property
    def killed(self) -> bool:
        return bool(self.config)


@dataclass
class Memory:
    """Which tests noticed mutants of a file, as (configuration, module.test)."""

    kills: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, mutant: Mutant, config: str, test: str) -> None:
        with self.lock:
            self.kills[mutant.file][config, test] += 1

    def favourites(self, mutant: Mutant, benches: Sequence[Bench]) -> tuple[Bench, list[str]] | None:
        """The configuration with the best test for neighbours, and the best tests there."""
        with self.lock:
            ranked = [key for key, _ in self.kills[mutant.file].most_common()]
        for config, _ in ranked:
            for it in benches:
                if it.config == config:
                    names = [test for where, test in ranked if where == config and test in it.times]
                    if names:
                        return it, names[:FAVOURITES]
        return None

    def order(self, mutant: Mutant, benches: Sequence[Bench]) -> list[Bench]:
        """Configurations with more kills first, then those with quicker tests."""
        with self.lock:
            counted: Counter[str] = Counter()
            for (config, _), count in self.kills[mutant.file].items():
                counted[config] += count
        return sorted(benches, key=lambda it: (-counted[it.config], it.wall_s))


def draw(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` mutants, of each file its share. Hashes of seed and id say which: others may come and go."""
    if count >= len(mutants):
        return list(mutants)
    by_file: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in sorted(mutants, key=lambda mutant: sha256(f"{seed} {mutant.id}".encode()).digest()):
        by_file[mutant.file].append(mutant)
    # Each mutant has its place in its file, as a fraction; those with the first places are drawn.
    places = [
        ((index + 0.5) / len(own), mutant) for _, own in sorted(by_file.items()) for index, mutant in enumerate(own)
    ]
    drawn = [mutant for _, mutant in sorted(places, key=lambda place: place[0])[:count]]
    return sorted(drawn, key=lambda mutant: mutant.number)


def baseline(it: Bench, session: runner.Session) -> Verdict:
    """Run all modules without a mutant and remember how long each test takes."""
    verdict, it.times = simulate(it, session, 0, it.plans)
    it.plans.sort(key=it.time_of)
    return verdict


def attempts(mutant: Mutant, benches: Sequence[Bench], memory: Memory) -> Iterator[tuple[Bench, list[str]]]:
    """What to run on a mutant, in order: a configuration, and tests or, with none named, all of them."""
    there = [it for it in benches if mutant.number in it.numbers]
    if favourites := memory.favourites(mutant, there):
        yield favourites
    for it in memory.order(mutant, there):
        yield it, []


def hunt_one(mutant: Mutant, benches: Sequence[Bench], memory: Memory, session: runner.Session) -> Fate:
    """Run tests until one notices the mutant, or there are none left."""
    wall_s = 0.0
    for it, names in attempts(mutant, benches, memory):
        modules = {name.partition(".")[0] for name in names}
        plans = [plan for plan in it.plans if not names or plan.module in modules]
        usual_s = sum(it.times[name] for name in names) if names else it.wall_s
        verdict, _ = simulate(it, session, mutant.number, plans, names, SLACK_S + SLOWER * usual_s)
        wall_s += verdict.wall_s
        if verdict.how:
            memory.add(mutant, it.config, verdict.test)
            return Fate(mutant, Verdict(verdict.test, verdict.how, wall_s), it.config)
    return Fate(mutant, Verdict(wall_s=wall_s))


def hunt(mutants: Sequence[Mutant], benches: Sequence[Bench], session: runner.Session, jobs: int) -> Iterator[Fate]:
    """The fates of mutants, as they are known."""
    memory = Memory()
    with workers(jobs) as pool:
        running = [pool.submit(hunt_one, mutant, benches, memory, session) for mutant in mutants]
        for future in as_completed(running):
            yield future.result()


def choose(mutants: Sequence[Mutant], ids: Sequence[str]) -> list[Mutant]:
    """The mutants with these ids. Raises `UsageError` for one that is not there."""
    known = {mutant.id: mutant for mutant in mutants}
    for name in ids:
        if name not in known:
            raise UsageError(f"unknown MUTANT {name!r}: sim_build/mutation.json names those of the last run")
    return [known[name] for name in ids]
