# SPDX-License-Identifier: Apache-2.0
"""The part of `make test` that shows that mutation works: a few faults in the RTL, each of which must be noticed.

They are named, so that the answer is the same each time; one whose line has changed is an error, and another takes
its place. All are in one configuration that builds and runs quickly.
"""

from __future__ import annotations

import sys

from tests.sim.selection import UsageError

from .__main__ import SEED, Request, mutate

CONFIG = "rng_split"
IDS = (
    "virtio_avail_reader-e5fd7911",
    "virtio_byte_split-22f2f5ef",
    "virtio_chain_writer-94f60f09",
    "virtio_desc_block-f1cba3ef",
    "virtio_desc_walker-3564674c",
    "virtio_dma_write-a2772ae7",
    "virtio_fifo-96665d8f",
    "virtio_mmio_regs-0221405a",
    "virtio_queue_table-47f5b6e0",
    "virtio_rng-01fc2ced",
    "virtio_status-9a4e3da0",
    "virtio_used_writer-69266f6f",
)


def main() -> int:
    try:
        return mutate(Request(sample=0, seed=SEED, jobs=2, configs=(CONFIG,), modules=(), ids=IDS))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
