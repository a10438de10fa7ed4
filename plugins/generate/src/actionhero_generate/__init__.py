"""Beginnings: `actionhero new` and `actionhero generate`.

`Generator` and `Template` are what a plugin imports to add a kind of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_generate.generator import Generator as Generator
    from actionhero_generate.generator import Template as Template

__all__ = ["Generator", "Template"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'actionhero_generate' has no attribute {name!r}")
    return getattr(importlib.import_module("actionhero_generate.generator"), name)
