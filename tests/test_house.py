"""The rules of the house: who imports whom, what is packaged, and that every text has two languages."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import plugspan
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from plugspan.texts import LANGUAGES, catalogue

PACKAGES = {
    "inputs",
    "network",
    "measure",
    "rules",
    "siting",
    "tables",
    "render",
    "cli",
    "app",
    "country",
    "data",
}
LEAVES = {"errors", "units", "schema", "settings", "texts"}
MAY_IMPORT = {
    "inputs": set(),
    "network": set(),
    "measure": {"inputs", "network"},
    "rules": {"measure", "inputs", "network"},
    "siting": {"rules", "measure", "network", "inputs"},
    "tables": {"siting", "rules", "measure", "inputs", "network", "plan", "project"},
    "render": {"tables", "siting", "rules", "measure", "inputs", "network", "plan", "project"},
    "country": PACKAGES - {"cli", "app"} | {"pipeline", "plan", "programme", "project"},
    "app": PACKAGES - {"cli"} | {"pipeline", "plan", "programme", "project"},
    "cli": PACKAGES | {"pipeline", "plan", "programme", "project"},
    "api": PACKAGES | {"pipeline", "plan", "programme", "project"},
    "data": set(),
}
FENCED = {
    "osmium": {"network", "data"},
    "osmnx": {"network"},
    "folium": {"render"},
    "sqlalchemy": {"render"},
    "geoalchemy2": {"render"},
    "psycopg": {"render"},
    "click": {"cli"},
    "rich": {"cli"},
    "starlette": {"app"},
    "uvicorn": {"app"},
    "tomlkit": {"app"},
    "dask": {"country"},
    "distributed": {"country"},
}
MOST_LINES = 500
EXTRA = {"plugspan.cmd", "plugspan.data", "plugspan.qgs"}
"""Names that are no modules: the start file for Windows, the sample's folder in a package, a file in a GeoPackage."""


@cache
def modules(root: Path) -> tuple[tuple[Path, str, ast.Module], ...]:
    """(path, package, tree) of every module in the source folder; read once for all tests."""
    found = []
    for path in sorted((root / "coverage").rglob("*.py")):
        package = path.relative_to(root / "coverage").parts[0].removesuffix(".py")
        found.append((path, package, ast.parse(path.read_text("utf-8"))))
    return tuple(found)


