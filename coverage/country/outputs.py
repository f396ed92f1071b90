"""The country's files: workbook, layers, vector tiles, map, report and ``country.json`` with its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ..atomic import write_file, write_text
from ..project import Project
from ..render.gis.export import Format, export_layers
from ..render.gis.geopackage import write_geopackage
from ..render.result_schema import result_text
from ..render.schema_nodes import (
    COUNT,
    DATE,
    FLAG,
    NUMBER,
    TEXT,
    TEXTS,
    UNITS,
    Schema,
    describe_nodes,
    described,
    object_of,
    one_of,
    rows_of,
    schema_words,
)
from ..render.webmap import MapPage, write_map
from ..render.webmap.payload import basemap_of
from ..render.workbook.write import write_workbook
from ..rules.finding import Shown
from ..rules.policy import Policy
from ..schema import TableSchema
from ..tables.layer import FindingRow, Imprint, Layer
from ..tables.numbers import OF_PARTS, plain
from ..tables.plan_tables import Tables
from ..tables.publication import source_note
from ..texts import text
from .cut import input_files
from .findings import COUNTS, STATUSES
from .layers import country_layers, country_tables, page_layers, region_panel
from .manifest import COUNTRY_MAP, State
from .national import PLAN_COLUMNS, Results, read_results
from .report import write_country_report

FILES = (
    "country.json",
    "country.schema.json",
    "country.xlsx",
    "country.gpkg",
    COUNTRY_MAP,
    "country.docx",
)
COUNTRY_SCHEMA = 2
"""What ``schema`` says: how ``country.json`` is laid out. 2: actions have an ``action_id``, gaps a ``gap_id``."""
FOLDERS: Mapping[str, Format] = {"country-geoparquet": "geoparquet", "country-pmtiles": "pmtiles"}
"""What is written beside ``regions/``; of the folders, the format of the layers in it."""
SCHEMA_ID = f"urn:plugspan:country:{COUNTRY_SCHEMA}"
"""Name of the schema of ``country.json``; it stays while ``schema`` in a result does."""


def write(out: Path, project: Project, policy: Policy) -> None:
    """Write a country's results from the run folders of its regions and of its routes.

    Parameters
    ----------
    out : Path
        The country's folder, see :func:`plugspan.country.national.read_results`. Earlier results are replaced, each
        file in one step; the same runs give the same bytes.
    project : Project
        Says what is written how: title, author, sources, coordinate system, basemap, template of the report.
    policy : Policy
        The project's.

    Raises
    ------
    InputError
        If there is no manifest, no file of regions, the national run or the template of the report is damaged.
    """
    country, output = read_results(out), project.output
    lang, tables, layers = country.lang, country_tables(country), country_layers(country)
    imprint = country_imprint(country, project, policy)
    note = source_note(project, policy, [str(path) for path in input_files(project)], project.language)
    page = MapPage(
        page_layers(country), imprint.title, _panel(country), lang=lang, subtitle=imprint.subtitle, note=note,
        basemap=basemap_of(output), regions=region_panel(country),
    )  # fmt: skip
    template = None if output.report_template is None else project.path(output.report_template)
    files: Mapping[str, Callable[[Path], object]] = {
        "country.json": lambda new: write_text(new, result_text(country_result(country))),
        "country.schema.json": lambda new: write_text(new, result_text(country_schema())),
        "country.xlsx": lambda new: write_workbook(imprint, tables, new, lang=lang, note=note),
        "country.gpkg": lambda new: write_geopackage(
            layers, new, crs=output.crs, lang=lang, title=imprint.title,
            provenance={"note": note.line(lang), **imprint.origin},
            tables={
                name.replace("-", "_"): (tables[name].frame, _schema_of(tables, name))
                for name in ("country-whole", "country-rules", "country-plan")
            },
        ),
        COUNTRY_MAP: lambda new: write_map(page, new),
        "country.docx": lambda new: write_country_report(country, tables, new, imprint, note, template),
    }  # fmt: skip
    for name, make in files.items():
        with write_file(out / name, overwrite=True, ours=_is_ours) as new:
            make(new)
    for name, form in FOLDERS.items():
        held = _of_format(layers, form)
        export_layers(
            held, out / name, form, crs=output.crs, lang=lang, source=note.line(lang), overwrite=True
        )


def _of_format(layers: list[Layer], form: str) -> list[Layer]:
    """The layers of an export: regions lie in tiles once, since tiles with each rule's would be too full to draw."""
    return [layer for layer in layers if form != "pmtiles" or layer.name != "region_rules"]


def _is_ours(path: Path) -> bool:
    """The names are the country's own: what stands there is an earlier result."""
    return path.name in FILES


def _schema_of(tables: Tables, name: str) -> TableSchema:
    return TableSchema(name, tuple(head.column for head in tables[name].heads))


def country_imprint(country: Results, project: Project, policy: Policy) -> Imprint:
    """What the covers of workbook and report say."""
    done = int((country.regions["region_state"] == "done").sum())
    n, name = len(country.regions), policy.name[country.lang]
    return Imprint(
        project.title(project.language),
        text("national.subtitle", country.lang, policy=name, done=done, n=n),
        project.output.author.of(project.language),
        project.network.data_date or project.assess_at,
        metadata.version("plugspan"),
        project.assess_at,
    )


