# SPDX-License-Identifier: Apache-2.0
"""What the monitors saw on the pins, as values. Cycles count rising clock edges since the start of the simulation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """A register read; `cycle` is that of the R handshake, `start` that of AR. `ok` is False on an error response."""

    start: int
    cycle: int
    offset: int
    value: int
    ok: bool = True


@dataclass(frozen=True, slots=True)
class RegisterWrite:
    """A register write; `cycle` is that of the B handshake, `start` that of the later of AW and W."""

    start: int
    cycle: int
    offset: int
    value: int
    strobe: int = 0xF
    ok: bool = True


@dataclass(frozen=True, slots=True)
class DmaRead:
    """One read burst of the device: the bytes it asked for and got, from AR (`start`) to the last R beat (`cycle`)."""

    start: int
    cycle: int
    address: int
    data: bytes
    ok: bool = True


@dataclass(frozen=True, slots=True)
class DmaWrite:
    """One write burst of the device. `start` is AW's cycle, `cycle` that of B.

    `pieces` are (address, bytes) runs of enabled strobes in the order of the beats; none where all strobes were off.
    """

    start: int
    cycle: int
    pieces: tuple[tuple[int, bytes], ...]
    ok: bool = True


@dataclass(frozen=True, slots=True)
class IrqChange:
    """The interrupt line changed to `level`."""

    cycle: int
    level: bool


@dataclass(frozen=True, slots=True)
class EntropyWord:
    """The device took a 32-bit word from its entropy source."""

    cycle: int
    value: int


@dataclass(frozen=True, slots=True)
class FrameSent:
    """The device sent a frame to its MAC, from the first beat in cycle `start` to the last in `cycle`."""

    start: int
    cycle: int
    data: bytes


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """The MAC gave the device a frame, from the first beat in cycle `start` to the last in `cycle`; `ok` unless bad."""

    start: int
    cycle: int
    data: bytes
    ok: bool = True


@dataclass(frozen=True, slots=True)
class StorageFlush:
    """The block device's storage answered a flush: what was written to it before is durable."""

    cycle: int


@dataclass(frozen=True, slots=True)
class PortOut:
    """A console or input device gave out an item at its port."""

    cycle: int
    value: int


@dataclass(frozen=True, slots=True)
class PortIn:
    """A console or input device took an item at its port."""

    cycle: int
    value: int


@dataclass(frozen=True, slots=True)
class BusReset:
    """rst_ni was asserted."""

    cycle: int


Event = (
    RegisterRead
    | RegisterWrite
    | DmaRead
    | DmaWrite
    | IrqChange
    | EntropyWord
    | FrameSent
    | FrameReceived
    | StorageFlush
    | PortOut
    | PortIn
    | BusReset
)
