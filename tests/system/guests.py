# SPDX-License-Identifier: Apache-2.0
"""What a Linux guest does with a device, as a shell script of named steps, and what must have come of it."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from virtio_model.spec import SECTOR

from ..replay.keep import folder
from ..sim.guest import PORT_FILE
from ..sim.peer import ADDRESS, ECHO_PORT, GUEST
from .boot import tool

#: What is recorded for a replay (RECORD=) is kept short.
_PART = 16 if folder() else 1
#: Bytes that the guest reads from the entropy device; hwrng hands out what the device gave in pieces of 64.
RNG_BYTES, RNG_PIECE = 1024, 16
#: Behind the file system on the disk: bytes that direct I/O and discard may have.
SCRATCH_BYTES = 1 << 20
NEW_FILES = 4
NEW_FILE_BYTES = 24_000 // _PART
TCP_BYTES, PINGS = (256 << 10) // _PART, 3
#: No more of another's disk is looked at.
FOREIGN_BYTES = 1 << 20
#: Key A down and up: type, code and value, as an input device's port takes them.
KEY_EVENTS = [kind | code << 16 | value << 32 for kind, code, value in ((1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0))]
#: What comes from outside when the guest says "ask NAME" on its serial console.
GIVEN: Mapping[str, Sequence[int]] = {
    "console": b"echo answer $((6 * 7)); touch /tmp/answered; exit\n",
    "input": KEY_EVENTS,
}
_BLOCK = 4096
#: Where each of these has its own part of that.
_DIRECT, _DISCARDED, _ZEROED = 0, 256 << 10, 512 << 10
_DIRECT_BYTES = (128 << 10) // _PART


class Guest(Protocol):
    """A device's part of what the guest does. `again` is a command that shows that the device works."""

    driver: str
    again: str

    def script(self) -> str: ...

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        """What is wrong, by what the guest said and the simulation left."""
        ...


class Rng:
    """Device type entropy: the guest's /dev/hwrng against the words that the entropy port gave."""

    driver = "virtio_rng"
    again = "dd if=/dev/hwrng of=/dev/null bs=64 count=1 status=none"

    def script(self) -> str:
        return f"""
read_random() {{
    dd if=/dev/hwrng of=/tmp/random bs=64 count={RNG_BYTES // 64} iflag=fullblock status=none || return
    xxd -p /tmp/random | sed 's/^/random /'
}}
step rng-current grep -q virtio_rng /sys/class/misc/hw_random/rng_current
step rng-read read_random
"""

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        entropy = (directory / PORT_FILE).read_bytes()
        read = bytes.fromhex("".join(re.findall(r"^random ([0-9a-f]+)\s*$", console, re.MULTILINE)))
        if len(read) < RNG_BYTES:
            yield f"rng: guest expected to read {RNG_BYTES} bytes from /dev/hwrng, seen {len(read)}"
        at = 0
        for start in range(0, len(read), RNG_PIECE):
            piece = read[start : start + RNG_PIECE]
            found = entropy.find(piece, at)
            if found < 0:
                yield f"rng: byte {start} read by the guest expected from the device, seen {piece.hex()}"
                return
            at = found


