"""The weights of fusion as Markdown for the documentation."""

from __future__ import annotations

from .same_site import model


def describe_weights() -> str:
    """Return a Markdown table of the weights by which sites of two lists are taken for one."""
    names, weights, constant, threshold = model()
    rows = [("constant", constant), *zip(names, weights.tolist(), strict=True), ("threshold", threshold)]
    return "\n".join(
        ["| feature | weight |", "|---|---|", *(f"| `{name}` | {weight:g} |" for name, weight in rows)]
    )
