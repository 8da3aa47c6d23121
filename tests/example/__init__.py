# SPDX-License-Identifier: Apache-2.0
"""A device type of one's own, see docs/device-type.md: its model and driver. Its HDL is in tests/hdl/example."""
