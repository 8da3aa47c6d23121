# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a board before a test has begun."""

from __future__ import annotations


class BoardError(Exception):
    """A file, an address or an option that cannot be used; its text is the one line that the user sees."""
