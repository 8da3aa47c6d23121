# SPDX-License-Identifier: Apache-2.0
"""What a register trace has told so far, and the base of those who judge it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from virtio_model.spec import CONFIG_OFFSET, Feature, Reg, Status

from .layouts import Layout, layout
from .trace import Access, register_name

#: Size and addresses of a queue, all to be written before it is made ready.
SET_UP = frozenset(
    [
        *(Reg.QUEUE_SIZE, Reg.QUEUE_DESC_LOW, Reg.QUEUE_DESC_HIGH, Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DRIVER_HIGH),
        *(Reg.QUEUE_DEVICE_LOW, Reg.QUEUE_DEVICE_HIGH),
    ]
)
SUSPEND_BIT = 43
#: Words of features that can be told apart; there are no features beyond bit 127.
FEATURE_WORDS = 4


@dataclass
class QueueState:
    """One queue since the device's reset; `values` are the set-up registers written since it or the queue's reset."""

    values: dict[int, int] = field(default_factory=dict)
    size_max: int | None = None
    read_not_ready: bool = False
    in_set_up: bool = False
    ready: bool = False
    stop_unread: bool = False
    resetting: bool = False
    was_reset: bool = False


@dataclass
class State:
    """The device as its driver knows it. What a reset does not change is offered features and type."""

    device_id: int | None = None
    offered: dict[int, int] = field(default_factory=dict)
    reset_seen: bool = False
    # Since the last reset:
    status: int = 0
    needs_reset: bool = False
    resetting: bool = False
    refused: bool = False
    device_features_sel: int | None = None
    driver_features_sel: int | None = None
    accepted_words: dict[int, int] = field(default_factory=dict)
    queue_sel: int | None = None
    queues: defaultdict[int, QueueState] = field(default_factory=lambda: defaultdict(QueueState))

    @property
    def layout(self) -> Layout:
        """What the catalogue says of the device type."""
        return layout(-1 if self.device_id is None else self.device_id)

    @property
    def accepted(self) -> int:
        """The features written, as one number."""
        return sum(word << 32 * index for index, word in self.accepted_words.items() if index < FEATURE_WORDS)

    def has(self, feature: int) -> bool:
        """Whether a feature was accepted."""
        return bool(self.accepted >> feature & 1)

    def is_offered(self, feature: int) -> bool | None:
        """Whether a feature is offered, None where the driver has not looked."""
        word = self.offered.get(feature // 32)
        return None if word is None else bool(word >> feature % 32 & 1)

    @property
    def suspends(self) -> bool:
        """Whether SUSPEND was negotiated, so that the device changes Status too."""
        return self.has(SUSPEND_BIT)

    def reset(self) -> None:
        """0 was written to Status."""
        fresh = State(self.device_id, self.offered, reset_seen=True, resetting=True)
        self.__dict__.update(fresh.__dict__)

    def update(self, access: Access) -> None:
        """Take note of an access that was judged."""
        at, value = access.offset, access.value
        if access.write:
            if at == Reg.STATUS:
                if value == 0:
                    self.reset()
                else:
                    self.status |= value & ~Status.DEVICE_NEEDS_RESET
            elif at == Reg.DEVICE_FEATURES_SEL:
                self.device_features_sel = value
            elif at == Reg.DRIVER_FEATURES_SEL:
                self.driver_features_sel = value
            elif at == Reg.DRIVER_FEATURES and self.driver_features_sel is not None:
                if not self.status & Status.FEATURES_OK:
                    self.accepted_words[self.driver_features_sel] = value
            elif at == Reg.QUEUE_SEL:
                self.queue_sel = value
        elif at == Reg.STATUS:
            self.needs_reset = bool(value & Status.DEVICE_NEEDS_RESET)
            if not self.resetting:
                self.status = value & ~Status.DEVICE_NEEDS_RESET
            elif value == 0:
                self.resetting = False
        elif at == Reg.DEVICE_ID:
            self.device_id = value
        elif at == Reg.DEVICE_FEATURES and self.device_features_sel is not None:
            self.offered[self.device_features_sel] = value


#: rule, whether it held, what was expected and seen; the requirements if only some of the rule's are meant, and the
#: place if it is not that of the step.
Judgement = Callable[..., None]


class Judge:
    """Judges accesses by some of the rules. A subclass has its own state, cleared by `reset` and `power_up`."""

    def __init__(self, state: State, judge: Judgement) -> None:
        self.state = state
        self.judge = judge
        self.power_up()

    def power_up(self) -> None:
        """The device was reset by wire, or the trace begins."""
        self.reset()

    def reset(self) -> None:
        """0 is written to Status."""

    def step(self, access: Access) -> None:
        """Judge an access, before `state` knows of it."""

    def irq(self, level: bool, at: int) -> None:
        """The interrupt line has changed."""

    def finish(self) -> None:
        """The trace has ended."""


def text(access: Access) -> str:
    """An access in words."""
    kind = "write" if access.write else "read"
    return f"{kind} of {register_name(access.offset)} ({access.offset:#05x}), value {access.value:#x}"


def in_config(access: Access) -> bool:
    """Whether it goes to the configuration space."""
    return access.offset >= CONFIG_OFFSET


def packed(state: State) -> bool:
    """Whether queues are packed ones."""
    return state.has(Feature.RING_PACKED)
