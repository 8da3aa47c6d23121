# SPDX-License-Identifier: Apache-2.0
"""Device status field and feature negotiation (2.1, 2.2).

Where the standard leaves the device's reaction open: bits accumulate and only a reset clears them; bit 6 and undefined
bits ignore writes; the verdict on the features falls at the write that sets FEATURES_OK; DRIVER_OK has no effect
without FEATURES_OK; ACKNOWLEDGE and DRIVER are not demanded.
"""

from __future__ import annotations

from virtio_model.spec import Feature, Status, features

_DRIVER_BITS = Status.ACKNOWLEDGE | Status.DRIVER | Status.DRIVER_OK | Status.FEATURES_OK | Status.FAILED
_LIVE_BITS = int(Status.DRIVER_OK | Status.DEVICE_NEEDS_RESET | Status.FAILED)
_FEATURE_WORDS = 2


class DeviceStatus:
    """Status bits and the two feature words."""

    def __init__(self, device_features: int) -> None:
        self.device_features = device_features
        self.reset()

    def reset(self) -> None:
        """Back to the state after power-up."""
        self.bits = Status(0)
        self.driver_features = 0
        self._undefined_accepted = False

    @property
    def live(self) -> bool:
        """Whether queues are worked on: DRIVER_OK, and neither DEVICE_NEEDS_RESET nor FAILED."""
        return int(self.bits) & _LIVE_BITS == Status.DRIVER_OK

    def device_feature_word(self, index: int) -> int:
        """Offered bits 32 * index to 32 * index + 31."""
        return self.device_features >> 32 * index & 0xFFFF_FFFF if index < _FEATURE_WORDS else 0

    def accept_features(self, index: int, word: int) -> None:
        """The driver writes feature word `index`; ignored once FEATURES_OK is set."""
        if self.bits & Status.FEATURES_OK:
            return
        if index < _FEATURE_WORDS:
            shift = 32 * index
            self.driver_features = self.driver_features & ~(0xFFFF_FFFF << shift) | word << shift
        elif word:
            self._undefined_accepted = True

    def set_bits(self, value: int) -> Status:
        """The driver writes a non-zero value; returns the bits that became set."""
        new = Status(value & _DRIVER_BITS) & ~self.bits
        if new & Status.FEATURES_OK and not self._acceptable:
            new &= ~Status.FEATURES_OK
        if not (self.bits | new) & Status.FEATURES_OK:
            new &= ~Status.DRIVER_OK
        self.bits |= new
        return new

    def set_needs_reset(self) -> bool:
        """The device sets DEVICE_NEEDS_RESET; True if that is to be notified (2.1.2)."""
        notify = self.bits & (Status.DEVICE_NEEDS_RESET | Status.DRIVER_OK) == Status.DRIVER_OK
        self.bits |= Status.DEVICE_NEEDS_RESET
        return notify

    @property
    def _acceptable(self) -> bool:
        offered_only = not self.driver_features & ~self.device_features
        version_1 = bool(self.driver_features & features(Feature.VERSION_1))
        return offered_only and version_1 and not self._undefined_accepted
