# SPDX-License-Identifier: Apache-2.0
"""The worked example of a device type of one's own is as small, and its page as complete, as they claim."""

from __future__ import annotations

import re
from pathlib import Path

from tests.example.checksum import DEVICE_TYPE
from tests.sim.configs import CONFIGS, OWN, own_sources
from virtio_model.spec import DeviceType

ROOT = Path(__file__).parents[2]
DEVICE = ROOT / "tests" / "hdl" / "example" / "virtio_checksum.sv"
PAGE = (ROOT / "docs" / "device-type.md").read_text()
MOST_LINES = 150


def boundary() -> set[str]:
    """The signals of the core's boundary to the device type, without _i and _o."""
    core = (ROOT / "rtl" / "virtio_mmio_core.sv").read_text()
    ports = core[core.index("// Device type\n") : core.index(");\n\n  import")]
    return set(re.findall(r"(\w+)_[io]\b", ports))


def test_device_type_is_short() -> None:
    assert len(DEVICE.read_text().splitlines()) < MOST_LINES


def test_page_names_every_signal_of_the_boundary() -> None:
    known = boundary()
    assert len(known) > 25
    assert {name for name in known if f"`{name}`" not in PAGE} == set()


def test_page_names_every_file() -> None:
    files = [*own_sources(), *(ROOT / "tests" / "example").glob("[a-z]*.py"), ROOT / "tests" / "bodies" / "checksum.py"]
    assert len(files) >= 5
    assert {path.name for path in files if str(path.relative_to(ROOT)) not in PAGE} == set()


def test_page_names_only_what_there_is() -> None:
    named = set(re.findall(r"`((?:rtl|tb|tests|models)/[\w/.]+)`", PAGE))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_device_id_is_nobodys() -> None:
    assert DEVICE_TYPE == OWN == CONFIGS["checksum"]["Device"]
    assert DEVICE_TYPE not in set(DeviceType)
