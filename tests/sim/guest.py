# SPDX-License-Identifier: Apache-2.0
"""A simulated device for a guest in another process: its register accesses come over a socket, its memory is shared.

The other end is `tests.system.machine`. Messages are JSON, one a packet. First comes a list of regions [name, base,
size] with the descriptors of their files, then any of

    {"op": "read", "offset": n, "size": n}, {"op": "write", "offset": n, "size": n, "value": n},
    {"op": "give", "items": [n, ...]} for the port of a console or input device, {"op": "end"}

and back go {"irq": level} when the interrupt line changes, and {"value": n} in answer to a read or a write. The line's
state after an access goes out before its answer. A network device has `tests.sim.peer` on its wire. Everything seen
on the pins is judged by the scoreboard.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cocotb

from cocotbext.virtio.driver_rules import Step, from_events, write_trace
from cocotbext.virtio.events import (
    DmaRead,
    DmaWrite,
    EntropyWord,
    Event,
    FrameSent,
    IrqChange,
    PortOut,
    RegisterRead,
    RegisterWrite,
)
from cocotbext.virtio.interfaces import BusError
from cocotbext.virtio.memory import Region
from virtio_model.spec import Reg

from ..replay import keep, lines
from ..replay.rig import RecordingRig
from . import toolchain
from .harness import FEED_CYCLES, SimRig
from .peer import Peer
from .window import Window, WindowTrace

#: Clock cycles between two looks at the socket, and those that the interrupt line is given after a write.
STEP_CYCLES = 64
SETTLE_CYCLES = 16
#: After so many cycles without event the simulation runs slower: it waits for a message for BLOCK_S at each step.
IDLE_CYCLES = 20_000
BLOCK_S = 0.001
#: Where what went through the device's port is left, for whoever knows what the guest has read or written: the words of
#: the entropy port, the low bytes of what a console or input device gave out, what came to the peer by TCP.
PORT_FILE = "port.bin"
#: The register accesses and changes of the interrupt line, in the form that `make check-trace` reads.
TRACE_FILE = "trace.txt"
_LONGEST = 4096


class GuestPort:
    """Our end of the socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(path)
        self._level = False

    def regions(self) -> tuple[list[Region], list[int]]:
        """The guest's memory, and the descriptors of its files."""
        packet, files, _, _ = socket.recv_fds(self._socket, _LONGEST, 16)
        return [Region(*given) for given in json.loads(packet)], files

    def receive(self, wait_s: float) -> Mapping[str, Any] | None:
        """The next message, if one comes in time. Raises ConnectionError when the other end is gone."""
        self._socket.settimeout(wait_s)
        try:
            packet = self._socket.recv(_LONGEST)
        except (BlockingIOError, TimeoutError):
            return None
        if not packet:
            raise ConnectionError("guest expected to say that it has ended, seen it gone")
        message: Mapping[str, Any] = json.loads(packet)
        return message

    def answer(self, value: int) -> None:
        """Answer an access."""
        self._send(value=value)

    def tell_irq(self, level: bool) -> None:
        """Tell the interrupt line's level, if it is another one."""
        if level != self._level:
            self._level = level
            self._send(irq=level)

    def _send(self, **message: Any) -> None:
        self._socket.settimeout(None)
        self._socket.send(json.dumps(message).encode())


class Account:
    """What there was between guest and device, counted from what was seen on the pins.

    Of a device of other people nothing is seen at its port: what it wrote to memory stands for that.
    """

    def __init__(self, foreign: bool = False) -> None:
        self._foreign = foreign
        self.figures = dict.fromkeys(("register_accesses", "notifies", "interrupts", "bytes_read", "bytes_written"), 0)
        self.port = bytearray()
        self.peer = Peer()
        self.steps: list[Step] = []

    def feed(self, event: Event) -> None:
        """Take the next event."""
        self.steps += from_events([event])
        if isinstance(event, RegisterRead | RegisterWrite):
            self.figures["register_accesses"] += 1
        if isinstance(event, RegisterWrite) and event.offset == Reg.QUEUE_NOTIFY:
            self.figures["notifies"] += 1
        elif isinstance(event, IrqChange) and event.level:
            self.figures["interrupts"] += 1
        elif isinstance(event, DmaRead):
            self.figures["bytes_read"] += len(event.data)
        elif isinstance(event, DmaWrite):
            self.figures["bytes_written"] += sum(len(data) for _, data in event.pieces)
            if self._foreign:
                self.port += b"".join(data for _, data in event.pieces)
        elif isinstance(event, EntropyWord):
            self.port += event.value.to_bytes(4, "little")
        elif isinstance(event, PortOut):
            self.port.append(event.value & 0xFF)


