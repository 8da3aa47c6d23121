# SPDX-License-Identifier: Apache-2.0
"""One call of cocotb's runner in a process of its own, so that it can be logged, timed out and killed.

usage: python -m tests.sim.job build|test JSON, where JSON holds the keyword arguments of Runner.build or Runner.test
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from cocotb_tools import runner

from .verilator import OwnMain


def main(kind: str, text: str) -> int:
    arguments = json.loads(text)
    runner.MAX_PARALLEL_BUILD_JOBS = arguments.pop("make_jobs", 1)
    sim, main_program = arguments.pop("sim"), arguments.pop("main", "")
    simulator = OwnMain(Path(main_program)) if main_program else runner.get_runner(sim)
    try:
        if kind == "build":
            simulator.build(**arguments, timescale=("1ns", "1ps"), always=True)
        else:
            simulator.test(**arguments, hdl_toplevel_lang="verilog")
    except (RuntimeError, ValueError) as error:
        print(f"error: {error}", flush=True)
        status = re.search(r"return code: (-?\d+)$", str(error))
        code = int(status[1]) if status else 1
        return 128 - code if code < 0 else code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
