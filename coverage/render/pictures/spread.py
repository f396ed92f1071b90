"""Symbols that would hide each other on a map, moved apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
MOST, FULL, ROUNDS = 300, 0.45, 250
"""More symbols than this, or such as take more of the paper, stay where they are; rounds of pushing at most."""
GOLDEN = np.pi * (3 - np.sqrt(5))
NEAR_PT = 0.5
"""What is moved less than this is not moved: nobody sees it."""


def spread_apart(at: FloatArray, radius: FloatArray, width: float, height: float) -> FloatArray:
    """Return where discs may stand so that none hides another, each near its own place.

    Two that overlap push each other away, half the way each, until none do. The same discs give the same places.

    Parameters
    ----------
    at : ndarray of float64, shape (n, 2)
        Their own places on the paper.
    radius : ndarray of float64, shape (n,)
    width, height : float
        Of the paper, within which they stay.

    Examples
    --------
    >>> spread_apart(np.array([[50.0, 50.0], [52.0, 50.0]]), np.array([5.0, 5.0]), 100, 100).round(1).tolist()
    [[46.0, 50.0], [56.0, 50.0]]
    """
    if len(at) < 2 or len(at) > MOST or np.pi * (radius**2).sum() > FULL * width * height:
        return at.copy()
    # Those at the very same place go different ways, round the circle.
    ways = np.arange(len(at)) * GOLDEN
    nudge = 1e-3 * np.column_stack([np.cos(ways), np.sin(ways)])
    moved = at.copy()
    wanted = radius[:, None] + radius
    np.fill_diagonal(wanted, 0.0)
    low, high = radius[:, None], np.array([width, height]) - radius[:, None]
    for _ in range(ROUNDS):
        between = (moved + nudge)[:, None] - (moved + nudge)
        far = np.hypot(between[..., 0], between[..., 1])
        lacking = np.maximum(wanted - far, 0.0)
        if lacking.max() < 0.05:
            break
        push = ((0.5 * lacking / np.maximum(far, 1e-9))[..., None] * between).sum(axis=1)
        # No further than its radius at once: many at one place would all end in the same corner.
        push *= np.minimum(1.0, radius / np.maximum(np.hypot(push[:, 0], push[:, 1]), 1e-9))[:, None]
        moved = np.clip(moved + push, low, np.maximum(high, low))
    stays = np.hypot(*(moved - at).T) < NEAR_PT
    return np.where(stays[:, None], at, moved)
