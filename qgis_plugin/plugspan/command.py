"""The installed program as a subprocess: its progress while it works, its output when it is done.

Imports nothing of QGIS.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

WINDOWS = os.name == "nt"
NAMES = ("plugspan.exe", "plugspan.cmd") if WINDOWS else ("plugspan",)
"""The program itself before the file that starts it: a window of its own less, and one process to end."""
LEAST = (0, 2)
"""The oldest version of the program that these tools understand."""
WAIT_S = 10
"""So long a cancelled program may take to leave the old results as they were."""


class Failed(Exception):
    """The program ended with a code that means failure; the text is what it said."""

    def __init__(self, code, said):
        super().__init__(said)
        self.code = code


class Done(NamedTuple):
    """How a program ended: its code (None if it was cancelled), its standard output, what it said to people."""

    code: int
    printed: str
    said: str


# -- where it is ---------------------------------------------------------------------------------------------------


def find_program(asked=""):
    """Return where the program is: the path asked for, ``PLUGSPAN``, the search path, or where pip puts it; else None.

    A path may stand in quotation marks, as Windows copies it, and may be the folder of the program.
    """
    for name in (asked, os.environ.get("PLUGSPAN", "")):
        if name := as_path(name):
            return _inside(name) if os.path.isdir(name) else shutil.which(name)  # noqa: PTH112
    found = (shutil.which(name, path=path) for name in NAMES for path in (None, *map(str, _usual_folders())))
    return next(filter(None, found), None)


def as_path(given):
    """The path that somebody typed or pasted, without quotation marks and blanks around it."""
    return os.path.expanduser(given.strip().strip("\"'").strip())  # noqa: PTH111


def _inside(folder):
    folders = [folder, *(os.path.join(folder, part) for part in ("bin", "Scripts"))]  # noqa: PTH118
    return next(filter(None, (shutil.which(name, path=path) for name in NAMES for path in folders)), None)


def _usual_folders():
    """Where pip puts it, and the start file for Windows, newest version first."""
    yield Path.home() / ".local/bin"
    local = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    made = [*local.glob("plugspan/*/Scripts"), *Path.home().glob(".plugspan/*/Scripts")]
    yield from sorted(made, key=lambda path: _numbers(path.parent.name), reverse=True)


def _numbers(version):
    return [int(n) for n in re.findall(r"\d+", version)]


def version_of(program, cancelled=lambda: False):
    """Return the version of the program, as numbers; None if it names none. ``Failed`` if it can't be asked."""
    done = run([program, "--version"], on_line=lambda _line: None, cancelled=cancelled, lang="en")
    found = re.search(r", version (\d+(?:\.\d+)+)\S*\s*$", done.printed)
    return found and tuple(_numbers(found[1]))


# -- how it is called ----------------------------------------------------------------------------------------------


def clean_environment(lang=""):
    """QGIS on Windows and macOS points Python at its own folders: another Python must not see that.

    ``lang`` is the language of messages while the project's own is not known.
    """
    ours = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")
    return (
        {k: v for k, v in os.environ.items() if k not in ours}
        | {"PYTHONUTF8": "1"}
        | ({"PLUGSPAN_LANG": lang} if lang else {})
    )


def run(command, *, on_line, cancelled, fine=(0,), lang=""):
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
    lang : str
        Language of messages while the project's own is not known.

    Returns
    -------
    Done

    Raises
    ------
    Failed
        With what the program said, if it ended with another code.
    """
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace", env=clean_environment(lang), creationflags=hidden,
        start_new_session=True,
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
            _stop(process, readers)
            return Done(None, "", "")
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
    words = "\n".join(said[-20:])
    if code not in fine:
        raise Failed(code, words or f"exit code {code}")
    return Done(code, "".join(output), words)


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


def _stop(process, readers):
    """End the program and all that it has started: it may be a script that calls the program.

    The end of the last of them is known by its output: the script itself may be gone before.
    """
    last = time.monotonic() + WAIT_S
    _end(process, getattr(signal, "SIGTERM", None))
    for reader in readers:
        reader.join(max(0, last - time.monotonic()))
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0, last - time.monotonic()))
    _end(process, getattr(signal, "SIGKILL", None))
    process.wait()


def _end(process, number):
    """Send a signal to a program's whole group; Windows has neither and ends the tree of processes at once."""
    if WINDOWS:
        if process.poll() is None:
            words = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
            subprocess.run(words, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
            process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # macOS says the second of a group that has ended
        os.killpg(process.pid, number)
