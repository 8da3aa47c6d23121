# SPDX-License-Identifier: Apache-2.0
"""What several test modules share: the tap's C++, compiled once."""

from __future__ import annotations

import ctypes

import pytest

from .tap_log import BYTES, Bus, MakeBus, build


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("tap"))


@pytest.fixture
def bus(library: ctypes.CDLL) -> MakeBus:
    return lambda lanes=BYTES: Bus(library, lanes)
