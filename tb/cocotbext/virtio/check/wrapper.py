# SPDX-License-Identifier: Apache-2.0
"""Puts a device of other people on the bench: writes the module `virtio_dut` around it.

The module has the ports of tb/hdl/virtio_dut.sv, so that bench, tap and memory are the same for every device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyslang

from .description import Bus, Description, DescriptionError, Stream

_AXI_REQUEST = ("addr", "prot", "valid")
_AXI4_REQUEST = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "valid")
#: Signals of the AXI channels by who drives them, without those that AXI4-Lite leaves out.
_MASTER_LITE = (
    *(f"aw{signal}" for signal in _AXI_REQUEST),
    *("wdata", "wstrb", "wvalid", "bready"),
    *(f"ar{signal}" for signal in _AXI_REQUEST),
    "rready",
)
_SLAVE_LITE = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")
_MASTER = (
    *(f"aw{signal}" for signal in _AXI4_REQUEST),
    *("wdata", "wstrb", "wlast", "wvalid", "bready"),
    *(f"ar{signal}" for signal in _AXI4_REQUEST),
    "rready",
)
_SLAVE = ("awready", "wready", "bid", "bresp", "bvalid", "arready", "rid", "rdata", "rresp", "rlast", "rvalid")
#: Signals that a device may leave out, with what they are then.
_OPTIONAL = {
    **dict.fromkeys(("awprot", "arprot", "awlock", "arlock", "awcache", "arcache", "awid", "arid", "bid", "rid"), "0"),
    **dict.fromkeys(("awqos", "arqos", "awregion", "arregion", "awuser", "aruser", "wuser"), "0"),
}
#: What an AXI4 register slave is told besides the signals of AXI4-Lite: single words.
_SINGLE = {
    **dict.fromkeys(("awid", "arid", "awlen", "arlen", "awlock", "arlock", "awcache", "arcache"), "0"),
    **dict.fromkeys(("awqos", "arqos", "awregion", "arregion"), "0"),
    **dict.fromkeys(("awsize", "arsize"), "3'd2"),
    **dict.fromkeys(("awburst", "arburst"), "2'd1"),
    "wlast": "1",
}
#: Signals of the small register buses: what the bench drives; what the device answers, and its value if it has none.
_APB = (
    ("psel", "penable", "pwrite", "paddr", "pwdata", "pstrb", "pprot"),
    {"prdata": "", "pready": "1", "pslverr": "0"},
)
_SIMPLE = (("addr", "read", "write", "wdata", "wstrb", "prot"), {"rdata": "", "ready": "1", "error": "0"})


class Port(NamedTuple):
    """A port of the device's top: "in" or "out", and its width in bits."""

    name: str
    direction: str
    width: int


def literal(value: object) -> object:
    """A parameter's value in HDL: numbers that do not fit an integer have a size; strings are HDL already."""
    if isinstance(value, bool):
        return f"1'b{value:d}"
    if isinstance(value, int) and value >= 1 << 31:
        return f"{max(64, value.bit_length())}'h{value:x}"
    return value


def ports_of(device: Description) -> dict[str, Port]:
    """The ports of the device's top, elaborated. Raises DescriptionError for what cannot be read."""
    session = pyslang.driver.Driver()
    session.addStandardArgs()
    words = ["slang", "--top", device.top, *map(str, device.sources)]
    words += [f"-I{path}" for path in device.include]
    words += [f"-D{name}={value}" for name, value in device.defines.items()]
    words += [f"-G{name}={literal(value)}" for name, value in device.parameters.items()]
    command = " ".join(f'"{word}"' for word in words)
    if not session.parseCommandLine(command, pyslang.driver.CommandLineOptions()) or not session.processOptions():
        raise DescriptionError(f"{device.path}: sources or options that the reader does not take: {command}")
    session.parseAllSources()
    compilation = session.createCompilation()
    tops = [top for top in compilation.getRoot().topInstances if top.name == device.top]
    if not tops:
        raise DescriptionError(f"{device.path}: [device] top: module {device.top!r} expected in the sources, seen none")
    known = {parameter.name for parameter in tops[0].body.parameters}
    for name in device.parameters:
        if name not in known:
            raise DescriptionError(f"{device.path}: [device] parameters: {name} expected in {device.top}, seen none")
    found = {}
    for port in tops[0].body.portList:
        direction = {"In": "in", "Out": "out"}.get(port.direction.name, port.direction.name.lower())
        found[port.name] = Port(port.name, direction, port.type.bitWidth)
    return found


