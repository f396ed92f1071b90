"""How well lists are joined: precision and recall by case on labelled pairs not seen in training, and time.

``python benchmarks/fusion.py [SEED [PAIRS]]``
"""

from __future__ import annotations

import sys
import time

import numpy as np
import shapely
from plugspan.errors import Diagnostics
from plugspan.inputs import CHARGERS, as_table
from plugspan.inputs.fusion import distinct_ids, fuse
from plugspan.inputs.same_site import ListRules
from same_site_pairs import CASES, POSITIVE, as_lists, make_pairs


def table(seed: int, each: int) -> list[tuple[str, int, int, float]]:
    """(case, pairs, joined, share that is right) of pairs made of words that training never saw."""
    pairs = make_pairs(each, seed, held_out=True)
    lists = as_lists(pairs)
    pair_of = {
        id_: at for one in distinct_ids(lists, Diagnostics()) for at, id_ in enumerate(one["id"].astype(str))
    }
    _, merges = fuse(lists, [ListRules(), ListRules()], CHARGERS, Diagnostics())
    joined = {str(pair_of[m.into]) for m in merges if pair_of[m.into] == pair_of[m.id]}
    wrong = len(merges) - len(joined)
    assert not wrong, f"{wrong} sites of different pairs were joined"
    rows = []
    for case in CASES:
        own = [str(at) for at in np.flatnonzero(pairs["case"] == case)]
        n = sum(at in joined for at in own)
        rows.append((case, len(own), n, n / len(own) if case in POSITIVE else 1 - n / len(own)))
    return rows


def crowd(n: int, radius_m: float) -> float:
    """Seconds to join two lists of ``n`` sites each, all within a circle."""
    rng = np.random.default_rng(3)
    lists = []
    for side in "ab":
        xy = rng.uniform(-1, 1, (n, 2)) * radius_m / 111_000 / 2**0.5
        rows = [
            {
                "id": f"{side}{at}",
                "operator": f"O{at}",
                "name": f"N{at}",
                "geometry": shapely.Point(113 + x, 27 + y),
            }
            for at, (x, y) in enumerate(xy)
        ]
        lists.append(as_table(rows, CHARGERS, f"{side}.csv"))
    begun = time.perf_counter()
    fuse(lists, [ListRules(), ListRules()], CHARGERS, Diagnostics())
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    seed, each = int(sys.argv[1]) if len(sys.argv) > 1 else 7, int(sys.argv[2]) if len(sys.argv) > 2 else 300
    rows = table(seed, each)
    print(f"{'case':32}{'pairs':>7}{'joined':>8}{'right':>8}")
    for case, n, joined, right in rows:
        print(f"{case:32}{n:7}{joined:8}{right:8.3f}")
    yes = sum(joined for case, _, joined, _ in rows if case in POSITIVE)
    every = sum(joined for _, _, joined, _ in rows)
    print(
        f"precision {yes / every:.4f}  recall {yes / sum(n for case, n, *_ in rows if case in POSITIVE):.4f}"
    )


if __name__ == "__main__":
    main()
