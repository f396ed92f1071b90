"""Make what goes with the wheel: ``python release/release.py [FOLDER]``.

Release notes from the changelog, the conda recipe, the start file for Windows. Name, version, licence and needs
stand in ``pyproject.toml`` and nowhere else. Nothing is published.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"osmium": "pyosmium", "matplotlib": "matplotlib-base"}
"""Packages that conda-forge calls otherwise."""
URLS = ("Homepage", "Repository", "Issues")
"""Addresses that a package index and QGIS's plugin repository show or ask for."""
SUMS = "SHA256SUMS"


def about() -> dict[str, Any]:
    """Return what ``pyproject.toml`` says of the project."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def release_notes(changelog: str, version: str) -> str:
    """Return the section of a version; that of what is unreleased if it has none of its own.

    Raises
    ------
    ValueError
        If the changelog has neither.
    """
    sections = re.split(r"(?m)^## ", changelog)[1:]
    heads = {section.split()[0]: section for section in sections}
    unreleased = next((s for s in sections if "unreleased" in s.partition("\n")[0]), None)
    found = heads.get(version) or unreleased
    if found is None:
        raise ValueError(f"CHANGELOG.md has no section on {version}")
    return found.partition("\n")[2].strip() + "\n"


def conda_recipe(project: dict[str, Any], sdist: str, sha256: str) -> str:
    """Return ``recipe.yaml`` (schema 1) for rattler-build, of the sdist beside it.

    For conda-forge ``path`` becomes the sdist's address and ``extra: recipe-maintainers`` names who looks after it: the
    project has neither.
    """
    run = [f"python {project['requires-python']}", *map(_conda_name, project["dependencies"])]
    return "\n".join(
        [
            "schema_version: 1", "",
            "package:", f"  name: {project['name']}", f"  version: \"{project['version']}\"", "",
            "source:", f"  path: {sdist}", f"  sha256: {sha256}", "",
            "build:", "  number: 0", "  noarch: python",
            "  script: ${{ PYTHON }} -m pip install . --no-deps --no-build-isolation -vv",
            "  python:", "    entry_points:",
            *(f"      - {name} = {call}" for name, call in project["scripts"].items()), "",
            "requirements:", "  host:", f"    - python {project['requires-python']}", "    - pip",
            "    - setuptools >=77",
            "  run:", *(f"    - {each}" for each in run), "",
            "tests:", "  - python:", "      imports:", f"        - {project['name']}", "      pip_check: true",
            "  - script:", f"      - {project['name']} --version", "",
            "about:", f"  summary: \"{project['description']}\"", f"  license: {project['license']}",
            "  license_file:", *(f"    - {each}" for each in project["license-files"]),
            *(f"  {key}: {address}" for key, address in _addresses(project).items()), "",
        ]
    )  # fmt: skip


def _addresses(project: dict[str, Any]) -> dict[str, str]:
    """The project's addresses as conda names them, as far as there are any."""
    urls = project.get("urls", {})
    return {key.lower(): urls[key] for key in ("Homepage", "Repository") if key in urls}


def to_fill_in(project: dict[str, Any], changelog: str) -> list[str]:
    """Return what must be written before a release is published: nothing is made up in its place."""
    wanted = [f"pyproject.toml [project.urls]: {key}" for key in URLS if key not in project.get("urls", {})]
    if not all("email" in author for author in project["authors"]):
        wanted.append("pyproject.toml authors: email")
    if re.search(rf"(?m)^## {re.escape(project['version'])}\b.*unreleased", changelog):
        wanted.append(f"CHANGELOG.md: the date of {project['version']}")
    return wanted


def _conda_name(requirement: str) -> str:
    """``pillow>=9.4`` as conda writes it: ``pillow >=9.4``."""
    name, limit = re.match(r"([A-Za-z0-9_.-]+)\s*(.*)", requirement).groups()
    return f"{CONDA_NAMES.get(name, name)} {limit}".strip()


def start_file(project: dict[str, Any]) -> str:
    """Return ``plugspan.cmd``: lines as Windows wants, and ASCII alone.

    cmd.exe reads a file byte by byte in the machine's code page and may lose its place, and so a label, behind other
    characters; PowerShell says what is Chinese.
    """
    words = (Path(__file__).parent / "start.cmd").read_text("utf-8")
    low = project["requires-python"].removeprefix(">=")
    filled = (
        words.replace("{name}", project["name"])
        .replace("{version}", project["version"])
        .replace("{python}", low)
    )
    return "\r\n".join(map(_ascii_line, filled.splitlines())) + "\r\n"


def _ascii_line(line: str) -> str:
    """A line of the start file; what ``echo`` says in Chinese is handed to PowerShell in escapes."""
    if line.isascii():
        return line
    words = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in line.removeprefix("echo "))
    return f"powershell -NoProfile -Command \"[regex]::Unescape('{words}')\" 2>nul"


def release(folder: Path) -> list[Path]:
    """Write notes, recipe, start file and the sums of all files into a folder that holds the sdist already.

    Raises
    ------
    FileNotFoundError
        If there is no sdist.
    """
    project = about()
    name, version = project["name"], project["version"]
    sdist = folder / f"{name}-{version}.tar.gz"
    sha256 = hashlib.sha256(sdist.read_bytes()).hexdigest()
    (folder / "conda").mkdir(exist_ok=True)
    written = {
        folder / f"{name}-{version}.md": release_notes((ROOT / "CHANGELOG.md").read_text("utf-8"), version),
        folder / "conda" / "recipe.yaml": conda_recipe(project, f"../{sdist.name}", sha256),
        folder / f"{name}.cmd": start_file(project),
    }
    for path, content in written.items():
        path.write_bytes(content.encode("utf-8"))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    sums = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n" for p in files
    ]
    (folder / SUMS).write_text("".join(sums), "utf-8")
    return [*written, folder / SUMS]


if __name__ == "__main__":
    for made in release(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "dist"):
        print(made)
    if lacking := to_fill_in(about(), (ROOT / "CHANGELOG.md").read_text("utf-8")):
        print("Nothing is published. Before it is, fill in:", *lacking, sep="\n  ")
