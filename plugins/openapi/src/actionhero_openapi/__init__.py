"""OpenAPI for ActionHero. `Operation` is what an author of actions imports."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from actionhero_openapi.operation import Operation

if TYPE_CHECKING:
    from actionhero_openapi.api import Api as Api
    from actionhero_openapi.breaking import Change as Change
    from actionhero_openapi.breaking import breaking_changes as breaking_changes
    from actionhero_openapi.settings import OpenApiSettings as OpenApiSettings

__all__ = ["Api", "Change", "OpenApiSettings", "Operation", "breaking_changes"]

_HOME = {
    "Api": "api",
    "Change": "breaking",
    "OpenApiSettings": "settings",
    "breaking_changes": "breaking",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_openapi' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_openapi.{module}"), name)
