# SPDX-License-Identifier: Apache-2.0
"""Planted faults are there to be planted, and a fault that cannot be is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import configs
from tests.sim.planted import PLANTED, PlantError, built_as, plant


@pytest.mark.parametrize("config", PLANTED)
def test_fault_fits_the_rtl(config: str, tmp_path: Path) -> None:
    before = configs.sources_of(config)
    after = plant(before, config, tmp_path)
    changed = {old.name: (old, new) for old, new in zip(before, after, strict=True) if old != new}
    assert changed.keys() == {fault.file for name, fault in PLANTED.items() if built_as(name) == built_as(config)}
    old, new = changed[PLANTED[config].file]
    assert old.read_text() != new.read_text()


def test_other_configurations_are_left_alone(tmp_path: Path) -> None:
    assert plant(configs.sources(), "rng", tmp_path) == configs.sources()


def test_text_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    config, fault = next(iter(PLANTED.items()))
    source = tmp_path / fault.file
    for text, found in (("", 0), (2 * fault.old, 2)):
        source.write_text(text)
        with pytest.raises(PlantError, match=f"found {found} times"):
            plant([source], config, tmp_path / "out")
    with pytest.raises(PlantError, match="expected one such file"):
        plant([], config, tmp_path / "out")
