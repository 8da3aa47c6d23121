# SPDX-License-Identifier: Apache-2.0
"""What neither a rule nor a test body names: what judges these requirements and hostile cases, or why nothing does.

Rules stand in `backticks`, test bodies as module.function.
"""

from __future__ import annotations

from collections.abc import Mapping

_NO_SHM = "no region exists, `REG-SHM`"
_NO_MULTIPORT = "VIRTIO_CONSOLE_F_MULTIPORT is not offered"
_UNIT = "tests/unit/"

#: Requirements that neither a rule nor a test body names: where they are checked, or "-" and why they do not apply.
OTHERS: Mapping[str, str] = {
    "FEAT-DEV-001": "the network device offers MQ and other control features only with CTRL_VQ; the core's need none",
    "FEAT-DEV-004": "elaboration refuses `TransportFeatures` that the core does not know; identity.features_offered",
    "FEAT-DEV-006": f"{_UNIT}test_spec.py compares the bit numbers of model and RTL with the catalogue",
    "QUEUE-DEV-001": "elaboration: NumQueues is at most 1024",
    "QUEUE-DEV-003": "not made use of: chains are used in the order in which they were fetched",
    "QUEUE-DEV-004": "split always, packed with RING_PACKED; the driver chooses: identity.features_offered",
    "SHM-DEV-001": f"does not apply: {_NO_SHM}",
    "SHM-DEV-002": f"does not apply: {_NO_SHM}",
    "SHM-DEV-003": f"does not apply: {_NO_SHM}",
    "OPER-DEV-002": "`IRQ-CONFIG-MISSING` after each change: interrupts.configuration_change, net.link",
    "RSVD-DEV-003": "the integrator's choice: bit 33 of `TransportFeatures`",
    "RSVD-DEV-004": "not made use of: the device works without",
    "RSVD-DEV-006": "not made use of: the device works without",
    "RSVD-DEV-007": "not made use of: the speed is the same",
    "RSVD-DEV-008": "does not apply: no PCI device; both bits can be offered",
    "RSVD-DEV-009": "does not apply: no PCI device",
    "RSVD-DEV-010": "elaboration: bit 37 is not among the bits that the core knows",
    "RSVD-DEV-011": "rings and buffers are wherever the driver says, in every test; nothing translates",
    "RSVD-DEV-012": "elaboration: bit 41 is not among the bits that the core knows, nor offered by a device type here",
    "RSVD-DEV-013": "elaboration: bit 39 is not among the bits that the core knows",
    "SPLIT-DEV-001": f"{_UNIT}test_model_split.py; `DMA-READ-OUTSIDE` and `DMA-WRITE-OUTSIDE` go by it",
    "SPLIT-DEV-002": "queues.bad_sizes_are_refused; any other size is served too: queues.odd_sizes_are_served",
    "SPLIT-DEV-004": f"{_UNIT}test_spec.py; every test with chains",
    "SPLIT-DEV-012": "not made use of: chains up to the queue size are served, rings.chain_of_the_whole_table",
    "SPLIT-DEV-016": "not made use of: `VQ-READ-WRITABLE`",
    "SPLIT-DEV-037": f"not made use of by the device; the bench takes it: {_UNIT}test_driver_virtqueue.py",
    "SPLIT-DEV-038": "does not apply, see SPLIT-DEV-037",
    "SPLIT-DEV-039": "does not apply, see SPLIT-DEV-037",
    "SPLIT-DEV-041": "not made use of: used flags stay 0",
    "SPLIT-DEV-047": "features.idle_queue_asks_for_the_next_notification",
    "PACKED-DEV-003": f"{_UNIT}test_model_packed.py; areas not aligned so are refused as those of split queues are",
    "PACKED-DEV-013": "packed.malformed_list; rings.chain_of_the_whole_table",
    "PACKED-DEV-018": f"not made use of by the device; the bench takes it: {_UNIT}test_driver_packed.py",
    "PACKED-DEV-019": "does not apply, see PACKED-DEV-018",
    "PACKED-DEV-020": "does not apply, see PACKED-DEV-018",
    "PACKED-DEV-030": "not made use of: writes go out in order",
    "PACKED-DEV-037": "not made use of",
    "PACKED-DEV-038": "made use of: several descriptors are read in one burst",
    "MMIO-DEV-001": "every test; registers.narrow_reads_give_the_lanes_of_the_word",
    "MMIO-DEV-008": "negotiation.every_subset_is_accepted",
    "MMIO-DEV-009": "negotiation.every_subset_is_accepted",
    "MMIO-DEV-012": "queues.odd_sizes_are_served",
    "MMIO-DEV-016": "every test with all transport features: bits 31:16 taken for the queue break `VQ-NOTIFY-LOST`",
    "MMIO-DEV-017": "`REG-ISR` in every test",
    "MMIO-DEV-021": "registers.shared_memory_does_not_exist",
    "CON-DEV-001": "one port: console.offered_features",
    **{f"CON-DEV-{number:03}": f"does not apply: {_NO_MULTIPORT}" for number in (10, 11, 12, 13)},
    "MMIO-DEV-038": "elaboration: bit 41 is not among the bits that the core knows",
}

