# SPDX-License-Identifier: Apache-2.0
"""Faults in how device types meet requests that are not as they should be, and backends that fail or stay silent."""

from __future__ import annotations

from collections.abc import Mapping

from .fault import BLK, NET, Chosen, Fault

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
    "small_buffer_overrun": Chosen(
        "virtio_net.sv",
        "room_sum >= {16'd0, frame_len}",
        "room_sum + 32'd1 >= {16'd0, frame_len}",
        ("VQ-", "DMA-"),
        "net.buffers_of_any_kind",
        parameters=NET,
    ),
}
