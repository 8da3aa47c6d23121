# SPDX-License-Identifier: Apache-2.0
"""The bench's own driver judged by the rules on drivers, in every test body: what bodies break on purpose is listed."""

from __future__ import annotations

from cocotbext.virtio.driver_rules import DriverChecker

#: Any body may withhold features, to test the device without.
_EVERYWHERE = "ACCEPT"
#: Bodies that look at registers before the driver does.
_LOOK_FIRST = (
    "blk_features.all_queues",
    "checksum.any_room",
    "checksum.checksums",
    "checksum.enabled",
    "checksum.failing_memory",
    "checksum.resets_at_any_time",
    "checksum.seed",
    "console.size_changes_without_a_driver",
    "interrupts.configuration_change_before_driver_ok",
    "registers.shared_memory_does_not_exist",
    "reset.by_wire",
    "reset.storm",
    "status.resets_at_each_rung",
)
#: Rules, without their DRV-, that bodies break by raw accesses; those of whole themes first.
_BROKEN: dict[str, str] = {
    "net": "IDENTIFY FEATURES-AFTER-DRIVER",
    **dict.fromkeys(_LOOK_FIRST, "IDENTIFY"),
    "blk.configuration_fields": "CONFIG-FEATURE CONFIG-GENERATION CONFIG-WIDE CONFIG-WIDTH IDENTIFY",
    "blk.flush_needs_its_feature": "FEATURES-LATE",
    "blk_features.cache_mode": "CONFIG-GENERATION",
    "blk_features.configuration_space": "CONFIG-FEATURE CONFIG-GENERATION CONFIG-WIDE CONFIG-WIDTH",
    "console.emergency_write": "CONFIG-EARLY CONFIG-GENERATION CONFIG-WIDTH IDENTIFY OFFSET",
    "console.emergency_write_while_a_reset_is_pending": "RESET-WAIT",
    "console.offered_features": "FEATURES-AFTER-DRIVER IDENTIFY",
    "console.size_changes": "CONFIG-FEATURE",
    "features.queue_reset_of_what_is_not_ready": "QUEUE-IN-USE QUEUE-RE-ENABLE",
    "fuzz.spoilt_traffic": "QUEUE-POWER",
    "identity.features_offered": "FEATURES-AFTER-DRIVER IDENTIFY",
    "identity.identity_registers_are_constant": "READ-ONLY",
    "identity.unsupported_version": "IDENTIFY VERSION",
    "input.window_accesses": "CONFIG-GENERATION CONFIG-READ-ONLY CONFIG-WIDTH INPUT-SIZE OFFSET",
    "interrupts.acknowledgements_of_nothing": "ACK-DEFINED ACK-SEEN IRQ-CAUSE",
    "negotiation.driver_reports_the_refusal": "FEATURES-DEFINED FEATURES-OFFERED",
    "negotiation.driver_without_acknowledge": "STATUS-ORDER",
    "negotiation.each_unoffered_bit_is_refused": "FEATURES-AFTER-DRIVER FEATURES-DEFINED"
    " FEATURES-OFFERED FEATURES-READ IDENTIFY",
    "negotiation.every_subset_is_accepted": "FEATURES-AFTER-DRIVER FEATURES-READ IDENTIFY",
    "negotiation.frozen_after_features_ok": "FEATURES-LATE",
    "negotiation.missing_version_1_is_refused": "FEATURES-AFTER-DRIVER FEATURES-READ IDENTIFY REFUSED-STOP VERSION-1",
    "negotiation.negotiates_again_after_a_reset": "FEATURES-DEFINED FEATURES-OFFERED FEATURES-READ REFUSED-FAILED",
    "negotiation.words_beyond_the_second_are_refused": "FEATURES-AFTER-DRIVER FEATURES-DEFINED FEATURES-READ"
    " IDENTIFY REFUSED-FAILED STATUS-ORDER",
    "net.configuration_fields": "CONFIG-FEATURE",
    "one_by_one.random_requests": "QUEUE-POWER",
    "overlaps.registers": "CONFIG-GENERATION CONFIG-WIDE CONFIG-WIDTH CONTROL-WIDTH OFFSET QUEUE-LIVE",
    "queues.areas_above_the_bus_are_refused": "IDENTIFY QUEUE-AVAILABLE QUEUE-EARLY QUEUE-IN-USE",
    "queues.areas_past_the_end_of_the_address_space_are_refused": "IDENTIFY QUEUE-AVAILABLE QUEUE-EARLY QUEUE-IN-USE",
    "queues.available_before_driver_ok": "NOTIFY-EARLY",
    "queues.bad_sizes_are_refused": "IDENTIFY QUEUE-EARLY QUEUE-IN-USE QUEUE-POWER QUEUE-SIZE",
    "queues.made_ready_after_driver_ok": "QUEUE-IN-USE QUEUE-POWER",
    "queues.misaligned_areas_are_refused": "IDENTIFY QUEUE-ALIGN QUEUE-AVAILABLE QUEUE-EARLY QUEUE-IN-USE",
    "queues.odd_sizes_are_served": "IDENTIFY QUEUE-POWER",
    "queues.only_bit_0_of_ready_counts": "IDENTIFY QUEUE-AVAILABLE QUEUE-EARLY QUEUE-IN-USE",
    "queues.queue_1_alone": "IDENTIFY NOTIFY-DATA NOTIFY-VALUE",
    "queues.queue_reset_without_the_feature": "QUEUE-RESET",
    "queues.queues_that_do_not_exist": "IDENTIFY QUEUE-AVAILABLE QUEUE-IN-USE QUEUE-STOP",
    "queues.ready_reads_back": "IDENTIFY QUEUE-EARLY QUEUE-IN-USE",
    "queues.set_up_is_locked_while_ready": "QUEUE-LIVE WRITE-ONLY",
    "queues.stops_and_starts_again": "NOTIFY-DATA NOTIFY-VALUE QUEUE-POWER",
    "queues.wild_notifications": "IDENTIFY NOTIFY-VALUE",
    "registers.channels_in_any_order": "WRITE-ONLY",
    "registers.configuration_by_bytes_and_halfwords": "CONFIG-EARLY CONFIG-GENERATION IDENTIFY",
    "registers.configuration_past_its_end": "BLK-WRITEBACK CONFIG-EARLY CONFIG-FEATURE"
    " CONFIG-GENERATION CONFIG-WIDTH FEATURES-AFTER-DRIVER INPUT-SELECT INPUT-SIZE OFFSET",
    "registers.narrow_reads_give_the_lanes_of_the_word": "CONTROL-WIDTH IDENTIFY MAGIC",
    "registers.partial_writes_are_ignored": "ACK-SEEN CONTROL-WIDTH IRQ-CAUSE QUEUE-STOP",
    "registers.read_only_registers_ignore_writes": "READ-ONLY",
    "registers.reading_does_not_acknowledge": "READ-ONLY WRITE-ONLY",
    "registers.unlisted_offsets": "OFFSET",
    "registers.write_only_registers_read_zero": "QUEUE-LIVE SHM WRITE-ONLY",
    "reset.at_any_cycle": "IDENTIFY QUEUE-POWER",
    "reset.features_are_forgotten": "IDENTIFY REFUSED-FAILED RESET-FIRST STATUS-ORDER VERSION-1",
    "reset.indices_are_forgotten": "QUEUE-POWER",
    "reset.nothing_happens_after_it": "NOTIFY-EARLY",
    "reset.set_up_is_forgotten": "QUEUE-AVAILABLE QUEUE-COMPLETE QUEUE-EARLY QUEUE-IN-USE QUEUE-SELECT",
    "rings.indices_wrap": "QUEUE-POWER",
    "soak.random_requests": "QUEUE-POWER",
    "status.bits_accumulate": "STATUS-CLEAR",
    "status.driver_ok_needs_features_ok": "IDENTIFY STATUS-ORDER",
    "status.failed_stops_work": "FAILED-STOP STATUS-CLEAR",
    "status.undefined_bits_are_ignored": "STATUS-CLEAR SUSPEND-SET",
}


#: What only a simulated device's timing brings about: with the acknowledgement after the rings, InterruptStatus may be
#: read once more before it, for the next notification.
_TIMING = {"soak.random_requests": "ACK-MISSING"}


class DriverError(AssertionError):
    """The driver broke rules that its test body has no reason to break."""


def waived(body: str) -> set[str]:
    """The rules that a body, "theme.name", may break."""
    theme = body.partition(".")[0]
    names = f"{_EVERYWHERE} {_BROKEN.get(theme, '')} {_BROKEN.get(body, '')} {_TIMING.get(body, '')}".split()
    return {f"DRV-{name}" for name in names}


def on_purpose() -> dict[str, set[str]]:
    """For each body named, the rules that it is said to break."""
    return {name: {f"DRV-{rule}" for rule in rules.split()} for name, rules in _BROKEN.items()}


def check_driver(checker: DriverChecker, body: str) -> None:
    """The end of a body. Raises `DriverError` with the first finding of each rule."""
    checker.finish()
    unexpected = [v for v in checker.verdicts.values() if v.findings and v.rule not in waived(body)]
    if unexpected:
        raise DriverError("\n".join(f"{verdict.findings[0]} [{verdict.broken} times]" for verdict in unexpected))
