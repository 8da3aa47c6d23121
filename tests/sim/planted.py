# SPDX-License-Identifier: Apache-2.0
"""Faults put into copies of the RTL, each to be caught by the checker that exists for it.

To add one, add a line to `PLANTED`: it becomes the configuration planted_NAME. A text that is not found exactly once
fails the build, so that a fault cannot silently vanish when the RTL changes. Icarus, which builds in a second, runs all
of them; Verilator the first two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import feature_sets

_RNG, _BLK, _NET = {"Device": 4}, {"Device": 2}, {"Device": 1}
_CONSOLE, _INPUT, _OWN = {"Device": 3}, {"Device": 18}, {"Device": 65535}
_BLK_SEGMENTS = {
    **_BLK,
    "ConfigWce": 1,
    "MaxDiscardSectors": 8,
    "MaxDiscardSeg": 4,
    "MaxWriteZeroesSectors": 8,
    "MaxWriteZeroesSeg": 4,
}
_SPLIT = {"Device": 4, "TransportFeatures": feature_sets.SPLIT}
_PACKED = {"Device": 4, "TransportFeatures": feature_sets.PACKED}


class PlantError(Exception):
    """The RTL does not have the text that a fault is to be put in place of."""


@dataclass(frozen=True)
class Fault:
    """In the HDL `file`, `old` becomes `new`; `body` (theme.name) must then fail with one of `rules` in its message."""

    file: str
    old: str
    new: str
    rules: tuple[str, ...]
    body: str = "rings.batches_of_any_size"
    timing: str = "light"
    parameters: Mapping[str, int] = field(default_factory=lambda: _RNG, hash=False)


_FAULTS: Mapping[str, Fault] = {
    "idx_before_element": Fault(
        "virtio_used_writer.sv",
        "if (unanswered_q == '0) state_d = Idx;",
        "state_d = Idx;",
        ("VQ-ORDER-ELEMENT",),
    ),
    "lost_notify": Fault(
        "virtio_notify.sv",
        "| notify_i | rearm_i",
        "| rearm_i",
        ("VQ-NOTIFY-LOST",),
        "interrupts.rises_once_for_each_event",
    ),
    "wrong_len": Fault(
        "virtio_chain_retire.sv",
        "32'd0 : chain.written_len)",
        "32'd0 : chain.written_len + 32'd1)",
        ("VQ-USED-LEN",),
    ),
    "strobe_off_by_one": Fault(
        "virtio_chain_writer.sv",
        "<< piece) << offset}",
        "<< piece) << offset << 1}",
        ("VQ-DATA", "DMA-WRITE-OUTSIDE"),
    ),
    "strobes_of_other_lanes": Fault(
        "virtio_mmio_core.sv",
        "assign m_axi_awsize  = 3'($clog2(Bytes));",
        "assign m_axi_awsize  = 3'd0;",
        ("AXI-STRB",),
    ),
    "address_not_held": Fault(
        "virtio_dma_read.sv",
        "assign m_axi_arvalid = ar_valid_q;",
        "assign m_axi_arvalid = ar_valid_q && !m_axi_rvalid;",
        ("AXI-HELD",),
        timing="heavy",
    ),
    "address_changes": Fault(
        "virtio_dma_read.sv",
        "assign m_axi_araddr  = ar_addr_q;",
        "assign m_axi_araddr  = ar_addr_q ^ AxiAddrWidth'(m_axi_rvalid);",
        ("AXI-STABLE",),
        timing="heavy",
    ),
    "valid_in_reset": Fault(
        "virtio_dma_read.sv",
        "      ar_valid_q <= 1'b0;\n      ar_addr_q  <= '0;",
        "      ar_valid_q <= 1'b1;\n      ar_addr_q  <= '0;",
        ("AXI-RESET",),
    ),
    "irq_before_idx": Fault(
        "virtio_used_writer.sv",
        "state_q == WishWait && rd_rsp_valid_i && !dropping",
        "state_q == Element || state_q == WishWait && rd_rsp_valid_i && !dropping",
        ("IRQ-UNDUE",),
    ),
    "irq_never": Fault(
        "virtio_used_writer.sv",
        "(rd_rsp_err_i || wanted);",
        "1'b0;",
        ("IRQ-MISSING",),
    ),
    "flag_ignored": Fault(
        "virtio_used_writer.sv",
        "(rd_rsp_err_i || wanted);",
        "1'b1;",
        ("IRQ-UNDUE",),
        "interrupts.suppressed_by_the_flag",
    ),
    "wide_status_byte": Fault(
        "virtio_chain_retire.sv",
        "Bytes'(1) << tail_addr",
        "Bytes'(3) << tail_addr",
        ("DMA-WRITE-OUTSIDE",),
        parameters=_BLK,
    ),
    "next_not_checked": Fault(
        "virtio_desc_walker.sv",
        "{12'd0, desc_next} >= entries_q || ",
        "",
        ("DMA-READ-OUTSIDE", "VQ-FAULT-IGNORED"),
        "faults.malformed_chain next_is_0xffff",
    ),
    "readable_after_writable_allowed": Fault(
        "virtio_desc_walker.sv",
        "(writable_seen_q && !desc_writable) ||",
        "",
        ("DMA-READ-OUTSIDE", "VQ-FAULT-IGNORED"),
        "faults.malformed_chain readable_after_writable",
    ),
    "reset_does_not_wait": Fault(
        "virtio_status.sv",
        "resetting_d       = resetting_q && !quiet_i;",
        "resetting_d       = 1'b0;",
        ("DMA-AFTER-RESET",),
        "reset.in_mid_request",
        "heavy",
    ),
    "unoffered_features_accepted": Fault(
        "virtio_status.sv",
        "(driver_features_q & ~device_features_i) == 64'd0;",
        "1'b1;",
        ("REG-STATUS",),
        "negotiation.driver_reports_the_refusal",
    ),
    "set_up_not_locked": Fault(
        "virtio_queue_table.sv",
        "exists && !ready_q[sel] && !busy_q[sel] && !resetting_q[sel];",
        "exists;",
        ("DMA-READ-OUTSIDE", "DMA-WRITE-OUTSIDE"),
        "queues.set_up_is_locked_while_ready",
    ),
    "event_off_by_one": Fault(
        "virtio_used_writer.sv",
        "next_idx - wish - 16'd1;",
        "next_idx - wish;",
        ("IRQ-UNDUE", "IRQ-MISSING"),
        "features.interrupt_when_used_event_is_reached",
        parameters=_SPLIT,
    ),
    "event_without_another_look": Fault(
        "virtio_avail_reader.sv",
        "if (wr_done_i) state_d = AskIdx;",
        "if (wr_done_i) state_d = Idle;",
        ("VQ-NOTIFY-LOST",),
        "features.idle_queue_asks_for_the_next_notification",
        parameters=_SPLIT,
    ),
    "net_buffers_one_by_one": Fault(
        "virtio_mmio_net.sv",
        ".UsedTogether     (MrgRxbuf),",
        ".UsedTogether     (1'b0),",
        ("NET-TOGETHER",),
        "net.frames_over_several_buffers",
        parameters=_NET,
    ),
    "packed_first_not_last": Fault(
        "virtio_packed_used.sv",
        "assign opens      = UsedTogether &&",
        "assign opens      = 1'b0 &&",
        ("NET-TOGETHER",),
        "net.frames_over_several_buffers",
        parameters={**_PACKED, "Device": 1},
    ),
    "packed_wrap_not_toggled": Fault(
        "virtio_packed_used.sv",
        "wrap_q[i] <= wrap ^ passes_end;",
        "wrap_q[i] <= wrap;",
        ("VQ-USED-WRAP",),
        "packed.rings_wrap",
        parameters=_PACKED,
    ),
    "packed_one_slot_a_list": Fault(
        "virtio_packed_used.sv",
        "{1'b0, slot} + {1'b0, slots_q};",
        "{1'b0, slot} + 17'd1;",
        ("VQ-USED-SLOT",),
        "packed.rings_wrap",
        parameters={**_PACKED, "Device": 2},
    ),
    "packed_write_always": Fault(
        "virtio_packed_used.sv",
        "= cpl_q.written_len != 32'd0;",
        "= 1'b1;",
        ("VQ-USED-WRITE",),
        "data.requests_without_room",
        parameters=_PACKED,
    ),
    "packed_write_never": Fault(
        "virtio_packed_used.sv",
        "= cpl_q.written_len != 32'd0;",
        "= 1'b0;",
        ("VQ-USED-LEN",),
        "packed.rings_wrap",
        parameters=_PACKED,
    ),
    "packed_id_of_the_first": Fault(
        "virtio_desc_walker.sv",
        "if (!in_table_q) id_q <= desc_q[111:96];",
        "if (!in_table_q && count_q == 16'd1) id_q <= desc_q[111:96];",
        ("VQ-USED-ID",),
        "packed.undefined_bits",
        parameters={**_PACKED, "Device": 2},
    ),
    "packed_flags_before_len": Fault(
        "virtio_packed_used.sv",
        "if (unanswered_q == '0) state_d = Flags;",
        "state_d = Flags;",
        ("VQ-ORDER-ELEMENT",),
        "packed.rings_wrap",
        parameters={**_PACKED, "AxiDataWidth": 32},
    ),
    "packed_event_one_late": Fault(
        "virtio_packed_used.sv",
        "behind <= {1'b0, moved};",
        "behind < {1'b0, moved};",
        ("IRQ-MISSING", "DeviceTimeout"),
        "packed.interrupts_at_every_place",
        parameters=_PACKED,
    ),
    "packed_event_ignored": Fault(
        "virtio_packed_used.sv",
        "wanted = behind != 17'd0 && behind <=",
        "wanted = 1'b1 || behind <=",
        ("IRQ-UNDUE",),
        "packed.interrupts_at_every_place",
        parameters=_PACKED,
    ),
    "packed_interrupts_not_disabled": Fault(
        "virtio_packed_used.sv",
        "wanted = wish[17:16] != RING_EVENT_FLAGS_DISABLE[1:0];",
        "wanted = 1'b1;",
        ("IRQ-UNDUE",),
        "interrupts.suppressed_by_the_flag",
        parameters=_PACKED,
    ),
    "packed_used_mark_not_looked_at": Fault(
        "virtio_packed_reader.sv",
        "flags[DESC_USED_BIT] != wrap_q &&",
        "",
        ("VQ-UNREAD", "DMA-WRITE-OUTSIDE", "VQ-USED-SLOT", "chains used"),
        "packed.half_marked_is_not_available",
        parameters=_PACKED,
    ),
    "packed_broken_list_waited_for": Fault(
        "virtio_packed_reader.sv",
        "(in_list_q && !available);",
        "1'b0;",
        ("IRQ-CONFIG-MISSING", "VQ-FAULT-IGNORED"),
        "packed.list_that_is_not_all_available",
        parameters=_PACKED,
    ),
    "packed_no_look_after_the_event": Fault(
        "virtio_packed_reader.sv",
        "if (wr_done_i) state_d = Ask;",
        "if (wr_done_i) state_d = Idle;",
        ("VQ-NOTIFY-LOST",),
        "features.events_race_with_buffers",
        parameters=_PACKED,
    ),
    "packed_event_stands_still": Fault(
        "virtio_packed_reader.sv",
        "{RING_EVENT_FLAGS_DESC, wrap_q, slot_q[14:0]}",
        "{RING_EVENT_FLAGS_DESC, 1'b1, slot_q[14:0]}",
        ("device event suppression", "DeviceTimeout"),
        "packed.idle_ring_asks_for_the_next_notification",
        parameters=_PACKED,
    ),
    "packed_table_in_a_list_followed": Fault(
        "virtio_desc_walker.sv",
        "(packed_i && count_q != 16'd1);",
        "1'b0;",
        ("VQ-FAULT-IGNORED", "DMA-READ-OUTSIDE", "VQ-UNREAD", "DMA-WRITE-OUTSIDE"),
        "packed.malformed_list table_in_a_list",
        parameters=_PACKED,
    ),
    "table_length_not_checked": Fault(
        "virtio_desc_walker.sv",
        "|| desc_len[3:0] != 4'd0 ||",
        "||",
        ("VQ-FAULT-IGNORED", "DMA-READ-OUTSIDE", "VQ-FAULT-USED", "DMA-WRITE-OUTSIDE"),
        "features.malformed_table length_17",
        parameters=_SPLIT,
    ),
    "nested_table_followed": Fault(
        "virtio_desc_walker.sv",
        "|| in_table_q ||",
        "||",
        ("VQ-FAULT-IGNORED", "DMA-READ-OUTSIDE"),
        "features.malformed_table nested",
        parameters=_SPLIT,
    ),
    "notification_data_taken_for_a_queue": Fault(
        "virtio_mmio_regs.sv",
        "{16'd0, wr_data_i[15:0]} : wr_data_i;",
        "wr_data_i : wr_data_i;",
        ("VQ-NOTIFY-LOST",),
        "interrupts.rises_once_for_each_event",
        parameters=_SPLIT,
    ),
    "queue_reset_does_not_wait": Fault(
        "virtio_queue_table.sv",
        "if (resetting_q[i] && !busy_i[i]) begin",
        "if (resetting_q[i]) begin",
        # VQ-USED-LEN: a request that was told to give up, and so is cut short, becomes used for all that.
        ("DMA-READ-OUTSIDE", "DMA-WRITE-OUTSIDE", "REG-ISR", "VQ-USED-LEN"),
        "features.queue_reset_under_load",
        "heavy",
        parameters=_SPLIT,
    ),
    "write_lost": Fault(
        "virtio_blk_port.sv",
        "= cmd_q.sector;",
        "= cmd_q.op == STORE_WRITE ? cmd_q.sector ^ 64'd1 : cmd_q.sector;",
        ("VQ-DATA",),
        "blk.writes_are_read_back",
        parameters=_BLK,
    ),
    "num_buffers_off_by_one": Fault(
        "virtio_net.sv",
        "16'(chains_q);",
        "16'(chains_q) + 16'd1;",
        ("VQ-DATA",),
        "net.frames_are_received",
        parameters=_NET,
    ),
    "frame_byte_changed": Fault(
        "virtio_net_tx.sv",
        ".in_data_i    (pack_data),",
        ".in_data_i    (pack_data ^ DataWidth'(frame_len_q == 16'd511)),",
        ("NET-SENT",),
        "net.frames_are_sent",
        parameters=_NET,
    ),
    "frame_not_sent": Fault(
        "virtio_net_tx.sv",
        "!bad_q && link_up_i",
        "!bad_q && !frame_len_q[9] && link_up_i",
        ("NET-SENT",),
        "net.frames_are_sent",
        parameters=_NET,
    ),
    "header_not_checked": Fault(
        "virtio_net_tx.sv",
        "req_data_i[15:8] != 8'd0));",
        "1'b0));",
        ("NET-SENT",),
        "net.bad_transmit_requests",
        parameters=_NET,
    ),
    "filter_ignored": Fault(
        "virtio_net_filter.sv",
        "assign keep_o = promisc ||",
        "assign keep_o = 1'b1 ||",
        ("VQ-DATA", "VQ-USED-LEN"),
        "net.own_address_only",
        parameters=_NET,
    ),
    "bad_frame_received": Fault(
        "virtio_net_rx.sv",
        "(last && mac_rx_user_i) ||",
        "",
        ("VQ-USED-LEN", "VQ-DATA"),
        "net.bad_and_odd_frames_are_dropped",
        parameters=_NET,
    ),
    "frame_dropped": Fault(
        "virtio_net_rx.sv",
        "else if (filter_done_i && filter_keep_i) state_d",
        "else if (filter_done_i && filter_keep_i && len_q != 16'd64) state_d",
        ("VQ-DATA", "VQ-USED-LEN"),
        "net.frames_come_back",
        parameters=_NET,
    ),
    "link_without_notification": Fault(
        "virtio_net.sv",
        "rst_ni && link_q != link_up_i;",
        "1'b0;",
        ("IRQ-CONFIG-MISSING", "ConfigGeneration", "REG-GENERATION"),
        "net.link",
        parameters=_NET,
    ),
    "table_of_one_entry": Fault(
        "virtio_net_filter.sv",
        "scan_end = hit || scan_q >= count_q;",
        "scan_end = hit || scan_q != '0;",
        ("VQ-DATA", "VQ-USED-LEN"),
        "net.address_table",
        parameters=_NET,
    ),
    "discard_range_unchecked": Fault(
        "virtio_blk.sv",
        "|| !seg_in_range;",
        ";",
        ("VQ-DATA",),
        "blk_features.ranges_beyond_the_limits",
        parameters=_BLK_SEGMENTS,
    ),
    "zeroes_not_written": Fault(
        "virtio_blk.sv",
        "seg_bad || seg_count == 32'd0;",
        "1'b1;",
        ("VQ-DATA",),
        "blk_features.zeroes_are_written",
        parameters=_BLK_SEGMENTS,
    ),
    "write_through_not_flushed": Fault(
        "virtio_blk_config.sv",
        "= !writeback;",
        "= 1'b0;",
        ("BLK-FLUSH",),
        "blk_features.write_through",
        parameters=_BLK_SEGMENTS,
    ),
    "console_byte_changed": Fault(
        "virtio_console.sv",
        ".in_data_i  (out_data),",
        ".in_data_i  (out_data == 8'h55 ? 8'h54 : out_data),",
        ("PORT-OUT",),
        "console.bytes_are_sent",
        parameters=_CONSOLE,
    ),
    "console_byte_lost": Fault(
        "virtio_console.sv",
        ".in_valid_i (out_valid),",
        ".in_valid_i (out_valid && out_data != 8'h55),",
        ("PORT-OUT",),
        "console.bytes_are_sent",
        parameters=_CONSOLE,
    ),
    "console_chain_per_byte": Fault(
        "virtio_console.sv",
        "assign in_len     = in_room < rx_there ? in_room : rx_there;",
        "assign in_len     = in_room < 32'd1 ? in_room : 32'd1;",
        ("VQ-USED-LEN",),
        "console.bytes_come_together",
        parameters=_CONSOLE,
    ),
    "console_chain_without_a_byte": Fault(
        "virtio_console.sv",
        "= rx_count != '0;",
        "= 1'b1;",
        ("PORT-IN",),
        "console.bytes_are_received",
        parameters=_CONSOLE,
    ),
    "console_reset_keeps_bytes": Fault(
        "virtio_console.sv",
        "= device_reset_i || queue_drop_i[0];",
        "= 1'b0;",
        ("VQ-DATA", "VQ-USED-LEN", "PORT-IN"),
        "console.resets_at_any_time",
        parameters=_CONSOLE,
    ),
    "console_size_without_notification": Fault(
        "virtio_console.sv",
        "rst_ni && (cols_q != cols_i || rows_q != rows_i);",
        "1'b0;",
        ("IRQ-CONFIG-MISSING", "ConfigGeneration", "REG-GENERATION"),
        "console.size_changes",
        parameters=_CONSOLE,
    ),
    "emergency_byte_of_the_wrong_lane": Fault(
        "virtio_console.sv",
        "&& config_wr_strb_i[0];",
        "&& config_wr_strb_i[1];",
        ("PORT-EMERGENCY",),
        "console.emergency_write",
        parameters=_CONSOLE,
    ),
    "emergency_write_only_when_live": Fault(
        "virtio_console.sv",
        "assign emerg_write = config_wr_en_i &&",
        "assign emerg_write = queue_live_i[1] && config_wr_en_i &&",
        ("PORT-EMERGENCY",),
        "console.emergency_write",
        parameters=_CONSOLE,
    ),
    "emergency_write_not_while_resetting": Fault(
        "virtio_mmio_regs.sv",
        "wr_addr_i >= REG_CONFIG && !Placeholder",
        "wr_addr_i >= REG_CONFIG && !device_reset_o && !Placeholder",
        ("PORT-EMERGENCY", "while the reset is pending"),
        "console.emergency_write_while_a_reset_is_pending",
        parameters=_CONSOLE,
    ),
    "emergency_write_takes_turns": Fault(
        "virtio_console.sv",
        "assign sent_ready  = tx_free && !emerg_valid;",
        "assign sent_ready  = tx_free;",
        ("PORT-OUT",),
        "console.emergency_write",
        parameters=_CONSOLE,
    ),
    "sequence_in_part": Fault(
        "virtio_input.sv",
        "= event_valid_i && drop;",
        "= 1'b0;",
        ("VQ-DATA", "VQ-USED-LEN", "PORT-IN"),
        "input.too_few_buffers",
        parameters=_INPUT,
    ),
    "sequence_before_its_end": Fault(
        "virtio_input.sv",
        "= event_push && sync;",
        "= event_push;",
        ("PORT-IN",),
        "input.sequences_come_whole",
        parameters=_INPUT,
    ),
    "events_before_driver_ok": Fault(
        "virtio_input.sv",
        "|| (!in_middle_q && !queue_live_i[0]);",
        ";",
        ("PORT-IN", "VQ-DATA"),
        "input.events_without_a_driver",
        parameters=_INPUT,
    ),
    "event_dropped": Fault(
        "virtio_input.sv",
        "event_push = event_valid_i && !drop;",
        "event_push = event_valid_i && !drop && event_data_i[23:16] != 8'd0;",
        ("VQ-DATA", "VQ-USED-LEN", "VQ-UNUSED", "expected within"),
        "input.events_are_delivered",
        parameters=_INPUT,
    ),
    "part_of_an_event_kept": Fault(
        "virtio_input.sv",
        "|| device_reset_i || out_end)",
        "|| device_reset_i)",
        ("PORT-OUT",),
        "input.status_events",
        parameters=_INPUT,
    ),
    "unknown_select_answered": Fault(
        "virtio_input_keyboard.sv",
        "is_codes && subsel_i == EvRep;",
        "is_codes && subsel_i[4:0] == EvRep[4:0];",
        ("REG-CONFIG",),
        "input.window_without_information",
        parameters=_INPUT,
    ),
    "checksum_wrong": Fault(
        "virtio_checksum.sv",
        "crc_next[0] != data[i]",
        "crc_next[0] == data[i]",
        ("VQ-DATA",),
        "checksum.checksums",
        parameters=_OWN,
    ),
    "checksum_of_what_cannot_be_read": Fault(
        "virtio_checksum.sv",
        "error_q || req_err_i",
        "error_q",
        ("VQ-DATA", "VQ-USED-LEN"),
        "checksum.failing_memory",
        parameters=_OWN,
    ),
    "checksum_while_not_enabled": Fault(
        "virtio_checksum.sv",
        "({1'b0, enabled_q})",
        "(2'd1)",
        ("requests are served",),
        "checksum.enabled",
        parameters=_OWN,
    ),
}

PLANTED: Mapping[str, Fault] = {f"planted_{name}": fault for name, fault in _FAULTS.items()}


def planted_text(fault: Fault, text: str) -> str:
    """The source with the fault in it. Raises `PlantError`."""
    found = text.count(fault.old)
    if found != 1:
        raise PlantError(f"{fault.file}: {fault.old!r} expected once, found {found} times")
    return text.replace(fault.old, fault.new)


def plant(sources: Sequence[Path], config: str, directory: Path) -> list[Path]:
    """The sources of a configuration; of a planted one with a faulty copy, in `directory`, in the place of a file.

    Raises `PlantError`.
    """
    fault = PLANTED.get(config)
    if fault is None:
        return list(sources)
    places = [i for i, path in enumerate(sources) if path.name == fault.file]
    if len(places) != 1:
        raise PlantError(f"{fault.file}: expected one such file, found {len(places)}")
    changed = list(sources)
    copy = directory / "planted" / fault.file
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(planted_text(fault, sources[places[0]].read_text()))
    changed[places[0]] = copy
    return changed
