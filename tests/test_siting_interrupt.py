"""Ctrl-C (a real SIGINT to a real process) in the middle of a solve gives the best so far with its bound."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from plugspan.cli.common import Teller
from plugspan.output.verify import verify_run
from plugspan.siting import LogLine

if sys.platform == "win32":  # pragma: no cover
    pytest.skip("SIGINT to a child process is POSIX", allow_module_level=True)

SOLVE = """
import json, sys
import numpy as np
from scipy import sparse
from plugspan.siting import make_problem, verify

s = sys.modules["plugspan.siting.solve"]

stage, method, n, m, radius, p = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
real = getattr(s, stage)

def marked(*args, **kwargs):
    print("IN", flush=True)
    return real(*args, **kwargs)

setattr(s, stage, marked)
rng = np.random.default_rng(3)
site, demand = rng.random((int(n), 2)), rng.random((int(m), 2))
reach = sparse.csr_array(((site[:, None] - demand) ** 2).sum(axis=2) < radius**2)
problem = make_problem(reach, rng.integers(1, 1000, int(m)), n_sites=int(p))
result = s.solve(problem, method=method, time_limit_s=300.0)
print(json.dumps({"status": result.status, "objective": result.objective, "bound": result.bound,
                  "sites": len(result.chosen), "runtime_s": result.runtime_s,
                  "faults": [f.render() for f in verify(problem, result)]}))
"""

RUN = """
import sys, time
import plugspan.siting.planning.propose as propose
from plugspan.cli import main

real = propose.solve

def slow(problem, **kwargs):
    def wait(line):
        print("IN", flush=True)
        time.sleep(60)
    return real(problem, **kwargs | {"progress": wait})

propose.solve = slow
main(["run", sys.argv[1], "--out", sys.argv[2], "--lang", "en"])
"""


def interrupted(code, *args, wait_s=0.4):
    """Run ``code`` until it prints IN, wait a little, send SIGINT; the rest of its output, stderr, exit code."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    try:
        while (line := child.stdout.readline()) and line.strip() != "IN":
            pass
        assert line, child.stderr.read()
        time.sleep(wait_s)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=100)
    finally:
        child.kill()
    return out, err, child.returncode


@pytest.mark.parametrize(
    ("stage", "method", "size"),
    [
        ("search", "improve", (1500, 6000, 0.1, 25)),
        ("linear_program", "exact", (1000, 7000, 0.1, 20)),
        ("primal_dual", "exact", (3000, 20000, 0.05, 100)),
        ("integer", "exact", (900, 6000, 0.1, 25)),
    ],
)
def test_ctrl_c_in_the_middle_of_a_stage(stage, method, size):
    """In the search, in the linear program (both ways), in branch and cut: a plan that holds, and its bound, soon."""
    out, err, code = interrupted(SOLVE, stage, method, *size)
    assert code == 0, err
    assert "Traceback" not in err
    found = json.loads(out.splitlines()[-1])
    assert found["status"] == "interrupted"
    assert found["sites"] == size[-1]
    assert 0 < found["objective"] <= found["bound"]
    assert found["bound"] <= 1.3 * found["objective"]
    assert found["faults"] == []
    assert found["runtime_s"] < 60


def test_ctrl_c_in_plugspan_run_keeps_the_best_plan(root, tmp_path):
    """The run goes on with the best plan so far, says so, and writes a folder whose claims hold."""
    out, err, code = interrupted(RUN, root / "data" / "zhuzhou.toml", tmp_path / "run")
    assert code == 0, err
    assert "Traceback" not in out + err
    assert "interrupted" in err
    siting = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))["siting"][0]
    assert siting["status"] == "interrupted"
    assert len(siting["chosen"]) == 8
    assert siting["objective"] <= siting["bound"]
    assert siting["frontier"] == []
    assert verify_run(tmp_path / "run", "en")[1] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_long_solve_shows_best_bound_and_gap(lang):
    """What stands on stderr while a solve goes on: 90 covered, at most 100, so a gap of 11.11 %."""
    shown = []
    teller = Teller(lang, lambda words, share: shown.append((words, share)))
    teller("siting", 0.6)
    teller.solving(LogLine(12.3, "search", 90.0, 100.0))
    teller.solving(LogLine(12.3, "greedy", 0.0, 100.0))
    assert shown[0][1] == 0.6
    assert all(part in shown[1][0] for part in ("90", "100", "11.11%", "12", "Ctrl-C"))
    assert "–" in shown[2][0]
