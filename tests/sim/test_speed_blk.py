# SPDX-License-Identifier: Apache-2.0
"""How fast block requests move data: the share of cycles in which the busier data channel carries payload.

Each test leaves its figures for `make bench` (tests/bench/rtl.py) and fails if one misses its bar there.
"""

from __future__ import annotations

from typing import Any

import cocotb

from cocotbext.virtio.drivers import BlkDriver, Pending
from virtio_model.spec import SECTOR, BlkType

from ..bench import rtl
from ..bodies import work
from .speed import build, cycles_per_request

_CAPACITY = 2048


@cocotb.test()
@cocotb.parametrize(what=("read", "write"), latency=rtl.LATENCIES, depth=rtl.DEPTHS)
async def blk_4k(dut: Any, what: str, latency: int, depth: int) -> None:
    """4 KiB a request: the share of the cycles in which the busier data channel moves payload."""
    share = await _blk_share(dut, what, latency, depth, 4096)
    rtl.leave(f"blk_{what}_4k.lat{latency}.qd{depth}.bus_share", share)


@cocotb.test()
@cocotb.parametrize(latency=rtl.LATENCIES, size=rtl.SIZES)
async def blk_read_of_any_size(dut: Any, latency: int, size: int) -> None:
    """The share by the size of requests, 16 of them outstanding."""
    rtl.leave(f"blk_read_by_size.lat{latency}.{size}.bus_share", await _blk_share(dut, "read", latency, 16, size))


async def _blk_share(dut: Any, what: str, latency: int, depth: int, size: int) -> float:
    rig = await build(dut, latency)
    await rig.set_capacity(_CAPACITY)
    driver = await work.start_as(rig, BlkDriver)
    data = rig.rng.randbytes(size)

    async def submit(number: int) -> Pending[Any]:
        sector = number * size // SECTOR % (_CAPACITY - size // SECTOR)
        if what == "read":
            return await driver.submit(BlkType.IN, sector, writable=size)
        return await driver.submit(BlkType.OUT, sector, data)

    count = 128 if size <= 4096 else 48
    cycles = await cycles_per_request(rig, submit, depth, count)
    return round(size / rig.bus_bytes / cycles, 3)
