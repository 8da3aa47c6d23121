# SPDX-License-Identifier: Apache-2.0
"""Register bus over AXI4-Lite."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Mapping
from typing import Any

import cocotb
from cocotb.triggers import SimTimeoutError, Timer, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.axi.axil_channels import AxiLiteARBus, AxiLiteAWBus, AxiLiteBBus, AxiLiteRBus, AxiLiteWBus

from ..interfaces import BusError
from .pins import known, quiet, require_ports
from .timing import Timing, drawn_ns, start_stalls

DEFAULT_TIMEOUT_NS = 100_000
#: Names of the responses, by their number.
RESPONSES = tuple(response.name for response in AxiResp)


class AxiLiteRegisters:
    """`RegisterBus` with cocotbext-axi's AXI4-Lite master, bound to the ports `prefix`_*.

    Without a response within `timeout_ns` of simulated time an access raises BusError. The constructor raises
    MissingPort. `reset` is active low.
    """

    def __init__(
        self,
        dut: Any,
        clock: Any,
        reset: Any,
        prefix: str = "s_axil",
        timeout_ns: int = DEFAULT_TIMEOUT_NS,
    ) -> None:
        channels = (AxiLiteAWBus, AxiLiteWBus, AxiLiteBBus, AxiLiteARBus, AxiLiteRBus)
        require_ports(dut, prefix, channels, "an AXI4-Lite slave")
        quiet(dut, prefix)
        self.timeout_ns = timeout_ns
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, prefix), clock, reset, reset_active_level=False)
        self.channels = {
            f"{prefix}.aw": self.master.write_if.aw_channel,
            f"{prefix}.w": self.master.write_if.w_channel,
            f"{prefix}.b": self.master.write_if.b_channel,
            f"{prefix}.ar": self.master.read_if.ar_channel,
            f"{prefix}.r": self.master.read_if.r_channel,
        }
        for name, signals in ((f"{prefix}.b", ("bresp",)), (f"{prefix}.r", ("rresp", "rdata"))):
            _demand_known(self.channels[name], signals, prefix)
        self._timing = Timing()
        self._rng = random.Random(0)
        self._period_ns = 1
        self._log = logging.getLogger("virtio.registers")

    def set_timing(self, timing: Timing, seed: object, period_ns: int) -> None:
        """Stall the five channels and leave gaps between accesses."""
        self._timing, self._period_ns = timing, period_ns
        self._rng = random.Random(f"register gaps {seed}")
        start_stalls(self.channels, timing, seed, period_ns)

    async def read(self, offset: int, size: int = 4) -> int:
        response = await self._access(self.master.read(offset, size), f"read of {size} bytes at offset {offset:#05x}")
        value = int.from_bytes(response.data, "little")
        self._log.debug("read  %#05x = %#x", offset, value)
        return value

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        self._log.debug("write %#05x = %#x", offset, value)
        data = int(value).to_bytes(size, "little")
        await self._access(self.master.write(offset, data), f"write of {size} bytes at offset {offset:#05x}")

    async def write_and_read(self, offset: int, value: int, held: Mapping[str, int]) -> int:
        """Write a word and read it in the same cycle, with channels (aw, w, b, ar, r) held back for so many cycles."""
        waiting = [cocotb.start_soon(self._hold(channel, cycles)) for channel, cycles in held.items()]
        reading = cocotb.start_soon(self.read(offset))
        await self.write(offset, value)
        for task in waiting:
            await task
        return await reading

    async def _hold(self, name: str, cycles: int) -> None:
        channel = next(channel for full, channel in self.channels.items() if full.endswith(f".{name}"))
        channel.pause = True
        await Timer(cycles * self._period_ns, "ns")
        channel.pause = False

    async def _access(self, access: Awaitable[Any], what: str) -> Any:
        gap_ns = drawn_ns(self._rng, self._timing.register_gap_ns, self._period_ns)
        if gap_ns:
            await Timer(gap_ns, "ns")
        try:
            response = await with_timeout(access, self.timeout_ns, "ns")
        except SimTimeoutError:
            raise BusError(f"register {what}: expected a response within {self.timeout_ns} ns, seen none") from None
        if response is None:
            raise BusError(f"register {what}: expected a response, seen reset")
        if response.resp != AxiResp.OKAY:
            raise BusError(f"register {what}: expected OKAY, seen {AxiResp(response.resp).name}")
        return response


def _demand_known(channel: Any, signals: tuple[str, ...], prefix: str) -> None:
    """Let a response channel raise ProtocolError for X or Z, where the library would fail on a conversion."""
    receive = channel.recv

    async def receive_known() -> Any:
        beat = await receive()
        for signal in signals:
            known(getattr(beat, signal), f"{prefix}_{signal} in a handshake")
        return beat

    channel.recv = receive_known
