# SPDX-License-Identifier: Apache-2.0
"""Devices of other people: their description, and the HDL that puts them on the bench. Needs no simulator."""
