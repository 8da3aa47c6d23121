# SPDX-License-Identifier: Apache-2.0
"""Used rings and what they report, against the model serving the same chains on what the device read."""

from __future__ import annotations

from collections import deque
from typing import Any

from virtio_model import Blk, Console, DeviceFunction, Input, MemoryFault, Net, RingError, Rng
from virtio_model.spec import SECTOR, BlkStatus

from .dma import DmaRules
from .events import DmaWrite
from .frames import ObservedFrames
from .inflight import Chain
from .observed import (
    ChainView,
    NotFlushed,
    NotObserved,
    ObservedEntropy,
    ObservedMemory,
    PartView,
    UncertainStorage,
    WrittenBytes,
)
from .ports import ObservedPort
from .tracker import QueueTracker
from .violation import Report, Violation
from .witness import Witness


class UsedChecker:
    """Judges used elements: each published one is served by the model and compared in id, len and buffer contents.

    `strict` demands what this project's device promises beyond the standard: chains used in the order made available,
    nothing written but what the request asks for, full entropy buffers. Without it only what the standard demands
    counts. With `entropy` the contents of entropy buffers are compared with the words that the device took; with
    `flushes` (cycles) each flush of the model has to have one there.
    """

    def __init__(
        self,
        function: DeviceFunction,
        memory: ObservedMemory,
        dma: DmaRules,
        report: Report,
        strict: bool,
        entropy: ObservedEntropy | None,
        flushes: deque[int] | None,
    ) -> None:
        self.witness: Witness | None = None
        self._function = function
        self._memory = memory
        self._dma = dma
        self._report = report
        self._strict = strict
        self._entropy = entropy
        self._storage: UncertainStorage | None = None
        self._frames: ObservedFrames | None = None
        self._port: ObservedPort | None = None
        if isinstance(function, Blk):
            self._storage = function.storage = UncertainStorage(function.storage, flushes)
        elif isinstance(function, Net) and isinstance(function.wire, ObservedFrames):
            self._frames = function.wire
        elif isinstance(function, Console | Input) and isinstance(function.port, ObservedPort):
            self._port = function.port
        elif isinstance(function, Rng):
            function.source = entropy or bytes

    def publish(self, tracker: QueueTracker[Any], what: object, event: DmaWrite, driver_features: int) -> int:
        """`what` was written, which gives chains back; returns how many."""
        before = tracker.used
        for chain, seen_len in tracker.published(what, event):
            if seen_len is None:
                self._take_out(tracker, chain, event)
            else:
                self._check_chain(tracker, chain, seen_len, event, driver_features)
        if isinstance(self._function, Net) and self._function.receiving:
            self._violate("NET-TOGETHER", "", tracker, None, "all buffers of a frame", "a part of them", event)
        return tracker.used - before

    def abandon(self, chain: Chain, driver_features: int) -> None:
        """`chain` was cut off: what it would have written to a storage or given out is there or not, or in part."""
        if chain.doubtful:
            self.doubt()
            return
        uncertain = self._storage or self._frames or self._port
        if uncertain is None or chain.parsed is None:
            return
        if self._port is not None and chain.queue == 0:
            return
        if isinstance(self._function, Net) and not _transmits(self._function, chain, driver_features):
            return
        uncertain.tentative = True
        try:
            kind = PartView if self._port is not None else ChainView
            view = kind(self._memory, chain.since, chain.failed_writes)
            self._function.serve(chain.parsed, view, driver_features)
        except (NotObserved, RingError, MemoryFault):
            pass
        finally:
            uncertain.tentative = False

    def may_drop(self, chain: Chain) -> None:
        """The queue of `chain` is reset: words may have been taken for it."""
        if self._entropy is not None:
            self._entropy.lost += (chain.totals[True] + 3) // 4

    def doubt(self) -> None:
        """Nobody knows what a chain asked for: it may have written to any sector, taken any words, sent anything."""
        if self._frames is not None:
            self._frames.doubt()
        if self._port is not None:
            self._port.doubt()
        if self._storage is not None:
            self._storage.forget()
        if self._entropy is not None:
            self._entropy.lost = max(self._entropy.lost, len(self._entropy.words))

    def _begin_seen(self, chain: Chain) -> bytes:
        """The first bytes written of a chain, of whole words; enough to tell them from others."""
        assert chain.parsed is not None
        length = min(chain.parsed.writable_len, 16) // 4 * 4
        parts = [chain.written.get(address, run) for address, run in chain.parsed.pieces(True, 0, length)]
        return b"" if None in parts else b"".join(part for part in parts if part is not None)

    def _take_out(self, tracker: QueueTracker[Any], chain: Chain, event: DmaWrite) -> None:
        tracker.drop(chain)
        self._dma.retire(chain, event.start)

    def _check_chain(
        self, tracker: QueueTracker[Any], chain: Chain, seen_len: int, event: DmaWrite, driver_features: int
    ) -> None:
        """A chain is given back to the driver."""
        self._take_out(tracker, chain, event)
        self._check_order(tracker, chain, event)
        if chain.fault is not None:
            self._violate("VQ-FAULT-USED", str(chain.fault), tracker, chain, "no used element", chain.head, event)
        elif chain.parsed is None:
            text = f"chain used, descriptor at {chain.waiting_at:#x} not read"
            self._violate("VQ-UNREAD", text, tracker, chain, None, None, event)
        else:
            self._check_result(tracker, chain, seen_len, event, driver_features)

    def _check_order(self, tracker: QueueTracker[Any], chain: Chain, event: DmaWrite) -> None:
        if chain.last_response >= event.start and not self._dma.shared(chain, tracker.in_flight):
            text = "given back before the response to the payload"
            self._violate("VQ-ORDER-PAYLOAD", text, tracker, chain, f"before {event.start}", chain.last_response, event)

    def _check_result(
        self, tracker: QueueTracker[Any], chain: Chain, seen_len: int, event: DmaWrite, driver_features: int
    ) -> None:
        assert chain.parsed is not None
        view = ChainView(self._memory, chain.since, chain.failed_writes)
        if self._storage is not None:
            self._storage.begin(lambda n: self._sector_seen(chain, n), chain.since)
        if self._frames is not None:
            self._serving(tracker, chain, seen_len)
        if self._port is not None:
            self._port.serving(chain, event.cycle)
        if self._entropy is not None:
            self._entropy.complete = not chain.failed_writes
            self._entropy.seen = self._begin_seen(chain)
        try:
            expected_len = self._function.serve(chain.parsed, view, driver_features)
        except NotObserved as missing:
            self._violate("VQ-UNREAD", f"chain used without having read {missing}", tracker, chain, None, None, event)
            return
        except NotFlushed:
            self._violate("BLK-FLUSH", "", tracker, chain, "a flush of the storage", "none", event)
            return
        except RingError as error:
            self._violate("VQ-FAULT-USED", str(error), tracker, chain, "no used element", chain.head, event)
            return
        if isinstance(self._function, Net) and chain.queue == self._function.control_queue(driver_features):
            assert self._frames is not None
            self._frames.changed(chain.since)
        if isinstance(self._function, Rng) and not self._strict and 1 <= seen_len < expected_len:
            self._compare(tracker, chain, _first_bytes(chain, view.expected, seen_len), view.expected, event)
            return
        if seen_len != expected_len and not self._fits_failure(chain, seen_len, view.expected):
            self._violate("VQ-USED-LEN", "", tracker, chain, expected_len, seen_len, event)
        if self.witness is not None:
            self.witness.used(tracker, chain)
        self._compare(tracker, chain, view.expected, view.expected, event)

    def _fits_failure(self, chain: Chain, seen_len: int, expected: WrittenBytes) -> bool:
        """Whether a request that fails may report this length: of all that was written, or of less that is there from
        the buffer's start on, for a device might not know what is (2.7.8.2).
        """
        if self._strict or not isinstance(self._function, Blk):
            return False
        assert chain.parsed is not None
        if not chain.parsed.writable_len:
            return False
        ((status_at, _),) = chain.parsed.pieces(True, chain.parsed.writable_len - 1, 1)
        if expected.get(status_at, 1) == bytes([BlkStatus.OK]):
            return False
        return seen_len == chain.written.count or self._first_written(chain, seen_len) is not None

    def _compare(
        self, tracker: QueueTracker[Any], chain: Chain, expected: WrittenBytes, allowed: WrittenBytes, event: DmaWrite
    ) -> None:
        known = not isinstance(self._function, Rng) or self._entropy is not None
        beyond = None
        wrong = expected.missing_or_wrong(chain.written, values=known)
        if self._strict and not chain.failed_writes:
            beyond = chain.written.first_beyond(allowed)
        if (wrong or beyond) and self._dma.shared(chain, tracker.in_flight):
            return
        if wrong:
            address, byte, seen = wrong
            text = f"byte at {address:#x}" + (" not written" if seen is None else "")
            shown = None if seen is None else f"{seen:#04x}"
            self._violate("VQ-DATA", text, tracker, chain, f"{byte:#04x}" if known else None, shown, event)
        if beyond:
            text = f"byte at {beyond[0]:#x} written"
            self._violate("VQ-DATA-EXTRA", text, tracker, chain, "nothing", f"{beyond[1]:#04x}", event)

    def _serving(self, tracker: QueueTracker[Any], chain: Chain, seen_len: int) -> None:
        """Tell a network device what it may have to know of a chain besides what lies in it."""
        assert isinstance(self._function, Net)
        assert self._frames is not None
        later = [other.parsed.writable_len for other in tracker.in_flight if other.parsed is not None]
        self._function.rooms_after = lambda queue: later
        self._frames.serving(lambda length: self._first_written(chain, length), seen_len)

    def _first_written(self, chain: Chain, length: int) -> bytes | None:
        """The first `length` bytes of a chain's writable part, if the device wrote them all."""
        assert chain.parsed is not None
        if length > chain.parsed.writable_len:
            return None
        parts = [chain.written.get(address, run) for address, run in chain.parsed.pieces(True, 0, length)]
        return None if None in parts else b"".join(part for part in parts if part is not None)

    def _sector_seen(self, chain: Chain, number: int) -> bytes | None:
        """The 512 bytes that the device wrote as its sector `number`, if it wrote them all."""
        assert chain.parsed is not None
        try:
            pieces = list(chain.parsed.pieces(True, number * SECTOR, SECTOR))
        except ValueError:
            return None
        parts = [chain.written.get(address, length) for address, length in pieces]
        return None if None in parts else b"".join(part for part in parts if part is not None)

    def _violate(
        self,
        rule: str,
        message: str,
        tracker: QueueTracker[Any],
        chain: Chain | None,
        expected: object,
        seen: object,
        event: DmaWrite,
    ) -> None:
        head = None if chain is None else chain.head
        self._report(Violation(rule, message, tracker.index, head, expected, seen, event.cycle))


def _transmits(function: Net, chain: Chain, driver_features: int) -> bool:
    """Whether a chain is a frame to be sent."""
    return chain.queue % 2 == 1 and chain.queue != function.control_queue(driver_features)


def _first_bytes(chain: Chain, expected: WrittenBytes, length: int) -> WrittenBytes:
    """The part of `expected` that lies in the first `length` device-writable bytes."""
    assert chain.parsed is not None
    part = WrittenBytes()
    for address, run in chain.parsed.pieces(True, 0, length):
        data = expected.get(address, run)
        if data is not None:
            part.write(address, data)
    return part
