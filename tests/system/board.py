# SPDX-License-Identifier: Apache-2.0
"""A processor with RAM, a UART and one VirtIO device, by unicorn: enough of a machine for U-Boot."""

from __future__ import annotations

import ctypes
import mmap
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..sim.selection import UsageError
from . import boot
from .machine import DeviceGone

RAM_BYTES = 128 << 20
_PROMPT = re.compile(r"(?:\n|\x1b\[[0-9;]*m)=> $")
_PAGE = 0x1000
_TIME_HZ = 10_000_000


@dataclass(frozen=True)
class Arch:
    """A machine that U-Boot is built for: its file, where it runs, its RAM, UART and register windows."""

    file: str
    code: int
    ram: int
    uart: int
    windows: int
    tree: str


ARCHES: Mapping[str, Arch] = {
    "riscv64": Arch(
        "qemu-riscv64/u-boot.bin",
        0x8000_0000,
        0x8000_0000,
        0x1000_0000,
        0x1000_8000,
        """/dts-v1/;
/ {
    #address-cells = <0x2>;
    #size-cells = <0x2>;
    compatible = "riscv-virtio";
    chosen { stdout-path = "/soc/serial@10000000"; };
    cpus {
        #address-cells = <0x1>;
        #size-cells = <0x0>;
        timebase-frequency = <10000000>;
        cpu@0 {
            device_type = "cpu";
            reg = <0x0>;
            compatible = "riscv";
            riscv,isa = "rv64imafdc";
            interrupt-controller {
                #interrupt-cells = <0x1>;
                interrupt-controller;
                compatible = "riscv,cpu-intc";
                phandle = <0x1>;
            };
        };
    };
    memory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x0 0x8000000>; };
    soc {
        #address-cells = <0x2>;
        #size-cells = <0x2>;
        compatible = "simple-bus";
        ranges;
        serial@10000000 { compatible = "ns16550a"; reg = <0x0 0x10000000 0x0 0x100>; clock-frequency = <3686400>; };
        clint@2000000 {
            compatible = "riscv,clint0";
            interrupts-extended = <0x1 0x3 0x1 0x7>;
            reg = <0x0 0x2000000 0x0 0x10000>;
        };
        virtio@10008000 { compatible = "virtio,mmio"; reg = <0x0 0x10008000 0x0 0x1000>; };
    };
};
""",
    ),
    "arm64": Arch(
        "qemu_arm64/u-boot.bin",
        0x0,
        0x4000_0000,
        0x0900_0000,
        0x0A00_0000,
        """/dts-v1/;
/ {
    #address-cells = <0x2>;
    #size-cells = <0x2>;
    compatible = "linux,dummy-virt";
    chosen { stdout-path = "/pl011@9000000"; };
    memory@40000000 { device_type = "memory"; reg = <0x0 0x40000000 0x0 0x8000000>; };
    apb-pclk { compatible = "fixed-clock"; #clock-cells = <0x0>; clock-frequency = <24000000>; phandle = <0x1>; };
    pl011@9000000 {
        compatible = "arm,pl011", "arm,primecell";
        reg = <0x0 0x9000000 0x0 0x1000>;
        clocks = <0x1 0x1>;
        clock-names = "uartclk", "apb_pclk";
    };
    virtio@a000000 { compatible = "virtio,mmio"; reg = <0x0 0xa000000 0x0 0x1000>; };
};
""",
    ),
}


