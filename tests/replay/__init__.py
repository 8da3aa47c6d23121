# SPDX-License-Identifier: Apache-2.0
"""Traces of what a driver did to a device and its memory: recorded from the pins, replayed without the driver."""
