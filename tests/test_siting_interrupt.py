"""Ctrl-C (a real SIGINT to a real process) in the middle of a solve gives the best so far with its bound.

When the signal comes is counted in events of the solve, never in seconds: a busy machine changes nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import HANGS_S
from coverage_case import coverage_file
from plugspan.cli.common import ProgressBar
from plugspan.render.verify import verify_run
from plugspan.siting.maxcover import LogLine

if sys.platform == "win32":  # pragma: no cover
    pytest.skip("SIGINT to a child process is POSIX", allow_module_level=True)

SOLVE = """
import json, os, signal, sys, threading
import numpy as np
from scipy import sparse
from plugspan.siting.maxcover import make_problem, verify

from plugspan.siting.maxcover.highs import Solver

s = sys.modules["plugspan.siting.maxcover.solve"]
stage, method, n, m, radius, p = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
sent, stopped = [], []

def interrupt():
    sent.append(stage)
    os.kill(os.getpid(), signal.SIGINT)

def count_down(name, place, turn, calls):
    # the function asks for the seconds that are left: the signal comes when its turn-th run asks for the calls-th time
    real, runs = getattr(s, name), []

    def counting(*args, **kwargs):
        left, args, asked = args[place], list(args), []
        runs.append(name)

        def stop():
            asked.append(name)
            if (len(runs), len(asked)) == (turn, calls):
                interrupt()
            return left()

        args[place] = stop
        return real(*args, **kwargs)

    setattr(s, name, counting)

def inside_highs(event):
    # HiGHS, in its own thread, reports that it is at work; the signal comes then, and HiGHS waits until it is heard
    real = Solver.run

    def counting(solver, *args, **kwargs):
        highs = solver.highs
        heard, cancel = threading.Event(), highs.cancelSolve

        def at_work(_):
            if not sent:
                interrupt()
                heard.wait()

        def cancelled():
            stopped.append(stage)
            cancel()
            heard.set()

        highs.cancelSolve = cancelled
        getattr(highs, event).subscribe(at_work)
        return real(solver, *args, **kwargs)

    Solver.run = counting

if stage == "search":
    count_down(stage, 5, 1, 30)
elif stage == "primal_dual":
    s._SMALL_PROGRAM = 0
    count_down(stage, 3, 2, 2)
else:
    inside_highs({"linear_program": "cbIpmInterrupt", "integer": "cbMipInterrupt"}[stage])
rng = np.random.default_rng(3)
site, demand = rng.random((int(n), 2)), rng.random((int(m), 2))
reach = sparse.csr_array(((site[:, None] - demand) ** 2).sum(axis=2) < radius**2)
problem = make_problem(reach, rng.integers(1, 1000, int(m)), n_sites=int(p))
result = s.solve(problem, method=method, time_limit_s=1e6)
print(json.dumps({"sent": sent, "status": result.status, "objective": result.objective, "bound": result.bound,
                  "sites": len(result.chosen), "last": result.log[-1].stage,
                  "faults": [f.render() for f in verify(problem, result)]}))
"""

END = SOLVE.replace("signal.SIGINT", "signal.SIGTERM").replace(
    "result = s.solve",
    """
from plugspan import cli
signal.signal(signal.SIGTERM, cli._end)
try:
    s.solve(problem, method=method, time_limit_s=1e6)
except cli._Ended:
    print(stopped)
    sys.exit(143)
result = s.solve""",
)

RUN = """
import os, signal, sys
import plugspan.siting.planning.propose as propose
from plugspan.cli import main

real = propose.solve
propose.solve = lambda problem, **kwargs: real(
    problem, **kwargs | {"progress": lambda line: os.kill(os.getpid(), signal.SIGINT)}
)
main(["run", sys.argv[1], "--out", sys.argv[2], "--lang", "en"])
"""


def run(code, *args):
    """Output, stderr and exit code of a Python process that interrupts itself."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True, text=True, check=False, timeout=HANGS_S, env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )  # fmt: skip
    return done.stdout, done.stderr, done.returncode


