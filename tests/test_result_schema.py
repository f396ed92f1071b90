"""The schema of ``result.json``: every object closed, every key described, whatever kind of result."""

from __future__ import annotations

import json

import jsonschema
import plugspan
import pytest
from helsinki_case import write_case
from plugspan.country.outputs import country_schema
from plugspan.render.result_schema import result_schema
from plugspan.render.schema_nodes import INPUT_COLUMNS, JSON_TYPES, schema_words
from plugspan.schema import COLUMNS
from plugspan.tables.result import plan_result

VALUES = {"type", "enum", "const", "anyOf", "oneOf"}


def nodes(schema, path=""):
    """Each node below a schema with its path."""
    yield path, schema
    for name, held in schema.get("properties", {}).items():
        yield from nodes(held, f"{path}/{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], f"{path}[]")
    for key in ("anyOf", "oneOf", "prefixItems"):
        for held in schema.get(key, ()):
            yield from nodes(held, path)


@pytest.mark.parametrize("schema", [result_schema, country_schema])
def test_every_object_is_closed_and_every_key_described(schema):
    """No object takes other keys, or any value under names that are not given; no list holds just anything."""
    for path, node in nodes(schema()):
        of = node.get("type")
        if of == "object" or "properties" in node:
            assert node.get("additionalProperties") not in (None, True, {}), path
        if of == "array":
            assert "items" in node or "prefixItems" in node, path
        assert node.get("description") or VALUES & set(node), path
        for name, held in node.get("properties", {}).items():
            assert held.get("description"), f"{path}/{name}"


def test_a_key_is_declared_once():
    """What is a column of the registry or of an input table has no second type in the list of words."""
    words = schema_words()
    names = [name for kind in JSON_TYPES for name in words[kind]]
    assert len(set(names)) == len(names)
    assert not set(names) & (set(COLUMNS) | set(INPUT_COLUMNS))


@pytest.mark.parametrize("kind", ["sample_plan", "coverage_plan", "no_plan"])
def test_results_of_all_kinds_hold_what_is_described(kind, request, tmp_path, root):
    """A plan by rules, one by coverage, and a project without a plan: no key that the schema doesn't name."""
    if kind == "no_plan":
        plan = plugspan.make_plan(plugspan.read_project(write_case(tmp_path, root)))
    else:
        plan = request.getfixturevalue(kind)
    for lang in ("zh", "en"):
        result = json.loads(json.dumps(plan_result(plan, lang)))
        jsonschema.validate(result, result_schema(), cls=jsonschema.Draft202012Validator)
    assert (result["plan"] is None) == (kind != "sample_plan")
