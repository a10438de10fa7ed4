"""OpenAPI for ActionHero. Authors of actions import `Operation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names
from actionhero_openapi.operation import Operation as Operation

if TYPE_CHECKING:
    from actionhero_openapi.breaking import Change as Change
    from actionhero_openapi.breaking import breaking_changes as breaking_changes
    from actionhero_openapi.document import OpenApiDocument as OpenApiDocument
    from actionhero_openapi.settings import OpenApiSettings as OpenApiSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".breaking": ["Change", "breaking_changes"],
        ".document": ["OpenApiDocument"],
        ".settings": ["OpenApiSettings"],
    },
    eager=["Operation"],
)
