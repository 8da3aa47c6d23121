# SPDX-License-Identifier: Apache-2.0
"""`make mutate`: which mutants a source has, how they are put into it, drawn, run, judged and listed as equivalent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.mutate import __main__ as command
from tests.mutate import bench, equivalent, gate, hunt, report
from tests.mutate.bench import Bench, Verdict, judge
from tests.mutate.elaborated import elaborated
from tests.mutate.hunt import Fate, Memory
from tests.mutate.sites import PACKAGE, Mutant, next_constant, rewrite
from tests.sim.configs import PLANS, ROOT
from tests.sim.process import Outcome
from tests.sim.selection import UsageError

MODULE = """\
    module m #(
        parameter int Width = 4,
        localparam int Last = Width - 1
    ) (
        input logic clk_i,
        input logic a,
        input logic b,
        input logic [Width-1:0] n,
        output logic [Width-1:0] q,
        output logic y
    );
    {}
    endmodule
    """


def module(body: str) -> str:
    return dedent(MODULE).format(body)


def changes(body: str) -> list[str]:
    _, mutants = rewrite({"rtl/m.sv": module(body)})
    return [mutant.change for mutant in mutants]


def test_comparisons() -> None:
    assert changes("assign y = n == q;") == ["n == q -> n != q"]
    assert changes("assign y = n <= q;") == ["n <= q -> n < q"]
    assert changes("assign y = n > {1'b0, q[2:0]};") == ["n > {1'b0, q[2:0]} -> n >= ({1'b0, q[2:0]})", "1'b0 -> 1'b1"]


def test_operands_of_conditions() -> None:
    assert changes("assign y = a && !b;") == ["a -> 1'b1", "!b -> 1'b1", "!b -> b"]
    assert changes("assign y = a || b || q[0];") == ["a -> 1'b0", "b -> 1'b0", "q[0] -> 1'b0"]
    assert changes("assign y = a ? b : 1'b0;") == ["a -> 1'b1", "a -> 1'b0", "1'b0 -> 1'b1"]


def test_assignments_and_what_is_in_them() -> None:
    assert changes("assign y = a;") == ["a -> '0"]
    body = "always_ff @(posedge clk_i) if (a) q <= q + 4'd15; else q <= '0;"
    assert changes(body) == [
        "a -> 1'b1",
        "a -> 1'b0",
        "q <= q + 4'd15; -> (dropped)",
        "q + 4'd15 -> q - 4'd15",
        "4'd15 -> 4'd0",
        "q <= '0; -> (dropped)",
        "'0 -> '1",
    ]


def test_a_default_is_not_dropped_but_what_overrides_it_is() -> None:
    assert changes("always_comb begin y = b; if (a) y = n[0]; end") == [
        "a -> 1'b1",
        "a -> 1'b0",
        "y = n[0]; -> (dropped)",
    ]


def test_case_labels_stay() -> None:
    body = "always_comb begin y = b; case (q) 4'd1: y = 1'b1; default: ; endcase end"
    assert changes(body) == ["y = 1'b1; -> (dropped)", "1'b1 -> 1'b0"]


@pytest.mark.parametrize(
    "body",
    [
        "localparam int Twice = 2 * Width + 1;",
        "logic [Width+1:0] x;",
        "if (Width > 2) begin : g_wide end",
        "for (genvar i = 0; i < 4; i++) begin : g assign q[i] = n[i+1-1]; end",
        "assign y = n[3];",
        "assign y = Width == 4;",
        "sub #(.Depth(Width + 1)) u_sub (.x(y));",
        "initial q = 4'd3;",
        "function automatic int longest(); longest = Width + 1; endfunction",
        "wire unused_ok = ^{a, b} | (n == q);",
        "always_comb for (int i = 0; i < Width; i++) q[i] = n[i];",
    ],
)
def test_elaboration_code_stays(body: str) -> None:
    assert [change for change in changes(body) if not change.endswith("(dropped)")] == []


def test_constants() -> None:
    shifted = {"8'd255": "8'd0", "16'hff": "16'h100", "2'b01": "2'b10", "7": "8", "'0": "'1", "'1": "'0"}
    assert {text: next_constant(text) for text in shifted} == shifted
    assert next_constant("4'bx01z") == ""


def test_only_insertions_that_choose_the_original_with_no_mutant_at_work() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("rtl/*.sv")}
    texts, mutants = rewrite(sources)
    assert [mutant.number for mutant in mutants] == list(range(1, len(mutants) + 1))
    assert len({mutant.id for mutant in mutants}) == len(mutants)
    for name, text in texts.items():
        assert resolved(text, 0) == "".join(sources[name].split())
    for mutant in mutants[::701]:
        assert resolved(texts[mutant.file], mutant.number) != "".join(sources[mutant.file].split()), mutant


def resolved(text: str, active: int) -> str:
    """A rewritten source as it works with a mutant, without blanks: choices taken from the innermost on."""
    text = "".join(text.split())
    drop = re.compile(r"beginif\(mutation_pkg::active!=(\d+)\)")
    choice = "mutation_pkg::active=="
    # Statements first: each ends with the first end that closes it.
    while found := drop.search(text):
        stop = _end_of_statement(text, found.end())
        kept = "" if int(found[1]) == active else text[found.end() : stop]
        assert text[stop : stop + 3] == "end"
        text = text[: found.start()] + kept + text[stop + 3 :]
    while (at := text.rfind("(" + choice)) >= 0:
        close = _closing(text, at)
        text = text[:at] + _chosen(text[at + 1 : close], active) + text[close + 1 :]
    return text


def _chosen(text: str, active: int) -> str:
    choice = "mutation_pkg::active=="
    while text.startswith(choice):
        number, _, rest = text[len(choice) :].partition("?")
        mutated, original = _split_at_colon(rest)
        if int(number) == active:
            return mutated
        text = original
    return text


def _split_at_colon(text: str) -> tuple[str, str]:
    """What stands before and after the colon that belongs to the question mark before `text`."""
    depth = questions = 0
    for index, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth:
            continue
        questions += char == "?"
        double = ":" in (text[index - 1 : index], text[index + 1 : index + 2])
        if char == ":" and not double:
            if not questions:
                return text[:index], text[index + 1 :]
            questions -= 1
    raise AssertionError(f"no colon in {text}")


def _closing(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if not depth:
            return index
    raise AssertionError(f"no end of {text[start : start + 40]}")


def _end_of_statement(text: str, start: int) -> int:
    return text.index(";", start) + 1


def test_ids_survive_a_shift_of_lines() -> None:
    source = module("assign y = n == q;")
    _, (before,) = rewrite({"rtl/m.sv": source})
    _, (after,) = rewrite({"rtl/m.sv": f"// SPDX\n\n{source}"})
    assert (after.id, after.line) == (before.id, before.line + 2)


def test_the_same_fault_twice_on_a_line_is_told_apart() -> None:
    found = changes("assign y = {a && b, a && n[0]} == 2'd1;")
    assert len(found) == len(set(found))
    assert "a -> 1'b1" in found
    assert "a -> 1'b1 (no. 2 on the line)" in found


def test_bad_syntax_is_named() -> None:
    with pytest.raises(ValueError, match=r"^rtl/m\.sv: slang cannot read it$"):
        rewrite({"rtl/m.sv": module("assign = ;")})


def test_a_configuration_has_the_mutants_that_are_elaborated(tmp_path: Path) -> None:
    body = "if (Width > 4) begin : g_wide assign y = a && b; end else begin : g_small assign y = n == q; end"
    texts, mutants = rewrite({"rtl/m.sv": module(body)})
    files = [tmp_path / "mutation_pkg.sv", tmp_path / "m.sv"]
    files[0].write_text(PACKAGE)
    files[1].write_text(texts["rtl/m.sv"])
    assert [mutant.number for mutant in mutants] == [1, 2, 3]
    assert elaborated(files, "m", {"Width": 4}) == {3}
    assert elaborated(files, "m", {"Width": 5}) == {1, 2}
    with pytest.raises(ValueError, match="m cannot be elaborated"):
        elaborated(files[1:], "m", {})


def test_the_configurations_have_every_mutant() -> None:
    rewritten, mutants = bench.mutated_rtl()
    found = set().union(*(bench.bench(name, rewritten).numbers for name in bench.CONFIGS))
    assert found == {mutant.number for mutant in mutants}


def mutant(number: int, file: str = "rtl/a.sv", text: str = "assign y = a;") -> Mutant:
    return Mutant(number, f"m{number}", file, number, 1, text, "a", "'0")


def test_a_sample_is_fixed_and_takes_from_each_file_its_share() -> None:
    many = [mutant(i, "rtl/a.sv" if i <= 300 else "rtl/b.sv") for i in range(1, 401)]
    drawn = hunt.draw(many, 40, 1)
    assert [item.file for item in drawn].count("rtl/a.sv") == 30
    assert len(drawn) == 40
    assert hunt.draw(many[::-1], 40, 1) == drawn
    assert hunt.draw(many, 40, 2) != drawn
    assert hunt.draw(many, 400, 1) == many
    without = [item for item in many if item not in drawn[:2]]
    assert len(set(hunt.draw(without, 40, 1)) & set(drawn)) >= 35


def entry(**other: Any) -> dict[str, Any]:
    return {"file": "rtl/a.sv", "text": "assign y = a;", "change": "a -> '0", "reason": "a is 0", **other}


def read_list(tmp_path: Path, *entries: Any) -> dict[str, str]:
    path = tmp_path / "equivalent.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return equivalent.reasons([mutant(1), mutant(2, "rtl/b.sv"), mutant(3, "rtl/b.sv")], path)


def test_equivalents_are_found_by_their_text(tmp_path: Path) -> None:
    assert read_list(tmp_path, entry()) == {"m1": "a is 0"}
    assert read_list(tmp_path, entry(file="rtl/b.sv", count=2)) == {"m2": "a is 0", "m3": "a is 0"}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(text="assign y = b;")], "entry 1: no mutant of rtl/a.sv is \"a -> '0\" on the line 'assign y = b;'"),
        ([entry(), entry(change="a -> '1")], "entry 2: no mutant of rtl/a.sv"),
        ([entry(file="rtl/b.sv")], "entry 1: 2 mutants match, say count: 2"),
        ([entry(), entry()], "entry 2: m1 is in the list twice"),
        ([entry(reason=" ")], "entry 1: reason is not a text"),
        ([entry(line=3)], "entry 1: needs change, file, reason, text"),
        (["a"], "entry 1: needs change, file, reason, text"),
    ],
)
def test_a_wrong_list_of_equivalents(tmp_path: Path, entries: list[Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_list(tmp_path, *entries)
    assert str(caught.value).startswith(f"equivalent.yaml, {message}")


def test_the_list_of_equivalents_is_up_to_date() -> None:
    _, mutants = bench.mutated_rtl()
    equivalent.reasons(mutants)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SAMPLE": "0"}, "SAMPLE=0: not a number of 1 or more"),
        ({"SAMPLE": "many"}, "SAMPLE=many: not a number of 1 or more"),
        ({"JOBS": "0"}, "JOBS=0: not a number of 1 or more"),
        ({"CONFIG": "blk,blk9"}, "unknown CONFIG 'blk9', there are: rng_split"),
    ],
)
def test_requests_that_make_no_sense(env: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        command.parse(env)
    assert str(caught.value).startswith(message)


def test_names_that_are_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="unknown TEST 'ring'"):
        command.benches_for(command.parse({"TEST": "ring"}), bench.mutated_rtl()[0])
    with pytest.raises(UsageError, match="unknown MUTANT 'm9'"):
        hunt.choose([mutant(1)], ["m9"])
    monkeypatch.setenv("SAMPLE", "0")
    assert command.main([]) == 2
    assert capsys.readouterr().err == "error: SAMPLE=0: not a number of 1 or more\n"


LOG = "  0.00ns INFO  cocotb.regression    running tests.sim.test_rings.{} ({}/2)\n"
XML = """<testsuites><testsuite><testcase name="a" time="0.5"/><testcase name="b" time="2">{}</testcase>
</testsuite></testsuites>"""


def judged(tmp_path: Path, outcome: Outcome, xml: str, log: str = LOG.format("a", 1) + LOG.format("b", 2)) -> Any:
    (tmp_path / "sim.log").write_text(log)
    (tmp_path / "results.xml").write_text(xml)
    verdict, times = judge(outcome, tmp_path / "sim.log", tmp_path / "results.xml")
    return verdict.test, verdict.how, times


def test_how_a_simulation_is_judged(tmp_path: Path) -> None:
    well = Outcome(0, 3.0)
    times = {"test_rings.a": 0.5, "test_rings.b": 2.0}
    assert judged(tmp_path, well, XML.format("")) == ("", "", times)
    assert judged(tmp_path, well, XML.format('<failure message="VQ-X\n seen"/>')) == ("test_rings.b", "VQ-X seen", {})
    assert judged(tmp_path, Outcome(0, 3.0, timed_out=True), XML.format("")) == ("test_rings.b", "time-out", {})
    assert judged(tmp_path, Outcome(-11, 3.0), "") == ("test_rings.b", "simulator crashed with SIGSEGV", {})
    assert judged(tmp_path, Outcome(1, 3.0), XML.format(""))[1] == "simulator exited with status 1"
    assert judged(tmp_path, well, "<testsuites/>", log="")[:2] == ("(start)", "simulator exited with status 0")


def benches() -> list[Bench]:
    rings, soak = (next(plan for plan in PLANS if plan.module == name) for name in ("test_rings", "test_soak"))
    quick = Bench("rng_split", [rings], {1, 2, 3}, {"test_rings.a": 1.0})
    return [Bench("blk", [rings, soak], {1, 2}, {"test_rings.a": 2.0, "test_soak.b": 5.0}), quick]


def test_tests_that_noticed_neighbours_come_first() -> None:
    memory, there = Memory(), benches()

    def order(number: int) -> list[tuple[str, list[str]]]:
        return [(it.config, names) for it, names in hunt.attempts(mutant(number), there, memory)]

    assert order(1) == [("rng_split", []), ("blk", [])]
    memory.add(mutant(1), "blk", "test_soak.b")
    assert order(2) == [("blk", ["test_soak.b"]), ("blk", []), ("rng_split", [])]
    assert order(3) == [("rng_split", [])]  # which is not in that configuration
    assert [it.config for it, _ in hunt.attempts(mutant(2, "rtl/b.sv"), there, memory)] == ["rng_split", "blk"]


def test_a_mutant_is_hunted_until_a_test_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def simulate(it: Bench, _: object, number: int, plans: Any, only: Any, timeout_s: float) -> Any:
        asked.append((it.config, number, [plan.module for plan in plans], only, timeout_s))
        noticed = it.config == "blk" and number == 1
        return Verdict("test_soak.b" if noticed else "", "VQ-X" if noticed else "", 1.0), {}

    monkeypatch.setattr(hunt, "simulate", simulate)
    memory, session = Memory(), command.runner.Session(1)
    killed = hunt.hunt_one(mutant(1), benches(), memory, session)
    assert (killed.killed, killed.config, killed.verdict) == (True, "blk", Verdict("test_soak.b", "VQ-X", 2.0))
    survived = hunt.hunt_one(mutant(2), benches(), memory, session)
    assert (survived.killed, survived.verdict) == (False, Verdict(wall_s=3.0))
    slack = bench.SLACK_S
    assert asked[2] == ("blk", 2, ["test_soak"], ["test_soak.b"], slack + bench.SLOWER * 5.0)
    assert [config for config, *_ in asked] == ["rng_split", "blk", "blk", "blk", "rng_split"]


def test_figures_and_score() -> None:
    killed = Fate(mutant(1), Verdict("test_rings.a", "VQ-X"), "blk")
    fates = [replace(killed, mutant=mutant(2)), Fate(mutant(3), Verdict()), killed, replace(killed, mutant=mutant(5))]
    found = report.figures(fates, [mutant(4)], {"m4": "a is 0"}, "")
    assert (found["passed"], found["failed"], found["skipped"], found["score"]) == (3, 1, 1, 0.75)
    assert [item["id"] for item in found["killed"]] == ["m1", "m2", "m5"]
    assert [(item["id"], item["line"], item["change"]) for item in found["survived"]] == [("m3", 3, "a -> '0")]
    assert [item["reason"] for item in found["equivalent"]] == ["a is 0"]
    broken = report.figures([], [], {}, "blk fails without a mutant")
    assert (broken["passed"], broken["failed"], broken["score"]) == (0, 1, 0.0)


def test_assertions_of_the_rtl_stay() -> None:
    assert changes('always_ff @(posedge clk_i) if (a && !b) $fatal(1, "no");') == []


def test_the_mutants_of_make_test_are_there() -> None:
    _, mutants = bench.mutated_rtl()
    chosen = {mutant.id for mutant in hunt.choose(mutants, gate.IDS)}
    assert len(chosen) == len(gate.IDS)
    assert not chosen & set(equivalent.reasons(mutants))
