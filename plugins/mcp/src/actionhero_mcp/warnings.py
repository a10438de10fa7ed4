"""The warnings about a catalog that models cannot use well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero.transport import Diagnosis, Finding
from actionhero_mcp.catalog import Catalog, catalog_for
from actionhero_mcp.revisions import MODERN, REVISIONS

if TYPE_CHECKING:
    from actionhero import Application

#: Clients cut the list of tools, and models choose worse among many.
MAX_TOOLS: Final = 40
MAX_DESCRIPTION: Final = 1000
MAX_BYTES: Final = 64 * 1024


def warnings_of(catalog: Catalog) -> list[str]:
    """Return the warnings, a sentence each."""
    warnings = []
    if len(catalog.tools) > MAX_TOOLS:
        warnings.append(
            f"there are {len(catalog.tools)} tools; models choose badly among more than "
            f"{MAX_TOOLS}, and some clients cut the list"
        )
    warnings += [
        f"the description of tool {tool.name!r} has {len(tool.description)} characters; "
        f"shorten it to {MAX_DESCRIPTION}"
        for tool in catalog.tools.values()
        if len(tool.description) > MAX_DESCRIPTION
    ]
    size = len(catalog.listed("tools", REVISIONS[MODERN[0]]))
    if size > MAX_BYTES:
        warnings.append(
            f"the list of tools has {size} bytes, which take room in the context of the model; "
            f"keep it below {MAX_BYTES}"
        )
    return warnings


def diagnose(app: Application) -> list[Diagnosis]:
    """Return the findings for `actionhero doctor`."""
    catalog = catalog_for(app)
    warnings = [Diagnosis("mcp", Finding.WARNING, text) for text in warnings_of(catalog)]
    if warnings:
        return warnings
    offered = f"{len(catalog.tools)} tools, {len(catalog.prompts)} prompts"
    return [Diagnosis("mcp", Finding.OK, offered)]
