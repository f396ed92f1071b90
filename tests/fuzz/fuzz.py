"""Spoilt inputs, each in a process of its own, with what must never happen: a fault of our own, a hang, a flood.

``python tests/fuzz/fuzz.py --seed 7 --inputs 1000`` runs so many cases of each kind, ``--time 600`` as many as fit into
so many seconds. Each finding is told with the kind and number that repeat it: ``--kinds pbf --only 123 --keep DIR``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cases  # noqa: E402
import outputs  # noqa: E402
import small_world  # noqa: E402

CPU_S, MEMORY_MB = 20.0, 1500.0
"""More of either is a finding."""
CODES = (0, 1, 2, 3, 4)
"""What a command may end with; 2 is only right where something is there already or an option is wrong."""
VAGUE = ("memory", "os-error", "own-fault")
"""Messages that don't say which input is wrong (``cli.…`` in the catalogue)."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended: exit codes of its commands, what they printed, and what is wrong with that, if anything."""

    kind: str
    number: int
    cpu_s: float
    memory_mb: float
    printed: str
    codes: str
    finding: str

    def __str__(self) -> str:
        used = f"exit {self.codes or '–'}, {self.cpu_s:.1f} s, {self.memory_mb:.0f} MB"
        return f"{self.kind} {self.number}: {self.finding} ({used})\n{self.printed[-3000:]}"


def prepare(folder: Path) -> Path:
    """Write the unspoilt world with all its files, and two run folders of it.

    That is done in a child: this process must not have threads when it forks.
    """
    base = folder / "base"
    child = os.fork()
    if not child:
        with _quiet(folder / "base.log"):
            small_world.build(base)
            small_world.write_graphs(base)
            small_world.run(base)
            shutil.copytree(base / "run", base / "again")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError((folder / "base.log").read_text("utf-8"))
    return base


class _quiet:  # noqa: N801
    """Send all output, also that of libraries in C, to a file; end the process at an exception."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __enter__(self) -> None:
        import warnings

        warnings.simplefilter("ignore")
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(99)


def run_case(kind: str, number: int, seed: int, base: Path, folder: Path) -> Outcome:
    """Make a case in ``folder`` and run its commands, in a child with limits."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    child = os.fork()
    if not child:
        _limit()
        with _quiet(folder / "printed"):
            _child(kind, number, seed, base, folder)
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    printed = (folder / "printed").read_text("utf-8", "replace")
    codes = (folder / "codes").read_text("utf-8") if (folder / "codes").exists() else ""
    cpu_s, memory_mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    finding = ""
    if os.WIFSIGNALED(status):
        finding = f"killed by signal {os.WTERMSIG(status)}"
    elif status:
        finding = "not run to its end"
    elif (folder / "finding").exists():
        finding = (folder / "finding").read_text("utf-8")
    elif cpu_s > CPU_S:
        finding = "takes too long"
    elif memory_mb > MEMORY_MB:
        finding = "takes too much memory"
    elif strange := _strangers(folder):
        finding = f"wrote {strange}"
    return Outcome(kind, number, cpu_s, memory_mb, printed, codes, finding)


def _limit() -> None:
    """Stop a case that would take the machine with it."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (int(2 * CPU_S), int(2 * CPU_S) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _strangers(folder: Path) -> list[str]:
    """What lies in the case's folder but was neither put there nor asked for."""
    mine = {"in", cases.OUT, "printed", "codes", "finding", "tmp"}
    return sorted(p.name for p in folder.iterdir() if p.name not in mine) + sorted(
        p.name for p in (folder / "tmp").iterdir()
    )


