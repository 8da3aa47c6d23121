# SPDX-License-Identifier: Apache-2.0
"""slang as a linter: any diagnostic that is not disabled on the command line is a failure.

usage: python -m tests.slang OPTION... FILE...
"""

from __future__ import annotations

import shlex
import sys

from pyslang import driver


def main(arguments: list[str]) -> int:
    slang = driver.Driver()
    slang.addStandardArgs()
    if not (slang.parseCommandLine(shlex.join(["slang", *arguments])) and slang.processOptions()):
        return 2
    parsed = slang.parseAllSources()
    slang.reportCompilation(slang.createCompilation(), True)
    return 0 if slang.reportDiagnostics(False) and parsed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
