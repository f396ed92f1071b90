"""Policy profiles and project files: what is read, and how faults are told."""

from __future__ import annotations

import re

import pytest
from plugspan.errors import InputError
from plugspan.project import Project, read_project
from plugspan.rules.costs import CostTable, merged_costs
from plugspan.rules.model import SiteRequirement
from plugspan.rules.policy import PROFILES, Policy, read_policy, with_changes
from plugspan.settings import parse_toml

SMALL = 'schema = 1\nname = "x"\n[network]\nosm = "roads.osm.pbf"\n'


def faults_of(content: str, model=Project) -> str:
    with pytest.raises(InputError) as caught:
        parse_toml(content, model, "project.toml")
    return str(caught.value)


@pytest.mark.parametrize("name", PROFILES)
def test_shipped_profiles_are_read_and_name_their_source(name):
    """Every shipped profile parses, and each of its rules says who demands it."""
    policy = read_policy(name)
    assert policy.id == name
    assert all(rule.source for rule in policy.rules)


CHINESE = re.compile("[\u3400-\u9fff]")
QUOTED = re.compile(r" \(our translation of “[^”]+”\)")


@pytest.mark.parametrize("name", PROFILES)
def test_shipped_profiles_name_their_source_in_each_language(name):
    """Chinese stands in an English clause as the words that are translated, and nowhere else."""
    policy = read_policy(name)
    said = {rule.id: policy.clause(rule, "en") for rule in policy.rules}
    said |= {"costs": policy.costs.source.of("en"), "emissions": policy.emissions.source.of("en")}
    assert not {key: words for key, words in said.items() if CHINESE.search(QUOTED.sub("", words))}
    assert all(set(rule.source.by_language) == {"zh", "en"} for rule in policy.rules)


def test_translations_show_the_words_that_are_quoted():
    """A clause quoted in Chinese stands with the same words beside its translation."""
    for rule in read_policy("zhuzhou-2025").rules:
        own = re.search("：“([^：]+)”$", rule.source.of("zh"))[1]
        assert rule.source.of("en").endswith(f" (our translation of “{own}”)")


def test_a_source_is_given_plain_or_by_language():
    """A project's own source of costs and of emissions takes the place of the profile's whole."""
    rule = '[[rule]]\nid = "a"\nkind = "fleet_power"\ntitle = {zh = "甲", en = "A"}\ntarget = {report_only = true}\n'
    head = 'schema = 1\nid = "x"\nname = {zh = "乙", en = "B"}\nsource = "C"\ndocument = {zh = "法", en = "Act"}\n'
    plain, both = (
        parse_toml(f"{head}[road_class]\n{rule}source = {source}\n", Policy, "x.toml")
        for source in ('"Art. 1"', '{ zh = "第一条", en = "Art. 1" }')
    )
    assert [plain.clause(plain.rules[0], lang) for lang in ("zh", "en")] == ["法Art. 1", "Act, Art. 1"]
    assert [both.clause(both.rules[0], lang) for lang in ("zh", "en")] == ["法第一条", "Act, Art. 1"]
    given = {lang: CostTable.model_validate({"source": {lang: "own"}}) for lang in ("zh", "en")}
    for lang, own in given.items():
        assert merged_costs(read_policy("us-nevi").costs, own).source.by_language == {lang: "own"}


def test_the_plan_of_zhuzhou_is_there_whole():
    """The first user's profile has a rule for every quantity of the plan's text."""
    rules = {rule.id: rule for rule in read_policy("zhuzhou-2025").rules}
    assert rules["ordinary-highway-spacing"].target.value_max == 40
    assert rules["berth-shore-power"].berth.class_t_min == 1000
    assert rules["car-park-readiness"].target.margin_min == 0.10
    assert rules["expressway-service-area-fast"].site.dc_min_kw == 60


def test_an_unknown_profile_names_the_known_ones():
    """The remedy for a mistyped profile is in the message."""
    with pytest.raises(InputError, match="zhuzhou-2025"):
        read_policy("zhuzhou")


