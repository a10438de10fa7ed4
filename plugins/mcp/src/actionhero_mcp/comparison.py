"""The comparison of two lists of definitions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from actionhero_mcp.revisions import MODERN, REVISIONS

if TYPE_CHECKING:
    from actionhero_mcp.catalog import Catalog

#: The lists, and the member that identifies a definition.
_KEYS: Final = {
    "tools": "name",
    "resources": "uri",
    "resourceTemplates": "uriTemplate",
    "prompts": "name",
}


def definitions_of(catalog: Catalog) -> dict[str, Any]:
    """Return all definitions, as clients of the newest revision see them."""
    revision = REVISIONS[MODERN[0]]
    return {kind: json.loads(catalog.listed(kind, revision)) for kind in _KEYS}


def parse_definitions(text: str) -> dict[str, Any]:
    """Return the definitions in the output of `mcp list --format json`.

    Raises:
        ValueError: It is something else.
    """
    definitions = json.loads(text)
    if not isinstance(definitions, dict) or definitions.keys().isdisjoint(_KEYS):
        raise ValueError("it has no tools; write it with 'actionhero mcp list --format json'")
    for kind in _KEYS:
        items = definitions.get(kind, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError(f"{kind} is no list of objects")
    return definitions


def changes_between(earlier: dict[str, Any], later: dict[str, Any]) -> list[str]:
    """Return the changes between two lists of definitions, a line each."""
    changes = []
    for kind, key in _KEYS.items():
        before, after = _by_key(earlier, kind, key), _by_key(later, kind, key)
        singular = "template" if kind == "resourceTemplates" else kind.removesuffix("s")
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                changes.append(f"{singular} {name!r} is gone")
            elif name not in before:
                changes.append(f"{singular} {name!r} is new")
            else:
                old, new = before[name], after[name]
                changes += [
                    f"{singular} {name!r}: {member} has changed"
                    for member in sorted(old.keys() | new.keys())
                    if old.get(member) != new.get(member)
                ]
    return changes


def _by_key(definitions: dict[str, Any], kind: str, key: str) -> dict[str, Any]:
    return {str(item.get(key)): item for item in definitions.get(kind, [])}
