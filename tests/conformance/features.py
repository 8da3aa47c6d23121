# SPDX-License-Identifier: Apache-2.0
"""Features by the names of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

from virtio_model.spec import BlkFeature, ConsoleFeature, DeviceType, Feature, NetFeature

_KINDS: Mapping[int, tuple[str, type[IntEnum]]] = {
    DeviceType.BLK: ("BLK_F_", BlkFeature),
    DeviceType.NET: ("NET_F_", NetFeature),
    DeviceType.CONSOLE: ("CONSOLE_F_", ConsoleFeature),
}


def feature_names(device_type: int, offered: int) -> Iterator[str]:
    """The names of offered features, VIRTIO_F_... and those of the device type."""
    kinds: list[tuple[str, type[IntEnum]]] = [("F_", Feature)]
    kinds += [_KINDS[device_type]] if device_type in _KINDS else []
    for prefix, kind in kinds:
        for feature in kind:
            if offered >> feature & 1:
                yield f"VIRTIO_{prefix}{feature.name}"
