"""Where a small map's symbols lie closest, for a second frame that shows that part larger."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Window = tuple[float, float, float, float]
LARGER = 2.0
"""How much larger the second frame shows its part."""
FEW = 8
"""So many symbols are never too many."""


def densest_part(
    at: FloatArray, radius: FloatArray, whole: tuple[float, float], frame: tuple[float, float]
) -> Window | None:
    """Return the part of a map with the most symbols, as left, bottom, right, top; None if none hide each other.

    Parameters
    ----------
    at : ndarray of float64, shape (n, 2)
        Symbols on the map.
    radius : ndarray of float64, shape (n,)
    whole, frame : (float, float)
        Width and height of the map, and of the frame that shows the part :data:`LARGER` times as large.

    Examples
    --------
    >>> at = np.array([[10.0 + i, 50.0] for i in range(9)] + [[90.0, 50.0]])
    >>> densest_part(at, np.full(10, 4.0), (100, 100), (60, 60))
    (0.0, 35.0, 30.0, 65.0)
    """
    if len(at) < FEW:
        return None
    far = np.hypot(*np.moveaxis(at[:, None] - at, 2, 0)) + 1e9 * np.eye(len(at))
    if (far.min(axis=1) < radius * 2).sum() < FEW:
        return None
    size = np.minimum(np.array(frame) / LARGER, whole)
    low = np.clip(at - size / 2, 0.0, np.array(whole) - size)
    inside = (at[None] >= low[:, None]) & (at[None] <= low[:, None] + size)
    best = low[inside.all(axis=2).sum(axis=1).argmax()]
    return (*(float(v) for v in best), *(float(v) for v in best + size))  # type: ignore[return-value]
