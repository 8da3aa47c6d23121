# SPDX-License-Identifier: Apache-2.0
"""The bench of a simulated device: clock, reset, buses, memory and interrupt."""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

import cocotb
from cocotb.triggers import Timer
from cocotb.utils import get_sim_time

from ..backing import RegionMemory
from ..bench import Bench, Scoreboard
from ..memory import DEFAULT_REGIONS, GuardedMemory, Region, regions_for
from .axil import AxiLiteRegisters
from .axiram import AxiMemory
from .clock import start_clock
from .fast_memory import FastMemory
from .fast_registers import FastRegisters
from .irq import PinInterrupt
from .pins import known, require_port
from .stock_ram import StockRam
from .timing import Timing, profile

Registers = AxiLiteRegisters | FastRegisters
Memory = AxiMemory | StockRam | FastMemory

PERIOD_NS = 10
RESET_CYCLES = 5
#: Clock cycles that `sync` gives to pipelines between the pins and the monitors.
SYNC_CYCLES = 16


class SimBench(Bench):
    """A bench on a simulated device; make it with `create`.

    `sync_hooks` are called (and awaited, if need be) at each `sync`, after the device had some cycles: monitors that
    collect their records there add themselves.
    """

    def __init__(
        self, dut: Any, seed: int, registers: Registers, axi: Memory, memory: GuardedMemory, reset: Any
    ) -> None:
        self.dut = dut
        self.registers = registers
        self.axi = axi
        self.sync_hooks: list[Callable[[], Any]] = []
        self._reset = reset
        super().__init__(registers, memory, PinInterrupt(dut), _now_ns, seed, faults=axi.view)

    @classmethod
    async def create(
        cls,
        dut: Any,
        seed: int | None = None,
        timing: str | Timing = "light",
        scoreboard: Scoreboard | None = None,
        regions: Sequence[Region] = DEFAULT_REGIONS,
        native: Any = None,
        library_memory: bool = False,
        files: Sequence[int] = (),
    ) -> SimBench:
        """Start the clock, bind the buses, apply `timing` ("none", "light", "heavy") by seed and reset the device.

        `native` is the scope with the buses' other ends in HDL: virtio_axil_master as u_registers, virtio_axi_memory as
        u_memory. Without it, cocotbext-axi serves the signals s_axil_* and m_axi_* of `dut`, the memory being
        `AxiMemory`, or the library's own with `library_memory`. `files` are descriptors of the bytes behind `regions`,
        if somebody else has them too; they are closed here. `seed` comes from cocotb's own by default. Raises
        MissingPort, ProtocolError for pins that are X during reset, ValueError for an unknown timing.
        """
        seed = cocotb.RANDOM_SEED & 0xFFFF_FFFF if seed is None else seed
        chosen = profile(timing)
        logging.getLogger("virtio").setLevel(logging.getLogger("cocotb").level)
        clock = require_port(dut, "clk_i", "a clock input")
        reset = require_port(dut, "rst_ni", "an active-low reset input")
        reset.value = 0
        start_clock(clock, PERIOD_NS)
        await Timer(RESET_CYCLES * PERIOD_NS, "ns")
        mapped = regions_for(len(require_port(dut, "m_axi_awaddr", "an AXI4 master")), regions)
        backing = RegionMemory(mapped, shared=native is not None, given=files)
        registers: Registers
        axi: Memory
        if native is not None:
            registers = FastRegisters(native.u_registers)
            axi = FastMemory(native.u_memory, backing)
            backing.close_files()
        else:
            registers = AxiLiteRegisters(dut, clock, reset)
            axi = (StockRam if library_memory else AxiMemory)(dut, clock, reset, backing)
        memory = GuardedMemory(backing, mapped, random.Random(f"memory {seed}"))
        bench = cls(dut, seed, registers, axi, memory, reset)
        bench.scoreboard = scoreboard
        await bench.bus_reset()
        # Half a period off the clock from here on, so that a stall never begins or ends at an edge.
        await Timer(PERIOD_NS // 2, "ns")
        registers.set_timing(chosen, seed, PERIOD_NS)
        axi.set_timing(chosen, seed, PERIOD_NS)
        bench._log.info("seed %d, bus timing %s, %d-bit DMA", seed, timing, 8 * axi.byte_lanes)
        return bench

    async def bus_reset(self) -> None:
        """Assert rst_ni for some cycles; driver and queues are forgotten.

        Raises ProtocolError for X on control pins.
        """
        self._reset.value = 0
        await Timer(RESET_CYCLES * PERIOD_NS, "ns")
        self.transport.forget()
        self._check_control_pins()
        self._reset.value = 1
        await Timer(PERIOD_NS, "ns")

    async def sync(self) -> None:
        await Timer(SYNC_CYCLES * PERIOD_NS, "ns")
        for hook in self.sync_hooks:
            result = hook()
            if inspect.isawaitable(result):
                await result

    async def cycles(self, count: int) -> None:
        """Let `count` clock periods pass."""
        await Timer(count * PERIOD_NS, "ns")

    def set_knob(self, name: str, value: int) -> None:
        """Set a run-time knob, a public variable of the simulation top. Raises MissingPort."""
        require_port(self.dut, name, "a run-time knob").value = value

    def _check_control_pins(self) -> None:
        for name in ("irq_o", "s_axil_awready", "s_axil_wready", "s_axil_bvalid", "s_axil_arready", "s_axil_rvalid"):
            known(getattr(self.dut, name).value, f"{name} during reset")
        for name in ("m_axi_awvalid", "m_axi_wvalid", "m_axi_bready", "m_axi_arvalid", "m_axi_rready"):
            known(getattr(self.dut, name).value, f"{name} during reset")


def _now_ns() -> int:
    return int(get_sim_time("ns"))
