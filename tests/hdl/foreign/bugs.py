# SPDX-License-Identifier: Apache-2.0
"""The defects that the parameter BUG of the devices in this folder plants: number to (name, what is wrong)."""

from __future__ import annotations

from collections.abc import Mapping

Bugs = Mapping[int, tuple[str, str]]

TINY_RNG: Bugs = {
    1: ("status_kept", "Status still reads the driver's bits after a reset by writing 0"),
    2: ("irq_before_element", "the interrupt comes before the used element and the used index are written"),
    3: ("idx_before_element", "the used index is written before the used element"),
    4: ("whole_words", "data writes ignore byte strobes: up to 3 bytes beside an unaligned buffer are overwritten"),
    5: ("next_ignored", "`next` is not looked at: a chain is taken to be consecutive descriptors"),
    6: ("queue_size_ignored", "ring slots wrap at QueueSizeMax instead of QueueSize"),
    7: ("index_kept", "ring indices survive a reset"),
    8: ("suppression_ignored", "an interrupt comes in spite of VIRTQ_AVAIL_F_NO_INTERRUPT"),
    9: ("page_crossed", "DMA bursts cross 4 KiB boundaries"),
    10: ("used_len_counts_reads", "the used length also counts device-readable bytes"),
    11: ("features_kept", "accepted features survive a reset: FEATURES_OK without writing VERSION_1 again is granted"),
    12: ("unoffered_accepted", "FEATURES_OK is granted whatever the driver accepted"),
    13: ("dma_after_reset", "a reset does not wait for DMA: the request under way goes on writing"),
    14: ("irq_not_lowered", "InterruptACK clears InterruptStatus, but the line stays high until a reset"),
    15: ("hangs", "after five requests no further one is served"),
    16: ("magic_wrong", "MagicValue is byte-swapped"),
    17: ("status_not_accumulated", "Status reads only the bits that the last write added"),
    18: ("used_id_of_tail", "the used element names the last descriptor of the chain instead of the first"),
}

APB_BLK: Bugs = {
    1: ("status_kept", "Status still reads ACKNOWLEDGE, DRIVER and FEATURES_OK after a reset by writing 0"),
    2: ("irq_before_element", "the interrupt comes before the used element and the used index are written"),
    3: ("idx_before_element", "the used index is written before the used element"),
    4: ("status_as_word", "the status byte is written as 32 bits: up to 3 bytes behind it are zeroed"),
    5: ("next_ignored", "`next` is not looked at: a chain is taken to be consecutive descriptors"),
    6: ("queue_size_ignored", "ring slots wrap at QueueSizeMax instead of QueueSize"),
    7: ("index_kept", "ring indices survive a reset"),
    8: ("suppression_ignored", "an interrupt comes in spite of VIRTQ_AVAIL_F_NO_INTERRUPT"),
    9: ("features_kept", "accepted features survive a reset: FEATURES_OK without writing VERSION_1 again is granted"),
    10: ("unoffered_accepted", "FEATURES_OK is granted whatever the driver accepted"),
    11: ("dma_after_reset", "a reset does not wait for DMA: the request under way goes on"),
    12: ("irq_not_lowered", "InterruptACK clears InterruptStatus, but the line stays high until a reset"),
    13: ("hangs", "after five requests no further one is served"),
    14: ("magic_wrong", "MagicValue is off by one"),
    15: ("status_not_accumulated", "Status reads only those of ACKNOWLEDGE, DRIVER and FEATURES_OK last added"),
    16: ("used_len_counts_reads", "the used length also counts device-readable bytes"),
    17: ("unsupported_ok", "unknown request types end with OK instead of UNSUPP"),
    18: ("capacity_in_bytes", "capacity counts bytes instead of sectors"),
    19: ("range_unchecked", "requests beyond the capacity are served from the sector number modulo 64"),
    20: ("framing_assumed", "OUT data are taken from the second descriptor on, however the header is split"),
}

#: By the name of the top module.
BUGS: Mapping[str, Bugs] = {"tiny_rng": TINY_RNG, "apb_blk": APB_BLK}
