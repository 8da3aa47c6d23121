# SPDX-License-Identifier: Apache-2.0
"""What is simulated: HDL configurations, and which test modules run on which of them.

To add a configuration, add a line to `CONFIGS`; to add a module tests/sim/test_NAME.py, add a `Plan`. An HDL parameter
costs a build, so anything that can change at run time belongs into `cocotb.parametrize` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .planted import PLANTED

ROOT = Path(__file__).resolve().parents[2]
TOP = "virtio_tb"
CLOCK_PERIOD_NS = 10
SIMULATORS = ("verilator", "icarus")
#: The bus timings that a test is worth repeating with.
TIMINGS = ("none", "light", "heavy")
#: Who serves the buses: HDL with its bytes in C++, or cocotbext-axi in Python.
MEMORIES = ("fast", "axiram")
DEFAULT_MEMORY = {"verilator": "fast", "icarus": "axiram"}

RNG, BLK, NET, NO_SUCH_DEVICE = 4, 2, 1, 63

# name -> parameters of tb/hdl/virtio_tb.sv; what is not named keeps its default there
CONFIGS: Mapping[str, Mapping[str, int]] = {
    "rng": {"Device": RNG},
    "rng32": {"Device": RNG, "AxiDataWidth": 32},
    "rng512": {"Device": RNG, "AxiDataWidth": 512},
    "rng_addr32": {"Device": RNG, "AxiAddrWidth": 32},
    "rng_wrap": {"Device": RNG, "IndexInit": 0xFFF0},
    "rng_oddsize": {"Device": RNG, "QueueSizeMax0": 100, "QueueSizeMax1": 7},
    "blk": {"Device": BLK},
    "blk32": {"Device": BLK, "AxiDataWidth": 32},
    "blk128": {"Device": BLK, "AxiDataWidth": 128},
    "blk512": {"Device": BLK, "AxiDataWidth": 512},
    "blk_wrap": {"Device": BLK, "IndexInit": 0xFFF0},
    "blk_one_queue": {
        "Device": BLK,
        "NumQueues": 1,
        "QueueSizeMax0": 128,
        "SegMax": 0,
        "SizeMax": 4096,
        "BlkSize": 4096,
    },
    "blk_ro": {"Device": BLK, "ReadOnly": 1},
    "unknown_id": {"Device": RNG, "DeviceId": NO_SUCH_DEVICE},
    "net_id": {"Device": RNG, "DeviceId": NET},
    "bad_version": {"Device": RNG, "Version": 1},
    "placeholder": {"Device": RNG, "DeviceId": 0},
    **{name: fault.parameters for name, fault in PLANTED.items()},
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
    memory: str = ""  # one of MEMORIES; "": what is asked for
    users_disk: bool = False  # serves the file named by DISK=; the other modules write where they like

    def on(self, sim: str) -> tuple[str, ...]:
        """The configurations this module runs on under a simulator."""
        return self.icarus if sim == "icarus" else self.configs


# Builds take longer than tests on Verilator, and next to nothing on Icarus.
PLANS: tuple[Plan, ...] = (
    Plan("test_smoke", configs=("rng", "blk"), icarus=("rng",), timeout_s=60, memory="axiram"),
    Plan("test_clock", configs=("rng",), timeout_s=60, memory="axiram"),
    Plan("test_identity", configs=("rng", "blk"), icarus=("rng", "blk_one_queue")),
    Plan("test_refused", configs=("unknown_id",), icarus=("unknown_id", "net_id", "bad_version", "placeholder")),
    Plan("test_negotiation", configs=("rng", "blk"), icarus=("blk",)),
    Plan("test_status", configs=("rng", "blk"), icarus=("rng",)),
    Plan("test_registers", configs=("rng", "blk"), icarus=("blk",)),
    Plan("test_queues", configs=("rng", "rng_oddsize", "blk"), icarus=("rng_oddsize",)),
    Plan("test_rings", configs=("rng", "rng32", "rng_oddsize", "blk", "blk_wrap"), icarus=("rng_wrap",)),
    Plan("test_memory", configs=("rng", "rng32", "blk", "blk128"), icarus=("blk",)),
    Plan("test_library", configs=("rng", "blk"), icarus=("rng",), memory="axiram"),
    Plan("test_interrupts", configs=("rng", "blk"), icarus=("rng",)),
    Plan("test_faults", configs=("rng", "rng32", "blk"), icarus=("rng",)),
    Plan("test_reset", configs=("rng", "blk"), icarus=("rng",)),
    Plan("test_rng", configs=("rng", "rng32")),
    Plan("test_blk", configs=("blk", "blk128"), icarus=("blk",)),
    Plan("test_narrow", configs=(), icarus=("rng_addr32",)),
    Plan("test_read_only", configs=("blk_ro",), icarus=("blk_ro",)),
    Plan(
        "test_disk",
        configs=("blk",),
        timeout_s=3600,
        figures={"disk_sha256_match": "whole_image"},
        users_disk=True,
    ),
    Plan(
        "test_soak",
        configs=("rng", "rng32", "rng_oddsize", "blk", "blk32", "blk128", "blk512", "blk_wrap"),
        icarus=("blk_one_queue",),
    ),
    Plan("test_planted", configs=tuple(PLANTED)[:2], icarus=tuple(PLANTED)),
)


def uses_disk(config: str) -> bool:
    """Whether the device of a configuration serves a disk image."""
    return CONFIGS[config].get("Device", RNG) == BLK


def sources(root: Path = ROOT) -> list[Path]:
    """The HDL of the simulation, packages first."""
    files = sorted([*root.glob("rtl/*.sv"), *root.glob("tb/hdl/*.sv")])
    return sorted(files, key=lambda path: not path.stem.endswith("_pkg"))
