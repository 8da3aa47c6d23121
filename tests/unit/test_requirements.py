# SPDX-License-Identifier: Apache-2.0
"""docs/requirements.md says of every device requirement how it is held, and is what the code says."""

from __future__ import annotations

from tests import requirements
from tests.conformance.judge import catalogue as cases
from tests.requirements import OTHERS, PAGE, by_rule, by_test, catalogue, missing, named, page


def test_nothing_is_missing() -> None:
    assert missing() == []
    assert len(catalogue()) > 150


def test_only_requirements_of_the_catalogue_are_named() -> None:
    known = {entry["id"] for entry in catalogue()}
    assert set(OTHERS) <= known
    every = requirements.every_id() | {entry["id"] for entry in cases("hostile.yaml")["entries"]}
    assert set(by_rule()) | set(by_test()) <= every


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "write it by `python -m tests.requirements`"


def test_lists_and_ranges_of_numbers() -> None:
    text = "(SPLIT-DEV-019 to 021, 024, PACKED-DEV-002, HOST-045, 047)"
    assert list(named(text)) == [
        *("SPLIT-DEV-019", "SPLIT-DEV-020", "SPLIT-DEV-021", "SPLIT-DEV-024", "PACKED-DEV-002"),
        *("HOST-045", "HOST-047"),
    ]
