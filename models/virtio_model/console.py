# SPDX-License-Identifier: Apache-2.0
"""The console device (5.3), with one port."""

from __future__ import annotations

import struct

from virtio_model.chain import DescriptorChain
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryView
from virtio_model.port import Port, readable_bytes, write_all
from virtio_model.spec import ConsoleConfig, ConsoleFeature, DeviceType, features

#: Marks a byte of the emergency write among those sent.
EMERGENCY = 0x100
_RECEIVE, _TRANSMIT = 0, 1


class Console(DeviceFunction):
    """Bytes between queues and a `port`; SIZE and EMERG_WRITE are offered, MULTIPORT is not.

    A receive chain gets what is there, as much as there is room for. Of a transmit chain that cannot be read whole, the
    bytes before the first that cannot be read are sent.
    """

    device_type = DeviceType.CONSOLE
    device_features = features(ConsoleFeature.SIZE, ConsoleFeature.EMERG_WRITE)

    def __init__(self, port: Port, cols: int = 80, rows: int = 25) -> None:
        self.port = port
        self.cols = cols
        self.rows = rows

    def resize(self, cols: int, rows: int) -> None:
        """Change the size, in characters."""
        self.cols, self.rows = cols, rows

    def config_read(self, offset: int, length: int) -> bytes:
        """cols and rows if SIZE is offered; max_nr_ports, which is not there, and emerg_wr read 0 (5.3.4)."""
        offered = self.device_features & features(ConsoleFeature.SIZE)
        space = struct.pack("<HH", self.cols, self.rows) if offered else b""
        return space.ljust(offset + length, b"\0")[offset : offset + length]

    def config_write(self, offset: int, data: bytes) -> None:
        """The low byte written to emerg_wr goes out at once, whatever the state of the device (5.3.5.1)."""
        if offset <= ConsoleConfig.EMERG_WR < offset + len(data):
            self.port.send([EMERGENCY | data[ConsoleConfig.EMERG_WR - offset]])

    def waits(self, queue: int, driver_features: int) -> bool:
        return queue == _RECEIVE

    def ready(self, queue: int, driver_features: int) -> bool:
        return queue != _RECEIVE or self.port.ready

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Send the bytes of a chain (used length 0), or fill one with bytes received."""
        if chain.queue == _TRANSMIT:
            self.port.send(*readable_bytes(chain, memory))
            return 0
        return write_all(chain, memory, bytes(self.port.take(chain.writable_len)))

    def queue_reset(self, queue: int) -> None:
        if queue == _RECEIVE:
            self.port.reset()

    def reset(self) -> None:
        self.port.reset()
