# SPDX-License-Identifier: Apache-2.0
"""All rules on one driver: steps in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable

from virtio_model.spec import CONFIG_OFFSET, Reg

from .configuration import Brackets, Changes, Fields, InputQueries
from .negotiation import Negotiation
from .operation import Chains, Interrupts, Suspension
from .queues import Notifications, QueueSetUp
from .startup import Access32, Identification, Initialization
from .state import Judge, State
from .table import KEPT, RULES, Finding, Verdict
from .trace import Access, IrqLevel, PowerUp, Step

_JUDGES: tuple[type[Judge], ...] = (
    *(Identification, Access32, Initialization, Negotiation, QueueSetUp, Notifications),
    *(Chains, Interrupts, Suspension, Fields, Brackets, InputQueries, Changes),
)


class DriverChecker:
    """Judges a driver by its register accesses, from power-up on; `verdicts` has every rule."""

    def __init__(self) -> None:
        self.verdicts = {name: Verdict(name) for name in RULES}
        self._where = ""
        self._power_up()

    def feed(self, steps: Iterable[Step]) -> None:
        """Judge the next steps."""
        for step in steps:
            self._where = step.where
            if isinstance(step, Access):
                self._access(step)
            elif isinstance(step, IrqLevel):
                for judge in self._judges:
                    judge.irq(step.level, step.at)
            elif isinstance(step, PowerUp):
                self._power_up()

    def finish(self) -> list[Finding]:
        """The end of the trace: everything found, in the order of the steps of each rule."""
        for judge in self._judges:
            judge.finish()
        return self.findings()

    def findings(self) -> list[Finding]:
        """Everything found so far."""
        return [finding for verdict in self.verdicts.values() for finding in verdict.findings]

    def _power_up(self) -> None:
        self._state = State()
        self._judges = [kind(self._state, self._judge) for kind in _JUDGES]

    def _access(self, access: Access) -> None:
        for judge in self._judges:
            judge.step(access)
        if access.offset < CONFIG_OFFSET and access.size not in (None, 4):
            return  # has no meaning for a device
        self._state.update(access)
        if access.write and access.offset == Reg.STATUS and access.value == 0:
            for judge in self._judges:
                judge.reset()

    def _judge(
        self,
        rule: str,
        held: bool,
        expected: str = "",
        seen: str = "",
        requirements: tuple[str, ...] = (),
        where: str = "",
    ) -> None:
        verdict = self.verdicts[rule]
        verdict.judged += 1
        if held:
            return
        verdict.broken += 1
        if len(verdict.findings) < KEPT:
            named = requirements or RULES[rule].requirements
            verdict.findings.append(Finding(where or self._where, rule, expected, seen, named))
