# SPDX-License-Identifier: Apache-2.0
"""`make waves TEST=name`: one test with waveforms, and a GTKWave save file that names what matters in them."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys

from . import regress, runner, toolchain
from .configs import PLANS, ROOT
from .gtkwave import write_save_file
from .results import RunResult
from .selection import UsageError, select


def show(result: RunResult) -> None:
    """Write the save file for a run and open it where there is a screen."""
    dump = result.directory / toolchain.wave_file(result.run.sim)
    if not dump.exists():
        print(f"no waveforms: {os.path.relpath(dump, ROOT)} was not written")
        return
    save = dump.with_suffix(".gtkw")
    try:
        count = write_save_file(dump, save)
    except (RuntimeError, ValueError) as error:
        print(f"cannot read {os.path.relpath(dump, ROOT)}: {error}")
        return
    print(f"GTKWave: {count} signals in {os.path.relpath(save, ROOT)}")
    viewer = shutil.which("gtkwave")
    if viewer and os.environ.get("DISPLAY"):
        subprocess.Popen([viewer, str(save)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        print(f"look at it with: gtkwave {os.path.relpath(save, ROOT)}")


def main() -> int:
    try:
        request = dataclasses.replace(regress.parse(os.environ), waves=True)
        if not request.test:
            raise UsageError("which test? make waves TEST=name (make list shows them)")
        if not request.config:
            runs = select(PLANS, request.sim, regress.discover(PLANS), test=request.test)
            request = dataclasses.replace(request, config=runs[0].config)
            print(f"on configuration {request.config}; CONFIG= chooses another")
        results = regress.regress(request, runner.BUILD_ROOT / "waves.json", runner.BUILD_ROOT / "waves.xml")
        for result in results:
            show(result)
        return regress.conclude(results)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
