# SPDX-License-Identifier: Apache-2.0
"""`make bench`: how fast the simulation is, against other ways to do the same."""
