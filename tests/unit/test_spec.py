# SPDX-License-Identifier: Apache-2.0
"""One set of constants in three places: the catalogue, `virtio_model.spec` and `rtl/virtio_pkg.sv`."""

from __future__ import annotations

import re
from enum import IntEnum, IntFlag
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from virtio_model import Descriptor, PackedDescriptor, spec

PACKAGE = Path(__file__).parents[2] / "rtl" / "virtio_pkg.sv"
LOCALPARAM = re.compile(r"^\s*localparam\s[^=;]*?(\w+)\s*=\s*(?:\d*'([hdb]))?([0-9a-fA-F_]+)\s*;", re.MULTILINE)
BASES = {"h": 16, "d": 10, "b": 2, "": 10}


@cache
def catalogue(name: str) -> Any:
    text = (resources.files("virtio_model") / "data" / f"{name}.yaml").read_text()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()


def by_name(entries: list[dict[str, Any]], prefix: str, key: str) -> dict[str, int]:
    return {entry["name"].removeprefix(prefix): entry[key] for entry in entries if entry["name"].startswith(prefix)}


def members(enum: type[IntEnum] | type[IntFlag]) -> dict[str, int]:
    return {name: int(member) for name, member in enum.__members__.items()}


def register(name: str) -> dict[str, Any]:
    [entry] = [entry for entry in catalogue("registers")["registers"] if entry["name"] == name]
    return dict(entry)


def test_register_offsets() -> None:
    modern = [entry for entry in catalogue("registers")["registers"] if entry["iface"] != "legacy"]
    assert members(spec.Reg) == {snake(entry["name"]): entry["offset"] for entry in modern}


def test_window() -> None:
    window = catalogue("registers")["window"]
    assert window["config_region"]["first"] == spec.CONFIG_OFFSET
    assert register("MagicValue")["reset"]["value"] == spec.MAGIC
    assert register("Version")["reset"]["value"] == spec.VERSION


def test_status_and_interrupt_bits() -> None:
    status = {field["name"]: 1 << field["bit"] for field in register("Status")["fields"]}
    assert members(spec.Status) == status
    interrupt = {field["name"].upper(): 1 << field["bit"] for field in register("InterruptStatus")["fields"]}
    assert members(spec.Interrupt) == interrupt


def test_device_types() -> None:
    devices = {entry["short"].upper(): entry["id"] for entry in catalogue("devices")["devices"].values()}
    assert members(spec.DeviceType).items() <= devices.items()
    assert {entry["id"] for entry in catalogue("devices")["device_ids"]} >= set(devices.values())


BLOCK_CONSTANTS = [
    (spec.BlkFeature, "features", "VIRTIO_BLK_F_", "bit"),
    (spec.BlkConfig, "config", "", "offset"),
    (spec.BlkType, "requests", "VIRTIO_BLK_T_", "value"),
    (spec.BlkStatus, "statuses", "VIRTIO_BLK_S_", "value"),
]


@pytest.mark.parametrize(("enum", "part", "prefix", "key"), BLOCK_CONSTANTS, ids=[row[1] for row in BLOCK_CONSTANTS])
def test_block_device(enum: type[IntEnum], part: str, prefix: str, key: str) -> None:
    entries = catalogue("devices")["devices"]["block"][part]
    if part == "requests":
        entries = entries["types"]
    values = {name.rpartition(".")[2].upper(): value for name, value in by_name(entries, prefix, key).items()}
    assert members(enum)
    assert members(enum).items() <= values.items()


def test_console_device() -> None:
    entries = catalogue("devices")["devices"]["console"]
    assert members(spec.ConsoleFeature) == by_name(entries["features"], "VIRTIO_CONSOLE_F_", "bit")
    assert members(spec.ConsoleConfig) == {entry["name"].upper(): entry["offset"] for entry in entries["config"]}


def test_input_device() -> None:
    entries = catalogue("devices")["devices"]["input"]
    offsets = {entry["name"].upper(): entry["offset"] for entry in entries["config"]}
    assert members(spec.InputConfig).items() <= offsets.items()
    assert offsets["U"] + spec.INPUT_U_BYTES == entries["config_size"]
    assert members(spec.InputSelect) == by_name(entries["requests"]["select_values"], "", "value")
    assert entries["requests"]["event"]["bytes"] == spec.INPUT_EVENT_BYTES


def test_generic_features() -> None:
    generic = by_name(catalogue("devices")["generic_features"], "VIRTIO_F_", "bit")
    assert members(spec.Feature).items() <= generic.items()