def imported(path: Path, root: Path, tree: ast.AST):
    """Top-level names a module imports: packages of plugspan as their name, others as their package."""
    depth = len(path.relative_to(root / "coverage").parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            yield from [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]


def test_data_flows_one_way(root):
    """A package imports only the packages before it."""
    wrong = [
        f"{path.relative_to(root)} imports {name}"
        for path, package, tree in modules(root)
        if package in MAY_IMPORT
        for name in imported(path, root, tree)
        if name in (PACKAGES | {"pipeline", "plan", "programme", "project"}) - MAY_IMPORT[package] - {package}
    ]
    assert not wrong


def test_modules_have_500_lines_at_most(root):
    """A module that outgrows them holds more than one noun."""
    lengths = {
        path.relative_to(root / "coverage").as_posix(): len(path.read_text("utf-8").splitlines())
        for path, _, _ in modules(root)
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


DISTRIBUTIONS = {
    "PIL": "pillow",
    "docx": "python-docx",
    "sklearn": "scikit-learn",
    "pydantic_core": "pydantic",
}
"""Of modules that have another name; pydantic's errors come from its own core."""


def test_what_is_imported_is_declared_with_its_reason(root):
    """Third parties that are imported, dependencies in pyproject and the table in the docs are the same."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    extras = project["optional-dependencies"]
    extra = {Requirement(line).name for name in ("cluster", "postgis") for line in extras[name]}
    found = set()
    for path, _, tree in modules(root):
        for node in (
            ast.walk(tree) if "vendor" not in path.parts else ()
        ):  # what made the font is no part of it
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.split(".")[0] for name in names}
    found -= sys.stdlib_module_names | {"plugspan"}
    assert {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in found} - extra == declared
    page = (root / "docs" / "architecture.md").read_text("utf-8").partition("| package | for |")[2]
    rows = [line.split("|")[1] for line in page.partition("\n\n")[0].splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(rows))) == sorted(declared)


def test_no_module_imports_itself_by_way_of_others(root):
    """The modules that are imported at once (not inside a function, or for types alone) are in an order."""
    files = {}
    for path, _, tree in modules(root):
        parts = path.relative_to(root / "coverage").with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = (path, tree)
    order = TopologicalSorter()
    for name, (path, tree) in files.items():
        folder = path.relative_to(root / "coverage").parent.parts
        for node in tree.body:
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = ".".join([*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]).strip(
                "."
            )
            for alias in node.names:
                inner = f"{base}.{alias.name}".strip(".")
                order.add(name, inner if inner in files else base)
    order.prepare()  # says which modules make a cycle


def test_third_parties_stay_in_their_package(root):
    """Osmium and osmnx in network, highspy in siting, folium in render, click and rich in cli."""
    wrong = [
        f"{path.relative_to(root)} imports {name}"
        for path, package, tree in modules(root)
        for name in imported(path, root, tree)
        if name in FENCED and package not in FENCED[name]
    ]
    assert not wrong


def test_the_solver_library_stands_on_arrays_alone(root):
    """``siting/maxcover`` takes numpy, scipy, HiGHS, the errors and nothing else; HiGHS is spoken to nowhere else."""
    wrong = []
    for path, _, tree in modules(root):
        inside = "maxcover" in path.parts
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = ["." * node.level + (node.module or "")]
            for name in names:
                top = name.split(".")[0]
                allowed = (
                    top in sys.stdlib_module_names | {"numpy", "scipy", "highspy"} or name == "...errors"
                )
                own = name.startswith(".") and not name.startswith("..")
                if (inside and not (allowed or own)) or (not inside and top == "highspy"):
                    wrong.append(f"{path.relative_to(root)} imports {name}")
    assert not wrong


def test_the_package_list_is_the_folders(root):
    """Pyproject's list of packages names every folder with Python files, and no other."""
    listed = set(
        tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    )
    folders = {
        ".".join(["plugspan", *path.parent.relative_to(root / "coverage").parts])
        for path in (root / "coverage").rglob("*.py")
        if "vendor" not in path.parts
    }
    assert listed == folders | {"plugspan.data"}


def test_the_lock_is_whole_on_every_system(root):
    """What a locked package needs on Windows, macOS or Linux is locked, too: pip refuses what has no hash."""
    locked = {
        canonicalize_name(name)
        for name in re.findall(r"^([\w.-]+)==", (root / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    }
    systems = (("win32", "Windows", "nt"), ("darwin", "Darwin", "posix"), ("linux", "Linux", "posix"))
    missing = []
    for name in sorted(locked):
        try:
            needs = [Requirement(line) for line in metadata.distribution(name).requires or ()]
        except metadata.PackageNotFoundError:  # an older environment
            continue
        for platform, system, os_name in systems:
            names = {"sys_platform": platform, "platform_system": system, "os_name": os_name, "extra": ""}
            missing += [
                f"{name} wants {need} on {system}"
                for need in needs
                if (need.marker is None or need.marker.evaluate(names))
                and canonicalize_name(need.name) not in locked
            ]
    assert not missing


def test_public_names_are_sorted_and_exist():
    """``__all__`` is sorted and complete."""
    names = list(plugspan.__all__)
    assert names == sorted(names)
    assert all(hasattr(plugspan, name) for name in names)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_text_has_both_languages(lang):
    """No text is missing or empty in a language, and both have the same fields."""
    for key, both in catalogue().items():
        assert both.get(lang), f"{key} has no {lang} text"
        fields = {code: set(re.findall(r"\{([a-z][a-z_0-9]*)\}", text)) for code, text in both.items()}
        assert fields["zh"] == fields["en"], f"{key}: the fields differ between the languages"


def test_every_key_of_the_project_file_is_explained(generate):
    """Each has its meaning in ``texts/project.toml``, in every language, and there is no meaning without a key."""
    keys = {f"setting.{key}" for key, _, _ in generate.settings()}
    assert keys == {key for key in catalogue() if key.startswith("setting.")}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_the_manual_takes_from_the_code_can_be_written(generate, lang, monkeypatch):
    """Keys, policies, columns, sheets and public names, without what a text leaves to be filled in."""
    monkeypatch.setattr(generate, "places", lambda _lang: {})  # they take a plan: tests/test_docs.py
    for name, part in generate.PARTS.items():
        lines = part(lang).splitlines()
        assert len(lines) > 20, name
        assert not [line for line in lines if re.search(r"\{(rule|n|value|name)\}", line)], name


def test_texts_used_in_the_code_exist(root):
    """Every literal key handed to ``text``, ``Fault`` or an error is in the catalogue."""
    keys, missing = set(catalogue()), []
    prefixes = {
        "Fault": "fault.",
        "NetworkError": "error.",
        "SitingError": "error.",
        "OutputExistsError": "error.",
        "PlugspanError": "error.",
        "text": "",
    }
    for path, _, tree in modules(root):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in prefixes
                and node.args
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    key = prefixes[node.func.id] + first.value
                    if key not in keys:
                        missing.append(f"{path.relative_to(root)}:{node.lineno} {key}")
    assert not missing


def test_texts_are_written_alike_on_every_system(root):
    """Windows would take its code page and end lines in its own way: all texts go through ``atomic.write_text``."""
    calls = [
        f"{path.relative_to(root)} {function.name}"
        for path, _, tree in modules(root)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "write_text"
    ]
    assert calls == ["coverage/atomic.py write_text"]


def test_the_import_name_of_the_coverage_tool_is_left_alone(root):
    """``import coverage`` from the project's root gives the test-coverage tool, or nothing: never plugspan."""
    code = "import coverage; print(hasattr(coverage, 'Coverage'))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False
    )
    assert shown.stdout.strip() == "True" or "No module named 'coverage'" in shown.stderr


def _is_there(name: str) -> bool:
    """Whether a dotted name is a module of plugspan, or something that one defines."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if part in getattr(found, "__annotations__", ()):
                return True
            found = getattr(found, part, None)
        return found is not None
    return False


def test_docstrings_and_manuals_name_modules_that_are_there(root):
    """What a docstring or a manual calls ``plugspan.network.graph`` or ``network/graph.py`` exists under that name."""
    dotted = re.compile(r"(?<![\w./-])plugspan(?:\.[A-Za-z_]\w*)+")
    role = re.compile(r":(?:func|class|mod|data|attr|meth):`~?\.([\w.]+)`")
    names = {
        ".".join(["plugspan", *p.relative_to(root / "coverage").with_suffix("").parts])
        for p, _, _ in modules(root)
    }
    wrong = []
    manuals = [*(root / "docs").glob("*.md"), *(root / "docs" / "zh").glob("*.md")]
    manuals += [root / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    for path in [*(p for p, _, _ in modules(root)), *manuals]:
        text = path.read_text("utf-8")
        wrong += [
            f"{path.name}: {name}"
            for name in dotted.findall(text)
            if name not in EXTRA and not _is_there(name)
        ]
        for name in role.findall(text):
            head, _, tail = name.partition(".")
            homes = [n for n in names if n.endswith(f".{head}")]
            if not any(_is_there(f"{home}.{tail}" if tail else home) for home in homes):
                wrong.append(f"{path.name}: .{name}")
        for name in re.findall(r"`(?:coverage/)?((?:[a-z_]+/)+[a-z_]+\.py)`", text):
            if not any((root / folder / name).exists() for folder in ("", "coverage")):
                wrong.append(f"{path.name}: {name}")
    assert not wrong


def test_columns_are_declared_once(root):
    """A column that is shown stands in the registry: no other module gives its type, unit or decimals again."""
    from plugspan.schema import COLUMNS

    assert not [name for name in COLUMNS if f"column.{name}" not in catalogue()]
    again = [
        f"{path.relative_to(root)}:{node.lineno} {node.args[0].value}"
        for path, package, tree in modules(root)
        if package != "schema"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Column" and node.args
        if isinstance(node.args[0], ast.Constant) and node.args[0].value in COLUMNS
    ]
    assert not [line for line in again if not line.startswith("coverage/inputs/schemas.py")], again
    assert len(again) <= 1, again  # the kind of a demand point is a text of its own


def test_what_measures_and_proposes_names_no_kilometres(root):
    """Frames hold metres: only settings have names that end in ``_km`` where roads are read, measured and planned.

    Kinds of rules name the columns of their outputs; what their frames hold is looked at in ``test_one_number.py``.
    """
    from plugspan.project import PlanSettings, SitingSettings

    settings = {*SitingSettings.model_fields, *PlanSettings.model_fields}
    wrong = []
    for path, package, tree in modules(root):
        if package not in ("network", "measure", "siting"):
            continue
        calls = (
            n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "column"
        )
        shown = {id(arg) for call in calls for arg in call.args}  # the columns that words are made by
        wrong += [
            f"{path.relative_to(root)}:{node.lineno} {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z_0-9]+_km", str(node.value))
            if node.value not in settings and id(node) not in shown
        ]
    assert not wrong


def test_diagnostics_are_returned_or_collected_in_one_object(root):
    """No function takes a list of faults or messages to append to: ``Diagnostics`` collects what isn't returned."""
    grow, wrong = {"append", "extend", "insert"}, []
    for path, _, tree in modules(root):
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)):
            calls = [n.func for n in ast.walk(function) if isinstance(n, ast.Call)]
            grown = {f.value for f in calls if isinstance(f, ast.Attribute) and f.attr in grow}
            grown |= {n.target for n in ast.walk(function) if isinstance(n, ast.AugAssign)}
            names = {node.id for node in grown if isinstance(node, ast.Name)}
            args = function.args
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs):
                kind = ast.unparse(arg.annotation) if arg.annotation else ""
                if "list[Fault]" in kind or ("list[str]" in kind and arg.arg in names):
                    wrong.append(
                        f"{path.relative_to(root)}:{function.lineno} {function.name}({arg.arg}: {kind})"
                    )
    assert not wrong


