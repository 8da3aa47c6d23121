# SPDX-License-Identifier: Apache-2.0
"""The VirtIO-MMIO block device as a LiteX module: registers, DMA, interrupt and storage port as LiteX interfaces."""

from __future__ import annotations

from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.interconnect import axi, stream
from migen import ClockSignal, Instance, ResetSignal, Signal

RTL = Path(__file__).resolve().parents[2] / "rtl"
ID_WIDTH = 4
#: (AXI channel, whether its master drives it, fields) of the DMA. What AXI4 has beyond these is left at 0.
DMA_CHANNELS = (
    ("aw", True, ("addr", "len", "size", "burst", "lock", "cache", "prot", "id")),
    ("w", True, ("data", "strb", "last")),
    ("b", False, ("resp", "id")),
    ("ar", True, ("addr", "len", "size", "burst", "lock", "cache", "prot", "id")),
    ("r", False, ("data", "resp", "last", "id")),
)
#: The same of the registers.
REGISTER_CHANNELS = (
    ("aw", True, ("addr", "prot")),
    ("w", True, ("data", "strb")),
    ("b", False, ("resp",)),
    ("ar", True, ("addr", "prot")),
    ("r", False, ("data", "resp")),
)


def sources() -> list[str]:
    """The SystemVerilog files, the package first."""
    files = sorted(RTL.glob("*.sv"), key=lambda path: (not path.stem.endswith("_pkg"), path.name))
    return [str(path) for path in files]


def channel_ports(prefix: str, bus: object, channels: object, master: bool) -> dict[str, Signal]:
    """Ports of an `Instance` by their names, such as `o_m_axi_awaddr`; `master`: the device drives the requests."""
    ports = {}
    for channel, forth, fields in channels:
        endpoint = getattr(bus, channel)
        source, sink = ("o", "i") if forth == master else ("i", "o")
        for field in (*fields, "valid"):
            ports[f"{source}_{prefix}_{channel}{field}"] = getattr(endpoint, field)
        ports[f"{sink}_{prefix}_{channel}ready"] = endpoint.ready
    return ports


class VirtioMmioBlk(LiteXModule):
    """virtio_mmio_blk.

    - `regs`: AXI4-Lite slave of 4 KiB, 32 bit. To be mapped uncached, and named to Linux as `virtio,mmio`.
    - `dma`: AXI4 master of `data_width` bits; its addresses are those that the driver puts into the rings.
    - `irq`: level, high while a bit of InterruptStatus is set.
    - `capacity`: sectors of 512 bytes; may change at any time.
    - `commands`, `write_data`: streams to the storage; `read_data`, `responses`: from it. See rtl/virtio_blk.sv.

    `parameters` are those of virtio_mmio_blk by name, such as `TransportFeatures=1 << 28`.
    """

    def __init__(self, platform, data_width: int = 64, address_width: int = 64, **parameters: int) -> None:
        self.regs = axi.AXILiteInterface(data_width=32, address_width=12)
        self.dma = axi.AXIInterface(data_width=data_width, address_width=address_width, id_width=ID_WIDTH)
        self.irq = Signal()
        self.capacity = Signal(64)
        command = [("op", 3), ("sector", 64), ("count", 32), ("unmap", 1), ("linked", 1)]
        self.commands = stream.Endpoint(command)
        self.write_data = stream.Endpoint([("data", data_width)])
        self.read_data = stream.Endpoint([("data", data_width)])
        self.responses = stream.Endpoint([("error", 1)])

        widths = {"AxiDataWidth": data_width, "AxiAddrWidth": address_width, "AxiIdWidth": ID_WIDTH}
        ports = {
            "i_clk_i": ClockSignal(),
            "i_rst_ni": ~ResetSignal(),
            "o_irq_o": self.irq,
            "i_capacity_i": self.capacity,
            **channel_ports("s_axil", self.regs, REGISTER_CHANNELS, master=False),
            **channel_ports("m_axi", self.dma, DMA_CHANNELS, master=True),
            "o_store_cmd_valid_o": self.commands.valid,
            "i_store_cmd_ready_i": self.commands.ready,
            **{f"o_store_cmd_{field}_o": getattr(self.commands, field) for field, _ in command},
            "o_store_wdata_valid_o": self.write_data.valid,
            "i_store_wdata_ready_i": self.write_data.ready,
            "o_store_wdata_o": self.write_data.data,
            "i_store_rdata_valid_i": self.read_data.valid,
            "o_store_rdata_ready_o": self.read_data.ready,
            "i_store_rdata_i": self.read_data.data,
            "i_store_rsp_valid_i": self.responses.valid,
            "o_store_rsp_ready_o": self.responses.ready,
            "i_store_rsp_error_i": self.responses.error,
        }
        named = {f"p_{name}": value for name, value in {**widths, **parameters}.items()}
        self.specials += Instance("virtio_mmio_blk", **named, **ports)
        for path in sources():
            platform.add_source(path, language="systemverilog")