def wrapper(device: Description, ports: Mapping[str, Port], header: str) -> str:
    """The text of `virtio_dut` around the device; `header` is that of tb/hdl/virtio_dut.sv up to its port list's end.

    Raises DescriptionError for ports that are missing, of the wrong direction, or left without a value.
    """
    return _Wrapper(device, ports).text(header)


class _Wrapper:
    def __init__(self, device: Description, ports: Mapping[str, Port]) -> None:
        self.device = device
        self.ports = ports
        self.inputs: dict[str, str] = {}  # port: expression
        self.wires: list[str] = []
        self.assigns: list[str] = []
        self.taken: set[str] = set()

    def text(self, header: str) -> str:
        device = self.device
        self._input("clock", device.clock, "clk_i")
        self._input("reset", device.reset, "rst_ni" if device.reset_active_low else "!rst_ni")
        irq = self._output("irq", device.irq)
        self.assigns.append(f"assign irq_o = {'!' if device.irq_active_low else ''}{irq};")
        extra = [*self._registers(), *self._streams()]
        self._memory()
        for signal, name in device.signals.items():
            self._input("signals", name, f"{signal}_i")
        for name, value in device.ties.items():
            self._input("ties", name, f"{self._port('ties', name).width}'d{value}")
        loose = [port.name for port in self.ports.values() if port.direction != "out" and port.name not in self.inputs]
        if loose:
            raise DescriptionError(
                f"{device.path}: inputs of {device.top} without a value: {', '.join(loose)}; name them in [ties]"
            )
        parameters = ", ".join(f".{name}({literal(value)})" for name, value in device.parameters.items())
        outputs = [port.name for port in self.ports.values() if port.direction == "out"]
        connections = [f".{name}({value})" for name, value in self.inputs.items()]
        connections += [f".{name}({f'w_{name}' if name in self.taken else ''})" for name in outputs]
        joined = ",\n    ".join(connections)
        body = [*self.wires, *extra, f"{device.top} #({parameters}) u_device (\n    {joined}\n  );", *self.assigns]
        silent = [name for name in _BEHIND if not any(name in line for line in (*extra, *self.assigns))]
        lines = "\n".join(f"  {line}" for line in [*body, *(f"assign {name} = '0;" for name in silent)])
        return f"{header}\n{lines}\n\nendmodule\n"

    def _port(self, table: str, name: str, direction: str = "in") -> Port:
        port = self.ports.get(name)
        if port is None:
            raise DescriptionError(
                f"{self.device.path}: [{table}]: port {name} expected in {self.device.top}, seen none"
            )
        if port.direction != direction:
            raise DescriptionError(
                f"{self.device.path}: [{table}]: port {name} expected to be {direction}put, seen {port.direction}put"
            )
        return port

    def _input(self, table: str, name: str, value: str) -> None:
        self.inputs[name] = f"{self._port(table, name).width}'({value})"

    def _output(self, table: str, name: str) -> str:
        """A wire of the device's own width for one of its outputs."""
        width = self._port(table, name, "out").width
        if name not in self.taken:
            self.taken.add(name)
            self.wires.append(f"logic [{width - 1}:0] w_{name};")
        return f"w_{name}"

    def _drive(self, table: str, bus: Bus | Stream, signal: str, value: str, required: bool = True) -> None:
        name = bus.port(signal)
        if required or name in self.ports:
            self._input(table, name, value)

    def _answer(self, table: str, bus: Bus | Stream, signal: str, default: str = "") -> str:
        name = bus.port(signal)
        return default if default and name not in self.ports else self._output(table, name)

    def _registers(self) -> Iterator[str]:
        """Connect the register bus; what stands between it and AXI4-Lite."""
        bus = self.device.registers
        if bus.kind in ("axi4-lite", "axi4"):
            for signal in _MASTER_LITE:
                self._drive("registers", bus, signal, f"s_axil_{signal}", signal not in _OPTIONAL)
            for signal in _SLAVE_LITE:
                self.assigns.append(
                    f"assign s_axil_{signal} = $bits(s_axil_{signal})'({self._answer('registers', bus, signal)});"
                )
            if bus.kind == "axi4":
                for signal, value in _SINGLE.items():
                    self._drive("registers", bus, signal, value, False)
            return
        driven, answered = _APB if bus.kind == "apb" else _SIMPLE
        bridge = "virtio_axil_to_apb" if bus.kind == "apb" else "virtio_axil_to_simple"
        connections = [".clk_i", ".rst_ni", *(f".s_axil_{signal}" for signal in (*_MASTER_LITE, *_SLAVE_LITE))]
        for signal in driven:
            width = {
                "paddr": 12,
                "addr": 12,
                "pwdata": 32,
                "wdata": 32,
                "pstrb": 4,
                "wstrb": 4,
                "pprot": 3,
                "prot": 3,
            }.get(signal, 1)
            self.wires.append(f"logic [{width - 1}:0] b_{signal};")
            connections.append(f".{signal}_o(b_{signal})")
            self._drive("registers", bus, signal, f"b_{signal}", signal not in ("pprot", "prot", "pstrb", "wstrb"))
        for signal, default in answered.items():
            width = 32 if signal.endswith("rdata") else 1
            connections.append(f".{signal}_i({width}'({self._answer('registers', bus, signal, default)}))")
        joined = ",\n    ".join(connections)
        yield f"{bridge} u_registers (\n    {joined}\n  );"

    def _streams(self) -> Iterator[str]:
        """Connect the device's streams to what is at their other ends."""
        if self.device.type == "net":
            yield from self._mac()
        elif self.device.type in ("console", "input"):
            yield from self._port_end()

    def _mac(self) -> Iterator[str]:
        out, in_ = self.device.stream_out, self.device.stream_in
        width = self._port("stream_out", out.port("tdata"), "out").width
        other = self._port("stream_in", in_.port("tdata")).width
        if width != other or width % 8 or width > self.device.memory.data_width:
            raise DescriptionError(
                f"{self.device.path}: [stream_out], [stream_in]: tdata expected of one width in bytes, at most that of "
                f"[memory], seen {width} and {other} bits"
            )
        parts = {"valid": ("tvalid", 1), "data": ("tdata", width), "keep": ("tkeep", width // 8), "last": ("tlast", 1)}
        connections = [".clk_i", ".rst_ni", ".loop_i(mac_loop_i)", ".stall_i(mac_stall_i)", ".gap_i(mac_gap_i)"]
        for name, (signal, bits) in parts.items():
            seen = self._answer("stream_out", out, signal, "'1" if signal == "tkeep" else "")
            value = f"{bits}'({seen})"
            self.assigns.append(f"assign mac_tx_{name}_o = $bits(mac_tx_{name}_o)'({value});")
            connections.append(f".tx_{name}_i({value})")
            self.wires.append(f"logic [{bits - 1}:0] b_rx_{name};")
            connections.append(f".rx_{name}_o(b_rx_{name})")
            self.assigns.append(f"assign mac_rx_{name}_o = $bits(mac_rx_{name}_o)'(b_rx_{name});")
            self._drive("stream_in", in_, signal, f"b_rx_{name}", signal != "tkeep")
        self._drive("stream_out", out, "tready", "mac_tx_ready_o")
        self.wires.append("logic b_rx_user;")
        told = in_.port("tuser") in self.ports  # otherwise no frame is bad
        self.assigns.append(f"assign mac_rx_user_o = {'b_rx_user' if told else '0'};")
        self._drive("stream_in", in_, "tuser", "b_rx_user", False)
        ready = self._answer("stream_in", in_, "tready", "1'b1")
        self.assigns.append(f"assign mac_rx_ready_o = {ready};")
        connections += [".tx_ready_o(mac_tx_ready_o)", f".rx_ready_i({ready})", ".rx_user_o(b_rx_user)"]
        joined = ",\n      ".join(connections)
        yield f"if (1) begin : g_net\n    virtio_mac #(.DataWidth({width})) u_mac (\n      {joined}\n    );\n  end"

    def _port_end(self) -> Iterator[str]:
        out, in_ = self.device.stream_out, self.device.stream_in
        most = 64 if self.device.type == "input" else 8
        for table, stream, direction in (("stream_out", out, "out"), ("stream_in", in_, "in")):
            if (width := self._port(table, stream.port("tdata"), direction).width) != most:
                raise DescriptionError(f"{self.device.path}: [{table}]: tdata of {most} bits expected, seen {width}")
        valid = self._answer("stream_out", out, "tvalid")
        # tuser marks the bytes of a console's emergency write.
        marked = f"{self._answer('stream_out', out, 'tuser')}, " if out.port("tuser") in self.ports else ""
        ready = self._answer("stream_in", in_, "tready")
        self.assigns += [
            f"assign port_out_valid_o = {valid};",
            f"assign port_out_data_o = 64'({{{marked}{self._answer('stream_out', out, 'tdata')}}});",
            f"assign port_in_ready_o = {ready};",
        ]
        self._drive("stream_out", out, "tready", "port_out_ready_o")
        self._drive("stream_in", in_, "tvalid", "port_in_valid_o")
        self._drive("stream_in", in_, "tdata", f"port_in_data_o[{most - 1}:0]")
        connections = [".clk_i", ".rst_ni", ".stall_i(port_stall_i)", ".gap_i(port_gap_i)"]
        connections += [f".out_valid_i({valid})", ".out_ready_o(port_out_ready_o)", ".in_valid_o(port_in_valid_o)"]
        connections += [f".in_ready_i({ready})", ".in_data_o(port_in_data_o)"]
        joined = ",\n      ".join(connections)
        yield f"if (1) begin : g_port\n    virtio_port_end u_end (\n      {joined}\n    );\n  end"

    def _memory(self) -> None:
        """Connect the device's master; what AXI4-Lite leaves out is a single beat as wide as the bus."""
        bus = self.device.memory
        lite = bus.kind == "axi4-lite"
        size = (bus.data_width // 8).bit_length() - 1
        single = {"len": "0", "size": f"3'd{size}", "burst": "2'd1"}
        for signal in _MASTER:
            target = f"m_axi_{signal}"
            if lite and signal not in _MASTER_LITE:
                value = "1" if signal == "wlast" else single.get(signal[2:], "0")
            elif bus.kind == "axi4" and bus.port(signal) not in self.ports and signal[2:] in ("size", "burst"):
                value = single[signal[2:]]
            else:
                value = self._answer("memory", bus, signal, _OPTIONAL.get(signal, ""))
            self.assigns.append(f"assign {target} = $bits({target})'({value});")
        for signal in _SLAVE_LITE if lite else _SLAVE:
            self._drive("memory", bus, signal, f"m_axi_{signal}", signal not in _OPTIONAL)


#: The other ports of virtio_dut, silent where nothing is behind the device that the bench could see.
_BEHIND = (
    *("entropy_valid_o", "entropy_ready_o", "entropy_data_o", "store_flushed_o"),
    *("mac_tx_valid_o", "mac_tx_ready_o", "mac_tx_data_o", "mac_tx_keep_o", "mac_tx_last_o"),
    *("mac_rx_valid_o", "mac_rx_ready_o", "mac_rx_data_o", "mac_rx_keep_o", "mac_rx_last_o", "mac_rx_user_o"),
    *("port_out_valid_o", "port_out_ready_o", "port_out_data_o"),
    *("port_in_valid_o", "port_in_ready_o", "port_in_data_o"),
)
