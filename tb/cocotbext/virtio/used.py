# SPDX-License-Identifier: Apache-2.0
"""Used rings and what they report, against the model serving the same chains on what the device read."""

from __future__ import annotations

import struct
from collections import deque

from virtio_model import Blk, DeviceFunction, MemoryFault, Net, RingError, Rng
from virtio_model.spec import SECTOR, Feature

from .chains import QueueTracker
from .dma import DmaRules
from .events import DmaWrite
from .frames import ObservedFrames
from .inflight import Chain, Element
from .observed import (
    ChainView,
    NotFlushed,
    NotObserved,
    ObservedEntropy,
    ObservedMemory,
    UncertainStorage,
    WrittenBytes,
)
from .violation import Report, Violation

_ELEMENT = struct.Struct("<II")


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
        self._function = function
        self._memory = memory
        self._dma = dma
        self._report = report
        self._strict = strict
        self._entropy = entropy
        self._storage: UncertainStorage | None = None
        self._frames: ObservedFrames | None = None
        if isinstance(function, Blk):
            self._storage = function.storage = UncertainStorage(function.storage, flushes)
        elif isinstance(function, Net) and isinstance(function.wire, ObservedFrames):
            self._frames = function.wire
        elif isinstance(function, Rng):
            function.source = entropy or bytes

    def ring_write(self, tracker: QueueTracker, address: int, data: bytes, event: DmaWrite) -> int | None:
        """Bytes written into the used ring of `tracker`; returns the new used idx if they hold it."""
        layout = tracker.layout
        flags, idx = layout.used_flags_address, layout.used_idx_address
        if address <= flags and (value := int.from_bytes(data[flags - address :][:2], "little")) > 1:
            self._violate("VQ-USED-FLAGS", "", tracker, None, "0 or 1", value, event)
        for slot, _ in tracker.write_elements(address, data, event):
            expected = f"one of {len(tracker.in_flight)} from slot {tracker.queue.used_slot}"
            self._violate("VQ-USED-SLOT", "", tracker, None, expected, slot, event)
            break
        event_at = layout.avail_event_address
        if address < event_at + 2 and event_at < address + len(data):
            self._avail_event(tracker, event)
        if address <= idx and idx + 2 <= address + len(data):
            return int.from_bytes(data[idx - address :][:2], "little")
        if address < idx + 2 and idx < address + len(data):
            self._violate("VQ-USED-IDX", "used idx written byte by byte", tracker, None, 2, 1, event)
        return None

    def _avail_event(self, tracker: QueueTracker, event: DmaWrite) -> None:
        if not tracker.queue.has(Feature.EVENT_IDX):
            self._violate("VQ-EVENT", "avail_event written without EVENT_IDX", tracker, None, None, None, event)
        tracker.event_written = event.cycle

    def publish(self, tracker: QueueTracker, idx: int, event: DmaWrite, driver_features: int) -> int:
        """The used idx was written; returns how many used elements that publishes."""
        before = tracker.queue.used_idx
        step = (idx - before) & 0xFFFF
        if step > len(tracker.in_flight) or (step == 0 and self._strict):
            expected = f"{before:#06x} plus 1..{len(tracker.in_flight)}"
            self._violate("VQ-USED-IDX", "", tracker, None, expected, f"{idx:#06x}", event)
            return 0
        left = step
        while left:
            slot, element = tracker.next_element()
            skipped = self._skipped(tracker, element, left)
            for chain in tracker.in_flight[:skipped]:
                whole = chain.parsed.writable_len if chain.parsed else 0
                self._check_chain(tracker, chain, whole, event, driver_features)
            for _ in range(skipped + 1):
                tracker.step_used()
            left -= skipped + 1
            if not element.complete or element.cycle >= event.start:
                text = f"idx {idx:#06x} was written before the element in slot {slot}"
                seen = element.cycle if element.complete else "element not written"
                self._violate("VQ-ORDER-ELEMENT", text, tracker, None, f"before {event.start}", seen, event)
            if element.complete:
                self._check_element(tracker, element, event, driver_features)
            elif tracker.in_flight:
                self._take_out(tracker, tracker.in_flight[0], event)
        return step

    def _skipped(self, tracker: QueueTracker, element: Element, most: int) -> int:
        """With IN_ORDER: how many chains before the one that an element names it stands for too (2.7.9)."""
        if not tracker.queue.has(Feature.IN_ORDER) or not element.complete:
            return 0
        heads = [chain.head for chain in tracker.in_flight[:most]]
        used_id, _ = _ELEMENT.unpack(element.data)
        return heads.index(used_id) if used_id in heads else 0

    def abandon(self, chain: Chain, driver_features: int) -> None:
        """`chain` was cut off: what it would have written to a storage may be there or not, or in part."""
        uncertain = self._storage or self._frames
        if uncertain is None or chain.parsed is None:
            return
        if isinstance(self._function, Net) and not _transmits(self._function, chain, driver_features):
            return
        uncertain.tentative = True
        try:
            view = ChainView(self._memory, chain.since, chain.failed_writes)
            self._function.serve(chain.parsed, view, driver_features)
        except (NotObserved, RingError, MemoryFault):
            pass
        finally:
            uncertain.tentative = False

    def may_drop(self, chain: Chain) -> None:
        """The queue of `chain` is reset: words may have been taken for it."""
        if self._entropy is not None:
            self._entropy.lost += (chain.totals[True] + 3) // 4

    def _begin_seen(self, chain: Chain) -> bytes:
        """The first bytes written of a chain, of whole words; enough to tell them from others."""
        assert chain.parsed is not None
        length = min(chain.parsed.writable_len, 16) // 4 * 4
        parts = [chain.written.get(address, run) for address, run in chain.parsed.pieces(True, 0, length)]
        return b"" if None in parts else b"".join(part for part in parts if part is not None)

    def _take_out(self, tracker: QueueTracker, chain: Chain, event: DmaWrite) -> None:
        tracker.drop(chain)
        self._dma.retire(chain, event.start)

    def _check_element(self, tracker: QueueTracker, element: Element, event: DmaWrite, driver_features: int) -> None:
        used_id, seen_len = _ELEMENT.unpack(element.data)
        chain = tracker.find_head(used_id)
        if chain is None:
            heads = [chain.head for chain in tracker.in_flight]
            self._violate("VQ-USED-ID", "", tracker, None, f"one of {heads}", used_id, event)
            return
        ordered = self._strict or tracker.queue.has(Feature.IN_ORDER)
        if ordered and chain is not tracker.in_flight[0]:
            self._violate("VQ-USED-ORDER", "", tracker, chain, tracker.in_flight[0].head, used_id, event)
        self._check_chain(tracker, chain, seen_len, event, driver_features)

    def _check_chain(
        self, tracker: QueueTracker, chain: Chain, seen_len: int, event: DmaWrite, driver_features: int
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

    def _check_order(self, tracker: QueueTracker, chain: Chain, event: DmaWrite) -> None:
        if chain.last_response >= event.start:
            text = "used idx written before the response to the payload"
            self._violate("VQ-ORDER-PAYLOAD", text, tracker, chain, f"before {event.start}", chain.last_response, event)

    def _check_result(
        self, tracker: QueueTracker, chain: Chain, seen_len: int, event: DmaWrite, driver_features: int
    ) -> None:
        assert chain.parsed is not None
        view = ChainView(self._memory, chain.since, chain.failed_writes)
        if self._storage is not None:
            self._storage.begin(lambda n: self._sector_seen(chain, n), chain.since)
        if self._frames is not None:
            self._serving(tracker, chain, seen_len)
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
        if seen_len != expected_len:
            self._violate("VQ-USED-LEN", "", tracker, chain, expected_len, seen_len, event)
        self._compare(tracker, chain, view.expected, view.expected, event)

    def _compare(
        self, tracker: QueueTracker, chain: Chain, expected: WrittenBytes, allowed: WrittenBytes, event: DmaWrite
    ) -> None:
        known = not isinstance(self._function, Rng) or self._entropy is not None
        if wrong := expected.missing_or_wrong(chain.written, values=known):
            address, byte, seen = wrong
            text = f"byte at {address:#x}" + (" not written" if seen is None else "")
            shown = None if seen is None else f"{seen:#04x}"
            self._violate("VQ-DATA", text, tracker, chain, f"{byte:#04x}" if known else None, shown, event)
        if self._strict and not chain.failed_writes and (beyond := chain.written.first_beyond(allowed)):
            text = f"byte at {beyond[0]:#x} written"
            self._violate("VQ-DATA-EXTRA", text, tracker, chain, "nothing", f"{beyond[1]:#04x}", event)

    def _serving(self, tracker: QueueTracker, chain: Chain, seen_len: int) -> None:
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
        tracker: QueueTracker,
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
