# SPDX-License-Identifier: Apache-2.0
"""`make plot`: draws share of the bus against request size into docs/speed.png and .svg, from the figures in
bench.json.

Exit status: 0 drawn, 1 there is nothing to draw.
"""

from __future__ import annotations

import json
import sys

import matplotlib

from tests.sim.configs import ROOT
from tests.sim.results import closing_line
from tests.sim.runner import BUILD_ROOT

from . import rtl

matplotlib.use("Agg")
# The same figures give the same file.
matplotlib.rcParams["svg.hashsalt"] = "virtio"


def main() -> int:
    from matplotlib import pyplot

    path = BUILD_ROOT / "bench.json"
    try:
        figures = json.loads(path.read_text())
        shares = {
            latency: [figures[rtl.share_by_size(latency, size)] for size in rtl.SIZES] for latency in rtl.LATENCIES
        }
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {path}: no figures of the RTL ({error}); run make bench BENCH=rtl\n{closing_line(0, 1)}")
        return 1
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for latency, values in shares.items():
        axes.plot(rtl.SIZES, values, marker="o", label=f"latency {latency}")
    axes.set_xscale("log", base=2)
    axes.set_xticks(rtl.SIZES, [f"{size // 1024} KiB" if size >= 1024 else f"{size} B" for size in rtl.SIZES])
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("block read, 16 outstanding")
    axes.set_ylabel("share of the bus, 64 bit")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        figure.savefig(ROOT / "docs" / f"speed.{kind}", metadata=metadata)
    print(closing_line(1, 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
