# SPDX-License-Identifier: Apache-2.0
"""Mutation of the RTL: small faults, one at a time, each of which some test should notice. See docs/mutation.md."""
