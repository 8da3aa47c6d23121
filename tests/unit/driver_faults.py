# SPDX-License-Identifier: Apache-2.0
"""Register traces in short, and for each rule on drivers one in which exactly that rule is broken.

A line is "R Status 0x3", "W Config+0x20/1 0" (so many bytes, 4 by default), "R @0x0f0 0" (an offset), "IRQ 1", "RESET".
"""

from __future__ import annotations

from collections.abc import Sequence

from cocotbext.virtio.driver_rules import Access, IrqLevel, PowerUp, Step
from cocotbext.virtio.driver_rules.trace import Element, register_name
from virtio_model.spec import CONFIG_OFFSET, MAGIC, Reg

_OFFSETS = {register_name(register): int(register) for register in Reg if register != CONFIG_OFFSET}
_IDENTITY = (f"R MagicValue {MAGIC:#x}", "R Version 2")
_QUEUE = (
    *("W QueueSel 0", "R QueueReady 0", "R QueueSizeMax 0x10", "W QueueSize 0x8"),
    *("W QueueDescLow 0x10000", "W QueueDescHigh 0", "W QueueDriverLow 0x11002", "W QueueDriverHigh 0"),
    *("W QueueDeviceLow 0x12004", "W QueueDeviceHigh 0", "W QueueReady 1"),
)
_SERVED = ("W QueueNotify 0", "IRQ 1", "R InterruptStatus 1", "W InterruptACK 1", "IRQ 0")
_STOPPED = ("W QueueSel 0", "W QueueReady 0", "R QueueReady 0", "W Status 0", "R Status 0")
_RNG, _NET, _BLK, _CONSOLE, _INPUT, _GPU = 4, 1, 2, 3, 18, 16
_VERSION_1 = 32
_RING_RESET, _NOTIFICATION_DATA, _SUSPEND = 40, 38, 43


def life(
    device: int = _RNG,
    offered: Sequence[int] = (),
    accepted: Sequence[int] | None = None,
    negotiating: Sequence[str] = (),
    queue: Sequence[str] = _QUEUE,
    live: Sequence[str] = _SERVED,
) -> list[str]:
    """A driver's life with a device: feature bits besides VERSION_1, and what it does at two of the stages."""
    offer = sum(1 << bit for bit in (*offered, _VERSION_1))
    accept = offer if accepted is None else sum(1 << bit for bit in accepted)
    return [
        *(*_IDENTITY, f"R DeviceID {device}", "W Status 0", "R Status 0", "W Status 1", "W Status 3"),
        *("W DeviceFeaturesSel 0", f"R DeviceFeatures {offer & 0xFFFF_FFFF:#x}"),
        *("W DeviceFeaturesSel 1", f"R DeviceFeatures {offer >> 32:#x}"),
        *negotiating,
        *("W DriverFeaturesSel 0", f"W DriverFeatures {accept & 0xFFFF_FFFF:#x}"),
        *("W DriverFeaturesSel 1", f"W DriverFeatures {accept >> 32:#x}"),
        *("W Status 0xb", "R Status 0xb", *queue, "W Status 0xf", *live, *_STOPPED),
    ]


def changed(lines: Sequence[str], old: str, *new: str) -> list[str]:
    """With the first line `old` replaced."""
    at = list(lines).index(old)
    return [*lines[:at], *new, *lines[at + 1 :]]


def until(lines: Sequence[str], last: str) -> list[str]:
    """Up to the first line `last`."""
    return list(lines[: list(lines).index(last) + 1])


def bracket(*lines: str) -> tuple[str, ...]:
    """Between two reads of ConfigGeneration."""
    return ("R ConfigGeneration 0", *lines, "R ConfigGeneration 0")


def kick(*elements: tuple[int, str]) -> tuple[str, ...]:
    """A notification of a chain of (length, r or w)."""
    return (f"W QueueNotify 0 {' '.join(f'{length}{kind}' for length, kind in elements)}",)


def _moved(lines: Sequence[str], line: str, after: str) -> list[str]:
    return changed(changed(lines, line), after, after, line)