def test_the_table_of_packages_names_modules_that_exist(root):
    """In docs/architecture.md: each name in it is a module, or a function or class of one."""
    known = {"plugspan"}
    for path, _, tree in modules(root):
        known |= {*path.relative_to(root / "coverage").with_suffix("").parts}
        known |= {node.name for node in tree.body if hasattr(node, "name")}
    page = (root / "docs" / "architecture.md").read_text("utf-8").partition("| for |")[0]
    rows = [line.split("|")[2] for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} <= known


def test_docstrings_name_the_parameters_that_a_function_has(root):
    """What a docstring lists under Parameters are arguments of the function, by their names of today."""
    wrong = []
    for path, _, tree in modules(root):
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            part = re.search(
                r"Parameters\n-+\n(.*?)(?:\n\n[A-Z][a-z]+\n-+|\Z)", ast.get_docstring(node) or "", re.DOTALL
            )
            lines = (
                [] if part is None else [x for x in part.group(1).split("\n") if x and not x.startswith(" ")]
            )
            named = {name.strip(" *\\") for x in lines for name in x.split(" : ")[0].split(",")}
            args = node.args
            known = {
                a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg) if a
            }
            strange = {name for name in named if name.isidentifier()} - known
            wrong += [f"{path.name}:{node.lineno} {node.name}: {name}" for name in sorted(strange)]
    assert not wrong


def test_no_module_is_described_by_a_promise(root):
    """Every module says what it is: none is a stub."""
    for path, _, tree in modules(root):
        words = ast.get_docstring(tree) or ""
        assert len(words) > 10, path
        assert not re.search(r"\b(TODO|FIXME|TBD)\b", path.read_text("utf-8")), path


def test_nothing_is_listed_in_the_order_of_a_set(root):
    """A list or mapping made by going through a set of texts comes in another order at each start of Python."""

    def is_set(node: ast.AST) -> bool:
        name = getattr(getattr(node, "func", None), "id", "")
        return isinstance(node, ast.Set | ast.SetComp) or name in ("set", "frozenset")

    wrong = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path, _, tree in modules(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.ListComp | ast.DictComp) and is_set(node.generators[0].iter)
    ]
    assert not wrong
