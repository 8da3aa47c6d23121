# SPDX-License-Identifier: Apache-2.0
"""Accesses to mapped registers and rings, counted at the instruction by the trap that the served model stands on."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from cocotbext.virtio.board import BoardError, MappedMemory, Place, RegisterWindow
from cocotbext.virtio.board.barrier import CODE, full_barrier
from tests.board.trap import Access, TrapError, TrappedWindow
from virtio_model import MemoryFault
from virtio_model.spec import WINDOW_SIZE

OPEN = """
import ctypes, os, sys
from cocotbext.virtio.board import MappedMemory, Place, RegisterWindow
def nothing(): pass
pages = Place("REGS", sys.argv[1], 0x1000, length=4096).map()
window, memory = RegisterWindow(pages, nothing), MappedMemory(pages, 0x7000, nothing)
"""


class Ram:
    """Registers that hold what was written."""

    def __init__(self) -> None:
        self.content = bytearray(range(256)) * (WINDOW_SIZE // 256)

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(self.content[offset : offset + size], "little")

    def write(self, offset: int, value: int, size: int) -> None:
        self.content[offset : offset + size] = value.to_bytes(size, "little")


def accesses(tmp_path: Path, program: str) -> list[Access]:
    """What a program does on a window. Raises TrapError, or AssertionError if it fails."""
    seen: list[Access] = []
    window = TrappedWindow(tmp_path / "registers", Ram(), 0x1000)
    window.on_access = seen.append
    status = window.run([sys.executable, "-c", OPEN + program, str(window.path)], {"PYTHONPATH": ":".join(sys.path)})
    assert status == 0
    return seen


def test_one_instruction_an_access(tmp_path: Path) -> None:
    program = """
window.store(0x70, 0x12345678); assert window.load(0x70) == 0x12345678
window.store(0xFFC, 0); assert window.load(0xFFC) == 0
for size in (1, 2, 4):
    window.store(0x104, 0x7B, size); assert window.load(0x104, size) == 0x7B
assert window.load(0x103, 1) == 3
assert window.load(0x102, 2) == 0x0302
"""
    expected = [(True, 0x70, 4, 0x12345678), (False, 0x70, 4, 0x12345678), (True, 0xFFC, 4, 0), (False, 0xFFC, 4, 0)]
    expected += [(store, 0x104, size, 0x7B) for size in (1, 2, 4) for store in (True, False)]
    expected += [(False, 0x103, 1, 3), (False, 0x102, 2, 0x0302)]
    assert accesses(tmp_path, program) == [Access(*access) for access in expected]


def test_fields_of_rings_are_whole(tmp_path: Path) -> None:
    """An idx is one store of 2 bytes, an element one of 4 twice, ragged ends the widest that is aligned."""
    program = r"""
memory.write(0x7002, b"\xAA\xBB"); assert memory.read(0x7002, 2) == b"\xAA\xBB"
memory.write(0x7008, bytes(8))
memory.write(0x7011, bytes(9))
"""
    shapes = [(access.store, access.offset, access.size) for access in accesses(tmp_path, program)]
    ragged = [(0x11, 1), (0x12, 2), (0x14, 4), (0x18, 2)]
    assert shapes == [(True, 2, 2), (False, 2, 2), (True, 8, 4), (True, 12, 4), *((True, *item) for item in ragged)]


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ("pages[0x10:0x18] = bytes(8)", "store at 0x10: .* seen 8 bytes"),
        ("memoryview(pages).cast('Q')[2]", "load at 0x10: .* others too"),
        ("pages[0x10:0x30]", "access at 0x10: .* seen no effect"),
    ],
)
def test_other_shapes_are_caught(tmp_path: Path, access: str, said: str) -> None:
    with pytest.raises(TrapError, match=said):
        accesses(tmp_path, access)


def test_a_process_and_its_children_share_the_window(tmp_path: Path) -> None:
    program = """
window.store(0x70, 1)
if not os.fork():
    window.store(0x70, window.load(0x70) + 1)
    os._exit(0)
os.wait()
assert window.load(0x70) == 2
"""
    assert [access.value for access in accesses(tmp_path, program)] == [1, 1, 2, 2]


def test_status_of_the_program(tmp_path: Path) -> None:
    run = TrappedWindow(tmp_path / "registers", Ram()).run
    assert run([sys.executable, "-c", "raise SystemExit(7)"], {}) == 7


def test_bad_accesses() -> None:
    pages = Place("REGS", "/dev/zero", length=WINDOW_SIZE).map()
    window = RegisterWindow(pages, lambda: None)
    for offset, size in ((1, 2), (2, 4), (WINDOW_SIZE, 1), (-4, 4), (0, 8), (0, 3)):
        with pytest.raises(ValueError, match="expected 1, 2 or 4, aligned, within the window"):
            window.load(offset, size)
        with pytest.raises(ValueError, match="expected 1, 2 or 4"):
            window.store(offset, 0, size)
    with pytest.raises(ValueError):
        window.store(0, 1 << 32)


def test_a_barrier_before_each_access(tmp_path: Path) -> None:
    path = tmp_path / "registers"
    path.write_bytes(bytes(WINDOW_SIZE))
    pages = Place("REGS", str(path), length=WINDOW_SIZE).map()
    seen: list[int] = []
    window = RegisterWindow(pages, lambda: seen.append(pages[0]))
    window.store(0, 1)
    window.store(0, 2)
    assert window.load(0) == 2
    assert seen == [0, 1, 2]


def test_memory_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_bytes(bytes(3 * 4096))
    order: list[str] = []
    memory = MappedMemory(Place("MEM", str(path), 4096).map(), 0x9_0000_0000, lambda: order.append("barrier"))
    assert memory.size == 8192
    expected = bytearray(8192)
    rng = random.Random(1)
    for _ in range(500):
        at, data = rng.randrange(8000), rng.randbytes(rng.randrange(100))
        memory.write(memory.bus_address + at, data)
        expected[at : at + len(data)] = data
        first = rng.randrange(8000)
        assert memory.read(memory.bus_address + first, 64) == expected[first : first + 64]
    assert path.read_bytes() == bytes(4096) + expected
    assert len(order) == 1000
    for address, length in ((memory.bus_address - 1, 1), (memory.bus_address + 8190, 3), (0, 1)):
        with pytest.raises(MemoryFault):
            memory.read(address, length)
        with pytest.raises(MemoryFault):
            memory.write(address, bytes(length))


def test_barrier() -> None:
    for _ in range(1000):
        barrier = full_barrier()
        barrier()
    assert {"x86_64", "aarch64", "armv7l", "riscv64"} <= set(CODE)
    with pytest.raises(BoardError, match="no memory barrier known for a vax"):
        full_barrier("vax")
