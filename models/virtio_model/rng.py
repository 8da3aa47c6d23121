# SPDX-License-Identifier: Apache-2.0
"""The entropy device (5.4)."""

from __future__ import annotations

from collections.abc import Callable

from virtio_model.chain import DescriptorChain
from virtio_model.function import DeviceFunction
from virtio_model.memory import MemoryFault, MemoryView
from virtio_model.spec import DeviceType

WORD_BYTES = 4


class Rng(DeviceFunction):
    """Fills the device-writable part of each chain, up to `request_max` bytes of it (5.4.6.2).

    `source(n)` returns the next `n` bytes of entropy, `n` a multiple of 4: the source works in 32-bit words,
    little-endian. A request of n bytes takes ceil(n / 4) words and throws the rest of the last one away; a request of 0
    takes none.
    """

    device_type = DeviceType.RNG

    def __init__(self, source: Callable[[int], bytes], *, request_max: int = 65536) -> None:
        self.source = source
        self.request_max = request_max

    def serve(self, chain: DescriptorChain, memory: MemoryView, driver_features: int) -> int:
        """Return the number of random bytes written; 0 if one of them could not be.

        Raises `ValueError` if the source does not return what it was asked for.
        """
        length = min(chain.writable_len, self.request_max)
        if length == 0:
            return 0
        wanted = -(-length // WORD_BYTES) * WORD_BYTES
        data = self.source(wanted)
        if len(data) != wanted:
            raise ValueError(f"entropy source returned {len(data)} bytes instead of {wanted}")
        try:
            chain.write_bytes(memory, 0, data[:length])
        except MemoryFault:
            return 0
        return length
