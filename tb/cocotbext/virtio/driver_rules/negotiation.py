# SPDX-License-Identifier: Apache-2.0
"""Rules on the negotiation of features (2.2, 3.1.1, 6)."""

from __future__ import annotations

from virtio_model.spec import DeviceType, Feature, Reg, Status

from .layouts import Layout
from .state import Judge, text
from .trace import Access

#: Features that a driver should accept when they are offered.
_GENERIC = {
    int(Feature.ACCESS_PLATFORM): "RSVD-DRV-003",
    int(Feature.RING_PACKED): "RSVD-DRV-006",
    int(Feature.ORDER_PLATFORM): "RSVD-DRV-007",
    39: "RSVD-DRV-013",
}
_BY_TYPE: dict[int, dict[int, str]] = {
    DeviceType.NET: {5: "NET-DRV-002", 3: "NET-DRV-007", 62: "NET-DRV-010"},
    DeviceType.BLK: {5: "BLK-DRV-016"},
}
#: Network features that should come with the control queue.
_NET_CTRL_VQ = 17
_NET_ADVISED = {57: "NET-DRV-013", 20: "NET-DRV-014"}
_BLK_DISCARD, _BLK_ZONED = 13, 17
_ZONED_MODEL = Reg.CONFIG + 92
_HOST_MANAGED = 1


class Negotiation(Judge):
    """Feature words, and the set that stands when FEATURES_OK is written."""

    def power_up(self) -> None:
        self.reset()
        self._host_managed = False

    def reset(self) -> None:
        self._read: set[int] = set()

    def step(self, access: Access) -> None:
        at, state = access.offset, self.state
        if at == Reg.DEVICE_FEATURES and not access.write:
            self._after_driver(access)
            selected = state.device_features_sel
            expected = "DeviceFeaturesSel written since the reset"
            self.judge("DRV-DEVICE-FEATURES-SEL", selected is not None, expected, text(access))
            if selected is not None:
                self._read.add(selected)
        elif at == Reg.DRIVER_FEATURES and access.write:
            self._features_written(access)
        elif at == Reg.STATUS and access.write and access.value & ~state.status & Status.FEATURES_OK:
            if not access.value & Status.FAILED:
                self._negotiated()
        elif at == _ZONED_MODEL and not access.write:
            self._host_managed = access.value & 0xFF == _HOST_MANAGED

    def _after_driver(self, access: Access) -> None:
        held = bool(self.state.status & Status.DRIVER)
        self.judge("DRV-FEATURES-AFTER-DRIVER", held, "DRIVER set before", text(access))

    def _features_written(self, access: Access) -> None:
        state, value = self.state, access.value
        late = bool(state.status & Status.FEATURES_OK)
        self.judge("DRV-FEATURES-LATE", not late, "no write after FEATURES_OK", text(access))
        if late:
            return
        self._after_driver(access)
        selected = state.driver_features_sel
        expected = "DriverFeaturesSel written since the reset"
        self.judge("DRV-DRIVER-FEATURES-SEL", selected is not None, expected, text(access))
        if selected is None or not value:
            return
        seen = f"{value:#x} written to word {selected}"
        self.judge("DRV-FEATURES-READ", selected in self._read, f"DeviceFeatures word {selected} read before", seen)
        offered = state.offered.get(selected)
        if offered is not None:
            self.judge("DRV-FEATURES-OFFERED", not value & ~offered, f"nothing beyond {offered:#x}", seen)
        undefined = [bit for bit in _bits(value, selected) if bit not in state.layout.bits]
        self.judge("DRV-FEATURES-DEFINED", not undefined, "bits that are defined here", f"bits {undefined} accepted")

    def _negotiated(self) -> None:
        state = self.state
        kind, accepted = state.layout, state.accepted
        self._dependencies(kind)
        offered = state.is_offered(Feature.VERSION_1)
        if offered is not False:
            held = state.has(Feature.VERSION_1)
            self.judge("DRV-VERSION-1", held, "VERSION_1 (bit 32) accepted", f"{accepted:#x} accepted")
        wanted = {**_GENERIC, **_BY_TYPE.get(state.device_id or 0, {})}
        for bit, requirement in wanted.items():
            if state.is_offered(bit):
                name = kind.name(bit)
                seen = f"{accepted:#x} accepted"
                self.judge("DRV-ACCEPT", state.has(bit), f"{name} accepted", seen, (requirement,))
        if state.device_id == DeviceType.NET:
            for bit, requirement in _NET_ADVISED.items():
                if state.has(bit):
                    held = state.has(_NET_CTRL_VQ)
                    expected, seen = f"CTRL_VQ accepted with {kind.name(bit)}", f"{accepted:#x} accepted"
                    self.judge("DRV-FEATURES-ADVISED", held, expected, seen, (requirement,))
        if state.device_id == DeviceType.BLK and self._host_managed and state.has(_BLK_ZONED):
            seen = f"{accepted:#x} accepted"
            self.judge("DRV-ZONED-DISCARD", not state.has(_BLK_DISCARD), "DISCARD not accepted", seen)

    def _dependencies(self, kind: Layout) -> None:
        for bit, needed in kind.requires.items():
            if self.state.has(bit):
                for one_of in needed:
                    held = any(self.state.has(other) for other in one_of)
                    names = " or ".join(kind.name(other) for other in sorted(one_of))
                    seen = f"{self.state.accepted:#x} accepted"
                    self.judge("DRV-FEATURES-DEPEND", held, f"{names} accepted with {kind.name(bit)}", seen)


def _bits(word: int, index: int) -> list[int]:
    return [32 * index + bit for bit in range(32) if word >> bit & 1]
