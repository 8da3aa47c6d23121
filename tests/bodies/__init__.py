# SPDX-License-Identifier: Apache-2.0
"""Test bodies: what is shown about a device, whatever carries the register accesses and the interrupt.

Each runs on a `Rig`, in milliseconds on the model and on the pins of a simulated device. A body starts from any state,
leaves nothing outstanding, and says in its decorator how many used buffers it proves itself by.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rig import Body


def every_body() -> list[Body]:
    """All test bodies of all themes."""
    from .rig import Body

    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return [body for module in modules for body in vars(module).values() if isinstance(body, Body)]
