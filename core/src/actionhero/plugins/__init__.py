"""Plugins: hook specifications, discovery, the host that calls hooks, and lazy public names."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: The version of core, and of all packages of the project.
VERSION = "0.1.0"


def lazy_names(
    package: str, modules: Mapping[str, Sequence[str]], eager: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package with lazily imported names.

    This way (PEP 562), a `plugin.py` that imports one name does not import the libraries of others.

    Args:
        package: The `__name__` of the package.
        modules: The public names by module, in the form of `importlib.import_module`:
            `.channel` is relative to the package.
        eager: Public names that the package defines itself.
    """
    module_names = {name: module for module, names in modules.items() for name in names}
    public_names = sorted([*module_names, *eager])

    def get_name(name: str) -> Any:
        if name not in module_names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        value = getattr(importlib.import_module(module_names[name], package), name)
        # Cached: later uses find the attribute directly.
        setattr(sys.modules[package], name, value)
        return value

    return get_name, lambda: public_names, public_names
