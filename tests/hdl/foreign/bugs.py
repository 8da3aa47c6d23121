# SPDX-License-Identifier: Apache-2.0
"""The defects that the parameter BUG of the devices in this folder plants, by number, and what shows each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Bug(NamedTuple):
    """A defect: what is wrong, the test that shows it, the rule that it breaks or what is said of it, and the
    requirement or hostile case of the catalogue that fails by it.
    """

    name: str
    what: str
    test: str
    shows: str
    fails: str


Bugs = Mapping[int, Bug]

#: What any device can have.
_ANY = (
    Bug(
        "status_kept",
        "Status still reads the driver's bits after a reset by writing 0",
        "status.resets_at_each_rung",
        "Status after a reset",
        "RESET-DEV-001",
    ),
    Bug(
        "irq_before_element",
        "the interrupt comes before the used element and the used index are written",
        "interrupts.rises_once_for_each_event",
        "IRQ-UNDUE",
        "SPLIT-DEV-026",
    ),
    Bug(
        "idx_before_element",
        "the used index is written before the used element",
        "rings.batches_of_any_size",
        "VQ-ORDER-ELEMENT",
        "SPLIT-DEV-033",
    ),
    Bug(
        "queue_size_ignored",
        "ring slots wrap at QueueSizeMax instead of QueueSize",
        "queues.odd_sizes_are_served",
        "VQ-ORDER-ELEMENT",
        "SPLIT-DEV-033",
    ),
    Bug("index_kept", "ring indices survive a reset", "reset.indices_are_forgotten", "DEVICE_NEEDS_RESET", "HOST-099"),
    Bug(
        "suppression_ignored",
        "an interrupt comes in spite of VIRTQ_AVAIL_F_NO_INTERRUPT",
        "interrupts.suppressed_by_the_flag",
        "IRQ-UNDUE",
        "SPLIT-DEV-026",
    ),
    Bug(
        "used_len_counts_reads",
        "the used length also counts device-readable bytes",
        "data.data_that_nobody_wants",
        "VQ-USED-LEN",
        "SPLIT-DEV-007",
    ),
    Bug(
        "features_kept",
        "accepted features survive a reset: FEATURES_OK without writing VERSION_1 again is granted",
        "reset.features_are_forgotten",
        "Status with FEATURES_OK and no feature",
        "FEAT-DEV-002",
    ),
    Bug(
        "unoffered_accepted",
        "FEATURES_OK is granted whatever the driver accepted",
        "negotiation.each_unoffered_bit_is_refused",
        "Status with feature bit 0",
        "FEAT-DEV-003",
    ),
    Bug(
        "irq_not_lowered",
        "InterruptACK clears InterruptStatus, but the line stays high until a reset",
        "interrupts.rises_once_for_each_event",
        "interrupt line after the acknowledgement",
        "MMIO-DEV-037",
    ),
    Bug(
        "hangs",
        "after five requests no further one is served",
        "one_by_one.random_requests",
        "VQ-NOTIFY-LOST",
        "MMIO-DEV-015",
    ),
    Bug(
        "magic_wrong",
        "MagicValue is another",
        "identity.query_touches_three_registers",
        "NotAVirtioDevice",
        "MMIO-DEV-002",
    ),
    Bug(
        "status_not_accumulated",
        "Status reads only the bits that the last write added",
        "status.resets_at_each_rung",
        "REG-STATUS",
        "STATUS-DEV-005",
    ),
)
_RNG = (
    Bug(
        "whole_words",
        "data writes ignore byte strobes: up to 3 bytes beside an unaligned buffer are overwritten",
        "data.destinations_of_every_length",
        "DMA-WRITE-OUTSIDE",
        "SPLIT-DEV-003",
    ),
    Bug(
        "next_ignored",
        "`next` is not looked at: a chain is taken to be consecutive descriptors",
        "rings.chains_of_1_to_64_descriptors",
        "VQ-UNREAD",
        "SPLIT-DEV-045",
    ),
    Bug("page_crossed", "DMA bursts cross 4 KiB boundaries", "data.pages_are_crossed", "AXI-4KIB", "HOST-035"),
    Bug(
        "dma_after_reset",
        "a reset does not wait for DMA: the request under way goes on writing",
        "reset.nothing_happens_after_it",
        "IRQ-UNDUE",
        "STATUS-DEV-001",
    ),
    Bug(
        "used_id_of_tail",
        "the used element names the last descriptor of the chain instead of the first",
        "one_by_one.random_requests",
        "VQ-USED-ID",
        "SPLIT-DEV-007",
    ),
)
_BLK = (
    Bug(
        "status_as_word",
        "the status byte is written as 32 bits: up to 3 bytes behind it are zeroed",
        "blk.status_is_the_last_writable_byte",
        "DMA-WRITE-OUTSIDE",
        "SPLIT-DEV-003",
    ),
    Bug(
        "next_ignored",
        "`next` is not looked at: a chain is taken to be consecutive descriptors",
        "rings.chains_of_1_to_64_descriptors",
        "DEVICE_NEEDS_RESET",
        "STATUS-DEV-002",
    ),
    Bug(
        "dma_after_reset",
        "a reset does not wait for DMA: the request under way goes on",
        "reset.nothing_happens_after_it",
        "Status expected 0 within",
        "RESET-DEV-002",
    ),
    Bug(
        "unsupported_ok",
        "unknown request types end with OK instead of UNSUPP",
        "blk.unknown_types_are_unsupported",
        "VQ-DATA",
        "HOST-110",
    ),
    Bug(
        "capacity_in_bytes",
        "capacity counts bytes instead of sectors",
        "blk.configuration_fields",
        "REG-CONFIG",
        "MMIO-DEV-026",
    ),
    Bug(
        "range_unchecked",
        "requests beyond the capacity are served from the sector number modulo 64",
        "blk.ranges_beyond_the_capacity_fail",
        "VQ-DATA",
        "HOST-109",
    ),
    Bug(
        "framing_assumed",
        "OUT data are taken from the second descriptor on, however the header is split",
        "blk.every_framing_is_served",
        "PIN-UNKNOWN",
        "SPLIT-DEV-011",
    ),
)
_NET = (
    Bug(
        "header_sent",
        "the 12 bytes of the header go out as the beginning of the frame",
        "net.frames_are_sent",
        "NET-SENT",
        "NET-DEV-022",
    ),
    Bug(
        "used_len_without_header",
        "the used length of a received frame lacks the 12 bytes of its header",
        "net.frames_are_received",
        "VQ-USED-LEN",
        "SPLIT-DEV-007",
    ),
    Bug(
        "num_buffers_zero",
        "num_buffers of a received frame is 0 instead of 1",
        "net.frames_are_received",
        "VQ-DATA",
        "NET-DEV-022",
    ),
    Bug(
        "bad_delivered",
        "a frame that the MAC calls bad is delivered",
        "net.bad_and_odd_frames_are_dropped",
        "VQ-USED-LEN",
        "SPLIT-DEV-007",
    ),
    Bug(
        "tail_lost",
        "the last 1 to 3 bytes are lost of a frame sent whose length is no multiple of 4",
        "net.frames_are_sent",
        "NET-SENT",
        "NET-DEV-022",
    ),
    Bug(
        "frame_kept",
        "a frame stored before a reset is delivered after it",
        "net.resets_at_any_time",
        "VQ-USED-LEN",
        "SPLIT-DEV-007",
    ),
    Bug(
        "checksum_ignored",
        "a frame whose header asks for a checksum is sent as it is",
        "net.bad_transmit_requests",
        "NET-SENT",
        "NET-DEV-022",
    ),
    Bug(
        "queue_size_ignored",
        "ring slots wrap at QueueSizeMax instead of QueueSize",
        "queues.odd_sizes_are_served",
        "DMA-WRITE-OUTSIDE",
        "SPLIT-DEV-003",
    ),
)

_INPUT = (
    *(bug for bug in _RNG if bug.name == "next_ignored"),
    Bug(
        "used_len_counts_reads",
        "the used length of a status chain counts the bytes that were read",
        "input.status_events",
        "VQ-USED-LEN",
        "SPLIT-DEV-007",
    ),
    Bug(
        "sequence_in_part",
        "of a sequence that finds no room the events are dropped that do not fit, and the others delivered",
        "input.too_few_buffers",
        "VQ-DATA",
        "SPLIT-DEV-034",
    ),
    Bug(
        "event_written_twice",
        "an event is written into two buffers, one after the other",
        "input.events_are_delivered",
        "VQ-DATA",
        "SPLIT-DEV-034",
    ),
    Bug(
        "select_ignored",
        "whatever select asks for, the answer is the name",
        "input.window_in_either_order",
        "REG-CONFIG",
        "INPUT-DEV-002",
    ),
    Bug(
        "subsel_ignored",
        "subsel is not looked at: key codes are the answer for each type of event",
        "input.window_in_either_order",
        "REG-CONFIG",
        "INPUT-DEV-002",
    ),
    Bug(
        "size_without_information",
        "size is not 0 for a select of which nothing is known",
        "input.window_in_either_order",
        "REG-CONFIG",
        "INPUT-DEV-003",
    ),
    Bug(
        "status_event_lost",
        "the last event of a status chain that holds several is not given out",
        "input.status_events",
        "PORT-OUT",
        "INPUT-DEV-007",
    ),
    Bug(
        "stale_entries",
        "ring entries read along with one that is available are gone by before an index covers them",
        "rings.batches_of_any_size",
        "DMA-READ-OUTSIDE",
        "SPLIT-DEV-045",
    ),
    Bug(
        "event_kept",
        "an event stored before a reset is delivered after it",
        "input.resets_at_any_time",
        "VQ-DATA",
        "SPLIT-DEV-034",
    ),
    Bug(
        "buffer_kept",
        "a buffer taken before a reset is written after it",
        "input.rest_of_a_sequence_after_a_reset",
        "DMA-WRITE-OUTSIDE",
        "SPLIT-DEV-003",
    ),
)

#: Of the general defects those that the devices with streams have too, which the bodies of their types do not look for.
_GENERAL = "status_kept queue_size_ignored index_kept suppression_ignored"


def _numbered(bugs: tuple[Bug, ...], order: str, first: int = 1) -> Bugs:
    """Defects by the numbers that BUG has for them: those of `order`, from `first` on."""
    by_name = {bug.name: bug for bug in bugs}
    return {number: by_name[name] for number, name in enumerate(order.split(), first)}


#: What the console can have.
CONSOLE: Bugs = {
    1: Bug(
        "second_buffer_skipped",
        "the bytes of a transmit chain's second device-readable descriptor are not sent",
        "console.bytes_are_sent",
        "PORT-OUT",
        "CON-DEV-007",
    ),
    2: Bug(
        "used_len_counts_reads",
        "the used length of a transmit chain counts the bytes that were sent",
        "console.bytes_are_sent",
        "VQ-USED-LEN",
        "SPLIT-DEV-007",
    ),
    8: Bug(
        "words_reversed",
        "the bytes of each word of a transmit buffer are sent last one first",
        "console.bytes_are_sent",
        "PORT-OUT",
        "CON-DEV-007",
    ),
    **_numbered(_ANY, _GENERAL, 9),
}

#: What the network device can have. 7 is an overrun of a buffer that the standard does not let a driver make.
NET: Bugs = {
    **_numbered(_NET[:3], "header_sent used_len_without_header num_buffers_zero"),
    5: _NET[3],
    6: _NET[4],
    8: _NET[5],
    9: _NET[6],
    **_numbered((*_ANY, *_NET), _GENERAL, 10),
}

#: What the input device can have.
INPUT: Bugs = _numbered(
    (*_INPUT, *(bug for bug in _ANY if bug.name not in {own.name for own in _INPUT})),
    "status_kept irq_before_element idx_before_element next_ignored queue_size_ignored index_kept suppression_ignored "
    "used_len_counts_reads features_kept sequence_in_part event_written_twice select_ignored subsel_ignored "
    "size_without_information status_event_lost stale_entries event_kept buffer_kept",
)

#: By the name of the top module.
BUGS: Mapping[str, Bugs] = {
    "tiny_rng": _numbered(
        (*_ANY, *_RNG),
        "status_kept irq_before_element idx_before_element whole_words next_ignored "
        "queue_size_ignored index_kept suppression_ignored page_crossed used_len_counts_reads "
        "features_kept unoffered_accepted dma_after_reset irq_not_lowered hangs magic_wrong "
        "status_not_accumulated used_id_of_tail",
    ),
    "apb_blk": _numbered(
        (*_ANY, *_BLK),
        "status_kept irq_before_element idx_before_element status_as_word next_ignored "
        "queue_size_ignored index_kept suppression_ignored features_kept unoffered_accepted "
        "dma_after_reset irq_not_lowered hangs magic_wrong status_not_accumulated "
        "used_len_counts_reads unsupported_ok capacity_in_bytes range_unchecked framing_assumed",
    ),
    "tiny_console": CONSOLE,
    "tiny_input": INPUT,
    "tiny_net": NET,
}
