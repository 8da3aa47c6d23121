# SPDX-License-Identifier: Apache-2.0
"""Which test bodies say nothing about a device of other people, and why."""

from __future__ import annotations

from collections.abc import Mapping

from cocotbext.virtio.check.description import Description
from virtio_model.spec import BlkFeature, ConsoleFeature, Feature, NetFeature, features

from ..board.left_out import THEMES, lacking
from ..bodies.rig import Body

#: What the bench can do to any device; the rest takes a view of what is behind it.
POWERS = frozenset({"faults", "power_cycle", "cycles", "wild"})
#: What it can do at the other end of the streams of a device type, and with its signals.
STREAM_POWERS: Mapping[str, frozenset[str]] = {
    "net": frozenset({"inject", "set_mac", "frames_sent"}),
    "console": frozenset({"give", "set_port", "given_out"}),
    "input": frozenset({"give", "set_port", "given_out"}),
}
SIGNAL_POWERS: Mapping[str, str] = {"link_up": "set_link", "cols": "set_size", "rows": "set_size"}

_CHOICE = "the standard leaves it to the device: "
_STORES = f"{_CHOICE}whether it stores "
_FATAL = f"{_CHOICE}what it does after an error of the bus"
_MISPLACED = f"{_CHOICE}whether a readable buffer behind a writable one is fatal or fails its request"
_REFUSED = f"{_CHOICE}whether QueueReady refuses a set-up that no driver may make"
_LADDER = f"{_CHOICE}what it makes of bits that no driver may set, or clear, in Status"
_NO_WISH = f"{_CHOICE}what an event suppression structure means that no driver may write"
#: Bodies, or single cases of them, that hold a device to a decision of this project where the standard leaves a choice.
DECISIONS: Mapping[str, str] = {
    "blk.short_headers_fail": f"{_CHOICE}a header that is too short may be answered or be fatal",
    "console.buffers_of_any_kind": f"{_STORES}bytes that come in and find no buffer",
    "console.malformed_chain": f"{_STORES}bytes that come in and find no buffer",
    "console.bytes_come_together": f"{_CHOICE}how many bytes go into a buffer",
    "console.failing_memory": _FATAL,
    "console.no_buffers": f"{_STORES}bytes that come in and find no buffer",
    "console.stalled_port": f"{_STORES}bytes that are sent",
    "console.queue_reset": f"{_STORES}bytes that come in and find no buffer",
    "input.buffers_of_any_kind": f"{_CHOICE}what becomes of an event that finds a buffer too small",
    "input.events_without_a_driver": f"{_STORES}events that come in without a driver",
    "input.failing_memory": _FATAL,
    "input.sequences_that_are_too_long": f"{_STORES}events of a sequence",
    "input.stalled_status_port": f"{_STORES}status events",
    "input.sequences_come_whole": f"{_CHOICE}whether it waits for the end of a sequence",
    "input.window": f"{_CHOICE}what it says about itself",
    "input.window_accesses": f"{_CHOICE}what it says about itself",
    "input.window_without_information": f"{_CHOICE}what it says about itself",
    "net.buffers_of_any_kind": f"{_CHOICE}what becomes of a frame that finds a buffer too small",
    "net.failing_memory": _FATAL,
    "net.frames_over_too_few_buffers": f"{_CHOICE}what becomes of a frame that finds too few buffers",
    "net.full_speed": f"{_CHOICE}how fast it is",
    "net.no_buffers": f"{_STORES}frames that come in and find no buffer",
    "data.requests_without_room": f"{_CHOICE}whether a request without room is given back or an error",
    "features.idle_queue_asks_for_the_next_notification": f"{_CHOICE}when it asks for notifications, if ever",
    "features.malformed_table/more_than_the_size": f"{_CHOICE}whether it serves tables longer than the queue",
    "features.queue_reset_of_what_is_not_ready": f"{_CHOICE}what becomes of a queue that was never set up",
    "packed.dma_error_on_the_device_event": f"{_CHOICE}when it asks for notifications, if ever",
    "packed.idle_ring_asks_for_the_next_notification": f"{_CHOICE}when it asks for notifications, if ever",
    "packed.interrupts_that_are_wanted/reserved": _NO_WISH,
    "packed.interrupts_that_are_wanted/undefined_bits": _NO_WISH,
    "packed.interrupts_that_are_wanted/descriptor_without_the_feature": _NO_WISH,
    "packed.interrupts_that_are_wanted/offset_beyond_the_ring": _NO_WISH,
    "packed.list_that_is_not_all_available": f"{_CHOICE}whether it waits for the rest of a list",
    "packed.malformed_list/readable_part_too_long": f"{_CHOICE}chains of more than 4 GiB break the driver's rule",
    "packed.malformed_list/table_longer_than_the_queue": f"{_CHOICE}whether it serves tables longer than the queue",
    "packed.notifications_stay_enabled": f"{_CHOICE}when it asks for notifications, if ever",
    "data.requests_of_several_pages": f"{_CHOICE}how much entropy it gives at once",
    "faults.chains_before_a_malformed_one_complete": f"{_CHOICE}what becomes of chains ahead of a malformed one",
    "faults.malformed_chain/readable_after_writable": _MISPLACED,
    "features.malformed_table/readable_after_writable": _MISPLACED,
    "packed.malformed_list/readable_after_writable": _MISPLACED,
    "packed.lists_before_a_malformed_one_complete": f"{_CHOICE}what becomes of lists ahead of a malformed one",
    "faults.dma_error_in_data_written": _FATAL,
    "faults.dma_error_in_entropy_written": _FATAL,
    "faults.dma_error_in_the_header": _FATAL,
    "faults.dma_error_on_the_suppression_flag": _FATAL,
    "faults.malformed_chain/readable_part_too_long": f"{_CHOICE}chains of more than 4 GiB break the driver's rule",
    "faults.malformed_chain/writable_part_too_long": f"{_CHOICE}chains of more than 4 GiB break the driver's rule",
    "negotiation.missing_version_1_is_refused": f"{_CHOICE}whether it works without VERSION_1",
    "queues.areas_past_the_end_of_the_address_space_are_refused": _REFUSED,
    "queues.areas_above_the_bus_are_refused": _REFUSED,
    "queues.bad_sizes_are_refused": _REFUSED,
    "queues.misaligned_areas_are_refused": _REFUSED,
    "queues.only_bit_0_of_ready_counts": f"{_CHOICE}what any other value than 0 and 1 makes of QueueReady",
    "registers.configuration_past_its_end": f"{_CHOICE}what reads where no field is",
    "registers.partial_writes_are_ignored": f"{_CHOICE}whether it ignores or merges writes that are not whole words",
    "registers.unlisted_offsets": f"{_CHOICE}what reads where no register is",
    "registers.write_only_registers_read_zero": f"{_CHOICE}whether what may only be written reads 0 or as written last",
    "reset.set_up_is_forgotten": _REFUSED,
    "reset.answered_when_all_is_quiet": f"{_CHOICE}whether the response to a reset waits for its end",
    "rings.same_head_twice_in_a_batch": f"{_CHOICE}whether it serves a head twice or takes it for an error",
    "status.bits_accumulate": _LADDER,
    "status.driver_ok_needs_features_ok": _LADDER,
    "status.undefined_bits_are_ignored": _LADDER,
    "status.failed_stops_work": f"{_CHOICE}FAILED is for the driver to say, not for the device to act upon",
}

