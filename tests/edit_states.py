"""States of a plan that is changed by hand, and what the assessment says of each."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import pandas as pd
from plugspan.rules.kind import kind_of
from plugspan.scenario import ScenarioPlace
from plugspan.siting.actions import carry_out, find_actions
from plugspan.siting.pins import own_places

TAKEN_OVER = ("index", "snapper", "ends", "pieces", "snapped", "_access")
"""What depends on roads and on the places of sites alone, and so is the same in every state."""


def random_places(model, rng, k):
    """Line and whole metre of some places at which the page lets a new site stand."""
    stands = [
        (line, *spec["stand"][i : i + 3])
        for line, spec in enumerate(model["lines"])
        for i in range(0, len(spec["stand"]), 3)
    ]
    size = [last - first + 1 for _, first, last, _ in stands]
    found = rng.choice(len(stands), k, p=[x / sum(size) for x in size])
    return [(stands[i][0], int(rng.integers(stands[i][1], stands[i][2] + 1))) for i in found]


def with_places(world, costs, model, places):
    """The world with new sites at places of one's own as further actions, as a scenario names them."""
    asked = []
    for line, metre in places:
        ref, section, direction = model["lines"][line]["key"]
        asked.append(ScenarioPlace(ref=ref, km=metre / 1000, section=section, direction=direction))
    table, _ = own_places(world.context, asked, "scenario.json")
    new = find_actions(world.context.inputs, world.policy, table, costs, year=2020)
    new = new[new["id"].isin(table["id"])].set_index("id").loc[[place.id for place in asked]].reset_index()
    actions = pd.concat([world.actions, new], ignore_index=True)
    return replace(world, actions=gpd.GeoDataFrame(actions, crs=4326))


class Witness:
    """Assesses states by the assessment's own functions, on one look for who serves which route.

    The sites of all actions are there in every state; without chargers a site meets no requirement.
    """

    def __init__(self, world, at=None):
        self.world, self.at = world, at
        inputs, actions = world.context.inputs, world.actions
        buildable = actions[actions["kind"] != "survey"]
        self.built = world.context.with_inputs(carry_out(inputs, buildable, world.policy))
        ids = self.built.inputs.sites["id"].astype(str)
        assert not ids.duplicated().any()
        for rule in world.policy.rules:
            if hasattr(rule, "network"):
                self.built.access(rule.site.access_km)
        _ = self.built.snapped

    def random(self, rng, *, sites=True):
        """A state: (n,) actions that are on, and positions of today's sites that are off."""
        actions, today = self.world.actions, self.world.context.inputs.sites
        on = rng.random(len(actions)) < rng.choice([0.02, 0.1, 0.3, 0.7])
        on &= ~actions["kind"].isin(["survey", "opening"]).to_numpy(bool)
        free = (today["inside"].astype(bool) & (today["kind"] == "charging")).to_numpy(bool)
        off = free & (rng.random(len(today)) < rng.choice([0.0, 0.0, 0.1, 0.5])) if sites else free & False
        return on, off

    def findings(self, on, off):
        """Findings of all rules by id."""
        inputs, actions = self.world.context.inputs, self.world.actions
        closed = set(inputs.sites["id"][off])
        gone = actions["target"].isin(closed) & (actions["place"] == "site")
        carried = actions[(on | (actions["kind"] == "opening").to_numpy(bool)) & ~gone.to_numpy(bool)]
        left = inputs.chargers[~inputs.chargers["site"].isin(closed)]
        done = carry_out(replace(inputs, chargers=left), carried, self.world.policy)
        context = replace(self.built, inputs=replace(done, sites=self.built.inputs.sites))
        for name in TAKEN_OVER:
            context.__dict__[name] = self.built.__dict__[name]
        found = {}
        for rule in self.world.policy.rules:
            finding = kind_of(rule).measure(rule, context).finding
            found[rule.id] = replace(finding, at=self.at)
        return found
