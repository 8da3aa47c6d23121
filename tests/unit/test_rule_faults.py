# SPDX-License-Identifier: Apache-2.0
"""The list of what shows that a rule bites: complete, and as it is in the docs."""

from __future__ import annotations

import ast

import pytest

from cocotbext.virtio.violation import RULES, Rule
from tests import rule_faults


def test_every_rule_has_a_fault() -> None:
    assert rule_faults.without() == []


def test_a_rule_without_a_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "VQ-NEW", Rule("nothing breaks it"))
    assert rule_faults.without() == ["VQ-NEW"]


def test_faults_are_found_in_tables_and_assertions() -> None:
    table, test = 'F = {"a": ("VQ-DATA", f), "b": g}', 'def test_c_d():\n    x = "AXI-X"\n    assert y == {"VQ-UNREAD"}'
    tree = ast.parse(f"{table}\n{test}\n")
    assert sorted(rule_faults._in_file(tree)) == [("VQ-DATA", "a"), ("VQ-UNREAD", "c d")]


def test_page_is_up_to_date() -> None:
    assert rule_faults.PAGE.read_text() == rule_faults.page(), "write it by `python -m tests.rule_faults`"