def _child(kind: str, number: int, seed: int, base: Path, folder: Path) -> None:
    """Spoil and run; what must not happen is written to a file of its own."""
    from plugspan import cli

    rng = random.Random(f"{seed} {kind} {number}")
    shutil.copytree(base, folder / "in")
    (folder / "tmp").mkdir()
    commands = cases.KINDS[kind](rng, folder / "in")
    os.chdir(folder)
    tempfile.tempdir = str(folder / "tmp")
    (folder / cases.OUT).mkdir()
    before = {p: p.stat().st_mtime_ns for p in (folder / "in").rglob("*")}
    found: list[str] = []

    def own_fault(error: Exception) -> int:
        traceback.print_exception(error)
        found.append(f"fault of our own: {type(error).__name__}")
        return 70

    def listen(event: str, args: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo") or event.startswith(
            ("subprocess", "os.exec", "os.system")
        ):
            found.append(f"{event} {args[1:]}")

    cli._own_fault = own_fault
    sys.addaudithook(listen)
    for command in commands:
        sys.argv = ["plugspan", *command]
        code = cli._run(command)
        with (folder / "codes").open("a") as codes:
            codes.write(f"{code} ")
        if code not in CODES:
            found.append(f"exit {code}")
    if (folder / cases.OUT / "run").exists():
        found += list(dict.fromkeys(outputs.strange(folder / cases.OUT / "run")))[:5]
    sys.stderr.flush()
    printed = (folder / "printed").read_text("utf-8", "replace")
    found += [f"vague message: cli.{key}" for key in VAGUE if _says(printed, key)]
    after = {p: p.stat().st_mtime_ns for p in (folder / "in").rglob("*")}
    found += [f"changed {p.name}" for p in before.keys() | after.keys() if before.get(p) != after.get(p)]
    if found:
        (folder / "finding").write_text("; ".join(dict.fromkeys(found)), "utf-8", "replace")


def _says(printed: str, key: str) -> bool:
    from plugspan.texts import text

    shown = (text(f"cli.{key}", lang, path="\0", reason="\0", what="\0", log="\0") for lang in ("zh", "en"))
    return any(max(words.split("\0"), key=len).strip(" :：，,.。") in printed for words in shown)


def main() -> int:
    """Run cases; the exit code is 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--inputs", type=int, help="cases of each kind")
    parser.add_argument("--time", type=float, help="seconds, instead of a number of cases")
    parser.add_argument("--kinds", nargs="+", default=list(cases.KINDS), choices=list(cases.KINDS))
    parser.add_argument("--only", type=int, help="number of the one case to run")
    parser.add_argument("--keep", type=Path, help="folder that keeps the cases with findings")
    options = parser.parse_args()
    if options.inputs is None and options.time is None:
        options.inputs = 100
    for name in ("pipeline", "render.run", "render.verify", "render.read_run", "render.files", "cli.run"):
        __import__(f"plugspan.{name}")
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        base = prepare(Path(folder))
        return 1 if run_all(options, base, Path(folder) / "case") else 0


def run_all(options: argparse.Namespace, base: Path, folder: Path) -> int:
    """Run the cases asked for, kind by kind in turn; returns how many had a finding."""
    ends = time.monotonic() + options.time if options.time else float("inf")
    numbers = [options.only] if options.only is not None else range(options.inputs or 10**9)
    done, findings, worst = 0, 0, {"cpu_s": 0.0, "memory_mb": 0.0}
    exits: dict[str, int] = {}
    for number in numbers:
        for kind in options.kinds:
            if time.monotonic() > ends:
                break
            outcome = run_case(kind, number, options.seed, base, folder)
            done += 1
            if done % 100 == 0:
                print(f"{done} cases", file=sys.stderr, flush=True)
            for code in outcome.codes.split():
                exits[code] = exits.get(code, 0) + 1
            worst = {key: max(most, getattr(outcome, key)) for key, most in worst.items()}
            if options.only is not None or outcome.finding:
                print(outcome, flush=True)
            if outcome.finding:
                findings += 1
                if options.keep:
                    shutil.copytree(
                        folder, options.keep / f"{options.seed}-{kind}-{number}", dirs_exist_ok=True
                    )
        if time.monotonic() > ends:
            break
    if options.only is not None and options.keep:
        shutil.copytree(folder, options.keep / "only", dirs_exist_ok=True)
    print(
        f"{done} cases, {findings} findings, exits {dict(sorted(exits.items()))}, worst {worst}", flush=True
    )
    return findings


if __name__ == "__main__":
    sys.exit(main())
