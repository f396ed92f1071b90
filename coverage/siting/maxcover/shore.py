"""Which berths to retrofit with shore power under a budget: a knapsack, exact, with the same certificate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .result import SitingResult
from .solve import max_coverage


def shore_power(
    value: npt.ArrayLike,
    cost: npt.ArrayLike,
    budget: float,
    *,
    n_berths: int | None = None,
    required: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    time_limit_s: float = 60.0,
) -> SitingResult:
    """Choose berths worth the most under a budget.

    ::

        max  sum_i value_i y_i   s.t.   sum_i cost_i y_i <= budget,  sum_i y_i <= n_berths,  y binary

    Parameters
    ----------
    value : (n,) float
        What a retrofit is worth: CO2 avoided (t/year), calls, or tonnage. A berth where it avoids nothing
        has 0; a negative value (dirtier grid than ship) must be set to 0 by the caller, who knows why.
    cost : (n,) float
        In the unit of ``budget``.
    budget : float
    n_berths : int, optional
        At most so many.
    required, forbidden : positions or (n,) bool

    Returns
    -------
    SitingResult
        ``chosen`` berths, the most valuable first, with ``objective``, ``bound`` and ``gap``.

    Raises
    ------
    ProblemError
        As :func:`.solve.max_coverage`.
    """
    values = np.asarray(value, dtype=np.float64)
    return max_coverage(
        sparse.eye_array(len(values), format="csr", dtype=np.bool_),
        values,
        n_sites=n_berths,
        budget=budget,
        cost=cost,
        required=required,
        forbidden=forbidden,
        time_limit_s=time_limit_s,
    )
