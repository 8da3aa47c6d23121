# SPDX-License-Identifier: Apache-2.0
"""The checkers on RTL with a fault in it: each configuration planted_* must be caught by the rule meant for it."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import cocotb

from .harness import SimRig
from .observed import leave
from .planted import PLANTED

#: The same in every run: whether a fault shows may depend on chance, that a checker sees it must not.
_SEED = 1
#: Long enough for what a body waits for, and less than simulators of event queues take minutes for.
_TIMEOUT_NS = 100_000


@cocotb.test()
async def fault_is_caught(dut: Any) -> None:
    fault = PLANTED[os.environ["VIRTIO_CONFIG"]]
    place, *case = fault.body.split()
    theme, _, name = place.partition(".")
    rig = await SimRig.build(dut, fault.timing, seed=_SEED)
    rig.timeout_ns = _TIMEOUT_NS
    try:
        await rig.run(getattr(import_module(f"..bodies.{theme}", __package__), name), *case)
    except Exception as error:
        said = "".join(f"{type(one).__name__}: {one}\n" for one in (error, error.__cause__) if one is not None)
        if found := [rule for rule in fault.rules if rule in said]:
            leave("rule", found)
            return
        raise AssertionError(f"planted fault: expected one of {fault.rules}, seen {said}") from error
    raise AssertionError(f"planted fault: expected one of {fault.rules}, seen nothing")
