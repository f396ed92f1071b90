"""The site of the manual: English from this folder, Chinese from ``zh/`` (``make docs`` builds both).

Nothing is fetched while it is built or read: the theme's letters and scripts are files of the site.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402
import plugspan  # noqa: E402


def code_sum() -> str:
    """Return a sum of the code and the sample, short enough for the name of a folder."""
    found = hashlib.sha256()
    for path in sorted(p for folder in ("coverage", "data") for p in (HERE.parent / folder).rglob("*")):
        if path.suffix in (".py", ".toml", ".js", ".css", ".html", ".csv", ".pbf", ".geojson"):
            found.update(path.relative_to(HERE.parent).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


project = "plugspan"
author = "the plugspan developers"
version = release = plugspan.__version__
html_title = "plugspan"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
]
exclude_patterns = ["zh", "images", "reference/[!a]*"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]
"""Names in docstrings: other projects' would take their servers, ours are held by tests/test_house.py."""

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type", "ref.python"]
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "docs-notebooks" / code_sum())
"""What notebooks show depends on the code, too: what was kept of other code is not taken."""
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
numpydoc_show_class_members = False
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "search": [], "genindex": [], "**": ["pages"]}
html_theme_options = {
    "navbar_align": "right",
    "navbar_center": [],
    "navbar_end": ["language", "theme-switcher"],
    "footer_start": ["notes"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "search_bar_text": "",
}


class Pairs(SearchChinese):
    """Chinese without a dictionary of words: every two characters that stand together are a word."""

    language_name = "English"  # of the stemmer: Latin words are cut as English ones
    js_splitter_code = """
function splitQuery(query) {
  return query.split(/[^\\p{Letter}\\p{Number}_]+/gu).filter((term) => term).flatMap((term) =>
    term.match(/[\\p{Script=Han}]+|[^\\p{Script=Han}]+/gu).flatMap((part) =>
      /\\p{Script=Han}/u.test(part) && part.length > 1
        ? Array.from({length: part.length - 1}, (_, k) => part.slice(k, k + 2)) : [part]));
}
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 (the name is Sphinx's)
        """Return the Latin words of a text and its pairs of Chinese characters."""
        pairs = [
            run[k : k + 2] for run in re.findall(r"[\u4e00-\u9fff]+", input) for k in range(len(run) - 1)
        ]
        return [*pairs, *super().split(input)]


def _prepare(app: Sphinx, config: Any) -> None:
    """Write the generated parts, and fetch the notebooks from their folder."""
    lang = "zh" if config.language.startswith("zh") else "en"
    if lang == "zh":
        config.html_title = "plugspan 使用手册"
        config.html_theme_options["search_bar_text"] = "搜索……"
        config.exclude_patterns = ["reference"]
    generate.write_parts(Path(app.srcdir) / "reference", lang)
    if lang == "en":
        for notebook in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
            target = HERE / "reference" / "a-gallery" / notebook.name
            target.parent.mkdir(exist_ok=True)
            if not target.exists() or target.read_bytes() != notebook.read_bytes():
                shutil.copyfile(notebook, target)


def _mend_source(_app: Sphinx, _doc: str, source: list[str]) -> None:
    """Lead links between the two languages from one site to the other, and join lines of Chinese."""
    pattern = r"\[([^\]]+)\]\(((?:\.\./|zh/)[\w-]+)\.md(#[\w-]*)?\)"
    source[0] = re.sub(pattern, r'<a href="\2.html\3">\1</a>', source[0])
    # A line that ends within a Chinese sentence would leave a space there.
    wide = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
    source[0] = re.sub(rf"({wide})\n *(?={wide})", r"\1", source[0])


def _page(app: Sphinx, name: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Tell the page where its counterpart in the other language is: the same page, or else the first one."""
    chinese = app.config.language.startswith("zh")
    there = HERE if chinese else HERE / "zh"
    counterpart = name if (there / f"{name}.md").exists() else "index"
    context["counterpart"] = f"../{counterpart}.html" if chinese else f"zh/{counterpart}.html"
    context["chinese"] = chinese


def setup(app: Sphinx) -> None:
    """Connect the steps above."""
    app.add_search_language(Pairs)
    app.connect("config-inited", _prepare)
    app.connect("source-read", _mend_source)
    app.connect("html-page-context", _page)
