# SPDX-License-Identifier: Apache-2.0
"""What requests for a guest have in common: devices of other people, and waveforms of a part of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cocotbext.virtio.check.description import Description, DescriptionError

from ..check.request import described
from ..sim.selection import UsageError
from ..sim.window import Window


def foreign(env: Mapping[str, str], not_with: Iterable[str]) -> Description:
    """The device of other people that DUT= names. Raises `UsageError`, also for what has no place with it."""
    for name in not_with:
        if env.get(name, "").strip():
            raise UsageError(f"{name}= is not for DUT=: a device of other people is what its description says")
    try:
        return described(env)
    except DescriptionError as error:
        raise UsageError(str(error)) from None


def wave_window(env: Mapping[str, str]) -> str:
    """What of a run is to be traced, "" for all of it. Raises `UsageError`."""
    text = env.get("WINDOW", "").strip()
    if not text or env.get("WAVES", "").strip() != "1":
        return ""
    try:
        Window.parse(text)
    except ValueError as error:
        raise UsageError(f"WINDOW={text}: {error}") from None
    return text