def test_all_faults_of_a_project_file_are_told_at_once_with_line_and_remedy():
    """Unknown keys name the nearest known one; wrong values say what is expected; lines are right."""
    told = faults_of(
        'schema = 1\nname = "x"\nlanguage = "fr"\n[region]\nhallo_km = 3\nbbox = [3, 2, 1, 0]\n'
        '[network]\nosm = "a"\n[tables.chargers]\npath = "q"\ndatum = "gcj"\n[siting]\nsites = 2.5\n'
    )
    assert "row 3: the value 'fr'" in told
    assert "row 5: there is no setting region.hallo_km. Did you mean halo_km?" in told
    assert "row 6" in told
    assert "west, south, east, north" in told
    assert "row 11" in told
    assert "EPSG" in told
    assert "row 13" in told
    assert "whole number" in told


def test_the_line_of_the_nth_table_is_found():
    """A fault in the second of two tables of one name points into the second."""
    told = faults_of(
        SMALL + '[[tables.demand]]\npath = "a"\n[[tables.demand]]\npath = "b"\nfrom_osm = true\n'
    )
    assert "row 7" in told
    assert "either path" in told


@pytest.mark.parametrize(
    ("broken", "row", "hint"),
    [
        ("name = ", 1, "value is missing"),
        ("= 3", 1, "cannot be read"),
        ("[network", 1, "still open"),
        ('name = "x"\nsites = [1,\n', 2, "still open"),
        ("schema = 1\nschema = 1\n", 2, "second time"),
        ('[tables.calls]\npath = "a"\n[tables.calls]\npath = "b"\n', 3, "[[tables.chargers]]"),
        ("name = Zhuzhou\n", 1, "no quotes"),
        ("name = “株洲”\n", 1, "full-width"),
        ('name ＝ "x"\n', 1, "full-width"),
        ('[tables.calls]\npath = "C:\\data\\new.csv"\n', 2, "backslash"),
        ('[tables.calls]\npath = "C:\\users\\a.csv"\n', 2, "backslash"),
    ],
)
def test_broken_toml_is_told_with_its_row_and_a_hint(broken, row, hint):
    """Syntax errors are told in the project's own words, not the parser's, with what to write instead."""
    told = faults_of(broken)
    assert f"row {row}:" in told
    assert hint in told


def test_a_missing_key_is_named():
    """A project without a network says so."""
    assert "network is missing" in faults_of('schema = 1\nname = "x"\n')


def test_unknown_table_and_newer_schema_are_refused():
    """What this version can't read is refused instead of ignored."""
    assert "chargrs" in faults_of(SMALL + '[tables.chargrs]\npath = "a"\n')
    assert "schema" in faults_of(SMALL.replace("schema = 1", "schema = 2"))


def test_one_table_or_a_list_of_tables():
    """``[tables.x]`` and ``[[tables.x]]`` both give a tuple."""
    one = parse_toml(SMALL + '[tables.demand]\npath = "a"\n', Project, "p")
    two = parse_toml(
        SMALL + '[[tables.demand]]\npath = "a"\n[[tables.demand]]\nfrom_osm = true\n', Project, "p"
    )
    assert len(one.tables["demand"]) == 1
    assert [t.from_osm for t in two.tables["demand"]] == [False, True]


def test_paths_are_relative_to_the_project_file(tmp_path):
    """A project can be moved with its data; a BOM does no harm; a folder stands for its project.toml."""
    (tmp_path / "project.toml").write_text(SMALL, "utf-8-sig")
    project = read_project(tmp_path)
    assert project.path(project.network.osm) == tmp_path.resolve() / "roads.osm.pbf"


def test_a_missing_project_and_a_binary_one_are_told(tmp_path):
    """Missing and unreadable files give a fault with a remedy."""
    with pytest.raises(InputError, match="plugspan init"):
        read_project(tmp_path / "nothing.toml")
    (tmp_path / "project.toml").write_bytes(b"\xff\xfe\x00\x01\x80")
    with pytest.raises(InputError, match="cannot be read"):
        read_project(tmp_path)


