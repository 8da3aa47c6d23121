# SPDX-License-Identifier: Apache-2.0
"""Finds the mutants of a SystemVerilog source, and rewrites it so that all of them are in it.

The rewritten text only has insertions: an expression becomes `(mutation_pkg::active == N ? mutated : original)`, an
assignment gets an `if (mutation_pkg::active != N)`. A number given at the start of a simulation says which mutant is
at work; with 0 none is.

Elaboration code is left alone: parameters, dimensions, widths, generate conditions, loop headers, functions without
arguments, and expressions of nothing but parameters, genvars and loop variables. So are left-hand sides, case labels,
initial blocks, nets named unused, and assertions by $fatal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from pyslang.syntax import SyntaxKind as K
from pyslang.syntax import SyntaxTree

#: The package that the rewritten sources ask; $value$plusargs leaves a variable alone if nothing was given.
PACKAGE = """\
// SPDX-License-Identifier: Apache-2.0
package mutation_pkg;
  function automatic int chosen;
    chosen = 0;
    void'($value$plusargs("mutant=%d", chosen));
  endfunction
  int active = chosen();
endpackage
"""

_BOUNDARY = {
    K.EqualityExpression: "!=",
    K.InequalityExpression: "==",
    K.LessThanExpression: "<=",
    K.LessThanEqualExpression: "<",
    K.GreaterThanExpression: ">=",
    K.GreaterThanEqualExpression: ">",
}
_OPERATORS = {
    K.AddExpression: "-",
    K.SubtractExpression: "+",
    K.BinaryAndExpression: "|",
    K.BinaryOrExpression: "&",
    K.BinaryXorExpression: "|",
    K.LogicalShiftLeftExpression: ">>",
    K.LogicalShiftRightExpression: "<<",
}
_PREFIXES = (K.UnaryLogicalNotExpression, K.UnaryBitwiseNotExpression)
#: What is worked out before the simulation starts, or is no expression at all.
_ELABORATION = {
    *(K.ParameterPortList, K.AnsiPortList, K.ParameterDeclarationStatement, K.ParameterValueAssignment),
    *(K.TypedefDeclaration, K.DataDeclaration, K.GenvarDeclaration, K.PackageImportDeclaration),
    *(K.VariableDimension, K.SimpleRangeSelect, K.EventControlWithExpression, K.AttributeInstance),
    *(K.InitialBlock, K.ElabSystemTask, K.StringLiteralExpression),
}
#: System functions whose arguments are looked at while the simulation runs.
_RUNTIME_CALLS = {"$signed", "$unsigned", "$countones"}
_VECTOR = re.compile(r"(\d+)'([dhb])([0-9a-fA-F_]+)")
#: What an assertion of the RTL does: that is not in the device.
_CHECK = re.compile(r"(begin\s+)?\$fatal\b")
_NAME = re.compile(r"(?<![\w$'])[A-Za-z_][\w$]*")


@dataclass(frozen=True)
class Mutant:
    """One small fault. `line` and `column` count from 1; `original` becomes `edit`, both without line breaks.

    `id` stays what it is when lines are put in before it: it is made of the file, the text of the line, and the edit.
    """

    number: int
    id: str
    file: str
    line: int
    column: int
    text: str  # the source line, without the blanks round it
    original: str
    edit: str

    @property
    def change(self) -> str:
        """The fault in words."""
        return f"{self.original} -> {self.edit}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.change}"


@dataclass(frozen=True)
class _Site:
    """A part of the source, from offset `start` to `end`, and what it may become; without any `texts` it is dropped."""

    start: int
    end: int
    texts: tuple[str, ...]

    @property
    def edits(self) -> tuple[str, ...]:
        return self.texts or ("(dropped)",)

    def before(self, number: int) -> str:
        if not self.texts:
            return f"begin if (mutation_pkg::active != {number}) "
        choices = (f"mutation_pkg::active == {number + i} ? {text} : " for i, text in enumerate(self.texts))
        return f"({''.join(choices)}"

    @property
    def after(self) -> str:
        return ")" if self.texts else " end"


class _Finder:
    """Walks the syntax of one source; `sites` are in the order of their start, an outer one before an inner one."""

    def __init__(self, source: str, root: Any, constants: frozenset[str]) -> None:
        self.source = source
        self.constants = constants
        self.sites: list[_Site] = []
        self.can_drop = True
        self.handlers: dict[Any, Callable[[Any], None]] = {
            K.AlwaysCombBlock: self._always_comb,
            K.FunctionDeclaration: self._function,
            K.NetDeclaration: self._net,
            K.ForLoopStatement: lambda node: self.visit(node.statement),
            K.LoopGenerate: lambda node: self.visit(node.block),
            K.IfGenerate: self._if_generate,
            K.ContinuousAssign: self._continuous,
            K.ExpressionStatement: self._statement,
            K.ConditionalStatement: self._if,
            K.ConditionalExpression: self._conditional,
            K.StandardCaseItem: lambda node: self.visit(node.clause),
            K.CastExpression: lambda node: self.visit(node.right),
            K.MultipleConcatenationExpression: lambda node: self.visit(node.concatenation),
            K.InvocationExpression: self._call,
            K.BitSelect: lambda node: self._index(node.expr),
            K.AscendingRangeSelect: lambda node: self._index(node.left),
            K.DescendingRangeSelect: lambda node: self._index(node.left),
            K.NamedPortConnection: self._connection,
            K.LogicalAndExpression: lambda node: self._chain(node, "1'b1"),
            K.LogicalOrExpression: lambda node: self._chain(node, "1'b0"),
            **dict.fromkeys((*_BOUNDARY, *_OPERATORS), self._binary),
            **dict.fromkeys(_PREFIXES, self._prefix),
            K.IntegerVectorExpression: self._literal,
            K.IntegerLiteralExpression: self._literal,
            K.UnbasedUnsizedLiteralExpression: self._literal,
        }
        self.visit(root)

    def visit(self, node: Any) -> None:
        """Find what is in a node; `None` and tokens have nothing."""
        if node is None or not hasattr(node, "sourceRange") or node.kind in _ELABORATION:
            return
        handler = self.handlers.get(node.kind)
        if handler is None:
            self._children(node)
        elif not self._constant(node):
            handler(node)

    def _children(self, node: Any) -> None:
        for child in node:
            if not _is_token(child):
                self.visit(child)

    def _text(self, node: Any) -> str:
        where = node.sourceRange
        return self.source[where.start.offset : where.end.offset]

    def _constant(self, node: Any) -> bool:
        """Whether an expression has names and all of them are those of constants."""
        names = _NAME.findall(self._text(node))
        return bool(names) and all(name in self.constants for name in names)

    def _add(self, node: Any, *texts: str) -> None:
        where = node.sourceRange
        self.sites.append(_Site(where.start.offset, where.end.offset, texts))

    def _always_comb(self, node: Any) -> None:
        """Dropped, a default would not be a fault in the logic but a latch."""
        statement = node.statement
        for item in statement.items if statement.kind == K.SequentialBlockStatement else [statement]:
            self.can_drop = item.kind != K.ExpressionStatement
            self.visit(item)
        self.can_drop = True

    def _function(self, node: Any) -> None:
        if not node.prototype.portList or not list(node.prototype.portList.ports):
            return
        self.can_drop = False
        for item in node.items:
            self.visit(item)
        self.can_drop = True

    def _net(self, node: Any) -> None:
        for declarator in node.declarators:
            if not _is_token(declarator) and declarator.initializer and "unused" not in self._text(declarator):
                self.visit(declarator.initializer.expr)

    def _if_generate(self, node: Any) -> None:
        self.visit(node.block)
        if node.elseClause:
            self.visit(node.elseClause.clause)

    def _continuous(self, node: Any) -> None:
        for assignment in node.assignments:
            if _is_token(assignment):
                continue
            right = assignment.right
            if not self._constant(right) and right.kind in (K.IdentifierName, K.ConcatenationExpression):
                self._add(right, "'0")
            self.visit(right)

    def _statement(self, node: Any) -> None:
        if not hasattr(node.expr, "right"):
            return  # a call, or i++
        if self.can_drop:
            self._add(node)
        self.visit(node.expr.right)

    def _if(self, node: Any) -> None:
        if _CHECK.match(self._text(node.statement)):
            return
        self._forced(node.predicate)
        self.visit(node.statement)
        if node.elseClause:
            self.visit(node.elseClause.clause)

    def _conditional(self, node: Any) -> None:
        self._forced(node.predicate)
        self.visit(node.left)
        self.visit(node.right)

    def _forced(self, predicate: Any) -> None:
        """A condition that always holds, and one that never does."""
        if not self._constant(predicate):
            self._add(predicate, "1'b1", "1'b0")
            self.visit(predicate)

    def _call(self, node: Any) -> None:
        if not self._text(node.left).startswith("$") or self._text(node.left) in _RUNTIME_CALLS:
            self.visit(node.arguments)

    def _index(self, node: Any) -> None:
        if _NAME.search(self._text(node)):
            self.visit(node)

    def _connection(self, node: Any) -> None:
        """A name may be connected to an output."""
        if node.expr is not None and re.search(r"[^\w\s.\[\],{}:]", self._text(node.expr)):
            self._children(node)

    def _chain(self, node: Any, neutral: str) -> None:
        """Each operand of a && b && c, or of a || b || c, as if it were not there."""
        for operand in (node.left, node.right):
            if operand.kind != node.kind and not self._constant(operand):
                self._add(operand, neutral)
            self.visit(operand)

    def _binary(self, node: Any) -> None:
        operator = {**_BOUNDARY, **_OPERATORS}[node.kind]
        self._add(node, f"{self._operand(node.left)} {operator} {self._operand(node.right)}")
        self.visit(node.left)
        self.visit(node.right)

    def _operand(self, node: Any) -> str:
        """Text that may stand beside any operator."""
        return self._text(node) if re.fullmatch(r"[\w.']+|'[01]", self._text(node)) else f"({self._text(node)})"

    def _prefix(self, node: Any) -> None:
        self._add(node, self._text(node.operand))
        self.visit(node.operand)

    def _literal(self, node: Any) -> None:
        if other := next_constant(self._text(node)):
            self._add(node, other)


def next_constant(text: str) -> str:
    """A literal one larger, modulo its width; '0 and '1 become each other. Empty for what is none, as with x in it."""
    if text in ("'0", "'1"):
        return "'1" if text == "'0" else "'0"
    if text.isdecimal():
        return str(int(text) + 1)
    if not (found := _VECTOR.fullmatch(text)):
        return ""
    width, letter, digits = found.groups()
    base = {"d": 10, "h": 16, "b": 2}[letter]
    value = (int(digits, base) + 1) % (1 << int(width))
    return f"{width}'{letter}{value:{ {'d': 'd', 'h': 'x', 'b': 'b'}[letter] }}"


def _is_token(node: Any) -> bool:
    return not hasattr(node, "sourceRange") or type(node).__name__ == "Token"


def _names_of_constants(root: Any) -> Iterator[str]:
    """Parameters, genvars and loop variables that a source declares."""
    found: list[str] = []

    def look(node: Any) -> None:
        if _is_token(node):
            return
        if node.kind == K.ParameterDeclaration:
            found.extend(item.name.valueText for item in node.declarators if not _is_token(item))
        elif node.kind == K.LoopGenerate:
            found.append(node.identifier.valueText)
        elif node.kind == K.ForVariableDeclaration:
            found.append(node.declarator.name.valueText)

    root.visit(look)
    yield from found


def rewrite(sources: Mapping[str, str]) -> tuple[dict[str, str], list[Mutant]]:
    """The sources, by name, with all mutants in them; these, numbered from 1 on. Raises `ValueError` for bad syntax."""
    trees = {name: SyntaxTree.fromText(text, name) for name, text in sources.items()}
    for name, tree in trees.items():
        if any(diagnostic.isError() for diagnostic in tree.diagnostics):
            raise ValueError(f"{name}: slang cannot read it")
    shared = {name for tree in trees.values() for name in _names_of_constants(tree.root) if name.isupper()}
    texts: dict[str, str] = {}
    mutants: list[Mutant] = []
    for name, source in sources.items():
        root = trees[name].root
        sites = _Finder(source, root, frozenset(shared | set(_names_of_constants(root)))).sites
        texts[name] = _insert(source, sites, len(mutants) + 1)
        mutants += _mutants(name, source, sites, len(mutants) + 1)
    return texts, mutants


def _insert(source: str, sites: Sequence[_Site], first: int) -> str:
    """`source` with every site in it; their mutants are numbered from `first` on."""
    before: dict[int, list[str]] = {}
    after: dict[int, list[str]] = {}
    number = first
    for site in sites:
        before.setdefault(site.start, []).append(site.before(number))
        after.setdefault(site.end, []).insert(0, site.after)
        number += len(site.edits)
    offsets = sorted({0, *before, *after, len(source)})
    parts: list[str] = []
    for here, there in zip(offsets, [*offsets[1:], len(source)], strict=True):
        parts += [*after.get(here, []), *before.get(here, []), source[here:there]]
    return "".join(parts)


def _mutants(name: str, source: str, sites: Sequence[_Site], first: int) -> Iterator[Mutant]:
    lines = source.splitlines()
    seen: Counter[tuple[int, str, str]] = Counter()
    ids: Counter[str] = Counter()
    number = first
    for site in sites:
        line = source.count("\n", 0, site.start)
        original = " ".join(source[site.start : site.end].split())
        for text in site.edits:
            edit = " ".join(text.split())
            place = (line, original, edit)
            seen[place] += 1
            if seen[place] > 1:
                edit += f" (no. {seen[place]} on the line)"
            column = site.start - source.rfind("\n", 0, site.start)
            mutant = Mutant(number, "", name, line + 1, column, lines[line].strip(), original, edit)
            key = f"{name}\n{mutant.text}\n{mutant.change}"
            ids[key] += 1
            digest = sha256(f"{key}\n{ids[key]}".encode()).hexdigest()[:8]
            yield replace(mutant, id=f"{name.rpartition('/')[2].removesuffix('.sv')}-{digest}")
            number += 1
