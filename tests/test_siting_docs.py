"""The example of docs/siting.md gives what it says."""

import re


def test_example_of_the_docs(root):
    """Lines with a comment "array(…)", "0.0", "'optimal'" or "[]" are evaluated and compared."""
    page = (root / "docs" / "siting.md").read_text("utf-8")
    block = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    names, checked = {}, 0
    for line in block.splitlines():
        code, _, claim = line.partition("#")
        if not claim:
            exec(code, names)
            continue
        assert repr(eval(code.strip(), names)) == re.match(r"(.+?)(: |$)", claim.strip()).group(1), line
        checked += 1
    assert checked == 5
