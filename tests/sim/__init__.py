# SPDX-License-Identifier: Apache-2.0
"""cocotb tests, and the runner that builds and runs them."""

import warnings

# Their deprecated calls are not ours to fix; our own still show.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(cocotbext\.axi|cocotb_bus)(\..*)?$")
