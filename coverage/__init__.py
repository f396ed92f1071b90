"""plugspan: charging and shore-power coverage planning.

The source folder is called ``coverage`` and the package ``plugspan``. Python started from the project's
root would find this folder when something asks for the test-coverage tool of the same name; in that case
the real tool is handed over if it is installed, and the import fails as it should if it is not.
"""

from __future__ import annotations

if __name__ == "coverage":

    def _hand_over() -> None:
        """Replace this module by the installed test-coverage tool, or fail like a missing module."""
        import importlib.machinery
        import importlib.util
        import sys
        from pathlib import Path

        here = Path(__file__).resolve().parent.parent
        paths = [p for p in sys.path if Path(p or ".").resolve() != here]
        spec = importlib.machinery.PathFinder.find_spec("coverage", paths)
        if spec is None or spec.loader is None:
            del sys.modules["coverage"]
            raise ModuleNotFoundError("No module named 'coverage'", name="coverage")
        module = importlib.util.module_from_spec(spec)
        sys.modules["coverage"] = module
        spec.loader.exec_module(module)

    _hand_over()
else:
    from ._public import __all__, __dir__, __getattr__, __version__  # noqa: F401

    __all__ = [*__all__]  # noqa: PLE0604
