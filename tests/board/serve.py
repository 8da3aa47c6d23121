# SPDX-License-Identifier: Apache-2.0
"""Run a command with the reference model behind files: REGS, MEM and IRQ in its environment name them.

    python -m tests.board.serve blk -- make board

The register window is a file in shared memory whose accesses are trapped (`trap`), the DMA memory another one, and with
--irq uio a pseudo-terminal speaks as a UIO device does: 4 bytes for an event, which masks it, 4 bytes to unmask it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import random
import sys
import tempfile
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotbext.virtio.board import MappedMemory, Place
from virtio_model import MemoryStorage, MmioDevice
from virtio_model.spec import SECTOR, Interrupt, Reg
from virtio_model.split import SplitQueue

from ..bodies import reference
from ..sim.configs import CONFIGS
from .trap import TrapError, TrappedWindow

BUS_ADDRESS = 0x1_4000_0000
MEMORY_BYTES = 4 << 20
#: Neither file begins with what is mapped.
OFFSET = 0x2000
CAPACITY = 256


class _LongUsed(MmioDevice):
    """Claims one byte more than it wrote."""

    def _serve_one(self, queue: Any) -> bool:
        push = queue.push
        queue.push = lambda memory, head, length, *rest: push(memory, head, length + 1, *rest)
        try:
            return super()._serve_one(queue)
        finally:
            del queue.push


class _NoInterrupt(MmioDevice):
    """Uses buffers and tells nobody."""

    def _serve_one(self, queue: Any) -> bool:
        served = super()._serve_one(queue)
        self.interrupt_status &= ~Interrupt.USED_BUFFER
        return served


class _NoLine(MmioDevice):
    """Tells of used buffers in InterruptStatus alone."""

    @property
    def irq(self) -> bool:
        return False


class _StuckLine(MmioDevice):
    """Holds its interrupt line high."""

    @property
    def irq(self) -> bool:
        return True


class _NoReset(MmioDevice):
    """Ignores Status = 0 once it is live."""

    def write(self, offset: int, value: int, size: int = 4, strobe: int | None = None) -> None:
        if offset != Reg.STATUS or value or not self.live:
            super().write(offset, value, size, strobe)


class _Hanging(MmioDevice):
    """Takes notifications and does nothing."""

    def _serve(self, queues: list[Any]) -> None:
        pass


class _Overrunning(MmioDevice):
    """Writes one byte past the end of what it uses: past the used ring."""

    def _serve_one(self, queue: Any) -> bool:
        served = super()._serve_one(queue)
        if served and isinstance(queue, SplitQueue):
            end = queue.layout.device_addr + queue.layout.device_bytes
            self.memory.write(end, b"\0")
        return served


class _Dying(MmioDevice):
    """Takes the server with it when a buffer is notified."""

    def write(self, offset: int, value: int, size: int = 4, strobe: int | None = None) -> None:
        if offset == Reg.QUEUE_NOTIFY:
            os._exit(70)
        super().write(offset, value, size, strobe)


class _OtherMagic(MmioDevice):
    """Is something else."""

    def read(self, offset: int, size: int = 4) -> int:
        return 0xDEAD_BEEF if offset == Reg.MAGIC_VALUE else super().read(offset, size)


#: Faults that can be planted into the model, and what they look like from the board's side.
FAULTS: Mapping[str, type[MmioDevice]] = {
    "used_len": _LongUsed,
    "no_interrupt": _NoInterrupt,
    "no_line": _NoLine,
    "stuck_line": _StuckLine,
    "reset": _NoReset,
    "hang": _Hanging,
    "overrun": _Overrunning,
    "die": _Dying,
    "magic": _OtherMagic,
}


class UioTerminal:
    """The kernel's side of a UIO device, as a pseudo-terminal; `level` tells the interrupt line."""

    def __init__(self, device: MmioDevice) -> None:
        self._device = device
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(slave)
        self._enabled = True
        self._count = 0

    def served(self) -> None:
        """Take what was written, and pass the interrupt on if it is not masked."""
        with contextlib.suppress(BlockingIOError):
            self._enabled |= bool(os.read(self.master, 4096))
        if self._enabled and self._device.irq:
            self._enabled = False
            self._count += 1
            os.write(self.master, self._count.to_bytes(4, "little"))


def device(config: str, view: MappedMemory, seed: int = 1, kind: type[MmioDevice] = MmioDevice) -> MmioDevice:
    """The model of a simulated configuration, with a disk of pseudo-random content."""
    content = random.Random(f"content {seed}")
    storage = MemoryStorage(CAPACITY)
    for sector in range(CAPACITY):
        storage.write(sector, content.randbytes(SECTOR))
    parameters = CONFIGS[config]
    function = reference.function(parameters, storage, content.randbytes)
    return kind(function, view, **reference.device_options(parameters, function))


def serve(config: str, command: Sequence[str], irq: str = "poll", fault: str = "") -> int:
    """Run `command` with the model behind its files; its exit status. Raises `TrapError`."""
    with tempfile.TemporaryDirectory(prefix="virtio-board-", dir="/dev/shm") as folder:
        registers, memory = Path(folder, "registers"), Path(folder, "memory")
        memory.write_bytes(b"")
        os.truncate(memory, OFFSET + MEMORY_BYTES)
        pages = Place("MEM", str(memory), OFFSET).map()
        model = device(config, MappedMemory(pages, BUS_ADDRESS, lambda: None), kind=FAULTS.get(fault, MmioDevice))
        uio = UioTerminal(model)
        window = TrappedWindow(registers, model, OFFSET, uio.master, uio.served)
        places = {
            "REGS": f"{registers}@{OFFSET:#x}",
            "MEM": f"{memory}@{OFFSET:#x},{BUS_ADDRESS:#x}",
            "IRQ": f"uio:{uio.path}" if irq == "uio" else "poll",
        }
        return window.run(command, {**os.environ, **places})


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = given[: given.index("--")] if "--" in given else given
    command = given[len(own) + 1 :] or [sys.executable, "-m", "tests.board"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.usage = "%(prog)s [-h] [--irq poll|uio] [--fault NAME] config [-- command ...]"
    parser.add_argument("config", choices=[name for name, given in CONFIGS.items() if "Device" in given])
    parser.add_argument("--irq", choices=("poll", "uio"), default="poll")
    parser.add_argument("--fault", choices=tuple(FAULTS), default="", help="plant one into the model")
    options = parser.parse_args(own)
    try:
        return serve(options.config, command, options.irq, options.fault)
    except TrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
