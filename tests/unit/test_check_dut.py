# SPDX-License-Identifier: Apache-2.0
"""The description of a device of other people, its errors, the wrapper around it, and what is said of its verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from cocotbext.virtio.check.description import DescriptionError, load
from cocotbext.virtio.check.wrapper import Port, ports_of, wrapper
from tests.bodies import every_body
from tests.check import simulate
from tests.check.__main__ import arguments, blocked, findings, main, select
from tests.check.left_out import DECISIONS, NEEDS, READ_BACK, STORED, THEME_NEEDS
from tests.check.request import parameters
from tests.check.simulate import Bench
from tests.check.verdict import BLOCKED, Verdict, begin, end
from tests.conformance.record import FAILED, PASSED, WEDGED, Finding
from tests.hdl.foreign.bugs import BUGS
from tests.hdl.foreign.proof import descriptions
from tests.sim.process import Outcome
from tests.sim.selection import UsageError

GOOD = """[device]
top = "dev"
type = "rng"
sources = ["dev.v"]
[clock]
port = "clk"
[reset]
port = "rst"
active = "high"
[irq]
port = "irq"
[registers]
bus = "simple"
[memory]
bus = "axi4-lite"
prefix = "m_"
data_width = 32
address_width = 32
[expect]
features = [32]
queue_size_max = [8]
"""

DEVICE = """module dev #(parameter SIZE = 1) (
  input clk, input rst, output irq, input [11:0] addr, input read, input write, input [31:0] wdata, output [31:0] rdata,
  output [31:0] m_awaddr, output m_awvalid, input m_awready, output [31:0] m_wdata, output [3:0] m_wstrb,
  output m_wvalid, input m_wready, input [1:0] m_bresp, input m_bvalid, output m_bready, output [31:0] m_araddr,
  output m_arvalid, input m_arready, input [31:0] m_rdata, input [1:0] m_rresp, input m_rvalid, output m_rready,
  input test);