_NO_OFFLOAD = "no checksum or segmentation offload is offered"
_HEADER = "`VQ-DATA`: the whole header is compared"
_SENT = "`NET-SENT`: what the header says is not made use of"

#: The same for the areas of block, network and entropy devices, and for what is said in general.
DEVICES: Mapping[str, str] = {
    "NOTIF-DEV-001": "`IRQ-MISSING`, `IRQ-UNDUE`, `VQ-NOTIFY-LOST`",
    "NOTIF-DEV-002": "`IRQ-MISSING`, `IRQ-UNDUE`",
    "CLEANUP-DEV-001": "reset.nothing_happens_after_it",
    "RNG-DEV-001": "`REG-IDENTITY`; queues.queues_that_do_not_exist",
    "RNG-DEV-002": "identity.features_offered",
    "RNG-DEV-003": "registers.configuration_past_its_end",
    "RNG-DEV-006": "`VQ-USED-LEN`",
    "BLK-DEV-004": "blk_features.configuration_space",
    "BLK-DEV-007": "identity.features_offered",
    "BLK-DEV-010": "identity.features_offered",
    "BLK-DEV-028": "blk.every_framing_is_served",
    "BLK-DEV-033": "`VQ-USED-LEN`",
    "BLK-DEV-043": "blk_features.configuration_space",
    "BLK-DEV-045": "does not apply: it does not change",
    "BLK-DEV-051": "blk.unknown_types_are_unsupported",
    "NET-DEV-001": "`REG-IDENTITY`; net.queue_pairs",
    "NET-DEV-002": "identity.features_offered",
    "NET-DEV-008": "elaboration: Mtu is at least 1280",
    "NET-DEV-009": "`REG-CONFIG`",
    "NET-DEV-019": "identity.features_offered",
    "NET-DEV-021": "net.queue_pairs",
    "NET-DEV-022": "`VQ-DATA`, `NET-SENT`",
    **dict.fromkeys((f"NET-DEV-{number:03}" for number in (25, 27, 30, 35)), _SENT),
    "NET-DEV-038": "net.buffers_of_any_kind",
    **dict.fromkeys((f"NET-DEV-{number:03}" for number in (47, 49, 50, 51, 52, 55, 60, 62, 63, 67)), _HEADER),
    **dict.fromkeys((f"NET-DEV-{number:03}" for number in (48, 53, 64, 65, 68)), f"does not apply: {_NO_OFFLOAD}"),
    "NET-DEV-113": "net.queue_resets",
    "NET-DEV-114": "net.queue_resets",
    "NET-DEV-144": "does not apply: there are neither flow filters nor RSS",
}

#: Hostile cases.
HOSTILE: Mapping[str, str] = {
    "HOST-049": "packed.malformed_list",
    "HOST-050": "packed.half_marked_is_not_available",
    "HOST-052": "packed.rings_wrap",
    "HOST-053": "queues.odd_sizes_are_served, queues.bad_sizes_are_refused",
    "HOST-055": "packed.interrupts_that_are_wanted",
    "HOST-056": "negotiation.each_unoffered_bit_is_refused",
    "HOST-087": "soak.random_requests",
    "HOST-089": "soak.random_requests",
    "HOST-090": "soak.random_requests",
    "HOST-106": "soak.random_requests",
}
