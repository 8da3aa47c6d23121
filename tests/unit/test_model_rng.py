# SPDX-License-Identifier: Apache-2.0
"""The entropy device."""

from __future__ import annotations

from itertools import count

import pytest

from tests.unit.model_bench import LIVE, Bench
from virtio_model import DescriptorChain, Memory, Rng, Segment
from virtio_model.spec import Reg


class Source:
    """Bytes that count up, and how many were taken."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._next = count(1)

    def __call__(self, length: int) -> bytes:
        self.taken.append(length)
        return bytes(next(self._next) & 0xFF for _ in range(length))


@pytest.mark.parametrize("length", range(1, 131))
def test_fills_the_buffer_from_whole_words(length: int) -> None:
    """RNG-DEV-004, 006: ceil(n / 4) words, the rest of the last one is thrown away."""
    source = Source()
    bench = Bench(Rng(source))
    bench.go_live()
    assert bench.submit([length])[1:] == (length, bytes(i & 0xFF for i in range(1, length + 1)))
    words = -(-length // 4)
    assert source.taken == [4 * words]
    assert bench.submit([1])[2] == bytes([4 * words + 1 & 0xFF])


@pytest.mark.parametrize("elements", [[0], [b"abcd"], [b"", b"xyz"], [b"abc", 0]])
def test_nothing_to_write(elements: list[bytes | int]) -> None:
    """HOST-030, 115: completes with length 0 and takes no entropy."""
    source = Source()
    bench = Bench(Rng(source))
    bench.go_live()
    assert bench.submit(elements)[1] == 0
    assert source.taken == []


def test_scattered_buffer_and_ignored_readable_part() -> None:
    bench = Bench(Rng(Source()))
    bench.go_live()
    assert bench.submit([b"ignored", 3, 0, 1, 5])[1:] == (9, bytes(range(1, 10)))


def test_at_most_request_max_bytes() -> None:
    """HOST-024, 115."""
    bench = Bench(Rng(Source()))
    bench.go_live()
    _, written_len, data = bench.submit([65536, 3])
    assert written_len == 65536
    assert data[65536:] == b"\xa5" * 3
    assert data[:4] == b"\x01\x02\x03\x04"


@pytest.mark.parametrize("length", [8, 9])
def test_request_max_is_a_parameter(length: int) -> None:
    source = Source()
    chain = DescriptorChain(0, 0, (Segment(0, length, True),))
    assert Rng(source, request_max=7).serve(chain, Memory(0, 64), 0) == 7
    assert source.taken == [8]


def test_payload_write_error_completes_with_length_0() -> None:
    """HOST-027, 083: and the device goes on."""
    bench = Bench(Rng(Source()))
    ring = bench.go_live()
    head = ring.link([(1 << 50, 8, True)])
    ring.publish(head)
    bench.kick()
    assert ring.used() == [(head, 0)]
    assert bench.device.read(Reg.STATUS) == LIVE
    assert bench.submit([4])[1] == 4


def test_a_short_source_is_an_error_of_the_test() -> None:
    chain = DescriptorChain(0, 0, (Segment(0, 5, True),))
    with pytest.raises(ValueError, match="5 bytes instead of 8"):
        Rng(lambda length: bytes(length - 3)).serve(chain, Memory(0, 64), 0)
