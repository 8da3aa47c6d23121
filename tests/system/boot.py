# SPDX-License-Identifier: Apache-2.0
"""What a machine boots: Debian's kernel as it is, an initial RAM disk with busybox and a script, an ACPI table."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..sim.selection import UsageError

#: Where the init script moves the BAR, hence where the devices' register windows are; and their interrupt lines.
WINDOWS = 0xD000_0000
WINDOW_BYTES = 0x1000
FIRST_LINE = 19
MOST_DEVICES = 5
#: The package that names the newest kernel of the distribution, for virtual machines.
META_PACKAGE = "linux-image-cloud-amd64"
#: Modules besides those of a device type.
MODULES = ("virtio_mmio",)
#: What hands out the events of input devices.
EVENTS = ("evdev",)
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "iasl": "acpica-tools",
    "dtc": "device-tree-compiler",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
    "apt-cache": "apt",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "blkdiscard": "util-linux",
    "ldd": "libc-bin",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def tool(name: str) -> str:
    """The path of a program. Raises `UsageError` naming the package to install."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise UsageError(f"{name} is missing: apt-get install {TOOLS[name]}")
    return found


def check_tools() -> None:
    """Raise `UsageError` for the first program that Linux as a guest needs and that is missing."""
    for name in TOOLS:
        if name != "dtc":
            tool(name)


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """The output of a command. Raises `UsageError` with what it complains about."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-1:]
        raise UsageError(f"{' '.join(command[:2])} failed: {''.join(last) or f'status {done.returncode}'}")
    return done.stdout


def kernel_package(cache: Path) -> Path:
    """The unpacked kernel package, fetched into `cache` unless it is there. Raises `UsageError`."""
    root = cache / "root"
    if list(root.glob("boot/vmlinuz-*")):
        return root
    cache.mkdir(parents=True, exist_ok=True)
    depends = run([tool("apt-cache"), "depends", META_PACKAGE])
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if found is None:
        raise UsageError(f"apt-cache knows no kernel that {META_PACKAGE} depends on: run apt-get update")
    run([tool("apt-get"), "download", "-q", found[1]], cwd=cache)
    package = next(iter(sorted(cache.glob(f"{found[1]}_*.deb"))))
    partly = cache / "partly"
    shutil.rmtree(partly, ignore_errors=True)
    run([tool("dpkg-deb"), "-x", str(package), str(partly)])
    shutil.rmtree(root, ignore_errors=True)
    partly.rename(root)
    return root


def modules(root: Path, wanted: Iterable[str]) -> list[Path]:
    """The files of modules and of what they depend on, in the order in which to load them. Raises `UsageError`."""
    files = {path.stem.replace("-", "_"): path for path in root.glob("lib/modules/*/kernel/**/*.ko")}
    ordered: dict[str, Path] = {}

    def take(name: str) -> None:
        if name in ordered:
            return
        if name not in files:
            raise UsageError(f"the kernel package has no module {name}")
        for other in depends(files[name].read_bytes()):
            take(other)
        ordered[name] = files[name]

    for name in wanted:
        take(name)
    return list(ordered.values())


def depends(module: bytes) -> list[str]:
    """The modules that a module's file says it needs."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    names = found[1].decode().split(",") if found else []
    return [name.replace("-", "_") for name in names if name]


def archive(files: Mapping[str, bytes]) -> bytes:
    """A compressed cpio archive ("newc") of files that may all be executed, with their folders."""
    folders = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    entries = [(name, 0o040755, b"") for name in sorted(folders)]
    entries += [(name, 0o100755, content) for name, content in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    out = bytearray()
    for number, (name, mode, content) in enumerate(entries, 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4)
        out += content
        out += bytes(-len(out) % 4)
    return gzip.compress(bytes(out), 1, mtime=0)


def program(name: str) -> dict[str, bytes]:
    """A program of this machine, as /bin/NAME.real, with the libraries that it needs. Raises `UsageError`."""
    path = tool(name)
    files = {f"bin/{name}.real": Path(path).read_bytes()}
    for library in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", run([tool("ldd"), path]), re.MULTILINE):
        files[library.removeprefix("/")] = Path(library).read_bytes()
    return files


def table_source(devices: int) -> str:
    """The SSDT in ACPI source language: a VirtIO-MMIO device for each window, with its interrupt line."""
    if not 1 <= devices <= MOST_DEVICES:
        raise ValueError(f"{devices} devices: expected 1 to {MOST_DEVICES}")
    text = "".join(
        f"""
        Device (VM{number:02X})
        {{
            Name (_HID, "LNRO0005")
            Name (_UID, {number})
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate ()
            {{
                Memory32Fixed (ReadWrite, {WINDOWS + number * WINDOW_BYTES:#010x}, {WINDOW_BYTES:#x})
                Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) {{ {FIRST_LINE + number} }}
            }})
        }}"""
        for number in range(devices)
    )
    return f"""DefinitionBlock ("", "SSDT", 2, "VIRTIO", "MMIO", 1)
{{
    Scope (\\_SB)
    {{{text}
    }}
}}
"""


def table(devices: int, directory: Path) -> Path:
    """The compiled SSDT. Raises `UsageError`."""
    source = directory / "ssdt.asl"
    source.write_text(table_source(devices))
    run([tool("iasl"), "-p", "ssdt", source.name], cwd=directory)
    return directory / "ssdt.aml"


def initrd(root: Path, drivers: Iterable[str], script: str, directory: Path) -> Path:
    """An initial RAM disk that loads drivers and runs a shell script. Raises `UsageError`."""
    loaded = modules(root, (*MODULES, *drivers))
    files = {"bin/busybox": Path(tool("busybox")).read_bytes(), **program("blkdiscard")}
    files |= {f"modules/{number:02}-{path.name}": path.read_bytes() for number, path in enumerate(loaded)}
    files |= {f"{name}/.keep": b"" for name in ("proc", "sys", "dev", "mnt", "tmp")}
    files |= {"init": (Path(__file__).parent / "init.sh").read_bytes(), "script": script.encode()}
    path = directory / "initrd.gz"
    path.write_bytes(archive(files))
    return path
