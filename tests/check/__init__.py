# SPDX-License-Identifier: Apache-2.0
"""`make check-dut`: a device of other people on the bench (docs/check-dut.md)."""
