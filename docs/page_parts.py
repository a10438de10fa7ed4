"""The elements of generated pages: paragraphs and tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def sentences(text: str) -> str:
    """Return a paragraph with one sentence per line."""
    return re.sub(r"(?<=[a-z`)*][.?!]) (?=[A-Z`\[])", "\n", " ".join(text.split()))


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    headings = tuple(headings)
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