def test_a_target_asks_for_one_thing():
    """A rule with two targets, or none, is refused."""
    head = 'schema = 1\nid = "p"\nname = {zh = "p", en = "p"}\nsource = "s"\nroad_class = {}\n'
    rule = '[[rule]]\nid = "r"\nkind = "share_margin"\ntitle = {zh = "r", en = "r"}\ntarget = {TARGET}\n'
    assert "one of share_min" in faults_of(head + rule.replace("TARGET", ""), Policy)
    assert "one of share_min" in faults_of(
        head + rule.replace("TARGET", "share_min = 1, margin_min = 0.1"), Policy
    )


def test_a_title_in_a_language_that_is_not_there_is_told():
    """Chinese and English are wanted; a third one must be a language of plugspan."""
    head = 'schema = 1\nid = "p"\nsource = "s"\nroad_class = {}\nrule = []\nname = '
    told = faults_of(head + '{zh = "p", en = "p", xx = "p"}', Policy)
    assert "xx is no language of plugspan" in told
    assert "name.en" in faults_of(head + '{zh = "p"}', Policy)


def test_the_manual_names_every_profile_and_every_demand_on_a_site(root):
    """docs/policies.md and the README keep up with the profiles and with what a rule may ask of a site."""
    manual = (root / "docs" / "policies.md").read_text("utf-8")
    readme = (root / "README.md").read_text("utf-8")
    for name in PROFILES:
        assert f"`{name}`" in manual
        assert f"`{name}`" in readme
    asked = set(SiteRequirement.model_fields) - {"access_metric", "one_way"}  # set by the program
    assert not [name for name in asked if f"`{name}`" not in manual]


@pytest.mark.parametrize("pattern", ["(", "(?=a)b", r"(a)\\1", "(a{1000}){1000}", "a)|(b"])
def test_what_is_no_pattern_of_road_numbers_is_told(pattern):
    """With its line; what would need to try every way (look-around, back references) is none."""
    told = faults_of(f'{SMALL}[road_class]\nordinary_trunk = ["{pattern}"]\n')
    assert "row 6" in told or "row 5" in told
    assert "is not a regular expression" in told


def test_a_project_changes_values_of_rules_and_each_is_an_assumption_with_a_notice():
    """Only what differs is noted; tables are merged; the profile is as it was."""
    profile = read_policy("zhuzhou-2025")
    wanted = {
        "expressway-service-area-fast": {"site": {"dc_min_kw": 120, "within_m": 300}},
        "ordinary-highway-spacing": {"target": {"value_max": 30.0}, "class_limits_km": [20.0, 30.0]},
    }
    policy, notes = with_changes(profile, wanted, "project.toml")
    fast, spacing = policy.rules[0], policy.rules[2]
    assert (fast.site.dc_min_kw, fast.site.within_m, fast.site.same_side) == (120, 300, True)
    assert fast.assumptions == profile.rules[0].assumptions
    assert (spacing.target.value, spacing.class_limits_km) == (30.0, (20.0, 30.0))
    assert spacing.assumptions == (*profile.rules[2].assumptions, "value_max", "class_limits_km")
    assert [note.values["key"] for note in notes] == ["site.dc_min_kw", "target.value_max", "class_limits_km"]
    assert all(note.warning for note in notes)
    others = [i for i in range(len(profile.rules)) if i not in (0, 2)]
    assert all(policy.rules[i] is profile.rules[i] for i in others)
    assert read_policy("zhuzhou-2025") == profile
    assert with_changes(profile, {}, "project.toml") == (profile, [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"no-such": {}}, "not a rule of the policy"),
        ({"people-in-reach": {"kind": "inventory"}}, "can't be changed in a project"),
        ({"people-in-reach": {"site": {"dc_min_kw": -1}}}, "rules.people-in-reach.site.dc_min_kw"),
        ({"people-in-reach": {"site": 3}}, "a table of settings"),
        ({"people-in-reach": {"span_km": 3}}, "rules.people-in-reach.span_km"),
    ],
)
def test_changes_that_make_no_rule_are_faults(changes, words):
    """With the whole path of the key, as it stands in the project file."""
    with pytest.raises(InputError, match=re.escape(words)):
        with_changes(read_policy("zhuzhou-2025"), changes, "project.toml")