class Blk:
    """Device type block: an ext4 file system that the guest reads and writes, and its disk after the end."""

    driver = "virtio_blk"
    again = "dd if=/dev/vda of=/dev/null bs=4096 count=16 iflag=direct status=none"

    def __init__(self, files: Sequence[Path], file_system_bytes: int) -> None:
        self.files = files
        self._sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        self.scratch = file_system_bytes

    def script(self) -> str:
        direct, discarded, zeroed = (self.scratch + part for part in (_DIRECT, _DISCARDED, _ZEROED))
        count = _DIRECT_BYTES // _BLOCK
        return f"""
read_files() {{ (cd /mnt && find . -type f | sort | xargs sha256sum | sed 's/^/sum /'); }}
write_files() {{
    for n in $(seq {NEW_FILES}); do
        dd if=/dev/urandom of=/mnt/new-$n bs={NEW_FILE_BYTES} count=1 iflag=fullblock status=none || return
    done
    # Of a short extent that was only reserved, ext4 writes zeroes round what is written.
    fallocate -l 20480 /mnt/new-reserved &&
    dd if=/dev/urandom of=/mnt/new-reserved bs=1024 seek=9 count=1 conv=notrunc,fsync status=none || return
    (cd /mnt && sha256sum new-* | sed 's/^/new /')
}}
direct() {{
    dd if=/dev/urandom of=/tmp/direct bs={_BLOCK} count={count} iflag=fullblock status=none &&
    dd if=/tmp/direct of=/dev/vda bs={_BLOCK} seek={direct // _BLOCK} oflag=direct status=none &&
    dd if=/dev/vda of=/tmp/back bs={_BLOCK} skip={direct // _BLOCK} count={count} iflag=direct status=none &&
    cmp /tmp/direct /tmp/back && sha256sum /tmp/direct | sed 's/^/direct /'
}}
step blk-mount mount -t ext4 /dev/vda /mnt
step blk-read read_files
step blk-write write_files
step blk-remove rm /mnt/{self.files[0].name}
step blk-unmount umount /mnt
step blk-direct direct
fill() {{ dd if=/tmp/direct of=/dev/vda bs={_BLOCK} seek={discarded // _BLOCK} oflag=direct status=none; }}
step blk-fill fill
step blk-discard blkdiscard -o {discarded} -l {_DIRECT_BYTES} /dev/vda
zero() {{
    dd if=/tmp/direct of=/dev/vda bs={_BLOCK} seek={zeroed // _BLOCK} oflag=direct status=none &&
    [ $(cat /sys/block/vda/queue/write_zeroes_max_bytes) -gt 0 ] &&
    blkdiscard.real -f -z -o {zeroed} -l {_DIRECT_BYTES} /dev/vda
}}
step blk-write-zeroes zero
"""

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        image = directory / "disk.img"
        seen = re.findall(r"^sum ([0-9a-f]{64})  \./(\S+)\s*$", console, re.MULTILINE)
        sums = {name: digest for digest, name in seen}
        for name, expected in self._sums.items():
            if sums.get(name) != expected:
                yield f"blk: SHA-256 of {name} read by the guest expected {expected}, seen {sums.get(name)}"
        written = re.findall(r"^new ([0-9a-f]{64})  (\S+)\s*$", console, re.MULTILINE)
        if len(written) != NEW_FILES + 1:
            yield f"blk: guest expected to write {NEW_FILES + 1} files, seen {len(written)}"
        checked = subprocess.run([tool("e2fsck"), "-fn", str(image)], capture_output=True, text=True, check=False)
        if checked.returncode:
            last = checked.stdout.strip().splitlines()[-1:]
            yield f"blk: e2fsck expected a clean file system, seen status {checked.returncode}: {''.join(last)}"
        for digest, name in written:
            if hashlib.sha256(self._content(image, name)).hexdigest() != digest:
                yield f"blk: {name} on the disk expected as the guest wrote it, seen other content"
        if self._content(image, self.files[0].name):
            yield f"blk: {self.files[0].name} expected to be removed, seen on the disk"
        yield from self._judge_scratch(console, image.read_bytes()[self.scratch :])

    def _judge_scratch(self, console: str, scratch: bytes) -> Iterator[str]:
        direct = re.search(r"^direct ([0-9a-f]{64}) ", console, re.MULTILINE)
        part = scratch[_DIRECT : _DIRECT + _DIRECT_BYTES]
        if direct is None or hashlib.sha256(part).hexdigest() != direct[1]:
            yield "blk: what the guest wrote with direct I/O expected on the disk, seen other content"
        for at, what in ((_DISCARDED, "discarded"), (_ZEROED, "asked for zeroes")):
            if any(scratch[at : at + _DIRECT_BYTES]):
                yield f"blk: zeroes expected where the guest has {what}, seen other content"

    def _content(self, image: Path, name: str) -> bytes:
        command = [tool("debugfs"), "-R", f"cat /{name}", str(image)]
        return subprocess.run(command, capture_output=True, check=False).stdout


class ForeignBlk:
    """Device type block, of other people: a disk that holds what its description says, read, written, read again."""

    driver = "virtio_blk"
    again = "dd if=/dev/vda of=/dev/null bs=512 count=8 iflag=direct status=none"

    def __init__(self, content: bytes, read_only: bool) -> None:
        self.content = content[:FOREIGN_BYTES]
        self.read_only = read_only

    def script(self) -> str:
        sectors = len(self.content) // SECTOR
        first, count = sectors // 2, -(-sectors // 4)
        text = f"""
read_disk() {{
    dd if=/dev/vda of=/tmp/disk bs={SECTOR} count={sectors} iflag=direct status=none &&
    sha256sum /tmp/disk | sed 's/^/disk /'
}}
write_disk() {{
    dd if=/dev/urandom of=/tmp/direct bs={SECTOR} count={count} iflag=fullblock status=none &&
    dd if=/tmp/direct of=/dev/vda bs={SECTOR} seek={first} oflag=direct status=none &&
    dd if=/dev/vda of=/tmp/back bs={SECTOR} skip={first} count={count} iflag=direct status=none &&
    cmp /tmp/direct /tmp/back && sync
}}
step blk-read read_disk
"""
        return text if self.read_only else f"{text}step blk-write write_disk\n"

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        seen = re.search(r"^disk ([0-9a-f]{64}) ", console, re.MULTILINE)
        if seen is None or seen[1] != hashlib.sha256(self.content).hexdigest():
            yield f"blk: the guest expected to read the {len(self.content)} bytes of the description, seen others"


