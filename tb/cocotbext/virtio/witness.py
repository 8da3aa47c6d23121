# SPDX-License-Identifier: Apache-2.0
"""Who is told what the scoreboard has followed on the pins; for coverage."""

from __future__ import annotations

from typing import Any, Protocol

from virtio_model import RingError

from .inflight import Chain
from .tracker import QueueTracker


class Witness(Protocol):
    """Each is called when it was seen, with the tracker of the queue that it was seen on."""

    def used(self, tracker: QueueTracker[Any], chain: Chain) -> None:
        """A well-formed chain was given back to the driver."""

    def wish(self, tracker: QueueTracker[Any], wanted: bool | None, level: bool) -> None:
        """The device has read whether the driver wants an interrupt; None if that could not be read. `level` is that
        of the line then.
        """

    def malformed(self, tracker: QueueTracker[Any], fault: RingError) -> None:
        """The device has read a ring that no driver may make."""

    def reset(self, in_flight: int) -> None:
        """The live device was reset with so many chains in flight."""

    def queue_reset(self, tracker: QueueTracker[Any]) -> None:
        """A ready queue is being reset."""
