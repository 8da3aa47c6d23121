# SPDX-License-Identifier: Apache-2.0
"""A test bench from the three protocols: what a test body gets as `bench`, whatever the device is."""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Callable, Iterable
from enum import IntFlag
from typing import Any, Protocol, TypeVar

from virtio_model.spec import Interrupt as InterruptBits
from virtio_model.spec import Reg, Status

from .backing import DeviceView
from .drivers.base import ClassDriver, Pending
from .errors import DeviceError, DeviceTimeout, VirtioError
from .interfaces import Interrupt, RegisterBus
from .memory import GuardedMemory
from .transport import MmioTransport, QueueRequest

DriverT = TypeVar("DriverT", bound=ClassDriver)

#: Simulated time that a wait may take when the test names none.
DEFAULT_TIMEOUT_NS = 1_000_000
#: Interrupts in a row without any InterruptStatus bit until the line is taken for stuck.
SPURIOUS_LIMIT = 16


class Scoreboard(Protocol):
    """What a bench asks of a scoreboard; both may be coroutines."""

    def feed(self, event: Any) -> Any: ...

    def finish(self, min_used: int) -> Any: ...


class Bench:
    """Register bus, guest memory, interrupt, transport and a seeded random generator for one device.

    `now_ns` tells the device's time, in which all time-outs are measured. `scoreboard` is asked for its verdict in
    `finish`. `faults` plants errors in the device's view of the memory. Everything random in a test is drawn from
    `rng`, so `seed` repeats it.
    """

    def __init__(
        self,
        bus: RegisterBus,
        memory: GuardedMemory,
        irq: Interrupt,
        now_ns: Callable[[], int],
        seed: int = 0,
        scoreboard: Scoreboard | None = None,
        faults: DeviceView | None = None,
    ) -> None:
        self.bus = bus
        self.memory = memory
        self.irq = irq
        self.now_ns = now_ns
        self.seed = seed
        self.rng = random.Random(seed)
        self.scoreboard = scoreboard
        self.faults = faults
        self.transport = MmioTransport(bus, memory, irq, random.Random(f"queues {seed}"))
        self.timeout_ns = DEFAULT_TIMEOUT_NS
        self.poll_ns: int | None = None
        self._log = logging.getLogger("virtio.bench")

    @property
    def driver(self) -> ClassDriver:
        """The class driver in charge. Raises VirtioError without one."""
        if self.transport.driver is None:
            raise VirtioError("bench expected a started driver, seen none")
        return self.transport.driver

    async def start(
        self,
        driver: type[DriverT] | DriverT,
        queues: Iterable[int | QueueRequest] | None = None,
        size: int | None = None,
        start_index: int = 0,
        **options: Any,
    ) -> DriverT:
        """Reset and initialize the device with a class driver (its class, made with `options`, or an instance).

        `queues` names the queues, those of the device type by default; `size` and `start_index` go for queues given
        by number. Raises what `MmioTransport.initialize` raises.
        """
        instance = driver(**options) if isinstance(driver, type) else driver
        instance.waiter = self.run_until
        wanted = [request.index for request in instance.queue_requests()] if queues is None else queues
        requests = [q if isinstance(q, QueueRequest) else QueueRequest(q, size, start_index) for q in wanted]
        await self.transport.initialize(instance, requests)
        return instance

    async def reset_device(self) -> None:
        """Reset the device; what was outstanding fails with DeviceError."""
        await self.transport.reset_device()

    async def run_until(
        self, done: Callable[[], bool] | Pending[Any], timeout_ns: int | None = None, poll_ns: int | None = None
    ) -> None:
        """Serve interrupts until `done` holds (or the pending request is done).

        With `poll_ns`, here or as the bench's attribute, the rings are looked at that often too, for tests that
        suppress interrupts. After `timeout_ns` of the device's time: DeviceTimeout with a diagnosis. Raises
        DeviceError when the device asks for a reset or its interrupt line is stuck.
        """
        finished = done.is_done if isinstance(done, Pending) else done
        limit_ns = self.timeout_ns if timeout_ns is None else timeout_ns
        poll_ns = self.poll_ns if poll_ns is None else poll_ns
        deadline = self.now_ns() + limit_ns
        spurious = 0
        while not finished():
            left_ns = deadline - self.now_ns()
            if left_ns <= 0:
                raise await self._timeout(done, finished, limit_ns)
            if await self.irq.wait(left_ns if poll_ns is None else min(left_ns, poll_ns)):
                spurious = 0 if await self.transport.handle_interrupt() else spurious + 1
                if spurious >= SPURIOUS_LIMIT:
                    raise DeviceError(f"interrupt line expected low with InterruptStatus 0, seen high {spurious} times")
            elif poll_ns is not None:
                self.transport.deliver_used()

    async def drain(self, timeout_ns: int | None = None) -> None:
        """Wait until no request is outstanding. Raises DeviceTimeout."""
        waiting = self.driver.waiting_queues if self.transport.driver is not None else frozenset()
        queues = [queue for index, queue in self.transport.queues.items() if index not in waiting]
        await self.run_until(lambda: not any(queue.outstanding for queue in queues), timeout_ns)

    async def sync(self) -> None:
        """Let monitors and scoreboard catch up with the device; nothing to do unless a bench has a lag."""

    async def finish(self, min_used: int = 1) -> None:
        """The end of every test: drain, check guards, that at least `min_used` buffers were used, and the scoreboard.

        Raises what went wrong, GuardError or AssertionError.
        """
        if self.transport.live:
            await self.drain()
            if self.irq.level:
                await self.transport.handle_interrupt()
        await self.sync()
        self.memory.check_guards()
        if self.faults is not None:
            self.faults.check()
        seen = self.transport.used_count
        if seen < min_used:
            raise AssertionError(f"BENCH-MIN-USED expected at least {min_used} used buffers, seen {seen}")
        if self.scoreboard is not None:
            verdict = self.scoreboard.finish(min_used)
            if inspect.isawaitable(verdict):
                await verdict

    async def diagnose(self) -> str:
        """One line of what registers and rings say; reads registers without side effects, and QueueSel is moved."""
        parts = [
            f"Status={await self._peek(Reg.STATUS, Status)}",
            f"InterruptStatus={await self._peek(Reg.INTERRUPT_STATUS, InterruptBits)}",
            f"irq={int(self.irq.level)}",
        ]
        for index, queue in self.transport.queues.items():
            try:
                await self.bus.write(Reg.QUEUE_SEL, index)
                ready = await self._peek(Reg.QUEUE_READY)
            except Exception as error:
                ready = f"({error})"
            parts.append(
                f"queue {index}: QueueReady={ready} {queue.progress} outstanding heads={queue.outstanding[:16]}"
            )
        return "; ".join(parts)

    async def _timeout(self, done: object, finished: Callable[[], bool], limit_ns: int) -> DeviceTimeout:
        what = repr(done) if isinstance(done, Pending) else "what the test waits for"
        diagnosis = await self.diagnose()
        self.transport.deliver_used()
        if finished():
            what += " is in the used ring, but no interrupt told of it"
        return DeviceTimeout(f"{what}: expected within {limit_ns} ns, seen {diagnosis}")

    async def _peek(self, register: Reg, kind: type[IntFlag] | None = None) -> str:
        try:
            value = await self.bus.read(register)
        except Exception as error:
            return f"({error})"
        names = [bit.name or "" for bit in kind if bit & value] if kind is not None else []
        return f"{value:#x}" + (f"({'|'.join(names)})" if names else "")
