"""Scaffolding: `actionhero new` and `actionhero generate`.

`Generator` and `Template` are for plugins that add component types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_generate.generator import Generator as Generator
    from actionhero_generate.generator import Template as Template

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".generator": ["Generator", "Template"],
    },
)
