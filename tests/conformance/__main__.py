# SPDX-License-Identifier: Apache-2.0
"""`make conformance`: the regression on Verilator, then a verdict on each requirement (docs/conformance.md).

Takes TEST, CONFIG, SEED, JOBS and the other variables of `make sim`. Writes sim_build/conformance.json, .html and .xml.
Exit status 1 if a requirement or hostile case failed or was not reached.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from virtio_model import MemoryStorage
from virtio_model.spec import DeviceType

from ..bodies import reference
from ..sim import configs, report, runner
from ..sim.regress import parse, regress
from ..sim.results import FAILED, RunResult, closing_line, exit_code
from ..sim.selection import UsageError
from . import record
from .features import feature_names
from .judge import Scope, hostile, requirements
from .reasons import DEVICES, HOSTILE, OTHERS
from .report import Conformance, show, write

#: Runs whose tests are about the bench itself: they want failures.
_ABOUT_THE_BENCH = ("test_planted",)


def offered() -> set[str]:
    """The names of the features that one of the configurations offers."""
    names: set[str] = set()
    for given in configs.CONFIGS.values():
        if reference.device_type(given) not in set(DeviceType):
            continue
        function = reference.function(given, MemoryStorage(0))
        options = reference.device_options(given, function)
        bits = options.get("device_features", function.device_features)
        names |= set(feature_names(function.device_type, int(bits)))
    return names


def records(results: Sequence[RunResult]) -> list[record.Record]:
    """What the tests of a regression say. A failure that its test wanted is none."""
    found = []
    for result in results:
        if result.run.plan.module in _ABOUT_THE_BENCH:
            continue
        broken = any(test.verdict == FAILED for test in result.tests)
        found += [each for each in record.read([result.directory / record.FILE]) if broken or not each.bad]
    return found


def conformance(results: Sequence[RunResult], seed: int) -> Conformance:
    """Our devices, judged by the results of a regression."""
    scope = Scope(("rng", "blk", "net", "console", "input"), offered(), {**OTHERS, **DEVICES, **HOSTILE})
    said = records(results)
    return Conformance("virtio-mmio RTL", seed, len(said), requirements(said, scope), hostile(said, scope))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        request = parse({**os.environ, "SIM": "verilator"})
        results = regress(request, runner.BUILD_ROOT / "sim.json", runner.BUILD_ROOT / "results.xml")
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    judged = conformance(results, request.seed)
    stem = runner.BUILD_ROOT / "conformance"
    write(judged, stem)
    show(judged, report.console())
    print(f"\nread it: {stem}.html")
    print(closing_line(judged.passed, judged.failed, judged.skipped), flush=True)
    return exit_code(judged.passed, judged.failed)


if __name__ == "__main__":
    sys.exit(main())
