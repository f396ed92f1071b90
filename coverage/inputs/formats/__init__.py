"""Files as platforms and authorities give them out, recognised by their content: one module a format.

A format is data: which field is which column, what its values mean, in which unit it stands (:class:`Format`). A module
here that holds ``FORMATS`` is found by itself; nothing else need be changed to add one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from .engine import Format, as_native, native_json

__all__ = ["Format", "all_formats", "as_native", "native_json"]


@cache
def all_formats() -> tuple[Format, ...]:
    """Return every format, in the order of the modules' names.

    Examples
    --------
    >>> "T/CEC 102" in {each.name for each in all_formats()}
    True
    """
    names = sorted(found.name for found in iter_modules(__path__) if found.name != "engine")
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return tuple(each for module in modules for each in module.FORMATS)
