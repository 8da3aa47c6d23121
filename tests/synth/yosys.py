# SPDX-License-Identifier: Apache-2.0
"""Synthesize with yosys, read by its slang front end; a process of its own, as yosys ends the process on an error.

usage: python -m tests.synth.yosys TARGET TOP DIRECTORY [PARAMETER=VALUE ...]

TARGET is `ecp5` or `xilinx`. Leaves in DIRECTORY `TARGET.json`, the mapped netlist, and `TARGET-memories.json`, the
memories that were seen before they were mapped. Paths are relative to the root of the repository.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.sim.configs import ROOT, sources

#: Target -> its synthesis pass, and the label of the step that makes RAM cells of memories.
TARGETS = {"ecp5": ("synth_ecp5", "map_ram"), "xilinx": ("synth_xilinx -flatten -noiopad", "map_memory")}


def passes(target: str, top: str, directory: Path, parameters: Sequence[str]) -> Iterator[str]:
    """The yosys commands, in order."""
    files = " ".join(str(path.relative_to(ROOT)) for path in sources() if path.parent.name == "rtl")
    values = " ".join(f"-G {parameter}" for parameter in parameters)
    synth, map_ram = TARGETS[target]
    # SYNTHESIS leaves out the checks of the RTL on itself.
    yield f"read_slang --top {top} -DSYNTHESIS=1 {values} {files}"
    yield f"{synth} -top {top} -run begin:{map_ram}"
    yield "select t:$mem*"
    yield f"write_json -selected {directory}/{target}-memories.json"
    yield "select -clear"
    yield f"{synth} -top {top} -run {map_ram}:"
    yield f"write_json {directory}/{target}.json"


def main(arguments: Sequence[str]) -> int:
    from pyosys import libyosys

    target, top, directory, *parameters = arguments
    design = libyosys.Design()
    for command in passes(target, top, Path(directory), parameters):
        libyosys.run_pass(command, design)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
