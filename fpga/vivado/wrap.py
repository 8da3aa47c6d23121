# SPDX-License-Identifier: Apache-2.0
"""Writes the Verilog wrappers that Vivado's IP packager wants as tops: `python3 fpga/vivado/wrap.py`.

Ports and parameters are taken from the text of the RTL's tops; streams get the names of AXI4-Stream, and attributes
say what clock, reset and interrupt are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
RTL = HERE.parents[1] / "rtl"
DEVICES = ("blk", "net", "rng")
#: Left to their defaults: the id registers, what follows from other parameters, and what only tests change.
HIDDEN = ("QueueSizeMax", "DeviceId", "VendorId", "Version", "IndexInit", "SerialId", "Topology")
STREAM = re.compile(r"(mac_[tr]x)_(valid|ready|data|keep|last|user)_[io]")
PARAMETER = re.compile(r"^\s*parameter\s+(int|bit|logic)\s*(\[[^]]*\])?\s*(\w+)\s*=\s*([^,/]+?)\s*(?:,|//|$)", re.M)
PORT = re.compile(r"^\s*(input|output)\s+logic\s+(?:\[\s*([^]]*?)\s*\])?\s*(\w+)", re.M)
ATTRIBUTES = {
    "clk_i": '(* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 clk_i CLK",\n'
    '       X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF {busses}, ASSOCIATED_RESET rst_ni" *)\n    ',
    "rst_ni": '(* X_INTERFACE_INFO = "xilinx.com:signal:reset:1.0 rst_ni RST",\n'
    '       X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)\n    ',
    "irq_o": '(* X_INTERFACE_INFO = "xilinx.com:signal:interrupt:1.0 irq_o INTERRUPT",\n'
    '       X_INTERFACE_PARAMETER = "SENSITIVITY LEVEL_HIGH" *)\n    ',
}


def outer_name(port: str) -> str:
    """The wrapper's name of a port: `mac_tx_tvalid` for `mac_tx_valid_o`, the same for the others."""
    match = STREAM.fullmatch(port)
    return f"{match[1]}_t{match[2]}" if match else port


def verilog_parameter(kind: str, width: str, name: str, value: str) -> str:
    """A parameter's declaration in Verilog-2001."""
    kind = {"int": "integer ", "bit": "[0:0] "}.get(kind, f"{width} ")
    return f"parameter {kind}{name} = {'0' if value == chr(39) + '0' else value}"


def wrapper(device: str, rtl: Path = RTL) -> str:
    """The text of the wrapper of a device. Raises OSError."""
    top = f"virtio_mmio_{device}"
    text = (rtl / f"{top}.sv").read_text()
    head = text[text.index(f"module {top}") : text.index("\n);")]
    head_parameters, head_ports = head.split("\n) (")
    parameters = [match for match in PARAMETER.findall(head_parameters) if match[2] not in HIDDEN]
    ports = PORT.findall(head_ports)
    streams = sorted({match[1] for _, _, name in ports if (match := STREAM.fullmatch(name))})
    busses = ":".join(["s_axil", "m_axi", *streams])

    def declarations() -> Iterator[str]:
        for direction, width, name in ports:
            width = width.replace("Bytes", "AxiDataWidth/8")
            attribute = ATTRIBUTES.get(name, "").format(busses=busses)
            yield f"    {attribute}{direction} wire {f'[{width}] ' if width else ''}{outer_name(name)}"

    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// {top} for Vivado's IP packager, and as an instantiation template. Made by fpga/vivado/wrap.py.",
        "",
        f"module {top}_ip #(",
        ",\n".join(f"    {verilog_parameter(*parameter)}" for parameter in parameters),
        ") (",
        ",\n".join(declarations()),
        ");",
        "",
        f"  {top} #(",
        ",\n".join(f"      .{name}({name})" for _, _, name, _ in parameters),
        "  ) u_device (",
        ",\n".join(f"      .{name}({outer_name(name)})" for _, _, name in ports),
        "  );",
        "",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    for device in DEVICES:
        (HERE / f"virtio_mmio_{device}_ip.v").write_text(wrapper(device))


if __name__ == "__main__":
    main()
