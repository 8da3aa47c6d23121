# SPDX-License-Identifier: Apache-2.0
"""Lines of the RTL that simulations went through, from the files that Verilator's coverage leaves, merged."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

#: Of a point: fields as \x01key\x02value, and how often it was passed.
_POINT = re.compile(r"C '(.*)' (\d+)")
#: For each file and line, how often the points on it were passed, the most frequent one.
Lines = Mapping[str, Mapping[int, int]]


def points(text: str) -> Iterator[tuple[str, list[int], int]]:
    """(file, lines, count) of each point in a coverage.dat. Raises ValueError for what is none."""
    if not text.startswith("# SystemC::Coverage"):
        raise ValueError("not a coverage file of Verilator's")
    for fields, count in _POINT.findall(text):
        values = dict(part.split("\x02", 1) for part in fields.split("\x01")[1:])
        lines: list[int] = []
        for span in (values.get("S") or values["l"]).split(","):
            first, _, last = span.partition("-")
            lines += range(int(first), int(last or first) + 1)
        yield values["f"], lines, int(count)


def merged(paths: Iterable[Path], folder: Path) -> Lines:
    """The counts of all files in `folder`, over all simulations. A copy of a file counts as the file itself."""
    found: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for path in paths:
        here: defaultdict[tuple[str, int], int] = defaultdict(int)
        for file, lines, count in points(path.read_text(errors="replace")):
            if Path(file).parent.name != folder.name or not (folder / Path(file).name).exists():
                continue
            for line in lines:
                here[Path(file).name, line] = max(here[Path(file).name, line], count)
        for (file, line), count in here.items():
            found[file][line] += count
    return {file: dict(sorted(lines.items())) for file, lines in sorted(found.items())}


def lcov(lines: Lines, folder: str) -> str:
    """As lcov writes it."""
    text = []
    for file, counts in lines.items():
        text += ["TN:", f"SF:{folder}/{file}", *(f"DA:{line},{count}" for line, count in counts.items())]
        text += [f"LF:{len(counts)}", f"LH:{sum(map(bool, counts.values()))}", "end_of_record"]
    return "\n".join(text) + "\n"