#: Bodies that give an input device so many events before there are buffers for them, and expect them later.
STORED: Mapping[str, int] = {"input.buffers_end_in_a_sequence": 5, "input.queue_reset": 2}

#: Bodies that look at the disk from its other side, and do with what the device reads of it at their end.
READ_BACK = frozenset(
    {
        "blk.writes_are_read_back",
        "blk.first_and_last_sector",
        "blk.ranges_beyond_the_capacity_fail",
        "blk.parts_of_sectors_fail",
    }
)

_INDIRECT = features(Feature.INDIRECT_DESC)
_EVENTS = features(Feature.EVENT_IDX)
_PACKED = features(Feature.RING_PACKED)
#: Bodies of the themes that our own devices have all features of, or single cases of them, and what they work on.
THEME_NEEDS: Mapping[str, int] = {
    "features.indirect_tables": _INDIRECT,
    "features.indirect_tables_at_page_ends": _INDIRECT,
    "features.write_on_the_descriptor_of_a_table": _INDIRECT,
    "features.table_changes": _INDIRECT,
    "features.malformed_table": _INDIRECT,
    "features.table_above_the_address_space": _INDIRECT,
    "features.interrupt_when_used_event_is_reached": _EVENTS,
    "features.poisoned_used_event": _EVENTS,
    "features.events_race_with_buffers": _EVENTS,
    "features.idle_queue_asks_for_the_next_notification": _EVENTS,
    "features.queue_reset": features(Feature.RING_RESET),
    "features.queue_reset_of_what_is_not_ready": features(Feature.RING_RESET),
    "features.queue_reset_under_load": features(Feature.RING_RESET),
    **dict.fromkeys(
        (
            *("packed.rings_wrap", "packed.half_marked_is_not_available", "packed.undefined_bits"),
            *("packed.notifications_stay_enabled", "packed.descriptor_behind_its_flags"),
            *("packed.list_changes_its_length", "packed.ids_of_any_value", "packed.interrupts_that_are_wanted"),
            *("packed.malformed_list", "packed.list_that_is_not_all_available", "packed.dma_error_in_a_ring"),
        ),
        _PACKED,
    ),
    **dict.fromkeys(
        (
            *("packed.malformed_list/table_with_next", "packed.malformed_list/table_in_a_list"),
            *(f"packed.malformed_list/table_of_{count}_bytes" for count in ("no", "15", "17")),
            *("packed.malformed_list/table_above_the_address_space", "packed.lists_before_a_malformed_one_complete"),
            "packed.malformed_list/table_longer_than_the_queue",
        ),
        _PACKED | _INDIRECT,
    ),
    "packed.idle_ring_asks_for_the_next_notification": _PACKED | _EVENTS,
    "packed.interrupts_at_every_place": _PACKED | _EVENTS,
    "packed.dma_error_on_the_device_event": _PACKED | _EVENTS,
}

