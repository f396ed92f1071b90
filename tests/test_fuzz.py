"""Spoilt inputs, the same in every run; ``make fuzz`` tries all kinds and others, for as long as one likes.

No case may end as a fault of our own, take more than 20 CPU-seconds or 1.5 GB, write outside its folder or reach for
the network. What longer runs have found stands in ``test_damage.py`` in its smallest form.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = ("project", "osm", "names")
INPUTS = 20
"""Cases of each kind: some 30 CPU-seconds together."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a child of its own: wants fork")
def test_spoilt_inputs_are_named():
    """Settings, road files and hostile names, twenty cases of each."""
    program = Path(__file__).parent / "fuzz" / "fuzz.py"
    command = [sys.executable, str(program), "--seed", "9", "--inputs", str(INPUTS), "--kinds", *KINDS]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
