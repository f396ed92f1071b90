"""The rows of all rules below each other: what a plan has to serve, and what nothing can serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..rules.rows import SERVED, RuleRows
from .maxcover.problem import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of all rules below each other; rules in order of priority.

    Attributes
    ----------
    rules : tuple of RuleRows
        As they were given; their matrices are those of ``matrix``.
    matrix : (r, n) csr_array of float64
    need, weight : (r,) float64
        ``weight`` is a share of its rule's total, and of its item's rows alike: each rule weighs 1 in all.
    item : (r,) int64
        Position of the row's item among the items of all rules.
    rule_of_item : (i,) int64
        Position in ``rules``.
    item_weight : (i,) float64
        In the unit of the item's rule.
    lost : (r,) bool
        All actions together don't serve the row.
    """

    rules: tuple[RuleRows, ...]
    matrix: sparse.csr_array
    need: FloatArray
    weight: FloatArray
    item: IntArray
    rule_of_item: IntArray
    item_weight: FloatArray
    lost: BoolArray = field(repr=False)

    @property
    def hopeless(self) -> BoolArray:
        """(i,) items with a row that all actions together don't serve."""
        return np.asarray(np.bincount(self.item, self.lost, minlength=len(self.item_weight)) > 0)

    @property
    def n_actions(self) -> int:
        """Number of actions."""
        return int(self.matrix.shape[1])

    @cached_property
    def enough(self) -> FloatArray:
        """(r,) sum of amounts from which on a row is served: its need, but for rounding."""
        return self.need * (1 - SERVED)

    def met(self, chosen: npt.ArrayLike) -> BoolArray:
        """(r,) rows that a plan serves; ``chosen`` are positions or a (n,) mask of actions."""
        held = self.matrix @ as_mask(chosen, self.n_actions).astype(np.float64)
        return np.asarray(held >= self.enough, dtype=np.bool_)

    def served(self, chosen: npt.ArrayLike) -> BoolArray:
        """(i,) items that a plan serves: all their rows are met."""
        missed = np.bincount(self.item, ~self.met(chosen), minlength=len(self.item_weight))
        return np.asarray(missed == 0, dtype=np.bool_)

    def values(self, chosen: npt.ArrayLike) -> FloatArray:
        """(rules,) share of each rule's weight that is served with a plan; 1 for a rule with nothing to serve."""
        now = self.item_weight * self.served(chosen)
        gained = np.bincount(self.rule_of_item, now, minlength=len(self.rules))
        totals = np.array([rule.total for rule in self.rules])
        already = np.array([rule.served for rule in self.rules])
        return np.where(totals > 0, (already + gained) / np.where(totals > 0, totals, 1.0), 1.0)

    def least(self) -> FloatArray:
        """(rules,) weight in own unit that each rule's items must give: what it asks for, or all that can be served."""
        possible = np.bincount(
            self.rule_of_item, self.item_weight * ~self.hopeless, minlength=len(self.rules)
        )
        asked = np.array(
            [np.inf if r.share >= 1.0 else max(r.share * r.total - r.served, 0.0) for r in self.rules]
        )
        return np.asarray(np.minimum(asked, possible), dtype=np.float64)

    def asked(self) -> BoolArray:
        """(r,) rows that every complete plan serves: all of a rule that asks for all, but those that are lost."""
        every = np.array([rule.share >= 1.0 for rule in self.rules], dtype=np.bool_)
        return np.asarray(every[self.rule_of_item[self.item]] & ~self.lost, dtype=np.bool_)

    def partial(self) -> BoolArray:
        """(i,) items of rules that ask for a share, but the hopeless ones: some of them are enough."""
        some = np.array([rule.share < 1.0 for rule in self.rules], dtype=np.bool_)
        return np.asarray(some[self.rule_of_item] & ~self.hopeless, dtype=np.bool_)


def as_mask(chosen: npt.ArrayLike, n: int) -> BoolArray:
    """Positions, or a mask already, as a (n,) mask."""
    found = np.asarray(chosen)
    if found.dtype == np.bool_ and found.shape == (n,):
        return found
    mask = np.zeros(n, dtype=np.bool_)
    mask[found.astype(np.int64)] = True
    return mask


def stack_rows(rules: Iterable[RuleRows], n_actions: int, allowed: npt.ArrayLike | None = None) -> Rows:
    """Put the rows of all rules below each other and find those that nothing can serve.

    Parameters
    ----------
    rules : iterable of RuleRows
        In order of priority, each over the same ``n_actions`` actions.
    allowed : (n,) bool, optional
        Actions that may be carried out; all if left out.

    Examples
    --------
    >>> import pandas as pd, scipy.sparse
    >>> rule = RuleRows("berths", scipy.sparse.csr_array([[1.0, 0.0], [0.0, 0.0]]), np.ones(2), np.arange(2),
    ...                 pd.DataFrame({"berth": ["a", "b"], "weight": [1.0, 1.0]}), served=2.0, total=4.0)
    >>> rows = stack_rows([rule], 2)
    >>> rows.hopeless.tolist(), rows.values([0]).tolist()
    ([False, True], [0.75])
    """
    rules = tuple(rules)
    may = np.ones(n_actions, np.bool_) if allowed is None else as_mask(np.asarray(allowed), n_actions)
    empty = sparse.csr_array((0, n_actions), dtype=np.float64)
    matrix: sparse.csr_array = sparse.csr_array(sparse.vstack([empty, *(rule.matrix for rule in rules)]))
    matrix.sort_indices()
    need = np.concatenate([np.empty(0), *(rule.need for rule in rules)])
    counts = [len(rule.items) for rule in rules]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    item = np.concatenate([np.empty(0, np.int64), *(r.item + k for r, k in zip(rules, first, strict=False))])
    rule_of_item = np.repeat(np.arange(len(rules)), counts).astype(np.int64)
    item_weight = np.concatenate([np.empty(0), *(rule.weight for rule in rules)])
    total = np.array([rule.total if rule.total > 0 else 1.0 for rule in rules])
    rows_of_item = np.bincount(item, minlength=len(item_weight))
    weight = (item_weight / total[rule_of_item] / np.maximum(rows_of_item, 1))[item]
    lost = np.asarray(matrix @ may.astype(np.float64)) < need * (1 - SERVED)
    return Rows(rules, matrix, need, weight, item, rule_of_item, item_weight, lost)


def packed_rows(rules: Iterable[RuleRows]) -> list[dict[str, Any]]:
    """Rows of the rules as plain lists, by which a page completes a plan."""
    found = []
    for rule in rules:
        matrix = rule.matrix
        found.append(
            {
                "rule": rule.rule,
                "share": rule.share,
                "served": rule.served,
                "total": rule.total,
                "more": rule.lacking is not None,
                "start": matrix.indptr.tolist(),
                "action": matrix.indices.tolist(),
                "amount": [] if np.all(matrix.data == 1.0) else matrix.data.tolist(),
                "need": rule.need.tolist(),
                "item": rule.item.tolist(),
                "weight": rule.weight.tolist(),
            }
        )
    return found
