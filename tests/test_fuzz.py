"""Spoilt inputs of every kind, the same in every run; ``make fuzz`` tries others, for as long as one likes.

No case may end as a fault of our own, take more than 20 CPU-seconds or 1.5 GB, write outside its folder or reach for
the network. What longer runs have found stands in ``test_damage.py`` in its smallest form.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = {
    8: ("project", "osm", "names"),
    3: ("csv", "xlsx", "geojson", "vector", "region", "pbf", "graph", "template", "run_folder"),
}
"""Kinds by the number of cases of each: some 60 CPU-seconds together."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a child of its own: wants fork")
@pytest.mark.parametrize("inputs", sorted(KINDS))
def test_spoilt_inputs_are_named(inputs):
    """Settings, tables, vectors, road files, templates, run folders and hostile names."""
    program = Path(__file__).parent / "fuzz" / "fuzz.py"
    command = [
        sys.executable,
        str(program),
        "--seed",
        "9",
        "--inputs",
        str(inputs),
        "--kinds",
        *KINDS[inputs],
    ]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
