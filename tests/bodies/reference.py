# SPDX-License-Identifier: Apache-2.0
"""The model that does what a simulated configuration does: parameters of tb/hdl/virtio_tb.sv in the model's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virtio_model import Blk, Console, DeviceFunction, EventPort, Input, MemoryStorage, Net, Port, Rng, Topology, Wire
from virtio_model.device import DEFAULT_VENDOR_ID
from virtio_model.spec import SECTOR, VERSION, DeviceType, Feature, features

from ..example import checksum

#: GET_ID of rtl/virtio_blk.sv.
SERIAL = b"virtio-mmio-rtl-0001"
#: The address that tb/hdl/virtio_dut.sv gives to its network device.
MAC = bytes.fromhex("525400123456")


def device_type(parameters: Mapping[str, int]) -> int:
    """What kind of device is built, whatever its DeviceID says."""
    return parameters.get("Device", DeviceType.BLK)


def function(parameters: Mapping[str, int], storage: MemoryStorage, source: Any = bytes) -> DeviceFunction:
    """The device type, on `storage` or on an entropy `source`."""
    if device_type(parameters) == checksum.DEVICE_TYPE:
        return checksum.Checksum()
    if device_type(parameters) == DeviceType.RNG:
        return Rng(source)
    if device_type(parameters) == DeviceType.CONSOLE:
        return Console(Port())
    if device_type(parameters) == DeviceType.INPUT:
        return Input(EventPort())
    if device_type(parameters) == DeviceType.NET:
        return Net(
            Wire(),
            MAC,
            mtu=parameters.get("Mtu", 1500),
            queue_pairs=parameters.get("QueuePairs", 1),
            mrg_rxbuf=bool(parameters.get("MrgRxbuf", 1)),
            ctrl_vq=bool(parameters.get("CtrlVq", 1)),
        )
    return Blk(
        storage,
        read_only=bool(parameters.get("ReadOnly", 0)),
        seg_max=parameters.get("SegMax", 126),
        size_max=parameters.get("SizeMax", 0),
        blk_size=parameters.get("BlkSize", SECTOR),
        topology=_topology(parameters.get("Topology", 0)),
        config_wce=bool(parameters.get("ConfigWce", 0)),
        num_queues=parameters.get("NumQueues", 2) if parameters.get("MultiQueue", 0) else 0,
        max_discard_sectors=parameters.get("MaxDiscardSectors", 0),
        max_discard_seg=parameters.get("MaxDiscardSeg", 1),
        discard_alignment=parameters.get("DiscardAlignment", 1),
        max_write_zeroes_sectors=parameters.get("MaxWriteZeroesSectors", 0),
        max_write_zeroes_seg=parameters.get("MaxWriteZeroesSeg", 1),
        write_zeroes_may_unmap=bool(parameters.get("WriteZeroesMayUnmap", 1)),
        serial=SERIAL,
    )


def num_queues(parameters: Mapping[str, int]) -> int:
    """How many queues there are; of a network device, by its queue pairs."""
    if device_type(parameters) == DeviceType.NET:
        return 2 * parameters.get("QueuePairs", 1) + parameters.get("CtrlVq", 1)
    if device_type(parameters) in (DeviceType.CONSOLE, DeviceType.INPUT):
        return 2
    if device_type(parameters) == checksum.DEVICE_TYPE:
        return 1
    return parameters.get("NumQueues", 2)


def _topology(word: int) -> Topology | None:
    return Topology(word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32) if word else None


def device_options(parameters: Mapping[str, int], function: DeviceFunction) -> dict[str, Any]:
    """The options of `MmioDevice` with this function."""
    offered = function.device_features | features(Feature.VERSION_1) | parameters.get("TransportFeatures", 0)
    return {
        "device_features": offered,
        "num_queues": num_queues(parameters),
        "queue_size_max": (parameters.get("QueueSizeMax0", 256), parameters.get("QueueSizeMax1", 256)),
        "device_id": parameters.get("DeviceId", int(device_type(parameters))),
        "version": parameters.get("Version", VERSION),
        "vendor_id": parameters.get("VendorId", DEFAULT_VENDOR_ID),
        "index_init": parameters.get("IndexInit", 0),
        "address_width": parameters.get("AxiAddrWidth", 64),
    }
