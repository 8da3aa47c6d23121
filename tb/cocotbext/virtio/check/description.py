# SPDX-License-Identifier: Apache-2.0
"""The description of a device under test, a TOML file (docs/check-dut.md)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virtio_model.spec import SECTOR, DeviceType, Feature, features

from ..violation import RULES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REGISTER_BUSES = ("axi4-lite", "axi4", "apb", "simple")
MEMORY_BUSES = ("axi4", "axi4-lite")
DATA_WIDTHS = (32, 64, 128, 256, 512)
#: Device types that can be checked, and what may be behind them.
TYPES: Mapping[str, DeviceType] = {
    "rng": DeviceType.RNG,
    "blk": DeviceType.BLK,
    "net": DeviceType.NET,
    "console": DeviceType.CONSOLE,
    "input": DeviceType.INPUT,
}
BACKENDS: Mapping[str, tuple[str, ...]] = {
    "rng": ("none", "hook"),
    "blk": ("memory", "hook"),
    **dict.fromkeys(("net", "console", "input"), ("stream",)),
}
#: Fields of the configuration space that a description may give, by device type.
CONFIG_FIELDS: Mapping[str, Mapping[str, type]] = {
    "rng": {},
    "blk": dict.fromkeys(("size_max", "seg_max", "blk_size"), int),
    "net": {"mac": str, "mtu": int, "max_virtqueue_pairs": int},
    "console": {"cols": int, "rows": int},
    "input": {},
}
#: Inputs of the device that the bench turns: state of the link, size of the console.
SIGNALS: Mapping[str, tuple[str, ...]] = {"net": ("link_up",), "console": ("cols", "rows")}
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
#: Frames of the longest kind that a network device holds at least, in bytes with their header.
_ONE_FRAME = 1540

#: Tables of the file, and the type of each key.
_KEYS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "device": {
        **dict.fromkeys(("name", "top", "type"), str),
        **dict.fromkeys(("sources", "include"), list),
        **dict.fromkeys(("defines", "parameters"), dict),
    },
    "clock": {"port": str},
    "reset": {"port": str, "active": str},
    "irq": {"port": str, "active": str},
    "registers": {"bus": str, "prefix": str, "map": dict, "data_width": int},
    "memory": {"bus": str, "prefix": str, "map": dict, "data_width": int, "address_width": int, "id_width": int},
    "stream_out": {"prefix": str, "map": dict},
    "stream_in": {"prefix": str, "map": dict},
    "signals": dict.fromkeys(("link_up", "cols", "rows"), str),
    "ties": {},
    "expect": {
        **dict.fromkeys(("features", "queue_size_max", "window"), list),
        **dict.fromkeys(("device_id", "vendor_id", "config_bytes"), int),
        "config": dict,
        "serial": str,
    },
    "backend": {
        "kind": str,
        "sectors": int,
        "fill": int,
        "image": str,
        "hook": str,
        "store_bytes": int,
        "store_events": int,
    },
    "limits": {"known": list},
}
_REQUIRED = {
    "device": ("top", "type", "sources"),
    "clock": ("port",),
    "reset": ("port",),
    "irq": ("port",),
    "registers": ("bus",),
    "memory": ("bus", "data_width"),
    "expect": ("features", "queue_size_max"),
}


class DescriptionError(ValueError):
    """What is wrong with a description, as file:line: text."""


@dataclass(frozen=True)
class Bus:
    """A bus of the device: signal `x` is port `prefix` + x unless `names` says otherwise. Widths in bits."""

    kind: str
    prefix: str
    names: Mapping[str, str]
    data_width: int
    address_width: int
    id_width: int

    def port(self, signal: str) -> str:
        """The device's port for a signal."""
        return self.names.get(signal, self.prefix + signal)


@dataclass(frozen=True)
class Stream:
    """A stream of the device: signal `x` is port `prefix` + x unless `names` says otherwise."""

    prefix: str
    names: Mapping[str, str]

    def port(self, signal: str) -> str:
        """The device's port for a signal."""
        return self.names.get(signal, self.prefix + signal)


@dataclass(frozen=True)
class Description:
    """A device under test. `sectors` are the size of a block device's storage, `image` what it holds at first; of what
    comes in from its MAC a network device holds `store_bytes` at least, and an input device `store_events` events for
    which there is no buffer yet; `window` is an input device's, by (select, subsel).
    """

    path: Path
    name: str
    top: str
    type: str
    sources: tuple[Path, ...]
    include: tuple[Path, ...]
    defines: Mapping[str, object]
    parameters: Mapping[str, object]
    clock: str
    reset: str
    reset_active_low: bool
    irq: str
    irq_active_low: bool
    registers: Bus
    memory: Bus
    stream_out: Stream
    stream_in: Stream
    signals: Mapping[str, str]
    ties: Mapping[str, int]
    features: int
    queue_size_max: tuple[int, ...]
    device_id: int
    vendor_id: int | None
    config: Mapping[str, Any]
    window: Mapping[tuple[int, int], bytes]
    serial: bytes
    sectors: int
    fill: int
    image: Path | None
    hook: str
    store_bytes: int
    store_events: int
    waived: Mapping[str, str]
    waived_tests: Mapping[str, str]

    @property
    def device_type(self) -> DeviceType:
        """The type of the device, whatever its DeviceID says."""
        return TYPES[self.type]

    def storage(self) -> bytes:
        """What the storage of a block device holds at first."""
        size = SECTOR * self.sectors
        content = self.image.read_bytes()[:size] if self.image else b""
        return content + bytes([self.fill]) * (size - len(content))