@pytest.mark.parametrize(
    ("stage", "method", "size"),
    [
        ("search", "improve", (300, 1500, 0.1, 25)),
        ("linear_program", "exact", (300, 1500, 0.1, 20)),
        ("primal_dual", "exact", (300, 1500, 0.1, 20)),
        ("integer", "exact", (300, 1500, 0.1, 20)),
    ],
)
def test_ctrl_c_in_the_middle_of_a_stage(stage, method, size):
    """In the search, in the linear program (both ways), in branch and cut: a plan that holds, and its bound."""
    out, err, code = run(SOLVE, stage, method, *size)
    assert code == 0, err
    assert "Traceback" not in err
    found = json.loads(out.splitlines()[-1])
    assert found["sent"] == [stage]
    assert found["status"] == "interrupted"
    assert found["sites"] == size[-1]
    assert 0 < found["objective"] <= found["bound"]
    assert found["bound"] <= 1.3 * found["objective"]
    assert found["faults"] == []


@pytest.mark.parametrize("stage", ["search", "integer"])
def test_what_is_wanted_at_once_needs_no_exception(stage):
    """The application asks for the best plan so far: this solve stops as by Ctrl-C, and so does the next at once."""
    code = SOLVE.replace("os.kill(os.getpid(), signal.SIGINT)", "HASTE.set()") + (
        "\nagain = s.solve(problem, method=method, time_limit_s=1e6)"
        "\nprint(json.dumps([again.status, len(again.chosen), [f.render() for f in verify(problem, again)]]))"
    )
    code = code.replace("highs import Solver", "highs import HASTE, Solver")
    n = 25 if stage == "search" else 20
    out, err, ended = run(code, stage, "improve" if stage == "search" else "exact", 300, 1500, 0.1, n)
    assert ended == 0, err
    first, again = map(json.loads, out.splitlines()[-2:])
    assert first["sent"] == [stage]
    assert (first["status"], first["sites"], first["faults"]) == ("interrupted", n, [])
    assert 0 < first["objective"] <= first["bound"]
    assert again == ["interrupted", n, []]


def test_ctrl_c_in_plugspan_run_keeps_the_best_plan(root, tmp_path):
    """The run goes on with the best plan so far, says so, and writes a folder whose claims hold."""
    out, err, code = run(RUN, coverage_file(root, tmp_path / "in"), tmp_path / "run")
    assert code == 0, err
    assert "Traceback" not in out + err
    assert "interrupted" in err
    siting = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))["siting"][0]
    assert siting["status"] == "interrupted"
    assert len(siting["chosen"]) == 8
    assert siting["objective"] <= siting["bound"]
    assert siting["frontier"] == []
    assert verify_run(tmp_path / "run")[1] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_long_solve_shows_best_bound_and_gap(lang):
    """What stands on stderr while a solve goes on: 90 covered, at most 100, so a gap of 11.11 %."""
    shown = []
    teller = ProgressBar(lang, lambda words, share: shown.append((words, share)))
    teller("siting", 0.6)
    teller.solving(LogLine(12.3, "search", 90.0, 100.0))
    teller.solving(LogLine(12.3, "greedy", 0.0, 100.0))
    assert shown[0][1] == 0.6
    assert all(part in shown[1][0] for part in ("90", "100", "11.11%", "12", "Ctrl-C"))
    assert "–" in shown[2][0]


@pytest.mark.parametrize("stage", ["linear_program", "integer"])
def test_sigterm_in_the_middle_of_highs_ends_the_process_in_order(stage):
    """HiGHS is stopped first: cut off at work it would abort the process."""
    out, err, code = run(END, stage, "exact", 300, 1500, 0.1, 20)
    assert code == 143, err
    assert "Fatal" not in err
    assert out == f"['{stage}']\n"
