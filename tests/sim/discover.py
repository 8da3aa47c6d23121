# SPDX-License-Identifier: Apache-2.0
"""Prints the cocotb tests of modules as JSON {module: {"tests": [...], "error": ""}}, without a simulator.

usage: python -m tests.sim.discover MODULE...
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings

from cocotb.regression import Test, TestGenerator


def tests_of(module: str) -> list[str]:
    """Names of the tests that cocotb would run, in order."""
    found: list[str] = []
    for item in vars(importlib.import_module(module)).values():
        if isinstance(item, Test):
            found.append(item.name)
        elif isinstance(item, TestGenerator):
            found += [test.name for test in item.generate_tests()]
    return found


def main(modules: list[str]) -> int:
    warnings.simplefilter("ignore")
    report = {}
    for module in modules:
        try:
            report[module] = {"tests": tests_of(module), "error": ""}
        except Exception as error:  # whatever a test module can raise at import
            report[module] = {"tests": [], "error": f"{type(error).__name__}: {error}"}
    json.dump(report, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