@cocotb.test()
async def serves_guest(dut: Any) -> None:
    """The guest's accesses are served until it says that it has ended; then nothing may be left over."""
    begun = time.monotonic()
    port = GuestPort(os.environ["VIRTIO_GUEST"])
    regions, files = port.regions()
    rig = await _rig().build(dut, os.environ.get("VIRTIO_TIMING", "none"), regions=regions, files=files)
    account = Account("VIRTIO_DESCRIPTION" in os.environ)
    asked = os.environ.get("VIRTIO_WINDOW")
    window = WindowTrace(Window.parse(asked), Path(toolchain.wave_file("verilator"))) if asked else None
    try:
        await _serve(rig, port, account, window)
        if window is not None:
            window.finish(rig.now_ns() / 1000)
        assert account.figures["register_accesses"], "guest expected to access the device, seen no access"
        damaged = account.peer.damaged
        assert not damaged, f"packets expected with the checksums of their content, seen {damaged} others"
        await rig.end()
    finally:
        Path(PORT_FILE).write_bytes(account.port + account.peer.received)
        if isinstance(rig, RecordingRig):
            lines.write(Path(keep.FILE), rig.recorder.trace("", os.environ["VIRTIO_CONFIG"]))
        write_trace(Path(TRACE_FILE), account.steps, f"a guest and {os.environ['VIRTIO_CONFIG']}")
        broken = [str(finding) for finding in rig.driver_checker.finish()]
        figures = {
            "chains": rig.lockstep.used_total,
            "cycles": rig.tap.cycle,
            "queues_lost_sight_of": rig.lockstep.lost_sight,
            "pings": account.peer.echoes,
            "driver_rules_broken": broken,
        }
        wall_s = time.monotonic() - begun
        figures |= {"wall_s": round(wall_s, 2), "cycles_per_s": round(rig.tap.cycle / wall_s)}
        Path(os.environ["VIRTIO_FIGURES"]).write_text(json.dumps({**account.figures, **figures}))


def _rig() -> type[SimRig]:
    """The rig for our own devices, or for that of a description."""
    if "VIRTIO_DESCRIPTION" not in os.environ:
        return RecordingRig if keep.folder() else SimRig
    from ..check.rig import ForeignRig  # which reads the description

    return ForeignRig


async def _serve(rig: SimRig, port: GuestPort, account: Account, window: WindowTrace | None) -> None:
    """Serve accesses until the end; between them the clock goes on."""
    idle = fed = 0
    while True:
        if window is not None:
            window.at(rig.now_ns() / 1000)
        message = port.receive(BLOCK_S if idle >= IDLE_CYCLES else 0)
        if message is None:
            await rig.cycles(STEP_CYCLES)
            idle += STEP_CYCLES
            fed += STEP_CYCLES
        elif message["op"] == "end":
            return
        elif message["op"] == "give":
            await rig.give(message["items"])
        else:
            if window is not None and message["op"] == "write":
                window.before_write(message["offset"], message["value"], rig.now_ns() / 1000)
            value = await _access(rig, message)
            port.tell_irq(rig.irq.level)
            port.answer(value)
            idle = 0
        port.tell_irq(rig.irq.level)
        if fed >= FEED_CYCLES or message is not None:
            fed = 0
            events = rig.collect()
            idle = 0 if events else idle
            for event in events:
                account.feed(event)
                if isinstance(event, FrameSent):
                    for frame in account.peer.take(event.data):
                        await rig.inject(frame)


async def _access(rig: SimRig, message: Mapping[str, Any]) -> int:
    """One register access; what was read. Raises BusError."""
    offset, size = message["offset"], message["size"]
    try:
        if message["op"] == "read":
            return await rig.registers.read(offset, size)
        await rig.registers.write(offset, message["value"], size)
    except BusError as error:
        raise BusError(f"guest's {error}") from None
    await rig.cycles(SETTLE_CYCLES)
    return 0