FAULTS: dict[str, list[str]] = {
    "DRV-IDENTIFY": changed(life(), "R Version 2"),
    "DRV-MAGIC": ["R MagicValue 0x1", "R Version 2"],
    "DRV-VERSION": [_IDENTITY[0], "R Version 1", "R DeviceID 4"],
    "DRV-PLACEHOLDER": [*_IDENTITY, "R DeviceID 0", "R VendorID 1"],
    "DRV-OFFSET": [*life(), "R @0x0f0 0"],
    "DRV-READ-ONLY": [*life(), "W VendorID 1"],
    "DRV-WRITE-ONLY": [*life(), "R QueueSel 0"],
    "DRV-CONTROL-WIDTH": [*life(), "R VendorID/1 0"],
    "DRV-SHM": [*life(), "W SHMSel 0"],
    "DRV-RESET-FIRST": changed(changed(life(), "W Status 0"), "R Status 0"),
    "DRV-RESET-WAIT": changed(life(), "R Status 0"),
    "DRV-STATUS-ORDER": changed(life(), "W Status 1"),
    "DRV-STATUS-CLEAR": life(live=["W Status 0xd"]),
    "DRV-FAILED-STOP": life(live=["W Status 0x8f", "W QueueNotify 0"]),
    "DRV-FEATURES-OK-READ": changed(life(), "R Status 0xb"),
    "DRV-REFUSED-STOP": until(changed(life(), "R Status 0xb", "R Status 0x3"), "W QueueReady 1"),
    "DRV-REFUSED-FAILED": [*until(life(), "W Status 0xb"), "R Status 0x3", "W Status 0"],
    "DRV-DEVICE-FEATURES-SEL": changed(life(), "W DeviceFeaturesSel 0"),
    "DRV-DRIVER-FEATURES-SEL": changed(life(), "W DriverFeaturesSel 0"),
    "DRV-FEATURES-AFTER-DRIVER": _moved(life(), "W Status 3", "W DriverFeatures 0x1"),
    "DRV-FEATURES-READ": changed(life(offered=[28]), "R DeviceFeatures 0x10000000"),
    "DRV-FEATURES-OFFERED": life(accepted=[28, _VERSION_1]),
    "DRV-FEATURES-DEFINED": life(offered=[30]),
    "DRV-FEATURES-LATE": life(live=["W DriverFeatures 0x1"]),
    "DRV-FEATURES-DEPEND": life(_NET, offered=[18]),
    "DRV-FEATURES-ADVISED": life(_NET, offered=[20]),
    "DRV-VERSION-1": life(accepted=[]),
    "DRV-ACCEPT": life(offered=[34], accepted=[_VERSION_1]),
    "DRV-ZONED-DISCARD": life(_BLK, offered=[13, 17], negotiating=bracket("R Config+0x5c/1 1")),
    "DRV-QUEUE-SELECT": changed(life(live=()), "W QueueSel 0"),
    "DRV-QUEUE-EARLY": life(negotiating=_QUEUE, queue=()),
    "DRV-QUEUE-IN-USE": changed(life(), "R QueueReady 0"),
    "DRV-QUEUE-AVAILABLE": changed(life(), "R QueueSizeMax 0x10"),
    "DRV-QUEUE-SIZE": changed(life(), "W QueueSize 0x8", "W QueueSize 0x20"),
    "DRV-QUEUE-POWER": changed(life(), "W QueueSize 0x8", "W QueueSize 0x6"),
    "DRV-QUEUE-COMPLETE": changed(life(), "W QueueDeviceHigh 0"),
    "DRV-QUEUE-ALIGN": changed(life(), "W QueueDescLow 0x10000", "W QueueDescLow 0x10008"),
    "DRV-QUEUE-LIVE": life(live=["W QueueSize 0x8"]),
    "DRV-QUEUE-STOP": [*until(life(), "W QueueReady 0"), "W Status 0", "R Status 0"],
    "DRV-QUEUE-RESET": life(live=["W QueueReset 1"]),
    "DRV-QUEUE-RESET-WAIT": life(offered=[_RING_RESET], live=["W QueueReset 1", *_QUEUE]),
    "DRV-QUEUE-RE-ENABLE": life(
        offered=[_RING_RESET],
        live=["W QueueReset 1", "R QueueReset 0", "R QueueReady 0", "W QueueSize 0x8", "W QueueReady 1"],
    ),
    "DRV-NOTIFY-EARLY": changed(life(), "W Status 0xf", "W QueueNotify 0", "W Status 0xf"),
    "DRV-NOTIFY-VALUE": life(live=["W QueueNotify 0x10000"]),
    "DRV-NOTIFY-DATA": life(offered=[_NOTIFICATION_DATA], live=["W QueueNotify 0x10001"]),
    "DRV-CHAIN-ORDER": life(_BLK, live=kick((1, "w"), (16, "r"))),
    "DRV-CHAIN-LENGTH": life(live=kick(*[(4, "w")] * 9)),
    "DRV-CHAIN-BYTES": life(live=kick((1 << 31, "w"), ((1 << 31) + 1, "w"))),
    "DRV-CHAIN-DIRECTION": life(live=kick((8, "r"))),
    "DRV-CHAIN-EVENT": life(_INPUT, live=kick((7, "w"))),
    "DRV-IRQ-CAUSE": life(live=["IRQ 1", "W InterruptACK 1"]),
    "DRV-ACK-DEFINED": life(live=["R InterruptStatus 0x1", "W InterruptACK 0x5"]),
    "DRV-ACK-SEEN": life(live=["R InterruptStatus 0x1", "W InterruptACK 0x3"]),
    "DRV-ACK-MISSING": life(live=["R InterruptStatus 0x1", "W QueueNotify 0", "R InterruptStatus 0x1"]),
    "DRV-SUSPEND-SET": life(live=["W Status 0x1f"]),
    "DRV-SUSPEND-WAIT": life(offered=[_SUSPEND], live=["W Status 0x1f", "W Status 0x1f"]),
    "DRV-SUSPEND-NOTIFY": life(offered=[_SUSPEND], live=["W Status 0x1f", "R Status 0x1b", "W QueueNotify 0"]),
    "DRV-SUSPEND-CONFIG": life(_BLK, offered=[9, 11, _SUSPEND], live=["W Status 0x1f", "W Config+0x20/1 0"]),
    "DRV-RESUME-WAIT": life(
        offered=[_SUSPEND], live=["W Status 0x1f", "R Status 0x1b", "W Status 0x1f", "W QueueNotify 0"]
    ),
    "DRV-CONFIG-WIDTH": life(_BLK, offered=[4], live=bracket("R Config+0x10/4 0")),
    "DRV-CONFIG-FEATURE": life(_BLK, live=bracket("R Config+0x14 0")),
    "DRV-CONFIG-EARLY": life(_BLK, offered=[9, 11], negotiating=["W Config+0x20/1 1"]),
    "DRV-CONFIG-READ-ONLY": life(_NET, live=["W Config+0x0/1 0"]),
    "DRV-CONFIG-GENERATION": life(_BLK, offered=[2], live=["R Config+0xc 1"]),
    "DRV-CONFIG-WIDE": life(_BLK, live=["R ConfigGeneration 0", "R Config+0x0 1", "R Config+0x4 0"]),
    "DRV-CONFIG-CHANGE": until(life(_BLK, live=["R InterruptStatus 0x2", "W InterruptACK 0x2"]), "W InterruptACK 0x2"),
    "DRV-BLK-WRITEBACK": life(_BLK, offered=[9, 11], negotiating=bracket("R Config+0x20/1 1")),
    "DRV-INPUT-SELECT": life(_INPUT, live=["W Config+0x0/1 1", *bracket("R Config+0x2/1 0")]),
    "DRV-INPUT-SIZE": life(_INPUT, live=["W Config+0x0/1 1", "W Config+0x1/1 0", *bracket("R Config+0x8/1 0")]),
}

