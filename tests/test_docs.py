"""The manual: its sources name what is there, and the site built from them is whole and asks no host."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import plugspan
import pytest
import yaml
from plugspan.cli import VERBS
from plugspan.inputs.schemas import SCHEMAS
from plugspan.rules.policy import PROFILES, read_policy
from plugspan.schema import COLUMNS
from plugspan.siting import maxcover
from plugspan.texts import catalogue

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "zh").glob("*.md")])
SOURCES = [*PAGES, *sorted(ROOT.glob("*.md"))]
BUILD_S = 1200
"""A build that takes longer hangs; it takes 15 s of processor time."""


def heading_anchor(title: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", title.lower().strip()).replace(" ", "-")


@pytest.mark.parametrize("page", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_of_a_source_lead_somewhere(page):
    """Each file and each heading that a page names is there."""
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, anchor = urldefrag(link)
        if urlsplit(link).scheme:
            continue
        target = page if not path else (page.parent / unquote(path)).resolve()
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {heading_anchor(title) for title in titles}, f"{page.name}: {link}"


@pytest.mark.parametrize("page", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_source_names_verbs_that_are_there_and_no_place_of_a_machine(page):
    """``plugspan VERB`` is a command; no folder of somebody's machine and no other host stands in a page."""
    text = page.read_text("utf-8")
    code = re.findall(r"^ {4}.+$|`[^`\n]+`", text, re.MULTILINE)
    code += re.findall(r"^```(?:\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    verbs = {verb for part in code for verb in re.findall(r"(?:^|[\s/`\\])plugspan ([a-z]+)\b", part)}
    assert verbs <= set(VERBS), f"{page.name}: {sorted(verbs - set(VERBS))}"
    assert not re.findall(r"(?<![\w./])/(?:home|root|tmp|work|Users|mnt)/\S*", text)
    assert not [host for host in re.findall(r"https?://[\w.-]+", text) if "example" not in host]


def test_the_chinese_pages_have_their_counterpart(root):
    """A reader can change the language on every Chinese page; what planners read is there in both."""
    chinese = {page.name for page in (root / "docs" / "zh").glob("*.md")}
    assert chinese <= {page.name for page in (root / "docs").glob("*.md")}
    wanted = {"start", "map", "report", "plan", "project", "policies", "dictionary", "index"}
    assert chinese >= {f"{name}.md" for name in wanted}


def test_the_readme_leads_to_every_page(root):
    """But for the starting pages, which the site has for itself."""
    linked = set(re.findall(r"\]\(([^)#]+)\)", (root / "README.md").read_text("utf-8")))
    own = {"index.md", "gallery.md", "changes.md", "contributing.md"}
    assert {f"docs/{page.name}" for page in (root / "docs").glob("*.md") if page.name not in own} <= linked


def test_the_citation_is_whole(root):
    """CITATION.cff has what its format asks for, and the version of the package."""
    cited = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    package = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type"} <= set(cited)
    assert all({"name"} <= set(a) or {"family-names"} <= set(a) for a in cited["authors"])
    assert str(cited["version"]) == package["version"]
    assert (
        cited["license"] == package["license"].split(" AND ")[0]
    )  # the others are of what the wheel carries


# -- the site ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Both languages, built as ``make docs`` does, away from the checkout and without running the notebooks."""
    place = tmp_path_factory.mktemp("manual")
    for folder in ("docs", "notebooks"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("reference"))
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, place / name)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-D", "nb_execution_mode=off"]
    for more in (
        ["-d", "trees/en", "docs", "site"],
        ["-d", "trees/zh", "-c", "docs", "-D", "language=zh_CN", "docs/zh", "site/zh"],
    ):
        done = subprocess.run(
            [*sphinx, *more], cwd=place, capture_output=True, text=True, timeout=BUILD_S, check=False
        )
        assert done.returncode == 0, done.stderr
    return place / "site"


class _Names(HTMLParser):
    """What a page loads, where it leads, and which anchors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.loads, self.links, self.anchors = [], [], set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical",):
            self.loads.append(found.get("href") or "")
        elif found.get("src"):
            self.loads.append(found["src"])
        self.loads += [found["srcset"]] if found.get("srcset") else []


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, _Names]:
    """Every page of the site, parsed."""
    found = {}
    for path in [p for p in site.rglob("*.html") if "_static" not in p.parts]:
        found[path] = _Names()
        found[path].feed(path.read_text("utf-8"))
    return found


def test_the_site_loads_nothing_from_elsewhere(site, pages):
    """Scripts, styles, letters and pictures are files of the site."""
    assert len(pages) > 60
    for path, names in pages.items():
        for load in names.loads:
            if not load.startswith("data:"):
                assert not urlsplit(load).netloc, f"{path.name}: {load}"
                file = unquote(urlsplit(load).path)
                assert (path.parent / file).exists(), f"{path.name}: {load}"
        assert not re.findall(r"cdn\.|unpkg|googleapis|jsdelivr", html.unescape(path.read_text("utf-8"))), (
            path
        )
    for path in site.rglob("*.css"):
        assert not re.findall(
            r"url\(['\"]?(?:https?:)?//|@import\s+['\"]?(?:url\()?https?:", path.read_text("utf-8")
        )


def test_links_of_the_site_lead_somewhere(pages):
    """Between the languages, too."""
    for path, names in pages.items():
        for link in names.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {link}"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_the_code_knows_stands_in_the_site(site, generate, lang):
    """Every key, column, rule and sheet with its meaning, in both languages."""
    folder = site / "zh" if lang == "zh" else site

    def words(page: str) -> str:
        text = re.sub(r"<[^>]+>", "", (folder / page).read_text("utf-8"))
        return re.sub(r"[\s“”‘’\"'`]", "", html.unescape(text))

    def plain(text: str) -> str:
        return re.sub(r"[\s“”‘’\"'`]", "", text)

    page = words("project.html")
    for key, _, _ in generate.settings():
        assert plain(key) + plain("") in page
        assert plain(catalogue()[f"setting.{key}"][lang]) in page, key
    page = words("dictionary.html")
    given = [column for schema in SCHEMAS.values() for column in schema.columns]
    for column in [*given, *(c for n, c in COLUMNS.items() if f"meaning.{n}" in catalogue())]:
        assert plain(column.name + catalogue()[f"column.{column.name}"][lang]) in page, column.name
        assert plain(column.meaning(lang)) in page, column.name
    page = words("policies.html")
    for name in PROFILES:
        for rule in read_policy(name).rules:
            assert plain(rule.title[lang] + rule.id) in page
    page = words("report.html")
    assert all(plain(catalogue()[f"sheet.{name}.note"][lang]) in page for name in ("gaps", "plan-actions"))
    assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in (folder / "index.html").read_text("utf-8")


def test_every_public_name_has_a_page(site):
    """With its docstring; names follow ``__all__``."""
    for module in (plugspan, maxcover):
        for name in module.__all__:
            if callable(getattr(module, name)):
                page = site / "reference" / "api" / f"{module.__name__}.{name}.html"
                first = (
                    (getattr(module, name).__doc__ or "").strip().split("\n")[0].split("`")[0].split(":")[0]
                )
                text = html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8"))).replace("’", "'")
                assert first.strip() in text, name


@pytest.mark.browser
def test_the_chinese_site_is_searched_by_words_of_two_characters(site, browser):
    """Without a dictionary of words, and no script fails (but for extracts of pages, which file:// forbids)."""
    page, faults = browser.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    for query, expected in (("泊位", "数据字典"), ("岸电改造", "看懂工作簿和报告"), ("halo_km", "项目文件")):
        page.goto(f"{(site / 'zh' / 'search.html').as_uri()}?q={query}")
        page.get_by_role("link", name=expected).first.wait_for()
        page.wait_for_function("document.querySelectorAll('#search-results li').length > 0")
        assert expected in page.locator("#search-results li a").all_inner_texts()
    page.close()
    assert set(faults) <= {"Failed to fetch"}


def test_the_manual_says_where_columns_stand_and_which_keys_rules_have(generate):
    """Sheets, layers and tables by column; every key of every kind of rule, those of its sections too."""
    where = generate.places("en")
    assert {"`tables.xlsx` Routes", "table of the layers `route_figures`"} <= set(where["gap_max_km"])
    assert "layer `plan_actions`" in where["money"]
    keys = "\n".join(generate.rule_keys("en"))
    for key in ("target.share_min", "statistic", "class_limits_km", "site.dc_min_kw", "min_stay_h"):
        assert f"`{key}`" in keys, key
