"""JSON values as Markdown, which models read well."""

from __future__ import annotations

from typing import Any, Final

#: Deeper values are written as JSON-like text.
MAX_DEPTH: Final = 5


def markdown_of(value: Any) -> str:
    """Return a JSON value as nested lists of Markdown."""
    return "\n".join(_lines(value, 0)) or "(empty)"


def _lines(value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    if depth >= MAX_DEPTH or not isinstance(value, dict | list) or not value:
        return [f"{indent}{_text(value)}"]
    lines: list[str] = []
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for name, item in pairs:
        label = "-" if name is None else f"- **{name}**:"
        if isinstance(item, dict | list) and item and depth + 1 < MAX_DEPTH:
            lines.append(f"{indent}{label}")
            lines += _lines(item, depth + 1)
        else:
            lines.append(f"{indent}{label} {_text(item)}")
    return lines


def _text(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text.replace("\n", " ")