class _Source:
    """The file's tables, with the line of what is complained about."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise DescriptionError(f"{path}: expected a description that can be read: {error}") from None
        try:
            self.tables: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            raise DescriptionError(f"{path}:{line[1] if line else 1}: not TOML: {error}") from None

    def line(self, table: str, key: str = "") -> int:
        """Number of the line of a table, or of a key in it; 1 if it is not there."""
        here, found = "", 1
        for number, text in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", text):
                here = header[1]
                if here == table:
                    found = number
            elif here == table and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", text):
                return number
        return found

    def error(self, table: str, key: str, text: str) -> DescriptionError:
        where = f"[{table}] {key}".rstrip()
        return DescriptionError(f"{self.path}:{self.line(table, key)}: {where}: {text}")

    def check_shape(self) -> None:
        """Each table and key is known, of its type, and there if it has to be. Raises DescriptionError."""
        for table, content in self.tables.items():
            if table not in _KEYS:
                raise self.error(table, "", f"unknown table, there are {', '.join(_KEYS)}")
            if not isinstance(content, dict):
                raise self.error(table, "", "expected a table")
            for key, value in content.items():
                known = _KEYS[table]
                if known and key not in known:
                    raise self.error(table, key, f"unknown key, there are {', '.join(known)}")
                kind = known.get(key, int)
                if not isinstance(value, kind) or isinstance(value, bool):
                    raise self.error(table, key, f"expected {_type_name(kind)}, seen {value!r}")
        for table, keys in _REQUIRED.items():
            for key in keys:
                if key not in self.tables.get(table, {}):
                    raise self.error(table, key, "missing")

    def get(self, table: str, key: str, default: Any) -> Any:
        return self.tables.get(table, {}).get(key, default)

    def choice(self, table: str, key: str, default: str, allowed: tuple[Any, ...]) -> Any:
        value = self.get(table, key, default)
        if value not in allowed:
            raise self.error(table, key, f"expected one of {', '.join(map(str, allowed))}, seen {value!r}")
        return value

    def number(self, table: str, key: str, default: int, low: int, high: int) -> int:
        value: int = self.get(table, key, default)
        if not low <= value <= high:
            raise self.error(table, key, f"expected {low} to {high}, seen {value}")
        return value

    def files(self, table: str, key: str, what: str) -> tuple[Path, ...]:
        paths = []
        for name in self.get(table, key, []):
            path = self.path.parent / str(name)
            if not (path.is_dir() if what == "folder" else path.is_file()):
                raise self.error(table, key, f"there is no {what} {path}")
            paths.append(path.resolve())
        return tuple(paths)

    def numbers(self, table: str, key: str, low: int, high: int) -> tuple[int, ...]:
        values = self.get(table, key, [])
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise self.error(table, key, f"expected numbers from {low} to {high}, seen {value!r}")
        return tuple(values)


def load(path: Path) -> Description:
    """Read a description. Raises DescriptionError, which names file and line."""
    source = _Source(path)
    source.check_shape()
    kind = source.choice("device", "type", "", tuple(TYPES))
    sources = source.files("device", "sources", "file")
    if not sources:
        raise source.error("device", "sources", "expected at least one file")
    sizes = source.numbers("expect", "queue_size_max", 1, 32768)
    if not sizes:
        raise source.error("expect", "queue_size_max", "expected the size of each queue")
    offered = features(*source.numbers("expect", "features", 0, 127))
    if not offered & features(Feature.VERSION_1):
        raise source.error("expect", "features", "VERSION_1 (32) expected: legacy devices are not checked")
    backend = source.choice("backend", "kind", BACKENDS[kind][0], BACKENDS[kind])
    hook = source.get("backend", "hook", "")
    if (backend == "hook") != bool(hook):
        raise source.error("backend", "hook", 'expected "file.py:function" with kind = "hook", and only then')
    known = source.get("limits", "known", [])
    for entry in known:
        if not isinstance(entry, dict) or set(entry) not in ({"rule", "reason"}, {"test", "reason"}):
            raise source.error("limits", "known", f"expected {{ rule, reason }} or {{ test, reason }}, seen {entry!r}")
        if "rule" in entry and entry["rule"] not in RULES:
            raise source.error("limits", "known", f"unknown rule {entry['rule']!r}")
    return Description(
        path=path,
        name=source.get("device", "name", path.stem),
        top=source.get("device", "top", ""),
        type=kind,
        sources=sources,
        include=source.files("device", "include", "folder"),
        defines=source.get("device", "defines", {}),
        parameters=source.get("device", "parameters", {}),
        clock=source.get("clock", "port", ""),
        reset=source.get("reset", "port", ""),
        reset_active_low=source.choice("reset", "active", "low", ("low", "high")) == "low",
        irq=source.get("irq", "port", ""),
        irq_active_low=source.choice("irq", "active", "high", ("low", "high")) == "low",
        registers=_bus(source, "registers", REGISTER_BUSES, (32,)),
        memory=_bus(source, "memory", MEMORY_BUSES, DATA_WIDTHS),
        stream_out=_stream(source, "stream_out", kind),
        stream_in=_stream(source, "stream_in", kind),
        signals=_signals(source, kind),
        ties=source.tables.get("ties", {}),
        features=offered,
        queue_size_max=sizes,
        device_id=source.number("expect", "device_id", int(TYPES[kind]), 0, 0xFFFF_FFFF),
        vendor_id=source.get("expect", "vendor_id", None),
        config=_config(source, kind),
        window=_window(source, kind),
        serial=source.get("expect", "serial", "").encode(),
        sectors=source.number("backend", "sectors", 0, 1 if kind == "blk" else 0, 1 << 22),
        fill=source.number("backend", "fill", 0, 0, 255),
        image=_image(source),
        hook=hook,
        store_bytes=source.number("backend", "store_bytes", _ONE_FRAME, 0, 1 << 24),
        store_events=source.number("backend", "store_events", 0, 0, 1 << 16),
        waived={entry["rule"]: str(entry["reason"]) for entry in known if "rule" in entry},
        waived_tests={str(entry["test"]): str(entry["reason"]) for entry in known if "test" in entry},
    )


def _image(source: _Source) -> Path | None:
    name: str = source.get("backend", "image", "")
    if not name:
        return None
    path = source.path.parent / name
    if not path.is_file():
        raise source.error("backend", "image", f"there is no file {path}")
    return path.resolve()


def _stream(source: _Source, table: str, kind: str) -> Stream:
    wanted = BACKENDS[kind] == ("stream",)
    if wanted != (table in source.tables):
        raise source.error(table, "", f"{'missing for' if wanted else 'not for'} a device of type {kind}")
    return Stream(source.get(table, "prefix", ""), source.get(table, "map", {}))


def _signals(source: _Source, kind: str) -> Mapping[str, str]:
    given: Mapping[str, str] = source.tables.get("signals", {})
    for name in given:
        if name not in SIGNALS.get(kind, ()):
            raise source.error("signals", name, f"not for a device of type {kind}")
    return given


def _config(source: _Source, kind: str) -> Mapping[str, Any]:
    given: Mapping[str, Any] = source.get("expect", "config", {})
    known = CONFIG_FIELDS[kind]
    for name, value in given.items():
        if name not in known:
            raise source.error("expect", "config", f"unknown field {name}, there are {', '.join(known) or 'none'}")
        if not isinstance(value, known[name]) or isinstance(value, bool):
            raise source.error("expect", "config", f"{name} expected to be {_type_name(known[name])}, seen {value!r}")
    if kind == "net" and not _MAC.fullmatch(given.get("mac", "")):
        raise source.error("expect", "config", "mac expected, as six bytes like 02:00:00:00:00:01")
    return given


def _window(source: _Source, kind: str) -> Mapping[tuple[int, int], bytes]:
    found = {}
    for entry in source.get("expect", "window", []):
        try:
            found[int(entry["select"]), int(entry.get("subsel", 0))] = bytes.fromhex(entry["hex"])
        except (AttributeError, KeyError, TypeError, ValueError):
            text = f"expected {{ select, subsel, hex }}, seen {entry!r}"
            raise source.error("expect", "window", text) from None
    if found and kind != "input":
        raise source.error("expect", "window", f"not for a device of type {kind}")
    return found


def _bus(source: _Source, table: str, kinds: tuple[str, ...], widths: tuple[int, ...]) -> Bus:
    kind = source.choice(table, "bus", "", kinds)
    width = source.get(table, "data_width", 32)
    if width not in widths:
        raise source.error(table, "data_width", f"expected one of {', '.join(map(str, widths))}, seen {width}")
    return Bus(
        kind,
        source.get(table, "prefix", ""),
        source.get(table, "map", {}),
        width,
        source.number(table, "address_width", 64, 32, 64) if table == "memory" else 12,
        source.number(table, "id_width", 4, 0, 4) if table == "memory" else 0,
    )


def _type_name(kind: type | tuple[type, ...]) -> str:
    names = {str: "a string", int: "an integer", list: "a list", dict: "a table"}
    return names[kind] if isinstance(kind, type) else " or ".join(names[each] for each in kind)
