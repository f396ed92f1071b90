"""Charts of a plan by matplotlib: coverage by number of sites built, with the bound and the gap to it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..siting.outcome import Siting


def coverage_curve(siting: Siting) -> pd.DataFrame:
    """Coverage after each step of the build order, and the proven bound where there is one.

    Returns
    -------
    DataFrame
        A row for each number of new sites built, from none: ``built``, the ``site`` and ``name`` built at this
        step, what it ``adds``, ``objective`` (weight covered), ``share`` of all weight, ``bound`` and
        ``bound_share`` (no plan with so many sites covers more), ``gap`` (relative), ``cost`` so far.
    """
    result, proposed = siting.result, siting.proposed
    gain = np.asarray(result.gain, float)
    covered = result.base + np.concatenate([[0.0], np.cumsum(gain)])
    total = result.total or np.nan
    missing: list[object] = [None]
    frame = pd.DataFrame(
        {
            "built": np.arange(len(covered)),
            "site": missing + proposed["id"].tolist(),
            "name": missing + proposed["name"].tolist(),
            "adds": [np.nan, *gain],
            "objective": covered,
            "share": covered / total,
            "cost": np.concatenate([[0.0], np.cumsum(proposed["cost"].astype(float))]),
        }
    )
    bound, gap = _bounds(siting, len(frame))
    return frame.assign(bound=bound, bound_share=bound / total, gap=gap)


def _bounds(siting: Siting, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bound and gap by number of sites: of the frontier if there is one, else of the plan alone."""
    bound, gap = np.full(n, np.nan), np.full(n, np.nan)
    curve = getattr(siting, "frontier", None)
    if curve is not None and len(getattr(curve, "limit", ())):
        at = np.asarray(curve.limit, float)
        known = (at >= 0) & (at < n) & (at == np.round(at))
        bound[at[known].astype(int)] = np.asarray(curve.bound, float)[known]
        gap[at[known].astype(int)] = np.asarray(curve.gap, float)[known]
    bound[-1], gap[-1] = siting.result.bound, siting.result.gap
    return bound, gap
