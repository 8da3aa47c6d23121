# SPDX-License-Identifier: Apache-2.0
"""What is simulated: HDL configurations, and which test modules run on which of them.

To add a configuration, add a line to `CONFIGS`; to add a module tests/sim/test_NAME.py, add a `Plan`. An HDL parameter
costs a build, so anything that can change at run time belongs into `cocotb.parametrize` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import feature_sets
from .planted import BUILT_AS, PLANTED

#: The checkout, or the package cocotbext.virtio where this is installed as its part `suite`.
ROOT = Path(__file__).resolve().parents[2]
INSTALLED = not (ROOT / "tb").is_dir()
#: The bench's own HDL.
HDL = ROOT / "hdl" if INSTALLED else ROOT / "tb" / "hdl"
TOP = "virtio_tb"
#: The top of tests of the bench itself; its own HDL is in tests/hdl.
BENCH_TOP = "bus_ends_tb"
CLOCK_PERIOD_NS = 10
SIMULATORS = ("verilator", "icarus")
#: Who serves the buses: HDL with its bytes in C++, or cocotbext-axi in Python.
MEMORIES = ("fast", "axiram")
DEFAULT_MEMORY = {"verilator": "fast", "icarus": "axiram"}
#: The bus timings that a test is worth repeating with.
TIMINGS = ("none", "light", "heavy")

RNG, BLK, NET, CONSOLE, INPUT, OWN, NO_SUCH_DEVICE = 4, 2, 1, 3, 18, 65535, 63

# name -> parameters of tests/hdl/bus_ends_tb.sv: the bench without a device
_ENDS: Mapping[str, Mapping[str, int]] = {
    "ends32": {"AxiDataWidth": 32},
    "ends64": {"AxiDataWidth": 64},
    "ends128": {"AxiDataWidth": 128},
    "ends512": {"AxiDataWidth": 512},
}

# All that the block device can do
_BLK_FULL: Mapping[str, int] = {
    "Device": BLK,
    "NumQueues": 4,
    "Topology": 0x0000_0100_0008_0103,  # opt_io_size 256, min_io_size 8, alignment_offset 1, physical_block_exp 3
    "ConfigWce": 1,
    "MultiQueue": 1,
    "MaxDiscardSectors": 64,
    "MaxDiscardSeg": 8,
    "DiscardAlignment": 8,
    "MaxWriteZeroesSectors": 32,
    "MaxWriteZeroesSeg": 4,
}
_BLK_WIDTHS = {"blk_full": 64, "blk_full32": 32, "blk_full512": 512}

# name -> parameters of tb/hdl/virtio_tb.sv; what is not named keeps its default there
CONFIGS: Mapping[str, Mapping[str, int]] = {
    "rng": {"Device": RNG},
    "rng32": {"Device": RNG, "AxiDataWidth": 32},
    "rng512": {"Device": RNG, "AxiDataWidth": 512},
    "rng_addr32": {"Device": RNG, "AxiAddrWidth": 32},
    "rng_wrap": {"Device": RNG, "IndexInit": 0xFFF0},
    "rng_split": {"Device": RNG, "TransportFeatures": feature_sets.SPLIT},
    "rng_split32": {"Device": RNG, "AxiDataWidth": 32, "TransportFeatures": feature_sets.SPLIT},
    "rng_split_wrap": {"Device": RNG, "IndexInit": 0xFFF0, "TransportFeatures": feature_sets.SPLIT},
    "rng_packed": {"Device": RNG, "TransportFeatures": feature_sets.PACKED},
    "rng_packed32": {"Device": RNG, "AxiDataWidth": 32, "TransportFeatures": feature_sets.PACKED},
    "rng_oddsize": {"Device": RNG, "QueueSizeMax0": 100, "QueueSizeMax1": 7},
    "blk": {"Device": BLK},
    "blk32": {"Device": BLK, "AxiDataWidth": 32},
    "blk128": {"Device": BLK, "AxiDataWidth": 128},
    "blk512": {"Device": BLK, "AxiDataWidth": 512},
    "blk_split": {"Device": BLK, "TransportFeatures": feature_sets.SPLIT},
    "blk_split128": {"Device": BLK, "AxiDataWidth": 128, "TransportFeatures": feature_sets.SPLIT},
    "blk_split512": {"Device": BLK, "AxiDataWidth": 512, "TransportFeatures": feature_sets.SPLIT},
    "blk_packed": {"Device": BLK, "TransportFeatures": feature_sets.PACKED},
    "blk_packed128": {"Device": BLK, "AxiDataWidth": 128, "TransportFeatures": feature_sets.PACKED},
    "blk_packed512": {"Device": BLK, "AxiDataWidth": 512, "TransportFeatures": feature_sets.PACKED},
    "blk_wrap": {"Device": BLK, "IndexInit": 0xFFF0},
    "blk_one_queue": {
        "Device": BLK,
        "NumQueues": 1,
        "QueueSizeMax0": 128,
        "SegMax": 0,
        "SizeMax": 4096,
        "BlkSize": 4096,
    },
    **{name: {**_BLK_FULL, "AxiDataWidth": width} for name, width in _BLK_WIDTHS.items()},
    "blk_ro": {"Device": BLK, "ReadOnly": 1},
    "net": {"Device": NET},
    "net32": {"Device": NET, "AxiDataWidth": 32},
    "net128": {"Device": NET, "AxiDataWidth": 128},
    "net512": {"Device": NET, "AxiDataWidth": 512},
    "net_mq": {"Device": NET, "QueuePairs": 2},
    "net_packed128": {"Device": NET, "AxiDataWidth": 128, "TransportFeatures": feature_sets.PACKED},
    "net_split": {"Device": NET, "TransportFeatures": feature_sets.SPLIT},
    "net_plain": {"Device": NET, "MrgRxbuf": 0, "CtrlVq": 0},
    "console": {"Device": CONSOLE},
    "console32": {"Device": CONSOLE, "AxiDataWidth": 32},
    "console128_split": {"Device": CONSOLE, "AxiDataWidth": 128, "TransportFeatures": feature_sets.SPLIT},
    "console512_packed": {"Device": CONSOLE, "AxiDataWidth": 512, "TransportFeatures": feature_sets.PACKED},
    "input": {"Device": INPUT},
    "input32": {"Device": INPUT, "AxiDataWidth": 32},
    "input128_split": {"Device": INPUT, "AxiDataWidth": 128, "TransportFeatures": feature_sets.SPLIT},
    "input512_packed": {"Device": INPUT, "AxiDataWidth": 512, "TransportFeatures": feature_sets.PACKED},
    "checksum": {"Device": OWN},
    "checksum32": {"Device": OWN, "AxiDataWidth": 32},
    "checksum512_packed": {"Device": OWN, "AxiDataWidth": 512, "TransportFeatures": feature_sets.PACKED},
    "unknown_id": {"Device": RNG, "DeviceId": NO_SUCH_DEVICE},
    "net_id": {"Device": RNG, "DeviceId": NET},
    "bad_version": {"Device": RNG, "Version": 1},
    "placeholder": {"Device": RNG, "DeviceId": 0},
    **{f"guest_rng_{name}": {"Device": RNG, "TransportFeatures": word} for name, word in feature_sets.GUEST.items()},
    **{f"guest_blk_{name}": {**_BLK_FULL, "TransportFeatures": word} for name, word in feature_sets.GUEST.items()},
    **{f"guest_net_{name}": {"Device": NET, "TransportFeatures": word} for name, word in feature_sets.GUEST.items()},
    **{f"guest_console_{n}": {"Device": CONSOLE, "TransportFeatures": w} for n, w in feature_sets.GUEST.items()},
    **{
        f"guest_input_{name}": {"Device": INPUT, "TransportFeatures": word} for name, word in feature_sets.GUEST.items()
    },
    **_ENDS,
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
    compared: bool = False  # with the plan of the same module on the other memory, see tests/sim/compare.py
    users_disk: bool = False  # serves the file named by DISK=; the other modules write where they like

    def on(self, sim: str) -> tuple[str, ...]:
        """The configurations this module runs on under a simulator."""
        return self.icarus if sim == "icarus" else self.configs


#: What the traces in tests/traces/replay were recorded with.
REPLAYED = tuple(f"guest_{device}_full" for device in ("blk", "rng", "net", "console", "input"))

# Builds take longer than tests on Verilator, and next to nothing on Icarus.
PLANS: tuple[Plan, ...] = (
    Plan("test_smoke", configs=("rng", "blk"), icarus=("rng",), timeout_s=60, memory="axiram"),
    Plan("test_clock", configs=("rng",), timeout_s=60, memory="axiram"),
    Plan("test_axi_memory", configs=tuple(_ENDS), icarus=("ends32", "ends512"), timeout_s=180, memory="fast"),
    Plan("test_fast_memory", configs=tuple(_ENDS), icarus=("ends32", "ends512"), timeout_s=180, memory="fast"),
    Plan("test_axi_memory", configs=("ends64",), icarus=("ends64",), timeout_s=180, memory="axiram"),
    Plan("test_axil_master", configs=("ends64",), icarus=("ends32",), timeout_s=180, memory="fast"),
    Plan("test_identity", configs=("rng", "blk"), icarus=("rng", "blk_one_queue")),
    Plan("test_refused", configs=("unknown_id",), icarus=("unknown_id", "net_id", "bad_version", "placeholder")),
    Plan("test_negotiation", configs=("rng_split", "rng", "blk", "net", "console", "input"), icarus=("blk",)),
    Plan("test_status", configs=("rng", "blk", "net", "console", "input"), icarus=("rng",)),
    Plan(
        "test_features",
        configs=(
            *("rng_split", "rng_split32", "rng_split_wrap", "blk_split", "blk_split128", "blk_split512"),
            *("rng_packed", "rng_packed32", "blk_packed", "blk_packed128", "blk_packed512"),
        ),
        icarus=("rng_split", "rng_packed"),
    ),
    Plan(
        "test_packed",
        configs=("rng_packed", "rng_packed32", "blk_packed", "blk_packed128", "blk_packed512"),
        icarus=("rng_packed", "blk_packed"),
    ),
    Plan("test_speed_rng", configs=("rng_packed",), timeout_s=300, memory="fast"),
    Plan("test_speed_net", configs=("net",), timeout_s=300, memory="fast"),
    Plan("test_speed_blk", configs=("blk",), timeout_s=300, memory="fast"),
    Plan("test_bursts", configs=("blk", "blk_split", "blk_full512"), memory="fast"),
    Plan("test_registers", configs=("rng", "rng_split", "blk", "net", "console", "input"), icarus=("blk",)),
    Plan(
        "test_queues",
        configs=("rng_packed", "rng_split", "rng", "rng_oddsize", "blk", "net", "console", "input"),
        icarus=("rng_oddsize",),
    ),
    Plan(
        "test_rings",
        configs=(
            "rng_packed",
            "rng_split",
            "rng",
            "rng32",
            "rng_oddsize",
            "blk",
            "blk_wrap",
            "net",
            "console",
            "input",
        ),
        icarus=("rng_wrap",),
    ),
    Plan("test_memory", configs=("rng_packed", "rng_split", "rng", "rng32", "blk", "blk128"), icarus=("blk",)),
    Plan("test_library", configs=("rng", "blk"), icarus=("rng",), memory="axiram"),
    Plan("test_memories", configs=("rng", "blk", "blk128"), icarus=("rng",), memory="fast", compared=True),
    Plan("test_memories", configs=("rng", "blk", "blk128"), icarus=("rng",), memory="axiram", compared=True),
    Plan(
        "test_interrupts", configs=("rng_packed", "rng_split", "rng", "blk", "console", "net", "input"), icarus=("rng",)
    ),
    Plan(
        "test_faults",
        configs=("rng_packed", "rng_split", "rng", "rng32", "blk", "net", "console", "input"),
        icarus=("rng",),
    ),
    Plan("test_races", configs=("rng_split", "rng", "rng32", "blk", "net", "console", "input"), icarus=("rng",)),
    Plan("test_overlaps", configs=("rng_split", "rng", "rng32", "blk"), icarus=("blk",)),
    Plan(
        "test_malformed",
        configs=("rng", "rng_packed", "rng_split", "rng32", "blk"),
        icarus=("rng",),
        memory="fast",
    ),
    Plan(
        "test_fuzz",
        configs=("rng", "rng_packed", "rng_split", "blk", "blk_split", "blk_packed128", "net", "console", "input"),
        icarus=("rng",),
    ),
    Plan("test_reset", configs=("rng_packed", "rng_split", "rng", "blk", "net", "console", "input"), icarus=("rng",)),
    Plan(
        "test_resets",
        configs=("rng", "rng_packed", "rng_packed32", "blk_split", "blk_packed", "blk_packed128", "blk_packed512"),
    ),
    Plan("test_rng", configs=("rng_packed", "rng_split", "rng", "rng32")),
    Plan("test_blk", configs=("blk_packed", "blk_split", "blk", "blk128", *_BLK_WIDTHS), icarus=("blk",)),
    Plan("test_blk_features", configs=tuple(_BLK_WIDTHS), icarus=("blk_full",)),
    Plan(
        "test_net",
        configs=("net", "net32", "net128", "net512", "net_mq", "net_plain", "net_split", "net_packed128"),
        icarus=("net_plain",),
    ),
    Plan(
        "test_console",
        configs=("console", "console32", "console128_split", "console512_packed"),
        icarus=("console",),
    ),
    Plan("test_input", configs=("input", "input32", "input128_split", "input512_packed"), icarus=("input",)),
    Plan("test_checksum", configs=("checksum", "checksum32", "checksum512_packed"), icarus=("checksum",)),
    Plan("test_narrow", configs=("rng_addr32",), icarus=("rng_addr32",)),
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
        configs=(
            "rng_split",
            "rng",
            "rng32",
            "rng_oddsize",
            "blk",
            "blk32",
            "blk128",
            "blk512",
            "blk_wrap",
            "blk_full",
            "rng_packed",
            "blk_packed",
            "blk_packed512",
        ),
        icarus=("blk_one_queue",),
    ),
    Plan("test_replay", configs=REPLAYED, icarus=REPLAYED[1:2], timeout_s=300, memory="axiram"),
    Plan(
        "test_planted",
        configs=tuple(PLANTED)[:2],
        icarus=tuple(name for name in PLANTED if name not in BUILT_AS),
        compared=True,
    ),
    Plan("test_planted", configs=(), icarus=tuple(BUILT_AS), memory="fast"),
    # Some of them on the other memory too: the same rule must say so
    Plan("test_planted", configs=tuple(PLANTED)[:1], memory="axiram", compared=True),
    Plan(
        "test_planted",
        configs=(),
        icarus=("planted_wrong_len", "planted_strobe_off_by_one"),
        memory="fast",
        compared=True,
    ),
)


def uses_disk(config: str) -> bool:
    """Whether the device of a configuration serves a disk image."""
    return CONFIGS[config].get("Device", RNG) == BLK


def top(config: str) -> str:
    """The HDL top of a configuration."""
    return BENCH_TOP if config in _ENDS else TOP


def sources_of(config: str) -> list[Path]:
    """The HDL of a configuration, with that of the device type of one's own if it has one."""
    return sources(top=top(config)) + (own_sources() if CONFIGS[config].get("Device") == OWN else [])


def own_sources() -> list[Path]:
    """The HDL of the device type of one's own: module virtio_mmio_own, and what it needs."""
    return sorted(ROOT.glob("tests/hdl/example/*.sv"))


def sources(root: Path = ROOT, top: str = TOP) -> list[Path]:
    """The HDL of a simulation, packages first."""
    files = sorted([*root.glob("rtl/*.sv"), *root.glob("tb/hdl/*.sv")])
    if top == BENCH_TOP:
        files += sorted(root.glob("tests/hdl/*.sv"))
    return sorted(files, key=lambda path: not path.stem.endswith("_pkg"))
