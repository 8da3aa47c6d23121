# SPDX-License-Identifier: Apache-2.0
"""What a guest boots, without booting it: initial RAM disk, modules, ACPI table."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.sim.selection import UsageError
from tests.system import boot


def entries(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content of what is in a "newc" archive, by name."""
    found = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name_end = at + 110 + fields[11]
        name = archive[at + 110 : name_end - 1].decode()
        start = (name_end + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = fields[1], archive[start : start + fields[6]]
        at = (start + fields[6] + 3) // 4 * 4


def test_archive_has_files_and_their_folders() -> None:
    found = entries(gzip.decompress(boot.archive({"init": b"#!", "bin/a/busybox": b"12345"})))
    assert found["init"] == (0o100755, b"#!")
    assert found["bin/a/busybox"] == (0o100755, b"12345")
    assert found["bin"] == found["bin/a"] == (0o040755, b"")
    assert list(found).index("bin") < list(found).index("bin/a/busybox")


def module(path: Path, depends: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0")


def test_modules_come_after_what_they_depend_on(tmp_path: Path) -> None:
    kernel = tmp_path / "lib/modules/6.1/kernel"
    module(kernel / "drivers/virtio/virtio.ko", "")
    module(kernel / "drivers/virtio/virtio_ring.ko", "virtio")
    module(kernel / "drivers/char/virtio-rng.ko", "virtio-ring,virtio")
    names = [path.stem for path in boot.modules(tmp_path, ["virtio_rng", "virtio"])]
    assert names == ["virtio", "virtio_ring", "virtio-rng"]
    with pytest.raises(UsageError, match="no module virtio_blk"):
        boot.modules(tmp_path, ["virtio_blk"])


def test_table_has_a_window_and_a_line_for_each_device() -> None:
    text = boot.table_source(2)
    assert text.count('Name (_HID, "LNRO0005")') == 2
    assert "Memory32Fixed (ReadWrite, 0xd0000000, 0x1000)" in text
    assert "Memory32Fixed (ReadWrite, 0xd0001000, 0x1000)" in text
    assert "{ 19 }" in text
    assert "{ 20 }" in text
    assert text.count("{") == text.count("}")
    for number in (0, 6):
        with pytest.raises(ValueError, match="expected 1 to 5"):
            boot.table_source(number)


def test_init_moves_the_bar_to_the_windows() -> None:
    init = (Path(boot.__file__).parent / "init.sh").read_text()
    octal = "".join(f"\\{byte:03o}" for byte in boot.WINDOWS.to_bytes(4, "little"))
    assert f"printf '{octal}'" in init


def test_missing_program_is_one_line_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boot, "_PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"^qemu-system-x86_64 is missing: apt-get install qemu-system-x86$"):
        boot.check_tools()
