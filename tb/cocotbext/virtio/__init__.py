# SPDX-License-Identifier: Apache-2.0
"""Verification IP for VirtIO-MMIO devices: a driver that plays the guest, monitors and checks.

Only the `sim` sub-package needs a simulator.
"""
