# SPDX-License-Identifier: Apache-2.0
"""Faults in how the RTL meets drivers and memories that break the rules."""

from __future__ import annotations

from collections.abc import Mapping

from .fault import BLK, SPLIT, Fault

FAULTS: Mapping[str, Fault] = {
    "avail_idx_not_checked": Fault(
        file="virtio_avail_reader.sv",
        old="assign idx_bad = distance_q > size_q || in_flight_q > size_q;",
        new="assign idx_bad = 1'b0;",
        rules=("VQ-FAULT-IGNORED", "DMA-WRITE-OUTSIDE"),
        body="faults.avail_idx_out_of_range idx_far_ahead",
    ),
    "head_not_checked": Fault(
        file="virtio_avail_reader.sv",
        old="assign head_bad = came_err_q || value_q >= size_q;",
        new="assign head_bad = came_err_q;",
        rules=("DMA-READ-OUTSIDE", "VQ-FAULT-IGNORED"),
        body="faults.head_outside_the_table head_0x8000",
    ),
    "used_idx_error_ignored": Fault(
        file="virtio_used_writer.sv",
        old="if (wr_done_i && wr_done_err_i) state_d = Fatal;",
        new="",
        rules=("VQ-FAULT-IGNORED", "REG-ISR"),
        body="faults.dma_error_in_a_ring used_idx",
    ),
    "wish_of_an_error_believed": Fault(
        file="virtio_used_writer.sv",
        old="rd_rsp_err_i || !wish[0]",
        new="!rd_rsp_err_i && !wish[0]",
        rules=("IRQ-MISSING", "no interrupt told of it"),
        body="faults.dma_error_on_the_suppression_flag as_offered",
    ),
    "header_of_an_error_used": Fault(
        file="virtio_blk.sv",
        old="header_err_q  <= header_err_q || req_err_i;",
        new="header_err_q  <= header_err_q;",
        rules=("VQ-USED-LEN", "VQ-DATA", "status"),
        body="faults.dma_error_in_the_header",
        parameters=BLK,
    ),
    "partial_write_taken": Fault(
        file="virtio_mmio_regs.sv",
        old="wr_en_i && wr_strb_i == 4'hf &&",
        new="wr_en_i && wr_strb_i != 4'h0 &&",
        rules=("REG-", "IRQ-LEVEL"),
        body="registers.partial_writes_are_ignored",
    ),
    "table_with_write_refused": Fault(
        file="virtio_desc_walker.sv",
        old="assign bad_table = !indirect_i ||",
        new="assign bad_table = !indirect_i || desc_writable ||",
        rules=("REG-NEEDS-RESET", "IRQ-UNDUE", "DeviceError"),
        body="features.write_on_the_descriptor_of_a_table",
        parameters=SPLIT,
    ),
    "head_of_before_dropped": Fault(
        file="virtio_avail_reader.sv",
        old="assign head_push = (came_q && !bad_q && !head_bad) || head_faulty;",
        new="""logic [16:0] before_q;
  always_ff @(posedge clk_i) begin
    if (state_q == CheckIdx) before_q <= '1;
    else if (came_q) before_q <= {1'b0, value_q};
  end
  assign head_push = (came_q && !bad_q && !head_bad && {1'b0, value_q} != before_q) || head_faulty;""",
        rules=("used elements", "VQ-UNUSED", "VQ-"),
        body="rings.same_head_twice_in_a_batch",
    ),
}
