# SPDX-License-Identifier: Apache-2.0
"""The disk image that the block device serves: ext4 with docs/ in it, or a file of the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from virtio_model.spec import SECTOR

from .selection import UsageError

_UUID = "76697274-696f-4d4d-494f-000000000001"


@dataclass(frozen=True)
class Disk:
    """A base image and how runs get at it."""

    base: Path
    in_place: bool = False
    note: str = ""

    def place(self, directory: Path) -> Path:
        """The image for a run in `directory`: a writable copy, filled up to a whole sector, or the file itself."""
        if self.in_place:
            return self.base
        copy = Path(shutil.copyfile(self.base, directory / "disk.img"))
        if rest := copy.stat().st_size % SECTOR:
            with copy.open("ab") as image:
                image.write(bytes(SECTOR - rest))
        return copy


def user_disk(path: str, write: bool) -> Disk:
    """The file named by DISK=. Raises `UsageError`."""
    file = Path(path).resolve()
    if not file.is_file():
        raise UsageError(f"DISK={path}: no such file")
    size = file.stat().st_size
    if not size:
        raise UsageError(f"DISK={path}: empty")
    if write and size % SECTOR:
        raise UsageError(f"DISK={path}: {size} bytes are not whole sectors of {SECTOR}, as DISK_WRITE=1 needs")
    if not os.access(file, os.R_OK | (os.W_OK if write else 0)):
        raise UsageError(f"DISK={path}: not {'writable' if write else 'readable'}")
    return Disk(
        file, in_place=write, note=f"disk: {file}{', written in place' if write else ', of which a copy is served'}"
    )


def docs_disk(docs: Path, target: Path) -> Disk:
    """An ext4 image of the folder `docs`; without mke2fs a file of numbered sectors instead."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    tool = shutil.which("mke2fs", path=os.pathsep.join([os.environ.get("PATH", ""), "/sbin", "/usr/sbin"]))
    if tool is None:
        target.write_bytes(numbered_sectors(2048))
        return Disk(target, note="disk: numbered sectors, not a file system (mke2fs is missing: run `make deps`)")
    content = sum(path.stat().st_size + 1024 for path in docs.rglob("*"))
    kib = max(1024, 2 * content // 1024)
    options = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-b", "1024", "-I", "256"]
    options += ["-U", _UUID, "-E", f"hash_seed={_UUID},root_owner=0:0,lazy_itable_init=0", "-L", "virtio-docs"]
    env = {**os.environ, "E2FSPROGS_FAKE_TIME": "1", "SOURCE_DATE_EPOCH": "1"}
    command = [tool, *options, "-d", str(docs), str(target), f"{kib}k"]
    made = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if made.returncode:
        raise UsageError(f"mke2fs failed: {made.stderr.strip() or made.stdout.strip()}")
    return Disk(target, note=f"disk: ext4 with docs/, {kib} KiB")


def numbered_sectors(count: int) -> bytes:
    """`count` sectors, each filled with its own number, so that a misplaced one shows."""
    return b"".join(sector.to_bytes(8, "little") * 64 for sector in range(count))
