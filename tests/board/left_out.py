# SPDX-License-Identifier: Apache-2.0
"""Which test bodies do not run on a board, and why: the one place that says so.

`tests/unit/test_board_left_out.py` proves the powers complete, and each entry needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from virtio_model.spec import BlkFeature, DeviceType, Feature, features

from ..bodies.rig import Body
from ..sim import feature_sets

#: What bodies ask for that only a simulator can do, by the rig's name of it.
REASONS: Mapping[str, str] = {
    "faults": "plants errors in the device's DMA",
    "fail_sector": "lets the disk fail",
    "fail_flushes": "lets flushes of the disk fail",
    "unmapped": "asks the disk what it was told to deallocate",
    "slow_down": "lets disk or entropy source stall",
    "set_capacity": "changes the size of the disk behind the device",
    "image": "looks at the disk from its other side",
    "write_and_read": "lets channels of the register bus wait",
    "malform": "lets the memory break the rules of its bus",
    "power_cycle": "resets the device by wire",
    "inject": "lets the MAC receive frames",
    "set_link": "plugs the cable in and out",
    "set_mac": "turns the MAC's loop and stalls",
    "frames_sent": "looks at the frames that leave",
    "give": "lets bytes or events come in",
    "set_port": "lets the port stall",
    "set_size": "changes the size of the console",
    "set_level": "changes a pin of the device",
    "given_out": "looks at what leaves the port",
    "regions": "needs memory regions below and above 4 GiB",
    "cycles": "steps by clock cycles",
    "bus": "needs to know the address width of the device's bus",
    "odd": "needs a device built to be refused",
    "wild": "hands the device buffers beyond MEM: only if TEST= names it",
}

#: The bodies that ask for each.
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "faults": (
        "faults.dma_error_in_a_ring",
        "faults.dma_error_on_the_suppression_flag",
        "faults.dma_error_on_the_status_byte",
        "faults.dma_error_in_the_header",
        "faults.dma_error_in_data_written",
        "faults.dma_error_in_entropy_written",
        "packed.dma_error_in_a_ring",
        "packed.dma_error_on_the_device_event",
        "reset.memory_that_never_answers",
        "overlaps.registers",
        "console.emergency_write_while_a_reset_is_pending",
        "console.failing_memory",
        "input.failing_memory",
        "net.failing_memory",
    ),
    "fail_sector": (
        "blk.failing_sector_in_mid_write",
        "blk_features.bad_segment_among_good_ones",
        "blk_features.nothing_is_written_after_a_failed_sector",
    ),
    "fail_flushes": ("blk.failing_flush",),
    "unmapped": ("blk_features.zeroes_are_written",),
    "slow_down": ("blk.slow_disk", "blk.slow_disk_and_reset", "data.slow_entropy", "races.more_than_the_queue_holds"),
    "set_capacity": ("interrupts.configuration_change", "interrupts.configuration_change_before_driver_ok"),
    "image": (
        "blk.writes_are_read_back",
        "blk.first_and_last_sector",
        "blk.ranges_beyond_the_capacity_fail",
        "blk.parts_of_sectors_fail",
        "blk.no_room_for_a_status",
        "blk.failing_sector",
        "blk.read_only_disk",
        "blk_features.reserved_flags",
        "blk_features.ranges_beyond_the_limits",
        "disk.whole_image",
        "disk.writes_reach_the_disk",
        "faults.dma_error_in_data_read",
        "reset.in_each_cycle_of_a_write",
        "soak.random_requests",
    ),
    "write_and_read": ("registers.channels_in_any_order",),
    "malform": (
        "faults.malformed_response",
        "faults.malformed_response_at_any_moment",
        "faults.power_cycle_in_a_short_burst",
    ),
    "power_cycle": (
        "reset.by_wire",
        "reset.at_any_cycle",
        "input.events_without_a_driver",
    ),
    "inject": (
        "net.frames_are_received",
        "net.buffers_of_any_kind",
        "net.frames_over_several_buffers",
        "net.frames_over_too_few_buffers",
        "net.bad_and_odd_frames_are_dropped",
        "net.no_buffers",
        "net.own_address_only",
        "net.receive_modes",
        "net.address_table",
        "net.vlan_filter",
        "net.bad_commands",
        "net.queue_resets",
        "net.interrupts_within_a_frame",
        "net.flows_after_a_reset",
    ),
    "set_link": ("net.link",),
    "set_mac": (
        "net.frames_come_back",
        "net.silent_mac",
        "net.queue_pairs",
        "net.resets_at_any_time",
        "net.full_speed",
    ),
    "frames_sent": ("net.frames_are_sent", "net.bad_transmit_requests", "net.commands_among_frames"),
    "give": (
        "console.bytes_are_received",
        "console.bytes_come_together",
        "console.buffers_of_any_kind",
        "console.no_buffers",
        "console.malformed_chain",
        "console.queue_reset",
        "input.events_are_delivered",
        "input.buffers_of_any_kind",
        "input.too_few_buffers",
        "input.buffers_end_in_a_sequence",
        "input.sequences_come_whole",
        "input.rest_of_a_sequence_after_a_reset",
        "input.sequences_that_are_too_long",
        "input.malformed_chain",
        "input.queue_reset",
    ),
    "set_port": (
        "console.both_ways",
        "console.stalled_port",
        "console.stalled_port_and_reset",
        "console.emergency_write",
        "console.emergency_write_to_a_stalled_port",
        "console.resets_at_any_time",
        "input.events_one_after_another",
        "input.stalled_status_port",
        "input.stalled_status_port_and_reset",
        "input.resets_at_any_time",
    ),
    "set_size": (
        "console.size_changes",
        "console.size_changes_without_a_driver",
    ),
    "set_level": (
        "checksum.checksums",
        "checksum.seed",
        "checksum.enabled",
        "checksum.any_room",
        "checksum.failing_memory",
        "checksum.resets_at_any_time",
    ),
    "given_out": (
        "console.bytes_are_sent",
        "input.status_events",
    ),
    "cycles": (
        "interrupts.acknowledgement_meets_the_next_event",
        "interrupts.acknowledgement_after_the_rings",
        "reset.in_each_cycle_of_a_fault",
    ),
    "regions": ("data.four_gib_are_crossed",),
    "bus": ("faults.address_above_the_bus", "queues.areas_above_the_bus_are_refused"),
    "odd": (
        "identity.unknown_device_type",
        "identity.mismatching_device_type",
        "identity.unsupported_version",
        "identity.placeholder",
    ),
    "wild": (
        "faults.malformed_chain",
        "fuzz.spoilt_traffic",
        "overlaps.buffers",
        "overlaps.rings",
        "races.descriptor_changes",
        "features.table_above_the_address_space",
        "packed.malformed_list",
    ),
}
_POWER_OF = {name: power for power, names in LEFT_OUT.items() for name in names}

#: Those that write to the disk, and expect that to succeed.
WRITERS = (
    "blk.every_framing_is_served",
    "blk.status_is_the_last_writable_byte",
    "data.buffers_at_the_end_of_memory",
    "data.pages_are_crossed",
    "data.sources_and_destinations_of_every_length_and_alignment",
)

#: Features without which the bodies of a theme have nothing to work on.
THEMES: Mapping[str, tuple[type[Feature] | type[BlkFeature], int]] = {
    "features": (Feature, feature_sets.SPLIT),
    "packed": (Feature, feature_sets.PACKED),
    "blk_features": (
        BlkFeature,
        features(
            BlkFeature.TOPOLOGY, BlkFeature.CONFIG_WCE, BlkFeature.MQ, BlkFeature.DISCARD, BlkFeature.WRITE_ZEROES
        ),
    ),
}


def why(body: Body, offered: int, named: bool = False, device_id: int = DeviceType.BLK) -> str:
    """Why a body does not run on a board whose device, of this type, offers these features; empty if it does.

    `named` says that the user asked for this very body.
    """
    return lacking(body, offered, {"wild"} if named else (), device_id)


def lacking(body: Body, offered: int, powers: Collection[str], device_id: int) -> str:
    """Which power other than these, or which feature that is not offered, a body asks for; empty if it can run."""
    power = _POWER_OF.get(body.name, "")
    if power and power not in powers:
        return REASONS[power]
    if body.name in WRITERS and device_id == DeviceType.BLK and offered & features(BlkFeature.RO):
        return "writes to the disk, which is read-only"
    kind, needed = THEMES.get(body.name.partition(".")[0], (Feature, 0))
    missing = [bit.name or "" for bit in kind if features(bit) & needed & ~offered]
    return f"needs features that are not offered: {', '.join(missing)}" if missing else ""
