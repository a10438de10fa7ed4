"""Models of the application that are not found, because of their module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from actionhero import Application
    from actionhero_db.models import Models


def misplaced_models(app: Application, models: Sequence[Models]) -> list[str]:
    """Return an error for each model of the application that is in none of the modules of models.

    Its first query would fail: it has no connection and no table.
    """
    package = app.get(AppSettings).package
    # A process without models does not import the library.
    library = sys.modules.get("tortoise.models")
    if package is None or library is None:
        return []
    known = {
        id(value)
        for item in models
        for name in item.modules
        for value in vars(sys.modules.get(name, library)).values()
    }
    remedy = f"move it to the module {package}.models"
    if not hasattr(sys.modules.get(package), "__path__"):
        remedy = f"make {package!r} a folder, and move it to the module {package}.models"
    return [
        f"model {model.__qualname__!r} ({_file(model)}) is not in a module 'models', so it has no "
        f"table; {remedy}"
        for model in _subclasses(library.Model)
        if _is_of(model, package) and id(model) not in known and not model._meta.abstract
    ]


def _subclasses(type_: type[Any]) -> Iterator[Any]:
    children: Iterable[type[Any]] = type_.__subclasses__()
    for child in children:
        yield child
        yield from _subclasses(child)


def _is_of(model: type[Any], package: str) -> bool:
    """Return whether a module of the package defines a model, and has not been replaced since."""
    name = model.__module__
    is_inside = name == package or name.startswith(f"{package}.")
    return is_inside and getattr(sys.modules.get(name), model.__name__, None) is model


def _file(model: type[Any]) -> str:
    return str(getattr(sys.modules[model.__module__], "__file__", model.__module__))