endmodule
"""


def describe(folder: Path, text: str = GOOD, device: str = DEVICE) -> Path:
    (folder / "dev.v").write_text(device)
    path = folder / "dev.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('top = "dev"\n', "", 1, "[device] top: missing"),
        ('type = "rng"', 'type = "gpu"', 3, "[device] type: expected one of rng, blk"),
        ('"dev.v"', '"other.v"', 4, "[device] sources: there is no file"),
        ('"dev.v"', "", 4, "[device] sources: expected at least one file"),
        ('bus = "simple"', 'bus = "wishbone"', 13, "[registers] bus: expected one of axi4-lite, axi4, apb, simple"),
        ("data_width = 32", "data_width = 48", 17, "[memory] data_width: expected one of 32, 64"),
        ("data_width = 32", 'data_width = "wide"', 17, "[memory] data_width: expected an integer, seen 'wide'"),
        ("address_width = 32", "address_width = 16", 18, "[memory] address_width: expected 32 to 64, seen 16"),
        ("features = [32]", "features = [28]", 20, "VERSION_1 (32) expected"),
        ("queue_size_max = [8]", "queue_size_max = [0]", 21, "expected numbers from 1 to 32768, seen 0"),
        ("[expect]", "[expects]", 19, "[expects]: unknown table"),
        ("prefix =", "perfix =", 16, "[memory] perfix: unknown key"),
        ("[clock]", "[clock", 5, "not TOML"),
        ("[expect]", '[limits]\nknown = [{ rule = "NONE", reason = "" }]\n[expect]', 20, "unknown rule 'NONE'"),
        ("[expect]", "[limits]\nknown = [{ rule = 1 }]\n[expect]", 20, "expected { rule, reason } or { test, reason }"),
        ("[expect]", '[backend]\nkind = "hook"\n[expect]', 19, 'expected "file.py:function"'),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert GOOD.count(old) == 1
    path = describe(tmp_path, GOOD.replace(old, new))
    with pytest.raises(DescriptionError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"none\.toml: expected a description that can be read"):
        load(tmp_path / "none.toml")


def ports(folder: Path, text: str = GOOD, device: str = DEVICE) -> str:
    description = load(describe(folder, text, device))
    return wrapper(description, ports_of(description), "module virtio_dut (\n);")


@pytest.mark.parametrize(
    ("text", "device", "words"),
    [
        (GOOD, DEVICE, "inputs of dev without a value: test; name them in [ties]"),
        (GOOD + "[ties]\ntest = 0\nmore = 1\n", DEVICE, "[ties]: port more expected in dev, seen none"),
        (GOOD + "[ties]\ntest = 0\n", DEVICE.replace("output irq", "input irq"), "port irq expected to be output"),
        (GOOD + "[ties]\ntest = 0\n", DEVICE.replace("input read", "input reads"), "[registers]: port read expected"),
        (GOOD.replace('top = "dev"', 'top = "dut"'), DEVICE, "module 'dut' expected in the sources"),
        (GOOD.replace("[clock]", "parameters = { DEPTH = 2 }\n[clock]"), DEVICE, "DEPTH expected in dev, seen none"),
    ],
)
def test_ports_that_do_not_fit(tmp_path: Path, text: str, device: str, words: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        ports(tmp_path, text, device)
    assert words in str(caught.value)


def test_wrapper_connects_each_port(tmp_path: Path) -> None:
    text = ports(tmp_path, GOOD + "[ties]\ntest = 1\n")
    for connection in (
        ".clk(1'(clk_i))",
        ".rst(1'(!rst_ni))",
        ".test(1'(1'd1))",
        ".wdata(32'(b_wdata))",
        ".irq(w_irq)",
    ):
        assert connection in text
    for assignment in ("assign irq_o = w_irq;", "assign m_axi_awlen = $bits(m_axi_awlen)'(0);", "m_axi_wlast)'(1);"):
        assert assignment in text
    assert ".ready_i(1'(1))" in text  # no such port: always ready


def test_every_port_width_is_elaborated(tmp_path: Path) -> None:
    device = DEVICE.replace("output [31:0] rdata", "output [SIZE*8-1:0] rdata")
    text = GOOD.replace("[clock]", "parameters = { SIZE = 4 }\n[clock]")
    assert ports_of(load(describe(tmp_path, text, device)))["rdata"] == Port("rdata", "out", 32)


def test_parameters_of_any_size(tmp_path: Path) -> None:
    """An unsized number of more than 32 bits would be cut, or extended by its highest bit."""
    device = DEVICE.replace("output [31:0] rdata", "output [F == 64'h15e_3000_0000 && ON ? SIZE * 8 - 1 : 0:0] rdata")
    device = device.replace("SIZE = 1", "SIZE = 1, parameter [63:0] F = 0, parameter [0:0] ON = 0")
    text = GOOD + "[ties]\ntest = 1\n"
    text = text.replace("[clock]", 'parameters = { F = 0x15e_3000_0000, ON = true, SIZE = "3\'d4" }\n[clock]')
    assert ".F(64'h15e30000000), .ON(1'b1), .SIZE(3'd4)" in ports(tmp_path, text, device)
    assert ports_of(load(describe(tmp_path, text, device)))["rdata"] == Port("rdata", "out", 32)


def test_known_limit_of_a_test_that_is_not_there(tmp_path: Path) -> None:
    known = GOOD.replace("[expect]", '[limits]\nknown = [{ test = "reset.never", reason = "" }]\n[expect]')
    with pytest.raises(DescriptionError, match=r"unknown test 'reset\.never' of a rng device"):
        select(load(describe(tmp_path, known)), "")


def test_known_limit_leaves_a_test_out(tmp_path: Path) -> None:
    known = GOOD.replace("[expect]", '[limits]\nknown = [{ test = "reset.storm", reason = "slow" }]\n[expect]')
    chosen, absent = select(load(describe(tmp_path, known)), "")
    assert "reset.storm" not in chosen
    assert absent["reset.storm"] == "a known limit: slow"


def test_unknown_test() -> None:
    with pytest.raises(UsageError, match="unknown TEST 'nothing'"):
        select(load(descriptions()[0]), "nothing")


def test_parameters() -> None:
    assert parameters("A=1 B=0x10") == {"A": 1, "B": 16}
    for text in ("A", "A=", "A=x", "=1", "1=1"):
        with pytest.raises(UsageError, match="expected NAME=number"):
            parameters(text)


def test_lists_name_tests_that_exist() -> None:
    names = {body.name: body for body in every_body()}
    for name in (*DECISIONS, *NEEDS, *READ_BACK, *STORED, *THEME_NEEDS):
        body, _, case = name.partition("/")
        assert body in names
        assert not case or case in names[body].cases


@pytest.mark.parametrize(
    ("test", "case"),
    [
        ("registers.write_only_registers_read_zero", "HOST-065: 0 or as last written"),
        ("registers.configuration_past_its_end", "HOST-068: 0 or all ones"),
        ("registers.partial_writes_are_ignored", "HOST-066: ignored or merged"),
        ("status.bits_accumulate", "HOST-070: ignored or stored"),
        ("queues.bad_sizes_are_refused", "HOST-057, 058: refused, or DEVICE_NEEDS_RESET on first use"),
        ("queues.only_bit_0_of_ready_counts", "HOST-064: bit 0, or the value 1"),
        ("rings.same_head_twice_in_a_batch", "HOST-006: served twice, or DEVICE_NEEDS_RESET"),
        ("faults.chains_before_a_malformed_one_complete", "HOST-005: they may complete first"),
        ("faults.malformed_chain/readable_after_writable", "HOST-029: DEVICE_NEEDS_RESET, or the request fails"),
    ],
)
def test_of_several_right_answers_none_is_demanded(tmp_path: Path, test: str, case: str) -> None:
    chosen, absent = select(load(describe(tmp_path)), "")
    assert test not in chosen, case
    assert "leaves it to the device" in absent[test]


def chosen_with(folder: Path, *bits: int) -> list[str]:
    offered = ", ".join(map(str, (32, *bits)))
    return select(load(describe(folder, GOOD.replace("features = [32]", f"features = [{offered}]"))), "")[0]


def test_tests_of_a_feature_need_no_other(tmp_path: Path) -> None:
    """Our own devices have all of them; others may have any."""
    both = {body.name for body in every_body() if body.name.startswith(("features.", "packed."))}
    assert both == {name.partition("/")[0] for name in THEME_NEEDS}
    plain, indirect, events, reset, packed = (
        set(chosen_with(tmp_path, *bits)) for bits in ((), (28,), (29,), (40,), (34,))
    )
    assert not [name for name in plain if name.startswith(("features.", "packed."))]
    assert "features.malformed_table/nested" in indirect
    assert {name.partition("/")[0] for name in indirect - plain} == {
        name for name, needed in THEME_NEEDS.items() if needed == 1 << 28
    }
    assert "features.poisoned_used_event" in events - indirect
    assert {"features.queue_reset", "features.queue_reset_under_load"} == reset - plain
    assert {"packed.rings_wrap", "packed.malformed_list/address_wraps"} <= packed
    assert "packed.interrupts_at_every_place" not in packed
    assert "packed.malformed_list/table_with_next" not in packed
    assert "packed.interrupts_at_every_place" in chosen_with(tmp_path, 29, 34)
    assert "packed.malformed_list/table_with_next" in chosen_with(tmp_path, 28, 34)


def test_every_defect_names_a_test_that_runs() -> None:
    for path in descriptions():
        for bug in BUGS.get(load(path).top, {}).values():
            chosen, _ = select(load(path), bug.test)
            assert chosen, f"{path.stem} {bug.name}"


def test_a_start_that_fails_as_before_is_not_judged() -> None:
    text = "NotAVirtioDevice: not a VirtIO device"
    verdicts = blocked([Verdict("a", FAILED, text), Verdict("b", FAILED, text), Verdict("c", FAILED, "other")])
    assert [verdict.verdict for verdict in verdicts] == [FAILED, BLOCKED, FAILED]
    assert verdicts[1].message == f"as in a: {text}"


def test_no_test_pays_for_the_time_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tests in a simulator that has time for one, the last of which does not end."""
    started = []

    def start(bench: Bench, module: str, directory: Path, env: Mapping[str, str]) -> Outcome:
        monkeypatch.setenv("VIRTIO_VERDICTS", env["VIRTIO_VERDICTS"])
        names = json.loads(env["VIRTIO_BODIES"])
        started.append(names)
        begin(names[0])
        if len(started) < 3:
            end(Verdict(names[0], PASSED))
            begin(names[1])
        (directory / simulate.LOG).write_text("")
        return Outcome(-9, 1.0, timed_out=True)

    monkeypatch.setattr(simulate, "start", start)
    bench = Bench(load(describe(tmp_path, GOOD)), "verilator", tmp_path, 1, 1)
    verdicts = simulate.run(bench, ["a", "b", "c"], 1)
    assert [(verdict.name, verdict.verdict) for verdict in verdicts] == [("a", PASSED), ("b", PASSED), ("c", WEDGED)]
    assert started == [["a", "b", "c"], ["b", "c"], ["c"]]


def test_a_rule_is_found_once_with_its_count() -> None:
    first, second = Finding("IRQ-UNDUE", "first", 3), Finding("IRQ-UNDUE", "second", 2)
    found = findings([Verdict("a", FAILED, "", (first,)), Verdict("b", PASSED), Verdict("c", FAILED, "", (second,))])
    assert [(entry["rule"], entry["first"], entry["count"], entry["tests"]) for entry in found] == [
        ("IRQ-UNDUE", "first", 5, ["a", "c"])
    ]


def test_arguments() -> None:
    assert arguments(["a/b.toml", "TEST=reset"]) == {"DUT": "a/b.toml", "TEST": "reset"}
    for word in ("--test", "CONFIG=blk"):
        with pytest.raises(UsageError, match=f"{word}: expected a description's path"):
            arguments([word])


def test_no_description_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DUT", raising=False)
    assert main() == 2
    assert (
        capsys.readouterr().err
        == "error: DUT=path/to/device.toml expected, seen none; docs/check-dut.md says what is in it\n"
    )