def compiled(tree: str) -> bytes:
    """A device tree as the machine has it. Raises `UsageError`."""
    done = subprocess.run([boot.tool("dtc"), "-q", "-O", "dtb"], input=tree.encode(), capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"dtc: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class Board:
    """A processor with RAM, a UART and one VirtIO device; what U-Boot says is in `console`."""

    def __init__(
        self,
        arch: Arch,
        image: bytes,
        ram: mmap.mmap,
        access: Callable[[bool, int, int, int], int],
        on_console: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.console = ""
        self._on_console = on_console
        self._arch = arch
        self._access = access
        self._typed = b""
        self._error: Exception | None = None
        self._begun = time.monotonic()
        self._uc = self._processor(arch)
        address = ctypes.addressof(ctypes.c_char.from_buffer(ram))
        self._uc.mem_map_ptr(arch.ram, RAM_BYTES, 7, address)
        tree = compiled(arch.tree)
        if arch.code != arch.ram:
            self._uc.mem_map(arch.code, 0x0040_0000)
            self._uc.mem_map(0x0400_0000, 0x0400_0000)  # the flash with the environment, erased
            self._uc.mem_write(0x0400_0000, b"\xff" * 0x0004_0000)
            self._uc.mem_write(arch.ram, tree)
        else:
            self._uc.mmio_map(0x0200_0000, 0x0001_0000, self._clint_read, None, self._ignore, None)
            self._uc.mem_write(arch.ram + RAM_BYTES // 2, tree)
        self._uc.mem_write(arch.code, image)
        self._uc.mmio_map(arch.uart, _PAGE, self._uart_read, None, self._uart_write, None)
        self._uc.mmio_map(arch.windows, _PAGE, self._device_read, None, self._device_write, None)

    def run(self, commands: Sequence[str], timeout_s: float) -> str:
        """Let U-Boot work until it has done the commands; what went wrong, or nothing."""
        from unicorn import UcError

        self._commands = list(commands)
        self._stopped = False
        try:
            self._uc.emu_start(self._arch.code, (1 << 64) - 1, timeout=int(timeout_s * 1_000_000))
        except UcError as error:
            return str(self._error or f"U-Boot: {error} at {self._pc():#x}")
        if self._error:
            return str(self._error)
        return "" if self._stopped else f"U-Boot: expected at its prompt within {timeout_s:.0f} s, seen it running"

    def _processor(self, arch: Arch) -> Any:
        import unicorn
        from unicorn import arm64_const, riscv_const

        if arch is ARCHES["riscv64"]:
            uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
            uc.reg_write(riscv_const.UC_RISCV_REG_A0, 0)
            uc.reg_write(riscv_const.UC_RISCV_REG_A1, arch.ram + RAM_BYTES // 2)
            self._pc = lambda: uc.reg_read(riscv_const.UC_RISCV_REG_PC)
            return uc
        uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        uc.hook_add(unicorn.UC_HOOK_INSN, self._mrs, None, 1, 0, arm64_const.UC_ARM64_INS_MRS)
        uc.hook_add(unicorn.UC_HOOK_INSN, self._msr, None, 1, 0, arm64_const.UC_ARM64_INS_MSR)
        self._pc = lambda: uc.reg_read(arm64_const.UC_ARM64_REG_PC)
        return uc

    def _now(self) -> int:
        return int((time.monotonic() - self._begun) * _TIME_HZ)

    def _mrs(self, uc: Any, register: int, system: Any, data: object) -> bool:
        """CNTFRQ_EL0 and CNTPCT_EL0 tell the wall's time."""
        if (system.op0, system.op1, system.crn, system.crm) != (3, 3, 14, 0):
            return False
        uc.reg_write(register, _TIME_HZ if system.op2 == 0 else self._now())
        return True

    def _msr(self, uc: Any, register: int, system: Any, data: object) -> bool:
        """SCTLR_EL1 stays: the memory management unit is not for here."""
        return bool((system.op0, system.op1, system.crn, system.crm, system.op2) == (3, 0, 1, 0, 0))

    def _clint_read(self, uc: Any, offset: int, size: int, data: object) -> int:
        return self._now() >> 8 * (offset - 0xBFF8) & (1 << 8 * size) - 1 if offset >= 0xBFF8 else 0

    def _ignore(self, uc: Any, offset: int, size: int, value: int, data: object) -> None:
        pass

    def _uart_read(self, uc: Any, offset: int, size: int, data: object) -> int:
        pl011 = self._arch is ARCHES["arm64"]
        if offset == 0:
            typed, self._typed = self._typed[:1], self._typed[1:]
            return typed[0] if typed else 0
        if offset != (0x18 if pl011 else 5):
            return 0
        self._type()
        waiting = bool(self._typed)
        return (0x80 if waiting else 0x90) if pl011 else 0x60 | waiting

    def _uart_write(self, uc: Any, offset: int, size: int, value: int, data: object) -> None:
        if offset == 0:
            self.console = (self.console + chr(value & 0xFF)).replace("\r", "")
            if value & 0xFF == ord("\n"):
                self._on_console(self.console)

    def _type(self) -> None:
        """The next command, when U-Boot waits for one."""
        if self._typed:
            return
        if re.search(r"(autoboot:|any key)[^\n]*$", self.console):
            self._typed = b" "
        elif _PROMPT.search(self.console):
            if self._commands:
                self._typed = self._commands.pop(0).encode() + b"\n"
            else:
                self._stopped = True
                self._uc.emu_stop()

    def _device_read(self, uc: Any, offset: int, size: int, data: object) -> int:
        return self._try(False, offset, size, 0)

    def _device_write(self, uc: Any, offset: int, size: int, value: int, data: object) -> None:
        self._try(True, offset, size, value)

    def _try(self, write: bool, offset: int, size: int, value: int) -> int:
        if self._error is not None:
            return 0
        try:
            return self._access(write, offset, size, value)
        except DeviceGone as gone:
            self._error = gone
            self._uc.emu_stop()
            return 0
