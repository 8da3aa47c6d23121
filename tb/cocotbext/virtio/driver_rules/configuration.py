# SPDX-License-Identifier: Apache-2.0
"""Rules on the configuration space (2.5, 4.2.2.2), and those of device types that it shows."""

from __future__ import annotations

from virtio_model.spec import CONFIG_OFFSET, BlkConfig, ConsoleConfig, DeviceType, Interrupt, Reg, Status

from .layouts import Field
from .state import Judge, in_config, text
from .trace import Access

_READ_ONLY = {int(DeviceType.NET): "NET-DRV-001", int(DeviceType.INPUT): "INPUT-DRV-002", 16: "GPU-DRV-001"}
#: Per device type the field to read again after a configuration change, its guard, and the requirement.
_CHANGING = {int(DeviceType.BLK): (0, None, "BLK-DRV-014"), int(DeviceType.NET): (12, 63, "NET-DRV-012")}
_SELECT, _SUBSEL, _SIZE, _PAYLOAD = 0, 1, 2, 8


class Fields(Judge):
    """Each access to a field by itself."""

    def step(self, access: Access) -> None:
        if not in_config(access):
            return
        state = self.state
        if access.write and not self._emergency(access):
            held = bool(state.status & Status.FEATURES_OK)
            self.judge("DRV-CONFIG-EARLY", held, "FEATURES_OK set before", text(access))
        field = state.layout.field_at(access.offset - CONFIG_OFFSET)
        if field is None:
            return
        at = access.offset - CONFIG_OFFSET - field.offset
        if access.size is not None:
            width = field.width or access.size
            held = access.size == width and at % width == 0 and width <= 4
            seen = f"{text(access)} of {access.size} bytes"
            self.judge("DRV-CONFIG-WIDTH", held, f"{width} bytes, aligned, for {field.name}", seen)
        if field.guards:
            names = " or ".join(state.layout.name(bit) for bit in sorted(field.guards))
            held = any(state.is_offered(bit) for bit in field.guards)
            self.judge("DRV-CONFIG-FEATURE", held, f"{names} seen to be offered", f"{field.name}, {text(access)}")
        requirement = _READ_ONLY.get(state.device_id or 0)
        if access.write and requirement is not None:
            held = field.driver_writable
            self.judge("DRV-CONFIG-READ-ONLY", held, f"no write to {field.name}", text(access), (requirement,))
        if state.device_id == DeviceType.BLK and field.offset == BlkConfig.WRITEBACK and not access.write:
            held = bool(state.status & Status.FEATURES_OK)
            self.judge("DRV-BLK-WRITEBACK", held, "FEATURES_OK set before", text(access))

    def _emergency(self, access: Access) -> bool:
        """The console's emergency write is for before initialization."""
        at = access.offset - CONFIG_OFFSET
        return self.state.device_id == DeviceType.CONSOLE and at == ConsoleConfig.EMERG_WR


class Brackets(Judge):
    """Reads of fields between reads of ConfigGeneration that must be equal, else repeated."""

    def reset(self) -> None:
        # The bracket of before the reset was left open.
        for access, field in getattr(self, "_open", ()):
            self._broken(access, field, "ConfigGeneration read after it")
        self._generation: int | None = None
        self._open: list[tuple[Access, Field | None]] = []
        self._repeat: list[tuple[Access, Field | None]] = []

    def step(self, access: Access) -> None:
        if access.write:
            return
        if access.offset == Reg.CONFIG_GENERATION:
            self._closed(access.value)
        elif in_config(access):
            field = self.state.layout.field_at(access.offset - CONFIG_OFFSET)
            self._repeat = [again for again in self._repeat if again[0].offset != access.offset]
            if self._generation is None:
                self._broken(access, field, "ConfigGeneration read before it")
            else:
                self._open.append((access, field))

    def finish(self) -> None:
        self.reset()

    def _closed(self, generation: int) -> None:
        for access, field in self._repeat:
            self._broken(access, field, "read again after ConfigGeneration had changed")
        if generation == self._generation:
            for _, field in self._open:
                self.judge(_rule(field), True)
            self._repeat = []
        else:
            self._repeat = self._open
        self._generation, self._open = generation, []

    def _broken(self, access: Access, field: Field | None, expected: str) -> None:
        self.judge(_rule(field), False, expected, text(access), where=access.where)


def _rule(field: Field | None) -> str:
    return "DRV-CONFIG-WIDE" if field is not None and field.wide else "DRV-CONFIG-GENERATION"


class InputQueries(Judge):
    """An input device's select, subsel, size and payload."""

    def reset(self) -> None:
        self._written: set[int] = set()
        self._fresh = self._size_read = False

    def step(self, access: Access) -> None:
        if self.state.device_id != DeviceType.INPUT or not in_config(access):
            return
        at = access.offset - CONFIG_OFFSET
        if access.write and at in (_SELECT, _SUBSEL):
            self._written.add(at)
            self._fresh, self._size_read = True, False
        elif not access.write and (at == _SIZE or at >= _PAYLOAD):
            if self._fresh or not self._written:
                held = self._written == {_SELECT, _SUBSEL}
                self.judge("DRV-INPUT-SELECT", held, "select and subsel written for the query", text(access))
                self._fresh = False
                self._written = {_SELECT, _SUBSEL} if held else {_SELECT}
            if at == _SIZE:
                self._size_read = True
            else:
                self.judge("DRV-INPUT-SIZE", self._size_read, "size read before", text(access))


class Changes(Judge):
    """What is to be read again after InterruptStatus has told of a configuration change."""

    def reset(self) -> None:
        self._due: Access | None = None

    def step(self, access: Access) -> None:
        if access.write:
            return
        offset, guard, _ = _CHANGING.get(self.state.device_id or 0, (None, None, ""))
        if access.offset == Reg.STATUS and access.value & Status.DEVICE_NEEDS_RESET:
            self._due = None
        elif offset is not None and access.offset == CONFIG_OFFSET + offset and self._due is not None:
            self.judge("DRV-CONFIG-CHANGE", True)
            self._due = None
        elif access.offset == Reg.INTERRUPT_STATUS and access.value & Interrupt.CONFIG_CHANGE:
            self.finish()
            if offset is not None and (guard is None or self.state.has(guard)):
                self._due = access

    def finish(self) -> None:
        if self._due is not None:
            offset, _, requirement = _CHANGING[self.state.device_id or 0]
            field = self.state.layout.field_at(offset)
            name = field.name if field else f"offset {offset}"
            seen = f"{text(self._due)}, and no such read"
            self.judge("DRV-CONFIG-CHANGE", False, f"{name} read again", seen, (requirement,), self._due.where)
            self._due = None
