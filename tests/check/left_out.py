# SPDX-License-Identifier: Apache-2.0
"""Which test bodies say nothing about a device of other people, and why."""

from __future__ import annotations

from collections.abc import Mapping

from cocotbext.virtio.check.description import Description
from virtio_model.spec import BlkFeature, features

from ..board.left_out import lacking
from ..bodies.rig import Body

#: What the bench can do to any device; the rest takes a view of what is behind it.
POWERS = frozenset({"faults", "power_cycle", "cycles", "wild"})

_CHOICE = "the standard leaves it to the device: "
_FATAL = f"{_CHOICE}what it does after an error of the bus"
#: Bodies, or single cases of them, that hold a device to a decision of this project where the standard leaves a choice.
DECISIONS: Mapping[str, str] = {
    "blk.short_headers_fail": f"{_CHOICE}a header that is too short may be answered or be fatal",
    "data.requests_of_several_pages": f"{_CHOICE}how much entropy it gives at once",
    "faults.dma_error_in_data_written": _FATAL,
    "faults.dma_error_in_entropy_written": _FATAL,
    "faults.dma_error_in_the_header": _FATAL,
    "faults.dma_error_on_the_suppression_flag": _FATAL,
    "faults.malformed_chain/readable_part_too_long": f"{_CHOICE}chains of more than 4 GiB break the driver's rule",
    "faults.malformed_chain/writable_part_too_long": f"{_CHOICE}chains of more than 4 GiB break the driver's rule",
    "negotiation.missing_version_1_is_refused": f"{_CHOICE}whether it works without VERSION_1",
    "queues.areas_past_the_end_of_the_address_space_are_refused": f"{_CHOICE}whether QueueReady refuses them",
    "status.failed_stops_work": f"{_CHOICE}FAILED is for the driver to say, not for the device to act upon",
}

#: Bodies that look at the disk from its other side, and do with what the device reads of it at their end.
READ_BACK = frozenset(
    {
        "blk.writes_are_read_back",
        "blk.first_and_last_sector",
        "blk.ranges_beyond_the_capacity_fail",
        "blk.parts_of_sectors_fail",
    }
)

#: Bodies that use what a feature brings without asking whether it is there.
NEEDS: Mapping[str, int] = {"blk.flush_needs_its_feature": features(BlkFeature.FLUSH)}


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
    narrow = device.memory.address_width < 64
    if body.name in READ_BACK:
        return ""
    powers = POWERS | ({"bus"} if narrow else set()) | ({"regions"} if device.memory.address_width > 32 else set())
    return lacking(body, device.features, powers)
