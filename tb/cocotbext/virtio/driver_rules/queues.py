# SPDX-License-Identifier: Apache-2.0
"""Rules on queue set-up, queue reset and notifications (2.6.1, 2.9, 4.2.3.2, 4.2.3.3)."""

from __future__ import annotations

from virtio_model.spec import DESC_ALIGN, DEVICE_ALIGN, DRIVER_ALIGN, EVENT_ALIGN, Feature, Reg, Status

from .state import SET_UP, Judge, QueueState, packed, text
from .trace import Access, register_name

_REGISTERS = SET_UP | {Reg.QUEUE_SIZE_MAX, Reg.QUEUE_READY, Reg.QUEUE_RESET}
_AREAS = (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DEVICE_LOW)


class QueueSetUp(Judge):
    """The registers behind QueueSel."""

    def step(self, access: Access) -> None:
        at = access.offset
        stopping = [index for index, queue in self.state.queues.items() if queue.stop_unread]
        selected = self.state.queue_sel
        if stopping and access.write:
            self.judge("DRV-QUEUE-STOP", False, f"QueueReady of queue {stopping[0]} read back", text(access))
            self.state.queues[stopping[0]].stop_unread = False
        if at not in _REGISTERS:
            return
        self.judge("DRV-QUEUE-SELECT", selected is not None, "QueueSel written since the reset", text(access))
        if selected is None:
            return
        queue = self.state.queues[selected]
        if queue.resetting and at != Reg.QUEUE_RESET and (access.write or at in SET_UP):
            expected = f"QueueReset of queue {selected} read as 0"
            self.judge("DRV-QUEUE-RESET-WAIT", False, expected, text(access))
            queue.resetting = False
        if at == Reg.QUEUE_READY:
            self._ready(access, queue, selected)
        elif at == Reg.QUEUE_RESET:
            self._queue_reset(access, queue)
        elif at == Reg.QUEUE_SIZE_MAX:
            queue.size_max = access.value
        elif queue.ready:
            self.judge("DRV-QUEUE-LIVE", False, f"no access while queue {selected} is ready", text(access))
        elif access.write:
            self.judge("DRV-QUEUE-LIVE", True)
            self._begin(access, queue, selected)
            queue.values[at] = access.value
            if at == Reg.QUEUE_SIZE:
                self._size(access.value, queue, selected)

    def _begin(self, access: Access, queue: QueueState, index: int) -> None:
        """The first write of a set-up."""
        if queue.in_set_up:
            return
        queue.in_set_up = True
        if not self.state.refused:
            negotiated = bool(self.state.status & Status.FEATURES_OK)
            self.judge("DRV-QUEUE-EARLY", negotiated, "FEATURES_OK set before", text(access))
        expected = f"QueueReady of queue {index} read as 0 before"
        self.judge("DRV-QUEUE-IN-USE", queue.read_not_ready, expected, text(access))
        size_max = "not read" if queue.size_max is None else str(queue.size_max)
        expected, seen = f"QueueSizeMax of queue {index} read as 1 or more", f"{size_max}, then {text(access)}"
        self.judge("DRV-QUEUE-AVAILABLE", bool(queue.size_max), expected, seen)

    def _size(self, size: int, queue: QueueState, index: int) -> None:
        if queue.size_max:
            seen = f"{size} for queue {index}"
            self.judge("DRV-QUEUE-SIZE", size <= queue.size_max, f"at most {queue.size_max}", seen)
        if not packed(self.state):
            self.judge("DRV-QUEUE-POWER", size.bit_count() == 1, "a power of two", f"{size} for queue {index}")

    def _ready(self, access: Access, queue: QueueState, index: int) -> None:
        if not access.write:
            if queue.stop_unread:
                self.judge("DRV-QUEUE-STOP", True)
            queue.stop_unread = False
            queue.ready = access.value != 0
            queue.read_not_ready = not queue.ready
        elif access.value == 0:
            queue.stop_unread = True
            queue.ready = queue.in_set_up = False
        else:
            if not queue.ready:
                self._begin(access, queue, index)
                self._complete(queue, index)
            queue.ready = True
            queue.in_set_up = queue.read_not_ready = queue.was_reset = False

    def _complete(self, queue: QueueState, index: int) -> None:
        missing = [register_name(register) for register in sorted(SET_UP - queue.values.keys())]
        rule = "DRV-QUEUE-RE-ENABLE" if queue.was_reset else "DRV-QUEUE-COMPLETE"
        seen = f"queue {index} made ready without {', '.join(missing)}"
        self.judge(rule, not missing, "size and addresses written before", seen)
        if missing:
            return
        areas = [queue.values[low] | queue.values[low + 4] << 32 for low in _AREAS]
        if packed(self.state):
            aligned, requirement = (DESC_ALIGN, EVENT_ALIGN, EVENT_ALIGN), "PACKED-DRV-001"
        else:
            aligned, requirement = (DESC_ALIGN, DRIVER_ALIGN, DEVICE_ALIGN), "SPLIT-DRV-001"
        held = not any(address % step for address, step in zip(areas, aligned, strict=True))
        seen = f"queue {index} at {', '.join(map(hex, areas))}"
        self.judge("DRV-QUEUE-ALIGN", held, f"areas aligned to {aligned}", seen, (requirement,))

    def _queue_reset(self, access: Access, queue: QueueState) -> None:
        negotiated = self.state.has(Feature.RING_RESET)
        self.judge("DRV-QUEUE-RESET", negotiated, "RING_RESET accepted", text(access))
        if not negotiated:
            return
        if access.write and access.value == 1:
            self.state.queues[self.state.queue_sel or 0] = QueueState(
                size_max=queue.size_max, resetting=True, was_reset=True
            )
        elif not access.write and access.value == 0 and queue.resetting:
            self.judge("DRV-QUEUE-RESET-WAIT", True)
            queue.resetting = False


class Notifications(Judge):
    """QueueNotify."""

    def step(self, access: Access) -> None:
        if access.offset != Reg.QUEUE_NOTIFY or not access.write:
            return
        state = self.state
        live = bool(state.status & Status.DRIVER_OK) or state.suspends
        self.judge("DRV-NOTIFY-EARLY", live, "DRIVER_OK set before", text(access))
        if not live:
            return
        with_data = state.has(Feature.NOTIFICATION_DATA)
        index = access.value & 0xFFFF if with_data else access.value
        resetting = index in state.queues and state.queues[index].resetting
        if resetting:
            expected = f"QueueReset of queue {index} read as 0"
            self.judge("DRV-QUEUE-RESET-WAIT", False, expected, text(access))
            return
        ready = [number for number, queue in state.queues.items() if queue.ready]
        if not with_data:
            self.judge("DRV-NOTIFY-VALUE", index in ready, f"one of the ready queues {ready}", text(access))
            return
        held = index in ready
        expected = f"one of the ready queues {ready}"
        if held and packed(state):
            size = state.queues[index].values.get(Reg.QUEUE_SIZE, 0)
            held = access.value >> 16 & 0x7FFF < size
            expected = f"a position below {size}"
        self.judge("DRV-NOTIFY-DATA", held, expected, text(access))
