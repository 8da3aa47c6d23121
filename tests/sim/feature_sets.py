# SPDX-License-Identifier: Apache-2.0
"""Sets of transport features that devices are built with: values of the HDL parameter TransportFeatures."""

from __future__ import annotations

from virtio_model.spec import Feature, features

#: All that there is on split rings.
SPLIT = features(
    Feature.INDIRECT_DESC,
    Feature.EVENT_IDX,
    Feature.ACCESS_PLATFORM,
    Feature.IN_ORDER,
    Feature.ORDER_PLATFORM,
    Feature.NOTIFICATION_DATA,
    Feature.RING_RESET,
)

#: The same and packed rings; a driver may still choose split ones.
PACKED = SPLIT | features(Feature.RING_PACKED)

#: What a guest's driver is confronted with (`make linux FEATURES=`).
GUEST = {
    "full": PACKED,
    "minimal": 0,
    "no-event-idx": PACKED & ~features(Feature.EVENT_IDX),
    "no-indirect": PACKED & ~features(Feature.INDIRECT_DESC),
    "packed": features(Feature.RING_PACKED),
    "packed-off": SPLIT,
}