#: Bodies that use what a feature brings without asking whether it is there.
_FILTER = features(NetFeature.CTRL_VQ, NetFeature.CTRL_RX)
_SIZE, _EMERGENCY = features(ConsoleFeature.SIZE), features(ConsoleFeature.EMERG_WRITE)
NEEDS: Mapping[str, int] = {
    "blk.flush_needs_its_feature": features(BlkFeature.FLUSH),
    "console.emergency_write": _EMERGENCY,
    "console.emergency_write_to_a_stalled_port": _EMERGENCY,
    "console.emergency_write_while_a_reset_is_pending": _EMERGENCY,
    "console.offered_features": _SIZE | _EMERGENCY,
    "console.size_changes": _SIZE,
    "console.size_changes_without_a_driver": _SIZE,
    "net.address_table": _FILTER | features(NetFeature.CTRL_RX_EXTRA),
    "net.bad_commands": _FILTER | features(NetFeature.CTRL_MAC_ADDR, NetFeature.CTRL_VLAN),
    "net.configuration_fields": features(NetFeature.MAC, NetFeature.STATUS, NetFeature.MTU),
    "net.frames_over_several_buffers": features(NetFeature.MRG_RXBUF),
    "net.link": features(NetFeature.STATUS),
    "net.own_address_only": features(NetFeature.MAC),
    "net.queue_pairs": features(NetFeature.CTRL_VQ, NetFeature.MQ),
    "net.queue_resets": features(Feature.RING_RESET),
    "net.receive_modes": _FILTER | features(NetFeature.CTRL_RX_EXTRA),
    "net.vlan_filter": features(NetFeature.CTRL_VQ, NetFeature.CTRL_VLAN),
}


def why(body: Body, device: Description, case: str = "") -> str:
    """Why a body, or a case of it, does not run on a device; empty if it does."""
    name = f"{body.name}/{case}" if case else body.name
    for wanted in (name, body.name):
        if wanted in DECISIONS:
            return DECISIONS[wanted]
        if wanted in device.waived_tests:
            return f"a known limit: {device.waived_tests[wanted]}"
    if NEEDS.get(body.name, 0) & ~device.features:
        return "needs a feature that is not offered"
    if STORED.get(body.name, 0) > device.store_events:
        return f"{_STORES}events that come in and find no buffer"
    offered = device.features
    if needed := THEME_NEEDS.get(name, THEME_NEEDS.get(body.name, 0)):
        if missing := [bit.name or "" for bit in Feature if features(bit) & needed & ~offered]:
            return f"needs features that are not offered: {', '.join(missing)}"
        offered |= THEMES[body.name.partition(".")[0]][1]
    narrow = device.memory.address_width < 64
    if body.name in READ_BACK:
        return ""
    behind = STREAM_POWERS.get(device.type, frozenset()) | {SIGNAL_POWERS[name] for name in device.signals}
    powers = POWERS | behind
    powers |= ({"bus"} if narrow else set()) | ({"regions"} if device.memory.address_width > 32 else set())
    return lacking(body, offered, powers, device.device_type)
