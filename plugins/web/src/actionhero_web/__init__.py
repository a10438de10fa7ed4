"""HTTP for ActionHero. `Route` is what an author of actions imports; it imports no server."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from actionhero_web.route import Route

if TYPE_CHECKING:
    from actionhero_web.settings import WebSettings as WebSettings
    from actionhero_web.static import StaticFiles as StaticFiles

__all__ = ["Route", "StaticFiles", "WebSettings"]

_HOME = {"StaticFiles": "static", "WebSettings": "settings"}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_web' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_web.{module}"), name)