def _panel(country: Results) -> list[FindingRow]:
    """Findings of the rules that are measured on the whole country's roads."""
    rows = country.whole[country.whole["status"].notna()]
    return [
        FindingRow(
            title=row["title"],
            status=row["status"],
            value=row["value"],
            target=row["target_shown"],
            layer="routes" if len(country.routes) else "",
            status_after=row["status_code_after"] or "",
            value_after=row["value_after"] if row["status_code_after"] else "",
            due=int(row["by"][:4]) if isinstance(row["by"], str) else None,
        )
        for row in rows.astype(object).where(rows.notna(), None).to_dict("records")
    ]


# -- country.json ----------------------------------------------------------------------------------------

_ENDS = "low high target_value low_after high_after"


def country_result(country: Results) -> dict[str, Any]:
    """Return ``country.json`` as plain values. It holds no times: the same runs give the same bytes."""
    names = dict(zip(country.regions["id"], country.regions["name"], strict=True))
    regions = country.regions.drop(columns="geometry").rename(
        columns={"region_state": "state", "state_reason": "reason"}
    )
    keys = ["id", "name", "state", "reason", "rank", "standing", *STATUSES.values(), *PLAN_COLUMNS.split()]
    gaps = country.gaps.drop(columns=["geometry", "regions", "region_lengths", "builders"])
    rows = _records(gaps)
    for row in rows:
        row["regions"] = [
            {"id": id_, "name": names[id_], "length_km": length} for id_, length in row.pop("parts")
        ]
    actions = country.actions
    shown = [
        "action_id",
        "action_kind",
        "name",
        "lon",
        "lat",
        "stage_year",
        "build_order",
        "cost",
        "region_id",
        "at_border",
    ]
    result: dict[str, Any] = plain({
        "schema": COUNTRY_SCHEMA,
        "project": {
            "name": country.name,
            "language": str(country.lang),
            "currency": country.currency,
            **{key: country.project.get(key) for key in ("policy", "length_unit", "reference_date", "data_date")},
        },
        "regions": regions[keys].to_dict("records"),
        "findings": [_finding(row) for row in _records(country.findings)],
        "national": {"findings": [_finding(row) for row in _records(country.whole)]},
        "shared_gaps": rows,
        "actions": actions[shown].to_dict("records"),
        "warnings": list(country.warnings),
    })  # fmt: skip
    return result


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _finding(row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of a region or of the whole country."""
    ends = (*_ENDS.split(), *OF_PARTS, "part_unit", "whole_unit")
    keys = ["region_id", "rule", "title", "kind", "unit", *ends, "sense", "by", "status", "rank", "value"]
    found = {key: row[key] for key in keys if key in row}
    found["status_after"] = row["status_code_after"]
    counts = {name: row[name] for name in COUNTS}
    return {**found, "counts": counts, **{key: row[key] for key in row if key.startswith("regions_")}}


def country_schema() -> Schema:
    """Return the JSON Schema (2020-12) of ``country.json``."""
    null_text: Schema = {"type": ["string", "null"]}
    status = one_of(*get_args(Shown), None)
    counts = object_of("yes unknown no")
    finding: dict[str, Any] = {
        "kind": TEXT, "unit": one_of(*UNITS, None), "sense": one_of("<=", ">=", None), "by": null_text,
        "status": status, "status_after": status, "counts": counts, "value": null_text, "rule": TEXT,
        "rank": described("Of the regions by this rule; 1 is best.", {"type": ["integer", "null"]}),
    }  # fmt: skip
    names = f"rule title {_ENDS} {' '.join(OF_PARTS)} status status_after counts"
    finding["part_unit"] = described("Of the numerators: km, or counted.", one_of("", "km", None))
    finding["whole_unit"] = described("Of the denominators: km, or counted.", one_of("", "km", None))
    stands = " ".join(name.replace("rules", "regions") for name in STATUSES.values())
    regions = rows_of(
        f"id name state reason standing rank {' '.join(STATUSES.values())} {PLAN_COLUMNS}", id=TEXT, name=TEXT,
        state=one_of(*get_args(State)), reason=null_text, standing=one_of("all", "open", "few", "many", "none"),
    )  # fmt: skip
    gaps = rows_of(
        "gap_id rule rule_title ref section direction from_km to_km length_km own_km mark_kind regions closed_by",
        regions=rows_of("id name length_km", id=TEXT), closed_by=described("Actions of the national plan.", TEXTS),
    )  # fmt: skip
    found: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "plugspan country",
        "description": "Results of a country by its regions. A region's figures are those of regions/<id>/result.json.",
        **object_of(
            "schema project regions findings national shared_gaps actions warnings",
            schema={"const": COUNTRY_SCHEMA},
            project=object_of(
                "name language currency policy length_unit reference_date data_date", name=TEXT, language=TEXT,
                currency=TEXT, policy=null_text, length_unit=null_text, reference_date=DATE, data_date=null_text,
            ),
            regions=regions,
            findings=rows_of(f"region_id {names}", region_id=TEXT, **finding),
            national=object_of("findings", findings=described(
                "Rules on roads as measured on the whole country; of the others the regions' counts are summed.",
                rows_of(f"{names} {stands}", **finding),
            )),
            shared_gaps=gaps,
            actions=rows_of(
                "action_id action_kind name lon lat stage_year build_order cost region_id at_border", action_id=TEXT,
                lon=NUMBER, lat=NUMBER, cost=NUMBER, build_order=COUNT, at_border=FLAG,
                stage_year={"type": ["integer", "null"]},
            ),
            warnings=TEXTS,
        ),
    }  # fmt: skip
    describe_nodes(found, "top", schema_words("country"))
    return found
