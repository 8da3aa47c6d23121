# SPDX-License-Identifier: Apache-2.0
"""Which devices are synthesized, and what they must come to.

To add one, add a line to `DEVICES`; a bar is a line in `MOST` or `LEAST`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.sim import feature_sets


@dataclass(frozen=True)
class Device:
    """A top module of rtl/ and its parameters; those not named keep their defaults."""

    top: str
    what: str
    parameters: Mapping[str, int] = field(default_factory=dict)


DEVICES: Mapping[str, Device] = {
    "small": Device("virtio_mmio_rng", "rng, 1 queue, 32 bit", {"NumQueues": 1, "AxiDataWidth": 32}),
    "default": Device("virtio_mmio_blk", "blk, 2 queues, 64 bit"),
    "wide": Device(
        "virtio_mmio_net",
        "net, 3 queues, packed, all features, 128 bit",
        {"AxiDataWidth": 128, "TransportFeatures": feature_sets.PACKED},
    ),
}

#: Figures with a bar: at most, or at least, so much on ECP5.
MOST: Mapping[str, float] = {"default.lut4": 6000}
LEAST: Mapping[str, float] = {"default.fmax_mhz": 100}

#: Parts of the instance names of memories that each device must have: words of the queue table, stores of chains.
TABLES = ("u_queue_table.g_word", "u_avail_reader.slot_q", "u_used_writer.slot_q")
STORES = ("u_ring.u_readable", "u_ring.u_writable", "u_ring.u_device_chains", "u_ring.u_completions")
#: A memory of more words belongs in block RAM, a smaller one in distributed RAM (`ShallowDepth` of virtio_fifo).
SHALLOW_WORDS = 32
