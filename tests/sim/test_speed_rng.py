# SPDX-License-Identifier: Apache-2.0
"""How fast the ring engine is: small entropy requests, many outstanding, and one alone phase by phase.

Each test leaves its figures for `make bench` (tests/bench/rtl.py) and fails if one misses its bar there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cocotb

from cocotbext.virtio.buffers import Layout
from cocotbext.virtio.drivers import Pending, RngDriver
from cocotbext.virtio.events import DmaRead, DmaWrite, Event, IrqChange, RegisterWrite
from virtio_model.spec import Feature, Reg, features
from virtio_model.split import SplitLayout

from ..bench import rtl
from ..bodies import work
from .speed import build, cycles_per_request


def _only(*bits: int) -> Callable[[int], int]:
    """Accept no transport features beyond VERSION_1 but these."""
    return lambda offered: offered & features(Feature.VERSION_1, *bits)


#: Rings by name: what is accepted, and the framing of a request.
KINDS: dict[str, tuple[Callable[[int], int], Layout]] = {
    "split": (_only(), Layout()),
    "indirect": (work.on_split(), Layout(direct=0)),
    "packed": (_only(Feature.RING_PACKED), Layout()),
    "packed_indirect": (work.without(), Layout(direct=0)),
}


@cocotb.test()
@cocotb.parametrize(kind=tuple(KINDS), latency=rtl.LATENCIES, depth=rtl.DEPTHS)
async def rng_64(dut: Any, kind: str, latency: int, depth: int) -> None:
    """64 random bytes a request: on plain rings, or in tables of their own with all other features too."""
    rig = await build(dut, latency)
    accept, layout = KINDS[kind]
    driver = await work.start_as(rig, RngDriver, accept=accept)
    cycles = await cycles_per_request(rig, lambda _: driver.submit(64, layout), depth, 96)
    name = "rng_64" if kind == "split" else f"rng_64.{kind}"
    rtl.leave(f"{name}.lat{latency}.qd{depth}.cycles_per_request", round(cycles, 1))


@cocotb.test()
@cocotb.parametrize(latency=rtl.LATENCIES)
async def notify_to_irq(dut: Any, latency: int) -> None:
    """One request of 64 bytes to an idle device, from the write of QueueNotify to the interrupt, phase by phase."""
    rig = await build(dut, latency)
    driver = await work.start_as(rig, RngDriver, accept=_only())
    layout = work.split_queue(rig).layout
    await work.calm_down(rig)
    rig.collect()
    pending = await driver.submit(64)
    while not rig.irq.level:
        await rig.cycles(1)
    await rig.cycles(100)
    phases = _phases(rig.collect(), layout, pending)
    await work.settle(rig, [pending])
    await rig.finish()
    rtl.leave(f"notify_to_irq.lat{latency}.cycles", phases["irq"])
    rtl.leave(f"notify_to_irq.lat{latency}.phases", phases)


def _phases(events: list[Event], layout: SplitLayout, pending: Pending[Any]) -> dict[str, int]:
    """The cycle, counted from the notification, in which each phase ended."""
    (payload, _, _) = pending.chain[0]
    reads = {
        "avail idx": layout.avail_idx_address,
        "ring entry": layout.avail_entry_address(0),
        "descriptor": layout.descriptor_address(pending.head),
        "wish": layout.avail_flags_address,
    }
    writes = {
        "payload": payload,
        "used element": layout.used_element_address(0),
        "used idx": layout.used_idx_address,
    }
    start = next(e.start for e in events if isinstance(e, RegisterWrite) and e.offset == Reg.QUEUE_NOTIFY)
    ends: dict[str, int] = {}
    for event in events:
        if isinstance(event, DmaRead):
            names = [name for name, at in reads.items() if event.address == at]
        elif isinstance(event, DmaWrite):
            names = [name for name, at in writes.items() if event.pieces[0][0] == at]
        else:
            names = ["irq"] if isinstance(event, IrqChange) and event.level else []
        for name in names:
            ends[name] = event.cycle - start
    assert set(ends) == {*reads, *writes, "irq"}, f"phases seen: {sorted(ends)}"
    return ends
