# SPDX-License-Identifier: Apache-2.0
"""What the catalogue says of device types: feature bits with their dependencies, and configuration fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from virtio_model.spec import DeviceType

_WIDTHS = {"u8": 1, "le16": 2, "le32": 4, "le64": 4}
#: Fields that are a union, to be accessed as what the driver asked for.
_UNIONS = {(int(DeviceType.INPUT), "u")}
#: Bits that device types can define (2.2).
_TYPE_BITS = frozenset([*range(24), 41, 42, *range(50, 128)])


@dataclass(frozen=True)
class Field:
    """A field at `offset` in the configuration space, accessed `width` bytes at a time (0: any).

    It exists if one of `guards` is offered, always if there are none.
    """

    name: str
    offset: int
    length: int
    width: int
    guards: frozenset[int]
    driver_writable: bool

    @property
    def wide(self) -> bool:
        """Whether it takes two accesses."""
        return self.width == 4 and self.length == 8


@dataclass(frozen=True)
class Layout:
    """A device type; `fields` is None for one that the catalogue does not know."""

    fields: tuple[Field, ...] | None
    bits: frozenset[int]
    #: For a bit, sets of bits of each of which one must be there.
    requires: Mapping[int, tuple[frozenset[int], ...]]
    names: Mapping[int, str]
    shared_memory: bool

    def field_at(self, offset: int) -> Field | None:
        """The field that a byte of the configuration space belongs to."""
        for each in self.fields or ():
            if each.offset <= offset < each.offset + each.length:
                return each
        return None

    def name(self, bit: int) -> str:
        """A feature by its name, or its number."""
        return self.names.get(bit, f"bit {bit}")


@cache
def _catalogue() -> Mapping[str, Any]:
    import yaml  # here, for a board has the standard library alone

    text = (resources.files("virtio_model") / "data" / "devices.yaml").read_text()
    content: Mapping[str, Any] = yaml.safe_load(text)
    return content


@cache
def layout(device_id: int) -> Layout:
    """The layout of a device type, with little in it for one that the catalogue does not know."""
    generic = {each["bit"]: each["name"] for each in _catalogue()["generic_features"] if _on_mmio(each)}
    for device in _catalogue()["devices"].values():
        if device["id"] == device_id:
            return _layout(device, generic)
    return Layout(None, frozenset(generic) | _TYPE_BITS, {}, generic, shared_memory=True)


def _on_mmio(feature: Mapping[str, Any]) -> bool:
    return not str(feature["mmio"]).startswith("never")


def _layout(device: Mapping[str, Any], generic: Mapping[int, str]) -> Layout:
    bits = {feature["name"]: feature["bit"] for feature in device["features"]}
    fields = []
    for each in device["config"]:
        always = each["features"] == "always" or str(each.get("note", "")).startswith("field always present")
        guards = frozenset() if always else frozenset(bits[name] for name in each["features"])
        union = (device["id"], each["name"]) in _UNIONS
        width = 0 if union else _WIDTHS[each["type"]]
        writable = bool(each.get("driver_writable"))
        fields.append(Field(each["name"], each["offset"], each["bytes"], width, guards, writable))
    requires = {
        feature["bit"]: tuple(frozenset(bits[name] for name in one_of) for one_of in feature["requires"])
        for feature in device["features"]
        if "requires" in feature
    }
    names = {**generic, **{bit: name for name, bit in bits.items()}}
    return Layout(tuple(fields), frozenset(names), requires, names, shared_memory="shared_memory" in device)