#: Whole lives in which no rule is broken, and that come to rules which `life()` does not.
CLEAN: dict[str, list[str]] = {
    "plain": life(),
    "twice, and by wire": [*life(), *life(), "RESET", *life()],
    "packed": changed(life(offered=[34]), "W QueueDriverLow 0x11002", "W QueueDriverLow 0x11004"),
    "refused, then others accepted": changed(
        life(offered=[28]),
        "W Status 0xb",
        *("W Status 0xb", "R Status 0x3", "W DriverFeaturesSel 0", "W DriverFeatures 0", "W Status 0xb"),
    ),
    "refused and given up": [*until(life(), "W Status 0xb"), "R Status 0x3", "W Status 0x83", "W Status 0"],
    "failed": [*life(live=["W Status 0x8f"]), *life()],
    "queue reset": life(offered=[_RING_RESET], live=["W QueueReset 1", "R QueueReset 1", "R QueueReset 0", *_QUEUE]),
    "suspended": life(
        offered=[_SUSPEND],
        live=["W Status 0x1f", "R Status 0x1f", "R Status 0x1b", "W Status 0x1f", "R Status 0xf", *_SERVED],
    ),
    "notification data": life(offered=[_NOTIFICATION_DATA], live=["W QueueNotify 0x10000"]),
    "disk": life(
        _BLK,
        offered=[2, 4],
        live=(
            *bracket("R Config+0x0 1", "R Config+0x4 0", "R Config+0xc 1", "R Config+0x10/2 1"),
            *("R InterruptStatus 0x2", "W InterruptACK 0x2", *bracket("R Config+0x0 2", "R Config+0x4 0")),
            *kick((16, "r"), (512, "w"), (1, "w")),
        ),
    ),
    "generation changes": life(
        _BLK,
        live=("R ConfigGeneration 0", "R Config+0x0 1", "R Config+0x4 0", *bracket("R Config+0x0 2", "R Config+0x4 0")),
    ),
    "keyboard": life(
        _INPUT,
        live=(
            *("W Config+0x1/1 0", "W Config+0x0/1 1", *bracket("R Config+0x2/1 2")),
            *(*bracket("R Config+0x8/1 0", "R Config+0x9/1 0"), *kick((8, "w"))),
        ),
    ),
    "network": life(_NET, offered=[5, 17, 18, 20, 22], live=bracket("R Config+0x0/1 2", "R Config+0x8/2 1")),
    "cache": life(_BLK, offered=[9, 11], live=("W Config+0x20/1 1", *bracket("R Config+0x20/1 1"))),
    "zones": life(_BLK, offered=[13, 17], accepted=[17, _VERSION_1], negotiating=bracket("R Config+0x5c/1 1")),
    "gpu": life(_GPU, live=["W SHMSel 1", "R SHMLenLow 0"]),
    "other things": ["R MagicValue 0x1", *_IDENTITY[:1], "R Version 1", *_IDENTITY[:1], "R Version 1"],
    "emergency": life(_CONSOLE, offered=[2], negotiating=["W Config+0x8 0x41"]),
    "placeholder": [*_IDENTITY, "R DeviceID 0", *_IDENTITY, "R DeviceID 0"],
}


def steps(lines: Sequence[str]) -> list[Step]:
    """The lines as steps, each at "line N"."""
    return [_step(line, f"line {number}") for number, line in enumerate(lines, 1)]


def _step(line: str, where: str) -> Step:
    kind, *words = line.split()
    if kind == "RESET":
        return PowerUp(where)
    if kind == "IRQ":
        return IrqLevel(where, words[0] == "1")
    name, _, size = words[0].partition("/")
    if name.startswith("@"):
        offset = int(name[1:], 0)
    elif name.startswith("Config+"):
        offset = CONFIG_OFFSET + int(name.removeprefix("Config+"), 0)
    else:
        offset = _OFFSETS[name]
    chain = tuple(Element(0x3000, int(word[:-1]), word[-1] == "w") for word in words[2:])
    return Access(where, kind == "W", offset, int(size or 4), int(words[1], 0), chain=chain)
