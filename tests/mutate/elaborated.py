# SPDX-License-Identifier: Apache-2.0
"""Which mutants an HDL configuration has: those whose numbers are in what slang elaborates of the rewritten sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyslang import Bag, ast
from pyslang.syntax import SyntaxTree


def elaborated(files: Sequence[Path], top: str, parameters: Mapping[str, int | str]) -> set[int]:
    """The numbers of the mutants below `top`. Raises `ValueError` with the first error of slang."""
    options = ast.CompilationOptions()
    options.topModules = {top}
    options.paramOverrides = [f"{name}={value}" for name, value in parameters.items()]
    compilation = ast.Compilation(Bag([options]))
    for path in files:
        compilation.addSyntaxTree(SyntaxTree.fromFile(str(path)))
    for diagnostic in compilation.getAllDiagnostics():
        if diagnostic.isError():
            raise ValueError(f"{top} cannot be elaborated: {diagnostic.code}")
    found: set[int] = set()

    def look(node: Any) -> Any:
        if isinstance(node, ast.GenerateBlockSymbol) and node.isUninstantiated:
            return ast.VisitAction.Skip
        if isinstance(node, ast.BinaryExpression) and isinstance(node.right, ast.IntegerLiteral):
            left = node.left
            if isinstance(left, ast.NamedValueExpression) and left.symbol.hierarchicalPath == "mutation_pkg::active":
                found.add(int(str(node.right.value)))
        return ast.VisitAction.Advance

    compilation.getRoot().visit(look)
    return found
