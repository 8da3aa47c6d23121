# SPDX-License-Identifier: Apache-2.0
"""Which runs a TEST=, CONFIG=, SIM= and COCOTB_TEST_FILTER ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .configs import DEFAULT_MEMORY, Plan
from .planted import built_as

PACKAGE = __name__.rpartition(".")[0]


class UsageError(Exception):
    """A request that cannot be met; its text is the one line that the user sees."""


@dataclass(frozen=True)
class Run:
    """One simulator process: a module on a configuration, with one of MEMORIES on the buses.

    `only` are the full names of the tests asked for. A run may have a `seed` of its own, and then a folder of its own,
    and a `command` of its own that repeats it.
    """

    sim: str
    config: str
    plan: Plan
    only: tuple[str, ...] = ()
    memory: str = "fast"
    seed: int | None = None
    command: str = ""

    @property
    def build(self) -> str:
        """Name of what has to be built for it."""
        return self.config if self.memory == DEFAULT_MEMORY[self.sim] else f"{self.config}-{self.memory}"

    @property
    def built(self) -> str:
        """The same, but for configurations that share a build: of one simulator runs of one such name do."""
        return self.build.replace(self.config, built_as(self.config), 1)

    @property
    def name(self) -> str:
        return f"{self.plan.module}[{self.build}]{'' if self.seed is None else f' seed {self.seed}'}"

    @property
    def folder(self) -> str:
        return self.plan.module if self.seed is None else f"{self.plan.module}-{self.seed}"

    @property
    def module(self) -> str:
        return f"{PACKAGE}.{self.plan.module}"


def number(env: Mapping[str, str], name: str, default: int, least: int = 0) -> int:
    """A variable that holds a number, or the default where it is empty. Raises `UsageError`."""
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text, 0)
    except ValueError:
        value = least - 1
    if value < least:
        raise UsageError(f"{name}={text}: not a number of {least} or more")
    return value


def choose(value: str, known: Iterable[str], what: str) -> str:
    """`value` if it is known. Raises `UsageError` listing what is."""
    names = list(known)
    if value not in names:
        raise UsageError(f"unknown {what} {value!r}, there are: {', '.join(names)}")
    return value


def matches(wanted: str, module: str, test: str) -> bool:
    """Whether `wanted` names this test: by function, with parameters, module.function, or by module.

    `module` and `wanted` may have or lack the test_ prefix; `test` is cocotb's name, "function/parameter=value".
    """
    function = test.split("/", 1)[0]
    short = module.removeprefix("test_")
    modules = {module, short, f"{PACKAGE}.{module}"}
    functions = {test, function, test.removeprefix("test_"), function.removeprefix("test_")}
    return wanted in modules or wanted in functions or wanted in {f"{m}.{f}" for m in modules for f in functions}


def select(
    plans: Sequence[Plan],
    sim: str,
    tests: Mapping[str, Sequence[str]],
    *,
    test: str = "",
    config: str = "",
    test_filter: str = "",
    memory: str = "",
) -> list[Run]:
    """The runs asked for; `tests` holds the names found in each module, a module that could not be read has none.

    Raises `UsageError` for a name that does not exist, or one that does not run on this simulator or configuration.
    """
    chosen: list[Run] = []
    places: set[tuple[str, str, str]] = set()
    named = False
    for plan in plans:
        names = list(tests.get(plan.module, ()))
        by_module = test in {plan.module, plan.module.removeprefix("test_"), f"{PACKAGE}.{plan.module}"}
        wanted = [name for name in names if matches(test, plan.module, name)] if test else names
        named |= bool(wanted) or by_module
        if test and not wanted and not by_module:
            continue
        full = [f"{PACKAGE}.{plan.module}.{name}" for name in wanted]
        if test_filter:
            full = [name for name in full if re.search(test_filter, name)]
            if names and not full:
                continue
        only = tuple(full) if len(full) < len(names) else ()
        serving = plan.memory or memory or DEFAULT_MEMORY[sim]
        for name in plan.on(sim):
            # With MEM= two plans of a module may come to the same.
            if config in ("", name) and (name, plan.module, serving) not in places:
                places.add((name, plan.module, serving))
                chosen.append(Run(sim, name, plan, only, serving))
    if test and not named:
        modules = dict.fromkeys(plan.module.removeprefix("test_") for plan in plans)
        raise UsageError(f"unknown TEST {test!r}, there are {', '.join(modules)}; `make list` names their tests")
    if not chosen:
        request = {"TEST": test, "CONFIG": config, "COCOTB_TEST_FILTER": test_filter, "SIM": sim}
        asked = " ".join(f"{key}={value}" for key, value in request.items() if value)
        raise UsageError(f"no test runs with {asked}")
    return chosen


def filter_regex(only: Sequence[str]) -> str:
    """The COCOTB_TEST_FILTER that lets exactly these full names through."""
    return f"^(?:{'|'.join(re.escape(name) for name in only)})$" if only else ""
