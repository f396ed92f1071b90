"""Areas within driving distance: what they hold, on a toy road."""

from __future__ import annotations

import pytest
from plugspan.pipeline import load
from plugspan.project import read_project
from plugspan.rules.model import SiteRequirement
from plugspan.rules.reach import reach_bands
from shapely import Point


@pytest.fixture(scope="module")
def study(root):
    return load(read_project(root / "data" / "zhuzhou.toml"))


@pytest.fixture(scope="module")
def bands(study):
    return reach_bands(study.roads, study.inputs, SiteRequirement())


def test_bands_are_valid_and_the_wider_holds_the_nearer(bands):
    """Widest first; each lies within the one before it, but for the smoothing."""
    assert bands["within_m"].tolist() == [20_000, 10_000, 5_000]
    assert bands.geometry.is_valid.all()
    areas = bands.to_crs(4547).geometry
    for wide, near in zip(areas.iloc[:-1], areas.iloc[1:], strict=True):
        assert near.difference(wide.buffer(400)).area < 0.01 * near.area


def test_every_existing_site_lies_in_the_nearest_band(study, bands):
    """A site that counts is within 5 km of itself."""
    near = bands.geometry.iloc[-1]
    sites = study.inputs.sites
    built = sites[(sites["status"] == "operational") & (sites["kind"] == "charging")]
    inside = [near.buffer(0.005).contains(Point(p.x, p.y)) for p in built.geometry]
    assert sum(inside) >= 0.95 * len(inside)


def test_without_sites_there_is_no_band(study):
    """A requirement that nobody meets gives an empty frame."""
    assert reach_bands(study.roads, study.inputs, SiteRequirement(dc_min_kw=10_000)).empty
