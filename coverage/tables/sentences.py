"""What the report, the map's panel and the terminal say of a plan in sentences: findings, holes, choices, certainty."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..plan import Plan
from ..rules.finding import Finding
from ..rules.kind import kind_of
from ..rules.spacing import RouteSpacing
from ..schema import at_most, column, percent, shown
from ..siting.planning.comply import Compliance
from ..siting.planning.outcome import Siting
from ..texts import joined, text
from ..units import LEAST, in_kilometres
from . import numbers, programme
from .gap_words import marked_gap
from .siting_tables import amount
from .words import measured, short_name, short_names, title_before

HOLES, NAMES, SITES, NAMED = 4, 4, 12, 6
"""So many gaps, places that lack something, sites to build, and sites of one kind are named; the rest is counted."""
STATES = ("not met", "undecided", "met")


def _enumerated(names: Sequence[str], most: int, lang: str, separator: str = "map.comma") -> str:
    """The first of some names, and how many more there are."""
    more = text("report.glance.more", lang, n=len(names) - most) if len(names) > most else ""
    return text(separator, lang).join(names[:most]) + more


# -- all findings ----------------------------------------------------------------------------------------


def opening(plan: Plan, lang: str) -> str:
    """How many rules are met, not met, undecided."""
    found = [finding for finding in plan.before.findings if finding.status is not None]
    status = [finding.status for finding in found]
    counts = {state.replace(" ", "_"): status.count(state) for state in STATES}  # type: ignore[arg-type]
    average = sum(finding.shown == "met on average" for finding in found)
    words = text("report.opening-average", lang, n=average) if average else ""
    if later := status.count("not due"):
        words += text("report.opening-not-due", lang, n=later)
    open_ = counts["undecided"]
    undecided = text("report.opening-undecided", lang, n=open_) if open_ else ""
    values = {"policy": plan.policy.name[lang], "n": len(found), "undecided": undecided, "average": words}
    return text("report.opening", lang, **{**counts, **values})


def glance(plan: Plan, lang: str) -> list[tuple[str, str]]:
    """What a reader in a hurry needs beside the table of rules, each part with its lead: holes, actions, certainty."""
    parts = {"holes": _holes(plan, lang), "build": _build(plan, lang), "certain": _certain(plan, lang)}
    return [
        (text(f"report.glance.{k}.lead", lang), joined(lines, lang)) for k, lines in parts.items() if lines
    ]


def _holes(plan: Plan, lang: str) -> list[str]:
    rules = plan.policy.of(RouteSpacing)
    lines = [_gaps(plan, rule, lang, several=len(rules) > 1) for rule in rules]
    lines += [
        _lacking(before, lang)
        for before in plan.before.findings
        if kind_of(before.rule).names_lacking and before.target is not None
    ]
    return [line for line in lines if line]


def _gaps(plan: Plan, rule: RouteSpacing, lang: str, *, several: bool) -> str:
    """The longest gaps of a rule on spacing, each stretch of road once; its title first if there are several rules."""
    gaps = in_kilometres(plan.before.gaps)
    if gaps.empty:
        return ""
    limit = numbers.span(rule.span_km, lang)
    once = gaps[(gaps["rule"] == rule.id) & gaps["once"].astype(bool)]
    over = once[once["over"].astype(bool)]
    shared = once[once["spacing_class"] == "shared"]
    key = "report.glance.gaps" if len(over) else "report.glance.no-gaps"
    lines = [text(key, lang, n=len(over), limit=limit, gaps=_longest(over, "own_km", lang))]
    if len(shared):
        listed = _longest(shared, "length_km", lang)
        lines.append(text("report.glance.shared", lang, n=len(shared), limit=limit, gaps=listed))
    words = joined(lines, lang)
    return f"{rule.title[lang]}{text('report.colon', lang)}{words}" if several else words


def _longest(gaps: pd.DataFrame, length: str, lang: str) -> str:
    """The longest of some gaps, by their own part or as a whole."""
    ordered = gaps.sort_values([length, "strip", "direction"], ascending=[False, True, False], kind="stable")
    words = [marked_gap(row, length, lang) for row in ordered.to_dict("records")]
    return _enumerated(words, HOLES, lang, "report.semicolon")


def _lacking(finding: Finding, lang: str) -> str:
    """What is known to lack what a rule asks for."""
    table = finding.table
    if "has" not in table:
        return ""
    lacking = table[table["has"] == "no"]
    if "counts" in table:
        lacking = lacking[lacking["counts"] == "yes"]
    if lacking.empty:
        return ""
    names = _enumerated(short_names(lacking), NAMES, lang)
    return text("report.glance.lacking", lang, title=finding.rule.title[lang], n=len(lacking), names=names)


def _build(plan: Plan, lang: str) -> list[str]:
    lines = [decision(plan, lang)] if plan.programme is not None else []
    for siting in plan.siting:
        result = siting.result
        if result.total and len(siting.proposed):
            values = {"before": percent(result.share_before), "after": percent(result.share)}
            objective = text(f"objective.{siting.objective_name}", lang)
            sites = _in_order(siting.proposed, lang)
            n = len(siting.proposed)
            lines.append(text("report.glance.sited", lang, n=n, objective=objective, sites=sites, **values))
    return lines + [
        title_before(plan, found.rule, lang) + _least(found, lang) for found in plan.widest if found.stretches
    ]


def _in_order(sites: pd.DataFrame, lang: str) -> str:
    rows = pd.DataFrame(sites.drop(columns="geometry", errors="ignore")).sort_values("order", kind="stable")
    names = [f"{order} {name}" for order, name in zip(rows["order"], short_names(rows), strict=True)]
    return _enumerated(names, SITES, lang)


def _least(found: Compliance, lang: str) -> str:
    span, left = numbers.span(found.span_km, lang), len(found.unserved)
    if not len(found.sites) and left:
        return text("report.glance.least-none", lang, n=left, span=span)
    key = "least" if found.result.bound >= found.result.objective else "least-bound"
    bound = shown(found.result.bound, column("sites"), lang)
    sites = _in_order(found.sites, lang)
    line = text(f"report.glance.{key}", lang, n=len(found.sites), span=span, bound=bound, sites=sites)
    return line + (text("report.glance.unserved", lang, n=left) if left else "")


def _certain(plan: Plan, lang: str) -> list[str]:
    findings = [finding for finding in plan.before.findings if measured(finding)]
    wide = [f for f in findings if f.low is not None and f.high is not None and f.high > f.low]
    asked = [i for f in findings if "id" in f.survey for i in f.survey["id"].dropna()]
    survey = len(set(asked))
    key = "report.glance.intervals" if survey else "report.glance.intervals-open"
    lines = [text(key, lang, n=len(wide), of=len(findings), survey=survey, rows=len(asked))] if wide else []
    lines += [line for siting in plan.siting if (line := _certificate(siting, lang))]
    if any(rule.assumptions for rule in plan.policy.rules):
        lines.append(text("report.glance.assumed", lang))
    return [*lines, text("report.glance.schematic", lang)] if plan.project.output.schematic else lines


def _certificate(siting: Siting, lang: str) -> str:
    result = siting.result
    if not result.total or not len(siting.proposed):
        return ""
    if siting.faults:
        return text("report.siting-faults", lang, n=len(siting.faults))
    if siting.goal is not None:
        return goal_sentence(siting, lang)
    key = "report.glance.optimal" if result.status == "optimal" else "report.glance.bound"
    objective = text(f"objective.{siting.objective_name}", lang)
    return text(key, lang, objective=objective, gap=at_most(result.gap))


# -- a siting --------------------------------------------------------------------------------------------


def goal_sentence(siting: Siting, lang: str) -> str:
    """What the choice was made for, with its own certificate; empty where plain coverage decided."""
    goal = siting.goal
    if goal is None:
        return ""
    before, after, bound = (
        percent(value) if goal.unit == "share" else amount(value, siting.objective_name, lang) or ""
        for value in (goal.before, goal.objective, goal.bound)
    )
    key = "report.robust.goal-proven" if goal.status == "optimal" else "report.robust.goal-bound"
    named = text(f"goal.{goal.name}", lang)
    return text(key, lang, goal=named, before=before, after=after, bound=bound, gap=at_most(goal.gap))


def siting_sentences(siting: Siting, lang: str) -> list[str]:
    """What a siting adds, its certificate, and whether it was confirmed."""
    result = siting.result
    if not result.total:
        return [text("report.siting-nothing", lang)]
    share = {"before": percent(result.share_before), "after": percent(result.share)}
    if siting.candidates["excluded"].notna().all():
        return [text("report.siting-no-candidates", lang, before=share["before"])]
    key = "report.siting-optimal" if result.status == "optimal" else "report.siting-gap"
    built = "report.siting-adds" if len(siting.proposed) else "report.siting-none"
    checked = "report.siting-faults" if siting.faults else "report.siting-verified"
    goal = goal_sentence(siting, lang)
    return [
        text(built, lang, n=len(siting.proposed), candidates=len(siting.candidates), **share),
        *([goal] if goal else []),
        text(key, lang, bound=percent(result.share_bound), gap=at_most(result.gap)),
        text(checked, lang, n=len(siting.faults)),
    ]


def backup_sentence(siting: Siting, lang: str) -> str:
    """What is left if the worst site fails; empty where it is not known."""
    rows = {str(row["phase"]): row for row in siting.backup.to_dict("records")}
    after, result = rows.get("after"), siting.result
    if after is None or pd.isna(after["left_worst"]) or not result.total:
        return ""
    worst = after["worst_site"]
    known = worst is not None and not pd.isna(worst)
    covered, left, twice = (result.share_of(after[name]) for name in ("covered", "left_worst", "twice"))
    lost = amount(float(after["covered"]) - float(after["left_worst"]), siting.objective_name, lang)
    named = siting.sites[siting.sites["id"] == worst] if known and len(siting.sites) else siting.sites.head(0)
    site = short_name({"id": worst, "name": next(iter(named["name"]), None)}) if known else ""
    key = "report.robust.backup" if known else "report.robust.backup-none"
    shares = {"covered": percent(covered), "left": percent(left), "twice": percent(twice)}
    return text(key, lang, lost=lost, site=site, **shares)


def choice_sentences(siting: Siting, lang: str) -> list[str]:
    """What a planner can defend: what is lost without a site, what is essential, what is a matter of taste."""
    proposed = pd.DataFrame(siting.proposed.drop(columns="geometry", errors="ignore"))
    rows = proposed.merge(siting.choices, on="id", how="inner").sort_values("order", kind="stable")
    optional = ~_true(rows, "required")
    low, price = (pd.to_numeric(rows[name], errors="coerce") for name in ("price_low", "price"))
    costly = rows[optional & (low > 0)].sort_values(
        ["price_low", "order"], ascending=[False, True], kind="stable"
    )
    groups = (
        ("required", rows[~optional]), ("essential", rows[_true(rows, "essential") & optional]), ("costly", costly),
        ("taste", rows[optional & (price <= 0)]), ("unproven", rows[optional & (low <= 0) & (price > 0)]),
    )  # fmt: skip
    lines = [_choice(key, found, siting, lang) for key, found in groups if len(found)]
    if not _true(rows, "essential").any():
        lines.insert(0, text("report.choices.none-essential", lang))
    if siting.alternatives:
        worst = min(value for value, _ in siting.alternatives)
        less = amount(max(siting.result.objective - worst, 0.0), siting.objective_name, lang)
        lines.append(text("report.choices.others", lang, n=len(siting.alternatives), amount=less))
    return lines


def _true(rows: pd.DataFrame, name: str) -> pd.Series[bool]:
    if name not in rows:
        return pd.Series(False, index=rows.index)
    return rows[name].astype("boolean").fillna(False).astype(bool)


def _choice(key: str, rows: pd.DataFrame, siting: Siting, lang: str) -> str:
    swaps = _swaps(siting) if key == "taste" else {}
    named = []
    for row in rows.head(NAMED).to_dict("records"):
        site = text("report.choices.site", lang, n=row["order"], name=short_name(row))
        if key == "costly":
            lost = amount(row["price_low"], siting.objective_name, lang)
            site = text("report.choices.loses", lang, site=site, amount=lost)
        elif str(row["id"]) in swaps:
            site = text("report.choices.instead", lang, site=site, name=swaps[str(row["id"])])
        named.append(site)
    sites = text("report.semicolon" if key in ("costly", "taste") else "map.comma", lang).join(named)
    more = text("report.choices.more", lang, n=len(rows) - NAMED) if len(rows) > NAMED else ""
    return text(f"report.choices.{key}", lang, sites=sites + more)


def _swaps(siting: Siting) -> dict[str, str]:
    """Chosen site -> name of the place that replaces it alone and at no loss, where such a plan was found."""
    own = set(siting.proposed["id"])
    names = siting.candidates.drop_duplicates("id").set_index("id")["name"]
    found: dict[str, str] = {}
    for value, plan in siting.alternatives:
        out, into = own - set(plan), set(plan) - own
        if value >= siting.result.objective and len(out) == len(into) == 1:
            (place,) = into
            found.setdefault(str(next(iter(out))), short_name({"id": place, "name": names.get(place)}))
    return found


# -- the plan to adopt -----------------------------------------------------------------------------------


def brief_sentences(plan: Plan, lang: str) -> list[str]:
    """What is to be decided, what it changes, how certain it is, who must act: a paragraph each."""
    lines = [decision(plan, lang) + _first(plan, lang), _change(plan, lang), _certainty(plan, lang)]
    return [*lines, who] if (who := _who(plan, lang)) else lines


def _who(plan: Plan, lang: str) -> str:
    """For how many actions nobody is named, and whether it is laid down who pays; empty if both are."""
    found = programme.adopted(plan)
    unnamed = programme.responsible(plan, lang).count("")
    unpaid = any(not getattr(found.costs, kind).paid_by for kind in found.chosen["kind"].unique())
    lines = [text("report.plan.nobody", lang, n=unnamed, of=len(found.chosen))] if unnamed else []
    return joined([*lines, text("report.plan.nobody-pays", lang)] if unpaid else lines, lang)


def _first(plan: Plan, lang: str) -> str:
    """What is built first, and what it costs; empty if nothing is."""
    chosen = programme.adopted(plan).chosen
    if chosen.empty:
        return ""
    row = chosen.iloc[0]
    kind = shown(row["kind"], column("action_kind"), lang)
    money = programme.money(plan, float(row["cost"]), lang)
    return text("report.plan.first", lang, name=programme.action_name(row, lang), kind=kind, money=money)


def people_words(plan: Plan, people: float, lang: str, key: str = "number.share-of") -> str:
    """Share of the people within reach, with what it is made of."""
    share = programme.people_share(plan, people)
    if share is None:
        return "–"
    part, whole = (
        shown(x, column("people_reached"), lang) for x in (people, programme.adopted(plan).people_total)
    )
    return text(key, lang, value=percent(share), part=part, whole=whole)


def outside_words(plan: Plan, lang: str) -> str:
    """Which rules with a target the plan leaves as they are, so that counts of rules agree; empty if there are none."""
    titles = [rule.title[lang] for rule in programme.rules_outside(plan)]
    if not titles:
        return ""
    return text("report.plan.outside", lang, n=len(titles), rules=text("map.comma", lang).join(titles))


def decision(plan: Plan, lang: str) -> str:
    """How many actions, when, for how much, and what they reach."""
    found = programme.adopted(plan)
    outside = programme.rules_outside(plan)
    last = programme.step_rows(plan)[-1]["rules"].values()
    met = sum(rule["status"] == "met" for rule in last)
    # What no action serves is not the money's fault.
    can = "-can" if found.complete and met < len(last) else ""
    rules = f"report.plan.rules{can}-some" if outside else f"report.plan.rules{can}"
    years = [row["year"] for row in programme.stage_rows(plan) if row["actions"]]
    in_years = "report.plan.in-year" if years and years[0] == years[-1] else "report.plan.in-years"
    values = {
        "rules": text(rules, lang, n=len(last), all=len(last) + len(outside), met=met),
        "n": len(last),
        "actions": len(found.chosen),
        "money": programme.money(plan, found.cost_high, lang),
        "least": programme.money(plan, found.least, lang),
        "before": people_words(plan, found.people_before, lang),
        "after": people_words(plan, found.people_after, lang),
        "years": text(in_years, lang, first=years[0], last=years[-1]) if years else "",
        "in_time": text("report.plan.in-time", lang) if found.in_time else "",
    }
    if found.given:
        return text("report.plan.decide-given", lang, **values)
    if not found.complete and found.budget is not None:
        left = found.budget - found.cost_high
        values |= {
            "given": programme.money(plan, found.budget, lang), "left": programme.money(plan, left, lang)
        }  # fmt: skip
        key = "report.plan.decide-part" if len(found.chosen) else "report.plan.decide-nothing"
        more = text("report.plan.left", lang, **values) if len(found.chosen) and left > LEAST else ""
        return text(key, lang, **values) + more
    if can and not met:
        return text("report.plan.decide-none", lang, **values)
    key = "report.plan.decide-more" if found.spends_more else "report.plan.decide"
    return text(key, lang, **values) + (text("report.plan.decide-rest", lang) if can else "")


def _change(plan: Plan, lang: str) -> str:
    steps = programme.step_rows(plan)
    met = [sum(rule["status"] == "met" for rule in step["rules"].values()) for step in steps]
    whole = next((step for step, n in zip(steps, met, strict=True) if n == len(step["rules"])), None)
    gap = _longest_today(plan, lang)
    first, last = steps[0]["longest_gap_km"], steps[-1]["longest_gap_km"]
    then = programme.step_findings(plan, programme.steps(plan)[-1])
    average = {
        name: sum(findings[rule].shown == "met on average" for rule in then)
        for name, findings in (("now_average", plan.before), ("then_average", then))
    }
    of_average = {
        key: text("report.plan.change-average", lang, n=n) if n else "" for key, n in average.items()
    }
    late = text("report.plan.late", lang, n=n) if (n := _late(plan)) else ""
    words = text("report.plan.change", lang, now=met[0], n=len(then), then=met[-1], late=late, **of_average)
    if gap and last is not None and not pd.isna(last):
        shown, now = numbers.kilometres(last, lang), numbers.kilometres(first, lang)
        words += text(f"report.plan.change-gap{'-none' if shown == now else ''}", lang, gap=gap, last=shown)
    shared = len(programme.shared_gaps_once(plan))
    left = text("report.plan.shared-left", lang, n=shared) if shared else ""
    left += outside_words(plan, lang)
    if whole is None:
        return words + text("report.stop", lang).rstrip() + left
    year = whole["year"]
    after = text("report.plan.all-met-by" if year is not None and not pd.isna(year) else "report.plan.all-met", lang,
                 n=whole["order"], year=year)  # fmt: skip
    return words + after + left


def _late(plan: Plan) -> int:
    """How many rules the plan meets only after the day that its policy sets; none in a plan without years."""
    by = {rule.rule: plan.before[rule.rule].rule.by for rule in programme.adopted(plan).rules}
    ends = [
        (year, programme.year_end(plan, year)[1]) for year in (r["year"] for r in programme.stage_rows(plan))
    ]
    if not ends:
        return 0
    met_then = [rule for rule, finding in ends[-1][1].items() if finding.status == "met"]
    in_time = {
        rule
        for rule in met_then
        if (day := by[rule]) is None
        or plan.before[rule].status == "met"
        or any(year <= day.year and found[rule].status == "met" for year, found in ends)
    }
    return len(met_then) - len(in_time)


def _longest_today(plan: Plan, lang: str) -> str:
    """The longest gap inside the region today, with its marks; empty without a rule on spacing."""
    if plan.step_gaps is None:
        return ""
    gaps = in_kilometres(plan.step_gaps.gaps)
    gaps = gaps[(gaps["from_step"] == 0) & gaps["once"].astype(bool)]
    if gaps.empty:
        return ""
    longest = gaps.sort_values("own_km", ascending=False, kind="stable").iloc[0]
    return marked_gap(longest.to_dict(), "own_km", lang)


def _certainty(plan: Plan, lang: str) -> str:
    found = programme.adopted(plan)
    certain = int(found.chosen["certain"].sum())
    key = "report.plan.certain-all" if certain == len(found.chosen) else "report.plan.certain"
    key = key if len(found.chosen) else "report.plan.certain-none"
    words = text(key, lang, n=certain, of=len(found.chosen))
    if found.given:
        words = text("report.plan.certain-given", lang)
    elif found.cost_low < found.cost_high and len(found.survey):
        first = found.survey.iloc[0]
        words += text("report.plan.certain-survey", lang, low=programme.money(plan, found.cost_low, lang),
                      name=first["name"], saves=programme.money(plan, float(first["saves_high"]), lang))  # fmt: skip
    return words + text("report.plan.assumed-costs" if found.costs.assumed else "report.plan.own-costs", lang)
