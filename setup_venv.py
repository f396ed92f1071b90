"""Make the virtual environment from requirements.lock: ``python setup_venv.py [.venv]``.

Works the same on Linux, macOS and Windows, needs nothing but Python 3.11 or later, and can be run again.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main(folder: str = ".venv") -> None:
    """Create the environment, install the locked packages and plugspan itself, and mark it ready."""
    if sys.version_info < (3, 11):
        sys.exit(f"plugspan needs Python 3.11 or later; this is {sys.version.split()[0]}")
    where = ROOT / folder
    python = where / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        print(f"making {folder} …", flush=True)
        venv.create(where, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    print("installing the locked packages (one to three minutes the first time) …", flush=True)
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
    (where / ".ready").touch()


if __name__ == "__main__":
    main(*sys.argv[1:2])
