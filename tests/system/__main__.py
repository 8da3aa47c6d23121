# SPDX-License-Identifier: Apache-2.0
"""`make system`: the full matrix of drivers that nobody here wrote, devices and sets of features.

All legs of `make linux`, each device with each set of features and bus timing besides, and all legs of `make uboot`.
SEED and TIMEOUT come from the environment. Exit status: 0 all passed, 1 something failed, 2 the request makes no sense
or a package is missing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from ..sim import runner
from ..sim.results import FAILED, SKIPPED, closing_line, exit_code, write_json
from ..sim.selection import UsageError
from . import linux, uboot


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    env = {name: os.environ[name] for name in ("SEED", "TIMEOUT") if name in os.environ}
    parts = {
        "linux": (linux.run_legs, linux.parse(env, matrix=True)),
        "uboot": (uboot.run_legs, uboot.parse(env)),
    }
    begun = time.monotonic()
    passed = failed = 0
    legs = {}
    try:
        linux.available()
        uboot.available()
        for name, (run_legs, request) in parts.items():
            print(f"{name}: {len(request.legs)} legs, seed {request.seed}", flush=True)
            report = runner.BUILD_ROOT / f"{name}.json"
            counted = run_legs(request, report)
            passed, failed = passed + counted[0], failed + counted[1]
            legs[name] = json.loads(report.read_text())["legs"]
            wall_s = round(time.monotonic() - begun, 1)
            figures = {"tests": passed + failed, "passed": passed, FAILED: failed, SKIPPED: 0, "wall_s": wall_s}
            write_json(runner.BUILD_ROOT / "system.json", {**figures, "legs": legs})
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(closing_line(passed, failed), flush=True)
    return exit_code(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
