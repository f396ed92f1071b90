"""Make the virtual environment from requirements.lock: ``python setup_venv.py [.venv]``.

Works the same on Linux, macOS and Windows, needs nothing but Python 3.11 or later, and can be run again.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NO_VENV = """The environment could not be made: {why}
On Debian and Ubuntu install it with: sudo apt install python3-venv
无法建立虚拟环境。Debian、Ubuntu 请先运行：sudo apt install python3-venv"""
NO_PACKAGES = """The packages could not be installed (see above). Is there a connection to the internet?
Behind a proxy set HTTPS_PROXY; for a mirror of the package index set PIP_INDEX_URL. Then run the same again.
依赖包没有装上（见上）。请检查网络；有代理请设置 HTTPS_PROXY，用镜像请设置 PIP_INDEX_URL，然后重新运行。"""


def main(folder: str = ".venv") -> None:
    """Create the environment, install the locked packages and plugspan itself, and mark it ready."""
    if sys.version_info < (3, 11):
        sys.exit(f"plugspan needs Python 3.11 or later; this is {sys.version.split()[0]}")
    where = ROOT / folder
    python = where / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not has_pip(python):
        print(f"making {folder} …", flush=True)
        make(where)
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    print("installing the locked packages (one to three minutes the first time) …", flush=True)
    install([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")])
    install([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    (where / ".ready").touch()


def has_pip(python: Path) -> bool:
    """Whether there is a whole environment; one whose making was interrupted has no pip."""
    try:
        found = subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return found.returncode == 0


def make(where: Path) -> None:
    """Make an environment; what an interrupted try left is cleared."""
    try:
        venv.create(where, with_pip=True, clear=(where / "pyvenv.cfg").exists())
    except (subprocess.CalledProcessError, OSError, ImportError) as error:
        sys.exit(NO_VENV.format(why=error))


def install(command: list[str]) -> None:
    """Run pip, or end with what to do."""
    if subprocess.run(command, check=False).returncode:
        sys.exit(NO_PACKAGES)


if __name__ == "__main__":
    main(*sys.argv[1:2])