@pytest.mark.parametrize("kind", [Descriptor, PackedDescriptor])
def test_descriptor_layout(kind: type[Descriptor] | type[PackedDescriptor]) -> None:
    name = "split_descriptor" if kind is Descriptor else "packed_descriptor"
    structure = catalogue("devices")["ring_structs"][name]
    assert structure["bytes"] == spec.DESC_BYTES == len(kind(0, 0).pack())
    fields = {field["name"]: field for field in structure["fields"]}
    assert list(fields) == list(kind._fields)
    for name, field in fields.items():
        filled_field: Any = {name: (1 << 8 * field["bytes"]) - 1}
        packed = kind(0, 0)._replace(**filled_field).pack()
        filled = bytes(field["offset"]) + b"\xff" * field["bytes"]
        assert packed == filled.ljust(spec.DESC_BYTES, b"\0"), name
    flags = {name: int(value, 0) for value, name in re.findall(r"(\w+) ([A-Z]+)", fields["flags"]["bits"])}
    assert flags.items() <= members(spec.DescFlag).items()
    assert kind is Descriptor or flags == members(spec.DescFlag)


def test_catalogue_ids_are_unique() -> None:
    requirements = [entry["id"] for entry in catalogue("requirements")]
    hostile = [entry["id"] for entry in catalogue("hostile")["entries"]]
    assert len(requirements) == len(set(requirements)) > 800
    assert len(hostile) == len(set(hostile)) == catalogue("hostile")["counts"]["total"]


def test_ids_named_by_tests_exist() -> None:
    """Every requirement or case id that the model's tests name is in the catalogue."""
    known = {entry["id"] for entry in catalogue("requirements")} | {e["id"] for e in catalogue("hostile")["entries"]}
    prefixes = "|".join(sorted({identifier.split("-")[0] for identifier in known}))
    for path in Path(__file__).parent.glob("test_model_*.py"):
        named = re.findall(rf"\b(?:{prefixes})-(?:(?:DEV|DRV)-)?\d{{3}}\b", path.read_text())
        assert set(named) <= known, path.name


def rtl_constants() -> dict[str, int]:
    found = LOCALPARAM.findall(PACKAGE.read_text())
    return {name: int(digits.replace("_", ""), BASES[base]) for name, base, digits in found}


def python_constants() -> dict[str, int]:
    flags = {f"DESC_F_{name}": value for name, value in members(spec.DescFlag).items()}
    bits = {f"DESC_{flag.name}_BIT": flag.value.bit_length() - 1 for flag in spec.DescFlag}
    prefixed: list[tuple[str, type[IntEnum] | type[IntFlag]]] = [
        ("REG_", spec.Reg),
        ("STATUS_", spec.Status),
        ("FEATURE_", spec.Feature),
        ("BLK_F_", spec.BlkFeature),
        ("BLK_T_", spec.BlkType),
        ("BLK_S_", spec.BlkStatus),
        ("BLK_CONFIG_", spec.BlkConfig),
        ("DEVICE_TYPE_", spec.DeviceType),
        ("CONSOLE_F_", spec.ConsoleFeature),
        ("CONSOLE_CONFIG_", spec.ConsoleConfig),
        ("INPUT_CONFIG_", spec.InputConfig),
        ("INPUT_SELECT_", spec.InputSelect),
    ]
    values = {prefix + name: value for prefix, enum in prefixed for name, value in members(enum).items()}
    return (
        values
        | flags
        | bits
        | {"MAGIC_VALUE": spec.MAGIC, "BLK_ID_BYTES": spec.BLK_ID_BYTES}
        | {
            "INPUT_U_BYTES": spec.INPUT_U_BYTES,
            "INPUT_EVENT_BYTES": spec.INPUT_EVENT_BYTES,
        }
    )


def test_rtl_package_states_the_same() -> None:
    """Every constant of the standard in the RTL equals Python's; others (storage port) have a prefix of their own."""
    python = python_constants()
    prefixes = ("REG_", "STATUS_", "FEATURE_", "BLK_", "DEVICE_TYPE_", "DESC_", "MAGIC_VALUE", "CONSOLE_", "INPUT_")
    rtl = {name: value for name, value in rtl_constants().items() if name.startswith(prefixes)}
    assert rtl == {name: python.get(name) for name in rtl}


def test_rtl_package_is_complete() -> None:
    """All registers and status bits, and the magic value, are there."""
    rtl = rtl_constants()
    wanted = {f"REG_{name}" for name in members(spec.Reg)} | {f"STATUS_{name}" for name in members(spec.Status)}
    assert wanted | {"MAGIC_VALUE", "FEATURE_VERSION_1"} <= rtl.keys()


def test_rtl_package_knows_transport_features() -> None:
    """The bits that the core may offer are those that the package names, without VERSION_1."""
    rtl = rtl_constants()
    bits = [bit for name, bit in rtl.items() if name.startswith("FEATURE_") and name != "FEATURE_VERSION_1"]
    assert rtl["TRANSPORT_FEATURES"] == spec.features(*bits)


def test_rtl_package_is_read_whole() -> None:
    """The expression above misses no localparam of the package."""
    declared = re.findall(r"^\s*localparam\b", PACKAGE.read_text(), re.MULTILINE)
    assert len(rtl_constants()) == len(declared) > 0
