# SPDX-License-Identifier: Apache-2.0
"""How fast the network device is: frames that come back, through memory both ways.

Each test leaves its figures for `make bench` (tests/bench/rtl.py) and fails if one misses its bar there.
"""

from __future__ import annotations

from typing import Any

import cocotb

from ..bench import rtl
from ..bodies import net
from .speed import build


@cocotb.test()
@cocotb.parametrize(latency=rtl.LATENCIES)
async def net_1514_loop(dut: Any, latency: int) -> None:
    """1514-byte frames that the MAC sends back: each is read and written once, the limit being one beat a cycle.

    With a memory far away receiving falls behind: no more frames than the store holds.
    """
    rig = await build(dut, latency)
    share = await net.loop_share(rig, *((40, 12) if latency <= 20 else (10, 1)))
    await rig.finish()
    rtl.leave(f"net_1514_loop.lat{latency}.bus_share", round(share, 3))