class Net:
    """Device type network: pings and TCP with the peer on its wire."""

    driver = "virtio_net"
    again = "reach_peer 1"

    def script(self) -> str:
        peer = ADDRESS
        return f"""
reach_peer() {{
    ip link set eth0 up && ip addr add {GUEST}/24 dev eth0 && ping -q -c $1 -s 1200 -w 30 {peer}
}}
echo_by_tcp() {{
    dd if=/dev/urandom of=/tmp/sent bs=1024 count={TCP_BYTES // 1024} iflag=fullblock status=none &&
    timeout 60 nc {peer} {ECHO_PORT} </tmp/sent >/tmp/echoed &&
    cmp /tmp/sent /tmp/echoed && sha256sum /tmp/sent | sed 's/^/tcp /'
}}
step net-ping reach_peer {PINGS}
step net-tcp echo_by_tcp
"""

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        received = (directory / PORT_FILE).read_bytes()
        sent = re.search(r"^tcp ([0-9a-f]{64}) ", console, re.MULTILINE)
        if len(received) != TCP_BYTES or sent is None or hashlib.sha256(received).hexdigest() != sent[1]:
            yield f"net: {TCP_BYTES} bytes sent by TCP expected at the peer, seen {len(received)} or other ones"
        if f"{PINGS} packets received, 0% packet loss" not in console:
            yield f"net: {PINGS} pings expected to be answered, seen fewer"


class Console:
    """Device type console: a shell of the guest answers over it."""

    driver = "virtio_console"
    again = "write_console"

    def script(self) -> str:
        return """
wait_for() {
    for n in $(seq 300); do
        [ -e $1 ] && return
        sleep 0.1
    done
    return 1
}
write_console() {
    # Which one it is has changed when the driver came back.
    for n in 0 1 2 3 4 5 6 7; do
        echo again >/dev/hvc$n && return
    done 2>/dev/null
    return 1
}
console_shell() {
    sh </dev/hvc0 >/dev/hvc0 2>&1 &
    echo ask console
    wait_for /tmp/answered && wait $!
}
step console-shell console_shell
"""

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        given_out = (directory / PORT_FILE).read_bytes()
        for expected in (b"answer 42", b"again"):
            if expected not in given_out:
                yield f"console: {expected!r} expected from the device's port, seen {given_out[-80:]!r}"


class Input:
    """Device type input: a key that is pressed and released reaches an event node."""

    driver = "virtio_input"
    again = "find_node"

    def script(self) -> str:
        return f"""
find_node() {{
    node=/dev/input/$(cd /sys/bus/virtio/drivers/virtio_input && basename virtio*/input/input*/event*)
    [ -c $node ]
}}
read_key() {{
    find_node || return
    timeout 30 dd if=$node of=/tmp/keys bs=24 count={len(KEY_EVENTS)} iflag=fullblock status=none &
    sleep 0.5
    echo ask input
    wait $! && xxd -p -c 24 /tmp/keys | sed 's/^/key /'
}}
step input-key read_key
"""

    def judge(self, console: str, directory: Path) -> Iterator[str]:
        seen = re.findall(r"^key [0-9a-f]{32}([0-9a-f]{16})\s*$", console, re.MULTILINE)
        expected = [item.to_bytes(8, "little").hex() for item in KEY_EVENTS]
        if seen != expected:
            yield f"input: events expected {expected}, seen {seen}"


def rebinding(guests: Sequence[Guest]) -> str:
    """The part of a script that takes each driver from its device and gives it back."""
    text = """
rebind() {
    driver=/sys/bus/virtio/drivers/$1
    device=$(basename $driver/virtio*)
    echo $device >$driver/unbind && echo $device >$driver/bind && [ -e $driver/$device ]
}
rebind_platform() {
    driver=/sys/bus/platform/drivers/virtio-mmio
    devices=$(cd $driver && ls -d LNRO0005:*) || return
    for device in $devices; do
        echo $device >$driver/unbind && echo $device >$driver/bind && [ -e $driver/$device ] || return
    done
}
"""
    text += "".join(f"step rebind-{guest.driver} rebind {guest.driver}\n" for guest in guests)
    text += "step rebind-virtio_mmio rebind_platform\n"
    return text + "".join(f"step again-{guest.driver} {guest.again}\n" for guest in guests)


def removal(modules: Sequence[str]) -> str:
    """The part of a script that removes the drivers."""
    return "".join(f"step rmmod-{name} rmmod {name}\n" for name in modules)


def steps(script: str) -> list[str]:
    """The names of the steps of a script."""
    return re.findall(r"^step (\S+) ", script, re.MULTILINE)


def judge_steps(script: str, console: str) -> Iterator[str]:
    """What is wrong with the steps of a script: the first that did not end well; all must have ended."""
    ended = dict(re.findall(r"^step (\S+) status (\d+)\s*$", console, re.MULTILINE))
    for name in steps(script):
        if ended.get(name) != "0":
            yield f"step {name}: expected status 0, seen {ended.get(name, 'no end')}"
            return
