"""The installed program as a subprocess: its progress while it works, its output when it is done.

Imports nothing of QGIS.
"""

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path

NAMES = ("plugspan", "plugspan.exe", "plugspan.cmd")
WRONG_USE = 2
"""Exit code of a program that doesn't know an option: it is older than the plugin."""
WAIT_S = 10
"""So long a cancelled program may take to leave the old results as they were."""


class Failed(Exception):
    """The program ended with a code that means failure; the text is what it said."""

    def __init__(self, code, said):
        super().__init__(said)
        self.code = code
        self.too_old = code == WRONG_USE and "--progress" in said


def find_program(asked=""):
    """Return where the program is: the path asked for, ``PLUGSPAN``, the search path, or pip's folder; else None."""
    for name in (asked, os.environ.get("PLUGSPAN", "")):
        if name:
            return shutil.which(name)
    beside = [Path.home() / ".local/bin", Path.home() / "plugspan", Path.home() / "plugspan/Scripts"]
    found = (shutil.which(name, path=path) for path in (None, *map(str, beside)) for name in NAMES)
    return next(filter(None, found), None)


def clean_environment():
    """QGIS on Windows and macOS points Python at its own folders: another Python must not see that."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")} | {
        "PYTHONUTF8": "1"
    }


def run(command, *, on_line, cancelled, fine=(0,)):
    """Run a command; hand each line on stderr to ``on_line`` as it comes.

    Parameters
    ----------
    command : list of str
    on_line : function
        Takes a line: a dict where it is JSON (progress), else the text.
    cancelled : function
        Asked five times a second whether to stop the program.
    fine : tuple of int
        Exit codes that are no failure.

    Returns
    -------
    (int, str)
        Exit code and standard output; the code is None if it was cancelled.

    Raises
    ------
    Failed
        With what the program said, if it ended with another code.
    """
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace", env=clean_environment(), creationflags=hidden,
    )  # fmt: skip
    lines, output, said = queue.Queue(), [], []
    readers = [
        threading.Thread(target=_keep, args=(process.stdout, output), daemon=True),
        threading.Thread(target=_pass_on, args=(process.stderr, lines), daemon=True),
    ]
    for reader in readers:
        reader.start()
    while True:
        if cancelled():
            _stop(process)
            return None, ""
        try:
            line = lines.get(timeout=0.2)
        except queue.Empty:
            continue
        if line is None:
            break
        told = _parsed(line.rstrip("\n"))
        said += [told] if isinstance(told, str) and told else []
        on_line(told)
    code = process.wait()
    readers[0].join()
    if code not in fine:
        raise Failed(code, "\n".join(said[-20:]) or f"exit code {code}")
    return code, "".join(output)


def _keep(stream, output):
    with stream:
        output.append(stream.read())


def _pass_on(stream, lines):
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _parsed(line):
    try:
        told = json.loads(line)
    except ValueError:
        return line
    return told if isinstance(told, dict) else line


def _stop(process):
    process.terminate()
    try:
        process.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
