# SPDX-License-Identifier: Apache-2.0
"""What the regression covers: of what can happen on the pins, and of the lines of the RTL."""
