# SPDX-License-Identifier: Apache-2.0
"""Faults in how device types meet requests that are not as they should be, and backends that fail or stay silent."""

from __future__ import annotations

from collections.abc import Mapping

from .fault import BLK, BLK_SEGMENTS, NET, Chosen, Fault

FAULTS: Mapping[str, Fault] = {
    "status_of_two_bytes": Chosen(
        "virtio_chain_retire.sv",
        "Bytes'(1) << tail_addr[OffsetWidth-1:0]",
        "Bytes'(3) << tail_addr[OffsetWidth-1:0]",
        ("VQ-DATA", "DMA-WRITE-OUTSIDE"),
        "overlaps.buffers status_in_the_data",
        parameters=BLK,
    ),
    "part_of_a_sector_moved": Chosen(
        "virtio_blk.sv",
        "data_len_q[8:0] == 9'd0",
        "(data_len_q[8:0] == 9'd0 || data_len_q[31:9] != '0)",
        ("VQ-DATA", "VQ-USED-LEN", "DeviceTimeout"),
        "blk.parts_of_sectors_fail",
        parameters=BLK,
    ),
    "read_only_disk_written": Chosen(
        "virtio_blk.sv",
        "is_out && fits_q && !ReadOnly",
        "is_out && fits_q",
        ("VQ-DATA",),
        "blk.read_only_disk",
        parameters={**BLK, "ReadOnly": 1},
    ),
    "sector_of_before_the_reset_kept": Chosen(
        "virtio_blk_port.sv",
        "wr_drop_i || device_reset_i",
        "wr_drop_i",
        ("VQ-", "DeviceTimeout", "sector"),
        "reset.in_each_cycle_of_a_write",
        parameters=BLK,
        hostile=("HOST-119",),
    ),
    "unmap_lost": Chosen(
        "virtio_blk_port.sv",
        "cmd_q.unmap",
        "1'b0",
        ("sectors to deallocate",),
        "blk_features.zeroes_are_written",
        parameters=BLK_SEGMENTS,
    ),
    "unmap_always": Chosen(
        "virtio_blk.sv",
        "seg_flags[0]",
        "1'b1",
        ("sectors to deallocate",),
        "blk_features.zeroes_are_written",
        parameters=BLK_SEGMENTS,
        within="step_unmap  = seg_flags[0];",
    ),
    "failed_flush_reported_as_done": Chosen(
        "virtio_blk_port.sv",
        "failed_q || (!track.none && store_rsp_error_i)",
        "failed_q || (!track.none && store_rsp_error_i && cmd_q.op != STORE_FLUSH)",
        ("VQ-DATA", "status"),
        "blk.failing_flush",
        parameters=BLK,
    ),
    "frame_sent_that_cannot_be_read": Chosen(
        "virtio_net_tx.sv",
        "req_err_i",
        "1'b0",
        ("NET-SENT",),
        "net.failing_memory",
        parameters=NET,
        within="beat_bad = req_err_i ||",
    ),
    "command_obeyed_that_cannot_be_read": Chosen(
        "virtio_net_ctrl.sv",
        "err_q || req_err_i",
        "err_q",
        ("VQ-DATA", "ack and used length", "mac with"),
        "net.failing_memory",
        parameters=NET,
    ),
    "mode_out_of_range_taken": Chosen(
        "virtio_net_ctrl.sv",
        "field_q[47:41] == '0",
        "1'b1",
        ("VQ-DATA", "ack of"),
        "net.bad_commands",
        parameters=NET,
    ),
    "small_buffer_overrun": Chosen(
        "virtio_net.sv",
        "room_sum >= {16'd0, frame_len}",
        "room_sum + 32'd1 >= {16'd0, frame_len}",
        ("VQ-", "DMA-"),
        "net.buffers_of_any_kind",
        parameters=NET,
    ),
}
