"""The examples of docs/siting.md and of the solvers' docstrings give what they say."""

import doctest
import importlib
import re

import pytest


def test_examples_of_the_docs(root):
    """Lines with a comment "array(…)", "0.0", "'optimal'" or "[]" are evaluated and compared."""
    page = (root / "docs" / "siting.md").read_text("utf-8")
    names, checked = {}, 0
    for line in "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)).splitlines():
        code, _, claim = line.partition("#")
        if not claim:
            exec(code, names)
            continue
        assert repr(eval(code.strip(), names)) == re.match(r"(.+?)(: |$)", claim.strip()).group(1), line
        checked += 1
    assert checked == 10


@pytest.mark.parametrize("name", ["problem"])
def test_examples_of_docstrings(name):
    """They run, and print what they say."""
    failed, tried = doctest.testmod(importlib.import_module(f"plugspan.siting.maxcover.{name}"))
    assert tried
    assert not failed
