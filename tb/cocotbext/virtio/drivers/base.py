# SPDX-License-Identifier: Apache-2.0
"""What every class driver has: its part in the initialization, and requests that are outstanding."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from virtio_model import spec

from ..buffers import ChainBuffers, Layout
from ..errors import VirtioError
from ..transport import MmioTransport, QueueRequest
from ..virtqueue import UsedBuffer

T = TypeVar("T")

#: Waits until a predicate holds, serving the device meanwhile; raises DeviceTimeout. A bench provides it.
Waiter = Callable[[Callable[[], bool]], Awaitable[None]]


class Pending(Generic[T]):
    """A request that the device has or had. `await` it for its result, or look at `done` and `result()`."""

    def __init__(self, what: str, buffers: ChainBuffers, finish: Callable[[Pending[T]], T], waiter: Waiter) -> None:
        self.what = what
        self.chain = tuple(buffers.chain)
        self.buffers = buffers
        self.head = -1
        self.queue = -1
        self.written_len = 0
        self.done = False
        self.order = -1
        self._finish = finish
        self._waiter = waiter
        self._error: Exception | None = None
        self._result: T | None = None

    def __repr__(self) -> str:
        return f"{self.what} queue={self.queue} head={self.head}"

    def __await__(self) -> Generator[Any, Any, T]:
        yield from self._waiter(self.is_done).__await__()
        return self.result()

    def is_done(self) -> bool:
        """Whether the request came back or was lost."""
        return self.done

    def result(self) -> T:
        """What the request brought. Raises what it failed with, or RuntimeError while it is outstanding."""
        if not self.done:
            raise RuntimeError(f"{self!r} is still outstanding")
        if self._error is not None:
            raise self._error
        # Done without an error: the result is there, though None may be a legal one.
        return self._result  # type: ignore[return-value]

    def complete(self, used: UsedBuffer) -> None:
        """The chain was used: evaluate it and give its buffers back. Raises GuardError; other errors are kept."""
        self.written_len = used.written_len
        try:
            self._result = self._finish(self)
        except VirtioError as error:
            self._error = error
        self.done = True
        self.buffers.free()

    def fail(self, error: Exception) -> None:
        """The device is lost. The buffers stay allocated until it is reset: it may still write them."""
        self._error = error
        self.done = True


class ClassDriver:
    """Base of the class drivers. One instance drives one device through one initialization at a time."""

    device_type: ClassVar[int]
    #: Queues that the device type always has.
    default_queues: ClassVar[tuple[int, ...]] = (0,)
    #: Feature bits that every driver here accepts when offered: memory is shared without translation, ordering is
    #: that of the bus.
    common_features: ClassVar[int] = spec.features(
        spec.Feature.VERSION_1,
        spec.Feature.ACCESS_PLATFORM,
        spec.Feature.ORDER_PLATFORM,
        spec.Feature.INDIRECT_DESC,
        spec.Feature.EVENT_IDX,
        spec.Feature.RING_PACKED,
        spec.Feature.IN_ORDER,
        spec.Feature.NOTIFICATION_DATA,
        spec.Feature.RING_RESET,
    )
    class_features: ClassVar[int] = 0
    #: The queue of the requests of `ask`.
    work_queue: ClassVar[int] = 0
    #: Queues whose buffers wait at the device for something to happen: nobody waits for them to come back.
    waiting_queues: frozenset[int] = frozenset()

    def __init__(
        self,
        accept: Callable[[int], int] | None = None,
        table_order: random.Random | None = None,
        layout: Layout | None = None,
    ) -> None:
        """`accept` replaces the choice of features (offered to accepted); `table_order` shuffles descriptors in the
        table; `layout` is that of requests that come without one.
        """
        self.transport: MmioTransport | None = None
        self.features = 0
        self.table_order = table_order
        self.layout = layout or Layout()
        self.waiter: Waiter | None = None
        self.pending: list[Pending[Any]] = []
        self.completed = 0
        self._lost: list[Pending[Any]] = []
        self._accept = accept
        self._log = logging.getLogger(f"virtio.{type(self).__name__}")

    @property
    def _transport(self) -> MmioTransport:
        if self.transport is None:
            raise VirtioError(f"{type(self).__name__} expected an initialized device, seen none")
        return self.transport

    def queue_requests(self) -> Sequence[QueueRequest]:
        """The queues to set up when the caller names none."""
        return [QueueRequest(index) for index in self.default_queues]

    @classmethod
    def work_queues(cls, count: int) -> Sequence[int]:
        """Which of `count` queues take requests of `ask`, whatever was negotiated."""
        return range(count)

    @classmethod
    def consistent(cls, word: int) -> int:
        """Of any features, those that may be accepted together (2.2.1)."""
        return word

    def negotiate(self, offered: int) -> int:
        """Choose among the offered features (2.2.1)."""
        if self._accept is not None:
            self.features = self._accept(offered)
        else:
            self.features = offered & (self.common_features | self.class_features)
        return self.features

    def has(self, bit: int) -> bool:
        """Whether feature `bit` was accepted."""
        return bool(self.features >> bit & 1)

    async def pre_device_initialization(self, transport: MmioTransport) -> None:
        """Hook after the queues are set up, before DRIVER_OK."""

    async def device_initialized(self, transport: MmioTransport) -> None:
        """Hook after DRIVER_OK."""

    async def config_changed(self, transport: MmioTransport) -> None:
        """The device announced a configuration change."""

    def used(self, used: UsedBuffer) -> None:
        """A chain came back. Its token is the `Pending` given to the queue."""
        if isinstance(used.token, Pending):
            used.token.order = self.completed
            self.completed += 1
            self.pending.remove(used.token)
            used.token.complete(used)

    def device_failed(self, error: Exception) -> None:
        """The device is lost: fail what is outstanding."""
        self._fail(self.pending, error)
        self.pending = []

    def queue_was_reset(self, queue: int, error: Exception) -> None:
        """Queue `queue` has been reset: fail what was outstanding on it, give the buffers back. Raises `GuardError`."""
        self._fail([pending for pending in self.pending if pending.queue == queue], error)
        self.pending = [pending for pending in self.pending if pending.queue != queue]
        self.release()

    def _fail(self, lost: Sequence[Pending[Any]], error: Exception) -> None:
        for pending in lost:
            pending.fail(error)
        self._lost += lost

    def release(self) -> None:
        """The device has been reset: give the buffers of failed requests back. Raises `GuardError`."""
        while self._lost:
            self._lost.pop().buffers.free()

    async def _submit(
        self,
        pending: Pending[T],
        queue: int,
        kick: bool,
    ) -> Pending[T]:
        """Add a request's chain and, with `kick`, publish it. Raises QueueFull (its buffers are given back)."""
        virtqueue = self._transport.queues[queue]
        try:
            pending.head = virtqueue.add(
                pending.buffers.chain, pending, self.table_order, direct=pending.buffers.direct
            )
        except BaseException:
            pending.buffers.free()
            raise
        pending.queue = queue
        self.pending.append(pending)
        if kick:
            await self._transport.kick(queue)
        return pending

    async def ask(
        self,
        rng: random.Random,
        queue: int,
        length: int | None = None,
        layout: Layout | None = None,
        kick: bool = True,
    ) -> Pending[Any]:
        """Start a small request of random content that any device of this type serves, on one of the `work_queues`.

        Where its length is free it is about `length` bytes, by default 64 to 128. What is writable of it is written as
        a whole. Raises QueueFull, and NotImplementedError where a class driver has no such request.
        """
        # Not abstract: a driver of one's own without it runs the bodies of its type, which do not ask.
        raise NotImplementedError(f"{type(self).__name__}: requests that any device serves expected, none known")

    async def kick(self, queue: int = 0) -> bool:
        """Publish requests submitted with `kick=False`; whether the device was notified."""
        return await self._transport.kick(queue)

    async def _wait(self, done: Callable[[], bool]) -> None:
        if self.waiter is None:
            raise VirtioError(f"{type(self).__name__} expected a bench to wait with, seen none")
        await self.waiter(done)
