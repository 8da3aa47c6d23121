# SPDX-License-Identifier: Apache-2.0
"""The three small protocols that hold the verification IP up.

Whatever offers them can be driven: an RTL device on an AXI4-Lite bus, the reference model, a mapped FPGA. None of
them knows about VirtIO.
"""

from __future__ import annotations

from typing import Protocol


class RegisterBus(Protocol):
    """Accesses to the device's register window; offsets in bytes from its start."""

    async def read(self, offset: int, size: int = 4) -> int:
        """Read 1, 2 or 4 bytes, little-endian. Raises `BusError` on an error response or a time-out."""
        ...

    async def write(self, offset: int, value: int, size: int = 4) -> None:
        """Write 1, 2 or 4 bytes, little-endian; returns when the device has responded. Raises `BusError`."""
        ...


class Interrupt(Protocol):
    """The device's level-sensitive interrupt line."""

    @property
    def level(self) -> bool:
        """Whether the line is asserted now."""
        ...

    async def wait(self, timeout_ns: int) -> bool:
        """Wait until the line is asserted (at once if it is); False after `timeout_ns` of device time."""
        ...


class GuestMemory(Protocol):
    """Memory that driver and device share; addresses are bus addresses of the device's DMA."""

    def read(self, address: int, length: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...

    def allocate(self, length: int, align: int = 1, offset: int = 0) -> int:
        """Reserve `length` bytes at an address that is `offset` modulo `align`, between guard bytes.

        Raises `MemoryError` when the memory is full.
        """
        ...

    def free(self, address: int) -> None:
        """Give an allocation back after checking its guards. Raises `GuardError`."""
        ...

    def check_guards(self) -> None:
        """Raise `GuardError` naming the first allocation whose guard bytes have changed."""
        ...


class BusError(Exception):
    """A register access or DMA transfer answered with an error, or not at all."""


class GuardError(Exception):
    """Bytes next to an allocation were overwritten."""
