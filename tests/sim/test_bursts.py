# SPDX-License-Identifier: Apache-2.0
"""With how many bursts the RTL moves one request: as few as its alignment allows, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cocotb

from cocotbext.virtio.buffers import Layout, chunks, merged, natural
from cocotbext.virtio.drivers import BlkDriver
from cocotbext.virtio.events import DmaRead, DmaWrite
from virtio_model.spec import SECTOR, BlkType

from ..bodies import work
from ..bodies.work import expect
from .speed import build

_Runs = Sequence[tuple[int, int]]

#: MaxBurst of virtio_mmio_core.
_BEATS = 16
#: The tap may join bursts that continue one of at least so many bytes.
_COUNTED = 64
_SETTLED_CYCLES = 200


@cocotb.test()
@cocotb.parametrize(what=(BlkType.IN, BlkType.OUT))
async def of_a_block_request(dut: Any, what: BlkType) -> None:
    """A sector in pieces of any length and alignment: the bursts of short ones; no byte moves twice."""
    rig = await build(dut, 0)
    driver = await work.start_as(rig, BlkDriver)
    for framing in (natural, merged, chunks(100), *(chunks(size) for size in range(23, 64, 4))):
        layout = Layout(framing, 64, None, rig.rng)
        await work.calm_down(rig)
        rig.collect()
        if what is BlkType.IN:
            pending = await driver.submit(what, 3, writable=SECTOR, layout=layout)
        else:
            pending = await driver.submit(what, 3, rig.rng.randbytes(SECTOR), layout=layout)
        while not rig.irq.level:
            await rig.cycles(1)
        await rig.cycles(_SETTLED_CYCLES)
        events = rig.collect()
        reads = [(event.address, len(event.data)) for event in events if isinstance(event, DmaRead)]
        writes = [[(at, len(run)) for at, run in event.pieces] for event in events if isinstance(event, DmaWrite)]
        _check_pieces(rig.bus_bytes, pending.chain, reads, [run for runs in writes for run in runs[:1]])
        written = Counter(_bytes(run for runs in writes for run in runs))
        expect([at for at, count in written.items() if count > 1], [], "bytes written twice")
        wanted = set(_bytes((at, length) for at, length, writable in pending.chain if not writable))
        read = Counter(_bytes(reads))
        expect({at: read[at] for at in wanted}, dict.fromkeys(wanted, 1), "how often the bytes of the request are read")
        await work.settle(rig, [pending])
    await rig.finish()


def _bytes(runs: Iterable[tuple[int, int]]) -> Iterator[int]:
    return (at for address, length in runs for at in range(address, address + length))


def _check_pieces(width: int, chain: Sequence[tuple[int, int, bool]], reads: _Runs, writes: _Runs) -> None:
    """Short pieces take as many bursts as they have to. A status, the last byte, has a burst of its own."""
    for place, (address, length, writable) in enumerate(chain):
        if length < _COUNTED:
            tail = writable and place == len(chain) - 1
            if writable:
                wanted = _write_bursts(address, length - tail, width) + tail
            else:
                wanted = _read_bursts(address, length, width)
            seen = sum(address <= at < address + length for at, _ in (writes if writable else reads))
            expect(seen, wanted, f"bursts that {'write' if writable else 'read'} {length} bytes at {address:#x}")


def _read_bursts(address: int, length: int, width: int) -> int:
    """Whole words up to a multiple of the longest burst, then single beats, each aligned."""
    count, end, longest = 0, address + length, _BEATS * width
    while address < end:
        if end - address >= width - address % width:
            address = min((address // longest + 1) * longest, end // width * width)
        else:
            step = width // 2
            while address % step or step > end - address:
                step //= 2
            address += step
        count += 1
    return count


def _write_bursts(address: int, length: int, width: int) -> int:
    """Up to a multiple of the longest burst each."""
    longest = _BEATS * width
    return (address + length - 1) // longest - address // longest + 1 if length else 0
