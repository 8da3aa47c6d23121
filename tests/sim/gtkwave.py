# SPDX-License-Identifier: Apache-2.0
"""GTKWave save files that name what matters in a waveform: registers, status, queues, rings.

The signals come from the dump itself, so only those that exist are listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pywellen
from vcd.gtkw import GTKWSave, make_translation_filter

from virtio_model import spec

from .configs import TOP

REGISTERS = range(0, 0x200, 4)

# group -> patterns of "scope.signal" below the top, in the order shown
GROUPS: dict[str, Sequence[str]] = {
    "clock and reset": (r"^clk_i$", r"^rst_ni$", r"^irq_o$"),
    "register writes": (r"^s_axil_aw(valid|ready|addr)$", r"^s_axil_w", r"^s_axil_b"),
    "register reads": (r"^s_axil_ar(valid|ready|addr)$", r"^s_axil_r"),
    "status": (r"status\w*\.(status|driver_features|resetting)_q$", r"irq\w*\.\w+_q$"),
    "queues": (
        r"queue\w*\.(ready|enabled|size|desc_addr|driver_addr|device_addr)_q(\.\[\d+\])?$",
        r"notify\w*\.\w+_q$",
    ),
    "ring state": (r"(avail_reader|desc_walker|used_writer|chain_\w+)\.(state|\w*idx|head)_q(\.\[\d+\])?$",),
    "device type": (r"(rng|blk)\w*\.state_q$",),
    "ring and data reads": (r"^m_axi_ar(valid|ready|addr|len|size)$", r"^m_axi_r"),
    "ring and data writes": (r"^m_axi_aw(valid|ready|addr|len|size)$", r"^m_axi_w", r"^m_axi_b"),
}
#: Dumps count in ps. Tens of clock cycles are on a screen, most of them before the marker.
_UNITS_PER_NS = 1000
_ZOOM = -15.0
_VIEW_BEFORE = 400 * _UNITS_PER_NS
_SHORT = {"ACKNOWLEDGE": "ACK", "DEVICE_NEEDS_RESET": "NEEDS_RESET"}


@dataclass(frozen=True)
class Signal:
    """A signal of the dump. `path` is its full name as GTKWave writes it, `name` that below the top."""

    path: str
    name: str
    width: int
    values: tuple[tuple[int, str], ...] = ()


def read_signals(dump: Path) -> list[Signal]:
    """The signals under the top of the simulation."""
    signals = []
    for var in pywellen.Waveform(str(dump)).all_vars():
        below = var.full_name.partition(f"{TOP}.")
        if not below[1] or var.bitwidth is None:
            continue
        enum = var.enum_type
        values = tuple((int(bits, 2), label) for bits, label in enum[1]) if enum else ()
        # The reader drops the array's name from that of an element, GTKWave does not.
        path = re.sub(r"(\w+)\.(\[\d+\])$", r"\1.\1\2", var.full_name)
        path += "" if var.is_1bit else f"[{var.bitwidth - 1}:0]"
        signals.append(Signal(path, below[2], var.bitwidth, values))
    return signals


def grouped(signals: Iterable[Signal]) -> Iterator[tuple[str, list[Signal]]]:
    """Each group with the signals that match its patterns, in the patterns' order; a signal is listed once."""
    left = list(signals)
    for group, patterns in GROUPS.items():
        members = [s for pattern in patterns for s in left if re.search(pattern, s.name)]
        left = [signal for signal in left if signal not in members]
        yield group, list(dict.fromkeys(members))


def register_names() -> list[tuple[int, str]]:
    """Every word of the register window that has a name."""
    names = {reg.value: reg.name for reg in spec.Reg}
    for offset in REGISTERS:
        if offset > spec.CONFIG_OFFSET:
            names[offset] = f"CONFIG+{offset - spec.CONFIG_OFFSET:#x}"
    return sorted(names.items())


def status_names() -> list[tuple[int, str]]:
    """Every value of the status register, as the names of its bits."""
    bits = [(bit.value, _SHORT.get(bit.name or "", bit.name)) for bit in spec.Status]
    return [(value, "|".join(str(name) for bit, name in bits if value & bit) or "RESET") for value in range(256)]


def translation(signal: Signal) -> list[tuple[int, str]]:
    """Texts for the values of a signal, if it has any."""
    leaf = signal.name.rsplit(".", 1)[-1]
    if leaf in ("s_axil_awaddr", "s_axil_araddr"):
        return register_names()
    if leaf == "status_q" and signal.width == 8:
        return status_names()
    return list(signal.values)


def alias(signal: Signal) -> str:
    """A short name: the signal and the block it is in. GTKWave shows only what follows the last dot."""
    parts = re.split(r"\.(?!\[)", signal.name)
    return "/".join(part.removeprefix("u_") for part in parts[-2:]).replace(".[", "[")


def write_save_file(dump: Path, target: Path, marker_ns: float | None = None) -> int:
    """Write a GTKWave save file, and its translation filters beside it; how many signals it lists.

    With `marker_ns` the marker stands at that simulated time, and the view opens there.
    Raises RuntimeError or ValueError for half a dump, as a simulator that was killed leaves it.
    """
    count = 0
    with target.open("w") as out:
        save = GTKWSave(out)
        save.dumpfile(str(dump.resolve()))
        save.savefile(str(target.resolve()))
        save.size(1600, 1200)
        if marker_ns is None:
            save.zoom_markers(_ZOOM)
        else:
            marker = round(marker_ns * _UNITS_PER_NS)
            save.zoom_markers(_ZOOM, marker)
            save.timestart(max(0, marker - _VIEW_BEFORE))
        save.signals_width(320)
        save.sst_expanded(True)
        for group, members in grouped(read_signals(dump)):
            if not members:
                continue
            with save.group(group):
                for signal in members:
                    texts = translation(signal)
                    filter_file = None
                    if texts:
                        filter_file = target.with_name(f"{signal.name.replace('.', '-')}.gtkwfilter")
                        filter_file.write_text(make_translation_filter(texts, "hex", signal.width) + "\n")
                    translate = str(filter_file.resolve()) if filter_file else None
                    if signal.values and signal.width > 1:
                        # GTKWave ignores a filter for a signal with an enum type, but not for the same bits combined.
                        bits = [(index, signal.path) for index in range(signal.width)]
                        save.trace_combined(alias(signal), bits, translate_filter_file=translate)
                    else:
                        save.trace(signal.path, alias=alias(signal), translate_filter_file=translate)
                    count += 1
    return count
