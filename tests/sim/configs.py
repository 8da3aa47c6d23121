# SPDX-License-Identifier: Apache-2.0
"""What is simulated: HDL configurations, and which test modules run on which of them.

To add a configuration, add a line to `CONFIGS`; to add a module tests/sim/test_NAME.py, add a `Plan`. An HDL parameter
costs a build, so anything that can change at run time belongs into `cocotb.parametrize` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = "virtio_tb"
CLOCK_PERIOD_NS = 10
SIMULATORS = ("verilator", "icarus")

RNG, BLK, NET, NO_SUCH_DEVICE = 4, 2, 1, 63

# name -> parameters of tb/hdl/virtio_tb.sv; what is not named keeps its default there
CONFIGS: Mapping[str, Mapping[str, int]] = {
    "rng": {"Device": RNG},
    "rng32": {"Device": RNG, "AxiDataWidth": 32},
    "rng_wrap": {"Device": RNG, "IndexInit": 0xFFF0},
    "rng_oddsize": {"Device": RNG, "QueueSizeMax0": 100, "QueueSizeMax1": 7},
    "blk": {"Device": BLK},
    "blk128": {"Device": BLK, "AxiDataWidth": 128},
    "blk_wrap": {"Device": BLK, "IndexInit": 0xFFF0},
    "blk_ro": {"Device": BLK, "ReadOnly": 1},
    "unknown_id": {"Device": RNG, "DeviceId": NO_SUCH_DEVICE},
    "net_id": {"Device": RNG, "DeviceId": NET},
    "bad_version": {"Device": RNG, "Version": 1},
}


@dataclass(frozen=True)
class Plan:
    """One cocotb module and where it runs.

    `figures` maps a boolean figure to the test that must leave it behind in a dict in the JSON file $VIRTIO_FIGURES;
    it is reported as false when that test ran and failed, or passed without leaving it.
    """

    module: str
    configs: tuple[str, ...]
    icarus: tuple[str, ...] = ()
    timeout_s: int = 600
    figures: Mapping[str, str] = field(default_factory=dict, hash=False)

    def on(self, sim: str) -> tuple[str, ...]:
        """The configurations this module runs on under a simulator."""
        return self.icarus if sim == "icarus" else self.configs


PLANS: tuple[Plan, ...] = (Plan("test_smoke", configs=("rng", "blk"), icarus=("rng",), timeout_s=60),)


def uses_disk(config: str) -> bool:
    """Whether the device of a configuration serves a disk image."""
    return CONFIGS[config].get("Device", RNG) == BLK


def sources(root: Path = ROOT) -> list[Path]:
    """The HDL of the simulation, packages first."""
    files = sorted([*root.glob("rtl/*.sv"), *root.glob("tb/hdl/*.sv")])
    return sorted(files, key=lambda path: not path.stem.endswith("_pkg"))
