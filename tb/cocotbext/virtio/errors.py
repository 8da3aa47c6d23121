# SPDX-License-Identifier: Apache-2.0
"""Typed errors of the driver side. Every message is one line: what was looked at, what was expected, what was seen."""

from __future__ import annotations


class VirtioError(Exception):
    """Base of every error that the driver side raises about a device."""


class NotAVirtioDevice(VirtioError):
    """MagicValue is not "virt" (4.2.2.2)."""

    def __init__(self, expected: int, seen: int) -> None:
        super().__init__(f"not a VirtIO device: MagicValue expected {expected:#010x}, seen {seen:#010x}")
        self.seen = seen


class UnsupportedVersion(VirtioError):
    """Version is not that of the modern transport (4.2.2.2)."""

    def __init__(self, expected: int, seen: int) -> None:
        super().__init__(f"unsupported transport: Version expected {expected}, seen {seen}")
        self.seen = seen


class UnknownDeviceType(VirtioError):
    """DeviceID names no device type known here. 0 is a placeholder: no device is present, which is not a fault."""

    def __init__(self, seen: int, known: list[int]) -> None:
        what = "placeholder, no device present" if seen == 0 else "unknown device type"
        super().__init__(f"{what}: DeviceID expected one of {known}, seen {seen}")
        self.seen = seen


class DeviceTypeMismatch(VirtioError):
    """The device is of another type than the class driver serves."""

    def __init__(self, expected: int, seen: int, driver: str) -> None:
        super().__init__(f"device type and driver disagree: {driver} expected DeviceID {expected}, seen {seen}")
        self.expected = expected
        self.seen = seen


class MissingVersion1(VirtioError):
    """The device does not offer VIRTIO_F_VERSION_1 (6.1)."""

    def __init__(self, offered: int) -> None:
        super().__init__(f"VIRTIO_F_VERSION_1 not offered: features expected bit 32, seen {offered:#018x}")
        self.offered = offered


class FeatureNegotiationFailed(VirtioError):
    """FEATURES_OK did not stay set: the device refuses the accepted features (3.1.1 step 6)."""

    def __init__(self, offered: int, accepted: int) -> None:
        super().__init__(
            f"feature negotiation failed: expected FEATURES_OK to stay set, seen clear; "
            f"offered={offered:#018x} accepted={accepted:#018x}"
        )
        self.offered = offered
        self.accepted = accepted


class QueueNotAvailable(VirtioError):
    """The queue cannot be set up, or was not (4.2.3.2)."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"queue {index} not available: {reason}")
        self.index = index


class DeviceError(VirtioError):
    """The device is broken: DEVICE_NEEDS_RESET, a reset that does not end, an unstable configuration."""


class DriverInitError(VirtioError):
    """The class driver's own part of the initialization failed; the cause is chained."""

    def __init__(self, step: str, cause: Exception) -> None:
        seen = f"{type(cause).__name__}: {cause}"
        super().__init__(f"driver initialization failed: {step} expected to succeed, seen {seen}")
        self.step = step


class DeviceTimeout(VirtioError, TimeoutError):
    """The device did not do in time what was waited for; the message carries what its registers and rings say."""


class QueueFull(VirtioError):
    """Not enough free descriptors at the moment."""

    def __init__(self, index: int, wanted: int, free: int) -> None:
        super().__init__(f"queue {index} full: chain needs {wanted} descriptors, {free} free")
        self.wanted = wanted
        self.free = free


class ChainTooLong(VirtioError, ValueError):
    """A chain of more descriptors than the queue has (2.7.5.3.2), or of none."""

    def __init__(self, index: int, size: int, length: int) -> None:
        super().__init__(f"queue {index}: chain length expected 1..{size}, seen {length}")
        self.length = length


class UsedIdError(VirtioError):
    """The device used a head that is not outstanding (2.7.8)."""

    def __init__(self, queue: int, slot: int, seen: int, outstanding: list[int]) -> None:
        super().__init__(f"VQ-USED-ID queue={queue} slot={slot} expected one of {outstanding} seen={seen}")
        self.queue = queue
        self.seen = seen


class UsedIdxError(VirtioError):
    """used.idx moved by more than the number of outstanding chains."""

    def __init__(self, queue: int, last: int, seen: int, outstanding: int) -> None:
        super().__init__(
            f"VQ-USED-IDX queue={queue} expected at most {outstanding} steps from {last:#06x} seen={seen:#06x}"
        )
        self.queue = queue
        self.seen = seen


class UsedLengthError(VirtioError):
    """A used element's len does not fit its chain: more than is device-writable, or less than the request demands."""

    def __init__(self, queue: int, head: int, expected: str, seen: int) -> None:
        super().__init__(f"VQ-USED-LEN queue={queue} head={head} expected={expected} seen={seen}")
        self.queue = queue
        self.head = head
        self.seen = seen


class RequestFailed(VirtioError):
    """A block request came back with another status than OK, or with none."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(f"{what} failed: status expected 0, seen {status}")
        self.status = status


class StatusNotWritten(RequestFailed):
    """A block request was used, but its status byte still holds the driver's poison (5.2.6.2)."""
