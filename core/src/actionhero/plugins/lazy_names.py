"""`lazy_names`: public names of a package that are imported on use (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def lazy_names(
    package: str, modules: Mapping[str, Sequence[str]], eager: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package whose names are imported on use.

    So a `plugin.py` that imports one name does not import the libraries of all others (PEP 562).

    Args:
        package: The `__name__` of the package.
        modules: The public names by the module that defines them, as `importlib.import_module`
            takes it: `.channel` is relative to the package.
        eager: Public names that the package has already.
    """
    homes = {name: module for module, names in modules.items() for name in names}
    public = sorted([*homes, *eager])

    def get_name(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        value = getattr(importlib.import_module(homes[name], package), name)
        # The next use finds it without this function.
        setattr(sys.modules[package], name, value)
        return value

    return get_name, lambda: public, public
