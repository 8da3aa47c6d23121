# SPDX-License-Identifier: Apache-2.0
"""What a checker has to say when a rule is broken, and the table of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Rule(NamedTuple):
    """What must hold, and the requirements of the catalogue that it stands for; none for rules of the bus."""

    title: str
    requirements: tuple[str, ...] = ()


RULES: dict[str, Rule] = {
    "AXI-X": Rule("valid and ready are known out of reset, and what valid goes with"),
    "AXI-RESET": Rule("no valid comes out of reset: it is low at the first edge after it"),
    "AXI-HELD": Rule("valid stays until ready"),
    "AXI-STABLE": Rule("what valid goes with stays as it is until ready"),
    "AXI-BURST": Rule("bursts have a length and alignment that their kind allows"),
    "AXI-SIZE": Rule("beats are no wider than the bus"),
    "AXI-4K": Rule("no burst crosses a 4 KiB boundary"),
    "AXI-LOCK": Rule("no exclusive accesses (project decision)"),
    "AXI-CACHE": Rule("AxCACHE is none of the reserved encodings"),
    "AXI-WLAST": Rule("WLAST marks exactly the last beat of a write burst"),
    "AXI-RLAST": Rule("RLAST marks exactly the last beat of a read burst"),
    "AXI-STRB": Rule("strobes stay within the byte lanes of their beat"),
    "AXI-ID": Rule("a response belongs to an open transfer, also by its ID"),
    "AXI-EARLY": Rule("a write is answered after its last data"),
    "AXI-RESP": Rule("EXOKAY answers exclusive accesses only"),
    "AXI-OUTSTANDING": Rule("no more bursts are open than the checker can follow"),
    "REG-RESP": Rule("register accesses complete with OKAY (project decision)"),
    "REG-IDENTITY": Rule("identity registers", ("MMIO-DEV-002", "MMIO-DEV-003", "MMIO-DEV-004", "MMIO-DEV-005")),
    "REG-FEATURES": Rule("offered features by selector", ("MMIO-DEV-006", "MMIO-DEV-007")),
    "REG-STATUS": Rule("device status", ("MMIO-DEV-019", "STATUS-DEV-004", "STATUS-DEV-005", "FEAT-DEV-003")),
    "REG-NEEDS-RESET": Rule("DEVICE_NEEDS_RESET only in an error state", ("STATUS-DEV-002",)),
    "REG-RESET": Rule("reset takes Status back to 0", ("RESET-DEV-001",)),
    "REG-QUEUE": Rule("queue registers", ("MMIO-DEV-011", "MMIO-DEV-014", "MMIO-DEV-029")),
    "REG-ISR": Rule("InterruptStatus shows events until acknowledged", ("MMIO-DEV-027", "MMIO-DEV-028")),
    "REG-SHM": Rule("shared memory regions that do not exist have length -1", ("MMIO-DEV-022", "MMIO-DEV-023")),
    "REG-CONFIG": Rule(
        "configuration space",
        ("MMIO-DEV-026", "CONFIG-DEV-002", "CONFIG-DEV-004", "INPUT-DEV-002", "INPUT-DEV-003"),
    ),
    "REG-GENERATION": Rule("ConfigGeneration changes with the configuration only", ("MMIO-DEV-025", "MMIO-DEV-030")),
    "REG-UNDEFINED": Rule("write-only and unlisted registers read 0 (project decision)"),
    "IRQ-MISSING": Rule(
        "used buffers are notified unless suppressed", ("SPLIT-DEV-027", "SPLIT-DEV-032", "PACKED-DEV-026")
    ),
    "IRQ-UNDUE": Rule(
        "no interrupt without an event", ("MMIO-DEV-028", "STATUS-DEV-001", "SPLIT-DEV-026", "PACKED-DEV-025")
    ),
    "IRQ-LEVEL": Rule("the line is high exactly while InterruptStatus is not 0", ("MMIO-DEV-037",)),
    "IRQ-CONFIG-MISSING": Rule("configuration changes are notified", ("STATUS-DEV-003", "OPER-DEV-001")),
    "DMA-BEFORE-DRIVER-OK": Rule("no DMA before DRIVER_OK", ("STATUS-DEV-001",)),
    "DMA-AFTER-RESET": Rule("no DMA once Status has read back 0", ("RESET-DEV-002",)),
    "DMA-QUEUE-NOT-READY": Rule("no access to a queue while QueueReady is 0", ("MMIO-DEV-031",)),
    "DMA-READ-OUTSIDE": Rule("reads only rings of ready queues and buffers of chains in flight", ("SPLIT-DEV-045",)),
    "DMA-WRITE-OUTSIDE": Rule("writes only buffers of chains in flight and used rings", ("SPLIT-DEV-003",)),
    "VQ-READ-WRITABLE": Rule("does not read device-writable buffers", ("SPLIT-DEV-015", "PACKED-DEV-033")),
    "VQ-WRITE-READABLE": Rule("does not write device-readable buffers", ("SPLIT-DEV-014", "PACKED-DEV-032")),
    "VQ-WRITE-RING": Rule(
        "does not write the driver's parts of a queue",
        ("SPLIT-DEV-003", "SPLIT-DEV-017", "PACKED-DEV-014", "PACKED-DEV-022"),
    ),
    "VQ-UNREAD": Rule("acts only on what it has read since it was made available", ("SPLIT-DEV-045", "PACKED-DEV-034")),
    "VQ-USED-ID": Rule("a used element names a chain in flight, once", ("SPLIT-DEV-007", "PACKED-DEV-031")),
    "VQ-USED-LEN": Rule("len is the number of bytes written", ("SPLIT-DEV-007", "PACKED-DEV-011", "QUEUE-DEV-002")),
    "VQ-USED-SLOT": Rule(
        "used elements go to the next free slots",
        ("SPLIT-DEV-006", "SPLIT-DEV-008", "PACKED-DEV-008", "PACKED-DEV-035"),
    ),
    "VQ-USED-WRAP": Rule("a used descriptor is marked with the wrap counter", ("PACKED-DEV-004", "PACKED-DEV-005")),
    "VQ-USED-WRITE": Rule("a used descriptor has WRITE set if anything was written", ("PACKED-DEV-010",)),
    "VQ-USED-IDX": Rule("used idx counts used elements", ("SPLIT-DEV-008",)),
    "VQ-USED-FLAGS": Rule("used flags are 0 or 1, with EVENT_IDX 0", ("SPLIT-DEV-040", "SPLIT-DEV-042")),
    "VQ-USED-ORDER": Rule(
        "chains are used in the order made available", ("RSVD-DEV-005", "PACKED-DEV-028", "PACKED-DEV-029")
    ),
    "VQ-ORDER-PAYLOAD": Rule("payload is written before it is reported", ("SPLIT-DEV-034",)),
    "VQ-ORDER-ELEMENT": Rule("the used element is written before idx, or its flags", ("SPLIT-DEV-033",)),
    "VQ-DATA": Rule("the buffer holds what the request asks for", ("SPLIT-DEV-034",)),
    "VQ-DATA-EXTRA": Rule("nothing is written beyond the reported bytes", ("SPLIT-DEV-035",)),
    "BLK-FLUSH": Rule("a flush, or a write through the cache, is durable when it is reported", ("BLK-DEV-046",)),
    "VQ-FAULT-USED": Rule("a malformed chain is not used", ("STATUS-DEV-002",)),
    "VQ-FAULT-IGNORED": Rule("a malformed ring sets DEVICE_NEEDS_RESET", ("STATUS-DEV-002", "OPER-DEV-003")),
    "VQ-EVENT": Rule(
        "what asks for notifications is what the features allow", ("SPLIT-DEV-043", "PACKED-DEV-023", "PACKED-DEV-027")
    ),
    "VQ-UNUSED": Rule("every chain taken is used", ("INIT-DEV-001",)),
    "VQ-NOTIFY-LOST": Rule("a notified queue is looked at", ("MMIO-DEV-015", "INIT-DEV-001")),
    "MAC-KEEP": Rule("beats at the MAC port are full from lane 0 on, but for the last of a frame"),
    "NET-SENT": Rule("frames sent are those of the transmit queues, in order", ("NET-DEV-011",)),
    "PORT-OUT": Rule(
        "what is given out is what transmit or status chains hold, in order", ("CON-DEV-007", "INPUT-DEV-007")
    ),
    "PORT-EMERGENCY": Rule("what is written to emerg_wr comes out, in order", ("CON-DEV-005", "CON-DEV-006")),
    "PORT-IN": Rule("a chain is used when something has come in for it", ("CON-DEV-008", "INPUT-DEV-006")),
    "NET-TOGETHER": Rule("all buffers of a frame become used together", ("NET-DEV-046", "PACKED-DEV-021")),
    "BENCH-IDLE": Rule("the test did what it claims"),
}


@dataclass(frozen=True)
class Violation:
    """A broken rule; `cycle` counts clock edges, None where a field does not apply."""

    rule: str
    message: str = ""
    queue: int | None = None
    head: int | None = None
    expected: object = None
    seen: object = None
    cycle: int | None = None

    def __str__(self) -> str:
        fields = {name: getattr(self, name) for name in ("queue", "head", "expected", "seen", "cycle")}
        words = [self.rule, *(f"{name}={_show(value)}" for name, value in fields.items() if value is not None)]
        requirements = RULES[self.rule].requirements
        if requirements:
            words.append(f"({', '.join(requirements)})")
        text = " ".join(words)
        return f"{text}: {self.message}" if self.message else f"{text}: {RULES[self.rule].title}"


#: What a checker calls with each violation it finds.
Report = Callable[[Violation], None]


class ScoreboardError(AssertionError):
    """The rules broken: the first violation of each, and how often each was."""

    def __init__(self, violations: Iterable[tuple[Violation, int]]) -> None:
        self.violations = tuple(violations)
        lines = (str(first) + (f" [{count} times]" if count > 1 else "") for first, count in self.violations)
        super().__init__("\n".join(lines))


def raise_violation(violation: Violation) -> None:
    """The report of a checker that nobody listens to. Raises `ScoreboardError`."""
    raise ScoreboardError([(violation, 1)])


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
