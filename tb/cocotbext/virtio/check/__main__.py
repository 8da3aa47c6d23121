# SPDX-License-Identifier: Apache-2.0
"""python -m cocotbext.virtio.check device.toml: what is wrong with a device of other people (docs/check-dut.md)."""

import sys

from ..suite.check.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
