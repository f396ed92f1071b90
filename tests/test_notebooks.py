"""The notebooks run from top to bottom, away from the checkout, show pictures and ask no host."""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted(path.stem for path in (Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name, root, tmp_path):
    """No cell fails, every cell of code says or shows something it means to, and there is a picture."""
    notebook = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    assert not any(o.output_type == "error" for o in outputs)
    asks = re.compile(r"""(?:src|href)=["']?https?:|url\(["']?https?:""")
    shown = [html.unescape(str(o.get("data", {}).get("text/html", ""))) for o in outputs]
    assert not [page for page in shown if asks.search(page)]
