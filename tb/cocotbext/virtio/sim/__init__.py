# SPDX-License-Identifier: Apache-2.0
"""Adapters from the three protocols to a simulated device through cocotb; the only place that imports it."""

from __future__ import annotations

import warnings

# Deprecations inside the bus libraries are not the user's; their own must still show.
for _module in (r"cocotbext\.axi.*", r"cocotb_bus.*"):
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=_module)
