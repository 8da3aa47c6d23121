# SPDX-License-Identifier: Apache-2.0
"""The rules on drivers, each with the requirements that it stands for, and what became of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Rule(NamedTuple):
    """What must hold. A rule that stands for SHOULD only gives warnings."""

    title: str
    requirements: tuple[str, ...]
    should: bool = False


def _must(title: str, *requirements: str) -> Rule:
    return Rule(title, requirements)


def _should(title: str, *requirements: str) -> Rule:
    return Rule(title, requirements, should=True)


RULES: dict[str, Rule] = {
    "DRV-IDENTIFY": _must(
        "MagicValue, Version and DeviceID are read first, in this order", "MMIO-DRV-024", "MMIO-DRV-025"
    ),
    "DRV-MAGIC": _must("a device with another MagicValue is left alone", "MMIO-DRV-006"),
    "DRV-VERSION": _must("a device of another Version is left alone", "MMIO-DRV-008"),
    "DRV-PLACEHOLDER": _must(
        "with DeviceID 0 no other register is accessed", "MMIO-DRV-010", "MMIO-DRV-026", "MMIO-DRV-027"
    ),
    "DRV-OFFSET": _must("only registers and configuration fields that are defined are accessed", "MMIO-DRV-001"),
    "DRV-READ-ONLY": _must("read-only registers are not written", "MMIO-DRV-002"),
    "DRV-WRITE-ONLY": _must("write-only registers are not read", "MMIO-DRV-003"),
    "DRV-CONTROL-WIDTH": _must("control registers are accessed as aligned 32-bit words", "MMIO-DRV-004"),
    "DRV-SHM": _must("SHM registers are used only for a device type with shared memory", "MMIO-DRV-028"),
    "DRV-RESET-FIRST": _must("initialization begins with a reset", "INIT-DRV-001", "MMIO-DRV-029"),
    "DRV-RESET-WAIT": _should("nothing is written between a reset and Status reading 0", "RESET-DRV-001"),
    "DRV-STATUS-ORDER": _must(
        "ACKNOWLEDGE, DRIVER, FEATURES_OK and DRIVER_OK are set one after the other", "STATUS-DRV-001", "INIT-DRV-001"
    ),
    "DRV-STATUS-CLEAR": _must("no Status bit is cleared but by a reset", "STATUS-DRV-002"),
    "DRV-FAILED-STOP": _must("after FAILED nothing is set up before a reset", "STATUS-DRV-003", "INIT-DRV-007"),
    "DRV-FEATURES-OK-READ": _must("Status is read after FEATURES_OK was set, before any write", "INIT-DRV-005"),
    "DRV-REFUSED-STOP": _must("without FEATURES_OK initialization does not go on", "INIT-DRV-005", "INIT-DRV-007"),
    "DRV-REFUSED-FAILED": _should("a refused driver sets FAILED before it resets", "INIT-DRV-006"),
    "DRV-DEVICE-FEATURES-SEL": _must("DeviceFeaturesSel is written before DeviceFeatures is read", "MMIO-DRV-012"),
    "DRV-DRIVER-FEATURES-SEL": _must("DriverFeaturesSel is written before DriverFeatures is", "MMIO-DRV-013"),
    "DRV-FEATURES-AFTER-DRIVER": _must("features are negotiated after DRIVER was set", "INIT-DRV-001"),
    "DRV-FEATURES-READ": _must("features are accepted after those offered were read", "INIT-DRV-001"),
    "DRV-FEATURES-OFFERED": _must("only features that are offered are accepted", "FEAT-DRV-001"),
    "DRV-FEATURES-DEFINED": _must(
        "only features defined for device type and transport are accepted",
        "FEAT-DRV-005",
        "RSVD-DRV-010",
        "MMIO-DRV-036",
    ),
    "DRV-FEATURES-LATE": _must("no features are written after FEATURES_OK", "INIT-DRV-004"),
    "DRV-FEATURES-DEPEND": _must("a feature is accepted with all that it depends on", "FEAT-DRV-002"),
    "DRV-FEATURES-ADVISED": _should("a feature is accepted with what it should go with", "NET-DRV-013", "NET-DRV-014"),
    "DRV-VERSION-1": _must("VERSION_1 is accepted", "RSVD-DRV-001"),
    "DRV-ACCEPT": _should(
        "features that drivers should accept are accepted when offered",
        *("RSVD-DRV-003", "RSVD-DRV-006", "RSVD-DRV-007", "RSVD-DRV-013"),
        *("NET-DRV-002", "NET-DRV-007", "NET-DRV-010", "BLK-DRV-016"),
    ),
    "DRV-ZONED-DISCARD": _must("DISCARD is not accepted with ZONED of a host-managed disk", "BLK-DRV-007"),
    "DRV-QUEUE-SELECT": _must("QueueSel is written before a register of a queue is accessed", "MMIO-DRV-030"),
    "DRV-QUEUE-EARLY": _must("queues are set up after FEATURES_OK", "INIT-DRV-001"),
    "DRV-QUEUE-IN-USE": _must("QueueReady reads 0 before a queue is set up", "MMIO-DRV-030"),
    "DRV-QUEUE-AVAILABLE": _must("QueueSizeMax reads other than 0 before a queue is set up", "MMIO-DRV-030"),
    "DRV-QUEUE-SIZE": _must("QueueSize is at most QueueSizeMax", "MMIO-DRV-014"),
    "DRV-QUEUE-POWER": _must("the size of a split queue is a power of two", "SPLIT-DEV-002"),
    "DRV-QUEUE-COMPLETE": _must("QueueReady is written last, after size and addresses", "MMIO-DRV-030"),
    "DRV-QUEUE-ALIGN": _must("the parts of a queue are aligned", "SPLIT-DRV-001", "PACKED-DRV-001"),
    "DRV-QUEUE-LIVE": _must("size and addresses are left alone while a queue is ready", "MMIO-DRV-015"),
    "DRV-QUEUE-STOP": _must("QueueReady is read back after 0 was written", "MMIO-DRV-016", "MMIO-DRV-017"),
    "DRV-QUEUE-RESET": _must("QueueReset is used only with RING_RESET", "QRESET-DRV-001"),
    "DRV-QUEUE-RESET-WAIT": _must(
        "a queue being reset is left alone until QueueReset reads 0", "QRESET-DRV-001", "MMIO-DRV-021"
    ),
    "DRV-QUEUE-RE-ENABLE": _must("a queue that was reset is set up anew as a whole", "QRESET-DRV-003"),
    "DRV-NOTIFY-EARLY": _must("no notification before DRIVER_OK", "INIT-DRV-008"),
    "DRV-NOTIFY-VALUE": _must("QueueNotify is the index of a ready queue", "NDATA-DRV-001", "MMIO-DRV-031"),
    "DRV-NOTIFY-DATA": _must(
        "with NOTIFICATION_DATA QueueNotify is the index of a ready queue and a position in it",
        "NDATA-DRV-002",
        "NDATA-DRV-004",
        "PACKED-DRV-013",
        "MMIO-DRV-032",
    ),
    "DRV-CHAIN-ORDER": _must(
        "device-readable elements come before device-writable ones", "SPLIT-DRV-007", "PACKED-DRV-017"
    ),
    "DRV-CHAIN-LENGTH": _must("a chain has at most as many elements as the queue", "SPLIT-DRV-014", "PACKED-DRV-016"),
    "DRV-CHAIN-BYTES": _must("a chain describes at most 2^32 bytes", "SPLIT-DRV-009"),
    "DRV-CHAIN-DIRECTION": _must(
        "buffers are device-writable or device-readable as their queue demands",
        *("RNG-DRV-001", "CON-DRV-002", "CON-DRV-003", "INPUT-DRV-005"),
    ),
    "DRV-CHAIN-EVENT": _must("buffers of an input device hold an event", "INPUT-DRV-005", "INPUT-DRV-006"),
    "DRV-IRQ-CAUSE": _must("InterruptStatus is read after an interrupt, before it is acknowledged", "MMIO-DRV-033"),
    "DRV-ACK-DEFINED": _must("no undefined bit is written to InterruptACK", "MMIO-DRV-020"),
    "DRV-ACK-SEEN": _must("only events seen in InterruptStatus are acknowledged", "MMIO-DRV-019", "MMIO-DRV-035"),
    "DRV-ACK-MISSING": _must("events seen are acknowledged", "MMIO-DRV-019", "MMIO-DRV-035"),
    "DRV-SUSPEND-SET": _should("SUSPEND is set only if negotiated and with DRIVER_OK", "SUSPEND-DRV-001"),
    "DRV-SUSPEND-WAIT": _must("suspension is seen in Status before resume is asked for", "SUSPEND-DRV-002"),
    "DRV-SUSPEND-NOTIFY": _must("no notification while suspended", "SUSPEND-DRV-004"),
    "DRV-SUSPEND-CONFIG": _must("no write to the configuration while suspended", "SUSPEND-DRV-005"),
    "DRV-RESUME-WAIT": _must("no notification until Status shows that the device runs again", "SUSPEND-DRV-006"),
    "DRV-CONFIG-WIDTH": _must("configuration fields are accessed in their own width, aligned", "MMIO-DRV-005"),
    "DRV-CONFIG-FEATURE": _must(
        "a field is accessed only if the feature guarding it is offered", "CONFIG-DRV-003", "FEAT-DRV-009"
    ),
    "DRV-CONFIG-EARLY": _must("no configuration field is written before FEATURES_OK", "INIT-DRV-003"),
    "DRV-CONFIG-READ-ONLY": _must("only fields meant to be are written", "NET-DRV-001", "INPUT-DRV-002", "GPU-DRV-001"),
    "DRV-CONFIG-GENERATION": _should("fields are read between two equal reads of ConfigGeneration", "CONFIG-DRV-002"),
    "DRV-CONFIG-WIDE": _must(
        "both halves of a 64-bit field are read between two equal reads of ConfigGeneration", "CONFIG-DRV-001"
    ),
    "DRV-CONFIG-CHANGE": _should(
        "after a configuration change what may have changed is read again", "BLK-DRV-014", "NET-DRV-012"
    ),
    "DRV-BLK-WRITEBACK": _must("writeback is not read before FEATURES_OK", "BLK-DRV-005"),
    "DRV-INPUT-SELECT": _must("select and subsel are both written for a query", "INPUT-DRV-001"),
    "DRV-INPUT-SIZE": _should("size is read before the payload", "INPUT-DRV-003"),
}

#: How many findings of a rule are kept; all are counted.
KEPT = 10


@dataclass(frozen=True)
class Finding:
    """A rule broken at a step; `where` is file:line or the cycle."""

    where: str
    rule: str
    expected: str
    seen: str
    requirements: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.requirements)
        return f"{self.where}: {self.rule} ({names}): expected {self.expected}, seen {self.seen}"


@dataclass
class Verdict:
    """How often a rule could be judged and was broken, and the first findings."""

    rule: str
    judged: int = 0
    broken: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def word(self) -> str:
        """passed, failed, warning (a SHOULD was broken), or skipped: the trace never came to it."""
        if self.findings:
            return "warning" if RULES[self.rule].should else "failed"
        return "passed" if self.judged else "skipped"
