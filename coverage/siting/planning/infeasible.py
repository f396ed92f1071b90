"""Why no plan meets the constraints, in the names of the project file, and which one to relax."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...errors import Fault
from ...texts import text
from ..maxcover.problem import SitingProblem
from ..maxcover.result import SitingResult
from ..maxcover.solve import solve


@dataclass(frozen=True)
class Text:
    """A text of the catalogue as a value of another text."""

    key: str

    def render(self, lang: str) -> str:
        """Return the text in ``lang``."""
        return text(self.key, lang)


def why_infeasible(
    problem: SitingProblem,
    result: SitingResult,
    names: npt.NDArray[np.object_],
    counties: list[str],
) -> Fault:
    """Why there is no plan, in the project's names; if it is not plain, the constraint without which there is one."""
    reason = result.reason or Fault("siting-no-choice")
    values = dict(reason.values)
    for key in ("site", "other"):
        if key in values:
            values[key] = str(names[values[key]])
    if "group" in values:
        values["group"] = counties[values["group"]]
    if reason.key != "siting-no-choice":
        return replace(reason, values=values)
    none = np.empty(0, dtype=np.int64)
    for wish, changed in (
        ("min-distance", replace(problem, conflicts=np.empty((0, 2), dtype=np.int64))),
        ("min-per-county", replace(problem, group_min=np.zeros_like(problem.group_min))),
        ("required", replace(problem, required=none)),
        ("budget", replace(problem, budget=None, n_sites=problem.n_sites or problem.size[0])),
        ("sites", replace(problem, n_sites=None, budget=problem.budget or float(problem.cost.sum()))),
    ):
        if np.isfinite(solve(changed, method="greedy", time_limit_s=5.0).objective):
            return Fault("siting-no-choice-but", values={"wish": Text(f"wish.{wish}")})
    return reason
